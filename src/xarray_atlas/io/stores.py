"""From a URL, a path or a store object to an open zarr group, or a clear error."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import fsspec
import zarr
import zarr.abc.store
import zarr.storage

from xarray_atlas.errors import AtlasError, StoreError, StoreFormatError, StoreNotFoundError

__all__ = ["TIMEOUT", "is_url", "locate", "open_group", "open_store", "read_bytes", "storage_for"]

TIMEOUT = 25.0
"""Seconds that opening waits for an endpoint. Reading chunks has the file system's own limits."""

T = TypeVar("T")
Source = str | os.PathLike[str] | zarr.abc.store.Store | zarr.Group


def is_url(text: str) -> bool:
    """Tell a URL from a path (``C:\\data`` is a path)."""
    return "://" in text or "::" in text


def locate(source: Any) -> str:
    """Return the URL or absolute path of a source, for messages and for finding neighbours."""
    if isinstance(source, zarr.Group):
        return f"{locate(source.store)}/{source.path}".rstrip("/")
    if isinstance(source, zarr.storage.FsspecStore):
        return str(source.fs.unstrip_protocol(source.path))
    if isinstance(source, zarr.storage.LocalStore):
        return str(source.root)
    if isinstance(source, zarr.storage.WrapperStore):
        return locate(source._store)
    if isinstance(source, zarr.abc.store.Store):
        return str(source)
    text = os.fspath(source)
    if text.startswith("file://"):
        text = text.removeprefix("file://")
    return text.rstrip("/") if is_url(text) else str(Path(text).expanduser().absolute())


def storage_for(url: str, storage_options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the file system's options: S3 is anonymous unless something else is asked for."""
    if storage_options is None and url.startswith("s3://"):
        return {"anon": True}
    return dict(storage_options or {})


def open_store(
    source: Source, storage_options: Mapping[str, Any] | None = None
) -> zarr.abc.store.Store | zarr.Group:
    """Return something that zarr opens, read-only where we make it ourselves."""
    if isinstance(source, zarr.abc.store.Store | zarr.Group):
        return source
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "source is a URL, a path or a zarr store, "
            f"not a {type(source).__module__}.{type(source).__name__}"
        )
    place = locate(source)
    if is_url(place):
        options = storage_for(place, storage_options)
        try:
            return zarr.storage.FsspecStore.from_url(place, storage_options=options, read_only=True)
        except (ValueError, TypeError, ImportError) as error:
            raise StoreError(f"cannot open {place}: {error}") from error
    if not os.path.exists(place):
        raise StoreNotFoundError(f"there is nothing at {place}")
    if os.path.isfile(place):
        if zarr_zip(place):
            return zarr.storage.ZipStore(place, mode="r")
        raise StoreFormatError(f"{place} is a file; an OME-Zarr is a folder")
    return zarr.storage.LocalStore(place, read_only=True)


def zarr_zip(place: str) -> bool:
    """Tell whether a file is a zipped zarr."""
    return place.endswith(".zip")


def open_group(
    source: Source, storage_options: Mapping[str, Any] | None = None
) -> zarr.Group:
    """Open a source as a zarr group.

    Raises
    ------
    StoreNotFoundError
        If nothing is there: no such path, bucket or key.
    StoreFormatError
        If what is there is not a zarr group.
    StoreError
        If it cannot be reached, or not without permission.
    """
    store = open_store(source, storage_options)
    if isinstance(store, zarr.Group):
        return store
    place = locate(source)
    try:
        node = within(TIMEOUT, lambda: _open_node(store))
    except (FileNotFoundError, zarr.errors.NodeNotFoundError) as error:
        raise _absent(place, store) from error
    except AtlasError:
        raise
    except Exception as error:  # file systems raise whatever their client library raises
        raise unreadable(place, error) from error
    if isinstance(node, zarr.Array):
        raise StoreFormatError(
            f"{place} is a zarr array, one level of a pyramid or part of one; "
            "pass the group that holds it (its name ends with .ome.zarr)"
        )
    return node


def _open_node(store: zarr.abc.store.Store) -> zarr.Group | zarr.Array[Any]:
    try:
        # consolidated metadata would be one request more, for levels that are not asked for
        return zarr.open_group(store, mode="r", use_consolidated=False)
    except (FileNotFoundError, zarr.errors.ContainsArrayError):
        return zarr.open_array(store, mode="r")


def _absent(place: str, store: zarr.abc.store.Store) -> AtlasError:
    if not is_url(place) and os.path.isdir(place):
        names = sorted(os.listdir(place))
        zarrs = [name for name in names if name.endswith(".zarr")]
        hint = f"; it holds {', '.join(zarrs)}" if zarrs else ""
        return StoreFormatError(f"{place} is a folder, but not a zarr group{hint}")
    return StoreNotFoundError(
        f"there is no zarr group at {place}: no such bucket or key, or what is there is no zarr"
    )


def unreadable(place: str, error: BaseException) -> StoreError:
    """Say in one sentence why something could not be read."""
    reason = str(error) or type(error).__name__
    if isinstance(error, TimeoutError):
        return StoreError(f"cannot reach {place}: no answer within {TIMEOUT:g} s")
    if isinstance(error, PermissionError) or "credential" in reason.lower():
        return StoreError(
            f"no permission to read {place} ({reason}); pass storage_options with your "
            "credentials, for S3 for example storage_options={'anon': False}"
        )
    return StoreError(f"cannot read {place}: {type(error).__name__}: {reason}")


def within(seconds: float, work: Callable[[], T]) -> T:
    """Run `work`, and raise TimeoutError if it has not returned after so many seconds.

    The thread is left behind then: a socket that never answers cannot be interrupted.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run, daemon=True, name="xarray-atlas-open")
    thread.start()
    thread.join(seconds)
    if failure:
        raise failure[0]
    if not outcome:
        raise TimeoutError
    return outcome[0]


def read_bytes(source: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> bytes:
    """Read a small file from a URL or a path.

    Raises
    ------
    StoreNotFoundError, StoreError
    """
    place = locate(source)

    def read() -> bytes:
        filesystem, path = fsspec.url_to_fs(place, **storage_for(place, options))
        content: bytes = filesystem.cat_file(path)
        return content

    try:
        return within(TIMEOUT, read)
    except FileNotFoundError as error:
        raise StoreNotFoundError(f"there is nothing at {place}") from error
    except Exception as error:  # file systems raise whatever their client library raises
        raise unreadable(place, error) from error
