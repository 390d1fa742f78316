"""Blocks of remote arrays, read with many requests in flight.

dask reads a block in a task, and a thread waits for it: as many requests are in flight as there
are threads. Here one task fetches the stored objects of several blocks side by side, and the tasks
of these blocks decode them. Which blocks a computation reads is known when dask culls its graph;
no other objects are fetched. What is fetched is passed on as bytes, on every scheduler.
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
"""Objects that one task fetches, at the most; more where one block alone has more."""

Chunks = tuple[tuple[int, ...], ...]


@runtime_checkable
class RemoteArray(Protocol):
    """An array whose stored objects can be fetched apart from being decoded."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def reads_apart(self) -> bool:
        """Return whether that pays: each read is a request that is waited for."""

    def keys(self, block: Block) -> list[str]:
        """Return the keys of the stored objects that hold a block."""

    def reading(self) -> Any:
        """Return what the reads of one computation share; it can be told to ``give_up(error)``."""

    def fetch(self, blocks: Sequence[Block], reading: Any) -> Mapping[str, bytes | None]:
        """Fetch the stored objects that hold some blocks side by side."""

    def decode(self, block: Block, objects: Mapping[str, bytes | None]) -> Any:
        """Decode a block of what has been fetched; an object that has not is read."""


class ReadLayer(Layer):
    """The blocks of a remote array in a graph of dask.

    Parameters
    ----------
    name : str
        Of the dask array.
    array : RemoteArray
    chunks : tuple of tuple of int
        As dask has them.
    source : str
        The key of the task that has the array.
    """

    def __init__(self, name: str, array: RemoteArray, chunks: Chunks, source: str) -> None:
        super().__init__()
        self.name, self.array, self.chunks, self.source = name, array, chunks, source
        self._tasks: dict[Any, Any] | None = None
        self._reading: Any = None

    def __getstate__(self) -> dict[str, Any]:
        # a scheduler in another process makes the tasks, and knows nothing of the options set here
        return {**self.__dict__, "_tasks": None, "_reading": self.array.reading()}

    def is_materialized(self) -> bool:
        """Return whether its tasks have been made."""
        return self._tasks is not None

    def get_output_keys(self) -> Set[Any]:
        """Return the keys of all blocks."""
        numbers = (range(len(sizes)) for sizes in self.chunks)
        return {(self.name, *index) for index in itertools.product(*numbers)}

    def cull(
        self, keys: set[Any], all_hlg_keys: Collection[Any]
    ) -> tuple[Layer, Mapping[Any, set[Any]]]:
        """Return the tasks of some of the blocks, in batches of these blocks alone."""
        _GIVE_UP.register()  # again each time: dask takes them away while it computes
        # dask asks with the keys of other layers among them
        wanted = [key for key in keys if isinstance(key, tuple) and key[0] == self.name]
        tasks, dependencies = self._made(wanted)
        return MaterializedLayer(tasks, annotations=self.annotations), dependencies

    def _made(self, keys: Collection[Any]) -> tuple[dict[Any, Any], dict[Any, set[Any]]]:
        """Return the tasks of some of the blocks, and the keys that each of them needs."""
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
        """Put blocks together whose objects are fetched by one task."""
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
    """What the reads of one computation share, as the value of a task."""

    def __init__(self, reading: Any) -> None:
        self.reading = reading


def _give_up(graph: Mapping[Any, Any], state: Any, failed: bool) -> None:
    """Make no further request for a computation of this process that has failed.

    Threads of dask go on with their tasks after an error in another one, and after Ctrl-C.
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
    """Return a dask array of a stored one that reads it as is best.

    Blocks of a remote array are fetched many at a time.

    Parameters
    ----------
    data : array
    natural : bool
        Whether its chunks are those that are stored because nobody has chosen others: blocks of
        several are read where they are small and many.

    Returns
    -------
    array
        The same one where it is not of dask, or is derived from another one.
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
