"""Recognize dask arrays that read a stored array unchanged."""

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
"""A part of an array, as a start and a stop along each axis."""


@runtime_checkable
class StoredArray(Protocol):
    """An array in a store, as opened by this package."""

    snapshot: str
    """A unique name of this opening of the array."""
    place: str
    """Where the array is."""
    shape: tuple[int, ...]

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of one stored object."""

    def fingerprint(self) -> str | None:
        """Return a value that changes with the stored array; None if it is unknown."""

    @property
    def block(self) -> tuple[int, ...]:
        """The shape to read at once: one or several whole stored objects."""

    @property
    def reads_apart(self) -> bool:
        """Return whether each read is a request."""

    def reading(self) -> Any:
        """Return the state shared by the reads of a computation."""

    def read_through(self, blocks: Sequence[Block], reading: Any) -> Iterator[Any]:
        """Yield blocks in order; each is overwritten by the next one."""


ORIGINAL = "original-"
"""Prefix of the name of an array in the key of dask's source."""

# Wrappers that xarray puts around the array of a backend, which only index it. If one of these is
# missing, arrays are not recognized, and processed each time.
_NAMES = (
    "ImplicitToExplicitIndexingAdapter",
    "CopyOnWriteArray",
    "MemoryCachedArray",
    "LazilyIndexedArray",
)
WRAPPERS = tuple(getattr(indexing, name) for name in _NAMES if hasattr(indexing, name))


def read_from(data: da.Array) -> Any:
    """Return the argument of ``dask.array.from_array`` of a dask array; None of any other array.

    dask gives a new name to the result of each operation, so that no derived array is mistaken for
    its source.
    """
    return _originals(data).get(data.name)


def all_sources(data: Any) -> list[Any]:
    """Return every object that a dask array, or an array it is derived from, was made of.

    An array that is not a dask array is its own source. xarray's wrappers are removed, and with
    them the selected part of the array.
    """
    found = list(_originals(data).values()) if isinstance(data, da.Array) else [data]
    return list(map(inside, found))


def inside(source: Any) -> Any:
    """Remove xarray's wrappers, and with them the selected part of the array."""
    while isinstance(source, WRAPPERS):
        source = source.array
    return source


def _originals(data: da.Array) -> dict[str, Any]:
    """Return the arguments of ``dask.array.from_array`` in a graph, by the names of the arrays.

    dask has no public function for this. It is written for the graphs of dask 2025.9 to 2026.8, in
    which ``from_array`` puts its argument into a separate layer, under the array's name with a
    prefix; arrays of dask's expressions have no layers. dask would have to provide the argument of
    ``from_array``. If this fails, arrays are not recognized and processed each time, with correct
    results.
    """
    layers = getattr(data.dask, "layers", {})
    return {
        name.removeprefix(ORIGINAL): layer[name]
        for name, layer in layers.items()
        if name.startswith(ORIGINAL) and name in layer
    }


def stored_array(data: Any) -> StoredArray | None:
    """Return the stored array that a dask array reads unchanged; None of any other array."""
    found = whole_source(data)
    return found if isinstance(found, StoredArray) else None


def whole_source(data: Any) -> Any:
    """Return the array that a dask array reads unchanged as a whole; None of any other array."""
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
