"""A store to copy from: listing, retries, and validation of responses."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from xarray_atlas.errors import AtlasError, StoreError
from xarray_atlas.io.copies.checksums import is_md5, md5_of
from xarray_atlas.io.copies.records import Object, leads_out
from xarray_atlas.io.zarr.addresses import part_url, protocol, safe_cause, without_secrets
from xarray_atlas.io.zarr.checked_store import is_refusal
from xarray_atlas.io.zarr.filesystems import filesystem_for, find_objects
from xarray_atlas.io.zarr.s3_client import is_encrypted, is_s3
from xarray_atlas.io.zarr.stores import unreadable

__all__ = [
    "ATTEMPTS",
    "PATIENCE",
    "PAUSE",
    "Source",
    "connect",
    "patiently",
    "patiently_async",
]

ATTEMPTS = 6
"""Maximum number of attempts if the store is busy or the connection fails."""

PATIENCE = 60.0
"""Seconds after the first attempt at which no further one begins. S3 gives up on an attempt after
15 s of silence, so that an object that does not come is an error within 75 s."""

PAUSE = 1.0
"""Seconds that the first pause has at most; each further one twice as many."""

BUSY = (408, 429, 500, 502, 503, 504)
"""The HTTP statuses after which it is worth asking again."""

CLIENTS = ("aiohttp", "aiobotocore", "botocore", "urllib3")
"""Packages; their exceptions without an HTTP status mean that the connection failed."""

FINAL = (FileNotFoundError, NotADirectoryError, IsADirectoryError, AtlasError)
"""Errors of file systems and of this package that would recur on a new attempt."""

TAGS = ("ETag", "etag", "mtime", "LastModified", "created")
"""Names in file systems of the property that changes with an object."""

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """A root of BrainGlobe's layout to copy from.

    Parameters
    ----------
    url : str
        Or path.
    filesystem : fsspec file system
    path : str
        Path of the root in the file system.
    """

    url: str
    filesystem: Any
    path: str

    def listing(self, folder: str) -> dict[str, Object]:
        """List the objects below a folder by their path within it; empty if it does not exist.

        Raises
        ------
        StoreError
            If it cannot be listed.
        """
        place = f"{self.url}/{folder}"

        try:
            found = patiently(
                lambda: find_objects(self.filesystem, f"{self.path}/{folder}", detail=True)
            )
        except FileNotFoundError:
            return {}
        except Exception as error:  # file systems raise whatever their client library raises
            if is_refusal(error):
                raise StoreError(
                    f"no permission to list {place}: what is not listed may be absent or "
                    "incomplete, and a copy that may be incomplete is not made. Pass "
                    "storage_options of somebody who may list it, or another root"
                ) from safe_cause(error)
            raise unreadable(place, error) from safe_cause(error)
        prefix = f"{self.path}/{folder}/"
        objects = {}
        for name, about in found.items():
            key = str(name).removeprefix(prefix)
            if name == prefix[:-1] or not key or key.endswith("/"):
                continue  # folders, as some tools put them into buckets
            if key == name:
                raise StoreError(f"{place} is listed as if it held {name!r}, which lies elsewhere")
            if leads_out(key):
                raise StoreError(f"{place} holds {key!r}, which is not a path of a file within it")
            if not isinstance(about.get("size"), int):
                raise StoreError(f"{place} lists {key!r} without its size: it cannot be verified")
            tags = (about[name] for name in TAGS if about.get(name))
            objects[key] = Object(about["size"], str(next(tags, "")).strip('"'))
        return objects

    def read(self, path: str, expected: Object | None = None) -> bytes:
        """Read a whole object, again if it differs from its listing."""

        def attempt() -> bytes:
            content: bytes = self.filesystem.cat_file(f"{self.path}/{path}")
            if expected is not None:
                self.verify(path, content, expected)
            return content

        return patiently(attempt)

    @property
    def is_async(self) -> bool:
        """Return whether objects can be read with :meth:`read_once`."""
        return bool(self.filesystem.async_impl)

    async def read_once(self, path: str) -> bytes:
        """Read an object whole, on fsspec's event loop."""
        content: bytes = await self.filesystem._cat_file(f"{self.path}/{path}")
        return content

    def verify(self, path: str, content: bytes, expected: Object) -> None:
        """Raise an OSError for content that differs from its listing; not on an event loop."""
        if len(content) != expected.size:
            raise _Damaged(f"{len(content)} bytes came, and {expected.size} are listed")
        # S3's ETag of an object that it encrypts with a key is not an MD5
        if _is_other(content, expected) and not (
            is_s3(self.filesystem) and is_encrypted(self.filesystem, f"{self.path}/{path}")
        ):
            raise _Damaged("its MD5 is not the one that is listed")


class _Damaged(OSError):
    """An object differs from its listing."""


def connect(root: str, storage_options: Mapping[str, Any] | None) -> Source:
    """Return the source that is at the URL or path of a root.

    The retries of the clients are turned off, since they would multiply with those here.
    """
    url, parted = part_url(root, storage_options)
    options = dict(parted or {})
    if protocol(url) in ("s3", "s3a"):
        ours = {"retries": {"total_max_attempts": 1}}
        options["config_kwargs"] = {**ours, **options.get("config_kwargs", {})}
    try:
        filesystem, path = filesystem_for(url, options)
    except (ValueError, TypeError, ImportError) as error:
        said = without_secrets(str(error))
        raise StoreError(f"cannot open {url}: {said}") from safe_cause(error)
    if protocol(url) in ("s3", "s3a"):
        filesystem.retries = 1  # of an instance that nobody else has: the options are its own
    return Source(url, filesystem, path.rstrip("/"))


def patiently(work: Callable[[], T]) -> T:
    """Call again what failed because the store was busy or the connection broke.

    With pauses that double, of a random length; at most :data:`ATTEMPTS` times, and not after
    :data:`PATIENCE`. The last error is raised; so is at once one that would come again.
    """
    began = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return work()
        except Exception as error:
            pause = _pause(error, attempt, began)
            if pause is None:
                raise
            time.sleep(pause)
    raise AssertionError("not reached")


async def patiently_async(work: Callable[[], Awaitable[T]]) -> T:
    """Retry a coroutine like :func:`patiently`; a pause ends when its task is cancelled."""
    began = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await work()
        except Exception as error:
            pause = _pause(error, attempt, began)
            if pause is None:
                raise
        await asyncio.sleep(pause)
    raise AssertionError("not reached")


def _pause(error: Exception, attempt: int, began: float) -> float | None:
    """Return the seconds before the next attempt; None after the last."""
    pause = random.uniform(0.5, 1) * PAUSE * 2 ** (attempt - 1)
    late = time.monotonic() - began + pause > PATIENCE
    return None if not _may_pass(error) or attempt == ATTEMPTS or late else pause


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, TimeoutError):
        return True
    if isinstance(error, FINAL) or is_refusal(error):
        return False
    status = _status(error)
    if status is not None:
        return status in BUSY
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in CLIENTS


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an error comes from; s3fs has it in the cause."""
    for each in (error, error.__cause__):
        status = getattr(each, "status", None)
        if status is None:
            response = getattr(each, "response", None)
            about = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
            status = about.get("HTTPStatusCode")
        if isinstance(status, int):
            return status
    return None


def _is_other(content: bytes, listed: Object) -> bool:
    return is_md5(listed.tag) and md5_of(content) != listed.tag
