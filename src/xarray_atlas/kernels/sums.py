"""Sums of an image by label, on plain numpy blocks.

Each frame of an image is gathered in the order of the labels (:mod:`xarray_atlas.kernels.groups`)
and summed in slices, which takes a few passes over memory and is equally fast whether frames come
before or after the spatial axes. The statistics of a label are a row of a small table. The tables
of several blocks, and the rows of the labels of a region, are merged by the same function.

Everything is computed in float64: integers are exact as long as their sums stay below 2**53.
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
"""Numbers processed at a time if frames come last, such that they stay in cache."""

WIDTH = 2**9
"""Frames processed at a time in that case; each row of a piece is contiguous in memory."""

NEEDS = {
    "count": (),
    "sum": (),
    "mean": (),
    "var": ("squares",),
    "std": ("squares",),
    "min": ("low",),
    "max": ("high",),
}
"""The statistics, and the table columns that each needs in addition to counts and totals."""


class Sums(NamedTuple):
    """Statistics of images by group: a row per group, a column per frame."""

    code: Positions
    """Code of the group, shape (n,). Tables that are not merged may have several rows per group."""
    present: Int64s
    """Number of non-NaN values, shape (n, frames); of all values if NaN is not skipped."""
    weight: Floats
    """Sum of the weights; the number of values if there are none."""
    total: Floats
    """Sum of the weighted values."""
    squares: Floats | None = None
    """Weighted sum of the squared differences from the mean."""
    low: Floats | None = None
    """The smallest value; inf if there is none."""
    high: Floats | None = None
    """The largest value; -inf if there is none."""

    def some(self, frames: slice) -> Sums:
        """Return the table of some frames."""
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
    """Sum each frame of an image by group.

    Parameters
    ----------
    image : ndarray of bool, int or float
        A block of an image. All axes that are not in `axes` are frames.
    axes : tuple of int
        The axes of the image that correspond to those of the labels, in their order.
    groups : Groups
        The groups of a block of labels of the same shape.
    skipna : bool
        Whether NaN is left out; otherwise it propagates.
    columns : iterable of "squares", "low", "high"
        The statistics to compute in addition to counts and totals.
    threads : int
        Number of frames processed in parallel if they are contiguous in memory: numpy releases the
        GIL.

    Returns
    -------
    Sums
        A row per group; frames are flattened in C order.

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
        with np.errstate(invalid="ignore", over="ignore"):  # the error state is per thread
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
    """Return the axes that are frames, in the order of their strides."""
    others = [axis for axis in range(image.ndim) if axis not in axes]
    return sorted(others, key=lambda axis: -abs(image.strides[axis]))


def frames(image: npt.NDArray[Any], axes: tuple[int, ...]) -> Iterator[npt.NDArray[Any]]:
    """Yield frames that precede the voxels in memory one by one, those that follow them at once.

    Each part has the shape (voxels, frames) and is a view if possible: the whole image is never
    transposed.
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
    """Sum many frames at once, some voxels and some frames at a time."""
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
    """Split groups into pieces of a number of voxels; a group may be in several."""
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
    """Sum values of the shape (voxels, frames), sorted by group."""
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
    # a NaN shows in the sums; usually there is none
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
    if values.shape[1] == 1:  # numpy is faster without a second axis
        return function.reduceat(values[:, 0], start, dtype=dtype)[:, None]
    return function.reduceat(values, start, axis=0, dtype=dtype)


def _mean(total: Floats, weight: Any) -> Floats:
    """Return means; 0 if there is no value."""
    means: Floats = np.divide(total, weight, out=np.zeros(total.shape), where=weight != 0)
    return means


def _none(frames: int, columns: tuple[str, ...]) -> Sums:
    empty = np.zeros((0, frames))
    none = np.empty(0, np.intp)
    return Sums(none, empty.astype(np.int64), empty, empty, **dict.fromkeys(columns, empty))


def merge(tables: Iterable[Sums], frames: int, columns: Iterable[str] = ()) -> Sums:
    """Merge tables of the same frames into one with a row per group.

    Parameters
    ----------
    tables : iterable of Sums
    frames : int
        The number of columns, also if there is no table.
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

    Variances are merged through their means (Chan, Golub and LeVeque 1979, "Updating formulae and a
    pairwise algorithm for computing sample variances"), which is robust to a large offset of the
    values.

    Parameters
    ----------
    sums : Sums
    rows : ndarray of int, shape (m,)
        Rows of the table, sorted by result. A row may occur more than once: the labels of a region
        also belong to its ancestors.
    start : ndarray of int, shape (n,)
        Index of the first row of each result.

    Returns
    -------
    Sums
        Table in which `code` numbers the results.
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
    """Return a statistic of each group; NaN for groups without a value, except for counts.

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
