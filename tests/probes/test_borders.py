"""Distances from contacts to borders, against scipy's distance transform and by brute force."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, minimum_filter

import xarray_atlas
from support.atlases import make_atlas, make_terminology

pytestmark = [
    pytest.mark.version_independent,
    pytest.mark.filterwarnings("ignore:.*points lie"),
    pytest.mark.filterwarnings("ignore:.*of the points"),
]

STEPS = 4
"""Points of the finer lattice to a voxel."""


def world(rng: np.random.Generator, shape: tuple[int, ...], size: tuple[float, ...]) -> Any:
    """Labels in a few large patches: seeds of regions, the nearest of which each voxel belongs to."""
    seeds = rng.uniform(0, shape, (7, 3))
    places = np.stack(np.indices(shape), -1)[..., None, :]
    labels = np.linalg.norm((places - seeds) * size, axis=-1).argmin(-1).astype("uint32")
    return labels, make_atlas(labels, make_terminology([-1, 0, 0, 0, 1, 1, 2]), size)


def on_the_lattice(labels: Any, size: tuple[float, ...]) -> Any:
    """The distance of each point of a lattice of quarter voxels to what has another label.

    The lattice holds the faces, edges and corners of voxels. A point of it is inside of a region
    if all voxels that it touches have its label; scipy measures how far it is to one that is not.
    """
    fine = labels
    for axis in range(3):
        fine = np.repeat(fine, STEPS, axis)
        # from cells to points: a point that lies between two touches both
    found = np.zeros([n + 1 for n in fine.shape])
    sampling = [step / STEPS for step in size]
    for label in np.unique(labels):
        inside = np.pad(fine == label, 1, mode="edge")
        touched = minimum_filter(inside, size=2, origin=0)[1:, 1:, 1:]
        away = distance_transform_edt(touched, sampling=sampling)
        found = np.where(touched, away, found)
    return found


@pytest.mark.parametrize(("seed", "chunks"), [(0, None), (1, (7, 9, 5))])
def test_equal_to_scipys_distance_transform(seed: int, chunks: Any) -> None:
    rng = np.random.default_rng(seed)
    shape, size = (24, 30, 19), (0.05, 0.04, 0.06)
    labels, atlas = world(rng, shape, size)
    if chunks:
        atlas = atlas.assign(
            annotation=atlas.annotation.variable.chunk(dict(zip("zyx", chunks, strict=True)))
        )
        assert isinstance(atlas.annotation.data, da.Array)
    want = on_the_lattice(labels, size)
    # points of the lattice inside of voxels, along a slanted line of "contacts" each
    places = [rng.integers(0, n, 300) * STEPS + rng.integers(1, STEPS, 300) for n in shape]
    origin = [float(atlas[dim].values[0]) - s / 2 for dim, s in zip("zyx", size, strict=True)]
    mm = [o + p * s / STEPS for o, p, s in zip(origin, places, size, strict=True)]
    for i in range(0, 300, 15):
        point = {dim: float(along[i]) for dim, along in zip("zyx", mm, strict=True)}
        up = point | {"z": point["z"] - 1}
        found = atlas.atlas.insert([0.0], probe_unit="mm", probe_tip="0 mm", tip=point, entry=up,
                                   frame="dataset", unit="mm")  # fmt: skip
        at = tuple(p[i] for p in places)
        assert found.border_distance.values[0] == pytest.approx(want[at] * 1e3, abs=1e-6)
        assert found.border_distance.attrs["units"] == "um"


def brute(labels: Any, size: Any, origin: Any, point: Any, own: Any) -> float:
    places = np.argwhere(labels != own)
    low = origin + places * size
    gap = np.maximum(np.maximum(low - point, point - low - size), 0)
    return float(np.sqrt((gap**2).sum(1)).min()) if len(places) else np.nan


def test_equal_to_all_voxels_searched() -> None:
    rng = np.random.default_rng(3)
    shape, size = (120, 90, 100), (0.02, 0.025, 0.02)
    labels = (
        rng.integers(1, 7, (12, 9, 10)).astype("uint32").repeat(10, 0).repeat(10, 1).repeat(10, 2)
    )
    labels[25:95, 5:85, 10:90] = 2  # so large that the search has to widen
    assert labels.shape == shape
    atlas = make_atlas(labels, make_terminology([-1, 0, 0, 0, 1, 1, 2]), size)
    origin = np.array([float(atlas[dim].values[0]) for dim in "zyx"]) - np.array(size) / 2
    heights = np.linspace(0.02, 2.2, 30)
    entry = origin + np.array([0.01, 0.9, 0.86])
    tip = origin + np.array([2.3, 1.2, 1.13])
    found = atlas.atlas.insert(
        heights, probe_unit="mm", probe_tip="0 mm", entry=entry, tip=tip, axes=("z", "y", "x"),
        frame="dataset", unit="mm",
    )  # fmt: skip
    back = (entry - tip) / np.linalg.norm(entry - tip)
    for i, height in enumerate(heights):
        point = tip + height * back
        own = labels[tuple(np.floor((point - origin) / size).astype(int))]
        want = brute(labels, size, origin, point, own)
        assert found.border_distance.values[i] == pytest.approx(want * 1e3, abs=1e-6)
    assert (found.border_distance.values > 16 * 25).any()


def test_borders_of_parcels_and_beyond_the_grid() -> None:
    labels = np.ones((8, 8, 40), "uint32")
    labels[..., 20:] = 2
    labels[..., 30:] = 3
    atlas = make_atlas(labels, make_terminology([-1, 0, 1]), (0.1, 0.1, 0.1))
    start = float(atlas.x.values[0]) - 0.05
    z, y = float(atlas.z.values[4]), float(atlas.y.values[4])
    line = {"entry": {"z": z, "y": y, "x": start - 1}, "tip": {"z": z, "y": y, "x": start + 5}}
    asked: dict[str, Any] = {
        "probe_unit": "mm",
        "probe_tip": "0 mm",
        "frame": "dataset",
        "unit": "mm",
    }
    heights = [0.5, 1.53, 2.2, 3.5, 5.5]  # at x = 4.5 (outside), 3.47, 2.8, 1.5 and -0.5
    found = atlas.atlas.insert(heights, **line, **asked)
    np.testing.assert_allclose(found.border_distance.values, [np.nan, 470, 200, 500, np.nan])
    by_level = atlas.atlas.insert(heights, **line, **asked, level=1)
    np.testing.assert_allclose(by_level.border_distance.values, [np.nan, 1470, 800, 500, np.nan])
    alone = atlas.isel(x=slice(0, 20)).atlas.insert(heights, **line, **asked)
    assert np.isnan(alone.border_distance.values).all()


@pytest.mark.filterwarnings("ignore:no manifest says where left and right meet")
def test_only_what_is_near_is_read() -> None:
    ds = xarray_atlas.open_sample("100 um")
    labels = ds.annotation.values
    read: list[tuple[slice, ...]] = []

    class Watched:
        shape, dtype, ndim = labels.shape, labels.dtype, 3

        def __getitem__(self, key: Any) -> Any:
            read.append(key)
            return labels[key]

    lazy = da.from_array(
        Watched(), chunks=(33, 80, 114), asarray=False, meta=np.empty((0, 0, 0), labels.dtype)
    )
    watched = ds.assign(annotation=(ds.annotation.dims, lazy, ds.annotation.attrs))
    point = {"ap": 2.4, "dv": 3.0, "ml": 7.0}  # its own chunk, and one that is 16 voxels away
    found = xarray_atlas.insert(
        watched.drop_vars("hemispheres", errors="ignore"), [0.0], probe_unit="mm", probe_tip="0 mm",
        tip=point, entry=point | {"dv": 0.0}, frame="dataset", unit="mm",
    )  # fmt: skip
    assert found.border_distance.values[0] > 0
    assert {(key[0].start or 0) // 33 for key in read} <= {0, 1}
