"""Letters of sides, scale bar and cross hairs of a section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xarray_atlas.optional import optional
from xarray_atlas.plotting.lengths import MARGIN, bar_length
from xarray_atlas.plotting.palette import INSTALL
from xarray_atlas.plotting.planes import TOP, Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "INKS",
    "add_cross",
    "add_directions",
    "add_scale_bar",
    "current_axes",
    "set_up",
]

INKS = {"black": "white", "white": "black"}
"""Colour of the halo of a text, by the colour of the text."""


def current_axes(ax: Axes | None) -> Axes:
    """Return the given axes, or else the current ones, like xarray's plots."""
    pyplot = optional("matplotlib.pyplot", INSTALL, "a plot")
    found: Axes = pyplot.gca() if ax is None else ax
    return found


def set_up(ax: Axes, plane: Plane) -> None:
    """Set the limits, the aspect, the labels and the title of axes for a plane."""
    ax.set(
        xlim=plane.x.ends(plane.left), ylim=plane.y.ends(TOP)[::-1], aspect="equal",
        xlabel=plane.x.label, ylabel=plane.y.label, title=plane.title,
    )  # fmt: skip
    ax.format_coord = plane.describe  # type: ignore[method-assign]


def add_directions(ax: Axes, plane: Plane, ink: str) -> None:
    """Label each rim of the picture with its side."""
    from xarray_atlas.plotting.rim_letters import RimLetter

    x, y = plane.x.sides, plane.y.sides
    for sides, axis, end, at, ha, va in (
        (x, "x", 0, (0, 0.5), "left", "center"), (x, "x", 1, (1, 0.5), "right", "center"),
        (y, "y", 1, (0.5, 1), "center", "top"), (y, "y", 0, (0.5, 0), "center", "bottom"),
    ):  # fmt: skip
        letter = RimLetter(
            plane, sides, axis, end, xy=at, xycoords="axes fraction", textcoords="offset points",
            xytext=(8 * (0.5 - at[0]), 6 * (0.5 - at[1])),
            ha=ha, va=va, weight="bold", size="small", color=ink, path_effects=_halo(ink),
            in_layout=False,
        )  # fmt: skip
        ax.add_artist(letter)
        letter.fit()


def add_scale_bar(ax: Axes, plane: Plane, ink: str) -> None:
    """Draw a scale bar in the corner with the fewest voxels of the brain."""
    from xarray_atlas.plotting.artists import ScaleBar

    width, height = plane.x.length * plane.factor, plane.y.length * plane.factor
    right, low = _emptiest(plane, bar_length(width) / width + 2 * MARGIN)
    y = MARGIN * width / height if low else 1 - MARGIN * width / height
    halo = _halo(ink)
    text = ax.annotate(
        "", (0, y), (0, 3 if low else -3), "axes fraction", "offset points",
        ha="center", va="bottom" if low else "top", size="small", color=ink, path_effects=halo,
    )  # fmt: skip
    text.set_in_layout(False)
    bar = ScaleBar(
        text, right, y, plane.factor, transform=ax.transAxes, color=ink, linewidth=2.5,
        solid_capstyle="butt", path_effects=halo,
    )  # fmt: skip
    ax.add_artist(bar)
    bar.fit()


def _emptiest(plane: Plane, share: float) -> tuple[bool, bool]:
    """Return the corner with the fewest voxels of the brain: whether right, whether lower."""
    shown = plane.parts.index != 0
    rows, columns = shown.shape
    if plane.x.ends(plane.left)[0] != plane.x.first:
        shown = shown[:, ::-1]
    if plane.y.ends(TOP)[0] != plane.y.first:
        shown = shown[::-1]
    wide, high = max(int(share * columns), 1), max(int(0.15 * rows), 1)
    x = {True: slice(columns - wide, None), False: slice(wide)}
    y = {True: slice(rows - high, None), False: slice(high)}
    corners = [(True, True), (False, True), (True, False), (False, False)]
    return min(corners, key=lambda c: int(shown[y[c[1]], x[c[0]]].sum()))


def add_cross(ax: Axes, x: float, y: float, ink: str) -> None:
    """Draw cross hairs through a point, below the texts."""
    halo = _halo(ink)
    for draw, at in ((ax.axvline, x), (ax.axhline, y)):
        draw(at, color=ink, linewidth=0.7, zorder=2.5, path_effects=halo)


def _halo(ink: str) -> list[Any]:
    """Return a path effect that separates a text from the drawing below it."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=1.8, foreground=INKS[ink], alpha=0.8)]
