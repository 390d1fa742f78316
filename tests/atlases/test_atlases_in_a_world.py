"""Atlases from files that say where they lie: world coordinates, kept, written and used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.worlds import (
    ACRONYMS,
    NAMES,
    ORIENTATIONS,
    ORIGIN,
    SHAPE,
    SIZES,
    brain,
    sampled,
    save_nifti,
    turned,
)
from xarray_atlas import create_atlas, open_atlas
from xarray_atlas.coords.world import WORLD_DIRECTIONS
from xarray_atlas.errors import GridError, StoreFormatError
from xarray_atlas.io.zarr.ome_zarr import read_multiscale
from xarray_atlas.io.zarr.stores import open_group
from xarray_atlas.viewers.explore_volumes import nifti, read
from xarray_atlas.viewers.neuroglancer import _in_store

# pynrrd writes the time into its headers
pytestmark = [
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:nrrd"),
    pytest.mark.version_independent,
]

IDENTITY = tuple(np.eye(4).ravel())

each_orientation = pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)


def made(tmp_path: Path, order: Any = (0, 1, 2), signs: Any = (1, 1, 1), **more: Any) -> Any:
    """An atlas of a NIfTI file, with the voxels and the affine of that."""
    voxels, affine = turned(brain(), order, signs)
    tmp_path.mkdir(exist_ok=True)
    path = save_nifti(tmp_path / "labels.nii", voxels, affine)
    return create_atlas(path, NAMES, name="w", **more), voxels, affine


def saved(ds: xr.Dataset, folder: Path, **more: Any) -> xr.Dataset:
    ds.atlas.save(folder, masks=False, **more)
    (manifest,) = folder.glob("atlases/*/*/manifest.json")
    return open_atlas(str(manifest))


@each_orientation
def test_points_of_the_world_are_found_as_nibabel_does(
    order: Any, signs: Any, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    origin = random.uniform(-100, 100, 3)
    affine = np.diag([*SIZES, 1.0])
    affine[:3, 3] = origin
    voxels, affine = turned(brain(), order, signs, affine)
    path = save_nifti(tmp_path / "labels.nii", voxels, affine)
    ds = create_atlas(path, NAMES, name="w")
    index = random.permuted(np.argwhere(brain()), axis=0)[
        :1000
    ]  # of each axis alone: not all inside
    points = origin + (index + random.uniform(-0.6, 0.6, (1000, 3))) * SIZES
    found = ds.atlas.region_at(points, axes=("ml", "ap", "dv"), unit="mm", frame="world")
    expected = sampled(voxels, nibabel.load(path).affine, points)
    assert found.region.values.tolist() == ACRONYMS[expected].tolist()
    assert 0.5 < (expected > 0).mean() < 1


@each_orientation
def test_a_file_that_is_read_and_written_is_the_same(
    order: Any, signs: Any, tmp_path: Path
) -> None:
    ds, voxels, affine = made(tmp_path, order, signs)
    assert ds.atlas.space.world == IDENTITY
    assert {ds[dim].attrs["direction"] for dim in ds.annotation.dims} == set(WORLD_DIRECTIONS)
    ds.atlas.to_nifti(tmp_path / "out.nii.gz")
    written = nibabel.load(tmp_path / "out.nii.gz")
    np.testing.assert_array_equal(written.affine, nibabel.load(tmp_path / "labels.nii").affine)
    np.testing.assert_array_equal(written.affine, affine)
    np.testing.assert_array_equal(np.asanyarray(written.dataobj), voxels)
    ds.atlas.to_nrrd(tmp_path / "out.nrrd")
    data, header = nrrd.read(str(tmp_path / "out.nrrd"))
    np.testing.assert_array_equal(header["space directions"].T, affine[:3, :3])
    np.testing.assert_array_equal(header["space origin"], affine[:3, 3])
    np.testing.assert_array_equal(data, voxels)
    again = create_atlas(tmp_path / "out.nrrd", NAMES, name="w")
    assert again.atlas.space == ds.atlas.space
    for dim in again.annotation.dims:
        np.testing.assert_array_equal(again[dim].values, ds[dim].values)


@given(
    orientation=st.sampled_from(ORIENTATIONS),
    sizes=st.tuples(*[st.floats(0.0078125, 9, width=32)] * 3),
    origin=st.tuples(*[st.floats(-150, 150, width=32)] * 3),
    kind=st.sampled_from([nibabel.Nifti1Image, nibabel.Nifti2Image, "nrrd"]),
    part=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_affine_is_written_to_the_float(
    tmp_path_factory: Any, orientation: Any, sizes: Any, origin: Any, kind: Any, part: bool
) -> None:
    folder = tmp_path_factory.mktemp("world")
    order, signs = orientation
    labels = np.ones((3, 4, 5), "u1")
    affine = np.eye(4)
    affine[:3, :3] = 0
    if max(size * n for size, n in zip(sizes, labels.shape, strict=True)) < 0.2:
        sizes = tuple(10 * size for size in sizes)
    for column, (row, sign, size) in enumerate(zip(order, signs, sizes, strict=True)):
        affine[row, column] = sign * size
    affine[:3, 3] = origin
    if kind == "nrrd":
        affine *= 1 / 3  # doubles
        affine[3, 3] = 1
        path = folder / "a.nrrd"
        header = {
            "space": "right-anterior-superior",
            "space directions": affine[:3, :3].T,
            "space origin": affine[:3, 3],
        }
        nrrd.write(str(path), labels, header, index_order="F")
    else:
        path = save_nifti(folder / "a.nii", labels, affine, kind)
    ds = create_atlas(path, NAMES, name="w")
    if part:
        ds, affine = ds.isel(z=slice(1, None), x=slice(None, None, -1)), affine.copy()
        affine[:3, 3] += affine[:3, 0] + 4 * affine[:3, 2]
        affine[:3, 2] *= -1
    ds.atlas.to_nrrd(folder / "out.nrrd")
    ds.atlas.to_nifti(folder / "out.nii")
    _, header = nrrd.read(str(folder / "out.nrrd"))
    rtol = 1e-12 if kind == "nrrd" else 2e-7  # of what single precision was read from
    np.testing.assert_allclose(header["space directions"].T, affine[:3, :3], rtol=rtol, atol=1e-12)
    np.testing.assert_allclose(
        header["space origin"], affine[:3, 3], rtol=rtol, atol=2e-6 if part else 1e-12
    )
    if not part:
        np.testing.assert_array_equal(nibabel.load(folder / "out.nii").affine, affine.astype("f4"))


@pytest.mark.filterwarnings("ignore:.*points lie outside of the brain:UserWarning")  # at random
def test_an_affine_that_leans_a_little_is_kept_whole(tmp_path: Path) -> None:
    """By 0.04 degrees: less than what is refused as oblique, and a third of a voxel at 500 voxels."""
    lean = np.radians(0.04)
    turn = np.array([[np.cos(lean), -np.sin(lean), 0], [np.sin(lean), np.cos(lean), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(SIZES) @ np.diag((-1, 1, -1))
    affine[:3, 3] = 90, -126, 72
    path = save_nifti(tmp_path / "labels.nii", brain(), affine)
    ds = create_atlas(path, NAMES, name="w")
    ds.atlas.to_nifti(tmp_path / "out.nii")
    np.testing.assert_array_equal(
        nibabel.load(tmp_path / "out.nii").affine, nibabel.load(path).affine
    )
    random = np.random.default_rng(1)
    index = random.permuted(np.argwhere(brain()), axis=0)[:1000]
    points = nibabel.affines.apply_affine(affine, index + random.uniform(-0.6, 0.6, (1000, 3)))
    found = ds.atlas.region_at(points, axes=("ml", "ap", "dv"), unit="mm", frame="world")
    assert found.region.values.tolist() == ACRONYMS[sampled(brain(), affine, points)].tolist()
    again = saved(ds.atlas.reorient("asr"), tmp_path / "store")
    again.atlas.reorient(
        "rpi" if ds.attrs["orientation"] == "rpi" else ds.attrs["orientation"]
    ).atlas.to_nifti(tmp_path / "again.nii")
    np.testing.assert_allclose(
        nibabel.load(tmp_path / "again.nii").affine, nibabel.load(path).affine, rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("space", ["left-posterior-superior", "right-anterior-superior", "LAS"])
@each_orientation
def test_nrrd_in_any_space_is_turned_to_ras(
    space: str, order: Any, signs: Any, tmp_path: Path
) -> None:
    voxels, affine = turned(brain(), order, signs)
    flip = {"l": (-1, -1, 1), "r": (1, 1, 1), "L": (-1, 1, 1)}[space[0]]
    there = np.diag([*flip, 1]) @ affine
    header = {"space": space, "space directions": there[:3, :3].T, "space origin": there[:3, 3]}
    nrrd.write(str(tmp_path / "a.nrrd"), voxels, header, index_order="F")
    ds = create_atlas(tmp_path / "a.nrrd", NAMES, name="w")
    assert ds.atlas.space.world == IDENTITY
    ds.atlas.to_nifti(tmp_path / "a.nii")
    np.testing.assert_array_equal(nibabel.load(tmp_path / "a.nii").affine, affine)


@each_orientation
def test_what_is_measured_does_not_depend_on_the_order_of_the_file(
    order: Any, signs: Any, tmp_path: Path
) -> None:
    ds, _, _ = made(tmp_path, order, signs, midline="0.2 mm")
    plain, _, _ = made(tmp_path / "plain", midline="0.2 mm")
    sides = {side: ds.atlas.volume(hemisphere=side) for side in ("left", "right")}
    for side, found in sides.items():
        xr.testing.assert_allclose(
            found.pint.dequantify(), plain.atlas.volume(hemisphere=side).pint.dequantify()
        )
    left = brain()[:9] == 1  # centres at -9 to -1 and 0 mm: left of 0.2 mm
    assert float(sides["left"].sel(region="F").item().magnitude) == pytest.approx(
        (left.sum() + (brain()[9] == 1).sum()) * np.prod(SIZES)
    )
    ours, theirs = (one.atlas.region_properties(["F", "C"]) for one in (ds, plain))
    for axis in ("ml", "ap", "dv"):
        name = ds.atlas.space.coordinate(ds, axis)
        other = plain.atlas.space.coordinate(plain, axis)
        for what in ("centroid", "representative_point"):
            np.testing.assert_allclose(
                ours[what].sel(axis=name).pint.magnitude if what == "centroid" else 0,
                theirs[what].sel(axis=other).pint.magnitude if what == "centroid" else 0,
                atol=1e-9,
            )
        box, other_box = ours.bounding_box.sel(axis=name), theirs.bounding_box.sel(axis=other)
        np.testing.assert_allclose(
            np.sort(box.pint.magnitude), np.sort(other_box.pint.magnitude), atol=1e-9
        )


@each_orientation
def test_reorienting_moves_nothing(order: Any, signs: Any, tmp_path: Path) -> None:
    ds, _, affine = made(tmp_path, order, signs, midline="0.2 mm")
    asr = ds.atlas.reorient("asr")
    assert asr.attrs["orientation"] == "asr"
    codes = nibabel.aff2axcodes(affine)
    assert asr.atlas.space.orientation == "pil"
    asr.atlas.to_nifti(tmp_path / "asr.nii")
    expected = nibabel.as_closest_canonical(nibabel.load(tmp_path / "labels.nii"))
    written = nibabel.load(tmp_path / "asr.nii")
    assert nibabel.aff2axcodes(written.affine) == ("P", "I", "L")
    canonical = nibabel.as_closest_canonical(written)
    np.testing.assert_array_equal(canonical.affine, expected.affine)
    np.testing.assert_array_equal(canonical.dataobj, expected.dataobj)
    assert asr.atlas.reorient(axcodes=codes).identical(ds)


@each_orientation
def test_save_and_open_give_the_same_coordinates(order: Any, signs: Any, tmp_path: Path) -> None:
    ds, _, _ = made(tmp_path, order, signs, midline="0.2 mm")
    if ds.attrs["orientation"] != "asr":
        with pytest.raises(GridError, match=r"save ds.atlas.reorient\('asr'\)"):
            ds.atlas.save(tmp_path / "store")
    asr = ds.atlas.reorient("asr")
    again = saved(asr, tmp_path / "store")
    assert dict(zip(again.atlas.space.dims, again.atlas.space.corner, strict=True)) != {}
    assert (
        again.atlas.space.rename(dict(zip("zyx", asr.atlas.space.dims, strict=True)))
        == asr.atlas.space
    )
    for mine, theirs in zip(again.annotation.dims, asr.annotation.dims, strict=True):
        np.testing.assert_array_equal(again[mine].values, asr[theirs].values)
        assert again[mine].attrs["direction"] == asr[theirs].attrs["direction"]
    np.testing.assert_array_equal(again.annotation.values, asr.annotation.values)
    again.atlas.reorient(ds.attrs["orientation"]).atlas.to_nifti(tmp_path / "out.nii")
    np.testing.assert_array_equal(
        nibabel.load(tmp_path / "out.nii").affine, nibabel.load(tmp_path / "labels.nii").affine
    )
    xr.testing.assert_allclose(
        again.atlas.volume(hemisphere="left").pint.dequantify(),
        ds.atlas.volume(hemisphere="left")
        .pint.dequantify()
        .sel(region=again.atlas.volume().region),
    )


def test_what_brainglobe_sees_of_a_saved_atlas_is_its_own_convention(tmp_path: Path) -> None:
    ds, _, _ = made(tmp_path, midline="0 mm")
    saved(ds.atlas.reorient("asr"), tmp_path / "store")
    (path,) = tmp_path.glob("store/atlases/*/*/manifest.json")
    manifest = json.loads(path.read_text())
    assert manifest["orientation"] == "asr"
    assert manifest["resolution"] == [500, 250, 1000]
    # from the most anterior, superior and right voxel
    last = np.array(ORIGIN) + (np.array(SHAPE) - 1) * SIZES
    assert manifest["to_ras_mm"] == [
        [0, 0, -1, last[0]],
        [-1, 0, 0, last[1]],
        [0, -1, 0, last[2]],
        [0, 0, 0, 1],
    ]
    assert manifest["midline_mm"] == last[0]
    (store,) = tmp_path.glob("store/annotation-sets/*/*/annotations_compressed.ome.zarr")
    levels = json.loads((store / "zarr.json").read_text())["attributes"]["ome"]["multiscales"][0][
        "datasets"
    ]
    assert levels[0]["coordinateTransformations"][1]["translation"] == [0, 0, 0]
    # without the manifest it counts from the corner
    bare = open_atlas(str(store))
    assert bare.z.values[0] == 0
    assert not bare.atlas.space.world


def test_coarser_levels_lie_in_the_same_world(tmp_path: Path) -> None:
    ds, _, _ = made(tmp_path, (1, 2, 0), (-1, -1, -1))
    ds.atlas.save(tmp_path / "store", levels=2, masks=False)
    (path, *_) = sorted(tmp_path.glob("store/atlases/*/*/manifest.json"))
    fine, coarse = (open_atlas(str(path), resolution=level) for level in (0, 1))
    for dim in "zyx":
        np.testing.assert_allclose(
            coarse[dim].values, fine[dim].coarsen({dim: 2}).mean().values, rtol=0, atol=1e-12
        )
    point = ((1.0, 3.5, 3.5),)
    names = [
        one.atlas.region_at(point, axes=("ml", "ap", "dv"), unit="mm", frame="world")
        for one in (fine, coarse)
    ]
    assert names[0].region.item() == names[1].region.item() == "P"


def test_a_part_of_an_atlas_is_saved_where_it_lies(tmp_path: Path) -> None:
    ds, _, _ = made(tmp_path, (1, 2, 0), (-1, -1, -1), midline="0.2 mm")
    part = ds.isel(z=slice(2, 7), y=[3], x=slice(4, None))
    again = saved(part, tmp_path / "store")
    for dim in "zyx":
        np.testing.assert_allclose(again[dim].values, part[dim].values, rtol=0, atol=1e-12)
    assert again.atlas.space.midline == pytest.approx(0.2)
    np.testing.assert_array_equal(again.annotation.values, part.annotation.values)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
        [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]],
        [[0, 0, -1], [-1, 0, 0], [0, -1, 0]],
        "asr",
        [[0, 0, -1, float("nan")], [-1, 0, 0, 1], [0, -1, 0, 1], [0, 0, 0, 1]],
    ],
)
def test_a_matrix_that_cannot_be_is_no_manifest(matrix: Any, tmp_path: Path) -> None:
    ds, _, _ = made(tmp_path)
    saved(ds.atlas.reorient("asr"), tmp_path / "store")
    (path,) = tmp_path.glob("store/atlases/*/*/manifest.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "to_ras_mm": matrix}))
    with pytest.raises(StoreFormatError, match="is not a manifest of an atlas"):
        open_atlas(str(path))


# -- frames


@pytest.mark.filterwarnings("ignore:.*points lie outside of the brain:UserWarning")  # at random
@each_orientation
@pytest.mark.parametrize("frame", ["brainglobe", "allen"])
def test_frames_from_a_corner_count_from_that_corner(
    frame: str, order: Any, signs: Any, tmp_path: Path
) -> None:
    """Whatever the order of the file: of an array in "asr" (or "asl") the index times the voxel size."""
    ds, _, _ = made(tmp_path, order, signs)
    asr, _ = turned(brain(), (1, 2, 0), (-1, -1, -1 if frame == "brainglobe" else 1))
    random = np.random.default_rng(3)
    index = random.permuted(np.argwhere(asr), axis=0)[:500] + random.uniform(0, 1, (500, 3))
    points = index * np.array(SIZES)[[1, 2, 0]]
    found = ds.atlas.region_at(points, axes=("ap", "dv", "ml"), unit="mm", frame=frame)
    expected = ACRONYMS[asr[tuple(index.astype(int).T)]]
    assert found.region.values.tolist() == expected.tolist()


def test_an_atlas_without_a_world_says_why(tmp_path: Path) -> None:
    sample = xarray_atlas.open_sample("100 um")
    with pytest.raises(GridError, match="frame='brainglobe'"):
        sample.atlas.region_at([[1.0, 2, 3]], unit="mm", frame="world", axes=("ap", "dv", "ml"))
    ds, _, _ = made(tmp_path)
    path = tmp_path / "labels.nii"
    overridden = [
        {"voxel_size": ["1 mm", "1 mm", "1 mm"]},
        {"orientation": "asr"},
        {"axcodes": "LAS"},
    ]
    for stated in overridden:
        other = create_atlas(path, NAMES, name="w", **stated)
        assert other.z.values[0] == 0
        with pytest.raises(GridError, match="overridden"):
            other.atlas.region_at([[1.0, 2, 3]], unit="mm", frame="world", axes=("ap", "dv", "ml"))
    for stated in (
        {"voxel_size": [f"{s} mm" for s in SIZES]},
        {"orientation": "lpi"},
        {"axcodes": "RAS"},
    ):
        same = create_atlas(path, NAMES, name="w", **stated)
        assert same.atlas.space == ds.atlas.space
        assert same.z.identical(ds.z)


def test_the_midline_is_not_assumed(tmp_path: Path) -> None:
    ds, _, _ = made(tmp_path)
    assert ds.atlas.space.midline is None
    assert made(tmp_path, midline="0 mm")[0].atlas.space.midline == 0
    with pytest.raises(GridError, match="midline 9.5 mm lies outside the volume"):
        made(tmp_path, midline="9.5 mm")
    asr = ds.atlas.reorient("asr")
    again = saved(asr, tmp_path / "store")
    assert again.atlas.space.midline is None


# -- what survives


def test_the_world_survives_xarray_and_files(tmp_path: Path) -> None:
    ds, _, affine = made(tmp_path, (2, 0, 1), (-1, 1, -1))
    plain = ds.atlas.encode()
    assert xarray_atlas.decode(plain).atlas.space == ds.atlas.space
    assert ds.annotation.isel(z=2).atlas.space == ds.atlas.space
    ds.compute().atlas.encode().to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as again:
        assert xarray_atlas.decode(again).atlas.space == ds.atlas.space
        xarray_atlas.decode(again.load()).atlas.to_nifti(tmp_path / "again.nii")
    np.testing.assert_array_equal(nibabel.load(tmp_path / "again.nii").affine, affine)
    made_again = create_atlas(ds.annotation, ds, name="w")
    assert made_again.atlas.space == ds.atlas.space


def test_templates_and_hemispheres_lie_in_the_same_world(tmp_path: Path) -> None:
    voxels, affine = turned(brain(), (0, 1, 2), (1, 1, 1))
    labels = save_nifti(tmp_path / "labels.nii", voxels, affine)
    moved = affine.copy()
    moved[0, 3] += 2 * SIZES[0]
    away = save_nifti(tmp_path / "moved.nii", voxels, moved)
    same = save_nifti(tmp_path / "same.nii", voxels, affine)
    create_atlas(labels, NAMES, name="w", template=same)
    with pytest.raises(GridError, match="its first voxel lies 2 voxels away"):
        create_atlas(labels, NAMES, name="w", template=away)
    array = create_atlas(away, NAMES, name="w").annotation
    with pytest.raises(GridError, match="begins at -7 mm, the annotation's at -9 mm"):
        create_atlas(labels, NAMES, name="w", template=array.drop_vars("terminology"))
    with pytest.raises(GridError, match="its first voxel lies 2 voxels away"):
        create_atlas(array, NAMES, name="w", template=labels)


def test_check_of_a_world(tmp_path: Path) -> None:
    ds, _, _ = made(tmp_path, (2, 0, 1), (-1, 1, -1), midline="0 mm")
    report = ds.atlas.check()
    assert "orientation" not in report.table.check.tolist()
    again = saved(ds.atlas.reorient("asr"), tmp_path / "store")
    assert "orientation" not in again.atlas.check().table.check.tolist()


def test_two_files_of_one_grid_are_compared_in_any_order(tmp_path: Path) -> None:
    ds, _, _ = made(tmp_path, (2, 0, 1), (-1, 1, -1))
    flipped = create_atlas(ds.annotation.isel(z=slice(None, None, -1)), ds, name="w")
    found = xarray_atlas.compare(ds, flipped)
    np.testing.assert_array_equal(found.voxels.values, xarray_atlas.compare(ds, ds).voxels.values)


# -- what is shown and computed along coordinates that descend

FEW = pytest.mark.parametrize(
    ("order", "signs"),
    [
        ((0, 1, 2), (1, 1, 1)),
        ((1, 2, 0), (-1, -1, -1)),
        ((2, 0, 1), (-1, 1, -1)),
        ((0, 2, 1), (-1, -1, 1)),
    ],
)


@FEW
@pytest.mark.parametrize(("axis", "at"), [("ap", "2 mm"), ("ml", "1.2 mm"), ("dv", "3.4 mm")])
def test_pictures_lie_in_the_world(
    order: Any, signs: Any, axis: str, at: str, tmp_path: Path
) -> None:
    ds, voxels, affine = made(tmp_path, order, signs)
    figure = pytest.importorskip("matplotlib.figure").Figure()
    ax = ds.atlas.plot.section(ax=figure.subplots(), **{axis: at})
    (image,) = ax.get_images()
    shown = np.asarray(image.get_array())
    left, right, bottom, top = image.get_extent()
    across, up = {"ap": ("ml", "dv"), "dv": ("ml", "ap"), "ml": ("ap", "dv")}[axis]
    rows, columns = np.indices(shown.shape[:2])
    places = {
        across: left + (columns + 0.5) * (right - left) / shown.shape[1],
        up: top + (rows + 0.5) * (bottom - top) / shown.shape[0],
        axis: np.full(rows.shape, float(at.split()[0])),
    }
    points = np.stack([places[name] for name in ("ml", "ap", "dv")], axis=-1)
    expected = sampled(voxels, affine, points.reshape(-1, 3)).reshape(rows.shape)
    # one color for each label
    colors = shown.reshape(rows.size, -1)
    for label in np.unique(expected):
        inside = expected.ravel() == label
        assert len(np.unique(colors[inside], axis=0)) == 1
    assert len(np.unique(colors, axis=0)) == len(np.unique(expected))


@FEW
def test_surfaces_and_pages_lie_in_the_world(order: Any, signs: Any, tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    ds, voxels, affine = made(tmp_path, order, signs)
    mesh = ds.atlas.mesh("C")
    columns = [mesh.dims.index(ds.atlas.space.coordinate(ds, axis)) for axis in ("ml", "ap", "dv")]
    vertices = mesh.vertices[:, columns]
    there = nibabel.affines.apply_affine(affine, np.argwhere(voxels == 3))
    np.testing.assert_allclose(
        vertices.min(axis=0), there.min(axis=0) - np.array(SIZES) / 2, atol=0.2
    )
    np.testing.assert_allclose(
        vertices.max(axis=0), there.max(axis=0) + np.array(SIZES) / 2, atol=0.2
    )
    assert mesh.volume.magnitude == pytest.approx((voxels == 3).sum() * np.prod(SIZES), rel=1e-6)
    shown = read(ds, template=False)
    page = nibabel.Nifti1Image.from_bytes(nifti(shown.codes, shown.axes))
    terminology = ds.atlas.terminology
    codes = np.array([0, *(terminology.position(name) + 1 for name in "FPC")])
    for image, wanted in ((page, codes[brain()]),):
        canonical = nibabel.as_closest_canonical(image)
        np.testing.assert_array_equal(np.asanyarray(canonical.dataobj), wanted)
        np.testing.assert_allclose(canonical.affine[:3, 3], ORIGIN, atol=1e-6)


@FEW
def test_positions_between_voxels(order: Any, signs: Any, tmp_path: Path) -> None:
    ds, voxels, affine = made(tmp_path, order, signs)
    ds = ds.assign(template=ds.annotation.astype(float))
    fine = {"ml": [-3.2, 0.1], "ap": [0.4, 2.6, 3.1], "dv": [3.05, 3.4]}
    names = {axis: ds.atlas.space.coordinate(ds, axis) for axis in fine}
    quantities = {names[axis]: np.array(values) for axis, values in fine.items()}
    found = ds.atlas.interp(
        **{k: xr.DataArray(v, dims=k, attrs={"units": "mm"}) for k, v in quantities.items()},
        method="nearest",
    )
    points = np.stack(np.meshgrid(*fine.values(), indexing="ij"), axis=-1)
    expected = sampled(voxels, affine, points.reshape(-1, 3)).reshape(points.shape[:3])
    got = found.annotation.transpose(*(names[axis] for axis in fine)).values
    np.testing.assert_array_equal(got, expected)
    picked = ds.atlas.sel(ml="0.1 mm", ap="2.6 mm", dv="3.05 mm", method="nearest")
    assert (
        picked.annotation.compute().item()
        == sampled(voxels, affine, np.array([[0.1, 2.6, 3.05]]))[0]
    )


def test_a_link_shows_the_same_place_of_the_store(tmp_path: Path) -> None:
    ds, _, _ = made(tmp_path, (1, 2, 0), (-1, -1, -1))
    again = saved(ds, tmp_path / "store")
    (store,) = tmp_path.glob("store/annotation-sets/*/*/annotations_compressed.ome.zarr")
    multiscale = read_multiscale(open_group(str(store)), str(store))
    at = np.array([again[dim].values[index] for dim, index in zip("zyx", (3, 5, 7), strict=True)])
    point, _ = _in_store(at, np.ones(3), again.atlas.space, multiscale)
    np.testing.assert_allclose(point, np.array([3, 5, 7]) * np.array(SIZES)[[1, 2, 0]], atol=1e-9)


@pytest.mark.parametrize("ending", [".mha", ".mhd", ".nrrd", ".nii", ".nii.gz"])
@pytest.mark.parametrize("oblique", [False, True])
@FEW
def test_files_of_itk_lie_where_itk_has_them(
    ending: str, oblique: bool, order: Any, signs: Any, tmp_path: Path
) -> None:
    sitk = pytest.importorskip("SimpleITK")
    voxels, affine = turned(brain(), order, signs)
    if oblique:
        c, s = np.cos(0.3), np.sin(0.3)
        affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ affine[:3, :3]
    image = sitk.GetImageFromArray(voxels.T.copy())
    lps = np.diag([-1, -1, 1, 1]) @ affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(sizes.tolist())
    image.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    sitk.WriteImage(image, str(tmp_path / f"a{ending}"))
    if oblique:
        with pytest.raises(GridError, match="is oblique"):
            create_atlas(tmp_path / f"a{ending}", NAMES, name="w")
        return
    ds = create_atlas(tmp_path / f"a{ending}", NAMES, name="w")
    index = np.random.default_rng(0).permuted(np.argwhere(voxels), axis=0)[:200]
    points = [image.TransformIndexToPhysicalPoint(i.tolist()) for i in index]
    found = ds.atlas.region_at(
        np.array(points) * (-1, -1, 1), axes=("ml", "ap", "dv"), unit="mm", frame="world"
    )
    assert found.region.values.tolist() == ACRONYMS[voxels[tuple(index.T)]].tolist()
    ds.atlas.to_nifti(tmp_path / "out.nii")
    back = sitk.ReadImage(str(tmp_path / "out.nii"))
    for of in ("Origin", "Spacing", "Direction"):
        np.testing.assert_allclose(
            getattr(back, f"Get{of}")(), getattr(image, f"Get{of}")(), atol=1e-6
        )
    np.testing.assert_array_equal(sitk.GetArrayFromImage(back).T, voxels)
