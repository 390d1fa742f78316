"""Letters on the rims of a picture, which stay right when an axis of it is turned round."""

from __future__ import annotations

from typing import Any

from matplotlib.text import Annotation

from xarray_atlas.plotting.planes import PlaneAxis

__all__ = ["SideLetter"]

PLACES = {
    ("x", 0): ((0, 0.5), (4, 0), "left", "center"),
    ("x", 1): ((1, 0.5), (-4, 0), "right", "center"),
    ("y", 0): ((0.5, 0), (0, 3), "center", "bottom"),
    ("y", 1): ((0.5, 1), (0, -3), "center", "top"),
}
"""Of the start and the end of each axis: where, how far from there in points, and how aligned."""


class SideLetter(Annotation):
    """The letter of the side at one end of an axis, as the axis runs when it is drawn.

    Parameters
    ----------
    axis : PlaneAxis
    which : {"x", "y"}
    end : int
        0 at the left or below, 1 at the right or above.
    **kwargs
        Of matplotlib's Annotation.
    """

    def __init__(self, axis: PlaneAxis, which: str, end: int, **kwargs: Any) -> None:
        place, offset, ha, va = PLACES[which, end]
        super().__init__(
            "", place, offset, "axes fraction", "offset points", ha=ha, va=va, **kwargs
        )
        self.sides, self.which, self.end = axis.sides, which, end

    def get_text(self) -> str:
        """Return the letter."""
        if self.axes is None:
            return ""
        first, last = self.axes.get_xlim() if self.which == "x" else self.axes.get_ylim()
        return self.sides[self.end if first < last else 1 - self.end]

    def draw(self, renderer: Any) -> None:
        """Draw the letter of now."""
        self.set_text(self.get_text())
        super().draw(renderer)

    def get_window_extent(self, renderer: Any = None, dpi: Any = None) -> Any:
        """Return where the letter of now stands."""
        self.set_text(self.get_text())
        return super().get_window_extent(renderer)
