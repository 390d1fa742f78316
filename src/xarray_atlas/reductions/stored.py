"""Which dask arrays are an array in a store as it is, and which are derived from one."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import dask.array as da
from xarray.core import indexing

__all__ = ["MaskStore", "StoredArray", "all_sources", "read_from", "stored_array"]


class MaskStore(Protocol):
    """Masks that are stored beside labels: one a region, with its descendants."""

    place: str
    """Where they are."""
    shape: tuple[int, ...]
    """How many masks, and the shape of one."""
    labels: tuple[int, ...]
    """The label of the region of each mask."""
    terminology: int
    """The fingerprint of the terminology whose regions they are."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of one stored object."""

    def position(self, label: int) -> int | None:
        """Return which of the masks is that of the region with a label."""

    def read(self, position: int, key: tuple[slice, ...]) -> Any:
        """Read a part of a mask, as booleans."""


@runtime_checkable
class StoredArray(Protocol):
    """An array in a store, as the package opens it."""

    snapshot: str
    """A name of this opening of the array, that no other one has."""
    place: str
    """Where the array is."""
    shape: tuple[int, ...]

    def fingerprint(self) -> str | None:
        """Return what changes when the stored array does; None where that cannot be told."""

    def masks(self) -> MaskStore | None:
        """Return the masks of the same voxels that are stored beside it, if any."""


# What xarray puts around the array of a backend, and changes nothing in it: but for an index.
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
    for place, source in enumerate(found):
        while isinstance(source, WRAPPERS):
            source = source.array
        found[place] = source
    return found


PREFIX = "original-"


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
        name.removeprefix(PREFIX): layer[name]
        for name, layer in layers.items()
        if name.startswith(PREFIX) and name in layer
    }


def stored_array(data: Any) -> StoredArray | None:
    """Return the array in a store that a dask array reads as it is; None of any other array."""
    if not isinstance(data, da.Array):
        return None
    found = read_from(data)
    while isinstance(found, WRAPPERS):
        key = getattr(found, "key", None)
        if key is not None and not all(_is_whole(part) for part in key.tuple):
            return None
        found = found.array
    return found if isinstance(found, StoredArray) and found.shape == data.shape else None


def _is_whole(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)
