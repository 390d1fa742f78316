"""Artists of matplotlib that adapt when axes are zoomed or inverted."""

from __future__ import annotations

from typing import Any

from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from xarray_atlas.plotting.lengths import MARGIN, bar_length

__all__ = ["ScaleBar", "SideLetter"]


class SideLetter(Annotation):
    """The letter of the side at an edge of the picture, in any direction of the axes.

    Parameters
    ----------
    sides : str
        The letters of the sides where the coordinate is low and high.
    axis : "x" or "y"
    end : 0 or 1
        Whether the edge is at the start of the axis (left, below) or at its end (right, above).
    **kwargs
        Of matplotlib's Annotation.
    """

    def __init__(self, sides: str, axis: str, end: int, **kwargs: Any) -> None:
        super().__init__("", **kwargs)
        self.sides, self.axis_name, self.end = sides, axis, end

    def draw(self, renderer: Any) -> None:
        """Draw the letter."""
        self.fit()
        super().draw(renderer)

    def fit(self) -> None:
        """Set the letter of that side, only if it has changed."""
        assert self.axes is not None
        first, last = self.axes.get_xlim() if self.axis_name == "x" else self.axes.get_ylim()
        letter = self.sides[self.end if first < last else 1 - self.end]
        if letter != self.get_text():
            self.set_text(letter)


class ScaleBar(Line2D):
    """A bar of a round length of the axes' x, whatever part of that is in sight.

    Parameters
    ----------
    text : matplotlib Annotation
        The text at the bar, with its length.
    right : bool
        Whether it is in a right corner.
    y : float
        Its position, as a fraction of the height of the axes.
    factor : float
        How many mm one unit of the axes is.
    **kwargs
        Of matplotlib's Line2D.
    """

    def __init__(
        self, text: Annotation, right: bool, y: float, factor: float = 1.0, **kwargs: Any
    ) -> None:
        super().__init__((0, 0), (y, y), **kwargs)
        self.text, self.right, self.factor = text, right, factor
        self.width = 0.0

    def draw(self, renderer: Any) -> None:
        """Draw the bar; its text is drawn after it."""
        self.fit()
        super().draw(renderer)

    def fit(self) -> None:
        """Set the length for the visible part, only if it has changed."""
        assert self.axes is not None
        left, right = self.axes.get_xlim()
        width = abs(right - left) * self.factor
        if width == self.width:
            return
        self.width = width
        length = bar_length(width)
        at = 1 - MARGIN if self.right else MARGIN
        ends = (at - length / width, at) if self.right else (at, at + length / width)
        self.set_xdata(ends)
        self.text.xy = (sum(ends) / 2, self.text.xy[1])
        self.text.set_text(
            f"{length:g} mm" if length >= 0.1 else f"{length * 1000:g} \N{MICRO SIGN}m"
        )
