"""Whose coordinates points are: asked, stated, or said by the points; against plain numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pint
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import numbered_atlas, places_of
from xarray_atlas.errors import GridError, PointsError

pytestmark = pytest.mark.version_independent

u = pint.get_application_registry()
AXES = ("ap", "dv", "ml")
LETTERS = {"ap": "ap", "dv": "si", "ml": "rl"}
FIRST = {"brainglobe": "asr", "allen": "asl", "world": "pil"}
SHAPE = (6, 5, 4)


@pytest.fixture
def atlas() -> xr.Dataset:
    return numbered_atlas(SHAPE)


def one(mm: tuple[float, float, float] = (0.3, 0.4, 0.8)) -> pd.DataFrame:
    return pd.DataFrame([mm], columns=list(AXES))


# -- against numpy


def axis_of(letter: str) -> int:
    return next(i for i, axis in enumerate(AXES) if letter in LETTERS[axis])


@given(st.data())
@settings(max_examples=120)
def test_frames_units_orders_and_dtypes_against_numpy(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.integers(2, 6)) for _ in range(3))
    size = [data.draw(st.sampled_from([0.01, 0.025, 0.2])) for _ in range(3)]
    frame = data.draw(st.sampled_from(["dataset", "brainglobe", "allen", "world"]))
    worlds, others = ["lpi", "pil", "ilp"], ["asr", "asl", "psr", "ras", "lip", "sra"]
    orientation = data.draw(st.sampled_from(worlds if frame == "world" else others))
    origin = [data.draw(st.sampled_from([0.0, -90.0, 12.5])) for _ in range(3)]
    axes = [axis_of(letter) for letter in orientation]
    atlas = numbered_atlas(shape, size, orientation, origin, frame == "world")
    number = data.draw(st.integers(1, 5))
    index = np.array([[data.draw(st.integers(0, n - 1)) for n in shape] for _ in range(number)])
    part = data.draw(st.sampled_from([0.1, 0.25, 0.5, 0.8]))
    unit = data.draw(st.sampled_from(["mm", "um", "m"] + ["voxel"] * (frame != "world")))
    mm: dict[str, Any] = {}
    for dim, axis in enumerate(axes):
        along = (index[:, dim] + part) * size[dim]  # from the corner, as the Dataset runs
        if frame in ("brainglobe", "allen") and orientation[dim] != FIRST[frame][axis]:
            along = shape[dim] * size[dim] - along
        if frame in ("dataset", "world"):
            along = along - size[dim] / 2  # from the centre of the first voxel
        if unit == "voxel":
            mm[AXES[axis]] = along / size[dim]
        else:
            mm[AXES[axis]] = along + (origin[dim] if frame in ("dataset", "world") else 0)
    factor = {"mm": 1, "um": 1e3, "m": 1e-3, "voxel": 1}[unit]
    dtype = data.draw(st.sampled_from(["f4", "f8"]))
    order = data.draw(st.permutations(AXES))
    values = np.stack([mm[axis] for axis in order], -1) * factor
    if dtype == "f4" and not np.allclose(values.astype("f4"), values, rtol=0, atol=1e-4 * factor):
        dtype = "f8"
    values = values.astype(dtype)
    asked: dict[str, Any] = {"frame": frame, "unit": unit}
    if unit == "voxel":
        asked["resolution"] = {AXES[a]: f"{size[i]} mm" for i, a in enumerate(axes)}
    form = data.draw(st.sampled_from(["array", "table", "dataset"]))
    if form == "array":
        found = atlas.atlas.region_at(values, axes=order, **asked)
    else:
        table = pd.DataFrame(values, columns=list(order))
        found = atlas.atlas.region_at(table if form == "table" else table.to_xarray(), **asked)
    np.testing.assert_array_equal(places_of(found, shape), index)
    assert found.attrs["frame"] == frame


# -- it is asked for


CALLS = ["region_at", "count_points", "along"]


def track(points: Any) -> Any:
    """The points, and as many again further down."""
    return pd.concat([points, points.assign(dv=points.dv + 0.3)], ignore_index=True)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("form", ["table", "array", "mapping", "arrays", "dataset", "dataarray"])
def test_the_frame_of_bare_numbers_is_asked_for(atlas: xr.Dataset, call: str, form: str) -> None:
    table = track(one())
    mm = {"units": "mm"}
    arrays = [xr.DataArray(table[axis].to_numpy(), dims="cell", attrs=mm) for axis in AXES]
    points: Any
    options: dict[str, Any] = {"unit": "mm"}
    if form == "table":
        points = table
    elif form == "array":
        points, options = table.to_numpy(), {"unit": "mm", "axes": AXES}
    elif form == "mapping":
        points, options = dict(zip(AXES, arrays, strict=True)), {}
    elif form == "arrays":
        points, options = arrays, {"axes": AXES}
    elif form == "dataset":
        points, options = xr.Dataset(dict(zip(AXES, arrays, strict=True))), {}
    else:
        points = xr.concat(arrays, pd.Index(AXES, name="axis")).assign_attrs(mm)
        options = {}
    ask = getattr(atlas.atlas, call)
    with pytest.raises(PointsError, match="whose coordinates are these") as caught:
        ask(points, **options)
    for frame, writer in {
        "brainglobe": "cellfinder",
        "allen": "QuPath",
        "dataset": "taken from this Dataset",
        "world": "RAS",
    }.items():
        assert f"frame={frame!r}" in str(caught.value)
        assert writer in str(caught.value)
    assert "4 x 4 matrix" in str(caught.value)
    # as the message says
    assert ask(points, **options, frame="dataset").attrs["frame"] == "dataset"


def test_frames_that_were_read_in_another_one_land_elsewhere(atlas: xr.Dataset) -> None:
    """0.25 mm along ap is in voxel 3 by centres, and in voxel 2 by the corner."""
    found = {
        frame: places_of(
            atlas.atlas.region_at(one((0.26, 0.1, 0.5)), unit="mm", frame=frame), SHAPE
        )
        for frame in ("dataset", "brainglobe", "allen")
    }
    assert found["dataset"].tolist() == [[3, 1, 1]]
    assert found["brainglobe"].tolist() == [[2, 0, 1]]
    assert found["allen"].tolist() == [[2, 0, 2]]


def test_brainglobe_counts_from_anterior_superior_right_in_any_atlas(atlas: xr.Dataset) -> None:
    for orientation in ("asl", "lip", "ras"):
        turned = atlas.atlas.reorient(orientation)
        for frame in ("brainglobe", "allen"):
            here = atlas.atlas.region_at(one(), unit="mm", frame=frame)
            there = turned.atlas.region_at(one(), unit="mm", frame=frame)
            assert here.region.item() == there.region.item()


# -- the points say it themselves


def taken(atlas: xr.Dataset) -> xr.DataArray:
    """Two voxels that were picked from an atlas, with their coordinates."""
    at = {dim: xr.DataArray([1, 3], dims="cell") for dim in "zyx"}
    return atlas.annotation.isel(at)


@pytest.mark.parametrize("form", ["decoded", "encoded"])
@pytest.mark.parametrize("kind", ["dataarray", "dataset", "mapping", "renamed"])
def test_coordinates_with_direction_and_unit_are_those_of_the_dataset(
    atlas: xr.Dataset, form: str, kind: str
) -> None:
    source = atlas if form == "decoded" else xarray_atlas.encode(atlas)
    picked = taken(source).drop_vars("terminology")
    points: Any = picked
    if kind == "dataset":
        points = picked.coords.to_dataset()
    elif kind == "mapping":
        points = {dim: picked[dim] for dim in "xyz"}
    elif kind == "renamed":  # the direction says which axis it is
        points = picked.rename(z="x", x="z").coords.to_dataset()
    for ds in (atlas, xarray_atlas.encode(atlas)):
        found = ds.atlas.region_at(points)
        assert places_of(found, SHAPE).tolist() == [[1, 1, 1], [3, 3, 3]]
        assert found.attrs["frame"] == "dataset"


def test_a_direction_without_a_unit_is_not_enough(atlas: xr.Dataset) -> None:
    points = taken(xarray_atlas.encode(atlas)).coords.to_dataset()
    for dim in "zyx":
        del points[dim].attrs["units"]
    with pytest.raises(PointsError, match="whose coordinates"):
        atlas.atlas.region_at(points)


def test_a_direction_that_contradicts_the_frame_is_an_error(atlas: xr.Dataset) -> None:
    points = taken(atlas)
    with pytest.raises(PointsError, match=r"'x' of the points says that it runs right-to-left"):
        atlas.atlas.region_at(points, frame="allen")
    turned = atlas.atlas.reorient("asl")
    with pytest.raises(PointsError, match="counts from the other end"):
        turned.atlas.region_at(points)
    with pytest.raises(PointsError, match="which is along 'ml'"):
        atlas.atlas.region_at(points.coords.to_dataset(), columns={"ap": "x", "ml": "z"})


def test_an_image_is_not_points(atlas: xr.Dataset) -> None:
    with pytest.raises(PointsError, match=r"is an image on the grid .* ds.atlas.aggregate"):
        atlas.atlas.region_at(atlas.annotation.astype(float).rename("image"))


def test_results_say_their_frame(atlas: xr.Dataset) -> None:
    matrix = np.diag([1.0, 1, 1, 1])
    matrix[0, 3] = 0.1
    for frame in ("dataset", "brainglobe", "allen", matrix):
        found = atlas.atlas.region_at(one(), unit="mm", frame=frame)
        again = atlas.atlas.region_at(found)
        assert again.region.item() == found.region.item()
        assert np.array_equal(again.attrs["frame"], found.attrs["frame"])
        counted = atlas.atlas.count_points(found)
        assert np.array_equal(counted.attrs["frame"], found.attrs["frame"])
        assert counted["count"].sel(region=found.region.item()).item() == 1
        other = "allen" if isinstance(frame, str) and frame != "allen" else "brainglobe"
        with pytest.raises(PointsError, match="leave out frame="):
            atlas.atlas.region_at(found, frame=other)


def test_results_say_their_frame_through_a_file(atlas: xr.Dataset, tmp_path: Any) -> None:
    matrix = np.diag([1.0, 1, 1, 1])
    for frame in ("brainglobe", matrix):
        found = atlas.atlas.region_at(one(), unit="mm", frame=frame)
        found.to_netcdf(tmp_path / "found.nc")
        with xr.open_dataset(tmp_path / "found.nc") as again:
            assert atlas.atlas.region_at(again).region.item() == found.region.item()


def test_positions_in_results_are_those_of_the_dataset(atlas: xr.Dataset) -> None:
    segments = atlas.atlas.along(track(one()), unit="mm", frame="brainglobe")
    assert segments.attrs["frame"] == "brainglobe"
    found = atlas.atlas.region_at(segments.start_point.isel(segment=slice(1, None)))
    assert found.region.values.tolist() == segments.region.values[1:].tolist()
    inside = atlas.atlas.region_properties(["R7", "R9"]).rename(region="of")
    for name in ("centroid", "representative_point"):
        assert atlas.atlas.region_at(inside[name]).region.values.tolist() == ["R7", "R9"]


@pytest.mark.parametrize(
    "calculate",
    [
        lambda at: at - 1 * u.mm,
        lambda at: 1 * u.mm - at,
        lambda at: -at,
        lambda at: at * 2,
        lambda at: np.subtract(at, 1 * u.mm),
        lambda at: at.mean("region"),
    ],
)
def test_positions_that_were_moved_do_not_say_a_frame(atlas: xr.Dataset, calculate: Any) -> None:
    at = atlas.atlas.centroid(["R7", "R9"])
    assert at.attrs["frame"] == at.isel(region=[0]).attrs["frame"] == "dataset"
    moved = calculate(at)
    assert "frame" not in moved.attrs
    assert moved.attrs["units"] == "mm"
    with pytest.raises(PointsError, match="whose coordinates"):
        atlas.atlas.region_at(moved)


def test_frames_stated_by_a_table_and_by_others(atlas: xr.Dataset) -> None:
    table = one()
    table.attrs["frame"] = "allen"
    assert atlas.atlas.region_at(table, unit="mm").attrs["frame"] == "allen"
    table.attrs["frame"] = "camera 3"  # another's word
    with pytest.raises(PointsError, match="whose coordinates"):
        atlas.atlas.region_at(table, unit="mm")
    arrays = {a: xr.DataArray([0.3], dims="cell", attrs={"units": "mm"}) for a in AXES}
    arrays["ap"].attrs["frame"], arrays["dv"].attrs["frame"] = "allen", "dataset"
    with pytest.raises(PointsError, match="state different frames"):
        atlas.atlas.region_at(arrays)


# -- the world


def test_world_is_x_y_z_in_ras() -> None:
    shape, size = (4, 5, 6), (1.0, 2.0, 3.0)
    atlas = numbered_atlas(shape, size, "lpi", (-90, -126, -72), world=True)
    index = np.array([[1, 2, 3], [3, 0, 5]])
    xyz = index * size + [-90, -126, -72]
    table = pd.DataFrame(xyz, columns=["x", "y", "z"])
    for points, options in (
        (xyz, {}),
        (xyz, {"axes": ("x", "y", "z")}),
        (xyz[:, [1, 2, 0]], {"axes": ("ap", "dv", "ml")}),
        (table[["z", "x", "y"]], {}),
        (table.to_xarray(), {}),
    ):
        found = atlas.atlas.region_at(points, frame="world", unit="mm", **options)
        assert places_of(found, shape).tolist() == index.tolist()


def test_world_on_an_atlas_without_one_says_why(atlas: xr.Dataset) -> None:
    for call in CALLS:
        with pytest.raises(GridError, match="frame='world' is RAS mm"):
            getattr(atlas.atlas, call)(track(one()), unit="mm", frame="world")
    with pytest.raises(PointsError, match="this atlas has no world coordinates"):
        atlas.atlas.region_at(one(), unit="mm")


def test_quicknii_by_a_matrix(atlas: xr.Dataset) -> None:
    """Voxels from the left, posterior, inferior corner, in the order ml, ap, dv."""
    index = np.array([1, 3, 2])
    theirs = [
        [
            SHAPE[2] - 1 - index[2] + 0.5,
            SHAPE[0] - 1 - index[0] + 0.5,
            SHAPE[1] - 1 - index[1] + 0.5,
        ]
    ]
    corner = np.array(atlas.atlas.space.corner)
    size = np.array(atlas.atlas.space.voxel_size)
    matrix = np.diag([*-size, 1.0])
    matrix[:3, 3] = corner + size * SHAPE
    found = atlas.atlas.region_at(theirs, axes=("ml", "ap", "dv"), unit="mm", frame=matrix)
    assert places_of(found, SHAPE).tolist() == [index.tolist()]
    assert math.isclose(matrix[0, 0], -0.1)


@pytest.mark.parametrize("change", [lambda z: z - 1 * u.mm, lambda z: z * 2, lambda z: -z])
@pytest.mark.parametrize("frame", ["brainglobe", "allen"])
def test_frames_do_not_lead_to_coordinates_that_were_changed(change: Any, frame: str) -> None:
    sample = xarray_atlas.open_sample("100 um")
    ds = xarray_atlas.open_atlas(sample.attrs["source"], resolution="100 um", midline="5.675 mm")
    moved = ds.assign_coords(z=change(ds.z))
    point = {"ap": ["8.1 mm"], "dv": ["0.8 mm"], "ml": ["6.1 mm"]}
    with pytest.raises(GridError, match="coordinate 'z' lies outside the volume .* was it moved"):
        moved.atlas.region_at(point, frame=frame)
    at = change(8.05 * u.mm).to("mm").magnitude  # what the advice says, half a voxel from a corner
    again = {**point, "ap": [f"{at} mm"]}
    found = moved.atlas.region_at(again, frame="dataset").region.item()
    assert found == ds.atlas.region_at({**point, "ap": ["8.05 mm"]}, frame="dataset").region.item()


@pytest.mark.parametrize("form", ["table", "array"])
def test_x_y_z_of_a_world_are_not_taken_for_dimensions_of_the_array(form: str) -> None:
    affine = np.diag([1.0, 1, 1, 1])
    affine[:3, 3] = -5, -6, -7
    found = np.zeros((10, 12, 14), "uint8")
    found[1:9, 1:11, 1:13] = 1
    found[6:9, 7:11, 8:13] = 2
    nibabel = pytest.importorskip("nibabel")
    table = pd.DataFrame({"id": [1, 2], "name": ["a", "b"]})
    ds = xarray_atlas.create_atlas(nibabel.Nifti1Image(found, affine), table, name="w")
    # the dimension that is called x runs to superior: the last axis of the file
    assert ds.x.attrs["direction"] == "inferior-to-superior"
    place = [2.0, 3.0, 4.0]  # voxel 7, 9, 11
    cells = pd.DataFrame([place], columns=list("xyz")) if form == "table" else np.array([place])
    axes = {} if form == "table" else {"axes": ("x", "y", "z")}
    with pytest.raises(PointsError, match="For positions in the world pass frame='world'"):
        ds.atlas.region_at(cells, unit="mm", frame="dataset", **axes)
    assert ds.atlas.region_at(cells, unit="mm", frame="world", **axes).region.item() == "b"
    named = {"columns": {"ml": "x", "ap": "y", "dv": "z"}} if form == "table" else {
        "axes": ("ml", "ap", "dv")
    }  # fmt: skip
    assert ds.atlas.region_at(cells, unit="mm", frame="dataset", **named).region.item() == "b"
