"""File systems of fsspec for addresses: options, and operations other than reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fsspec
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from zarr.storage import FsspecStore

from xarray_atlas.io.zarr.addresses import is_http, part_url, protocol
from xarray_atlas.io.zarr.s3_client import check_listings, is_s3
from xarray_atlas.options import OPTIONS

__all__ = [
    "checked_store_of",
    "filesystem_for",
    "find_objects",
    "fsspec_store",
    "storage_for",
    "zip_store",
]

SAYS_WHO = {"anon", "key", "secret", "token", "username", "password", "profile", "session"}
"""The options of s3fs with credentials."""


def storage_for(url: str, storage_options: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the file system's options: S3 is anonymous unless they have credentials."""
    options = dict(storage_options or {})
    if "::s3://" in url:  # a chain of file systems has the options of each by its name
        options["s3"] = storage_for("s3://", options.get("s3"))
    elif protocol(url) in ("s3", "s3a"):
        if not SAYS_WHO & options.keys():
            options["anon"] = True
        # else s3fs asks for the size of each object before it reads it: twice the requests,
        # and a listing for each chunk that is not stored
        options.setdefault("max_concurrency", 1)
        # else no more than 10 requests are in flight
        pool = {"max_pool_connections": max(OPTIONS["requests"], 10)}
        options["config_kwargs"] = pool | dict(options.get("config_kwargs") or {})
    return options


def filesystem_for(
    url: str, storage_options: Mapping[str, Any] | None, **more: Any
) -> tuple[Any, str]:
    """Return the file system of a URL or a path, and the path in it.

    Parameters
    ----------
    url : str
        With credentials or without.
    storage_options : mapping, optional
    **more
        Further options, such as ``asynchronous``.

    Raises
    ------
    ValueError, TypeError, ImportError
        Of fsspec, for a protocol or an option that it does not know.
    """
    url, parted = part_url(url, storage_options)
    options = {**storage_for(url, parted), **more}
    if is_http(url):
        return _http(options), url
    filesystem, path = fsspec.url_to_fs(url, **options)
    return filesystem, str(path)


def _http(options: Mapping[str, Any]) -> Any:
    from xarray_atlas.io.zarr.http_client import CheckedHTTPFileSystem

    return CheckedHTTPFileSystem(**options)


def fsspec_store(url: str, storage_options: Mapping[str, Any] | None) -> FsspecStore:
    """Return the zarr store of a URL.

    Raises
    ------
    ValueError, TypeError, ImportError
        As :func:`filesystem_for`.
    """
    if is_http(url):
        filesystem, path = filesystem_for(url, storage_options, asynchronous=True)
        return FsspecStore(filesystem, path=path, read_only=True)
    if "::" in url:
        # the inner file system of a chain runs on fsspec's event loop, not on zarr's
        filesystem, path = filesystem_for(url, storage_options)
        outer = AsyncFileSystemWrapper(filesystem, asynchronous=True)
        return FsspecStore(outer, path=path, read_only=True)
    url, parted = part_url(url, storage_options)
    return FsspecStore.from_url(url, storage_options=storage_for(url, parted), read_only=True)


def zip_store(
    url: str,
    storage_options: Mapping[str, Any] | None,
    find_group: Callable[[Sequence[str]], str],
) -> FsspecStore:
    """Return the zarr store in a zip file behind a URL; reads the list of its files.

    Parameters
    ----------
    url : str
        Of the zip file, or a chain ``zip://<path>::<url>``.
    storage_options : mapping, optional
        Of what the zip file is read from; of a chain those of each by its name.
    find_group : callable
        Chooses the path of the group from those of all files, where the chain says none.
    """
    url, options = part_url(url, storage_options)
    if "::" not in url:
        options, url = {protocol(url): storage_for(url, options)}, f"zip://::{url}"
    filesystem, path = fsspec.url_to_fs(url, **storage_for(url, options))
    path = str(path) if str(path).strip("/") else find_group(filesystem.find(""))
    # it runs on fsspec's event loop, not on zarr's
    outer = AsyncFileSystemWrapper(filesystem, asynchronous=True)
    return FsspecStore(outer, path=path, read_only=True)


def checked_store_of(store: FsspecStore) -> FsspecStore:
    """Return a store that reads what another one does, over HTTP with answers that are checked."""
    filesystem = getattr(store.fs, "sync_fs", store.fs)
    if f"{type(filesystem).__module__}" != "fsspec.implementations.http":
        return store
    options = {k: v for k, v in filesystem.storage_options.items() if k not in _OWN}
    return fsspec_store(str(store.path), options)


_OWN = ("asynchronous", "loop")
"""Options of an instance that are not those of another one."""


def find_objects(filesystem: Any, path: str, detail: bool = False) -> Any:
    """List all objects below a path, bypassing the cache of listings, like fsspec's ``find``.

    Listing S3 takes several responses. The S3 client takes an invalid one (empty, or the page of a
    proxy with status 200) for the last one, and would omit the remaining objects silently. Here
    it raises an OSError.
    """
    filesystem.invalidate_cache()
    if is_s3(filesystem):
        check_listings(filesystem, _check_listing)
    if is_http(path):  # otherwise entries that cannot be listed are silently skipped
        return filesystem.find(path, detail=detail, on_error="raise")
    return filesystem.find(path, detail=detail)


def _check_listing(parsed: Mapping[str, Any], **about: Any) -> None:
    succeeded = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode") == 200
    if succeeded and "IsTruncated" not in parsed:
        raise OSError("the answer of the server is not a listing")
