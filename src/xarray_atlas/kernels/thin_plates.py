"""Thin-plate splines of a plane, which map landmarks exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["ThinPlate"]

ROUNDS = 100
"""Maximum number of Newton steps of the inverse."""

CLOSE = 1e-10
"""Residual of the inverse, as a fraction of the extent of the landmarks."""


@dataclass(frozen=True, eq=False)
class ThinPlate:
    """Thin-plate spline with the kernel r^2 log r and an affine part.

    Parameters
    ----------
    source, target : float64 arrays of shape (n, 2)
        Landmarks (x, y) before and after; at least three that are not on one line.

    Examples
    --------
    >>> import numpy as np
    >>> from xarray_atlas.kernels.thin_plates import ThinPlate
    >>> corners = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    >>> plate = ThinPlate(corners, corners + [[0, 0], [0, 0], [0, 0], [0.2, 0.1]])
    >>> x, y = plate.apply(np.array([1.0, 0.5]), np.array([1.0, 0.5]))
    >>> x.round(3), y.round(3)
    (array([1.2 , 0.55]), array([1.1  , 0.525]))
    >>> [float(part.round(6)[0]) for part in plate.inverse(x, y)]
    [1.0, 1.0]
    """

    source: FloatArray
    target: FloatArray

    @cached_property
    def _scale(self) -> tuple[FloatArray, float]:
        """Center and extent of the source landmarks; the spline is the same in these units."""
        center = self.source.mean(axis=0)
        return center, float(np.abs(self.source - center).max()) or 1.0

    @cached_property
    def _weights(self) -> FloatArray:
        """Weights of the landmarks, then of 1, x and y, shape (n + 3, 2)."""
        center, extent = self._scale
        points = (self.source - center) / extent
        n = len(points)
        apart = ((points[:, None] - points[None]) ** 2).sum(axis=-1)
        system = np.zeros((n + 3, n + 3))
        system[:n, :n] = _kernel(apart)
        system[:n, n] = system[n, :n] = 1
        system[:n, n + 1 :] = points
        system[n + 1 :, :n] = points.T
        wanted = np.zeros((n + 3, 2))
        wanted[:n] = self.target
        return np.asarray(np.linalg.solve(system, wanted))

    def apply(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map positions, which broadcast together."""
        x, y = np.broadcast_arrays(x, y)
        center, extent = self._scale
        found = self._evaluate((x.ravel() - center[0]) / extent, (y.ravel() - center[1]) / extent)
        return found[0].reshape(x.shape), found[1].reshape(x.shape)

    def inverse(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Find the positions that are mapped to some others, by Newton's method; NaN if none."""
        x, y = np.broadcast_arrays(x, y)
        center, extent = self._scale
        goal = np.stack([x.ravel(), y.ravel()])
        # start from the affine map that is nearest to the spline
        ones = np.column_stack([np.ones(len(self.source)), (self.source - center) / extent])
        affine = np.linalg.lstsq(ones, self.target, rcond=None)[0]
        place = np.linalg.solve(affine[1:].T, goal - affine[0][:, None])
        size = float(np.abs(self.target - self.target.mean(axis=0)).max()) or 1.0
        left = np.flatnonzero(np.isfinite(goal).all(axis=0))
        solved = np.zeros(goal.shape[1], bool)
        for _ in range(ROUNDS):
            if not left.size:
                break
            value, slopes = self._evaluate_with_slopes(*place[:, left])
            residual = value - goal[:, left]
            far = np.abs(residual).max(axis=0) > CLOSE * size
            solved[left[~far]] = True
            left, residual, slopes = left[far], residual[:, far], slopes[:, :, far]
            with np.errstate(divide="ignore", invalid="ignore"):
                determinant = slopes[0, 0] * slopes[1, 1] - slopes[0, 1] * slopes[1, 0]
                step = (
                    np.stack(
                        [
                            slopes[1, 1] * residual[0] - slopes[0, 1] * residual[1],
                            slopes[0, 0] * residual[1] - slopes[1, 0] * residual[0],
                        ]
                    )
                    / determinant
                )
            finite = np.isfinite(step).all(axis=0)
            left, step = left[finite], step[:, finite]
            place[:, left] -= np.clip(step, -1, 1)  # no step is longer than the landmarks reach
        result = np.where(solved, place * extent + center[:, None], np.nan)
        return result[0].reshape(x.shape), result[1].reshape(x.shape)

    def _evaluate(self, x: FloatArray, y: FloatArray) -> FloatArray:
        """Return the values at positions in units of the extent, shape (2, points)."""
        points = (self.source - self._scale[0]) / self._scale[1]
        *weights, one, along_x, along_y = self._weights
        found: FloatArray = one[:, None] + along_x[:, None] * x + along_y[:, None] * y
        for (px, py), weight in zip(points, weights, strict=True):
            found += weight[:, None] * _kernel((x - px) ** 2 + (y - py) ** 2)
        return found

    def _evaluate_with_slopes(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return values, and derivatives by x and y, shape (2, 2, points)."""
        points = (self.source - self._scale[0]) / self._scale[1]
        *weights, _, along_x, along_y = self._weights
        slopes = np.empty((2, 2, x.size))
        slopes[:, 0], slopes[:, 1] = along_x[:, None], along_y[:, None]
        for (px, py), weight in zip(points, weights, strict=True):
            dx, dy = x - px, y - py
            steep = np.log(np.maximum(dx**2 + dy**2, np.finfo(float).tiny)) + 1
            slopes[:, 0] += weight[:, None] * (dx * steep)
            slopes[:, 1] += weight[:, None] * (dy * steep)
        return self._evaluate(x, y), slopes


def _kernel(squared: FloatArray) -> FloatArray:
    """Return r^2 log r of squared distances."""
    return np.asarray(0.5 * squared * np.log(np.maximum(squared, np.finfo(float).tiny)))
