"""The voxels of a file, as an array that is read where it is indexed."""

from __future__ import annotations

import math
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import dask.array as da
import numpy as np

from xarray_atlas.coords.headers import Geometry
from xarray_atlas.errors import StoreError

__all__ = ["Image", "LazyVoxels", "RawVoxels"]


class LazyVoxels(Protocol):
    """An array that is read where it is indexed, by slices and integers."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    ndim: int

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        """Return the voxels of a block."""


@dataclass(frozen=True)
class Image:
    """A volume as a file holds it.

    Parameters
    ----------
    voxels : ndarray or LazyVoxels
        An ndarray where the format permits no reading of a part.
    geometry : Geometry
    place : str
        The file.
    planes : bool
        Whether whole planes of the first axis are read at a time.
    """

    voxels: Any
    geometry: Geometry
    place: str
    planes: bool = False

    def array(self, chunks: Any = {}) -> Any:  # noqa: B006  # as xarray has it
        """Return the voxels as a dask array, or with ``chunks=None`` as they are.

        Parameters
        ----------
        chunks : int, dict, "auto" or None
            ``{}`` are cubes of 128 voxels, or planes where they are read whole. A dict
            names axes z, y and x, in their order.
        """
        if chunks is None:
            return self.voxels[(slice(None),) * self.voxels.ndim]
        if chunks == {}:
            shape = self.voxels.shape
            # about as many voxels in planes as in a cube
            thick = max(1, 128**3 // max(math.prod(shape[1:]), 1))
            chunks = (thick, *shape[1:]) if self.planes else 128
        elif isinstance(chunks, dict):
            chunks = {{"z": 0, "y": 1, "x": 2}.get(axis, axis): n for axis, n in chunks.items()}
        # a name that no other opening has: what is kept by it is not taken for a file that changed
        name = f"{Path(self.place).name}-{uuid.uuid4().hex}"
        meta = np.empty((0,) * self.voxels.ndim, self.voxels.dtype)
        # dask asks for slices and single planes, as the readers have them, and no lists
        return da.from_array(
            self.voxels, chunks=chunks, name=name, asarray=False, fancy=False, meta=meta
        )


class RawVoxels:
    """Uncompressed voxels in a file, mapped into memory where they are indexed.

    Parameters
    ----------
    path : str or path
    dtype : dtype
        As it is stored; what is read has the machine's byte order.
    shape : tuple of int
    offset : int
        In bytes, where the voxels begin.
    order : "F" or "C"
        Whether the first axis changes fastest or slowest.

    Raises
    ------
    StoreError
        If the file is shorter than the voxels that it should hold.
    """

    def __init__(
        self, path: Any, dtype: Any, shape: tuple[int, ...], offset: int, order: Literal["F", "C"]
    ) -> None:
        self.path = os.fspath(path)
        self.stored = np.dtype(dtype)
        self.dtype = self.stored.newbyteorder("=")
        self.shape = tuple(int(size) for size in shape)
        self.ndim = len(self.shape)
        self.offset = int(offset)
        self.order = order
        wanted = self.offset + math.prod(self.shape) * self.stored.itemsize
        there = os.path.getsize(self.path)
        if there < wanted:
            raise StoreError(
                f"{self.path} is cut short: its header promises {wanted} bytes, it has {there}"
            )

    def __getitem__(self, key: Any) -> Any:
        try:
            mapped = np.memmap(self.path, self.stored, "r", self.offset, self.shape, self.order)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"cannot read {self.path}, which was opened before: {error}"
            ) from error
        return np.array(mapped[key], dtype=self.dtype)
