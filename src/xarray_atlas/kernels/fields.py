"""Interpolation of displacement fields held as arrays.

Positions are in *index units* of the field's grid: 0 is the centre of its first voxel or control
point. Degree 1 interpolates linearly. Degree 3 takes the data as coefficients of uniform cubic
B-splines, like ITK's BSplineTransform and elastix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from xarray_atlas.kernels.interpolation import (
    along_axes,
    around,
    flat_view,
    part_of,
    separable,
    slabs,
)
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray

__all__ = ["displacements", "field_box"]

Bools = np.ndarray[Any, np.dtype[np.bool_]]
SLAB = 2**13
"""Number of positions processed at a time, such that the surrounding voxels stay in the cache for
the next component, which is often stored next to them."""

Taps = tuple[Any, list[FloatArray]]
"""The first contributing grid point of each position, and the weights from there on."""


def field_box(
    positions: Sequence[FloatArray], shape: Sequence[int], degree: int = 1
) -> tuple[tuple[int, int], ...] | None:
    """Return the box of a field that interpolation at some positions needs.

    Parameters
    ----------
    positions : three float64 arrays
        Index units along each axis of the field.
    shape : sequence of int
        Shape of the whole field along its three axes.
    degree : 1 or 3, default: 1

    Returns
    -------
    tuple of three (start, stop), or None
        For positions outside the field, the nearest voxels. None if all positions are NaN.
    """
    box = []
    for position, size in zip(positions, shape, strict=True):
        low = np.fmin.reduce(position, axis=None) if position.size else np.nan
        if np.isnan(low):
            return None
        high = np.fmax.reduce(position, axis=None)
        first, _ = _taps(np.array([low, high]), size, degree)
        box.append((int(first[0]), int(first[1]) + min(degree + 1, size)))
    return tuple(box)


def displacements(
    data: Any,
    positions: Sequence[FloatArray],
    degree: int = 1,
    start: Sequence[int] = (0, 0, 0),
    shape: Sequence[int] | None = None,
) -> tuple[list[FloatArray], Bools | None]:
    """Interpolate a displacement field.

    Parameters
    ----------
    data : float array of shape (3, n, m, k)
        Components first; the field, or the box of it returned by :func:`field_box`.
    positions : three float64 arrays
        Index units along each of the field's three axes; they broadcast together.
    degree : 1 or 3, default: 1
        Linear, or cubic B-splines with coefficients `data`.
    start : sequence of int, optional
        The first voxel of the box.
    shape : sequence of int, optional
        Shape of the whole field along its three axes; that of `data` by default.

    Returns
    -------
    found : list of three float64 arrays
        The components, in the broadcast shape of the positions. Outside the field they are those of
        the nearest position inside; NaN at NaN positions.
    inside : bool array of the same shape, or None
        Whether a position lies in the field; None if all do. NaN positions do not.

    Raises
    ------
    ValueError
        If the degree is neither 1 nor 3, a B-spline has fewer than 4 control points along an axis,
        or the box does not cover the positions.

    Notes
    -----
    *Inside* means -0.5 <= index < size - 0.5 for degree 1: up to the boundary of the outermost
    voxels, with the displacement of their centres in their outer halves. For degree 3 it means 1 <=
    index <= size - 2. These are the rules of ITK's DisplacementFieldTransform and BSplineTransform,
    except that positions within a millionth of a voxel beyond an end count as inside, to allow for
    rounding.

    *NaN* in the field is ignored where its weight is 0.

    Examples
    --------
    >>> field = np.zeros((3, 2, 2, 2))
    >>> field[2, :, :, 1] = 1.0
    >>> at = np.zeros(3), np.zeros(3), np.array([0.25, 1.25, 1.75])
    >>> found, inside = displacements(field, at)
    >>> found[2].tolist(), inside.tolist()
    ([0.25, 1.0, 1.0], [True, True, False])
    """
    if degree not in (1, 3):
        raise ValueError(f"degree {degree}: a field is interpolated with degree 1 or 3")
    shape = data.shape[1:] if shape is None else tuple(shape)
    if degree == 3 and min(shape) < 4:
        raise ValueError(f"cubic B-splines of {shape} control points: at least 4 an axis")
    ndim = max(position.ndim for position in positions)
    positions = [p.reshape((1,) * (ndim - p.ndim) + p.shape) for p in map(np.asarray, positions)]
    whole = np.broadcast_shapes(*(position.shape for position in positions))
    inside = _inside(positions, shape, degree, whole)
    if not math.prod(whole):
        return [np.zeros(whole) for _ in range(3)], inside
    along = separable([position.shape for position in positions])
    if along is not None:
        taps = [_taps(p, n, degree) for p, n in zip(positions, shape, strict=True)]
        firsts = [
            _own(first, begin, held, len(weights))
            for (first, weights), begin, held in zip(taps, start, data.shape[1:], strict=True)
        ]
        weights = [own for _, own in taps]
        return list(along_axes(data, firsts, weights, along, whole, np.dtype(float))), inside
    found = [np.empty(whole) for _ in range(3)]
    views = [flat_view(component) for component in data]
    for slab in slabs(whole, SLAB):
        some = [part_of(position, slab) for position in positions]
        taps = [_taps(p, n, degree) for p, n in zip(some, shape, strict=True)]
        firsts = [
            _own(first, begin, held, len(weights))
            for (first, weights), begin, held in zip(taps, start, data.shape[1:], strict=True)
        ]
        weights = [own for _, own in taps]
        base, same = None, None
        for (flat, strides, origin), component in zip(views, found, strict=True):
            if base is None or same != (strides, origin):  # usually the same for all
                base = sum(first * stride for first, stride in zip(firsts, strides, strict=True))
                base, same = base + origin, (strides, origin)
            around(flat, base, strides, weights, component[slab])
    return found, inside


# -- grid points that contribute, and their weights


def _inside(
    positions: Sequence[FloatArray], shape: Sequence[int], degree: int, whole: tuple[int, ...]
) -> Bools | None:
    inside: Bools | None = None
    for position, size in zip(positions, shape, strict=True):
        if degree == 1:
            low, high = -0.5 - TOLERANCE, np.nextafter(size - 0.5 - TOLERANCE, -np.inf)
        else:
            low, high = 1 - TOLERANCE, size - 2 + TOLERANCE
        # usually all are inside; the comparison is False if there is a NaN
        if not position.size or (position.min() >= low and position.max() <= high):
            continue
        within: Bools = (position >= low) & (position <= high)
        inside = within if inside is None else inside & within
    return None if inside is None else np.broadcast_to(inside, whole)


def _taps(position: FloatArray, size: int, degree: int) -> Taps:
    """Return the first grid point that counts, as a whole float, and the weights from there on."""
    if degree == 1:
        share = np.clip(position, 0, size - 1)
        if size == 1:
            return np.zeros(share.shape), [np.ones(share.shape)]
        first = np.asarray(share + TOLERANCE)
        np.floor(first, out=first)
        share -= first
        # so that grid points keep their exact values, also next to a NaN
        np.copyto(share, 0, where=np.abs(share) <= TOLERANCE)
        if not np.max(first, initial=0.0) <= size - 2:  # also catches NaN
            last = first > size - 2
            first, share = np.where(last, first - 1, first), np.where(last, share + 1, share)
        return first, [1 - share, share]
    at = np.clip(position, 1, size - 2)
    first = np.minimum(np.floor(at), size - 3)
    t = at - first
    s = 1 - t
    weights = [
        s * s * s / 6,
        (3 * t * t * (t - 2) + 4) / 6,
        (3 * s * s * (s - 2) + 4) / 6,
        t * t * t / 6,
    ]
    return first - 1, weights


def _own(first: FloatArray, start: int, held: int, taps: int) -> Any:
    """Count grid points from the first one of a box."""
    if np.isnan(first).any():  # any index will do
        least = np.fmin.reduce(first, axis=None)
        first = np.where(np.isnan(first), start if np.isnan(least) else least, first)
    low, high = int(first.min()) - start, int(first.max()) - start + taps
    if low < 0 or high > held:
        raise ValueError(
            f"the box holds the voxels {start} to {start + held} of the field, and the positions "
            f"need {start + low} to {start + high}; field_box tells what is needed"
        )
    return first.astype(np.intp) - start
