"""Points of another space, through a transform."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.known_transforms import ATLAS_SIZES, affine, atlas, recording, smooth
from xarray_atlas import Transform
from xarray_atlas.errors import PointsError, TransformError, UnitsError
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.steps import FieldStep, InverseStep, Step

pytestmark = pytest.mark.filterwarnings("ignore:.*points lie outside of the:UserWarning")

GRID = np.array([[0.9, 0, 0, -5], [0, 0.8, 0, -6], [0, 0, 0.7, -4.5], [0, 0, 0, 1]])


def transform(kind: str, seed: int = 3) -> Transform:
    matrix = Transform.from_matrix(affine(seed)).steps[0]
    field = FieldStep(smooth((12, 16, 14), seed, 0.3), GRID, "identity")
    steps: dict[str, tuple[Step, ...]] = {
        "affine": (matrix,),
        "field": (field,),
        "chain": (matrix, field),
        "inverse": (InverseStep(field, 1e-6, "missing"), matrix),
    }
    return Transform(steps[kind], End("image"), End("atlas"))


KINDS = ["affine", "field", "chain", "inverse"]


def expected(ds: xr.Dataset, there: Any) -> Any:
    """The labels at positions in RAS mm, by hand: z, y, x run to posterior, inferior and left."""
    x, y, z = np.asarray(there).T
    at = (np.stack([-y, -z, -x], axis=1) - [-5, -4, -3]) / ATLAS_SIZES
    at = np.floor(np.nan_to_num(at, nan=-9) + 0.5).astype(int)
    inside = ((at >= 0) & (at < ds.annotation.shape)).all(axis=1)
    labels = ds.annotation.values[tuple(np.where(inside[:, None], at, 0).T)]
    return np.where(inside, labels, 0), inside


@pytest.mark.parametrize("kind", KINDS)
def test_labels_at_points(kind: str) -> None:
    ds = atlas()
    points = np.random.default_rng(0).uniform(-5, 5, (3000, 3))
    labels, inside = expected(ds, transform(kind).points(points))
    table = pd.DataFrame(points * 1000, columns=["x", "y", "z"])
    found = xarray_atlas.region_at(ds, table, transform=transform(kind), unit="um")
    known = (labels > 0) & (found.status.values == 0)
    assert known.mean() > 0.2
    numbers = ds.atlas.terminology
    for label, region in zip(labels[known][:50], found.region_id.values[known][:50], strict=True):
        assert label in numbers.labels_of(numbers.position(int(region)), direct=True)
    np.testing.assert_array_equal(found.status.values == 3, ~inside)
    assert found.attrs["frame"] == "image"
    if kind != "inverse":
        back = transform(kind).inverse("0.01 um", "missing")
        back = xarray_atlas.region_at(ds, table, transform=back, unit="um")
        assert (back.region_id == found.region_id).mean() > 0.97
    turned = ds.atlas.reorient("sra")  # dv, ml, ap
    here = xarray_atlas.region_at(turned, table, transform=transform(kind), unit="um")
    np.testing.assert_array_equal(here.region_id, found.region_id)
    rows = xarray_atlas.region_at(ds, points, transform=transform(kind), unit="mm")
    np.testing.assert_array_equal(rows.region_id, found.region_id)
    other = xarray_atlas.region_at(
        ds, points[:, ::-1], transform=transform(kind), unit="mm", axes=("z", "y", "x")
    )
    np.testing.assert_array_equal(other.region_id, found.region_id)


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6), st.sampled_from(KINDS))
def test_points_and_images_agree(seed: int, kind: str) -> None:
    """The region at a voxel's centre equals that of the resampled atlas in that voxel."""
    ds, image = atlas(), recording((9, 8, 7))
    through = transform(kind, seed)
    mine = ds.atlas.resample_like(image, through)
    points = np.stack(np.meshgrid(*(image[d].values for d in "xyz"), indexing="ij"), -1)
    found = ds.atlas.region_at(points.reshape(-1, 3), transform=through, unit="mm")
    here = mine.atlas.region_at(
        points.reshape(-1, 3), frame="dataset", unit="mm", axes=("x", "y", "z")
    )
    np.testing.assert_array_equal(found.region_id, here.region_id)


def test_counts_and_tracks() -> None:
    ds = atlas()
    points = np.random.default_rng(0).uniform(-2, 2, (500, 3))
    there = transform("chain").bind(target=ds).points(points)
    wanted = ds.atlas.count_points(there, unit="mm", frame="dataset", axes=("z", "y", "x"))
    found = ds.atlas.count_points(points, unit="mm", transform=transform("chain"))
    xr.testing.assert_equal(found.drop_attrs(), wanted.drop_attrs())
    line = np.array([[-2.0, -2, -2], [2, 1, 2]])
    fine = np.linspace(line[0], line[1], 2000)
    bent = transform("chain").bind(target=ds).points(fine)
    asked = {"unit": "mm", "frame": "dataset", "axes": ("z", "y", "x")}
    wanted = ds.atlas.along(bent, **asked)
    found = ds.atlas.along(line, unit="mm", transform=transform("chain"))
    length = np.linalg.norm(np.diff(bent, axis=0), axis=1).sum()
    total = found.stop.pint.dequantify().values[-1]
    assert total == pytest.approx(length, rel=1e-3)
    assert set(found.region.values) >= set(
        wanted.region.values[wanted.length.pint.dequantify().values > 0.05]
    )


def test_with_a_frame_before_it() -> None:
    ds = atlas()
    points = np.random.default_rng(0).uniform(-2, 2, (200, 3))
    turn = affine(9)
    moved = points @ turn[:3, :3].T + turn[:3, 3]
    wanted = ds.atlas.region_at(moved, unit="mm", transform=transform("chain"))
    found = ds.atlas.region_at(points, unit="mm", transform=transform("chain"), frame=turn)
    np.testing.assert_array_equal(found.region_id, wanted.region_id)
    again = ds.atlas.region_at(points, unit="mm", transform=transform("chain"), frame="world")
    plain = ds.atlas.region_at(points, unit="mm", transform=transform("chain"))
    np.testing.assert_array_equal(again.region_id, plain.region_id)
    with pytest.raises(PointsError, match="the points are those of 'image', in x, y, z"):
        ds.atlas.region_at(points, unit="mm", transform=transform("chain"), frame="allen")


def test_from_an_atlas_to_another_through_its_frame() -> None:
    """The source is an atlas too, and the points are in a frame of that one."""
    other = xarray_atlas.open_sample("100 um")
    ds = atlas()
    t = transform("affine").rename(source="allen").bind(source=other)
    frame = other.atlas.frames["ibl"]
    points = np.random.default_rng(0).uniform(-1500, 1500, (200, 3))
    wanted = ds.atlas.region_at(frame.to_dataset(points), unit="mm", transform=t)
    found = ds.atlas.region_at(points, unit="um", transform=t, frame=frame, axes=frame.axes)
    np.testing.assert_array_equal(found.region_id, wanted.region_id)


def test_what_is_refused() -> None:
    ds, points = atlas(), np.zeros((2, 3))
    t = transform("affine")
    with pytest.raises(TransformError, match="transform= is a Transform, not ndarray"):
        ds.atlas.region_at(points, unit="mm", transform=np.eye(4))
    with pytest.raises(TransformError, match="neither is"):
        ds.atlas.region_at(points, unit="mm", transform=t.rename("fixed", "moving"))
    with pytest.raises(UnitsError):
        ds.atlas.region_at(points, transform=t)
    with pytest.raises(PointsError, match="not indices of voxels"):
        ds.atlas.region_at(points, unit="voxel", resolution="25 um", transform=t)
    ways = ("right-to-left", "posterior-to-anterior", "inferior-to-superior")
    placed = xr.Dataset(
        {
            n: ("p", [0.0, 1], {"units": "mm", "direction": w})
            for n, w in zip("xyz", ways, strict=True)
        }
    )
    with pytest.raises(PointsError, match="runs right-to-left, but in"):
        ds.atlas.region_at(placed, transform=t)
    stated = xr.Dataset(
        {n: ("p", [0.0, 1], {"units": "mm"}) for n in "xyz"}, attrs={"frame": "allen"}
    )
    with pytest.raises(PointsError, match="state in their attributes"):
        ds.atlas.region_at(stated, transform=t)
