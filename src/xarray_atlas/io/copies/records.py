"""The record of the objects that belong to a copy.

To zarr an object that is absent is a chunk of zeros, and BrainGlobe does not store chunks of
zeros. So a folder alone cannot tell a chunk that was never stored from one that has not been
downloaded yet. A copy carries what distinguishes them: the listing of its source, written before
any object is, in a folder of its own within the store:

- ``.xarray-atlas/objects.json``: the objects that every copy of the store has (metadata, and
  whatever belongs to no level), and the names of the levels;
- ``.xarray-atlas/levels/<path>.json``: the chunks of a level that is copied.

A level is complete if its record is there and each object in it is on disk with its size. There is
no flag that could say otherwise; and as each record is the listing of one thing, several processes
and later calls write the same into it.
"""

from __future__ import annotations

import functools
import json
import os
import stat
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import NamedTuple
from urllib.parse import quote

from xarray_atlas.errors import StoreError

__all__ = [
    "RECORDS",
    "UNFINISHED",
    "Object",
    "Record",
    "leads_out",
    "level_of",
    "parse_record",
    "read_record",
    "record_name",
    "size_of",
    "write_atomically",
    "write_record",
]

RECORDS = ".xarray-atlas"
"""The folder of the records, within that of the store."""

UNFINISHED = ".unfinished"
"""How the names of files end that are being written, all of them in :data:`RECORDS`."""

FORMAT = 1

METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")


class Object(NamedTuple):
    """An object in a listing: its ETag, or else its modification time."""

    size: int
    tag: str


@dataclass(frozen=True)
class Record:
    """The expected objects of a level, or of no level.

    Parameters
    ----------
    source : str
        The URL or path of the store they are copied from.
    objects : mapping of str to Object
        By their path within the store.
    levels : tuple of str
        The paths of all levels of the store, copied or not; in the record of what belongs to none.
    """

    source: str
    objects: Mapping[str, Object]
    levels: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return it in its stored form."""
        content = {
            "format": FORMAT,
            "source": self.source,
            "levels": self.levels,
            "objects": {key: list(self.objects[key]) for key in sorted(self.objects)},
        }
        return json.dumps(content, separators=(",", ":"))


def leads_out(path: str) -> bool:
    """Return whether a path could leave a folder, or denote another name in it.

    On any system: on Windows there are two separators, and drives.
    """
    parts = path.replace("\\", "/").split("/")
    odd = not {"", ".", ".."}.isdisjoint(parts) or "\0" in path
    return odd or bool(PureWindowsPath(path).drive)


def level_of(key: str, levels: Iterable[str]) -> str | None:
    """Return the level that a key is a chunk of; None for metadata and what else there is."""
    if key.rpartition("/")[2] in METADATA:
        return None
    inside = [level for level in levels if key.startswith(f"{level}/")]
    return max(inside, key=len, default=None)


def record_name(level: str | None) -> str:
    """Return the path of a level's record within the store; of what belongs to none for None."""
    name = "objects" if level is None else f"levels/{quote(level, safe='')}"
    return f"{RECORDS}/{name}.json"


def parse_record(content: bytes, place: str) -> Record:
    """Read a record.

    Raises
    ------
    StoreError
        If it is damaged, or of a later version of the package.
    """
    try:
        said = json.loads(content)
        if said["format"] != FORMAT:
            raise StoreError(
                f"{place} was written by another version of xarray-atlas (format "
                f"{said['format']}, not {FORMAT}): update it"
            )
        objects = {
            str(key): Object(int(size), str(tag)) for key, (size, tag) in said["objects"].items()
        }
        if any(map(leads_out, objects)):
            raise ValueError("an entry that is not the path of a file within the store")
        return Record(str(said["source"]), objects, tuple(map(str, said["levels"])))
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise StoreError(
            f"{place} is damaged, so that nobody knows what belongs to the copy; "
            "xarray_atlas.download makes it again"
        ) from error


def read_record(folder: str | os.PathLike[str], level: str | None = None) -> Record | None:
    """Read a record of a store's folder; None if it does not exist.

    The result is cached until the file changes.

    Raises
    ------
    StoreError
        If it cannot be read.
    """
    path = os.path.join(folder, record_name(level))
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # to open a FIFO is to wait for ever
            raise StoreError(f"{path} is not a file")
        return _load(path, status.st_ino, status.st_size, status.st_mtime_ns)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error}") from error


@functools.lru_cache(maxsize=64)
def _load(path: str, *which: int) -> Record:
    return parse_record(Path(path).read_bytes(), path)


def write_record(folder: str | os.PathLike[str], level: str | None, record: Record) -> None:
    """Write a record, replacing an existing one atomically."""
    write_atomically(
        os.path.join(folder, record_name(level)),
        record.to_json().encode(),
        os.path.join(folder, RECORDS),
        keep=True,
    )


def write_atomically(path: str, content: bytes, beside: str, keep: bool = False) -> None:
    """Write a file that is never seen in part.

    Parameters
    ----------
    path : str
    content : bytes
    beside : str
        The folder, on the same file system, in which it is written before it gets its name.
    keep : bool
        Whether it must be complete even after a power failure.
    """
    os.makedirs(beside, exist_ok=True)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # not tempfile's, which other users cannot read
    unfinished = os.path.join(beside, f"{uuid.uuid4().hex}{UNFINISHED}")
    try:
        with open(unfinished, "xb") as file:
            file.write(content)
            if keep:
                file.flush()
                os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        if os.path.lexists(unfinished):
            os.unlink(unfinished)
        raise


def size_of(path: str | os.PathLike[str]) -> int | None:
    """Return a file's size; None if it does not exist or is a broken link."""
    try:
        return os.stat(path).st_size
    except OSError:
        return None
