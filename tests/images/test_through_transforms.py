"""Images and labels through transforms: SimpleITK's voxels, and the same places as points have."""

from __future__ import annotations

import re
from typing import Any

import dask
import dask.array as da
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.known_transforms import (
    ATLAS_SIZES,
    LPS,
    RAS,
    affine,
    atlas,
    itk_field,
    itk_matrix,
    recording,
    smooth,
)
from xarray_atlas import Transform
from xarray_atlas.errors import GridError, TransformError
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.steps import FieldStep, InverseStep, Step

GRID = np.array([[0.9, 0, 0, -5], [0, 0.8, 0, -6], [0, 0, 0.7, -4.5], [0, 0, 0, 1]])
"""Of the field: from its indices to RAS mm."""


def warp(lazy: bool = False) -> FieldStep:
    data: Any = smooth((12, 16, 14), 3, 0.5)
    return FieldStep(da.from_array(data, chunks=(3, 5, 6, 7)) if lazy else data, GRID, "identity")


def of(*steps: Step) -> Transform:
    return Transform(steps, End("image"), End("atlas"))


MATRIX = Transform.from_matrix(affine(4)).steps[0]

KINDS: dict[str, Any] = {
    "affine": lambda: of(MATRIX),
    "field": lambda: of(warp()),
    "lazy field": lambda: of(warp(lazy=True)),
    "affine, field": lambda: of(MATRIX, warp()),
    "field, affine": lambda: of(warp(lazy=True), MATRIX),
    "inverse": lambda: of(InverseStep(warp(), 1e-6, "error")),
}


def itk_of(step: Step) -> Any:
    if isinstance(step, FieldStep):
        return itk_field(np.asarray(step.data), step.grid)
    return itk_matrix(step.matrix)  # type: ignore[attr-defined]


def itk_chain(transform: Transform) -> sitk.Transform:
    theirs = sitk.CompositeTransform(3)
    for step in transform.steps[::-1]:  # the last one added is applied first
        theirs.AddTransform(itk_of(step))
    return theirs


def itk_image(array: xr.DataArray) -> sitk.Image:
    """Of plain coordinates with directions; the axes of ITK are the array's in reverse."""
    letters = {way: (axis, 1) for axis, way in enumerate(RAS)}
    letters |= {"-to-".join(way.split("-to-")[::-1]): (axis, -1) for axis, way in enumerate(RAS)}
    values = np.asarray(array.values)
    if values.dtype == np.uint32:
        values = values.astype(np.int32)
    image = sitk.GetImageFromArray(values)
    direction, origin, spacing = np.zeros((3, 3)), np.zeros(3), []
    for column, dim in enumerate(array.dims[::-1]):
        coord = array.coords[dim].pint.dequantify()
        axis, sign = letters[coord.attrs["direction"]]
        step = float(coord.values[1] - coord.values[0])
        direction[axis, column] = sign * np.sign(step)
        origin[axis] = sign * coord.values[0]
        spacing.append(abs(step))
    image.SetSpacing(spacing)
    image.SetDirection((LPS @ direction).ravel())
    image.SetOrigin(LPS @ origin)
    return image


def itk_resampled(moving: xr.DataArray, fixed: xr.DataArray, theirs: Any, how: Any) -> Any:
    found = sitk.Resample(itk_image(moving), itk_image(fixed), theirs, how, 0)
    return sitk.GetArrayFromImage(found)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "inverse"])
def test_labels_and_template_equal_simpleitk(kind: str) -> None:
    ds, image, transform = atlas(), recording(), KINDS[kind]()
    with dask.config.set({"array.chunk-size": "20 kB"}):  # many blocks
        mine = ds.atlas.resample_like(image, transform)
    theirs = itk_resampled(ds.annotation, image, itk_chain(transform), sitk.sitkNearestNeighbor)
    assert (theirs != 0).mean() > 0.2
    np.testing.assert_array_equal(mine.annotation.values, theirs)
    wanted = itk_resampled(ds.template, image, itk_chain(transform), sitk.sitkLinear)
    np.testing.assert_allclose(np.nan_to_num(mine.template.values), wanted, rtol=0, atol=1e-2)
    assert mine.atlas.space.atlas == ds.atlas.space


@pytest.mark.parametrize("kind", ["affine", "field", "affine, field"])
def test_an_image_onto_the_atlas_equals_simpleitk(kind: str) -> None:
    """Through the transform from the atlas to the image, whichever way it was given."""
    ds, image = atlas(), recording()
    from_atlas = KINDS[kind]().rename(source="atlas", target="image")
    theirs = itk_resampled(image, ds.annotation, itk_chain(from_atlas), sitk.sitkNearestNeighbor)
    assert (theirs != 0).mean() > 0.1
    mine = xarray_atlas.resample(image, ds, from_atlas, "nearest")
    np.testing.assert_array_equal(np.nan_to_num(mine.values), theirs)
    again = xarray_atlas.resample(image, ds, from_atlas.inverse(), "nearest")
    np.testing.assert_array_equal(again.values, mine.values)
    labels = (image * 50).astype("i4").rename("annotation")
    other = xarray_atlas.resample(labels, ds, from_atlas)
    whole = itk_resampled(labels, ds.annotation, itk_chain(from_atlas), sitk.sitkNearestNeighbor)
    np.testing.assert_array_equal(other.values, whole)


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_where_images_are(kind: str) -> None:
    """The label at a point of the image, in the atlas, is that of the resampled atlas there."""
    ds, image, transform = atlas(), recording(), KINDS[kind]()
    mine = ds.atlas.resample_like(image, transform)
    index = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij"), -1).reshape(-1, 3)
    points = np.stack([image.coords[d].values[index[:, i]] for i, d in enumerate("xyz")], 1)
    there = transform.bind(target=ds).points(points)  # z, y, x of the atlas
    at = np.floor((there - [-5, -4, -3]) / ATLAS_SIZES + 0.5).astype(int)
    inside = ((at >= 0) & (at < ds.annotation.shape)).all(axis=1)
    wanted = np.where(inside, ds.annotation.values[tuple(np.where(inside[:, None], at, 0).T)], 0)
    np.testing.assert_array_equal(mine.annotation.values.ravel(), wanted)


@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6), st.sampled_from(["affine", "field", "both", "inverse"]), st.data())
def test_any_transform_any_chunks(seed: int, kind: str, data: st.DataObject) -> None:
    matrix = Transform.from_matrix(affine(seed)).steps[0]
    lazy = data.draw(st.booleans())
    values: Any = smooth((12, 16, 14), seed, 0.3)
    values = da.from_array(values, chunks=(3, 5, 6, 7)) if lazy else values
    field = FieldStep(values, GRID, "identity")
    steps: dict[str, tuple[Step, ...]] = {
        "affine": (matrix,),
        "field": (field,),
        "both": (field, matrix),
        "inverse": (InverseStep(field, 1e-6, "missing"),),
    }
    chunks = data.draw(st.tuples(*(st.integers(3, 20) for _ in range(3))))
    ds = atlas(lazy=False).chunk(dict(zip("zyx", chunks, strict=True)))
    image, transform = recording((8, 9, 7)), of(*steps[kind])
    mine = ds.atlas.resample_like(image.chunk(x=3, y=4), transform)
    points = np.stack(np.meshgrid(*(image[d].values for d in "xyz"), indexing="ij"), -1)
    there = transform.bind(target=ds).points(points.reshape(-1, 3))
    at = np.nan_to_num(np.floor((there - [-5, -4, -3]) / ATLAS_SIZES + 0.5), nan=-1).astype(int)
    inside = ((at >= 0) & (at < ds.annotation.shape)).all(axis=1)
    labels = ds.annotation.values[tuple(np.where(inside[:, None], at, 0).T)]
    np.testing.assert_array_equal(mine.annotation.values.ravel(), np.where(inside, labels, 0))


def test_which_end_is_the_atlas() -> None:
    ds, image = atlas(), recording()
    unknown = of(MATRIX).rename(source="fixed", target="moving")
    with pytest.raises(TransformError, match=r"'fixed' to points of 'moving', and neither is"):
        ds.atlas.resample_like(image, unknown)
    with pytest.raises(TransformError, match="both are"):
        ds.atlas.resample_like(image, of(MATRIX).rename(source="atlas"))
    with pytest.raises(ValueError, match="drop space= and order="):
        ds.atlas.resample_like(image, of(MATRIX), space="LPS")
    wanted = ds.atlas.resample_like(image, of(MATRIX)).annotation.values
    back = of(MATRIX).inverse()
    np.testing.assert_array_equal(ds.atlas.resample_like(image, back).annotation.values, wanted)
    wrong = of(MATRIX).rename(source="atlas", target="image")
    assert (ds.atlas.resample_like(image, wrong).annotation.values != wanted).mean() > 0.1


def test_the_field_is_one_key_of_the_graph() -> None:
    data = atlas().atlas.resample_like(recording().chunk(x=3), of(warp())).annotation.data
    layer = data.__dask_graph__().layers[data.name]
    assert len(layer) == data.npartitions + 1


def huge(shape: tuple[int, int, int] = (1500, 1500, 1500)) -> Transform:
    """A field of 40 GB, each chunk of which moves everything by 0.1 mm to the right."""
    data = da.concatenate(
        [
            da.full((1, *shape), shift, chunks=(1, 100, 100, 100), dtype="f4")
            for shift in (0.1, 0, 0)
        ]
    ).rechunk({0: 3})
    grid = np.diag([0.01, 0.01, 0.01, 1])
    grid[:3, 3] = -7.5
    return of(FieldStep(data, grid, "error"))


def test_a_field_larger_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    ds, image = atlas(), recording((6, 5, 4))
    with dask.config.set({"array.chunk-size": "2 kB"}):
        mine = ds.atlas.resample_like(image.chunk(x=2), huge())
    shift = np.eye(4)
    shift[0, 3] = np.float32(0.1)
    wanted = ds.atlas.resample_like(image, Transform.from_matrix(shift))
    np.testing.assert_array_equal(mine.annotation.values, wanted.annotation.values)


def test_on_a_cluster() -> None:
    from distributed import Client, LocalCluster

    ds, image = atlas(), recording().chunk(x=6)
    kinds = ("field, affine", "inverse")
    wanted = [ds.atlas.resample_like(image, KINDS[kind]()).annotation.values for kind in kinds]
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster):
        for kind, labels in zip(kinds, wanted, strict=True):
            found = ds.atlas.resample_like(image, KINDS[kind]()).annotation.values
            np.testing.assert_array_equal(found, labels)


def test_a_transform_the_wrong_way_round_hardly_overlaps() -> None:
    ds = xarray_atlas.open_sample("100 um")
    affine = np.diag([-0.3, 0.3, 0.3, 1.0])
    affine[:3, 3] = [4.5, -7.0, -3.8]
    image = xarray_atlas.open_image(nibabel.Nifti1Image(np.zeros((36, 44, 26), "f4"), affine))
    shift = np.eye(4)
    shift[:3, 3] = [-5.7, -6.6, -4.0]  # the middle of the atlas, in RAS mm
    t = Transform.from_matrix(shift, source="image", target="atlas")
    ds.atlas.resample_like(image, t)
    assert xarray_atlas.resample(image, ds, t).shape == ds.annotation.shape
    back = Transform.from_matrix(np.linalg.inv(shift), source="image", target="atlas")
    with pytest.warns(UserWarning, match=r"hardly overlap: about 0.\d% .*Is it the wrong way"):
        ds.atlas.resample_like(image, back)
    with pytest.warns(UserWarning, match="hardly overlap"):
        xarray_atlas.resample(image, ds, back)
    field = FieldStep(smooth((12, 16, 14), 3, 0.5), GRID, "identity")
    bent = Transform((*back.steps, field), back.source, back.target)
    with pytest.warns(UserWarning, match="hardly overlap.*other, without the displacement fields"):
        ds.atlas.resample_like(image, bent)
    ds.atlas.resample_like(image, Transform((*t.steps, field), t.source, t.target))
    few = ds.isel(z=slice(60, 64), y=slice(40, 44), x=slice(50, 54))  # all of a small part
    few.atlas.resample_like(image, t)
    ds.atlas.resample_like(image.isel(z=[20]), t)


def test_the_orientation_of_the_array_where_coordinates_descend() -> None:
    ds = xarray_atlas.open_sample("100 um")
    affine = np.diag([-0.3, 0.3, 0.3, 1.0])
    affine[:3, 3] = [-0.5, -11.0, -6.5]
    image = xarray_atlas.open_image(nibabel.Nifti1Image(np.zeros((30, 30, 20), "f4"), affine))
    mine = ds.atlas.resample_like(image, np.eye(4), space="RAS")
    assert (mine.attrs["orientation"], mine.atlas.space.orientation) == ("rpi", "lpi")
    assert mine.atlas.reorient("lpi").attrs["orientation"] == "lpi"


def turned_image(ds: xr.Dataset) -> xr.DataArray:
    """The labels as a NIfTI file of another program might have them: turned, and elsewhere."""
    labels = ds.annotation.values[::-1, :, ::-1].transpose(2, 0, 1)  # x, z, y
    affine = np.zeros((4, 4))
    # x runs to the left and is mirrored, z to posterior and is mirrored, y to inferior
    affine[0, 0], affine[1, 1], affine[2, 2], affine[3, 3] = 0.3, 0.5, -0.4, 1
    affine[:3, 3] = 90, -126, 72
    return xarray_atlas.open_image(nibabel.Nifti1Image(labels.astype("i4"), affine))


def test_another_image_of_the_atlas_was_registered() -> None:
    ds, image = atlas(), recording()
    registered = turned_image(ds)
    # from the recording to that image: the places of the atlas's own coordinates in it
    shift = np.eye(4)
    corners = {"x": 90 - 0.15 + 28 * 0.3, "y": -126 - 0.25 + 20 * 0.5, "z": 72 + 0.2}
    own = {"x": 3 + 0.15, "y": 5 + 0.25, "z": 4 + 0.2}  # RAS mm of the same corner
    shift[:3, 3] = [corners[axis] - own[axis] for axis in "xyz"]
    t = Transform.from_matrix(shift @ MATRIX.matrix)
    with pytest.raises(GridError, match=r"no part of the image.*bind\(target=ds, image="):
        ds.atlas.resample_like(image, t)
    with pytest.raises(GridError, match="no part of the image"):
        xarray_atlas.resample(image, ds, t)
    bound = t.bind(target=ds, image=registered)
    mine = ds.atlas.resample_like(image, bound)
    wanted = ds.atlas.resample_like(image, of(MATRIX))
    np.testing.assert_array_equal(mine.annotation.values, wanted.annotation.values)
    theirs = itk_resampled(
        registered.transpose(*registered.dims[::-1]),
        image,
        itk_matrix(t.matrix),
        sitk.sitkNearestNeighbor,
    )
    np.testing.assert_array_equal(mine.annotation.values, theirs)
    with pytest.raises(GridError, match="whole volume of the atlas"):
        t.bind(target=ds, image=registered[:20])
    with pytest.raises(ValueError, match="pass the atlas too"):
        t.bind(source=image, image=registered)
    with pytest.raises(TransformError, match="leave it out"):
        bound.bind(target=ds, image=registered)


def test_the_wrong_space_does_not_pass() -> None:
    """LPS read as RAS, in a BrainGlobe atlas, whose RAS mm are all below zero."""
    ds = xarray_atlas.open_sample("100 um")
    image = ds.isel(z=slice(20, 40), y=slice(10, 30), x=slice(20, 40))
    shift = np.eye(4)
    shift[:3, 3] = 0.3, -0.2, 0.1
    flip = np.diag([-1.0, -1, 1, 1])
    right = Transform.from_matrix(shift @ flip @ flip)
    assert ds.atlas.resample_like(image.annotation.drop_vars("terminology"), right).annotation.any()
    with pytest.raises(GridError, match="in LPS"):
        ds.atlas.resample_like(
            image.annotation.drop_vars("terminology"), Transform.from_matrix(flip @ shift)
        )


def test_how_a_field_is_inverted_is_kept_where_it_is_inverted_again() -> None:
    """The image comes through the inverse; the transform to the atlas does not know how."""
    ds, image = atlas(), recording()
    data = smooth((6, 8, 7))
    grid = GRID.copy()
    warp = Transform((FieldStep(data, grid, "error"),), End("image"), End("atlas"))
    with pytest.raises(TransformError, match=r"from outside .*inverse\(unsolved='missing'\)"):
        xarray_atlas.resample(image, ds, warp)
    part = xarray_atlas.resample(image, ds, warp.inverse(unsolved="missing"))
    whole = xarray_atlas.resample(image, ds, warp.outside("nearest"))
    known = part.notnull().values
    assert 0 < known.sum() < whole.notnull().values.sum()
    np.testing.assert_allclose(part.values[known], whole.values[known], atol=1e-2)
    with pytest.raises(TransformError, match="points"):
        ds.atlas.mesh("R5", transform=warp)
    vertices = ds.atlas.mesh("R5", transform=warp.inverse(unsolved="missing")).vertices
    assert np.isnan(vertices).any()


def test_a_plane_whose_dims_are_called_as_other_axes_can_do_what_its_error_says() -> None:
    ds, image = atlas(), recording()
    whole = ds.atlas.resample_like(image, of(MATRIX))
    plane = image.isel(z=5, drop=True)
    with pytest.raises(GridError, match=r"image\.assign_coords\((\w+)=\(\(\), position") as found:
        ds.atlas.resample_like(plane, of(MATRIX))
    (name,) = re.findall(r"assign_coords\((\w+)=", str(found.value))
    attrs = {"units": "mm", "direction": image.z.attrs["direction"]}
    placed = plane.assign_coords({name: ((), image.z.values[5], attrs)})
    one = ds.atlas.resample_like(placed, of(MATRIX))
    np.testing.assert_array_equal(one.annotation.values, whole.annotation.isel(z=5).values)
