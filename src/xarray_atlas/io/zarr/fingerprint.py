"""A digest of a store's listing of an array's objects, from which changes can be detected."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import zarr
import zarr.storage

from xarray_atlas.io.zarr.addresses import is_http
from xarray_atlas.io.zarr.checked_store import CheckedStore
from xarray_atlas.io.zarr.stores import options_of, within

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
        None if its store cannot be listed, does not give an ETag of each
        object (a local folder has times and sizes instead), or where a file has
        been written only now.

    Notes
    -----
    Only stores that zarr itself reads from are looked at, not stores within other
    stores, such as caches: what they hand out need not be what the innermost one
    holds by now. Nor a zip file, which stays open while another one takes its name.
    """
    store = array.store
    if isinstance(store, CheckedStore):
        store = store._store
    try:
        if type(store) is zarr.storage.LocalStore:
            objects = within(lambda: sorted(_files(os.path.join(store.root, array.path))))
        elif type(store) is zarr.storage.FsspecStore:
            objects = within(lambda: sorted(_remote(store, array.path)))
        else:
            return None
    except Exception:  # file systems raise whatever their client library raises
        return None
    metadata = json.dumps(array.metadata.to_dict(), sort_keys=True, default=str)
    return hashlib.sha256(json.dumps([metadata, objects]).encode()).hexdigest()


class _Untold(Exception):
    """The store lacks the required information."""


def _files(folder: str) -> Iterator[tuple[str, ...]]:
    """Describe the files of a folder, including their names."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from ((f"{entry.name}/{name}", *rest) for name, *rest in _files(entry.path))
            else:
                yield entry.name, *_file(entry.path)


def _file(path: str) -> tuple[str, ...]:
    status = os.stat(path)
    # the time of the last change of the entry too, which copying tools do not set back
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < FRESH:
        raise _Untold
    # and which file it is: folders may be renamed and links set again without a trace in times
    which = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return tuple(map(str, which))


def _remote(store: zarr.storage.FsspecStore, path: str) -> Iterator[tuple[str, ...]]:
    """Describe the objects below a prefix of a bucket, in one listing."""
    filesystem: Any = store.fs
    # fsspec's own stores wrap another one, or do not have listings (HTTP)
    if is_http(str(store.path)) or (
        type(filesystem).__module__.startswith("fsspec.") or filesystem.storage_args
    ):
        raise _Untold
    # another instance: zarr's own runs on zarr's event loop
    listing = type(filesystem)(**(options_of(store) or {}))
    prefix = f"{store.path}/{path}".strip("/")
    listing.invalidate_cache()
    found = listing.find(prefix, detail=True)
    if not found:
        raise _Untold
    for name, about in found.items():
        tag = about.get("ETag") or about.get("etag")
        if not tag:
            raise _Untold
        yield name.removeprefix(prefix), str(tag), str(about.get("size"))
