"""Atlases and images from files, brought together through their affines: against SimpleITK and nibabel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.worlds import NAMES, ORIENTATIONS, brain, sampled, save_nifti, turned
from xarray_atlas import create_atlas, open_image
from xarray_atlas.errors import AtlasError, GridError

pytestmark = pytest.mark.version_independent

sitk = pytest.importorskip("SimpleITK")

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def rotation(angles: Any) -> Any:
    found = np.eye(3)
    for axis, angle in enumerate(angles):
        one = np.eye(3)
        i, j = (axis + 1) % 3, (axis + 2) % 3
        one[i, i] = one[j, j] = np.cos(angle)
        one[i, j], one[j, i] = -np.sin(angle), np.sin(angle)
        found = one @ found
    return found


def itk_image(voxels: Any, affine: Any) -> Any:
    """What ITK reads from a NIfTI file."""
    image = sitk.GetImageFromArray(np.asarray(voxels).T.copy())
    lps = LPS @ affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(sizes.tolist())
    image.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def itk_resampled(labels: Any, fixed: Any, matrix: Any) -> Any:
    """SimpleITK's nearest neighbours; the matrix takes positions of the fixed image to the moving."""
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(matrix[:3, :3].ravel().tolist())
    transform.SetTranslation(matrix[:3, 3].tolist())
    found = sitk.Resample(labels, fixed, transform, sitk.sitkNearestNeighbor, 0)
    return sitk.GetArrayFromImage(found).T


def away_from_faces(fixed: Any, labels: Any, matrix: Any) -> Any:
    """Mark voxels of the fixed image that no rounding puts on the other side of a face."""
    at = np.moveaxis(np.indices(fixed.shape), 0, -1)
    to_labels = np.linalg.inv(LPS @ labels.affine) @ matrix @ LPS @ fixed.affine
    places = at @ to_labels[:3, :3].T + to_labels[:3, 3]
    return (np.abs(places - np.floor(places) - 0.5) > 1e-6).all(axis=-1)


@settings(max_examples=60, deadline=None)
@given(
    labels_run=st.sampled_from(ORIENTATIONS),
    image_run=st.sampled_from(ORIENTATIONS),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_voxel_is_that_of_simpleitk(
    tmp_path_factory: Any, labels_run: Any, image_run: Any, seed: int
) -> None:
    """Through a rigid and anisotropic matrix in LPS, onto an image that is oblique."""
    folder = tmp_path_factory.mktemp("itk")
    random = np.random.default_rng(seed)
    angles, oblique = random.uniform(-0.7, 0.7, (2, 3))
    stretch, move = random.uniform(0.7, 1.4, 3), random.uniform(-3, 3, 3)
    affine = np.diag([1.0, 0.5, 0.25, 1])
    affine[:3, 3] = random.uniform(-30, 30, 3)
    voxels, affine = turned(brain(), *labels_run, affine)
    ds = create_atlas(save_nifti(folder / "labels.nii", voxels, affine), NAMES, name="w")
    there = np.eye(4)
    there[:3, :3] = rotation(oblique) @ np.diag(random.uniform(0.5, 1.1, 3))
    centre = nibabel.affines.apply_affine(affine, (np.array(voxels.shape) - 1) / 2)
    grid, there = turned(np.zeros((13, 11, 12), "f4"), *image_run, there)
    there[:3, 3] += centre - nibabel.affines.apply_affine(there, (np.array(grid.shape) - 1) / 2)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation(angles) @ np.diag(stretch)
    about = np.diag(LPS)[:3] * centre  # the middle of the labels, in LPS
    matrix[:3, 3] = about - matrix[:3, :3] @ about + move
    image = open_image(save_nifti(folder / "image.nii", grid, there))
    stored = [nibabel.load(folder / name) for name in ("labels.nii", "image.nii")]
    out = ds.atlas.resample_like(image, matrix, space="LPS")
    expected = itk_resampled(
        itk_image(voxels, stored[0].affine), itk_image(grid, stored[1].affine), matrix
    )
    found = out.annotation.transpose(*image.dims).values
    sure = away_from_faces(stored[1], stored[0], matrix)
    np.testing.assert_array_equal(found[sure], expected[sure])
    assert sure.mean() > 0.999
    assert (expected > 0).mean() > 0.05
    # the same matrix in RAS
    ras = LPS @ matrix @ LPS
    again = ds.atlas.resample_like(image, ras, space="RAS").annotation.values
    np.testing.assert_array_equal(again[sure], expected[sure])
    # and what is written lies on the image
    out.atlas.to_nifti(folder / "out.nii")
    written = nibabel.load(folder / "out.nii")
    np.testing.assert_allclose(written.affine, stored[1].affine, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), found)


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_images_of_one_world_need_no_matrix(order: Any, signs: Any, tmp_path: Path) -> None:
    """Positions are the same; nibabel samples the labels at the centres of the image's voxels."""
    voxels, affine = turned(brain(), (1, 2, 0), (-1, 1, -1))
    ds = create_atlas(save_nifti(tmp_path / "labels.nii", voxels, affine), NAMES, name="w")
    there = np.eye(4)
    there[:3, :3] = rotation((0.2, -0.1, 0.3)) @ np.diag((1.3, 0.7, 0.9))
    there[:3, 3] = -6, -3, 1.2
    grid, there = turned(np.zeros((9, 8, 7), "f4"), order, signs, there)
    image = open_image(save_nifti(tmp_path / "image.nii", grid, there))
    points = nibabel.affines.apply_affine(
        nibabel.load(tmp_path / "image.nii").affine, np.moveaxis(np.indices(grid.shape), 0, -1)
    )
    expected = sampled(voxels, affine, points.reshape(-1, 3)).reshape(grid.shape)
    out = ds.atlas.resample_like(image)
    np.testing.assert_array_equal(out.annotation.values, expected)
    assert (expected > 0).mean() > 0.2
    # the same for the image, on the atlas
    image = image.copy(data=expected.astype("f4"))
    back = xarray_atlas.resample(image, ds, method="nearest")
    assert "world" not in back.coords
    at = nibabel.affines.apply_affine(affine, np.moveaxis(np.indices(voxels.shape), 0, -1)).reshape(
        -1, 3
    )
    wanted = sampled(expected, nibabel.load(tmp_path / "image.nii").affine, at).reshape(
        voxels.shape
    )
    np.testing.assert_array_equal(np.nan_to_num(back.values), wanted)
    # points of the world are the same on either grid
    inside = expected > 0
    names = np.array(["", "F", "P", "C"])[expected[inside]].tolist()
    for one in (ds, out):
        found = one.atlas.region_at(
            points[inside], axes=("ml", "ap", "dv"), unit="mm", frame="world"
        )
        assert found.region.values.tolist() == names


def test_an_image_of_a_world_and_an_atlas_without_one_are_not_matched(tmp_path: Path) -> None:
    sample = xarray_atlas.open_sample("100 um")
    for ds in (sample, sample.atlas.reorient("lpi")):
        path = tmp_path / f"{ds.attrs['orientation']}.nii.gz"
        ds.atlas.to_nifti(path)
        image = open_image(path)
        with pytest.raises(GridError, match=r"transform=np.eye\(4\), space='RAS'"):
            ds.atlas.resample_like(image)
        out = ds.atlas.resample_like(image, np.eye(4), space="RAS")  # the advice
        np.testing.assert_array_equal(out.annotation.values, image.values)
        with pytest.raises(GridError, match=r"transform=np.eye\(4\), space='RAS'"):
            xarray_atlas.resample(image, ds)


def test_a_matrix_between_coordinates_of_an_oblique_image_is_a_question(tmp_path: Path) -> None:
    ds = create_atlas(
        save_nifti(tmp_path / "labels.nii", *turned(brain(), (0, 1, 2), (1, 1, 1))), NAMES, name="w"
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation((0.2, 0, 0))
    image = open_image(save_nifti(tmp_path / "image.nii", np.zeros((9, 8, 7), "f4"), affine))
    with pytest.raises(GridError, match="space='LPS'"):
        ds.atlas.resample_like(image, np.eye(4))
    with pytest.raises(GridError, match="space='LPS'"):
        xarray_atlas.resample(image, ds, np.eye(4))
    dropped = ds.atlas.resample_like(image.drop_vars("world"), np.eye(4))  # the advice
    right = ds.atlas.resample_like(image, np.eye(4), space="LPS")
    assert not dropped.annotation.equals(right.annotation)


def test_a_displacement_field_between_worlds(tmp_path: Path) -> None:
    """Displacements in LPS, added to the positions of an oblique image."""
    voxels, affine = turned(brain(), (1, 2, 0), (-1, 1, -1))
    ds = create_atlas(save_nifti(tmp_path / "labels.nii", voxels, affine), NAMES, name="w")
    there = np.eye(4)
    there[:3, :3] = rotation((0.2, -0.1, 0.3)) @ np.diag((1.3, 0.7, 0.9))
    there[:3, 3] = -6, -3, 1.2
    image = open_image(save_nifti(tmp_path / "image.nii", np.zeros((9, 8, 7), "f4"), there))
    moves = np.random.default_rng(0).normal(0, 0.8, (9, 8, 7, 3))
    field = xr.DataArray(moves, dims=(*image.dims, "component"), attrs={"units": "mm"})
    out = ds.atlas.resample_like(image, field, space="LPS")
    stored = nibabel.load(tmp_path / "image.nii").affine
    points = nibabel.affines.apply_affine(stored, np.moveaxis(np.indices((9, 8, 7)), 0, -1))
    points = points + moves * (-1, -1, 1)
    expected = sampled(voxels, affine, points.reshape(-1, 3)).reshape(9, 8, 7)
    np.testing.assert_array_equal(out.annotation.values, expected)
    with pytest.raises(GridError, match="displacement field is; say space='LPS'"):
        ds.atlas.resample_like(image, field)


def test_two_worlds_on_one_grid(tmp_path: Path) -> None:
    """Of an atlas brought through a matrix "world" could be the image's or the atlas's."""
    ds = create_atlas(
        save_nifti(tmp_path / "labels.nii", *turned(brain(), (0, 1, 2), (1, 1, 1))), NAMES, name="w"
    )
    image = open_image(save_nifti(tmp_path / "image.nii", np.zeros((9, 8, 7), "f4"), np.eye(4)))
    matrix = np.eye(4)
    matrix[:3, 3] = -9, -4, 2
    mine = ds.atlas.resample_like(image, matrix, space="RAS")
    asked = {"axes": ("ml", "ap", "dv"), "unit": "mm"}
    with pytest.raises(GridError, match="two meanings"):
        mine.atlas.region_at([[0.0, 1, 2]], frame="world", **asked)
    # of an atlas without a world it is the image's
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    sample = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    matrix = np.eye(4)
    matrix[:3, 3] = -9, -10, -6
    on_image = sample.atlas.resample_like(image, matrix, space="RAS")
    points = [[2.0, 3, 4], [6, 5, 3]]
    found = on_image.atlas.region_at(points, frame="world", **asked)
    labels = on_image.annotation.values[tuple(np.array(points, int).T)]
    ids = [on_image.atlas.region(a).id if a else 0 for a in found.region.values.tolist()]
    assert ids == labels.tolist()
    assert max(ids) > 0
    # of an image without a world it is the atlas's
    plain = image.drop_vars("world")
    back = ds.atlas.resample_like(plain)
    found = back.atlas.region_at([[0.0, 1.0, 3.0]], frame="world", **asked)
    assert (
        found.region.item()
        == ds.atlas.region_at([[0.0, 1.0, 3.0]], frame="world", **asked).region.item()
    )


def test_directions_that_are_missing_are_asked_for() -> None:
    """x, y and z of a NIfTI file are not those of the atlas."""
    ds = xarray_atlas.open_sample("100 um")
    sides = ("left-to-right", "posterior-to-anterior", "inferior-to-superior")
    grid = ((-4.0, 0.6, 14), (-3.0, 1.2, 6), (-2.0, 0.5, 10))
    matrix = np.eye(4)
    matrix[:3, 3] = 5.7, 7.4, -2.6

    def image(told: bool) -> xr.DataArray:
        coords = {
            dim: (
                dim,
                start + step * np.arange(n),
                {"units": "mm", **({"direction": side} if told else {})},
            )
            for dim, (start, step, n), side in zip("xyz", grid, sides, strict=True)
        }
        return xr.DataArray(np.zeros([n for *_, n in grid]), coords, ("x", "y", "z"))

    right = ds.atlas.resample_like(image(True), matrix, space="LPS").annotation.values
    assert (right > 0).mean() > 0.3
    for space in ("LPS", "RAS", None):
        for call in (
            lambda space=space: ds.atlas.resample_like(image(False), matrix, space=space),
            lambda space=space: xarray_atlas.resample(image(False), ds, matrix, space=space),
        ):
            with pytest.raises(AtlasError, match="direction"):
                call()


def test_coordinates_of_a_world_that_were_typed_are_those_of_a_world(tmp_path: Path) -> None:
    """The same volume as a DataArray in the coordinates of the world, on every third voxel."""
    found = brain()
    affine = np.eye(4)
    affine[:3, 3] = -9, -12, -7
    file = create_atlas(save_nifti(tmp_path / "labels.nii", found, affine), NAMES, name="w")
    sides = ("left-to-right", "posterior-to-anterior", "inferior-to-superior")
    array = xr.DataArray(
        found,
        {
            dim: (
                dim,
                affine[i, 3] + np.arange(found.shape[i]),
                {"units": "mm", "direction": sides[i]},
            )
            for i, dim in enumerate("zyx")
        },
        ("z", "y", "x"),
    )
    typed = create_atlas(array, NAMES, name="w")
    image = array[::3, ::3, ::3]
    for ds in (file, typed):
        got = ds.atlas.resample_like(image, np.eye(4), space="LPS").annotation.values
        np.testing.assert_array_equal(got, found[::3, ::3, ::3])


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_an_image_on_the_grid_is_measured_in_any_order(
    order: Any, signs: Any, tmp_path: Path
) -> None:
    """The image and the labels are two files, whose axes run in different orders and directions."""
    voxels, affine = turned(brain(), (1, 2, 0), (-1, -1, -1))
    ds = create_atlas(save_nifti(tmp_path / "labels.nii", voxels, affine), NAMES, name="w")
    values = np.random.default_rng(0).random(brain().shape).astype("f4")
    image = open_image(save_nifti(tmp_path / "image.nii", *turned(values, order, signs)))
    found = ds.atlas.aggregate(image, ["F", "P", "C"], "mean")
    wanted = [values[brain() == label].mean(dtype=float) for label in (1, 2, 3)]
    np.testing.assert_allclose(found.values, wanted, rtol=1e-6)
    assert "world" not in found.coords


def test_an_oblique_image_is_never_measured_where_it_does_not_lie(tmp_path: Path) -> None:
    """Its first voxel is the atlas's, and so are the sizes: the coordinates must not be taken for the atlas's."""
    voxels, affine = turned(brain(), (0, 1, 2), (1, 1, 1))
    ds = create_atlas(save_nifti(tmp_path / "labels.nii", voxels, affine), NAMES, name="w")
    oblique = affine.copy()
    oblique[:3, :3] = rotation((0, 0, 0.1)) @ affine[:3, :3]
    image = open_image(save_nifti(tmp_path / "image.nii", voxels.astype("f4"), oblique))
    with pytest.raises(GridError, match="is oblique"):
        ds.atlas.aggregate(image)
    with pytest.raises(GridError, match="resample_like"):  # xarray's own operations
        image.where(ds.atlas.mask("F"))
    # on its own grid all is well, by any of the two ways that the error names
    here = ds.atlas.resample_like(image)
    expected = here.annotation.values
    means = here.atlas.aggregate(image, ["F", "P", "C"], "mean")
    wanted = [voxels[expected == label].mean() for label in (1, 2, 3)]
    np.testing.assert_allclose(means.values, wanted, rtol=1e-6)
    there = xarray_atlas.resample(image, ds, method="nearest")
    assert ds.atlas.aggregate(there, ["F"], "mean").compute().item() == pytest.approx(
        np.nanmean(np.where(voxels == 1, there.values, np.nan))
    )
