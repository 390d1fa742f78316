"""The hierarchy of the rows of a heat map, as a colour strip or a dendrogram."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from xarray_atlas.plotting.palette import ink_for
from xarray_atlas.printable import one_line
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.rendering import color_of
from xarray_atlas.terminology.table import NO_COLOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SMALLEST", "FittingText", "branches_of", "draw_dendrogram", "draw_strip", "groups_of"]

MOST_GROUPS = 12
"""Groups of rows that a strip shows at most."""

WIDTH = 3.2
"""The width of a level of a dendrogram, in sizes of its text."""

SMALLEST = 4.5
"""The smallest size of text, in points."""


class FittingText(Text):
    """A text that shrinks to fit into a rectangle in data coordinates, or is omitted.

    Parameters
    ----------
    room : Bbox
    x, y : float
    text : str
    **kwargs
        Same as in :class:`matplotlib.text.Text`.
    """

    def __init__(self, room: Bbox, x: float, y: float, text: str, **kwargs: Any) -> None:
        super().__init__(x, y, text, **{"parse_math": False, "clip_on": False, **kwargs})
        self._room = room
        self._largest = float(self.get_fontsize())
        self.set_in_layout(False)

    def draw(self, renderer: Any) -> None:
        """Draw it, if it fits when it is drawn."""
        if not self.get_text():
            return
        room = self.get_transform().transform_bbox(self._room)
        extent = self.get_window_extent(renderer)
        share = min(abs(room.width) / extent.width, abs(room.height) / extent.height)
        size = min(float(self.get_fontsize()) * share * 0.9, self._largest)
        if size >= SMALLEST:
            if abs(size - float(self.get_fontsize())) > 0.01:
                self.set_fontsize(size)
            super().draw(renderer)


class _Beside:
    """Places an inset to the left of the tick labels of other axes; its width is in points."""

    def __init__(self, ax: Axes, width: float) -> None:
        self.ax, self.width = ax, width

    def __call__(self, inset: Any, renderer: Any) -> Bbox:
        figure: Any = self.ax.get_figure()
        pixel = figure.get_figure(root=True).dpi / 72
        box = self.ax.bbox
        labels = self.ax.yaxis.get_tightbbox(renderer)
        right = (box.x0 if labels is None else min(labels.x0, box.x0)) - 3 * pixel
        there = Bbox.from_extents(right - self.width * pixel, box.y0, right, box.y1)
        return there.transformed(figure.transSubfigure.inverted())


def _inset(ax: Axes, width: float) -> Axes:
    inset: Axes = ax.inset_axes((0, 0, 1, 1), sharey=ax, label="hierarchy")
    inset.set_axes_locator(_Beside(ax, width))
    inset.set(xlim=(0, 1), ylim=ax.get_ylim())
    inset.set_axis_off()
    return inset


def groups_of(terminology: Terminology, rows: list[int]) -> list[int]:
    """Return the ancestor of each row at the deepest level at which there are few of them.

    Parameters
    ----------
    terminology : Terminology
    rows : list of int
        Positions of regions.

    Returns
    -------
    list of int
        Positions of the ancestors; of each row itself, where no level has few ancestors.
    """
    paths = [_path(terminology, row) for row in rows]
    most = max(min(MOST_GROUPS, len(rows) // 3), 1)
    best = rows
    for level in range(max(map(len, paths), default=0)):
        above = [path[min(level, len(path) - 1)] for path in paths]
        if 1 < len(set(above)) <= most:
            best = above
    return best


def draw_strip(ax: Axes, terminology: Terminology, rows: list[int], size: float) -> float:
    """Draw a strip in the colours of the regions that hold the rows, with their acronyms.

    Parameters
    ----------
    ax : matplotlib Axes
        A row is from i - 0.5 to i + 0.5.
    terminology : Terminology
    rows : list of int
        Positions of regions.
    size : float
        Of the text, in points.

    Returns
    -------
    float
        The width of the strip in points.
    """
    width = 1.6 * size
    inset = _inset(ax, width)
    of = groups_of(terminology, rows)
    starts = [i for i in range(len(of)) if i == 0 or of[i] != of[i - 1]]
    for start, stop in zip(starts, [*starts[1:], len(of)], strict=True):
        color = to_rgb(color_of(terminology, of[start]) or NO_COLOR)
        low, high = start - 0.5, stop - 0.5
        inset.add_collection(
            PatchCollection(
                [Rectangle((0, low), 1, high - low)], facecolor=color, edgecolor="white",
                linewidth=0.5,
            ),
            autolim=False,
        )  # fmt: skip
        if stop - start == 1:  # it would repeat the acronym of the row
            continue
        room = Bbox.from_extents(0, low, 1, high)
        name = one_line(terminology.acronyms[of[start]])
        text = FittingText(
            room, 0.5, (low + high) / 2, name, rotation=90, ha="center", va="center",
            fontsize=size, color=ink_for(*color),
        )  # fmt: skip
        inset.add_artist(text)
    return width


def branches_of(terminology: Terminology, rows: list[int]) -> dict[int, list[int]]:
    """Return the tree of the rows; ancestors with one branch are omitted.

    Parameters
    ----------
    terminology : Terminology
    rows : list of int
        Positions of regions, in preorder.

    Returns
    -------
    dict of int to list of int
        The children of each node in order; those of -1 are the roots of the tree.
    """
    paths = [_path(terminology, row) for row in rows]
    branches: dict[int, set[int]] = {}
    for path in paths:
        for above, below in pairwise(path):
            branches.setdefault(above, set()).add(below)
    kept = {node for node, below in branches.items() if len(below) > 1} | set(rows)
    children: dict[int, list[int]] = {}
    for path in paths:
        line = [-1, *(node for node in path if node in kept)]
        for above, below in pairwise(line):
            known = children.setdefault(above, [])
            if below not in known:
                known.append(below)
    return children


def draw_dendrogram(ax: Axes, terminology: Terminology, rows: list[int], size: float) -> float:
    """Draw the part of the hierarchy that holds the rows as a tree, with acronyms of ancestors.

    Parameters
    ----------
    ax, terminology, rows, size
        Same as in :func:`draw_strip`.

    Returns
    -------
    float
        The width of the tree in points.
    """
    children = branches_of(terminology, rows)
    at = {row: i for i, row in enumerate(rows)}
    levels = {-1: 0}
    order = [-1]  # parents before their children
    for node in order:
        below = children.get(node, [])
        order += below
        levels.update(dict.fromkeys(below, levels[node] + 1))
    columns = max(levels[node] for node in children) + 0.4
    x = {node: levels[node] / columns if node in children else 1.0 for node in order}
    y: dict[int, float] = {}
    first: dict[int, int] = {}  # of the rows below each node
    for node in reversed(order):
        below = children.get(node, [])
        first[node] = min([first[child] for child in below] + ([at[node]] if node in at else []))
        y[node] = at[node] if node in at else (y[below[0]] + y[below[-1]]) / 2
    width = columns * WIDTH * size
    inset = _inset(ax, width)
    lines = []
    for above in children:
        for node in children[above]:
            lines.append([(x[above], y[node]), (x[node], y[node])])
            if node in children and node not in at:
                # no other line crosses the part between the parent and the first row of the node
                room = Bbox.from_extents(x[above], first[node] - 0.5, x[node], y[node])
                text = FittingText(
                    room, (x[above] + x[node]) / 2, y[node] - 0.05,
                    one_line(terminology.acronyms[node]), ha="center", va="bottom", fontsize=size,
                )  # fmt: skip
                inset.add_artist(text)
        if above in at:
            lines.append([(x[above], y[above]), (1.0, y[above])])
        if above >= 0:
            ends = [y[child] for child in children[above]] + [y[above]]
            lines.append([(x[above], min(ends)), (x[above], max(ends))])
    inset.add_collection(
        LineCollection(lines, colors=ax.yaxis.label.get_color(), alpha=0.7, linewidths=0.6),
        autolim=False,
    )
    return width


def _path(terminology: Terminology, row: int) -> list[int]:
    """Return the ancestors of a region from the root on, and itself."""
    return [*terminology.ancestors(row).tolist(), row]
