"""Contacts in NWB files, written and read back by pynwb."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import GridError, PointsError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pynwb = pytest.importorskip("pynwb")
    pytest.importorskip("ndx_anatomical_localization")

pytestmark = pytest.mark.version_independent

ENTRY = {"ml": -1.4, "ap": -2.2, "dv": 0.5}
TIP = {"ml": -0.9, "ap": -2.0, "dv": -3.4}
HEIGHTS = np.arange(0.1, 3.9, 0.2)


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    return xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")


@pytest.fixture(scope="module")
def contacts(ds: xr.Dataset) -> xr.Dataset:
    asked = {"probe_unit": "mm", "probe_tip": "0 um", "frame": "ibl", "unit": "mm"}
    return ds.atlas.insert(HEIGHTS, entry=ENTRY, tip=TIP, **asked)


def new_file() -> Any:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    return pynwb.NWBFile("a session", "session 1", start)


def written(nwbfile: Any, path: Path) -> Any:
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    assert not pynwb.validate(path=str(path))
    return pynwb.NWBHDF5IO(path, "r")


def tables_of(nwbfile: Any) -> Any:
    return nwbfile.lab_meta_data["localization"].anatomical_coordinates_tables


def with_electrodes(n: int) -> Any:
    nwbfile = new_file()
    device = nwbfile.create_device("probe")
    group = nwbfile.create_electrode_group("g", description="g", location="?", device=device)
    for _ in range(n):
        nwbfile.add_electrode(group=group, location="before")
    return nwbfile


def where(ds: xr.Dataset) -> np.ndarray:
    """The contacts in um from the corner of the CCF, to posterior, inferior and right, by hand."""
    entry, tip = (np.array([p["ml"], p["ap"], p["dv"]]) for p in (ENTRY, TIP))
    ml, ap, dv = (tip + HEIGHTS[:, None] / np.linalg.norm(entry - tip) * (entry - tip)).T
    return np.stack([5400 - 1e3 * ap, 332 - 1e3 * dv, 5739 + 1e3 * ml], 1)


def test_a_new_table_round_trip(ds: xr.Dataset, contacts: xr.Dataset, tmp_path: Path) -> None:
    nwbfile = new_file()
    device = nwbfile.create_device("probe")
    ds.atlas.to_nwb_electrodes(contacts, nwbfile, device=device, frame="allen", method="histology")
    with written(nwbfile, tmp_path / "a.nwb") as io:
        read = io.read()
        table = read.electrodes.to_dataframe()
        names = [name or "unknown" for name in contacts.region.values.tolist()]
        assert table.location.tolist() == names
        assert "unknown" in names
        assert len(set(names)) > 4
        np.testing.assert_allclose(table[["x", "y", "z"]].to_numpy(), where(ds), atol=1e-6)
        assert table.contact_id.tolist() == contacts.contact_id.values.tolist()
        assert set(table.group_name) == {"probe shank 0"}
        assert "from the origin of frame 'allen'" in read.electrodes["x"].description
        assert read.electrodes["z"].description.startswith("position to right")
        held = tables_of(read)["allen"]
        assert held.method == "histology"
        assert type(held.space).__name__ == "AllenCCFv3Space"
        assert held["brain_region"][:].tolist() == names
        got = np.stack([held[axis][:] for axis in "xyz"], 1)
        np.testing.assert_allclose(got, where(ds), atol=1e-6)
        assert held["localized_entity"].data[:].tolist() == list(range(len(names)))
        assert held["localized_entity"].table is read.electrodes


def test_from_bregma(ds: xr.Dataset, contacts: xr.Dataset, tmp_path: Path) -> None:
    nwbfile = with_electrodes(HEIGHTS.size)
    ds.atlas.to_nwb_electrodes(contacts, nwbfile)
    with written(nwbfile, tmp_path / "a.nwb") as io:
        read = io.read()
        table = read.electrodes.to_dataframe()
        bregma = where(ds) - [5400, 332, 5739]
        np.testing.assert_allclose(table[["x", "y", "z"]].to_numpy(), bregma, atol=1e-6)
        held = tables_of(read)["ibl"]
        assert (held.space.orientation, held.space.units) == ("RAS", "um")
        assert "bregma" in held.space.origin
        np.testing.assert_allclose(held["x"][:], bregma[:, 2], atol=1e-6)
        np.testing.assert_allclose(held["y"][:], -bregma[:, 0], atol=1e-6)
        np.testing.assert_allclose(held["z"][:], -bregma[:, 1], atol=1e-6)


def test_a_frame_in_mm(ds: xr.Dataset, contacts: xr.Dataset) -> None:
    nwbfile = with_electrodes(HEIGHTS.size)
    table = ds.atlas.to_nwb_electrodes(contacts, nwbfile, frame="dataset")
    um = where(ds)  # the Dataset runs to posterior, inferior and left, from the first centre
    got = np.stack([nwbfile.electrodes[axis].data for axis in "xyz"], 1)
    np.testing.assert_allclose(got[:, :2], um[:, :2] - 25, atol=1e-6)
    np.testing.assert_allclose(np.diff(got[:, 2]), np.diff(um[:, 2]), atol=1e-6)
    assert (table.space.units, table.space.orientation) == ("mm", "PIL")
    np.testing.assert_allclose(table["x"].data, got[:, 0] / 1e3)


def test_rows_of_a_table_that_is_there(
    ds: xr.Dataset, contacts: xr.Dataset, tmp_path: Path
) -> None:
    n = HEIGHTS.size
    nwbfile = with_electrodes(n + 3)
    rows = np.arange(n)[::-1] + 2
    ds.atlas.to_nwb_electrodes(contacts, nwbfile, rows=rows)
    ds.atlas.to_nwb_electrodes(contacts, nwbfile, rows=rows, frame="allen")
    with written(nwbfile, tmp_path / "a.nwb") as io:
        read = io.read()
        table = read.electrodes.to_dataframe()
        assert table.location[[0, 1, n + 2]].tolist() == ["before"] * 3
        assert table.location[rows].tolist() == [r or "unknown" for r in contacts.region.values]
        np.testing.assert_allclose(table[["x", "y", "z"]].to_numpy()[rows], where(ds), atol=1e-6)
        assert table.x[[0, 1, n + 2]].isna().all()
        held = tables_of(read)
        assert set(held) == {"ibl", "allen"}
        assert held["ibl"]["localized_entity"].data[:].tolist() == rows.tolist()


def test_channels(ds: xr.Dataset) -> None:
    probeinterface = pytest.importorskip("probeinterface")
    probe = probeinterface.generate_linear_probe(8, ypitch=400)
    probe.set_device_channel_indices([3, 1, 2, 0, 7, 5, 6, 4])
    found = ds.atlas.insert(probe, entry=ENTRY, tip=TIP, frame="ibl", unit="mm")
    nwbfile = with_electrodes(8)
    with pytest.raises(PointsError, match="wired to channels in another order: rows='channel'"):
        ds.atlas.to_nwb_electrodes(found, nwbfile)
    ds.atlas.to_nwb_electrodes(found, nwbfile, rows="channel")
    location = nwbfile.electrodes["location"].data
    assert [location[i] for i in found.channel.values] == [
        r or "unknown" for r in found.region.values
    ]


def test_questions(ds: xr.Dataset, contacts: xr.Dataset) -> None:
    write = ds.atlas.to_nwb_electrodes
    n = HEIGHTS.size
    with pytest.raises(PointsError, match="the file has no electrodes; pass their device="):
        write(contacts, new_file())
    with pytest.raises(PointsError, match=f"has 3 electrodes, and there are {n} contacts"):
        write(contacts, with_electrodes(3))
    with pytest.raises(PointsError, match="each another"):
        write(contacts, with_electrodes(n), rows=[0] * n)
    with pytest.raises(PointsError, match=f"rows from 0 to {n - 1}"):
        write(contacts, with_electrodes(n), rows=np.arange(n) + 1)
    with pytest.raises(PointsError, match="not wired"):
        write(contacts, with_electrodes(n), rows="channel")
    with pytest.raises(PointsError, match="as ds.atlas.insert returns"):
        write(contacts.drop_vars("shank"), with_electrodes(n))
    with pytest.raises(GridError, match="is tilted"):
        write(contacts, with_electrodes(n), frame="pinpoint-qiu2018")
    nwbfile = with_electrodes(n)
    write(contacts, nwbfile)
    with pytest.raises(PointsError, match="'ibl' already"):
        write(contacts, nwbfile)
