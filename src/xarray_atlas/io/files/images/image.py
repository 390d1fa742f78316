"""Images as stored in a file: voxels, axes, and geometry."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from xarray_atlas.coords.headers import Geometry
from xarray_atlas.coords.image_coordinates import AxisValues
from xarray_atlas.errors import GridError, StoreFormatError

__all__ = ["SPATIAL", "Image"]

SPATIAL = ("z", "y", "x")
"""The spatial axes of an image, in the order of the file."""

BLOCK = 128**3
"""About how many voxels a chunk has."""


@dataclass(frozen=True)
class Image:
    """An image in a file or in an object of another library.

    Parameters
    ----------
    voxels : ndarray or LazyVoxels
        An ndarray if they are in memory.
    geometry : Geometry
        Of the three axes of space.
    place : str
        The file.
    axes : tuple of str
        The name of each axis of `voxels`: "z", "y" and "x" in order, "time", "channel", ...
    others : mapping of str to AxisValues
        The coordinates of axes that are not of space.
    planes : bool
        Whether whole planes along y and x are read at a time.
    """

    voxels: Any
    geometry: Geometry
    place: str
    axes: tuple[str, ...] = SPATIAL
    others: Mapping[str, AxisValues] = field(default_factory=dict)
    planes: bool = False

    def __post_init__(self) -> None:
        if [axis for axis in self.axes if axis in SPATIAL] != list(SPATIAL):
            raise StoreFormatError(
                f"{self.place} has the shape {tuple(self.voxels.shape)}; a volume has three "
                "spatial dimensions, one of them of length 1 for a single plane"
            )

    @property
    def dims(self) -> tuple[str, ...]:
        """The dimensions of :meth:`array`: those of space last, without others of length one."""
        long = [
            a
            for a, size in zip(self.axes, self.voxels.shape, strict=True)
            if a not in SPATIAL and size != 1
        ]
        return (*long, *SPATIAL)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels along each of `dims`."""
        sizes = dict(zip(self.axes, self.voxels.shape, strict=True))
        return tuple(int(sizes[dim]) for dim in self.dims)

    def array(self, chunks: Any = {}) -> Any:  # noqa: B006  # as in xarray
        """Return the voxels along `dims`, as a dask array, or unchanged with ``chunks=None``.

        Parameters
        ----------
        chunks : int, dict, "auto" or None
            ``{}`` are cubes of 128 voxels, or planes where they are read whole; of images with
            further axes as many frames as have that many voxels. A dict names dimensions.
        """
        if isinstance(self.voxels, np.ndarray):
            return self._along_dims(self.voxels)
        if chunks is None:
            return self._along_dims(self.voxels[(slice(None),) * self.voxels.ndim])
        if isinstance(chunks, dict):
            if unknown := [dim for dim in chunks if dim not in self.dims]:
                raise GridError(
                    f"{unknown[0]!r} in chunks= is not a dimension of {self.place}: it has "
                    f"{', '.join(self.dims)}"
                )
            named = chunks or self._natural()
            chunks = {i: named[axis] for i, axis in enumerate(self.axes) if axis in named}
        # a name unique to this opening, so that cached results do not outlive changes of the file
        name = f"{Path(self.place).name}-{uuid.uuid4().hex}"
        meta = np.empty((0,) * self.voxels.ndim, self.voxels.dtype)
        # dask asks for slices and single planes, which the readers support, not for lists
        return self._along_dims(
            da.from_array(
                self.voxels, chunks=chunks, name=name, asarray=False, fancy=False, meta=meta
            )
        )

    def _along_dims(self, array: Any) -> Any:
        key = tuple(slice(None) if axis in self.dims else 0 for axis in self.axes)
        left = [axis for axis in self.axes if axis in self.dims]
        if any(k == 0 for k in key):
            array = array[key]
        order = [left.index(dim) for dim in self.dims]
        return array if order == sorted(order) else array.transpose(order)

    def _natural(self) -> dict[str, int]:
        """Return chunks of about :data:`BLOCK` voxels: cubes, planes, or whole frames."""
        sizes = dict(zip(self.axes, self.voxels.shape, strict=True))
        space = [sizes[axis] for axis in SPATIAL]
        chunks = {axis: 1 for axis in self.axes if axis not in SPATIAL}
        if self.planes:
            # about as many voxels in planes as in a cube
            thick = max(1, BLOCK // max(math.prod(space[1:]), 1))
            chunks.update(zip(SPATIAL, (min(thick, space[0]), *space[1:]), strict=True))
        elif chunks and math.prod(space) <= BLOCK:
            chunks.update(zip(SPATIAL, space, strict=True))
        else:
            chunks.update(dict.fromkeys(SPATIAL, 128))
        if all(chunks[axis] >= sizes[axis] for axis in SPATIAL):
            room = max(1, BLOCK // max(math.prod(space), 1))
            for axis in reversed([a for a in self.axes if a not in SPATIAL]):
                chunks[axis] = max(1, min(sizes[axis], room))
                room = max(1, room // chunks[axis])
        return chunks
