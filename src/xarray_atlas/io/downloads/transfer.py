"""Copy objects to this machine: in parallel, atomically, and resumably."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xarray_atlas.errors import StoreError
from xarray_atlas.io.copies.checksums import (
    CHECKSUMS,
    expected_md5,
    is_md5,
    md5_of,
    md5_of_file,
    parse_checksums,
    read_checksums,
    write_checksums,
)
from xarray_atlas.io.copies.records import (
    RECORDS,
    UNFINISHED,
    Object,
    Record,
    level_of,
    parse_record,
    read_record,
    record_name,
    size_of,
    write_atomically,
    write_record,
)
from xarray_atlas.io.downloads.in_flight import RESUME, Wanted, fetch_together
from xarray_atlas.io.downloads.remote import Source

__all__ = ["Piece", "Task", "fetch", "plan"]

ABANDONED = 3600.0
"""Seconds after which a file that was never finished is removed."""

ROUNDS = 3
"""Number of checks for completeness: a process that began at the same moment may have
removed a file that another one replaced."""


@dataclass(frozen=True)
class Piece:
    """A folder to copy: a store, a part of it, or other files.

    Parameters
    ----------
    path : str
        Below the root, the same in the source and in the copy.
    levels : tuple of str
        The paths of all levels of the store.
    chosen : tuple of str
        Levels with chunks to copy. Objects that belong to no level are always copied.
    """

    path: str
    levels: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """The objects that a folder lacks.

    Parameters
    ----------
    path : str
        Of the piece, below the root.
    folder : str
        The target folder.
    objects : mapping of str to Object
        All that belong there.
    lacking : sequence of str
        Those that are to be fetched.
    former : mapping of str to str
        The MD5 of existing files that are fetched again during verification.
    """

    path: str
    folder: str
    objects: Mapping[str, Object]
    lacking: Sequence[str]
    former: Mapping[str, str]


def plan(
    source: Source,
    piece: Piece,
    objects: Mapping[str, Object],
    root: str,
    verify: bool = False,
) -> Task:
    """Record the objects of a copy, and return those it lacks.

    Parameters
    ----------
    source, piece
    objects : mapping of str to Object
        The listing of the piece.
    root : str
        Of the copy.
    verify : bool, default: False
        Whether to read existing files, and treat those as missing whose MD5 has changed since
        the download or is unknown.

    Raises
    ------
    StoreError
        If the source is itself a copy that lacks what is to be copied; or the folder cannot be
        written to.
    """
    folder = os.path.join(root, *piece.path.split("/"))
    parts = {part: _part(source, piece, objects, part) for part in (None, *piece.chosen)}
    lacking: list[str] = []
    former: dict[str, str] = {}
    try:
        _remove_abandoned(os.path.join(folder, RECORDS))
        # those of the levels that have changed since they were copied, before the metadata do
        _forget(folder, piece, objects, parts[None])
        # that of what belongs to no level first: it makes the folder a copy
        for level, record in parts.items():
            before = _settle(folder, level, record)
            lacking += _lacking(folder, record.objects, before)
        belonging = {key: each for record in parts.values() for key, each in record.objects.items()}
        if verify:
            former = _doubtful(folder, belonging, set(lacking))
    except StoreError:
        raise
    except OSError as error:
        raise _unwritable(folder, error) from error
    return Task(piece.path, folder, belonging, [*lacking, *former], former)


def _part(source: Source, piece: Piece, objects: Mapping[str, Object], part: str | None) -> Record:
    """Return the record of a level, or of the files outside all levels."""
    place = f"{source.url}/{piece.path}"
    levels = piece.levels if part is None else ()
    if record_name(None) not in objects:
        own = {
            key: each
            for key, each in objects.items()
            if level_of(key, piece.levels) == part and not key.startswith(f"{RECORDS}/")
        }
        return Record(place, own, levels)
    # a copy is copied: what belongs to it is in its records, be it there or not
    name = record_name(part)
    if name not in objects:
        raise StoreError(
            f"{place} is itself a copy, to which level {part!r} was not downloaded; take "
            "another root"
        )
    record = parse_record(source.read(f"{piece.path}/{name}"), f"{place}/{name}")
    for key, listed in record.objects.items():
        if key not in objects or objects[key].size != listed.size:
            raise StoreError(
                f"{place} is itself a copy that is not complete: {key!r} is missing; complete it "
                "first, or take another root"
            )
    known = {}
    if CHECKSUMS in objects:
        known = parse_checksums(source.read(f"{piece.path}/{CHECKSUMS}"))
    # a file of a copy has an MD5 only there: what its own source said of it need not be one
    own = {
        key: Object(each.size, expected_md5(key, each, known) or each.tag)
        for key, each in record.objects.items()
    }
    return Record(place, own, levels)


def _forget(folder: str, piece: Piece, objects: Mapping[str, Object], rest: Record) -> None:
    """Remove the records of levels copied before, if their source has changed since.

    The metadata that are copied now are not theirs. What has come of their chunks stays, to be
    compared when they are copied again.
    """
    try:
        former = read_record(folder)
    except StoreError:  # damaged: nobody knows of what the levels are
        former = None
    if former is not None and former.objects == rest.objects:
        return
    for level in (*piece.levels, *(() if former is None else former.levels)):
        if level in piece.chosen:
            continue
        now = {key: each for key, each in objects.items() if level_of(key, piece.levels) == level}
        try:
            then = read_record(folder, level)
        except StoreError:
            then = None
        if then is None or then.objects != now:
            _remove(os.path.join(folder, record_name(level)))


def _settle(folder: str, level: str | None, record: Record) -> Mapping[str, Object]:
    """Write a missing record; return the objects of the previous one."""
    try:
        former = read_record(folder, level)
    except StoreError:  # damaged
        former = None
    before = {} if former is None else former.objects
    if former == record:
        return before
    for key, old in before.items():
        new = record.objects.get(key)
        if new is None or new.size != old.size or (new.tag != old.tag and new.tag and old.tag):
            # its source has changed since: it must not be taken for what is listed now
            _remove(os.path.join(folder, key))
    write_record(folder, level, record)
    return before


def _lacking(folder: str, objects: Mapping[str, Object], before: Mapping[str, Object]) -> list[str]:
    """Return absent objects, and remove and return those that may differ from the listing.

    Where nothing is absent of what an earlier call wrote, which verifies what it writes, the
    sizes will do. Else what is there is compared by its MD5, where the listing has it; where it
    has not, only what an earlier call was to write is taken as it is.
    """
    lacking = [key for key, o in objects.items() if size_of(os.path.join(folder, key)) != o.size]
    if before == objects and not lacking:
        return []
    absent = set(lacking)
    for key in objects.keys() - absent:
        path, listed = os.path.join(folder, key), objects[key]
        same = before.get(key) == listed
        if is_md5(listed.tag):
            same = md5_of_file(path) == listed.tag
        if not same:
            _remove(path)
            lacking.append(key)
    return lacking


def _doubtful(folder: str, objects: Mapping[str, Object], absent: set[str]) -> dict[str, str]:
    """Remove files that may differ from the download; return their MD5 by key."""
    known, found = read_checksums(folder), {}
    for key in objects.keys() - absent:
        path = os.path.join(folder, key)
        md5 = md5_of_file(path)
        if md5 is not None and md5 != expected_md5(key, objects[key], known):
            found[key] = md5
            _remove(path)
    return found


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _remove_abandoned(folder: str) -> None:
    """Remove files of killed processes, but not those that others are writing."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(UNFINISHED):
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat().st_mtime > ABANDONED:
                        os.unlink(entry.path)


def fetch(source: Source, tasks: Iterable[Task], progress: Callable[[int], Any]) -> tuple[str, ...]:
    """Fetch what folders lack, many objects at once, and keep the MD5 of each.

    Parameters
    ----------
    source : Source
    tasks : iterable of Task
    progress : callable
        Called with the bytes of each object when it is complete.

    Returns
    -------
    tuple of str
        The paths of existing files whose content differed from that of the fetched ones.

    Raises
    ------
    StoreError
        If an object cannot be fetched or written; the message says how to resume.
    """
    tasks = list(tasks)
    todo = [(task, key) for task in tasks for key in task.lacking]
    fetched: dict[str, dict[str, str]] = {task.folder: {} for task in tasks}
    for _ in range(ROUNDS):
        # several processes that begin together do not fetch the same objects all the way
        random.shuffle(todo)
        try:
            _fetch_all(source, todo, progress, fetched)
        finally:
            for folder, found in fetched.items():
                with contextlib.suppress(OSError):  # not a reason to fail
                    write_checksums(folder, found)
        todo = [
            (task, key)
            for task in tasks
            for key, listed in task.objects.items()
            if size_of(os.path.join(task.folder, key)) != listed.size
        ]
        if not todo:
            return tuple(
                f"{task.path}/{key}"
                for task in tasks
                for key, md5 in task.former.items()
                if fetched[task.folder].get(key, md5) != md5
            )
    task, key = todo[0]
    raise StoreError(f"{key!r} goes from {task.folder} while it is downloaded; {RESUME}")


def _fetch_all(
    source: Source,
    todo: Iterable[tuple[Task, str]],
    progress: Callable[[int], Any],
    fetched: Mapping[str, dict[str, str]],
) -> None:
    def is_there(each: Wanted[tuple[Task, str]]) -> bool:
        return size_of(_target(*each.item)) == each.listed.size

    def keep(each: Wanted[tuple[Task, str]], content: bytes) -> str:
        source.verify(each.path, content, each.listed)
        task, target = each.item[0], _target(*each.item)
        try:
            write_atomically(target, content, os.path.join(task.folder, RECORDS))
        except OSError as error:
            raise _unwritable(target, error) from error
        return md5_of(content)

    wanted = [Wanted((task, key), f"{task.path}/{key}", task.objects[key]) for task, key in todo]
    for each, md5 in fetch_together(source, wanted, is_there, keep):
        task, key = each.item
        if md5 is not None:
            fetched[task.folder][key] = md5
        progress(each.listed.size)


def _target(task: Task, key: str) -> str:
    return os.path.join(task.folder, *key.split("/"))


def _unwritable(place: str, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(f"no space left for {place} ({error.strerror}): make room; {RESUME}")
    return StoreError(f"cannot write {place}: {error}; {RESUME}")
