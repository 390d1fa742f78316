"""Look up values of a volume on a plane, reading only the chunks it intersects, each once.

The voxel of each pixel is known without reading anything, so that the graph depends on the chunks
under the plane only. A task per chunk takes the values of its pixels, after which the chunk can be
released; another one joins them. Chunks are the tasks of the source, so that planes that are
computed together share them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.kernels.triangles import Triangles
from xarray_atlas.reductions.labels import without_empty_chunks

__all__ = ["Plane", "PlaneAxis", "looked_up"]

BLOCK = 2**20
"""Pixels of a block of a result, at most."""

PLANNED = 2**22
"""Pixels of a plane that are all looked at for a plan; of larger ones a part, with a margin."""


@dataclass(frozen=True)
class PlaneAxis:
    """Conversion from the coordinates of a plane to voxels along an axis of a volume.

    A position p is q = `scale` * p + `offset` in voxels of the volume, and lies in voxel floor(q),
    counted in the direction of p.

    Parameters
    ----------
    scale, offset : float
    count : int
        Number of voxels.
    turned : bool
        Whether the first voxel in the direction of p is stored last.
    """

    scale: float
    offset: float
    count: int
    turned: bool


@dataclass(frozen=True)
class Plane:
    """The pixels of a plane in a volume.

    Pixel (i, j) of n x m lies at origin + u * j / m + v * i / n.

    Parameters
    ----------
    origin, u, v : float64 arrays of shape (3,)
        In the order of `axes`: the first pixel, and the edges along rows and columns.
    axes : three PlaneAxis
        Axes of the volume's array.
    shape : tuple of int
        Number of rows and columns.
    image : tuple of float
        Height and width, in the unit of the triangles.
    triangles : Triangles, optional
        From the image to the image before its markers were moved.
    grid : tuple of int, optional
        Rows and columns of the pixel grid to which positions are rounded after the triangles.
    """

    origin: FloatArray
    u: FloatArray
    v: FloatArray
    axes: tuple[PlaneAxis, ...]
    shape: tuple[int, int]
    image: tuple[float, float]
    triangles: Triangles | None = None
    grid: tuple[int, int] | None = None

    def shares(
        self, rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_], exact: bool = False
    ) -> tuple[FloatArray, FloatArray]:
        """Return the position of pixels along v and u; for `exact` ones without rounding."""
        height, width = self.image
        y, x = rows[:, None] / self.shape[0], columns[None, :] / self.shape[1]
        if self.triangles is None:
            return y, x
        moved_x, moved_y = self.triangles.apply(
            columns[None, :] * width / self.shape[1], rows[:, None] * height / self.shape[0]
        )
        if exact or self.grid is None:
            return moved_y / height, moved_x / width
        n, m = self.grid
        at_y, at_x = np.trunc(moved_y * n / height), np.trunc(moved_x * m / width)
        with np.errstate(invalid="ignore"):
            inside = (at_y >= 0) & (at_x >= 0) & (at_y < n) & (at_x < m)
        return np.where(inside, at_y, np.nan) / n, np.where(inside, at_x, np.nan) / m

    def voxels(
        self, rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_]
    ) -> tuple[list[npt.NDArray[np.int32]], npt.NDArray[np.bool_]]:
        """Return the voxel of each pixel along each axis of the array, and whether there is one."""
        y, x = self.shares(rows, columns)
        found, inside = [], np.ones(np.broadcast_shapes(y.shape, x.shape), bool)
        for start, along_x, along_y, axis in zip(
            self.origin, self.u, self.v, self.axes, strict=True
        ):
            at = np.floor(axis.scale * ((start + along_y * y) + along_x * x) + axis.offset)
            with np.errstate(invalid="ignore"):
                there = (at >= 0) & (at < axis.count)
            inside &= there
            index = np.where(there, at, 0).astype(np.int32)
            found.append(axis.count - 1 - index if axis.turned else index)
        return found, inside

    def positions(
        self, rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_], axis: int
    ) -> FloatArray:
        """Return the position of pixels along an axis of the planes, or NaN."""
        y, x = self.shares(rows, columns, exact=True)
        return np.asarray((self.origin[axis] + self.v[axis] * y) + self.u[axis] * x)

    def __dask_tokenize__(self) -> Any:
        parts = (self.origin.tobytes(), self.u.tobytes(), self.v.tobytes(), self.axes)
        return ("Plane", *parts, self.shape, self.image, self.triangles, self.grid)


def looked_up(data: Any, plane: Plane, fill: int = 0) -> Any:
    """Look up the values of a volume on a plane, lazily where the volume is a dask array.

    Parameters
    ----------
    data : numpy or dask array of three dimensions
    plane : Plane
    fill : int
        Value outside the volume.

    Returns
    -------
    numpy or dask array of the shape of the plane
    """
    if not isinstance(data, da.Array):
        index, inside = plane.voxels(np.arange(plane.shape[0]), np.arange(plane.shape[1]))
        return np.where(inside, data[tuple(index)], np.array(fill, data.dtype))
    data = without_empty_chunks(data)
    edges = tuple(np.cumsum((0, *sizes)) for sizes in data.chunks)
    heights = _blocks(plane)
    chunks = (heights, (plane.shape[1],))
    token = tokenize(data.name, plane, fill)
    name, places, parts = (f"{what}-{token}" for what in ("on-plane", "places", "values"))
    graph: dict[Any, Any] = {}
    begin = 0
    for number, height in enumerate(heights):
        touched = _touched(plane, edges, begin, begin + height)
        bounds = (begin, begin + height)
        graph[places, number] = (_Places(plane, edges, tuple(touched.tolist())), bounds)
        taken = []
        for at, chunk in enumerate(touched.tolist()):
            key = (parts, number, at)
            source = (data.name, *(int(i) for i in np.unravel_index(chunk, data.numblocks)))
            graph[key] = (_take, source, (places, number), at)
            taken.append(key)
        put = _Put((height, plane.shape[1]), np.array(fill, data.dtype))
        graph[name, number, 0] = (put, (places, number), taken)
        begin += height
    layers = HighLevelGraph.from_collections(name, graph, dependencies=[data])
    return da.Array(layers, name, chunks, dtype=data.dtype)


def _blocks(plane: Plane) -> tuple[int, ...]:
    rows, columns = plane.shape
    most = max(BLOCK // max(columns, 1), 1)
    return (*(most,) * (rows // most), *((rows % most,) if rows % most else ()))


def _chunk_of(
    plane: Plane, edges: Any, index: list[npt.NDArray[np.int32]]
) -> npt.NDArray[np.int64]:
    """Return the number of the chunk with each voxel."""
    within = [np.searchsorted(e, i, side="right") - 1 for e, i in zip(edges, index, strict=True)]
    shape = tuple(len(e) - 1 for e in edges)
    return np.asarray(np.ravel_multi_index(tuple(within), shape))


def _touched(plane: Plane, edges: Any, begin: int, stop: int) -> npt.NDArray[np.int64]:
    """Return the chunks under some rows of a plane, possibly including a few more."""
    rows, columns = plane.shape
    sizes = [  # of a pixel, in voxels
        float(np.linalg.norm([a.scale * value for a, value in zip(plane.axes, edge, strict=True)]))
        / count
        for edge, count in ((plane.v, rows), (plane.u, columns))
    ]
    stretch = 1.0 if plane.triangles is None else plane.triangles.stretch
    steps = [max(int(1 / max(size, 1e-9)), 1) for size in sizes]
    reach = math.ceil(stretch * max(s * n for s, n in zip(sizes, steps, strict=True))) + 2
    smallest = min(int(np.diff(e).min()) for e in edges)
    if rows * columns <= PLANNED or max(steps) == 1 or smallest <= 2 * reach:
        index, inside = plane.voxels(np.arange(begin, stop), np.arange(columns))
        return np.unique(_chunk_of(plane, edges, [part[inside] for part in index]))
    # every step-th pixel, and the voxels that may contain those between
    some_rows = np.unique(np.append(np.arange(begin, stop, steps[0]), stop - 1))
    some_columns = np.unique(np.append(np.arange(0, columns, steps[1]), columns - 1))
    y, x = plane.shares(some_rows, some_columns, exact=True)
    low, high, known = [], [], np.isfinite(y + x)
    for start, u, v, axis in zip(plane.origin, plane.u, plane.v, plane.axes, strict=True):
        at = np.floor(axis.scale * (start + v * y + u * x) + axis.offset)
        known &= (at >= -reach) & (at < axis.count + reach)
        low.append(np.clip(np.nan_to_num(at - reach), 0, axis.count - 1).astype(np.int32))
        high.append(np.clip(np.nan_to_num(at + reach), 0, axis.count - 1).astype(np.int32))
    found = []
    for corner in np.ndindex(2, 2, 2):
        index = [(low, high)[end][i] for i, end in enumerate(corner)]
        turned = [
            axis.count - 1 - part if axis.turned else part
            for part, axis in zip(index, plane.axes, strict=True)
        ]
        found.append(np.unique(_chunk_of(plane, edges, [part[known] for part in turned])))
    return np.unique(np.concatenate(found))


@dataclass(frozen=True)
class _Places:
    """Finds the pixels of each chunk: their position in the block, and the voxel in the chunk."""

    plane: Plane
    edges: Any
    chunks: tuple[int, ...]

    def __call__(self, bounds: tuple[int, int]) -> list[Any]:
        columns = np.arange(self.plane.shape[1])
        index, inside = self.plane.voxels(np.arange(*bounds), columns)
        flat = np.flatnonzero(inside)
        index = [part.ravel()[flat] for part in index]
        chunk = _chunk_of(self.plane, self.edges, index)
        order = np.argsort(chunk, kind="stable")
        chunk, flat, index = chunk[order], flat[order], [part[order] for part in index]
        shape = tuple(len(e) - 1 for e in self.edges)
        found = []
        begins = np.searchsorted(chunk, self.chunks, side="left")
        ends = np.searchsorted(chunk, self.chunks, side="right")
        if int((ends - begins).sum()) != flat.size:
            raise RuntimeError("the plan of a plane lacks chunks that it touches")
        for number, begin, end in zip(self.chunks, begins, ends, strict=True):
            first = [
                int(e[i]) for e, i in zip(self.edges, np.unravel_index(number, shape), strict=True)
            ]
            within = tuple(part[begin:end] - at for part, at in zip(index, first, strict=True))
            found.append((flat[begin:end], within))
        return found


def _take(chunk: Any, places: list[Any], at: int) -> Any:
    return np.asarray(chunk)[places[at][1]]


@dataclass(frozen=True)
class _Put:
    """Joins the values of several chunks into one block."""

    shape: tuple[int, int]
    fill: Any

    def __call__(self, places: list[Any], parts: list[Any]) -> Any:
        found = np.full(self.shape, self.fill)
        flat = found.reshape(-1)
        for (pixels, _), values in zip(places, parts, strict=True):
            flat[pixels] = values
        return found
