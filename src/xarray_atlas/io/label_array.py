"""A level's labels as xarray indexes them lazily."""

from __future__ import annotations

import functools
import uuid
from typing import Any

import numpy as np
import zarr
from xarray.backends import BackendArray
from xarray.core import indexing

from xarray_atlas.errors import StoreError, StoreFormatError
from xarray_atlas.io.checked_store import CheckedStore, is_refusal
from xarray_atlas.io.fingerprint import fingerprint
from xarray_atlas.io.stores import unreadable, within

__all__ = ["LabelArray"]


class LabelArray(BackendArray):
    """A level's labels, read when they are indexed.

    A chunk that is not stored holds the fill value (BrainGlobe does not store
    chunks of zeros); one that cannot be read is an error that names the level
    and the range. How long a read may take is the file system's own limit.

    Parameters
    ----------
    group : zarr.Group
        As :func:`~xarray_atlas.io.stores.open_group` opens it.
    path : str
        The level's array within it.
    place : str
        Where the group is, for errors.

    Raises
    ------
    StoreFormatError
        If the level is not there, or holds no labels.
    StoreError
        If its metadata cannot be read.
    """

    def __init__(self, group: zarr.Group, path: str, place: str) -> None:
        # a name of this opening that no other one has: what is learned is kept by it
        self.snapshot = uuid.uuid4().hex
        self.group_place = place
        self.place = f"{place}/{path}"
        try:
            array = within(lambda: group[path])
        except KeyError as error:
            raise StoreFormatError(
                f"the metadata of {place} list a level {path!r}, but there is no such array"
            ) from error
        except Exception as error:  # file systems raise whatever their client library raises
            raise unreadable(self.place, error) from error
        if not isinstance(array, zarr.Array):
            raise StoreFormatError(f"{self.place} is a group, not an array")
        if array.ndim != 3 or array.dtype.kind not in "iu":
            raise StoreFormatError(
                f"{self.place} holds {array.ndim}-D {array.dtype}, not labels: 3-D, of an integer "
                "type"
            )
        if isinstance(array.store, CheckedStore):
            array.store.expect(array.path, array.compressors, array.shards)
        self.array = array
        self.shape: tuple[int, ...] = array.shape
        # big-endian labels become native where they are read
        self.dtype = array.dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of one stored object: a shard where there are shards."""
        return tuple(self.array.shards or self.array.chunks)

    def fingerprint(self) -> str | None:
        """Return a digest of what the store says of each object of the level.

        It costs one listing. None where the store does not list its objects, or
        does not say enough of them to tell that one has changed.
        """
        return fingerprint(self.array)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        if not isinstance(key, indexing.VectorizedIndexer):
            shape = _shape(key.tuple, self.shape)
            if 0 in shape:
                # xarray fails at empty slices with a negative step; there is nothing to read
                return np.empty(shape, self.dtype)
        kinds = {
            indexing.BasicIndexer: self.array,
            indexing.OuterIndexer: self.array.oindex,
            indexing.VectorizedIndexer: self.array.vindex,
        }
        return indexing.explicit_indexing_adapter(
            key,
            self.shape,
            # zarr does all three; xarray only turns negative steps round
            indexing.IndexingSupport.VECTORIZED,
            functools.partial(self._read, kinds[type(key)]),
        )

    def _read(self, indexer: Any, key: tuple[Any, ...]) -> Any:
        try:
            return np.asarray(indexer[key], dtype=self.dtype)
        except (IndexError, MemoryError):
            raise
        except Exception as error:  # codecs and file systems raise whatever they like
            sentence = unreadable(f"the labels [{_shown(key, self.shape)}] of {self.place}", error)
            hint = (
                "; a bucket that may be read but not listed refuses chunks that it does not have"
                if is_refusal(error)
                else ""
            )
            raise StoreError(f"{sentence}{hint}") from error


def _shape(key: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that a basic or outer index selects."""
    return tuple(
        len(range(*k.indices(size))) if isinstance(k, slice) else np.size(k)
        for k, size in zip(key, shape, strict=True)
        if isinstance(k, slice) or np.ndim(k)
    )


def _shown(key: tuple[Any, ...], shape: tuple[int, ...]) -> str:
    """Write what was to be read as ranges of indices."""
    parts = []
    for k, size in zip(key, shape, strict=True):
        if isinstance(k, slice):
            parts.append("{}:{}".format(*k.indices(size)))
        elif np.ndim(k) == 0 or np.size(k) == 0:
            parts.append(str(k))
        else:
            parts.append(f"{np.min(k)}:{np.max(k) + 1}")
    return ", ".join(parts)
