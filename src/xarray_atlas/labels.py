"""Kernels on plain numpy blocks of integer labels.

Neighbours along the last axis of an annotation mostly have the same label.
One comparison of neighbours finds the runs of equal labels; looking up, masking
and counting are then arithmetic on the runs, of which there are few, and not
on the voxels, of which there are many. Ids never pass through a float or wrap into
another type, and no table is as long as the largest id.

All functions are pure. They work through a block in pieces that fit in the
processor's cache, so that beside their result they need little memory, and a
copy only of a block that is not C-contiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

__all__ = [
    "count_labels",
    "count_pairs",
    "label_mask",
    "lookup",
    "merge_counts",
    "merge_pairs",
    "region_masks",
    "runs",
]

Ints: TypeAlias = npt.NDArray[np.integer[Any]]
Int64s: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Positions: TypeAlias = npt.NDArray[np.intp]
Counts: TypeAlias = tuple[Ints, Int64s]
PairCounts: TypeAlias = tuple[Ints, Ints, Int64s]
_Table = TypeVar("_Table", Counts, PairCounts)

# Voxels worked on at a time: a piece and what is derived from it stay in cache.
_PIECE = 2**18


def runs(block: Ints) -> tuple[Positions, Ints]:
    """Find the runs of equal labels in a block.

    Parameters
    ----------
    block : ndarray of int
        Labels, of any shape. It is read in C order; a run may go on from one
        row to the next.

    Returns
    -------
    starts : ndarray of intp, shape (n_runs,)
        Position of the first voxel of each run in the flattened block.
    values : ndarray of block.dtype, shape (n_runs,)
        Label of each run.

    Raises
    ------
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> starts, values = runs(np.array([[0, 0, 997], [997, 997, 8]], dtype="uint32"))
    >>> starts
    array([0, 2, 5])
    >>> values
    array([  0, 997,   8], dtype=uint32)
    """
    _check_integers(block)
    flat = block.ravel()
    starts = _starts(flat[1:] != flat[:-1]) if flat.size else np.empty(0, np.intp)
    return starts, flat[starts]


def lookup(values: Ints, keys: Int64s) -> Positions:
    """Find the position of each label in a list of ids.

    Parameters
    ----------
    values : ndarray of int
        Labels, of any integer type and shape.
    keys : ndarray of int64, shape (n_keys,)
        Ids, sorted and unique. They may lie outside of the range of the
        labels' type.

    Returns
    -------
    ndarray of intp, shape values.shape
        Position in `keys`, -1 where the label is not one of them.

    Raises
    ------
    TypeError
        If the labels are not integers, or the ids not int64.
    ValueError
        If the ids are not sorted and unique.

    Examples
    --------
    >>> keys = np.array([-1, 997, 614454277])
    >>> lookup(np.array([997, 65535, 0, 997], dtype="uint16"), keys)
    array([ 1, -1, -1,  1])
    """
    _check_integers(values)
    _check_keys(keys)
    # Only the ids that the labels' type can hold, in that type: a search across
    # types would go through float64 (uint64) or convert the labels.
    limits = np.iinfo(values.dtype)
    first = int(np.searchsorted(keys, np.int64(limits.min), side="left"))
    last_id = np.int64(min(int(limits.max), 2**63 - 1))
    stop = int(np.searchsorted(keys, last_id, side="right"))
    if first == stop:
        return np.full(values.shape, -1, np.intp)
    candidates = keys[first:stop].astype(values.dtype)
    positions = np.minimum(np.searchsorted(candidates, values), candidates.size - 1)
    found = candidates[positions] == values
    return np.where(found, positions + first, -1)


def label_mask(block: Ints, keys: Int64s) -> Bools:
    """Mark the voxels whose label is one of a list of ids.

    It takes one pass over the block, however many ids there are.

    Parameters
    ----------
    block : ndarray of int
        Labels, of any shape.
    keys : ndarray of int64, shape (n_keys,)
        Ids, sorted and unique.

    Returns
    -------
    ndarray of bool, shape block.shape
        True where the label is one of `keys`, in C order.

    Raises
    ------
    TypeError
        If the labels are not integers, or the ids not int64.
    ValueError
        If the ids are not sorted and unique.

    See Also
    --------
    region_masks : Several masks from one pass.

    Examples
    --------
    >>> block = np.array([[0, 0, 997], [997, 997, 8]], dtype="uint32")
    >>> label_mask(block, np.array([8, 614454277]))
    array([[False, False, False],
           [False, False,  True]])
    """
    _check_keys(keys)
    mask = np.zeros(block.shape, bool)
    flat_mask = mask.reshape(-1)
    for piece, starts, values in _pieces(block):
        _fill(flat_mask[piece], starts, lookup(values, keys) >= 0)
    return mask


def region_masks(block: Ints, keys: Int64s, table: Bools) -> Bools:
    """Mark the voxels of several regions in one pass over a block.

    Parameters
    ----------
    block : ndarray of int
        Labels, of any shape.
    keys : ndarray of int64, shape (n_keys,)
        Ids, sorted and unique.
    table : ndarray of bool, shape (n_regions, n_keys)
        Which of the ids belong to each region. An id may belong to several.

    Returns
    -------
    ndarray of bool, shape (n_regions, *block.shape)
        One mask for each row of `table`, in C order.

    Raises
    ------
    TypeError
        If the labels are not integers, the ids not int64, or the table not bool.
    ValueError
        If the ids are not sorted and unique, or the table has not one column for
        each of them.

    See Also
    --------
    label_mask : One mask.

    Examples
    --------
    >>> block = np.array([0, 0, 997, 997, 8], dtype="uint32")
    >>> table = np.array([[True, True], [True, False]])
    >>> region_masks(block, np.array([8, 997]), table)
    array([[False, False,  True,  True,  True],
           [False, False, False, False,  True]])
    """
    _check_keys(keys)
    if table.dtype != np.bool_:
        raise TypeError(f"table must be bool, got {table.dtype}")
    if table.ndim != 2 or table.shape[1] != keys.size:
        raise ValueError(
            f"table must have the shape (n_regions, {keys.size}), one column for "
            f"each key, got {table.shape}"
        )
    # Labels that are no key have the position -1: a last column that is False.
    belongs = np.concatenate([table, np.zeros((len(table), 1), bool)], axis=1)
    masks = np.zeros((len(table), *block.shape), bool)
    flat_masks = masks.reshape(len(table), block.size)
    for piece, starts, values in _pieces(block):
        positions = lookup(values, keys)
        if positions.max() < 0:
            continue
        for flat_mask, row in zip(flat_masks, belongs, strict=True):
            _fill(flat_mask[piece], starts, row[positions])
    return masks


def count_labels(block: Ints) -> Counts:
    """Count the voxels of each label.

    Parameters
    ----------
    block : ndarray of int
        Labels, of any shape.

    Returns
    -------
    labels : ndarray of int64 (uint64 for a uint64 block), shape (n_labels,)
        The labels that occur, sorted.
    counts : ndarray of int64, shape (n_labels,)
        Number of voxels with each label.

    Raises
    ------
    TypeError
        If the labels are not integers.

    See Also
    --------
    merge_counts : Add up the counts of several blocks.

    Examples
    --------
    >>> block = np.array([[0, 0, 997], [997, 0, 8]], dtype="uint32")
    >>> labels, counts = count_labels(block)
    >>> labels
    array([  0,   8, 997])
    >>> counts
    array([3, 1, 2])
    """
    _check_integers(block)
    nothing = np.empty(0, _wide(block)), np.empty(0, np.int64)
    return _accumulate(nothing, _count_tables(block), merge_counts)


def merge_counts(tables: Iterable[Counts]) -> Counts:
    """Add up the counts of several blocks.

    The result does not depend on the order or the grouping of the tables.

    Parameters
    ----------
    tables : iterable of (labels, counts)
        What `count_labels` returned for each block.

    Returns
    -------
    labels : ndarray of int64 (uint64 if that of a table is), shape (n_labels,)
        The labels that occur, sorted.
    counts : ndarray of int64, shape (n_labels,)
        Number of voxels with each label. Both are empty without a table.

    Raises
    ------
    ValueError
        If some labels are uint64 and others negative: no integer type holds both.

    See Also
    --------
    count_labels : Count the voxels of one block.

    Examples
    --------
    >>> left = np.array([0, 997]), np.array([3, 1])
    >>> right = np.array([8, 997]), np.array([5, 2])
    >>> labels, counts = merge_counts([left, right])
    >>> labels
    array([  0,   8, 997])
    >>> counts
    array([3, 5, 3])
    """
    tables = list(tables)
    return _sum_by_label(
        _join_labels([labels for labels, _ in tables]),
        _join_counts([counts for _, counts in tables]),
    )


def count_pairs(block: Ints, classes: Ints) -> PairCounts:
    """Count the voxels of each pair of a label and a class.

    Parameters
    ----------
    block : ndarray of int
        Labels, of any shape.
    classes : ndarray of int, shape block.shape
        Class of each voxel, such as its hemisphere.

    Returns
    -------
    labels : ndarray of int64 (uint64 for a uint64 block), shape (n_pairs,)
        Label of each pair that occurs, sorted.
    classes : ndarray of int64 (uint64 for uint64 classes), shape (n_pairs,)
        Class of each pair, sorted within a label.
    counts : ndarray of int64, shape (n_pairs,)
        Number of voxels with that label and that class.

    Raises
    ------
    TypeError
        If the labels or the classes are not integers.
    ValueError
        If the shapes differ.

    See Also
    --------
    merge_pairs : Add up the counts of several blocks.

    Examples
    --------
    >>> block = np.array([0, 997, 997, 997, 8], dtype="uint32")
    >>> hemispheres = np.array([2, 2, 1, 1, 1], dtype="uint8")
    >>> for label, hemisphere, count in zip(*count_pairs(block, hemispheres)):
    ...     print(label, hemisphere, count)
    0 2 1
    8 1 1
    997 1 2
    997 2 1
    """
    _check_integers(block)
    _check_integers(classes, "classes")
    if block.shape != classes.shape:
        raise ValueError(
            f"labels and classes must have the same shape, got {block.shape} and {classes.shape}"
        )
    nothing = (
        np.empty(0, _wide(block)),
        np.empty(0, _wide(classes)),
        np.empty(0, np.int64),
    )
    return _accumulate(nothing, _pair_tables(block, classes), merge_pairs)


def merge_pairs(tables: Iterable[PairCounts]) -> PairCounts:
    """Add up the counts of pairs of several blocks.

    The result does not depend on the order or the grouping of the tables.

    Parameters
    ----------
    tables : iterable of (labels, classes, counts)
        What `count_pairs` returned for each block.

    Returns
    -------
    labels, classes, counts : ndarray, shape (n_pairs,)
        As `count_pairs` returns them. They are empty without a table.

    Raises
    ------
    ValueError
        If some labels (or classes) are uint64 and others negative: no integer
        type holds both.

    See Also
    --------
    count_pairs : Count the pairs of one block.

    Examples
    --------
    >>> table = np.array([8, 997]), np.array([1, 1]), np.array([5, 2])
    >>> labels, classes, counts = merge_pairs([table, table])
    >>> counts
    array([10,  4])
    """
    tables = list(tables)
    return _sum_by_pair(
        _join_labels([labels for labels, _, _ in tables]),
        _join_labels([classes for _, classes, _ in tables]),
        _join_counts([counts for _, _, counts in tables]),
    )


def _check_integers(block: npt.NDArray[Any], what: str = "labels") -> None:
    dtype = block.dtype
    if dtype.kind in "iu":
        return
    message = f"{what} must be integers, got {dtype}"
    if dtype.kind == "f":
        exact = np.finfo(dtype).nmant + 1
        message += (
            f", which may already have lost ids above 2**{exact}: read them again with "
            "the integer type of their source, or, where no id is that large, convert "
            "them with .astype('int64')"
        )
    elif dtype.kind == "b":
        message += ": to use a mask as labels 0 and 1, convert it with .astype('uint8')"
    else:
        message += ": read them again with the integer type of their source"
    raise TypeError(message)


def _check_keys(keys: npt.NDArray[Any]) -> None:
    if keys.dtype != np.int64:
        raise TypeError(f"keys must be int64, got {keys.dtype}")
    if keys.ndim != 1 or not (keys[1:] > keys[:-1]).all():
        raise ValueError("keys must be one-dimensional, sorted and unique: use np.unique(keys)")


def _starts(changes: Bools) -> Positions:
    """Positions of run starts, from the changes between neighbours."""
    return np.concatenate([np.zeros(1, np.intp), np.flatnonzero(changes) + 1])


def _lengths(starts: Positions, size: int) -> Positions:
    return np.diff(starts, append=size)


def _slices(size: int) -> Iterator[slice]:
    for start in range(0, size, _PIECE):
        yield slice(start, min(start + _PIECE, size))


def _pieces(block: Ints) -> Iterator[tuple[slice, Positions, Ints]]:
    """Split the flattened block, and give each piece with its own runs."""
    _check_integers(block)
    flat = block.ravel()
    for piece in _slices(flat.size):
        yield piece, *runs(flat[piece])


def _fill(mask: Bools, starts: Positions, marked: Bools) -> None:
    """Set a mask that is all False to True in the marked runs."""
    if marked.all():
        mask[:] = True
    elif marked.any():
        # Neighbouring runs that are both in or both out make one run of the mask.
        joined = _starts(marked[1:] != marked[:-1])
        mask[:] = np.repeat(marked[joined], _lengths(starts[joined], mask.size))


def _accumulate(
    first: _Table, tables: Iterable[_Table], merge: Callable[[list[_Table]], _Table]
) -> _Table:
    """Merge tables as they come, in memory that the distinct labels bound."""
    pending = [first]
    rows = 0
    for table in tables:
        pending.append(table)
        rows += table[0].size
        # Often enough to stay small, seldom enough that each row moves few times.
        if rows > max(pending[0][0].size, _PIECE):
            pending = [merge(pending)]
            rows = 0
    return merge(pending)


def _sum_by_label(labels: Ints, counts: npt.NDArray[np.signedinteger[Any]]) -> Counts:
    """Add up the counts of equal labels."""
    distinct, ranks = np.unique(labels, return_inverse=True)
    totals = np.zeros(distinct.size, np.int64)
    np.add.at(totals, ranks, counts)  # bincount would add up in float64
    return distinct, totals


def _sum_by_pair(
    labels: Ints, classes: Ints, counts: npt.NDArray[np.signedinteger[Any]]
) -> PairCounts:
    """Add up the counts of equal pairs."""
    distinct_labels, label_ranks = np.unique(labels, return_inverse=True)
    distinct_classes, class_ranks = np.unique(classes, return_inverse=True)
    # One number for each pair, in the order of the pairs.
    n_classes = max(distinct_classes.size, 1)
    pairs, totals = _sum_by_label(label_ranks * n_classes + class_ranks, counts)
    at_label, at_class = np.divmod(pairs, n_classes)
    return distinct_labels[at_label], distinct_classes[at_class], totals


def _count_tables(block: Ints) -> Iterator[Counts]:
    """Count the labels of each piece."""
    wide = _wide(block)
    # The order does not matter here; that of the memory asks for no copy.
    for piece, starts, values in _pieces(block.ravel("K")):
        lengths = _lengths(starts, piece.stop - piece.start)
        yield _sum_by_label(values.astype(wide), lengths)


def _pair_tables(block: Ints, classes: Ints) -> Iterator[PairCounts]:
    """Count the pairs of each piece, on the runs in which neither array changes."""
    wide_label, wide_class = _wide(block), _wide(classes)
    flat_block, flat_classes = block.ravel(), classes.ravel()
    for piece in _slices(block.size):
        label, kind = flat_block[piece], flat_classes[piece]
        starts = _starts((label[1:] != label[:-1]) | (kind[1:] != kind[:-1]))
        yield _sum_by_pair(
            label[starts].astype(wide_label),
            kind[starts].astype(wide_class),
            _lengths(starts, label.size),
        )


def _wide(labels: Ints) -> type[np.int64 | np.uint64]:
    """Type in which labels of all blocks are counted."""
    # can_cast, because a comparison of types would overlook the byte order
    return np.int64 if np.can_cast(labels.dtype, np.int64) else np.uint64


def _join_labels(columns: Sequence[Ints]) -> Ints:
    """Concatenate columns of int64 and uint64, which numpy would make float64."""
    if all(_wide(column) is np.int64 for column in columns):
        return np.concatenate([np.empty(0, np.int64), *columns])
    if any((column < 0).any() for column in columns):
        raise ValueError(
            "some labels are uint64 and others negative, and no integer type holds "
            "both: convert the labels of all blocks to one type first"
        )
    return np.concatenate([column.astype(np.uint64) for column in columns])


def _join_counts(columns: Sequence[Int64s]) -> Int64s:
    return np.concatenate([np.empty(0, np.int64), *columns])
