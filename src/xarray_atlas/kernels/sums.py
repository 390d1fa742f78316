"""Sums of an image by label, on plain numpy blocks.

Each frame of an image is gathered in the order of the labels (:mod:`xarray_atlas.kernels.groups`)
and added up in slices, which is a few passes over memory, and as fast whether the frames come
before the spatial axes or after them. What is
learned of a label is a row of a small table; the tables of several blocks, and the rows of
the labels of a region, are merged by the same function.

All is computed in float64: integers are exact as long as their sums stay below 2**53.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from xarray_atlas.kernels.groups import VoxelGroups, gathered, starts_of
from xarray_atlas.kernels.labels import Int64s, Positions

__all__ = [
    "NEEDS",
    "Sums",
    "add_up",
    "frame_axes",
    "frames",
    "image_sums",
    "merge",
    "statistic",
]

Floats: TypeAlias = npt.NDArray[np.float64]

PIECE = 2**17
"""Numbers worked on at a time where frames come last: they stay in the processor's cache."""

WIDTH = 2**9
"""Frames worked on at a time there; each row of a piece is as many neighbours in memory."""

NEEDS = {
    "count": (),
    "sum": (),
    "mean": (),
    "var": ("squares",),
    "std": ("squares",),
    "min": ("low",),
    "max": ("high",),
}
"""The statistics, and the columns of a table that each needs beside counts and totals."""


class Sums(NamedTuple):
    """What images hold of each group: a row a group, a column a frame."""

    code: Positions
    """Of the group, shape (n,). A table that is not merged may have several rows of one."""
    present: Int64s
    """Number of values that are not NaN, shape (n, frames); of all, where NaN is not skipped."""
    weight: Floats
    """Sum of their weights; their number where they have none."""
    total: Floats
    """Sum of the values, each times its weight."""
    squares: Floats | None = None
    """Sum of the squared differences from the mean, each times its weight."""
    low: Floats | None = None
    """The smallest value; infinite where there is none."""
    high: Floats | None = None
    """The largest value; minus infinite where there is none."""

    def some(self, frames: slice) -> Sums:
        """Return the table of some of the frames."""
        columns = self._asdict().items()
        return self._replace(
            **{k: v[:, frames] for k, v in columns if k != "code" and v is not None}
        )


def image_sums(
    image: npt.NDArray[Any],
    axes: tuple[int, ...],
    groups: VoxelGroups,
    skipna: bool = True,
    columns: Iterable[str] = (),
    threads: int = 1,
) -> Sums:
    """Add up each frame of an image by group.

    Parameters
    ----------
    image : ndarray of bool, int or float
        A block of an image. All axes that are not named in `axes` are frames.
    axes : tuple of int
        The axes of the image along which the labels lie, in the order of the labels' axes.
    groups : Groups
        Of a block of labels of that shape.
    skipna : bool
        Whether NaN is left out; otherwise it spreads.
    columns : iterable of "squares", "low", "high"
        What to learn beside counts and totals.
    threads : int
        How many frames are worked on side by side, where they lie one after the other in
        memory: numpy lets go of Python's lock.

    Returns
    -------
    Sums
        A row a group; frames are flattened in C order.

    Examples
    --------
    >>> from xarray_atlas.kernels.groups import group
    >>> groups = group(np.array([[8, 997], [997, 8]], dtype="uint32"), np.array([8, 997]))
    >>> image = np.array([[[1, 2], [3, 4]], [[5, np.nan], [7, 8]]])
    >>> image_sums(image, (1, 2), groups).total
    array([[ 5., 13.],
           [ 5.,  7.]])
    """
    columns = tuple(columns)

    def summed(frame: npt.NDArray[Any]) -> Sums:
        with np.errstate(invalid="ignore", over="ignore"):  # which is a thread's own
            if frame.shape[1] > 1:
                return _summed_in_pieces(frame, groups, skipna, columns)
            values = gathered(frame[:, 0], groups.voxels)
            return _summed(values[:, None], groups, skipna, columns)

    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(summed, frames(image, axes)))
    else:
        found = [summed(frame) for frame in frames(image, axes)]
    order = frame_axes(image, axes)
    shape = [image.shape[axis] for axis in order]
    back = np.argsort(order) + 1

    def joined(name: str) -> Any:
        parts = [getattr(sums, name) for sums in found or [_none(0, columns)]]
        whole = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
        if not found:
            whole = np.zeros((groups.code.size, 0), whole.dtype)
        given = whole.reshape(groups.code.size, *shape).transpose(0, *back)
        return given.reshape(groups.code.size, math.prod(shape))

    names = ("present", "weight", "total", *columns)
    return Sums(groups.code, **{name: joined(name) for name in names})


def frame_axes(image: npt.NDArray[Any], axes: tuple[int, ...]) -> list[int]:
    """Return the axes that are frames, in the order in which they lie in memory."""
    others = [axis for axis in range(image.ndim) if axis not in axes]
    return sorted(others, key=lambda axis: -abs(image.strides[axis]))


def frames(image: npt.NDArray[Any], axes: tuple[int, ...]) -> Iterator[npt.NDArray[Any]]:
    """Give the frames that lie before the voxels in memory one by one, those after them at once.

    A part has the shape (voxels, frames). It is a view wherever it can be one: the whole
    image is not transposed.
    """
    others = frame_axes(image, axes)
    step = min((abs(image.strides[a]) for a in axes if image.shape[a] > 1), default=0)
    before = [axis for axis in others if abs(image.strides[axis]) >= step]
    after = others[len(before) :]
    ordered = image.transpose(*before, *axes, *after)
    voxels = math.prod(image.shape[axis] for axis in axes)
    together = math.prod(image.shape[axis] for axis in after)
    for index in np.ndindex(*ordered.shape[: len(before)]):
        yield ordered[index].reshape(voxels, together)


def _summed_in_pieces(
    frames: npt.NDArray[Any], groups: VoxelGroups, skipna: bool, columns: tuple[str, ...]
) -> Sums:
    """Add up many frames at once, some voxels and some frames at a time."""
    wide = []
    for left in range(0, frames.shape[1], WIDTH):
        part = frames[:, left : left + WIDTH]
        rows = max(PIECE // part.shape[1], 1)
        pieces = (
            _summed(gathered(part, piece.voxels), piece, skipna, columns)
            for piece in _cut(groups, rows)
        )
        wide.append(merge(pieces, part.shape[1], columns))
    return wide[0]._replace(
        **{
            name: np.concatenate([getattr(sums, name) for sums in wide], axis=1)
            for name in ("present", "weight", "total", *columns)
        }
    )


def _cut(groups: VoxelGroups, rows: int) -> Iterator[VoxelGroups]:
    """Cut groups into pieces of so many voxels; a group may lie in several."""
    for begin, end in pairwise([*range(0, groups.voxels.size, rows), groups.voxels.size]):
        first = np.searchsorted(groups.start, begin, side="right") - 1
        last = np.searchsorted(groups.start, end)
        yield VoxelGroups(
            groups.code[first:last],
            np.maximum(groups.start[first:last] - begin, 0),
            groups.voxels[begin:end],
            None if groups.weights is None else groups.weights[begin:end],
        )


def _summed(
    values: npt.NDArray[Any], groups: VoxelGroups, skipna: bool, columns: tuple[str, ...]
) -> Sums:
    """Add up values of the shape (voxels, frames), which are in the order of the groups."""
    start, sizes = groups.start, groups.sizes
    if not start.size:
        return _none(values.shape[1], columns)
    floating = values.dtype.kind == "f" or groups.weights is not None
    values = values.astype(np.float64, copy=False)
    weights = None if groups.weights is None else groups.weights[:, None]
    weighted = values if weights is None else values * weights
    total = _added(weighted, start)
    count = np.broadcast_to(sizes[:, None], total.shape)
    missing = None
    # a NaN shows in the sums; that none does is the usual case
    if floating and np.isnan(total).any():
        gone = np.isnan(weighted)
        count = count - _added(gone, start, np.int64)
        if skipna:
            missing = gone
            values = np.where(missing, 0, values)
            weights = None if weights is None else np.where(missing, 0, weights)
            total = _added(np.where(missing, 0, weighted), start)
    weight: Any = count
    if weights is not None:
        weight = _added(np.broadcast_to(weights, values.shape), start)
    found: dict[str, Any] = {}
    if "squares" in columns:
        apart = values - np.repeat(_mean(total, weight), sizes, axis=0)
        squared = apart**2 if weights is None else apart**2 * weights
        if missing is not None:
            squared[missing] = 0
        found["squares"] = _added(squared, start)
    for name, extreme, none in (("low", np.minimum, np.inf), ("high", np.maximum, -np.inf)):
        if name in columns:
            present = values if missing is None else np.where(missing, none, values)
            found[name] = _reduced(extreme, present, start)
    return Sums(groups.code, count, weight.astype(np.float64), total, **found)


def _added(values: npt.NDArray[Any], start: Positions, dtype: Any = np.float64) -> Any:
    return _reduced(np.add, values, start, dtype)


def _reduced(
    function: np.ufunc, values: npt.NDArray[Any], start: Positions, dtype: Any = None
) -> Any:
    if values.shape[1] == 1:  # numpy is faster where there is no second axis
        return function.reduceat(values[:, 0], start, dtype=dtype)[:, None]
    return function.reduceat(values, start, axis=0, dtype=dtype)


def _mean(total: Floats, weight: Any) -> Floats:
    """Return means, 0 where there is nothing."""
    means: Floats = np.divide(total, weight, out=np.zeros(total.shape), where=weight != 0)
    return means


def _none(frames: int, columns: tuple[str, ...]) -> Sums:
    empty = np.zeros((0, frames))
    none = np.empty(0, np.intp)
    return Sums(none, empty.astype(np.int64), empty, empty, **dict.fromkeys(columns, empty))


def merge(tables: Iterable[Sums], frames: int, columns: Iterable[str] = ()) -> Sums:
    """Merge tables of the same frames into one that has one row a group.

    Parameters
    ----------
    tables : iterable of Sums
    frames : int
        The number of their columns, also where there is no table.
    columns : iterable of str
        Same as in :func:`image_sums`.
    """
    columns = tuple(columns)
    tables = [table for table in tables if table.code.size]
    if not tables:
        return _none(frames, columns)
    if len(tables) == 1:
        return tables[0]
    names = ("code", "present", "weight", "total", *columns)
    stacked = Sums(**{n: np.concatenate([getattr(table, n) for table in tables]) for n in names})
    order = np.argsort(stacked.code, kind="stable")
    code = stacked.code[order]
    first = starts_of(code)
    return add_up(stacked, order, first)._replace(code=code[first])


def add_up(sums: Sums, rows: Positions, start: Positions) -> Sums:
    """Add up rows of a table.

    Variances are merged by their means (Chan, Golub and LeVeque 1979, "Updating formulae and a
    pairwise algorithm for computing sample variances"), which a large offset of
    the values does not harm.

    Parameters
    ----------
    sums : Sums
    rows : ndarray of int, shape (m,)
        Rows of the table, those that belong together beside each other. One may be there
        more than once: the labels of a region are those of its ancestors too.
    start : ndarray of int, shape (n,)
        Where those of each result begin.

    Returns
    -------
    Sums
        With `code` numbering the results.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        count = _added(sums.present[rows], start, np.int64)
        weight, total = _added(sums.weight[rows], start), _added(sums.total[rows], start)
        found: dict[str, Any] = {}
        if sums.squares is not None:
            sizes = np.diff(start, append=rows.size)
            apart = _mean(sums.total, sums.weight)[rows]
            apart -= np.repeat(_mean(total, weight), sizes, axis=0)
            between = _added(sums.weight[rows] * apart**2, start)
            found["squares"] = _added(sums.squares[rows], start) + between
        if sums.low is not None:
            found["low"] = _reduced(np.minimum, sums.low[rows], start)
        if sums.high is not None:
            found["high"] = _reduced(np.maximum, sums.high[rows], start)
    return Sums(np.arange(start.size), count, weight, total, **found)


def statistic(sums: Sums, name: str) -> Floats:
    """Return what a table says of each group; NaN where it holds no value, except counts.

    Parameters
    ----------
    sums : Sums
    name : str
        One of "count", "sum", "mean", "var", "std", "min", "max".
    """
    if name == "count":
        return sums.present.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        if name == "mean":
            return sums.total / sums.weight
        if name in ("var", "std"):
            variance: Floats = sums.squares / sums.weight  # type: ignore[operator]
            return np.sqrt(variance) if name == "std" else variance
    found: Any = {"sum": sums.total, "min": sums.low, "max": sums.high}[name]
    chosen: Floats = np.where(sums.present > 0, found, np.nan)
    return chosen
