"""Points in stereotaxic frames, also tilted ones, against plain numpy; and in frames of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pint
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import GridError, PointsError, UnitsError

pytestmark = pytest.mark.version_independent

u = pint.get_application_registry()
C, S = np.cos(np.radians(5)), np.sin(np.radians(5))


def corner_um(name: str, ap: Any, dv: Any, ml: Any) -> np.ndarray:
    """Positions from bregma in mm as um from the corner of the CCF: each formula turned round."""
    if name == "ibl":
        found = 5.4 - ap, 0.332 - dv, 5.739 + ml
    elif name == "mri-toronto":
        found = 5.4 - ap / 1.031, 0.332 - dv / 0.885, 5.739 + ml / 0.952
    elif name == "pinpoint-qiu2018":  # scaled back, then turned back
        back, down = -ap / 1.031, -dv / 0.885
        found = 5.2 + back * C + down * S, 0.332 + down * C - back * S, 5.7 + ml / 0.952
    else:  # turned back, then scaled back; dv grows down
        front, down = ap * C - dv * S, ap * S + dv * C
        found = 5.195 - front / 1.031, 0.435 + down / 0.885, 5.7 + ml / 0.952
    return np.stack(found, -1) * 1e3


NAMES = ["ibl", "mri-toronto", "pinpoint-qiu2018", "trajectory-explorer"]


@pytest.fixture(scope="module", params=["asr", "lip"])
def ds(request: pytest.FixtureRequest) -> xr.Dataset:
    sample = xarray_atlas.open_sample("100 um").attrs["source"]
    ds = xarray_atlas.open_atlas(sample, resolution="100 um", midline="5.675 mm")
    return ds if request.param == "asr" else ds.atlas.reorient(request.param)


def cells(name: str) -> pd.DataFrame:
    down = 1 if name == "trajectory-explorer" else -1
    low, high = sorted([down * 0.5, down * 6.5])
    rng = np.random.default_rng(len(name))
    columns = rng.uniform((-4, low, -4), (2, high, 4), (10_000, 3))
    return pd.DataFrame(columns, columns=["ap", "dv", "ml"])


def labels_at(um: np.ndarray) -> np.ndarray:
    index = np.floor(um / 100).astype(int)
    index[:, 2] = 113 - index[:, 2]
    return xarray_atlas.open_sample("100 um").annotation.values[tuple(index.T)]


@pytest.mark.parametrize("name", NAMES)
def test_regions_at_points(ds: xr.Dataset, name: str) -> None:
    table = cells(name)
    wanted = labels_at(corner_um(name, *table.to_numpy().T))
    terminology = ds.atlas.terminology
    ids = {int(v): int(i) for i, v in zip(terminology.ids, terminology.ids, strict=True)}
    found = ds.atlas.region_at(table, frame=name, unit="mm")
    expected = np.array([ids.get(int(label), 0) for label in wanted])
    assert (expected > 0).mean() > 0.5
    assert (found.region_id.values == expected).all()
    assert found.attrs["frame"] == name
    # the same in um, as an array, and with the frame as a value
    frame = ds.atlas.frames[name]
    array = table[list(frame.axes)].to_numpy() * 1e3
    with pytest.raises(PointsError, match=rf"which column is which axis.*{frame.axes[0]}"):
        ds.atlas.region_at(array, frame=frame, unit="um")
    again = ds.atlas.region_at(array, frame=frame, unit="um", axes=frame.axes)
    assert (again.region_id.values == expected).all()
    assert again.attrs["frame"] == name


@pytest.mark.parametrize("name", NAMES)
def test_counts(ds: xr.Dataset, name: str) -> None:
    table = cells(name)
    labels, counts = np.unique(labels_at(corner_um(name, *table.to_numpy().T)), return_counts=True)
    found = ds.atlas.count_points(table, frame=name, unit="mm")["count"]
    for label, count in zip(labels, counts, strict=True):
        if label and not ds.atlas.region(int(label)).children:
            assert found.sel(region=ds.atlas.region(int(label)).acronym).item() == count


@pytest.mark.parametrize("name", NAMES)
def test_tracks(ds: xr.Dataset, name: str) -> None:
    down = 1 if name == "trajectory-explorer" else -1
    track = pd.DataFrame({"ap": [-1.0, -3.2], "dv": [down * 0.2, down * 5.0], "ml": [1.0, 0.3]})
    um = corner_um(name, *track.to_numpy().T)
    plain = dict(zip(("ap", "dv", "ml"), um.T, strict=True))
    one = ds.atlas.along(track, frame=name, unit="mm")
    other = ds.atlas.along(plain, frame="allen", unit="um")
    assert one.region.values.tolist() == other.region.values.tolist()
    assert len(set(one.region.values)) > 5
    np.testing.assert_allclose(one.start.values, other.start.values, atol=1e-9)
    np.testing.assert_allclose(one.stop_point.values, other.stop_point.values, atol=1e-9)
    assert one.attrs["frame"] == name


def test_a_frame_with_axes_of_other_names(ds: xr.Dataset) -> None:
    up = ("left-to-right", "posterior-to-anterior", "inferior-to-superior")
    place = {"ap": "5.4 mm", "dv": "0.332 mm", "ml": "5.739 mm"}
    mine = ds.atlas.frame(
        "mine", bregma=place, frame="allen", axes=("x", "y", "z"), directions=up, unit="m"
    )
    ibl = cells("ibl").iloc[:500]
    xyz = ibl.rename(columns={"ml": "x", "ap": "y", "dv": "z"}) / 1e3
    wanted = ds.atlas.region_at(ibl, frame="ibl", unit="mm").region.values.tolist()
    for points in (xyz, xyz[["x", "y", "z"]].to_numpy(), xyz.to_xarray()):
        found = ds.atlas.region_at(points, frame=mine, unit="m")
        assert found.region.values.tolist() == wanted
    named = xyz.rename(columns={"x": "right"})
    found = ds.atlas.region_at(named, frame=mine, unit="m", columns={"x": "right"})
    assert found.region.values.tolist() == wanted
    with pytest.raises(PointsError, match=r"no axis 'q'; the axes are .*'x', 'y', 'z'"):
        ds.atlas.region_at(xyz, frame=mine, unit="m", columns={"q": "x"})


def test_a_direction_against_the_frame_is_an_error(ds: xr.Dataset) -> None:
    mm = {"units": "mm"}
    points = {
        axis: xr.DataArray([v], dims="cell", attrs=mm | {"direction": way})
        for axis, v, way in (
            ("ap", -3.1, "posterior-to-anterior"),
            ("dv", 4.5, "superior-to-inferior"),
            ("ml", 0.5, "left-to-right"),
        )
    }
    assert ds.atlas.region_at(points, frame="trajectory-explorer").region.values == ["VTA"]
    with pytest.raises(PointsError, match="runs superior-to-inferior, but in frame='ibl' 'dv'"):
        ds.atlas.region_at(points, frame="ibl")


def test_what_a_frame_cannot_say(ds: xr.Dataset) -> None:
    point = {"ap": [-3.1], "dv": [-4.5], "ml": [0.5]}
    with pytest.raises(UnitsError, match="has no unit"):
        ds.atlas.region_at(point, frame="ibl")
    with pytest.raises(PointsError, match="frame='ibl' counts lengths and has no indices"):
        ds.atlas.region_at(point, frame="ibl", unit="voxel", resolution="25 um")
    with pytest.raises(
        PointsError, match="no frame 'pinpoint-qiu'; did you mean 'pinpoint-qiu2018'.? There are"
    ):
        ds.atlas.region_at(point, frame="pinpoint-qiu", unit="mm")
    dim = str(ds.atlas.space.coordinate(ds, "ap"))
    with pytest.raises(GridError, match="was it moved"):
        ds.assign_coords({dim: ds[dim] + 20 * u.mm}).atlas.region_at(point, frame="ibl", unit="mm")


def test_the_question_whose_they_are_names_the_conventions(ds: xr.Dataset) -> None:
    point = {"ap": [-3.1], "dv": [-4.5], "ml": [0.5]}
    mine = ds.atlas.frame("rig 2", matrix=np.diag([1.0, 1, 1, 1]))
    with pytest.raises(PointsError, match="whose coordinates") as caught:
        ds.atlas.add_frame(mine).atlas.region_at(point, unit="mm")
    for text in ("'ibl'", "'pinpoint-qiu2018'", "frame='rig 2'", "ds.atlas.frame(name, ...)"):
        assert text in str(caught.value)
