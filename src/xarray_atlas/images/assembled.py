"""Arrays of dask with blocks that are computed directly into the result.

``dask.array`` concatenates blocks when all are computed, so that a computed array is in memory
twice. Here, if an array itself is computed, its blocks are views of one array, which is the result.
``__dask_optimize__``, of dask's collection protocol, tells the array that it is being computed, and
``__dask_postcompute__`` defines how blocks are joined. They are attributes of the array, since
xarray does not compute a subclass of dask's array together with others; dask 2025.9 to 2026.8 query
the array itself. If dask queries its type, or a scheduler copies blocks, they are concatenated as
usual.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
from dask.array.core import finalize, slices_from_chunks
from dask.core import flatten
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

from xarray_atlas.images.boxes import Bounds

__all__ = ["Room", "assembled_array", "room_key"]


class Room:
    """Array into which blocks are written.

    No part is returned twice: if one is requested again, for example because a graph is computed
    again, a new array is started. In another process there is no shared array, and blocks are
    separate arrays.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype
        self._lock = threading.Lock()
        self._given: set[Bounds] = set()
        self._array: Any = None

    def part(self, bounds: Bounds) -> Any:
        """Return a part to write to."""
        with self._lock:
            if self._array is None or bounds in self._given:
                self._array, self._given = np.empty(self.shape, self.dtype), set()
            self._given.add(bounds)
            array = self._array
        return array[tuple(slice(start, stop) for start, stop in bounds)]

    def __reduce__(self) -> Any:
        return type(None), ()


def room_key(name: str) -> str:
    """Return the key of the room of an array."""
    return f"room-of-{name}"


def assembled_array(
    name: str, graph: Any, dependencies: Sequence[Any], chunks: Any, dtype: Any
) -> da.Array:
    """Create an array from a graph with tasks that may depend on the key of its room.

    The value of that key is None, except if the array itself is computed.

    Parameters
    ----------
    name : str
    graph : mapping
    dependencies : sequence of dask arrays
    chunks : tuple of tuples of int
    dtype : dtype
    """
    made = HighLevelGraph.from_collections(name, graph, dependencies=dependencies)
    room = room_key(name)
    layers = {**made.layers, room: MaterializedLayer({room: None})}
    depends = {**made.dependencies, room: set(), name: made.dependencies[name] | {room}}
    array: da.Array = da.Array(HighLevelGraph(layers, depends), name, chunks, dtype=dtype)
    own = {
        "__dask_optimize__": functools.partial(_optimized, name, array.shape, array.dtype),
        "__dask_postcompute__": functools.partial(_postcompute, array.chunks),
    }
    vars(array).update(own)
    return array


def _optimized(
    name: str, shape: tuple[int, ...], dtype: Any, graph: Any, keys: Any, **kwargs: Any
) -> Any:
    """Optimize a graph; if the named array is computed itself, give its tasks a room."""
    room = room_key(name)
    own = any(isinstance(key, tuple) and key[0] == name for key in flatten([keys]))
    if not own and isinstance(graph, HighLevelGraph) and room in graph.layers:
        layer = MaterializedLayer({room: Room(shape, dtype)})
        graph = HighLevelGraph({**graph.layers, room: layer}, graph.dependencies)
    return da.Array.__dask_optimize__(graph, keys, **kwargs)


def _postcompute(chunks: tuple[tuple[int, ...], ...]) -> Any:
    return _assembled, (chunks,)


def _assembled(results: Any, chunks: tuple[tuple[int, ...], ...]) -> Any:
    """Join blocks; nothing is left to do if they are the parts of one array."""
    blocks = list(flatten(results, container=list))
    whole = getattr(blocks[0], "base", None)
    if isinstance(whole, np.ndarray) and whole.shape == tuple(map(sum, chunks)):
        places = [whole[part] for part in slices_from_chunks(chunks)]
        if len(places) == len(blocks) and all(map(_is_same, places, blocks)):
            return whole
    return finalize(results)


def _is_same(a: Any, b: Any) -> bool:
    """Return whether two arrays share the same memory."""
    return isinstance(b, np.ndarray) and a.base is b.base and _memory(a) == _memory(b)


def _memory(array: Any) -> Any:
    address = array.__array_interface__["data"][0]
    return address, array.shape, array.strides, array.dtype
