"""Fetch objects of a remote store, many at once."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from typing import Any

import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import FsspecStore, StorePath, WrapperStore

from xarray_atlas.errors import StoreError
from xarray_atlas.io.zarr.addresses import safe_cause
from xarray_atlas.io.zarr.checked_store import folder_of, innermost
from xarray_atlas.options import OPTIONS

__all__ = ["Fetched", "Reading", "fetch", "is_remote", "stream", "with_objects"]


def is_remote(store: Store) -> bool:
    """Return whether each read of a store is a request that is waited for."""
    inner = innermost(store)
    return isinstance(inner, FsspecStore) and folder_of(inner) is None


class Reading:
    """Shared state of the reads of a computation: numbers of requests and of bytes read ahead.

    Made where the computation begins, from the options that are set there, and sent to
    wherever it reads.
    """

    def __init__(self) -> None:
        self.requests: int = OPTIONS["requests"]
        self.read_ahead: int = OPTIONS["read_ahead"]
        self._streams: list[_Stream] = []

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_streams": []}

    def begin(self) -> _Stream:
        """Return a new stream, which is given up when another one fails."""
        stream = _Stream()
        with _lock:
            self._streams.append(stream)
        return stream

    def end(self, stream: _Stream, error: BaseException | None) -> None:
        """Remove a stream; if it has failed, cancel all others."""
        with _lock:
            self._streams.remove(stream)
        stream.give_up(error)
        if error is not None:
            self.give_up(error)

    def give_up(self, error: BaseException) -> None:
        """Cancel the requests that wait for their turn, and drop those in flight.

        Streams that begin later are not given up: a scheduler may try a task again.
        """
        with _lock:
            streams = list(self._streams)
        for stream in streams:
            stream.give_up(error)


class _Ahead:
    """The number of bytes that were fetched and are not decoded yet."""

    def __init__(self) -> None:
        self.size = 0
        with _lock:
            _ahead.add(self)


_lock = threading.RLock()  # the collector may end a stream while a thread holds it
_ahead: weakref.WeakSet[_Ahead] = weakref.WeakSet()


def _bytes_ahead() -> int:
    with _lock:
        return sum(each.size for each in _ahead)


class _Stream(_Ahead):
    """Requests that are on their way, or wait for their turn."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: deque[tuple[str, Future[bytes | None]]] = deque()
        self.failure: BaseException | None = None

    def give_up(self, error: BaseException | None) -> None:
        self.failure = error
        for _, future in list(self.waiting):
            future.cancel()


class Fetched(dict[str, bytes | None]):
    """Objects by their key; None for one that the store does not have.

    Their bytes count as read ahead for as long as they are in memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ahead = _Ahead()

    def __setitem__(self, key: str, value: bytes | None) -> None:
        super().__setitem__(key, value)
        self._ahead.size += 0 if value is None else len(value)

    def __reduce__(self) -> tuple[Any, ...]:
        return Fetched, (), None, None, iter(self.items())


Explain = Callable[[str, Exception], Exception]
"""Makes the error that is raised of the key of an object, and what its store has raised."""


def fetch(store: Store, keys: Iterable[str], reading: Reading, explain: Explain) -> Fetched:
    """Fetch objects side by side.

    Parameters
    ----------
    store : zarr store
    keys : iterable of str
    reading : Reading
    explain : callable

    Returns
    -------
    Fetched
        Fewer than were asked for, the first ones, where more would be read ahead than may be.
    """
    found = Fetched()

    def wanted() -> Iterator[str]:
        for key in keys:
            if found and _bytes_ahead() >= reading.read_ahead:
                return
            yield key

    for key, value in stream(store, wanted(), reading, explain):
        found[key] = value
    return found


def stream(
    store: Store, keys: Iterable[str], reading: Reading, explain: Explain
) -> Iterator[tuple[str, bytes | None]]:
    """Fetch objects and yield them in their order, while the next ones are on their way.

    If one of them fails, no further request of the same computation is made; neither is where
    the iterator is closed. Those on their way are given up.

    Parameters
    ----------
    store : zarr store
    keys : iterable of str
    reading : Reading
    explain : callable

    Yields
    ------
    str, bytes or None
        The key of an object, and its content; None if it does not exist.
    """
    # zarr runs its stores on an event loop of its own, and a file system of fsspec belongs to the
    # loop on which it was first used; zarr has no public way to run a coroutine on that loop.
    # Written for zarr 3.1.4 to 3.4.2.
    from zarr.core.sync import _get_loop

    loop, left, own = _get_loop(), iter(keys), reading.begin()
    failure: BaseException | None = None
    try:
        while True:
            # one at least, whatever others have read ahead
            while not own.waiting or (
                len(own.waiting) < reading.requests and _bytes_ahead() < reading.read_ahead
            ):
                key = next(left, None)
                if key is None:
                    break
                one = _get(store, key, reading.requests, own)
                own.waiting.append((key, asyncio.run_coroutine_threadsafe(one, loop)))
            if not own.waiting:
                return
            key, future = own.waiting[0]  # it stays there, to be given up with the others
            try:
                value = future.result()
            except CancelledError:
                raise own.failure or StoreError("the computation has been given up") from None
            except Exception as error:
                raise explain(key, error) from safe_cause(error)
            own.waiting.popleft()
            own.size -= 0 if value is None else len(value)
            yield key, value
    except GeneratorExit:
        raise
    except BaseException as error:  # also Ctrl-C, which does not reach the event loop
        failure = error
        raise
    finally:
        reading.end(own, failure)


async def _get(store: Store, key: str, requests: int, own: _Stream) -> bytes | None:
    async with _limit(requests):
        if own.failure is not None:
            raise asyncio.CancelledError
        value = await store.get(key, default_buffer_prototype())
    if value is None:
        return None
    own.size += len(value)
    return value.to_bytes()


_limits: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, asyncio.Semaphore]]
_limits = weakref.WeakKeyDictionary()


def _limit(requests: int) -> asyncio.Semaphore:
    """Return what bounds the requests of this process, of all computations with that limit."""
    of_loop = _limits.setdefault(asyncio.get_running_loop(), {})
    return of_loop.setdefault(requests, asyncio.Semaphore(requests))


class _WithObjects(WrapperStore[Store]):
    """A store with some objects that were already fetched."""

    def __init__(self, store: Store, objects: Mapping[str, bytes | None]) -> None:
        super().__init__(store)
        self._objects = objects

    def _with_store(self, store: Store) -> _WithObjects:
        return type(self)(store, self._objects)

    @property
    def read_only(self) -> bool:
        return True

    @property
    def _supports_sync_io(self) -> bool:
        return False  # as in CheckedStore

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        if byte_range is not None or key not in self._objects:
            return await self._store.get(key, prototype, byte_range)
        value = self._objects[key]
        return None if value is None else prototype.buffer.from_bytes(value)


def with_objects(array: zarr.Array[Any], objects: Mapping[str, bytes | None]) -> zarr.Array[Any]:
    """Return an array that uses fetched objects, and reads the rest from its store."""
    place = StorePath(_WithObjects(array.store, objects), array.store_path.path)
    return zarr.Array(zarr.AsyncArray(array.metadata, place, array.async_array.config))
