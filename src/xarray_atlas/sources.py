"""Which dask arrays are an array in a store as it is, and which are derived from one."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import dask.array as da
from xarray.core import indexing

__all__ = ["Source", "source_of"]


@runtime_checkable
class Source(Protocol):
    """An array in a store, as the package opens it."""

    snapshot: str
    """A name of this opening of the array, that no other one has."""
    place: str
    """Where the array is."""
    shape: tuple[int, ...]

    def fingerprint(self) -> str | None:
        """Return what changes when the stored array does; None where that cannot be told."""


WRAPPERS = (
    indexing.ImplicitToExplicitIndexingAdapter,
    indexing.CopyOnWriteArray,
    indexing.MemoryCachedArray,
    indexing.LazilyIndexedArray,
)
"""What xarray puts around the array of a backend, and changes nothing in it: but for an index."""


def given(data: Any) -> Any:
    """Return what a dask array was made of by ``dask.array.from_array``; None of any other array.

    dask gives the result of each operation a name of its own, so that no derived
    array is taken for the one that it was derived from.
    """
    original = f"original-{data.name}"
    layer = data.dask.layers.get(original)
    return None if layer is None else layer.get(original)


def source_of(data: Any) -> Source | None:
    """Return the array in a store that a dask array reads as it is; None of any other array."""
    if not isinstance(data, da.Array):
        return None
    found = given(data)
    while isinstance(found, WRAPPERS):
        if isinstance(found, indexing.LazilyIndexedArray) and any(
            part != slice(None) for part in found.key.tuple
        ):
            return None
        found = found.array
    return found if isinstance(found, Source) and found.shape == data.shape else None
