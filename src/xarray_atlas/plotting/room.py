"""The widths of texts and of axes before they are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes_width", "text_width"]


def text_width(text: str, size: float) -> float:
    """Return the width of a text in the current font, in points.

    Parameters
    ----------
    text : str
    size : float
        In points.

    Returns
    -------
    float

    Examples
    --------
    >>> text_width("RSP", 20.0) / text_width("RSP", 10.0)
    2.0
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    if not text.strip():
        return 0.0
    path = TextPath((0, 0), text.replace("$", r"\$"), prop=FontProperties(size=size))
    return float(path.get_extents().width)


def axes_width(ax: Axes, decorations: float, colorbar: bool = False) -> float:
    """Estimate the width that axes will have, in points.

    With a layout engine, axes fill their part of the figure, except for labels and other
    decorations. Without one they keep their width, except for the share of a colour bar.

    Parameters
    ----------
    ax : matplotlib Axes
    decorations : float
        The width of labels, colour bar and other decorations, in points.
    colorbar : bool
        Whether a colour bar will be added.

    Returns
    -------
    float
    """
    root: Any = ax.get_figure(root=True)
    spec = ax.get_subplotspec()
    if root.get_layout_engine() is None or spec is None:
        return float(ax.bbox.width * 72 / root.dpi * (0.83 if colorbar else 1.0))
    grid: Any = spec.get_gridspec()
    ratios = grid.get_width_ratios()
    share = sum(ratios[spec.colspan.start : spec.colspan.stop]) / sum(ratios)
    part: Any = ax.get_figure()
    return max(float(share * part.bbox.width * 72 / root.dpi) - decorations, 0.0)
