"""Region indexes on disk, written atomically and validated on reading."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.options import cache_directory

__all__ = ["load", "save"]

VERSION = 1
"""Version of the file format and of the meaning of its numbers."""

DIGEST = hashlib.sha256().digest_size
SUFFIX = ".region-index"
ABANDONED = 3600.0
"""Age in seconds after which an unfinished file is removed."""


def _path(name: str) -> Path:
    digest = hashlib.sha256(f"{VERSION} {name}".encode(errors="surrogatepass")).hexdigest()
    return cache_directory() / f"{digest[:32]}{SUFFIX}"


def load(name: str, fingerprint: str) -> LabelTable | None:
    """Read an index.

    Parameters
    ----------
    name : str
        Key of the index.
    fingerprint : str
        Its current fingerprint.

    Returns
    -------
    LabelTable or None
        None if it does not exist, has another fingerprint, or is damaged.
    """
    try:
        content = _path(name).read_bytes()
        digest, payload = content[:DIGEST], content[DIGEST:]
        if hashlib.sha256(payload).digest() != digest:
            return None
        with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            if about["fingerprint"] != fingerprint or about["name"] != name:
                return None
            return LabelTable(*(arrays[column] for column in LabelTable._fields))
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        RecursionError,
        zipfile.BadZipFile,
    ):
        return None


def save(name: str, fingerprint: str, index: LabelTable) -> None:
    """Write an index atomically.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    payload = io.BytesIO()
    about = {"name": name, "fingerprint": fingerprint}
    np.savez(payload, about=np.array(json.dumps(about)), **index._asdict())
    content = payload.getvalue()
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path.parent)
    descriptor, unfinished = tempfile.mkstemp(".unfinished", path.stem, path.parent)
    try:
        with open(descriptor, "wb") as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)
        raise


def _remove_abandoned(folder: Path) -> None:
    """Remove files of processes that were killed."""
    for path in folder.glob("*.unfinished"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED:
                path.unlink()
