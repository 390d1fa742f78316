"""Concurrent requests of opening: data that is needed later is requested early.

Over a network opening takes as long as the requests that wait for one another. Two things are
begun before it is their turn: work on other stores, in threads (:func:`begin`), and keys of the
same store that are probably read next (:data:`Ahead`). Whoever comes to them later has the result,
or the error that it would have had. A guess that was wrong is one answer that nobody looks at.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeAlias, TypeVar

import zarr

from xarray_atlas.coords.units import parse_length
from xarray_atlas.errors import UnitsError
from xarray_atlas.io.zarr.addresses import is_url, protocol
from xarray_atlas.io.zarr.checked_store import CheckedStore

__all__ = [
    "GROUP",
    "Ahead",
    "begin",
    "forget",
    "is_remote",
    "level_keys",
    "likely_levels",
    "read_ahead",
]

T = TypeVar("T")

Ahead: TypeAlias = Mapping[str, Sequence[str]]
"""Keys of a group that are read as soon as another one is, by that other one."""

LOCAL = ("file", "local", "memory")

NAMES = ("0", "1", "2")
"""Likely names of a level requested by voxel size, before the metadata are known."""

GROUP = (".zgroup", ".zattrs", ".zmetadata")
"""The keys that zarr reads for a group of format 2."""

NODE = (".zarray", ".zattrs", ".zgroup")
"""The keys that zarr reads for a member of such a group."""


def is_remote(place: str) -> bool:
    """Return whether reading a URL or a path takes round trips; of a chain that is not known."""
    return is_url(place) and "::" not in place and protocol(place) not in LOCAL


def begin(work: Callable[[], T], place: str) -> Callable[[], T]:
    """Begin to read something remote in a thread; return what waits for it.

    What is on this machine is read when it is asked for.

    Parameters
    ----------
    work : callable
    place : str
        The URL or path that it reads.

    Returns
    -------
    callable
        Returns the result of `work`, or raises its exception.
    """
    if not is_remote(place):
        return work
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    # a daemon thread does not delay the exit of Python
    threading.Thread(target=run, daemon=True, name="xarray-atlas-begin").start()
    return future.result


def level_keys(paths: Iterable[str], zarr_format: int) -> list[str]:
    """Return the keys of the metadata of levels.

    Examples
    --------
    >>> level_keys(["0"], 2)
    ['0/.zarray', '0/.zattrs', '0/.zgroup']
    """
    names = NODE if zarr_format == 2 else ("zarr.json",)
    return [f"{path}/{name}" for path in paths for name in names]


def likely_levels(resolution: Any, several: bool = False) -> tuple[str, ...]:
    """Guess the paths of the levels that will be opened, before the metadata are known.

    Parameters
    ----------
    resolution : str, quantity or int, optional
        Same as in :meth:`Multiscale.select`.
    several : bool, default: False
        Whether all levels are opened.
    """
    if several:
        return NAMES
    if resolution is None:
        return NAMES[:1]
    if isinstance(resolution, int):
        return (str(resolution),)
    if not isinstance(resolution, str):
        return NAMES
    try:
        parse_length(resolution)
    except UnitsError:
        return (resolution,)
    return NAMES


def read_ahead(group: zarr.Group, place: str, paths: Iterable[str]) -> None:
    """Begin to read the metadata of levels that will be opened.

    Parameters
    ----------
    group : zarr.Group
        As :func:`~xarray_atlas.io.zarr.stores.open_group` opens it.
    place : str
        Its path or URL.
    paths : iterable of str
        Of the levels within it.
    """
    store = group.store
    consolidated = group.metadata.consolidated_metadata is not None  # then all metadata are known
    if consolidated or not is_remote(place) or not isinstance(store, CheckedStore):
        return
    for path in paths:
        inside = f"{group.path}/{path}".strip("/")
        store.keep(level_keys([inside], group.metadata.zarr_format))
        begin(partial(group.get, path), place)


def forget(group: zarr.Group) -> None:
    """Drop data of a group's store that were read ahead; the next reader requests them again."""
    if isinstance(group.store, CheckedStore):
        group.store.forget()
