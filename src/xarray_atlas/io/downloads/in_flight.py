"""Fetch many objects concurrently, with as many requests as the network needs.

Requests are coroutines on fsspec's event loop: a thread for each would spend its time waiting for
the interpreter. What is done with the content, comparing and writing it, is done in a few threads.
No more objects are held than ``set_options(requests=)`` says and :data:`WAITING`, or of large
ones :data:`MEMORY` bytes.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import fsspec.asyn

from xarray_atlas.errors import AtlasError, StoreError
from xarray_atlas.io.copies.records import Object
from xarray_atlas.io.downloads.remote import Source, patiently_async
from xarray_atlas.io.zarr.addresses import safe_cause
from xarray_atlas.io.zarr.stores import unreadable
from xarray_atlas.options import OPTIONS

__all__ = ["RESUME", "Wanted", "fetch_together"]

THREADS = 2
"""Threads that compare and write; more of them keep the event loop from its work."""

BLOCKING = 16
"""Threads for a file system without an event loop, in which each waits for an answer."""

WAITING = 32
"""Maximum number of objects waiting to be written, besides those being requested."""

MEMORY = 256 << 20
"""Bytes that these have together, if they are several."""

RESUME = "what has been downloaded is kept: the same call resumes"

T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True)
class Wanted(Generic[T]):
    """An object to fetch.

    Parameters
    ----------
    item : object
        An identifier chosen by the caller.
    path : str
        Below the root of the source.
    listed : Object
        Its entry in the listing.
    """

    item: T
    path: str
    listed: Object


def fetch_together(
    source: Source,
    wanted: Sequence[Wanted[T]],
    is_there: Callable[[Wanted[T]], bool],
    keep: Callable[[Wanted[T], bytes], K],
) -> Iterator[tuple[Wanted[T], K | None]]:
    """Fetch objects, and yield each when it is stored.

    At the first error, or where the caller goes no further, no other object is asked for, and
    those that are being written are finished.

    Parameters
    ----------
    source : Source
    wanted : sequence of Wanted
    is_there : callable
        Tells of an object whether it need not be fetched any more.
    keep : callable
        Takes an object and its content, which it compares and writes, in another thread. An
        OSError that is not an AtlasError leads to a retry.

    Yields
    ------
    wanted : Wanted
    kept
        The result of `keep`; None for existing objects.

    Raises
    ------
    StoreError
        If an object cannot be fetched or kept; the message says how to resume.
    """
    done: queue.SimpleQueue[tuple[Wanted[T], K | None] | None] = queue.SimpleQueue()
    number = THREADS if source.is_async else BLOCKING
    with ThreadPoolExecutor(number, thread_name_prefix="xarray-atlas-download") as threads:
        work = _fetch_all(source, wanted, is_there, keep, done, threads)
        running = asyncio.run_coroutine_threadsafe(work, fsspec.asyn.get_loop())
        running.add_done_callback(lambda _: done.put(None))
        try:
            yield from iter(done.get, None)
            running.result()
        finally:
            running.cancel()
            threads.shutdown(wait=True, cancel_futures=True)


async def _fetch_all(
    source: Source,
    wanted: Sequence[Wanted[T]],
    is_there: Callable[[Wanted[T]], bool],
    keep: Callable[[Wanted[T], bytes], K],
    done: queue.SimpleQueue[tuple[Wanted[T], K | None] | None],
    threads: Executor,
) -> None:
    waiting = iter(wanted)
    requests, memory = asyncio.Semaphore(OPTIONS["requests"]), _Memory()
    run = partial(asyncio.get_running_loop().run_in_executor, threads)

    async def attempt(each: Wanted[T]) -> K:
        async with requests:
            content = await source.read_once(each.path)
        return await run(keep, each, content)

    def read_and_keep(each: Wanted[T]) -> K:
        return keep(each, source.read(each.path, each.listed))

    async def worker() -> None:
        for each in waiting:
            if is_there(each):
                done.put((each, None))  # another process has been faster
                continue
            await memory.take(each.listed.size)
            try:
                if source.is_async:
                    kept = await patiently_async(partial(attempt, each))
                else:
                    kept = await run(read_and_keep, each)
            except Exception as error:  # file systems raise whatever their client library raises
                raise _sentence(source, each.path, error) from safe_cause(error)
            finally:
                memory.give(each.listed.size)
            done.put((each, kept))

    number = min(OPTIONS["requests"] + WAITING, len(wanted))
    workers = [asyncio.ensure_future(worker()) for _ in range(number)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


class _Memory:
    """The bytes that are held: an object larger than the limit waits until it is alone."""

    def __init__(self) -> None:
        self._held = 0
        self._waiting: list[asyncio.Event] = []

    async def take(self, size: int) -> None:
        while self._held and self._held + size > MEMORY:
            event = asyncio.Event()
            self._waiting.append(event)
            await event.wait()
        self._held += size

    def give(self, size: int) -> None:
        self._held -= size
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            event.set()


def _sentence(source: Source, path: str, error: Exception) -> AtlasError:
    if isinstance(error, FileNotFoundError):
        return StoreError(
            f"{source.url}/{path} was listed, but no longer exists: the store is being "
            f"changed; {RESUME}"
        )
    if isinstance(error, AtlasError):
        return error
    return StoreError(f"{unreadable(f'{source.url}/{path}', error)}; {RESUME}")
