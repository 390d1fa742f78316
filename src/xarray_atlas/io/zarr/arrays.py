"""A level's voxels as xarray indexes them lazily."""

from __future__ import annotations

import functools
import math
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import zarr
from xarray.backends import BackendArray
from xarray.core import indexing

from xarray_atlas.errors import StoreError, StoreFormatError
from xarray_atlas.io.zarr.addresses import safe_cause
from xarray_atlas.io.zarr.axes import Axes
from xarray_atlas.io.zarr.checked_store import CheckedStore, is_refusal
from xarray_atlas.io.zarr.chunk_layout import layout_of_array
from xarray_atlas.io.zarr.fingerprint import fingerprint
from xarray_atlas.io.zarr.stores import unreadable, within

__all__ = ["ImageArray", "LabelArray", "Masks", "SidesArray"]


LONGEST = 10**7
"""Voxels along an axis: a whale's brain at 0.1 um has fewer."""

MOST_CHUNKS = 10**9
"""Chunks of a level: more than a scheduler can name."""


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
        Of the array, where it may have axes of length one beside those of space.

    Raises
    ------
    StoreFormatError
        If the level is not there, or is not what is expected.
    StoreError
        If its metadata cannot be read.
    """

    content = "voxels"
    """What it holds, for errors."""
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
        # big-endian voxels become native where they are read
        self.dtype = array.dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of one stored object along the axes of space: a shard where there are any."""
        return self._of_space(self.array.shards or self.array.chunks)

    def _of_space(self, values: Sequence[int]) -> tuple[int, ...]:
        """Leave out what belongs to the other axes."""
        return tuple(value for i, value in enumerate(values) if i not in self.others)

    def _require_one(self, array: zarr.Array[Any]) -> None:
        """Refuse several volumes, one of which would have to be chosen."""
        several = {name: array.shape[i] for i, name in self.others.items() if array.shape[i] != 1}
        if not several:
            return
        lengths = " and ".join(f"{n} along {name!r}" for name, n in several.items())
        first = ", ".join("0" if i in self.others else ":" for i in range(array.ndim))
        hint = (
            "Masks, one a region, look like this; the labels of a BrainGlobe atlas are beside "
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
        _check_bounds(key, self.shape)
        whole: Any = key
        if self.others:
            of_space = iter(key)
            whole = tuple(0 if i in self.others else next(of_space) for i in range(self.array.ndim))
        try:
            return np.asarray(indexer[whole], dtype=self.dtype)
        except Exception as error:  # codecs and file systems raise whatever they like
            sentence = unreadable(
                f"the {self.content} [{_shown(key, self.shape)}] of {self.place}", error
            )
            hint = (
                "; a bucket that may be read but not listed refuses chunks that it does not have"
                if is_refusal(error)
                else ""
            )
            raise StoreError(f"{sentence}{hint}") from safe_cause(error)


class LabelArray(ImageArray):
    """A level's labels, and what the package knows of them beside.

    Parameters
    ----------
    group, path, place
        As :class:`ImageArray` has them.
    masks : callable, optional
        Opens the masks that are stored beside the labels; called once, when they are asked for.
    voxel_size : tuple of float, optional
        As the store has it, in mm: a Dataset that holds the labels may be said to have another.
    axes : Axes, optional
        As :class:`ImageArray` has it.
    """

    content = "labels"
    expected = "labels: 3-D, of an integer type"
    kinds = "iu"

    def __init__(
        self,
        group: zarr.Group,
        path: str,
        place: str,
        masks: Callable[[LabelArray], Masks | None] | None = None,
        voxel_size: tuple[float, ...] | None = None,
        axes: Axes | None = None,
    ) -> None:
        super().__init__(group, path, place, axes)
        self.voxel_size = voxel_size
        # a name of this opening that no other one has: what is learned is kept by it
        self.snapshot = uuid.uuid4().hex
        self._open_masks = masks
        self._masks: Masks | None = None

    def fingerprint(self) -> str | None:
        """Return a digest of what the store says of each object of the level.

        It costs one listing. None where the store does not list its objects, or
        does not say enough of them to tell that one has changed.
        """
        return fingerprint(self.array)

    def masks(self) -> Masks | None:
        """Return the masks of the same voxels that are stored beside the labels, if any."""
        if self._open_masks is not None:
            self._masks, self._open_masks = self._open_masks(self), None
        return self._masks

    def __getstate__(self) -> dict[str, Any]:
        # workers read labels, and are not asked for masks
        return {**self.__dict__, "_open_masks": None, "_masks": None}


class Masks(ImageArray):
    """Masks of the regions of a level: one a region, with its descendants.

    Parameters
    ----------
    group, path, place
        As :class:`ImageArray` has them.
    labels : sequence of int
        The label of the region of each mask.
    terminology : int
        The fingerprint of the terminology whose regions they are.

    Raises
    ------
    StoreFormatError
        If there are not as many masks as labels.
    """

    content = "masks"
    expected = "masks: 4-D, of uint8 or bool"
    kinds = "ub"
    ndim = 4

    def __init__(
        self, group: zarr.Group, path: str, place: str, labels: Sequence[int], terminology: int
    ) -> None:
        super().__init__(group, path, place)
        self.terminology = terminology
        if len(labels) != self.shape[0]:
            raise StoreFormatError(
                f"{self.place} has {self.shape[0]} masks of {len(labels)} labels"
            )
        self.labels = tuple(map(int, labels))
        self._positions = {label: i for i, label in enumerate(self.labels)}

    def position(self, label: int) -> int | None:
        """Return which of the masks is that of the region with a label."""
        return self._positions.get(label)

    def read(self, position: int, key: tuple[slice, ...]) -> Any:
        """Read a part of a mask, as booleans."""
        part: Any = self._read(self.array, (slice(position, position + 1), *key))
        return part[0] != 0


class SidesArray(BackendArray):
    """The hemisphere of each voxel where a plane parts them: nothing is read.

    Parameters
    ----------
    sides : ndarray of uint8, shape (n,)
        Along the right-left axis.
    shape : tuple of int
    axis : int
        Which of the axes is the right-left one.
    chunks : tuple of int
        Those of the labels.
    """

    def __init__(
        self, sides: Any, shape: tuple[int, ...], axis: int, chunks: tuple[int, ...]
    ) -> None:
        self.sides, self.shape, self.axis, self.chunks = sides, shape, axis, chunks
        self.dtype = np.dtype(np.uint8)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> Any:
        sides = np.asarray(self.sides[key[self.axis]])
        shape = _shape(key, self.shape)
        kept = [i for i, k in enumerate(key) if isinstance(k, slice) or np.ndim(k)]
        if self.axis in kept:
            sides = sides.reshape([-1 if i == self.axis else 1 for i in kept])
        return np.broadcast_to(sides, shape).copy()


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
    """Raise an IndexError for a place outside of the array: what a store raises is none."""
    for axis, (k, size) in enumerate(zip(key, shape, strict=True)):
        if isinstance(k, slice) or np.size(k) == 0:
            continue
        low, high = int(np.min(k)), int(np.max(k))
        if low < -size or high >= size:
            wrong = low if low < -size else high
            raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {size}")


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
