"""Style sheets: found by their dotted names, and applied to what is drawn."""

from __future__ import annotations

import io
import logging
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt

import xarray_atlas

mpl.use("agg")
pytestmark = pytest.mark.version_independent

STYLES = "xarray_atlas.plotting.styles"


@pytest.mark.parametrize(
    ("name", "size", "width"), [("publication", 7.0, 85 / 25.4), ("slides", 16.0, 10.0)]
)
def test_styles_apply(name: str, size: float, width: float, caplog: Any) -> None:
    with plt.style.context(f"{STYLES}.{name}"), caplog.at_level(logging.WARNING):
        assert plt.rcParams["font.size"] == size
        assert plt.rcParams["figure.figsize"][0] == pytest.approx(width, abs=0.005)
        ds = xarray_atlas.open_sample("100 um")
        figure, ax = plt.subplots()
        ds.atlas.plot.values({"CTX": 1.0}, ap="7 mm", ax=ax)
        ax.set_xlabel("mm⁻³")
        file = io.StringIO()
        figure.savefig(file, format="svg")
        plt.close(figure)
    assert not caplog.records  # no style names a font that must be there
    assert ">mm⁻³</text>" in file.getvalue().replace("\n", "")
