"""Names of groups of columns, above a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from xarray_atlas.plotting.room import text_width
from xarray_atlas.plotting.row_hierarchy import SMALLEST

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_headers"]

HEIGHT = 1.6
"""Of a level of groups, in sizes of its text."""


def draw_headers(
    ax: Axes, middles: Sequence[float], groups: Sequence[tuple[str, ...]], size: float, width: float
) -> None:
    """Name the groups of columns above them, the outermost on top.

    The outermost names stand upright where one is wider than its columns; others are made smaller.

    Parameters
    ----------
    ax : matplotlib Axes
    middles : sequence of float
        Of the columns.
    groups : sequence of tuple of str
        Of each column, the outermost first.
    size : float
        Of the text, in points.
    width : float
        Of all columns together, in points.
    """
    figure: Any = ax.get_figure(root=True)
    color = ax.xaxis.label.get_color()  # which a dark style makes light
    levels = len(groups[0]) if groups else 0
    for level in range(levels):
        up = (levels - 1 - level) * HEIGHT * size + 2
        lifted = ax.get_xaxis_transform() + ScaledTranslation(0, up / 72, figure.dpi_scale_trans)
        keys = [group[: level + 1] for group in groups]
        starts = [i for i in range(len(keys)) if i == 0 or keys[i] != keys[i - 1]]
        stops = [*starts[1:], len(keys)]
        names = [keys[start][-1] for start in starts]
        ends = [
            (middles[i] - 0.45, middles[j - 1] + 0.45) for i, j in zip(starts, stops, strict=True)
        ]
        # the size at which each name is as wide as its columns
        unit = width / (middles[-1] + 1)
        fitting = [
            size * (right - left) * unit / max(text_width(name, size), 1e-9)
            for name, (left, right) in zip(names, ends, strict=True)
        ]
        upright = level == 0 and min(fitting) < size
        for name, (left, right), most in zip(names, ends, fitting, strict=True):
            line = Line2D(
                [left, right], [1, 1], color=color, linewidth=0.8, transform=lifted, clip_on=False
            )
            ax.add_artist(line)
            ax.annotate(
                name, ((left + right) / 2, 1), (0, up + 2), ax.get_xaxis_transform(),
                "offset points", ha="center", va="bottom", parse_math=False,
                fontsize=size if upright else max(min(size, most), SMALLEST),
                rotation=90 if upright else 0,
            )  # fmt: skip
