"""Frames: the value, the mapping of those that are known, and those of one's own."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import numbered_atlas, places_of
from xarray_atlas import Frame
from xarray_atlas.errors import GridError, PointsError, UnitsError

pytestmark = pytest.mark.version_independent

RAS = ("left-to-right", "posterior-to-anterior", "inferior-to-superior")
BREGMA = {"ap": "0.3 mm", "dv": "100 um", "ml": "0.4 mm"}


@pytest.fixture
def atlas() -> xr.Dataset:
    return numbered_atlas((6, 5, 4))  # voxels of 0.1, 0.2 and 0.4 mm, "asr"


def corners(points: Any) -> np.ndarray:
    """Positions from the anterior, superior, left corner of that atlas in its own mm."""
    ap, dv, ml = np.asarray(points, float).T
    return np.stack([ap - 0.05, dv - 0.1, 1.6 - ml - 0.2], -1)


# -- the value


letters = st.permutations(["ap", "si", "rl"])
finite = st.floats(-50, 50).filter(lambda x: x == 0 or abs(x) > 1e-6)


@st.composite
def frames(draw: Any) -> Frame:
    ways = {
        "ap": ("anterior-to-posterior", "posterior-to-anterior"),
        "si": ("superior-to-inferior", "inferior-to-superior"),
        "rl": ("right-to-left", "left-to-right"),
    }
    directions = [draw(st.sampled_from(ways[group])) for group in draw(letters)]
    matrix = np.eye(4)
    matrix[:3] = [[draw(finite) for _ in range(4)] for _ in range(3)]
    if abs(np.linalg.det(matrix[:3, :3])) <= 1e-3 * np.prod(np.linalg.norm(matrix[:3, :3], axis=0)):
        matrix[:3, :3] = np.diag([2.0, -1.0, 0.5])
    corner = np.diag([1.0, -1, 1, 1]) if draw(st.booleans()) else None
    text = st.text(max_size=12)
    return Frame(
        draw(text.filter(str.strip)),
        ("one", "two", "three"),
        (directions[0], directions[1], directions[2]),
        draw(st.sampled_from(["mm", "um", "m", "cm"])),
        matrix,
        corner,
        (13.2, 8.0, 11.4) if draw(st.booleans()) else (),
        draw(text),
        draw(text),
        tuple(draw(st.lists(text.filter(bool), max_size=3))),
    )


@given(frames())
@settings(max_examples=60)
def test_it_round_trips(frame: Frame) -> None:
    for again in (
        Frame.from_dict(frame.to_dict()),
        Frame.from_dict(json.loads(json.dumps(frame.to_dict()))),
        Frame.from_json(frame.to_json()),
        pickle.loads(pickle.dumps(frame)),
        dataclasses.replace(frame),
    ):
        assert again == frame
        assert hash(again) == hash(frame)
        assert np.array_equal(again.matrix, frame.matrix)
        assert dataclasses.replace(again, unit="nm") != frame
    assert repr(frame).startswith("<Frame ")


@given(frames(), st.lists(st.tuples(finite, finite, finite), min_size=1, max_size=5))
@settings(max_examples=60)
def test_there_and_back(frame: Frame, points: list[tuple[float, float, float]]) -> None:
    places = np.array(points)
    numbers = frame.from_dataset(places)
    condition = np.linalg.cond(frame.matrix)
    np.testing.assert_allclose(
        frame.to_dataset(numbers), places, rtol=0, atol=1e-12 * condition**2 + 1e-9
    )
    by_hand = [frame.matrix[:3, :3] @ place + frame.matrix[:3, 3] for place in places]
    np.testing.assert_allclose(numbers, by_hand, rtol=1e-12, atol=1e-9)


def test_it_cannot_be_changed(atlas: xr.Dataset) -> None:
    frame = atlas.atlas.frames["allen"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame.name = "other"
    with pytest.raises(ValueError, match="read-only"):
        frame.matrix[0, 0] = 3
    given = np.eye(4)
    made = Frame("f", ("x", "y", "z"), RAS, "mm", given)
    given[0, 3] = 5
    assert made.matrix[0, 3] == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"matrix": np.eye(3)}, GridError, "4 x 4"),
        ({"matrix": np.diag([1, 1, 0, 1.0])}, GridError, "singular"),
        ({"matrix": np.full((4, 4), np.nan)}, GridError, "not finite"),
        ({"matrix": np.eye(4)[[3, 1, 2, 0]]}, GridError, "last row"),
        ({"unit": "s"}, UnitsError, "unit of length"),
        ({"unit": "furlongs long"}, UnitsError, "unit of length"),
        ({"axes": ("x", "y")}, GridError, "three axes"),
        ({"axes": ("x", "y", "y")}, GridError, "different names"),
        ({"axes": ("ml", "dv", "ap")}, GridError, "axis 'dv' .* runs posterior-to-anterior"),
        ({"directions": (RAS[0], RAS[0], RAS[2])}, GridError, "not one each"),
        ({"directions": ("up", "down", "left")}, GridError, "not one each"),
        ({"name": " "}, GridError, "name of a frame"),
    ],
)
def test_what_is_no_frame(change: dict[str, Any], error: type, message: str) -> None:
    values: dict[str, Any] = {"name": "f", "axes": ("x", "y", "z"), "directions": RAS}
    values |= {"unit": "mm", "matrix": np.eye(4)}
    with pytest.raises(error, match=message):
        Frame(**{**values, **change})


def test_what_is_no_json_of_a_frame() -> None:
    for text in ("{", "[1]", "{}", '{"xarray_atlas_frame": 2}', '{"xarray_atlas_frame": 1}'):
        with pytest.raises(GridError):
            Frame.from_json(text)


def test_it_prints_readably(atlas: xr.Dataset) -> None:
    lines = repr(atlas.atlas.frame("mine", bregma=BREGMA, frame="allen", citation="Lab\nbook"))
    lines = lines.splitlines()
    assert lines[0] == "<Frame 'mine' in mm>"
    assert lines[1].split() == ["ap", "posterior-to-anterior"]
    assert "Source: Lab book" in lines
    assert "  - bregma lies at ap 300 um, dv 100 um, ml 400 um of frame='allen'" in lines[-1]


# -- those that are known


def test_the_mapping(atlas: xr.Dataset) -> None:
    known = atlas.atlas.frames
    assert list(known) == ["dataset", "brainglobe", "allen", "quicknii"]
    assert "world" not in known
    with pytest.raises(KeyError, match="there are 'dataset', 'brainglobe', 'allen'"):
        known["bregma"]
    shown = repr(known).splitlines()
    assert shown[0] == "<Frames: 4>"
    assert shown[1].split()[:2] == ["name", "axes,"]
    assert shown[4].split()[:10] == [
        "allen",
        "ap",
        "to",
        "posterior,",
        "dv",
        "to",
        "inferior,",
        "ml",
        "to",
        "right",
    ]
    assert "um" in shown[4].split()
    assert "(Wang et al" in shown[4]
    world = numbered_atlas((4, 5, 6), (1, 2, 3), "lpi", (-90, -126, -72), world=True)
    assert world.atlas.frames["world"].axes == ("x", "y", "z")


def test_the_built_in_ones_by_hand(atlas: xr.Dataset) -> None:
    places = np.random.default_rng(3).uniform(0, (0.6, 1.0, 1.6), (50, 3))
    here = corners(places)
    allen = atlas.atlas.frames["allen"].from_dataset(here)
    np.testing.assert_allclose(allen, places * 1e3, atol=1e-9)
    brainglobe = atlas.atlas.frames["brainglobe"].from_dataset(here)
    np.testing.assert_allclose(brainglobe, (places * [1, 1, -1] + [0, 0, 1.6]) * 1e3, atol=1e-9)
    np.testing.assert_array_equal(atlas.atlas.frames["dataset"].from_dataset(here), here)
    quicknii = atlas.atlas.frames["quicknii"]
    assert quicknii.axes == ("x", "y", "z")
    ap, dv, ml = places.T
    wanted = np.stack([ml, 0.6 - ap, 1.0 - dv], axis=1) * 1e3  # to the right, anterior, superior
    np.testing.assert_allclose(quicknii.from_dataset(here), wanted, atol=1e-9)
    world = numbered_atlas((4, 5, 6), (1, 2, 3), "lpi", (-90, -126, -72), world=True)
    found = world.atlas.frames["world"].from_dataset([[-89.0, -120, -70]])
    np.testing.assert_allclose(found, [[-89, -120, -70]])


@pytest.mark.parametrize("orientation", ["asr", "asl", "psr", "ras", "lip", "sra"])
@pytest.mark.parametrize("name", ["dataset", "brainglobe", "allen", "quicknii", "mine"])
def test_it_is_the_same_frame_after_reorienting(
    atlas: xr.Dataset, orientation: str, name: str
) -> None:
    mine = atlas.atlas.frame("mine", bregma=BREGMA, frame="allen", pitch=5)
    atlas = atlas.atlas.add_frame(mine)
    turned = atlas.atlas.reorient(orientation)
    here = atlas.atlas.frames[name]
    there = turned.atlas.frames[name]
    point = {"ap": [0.33], "dv": [0.45], "ml": [0.9]}  # off the boundaries of voxels
    allen = {"frame": "allen", "unit": "mm"}
    voxel = atlas.atlas.region_at(point, **allen).region.item()
    numbers = here.from_dataset(corners([[0.33, 0.45, 0.9]]))
    for ds in (atlas, turned):
        if name == "dataset":
            at = {"frame": here}  # a frame that was taken is that of its Dataset
        else:
            at = {"frame": name}
            assert there == here
            assert Frame.from_json(there.to_json()) == here
        at = {**at, "unit": here.unit, "axes": here.axes}
        assert ds.atlas.region_at(numbers, **at).region.item() == voxel
        assert ds.atlas.region_at(numbers, **{**at, "frame": here}).region.item() == voxel


def test_one_of_another_space_is_refused(atlas: xr.Dataset) -> None:
    other = xarray_atlas.open_sample("100 um").atlas.frames["allen"]
    with pytest.raises(GridError, match=r"13.2 x 8 x 11.4 mm, .* 0.6 x 1 x 1.6 mm"):
        atlas.atlas.region_at([[0, 0, 0]], frame=other, unit="um")
    with pytest.raises(GridError, match="a frame of another space"):
        atlas.atlas.add_frame(dataclasses.replace(other, name="theirs"))
    alone = Frame("alone", ("x", "y", "z"), RAS, "mm", np.diag([-1.0, -1, -1, 1])[[2, 0, 1, 3]])
    with pytest.raises(GridError, match="does not say where the corner"):
        atlas.atlas.region_at([[0, 0, 0]], frame=alone, unit="um")


# -- kept with a Dataset


@pytest.fixture
def known(atlas: xr.Dataset) -> xr.Dataset:
    mine = atlas.atlas.frame(
        "mine", bregma=BREGMA, frame="allen", pitch="5 deg", citation="Lab book", url="https://x.y"
    )
    return atlas.atlas.add_frame(mine)


def keep(ds: xr.Dataset, tmp_path: Any) -> dict[str, Any]:
    encoded = xarray_atlas.encode(ds)
    ds.to_netcdf(tmp_path / "a.nc")
    ds.to_zarr(tmp_path / "a.zarr")
    return {
        "slice": ds.isel(z=slice(2, 4)),
        "plane": ds.isel(x=1),
        "array": ds.annotation,
        "calculated": ds.annotation.astype(float) * 2,
        "encoded": encoded,
        "decoded": xarray_atlas.decode(encoded),
        "crop": ds.atlas.crop("R7"),
        "sel": ds.atlas.sel(ap="0.3 mm", method="nearest"),
        "reoriented": ds.atlas.reorient("ras"),
        "renamed": ds.rename(z="slices"),
        "pickled": pickle.loads(pickle.dumps(ds)),
        "netcdf": xarray_atlas.decode(xr.load_dataset(tmp_path / "a.nc")),
        "netcdf as it is": xr.load_dataset(tmp_path / "a.nc"),
        "zarr": xr.open_zarr(tmp_path / "a.zarr"),
        "concat": xr.concat([ds.isel(z=slice(3)), ds.isel(z=slice(3, None))], "z"),
    }


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
@pytest.mark.filterwarnings("ignore:.*consolidated.*:UserWarning")
def test_it_goes_with_the_dataset(known: xr.Dataset, tmp_path: Any) -> None:
    mine = known.atlas.frames["mine"]
    for how, obj in keep(known, tmp_path).items():
        assert obj.atlas.frames["mine"] == mine, how
        assert obj.atlas.frames["mine"].citation == "Lab book"


def test_it_does_not_set_objects_apart(atlas: xr.Dataset, known: xr.Dataset) -> None:
    """A frame is about one object; the space is the same, and so its fingerprint."""
    assert known.terminology.item() == atlas.terminology.item()
    assert known.atlas.space == atlas.atlas.space
    assert (known.annotation + atlas.annotation).atlas.space == atlas.atlas.space
    assert "mine" not in atlas.atlas.frames


def test_adding_another_of_the_name_replaces_it(known: xr.Dataset) -> None:
    other = known.atlas.frame("mine", bregma={"ap": 0, "dv": 0, "ml": 0} | BREGMA, frame="allen")
    again = known.atlas.add_frame(other)
    assert again.atlas.frames["mine"] == other != known.atlas.frames["mine"]
    assert list(again.atlas.frames).count("mine") == 1


@pytest.mark.parametrize("name", ["dataset", "allen", "brainglobe", "world", "ibl", "bregma"])
def test_names_that_have_a_meaning(atlas: xr.Dataset, name: str) -> None:
    frame = dataclasses.replace(atlas.atlas.frames["allen"], name=name)
    with pytest.raises(PointsError, match="has a meaning already"):
        atlas.atlas.add_frame(frame)


def test_results_state_it_through_files(known: xr.Dataset, tmp_path: Any) -> None:
    point = pd.DataFrame({"ap": [-0.05, 0.1], "ml": [0.3, 0.2], "dv": [-0.2, -0.4]})
    found = known.atlas.region_at(point, frame="mine", unit="mm")
    assert Frame.from_json(found.attrs["frame"]) == known.atlas.frames["mine"]
    found.to_netcdf(tmp_path / "found.nc")
    again = xr.load_dataset(tmp_path / "found.nc")
    bare = numbered_atlas((6, 5, 4))  # which does not know it by name
    for ds in (known, bare, bare.atlas.reorient("lip")):
        looked = ds.atlas.region_at(again)
        assert looked.region.values.tolist() == found.region.values.tolist()
    with pytest.raises(PointsError, match="frame='mine', and frame='allen' says otherwise"):
        known.atlas.region_at(again, frame="allen")
    assert known.atlas.region_at(again, frame="mine").attrs["frame"] == found.attrs["frame"]
    table = found.to_dataframe()
    table.attrs["frame"] = "mine"
    assert known.atlas.region_at(table, unit="mm", columns={"ap": "ap"}).attrs == found.attrs


# -- of a matrix


@pytest.mark.parametrize("unit", ["mm", "um"])
def test_of_a_matrix(atlas: xr.Dataset, unit: str) -> None:
    size = {"mm": 1.0, "um": 1e3}[unit]
    # ml to the right, ap to anterior, dv to superior, from 0.3, 0.4, 0.8 mm of the Dataset
    matrix = np.array(
        [[0, 0, -size, 0.8 * size], [-size, 0, 0, 0.3 * size], [0, -size, 0, 0.4 * size],
         [0, 0, 0, 1]]
    )  # fmt: skip
    frame = atlas.atlas.frame("mine", matrix=matrix, unit=unit)
    assert frame.axes == ("ml", "ap", "dv")
    assert frame.directions == RAS
    np.testing.assert_allclose(frame.from_dataset([[0.3, 0.4, 0.8]]), [[0, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(
        frame.from_dataset([[0.2, 0.3, 0.7]]), [[0.1 * size, 0.1 * size, 0.1 * size]], atol=1e-9
    )
    same = atlas.atlas.frame("mine", to_dataset=np.linalg.inv(matrix), unit=unit)
    assert same == frame
    named = {"ml": [0.08], "ap": [0.08], "dv": [0.08]}
    for points, axes in (([[0.08, 0.08, 0.08]], frame.axes), (named, None)):
        found = atlas.atlas.region_at(points, frame=frame, unit="mm", axes=axes)
        assert places_of(found, (6, 5, 4)).tolist() == [[2, 2, 2]]
    other = "um" if unit == "mm" else "mm"
    with pytest.raises(UnitsError, match="Pass the unit of the frame's numbers"):
        atlas.atlas.frame("mine", matrix=matrix, unit=other)


def test_a_matrix_and_the_frame_of_it_agree(atlas: xr.Dataset) -> None:
    rng = np.random.default_rng(8)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, (0.3, 0.4, 0.8)
    frame = atlas.atlas.frame("mine", to_dataset=matrix, axes=("a", "b", "c"))
    points = rng.uniform(-0.3, 0.3, (200, 3))
    # of a matrix points come in the order of the dims: those of the frame are called a, b, c
    dims = dict(zip(("ap", "dv", "ml"), points.T, strict=True))
    named = dict(zip(frame.axes, points.T, strict=True))
    one = atlas.atlas.region_at(dims, frame=matrix, unit="mm")
    other = atlas.atlas.region_at(named, frame=frame, unit="mm")
    assert one.region.values.tolist() == other.region.values.tolist()
    assert len(set(one.region.values.tolist())) > 5


# -- of landmarks


def test_of_bregma(atlas: xr.Dataset) -> None:
    for frame, place in (
        ("allen", BREGMA),
        ("brainglobe", {"ap": "0.3 mm", "dv": "0.1 mm", "ml": "1.2 mm"}),
        ("dataset", {"ap": "0.25 mm", "dv": "0 mm", "ml": "1 mm"}),
    ):
        made = atlas.atlas.frame("mine", bregma=place, frame=frame)
        assert made.axes == ("ap", "ml", "dv")
        assert made.directions == (RAS[1], RAS[0], RAS[2])
        found = made.from_dataset(corners([[0.3, 0.1, 0.4], [0.2, 0.3, 0.5]]))
        np.testing.assert_allclose(found, [[0, 0, 0], [0.1, 0.1, -0.2]], atol=1e-12)
    down = atlas.atlas.frame(
        "mine", bregma=BREGMA, frame="allen", unit="um", axes=("dv", "ap", "ml"),
        directions=("superior-to-inferior", RAS[1], RAS[0]),
    )  # fmt: skip
    found = down.from_dataset(corners([[0.2, 0.3, 0.5]]))
    np.testing.assert_allclose(found, [[200, 100, 100]], atol=1e-9)


def nose_up(points: np.ndarray, degrees: float) -> np.ndarray:
    """Rotate points (anterior, right, superior) as complex numbers: the nose goes up."""
    turned = (points[:, 0] + 1j * points[:, 2]) * np.exp(1j * math.radians(degrees))
    return np.stack([turned.real, points[:, 1], turned.imag], -1)


@pytest.mark.parametrize("order", ["rotate, scale", "scale, rotate"])
def test_of_bregma_with_pitch_and_scale(atlas: xr.Dataset, order: str) -> None:
    scale = {"ap": 1.5, "ml": 0.5, "dv": 0.8}
    made = atlas.atlas.frame(
        "mine", bregma=BREGMA, frame="allen", pitch="7 deg", scale=scale, order=order
    )
    places = np.random.default_rng(1).uniform(0, (0.6, 1.0, 1.6), (100, 3))
    plain = (places - (0.3, 0.1, 0.4)) * (-1, -1, 1)
    plain = plain[:, [0, 2, 1]]  # anterior, right, superior
    factors = np.array([1.5, 0.5, 0.8])
    if order == "rotate, scale":
        wanted = nose_up(plain, 7) * factors
    else:
        wanted = nose_up(plain * factors, 7)
    np.testing.assert_allclose(made.from_dataset(corners(places)), wanted, atol=1e-12)
    assert made.tilted


@given(st.floats(-20, 20), st.floats(-10, 10), st.floats(0.5, 2), st.booleans())
@settings(max_examples=50, deadline=None)
def test_lambda_lies_straight_behind(
    pitch: float, yaw: float, stretch: float, rotate_first: bool
) -> None:
    ds = numbered_atlas((6, 5, 4))
    behind = 0.2 * np.array([1, math.tan(math.radians(pitch)), math.tan(math.radians(yaw))])
    bregma = np.array([0.3, 0.3, 0.8])
    places = [
        {a: f"{v:.17g} mm" for a, v in zip(("ap", "dv", "ml"), place, strict=True)}
        for place in (bregma, bregma + behind)
    ]
    made = ds.atlas.frame(
        "mine", bregma=places[0], lambda_=places[1], frame="allen",
        scale={"ap": stretch}, order="rotate, scale" if rotate_first else "scale, rotate",
    )  # fmt: skip
    found = made.from_dataset(corners([bregma, bregma + behind]))
    np.testing.assert_allclose(found[0], [0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(found[1, 1:], [0, 0], atol=1e-9)
    factors = behind * [stretch, 1, 1]
    length = stretch * np.linalg.norm(behind) if rotate_first else np.linalg.norm(factors)
    assert found[1, 0] == pytest.approx(-length)
    if rotate_first:
        # nothing rolls: what lies level with bregma, and straight beside the way to lambda
        beside = bregma + np.array([-behind[2], 0, behind[0]])
        right = made.from_dataset(corners([beside]))[0]
        np.testing.assert_allclose(right[[0, 2]], [0, 0], atol=1e-9)
        assert right[1] > 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bregma": {"ap": 0.3, "dv": 0.1, "ml": 0.4}}, UnitsError, "has no unit"),
        ({"bregma": [0.3, 0.1, 0.4]}, PointsError, "does not say which column"),
        ({"frame": None}, PointsError, "whose coordinates are these"),
        ({"bregma": {"ap": ["1 mm", "2 mm"], "dv": ["1 mm"] * 2, "ml": ["1 mm"] * 2}},
         PointsError, "one place, not 2"),
        ({"pitch": 5, "lambda_": BREGMA}, PointsError, "not by both"),
        ({"lambda_": BREGMA}, PointsError, "not behind it"),
        ({"pitch": 5, "scale": {"ap": 2}}, PointsError, "the order matters"),
        ({"pitch": 5, "scale": {"ap": 2}, "order": "xyz"}, PointsError, "order='xyz'"),
        ({"pitch": "5 mm"}, UnitsError, "not an angle"),
        ({"pitch": 120}, PointsError, "between -90 and 90"),
        ({"scale": {"x": 2}}, PointsError, "no axis 'x'"),
        ({"scale": [1, 2, 3]}, PointsError, "which factor is along which axis"),
        ({"scale": -1}, PointsError, "not positive"),
        ({"axes": ("x", "y", "z")}, PointsError, "say with directions="),
        ({"directions": ("up", "down", "left")}, PointsError, "three different ones"),
        ({"matrix": np.eye(4)}, PointsError, "not of both"),
        ({"bregma": None}, PointsError, "goes with bregma="),
        ({"bregma": None, "frame": None, "unit": "um"}, PointsError, "of a frame that is made"),
        ({"centres": 25}, UnitsError, "has no unit"),
    ],
)  # fmt: skip
def test_what_is_asked(
    atlas: xr.Dataset, options: dict[str, Any], error: type, message: str
) -> None:
    given = {"bregma": BREGMA, "frame": "allen", **options}
    with pytest.raises(error, match=message):
        atlas.atlas.frame("mine", **given)


def test_a_scale_of_all_axes_needs_no_order(atlas: xr.Dataset) -> None:
    """It is the same either way."""
    asked: dict[str, Any] = {"bregma": BREGMA, "frame": "allen", "pitch": 5, "scale": 1.2}
    one, other = (
        atlas.atlas.frame("f", **asked, order=order).matrix
        for order in ("rotate, scale", "scale, rotate")
    )
    np.testing.assert_allclose(one, other, atol=1e-12)
    np.testing.assert_allclose(atlas.atlas.frame("f", **asked).matrix, one, atol=1e-12)


def test_bregma_may_be_a_result(atlas: xr.Dataset) -> None:
    made = atlas.atlas.frame("mine", bregma=atlas.atlas.centroid("R7"))
    np.testing.assert_allclose(
        made.from_dataset(atlas.atlas.centroid("R7").values), [0, 0, 0], atol=1e-12
    )


def test_a_table_does_not_say_the_order_of_positions(atlas: xr.Dataset) -> None:
    table = pd.DataFrame({"x": [1.0], "y": [2.0], "z": [3.0]})
    for convert in (
        atlas.atlas.frames["allen"].from_dataset,
        atlas.atlas.frames["allen"].to_dataset,
    ):
        with pytest.raises(GridError, match=r"a DataFrame has columns in an order of its own"):
            convert(table)
