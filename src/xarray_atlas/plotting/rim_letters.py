"""Letters on the rims of a picture, kept off the brain where the rim has room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xarray_atlas.plotting.artists import SideLetter

if TYPE_CHECKING:
    from xarray_atlas.kernels.spacing import FloatArray
    from xarray_atlas.plotting.planes import Plane

__all__ = ["RimLetter"]

STEPS = np.array([0.0, *(s * k / 50 for k in range(1, 24) for s in (1, -1))])
"""Offsets of a letter from the middle of an edge, as fractions of its length, nearest first."""


class RimLetter(SideLetter):
    """The letter of a side, at the place nearest to the middle of its rim that is off the brain.

    It is placed in the middle if the brain covers all these positions.

    Parameters
    ----------
    plane : Plane
    *args, **kwargs
        Of SideLetter.
    """

    def __init__(self, plane: Plane, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plane = plane
        self.middle = np.array(self.get_position())
        self.placed_for: Any = None

    def draw(self, renderer: Any) -> None:
        """Draw the letter."""
        self.fit()
        self._slide(renderer)
        super().draw(renderer)

    def _slide(self, renderer: Any) -> None:
        assert self.axes is not None
        key = (
            self.get_text(), renderer.points_to_pixels(1.0),
            *self.axes.bbox.bounds, *self.axes.get_xlim(), *self.axes.get_ylim(),
        )  # fmt: skip
        if key == self.placed_for:
            return
        self.placed_for = key
        now = np.array(self.get_position())
        pixel = renderer.points_to_pixels(1.0)
        shown = self.get_window_extent(renderer)
        box = np.array([shown.min, shown.max]) + (self.middle - now) * pixel
        frame = self.axes.bbox
        # the letter of the right or the left rim moves up and down, the others across
        way = np.array([0.0, frame.height] if self.axis_name == "x" else [frame.width, 0.0])
        others = [
            artist.get_window_extent(renderer)
            for artist in (*self.axes.lines, *self.axes.texts)
            if artist is not self and not hasattr(artist, "region") and artist.get_visible()
        ]
        free = [step for step in STEPS.tolist() if self._is_free(box + step * way, others)]
        found = self.middle + (free[0] if free else 0.0) * way / pixel
        # setting a property redraws an interactive figure, so set it only if it changes
        if not np.allclose(found, now):
            self.set_position(tuple(found.tolist()))

    def _is_free(self, box: FloatArray, others: list[Any]) -> bool:
        """Return whether a box of the display is free of brain and text."""
        from matplotlib.transforms import Bbox

        assert self.axes is not None
        frame = self.axes.bbox
        if not all(frame.contains(*corner) for corner in box) or Bbox(box).count_overlaps(others):
            return False
        corners = self.axes.transData.inverted().transform(box)
        pieces = []
        for axis, ends in ((self.plane.y, corners[:, 1]), (self.plane.x, corners[:, 0])):
            low, high = np.sort((ends - axis.first) / axis.step)
            pieces.append(slice(max(int(low), 0), max(int(np.ceil(high)), 0)))
        return not self.plane.parts.index[tuple(pieces)].any()
