"""Convert labels and hemispheres of other programs, validated block by block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np

from xarray_atlas.errors import GridError, HemisphereError
from xarray_atlas.kernels.labels import label_mask

__all__ = ["EXACT", "as_hemispheres", "as_labels", "hemispheres_of_labels"]

EXACT = 2**24
"""Floats of single precision hold every integer below this; above, labels may have been rounded."""

HALF_EXACT = 2**11
"""The same of half precision. Double precision may have been single before: it has EXACT too."""


def as_labels(data: Any, what: str) -> Any:
    """Return labels as integers: unchanged, or converted from floats to int32.

    NaN becomes 0, the background, as some programs use it outside the brain.

    Parameters
    ----------
    data : numpy or dask array
    what : str
        Name, for error messages.

    Returns
    -------
    numpy or dask array
        Of an integer type. A dask array of floats is validated when it is computed.

    Raises
    ------
    GridError
        If they are neither integers nor floats, or floats that are not labels.
    """
    if data.dtype.kind in "iu":
        return data
    if data.dtype.kind != "f":
        raise GridError(
            f"{what} is {data.dtype}; labels are integers. A mask becomes labels with "
            ".astype('uint8')"
        )
    return _each_block(_integral, data, np.int32, what)


def as_hemispheres(data: Any, values: Sequence[int] | None = None) -> Any:
    """Return hemispheres as uint8: 1 left, 2 right, 0 neither.

    Parameters
    ----------
    data : numpy or dask array
        Integers, or floats that are integers.
    values : (int, int), optional
        The values of left and right. By default 1 and 2, and 0 for neither.

    Raises
    ------
    HemisphereError
        If they have another value; for a dask array when it is computed.
    """
    labels = as_labels(data, "hemispheres")
    if values is None:
        return _each_block(_sides, labels, np.uint8)
    left, right = values
    return hemispheres_of_labels(labels, [left], [right])


def hemispheres_of_labels(data: Any, left: Any, right: Any) -> Any:
    """Return the hemisphere of each voxel by its label: 1 left, 2 right, else 0.

    Parameters
    ----------
    data : numpy or dask array of int
    left, right : sequence of int
        The labels that lie in one hemisphere, in any order.
    """
    sides = (np.unique(np.array(left, np.int64)), np.unique(np.array(right, np.int64)))
    return _each_block(_sides_of_labels, data, np.uint8, *sides)


def _each_block(function: Any, data: Any, dtype: Any, *args: Any) -> Any:
    if not isinstance(data, da.Array):
        return function(np.asarray(data), *args)
    meta = np.empty((0,) * data.ndim, dtype)
    return da.map_blocks(function, data, *args, dtype=dtype, meta=meta)


def _sides_of_labels(block: Any, left: Any, right: Any) -> Any:
    sides = label_mask(block, left).astype(np.uint8)
    sides[label_mask(block, right)] = 2
    return sides


def _sides(block: Any) -> Any:
    other = (block < 0) | (block > 2)
    if other.any():
        raise HemisphereError(
            f"hemispheres holds {block[other][0]}; it is 1 for left, 2 for right, and 0 for "
            "neither. Pass hemisphere_values=(left, right) to say what it holds for each"
        )
    return block.astype(np.uint8, copy=False)


def _integral(block: Any, what: str) -> Any:
    """Convert a block of floats to int32, refusing values that are not exact labels."""
    block = np.where(np.isnan(block), 0, block)
    whole = np.isfinite(block) & (block == np.trunc(block))
    if not whole.all():
        raise GridError(
            f"{what} is {block.dtype} and holds {block[~whole][0]!s}, which is not a label: labels "
            "are integers. Was it interpolated? Resample labels by the nearest voxel"
        )
    exact = HALF_EXACT if block.dtype.itemsize == 2 else EXACT
    large = np.abs(block) >= exact
    if large.any():
        raise GridError(
            f"{what} is {block.dtype} and holds {block[large][0]:.0f}: floats may round "
            f"integers from {exact} on, so that it may not be the label that was meant. "
            "Store the labels as integers"
        )
    return block.astype(np.int32)
