"""Pictures as they are printed, by the tool that checks those of the README and the gallery."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from xarray_atlas.plotting.region_names import RegionName

mpl.use("agg")
pytestmark = [pytest.mark.version_independent, pytest.mark.usefixtures("page_options")]

TOOL = Path(__file__).parents[2] / "tools" / "check_pictures.py"

if not TOOL.exists():
    pytest.skip("the tools are not beside the tests", allow_module_level=True)


@pytest.fixture(scope="module")
def tool() -> Any:
    spec = importlib.util.spec_from_file_location("check_pictures", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def figures() -> Any:
    yield
    plt.close("all")


@pytest.fixture
def ds(sample: xr.Dataset) -> xr.Dataset:
    """The sample with a template of stripes, on which no one colour of text can be read."""
    stripes = np.arange(132)[:, None, None] // 2 % 2 * 200.0 + 20
    grey = (sample.annotation.values > 0) * stripes
    return sample.assign(template=(sample.annotation.dims, grey.astype("f4")))


def single(width: float) -> Any:
    return plt.subplots(figsize=(width / 25.4, width * 0.72 / 25.4), dpi=200, layout="constrained")


PICTURES: dict[str, Any] = {
    "coronal": lambda ds, ax: ds.atlas.plot.section(ap=7, template=False, ax=ax),
    "level": lambda ds, ax: ds.atlas.plot.section(
        dv=4, level=6, template=False, view="neurological", outlines="smooth", ax=ax
    ),
    "template": lambda ds, ax: ds.atlas.plot.section(ml=4, ax=ax),
    "values": lambda ds, ax: ds.atlas.plot.values(
        {"VIS": 3, "RSP": 2, "SS": 1, "TH": 0, "DG": -1}, ap=7.5, ax=ax, labels=True
    ),
}


@pytest.mark.parametrize(("kind", "width"), [("coronal", 180), *((kind, 85) for kind in PICTURES)])
def test_texts_are_legible_and_well_placed(
    tool: Any, ds: xr.Dataset, kind: str, width: float
) -> None:
    with plt.style.context(tool.STYLE):
        figure, ax = single(width)
        PICTURES[kind](ds, ax)
        assert tool.problems(figure) == []
        figure.canvas.draw()
        names = [t for t in ax.texts if isinstance(t, RegionName) and t.placed is not None]
    assert len({name.get_text() for name in names}) >= {"values": 5}.get(kind, 15)
    assert min(name.get_fontsize() for name in names) >= 5
    haloed = [name for name in names if name.get_path_effects()]
    assert bool(haloed) == (kind == "template")


def test_layers_are_named_by_their_area(tool: Any, sample: xr.Dataset) -> None:
    with plt.style.context(tool.STYLE):
        figure, ax = single(85)
        sample.atlas.plot.section(ap=7, ax=ax)
        texts = tool.drawn_texts(figure)
    beside = {t.get_text() for t in texts if isinstance(t, RegionName) and t.placed.target}
    terminology = sample.atlas.terminology
    cortex = terminology.descendants(terminology.position("Isocortex"))
    areas = [region for region in cortex if terminology.acronyms[region] in beside]
    assert len(areas) >= 4
    assert not any(terminology.is_leaf(region) for region in areas)
    # where the caller chose the regions there is no other name
    figure, ax = single(85)
    sample.atlas.plot.section(ap=7, level=8, ax=ax)
    cut = sample.atlas.parcellate(level=8).atlas.terminology
    parcels = {cut.acronyms[region] for region in cut.parcels}
    names = {t.get_text() for t in tool.drawn_texts(figure) if isinstance(t, RegionName)}
    assert names <= parcels


def test_names_come_back_when_the_figure_grows(tool: Any, sample: xr.Dataset) -> None:
    figure, ax = single(50)
    sample.atlas.plot.section(ap=7, ax=ax)

    def inside() -> set[str]:
        texts = tool.drawn_texts(figure)
        return {t.get_text() for t in texts if isinstance(t, RegionName) and not t.placed.target}

    few = inside()
    tool.resized(figure, 120)
    many = inside()
    assert len(many) > len(few) + 10
    tool.resized(figure, 50)
    assert inside() == few
    for text in ax.texts:
        text.set_visible(False)
    assert inside() == set()


def test_names_keep_clear_of_what_is_plotted_later(tool: Any, sample: xr.Dataset) -> None:
    figure, ax = single(120)
    sample.atlas.plot.section(ap=7, level=6, ax=ax)
    figure.canvas.draw()
    before = {t: t.placed for t in ax.texts if isinstance(t, RegionName)}
    at = next(placed for name, placed in before.items() if name.get_text() == "HIP" and placed)
    x, y = ax.transData.inverted().transform((at.x, at.y))
    (line,) = ax.plot([x - 0.5, x + 0.5], [y - 0.5, y + 0.5])
    ends = line.get_transform().transform(line.get_xydata())
    texts = tool.drawn_texts(figure)
    path = mpl.path.Path(ends)
    for text in texts:
        if isinstance(text, RegionName):
            assert not path.intersects_bbox(text.get_window_extent(), filled=False)
    assert "HIP" in {text.get_text() for text in texts}


def test_what_is_wrong_is_found(tool: Any, sample: xr.Dataset) -> None:
    figure, ax = single(120)
    sample.atlas.plot.section(ap=7, ax=ax)
    names = {t.get_text(): t for t in tool.drawn_texts(figure) if isinstance(t, RegionName)}
    inside = next(name for name in names.values() if name.get_text() == "CP")
    inside.spot = (inside.spot[0] + 1.0, inside.spot[1])
    inside.layout.arrange = lambda *args, **kwargs: None
    x, y = ax.transData.transform(inside.spot)
    inside.placed = inside.placed._replace(x=x, y=y)
    beside = next(name for name in names.values() if name.placed.target)
    beside.placed = beside.placed._replace(target=(beside.placed.x, beside.placed.y))
    ax.text(5, 4, "faint", color="0.6", gid="faint")
    ax.text(0.2, 7.5, "one above")
    ax.text(0.3, 7.5, "the other")
    figure.text(0.99, 0.5, "beyond")
    found = "; ".join(tool.problems(figure))
    for expected in (
        "'CP' lies on", f"the line of {beside.get_text()!r} does not end in it",
        "'faint' has a contrast", "'one above' and 'the other' overlap", "'beyond' reaches out",
    ):  # fmt: skip
        assert expected in found


def test_the_readme_picture(tool: Any) -> None:
    pytest.importorskip("PIL")
    if not (TOOL.parents[1] / "docs" / "make_pictures.py").exists():
        pytest.skip("the documentation is not beside the tests")
    with plt.style.context(tool.STYLE):
        figure = tool.readme_figure()
        tool.resized(figure, 180)
        assert tool.problems(figure) == []
