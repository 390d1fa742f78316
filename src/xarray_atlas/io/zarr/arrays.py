"""The voxels of a level, indexed lazily by xarray."""

from __future__ import annotations

import functools
import itertools
import math
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import zarr
from xarray.backends import BackendArray
from xarray.core import indexing

from xarray_atlas.errors import StoreError, StoreFormatError
from xarray_atlas.io.zarr.addresses import safe_cause
from xarray_atlas.io.zarr.axes import Axes
from xarray_atlas.io.zarr.checked_store import CheckedStore, is_refusal
from xarray_atlas.io.zarr.chunk_layout import larger_block, layout_of_array
from xarray_atlas.io.zarr.fetching import (
    Fetched,
    Reading,
    fetch,
    is_remote,
    stream,
    with_objects,
)
from xarray_atlas.io.zarr.fingerprint import fingerprint
from xarray_atlas.io.zarr.plain_codecs import assemble, plain_codec
from xarray_atlas.io.zarr.stores import unreadable, within

__all__ = ["ImageArray", "LabelArray", "indexed_shape"]


LONGEST = 10**7
"""Voxels along an axis: a whale's brain at 0.1 um has fewer."""

MOST_CHUNKS = 10**9
"""Chunks of a level: more than a scheduler can name."""

Block = tuple[slice, ...]


class ImageArray(BackendArray):
    """A level's voxels, read when they are indexed.

    A chunk that is not stored holds the fill value (BrainGlobe does not store
    chunks of zeros); one that cannot be read is an error that names the level
    and the range. How long a read may take is the file system's own limit.

    Parameters
    ----------
    group : zarr.Group
        As :func:`~xarray_atlas.io.zarr.stores.open_group` opens it.
    path : str
        The level's array within it.
    place : str
        Where the group is, for errors.
    axes : Axes, optional
        Axes of the array, if it has others of length one in addition to the spatial ones.

    Raises
    ------
    StoreFormatError
        If the level does not exist, or is invalid.
    StoreError
        If its metadata cannot be read.
    """

    content = "voxels"
    """Its contents, for errors."""
    expected = "voxels: numbers along three axes"
    kinds = "iufb"
    ndim = 3

    def __init__(self, group: zarr.Group, path: str, place: str, axes: Axes | None = None) -> None:
        self.group_place = place
        self.place = f"{place}/{path}"
        try:
            array = within(lambda: group[path])
        except KeyError as error:
            raise StoreFormatError(
                f"the metadata of {place} list a level {path!r}, but there is no such array"
            ) from error
        except Exception as error:  # file systems raise whatever their client library raises
            raise unreadable(self.place, error) from safe_cause(error)
        if not isinstance(array, zarr.Array):
            raise StoreFormatError(f"{self.place} is a group, not an array")
        self.others = {} if axes is None else axes.others
        if array.ndim != self.ndim + len(self.others) or array.dtype.kind not in self.kinds:
            raise StoreFormatError(
                f"{self.place} holds {array.ndim}-D {array.dtype}, not {self.expected}"
            )
        self._require_one(array)
        _check_extent(array, self.place)
        if isinstance(array.store, CheckedStore):
            array.store.expect(array.path, layout_of_array(array))
        self.array = array
        self.shape: tuple[int, ...] = self._of_space(array.shape)
        # big-endian voxels are converted to native when they are read
        self.dtype = array.dtype.newbyteorder("=")
        self._codec = plain_codec(array)

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of one stored object along the spatial axes: a shard or else a chunk."""
        return self._of_space(self.array.shards or self.array.chunks)

    def _of_space(self, values: Sequence[int]) -> tuple[int, ...]:
        """Leave out what belongs to the other axes."""
        return tuple(value for i, value in enumerate(values) if i not in self.others)

    def _require_one(self, array: zarr.Array[Any]) -> None:
        """Raise an error if an array has several volumes."""
        several = {name: array.shape[i] for i, name in self.others.items() if array.shape[i] != 1}
        if not several:
            return
        lengths = " and ".join(f"{n} along {name!r}" for name, n in several.items())
        first = ", ".join("0" if i in self.others else ":" for i in range(array.ndim))
        hint = (
            "Masks, one a region, look like this; the labels of a BrainGlobe atlas are next to "
            "them, in annotations_compressed.ome.zarr. Else make"
            if self.place.rpartition("/")[0].endswith("annotations.ome.zarr")
            else "Make"
        )
        raise StoreFormatError(
            f"{self.place} holds more than one volume: {lengths}. {hint} an atlas of the one that "
            f"holds the labels, create_atlas(dask.array.from_zarr({self.place!r})[{first}], ...)"
        )

    def key_of(self, block: tuple[int, ...]) -> str:
        """Return the key of a stored object, by its place among those along each axis of space."""
        of_space = iter(block)
        whole = tuple(0 if i in self.others else next(of_space) for i in range(self.array.ndim))
        return f"{self.array.path}/{self.array.metadata.encode_chunk_key(whole)}"

    @property
    def block(self) -> tuple[int, ...]:
        """The shape of a block to read at once: a stored object, or several small ones."""
        return larger_block(self.shape, self.chunks)

    @property
    def reads_apart(self) -> bool:
        """Return whether stored objects are fetched apart from being decoded.

        So they are from remote stores, where each read is a request that is waited for; but of a
        shard zarr reads no more than the chunks that are wanted, side by side.
        """
        return is_remote(self.array.store) and self.array.shards is None

    def keys(self, block: Block) -> list[str]:
        """Return the keys of the stored objects that hold a block."""
        numbers = (
            range(part.start // size, -(-part.stop // size))
            for part, size in zip(block, self.chunks, strict=True)
        )
        return [self.key_of(index) for index in itertools.product(*numbers)]

    def reading(self) -> Reading:
        """Return the state shared by the reads of one computation."""
        return Reading()

    def fetch(self, blocks: Sequence[Block], reading: Reading) -> Fetched:
        """Fetch the stored objects that hold some blocks side by side."""
        of_key = {key: block for block in blocks for key in self.keys(block)}
        explain = functools.partial(self._unreadable_key, of_key)
        return fetch(self.array.store, of_key, reading, explain)

    def decode(self, block: Block, objects: Mapping[str, bytes | None], out: Any = None) -> Any:
        """Decode a block of what has been fetched; an object that has not is read.

        Parameters
        ----------
        block : tuple of slice
        objects : mapping of str to bytes
            By their keys; None for those that are not stored.
        out : ndarray, optional
            Memory for a chunk, which may be used for the result.
        """
        keys = self.keys(block)
        if self._codec is None or not all(key in objects for key in keys):
            return self._read(with_objects(self.array, objects), block)
        return self._decode(block, keys, objects.__getitem__, out)

    def _decode(
        self, block: Block, keys: list[str], content: Callable[[str], bytes | None], out: Any
    ) -> Any:
        """Decode a block without zarr, from the objects that a function returns for its keys."""
        assert self._codec is not None
        decode = functools.partial(self._codec.decode, out=out if len(keys) == 1 else None)
        try:
            chunks = (decode(key, content(key)).reshape(self.chunks) for key in keys)
            return assemble(chunks, self.chunks, block, self.dtype)
        except Exception as error:  # codecs and file systems raise whatever they like
            raise self._unreadable(f"[{_shown(block, self.shape)}]", error) from safe_cause(error)

    def read_through(self, blocks: Sequence[Block], reading: Reading) -> Iterator[Any]:
        """Yield blocks in their order, the next ones of a remote store being on their way.

        Parameters
        ----------
        blocks : sequence of tuple of slice
            Of which no two have a stored object in common.
        reading : Reading

        Yields
        ------
        ndarray
            It is overwritten by the next one.
        """
        store = self.array.store
        out = None if self._codec is None else self._codec.scratch()
        if not is_remote(store):
            for block in blocks:
                yield self._read(self.array, block, out)
            return
        keys = [self.keys(block) for block in blocks]
        of_key = {key: block for block, own in zip(blocks, keys, strict=True) for key in own}
        explain = functools.partial(self._unreadable_key, of_key)
        objects = stream(store, of_key, reading, explain)
        for block, own in zip(blocks, keys, strict=True):
            found = dict(itertools.islice(objects, len(own)))
            try:
                values = self.decode(block, found, out)
            except StoreError as error:
                reading.give_up(error)
                raise
            yield values

    @property
    def _reads_files(self) -> bool:
        """Return whether blocks are read from a local folder and decoded without zarr."""
        store = self.array.store
        return self._codec is not None and isinstance(store, CheckedStore) and store.has_files

    def _unreadable_key(
        self, of_key: Mapping[str, Block], key: str, error: Exception
    ) -> StoreError:
        return self._unreadable(f"[{_shown(of_key[key], self.shape)}]", error)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        if not isinstance(key, indexing.VectorizedIndexer):
            shape = indexed_shape(key.tuple, self.shape)
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

    def _read(self, indexer: Any, key: tuple[Any, ...], out: Any = None) -> Any:
        _check_bounds(key, self.shape)
        block = _as_block(key, self.shape) if indexer is self.array else None
        if block is not None and (self.reads_apart or self._reads_files):
            if self.reads_apart:
                values = self.decode(block, self.fetch([block], self.reading()))
            else:
                read = cast(CheckedStore, self.array.store).read_file
                values = self._decode(block, self.keys(block), read, out)
            part = values[tuple(slice(None) if isinstance(k, slice) else 0 for k in key)]
            # a small part would keep its whole chunk in memory
            return part.copy() if out is None and part.size < math.prod(self.chunks) else part
        whole: Any = key
        if self.others:
            of_space = iter(key)
            whole = tuple(0 if i in self.others else next(of_space) for i in range(self.array.ndim))
        try:
            return np.asarray(indexer[whole], dtype=self.dtype)
        except Exception as error:  # codecs and file systems raise whatever they like
            raise self._unreadable(f"[{_shown(key, self.shape)}]", error) from safe_cause(error)

    def _unreadable(self, part: str, error: Exception) -> StoreError:
        sentence = unreadable(f"the {self.content} {part} of {self.place}", error)
        hint = (
            "; a bucket that may be read but not listed refuses chunks that it does not have"
            if is_refusal(error)
            else ""
        )
        return StoreError(f"{sentence}{hint}")


class LabelArray(ImageArray):
    """The labels of a level, and further information about them.

    Parameters
    ----------
    group, path, place
        Same as in :class:`ImageArray`.
    voxel_size : tuple of float, optional
        As the store has it, in mm: a Dataset that holds the labels may be said to have another.
    axes : Axes, optional
        Same as in :class:`ImageArray`.
    """

    content = "labels"
    expected = "labels: 3-D, of an integer type"
    kinds = "iu"

    def __init__(
        self,
        group: zarr.Group,
        path: str,
        place: str,
        voxel_size: tuple[float, ...] | None = None,
        axes: Axes | None = None,
    ) -> None:
        super().__init__(group, path, place, axes)
        self.voxel_size = voxel_size
        # a unique name of this opening, under which results are cached
        self.snapshot = uuid.uuid4().hex

    def fingerprint(self) -> str | None:
        """Return a digest of the listing of each object of the level.

        It costs one listing. None if the store does not list its objects, or
        does not say enough of them to tell that one has changed.
        """
        return fingerprint(self.array)


def _check_extent(array: zarr.Array[Any], place: str) -> None:
    """Refuse what no atlas is: coordinates are in memory, and dask makes a task of each chunk."""
    chunks = math.prod(
        -(-n // size) for n, size in zip(array.shape, array.chunks, strict=True) if size
    )
    if max(array.shape) > LONGEST or chunks > MOST_CHUNKS:
        raise StoreFormatError(
            f"{place} says that it has the shape {array.shape} in {chunks} chunks of "
            f"{array.chunks}, which is more than can be opened (up to {LONGEST} voxels along an "
            f"axis, and {MOST_CHUNKS} chunks): its metadata are damaged, or no atlas's"
        )


def _check_bounds(key: tuple[Any, ...], shape: tuple[int, ...]) -> None:
    """Raise an IndexError for positions outside the array: errors of a store are not one."""
    for axis, (k, size) in enumerate(zip(key, shape, strict=True)):
        if isinstance(k, slice) or np.size(k) == 0:
            continue
        low, high = int(np.min(k)), int(np.max(k))
        if low < -size or high >= size:
            wrong = low if low < -size else high
            raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {size}")


def indexed_shape(key: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that a basic or outer index selects."""
    return tuple(
        len(range(*k.indices(size))) if isinstance(k, slice) else np.size(k)
        for k, size in zip(key, shape, strict=True)
        if isinstance(k, slice) or np.ndim(k)
    )


def _as_block(key: tuple[Any, ...], shape: tuple[int, ...]) -> Block | None:
    """Return the block that a basic index reads from; None if it has a step."""
    if any(isinstance(k, slice) and k.step not in (None, 1) for k in key):
        return None
    places = (
        k if isinstance(k, slice) else slice(k % n, k % n + 1)
        for k, n in zip(key, shape, strict=True)
    )
    return tuple(slice(*k.indices(n)[:2]) for k, n in zip(places, shape, strict=True))


def _shown(key: tuple[Any, ...], shape: tuple[int, ...]) -> str:
    """Format a selection as ranges of indices."""
    parts = []
    for k, size in zip(key, shape, strict=True):
        if isinstance(k, slice):
            parts.append("{}:{}".format(*k.indices(size)))
        elif np.ndim(k) == 0 or np.size(k) == 0:
            parts.append(str(k))
        else:
            parts.append(f"{np.min(k)}:{np.max(k) + 1}")
    return ", ".join(parts)
