"""Text that is drawn only if it fits."""

from __future__ import annotations

from typing import Any

from matplotlib.text import Text
from matplotlib.transforms import Bbox

__all__ = ["FittedText"]

SIZES = (9.0, 7.5, 6.0)
"""In points; the largest that fits is used."""


class FittedText(Text):
    """A text in the middle of a rectangle that is drawn only if it fits.

    It is decided when it is drawn: a larger figure, or a zoom, shows more.

    Parameters
    ----------
    x0, x1, y0, y1 : float
        The sides of the rectangle, in data coordinates.
    text : str
    **kwargs
        Same as in :class:`matplotlib.text.Text`.
    """

    def __init__(self, x0: float, x1: float, y0: float, y1: float, text: str, **kwargs: Any):
        middle = {"ha": "center", "va": "center_baseline", "clip_on": True, "parse_math": False}
        super().__init__((x0 + x1) / 2, (y0 + y1) / 2, text, **{**middle, **kwargs})
        self._room = Bbox.from_extents(x0, y0, x1, y1)
        self.set_in_layout(False)

    def draw(self, renderer: Any) -> None:
        """Draw it, if it fits."""
        room = self.get_transform().transform_bbox(self._room)
        pixel = renderer.points_to_pixels(1.0)
        # cheap first: most of many do not fit by their height alone
        if abs(room.height) < 1.1 * SIZES[-1] * pixel:
            return
        width = self.get_window_extent(renderer).width / float(self.get_fontsize())
        for size in SIZES:
            if abs(room.height) >= 1.1 * size * pixel and width * size + 3 * pixel <= abs(
                room.width
            ):
                # setting a property redraws an interactive figure, so set it only if it changes
                if size != self.get_fontsize():
                    self.set_fontsize(size)
                super().draw(renderer)
                return
