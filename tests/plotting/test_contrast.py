"""Names of regions can be read on the colours that are drawn below them."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

import xarray_atlas
from xarray_atlas.plotting.palette import ink_for

pytestmark = pytest.mark.version_independent

AA = 4.5
"""The contrast that WCAG 2 asks of text; black or white always has it."""


def luminance(color: Any) -> float:
    """Relative luminance of WCAG 2."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in mpl.colors.to_rgb(color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Any, other: Any) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def contrasts(ax: Axes, names: set[str]) -> dict[str, float]:
    """Measure the contrast of each name to the pixel that lies below it."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()
    texts = [text for text in ax.texts if text.get_text() in names]
    found = [
        (text.get_text(), text.get_color(), text.get_transform().transform(text.get_position()))
        for text in texts
    ]
    for text in ax.texts:
        text.set_visible(False)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba()) / 255  # type: ignore[attr-defined]
    height = int(figure.bbox.height)
    return {
        name: contrast(color, tuple(pixels[height - 1 - int(y), int(x), :3]))
        for name, color, (x, y) in found
    }


@pytest.fixture(scope="module")
def parcels() -> xr.Dataset:
    return xarray_atlas.open_sample("100 um").atlas.parcellate(level=6)


NAMES = {"RSP", "VIS", "SS", "AUD", "HIP"}
VALUES = pd.Series({"RSP": 3.0, "VIS": 1.0, "HIP": -2.0, "AUD": -3.0, "SS": 0.0}, name="t")


@pytest.mark.parametrize(
    "options",
    [
        {"cmap": "RdBu_r", "vmin": -3, "vmax": 3},
        {"cmap": "RdBu", "vmin": -3, "vmax": 3},
        {"cmap": "viridis"},
        {"cmap": "gray", "alpha": 0.5},
    ],
    ids=str,
)
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_names_on_values(parcels: xr.Dataset, options: dict[str, Any], style: str) -> None:
    with plt.style.context(style):
        figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
        parcels.atlas.plot.values(VALUES, labels=True, ap="7.4 mm", ax=ax, **options)
        found = contrasts(ax, NAMES)
        plt.close(figure)
    assert {"RSP", "VIS", "SS"} <= found.keys()
    assert {name: ratio for name, ratio in found.items() if ratio < AA} == {}


@pytest.mark.parametrize("options", [{}, {"alpha": 0.2}, {"alpha": 0.9}], ids=str)
@pytest.mark.parametrize("grey", [None, 0, 128, 255])
def test_names_on_a_section(parcels: xr.Dataset, options: dict[str, Any], grey: int | None) -> None:
    """The colours of the atlas, over a template of one grey or over nothing."""
    ds = parcels
    if grey is not None:
        template = xr.full_like(ds.annotation, grey, dtype="uint8")
        template[{"x": 0}] = 255 - grey  # else it has no contrast
        ds = ds.assign(template=template)
    figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
    ds.atlas.plot.section(labels=True, ap="7.4 mm", ax=ax, **options)
    found = contrasts(ax, NAMES)
    plt.close(figure)
    assert {"RSP", "VIS", "SS"} <= found.keys()
    assert {name: ratio for name, ratio in found.items() if ratio < AA} == {}


def test_names_follow_colours_that_are_changed_later(parcels: xr.Dataset) -> None:
    figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
    parcels.atlas.plot.values(VALUES, labels=True, ap="7.4 mm", ax=ax, cmap="gray")
    before = {text.get_text(): text.get_color() for text in ax.texts}
    ax.images[-1].set_cmap("gray_r")
    found = contrasts(ax, {"RSP"})
    after = {text.get_text(): text.get_color() for text in ax.texts}
    plt.close(figure)
    assert before["RSP"] == "black"
    assert after["RSP"] == "white"
    assert found["RSP"] > AA


def test_a_colour_that_the_user_sets_stays(parcels: xr.Dataset) -> None:
    figure, ax = plt.subplots(figsize=(7, 4.4), layout="constrained")
    parcels.atlas.plot.values(VALUES, labels=True, ap="7.4 mm", ax=ax, cmap="gray")
    for text in ax.texts:
        text.set_color("red")
    figure.canvas.draw()
    assert {text.get_color() for text in ax.texts} == {"red"}
    plt.close(figure)


@pytest.mark.parametrize(
    "options",
    [{}, {"alpha": 0.3}, {"facecolor": "navy"}, {"facecolor": "none"}],
    ids=str,
)
def test_acronyms_in_a_tree(options: dict[str, Any]) -> None:
    figure, ax = plt.subplots(figsize=(6, 6), layout="constrained")
    ds = xarray_atlas.open_sample("100 um")
    ds.atlas.plot.tree("HPF", ax=ax, **options)
    found = contrasts(ax, {"HIP", "RHP", "CA1", "CA3", "ENT", "DG-sg"})
    plt.close(figure)
    assert {"HIP", "RHP", "CA1", "ENT"} <= found.keys()
    assert {name: ratio for name, ratio in found.items() if ratio < AA} == {}


def test_ink_has_the_higher_contrast() -> None:
    rng = np.random.default_rng(0)
    for color in rng.random((1000, 3)).tolist():
        ink = ink_for(*color)
        other = {"black": "white", "white": "black"}[ink]
        assert contrast(ink, color) >= contrast(other, color)
        assert contrast(ink, color) >= AA
