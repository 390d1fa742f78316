"""Ticks with names, as many as have room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, Locator

from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["ThinnedLocator", "name_ticks"]


class ThinnedLocator(Locator):
    """Puts a tick at each position, or at every second, third, ... one where names would overlap.

    Parameters
    ----------
    positions : sequence of float
        In ascending order.
    size : float
        Of the names across the axis, in points.
    """

    def __init__(self, positions: Sequence[float], size: float) -> None:
        self.positions: FloatArray = np.asarray(positions, float)
        self.size = size

    def __call__(self) -> Any:
        """Return the positions that are named, when the axis is drawn."""
        axis: Any = self.axis
        return self.tick_values(*axis.get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the positions between two ends of the axis that are named."""
        axis: Any = self.axis
        box = axis.axes.bbox
        pixels = box.height if axis.axis_name == "y" else box.width
        length = pixels * 72 / axis.axes.get_figure(root=True).dpi
        apart = float(np.diff(self.positions).min()) if self.positions.size > 1 else 1.0
        room = apart * length / max(abs(vmax - vmin), 1e-9)
        shown = self.positions[:: max(math.ceil(1.05 * self.size / max(room, 1e-9)), 1)]
        low, high = min(vmin, vmax), max(vmin, vmax)
        return shown[(shown >= low) & (shown <= high)]


def name_ticks(axis: Any, positions: Sequence[float], names: Sequence[str], size: float) -> None:
    """Name positions along an axis of matplotlib.

    Parameters
    ----------
    axis : matplotlib Axis
    positions : sequence of float
        In ascending order.
    names : sequence of str
    size : float
        Of the names across the axis, in points.
    """
    escaped = [name.replace("$", r"\$") for name in names]  # no formula

    def name(at: float, _: Any = None) -> str:
        i = int(np.abs(locator.positions - at).argmin())
        return escaped[i] if abs(locator.positions[i] - at) < 0.01 else ""

    locator = ThinnedLocator(positions, size)
    axis.set_major_locator(locator)
    axis.set_major_formatter(FuncFormatter(name))
    axis.set_tick_params(length=0, pad=2)
