"""Local copies of stores: their location, their state, and reading them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from xarray_atlas.errors import StoreError
from xarray_atlas.io.copies.checksums import CHECKSUMS
from xarray_atlas.io.copies.records import (
    RECORDS,
    Record,
    level_of,
    parse_record,
    read_record,
    record_name,
    size_of,
)

__all__ = [
    "Copy",
    "CopyState",
    "copy_state",
    "default_folder",
    "find_copy",
    "find_zipped_copy",
]

KINDS = ("annotation-sets", "atlases", "coordinate-spaces", "templates", "terminologies")
"""The folders of the layout, directly below its root."""

COMPONENTS = {"annotations.ome.zarr": "masks", "annotations.precomputed": "meshes"}
"""Components that are copied only if requested by that name."""

CopyStatus = Literal["complete", "incomplete", "absent"]


def default_folder() -> Path:
    """Return the root of the user's own copies, which need not exist.

    ``XARRAY_ATLAS_DATA``, else a folder in the platform's data directory for the user.
    """
    named = os.environ.get("XARRAY_ATLAS_DATA")
    if named:
        return Path(named).expanduser().absolute()
    return platformdirs.user_data_path("xarray-atlas", appauthor=False) / "brainglobe"


@dataclass(frozen=True)
class CopyState:
    """The parts of a store that a folder has.

    Parameters
    ----------
    source : str
        The source of the copy.
    rest : {"complete", "incomplete"}
        The metadata of all levels, and whatever belongs to no level.
    levels : mapping of str
        For the path of each level of the store "complete", "incomplete", or "absent" where it
        was never copied.
    """

    source: str
    rest: CopyStatus
    levels: Mapping[str, CopyStatus]

    def has(self, *levels: str) -> bool:
        """Return whether levels are complete, and all that they need."""
        states = (self.rest, *(self.levels.get(level, "absent") for level in levels))
        return all(state == "complete" for state in states)


def copy_state(folder: str | os.PathLike[str]) -> CopyState | None:
    """Return which parts of a store were copied to a folder, without a request.

    Checks that each listed file exists, without reading it.

    Parameters
    ----------
    folder : str or path
        That of the store (``.../annotations_compressed.ome.zarr``), or of anything else that
        was copied as a whole (``terminologies/<name>/<version>``).

    Returns
    -------
    CopyState or None
        None if it is not a copy that this package has made.

    Raises
    ------
    StoreError
        If its records cannot be read.
    """
    rest = read_record(folder)
    if rest is None:
        return None

    def state(record: Record | None) -> CopyStatus:
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
    """A copy that is being read: its records for each key.

    Parameters
    ----------
    folder : str
        That of the store, which holds the records.
    outside : str
        Prefix of requested keys that makes them relative to the store's folder.
    inside : str
        Prefix to remove from them, if they are requested from a parent folder.
    """

    folder: str
    outside: str
    inside: str

    def check(self, key: str, size: int | None) -> None:
        """Compare an object with its record.

        Parameters
        ----------
        key : str
        size : int or None
            None if nothing was found; -1 to look at the file.

        Raises
        ------
        StoreError
            If it is listed and absent or of another size, or is of a level that was not copied.
        """
        if not key.startswith(self.inside):
            return
        key = self.outside + key[len(self.inside) :]
        rest = self._record(None)
        if rest is None:
            raise StoreError(f"the records of the copy {self.folder} have gone ({RECORDS})")
        level = level_of(key, rest.levels)
        record = rest if level is None else self._record(level)
        if record is None:
            raise StoreError(self._not_copied(str(level), rest.levels))
        if size == -1:
            size = self._size(key)
        listed = record.objects.get(key)
        if listed is None:
            if size is None or level is None:
                return  # missing in the source too: a chunk of the fill value
            raise StoreError(
                f"{key!r} is in {self.folder}, but not in what was downloaded: "
                f"{record.source} had no such chunk"
            )
        if size is None:
            raise StoreError(self._missing(key, record, level))
        if size != listed.size:
            raise StoreError(
                f"{key!r} in {self.folder} has {size} bytes, {listed.size} in {record.source}; "
                f"repair it with {self.call(level)}"
            )

    def _record(self, level: str | None) -> Record | None:
        return read_record(self.folder, level)

    def _size(self, key: str) -> int | None:
        return size_of(os.path.join(self.folder, key))

    def _missing(self, key: str, record: Record, level: str | None) -> str:
        absent = sum(self._size(other) is None for other in record.objects)
        what = "" if level is None else f" of level {level!r}"
        return (
            f"{key!r} has not been downloaded yet, or was deleted: {absent} of the "
            f"{len(record.objects)} objects{what} are missing in {self.folder}; resume with "
            f"{self.call(level)}"
        )

    def _not_copied(self, level: str, levels: Iterable[str]) -> str:
        there = [repr(other) for other in levels if self._record(other) is not None]
        return (
            f"level {level!r} was not downloaded to {self.folder} (of its levels, "
            f"{', '.join(there) or 'none'} was); copy it with {self.call(level)}"
        )

    def call(self, level: str | None, verify: bool = False) -> str:
        """Write the call that completes the copy, or verifies it."""
        above = [each for each in Path(self.folder).parents if each.name in KINDS]
        where = ""
        if above:
            folder = above[0].parent
            where = f", folder={str(folder)!r}"
            rest = self._record(None)
            tail = "/" + Path(self.folder).relative_to(folder).as_posix()
            if rest is not None and rest.source.endswith(tail):
                where += f", root={rest.source.removesuffix(tail)!r}"
        component = COMPONENTS.get(Path(self.folder).name)
        include = "" if component is None else f", include={component!r}"
        which = "" if level is None else f", resolution={level!r}"
        if above and above[0].name == "templates":
            # a reference is fetched by its name only, and its levels may be called otherwise
            # than those of the annotation, by which they are chosen
            include = ", include=<'template', or the name of the reference>"
            which = "" if level is None else f", resolution=<the voxel size of level {level!r}>"
        more = ", verify=True" if verify else ""
        return f"xarray_atlas.download(<name of the atlas>{where}{include}{which}{more})"


@dataclass(frozen=True)
class ZippedCopy(Copy):
    """A copy in a zip file at `folder`, read as it was when it was opened."""

    sizes: Mapping[str, int]
    records: Mapping[str, Record]

    def _record(self, level: str | None) -> Record | None:
        return self.records.get(self.inside + record_name(level))

    def _size(self, key: str) -> int | None:
        return self.sizes.get(self.inside + key)


def find_zipped_copy(archive: str, path: str = "") -> Copy | None:
    """Find the copy that contains a group in a zip file; None if it is not a copy."""
    inside = _prefix(path.strip("/"))
    if not zipfile.is_zipfile(archive):
        return None  # or not one yet
    with zipfile.ZipFile(archive) as opened:
        sizes = {each.filename: each.file_size for each in opened.infolist()}
        records = {
            name: parse_record(opened.read(name), f"{archive}/{name}")
            for name in sizes
            if name.startswith(f"{inside}{RECORDS}/")
            and name.endswith(".json")
            and name != f"{inside}{CHECKSUMS}"
        }
    return ZippedCopy(archive, "", inside, sizes, records) if records else None


def find_copy(root: str, path: str = "") -> Copy | None:
    """Find the copy to which a group belongs; None if it is not part of one.

    Parameters
    ----------
    root : str
        The folder to which requested keys are relative.
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
