"""Requests to S3 beyond those of fsspec: everything that depends on the internals of s3fs.

s3fs hands on neither how an object is encrypted nor the answers that a listing is made of. What
is used for these is undocumented, and this is for s3fs 2025.9 to 2026.9: ``call_s3``, which sends
one request, ``s3`` and ``get_s3``, the client of aiobotocore (its events are documented, as
botocore's). s3fs would have to give the encryption in ``info``, and to raise where a response is
not a listing, or another range than the requested one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from xarray_atlas.io.zarr.answers import check_range, check_size

__all__ = ["check_listings", "check_objects", "is_encrypted", "is_s3"]

LISTINGS = ("ListObjectsV2", "ListObjectVersions")

ASKED = "xarray-atlas-range"
"""The range of a request, in what botocore keeps from its events before to those after a call."""


def is_s3(filesystem: Any) -> bool:
    """Return whether a file system of fsspec is that of S3, without importing s3fs."""
    return hasattr(filesystem, "call_s3")


def is_encrypted(filesystem: Any, path: str) -> bool:
    """Return whether S3 encrypts an object with a key, so that its ETag is not an MD5."""
    bucket, key, _ = filesystem.split_path(path)
    head: Mapping[str, Any] = filesystem.call_s3("head_object", Bucket=bucket, Key=key)
    return "kms" in head.get("ServerSideEncryption", "") or "SSECustomerAlgorithm" in head


def check_listings(filesystem: Any, check: Callable[..., None]) -> None:
    """Validate every response to a listing request, once, however often this is called.

    Parameters
    ----------
    filesystem : s3fs.S3FileSystem
    check : callable
        Takes the answer as `parsed`, and other keywords. What it raises is raised by ``find``.
    """
    for operation in LISTINGS:
        filesystem.s3.meta.events.register(
            f"after-call.s3.{operation}", check, unique_id=f"xarray-atlas-{operation}"
        )


async def check_objects(filesystem: Any, path: str) -> None:
    """Compare the range and size of every received object with the request.

    Once for each client, however often this is called.

    Parameters
    ----------
    filesystem : s3fs.S3FileSystem
        An asynchronous one.
    path : str
        In the bucket that is read from.
    """
    # s3fs of before 2026 makes a client for each of several requests that are the first together
    async with vars(filesystem).setdefault("_xarray_atlas_lock", asyncio.Lock()):
        await filesystem.set_session()
    client = await filesystem.get_s3(path.strip("/").partition("/")[0])
    events = client.meta.events
    name = "xarray-atlas-objects"
    events.register("before-call.s3.GetObject", _before, unique_id=f"{name}-before")
    events.register("after-call.s3.GetObject", _after, unique_id=f"{name}-after")


def _before(params: Mapping[str, Any], context: dict[str, Any], **about: Any) -> None:
    context[ASKED] = params["headers"].get("Range")


def _after(parsed: Mapping[str, Any], context: Mapping[str, Any], **about: Any) -> None:
    status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status not in (200, 206):
        return  # an error, which the client raises
    asked = context.get(ASKED)
    if asked is None:
        check_size(parsed.get("ContentLength"))
    elif status == 200:
        raise OSError(f"asked for {asked}, and the server answered with the whole object")
    else:
        check_range(asked, parsed.get("ContentRange"), parsed.get("ContentLength"))
