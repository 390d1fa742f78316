"""Open a URL, a path or a store object as a zarr group, or raise a clear error."""

from __future__ import annotations

import os
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar
from urllib.parse import unquote

import zarr
import zarr.abc.store
import zarr.errors
import zarr.storage

from xarray_atlas.errors import AtlasError, StoreError, StoreFormatError, StoreNotFoundError
from xarray_atlas.io.copies.completeness import find_copy
from xarray_atlas.io.zarr.addresses import (
    is_url,
    part_url,
    protocol,
    safe_cause,
    without_secrets,
)
from xarray_atlas.io.zarr.ahead import Ahead, is_remote
from xarray_atlas.io.zarr.checked_store import CheckedStore, innermost, is_refusal
from xarray_atlas.io.zarr.filesystems import (
    checked_store_of,
    filesystem_for,
    fsspec_store,
    zip_store,
)
from xarray_atlas.io.zarr.reach import host_of, is_reachable
from xarray_atlas.io.zarr.zips import find_group, is_zip_url, split_archive

__all__ = [
    "TIMEOUT",
    "StoreLike",
    "has_neighbours",
    "is_url",
    "locate",
    "open_group",
    "options_of",
    "part_root",
    "protocol",
    "read_bytes",
    "unreadable",
    "within",
]

TIMEOUT = 25.0
"""Seconds that opening waits for an answer. Reading chunks has the file system's own limits."""

CONNECTING = 2.4
"""Seconds after which a place is given up to which not even a connection can be opened."""

T = TypeVar("T")
StoreLike: TypeAlias = str | os.PathLike[str] | zarr.abc.store.Store | zarr.Group


def locate(source: Any) -> str:
    """Return the URL or absolute path of a source, for messages and for finding neighbours.

    A URL is returned without credentials: :func:`options_of` has them.
    """
    if isinstance(source, zarr.Group):
        return f"{locate(source.store)}/{source.path}".rstrip("/")
    if isinstance(source, zarr.abc.store.Store):
        store = innermost(source)
        if isinstance(store, zarr.storage.FsspecStore):
            return without_secrets(str(store.fs.unstrip_protocol(store.path))).rstrip("/")
        if isinstance(store, zarr.storage.LocalStore):
            return str(Path(store.root).absolute())
        return str(store.path if isinstance(store, zarr.storage.ZipStore) else store)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "source is a URL, a path or a zarr store, "
            f"not a {type(source).__module__}.{type(source).__name__}"
        )
    text = os.fspath(source)
    if text.startswith("file://"):
        text = text.removeprefix("file://")
        # Path.as_uri() quotes, fsspec's URLs do not
        text = text if os.path.exists(text) else unquote(text)
    if is_url(text):
        return part_url(text, None)[0].rstrip("/")
    return str(Path(text).expanduser().absolute())


def options_of(
    source: StoreLike, storage_options: Mapping[str, Any] | None = None
) -> Mapping[str, Any] | None:
    """Return the file system's options with which to read a neighbour of a source.

    With the credentials that are in the source's own URL.
    """
    if isinstance(source, str):
        return part_url(source, storage_options)[1]
    if storage_options is not None or isinstance(source, os.PathLike):
        return storage_options
    store = innermost(source.store if isinstance(source, zarr.Group) else source)
    if not isinstance(store, zarr.storage.FsspecStore):
        return None
    filesystem = getattr(store.fs, "sync_fs", store.fs)
    options = {
        k: v for k, v in filesystem.storage_options.items() if k not in ("asynchronous", "loop")
    }
    if hasattr(filesystem, "anon"):
        options["anon"] = filesystem.anon
    return part_url(str(store.path), options)[1]


def part_root(
    root: str | os.PathLike[str], storage_options: Mapping[str, Any] | None
) -> tuple[str, Mapping[str, Any] | None]:
    """Return the URL or absolute path of a root without credentials, and options that have them."""
    return locate(root), options_of(root, storage_options)


def has_neighbours(store: zarr.abc.store.Store, place: str) -> bool:
    """Return whether files next to a store have a URL or a path.

    Not for a zip file, and not in a chain of file systems, whose URL has the place of the
    store in its middle.
    """
    kinds = (zarr.storage.FsspecStore, zarr.storage.LocalStore)
    return isinstance(innermost(store), kinds) and "::" not in place


def open_group(
    source: StoreLike,
    storage_options: Mapping[str, Any] | None = None,
    *,
    ahead: Ahead | None = None,
    otherwise: Callable[[], None] | None = None,
) -> zarr.Group:
    """Open a source as a zarr group in which unreadable chunks are errors.

    Parameters
    ----------
    source : str, path, zarr store or zarr group
    storage_options : mapping, optional
        For fsspec.
    ahead : mapping of str to sequence of str, optional
        Keys that are read side by side, of a source that is remote. Whoever passes them
        calls :func:`~xarray_atlas.io.zarr.ahead.forget` when all is open.
    otherwise : callable, optional
        Called, in another thread, as soon as it is known that there is no group of zarr format 3.

    Raises
    ------
    StoreNotFoundError
        If the path, bucket or key does not exist.
    StoreFormatError
        If it is not a zarr group.
    StoreError
        If it cannot be reached, or not without permission.
    """
    store, path = _open_store(source, storage_options)
    place = locate(source)
    checked = CheckedStore(store, path or "")
    if is_remote(place):
        for first, others in (ahead or {}).items():
            checked.read_beside(_joined(path, first), [_joined(path, key) for key in others])
    try:
        return within(
            lambda: _open_group(checked, path, otherwise),
            place,
            options_of(source, storage_options),
        )
    except zarr.errors.ContainsArrayError as error:
        raise StoreFormatError(
            f"{place} is a zarr array, one level of a pyramid or part of one; "
            "pass the group that holds it (its name ends with .ome.zarr)"
        ) from error
    except FileNotFoundError as error:
        raise _absent(place, storage_options) from safe_cause(error)
    except ValueError as error:
        raise StoreFormatError(f"the zarr metadata of {place} cannot be read: {error}") from error
    except Exception as error:  # file systems raise whatever their client library raises
        raise unreadable(place, error, storage_options) from safe_cause(error)


def _open_store(
    source: StoreLike, storage_options: Mapping[str, Any] | None
) -> tuple[zarr.abc.store.Store, str | None]:
    """Open the store of a source; return it with the path of the group within it."""
    if isinstance(source, zarr.Group):
        return _open_store(source.store, storage_options)[0], source.path
    if type(source) is zarr.storage.FsspecStore:
        return checked_store_of(source), None
    if isinstance(source, zarr.abc.store.Store):
        return source, None
    place = locate(source)
    if is_url(place):
        try:
            if is_zip_url(place):
                return _open_zip_url(os.fspath(source), storage_options), None
            return fsspec_store(os.fspath(source), storage_options), None
        except AtlasError:
            raise
        except (ValueError, TypeError, ImportError) as error:
            said = without_secrets(str(error))
            raise StoreError(f"cannot open {place}: {said}") from safe_cause(error)
    archive, inside = split_archive(place)
    if os.path.isfile(archive):
        if not zipfile.is_zipfile(archive):
            raise StoreFormatError(f"{place} is a file, neither a zarr nor a zip of one")
        if not inside:
            with zipfile.ZipFile(archive) as opened:
                inside = find_group(opened.namelist(), place)
        return zarr.storage.ZipStore(archive, mode="r"), inside or None
    if not os.path.exists(place):
        raise StoreNotFoundError(f"there is nothing at {place}")
    return zarr.storage.LocalStore(place, read_only=True), None


def _open_zip_url(source: str, storage_options: Mapping[str, Any] | None) -> zarr.abc.store.Store:
    """Open a zip file at a URL, reading only parts of it."""
    place = locate(source)
    try:
        return within(
            lambda: zip_store(source, storage_options, lambda names: find_group(names, place)),
            place,
            storage_options,
        )
    except zipfile.BadZipFile as error:
        raise StoreFormatError(f"{place} is not a zip file, or one that is cut short") from error
    except (AtlasError, TypeError, ImportError):
        raise
    except ValueError as error:
        if "range requests" not in str(error):
            raise
        raise StoreError(
            f"cannot read parts of {place}: its server sends files as a whole. Download the zip "
            "file, and open the copy"
        ) from safe_cause(error)
    except Exception as error:  # file systems raise whatever their client library raises
        # that of HTTP says FileNotFoundError of whatever keeps a file from being opened
        cause = error.__cause__ or error
        if isinstance(cause, FileNotFoundError) or getattr(cause, "status", None) == 404:
            raise _absent(place, storage_options) from safe_cause(error)
        raise unreadable(place, cause, storage_options) from safe_cause(error)


def _joined(path: str | None, key: str) -> str:
    return f"{path}/{key}" if path else key


def _open_group(
    store: CheckedStore, path: str | None, otherwise: Callable[[], None] | None
) -> zarr.Group:
    refusal: Exception | None = None
    # one format after the other: a bucket that may not be listed refuses what it does not have
    for zarr_format in (3, 2):
        if zarr_format == 2 and otherwise is not None:
            otherwise()
        try:
            return zarr.open_group(store, mode="r", path=path, zarr_format=zarr_format)
        except FileNotFoundError:
            continue
        except Exception as error:
            if not is_refusal(error):
                raise
            refusal = error
    if refusal is not None:
        raise refusal
    zarr.open_array(store, mode="r", path=path or "", zarr_format=2)
    raise zarr.errors.ContainsArrayError(store, path)


def _absent(place: str, storage_options: Mapping[str, Any] | None) -> AtlasError:
    if not is_url(place) and os.path.isdir(place):
        if os.path.isdir(os.path.join(place, "atlases")):
            return StoreFormatError(
                f"{place} is a folder in BrainGlobe's layout: open an atlas of it by name, with "
                f"root={place!r}"
            )
        if os.path.isfile(os.path.join(place, "metadata.json")) and any(
            os.path.isfile(os.path.join(place, f"annotation.{end}")) for end in ("tiff", "tif")
        ):
            return StoreFormatError(
                f"{place} is an atlas that BrainGlobe packaged before version 3, a folder of TIFF "
                f"files: open it with xarray_atlas.open_atlas({place!r})"
            )
        zarrs = sorted(name for name in os.listdir(place) if name.endswith(".zarr"))
        hint = f"; it holds {', '.join(zarrs)}" if zarrs else ""
        return StoreFormatError(f"{place} is a folder, but not a zarr group{hint}")
    return StoreNotFoundError(
        f"there is no zarr group at {place}{_endpoint(storage_options)}: no such bucket or key, "
        "or what is there is no zarr"
    )


def unreadable(
    place: str, error: BaseException, storage_options: Mapping[str, Any] | None = None
) -> StoreError:
    """Explain in one sentence why something could not be read."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    reason = without_secrets(str(error)) or type(error).__name__
    place = f"{place}{_endpoint(storage_options)}"
    if isinstance(error, TimeoutError):
        return StoreError(f"cannot reach {place}: {reason}")
    if is_refusal(error) or "credential" in reason.lower():
        return StoreError(f"no permission to read {place} ({reason}){_credentials(place)}")
    if isinstance(error, AtlasError):
        return StoreError(f"cannot read {place}: {reason}")
    return StoreError(f"cannot read {place}: {type(error).__name__}: {reason}")


def _credentials(place: str) -> str:
    example = {
        "s3": "{'anon': False}",
        "http": "{'client_kwargs': {'headers': {'Authorization': '...'}}}",
    }.get(protocol(place).rstrip("as"))
    return f"; pass your credentials, for example storage_options={example}" if example else ""


def _endpoint(storage_options: Mapping[str, Any] | None) -> str:
    options = storage_options or {}
    url = options.get("endpoint_url") or options.get("client_kwargs", {}).get("endpoint_url")
    return f" (endpoint {without_secrets(str(url))})" if url else ""


def within(
    work: Callable[[], T], place: str = "", storage_options: Mapping[str, Any] | None = None
) -> T:
    """Run `work`, and raise TimeoutError if it has not returned within :data:`TIMEOUT`.

    If no connection can be opened to the place that it reads, as where there is no network, it is
    raised after :data:`CONNECTING`. A thread is left behind: a socket that never answers cannot be
    interrupted.

    Parameters
    ----------
    work : callable
    place : str
        The URL or path that it reads first; "" where it has been read from before.
    storage_options : mapping, optional
        For fsspec.
    """
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)

    began = time.monotonic()

    def wait(seconds: float) -> None:
        thread.join(max(0.0, began + min(seconds, TIMEOUT) - time.monotonic()))

    thread = threading.Thread(target=run, daemon=True, name="xarray-atlas-open")
    thread.start()
    host = host_of(place, storage_options)
    if host is not None:
        wait(CONNECTING / 8)
        if thread.is_alive() and not is_reachable(host, CONNECTING * 3 / 4):
            wait(CONNECTING)
            if thread.is_alive() and CONNECTING < TIMEOUT:
                raise TimeoutError(
                    f"no connection to {host[0]} (port {host[1]}) within {CONNECTING:g} s, as "
                    "where there is no network"
                )
    wait(TIMEOUT)
    if failure:
        raise failure[0]
    if not outcome:
        raise TimeoutError(f"no answer within {TIMEOUT:g} s")
    return outcome[0]


def read_bytes(
    source: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None
) -> bytes:
    """Read a small file from a URL or a path.

    Raises
    ------
    StoreNotFoundError
        If there is none.
    StoreError
        If it cannot be read, or is missing in a copy to which it belongs.
    """
    place = locate(source)

    def read() -> bytes:
        content: bytes = filesystem.cat_file(path)
        return content

    folder, name = os.path.split(place)
    copy = None if is_url(place) else find_copy(folder)
    try:
        # in this thread: fsspec keeps a file system, and its connections, for each
        address = os.fspath(source) if is_url(place) else place
        filesystem, path = filesystem_for(address, storage_options)
        found = within(read, place, storage_options)
    except FileNotFoundError as error:
        if copy is not None:
            copy.check(name, None)
        raise StoreNotFoundError(
            f"there is nothing at {place}{_endpoint(storage_options)}"
        ) from safe_cause(error)
    except Exception as error:  # file systems raise whatever their client library raises
        raise unreadable(place, error, storage_options) from safe_cause(error)
    if copy is not None:
        copy.check(name, len(found))
    return found
