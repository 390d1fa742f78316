"""Arrays of dask whose blocks are made in their place in the result.

``dask.array`` puts blocks together when it has them all, so that a computed array is in memory
twice. Here blocks of an array that is computed itself are views of one array, which is then the
result. By ``__dask_optimize__``, of the protocol of dask's collections, the array is told that it
is computed, by ``__dask_postcompute__`` it says how blocks are put together. They are attributes of
the array, since xarray does not compute a subclass of dask's array together with others; dask
2025.9 to 2026.8 ask the array itself. If dask were to ask its type, or a scheduler copies blocks,
they are put together as ever.
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
    """An array into which blocks are written.

    No part is given twice: where one is asked for again, as of a graph that is computed again, a
    new array begins. In another process there is no room, and blocks are arrays of their own.

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
    """Make an array of a graph whose tasks may depend on the key of its room.

    The value of that key is None, but where the array itself is computed.

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
    """Optimize a graph; where the array of that name is put together, give its tasks a room."""
    room = room_key(name)
    own = any(isinstance(key, tuple) and key[0] == name for key in flatten([keys]))
    if not own and isinstance(graph, HighLevelGraph) and room in graph.layers:
        layer = MaterializedLayer({room: Room(shape, dtype)})
        graph = HighLevelGraph({**graph.layers, room: layer}, graph.dependencies)
    return da.Array.__dask_optimize__(graph, keys, **kwargs)


def _postcompute(chunks: tuple[tuple[int, ...], ...]) -> Any:
    return _assembled, (chunks,)


def _assembled(results: Any, chunks: tuple[tuple[int, ...], ...]) -> Any:
    """Put blocks together: nothing is left to do where they are the parts of one array."""
    blocks = list(flatten(results, container=list))
    whole = getattr(blocks[0], "base", None)
    if isinstance(whole, np.ndarray) and whole.shape == tuple(map(sum, chunks)):
        places = [whole[part] for part in slices_from_chunks(chunks)]
        if len(places) == len(blocks) and all(map(_is_same, places, blocks)):
            return whole
    return finalize(results)


def _is_same(a: Any, b: Any) -> bool:
    """Return whether two arrays are the same memory."""
    return isinstance(b, np.ndarray) and a.base is b.base and _memory(a) == _memory(b)


def _memory(array: Any) -> Any:
    address = array.__array_interface__["data"][0]
    return address, array.shape, array.strides, array.dtype
