"""Aligned sections of a local store: time and memory beside decoding the chunks that they touch.

    python benchmarks/sections_quint.py --source ANNOTATION.ome.zarr --alignment alignment.json

For each section of the alignment, each in turn and `--rounds` times:

- *decode*: the chunks that its plane touches, read through the same store and dask;
- *section*: its labels, from the store, opened anew.

Then all sections in one computation, with how often each chunk was read, and the peak of memory
of one section and of all of them, each in a process of its own, above that of the opened atlas.
"""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import statistics
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import dask
import numpy as np
import zarr.storage

import xarray_atlas


class CountingStore(zarr.storage.LocalStore):
    """A store on the disk that counts which chunks are asked for."""

    reads: ClassVar[collections.Counter[str]] = collections.Counter()
    lock = threading.Lock()

    async def get(self, key: str, *args: Any, **keywords: Any) -> Any:
        """Read a key."""
        if "/c/" in key:
            with self.lock:
                self.reads[key] += 1
        return await super().get(key, *args, **keywords)


def opened(arguments: argparse.Namespace, store: Any = None) -> Any:
    ds = xarray_atlas.open_atlas(store or arguments.source, resolution=arguments.resolution)
    return ds, xarray_atlas.open_sections(arguments.alignment, ds)


def touched(ds: Any, node: Any) -> list[tuple[int, ...]]:
    """Return the chunks under a section: those of which the graph of its labels takes values."""
    name = ds.annotation.data.name
    graph = dict(node.annotation.data.__dask_graph__())
    keys = {key for value in graph.values() for key in _keys(value) if key[0] == name}
    return sorted(key[1:] for key in keys)


def _keys(value: Any) -> Any:
    if isinstance(value, tuple):
        if value and isinstance(value[0], str):
            yield value
        for part in value:
            yield from _keys(part)
    elif hasattr(value, "dependencies"):
        yield from (key for key in value.dependencies if isinstance(key, tuple))


def decode(ds: Any, chunks: list[tuple[int, ...]]) -> None:
    """Read chunks, each of which is dropped when it is there."""
    blocks = [dask.delayed(lambda part: part.shape)(ds.annotation.data.blocks[at]) for at in chunks]
    dask.compute(*blocks)


def most_memory() -> float:
    """Return the peak of this process's memory since it began, in MB, as Linux has it."""
    status = Path("/proc/self/status").read_text()
    return float(status.partition("VmHWM:")[2].split()[0]) / 1024


def peak(arguments: argparse.Namespace, every: bool, queue: Any) -> None:
    """Put the memory that sections take, in MB, above that of the opened atlas."""
    _, tree = opened(arguments)
    before = most_memory()
    nodes = list(tree.children.values())
    dask.compute(*[node.annotation.data for node in (nodes if every else nodes[:1])])
    queue.put((before, most_memory()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True)
    parser.add_argument("--alignment", required=True)
    parser.add_argument("--resolution", default="25 um")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    ratios: dict[str, list[tuple[float, float]]] = collections.defaultdict(list)
    sizes = {}
    for _ in range(arguments.rounds):
        ds, tree = opened(arguments)
        for name, node in tree.children.items():
            chunks = touched(ds, node)
            sizes[name] = (node.annotation.shape, len(chunks))
            begin = time.perf_counter()
            decode(ds, chunks)
            middle = time.perf_counter()
            node.annotation.compute()
            ratios[name].append((middle - begin, time.perf_counter() - middle))
    for name, pairs in ratios.items():
        first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
        (rows, columns), chunks_read = sizes[name]
        print(
            f"{name}: {rows} x {columns} pixels, {chunks_read} chunks: decode {first:.3f} s, "
            f"section {second:.3f} s, {second / first:.2f} x"
        )
    counting = CountingStore(arguments.source, read_only=True)
    ds, tree = opened(arguments, counting)
    counting.reads.clear()
    begin = time.perf_counter()
    dask.compute(*[node.annotation.data for node in tree.children.values()])
    seconds = time.perf_counter() - begin
    times = np.array(list(counting.reads.values()))
    print(
        f"all {len(tree.children)} in one computation: {seconds:.3f} s, {times.size} chunks, each "
        f"read {times.min()} to {times.max()} times"
    )
    for every in (False, True):
        context = multiprocessing.get_context("spawn")
        queue: Any = context.Queue()
        process = context.Process(target=peak, args=(arguments, every, queue))
        process.start()
        before, after = queue.get()
        what = "all" if every else "one"
        print(
            f"memory of {what}: {after - before:.0f} MB above {before:.0f} MB of the opened atlas"
        )
        process.join()


if __name__ == "__main__":
    main()
