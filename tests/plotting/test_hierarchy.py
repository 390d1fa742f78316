"""plot.tree: what is drawn is the volume that is there, all of it and once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import dask.array as da
import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.testing.compare import compare_images
from test_baselines import same_version
from zarr.storage import LocalStore

import xarray_atlas
from support.atlases import Example, examples, make_atlas, make_terminology, no_compute
from support.stores import CountingStore, write_atlas
from xarray_atlas.errors import GridError, RegionNotFoundError, RegionOverlapError
from xarray_atlas.plotting.fitted_text import FittedText
from xarray_atlas.plotting.hierarchy import cells_of, tree
from xarray_atlas.regions.volume import measured

pytestmark = pytest.mark.version_independent

BASELINE = Path(__file__).parent / "baseline"


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def collections(ax):
    return [c for c in ax.collections if isinstance(c, PolyCollection)]


def rectangles(ax):
    """What is drawn: (left, right, low, high) of each rectangle."""
    found = []
    for path in collections(ax)[0].get_paths():
        (left, low), (right, high) = path.vertices.min(axis=0), path.vertices.max(axis=0)
        assert len(np.unique(path.vertices, axis=0)) == 4
        found.append((left, right, low, high))
    return np.array(found)


def texts(ax):
    return {text.get_text() for text in ax.texts}


def drawn_texts(ax):
    """The texts that are not left out, as a renderer is told to draw them."""
    ax.figure.canvas.draw()
    renderer = ax.figure.canvas.get_renderer()
    found = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderer, "draw_text", lambda gc, x, y, text, *rest, **kw: found.append(text))
        for text in ax.texts:
            text.draw(renderer)
    return found


# -- against voxels counted one by one


def brute_force(example: Example) -> tuple[np.ndarray, np.ndarray, bool]:
    """The voxels of each region, with its descendants and without; whether any belong to two."""
    n = len(example.parents)
    masks = [[example.mask(r, d).values for d in (False, True)] for r in range(n)]
    total, direct = (np.array([int(m[k].sum()) for m in masks]) for k in (0, 1))
    twice = sum(m[1].astype(int) for m in masks).max() > 1
    return total, direct, bool(twice)


@settings(max_examples=60)
@given(examples(), st.booleans())
def test_parts_are_their_parent_exactly(example, apart):
    if apart:  # each label belongs to one region, as it mostly is
        own = [set(labels).difference(*example.own[:i]) for i, labels in enumerate(example.own)]
        example = dataclasses.replace(example, own=[sorted(labels) for labels in own])
    total, direct, twice = brute_force(example)
    found = measured(example.atlas, None, None, ndim=3)
    roots = [i for i, parent in enumerate(example.parents) if parent < 0]
    if twice:
        with pytest.raises(RegionOverlapError, match="both have the label"):
            cells_of(found.table, found.terminology, roots)
        return
    cells = cells_of(found.table, found.terminology, roots)
    rows = list(zip(*(column.tolist() for column in cells), strict=True))
    whole = {region: (start, stop) for region, _, start, stop, own in rows if not own}
    assert {r: b - a for r, (a, b) in whole.items()} == {r: n for r, n in enumerate(total) if n}
    for region, (start, stop) in whole.items():
        beside = sorted(
            (a, b)
            for r, _, a, b, own in rows
            if (r == region if own else example.parents[r] == region)
        )
        if not beside:
            assert direct[region] == total[region]
            continue
        # end to end, from the first voxel of the parent to its last
        assert [a for a, _ in beside] == [start, *(b for _, b in beside[:-1])]
        assert beside[-1][1] == stop
    for region, level, start, stop, own in rows:
        line = [region]
        while example.parents[line[-1]] >= 0:
            line.append(example.parents[line[-1]])
        assert level == len(line) - 1 + own
        assert 0 < stop - start == (direct if own else total)[region]


@pytest.mark.parametrize("root", ["CTX", None])
def test_rectangles_of_the_sample(sample, root):
    """The rectangles that are drawn, against numpy and anytree."""
    values, counts = np.unique(sample.annotation.values, return_counts=True)
    voxels = dict(zip(values.tolist(), (counts * 0.1**3).tolist(), strict=True))
    node = sample.atlas.tree if root is None else sample.atlas.region(root)
    expected, own = [], []
    for region in (node, *node.descendants):
        direct = voxels.get(region.id, 0)
        inside = sum(voxels.get(other.id, 0) for other in region.descendants)
        if direct + inside:
            expected.append((region.color, region.depth, direct + inside))
        if direct and inside:
            own.append((region.color, region.depth + 1, direct))
    ax = sample.atlas.plot.tree(root)
    drawn = rectangles(ax)
    colors = [to_hex(color).upper() for color in collections(ax)[0].get_facecolor()]
    np.testing.assert_array_equal(drawn[:, 1] - drawn[:, 0], 1)
    found = zip(colors, drawn[:, :2].mean(axis=1), drawn[:, 3] - drawn[:, 2], strict=True)
    one, other = (
        sorted((c, int(d), round(v, 6)) for c, d, v in r) for r in (found, expected + own)
    )
    assert one == other
    # the whole is the volume of the root, as it is measured
    total = float(sample.atlas.volume(node).pint.magnitude)
    assert drawn[:, 3].max() == pytest.approx(total, rel=1e-12)
    assert ax.get_ylim() == pytest.approx((total, 0))
    # what is hatched are the voxels of regions that have parts too
    hatched = [np.ptp(path.vertices[:, 1]) for path in collections(ax)[1].get_paths()]
    assert sorted(hatched) == pytest.approx(sorted(volume for *_, volume in own))


# -- what it takes


@pytest.fixture
def small():
    """R0 holds R1 and R2, R2 holds R3; R4 is a root of its own, with its child R5."""
    terminology = make_terminology([-1, 0, 0, 2, -1, 4])
    labels = np.zeros((2, 3, 4), "uint32")
    labels[0, 0] = [1, 2, 3, 4]
    labels[1] = [[4, 4, 4, 4], [6, 6, 77, 77], [0, 0, 0, 0]]
    return make_atlas(labels, terminology, size=(1.0, 1.0, 1.0))


def test_several_roots(small):
    ax = small.atlas.plot.tree()
    assert ax.get_title(loc="left") == "2 roots: 10 mm³"
    first = rectangles(ax)
    roots = first[first[:, 0] == -0.5]
    np.testing.assert_array_equal(roots[:, 2:], [[0, 8], [8, 10]])
    assert texts(ax) == {"R0", "R1", "R2", "R3", "R4", "R5"}
    assert small.atlas.plot.tree(104).get_ylim() == (2, 0)


def test_forms_of_an_atlas(small):
    expected = rectangles(small.atlas.plot.tree("R0"))
    for other in (
        small.annotation,
        small.chunk(z=1),
        xarray_atlas.encode(small),
        small.transpose("x", "y", "z").rename(x="ml"),
        small.isel(z=slice(None, None, -1)),
    ):
        np.testing.assert_array_equal(rectangles(other.atlas.plot.tree("R0")), expected)
    part = rectangles(small.isel(z=[0]).atlas.plot.tree("R0"))
    assert part[:, 3].max() == 4


def test_section(small):
    ax = small.isel(z=1).atlas.plot.tree("R0")
    assert ax.get_ylabel() == "area (mm²)"
    assert ax.get_title(loc="left") == "region 0: 4 mm²"
    assert texts(ax) == {"R0", "R2", "R3"}


def test_parcellation(sample):
    parcels = sample.atlas.parcellate("cosmos")
    ax = parcels.atlas.plot.tree()
    drawn = rectangles(ax)
    volumes = parcels.atlas.volume().pint.magnitude
    assert drawn[:, 3].max() == pytest.approx(volumes.sum())
    heights = np.round(drawn[:, 3] - drawn[:, 2], 6)
    assert set(volumes.round(6)) <= set(heights)


def test_sliced_and_resampled(sample):
    part = sample.isel(z=slice(40, 80, 2))
    total = part.atlas.volume("CTX").pint.magnitude
    assert rectangles(part.atlas.plot.tree("CTX"))[:, 3].max() == pytest.approx(total)


def test_big_labels():
    labels = np.array([[[2**32 - 1, 2**31 + 5, 614454277, 614454276]]], "uint32")
    atlas = make_atlas(
        labels, make_terminology([-1, 0, 0], [[614454277], [2**32 - 1], [2**31 + 5]]), (1.0,) * 3
    )
    assert sorted(rectangles(atlas.atlas.plot.tree())[:, 3]) == [1, 2, 3, 3]


def test_one_pass_or_none(tmp_path):
    path = write_atlas(tmp_path)
    counted = CountingStore(LocalStore(path, read_only=True))
    table = path.parents[3] / "terminologies/tiny-terminology/1_0/terminology.csv"
    ds = xarray_atlas.open_atlas(counted, terminology=table)
    before = len(counted.chunks)
    ds.atlas.plot.tree()
    read = counted.chunks[before:]
    assert len(read) == len(set(read)) == 8
    ds.atlas.plot.tree("grey")
    assert len(counted.chunks) == before + 8


def test_errors(small):
    with pytest.raises(RegionNotFoundError, match="did you mean"):
        small.chunk(z=1).assign(
            annotation=lambda ds: ds.annotation.copy(data=refusing(ds))
        ).atlas.plot.tree("R00")
    with pytest.raises(GridError, match=r"nothing to draw: there is no voxel of 'R3'"):
        small.where(small.annotation != 4, 0).isel(z=slice(0)).atlas.plot.tree("R3")
    with pytest.raises(GridError, match=r"no voxel of any region"):
        (small * 0).atlas.plot.tree()
    shared = make_atlas(np.ones((1, 1, 1), "uint8"), make_terminology([-1, 0], [[1], [1]]))
    with pytest.raises(RegionOverlapError, match="'R0' and 'R1'.* label 1"):
        shared.atlas.plot.tree()
    # a shared label of which there is no voxel, or that is not drawn, is in nobody's way
    assert rectangles(tree(shared, "R1")).shape == (1, 4)


def refusing(ds):
    return da.from_array(ds.annotation.values).map_blocks(
        no_compute, dtype="uint32", meta=np.empty((0,) * 3, "uint32")
    )


# -- how it looks


def test_axes_in_and_out(small):
    figure, axes = plt.subplots(1, 2)
    ax = small.atlas.plot.tree("R0", ax=axes[1], edgecolor="red", lw=2.5, alpha=0.5, zorder=7)
    assert ax is axes[1]
    assert not axes[0].collections
    assert plt.get_fignums() == [figure.number]
    regions = collections(ax)[0]
    assert to_hex(regions.get_edgecolor()[0]) == "#ff0000"
    assert regions.get_linewidth()[0] == 2.5
    assert (regions.get_alpha(), regions.get_zorder()) == (0.5, 7)
    with pytest.raises(AttributeError, match="wrong"):
        small.atlas.plot.tree(ax=axes[0], wrong=1)


def test_colours():
    """Those of the atlas; gray where there is none, or what is there is none."""
    terminology = make_terminology([-1, 0, 0])
    lists = terminology.to_columns()
    lists["color_hex_triplet"] = '["#FF0000", "", "url(x)"]'
    atlas = make_atlas(
        np.arange(1, 4, dtype="uint8").reshape(1, 1, 3), terminology.from_columns(lists), (1.0,) * 3
    )
    ax = atlas.atlas.plot.tree()
    found = [to_hex(color) for color in collections(ax)[0].get_facecolor()]
    assert found == ["#ff0000", "#808080", "#808080", "#ff0000"]


def test_texts_stay_in_their_rectangles(sample):
    ax = sample.atlas.plot.tree("CTX")
    figure = ax.figure
    assert len(ax.texts) == len(texts(ax)) > 300
    shown = set(drawn_texts(ax))
    assert {"CTX", "Isocortex", "OLF", "CA1", "RSPv", "SSp-bfd"} <= shown
    assert len(shown) < 80
    renderer = figure.canvas.get_renderer()
    rooms = {t.get_text(): ax.transData.transform_bbox(t._room) for t in ax.texts}
    for text in ax.texts:
        if text.get_text() in shown:
            extent, room = text.get_window_extent(renderer), rooms[text.get_text()]
            assert abs(extent.width) < abs(room.width)
            assert text.get_fontsize() * figure.dpi / 72 <= abs(room.height)
    # more is shown where there is more room
    ax.set_ylim(60, 20)
    assert {"SSp-bfd4", "SSp-n6a"} <= set(drawn_texts(ax))
    assert not {"SSp-bfd4", "SSp-n6a"} & shown
    figure.set_size_inches(3, 3)
    ax.set_ylim(221, 0)
    assert len(drawn_texts(ax)) < 30


def test_drawing_twice_changes_nothing(small, monkeypatch):
    """Else an interactive figure would draw itself again and again."""
    ax = small.atlas.plot.tree()
    ax.figure.canvas.draw()
    assert not ax.figure.stale
    sizes = []
    monkeypatch.setattr(FittedText, "set_fontsize", lambda text, size: sizes.append(size))
    for text in ax.texts:
        text.draw(ax.figure.canvas.get_renderer())
    assert sizes == []
    # before, each text that matplotlib draws by itself makes the figure stale
    assert not ax.figure.stale or mpl.__version_info__ < (3, 11)


def test_acronyms_are_no_formulas():
    terminology = make_terminology([-1])
    lists = terminology.to_columns()
    lists["abbreviation"], lists["name"] = '["$\\\\alpha$ #1"]', '["$x^"]'
    atlas = make_atlas(np.ones((1, 1, 1), "uint8"), terminology.from_columns(lists), (1.0,) * 3)
    ax = atlas.atlas.plot.tree()
    assert drawn_texts(ax) == ["$\\alpha$ #1"]
    assert isinstance(ax.texts[0], FittedText)


def test_without_matplotlib(small, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(
        ImportError, match=r'plot.tree needs matplotlib: pip install "xarray-atlas\[plot\]"'
    ):
        small.atlas.plot.tree()


@same_version
def test_picture(sample, tmp_path):
    """As it was when it was last looked at.

    The tolerance (root mean square, of 255) is for text, which versions of FreeType draw
    differently by some shades of gray; a missing label is 3 or more, another colour 10 or more.
    """
    with mpl.rc_context(mpl.rcParamsDefault | {"backend": "agg"}):
        figure, ax = plt.subplots(figsize=(4, 4), dpi=80, layout="constrained")
        sample.atlas.plot.tree("HPF", ax=ax)
        figure.savefig(tmp_path / "tree.png", metadata={"Software": None})
    assert compare_images(str(BASELINE / "tree.png"), str(tmp_path / "tree.png"), tol=2.0) is None
