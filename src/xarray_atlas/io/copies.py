"""Copies of stores on this machine: the record of what belongs to one, and what of it is there.

To zarr an object that is absent is a chunk of zeros, and BrainGlobe does not store chunks of
zeros. So a folder alone cannot tell a chunk that was never stored from one that has not been
downloaded yet. A copy carries what tells them apart: the listing of its source, written before
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
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import quote

import platformdirs

from xarray_atlas.errors import StoreError

__all__ = [
    "RECORDS",
    "UNFINISHED",
    "Copy",
    "CopyState",
    "Object",
    "Record",
    "copy_state",
    "default_folder",
    "find_copy",
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

State = Literal["complete", "incomplete", "absent"]


class Object(NamedTuple):
    """What a listing says of an object: its ETag, or where there is none the time it is of."""

    size: int
    tag: str


@dataclass(frozen=True)
class Record:
    """What is to be there: the objects of a level, or those that belong to none.

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
        """Return it as it is stored."""
        content = {
            "format": FORMAT,
            "source": self.source,
            "levels": self.levels,
            "objects": {key: list(self.objects[key]) for key in sorted(self.objects)},
        }
        return json.dumps(content, separators=(",", ":"))


def default_folder() -> Path:
    """Return the root of the user's own copies, which need not exist.

    ``XARRAY_ATLAS_DATA``, else in the user's data directory as the platform has it.
    """
    named = os.environ.get("XARRAY_ATLAS_DATA")
    if named:
        return Path(named).expanduser().absolute()
    return platformdirs.user_data_path("xarray-atlas", appauthor=False) / "brainglobe"


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
        return Record(str(said["source"]), objects, tuple(map(str, said["levels"])))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise StoreError(
            f"{place} is damaged, so that nobody knows what belongs to the copy; "
            "xarray_atlas.download makes it anew"
        ) from error


def read_record(folder: str | os.PathLike[str], level: str | None = None) -> Record | None:
    """Read a record of a store's folder; None where there is none.

    What has been read once is kept while its file is the same.

    Raises
    ------
    StoreError
        If it cannot be read.
    """
    path = os.path.join(folder, record_name(level))
    try:
        status = os.stat(path)
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
    """Write a record, replacing what is there at once or not at all."""
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
        Whether it must be there, whole, even after the power has failed.
    """
    os.makedirs(beside, exist_ok=True)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # not tempfile's, which nobody else may read
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
    """Return a file's size; None where there is none."""
    try:
        return os.stat(path).st_size
    except (FileNotFoundError, NotADirectoryError):
        return None


@dataclass(frozen=True)
class CopyState:
    """What of a store a folder holds.

    Parameters
    ----------
    source : str
        What it was copied from.
    rest : {"complete", "incomplete"}
        The metadata of all levels, and whatever belongs to no level.
    levels : mapping of str
        For the path of each level of the store "complete", "incomplete", or "absent" where it
        was never copied.
    """

    source: str
    rest: State
    levels: Mapping[str, State]

    def has(self, *levels: str) -> bool:
        """Tell whether levels are complete, and all that they need."""
        states = (self.rest, *(self.levels.get(level, "absent") for level in levels))
        return all(state == "complete" for state in states)


def copy_state(folder: str | os.PathLike[str]) -> CopyState | None:
    """Say what of a store has been copied to a folder, without a request.

    One look at each file that belongs there; none is read.

    Parameters
    ----------
    folder : str or path
        That of the store (``.../annotations_compressed.ome.zarr``), or of anything else that
        was copied as a whole (``terminologies/<name>/<version>``).

    Returns
    -------
    CopyState or None
        None where it is no copy that this package has made.

    Raises
    ------
    StoreError
        If its records cannot be read.
    """
    rest = read_record(folder)
    if rest is None:
        return None

    def state(record: Record | None) -> State:
        if record is None:
            return "absent"
        there = all(
            size_of(os.path.join(folder, key)) == listed.size
            for key, listed in record.objects.items()
        )
        return "complete" if there else "incomplete"

    levels = {level: state(read_record(folder, level)) for level in rest.levels}
    return CopyState(rest.source, state(rest), levels)


@dataclass(frozen=True)
class Copy:
    """A copy that is read: what its records say of each key.

    Parameters
    ----------
    folder : str
        That of the store, which holds the records.
    outside : str
        What to put before the keys that are asked for, to have them from the store's folder.
    inside : str
        What to take from them, where they are asked for from further up.
    """

    folder: str
    outside: str
    inside: str

    def check(self, key: str, size: int | None) -> None:
        """Compare what was found under a key with what belongs there.

        Parameters
        ----------
        key : str
        size : int or None
            None where nothing was found; -1 to look at the file.

        Raises
        ------
        StoreError
            If it is listed and absent or of another size, or is of a level that was not copied.
        """
        if not key.startswith(self.inside):
            return
        key = self.outside + key[len(self.inside) :]
        rest = read_record(self.folder)
        if rest is None:
            raise StoreError(f"the records of the copy {self.folder} have gone ({RECORDS})")
        level = level_of(key, rest.levels)
        record = rest if level is None else read_record(self.folder, level)
        if record is None:
            raise StoreError(self._not_copied(str(level), rest.levels))
        if size == -1:
            size = size_of(os.path.join(self.folder, key))
        listed = record.objects.get(key)
        if listed is None:
            if size is None or level is None:
                return  # the source has none either: a chunk of the fill value
            raise StoreError(
                f"{key!r} is in {self.folder}, but not in what was downloaded: "
                f"{record.source} had no such chunk"
            )
        if size is None:
            raise StoreError(self._missing(key, record, level))
        if size != listed.size:
            raise StoreError(
                f"{key!r} in {self.folder} has {size} bytes, {listed.size} in {record.source}; "
                f"mend it with {self._call(level)}"
            )

    def _missing(self, key: str, record: Record, level: str | None) -> str:
        absent = sum(size_of(os.path.join(self.folder, other)) is None for other in record.objects)
        what = "" if level is None else f" of level {level!r}"
        return (
            f"{key!r} has not been downloaded yet, or was deleted: {absent} of the "
            f"{len(record.objects)} objects{what} are missing in {self.folder}; resume with "
            f"{self._call(level)}"
        )

    def _not_copied(self, level: str, levels: Iterable[str]) -> str:
        there = [repr(other) for other in levels if read_record(self.folder, other) is not None]
        return (
            f"level {level!r} was not downloaded to {self.folder} (of its levels, "
            f"{', '.join(there) or 'none'} was); copy it with {self._call(level)}"
        )

    def _call(self, level: str | None) -> str:
        """Write the call that completes the copy."""
        parents = Path(self.folder).parents
        root = f", folder={str(parents[3])!r}" if len(parents) > 3 else ""
        which = "" if level is None else f", resolution={level!r}"
        return f"xarray_atlas.download(<name of the atlas>{root}{which})"


def find_copy(root: str, path: str = "") -> Copy | None:
    """Find the copy that a group belongs to; None where the group is in none.

    Parameters
    ----------
    root : str
        The folder that keys are asked for in.
    path : str
        That of the group within it.
    """
    top = Path(os.path.abspath(root))
    group = top.joinpath(*filter(None, path.split("/")))
    for folder in (group, *group.parents):
        if os.path.exists(folder / record_name(None)):
            outside, inside = "", ""
            if folder.is_relative_to(top):
                inside = folder.relative_to(top).as_posix()
            else:
                outside = top.relative_to(folder).as_posix()
            return Copy(str(folder), *(_prefix(text) for text in (outside, inside)))
    return None


def _prefix(path: str) -> str:
    return "" if path in ("", ".") else f"{path}/"
