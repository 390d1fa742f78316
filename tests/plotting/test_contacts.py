"""Contacts in sections: where they are drawn, against their own coordinates."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt

import xarray_atlas
from xarray_atlas.errors import PointsError

mpl.use("agg")
pytestmark = pytest.mark.version_independent

ASKED = {"probe_unit": "um", "probe_tip": "0 um", "frame": "ibl", "unit": "mm"}
ENTRY = {"ml": -2.0, "ap": -2.2, "dv": -0.5}
HEIGHTS = np.arange(100, 3000, 100)


@pytest.fixture(autouse=True)
def _closed() -> Any:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    return xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")


def drawn(ax: Any) -> tuple[np.ndarray, np.ndarray, list[float]]:
    lines = [line for line in ax.lines if line.get_marker() == "."]
    x, y = (np.concatenate([getattr(line, f"get_{n}data")() for line in lines]) for n in "xy")
    return x, y, [line.get_alpha() for line in lines]


def probe_at(ds: xr.Dataset, phi: float, theta: float) -> xr.Dataset:
    angles = {"phi": f"{phi} deg", "theta": f"{theta} deg"}
    return ds.atlas.insert(HEIGHTS, entry=ENTRY, angles=angles, depth="3.2 mm", **ASKED)


def test_in_a_plane_of_its_frame(ds: xr.Dataset) -> None:
    contacts = probe_at(ds, 180, 12)
    ax = ds.atlas.plot.section(ap="-2.2 mm", frame="ibl", contacts=contacts)
    x, y, alpha = drawn(ax)
    np.testing.assert_allclose(x, contacts.ml.values * 1e3, atol=1e-6)
    np.testing.assert_allclose(y, contacts.dv.values * 1e3, atol=1e-6)
    assert alpha == [1.0]
    # its own plane is that plane
    mine = ds.atlas.plot.section(contacts=contacts)
    assert mine.get_title() == ax.get_title()
    assert mine.get_xlabel() == "ML to right (µm, ibl)"


@pytest.mark.parametrize("orientation", ["asr", "rpi"])
def test_in_the_coordinates_of_the_dataset(ds: xr.Dataset, orientation: str) -> None:
    contacts = probe_at(ds, 180, 12)
    mine = ds.atlas.reorient(orientation)
    ax = mine.atlas.plot.section(
        ap=float(
            mine.atlas.frames["ibl"].to_dataset([0, -2200, 0])[mine.atlas.space.position("ap")]
        ),
        contacts=contacts,
    )
    numbers = np.stack([contacts[a].values for a in ("ml", "ap", "dv")], 1) * 1e3
    at = mine.atlas.frames["ibl"].to_dataset(numbers)
    x, y, _ = drawn(ax)
    np.testing.assert_allclose(x, at[:, mine.atlas.space.position("ml")], atol=1e-9)
    np.testing.assert_allclose(y, at[:, mine.atlas.space.position("dv")], atol=1e-9)


@pytest.mark.parametrize("phi", [90, 120, 200])
@pytest.mark.parametrize("axis", ["ap", "ml"])
def test_the_plane_that_holds_the_shank(ds: xr.Dataset, phi: float, axis: str) -> None:
    contacts = probe_at(ds, phi, 20)
    ax = ds.atlas.plot.section(contacts=contacts, axis=axis)
    x, y, alpha = drawn(ax)
    assert alpha == [1.0]  # all of them lie in it
    apart = np.hypot(np.diff(x), np.diff(y))
    np.testing.assert_allclose(apart, 100, atol=1e-6)  # in um: nothing is shortened
    assert ax.get_title().startswith(axis.upper())


def test_contacts_off_the_plane_are_faint(ds: xr.Dataset) -> None:
    contacts = probe_at(ds, 90, 31)
    ax = ds.atlas.plot.section(ap="-3 mm", frame="ibl", contacts=contacts)
    plane = float(ax.get_title().split()[2])  # of voxels
    near = np.abs(contacts.ap.values * 1e3 - plane) <= 100
    assert 0 < near.sum() < near.size
    faint, clear = (line for line in ax.lines if line.get_marker() == ".")
    assert (faint.get_alpha(), clear.get_alpha()) == (0.25, 1.0)
    np.testing.assert_allclose(clear.get_ydata(), contacts.dv.values[near] * 1e3, atol=1e-6)


def test_questions(ds: xr.Dataset) -> None:
    contacts = probe_at(ds, 180, 12)
    with pytest.raises(PointsError, match=r"contacts= takes what ds.atlas.insert"):
        ds.atlas.plot.section(contacts=contacts.drop_vars("shank"))
    with pytest.raises(PointsError, match="run along 'dv'"):
        ds.atlas.plot.section(contacts=probe_at(ds, 0, 0), axis="dv")
    with pytest.raises(PointsError, match="one height"):
        ds.atlas.plot.section(contacts=contacts.isel(contact=[2]))


@pytest.mark.parametrize("orientation", ["asr", "rpi"])
def test_in_3d_in_the_coordinates_of_the_dataset(ds: xr.Dataset, orientation: str) -> None:
    pyvista = pytest.importorskip("pyvista")
    contacts = probe_at(ds, 150, 12)
    turned = ds if orientation == "asr" else ds.atlas.reorient(orientation)
    plotter = pyvista.Plotter(off_screen=True, window_size=(240, 240))
    turned.atlas.plot.surface("TH", contacts=contacts, plotter=plotter)
    at, line = (
        np.asarray(plotter.actors[name].mapper.dataset.points)
        for name in ("contacts of shank 0", "shank 0")
    )
    np.testing.assert_allclose(line, at, atol=1e-6)
    # IBL's bregma lies 5.4 and 0.332 mm from the anterior and superior faces of the Allen CCF; the
    # sample counts from the middle of its first voxel of 50 um
    order = ("ml", "ap", "dv")
    moved = at - np.stack([contacts[axis].values for axis in order], 1)
    np.testing.assert_allclose(np.ptp(moved, axis=0), 0, atol=1e-5)
    if orientation == "asr":
        np.testing.assert_allclose(moved[0, 1:], [-5.375, -0.307], atol=1e-5)
    # left of the thalamus's middle by as much as from the midline
    bounds = plotter.actors["TH"].bounds
    middle = (bounds[0] + bounds[1]) / 2
    np.testing.assert_allclose(at[:, 0] - middle, contacts.ml.values, atol=0.15)
    # a second probe stands beside the first
    turned.atlas.plot.surface("TH", contacts=contacts.isel(contact=[0]), plotter=plotter)
    assert {"contacts of shank 0", "contacts of shank 0 (2)"} <= set(plotter.actors)
    with pytest.raises(PointsError, match=r"contacts= takes what ds.atlas.insert"):
        turned.atlas.plot.surface("TH", contacts=contacts.drop_vars("shank"), plotter=plotter)
    plotter.close()
