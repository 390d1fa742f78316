"""Evenly spaced lengths: their step, and comparison within a tolerance."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "TOLERANCE",
    "regular_step",
    "same_lengths",
    "snap",
    "thickness",
    "tolerance_of",
    "without_noise",
]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

TOLERANCE = 1e-6
"""Lengths that differ by less than this fraction of a voxel are equal."""


def regular_step(values: np.ndarray[Any, Any]) -> float | None:
    """Return the signed spacing of evenly spaced values; None if they are not.

    Evenly spaced means that no value deviates by more than a hundredth of a step.
    """
    if values.size < 2:
        return None
    step = float(values[-1] - values[0]) / (values.size - 1)
    even = values[0] + step * np.arange(values.size)
    if step == 0 or not np.all(np.abs(values - even) <= 0.01 * abs(step)):
        return None
    return without_noise(step)


def without_noise(value: float) -> float:
    """Round to 12 significant digits: 0.05, not 0.05000000000000001."""
    return float(f"{value:.12g}")


def thickness(values: FloatArray, remembered: float | None = None) -> float | None:
    """Return the voxel size along an axis: the step of its values, or the remembered size.

    Two values are always evenly spaced, whether they are neighbours or two distant planes, so that
    the remembered size is preferred for them.
    """
    step = regular_step(values) if values.size > 2 or remembered is None else None
    return remembered if step is None else abs(step)


def tolerance_of(values: np.ndarray[Any, Any], step: float | None = None) -> float:
    """Return a millionth of a voxel, in mm; of the given step if there is only one value.

    For a single value with unknown voxel size, return the rounding error of unit conversions.
    """
    flat = np.ravel(values)
    if flat.size > 1:
        gaps = np.abs(np.diff(flat))
        gaps = gaps[gaps > 0]
        if gaps.size:
            return TOLERANCE * float(gaps.min())
    if step:
        return TOLERANCE * abs(step)
    known = np.abs(flat[np.isfinite(flat)])
    return 8 * float(np.spacing(known.max())) if known.size else 0.0


def same_lengths(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], tolerance: float) -> bool:
    """Return whether two arrays of lengths agree within a tolerance; NaN agrees with NaN."""
    if a.shape != b.shape:
        return False
    return bool(np.all((np.abs(a - b) <= tolerance) | (np.isnan(a) & np.isnan(b))))


def snap(lengths: FloatArray, to: FloatArray, tolerance: float) -> FloatArray:
    """Replace each length by the nearest of `to` if that is within the tolerance.

    For example, ``5.000000000001`` finds the plane at ``5.0``, and a slice that ends at a plane
    includes it. NaN and other lengths remain unchanged.
    """
    if to.size == 0:
        return lengths
    ordered = np.sort(to)
    after = np.clip(np.searchsorted(ordered, lengths), 1, max(ordered.size - 1, 1))
    left, right = ordered[after - 1], ordered[np.minimum(after, ordered.size - 1)]
    nearest = np.where(np.abs(lengths - left) <= np.abs(right - lengths), left, right)
    return np.where(np.abs(lengths - nearest) <= tolerance, nearest, lengths)
