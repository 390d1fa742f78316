"""The course of a shank through the brain: a straight line, or a curve through points.

All positions are mm to the right, anterior and superior (RAS).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["Curve", "Line", "rotation", "warn_of_upward"]

FINE = 500
"""Into how many pieces a curve is cut between two points where its length is measured."""


def rotation(phi: float, theta: float, spin: float) -> FloatArray:
    """Return the rotation of a probe that stands upright, shape (3, 3).

    The columns are where x (across), the normal of the contacts' plane reversed, and the shank
    (away from the tip) of the probe point to. The probe is first turned by `spin` about its
    shank, then tilted by `theta` about the axis from posterior to anterior, so that its upper end
    goes to the right, then turned by `phi` about the vertical axis.

    Parameters
    ----------
    phi, theta, spin : float
        In degrees. `phi` and `spin` are counterclockwise as seen from above.
    """
    return _about_z(phi) @ _about_y(theta) @ _about_z(spin)


def _about_z(degrees: float) -> FloatArray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def _about_y(degrees: float) -> FloatArray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, 0, s], [0, 1.0, 0], [-s, 0, c]])


def warn_of_upward(entry: FloatArray, tip: FloatArray, mend: str) -> None:
    """Warn if a tip lies above the entry, by more than 30 degrees: few probes go upwards.

    Parameters
    ----------
    entry, tip : float64 array, shape (3,)
    mend : str
        What to do if they were swapped.
    """
    rise = float(tip[2] - entry[2])
    if rise > 0.5 * np.linalg.norm(tip - entry):
        warnings.warn(
            f"the tip lies {rise:.1f} mm above the entry, so that the probe goes upwards; {mend}",
            UserWarning,
            stacklevel=find_stack_level(),
        )


@dataclass(frozen=True, eq=False)
class Line:
    """A straight insertion.

    Attributes
    ----------
    tip : float64 array, shape (3,)
    up : float64 array, shape (3,)
        The unit vector along the shank, away from the tip.
    length : float or None
        From the entry to the tip; None if no entry was stated.
    """

    tip: FloatArray
    up: FloatArray
    length: float | None

    def at(self, height: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the positions at heights above the tip, and the upward directions there."""
        return self.tip + height[:, None] * self.up, np.broadcast_to(self.up, (height.size, 3))


@dataclass(frozen=True, eq=False)
class Curve:
    """A natural cubic spline through points, from the entry to the tip.

    Its parameter is the length of the chords; beyond its ends it goes on in a straight line.

    Attributes
    ----------
    points : float64 array, shape (n, 3)
    """

    points: FloatArray

    @cached_property
    def _chords(self) -> FloatArray:
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        if len(self.points) < 2 or not steps.all():
            raise PointsError(
                "a track is two points or more, from the entry to the tip of the probe, and no two "
                "that follow each other are the same"
            )
        return np.append(0.0, np.cumsum(steps))

    @cached_property
    def _bends(self) -> FloatArray:
        """The second derivatives at the points, 0 at both ends."""
        h = np.diff(self._chords)
        n = h.size + 1
        bends = np.zeros((n, 3))
        if n > 2:
            system = np.diag((h[:-1] + h[1:]) / 3)
            system += np.diag(h[1:-1] / 6, 1) + np.diag(h[1:-1] / 6, -1)
            slopes = np.diff(self.points, axis=0) / h[:, None]
            bends[1:-1] = np.linalg.solve(system, np.diff(slopes, axis=0))
        return bends

    def _evaluate(self, t: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return positions and derivatives at values of the parameter."""
        knots, bends, points = self._chords, self._bends, self.points
        i = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, knots.size - 2)
        h = (knots[i + 1] - knots[i])[:, None]
        a, b = (knots[i + 1, None] - t[:, None]) / h, (t[:, None] - knots[i, None]) / h
        place = a * points[i] + b * points[i + 1]
        place = place + ((a**3 - a) * bends[i] + (b**3 - b) * bends[i + 1]) * h**2 / 6
        slope = (points[i + 1] - points[i]) / h
        slope = slope + ((1 - 3 * a**2) * bends[i] + (3 * b**2 - 1) * bends[i + 1]) * h / 6
        return place, slope

    @cached_property
    def _measured(self) -> tuple[FloatArray, FloatArray]:
        """Values of the parameter, and the length of the curve up to there."""
        knots = self._chords
        share = np.linspace(0, 1, FINE, endpoint=False)
        t = np.append((knots[:-1, None] + np.diff(knots)[:, None] * share).ravel(), knots[-1])
        steps = np.linalg.norm(np.diff(self._evaluate(t)[0], axis=0), axis=1)
        return t, np.append(0.0, np.cumsum(steps))

    @property
    def length(self) -> float:
        """From the entry to the tip, along the curve."""
        return float(self._measured[1][-1])

    def at(self, height: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the positions at heights above the tip, and the upward directions there."""
        t, lengths = self._measured
        walked = lengths[-1] - height
        inside = np.clip(walked, 0, lengths[-1])
        place, slope = self._evaluate(np.interp(inside, lengths, t))
        down = slope / np.linalg.norm(slope, axis=1, keepdims=True)
        return place + (walked - inside)[:, None] * down, -down
