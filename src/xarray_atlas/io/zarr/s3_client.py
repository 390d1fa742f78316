"""What is asked of S3 beyond what fsspec has: all that depends on the inside of s3fs.

s3fs hands on neither how an object is encrypted nor the answers that a listing is made of. What
is used for these is undocumented, and this is for s3fs 2025.9 to 2026.9: ``call_s3``, which sends
one request, and ``s3``, the client of aiobotocore (whose events are documented, as botocore's).
s3fs would have to give the encryption in ``info``, and to raise where an answer is no listing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["check_listings", "is_encrypted", "is_s3"]

LISTINGS = ("ListObjectsV2", "ListObjectVersions")


def is_s3(filesystem: Any) -> bool:
    """Tell whether a file system of fsspec is that of S3, without importing s3fs."""
    return hasattr(filesystem, "call_s3")


def is_encrypted(filesystem: Any, path: str) -> bool:
    """Tell whether S3 encrypts an object with a key, so that its ETag is no MD5."""
    bucket, key, _ = filesystem.split_path(path)
    head: Mapping[str, Any] = filesystem.call_s3("head_object", Bucket=bucket, Key=key)
    return "kms" in head.get("ServerSideEncryption", "") or "SSECustomerAlgorithm" in head


def check_listings(filesystem: Any, check: Callable[..., None]) -> None:
    """Have every answer to a request for a listing checked, once, however often this is called.

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
