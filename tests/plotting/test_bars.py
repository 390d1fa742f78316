"""plot.bars: heights, errors and points against what pandas says of the same numbers."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

import xarray_atlas
from xarray_atlas.errors import RegionNotFoundError

mpl.use("agg")
pytestmark = pytest.mark.version_independent

REGIONS = ["RSP", "CA1", "TH", "VISp"]


@pytest.fixture(autouse=True)
def _closed() -> Any:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return xarray_atlas.open_sample("100 um")


def observations(*sides: str) -> xr.DataArray:
    rng = np.random.default_rng(0)
    shape = (len(REGIONS), *([len(sides)] if sides else []), 5)
    dims = ("region", *(["hemisphere"] if sides else []), "animal")
    values = rng.gamma(3.0, size=shape)
    values.flat[3] = np.nan
    coords: dict[str, Any] = {
        "region": REGIONS, "animal": ["a", "b", "c", "d", "e"],
        "group": ("animal", ["case", "control", "case", "control", "case"]),
    }  # fmt: skip
    if sides:
        coords["hemisphere"] = list(sides)
    return xr.DataArray(values, coords, dims, "density", {"units": "1 / mm ** 3"})


def heights(ax: Any, group: int) -> list[float]:
    bars = [c for c in ax.containers if isinstance(c, mpl.container.BarContainer)]
    return [float(bar.get_height()) for bar in bars[group]]


def errors(ax: Any, group: int) -> list[float]:
    found = [c for c in ax.containers if isinstance(c, mpl.container.ErrorbarContainer)]
    lines = found[group].lines[2][0].get_segments()
    return [float(np.ptp(line[:, 1]) / 2) if np.ndim(line) == 2 else np.nan for line in lines]


@pytest.mark.parametrize("error", ["sem", "sd"])
def test_groups(ds: xr.Dataset, error: str) -> None:
    values = observations()
    ax = ds.atlas.plot.bars(values, by="group", error=error)
    frame = values.to_dataframe().reset_index()
    for i, group in enumerate(["case", "control"]):
        of = frame[frame.group == group].groupby("region", sort=False).density
        np.testing.assert_allclose(heights(ax, i), of.mean())
        wanted = of.std() if error == "sd" else of.sem()
        np.testing.assert_allclose(errors(ax, i), wanted)
    points = [np.sort(line.get_ydata()) for line in ax.lines if line.get_marker() == "o"]
    for drawn, group in zip(points, ["case", "control"], strict=True):
        there = frame[(frame.group == group) & frame.density.notna()].density
        np.testing.assert_array_equal(drawn, np.sort(there))
    assert [t.get_text() for t in ax.get_xticklabels()] == REGIONS
    assert ax.get_ylabel() == f"density (mm⁻³)\nmean ± {error.upper()} over animal"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["case", "control"]


def test_one_value_a_region_has_the_colour_of_the_region(ds: xr.Dataset) -> None:
    ax = ds.atlas.plot.bars(pd.Series({"TH": 2.0, "RSP": 1.0}, name="score"))
    assert heights(ax, 0) == [2.0, 1.0]  # in the order of the values
    colors = [to_hex(bar.get_facecolor()).upper() for bar in ax.patches]
    assert colors == [ds.atlas.region(name).color.upper() for name in ("TH", "RSP")]
    assert ax.get_ylabel() == "score"
    assert not ax.lines
    assert ax.get_legend() is None


def test_hemispheres_are_not_averaged(ds: xr.Dataset) -> None:
    values = observations("left", "right")
    ax = ds.atlas.plot.bars(values)
    for i, side in enumerate(["left", "right"]):
        np.testing.assert_allclose(heights(ax, i), values.sel(hemisphere=side).mean("animal"))
    only = ds.atlas.plot.bars(values.isel(animal=0))
    np.testing.assert_array_equal(heights(only, 1), values.isel(animal=0, hemisphere=1))
    both = ds.atlas.plot.bars(values, by="group")
    legend = [t.get_text() for t in both.get_legend().get_texts()]
    assert legend == ["left, case", "left, control", "right, case", "right, control"]


def test_what_is_passed_on(ds: xr.Dataset) -> None:
    _, ax = plt.subplots()
    assert ds.atlas.plot.bars({"RSP": 1.0}, ax=ax, color="red") is ax
    assert to_hex(ax.patches[0].get_facecolor()) == "#ff0000"


def test_errors_say_what_to_type(ds: xr.Dataset) -> None:
    values = observations().expand_dims(channel=["cFos", "tdT"])
    with pytest.raises(ValueError, match=r"by='animal'.*isel\(animal=0\)"):
        ds.atlas.plot.bars(values)
    assert len(ds.atlas.plot.bars(values, by="channel").get_legend().get_texts()) == 2
    with pytest.raises(
        ValueError, match="cannot be grouped by 'cohort'; they have 'animal', 'group'"
    ):
        ds.atlas.plot.bars(observations(), by="cohort")
    with pytest.raises(ValueError, match="'sem', 'sd' or None"):
        ds.atlas.plot.bars(observations(), error="ci")
    with pytest.raises(RegionNotFoundError):
        ds.atlas.plot.bars({"RSPx": 1.0})
