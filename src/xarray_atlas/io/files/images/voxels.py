"""The voxels of a file, as an array that is read when it is indexed."""

from __future__ import annotations

import math
import os
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from xarray_atlas.errors import AtlasError, StoreError

__all__ = ["Inflated", "LazyVoxels", "RawVoxels", "WholeVoxels"]

MOST = 1032
"""How many bytes at most come of one that is compressed with zlib or gzip."""


class LazyVoxels(Protocol):
    """An array that is read when it is indexed, by slices and integers."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    ndim: int

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        """Return the voxels of a block."""


class RawVoxels:
    """Uncompressed voxels in a file, mapped into memory when they are indexed.

    Parameters
    ----------
    path : str or path
    dtype : dtype
        The stored dtype; voxels are returned in the machine's byte order.
    shape : tuple of int
    offset : int
        In bytes, where the voxels begin.
    order : "F" or "C"
        Whether the first axis changes fastest or slowest.
    scaling : (float, float), optional
        A slope and an intercept; the voxels are then float64.

    Raises
    ------
    StoreError
        If the file is shorter than the voxels that it should hold.
    """

    def __init__(
        self,
        path: Any,
        dtype: Any,
        shape: tuple[int, ...],
        offset: int,
        order: Literal["F", "C"],
        scaling: tuple[float, float] | None = None,
    ) -> None:
        self.path = os.fspath(path)
        self.stored = np.dtype(dtype)
        self.dtype = np.dtype(np.float64) if scaling else self.stored.newbyteorder("=")
        self.shape = tuple(int(size) for size in shape)
        self.ndim = len(self.shape)
        self.offset = int(offset)
        self.order = order
        self.scaling = scaling
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
        found = np.array(mapped[key], dtype=self.dtype)
        if self.scaling:
            slope, intercept = self.scaling
            found = found * slope + intercept
        return found


class WholeVoxels:
    """Voxels of a file without parts that can be read alone, such as one that is compressed.

    All of them are read when the first is indexed, and are held in memory from then on, once in
    each process.

    Parameters
    ----------
    path : str
    dtype : dtype
    shape : tuple of int
    read : callable
        Returns all voxels. It is pickled where the array is sent to another process.
    inflated : int
        How many bytes `path` must expand to, where it is compressed with zlib or gzip; else 0.

    Raises
    ------
    StoreError
        If the file is too short to hold so many voxels.
    """

    def __init__(
        self,
        path: str,
        dtype: Any,
        shape: tuple[int, ...],
        read: Callable[[], Any],
        inflated: int = 0,
    ) -> None:
        self.path = path
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self.shape = tuple(int(size) for size in shape)
        if inflated and os.path.getsize(path) * MOST < inflated:
            raise StoreError(
                f"{path} is cut short: its header promises {inflated} bytes of voxels, which its "
                f"{os.path.getsize(path)} bytes cannot hold"
            )
        self.ndim = len(self.shape)
        self._read = read
        self._lock = threading.Lock()
        self._held: Any = None

    def __getitem__(self, key: Any) -> Any:
        with self._lock:  # tasks that run at once wait for one reading
            if self._held is None:
                self._held = self._whole()
            held = self._held
        return held[key]

    def _whole(self) -> Any:
        try:
            found = np.asarray(self._read(), dtype=self.dtype)
        except (AtlasError, MemoryError):
            raise
        except Exception as error:  # each library and codec raises its own
            raise StoreError(f"{self.path} cannot be read: {error}") from error
        if found.shape != self.shape:
            raise StoreError(
                f"{self.path} cannot be read: it holds voxels of the shape {found.shape}, but its "
                f"header says {self.shape}"
            )
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_held": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()


@dataclass(frozen=True)
class Inflated:
    """Reads voxels that are compressed with zlib or gzip, and no more than are promised.

    Parameters
    ----------
    path : str
    offset : int
        In bytes, where they begin.
    dtype : dtype
        As they are stored.
    shape : tuple of int
        Of an array whose first axis changes fastest.
    """

    path: str
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __call__(self) -> Any:
        """Return all voxels.

        Raises
        ------
        StoreError
            If they are fewer.
        """
        wanted = self.size
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            content = zlib.decompressobj(wbits=47).decompress(file.read(), wanted)
        if len(content) < wanted:
            raise StoreError(
                f"{self.path} is cut short: its header promises {wanted} bytes of voxels, it has "
                f"{len(content)}"
            )
        return np.frombuffer(content, self.dtype).reshape(self.shape, order="F")
