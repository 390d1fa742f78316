"""plot.heatmap: each cell is the value that it stands for, beside the right part of the tree."""

from __future__ import annotations

import itertools
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_hex

import xarray_atlas
from support.small_worlds import ARRAY, brainglobe_table, labels
from xarray_atlas.plotting.row_hierarchy import FittingText, branches_of, groups_of

mpl.use("agg")
pytestmark = pytest.mark.version_independent

REGIONS = ["TH", "CP", "RSP", "VISp", "CA1", "CA3", "HY", "SSp", "CUL", "DG", "MOp", "GPe"]
ORDER = ["MOp", "SSp", "VISp", "RSP", "CA1", "CA3", "DG", "CP", "GPe", "TH", "HY", "CUL"]


@pytest.fixture(autouse=True)
def _closed() -> Any:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return xarray_atlas.open_sample("100 um")


def observations(*sides: str) -> xr.DataArray:
    shape = (len(REGIONS), *([len(sides)] if sides else []), 4)
    dims = ("region", *(["hemisphere"] if sides else []), "animal")
    values = np.random.default_rng(0).gamma(3.0, size=shape)
    values.flat[1] = np.nan
    coords: dict[str, Any] = {
        "region": REGIONS, "animal": ["a", "b", "c", "d"],
        "group": ("animal", ["case", "control", "case", "control"]),
    }  # fmt: skip
    if sides:
        coords["hemisphere"] = list(sides)
    return xr.DataArray(values, coords, dims, "density", {"units": "1 / mm ** 3"})


def cells(ax: Any) -> np.ndarray[Any, Any]:
    """What is drawn, the meshes of all groups side by side."""
    meshes = [c for c in ax.collections if isinstance(c, QuadMesh)]
    return np.hstack([m.get_array().filled(np.nan) for m in meshes])


def rows(ax: Any) -> list[str]:
    ax.figure.canvas.draw()
    return [t.get_text() for t in ax.get_yticklabels()]


def columns(ax: Any) -> list[str]:
    return [t.get_text() for t in ax.get_xticklabels()]


def beside(ax: Any) -> Any:
    (found,) = ax.child_axes
    return found


@pytest.mark.parametrize("hierarchy", ["strip", "dendrogram"])
def test_cells_are_the_values(ds: xr.Dataset, hierarchy: str) -> None:
    values = observations()
    ax = ds.atlas.plot.heatmap(values, by="group", hierarchy=hierarchy)
    wanted = values.sel(region=ORDER, animal=["a", "c", "b", "d"])
    np.testing.assert_array_equal(cells(ax), wanted)
    assert rows(ax) == ORDER
    assert columns(ax) == ["a", "c", "b", "d"]
    assert {t.get_text() for t in ax.texts} == {"case", "control"}
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "density (mm⁻³)"
    limits = {m.get_clim() for m in ax.collections if isinstance(m, QuadMesh)}
    assert limits == {(float(values.min()), float(values.max()))}  # one scale


def test_without_a_hierarchy_the_order_is_that_of_the_values(ds: xr.Dataset) -> None:
    ax = ds.atlas.plot.heatmap(observations(), hierarchy=None, add_colorbar=False)
    assert rows(ax) == REGIONS
    assert not ax.child_axes
    assert len(ax.figure.axes) == 1
    np.testing.assert_array_equal(cells(ax), observations())


def test_hemispheres_are_side_by_side(ds: xr.Dataset) -> None:
    values = observations("left", "right")
    ax = ds.atlas.plot.heatmap(values)
    wanted = values.sel(region=ORDER).stack(column=["hemisphere", "animal"])
    np.testing.assert_array_equal(cells(ax), wanted)
    assert columns(ax) == [*"abcd", *"abcd"]
    alone = ds.atlas.plot.heatmap(values.isel(animal=2))
    np.testing.assert_array_equal(cells(alone), values.isel(animal=2).sel(region=ORDER))
    assert columns(alone) == ["left", "right"]
    both = ds.atlas.plot.heatmap(values, by="group")
    wanted = values.sel(region=ORDER, animal=["a", "c", "b", "d"]).transpose("region", ...)
    np.testing.assert_array_equal(cells(both), wanted.values.reshape(len(ORDER), 8))
    one = ds.atlas.plot.heatmap({"RSP": 1.0, "TH": 2.0})
    np.testing.assert_array_equal(cells(one), [[1.0], [2.0]])


def test_missing_values_are_grey(ds: xr.Dataset) -> None:
    ax = ds.atlas.plot.heatmap(observations(), cmap="magma", vmin=0, vmax=9)
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    assert mesh.get_clim() == (0, 9)
    ax.figure.canvas.draw()
    faces = [to_hex(c) for c in mesh.get_facecolors()]
    grey = np.reshape([face == "#e0e0e0" for face in faces], (len(ORDER), 4))
    np.testing.assert_array_equal(grey, np.isnan(cells(ax)))


def test_the_tree_is_that_of_the_regions(ds: xr.Dataset) -> None:
    terminology = ds.atlas.terminology
    positions = terminology.positions(ORDER).tolist()
    children = branches_of(terminology, positions)

    # another way: the lowest common ancestors of all pairs are what divides the rows
    def path(name: str) -> list[str]:
        return [n.acronym for n in ds.atlas.region(name).path]

    shared = set()
    for one, other in itertools.combinations(ORDER, 2):
        pairs = zip(path(one), path(other), strict=False)
        shared.add([a for a, b in pairs if a == b][-1])
    drawn = {terminology.acronyms[p] for p in children if p >= 0}
    assert drawn == shared
    for above, below in children.items():
        for node in below if above >= 0 else []:
            nodes = path(str(terminology.acronyms[node]))
            assert [n for n in nodes[:-1] if n in shared][-1] == terminology.acronyms[above]


def test_a_row_that_holds_others_stands_in_the_tree_itself(ds: xr.Dataset) -> None:
    terminology = ds.atlas.terminology
    names = ["CTX", "RSP", "TH"]
    ax = ds.atlas.plot.heatmap(dict.fromkeys(names, 1.0), hierarchy="dendrogram")
    ctx, rsp, th = terminology.positions(names).tolist()
    (top,) = branches_of(terminology, [ctx, rsp, th])[-1]
    assert terminology.acronyms[top] == "grey"
    assert branches_of(terminology, [ctx, rsp, th])[ctx] == [rsp]
    lines = next(c for c in beside(ax).collections if isinstance(c, LineCollection))
    ends = {line[1][1] for line in lines.get_segments() if line[1][0] == 1.0}
    assert ends == {0.0, 1.0, 2.0}  # each row is reached
    ax.figure.canvas.draw()


def test_the_strip_has_the_colours_of_the_atlas(ds: xr.Dataset) -> None:
    terminology = ds.atlas.terminology
    positions = terminology.positions(ORDER).tolist()
    above = terminology.acronyms[groups_of(terminology, positions)].tolist()
    for name, group in zip(ORDER, above, strict=True):
        assert group in [n.acronym for n in ds.atlas.region(name).path]
    assert 1 < len(set(above)) <= 4
    ax = ds.atlas.plot.heatmap(observations())
    strip = beside(ax)
    colors = [to_hex(c.get_facecolor()[0]).upper() for c in strip.collections]
    assert colors == [ds.atlas.region(g).color.upper() for g in dict.fromkeys(above)]
    named = {group for group in above if above.count(group) > 1}
    assert {t.get_text() for t in strip.findobj(FittingText)} == named


def all_apart(texts: list[Any], figure: Any) -> int:
    """Check that texts are on the page and do not overlap; return how many there are."""
    renderer, page = figure.canvas.get_renderer(), figure.bbox
    boxes = [t.get_window_extent(renderer) for t in texts if t.get_text()]
    for box in boxes:
        assert page.x0 <= box.x0 < box.x1 <= page.x1
        assert page.y0 <= box.y0 < box.y1 <= page.y1
    for one, other in itertools.combinations(boxes, 2):
        both = mpl.transforms.Bbox.intersection(one, other)
        # descenders may touch; letters do not
        assert both is None or min(both.width, both.height) < 0.2 * min(one.height, one.width)
    return len(boxes)


@pytest.mark.parametrize("width", [85 / 25.4, 180 / 25.4])
def test_no_names_of_bars_overlap(ds: xr.Dataset, width: float) -> None:
    names = [r.acronym for r in ds.atlas.region("grey").descendants if r.depth == 6]
    with plt.style.context("xarray_atlas.plotting.styles.publication"):
        for some in (names, names[::25], names[:12]):
            _, ax = plt.subplots(figsize=(width, 2.5))
            ds.atlas.plot.bars(dict.fromkeys(some, 1.0), ax=ax)
            ax.figure.canvas.draw()
            shown = all_apart(ax.get_xticklabels(), ax.figure)
            assert shown == len(some) or len(some) > 40


@pytest.mark.parametrize("width", [85 / 25.4, 180 / 25.4])
@pytest.mark.parametrize("hierarchy", ["strip", "dendrogram"])
def test_no_text_overlaps_another(ds: xr.Dataset, width: float, hierarchy: str) -> None:
    names = [r.acronym for r in ds.atlas.region("grey").descendants if r.depth == 6]
    values = xr.DataArray(
        np.ones((len(names), 60)),
        {
            "region": names,
            "animal": [f"mouse {i}" for i in range(60)],
            "group": ("animal", ["control"] * 50 + ["a long name of a group"] * 10),
        },
        ("region", "animal"),
    )
    with plt.style.context("xarray_atlas.plotting.styles.publication"):
        figure, ax = plt.subplots(figsize=(width, 4.0))
        ds.atlas.plot.heatmap(values, ax=ax, hierarchy=hierarchy, by="group")
        figure.canvas.draw()
        renderer: Any = figure.canvas.get_renderer()
        assert all_apart([*ax.get_yticklabels(), *ax.get_xticklabels(), *ax.texts], figure) > 20
        page = figure.bbox
        # the hierarchy lies left of the acronyms, on the page
        there = beside(ax).get_window_extent(renderer)
        assert page.x0 - 1 <= there.x0
        assert there.x1 <= min(t.get_window_extent(renderer).x0 for t in ax.get_yticklabels())


def test_errors_say_what_to_type(ds: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="'strip', 'dendrogram' or None, not 'tree'"):
        ds.atlas.plot.heatmap(observations(), hierarchy="tree")
    with pytest.raises(ValueError, match="norm=, or vmin= and vmax="):
        ds.atlas.plot.heatmap(observations(), norm=mpl.colors.Normalize(), vmin=0)
    with pytest.raises(ValueError, match="cannot be grouped by 'sex'"):
        ds.atlas.plot.heatmap(observations(), by="sex")


def test_tables_of_regions_and_animals(ds: xr.Dataset) -> None:
    values = observations()
    table = values.to_pandas()
    np.testing.assert_array_equal(cells(ds.atlas.plot.heatmap(table)), values.sel(region=ORDER))
    ax = ds.atlas.plot.bars(table)
    heights = [bar.get_height() for bar in ax.patches]
    np.testing.assert_allclose(heights, table.mean(axis=1))
    with pytest.raises(TypeError, match=r"column 'name' .*table\.pivot"):
        ds.atlas.plot.heatmap(table.assign(name="x"))
    with pytest.raises(ValueError, match="nothing to draw"):
        ds.atlas.plot.heatmap(table.iloc[:0])


def test_a_series_of_several_levels_keeps_its_order(ds: xr.Dataset) -> None:
    values = observations("right", "left").isel(animal=0, drop=True)
    series = values.to_series()[::-1]
    ax = ds.atlas.plot.bars(series)
    assert [text.get_text() for text in ax.get_xticklabels()] == REGIONS[::-1]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["left", "right"]
    expected = values.transpose("hemisphere", "region").values[::-1, ::-1]
    np.testing.assert_array_equal([bar.get_height() for bar in ax.patches], expected.ravel())
    with pytest.raises(ValueError, match="several values of TH, left"):
        ds.atlas.plot.bars(pd.concat([series, series]).loc[["TH"]])


def test_levels_of_a_table_are_groups(ds: xr.Dataset) -> None:
    tidy = pd.DataFrame(
        {
            "region": ["CA1"] * 4 + ["RSP"] * 4, "hemisphere": ["left", "right"] * 4,
            "group": ["g", "g", "h", "h"] * 2, "animal": ["a", "a", "b", "b"] * 2,
            "value": pd.array([1, 2, 3, 4, 5, 6, 7, None], "Int64"),
        }
    )  # fmt: skip
    table = tidy.pivot(index="region", columns=["group", "hemisphere", "animal"], values="value")
    for by, named in ("group", "left, g|left, h|right, g|right, h"), (None, "left|right"):
        ax = ds.atlas.plot.bars(table, by=by)
        assert [text.get_text() for text in ax.get_legend().get_texts()] == named.split("|")
    # the mean of each side, not of both
    assert [bar.get_height() for bar in ax.patches] == [2, 6, 3, 6]
    with pytest.raises(ValueError, match=r"pass it transposed: table\.T"):
        ds.atlas.plot.bars(table.T)
    rows = tidy.pivot(index=["region", "hemisphere"], columns="animal", values="value")
    with pytest.raises(ValueError, match=r"levels region, hemisphere, .*unstack\('hemisphere'\)"):
        ds.atlas.plot.heatmap(rows)
    days = observations().assign_coords(animal=pd.date_range("2020-01-01", periods=4))
    names = [text.get_text() for text in ds.atlas.plot.heatmap(days).get_xticklabels()]
    assert names[:2] == ["2020-01-01", "2020-01-02"]


@pytest.mark.parametrize("norm", ["log", mpl.colors.LogNorm, mpl.colors.CenteredNorm, None])
def test_groups_have_one_scale(ds: xr.Dataset, norm: Any) -> None:
    values = observations() + 1
    values[:, 0] *= 1000
    values = values.assign_coords(group=("animal", ["case", "control", "control", "control"]))
    made = norm() if callable(norm) else norm
    ax = ds.atlas.plot.heatmap(values, by="group", norm=made)
    meshes = [c for c in ax.collections if isinstance(c, QuadMesh)]
    assert len(meshes) == 2
    high = float(values.max())
    low = -high if norm is mpl.colors.CenteredNorm else float(values.min())
    for mesh in meshes:
        np.testing.assert_allclose(mesh.get_clim(), (low, high))
        assert type(mesh.norm) is type(meshes[0].norm)


def test_no_bar_is_a_mean_without_its_infinite_values(ds: xr.Dataset) -> None:
    values = xr.DataArray([[1.0, np.inf], [2.0, 3.0]], {"region": ["RSP", "TH"]}, ("region", "m"))
    with pytest.raises(ValueError, match=r"a value of 'RSP' is infinite.*np\.isfinite"):
        ds.atlas.plot.bars(values)


def test_names_are_no_formulas_and_no_orders() -> None:
    frame = brainglobe_table()
    frame.loc[1, "abbreviation"] = "$\\frac$\x1b[2J"
    ds = xarray_atlas.create_atlas(labels(), frame, midline="0.1 mm", **ARRAY)
    region = ds.atlas.region(1).acronym
    values = xr.DataArray(
        [[1.0, 2.0]], {"region": [region], "animal": ["$a", "$b"], "group": ("animal", ["$x$", "$\\y$"])},
        ("region", "animal"),
    )  # fmt: skip
    for hierarchy in ("strip", "dendrogram", None):
        ds.atlas.plot.heatmap(values, by="group", hierarchy=hierarchy).figure.canvas.draw()
    ds.atlas.plot.bars(values, by="group").figure.canvas.draw()


def test_parts_of_a_figure(ds: xr.Dataset) -> None:
    figure = plt.figure(layout="constrained")
    _, right = figure.subfigures(1, 2)
    ax = ds.atlas.plot.heatmap(observations(), ax=right.subplots())
    assert [a.get_figure() for a in right.axes] == [right, right]
    figure.canvas.draw()
    assert beside(ax).get_window_extent().x0 >= right.bbox.x0
