"""Contacts of probes under random insertions, against iblatlas and rotations of scipy."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pint
import pytest
import xarray as xr
from scipy.spatial.transform import Rotation

import xarray_atlas
from xarray_atlas.errors import PointsError, UnitsError

probeinterface = pytest.importorskip("probeinterface")
neuropixels = pytest.importorskip("probeinterface.neuropixels_tools")

pytestmark = [
    pytest.mark.version_independent,
    pytest.mark.filterwarnings("ignore:.*points lie outside"),
    pytest.mark.filterwarnings("ignore:.*points lie in background"),
    pytest.mark.filterwarnings("ignore:.*of the points"),
]

u = pint.get_application_registry()
UM = 1e-3
SINGLE = ["NP1000", "NP1010", "NP1020", "NP1030", "NP1100", "NP1110", "NP1120", "NP1200",
          "NP2000", "NP3010"]  # fmt: skip
FOUR = ["NP2010", "NP2014", "NP3020"]
RAS = {"left-to-right": (1, 0, 0), "right-to-left": (-1, 0, 0), "posterior-to-anterior": (0, 1, 0),
       "anterior-to-posterior": (0, -1, 0)}  # fmt: skip


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    return xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")


def neuropixels_probe(name: str, every: int = 1) -> Any:
    probe = neuropixels.build_neuropixels_probe(name)
    return probe.get_slice(np.arange(0, probe.get_contact_count(), every)) if every > 1 else probe


def draw(rng: np.random.Generator) -> dict[str, float]:
    entry = rng.uniform((-3, -4, -1), (3, 2, 0))
    x, y, z = np.round(entry, 4)
    angles = {"phi": rng.uniform(-180, 180), "theta": rng.uniform(0, 60)}
    return {"x": x, "y": y, "z": z, "depth": rng.uniform(1, 6), **angles}


def stated(at: dict[str, float]) -> dict[str, Any]:
    """The same insertion as keywords of insert."""
    angles = {name: f"{at[name]!r} deg" for name in ("phi", "theta")}
    entry = {"ml": at["x"], "ap": at["y"], "dv": at["z"]}
    return {"entry": entry, "angles": angles, "depth": at["depth"] * u.mm, "unit": "mm"}


def in_ras(found: xr.Dataset) -> np.ndarray:
    return np.stack([found.ml.values, found.ap.values, found.dv.values], 1)


@pytest.mark.parametrize("name", SINGLE)
def test_single_shank_is_where_iblatlas_has_it(ds: xr.Dataset, name: str) -> None:
    iblatlas = pytest.importorskip("iblatlas.atlas", exc_type=ImportError)
    probe = neuropixels_probe(name, every=31)
    heights = (probe.contact_positions[:, 1] - probe.probe_planar_contour[:, 1].min()) * UM
    rng = np.random.default_rng(SINGLE.index(name))
    for _ in range(2):
        at = draw(rng)
        theirs = iblatlas.Insertion(
            at["x"] / 1e3, at["y"] / 1e3, at["z"] / 1e3, at["phi"], at["theta"], at["depth"] / 1e3
        )
        entry, tip = np.array(theirs.entry) * 1e3, np.array(theirs.tip) * 1e3
        want = tip + heights[:, None] * (entry - tip) / at["depth"]
        found = ds.atlas.insert(probe, frame="ibl", spin="on axis", **stated(at))
        assert np.abs(in_ras(found) - want).max() < 1e-6
        np.testing.assert_allclose(found.from_tip.values, heights * 1e3)
        np.testing.assert_allclose(found.depth.values, (at["depth"] - heights) * 1e3, atol=1e-6)
        # the same by its ends, and by its tip
        ends = {"entry": entry, "tip": tip}
        asked = {"axes": ("ml", "ap", "dv"), "unit": "mm", "frame": "ibl", "spin": "on axis"}
        by_ends = ds.atlas.insert(probe, **ends, **asked)
        assert np.abs(in_ras(by_ends) - want).max() < 1e-6
        xr.testing.assert_allclose(by_ends.depth, found.depth)
        by_tip = ds.atlas.insert(probe, tip=tip, angles=stated(at)["angles"], **asked)
        assert np.abs(in_ras(by_tip) - want).max() < 1e-6
        assert "depth" not in by_tip


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize("spin", [37.0, "posterior-to-anterior", "right-to-left"])
def test_four_shanks_are_turned_as_scipy_does(ds: xr.Dataset, name: str, spin: Any) -> None:
    probe = neuropixels_probe(name, every=97)
    rng = np.random.default_rng(FOUR.index(name))
    tips = {"0": 8.0, "2": 508.0, "centre": 383.0}
    for shank, x in tips.items():
        at = draw(rng)
        local = np.zeros((probe.get_contact_count(), 3))
        local[:, 0] = probe.contact_positions[:, 0] - x
        local[:, 2] = probe.contact_positions[:, 1] - probe.probe_planar_contour[:, 1].min()
        turn = spin
        if isinstance(spin, str):  # x is a cos(spin) + b sin(spin): nearest to the direction
            first = Rotation.from_euler("ZYZ", [at["phi"], at["theta"], 0], degrees=True)
            a, b = first.apply(np.eye(3)[:2]) @ RAS[spin]
            turn = np.degrees(np.arctan2(b, a))
        rotation = Rotation.from_euler("ZYZ", [at["phi"], at["theta"], turn], degrees=True)
        tip = np.array([at["x"], at["y"], at["z"]]) - at["depth"] * rotation.apply([0, 0, 1])
        want = tip + rotation.apply(local) * UM
        asked = {"spin": spin if isinstance(spin, str) else f"{spin} deg", "shank": shank}
        found = ds.atlas.insert(probe, frame="ibl", **asked, **stated(at))
        assert np.abs(in_ras(found) - want).max() < 1e-6
        assert found.shank.values.tolist() == probe.shank_ids.tolist()
        assert found.contact_id.values.tolist() == probe.contact_ids.tolist()


def test_an_upright_probe(ds: xr.Dataset) -> None:
    """By hand: x to the right, up is superior; 90 degrees of spin turn x to anterior."""
    asked = {"probe_unit": "um", "probe_tip": "-100 um", "frame": "ibl", "unit": "mm"}
    entry = {"ml": 1, "ap": -2, "dv": 0}
    flat = {"phi": "0 deg", "theta": "0 deg"}
    contacts = [[-50, 0], [50, 0], [-50, 400], [50, 400]]
    where = {"entry": entry, "angles": flat, "depth": "2 mm"}
    found = ds.atlas.insert(contacts, **where, **asked, spin="0 deg")
    right = [0.95, 1.05, 0.95, 1.05]
    np.testing.assert_allclose(found.ml.values, right)
    np.testing.assert_allclose(found.ap.values, -2)
    np.testing.assert_allclose(found.dv.values, [-1.9, -1.9, -1.5, -1.5])
    assert found.from_tip.values.round(9).tolist() == [100, 100, 500, 500]
    assert found.depth.values.round(9).tolist() == [1900, 1900, 1500, 1500]
    assert found.depth.attrs["units"] == "um"
    turned = ds.atlas.insert(contacts, **where, **asked, spin="90 deg")
    np.testing.assert_allclose(turned.ap.values, np.array(right) - 3)
    # the upper end leans to anterior
    tilted = {"phi": "90 deg", "theta": "30 deg"}
    line = ds.atlas.insert([0.0], entry=entry, angles=tilted, depth="2 mm", **asked)
    np.testing.assert_allclose(in_ras(line)[0], [1, -2 - 1.9 * 0.5, -1.9 * np.sqrt(0.75)])
    # contacts in front of the plane face posterior
    solid = [[0, 0, 10]]
    front = ds.atlas.insert(solid, depth_axis="y", spin="0 deg", **where, **asked)
    np.testing.assert_allclose(in_ras(front)[0], [1, -2.01, -1.9])


@pytest.mark.parametrize("frame", ["allen", "brainglobe", "dataset"])
@pytest.mark.parametrize("orientation", ["asr", "rpi"])
def test_frames_that_run_other_ways(ds: xr.Dataset, frame: str, orientation: str) -> None:
    probe = neuropixels_probe("NP2014", every=101)
    at = draw(np.random.default_rng(5))
    asked = {"angles": stated(at)["angles"], "spin": "20 deg", "shank": "centre"}
    mine = ds.atlas.reorient(orientation)
    frames = mine.atlas.frames
    there = frames["ibl"].to_dataset([at["x"] * 1e3, at["y"] * 1e3, at["z"] * 1e3])
    entry = dict(zip(frames[frame].axes, frames[frame].from_dataset(there), strict=True))
    unit = frames[frame].unit
    depth = at["depth"] * u.mm
    found = mine.atlas.insert(probe, entry=entry, depth=depth, frame=frame, unit=unit, **asked)
    ibl = ds.atlas.insert(probe, **stated(at) | asked, frame="ibl")
    numbers = np.stack([found[axis].values for axis in frames[frame].axes], 1)
    numbers = numbers * (1e3 if unit == "um" else 1)
    back = frames["ibl"].from_dataset(frames[frame].to_dataset(numbers)) * UM
    np.testing.assert_allclose(back, in_ras(ibl), atol=1e-9)
    assert found.region.values.tolist() == ibl.region.values.tolist()
    assert found.hemisphere.values.tolist() == ibl.hemisphere.values.tolist()


def test_regions_are_those_of_the_positions(ds: xr.Dataset) -> None:
    probe = neuropixels_probe("NP2014", every=11)
    at = draw(np.random.default_rng(8))
    where = stated(at) | {"spin": "0 deg", "shank": 1, "frame": "ibl"}
    found = ds.atlas.insert(probe, **where)
    again = ds.atlas.region_at(found[["region"]].drop_vars("region"))
    for name in ("region", "region_id", "hemisphere", "status"):
        np.testing.assert_array_equal(again[name].values, found[name].values)
    assert len(set(found.region.values.tolist())) > 5
    coarse = ds.atlas.insert(probe, **where, parcellation="cosmos")
    assert set(coarse.region.values.tolist()) < {
        "",
        "Isocortex",
        "HPF",
        "TH",
        "MB",
        "OLF",
        "CTXsp",
        "CNU",
        "HY",
    }


def test_a_probe_is_rigid_in_a_frame_that_is_scaled(ds: xr.Dataset) -> None:
    probe = neuropixels_probe("NP2014", every=53)
    at = draw(np.random.default_rng(2))
    found = ds.atlas.insert(probe, **stated(at), frame="mri-toronto", spin="10 deg", shank="0")
    apart = np.linalg.norm(np.diff(in_ras(found), axis=0), axis=1)
    own = np.linalg.norm(np.diff(probe.contact_positions, axis=0), axis=1) * UM
    np.testing.assert_allclose(apart, own, atol=1e-9)


def test_in_an_image_that_was_registered(ds: xr.Dataset) -> None:
    """Contacts are rigid in the image (RAS mm), and go through the transform one by one."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [5, -8, 3], degrees=True).as_matrix() * 1.1
    tip, up = np.array([0.5, -2.0, -3.0]), np.array([0.0, 0.0, 1.0])
    made = xarray_atlas.Transform.from_matrix
    end = made(matrix, source="image", target="atlas").bind(target=ds)
    at = dict(zip(end.target.axes, end.points(tip[None])[0], strict=True))
    # so that the tip comes to 7.5, 5 and 6.5 mm: to right, anterior and superior all are reversed
    matrix[:3, 3] = at["x"] - 6.5, at["z"] - 7.5, at["y"] - 5
    there = made(matrix, source="image", target="atlas")
    bound = there.bind(target=ds)
    probe = neuropixels_probe("NP2014", every=61)
    asked = {"axes": ("x", "y", "z"), "unit": "mm", "shank": "0", "spin": "posterior-to-anterior"}
    found = ds.atlas.insert(probe, tip=tip, entry=tip + 3 * up, transform=there, **asked)
    x = probe.contact_positions[:, 0] - 8
    y = probe.contact_positions[:, 1] - probe.probe_planar_contour[:, 1].min()
    want = tip + np.stack([0 * x, x, y], 1) * UM
    got = np.stack([found[axis].values for axis in "xyz"], 1)
    np.testing.assert_allclose(got, want, atol=1e-9)
    placed = bound.points(want)
    again = ds.atlas.region_at(placed, axes=bound.target.axes, unit="mm", frame="dataset")
    assert found.region.values.tolist() == again.region.values.tolist()
    assert len(set(found.region.values.tolist())) > 3
    assert ds.atlas.plot.track(found, transform=there).shape == (4, 1)


def test_what_holds_a_probe(ds: xr.Dataset) -> None:
    probe = probeinterface.generate_multi_columns_probe(num_columns=2, num_contact_per_column=6)
    probe.set_device_channel_indices(np.arange(12)[::-1])
    group = probeinterface.ProbeGroup()
    group.add_probe(probe)

    class Recording:
        def get_probegroup(self) -> Any:
            return group

    asked = stated(draw(np.random.default_rng(1))) | {"frame": "ibl", "spin": "left-to-right"}
    one = ds.atlas.insert(probe, **asked)
    assert one.channel.values.tolist() == list(range(12))[::-1]
    xr.testing.assert_identical(ds.atlas.insert(group, **asked), one)
    xr.testing.assert_identical(ds.atlas.insert(Recording(), **asked), one)
    lowest = probe.probe_planar_contour[:, 1].min()
    as_3d = probe.to_3d("xz")
    solid = ds.atlas.insert(as_3d, depth_axis="z", probe_tip=f"{lowest} um", **asked)
    centre = probe.contact_positions[:, 0].mean()
    assert centre == pytest.approx(np.median(probe.probe_planar_contour[:, 0]))
    np.testing.assert_allclose(in_ras(solid), in_ras(one), atol=1e-9)
    group.add_probe(probeinterface.generate_tetrode())
    with pytest.raises(PointsError, match=r"group of 2 probes.*group.probes\[0\]"):
        ds.atlas.insert(group, **asked)


def test_a_recording_of_spikeinterface(ds: xr.Dataset) -> None:
    """A real one, where SpikeInterface is installed: it needs a zarr before 3 by its metadata."""
    core = pytest.importorskip("spikeinterface.core")
    recording = core.generate_recording(num_channels=24, durations=[0.1], set_probe=False)
    asked = stated(draw(np.random.default_rng(1))) | {"frame": "ibl", "spin": "left-to-right"}
    with pytest.raises(PointsError, match="has no probe"):
        ds.atlas.insert(recording, **asked)
    probe = neuropixels_probe("NP1010", every=40)
    wired = np.random.default_rng(0).permutation(24)
    probe.set_device_channel_indices(wired)
    recording.set_probe(probe)
    found = ds.atlas.insert(recording, **asked)
    one = ds.atlas.insert(probe, **asked).isel(contact=np.argsort(wired))
    xr.testing.assert_identical(found, one)  # in the order of the channels
    some = recording.select_channels(recording.channel_ids[[20, 3, 11]])
    part = ds.atlas.insert(some, **asked)
    np.testing.assert_array_equal(part.contact_id, found.contact_id[[20, 3, 11]])
    np.testing.assert_allclose(in_ras(part), in_ras(found)[[20, 3, 11]])


def test_what_lies_above_the_entry_is_no_warning(ds: xr.Dataset) -> None:
    probe = neuropixels_probe("NP1010", every=5)
    tip = {"ml": -1.5, "ap": -2.2, "dv": -3.5}
    asked = {"frame": "ibl", "unit": "mm", "spin": "on axis"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ds.atlas.insert(probe, entry=tip | {"dv": -0.6}, tip=tip, **asked)
        assert (found.status.values == 3).mean() > 0.5
        flat = {"phi": "0 deg", "theta": "0 deg"}
        ds.atlas.insert(probe, tip=tip, angles=flat, **asked)
    up = {"ml": -1.5, "ap": -2.2, "dv": 3.5}
    outside = pytest.warns(UserWarning, match="points lie outside of the")
    with pytest.warns(UserWarning, match="goes upwards.*has dv the sign of another"), outside:
        ds.atlas.insert(probe, entry=up | {"dv": 0.5}, tip=up, **asked)
    with pytest.warns(UserWarning, match="points lie outside of the"):
        ds.atlas.insert(probe, tip=up, angles=flat, **asked)


# -- along a curve, and rescaled


def test_a_track_of_two_points_is_a_line(ds: xr.Dataset) -> None:
    probe = neuropixels_probe("NP1010", every=7)
    at = draw(np.random.default_rng(3))
    asked = {"frame": "ibl", "unit": "mm", "spin": "left-to-right"}
    tip = {"ml": at["x"] + 0.4, "ap": at["y"] - 0.2, "dv": at["z"] - 3}
    entry = stated(at)["entry"]
    line = ds.atlas.insert(probe, entry=entry, tip=tip, **asked)
    track = {axis: [entry[axis], tip[axis]] for axis in entry}
    curve = ds.atlas.insert(probe, track=track, **asked)
    np.testing.assert_allclose(in_ras(curve), in_ras(line), atol=1e-9)
    np.testing.assert_allclose(curve.depth.values, line.depth.values, atol=1e-6)


def test_a_track_along_a_circle(ds: xr.Dataset) -> None:
    """A quarter of a circle of 5 mm through 40 points: contacts lie on it, as far apart as on the probe."""
    radius, t = 5.0, np.linspace(0, np.pi / 2, 40)
    track = {"ml": 1 + 0 * t, "ap": -4 + radius * np.cos(t), "dv": -0.5 - radius * np.sin(t)}
    heights = np.arange(0.2, 7.5, 0.02)
    found = ds.atlas.insert(
        heights, probe_unit="mm", probe_tip="0 um", track=track, frame="ibl", unit="mm"
    )
    angle = np.pi / 2 - heights / radius
    want = np.stack([1 + 0 * angle, -4 + radius * np.cos(angle), -0.5 - radius * np.sin(angle)], 1)
    assert np.abs(in_ras(found) - want).max() < 1e-3
    np.testing.assert_allclose(found.depth.values, (radius * np.pi / 2 - heights) * 1e3, atol=1)
    # above the entry it is straight
    above = ds.atlas.insert(
        [8.0, 9.0], probe_unit="mm", probe_tip="0 um", track=track, frame="ibl", unit="mm"
    )
    assert np.linalg.norm(np.diff(in_ras(above), axis=0)) == pytest.approx(1)
    assert (above.depth.values < 0).all()


@pytest.mark.parametrize("shank", ["0", "2", "centre"])
def test_four_shanks_along_a_circle(ds: xr.Dataset, shank: str) -> None:
    """In the plane of the bend each shank lies on a circle of its own; across it on a shifted one."""
    probe = neuropixels_probe("NP2014", every=37)
    x, y = probe.contact_positions.T / 1000
    height = y - probe.probe_planar_contour[:, 1].min() / 1000
    contour = probe.probe_planar_contour / 1000
    lowest = np.sort(contour[np.argsort(contour[:, 1])[:4], 0])  # the tips
    beside = x - {"0": lowest[0], "2": lowest[2], "centre": lowest[[0, 3]].mean()}[shank]
    radius, t = 7.0, np.linspace(0, 1.2, 80)
    track = {"ml": 1 + 0 * t, "ap": -4 + radius * np.cos(t), "dv": 0.5 - radius * np.sin(t)}
    keep = height < radius * 1.1
    asked = {"track": track, "frame": "ibl", "unit": "mm", "shank": shank}
    angle = 1.2 - height / radius
    for spin, inwards, aside in (("anterior-to-posterior", 1, 0), ("left-to-right", 0, 1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ds.atlas.insert(probe, **asked, spin=spin)
        r = radius - inwards * beside
        want = np.stack(
            [1 + aside * beside, -4 + r * np.cos(angle), 0.5 - r * np.sin(angle)], axis=1
        )
        assert np.abs(in_ras(found) - want)[keep].max() < 1e-3
        np.testing.assert_allclose(found.depth, (radius * 1.2 - height) * 1e3, atol=1)
        assert found.shank.values.tolist() == probe.shank_ids.tolist()


def test_the_spline_is_that_of_scipy() -> None:
    from scipy.interpolate import CubicSpline

    from xarray_atlas.probes.course import Curve

    rng = np.random.default_rng(0)
    points = np.cumsum(rng.uniform(0.2, 1, (7, 3)), axis=0)
    curve = Curve(points)
    chords = np.append(0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1)))
    t = np.linspace(0, chords[-1], 201)
    theirs = CubicSpline(chords, points, bc_type="natural")
    place, slope = curve._evaluate(t)
    np.testing.assert_allclose(place, theirs(t), atol=1e-12)
    np.testing.assert_allclose(slope, theirs(t, 1), atol=1e-12)
    length = np.linalg.norm(theirs(np.linspace(0, chords[-1], 100_001), 1), axis=1)
    assert curve.length == pytest.approx(length.mean() * chords[-1], abs=1e-4)


def test_landmarks_scale_heights(ds: xr.Dataset) -> None:
    heights = [0.5, 1.0, 1.5, 2.0, 3.0]
    asked = {"probe_unit": "mm", "probe_tip": "0 um", "frame": "ibl", "unit": "mm"}
    where = {"entry": {"ml": 1, "ap": -2, "dv": 0}, "tip": {"ml": 1, "ap": -2, "dv": -4}}
    marks = {"probe": ["2 mm", "1000 um"], "track": ["2.4 mm", "0.9 mm"]}
    found = ds.atlas.insert(heights, **where, **asked, landmarks=marks)
    np.testing.assert_allclose(found.dv.values + 4, [0.4, 0.9, 1.65, 2.4, 3.4])
    np.testing.assert_allclose(found.depth.values, [3600, 3100, 2350, 1600, 600])
    np.testing.assert_allclose(found.from_tip.values, np.array(heights) * 1e3)
    one = ds.atlas.insert(heights, **where, **asked, landmarks={"probe": "1 mm", "track": "1.2 mm"})
    np.testing.assert_allclose(one.depth.values, 4000 - (np.array(heights) + 0.2) * 1e3)


# -- questions


ENTRY = {"ml": 1.0, "ap": -2.0, "dv": 0.0}
TIP = {"ml": 1.0, "ap": -2.0, "dv": -3.0}
ANGLES = {"phi": "0 deg", "theta": "10 deg"}
LINE = {"probe": [0.1, 0.2], "probe_unit": "mm", "probe_tip": "0 um", "frame": "ibl", "unit": "mm"}
ENDS = {"entry": ENTRY, "tip": TIP}


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({}, PointsError, r"stated by nothing; pass entry= and tip=, or entry=, angles= and depth="),
        ({"entry": ENTRY}, PointsError, "stated by entry=; pass"),
        ({"entry": ENTRY, "angles": ANGLES}, PointsError, "entry=, angles=; pass"),
        (ENDS | {"depth": "3 mm"}, PointsError, "entry=, tip=, depth=; pass"),
        (ENDS | {"angles": ANGLES}, PointsError, "stated by"),
        ({"entry": ENTRY, "tip": ENTRY}, PointsError, "same point"),
        ({"entry": ENTRY, "angles": ANGLES, "depth": 3}, UnitsError, "depth=3 has no unit"),
        ({"entry": ENTRY, "angles": ANGLES, "depth": "-3 mm"}, PointsError, "not a distance"),
        ({"tip": TIP, "angles": {"phi": 0, "theta": 0}}, UnitsError, "phi=0 has no unit"),
        ({"tip": TIP, "angles": {"pitch": "3 deg"}}, PointsError, "not of the form"),
        ({"tip": TIP, "angles": ANGLES | {"theta": "-10 deg"}}, PointsError, "between 0 and 180"),
        (ENDS | {"spin": "20 deg"}, PointsError, "goes with angles="),
        (ENDS | {"probe_unit": None}, UnitsError, "probe_unit='um'"),
        (ENDS | {"probe_tip": None}, PointsError, "position of the tip of the probe is unknown"),
        (ENDS | {"probe_tip": -200}, UnitsError, "write it as '-200 um'"),
        (ENDS | {"probe_tip": "0.15 mm"}, PointsError, "below the tip"),
        (ENDS | {"frame": None}, PointsError, "whose coordinates are these"),
        (ENDS | {"unit": None}, UnitsError, "has no unit"),
        (ENDS | {"tip": {"ml": np.nan, "ap": 0, "dv": 0}}, PointsError, "not a number"),
        (ENDS | {"probe": [[0.1, 0.2], [0.2, 0.2]]}, PointsError, "which way the probe faces"),
        (ENDS | {"probe": [[1, 2.0], [2, 2]], "spin": "superior-to-inferior"}, PointsError, "along the shank"),
        (ENDS | {"probe": [[0, 1.0, 2], [0, 0, 1]]}, PointsError, "depth_axis='y' or 'z'"),
        ({"tip": TIP, "angles": ANGLES, "spin": "right"}, UnitsError, "angle with a unit.*'left-to-right'"),
        (ENDS | {"probe": "NP1"}, PointsError, "none is downloaded.*'NP2014' a 2.0 with four shanks"),
        (ENDS | {"landmarks": {"probe": [1], "track": ["1 mm"]}}, UnitsError, "has no unit"),
        (ENDS | {"landmarks": {"probe": ["1 mm"], "track": []}}, PointsError, "1 heights on the probe and 0"),
        (ENDS | {"landmarks": {"probe": ["1 mm", "2 mm"], "track": ["2 mm", "1 mm"]}}, PointsError, "same order"),
        ({"track": {"ml": [1.0], "ap": [0.0], "dv": [0.0]}}, PointsError, "two points or more"),
        ({"track": {"ml": [1.0, 1], "ap": [0.0, 0], "dv": [0.0, 0]}}, PointsError, "are the same"),
    ],
)  # fmt: skip
def test_questions(ds: xr.Dataset, asked: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        ds.atlas.insert(**(LINE | asked))


def test_a_probe_that_goes_upwards(ds: xr.Dataset) -> None:
    track = {axis: [TIP[axis], ENTRY[axis]] for axis in TIP}
    with pytest.warns(UserWarning, match="tip lies 3.0 mm above the entry.*reverse their order"):
        ds.atlas.insert(**LINE, track=track)
    with pytest.warns(UserWarning, match="3.0 mm above the entry.*entry= and tip= swapped"):
        ds.atlas.insert(**LINE, entry=TIP, tip=ENTRY)
    sideways = {"ml": 3.0, "ap": -2.0, "dv": -2.0}  # 26.6 degrees upwards
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds.atlas.insert(**LINE, entry=sideways, tip=TIP | {"ml": 1.0, "dv": -1.0})


def test_part_numbers_are_probes_of_the_catalogue(
    ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ENDS | {"frame": "ibl", "unit": "mm", "spin": "right-to-left"}
    for name in ("NP1100", "NP2014"):
        shank = {"shank": "0"} if name == "NP2014" else {}
        found = ds.atlas.insert(name, **asked, **shank)
        xr.testing.assert_identical(
            found, ds.atlas.insert(neuropixels_probe(name), **asked, **shank)
        )
    monkeypatch.setitem(sys.modules, "probeinterface.neuropixels_tools", None)
    with pytest.raises(PointsError, match="none is downloaded.*where probeinterface is installed"):
        ds.atlas.insert("NP2014", **asked, shank="0")


def test_questions_about_shanks(ds: xr.Dataset) -> None:
    probe = neuropixels_probe("NP2014", every=301)
    asked = ENDS | {"frame": "ibl", "unit": "mm"}
    with pytest.raises(PointsError, match=r"4 shanks, '0', '1', '2', '3': say which.*'centre'"):
        ds.atlas.insert(probe, **asked, spin="left-to-right")
    with pytest.raises(PointsError, match="no shank '7'"):
        ds.atlas.insert(probe, **asked, spin="left-to-right", shank="7")
    with pytest.raises(PointsError, match="one shank on its axis; the probe has 4"):
        ds.atlas.insert(probe, **asked, spin="on axis", shank="1")
    track = {axis: [ENTRY[axis], TIP[axis]] for axis in ENTRY}
    along = {"track": track, "frame": "ibl", "unit": "mm"}
    with pytest.raises(PointsError, match="4 shanks.*along track=, with shank="):
        ds.atlas.insert(probe, **along, spin="left-to-right")
    with pytest.raises(PointsError, match="which way the probe faces"):
        ds.atlas.insert(probe, **along, shank=0)
