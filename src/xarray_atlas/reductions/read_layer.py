"""Read blocks of remote arrays with many concurrent requests.

dask reads a block in a task while a thread waits for it, so that there are as many concurrent
requests as threads. Here one task fetches the stored objects of several blocks concurrently, and
the tasks of these blocks decode them. The blocks that a computation reads are known when dask culls
its graph; no other objects are fetched. Fetched objects are passed on as bytes, on every scheduler.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import Any, Protocol, runtime_checkable

import dask.array as da
import numpy as np
from dask.array.core import normalize_chunks
from dask.base import tokenize
from dask.callbacks import Callback
from dask.highlevelgraph import HighLevelGraph, Layer, MaterializedLayer

from xarray_atlas.errors import StoreError
from xarray_atlas.reductions.stored import ORIGINAL, Block, inside, read_from, whole_source

__all__ = ["RemoteArray", "as_opened"]

BATCH = 64
"""Maximum number of objects fetched by a task; more if a single block has more."""

Chunks = tuple[tuple[int, ...], ...]


@runtime_checkable
class RemoteArray(Protocol):
    """An array with stored objects that can be fetched separately from decoding."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def reads_apart(self) -> bool:
        """Return whether separate fetching pays off: each read is a request."""

    def keys(self, block: Block) -> list[str]:
        """Return the keys of the stored objects of a block."""

    def reading(self) -> Any:
        """Return the shared state of the reads of a computation, with ``give_up(error)``."""

    def fetch(self, blocks: Sequence[Block], reading: Any) -> Mapping[str, bytes | None]:
        """Fetch the stored objects of several blocks concurrently."""

    def decode(self, block: Block, objects: Mapping[str, bytes | None]) -> Any:
        """Decode a block from fetched objects; objects that were not fetched are read."""


class ReadLayer(Layer):
    """The blocks of a remote array in a dask graph.

    Parameters
    ----------
    name : str
        Name of the dask array.
    array : RemoteArray
    chunks : tuple of tuple of int
        Same as in dask.
    source : str
        The key of the task with the array.
    """

    def __init__(self, name: str, array: RemoteArray, chunks: Chunks, source: str) -> None:
        super().__init__()
        self.name, self.array, self.chunks, self.source = name, array, chunks, source
        self._tasks: dict[Any, Any] | None = None
        self._reading: Any = None

    def __getstate__(self) -> dict[str, Any]:
        # a scheduler in another process creates the tasks, without the options set here
        return {**self.__dict__, "_tasks": None, "_reading": self.array.reading()}

    def is_materialized(self) -> bool:
        """Return whether its tasks have been created."""
        return self._tasks is not None

    def get_output_keys(self) -> Set[Any]:
        """Return the keys of all blocks."""
        numbers = (range(len(sizes)) for sizes in self.chunks)
        return {(self.name, *index) for index in itertools.product(*numbers)}

    def cull(
        self, keys: set[Any], all_hlg_keys: Collection[Any]
    ) -> tuple[Layer, Mapping[Any, set[Any]]]:
        """Return the tasks of some blocks, in batches of these blocks alone."""
        _GIVE_UP.register()  # each time, as dask removes callbacks while it computes
        # dask passes the keys of other layers too
        wanted = [key for key in keys if isinstance(key, tuple) and key[0] == self.name]
        tasks, dependencies = self._made(wanted)
        return MaterializedLayer(tasks, annotations=self.annotations), dependencies

    def _made(self, keys: Collection[Any]) -> tuple[dict[Any, Any], dict[Any, set[Any]]]:
        """Return the tasks of some blocks, and the keys that each depends on."""
        batches = list(self._batches(sorted(keys)))
        places = np.array([key[1:] for key, _ in itertools.chain(*batches)], np.intp)
        reading = f"reading-{tokenize(self.name, places)}"
        tasks: dict[Any, Any] = {reading: _Shared(self._reading or self.array.reading())}
        dependencies: dict[Any, set[Any]] = {reading: set()}
        for number, batch in enumerate(batches):
            fetched = (f"fetch-{reading}", number)
            tasks[fetched] = (_fetch, self.source, [block for _, block in batch], reading)
            dependencies[fetched] = {self.source, reading}
            for key, block in batch:
                tasks[key] = (_decode, self.source, block, fetched)
                dependencies[key] = {self.source, fetched}
        return tasks, dependencies

    def _batches(self, keys: list[Any]) -> Iterator[list[tuple[Any, Block]]]:
        """Group blocks with objects that are fetched by one task."""
        starts = [[0, *itertools.accumulate(sizes)] for sizes in self.chunks]
        batch: list[tuple[Any, Block]] = []
        together: set[str] = set()
        for key in keys:
            block = tuple(
                slice(start[i], start[i + 1]) for start, i in zip(starts, key[1:], strict=True)
            )
            objects = self.array.keys(block)
            if batch and len(together.union(objects)) > BATCH:
                yield batch
                batch, together = [], set()
            batch.append((key, block))
            together.update(objects)
        if batch:
            yield batch

    def _all(self) -> dict[Any, Any]:
        if self._tasks is None:
            self._tasks = self._made(self.get_output_keys())[0]
        return self._tasks

    def __getitem__(self, key: Any) -> Any:
        return self._all()[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


class _Shared:
    """Shared state of the reads of a computation, as the value of a task."""

    def __init__(self, reading: Any) -> None:
        self.reading = reading


def _give_up(graph: Mapping[Any, Any], state: Any, failed: bool) -> None:
    """Make no further requests for a failed computation of this process.

    dask's threads continue with their tasks after an error in another one, and after Ctrl-C.
    """
    for node in graph.values() if failed else ():
        value = getattr(node, "value", node)
        if isinstance(value, _Shared):
            value.reading.give_up(StoreError("the computation has been given up"))


_GIVE_UP = Callback(finish=_give_up)


def _fetch(original: Any, blocks: list[Block], shared: _Shared) -> Mapping[str, bytes | None]:
    source: RemoteArray = inside(original)
    return source.fetch(blocks, shared.reading)


def _decode(original: Any, block: Block, objects: Mapping[str, bytes | None]) -> Any:
    source: RemoteArray = inside(original)
    return source.decode(block, objects)


def as_opened(data: Any, natural: bool) -> Any:
    """Return a dask array that reads a stored array efficiently.

    Blocks of a remote array are fetched many at a time.

    Parameters
    ----------
    data : array
    natural : bool
        Whether its chunks are the stored ones, not chosen by the user: if they are small and many,
        blocks of several are read.

    Returns
    -------
    array
        The same array if it is not a dask array, or is derived from another one.
    """
    source = whole_source(data)
    block = getattr(source, "block", None)
    if block is None:
        return data
    chunks = normalize_chunks(block, data.shape) if natural else data.chunks
    remote = isinstance(source, RemoteArray) and source.reads_apart
    name = f"blocks-{data.name}"
    if not remote:
        if chunks == data.chunks:
            return data
        return da.from_array(read_from(data), chunks, name=name, meta=data._meta)
    original = f"{ORIGINAL}{name}"
    layers: dict[str, Layer] = {
        original: MaterializedLayer({original: read_from(data)}),
        name: ReadLayer(name, source, chunks, original),
    }
    graph = HighLevelGraph(layers, {original: set(), name: {original}})
    return da.Array(graph, name, chunks, dtype=data.dtype, meta=data._meta)
