"""Displacements computed from a tool's numbers when they are read.

They are a single array for dask; reading a part of it only reads that part of the files. (dask
operations on the arrays of files would read whole chunks.)
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np

from xarray_atlas.io.transforms.reading import as_slices

__all__ = ["Component", "lazy_shifts"]


@dataclass(frozen=True)
class Component:
    """One component of a displacement field: ``factor * (part - own)``.

    Parameters
    ----------
    part : dask array or LazyVoxels, of shape (n, m, k)
        The tool's numbers.
    factor : float
        To mm, and with a negative sign where the axis runs the other way.
    own : (int, float, float), optional
        If the numbers are positions, the positions of the voxels to subtract: the axis of the
        array, the position of the first voxel, and the step.
    """

    part: Any
    factor: float = 1.0
    own: tuple[int, float, float] | None = None

    def __call__(self, key: tuple[slice, ...], dtype: Any) -> Any:
        """Return a part of the component."""
        found = self.part[key]
        if hasattr(found, "compute"):  # within a task: on its own thread
            found = found.compute(scheduler="synchronous")
        own: Any = np.zeros((), dtype)
        if self.own is not None:
            axis, first, step = self.own
            own = (first + step * np.arange(self.part.shape[axis]))[key[axis]]
            own = own.reshape(-1, *(1,) * (2 - axis)).astype(dtype)
        shifts: Any = np.subtract(found, own, dtype=dtype)
        return np.multiply(shifts, dtype.type(self.factor), out=shifts)


class _Shifts:
    """Three components, read when they are indexed."""

    def __init__(self, components: Sequence[Component]) -> None:
        self.components = tuple(components)
        parts = [component.part for component in components]
        self.shape = (3, *parts[0].shape)
        self.ndim = 4
        self.dtype = np.result_type(np.float32, *(part.dtype for part in parts))

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        slices, rest = as_slices(key)
        found = [each(slices[1:], self.dtype) for each in self.components[slices[0]]]
        return np.stack(found)[rest]


def lazy_shifts(components: Sequence[Component], chunks: Any) -> Any:
    """Return a displacement field as a dask array of shape (3, n, m, k).

    Parameters
    ----------
    components : three Components
        All of the same shape.
    chunks : tuple
        Along the three axes, as in dask.

    Returns
    -------
    dask array
        All components of a voxel are in one chunk.
    """
    shifts = _Shifts(components)
    meta = np.empty((0,) * 4, shifts.dtype)
    name = f"shifts-{uuid.uuid4().hex}"
    # with fancy=False dask reads whole chunks if a part is requested (see as_slices)
    return da.from_array(shifts, ((3,), *chunks), name=name, asarray=False, meta=meta)
