"""Which regions a picture colours, outlines and names; the side on the left; one scale."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import ParcellationError, RegionNotFoundError

mpl.use("agg")
pytestmark = pytest.mark.version_independent

QUIET: dict[str, Any] = {"labels": False, "directions": False, "scale_bar": False}


@pytest.fixture(autouse=True)
def figures() -> Any:
    yield
    plt.close("all")


def new_axes(**keywords: Any) -> Any:
    return plt.subplots(**keywords)[1]


def faces(values: Any) -> int:
    """How many pairs of neighbours differ."""
    return int((values[1:] != values[:-1]).sum() + (values[:, 1:] != values[:, :-1]).sum())


def outlined(ax: Any, voxel: float = 0.1) -> float:
    """How many faces the lines of a picture are long."""
    segments = np.array(ax.collections[0].get_segments())
    return float(np.abs(np.diff(segments, axis=1)).sum() / voxel)


def image(ax: Any) -> Any:
    return np.asarray(ax.images[-1].get_array())


def masks(plane: Any, regions: list[str]) -> Any:
    """0 outside of the brain, -1 in it, and a number for each region."""
    expected = np.where(plane.annotation.values > 0, -1, 0)
    for number, region in enumerate(regions, 1):
        expected[plane.atlas.mask(region).values] = number
    return expected


def test_a_level_is_drawn_as_that_level(sample: xr.Dataset) -> None:
    cut = sample.atlas.parcellate(level=6).sel(z=7, method="nearest")
    ax = sample.atlas.plot.section(ap=7, level=6, ax=new_axes(), directions=False, scale_bar=False)
    np.testing.assert_array_equal(image(ax), cut.annotation)
    assert outlined(ax) == pytest.approx(faces(cut.annotation.values))
    names = {text.get_text() for text in ax.texts}
    assert {"HIP", "SS", "RSP"} <= names
    assert names <= set(cut.atlas.regions.acronym)
    ax = sample.annotation.atlas.plot.outlines(new_axes(), ap=7, level=6)
    assert outlined(ax) == pytest.approx(faces(cut.annotation.values))


@pytest.mark.parametrize(
    "chosen",
    [
        {"regions": ["RSP", "TH", "HIP"]},
        {"parcellation": {"RSP": ["RSP"], "between": ["TH"], "HIP": ["HIP"]}},
    ],
    ids=str,
)
def test_regions_that_are_chosen_stand_out(sample: xr.Dataset, chosen: Any) -> None:
    plane = sample.sel(z=7, method="nearest")
    expected = masks(plane, ["RSP", "TH", "HIP"])
    ax = sample.atlas.plot.section(ap=7, **chosen, ax=new_axes(), **QUIET)
    np.testing.assert_array_equal(image(ax) != 0, expected > 0)
    rest = np.asarray(ax.images[0].get_array().filled(0))
    np.testing.assert_array_equal(rest == 1, expected == -1)
    assert outlined(ax) == pytest.approx(faces(expected))
    # on a picture of one's own there is nothing but the regions
    ax = sample.atlas.plot.outlines(new_axes(), ap=7, **chosen)
    assert outlined(ax) == pytest.approx(faces(np.maximum(expected, 0)))
    # where the template is seen, it is the rest
    grey = sample.annotation.astype("f4") % 50
    ax = sample.assign(template=grey).atlas.plot.section(ap=7, **chosen, ax=new_axes(), **QUIET)
    assert len(ax.images) == 2
    with pytest.raises(ParcellationError):
        sample.atlas.plot.section(ap=7, regions=["CTX", "RSP"], ax=new_axes())
    with pytest.raises(TypeError, match="give one of"):
        sample.atlas.plot.section(ap=7, regions=["CTX"], level=6, ax=new_axes())


def test_values_outline_what_has_one(sample: xr.Dataset) -> None:
    """A map of a test of some regions has the outlines of these, not those of the leaves."""
    plane = sample.sel(z=7, method="nearest")
    given = pd.Series({"RSP": 1.0, "TH": 2.0, "HIP": np.nan})
    expected = masks(plane, list(given.index))
    ax = sample.atlas.plot.values(given, ap=7, ax=new_axes(), labels=True, add_colorbar=False)
    assert outlined(ax) == pytest.approx(faces(expected))
    assert {t.get_text() for t in ax.texts} <= {"RSP", "TH", "HIP", "2 mm", *"SILR"}
    assert {t.get_text() for t in ax.texts} >= {"RSP", "TH", "HIP"}
    # with a level, those of that level
    cut = sample.atlas.parcellate(level=5).sel(z=7, method="nearest")
    volume = sample.atlas.volume()
    for values in (volume, volume.to_series().loc[lambda v: v > 1]):
        ax = sample.atlas.plot.values(values, ap=7, level=5, ax=new_axes(), **QUIET)
        assert outlined(ax) == pytest.approx(faces(cut.annotation.values))
        drawn = image(ax)[cut.atlas.mask("HPF").values]
        assert np.ptp(drawn) == 0
        assert drawn[0] == pytest.approx(float(volume.sel(region="HPF").pint.magnitude))
    own = {"one": ["RSP", "VIS"], "two": ["TH"]}
    ax = sample.atlas.plot.values({"one": 3.0}, ap=7, parcellation=own, ax=new_axes(), **QUIET)
    held = plane.atlas.mask("RSP").values | plane.atlas.mask("VIS").values
    np.testing.assert_array_equal(ax.images[-1].get_array().filled(0) == 3, held)


def test_values_of_finer_regions_are_not_reduced_in_silence(sample: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="value of 'VISp1', and none of 'VIS'"):
        sample.atlas.plot.values({"VISp1": 1, "RSP": 2}, ap=7, level=6, ax=new_axes())
    with pytest.raises(RegionNotFoundError, match="VISpx"):
        sample.atlas.plot.values({"VISpx": 1}, ap=7, level=6, ax=new_axes())


@pytest.mark.parametrize(("axis", "turned"), [("ap", True), ("dv", True), ("ml", False)])
def test_the_side_on_the_left(sample: xr.Dataset, axis: str, turned: bool) -> None:
    drawn = {}
    for view in ("radiological", "neurological"):
        ax = sample.atlas.plot.section(**{axis: 4}, view=view, ax=new_axes(), labels=False)
        ax.figure.canvas.draw()
        letters = {t.xy: t.get_text() for t in ax.texts if len(t.get_text()) == 1}
        drawn[view] = (letters[0, 0.5], ax.get_xlim())
    if turned:
        assert drawn["radiological"][0] == "R"
        assert drawn["neurological"] == ("L", drawn["radiological"][1][::-1])
    else:
        assert drawn["neurological"] == drawn["radiological"]
    usual = sample.atlas.plot.section(**{axis: 4}, ax=new_axes(), labels=False)
    assert usual.get_xlim() == drawn["radiological"][1]
    with pytest.raises(ValueError, match=r"'radiological'.*'neurological'.*not 'left'"):
        sample.atlas.plot.section(**{axis: 4}, view="left")


def test_planes_of_values_have_one_scale(sample: xr.Dataset) -> None:
    given = {"RSP": 4.0, "CB": -3.0, "OLF": 9.0}
    axes = sample.atlas.plot.sections(4, values=given, cmap="RdBu_r", view="neurological")
    assert {ax.images[-1].get_clim() for ax in axes} == {(-3, 9)}
    assert {ax.images[-1].get_cmap().name for ax in axes} == {"RdBu_r"}
    assert axes[0].get_xlim()[0] > axes[0].get_xlim()[1]
    assert len(axes[0].figure.axes) == 5
    axes = sample.atlas.plot.ortho(
        "RSP", values={"RSP": 1.0, "TH": 100.0}, norm="log", vmin=0.1, add_colorbar=False
    )
    assert {ax.images[-1].get_clim() for ax in axes} == {(0.1, 100)}
    assert {type(ax.images[-1].norm).__name__ for ax in axes} == {"LogNorm"}
    assert len(axes[0].figure.axes) == 4
    # nothing of them in these planes
    axes = sample.isel(z=slice(0, 3)).atlas.plot.sections(2, values={"CB": 1.0})
    assert len(axes) == 2


def test_values_of_sides_in_several_planes(sample: xr.Dataset) -> None:
    ds = xarray_atlas.open_atlas(sample.attrs["source"], resolution="100 um", midline="5.675 mm")
    volume = ds.atlas.volume(["TH"], hemisphere=["left", "right"])
    scaled = volume * xr.DataArray([1, 10], dims="hemisphere")
    axes = ds.atlas.plot.sections(3, values=scaled, add_colorbar=False)
    found = np.unique(np.concatenate([ax.images[-1].get_array().compressed() for ax in axes]))
    assert found == pytest.approx(scaled.pint.magnitude.ravel())
