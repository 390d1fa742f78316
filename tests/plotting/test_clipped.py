"""Colour bars that point at ends beyond which there are values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.colors import Normalize

import xarray_atlas
from xarray_atlas.plotting.clipped import clipped_ends

SCORES = {"RSP": -2.0, "SSp": 1.0, "CA1": 3.0}


@pytest.fixture(scope="module")
def sample() -> xr.Dataset:
    ds = xarray_atlas.open_sample("100 um")
    return xarray_atlas.open_atlas(ds.attrs["source"], resolution="100 um", midline="5.675 mm")


@pytest.mark.parametrize(
    ("limits", "ends"),
    [
        ((0, 3), None),
        ((0.5, 3), "min"),
        ((0, 2), "max"),
        ((1, 2), "both"),
        ((3, 0), None),
        ((2, 0), "min"),  # an inverted scale
        ((3, 1), "max"),
        ((None, None), None),
    ],
)
def test_ends(limits: tuple[float, float], ends: str | None) -> None:
    values = np.ma.masked_equal([0.0, 1.0, np.nan, 3.0, 9.0], 9.0)
    assert clipped_ends(Normalize(*limits), values) == ends
    assert clipped_ends(Normalize(0, 1), np.array([np.nan])) is None


@pytest.mark.parametrize("outlines", [True, "smooth"])
@pytest.mark.parametrize(
    ("limits", "ends"), [({}, "neither"), ({"vmin": -1}, "min"), ({"vmin": -1, "vmax": 2}, "both")]
)
def test_bars_of_pictures(
    sample: xr.Dataset, outlines: Any, limits: dict[str, float], ends: str
) -> None:
    figure, ax = plt.subplots()
    sample.atlas.plot.values(SCORES, ap="7 mm", ax=ax, outlines=outlines, **limits)
    bar: Any = vars(figure.axes[1])["_colorbar"]
    assert bar.extend == ends


def test_bars_of_several_planes_and_of_heat_maps(sample: xr.Dataset) -> None:
    axes = sample.atlas.plot.sections(4, values=SCORES, vmax=2)
    assert vars(axes[0].figure.axes[-1])["_colorbar"].extend == "max"
    values = xr.DataArray(
        [[0.0, 1.0], [2.0, 3.0]], {"region": ["RSP", "CA1"]}, ["region", "animal"]
    )
    ax = sample.atlas.plot.heatmap(values, vmin=1)
    assert vars(ax.figure.axes[1])["_colorbar"].extend == "min"
