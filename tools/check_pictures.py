"""Check the pictures of the README and of the gallery as they appear in print.

    python tools/check_pictures.py                # all of them, at 85 mm and 180 mm
    python tools/check_pictures.py heat-map cells # these pages of docs/gallery

Each figure is drawn in the style for publications, at 180 mm, and at 85 mm where it has one plane.
Of what is drawn it is checked that texts do not overlap and lie within the figure, that each has a
contrast of 4.5 to what is below it, and that acronyms lie inside of their region, on no outline, or
outside of the brain with a line that ends in their region.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from xarray_atlas.plotting.region_names import RegionName

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery"
MM = 1 / 25.4
WIDTHS = 85, 180
AA = 4.5
STYLE = "xarray_atlas.plotting.styles.publication"
WITHOUT_PICTURES = {"index", "cluster"}
CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def drawn_texts(figure: Figure) -> list[Text]:
    """Draw a figure, and return the texts that were."""
    found: dict[int, Text] = {}
    draw = Text.draw

    def record(self: Text, renderer: Any, *args: Any, **kwargs: Any) -> Any:
        if self.get_visible() and self.get_text().strip():
            found[id(self)] = self
        return draw(self, renderer, *args, **kwargs)

    figure.canvas.draw()  # ticks and layouts settle
    try:
        Text.draw = record  # type: ignore[method-assign, assignment]
        figure.canvas.draw()
    finally:
        Text.draw = draw  # type: ignore[method-assign]
    return list(found.values())


def problems(figure: Figure) -> list[str]:
    """Return what is wrong with the texts of a figure."""
    if not hasattr(figure.canvas, "get_renderer"):
        FigureCanvasAgg(figure)
    texts = drawn_texts(figure)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    boxes = {text: text.get_window_extent(renderer) for text in texts}
    found = list(overlaps(boxes))
    whole = figure.bbox.padded(0.5)
    found += [
        f"{text.get_text()!r} reaches out of the figure"
        for text, box in boxes.items()
        if not (whole.contains(*box.min) and whole.contains(*box.max))
    ]
    for text, box in boxes.items():
        if isinstance(text, RegionName):
            found += misplaced(text, box, boxes)
    return found + list(faint(figure, boxes))


def overlaps(boxes: dict[Text, Bbox]) -> Iterator[str]:
    """Find pairs of texts that overlap by more than half a pixel."""
    texts = [text.get_text() for text in boxes]
    sides = np.array([box.extents for box in boxes.values()]).reshape(-1, 4)
    low = np.maximum(sides[:, None, :2], sides[:, :2])
    high = np.minimum(sides[:, None, 2:], sides[:, 2:])
    for one, other in np.argwhere(np.triu((high - low).min(axis=-1) > 0.5, 1)):
        yield f"{texts[one]!r} and {texts[other]!r} overlap"


def luminance(colors: Any) -> Any:
    """Return the relative luminance of WCAG 2."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def contrast(one: Any, other: Any) -> Any:
    """Return the contrast of WCAG 2 of a colour to others."""
    a, b = (luminance(np.asarray(mpl.colors.to_rgba_array(c))[:, :3]) for c in (one, other))
    return (np.maximum(a, b) + 0.05) / (np.minimum(a, b) + 0.05)


def faint(figure: Figure, boxes: dict[Text, Bbox]) -> Iterator[str]:
    """Find texts without enough contrast to the pixels below them, or to their halo."""
    engine = figure.get_layout_engine()
    figure.set_layout_engine("none")  # what is hidden would leave its room
    # names that are not drawn now would take the place of others
    hidden = [text for text in figure.findobj(Text) if text.get_visible()]
    for text in hidden:
        text.set_visible(False)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3] / 255  # type: ignore[attr-defined]
    for text in hidden:
        text.set_visible(True)
    figure.set_layout_engine(engine)
    for text, box in boxes.items():
        halos = [
            effect._gc["foreground"]  # type: ignore[attr-defined]
            for effect in text.get_path_effects() or []
        ]
        x0, y0, x1, y1 = (round(n) for n in box.extents)
        below = pixels[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1].reshape(-1, 3)
        if halos:
            below = np.array([mpl.colors.to_rgb(halos[0])])
        # a line that is half a pixel wide at the rim of the box is not below the letters
        ratio = float(np.quantile(contrast(text.get_color(), below), 0.1))
        if ratio < AA:
            yield f"{text.get_text()!r} has a contrast of {ratio:.1f}"


def labels_in(name: RegionName, box: Bbox) -> set[int]:
    """Return the labels of the voxels below a box of the display; 0 beyond the plane."""
    plane = name.layout.plane
    (x0, y0), (x1, y1) = name.layout.ax.transData.inverted().transform([box.min, box.max])
    pieces, beyond = [], False
    for axis, ends in ((plane.y, (y0, y1)), (plane.x, (x0, x1))):
        low, high = sorted((end - axis.first) / axis.step for end in ends)
        beyond |= low < 0 or high > axis.count
        pieces.append(slice(max(int(low), 0), max(int(np.ceil(high)), 0)))
    return {*np.unique(plane.labels[tuple(pieces)]).tolist(), *([0] if beyond else [])}


def hits(lines: LineCollection, box: Bbox) -> bool:
    """Return whether a line of a collection goes through a box of the display."""
    inner = box.padded(-0.5)
    back = lines.get_transform().inverted().transform_bbox(inner)
    near = (path for path in lines.get_paths() if path.get_extents().overlaps(back))
    return any(
        path.transformed(lines.get_transform()).intersects_bbox(inner, filled=False)
        for path in near
    )


def misplaced(name: RegionName, box: Bbox, boxes: dict[Text, Bbox]) -> Iterator[str]:
    """Find what is wrong with the place of an acronym."""
    plane, ax, text = name.layout.plane, name.layout.ax, name.get_text()
    own = set(plane.terminology.labels_of(name.region).tolist())
    assert name.placed is not None
    if name.placed.target is None:
        if not labels_in(name, box) <= own:
            yield f"{text!r} lies on other regions, without a line"
        if any(hits(lines, box) for lines in ax.collections if isinstance(lines, LineCollection)):
            yield f"{text!r} lies on an outline"
    else:
        target = name.placed.target
        if labels_in(name, box) != {0}:
            yield f"{text!r} lies on the brain, and names it from outside"
        if not labels_in(name, Bbox([target, target]).padded(0.01)) <= own:
            yield f"the line of {text!r} does not end in it"
        start = np.clip(target, box.min, box.max)
        leader = Outline(np.array([start, target]))
        for other, around in boxes.items():
            if other is not name and leader.intersects_bbox(around.padded(-0.5), filled=False):
                yield f"the line of {text!r} crosses {other.get_text()!r}"
    for line in ax.lines:
        across = line.get_window_extent()
        if min(across.width, across.height) < 1 and Bbox.intersection(across.padded(0.5), box):
            yield f"a line is drawn through {text!r}"


def resized(figure: Figure, width: float) -> None:
    """Give a figure a width in mm, and its shape."""
    wide, high = figure.get_size_inches()
    figure.set_size_inches(width * MM, width * MM * high / wide)
    figure.set_dpi(200)


def figures_of(page: Path) -> list[Figure]:
    """Run the cells of a page, and return the figures that it makes."""
    plt.close("all")
    kept: list[Figure] = []
    made: dict[str, Any] = {"__name__": page.stem}
    folder = tempfile.TemporaryDirectory()
    with folder as path, contextlib.chdir(path), contextlib.redirect_stdout(io.StringIO()):
        for cell in CELL.findall(page.read_text("utf-8")):
            if "savefig" in cell and "gallery" in cell:  # the picture of the front page
                continue
            code = cell[cell.index("\n\n") :] if cell.startswith(":tags:") else cell
            exec(compile(code, str(page), "exec"), made)
            for number in plt.get_fignums():
                if plt.figure(number) not in kept:
                    kept.append(plt.figure(number))
    return kept


def readme_figure() -> Figure:
    """Return the figure of the README."""
    spec = importlib.util.spec_from_file_location("pictures", ROOT / "docs" / "make_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Figure = module.draw()
    return found


def planes_in(figure: Figure) -> int:
    """Return how many axes show something of their own."""
    return sum(ax.has_data() and not hasattr(ax, "_colorbar") for ax in figure.axes)


def main(pages: list[str]) -> int:
    """Check pages, and print what is wrong."""
    plt.switch_backend("agg")
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    count = bad = texts = 0
    names = pages or ["README", *sorted(p.stem for p in GALLERY.glob("*.md"))]
    for name in names:
        if name in WITHOUT_PICTURES:
            continue
        with plt.style.context(STYLE), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figures = [readme_figure()] if name == "README" else figures_of(GALLERY / f"{name}.md")
            for number, figure in enumerate(figures, 1):
                for width in WIDTHS if planes_in(figure) == 1 else WIDTHS[1:]:
                    resized(figure, width)
                    wrong = problems(figure)
                    count, bad = count + 1, bad + bool(wrong)
                    texts += len(drawn_texts(figure))
                    print(f"{name} {number}, {width} mm: {'; '.join(wrong) or 'nothing wrong'}")
        plt.close("all")
    print(f"{bad} of {count} pictures have something wrong; {texts} texts were looked at")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
