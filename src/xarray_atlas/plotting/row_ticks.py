"""Ticks for the rows of a heat map: as many as have room."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.ticker import Locator

__all__ = ["RowLocator"]


class RowLocator(Locator):
    """Puts a tick on each row, or on every second, third, ... one where acronyms would overlap.

    Parameters
    ----------
    rows : int
    size : float
        Of the text, in points.
    """

    def __init__(self, rows: int, size: float) -> None:
        self.rows, self.size = rows, size

    def __call__(self) -> Any:
        """Return the rows that are named, when it is drawn."""
        axis: Any = self.axis
        low, high = sorted(axis.get_view_interval())
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the rows that are named between two positions."""
        axis: Any = self.axis
        figure = axis.axes.get_figure(root=True)
        points = axis.axes.bbox.height * 72 / figure.dpi / max(abs(vmax - vmin), 1e-9)
        step = max(math.ceil(self.size * 1.05 / max(points, 1e-9)), 1)
        rows = np.arange(0, self.rows, step)
        return rows[(rows >= min(vmin, vmax)) & (rows <= max(vmin, vmax))]
