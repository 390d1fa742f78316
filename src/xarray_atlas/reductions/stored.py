"""Which dask arrays are an array in a store as it is, and which are derived from one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import dask.array as da
from xarray.core import indexing

__all__ = [
    "ORIGINAL",
    "Block",
    "StoredArray",
    "all_sources",
    "inside",
    "read_from",
    "stored_array",
    "whole_source",
]


Block = tuple[slice, ...]
"""A part of an array, by a start and a stop along each axis."""


@runtime_checkable
class StoredArray(Protocol):
    """An array in a store, as the package opens it."""

    snapshot: str
    """A name of this opening of the array, that no other one has."""
    place: str
    """Where the array is."""
    shape: tuple[int, ...]

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of one stored object."""

    def fingerprint(self) -> str | None:
        """Return what changes when the stored array does; None if that cannot be told."""

    @property
    def block(self) -> tuple[int, ...]:
        """The shape of what is best read at once: one or several whole stored objects."""

    @property
    def reads_apart(self) -> bool:
        """Return whether each read is a request that is waited for."""

    def reading(self) -> Any:
        """Return what the reads of one computation share."""

    def read_through(self, blocks: Sequence[Block], reading: Any) -> Iterator[Any]:
        """Yield blocks in their order; each is overwritten by the next one."""


ORIGINAL = "original-"
"""What stands before the name of an array in the key of what dask reads it from."""

# What xarray puts around the array of a backend, and changes nothing in it: except an index.
# Where one of these is gone, arrays are not recognized, and measured each time.
_NAMES = (
    "ImplicitToExplicitIndexingAdapter",
    "CopyOnWriteArray",
    "MemoryCachedArray",
    "LazilyIndexedArray",
)
WRAPPERS = tuple(getattr(indexing, name) for name in _NAMES if hasattr(indexing, name))


def read_from(data: da.Array) -> Any:
    """Return what a dask array was made of by ``dask.array.from_array``; None of any other array.

    dask gives the result of each operation a name of its own, so that no derived
    array is taken for the one that it was derived from.
    """
    return _originals(data).get(data.name)


def all_sources(data: Any) -> list[Any]:
    """Return every object that a dask array, or what it is derived from, was made of.

    An array that is not of dask is its own source. What xarray puts around an array is taken
    off, and with it which part of the array is taken.
    """
    found = list(_originals(data).values()) if isinstance(data, da.Array) else [data]
    return list(map(inside, found))


def inside(source: Any) -> Any:
    """Take off what xarray puts around an array, and with it which part of the array is taken."""
    while isinstance(source, WRAPPERS):
        source = source.array
    return source


def _originals(data: da.Array) -> dict[str, Any]:
    """Return what the arrays of a graph were made of by ``dask.array.from_array``, by their names.

    dask has no public way to ask for it. This is for the graphs of dask 2025.9 to 2026.8, where
    ``from_array`` puts its object in a layer of its own, under the array's name with a prefix;
    an array of dask's expressions has no layers. dask would have to say of an array what
    ``from_array`` was given. Without an answer arrays are not recognized: they are measured each
    time, and nothing becomes wrong.
    """
    layers = getattr(data.dask, "layers", {})
    return {
        name.removeprefix(ORIGINAL): layer[name]
        for name, layer in layers.items()
        if name.startswith(ORIGINAL) and name in layer
    }


def stored_array(data: Any) -> StoredArray | None:
    """Return the array in a store that a dask array reads as it is; None of any other array."""
    found = whole_source(data)
    return found if isinstance(found, StoredArray) else None


def whole_source(data: Any) -> Any:
    """Return what a dask array reads as it is, as a whole; None of any other array."""
    if not isinstance(data, da.Array):
        return None
    found = read_from(data)
    while isinstance(found, WRAPPERS):
        key = getattr(found, "key", None)
        if key is not None and not all(_is_whole(part) for part in key.tuple):
            return None
        found = found.array
    return found if getattr(found, "shape", None) == data.shape else None


def _is_whole(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)
