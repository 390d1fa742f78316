"""Process positions in cache-sized slabs, and compute weighted sums of grid points.

An array of positions is processed in slabs, so that each step of a chain of numpy operations finds
the output of the previous one in the processor's cache, and intermediate arrays stay small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["Slab", "along_axes", "around", "flat_view", "part_of", "separable", "slabs"]

SLAB = 2**15
"""Number of positions processed at a time: 256 KiB per float64 array."""

Slab = tuple[slice, ...]
"""A part of an array, as a slice along each of its first axes."""


def slabs(shape: tuple[int, ...], largest: int | None = None) -> Iterator[Slab]:
    """Split the shape of an array into slabs that are contiguous in memory.

    Parameters
    ----------
    shape : tuple of int
    largest : int, optional
        Maximum number of elements of a slab; SLAB by default.

    Yields
    ------
    tuple of slice
    """
    largest = SLAB if largest is None else largest
    for axis in range(len(shape)):
        inner = math.prod(shape[axis + 1 :])
        if inner <= largest:
            step = max(largest // max(inner, 1), 1)
            for before in np.ndindex(*shape[:axis]):
                fixed = tuple(slice(i, i + 1) for i in before)
                for begin in range(0, shape[axis], step):
                    yield (*fixed, slice(begin, min(begin + step, shape[axis])))
            return
    yield ()


def part_of(array: Any, slab: Slab) -> Any:
    """Return the part of an array that broadcasts to a slab."""
    return array[tuple(slice(None) if n == 1 else s for s, n in zip(slab, array.shape))]  # noqa: B905


def flat_view(array: Any) -> tuple[Any, list[int], int]:
    """Return a flat view of an array's memory and the strides of its elements in it.

    This gathers from a view, such as one component of a field stored component last, without
    copying all of it.

    Parameters
    ----------
    array : array of one dimension or more

    Returns
    -------
    flat : array of one dimension
    strides : list of int
        Number of elements of `flat` from one to the next along each axis.
    origin : int
        Index of the array's first element in `flat`.
    """
    size = array.itemsize
    if any(stride % size for stride in array.strides):
        array = np.ascontiguousarray(array)
    strides = [stride // size for stride in array.strides]
    lowest = array[tuple(slice(None, None, -1 if s < 0 else 1) for s in strides)]
    reach = [(n - 1) * abs(s) for n, s in zip(array.shape, strides, strict=True)]
    flat = np.lib.stride_tricks.as_strided(lowest, (sum(reach) + 1,), (size,), writeable=False)
    origin = sum(r for r, s in zip(reach, strides, strict=True) if s < 0)
    return flat, strides, origin


def separable(extents: Sequence[tuple[int, ...]]) -> list[int] | None:
    """Return the axis along which each of several arrays varies, or -1 if it is constant.

    Parameters
    ----------
    extents : sequence of tuple of int
        The shapes of arrays that broadcast together, all of the same number of dimensions.

    Returns
    -------
    list of int, or None
        None if an array varies along several axes, or two arrays along the same one.
    """
    varying = [[axis for axis, n in enumerate(shape) if n > 1] for shape in extents]
    used = [axis for part in varying for axis in part]
    if max(map(len, varying)) > 1 or len(set(used)) < len(used):
        return None
    return [part[0] if part else -1 for part in varying]


def along_axes(
    values: Any,
    first: Sequence[Any],
    weights: Sequence[Sequence[FloatArray]],
    along: Sequence[int],
    shape: tuple[int, ...],
    kind: Any,
) -> Any:
    """Compute weighted sums of grid points axis by axis, for positions on a grid.

    Parameters
    ----------
    values : array of shape (..., n, m, k)
    first : three arrays of int
        The first contributing grid point for each position along each axis.
    weights : three sequences of float64 arrays
        Weights of that grid point and the following ones. A grid point may be NaN if its weight is
        0.
    along : sequence of int
        The axis of the result along which each one varies; see :func:`separable`.
    shape : tuple of int
        Shape of the result for one of the arrays in front.
    kind : dtype
        Type of the computation.

    Returns
    -------
    array of shape (..., *shape)
    """
    front = values.ndim - 3
    firsts = [each.ravel() for each in first]
    begins = [int(each.min()) for each in firsts]
    stops = [int(f.max()) + len(w) for f, w in zip(firsts, weights, strict=True)]
    values = values[(..., *map(slice, begins, stops))]
    # always in this order, so that a value does not depend on the block; the first axis of a slab
    # is short, and whole rows are taken along the middle one
    for axis in (0, 2, 1):
        own = [weight.ravel() for weight in weights[axis]]
        values = _along_axis(values, front + axis, firsts[axis] - begins[axis], own, kind)
    order = sorted(range(3), key=lambda axis: along[axis])
    turned = values.transpose(*range(front), *(front + axis for axis in order))
    return turned.reshape(*values.shape[:front], *shape)


def _along_axis(values: Any, axis: int, first: Any, weights: Sequence[Any], kind: Any) -> Any:
    across = [1] * values.ndim
    across[axis] = -1
    real = np.dtype(kind).type(0).real.dtype
    total = None
    for step, weight in enumerate(weights):
        nothing = weight == 0
        if nothing.all():
            continue
        part = values.take(first + step, axis).astype(kind, copy=False)
        with np.errstate(invalid="ignore"):  # from 0 times infinity
            if not (weight == 1).all():
                part *= weight.reshape(across).astype(real)
        if nothing.any():  # 0 times NaN is NaN
            part[(slice(None),) * axis + (nothing,)] = 0
        if total is None:
            total = part
        else:
            total += part
    assert total is not None  # weights add up to 1
    return total


def around(
    values: Any,
    base: Any,
    strides: Sequence[int],
    weights: Sequence[Sequence[FloatArray]],
    out: Any,
) -> None:
    """Compute weighted sums of the grid points around each position.

    Parameters
    ----------
    values : array of shape (n,)
        A flattened grid.
    base : array of intp
        The first contributing grid point for each position.
    strides : three ints
        Offset from one grid point to the next along each axis.
    weights : three sequences of float arrays
        Weights of the grid points along each axis; they broadcast to the shape of `base`.
    out : array
        Output array; its type is that of the computation.
    """
    kind = out.dtype
    real = kind.type(0).real.dtype
    narrow = [[w.astype(real, copy=False) for w in axis] for axis in weights]

    total = out if out.flags.c_contiguous else np.empty(out.shape, kind)
    spare = [np.empty(out.shape, kind) for _ in weights]

    def add_up(axis: int, offset: int, into: Any, skip: bool) -> None:
        if axis == 3:
            # no index is out of range; clipping is several times faster than raising
            held, place = (values[offset:], base) if offset >= 0 else (values, base + offset)
            if values.dtype == kind:
                held.take(place, out=into, mode="clip")
            else:
                into[...] = held.take(place, mode="clip")
            return
        for step, weight in enumerate(narrow[axis]):
            part = spare[axis] if step else into
            add_up(axis + 1, offset + step * strides[axis], part, skip)
            part *= weight
            if skip:
                np.copyto(part, 0, where=weight == 0)
            if step:
                into += part

    with np.errstate(invalid="ignore"):  # from 0 times infinity
        add_up(0, 0, total, False)
        if np.isnan(total.sum()):  # possibly from a grid point with weight 0
            add_up(0, 0, total, True)
    if total is not out:
        out[...] = total
