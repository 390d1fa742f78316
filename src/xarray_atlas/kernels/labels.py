"""Kernels on plain numpy blocks of integer labels.

Neighbouring voxels along the last axis of an annotation mostly have the same label. One comparison
of neighbours finds the runs of equal labels; lookups and masks are then computed on the few runs
instead of the many voxels. Ids are never converted to float or wrapped into another type, and no
table is as long as the largest id.

All functions are pure. They process a block in pieces that fit into the processor's cache, so that
they need little memory in addition to their result, and copy a block only if it is not
C-contiguous.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = [
    "PIECE",
    "Bools",
    "Int64s",
    "Ints",
    "Positions",
    "check_integers",
    "label_mask",
    "lookup",
    "region_masks",
    "replace_labels",
    "runs",
]

Ints: TypeAlias = npt.NDArray[np.integer[Any]]
Int64s: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Positions: TypeAlias = npt.NDArray[np.intp]

PIECE = 2**18
"""Number of voxels processed at a time, such that intermediate arrays stay in cache."""


def runs(block: Ints) -> tuple[Positions, Ints]:
    """Find the runs of equal labels in a block.

    Parameters
    ----------
    block : ndarray of int
        Labels of any shape, read in C order; a run may continue in the next row.

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
    check_integers(block)
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
        Ids, sorted and unique. They may exceed the range of the labels' type.

    Returns
    -------
    ndarray of intp, shape values.shape
        Position in `keys`, or -1.

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
    check_integers(values)
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
    """Mark the voxels that have one of a list of labels.

    Takes one pass over the block, whatever the number of ids.

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
        The ids that belong to each region. An id may belong to several.

    Returns
    -------
    ndarray of bool, shape (n_regions, *block.shape)
        One mask for each row of `table`, in C order.

    Raises
    ------
    TypeError
        If the labels are not integers, the ids not int64, or the table not bool.
    ValueError
        If the ids are not sorted and unique, or the table does not have one column per id.

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
    # Labels that are not in keys have the position -1: a last column that is False.
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


def replace_labels(block: Ints, keys: Int64s, values: Int64s) -> Ints:
    """Replace some labels and keep the others.

    Parameters
    ----------
    block : ndarray of int
        Labels, of any shape.
    keys : ndarray of int64, shape (n_keys,)
        Ids, sorted and unique.
    values : ndarray of int64, shape (n_keys,)
        The replacement of each id, within the range of the labels' type.

    Returns
    -------
    ndarray of block.dtype, shape block.shape
        In C order.

    Raises
    ------
    TypeError
        If the labels are not integers, or the ids not int64.
    ValueError
        If the ids are not sorted and unique.

    Examples
    --------
    >>> block = np.array([[0, 0, 997], [997, 8, 5]], dtype="uint32")
    >>> replace_labels(block, np.array([8, 997]), np.array([997, 1]))
    array([[  0,   0,   1],
           [  1, 997,   5]], dtype=uint32)
    """
    _check_keys(keys)
    replaced = np.empty(block.shape, block.dtype)
    flat = replaced.reshape(-1)
    for piece, starts, found in _pieces(block):
        at = lookup(found, keys)
        known = at >= 0
        found[known] = values[at[known]]
        flat[piece] = np.repeat(found, _lengths(starts, piece.stop - piece.start))
    return replaced


def check_integers(block: npt.NDArray[Any], what: str = "labels") -> None:
    """Raise TypeError if an array does not hold integers."""
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


def _pieces(block: Ints) -> Iterator[tuple[slice, Positions, Ints]]:
    """Split the flattened block, and yield each piece with its runs."""
    check_integers(block)
    flat = block.ravel()
    for start in range(0, flat.size, PIECE):
        piece = slice(start, min(start + PIECE, flat.size))
        yield piece, *runs(flat[piece])


def _fill(mask: Bools, starts: Positions, marked: Bools) -> None:
    """Set the marked runs of a mask to True."""
    if marked.all():
        mask[:] = True
    elif marked.any():
        # Merge neighbouring runs that are both inside or both outside.
        joined = _starts(marked[1:] != marked[:-1])
        mask[:] = np.repeat(marked[joined], _lengths(starts[joined], mask.size))
