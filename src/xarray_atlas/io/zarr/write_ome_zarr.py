"""Write OME-Zarr 0.5 on zarr format 3: a pyramid in BrainGlobe's form, chunk by chunk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import dask.array as da
import numpy as np
import zarr
from zarr.codecs import ZstdCodec

from xarray_atlas.coords.space import DIRECTIONS
from xarray_atlas.kernels.downsample import halved
from xarray_atlas.kernels.labels import Bools, Int64s, Ints, lookup, runs
from xarray_atlas.kernels.spacing import without_noise

__all__ = ["Pyramid", "write_image", "write_masks"]

MaskLabels: TypeAlias = tuple[Int64s, Int64s, Bools]

CHUNK = 128
"""Voxels along each axis of a chunk. BrainGlobe has 256 for masks, which takes twice as
long to write: most regions are small, and all of each chunk that they touch is compressed."""


@dataclass(frozen=True)
class Pyramid:
    """The levels of an image to be written.

    Parameters
    ----------
    shape : tuple of int
        Of the finest level.
    scale, translation : tuple of float
        Its voxel size and the centre of its first voxel, in mm.
    levels : int
        How many, each of voxels twice as large.
    orientation : str
        The side of the first voxel along each axis.
    """

    shape: tuple[int, ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    levels: int
    orientation: str

    def shape_of(self, level: int) -> tuple[int, ...]:
        """Return the shape of a level."""
        shape = self.shape
        for _ in range(level):
            shape = halved(shape)
        return shape

    def scale_of(self, level: int) -> tuple[float, ...]:
        """Return the voxel size of a level in mm."""
        return tuple(without_noise(size * 2**level) for size in self.scale)

    def translation_of(self, level: int) -> tuple[float, ...]:
        """Return the centre of a level's first voxel in mm; all levels have the same corner."""
        sizes = zip(self.translation, self.scale_of(level), self.scale, strict=True)
        return tuple(t if level == 0 else without_noise(t + (s - s0) / 2) for t, s, s0 in sizes)

    def metadata(self, name: str, channel: bool = False) -> dict[str, Any]:
        """Return the group's attributes; `channel` is a first axis without a unit."""
        first = [{"name": "c", "type": "channel"}] if channel else []
        axes = [
            {
                "name": dim,
                "type": "space",
                "unit": "millimeter",
                "orientation": {"type": "anatomical", "value": DIRECTIONS[letter]},
            }
            for dim, letter in zip("zyx", self.orientation, strict=True)
        ]
        datasets = [
            {
                "path": f"s{level}",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0] * channel + list(self.scale_of(level))},
                    {
                        "type": "translation",
                        "translation": [0.0] * channel + list(self.translation_of(level)),
                    },
                ],
            }
            for level in range(self.levels)
        ]
        multiscale = {"name": name, "axes": [*first, *axes], "datasets": datasets}
        return {"ome": {"version": "0.5", "multiscales": [multiscale]}}


def write_image(
    folder: Path, data: Any, pyramid: Pyramid, reduce: Callable[[Any], Any]
) -> list[zarr.Array[Any]]:
    """Write an image, and its coarser levels, each from what has been written of the last.

    Memory holds some chunks at a time, on whatever dask scheduler is active. Chunks
    of zeros are not stored.

    Parameters
    ----------
    folder : path
        Of the group, which is not there yet.
    data : numpy or dask array, three dimensions
    pyramid : Pyramid
    reduce : callable
        From a block to one of half its shape.
    """
    group = _create_group(folder, pyramid.metadata(folder.name.partition(".")[0]))
    written: list[zarr.Array[Any]] = []
    for level in range(pyramid.levels):
        shape = pyramid.shape_of(level)
        if written:
            fine = da.from_array(written[-1], chunks=2 * CHUNK)
            sizes = tuple(tuple((n + 1) // 2 for n in axis) for axis in fine.chunks)
            data = fine.map_blocks(reduce, dtype=fine.dtype, chunks=sizes, meta=fine._meta)
        elif isinstance(data, da.Array):
            data = data.rechunk(CHUNK)
        else:
            data = da.from_array(data, chunks=CHUNK)
        array = _create_array(group, f"s{level}", shape, data.dtype)
        da.store(data, array, lock=False)  # type: ignore[arg-type]  # zarr's arrays will do
        _store_something(folder / array.path, array)
        written.append(array)
    return written


def write_masks(
    folder: Path, annotation: Sequence[zarr.Array[Any]], pyramid: Pyramid, regions: MaskLabels
) -> None:
    """Write the mask of every region with its descendants, region by region, on each level.

    Parameters
    ----------
    folder : path
        Of the group, which is not there yet.
    annotation : sequence of zarr arrays
        The levels that were written; their labels are the ids of regions.
    pyramid : Pyramid
    regions : tuple of arrays
        The id of each region, in the order of the masks; labels, sorted; and for each
        pair of these, whether the label belongs to the region.
    """
    ids, labels, belongs = regions
    group = _create_group(folder, pyramid.metadata("annotations", channel=True))
    values = group.create_array(
        "annotation_values", shape=ids.shape, dtype="uint32", chunks=ids.shape, fill_value=0
    )
    values[:] = ids.astype("uint32")
    for level, source in enumerate(annotation):
        array = _create_array(group, f"s{level}", (ids.size, *source.shape), "uint8")
        target = _MaskBlocks(array, labels, belongs)
        da.store(da.from_array(source, chunks=CHUNK), target, lock=False)  # type: ignore[arg-type]
        _store_something(folder / array.path, array, range(ids.size))


class _MaskBlocks:
    """Target to which dask stores a block of labels: the masks of all regions in that block."""

    def __init__(self, array: zarr.Array[Any], labels: Int64s, belongs: Bools) -> None:
        self.array = array
        self.labels = labels
        self.belongs = belongs
        self.shape, self.dtype = array.shape[1:], array.dtype

    def __setitem__(self, key: tuple[slice, ...], block: Ints) -> None:
        starts, values = runs(block)
        positions = lookup(values, self.labels)
        lengths = np.diff(starts, append=block.size)
        # labels that no region has are at -1: a last column that is False
        table = np.concatenate([self.belongs, np.zeros((len(self.belongs), 1), bool)], axis=1)
        there = np.unique(positions[positions >= 0])
        for i in np.flatnonzero(table[:, there].any(axis=1)).tolist():
            mask = np.repeat(table[i][positions], lengths).reshape(block.shape)
            target: Any = self.array
            target[(i, *key)] = mask.view(np.uint8)


def _create_group(folder: Path, attributes: dict[str, Any]) -> zarr.Group:
    store = zarr.storage.LocalStore(folder)
    return zarr.create_group(store, zarr_format=3, attributes=attributes)


def _create_array(
    group: zarr.Group, path: str, shape: tuple[int, ...], dtype: Any
) -> zarr.Array[Any]:
    extra = len(shape) - 3
    return group.create_array(
        path,
        shape=shape,
        dtype=dtype,
        # no larger than the array: the rest of a chunk would be zeros to be compressed
        chunks=(1,) * extra + tuple(min(n, CHUNK) for n in shape[extra:]),
        fill_value=0,
        compressors=ZstdCodec(level=0),
        dimension_names=("c", "z", "y", "x")[1 - extra :],
        config={"write_empty_chunks": False},
    )


def _store_something(folder: Path, array: zarr.Array[Any], parts: Iterable[int] = ()) -> None:
    """Store one chunk where an array, or one of its parts along the first axis, has none.

    BrainGlobe's API takes what has no folder for something that is still to be downloaded.
    """
    chunks = folder / "c"
    empty = [part for part in parts if not (chunks / str(part)).exists()]
    if chunks.exists() and not empty:
        return
    chunk: Any = (*empty[:1], *(slice(0, n) for n in array.chunks[len(empty[:1]) :]))
    # Array.with_config, which would do, is of zarr 3.1.6 on
    with zarr.config.set({"array.write_empty_chunks": True}):
        whole: Any = zarr.open_array(array.store, path=array.path, mode="r+")
    whole[chunk] = 0
    for part in empty[1:]:
        shutil.copytree(chunks / str(empty[0]), chunks / str(part))
