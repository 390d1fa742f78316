"""Published stereotaxic conventions: against their programs, and formulas written out again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from support.atlases import numbered_atlas
from xarray_atlas.errors import PointsError

pytestmark = pytest.mark.version_independent

NAMES = (
    "ibl",
    "ibl-needles",
    "mri-toronto",
    "pinpoint-dorr2008",
    "pinpoint-qiu2018",
    "trajectory-explorer",
)


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return xarray_atlas.open_sample("100 um")


def corner_points(number: int = 10_000) -> np.ndarray:
    """Random positions in the CCF, in um from the anterior, superior, left corner: ap, dv, ml."""
    return np.random.default_rng(17).uniform(0, (13200, 8000, 11400), (number, 3))


def in_frame(ds: xr.Dataset, name: str, corner_um: np.ndarray) -> dict[str, np.ndarray]:
    """What a frame says of positions from the corner, in um, through the Dataset's own mm."""
    # of the sample, written out: it runs to posterior, inferior and left from -25 um on
    mm = np.stack([corner_um[:, 0], corner_um[:, 1], 11400 - corner_um[:, 2]], -1) / 1e3 - 0.025
    frame = ds.atlas.frames[name]
    numbers = frame.from_dataset(mm) * {"um": 1.0, "mm": 1e3}[frame.unit]
    return dict(zip(frame.axes, numbers.T, strict=True))


# -- IBL


@pytest.mark.parametrize(
    ("name", "kind"),
    [("ibl", "AllenAtlas"), ("ibl-needles", "NeedlesAtlas"), ("mri-toronto", "MRITorontoAtlas")],
)
@pytest.mark.parametrize("resolution", [10, 25, 50])
def test_ibl_against_iblatlas(ds: xr.Dataset, name: str, kind: str, resolution: int) -> None:
    iblatlas = pytest.importorskip("iblatlas.atlas")
    theirs = getattr(iblatlas, kind)(resolution, mock=True)
    um = corner_points()
    wanted = theirs.ccf2xyz(um, ccf_order="apdvml") * 1e6  # ml, ap, dv in m
    found = in_frame(ds, name, um)
    np.testing.assert_allclose(found["ml"], wanted[:, 0], rtol=0, atol=1e-3)
    np.testing.assert_allclose(found["ap"], wanted[:, 1], rtol=0, atol=1e-3)
    np.testing.assert_allclose(found["dv"], wanted[:, 2], rtol=0, atol=1e-3)
    assert ds.atlas.frames[name].axes == ("ml", "ap", "dv")  # the order of their xyz
    back = ds.atlas.frames[name].to_dataset(wanted)
    np.testing.assert_allclose(ds.atlas.frames["allen"].from_dataset(back), um, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("ibl", (1, 1, 1)),
        ("ibl-needles", (1.087, 0.952, 1)),
        ("mri-toronto", (1.031, 0.885, 0.952)),
    ],
)
def test_ibl_by_its_numbers(ds: xr.Dataset, name: str, scale: tuple[float, ...]) -> None:
    um = corner_points()
    found = in_frame(ds, name, um)
    np.testing.assert_allclose(found["ap"], (5400 - um[:, 0]) * scale[0], rtol=0, atol=1e-3)
    np.testing.assert_allclose(found["dv"], (332 - um[:, 1]) * scale[1], rtol=0, atol=1e-3)
    np.testing.assert_allclose(found["ml"], (um[:, 2] - 5739) * scale[2], rtol=0, atol=1e-3)


@pytest.mark.parametrize("kind", ["AllenAtlas", "NeedlesAtlas", "MRITorontoAtlas"])
def test_the_frame_of_centres_finds_the_voxels_of_iblatlas(kind: str) -> None:
    iblatlas = pytest.importorskip("iblatlas.atlas")
    theirs = getattr(iblatlas, kind)(50, mock=True)
    name = {"AllenAtlas": "ibl", "NeedlesAtlas": "ibl-needles", "MRITorontoAtlas": "mri-toronto"}[
        kind
    ]
    ds = xarray_atlas.open_sample("50 um")
    frame = ds.atlas.frame(name, centres="50 um")
    rng = np.random.default_rng(4)
    # the mock has the shape of 25 um: within the volume of 50 um
    index = rng.uniform(0, (227, 263, 159), (10_000, 3))  # ml, ap, dv
    xyz = theirs.bc.i2xyz(index)
    voxels = theirs.bc.xyz2i(xyz)
    mm = frame.to_dataset(xyz * 1e6)
    ours = np.floor((mm + 0.025) / 0.05).astype(int)  # z, y, x of the sample
    np.testing.assert_array_equal(ours[:, 0], voxels[:, 1])
    np.testing.assert_array_equal(ours[:, 1], voxels[:, 2])
    np.testing.assert_array_equal(227 - ours[:, 2], voxels[:, 0])
    plain = np.floor((ds.atlas.frames[name].to_dataset(xyz * 1e6) + 0.025) / 0.05).astype(int)
    assert (plain != ours).any(axis=1).mean() > 0.5  # half a voxel along each axis


@pytest.mark.parametrize(("name", "scale"), [("ibl", 1), ("mri-toronto", 0.885)])
def test_the_frame_of_centres_is_half_a_voxel_away(ds: xr.Dataset, name: str, scale: float) -> None:
    """The centre of the first voxel of 25 um is called as the corner is without it."""
    of_centres = ds.atlas.frame(name, centres="25 um")
    corner, centre = (ds.atlas.frames["allen"].to_dataset([[v, v, v]]) for v in (0, 12.5))
    plain = ds.atlas.frames[name].from_dataset(corner)
    np.testing.assert_allclose(of_centres.from_dataset(centre), plain, atol=1e-6)
    assert plain[0, 2] == pytest.approx(332 * scale)
    assert of_centres.name == f"{name}-25um"


# -- Pinpoint


def unity_euler(degrees: tuple[float, float, float]) -> np.ndarray:
    """The rotation of Unity's Quaternion.Euler: about z, then x, then y, in its left-handed axes.

    As quaternions, multiplied out by Hamilton's rule.
    """

    def about(axis: int, angle: float) -> np.ndarray:
        half = math.radians(angle) / 2
        q = np.zeros(4)
        q[0], q[1 + axis] = math.cos(half), math.sin(half)
        return q

    def times(p: np.ndarray, q: np.ndarray) -> np.ndarray:
        w, v = p[0], p[1:]
        return np.array([w * q[0] - v @ q[1:], *(w * q[1:] + q[0] * v + np.cross(v, q[1:]))])

    x, y, z = degrees
    q = times(about(1, y), times(about(0, x), about(2, z)))
    conjugate = q * (1, -1, -1, -1)
    columns = [times(times(q, np.array([0, *e])), conjugate)[1:] for e in np.eye(3)]
    return np.array(columns).T


def test_the_oracle_of_unity() -> None:
    """Rotating forward (z) by 90 degrees about up (y) gives right (x), as Unity documents."""
    np.testing.assert_allclose(unity_euler((0, 90, 0)) @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(unity_euler((90, 0, 0)) @ [0, 0, 1], [0, -1, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "scaling"),
    [
        ("pinpoint-dorr2008", (-1.087, 1.0, -0.952)),
        ("pinpoint-qiu2018", (-1.031, 0.952, -0.885)),
    ],
)
def test_pinpoint_by_its_numbers(ds: xr.Dataset, name: str, scaling: tuple[float, ...]) -> None:
    um = corner_points()
    # Pinpoint's vectors: x is ap to posterior, y is ml to the right, z is dv to inferior, in mm
    from_bregma = um[:, [0, 2, 1]] / 1e3 - (5.2, 5.7, 0.332)
    turned = from_bregma @ unity_euler((0, -5, 0)).T
    wanted = turned * scaling * 1e3
    found = in_frame(ds, name, um)
    for i, axis in enumerate(("ap", "ml", "dv")):
        np.testing.assert_allclose(found[axis], wanted[:, i], rtol=0, atol=1e-3)
    frame = ds.atlas.frames[name]
    assert frame.axes == ("ap", "ml", "dv")
    assert frame.tilted


def test_pinpoint_as_its_users_saw_it(ds: xr.Dataset) -> None:
    """The centre of VTA, with IBL's bregma as it was then: github.com/VirtualBrainLab/Pinpoint#363.

    At about 3 mm behind bregma in the plain CCF, and 2.6 mm "after MRI transformation".
    """
    ibl = ds.atlas.centroid("VTA", frame="ibl").sel(axis="ap").item().to("mm").magnitude
    assert ibl == pytest.approx(-3, abs=0.1)
    then = ds.atlas.frame(
        "pinpoint 0.9",
        bregma={"ap": "5.4 mm", "dv": "0.332 mm", "ml": "5.7 mm"},
        frame="allen",
        pitch=5,
        scale={"ap": 1.031, "dv": 0.885, "ml": 0.952},
        order="scale, rotate",
    )
    found = ds.atlas.centroid("VTA", frame=then).sel(axis="ap").item().magnitude
    assert found == pytest.approx(-2.6, abs=0.05)


# -- the trajectory explorer


def test_the_trajectory_explorer_by_its_numbers(ds: xr.Dataset) -> None:
    um = corner_points()
    # its voxels of 10 um are counted from 1, which is the centre of the first: [ml, ap, dv]
    index = um[:, [2, 0, 1]] / 10 + 0.5
    row = np.c_[index, np.ones(len(index))]  # MATLAB multiplies rows
    move = np.eye(4)
    move[3, :3] = -570.5, -520, -44
    size = np.diag([0.952 / 100, -1.031 / 100, 0.885 / 100, 1])
    c, s = math.cos(math.radians(5)), math.sin(math.radians(5))
    turn = np.array([[1, 0, 0, 0], [0, c, -s, 0], [0, s, c, 0], [0, 0, 0, 1]])
    wanted = (row @ move @ size @ turn)[:, :3] * 1e3
    found = in_frame(ds, "trajectory-explorer", um)
    for i, axis in enumerate(("ml", "ap", "dv")):
        np.testing.assert_allclose(found[axis], wanted[:, i], rtol=0, atol=1e-3)
    middle = in_frame(ds, "trajectory-explorer", np.array([[5195.0, 435.0, 5700.0]]))
    assert {axis: round(float(v[0]), 6) + 0.0 for axis, v in middle.items()} == {
        "ml": 0, "ap": 0, "dv": 0,
    }  # fmt: skip


def test_what_tilts_raises_the_nose(ds: xr.Dataset) -> None:
    """Of two places on one level of the CCF the anterior one is higher from bregma."""
    front, back = np.array([[4000.0, 1000, 5700]]), np.array([[9000.0, 1000, 5700]])
    for name in NAMES[3:]:
        one, other = (in_frame(ds, name, p)["dv"][0] for p in (front, back))
        up = ds.atlas.frames[name].directions[2] == "inferior-to-superior"
        assert bool(one > other) is up
    for name in NAMES[:3]:
        assert in_frame(ds, name, front)["dv"] == pytest.approx(in_frame(ds, name, back)["dv"])


# -- where they are known


def test_they_are_known_for_the_ccf_only(ds: xr.Dataset) -> None:
    assert set(NAMES) <= set(ds.atlas.frames)
    parts = [ds.atlas.parcellate("cosmos"), ds.isel(z=slice(3, 40)), ds.atlas.reorient("ras")]
    for part in parts:
        assert set(NAMES) <= set(part.atlas.frames)
    other = numbered_atlas((6, 5, 4))
    assert set(other.atlas.frames) == {"dataset", "brainglobe", "allen", "quicknii"}
    with pytest.raises(PointsError, match=r"convention for the Allen CCF, .* 0.6 x 1 x 1.6 mm"):
        other.atlas.frame("ibl")
    with pytest.raises(PointsError, match="Make a frame of your own"):
        other.atlas.frame("ibl", ccf=True)


def test_an_atlas_of_the_size_of_the_ccf_is_asked_about() -> None:
    other = numbered_atlas((33, 20, 28), (0.4, 0.4, 11.4 / 28), "asr")
    assert not set(NAMES) & set(other.atlas.frames)
    with pytest.raises(PointsError, match=r"ds.atlas.frame\('ibl', ccf=True\)"):
        other.atlas.region_at([[0, 0, 0]], frame="ibl", unit="um")
    frame = other.atlas.frame("ibl", ccf=True)
    allen = other.atlas.frames["allen"].to_dataset([[5400.0, 332, 5739]])
    np.testing.assert_allclose(frame.from_dataset(allen), [[0, 0, 0]], atol=1e-6)
    with pytest.raises(PointsError, match=r"ds.atlas.frame\('ibl', ccf=True\)"):
        xarray_atlas.open_sample("100 um").atlas.frame("ibl", ccf=False)


def test_each_is_cited(ds: xr.Dataset) -> None:
    for name in NAMES:
        frame = ds.atlas.frames[name]
        assert frame.url.startswith("https://")
        assert frame.citation
        assert any("bregma" in text for text in frame.assumptions)
        assert frame.volume == (13.2, 8.0, 11.4)


# -- the bare word


@pytest.mark.parametrize("word", ["bregma", "Bregma", "lambda", "from bregma"])
def test_the_bare_word_is_an_error_that_lists_them(ds: xr.Dataset, word: str) -> None:
    with pytest.raises(PointsError, match="does not say which one") as caught:
        ds.atlas.frame(word)
    for name in NAMES:
        assert f"frame={name!r}" in str(caught.value)
        assert ds.atlas.frames[name].citation in str(caught.value)
    place = np.array([[8300.0, 5200, 6200]])
    for name in NAMES:
        line = next(t for t in str(caught.value).splitlines() if f"frame={name!r} " in t)
        for axis, um in in_frame(ds, name, place).items():
            assert f"{axis} {um[0] / 1e3:.3f}" in line


def test_the_bare_word_with_points_says_where_each_puts_the_first(ds: xr.Dataset) -> None:
    point: dict[str, Any] = {"ap": [-3.1, 0], "dv": [-4.5, 0], "ml": [0.5, 0]}
    for call in ("region_at", "count_points", "along"):
        with pytest.raises(PointsError, match="where each puts your first point") as caught:
            getattr(ds.atlas, call)(point, frame="bregma", unit="mm")
        line = next(t for t in str(caught.value).splitlines() if "'ibl' " in t)
        assert "ap 8.500, dv 4.832, ml 6.239" in line
        line = next(t for t in str(caught.value).splitlines() if "'mri-toronto' " in t)
        shown = 5.4 + 3.1 / 1.031, 0.332 + 4.5 / 0.885, 5.739 + 0.5 / 0.952
        assert "ap {:.3f}, dv {:.3f}, ml {:.3f}".format(*shown) in line


def test_a_frame_may_be_called_so_by_its_owner(ds: xr.Dataset) -> None:
    place = {"ap": "5 mm", "dv": "0.3 mm", "ml": "5.7 mm"}
    mine = ds.atlas.frame("our bregma", bregma=place, frame="allen")
    known = ds.atlas.add_frame(mine)
    assert known.atlas.frame("our bregma") == mine
    with pytest.raises(PointsError, match="has a meaning already"):
        ds.atlas.add_frame(ds.atlas.frame("bregma", bregma=place, frame="allen"))
