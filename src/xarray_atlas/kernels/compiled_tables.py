"""The two functions of `run_tables`, compiled by numba.

They return the same arrays in half of the time. This module is only imported once the time for
compiling pays off; see `tables`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from xarray_atlas.kernels import run_tables
from xarray_atlas.kernels.labels import Ints, Positions
from xarray_atlas.kernels.run_tables import Columns

__all__ = ["measure", "row_runs"]

F = TypeVar("F", bound=Callable[..., Any])

U64 = np.uint64
ZERO, ONE, EIGHT = U64(0), U64(1), U64(8)

FAR = 2**62
"""After any position."""

njit: Any = numba.njit  # its types differ between versions


def _compile(function: F) -> F:
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(F, njit(cache=True, **options)(function))
    except RuntimeError:  # numba has no writable folder for its cache
        return cast(F, njit(**options)(function))


def row_runs(flat: Ints, length: int) -> Positions:
    """Find the starts of runs of equal values in rows; see :func:`run_tables.row_runs`."""
    # Values are only compared, so neither their type nor their byte order matters, only their size.
    # Numba compiles separately for read-only arrays.
    values = np.require(flat, requirements="A").view(f"u{flat.itemsize}")
    values.flags.writeable = False
    starts = np.empty(flat.size + 8, np.int64)  # takes no memory until it is written to
    new = np.zeros(-(-length // 8) * 8, np.uint8)
    return starts[: _find(values, U64(length), starts, new)].copy()


def measure(starts: Positions, codes: Positions, shape: tuple[int, ...]) -> Columns:
    """Measure the voxels of each code; see :func:`run_tables.measure`."""
    if len(shape) > 3:
        return run_tables.measure(starts, codes, shape)
    # as three axes, the first two or the middle one possibly of length 1
    rows = shape[1] if len(shape) == 3 else 1
    axes = {1: [2], 2: [0, 2], 3: [0, 1, 2]}[len(shape)]
    n = int(codes.max()) + 1
    voxels, runs, plane = np.zeros((3, n), np.int64)
    sums, start, stop, point = np.zeros((4, n, 3), np.int64)
    ends = np.append(starts, math.prod(shape))
    start[:] = FAR
    _add_up(ends, codes, rows, shape[-1], voxels, sums, start, stop, runs)
    _find_points(ends, codes, rows, shape[-1], sums / voxels[:, None], runs, plane, point)
    return voxels, sums[:, axes], start[:, axes], stop[:, axes], point[:, axes]


@_compile
def _find(flat: Any, length: Any, starts: Any, new: Any) -> Any:
    """Record where runs start, and return their number; `new` must be zeros.

    The loops are written such that the compiler can vectorize the comparisons and needs no branch
    per voxel. Indices are unsigned, so that numba need not check for negative ones.
    """
    n, row = ZERO, ZERO
    eights = new.view(np.uint64)
    new[0] = True
    while row < U64(flat.size):
        for i in range(length - ONE):
            new[i + ONE] = flat[row + i + ONE] != flat[row + i]
        for i in range(U64(eights.size)):
            if eights[i]:
                for at in range(i * EIGHT, (i + ONE) * EIGHT):
                    starts[n] = row + at  # is kept if a run starts here
                    n += U64(new[at])
        row += length
    return n


@_compile
def _add_up(
    ends: Any,
    codes: Any,
    rows: Any,
    length: Any,
    voxels: Any,
    sums: Any,
    start: Any,
    stop: Any,
    runs: Any,
) -> None:
    """Add the runs, each from one of `ends` to the next, to the sums of their codes."""
    plane, row, begin = 0, 0, 0
    for i in range(codes.size):
        if ends[i] == begin + length:  # a run starts in each row
            begin += length
            row += 1
            if row == rows:
                plane, row = plane + 1, 0
        code, column, size = codes[i], ends[i] - begin, ends[i + 1] - ends[i]
        runs[code] += 1
        voxels[code] += size
        sums[code, 0] += size * plane
        sums[code, 1] += size * row
        sums[code, 2] += size * column + size * (size - 1) // 2
        start[code, 0] = min(start[code, 0], plane)
        start[code, 1] = min(start[code, 1], row)
        start[code, 2] = min(start[code, 2], column)
        stop[code, 0] = plane + 1
        stop[code, 1] = max(stop[code, 1], row + 1)
        stop[code, 2] = max(stop[code, 2], column + size)


@_compile
def _find_points(
    ends: Any,
    codes: Any,
    rows: Any,
    length: Any,
    centroid: Any,
    runs: Any,
    plane: Any,
    point: Any,
) -> None:
    """Find the voxel nearest to the centroid on the plane of a code's middle run.

    `runs` are indices of runs; `plane` must be zeros.
    """
    size = rows * length
    passed = np.zeros_like(runs)
    for i in range(codes.size):
        code = codes[i]
        if passed[code] == runs[code] // 2:
            plane[code] = ends[i] // size
        passed[code] += 1
    nearest = np.full(runs.size, np.inf)
    for i in range(codes.size):
        code = codes[i]
        at = ends[i] - plane[code] * size
        if 0 <= at < size:
            row = at // length
            first = at - row * length
            last = first + ends[i + 1] - ends[i] - 1
            column = min(max(np.int64(np.rint(centroid[code, 2])), first), last)
            distance = (column - centroid[code, 2]) ** 2 + (row - centroid[code, 1]) ** 2
            if distance < nearest[code]:  # the first of equally near ones
                nearest[code] = distance
                point[code, 0], point[code, 1], point[code, 2] = plane[code], row, column
