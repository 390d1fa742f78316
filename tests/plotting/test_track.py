"""Columns of regions along shanks: what is drawn against the regions of the contacts."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

import xarray_atlas
from xarray_atlas.errors import PointsError
from xarray_atlas.plotting.fitted_text import FittedText

mpl.use("agg")
pytestmark = pytest.mark.version_independent


@pytest.fixture(autouse=True)
def _closed() -> Any:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    return xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")


ASKED = {"probe_unit": "um", "probe_tip": "-100 um", "frame": "ibl", "unit": "mm"}
ENTRY = {"ml": -2.4, "ap": -2.2, "dv": -0.6}
ANGLES = {"phi": "150 deg", "theta": "20 deg"}


def one_shank(ds: xr.Dataset, frame: str = "ibl", **more: Any) -> xr.Dataset:
    heights = np.arange(0, 3500, 25)
    return ds.atlas.insert(
        heights, entry=ENTRY, angles=ANGLES, depth="3.8 mm", **(ASKED | {"frame": frame}), **more
    )


def bars(ax: Any) -> list[tuple[float, float, str]]:
    return [
        (b.get_y(), b.get_y() + b.get_height(), to_hex(b.get_facecolor(), keep_alpha=True))
        for b in ax.containers[0]
    ]


@pytest.mark.parametrize("frame", ["ibl", "mri-toronto"])
@pytest.mark.parametrize("cut", [{}, {"level": 6}, {"parcellation": "cosmos"}])
def test_bars_hold_the_contacts_of_their_region(ds: xr.Dataset, frame: str, cut: Any) -> None:
    contacts = one_shank(ds, frame, **cut)
    axes = ds.atlas.plot.track(contacts, **cut)
    assert axes.shape == (1, 1)
    drawn = bars(axes[0, 0])
    assert len({color for *_, color in drawn}) > 2
    table = ds.atlas.parcellate(**cut).atlas if cut else ds.atlas
    for depth, name in zip(contacts.depth.values, contacts.region.values.tolist(), strict=True):
        held = [
            c for low, high, c in drawn if min(low, high) - 1e-6 <= depth <= max(low, high) + 1e-6
        ]
        want = to_hex(table.region(name).color) + "ff" if name else "#ffffff00"
        assert want in held
    assert axes[0, 0].get_ylim()[0] > axes[0, 0].get_ylim()[1]  # depth downwards
    said = {t.get_text() for t in axes[0, 0].findobj(FittedText)}
    assert set(contacts.region.values.tolist()) - {""} <= said


def test_several_shanks_with_signals(ds: xr.Dataset) -> None:
    probeinterface = pytest.importorskip("probeinterface")
    probe = probeinterface.generate_multi_shank(3, num_columns=2, num_contact_per_column=50)
    asked = {"frame": "ibl", "unit": "mm", "spin": "left-to-right", "shank": "1"}
    contacts = ds.atlas.insert(probe, entry=ENTRY, angles=ANGLES, depth="2.5 mm", **asked)
    n = contacts.sizes["contact"]
    rate = xr.DataArray(np.arange(n) * 1.0, dims="contact", attrs={"units": "Hz"}, name="rate")
    image_of = np.arange(n * 4.0).reshape(4, n)
    power = xr.DataArray(image_of, dims=("f", "contact"), coords={"f": [1.0, 2, 4, 8]})
    axes = ds.atlas.plot.track(contacts, {"rate": rate, "power": power})
    assert axes.shape == (3, 3)
    assert [ax.get_title() for ax in axes[:, 0]] == ["shank 0", "shank 1", "shank 2"]
    of = contacts.shank.values == "2"
    (line,) = axes[2, 1].lines
    order = np.argsort(contacts.depth.values[of], kind="stable")
    np.testing.assert_array_equal(line.get_xdata(), rate.values[of][order])
    np.testing.assert_array_equal(line.get_ydata(), contacts.depth.values[of][order])
    (image,) = axes[2, 2].collections
    mean = power.values[:, of].T[order].reshape(-1, 2, 4).mean(1)  # two columns of contacts
    np.testing.assert_allclose(image.get_array().reshape(mean.shape), mean)
    assert axes[2, 2].get_xlabel() == "f"
    named = ds.atlas.plot.track(contacts, rate)
    assert named[0, 1].get_xlabel() == "rate (Hz)"
    mine = plt.subplots(3, 1)[1]
    assert ds.atlas.plot.track(contacts, ax=mine, labels=False)[1, 0] is mine[1]


def test_without_an_entry_heights_go_upwards(ds: xr.Dataset) -> None:
    tip = {"ml": -2.0, "ap": -2.2, "dv": -4.0}
    contacts = ds.atlas.insert([100, 900.0], tip=tip, angles=ANGLES, **ASKED)
    ax = ds.atlas.plot.track(contacts)[0, 0]
    assert ax.get_ylabel() == "height above the tip (µm)"
    assert ax.get_ylim() == (200, 1000)


def test_questions(ds: xr.Dataset) -> None:
    contacts = one_shank(ds)
    with pytest.raises(PointsError, match="as ds.atlas.insert"):
        ds.atlas.plot.track(contacts.drop_vars("shank"))
    with pytest.raises(PointsError, match="at one height only"):
        ds.atlas.plot.track(contacts.isel(contact=[3]))
    with pytest.raises(PointsError, match="signal 'rate' has the dimensions.*on the 140 entries"):
        ds.atlas.plot.track(contacts, {"rate": np.zeros(3)})
    with pytest.raises(PointsError, match="2 axes were given"):
        ds.atlas.plot.track(contacts, ax=plt.subplots(1, 2)[1])
    with pytest.raises(PointsError, match="a mapping from names"):
        ds.atlas.plot.track(contacts, np.zeros(140))
