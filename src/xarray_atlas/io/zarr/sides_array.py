"""The hemisphere of each voxel by the midline, indexed lazily by xarray."""

from __future__ import annotations

from typing import Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from xarray_atlas.io.zarr.arrays import indexed_shape

__all__ = ["SidesArray"]


class SidesArray(BackendArray):
    """The hemisphere of each voxel by the midline, without reading anything.

    Parameters
    ----------
    sides : ndarray of uint8, shape (n,)
        Along the left-right axis.
    shape : tuple of int
    axis : int
        Position of the left-right axis.
    chunks, block : tuple of int
        Those of the labels.
    """

    def __init__(
        self,
        sides: Any,
        shape: tuple[int, ...],
        axis: int,
        chunks: tuple[int, ...],
        block: tuple[int, ...],
    ) -> None:
        self.sides, self.shape, self.axis = sides, shape, axis
        self.chunks, self.block = chunks, block
        self.dtype = np.dtype(np.uint8)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> Any:
        sides = np.asarray(self.sides[key[self.axis]])
        shape = indexed_shape(key, self.shape)
        kept = [i for i, k in enumerate(key) if isinstance(k, slice) or np.ndim(k)]
        if self.axis in kept:
            sides = sides.reshape([-1 if i == self.axis else 1 for i in kept])
        return np.broadcast_to(sides, shape).copy()
