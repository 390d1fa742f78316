"""What a store says of the objects of an array, from which a change can be told."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import zarr
import zarr.storage

from xarray_atlas.io.checked_store import CheckedStore
from xarray_atlas.io.stores import options_of

__all__ = ["fingerprint"]

FRESH = 2_000_000_000
"""Nanoseconds: the coarsest clock of a file system in use (FAT). What was written less than that
ago may be written again without a trace."""


def fingerprint(array: zarr.Array[Any]) -> str | None:
    """Return a digest of the listing of an array's objects, and of its metadata.

    Parameters
    ----------
    array : zarr.Array

    Returns
    -------
    str or None
        None where its store cannot be listed, where it does not give of each
        object an ETag, or a size and a time of modification, or where a file
        has been written only now.

    Notes
    -----
    Stores within other stores, such as caches, are not looked into: what they
    hand out need not be what the innermost one holds by now.
    """
    store = array.store
    if isinstance(store, CheckedStore):
        store = store._store
    try:
        if isinstance(store, zarr.storage.LocalStore):
            objects = sorted(_files(os.path.join(store.root, array.path)))
        elif isinstance(store, zarr.storage.ZipStore):
            objects = [_file(os.fspath(store.path))]
        elif isinstance(store, zarr.storage.FsspecStore):
            objects = sorted(_remote(store, array.path))
        else:
            return None
    except Exception:  # file systems raise whatever their client library raises
        return None
    metadata = json.dumps(array.metadata.to_dict(), sort_keys=True, default=str)
    return hashlib.sha256(json.dumps([metadata, objects]).encode()).hexdigest()


class _Untold(Exception):
    """The store does not say what would have to be known."""


def _files(folder: str) -> Iterator[tuple[str, ...]]:
    """Describe the files of a folder; what they are called is a part of it."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from ((f"{entry.name}/{name}", *rest) for name, *rest in _files(entry.path))
            else:
                yield entry.name, *_file(entry.path)


def _file(path: str) -> tuple[str, ...]:
    status = os.stat(path)
    if time.time_ns() - status.st_mtime_ns < FRESH:
        raise _Untold
    # the time of the last change of the entry, which copying tools do not set back
    return str(status.st_size), str(status.st_mtime_ns), str(status.st_ctime_ns)


def _remote(store: zarr.storage.FsspecStore, path: str) -> Iterator[tuple[str, ...]]:
    """Describe the objects below a prefix of a bucket, in one listing."""
    # fsspec's own are wrapped around something, or have no listings (HTTP)
    if type(store.fs).__module__.startswith("fsspec."):
        raise _Untold
    # another instance: zarr's own runs on zarr's event loop
    listing: Any = type(store.fs)(**(options_of(store) or {}))
    prefix = f"{store.path}/{path}".strip("/")
    listing.invalidate_cache()
    found = listing.find(prefix, detail=True)
    if not found:
        raise _Untold
    for name, about in found.items():
        tag = about.get("ETag") or about.get("etag")
        changed = next((about[k] for k in ("LastModified", "mtime", "updated") if k in about), None)
        size = about.get("size")
        if not tag and (size is None or changed is None):
            raise _Untold
        yield name.removeprefix(prefix), str(tag), str(size), "" if tag else str(changed)
