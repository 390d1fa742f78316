"""Copying objects to this machine: in parallel, verified, whole or not at all, and resumable."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, TypeVar

import fsspec

from xarray_atlas.errors import StoreError
from xarray_atlas.io.checked_store import is_refusal
from xarray_atlas.io.copies import (
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
from xarray_atlas.io.stores import protocol, storage_for, unreadable

__all__ = [
    "ATTEMPTS",
    "PATIENCE",
    "TOGETHER",
    "Piece",
    "Source",
    "Task",
    "connect",
    "fetch",
    "plan",
]

TOGETHER = 16
"""Objects that are fetched at once."""

ATTEMPTS = 6
"""How often an object is asked for, where the store is busy or the connection fails."""

PATIENCE = 60.0
"""Seconds after the first attempt at which no further one begins. S3 gives up on an attempt after
15 s of silence, so that an object that does not come is an error within 75 s."""

PAUSE = 1.0
"""Seconds that the first pause has at most; each further one twice as many."""

ABANDONED = 3600.0
"""Seconds after which a file that was never finished is removed."""

BUSY = (408, 429, 500, 502, 503, 504)
"""The HTTP statuses after which it is worth asking again."""

CLIENTS = ("aiohttp", "aiobotocore", "botocore", "urllib3")
"""Whose exceptions, where they have no HTTP status, mean that the connection failed."""

FINAL = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What a file system says that it would say again."""

TAGS = ("ETag", "etag", "mtime", "LastModified", "created")
"""What file systems call that by which a change of an object can be told."""

T = TypeVar("T")

_MD5 = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class Piece:
    """A folder that is copied: a store, or a part of it, or anything else.

    Parameters
    ----------
    path : str
        Below the root, the same in the source and in the copy.
    levels : tuple of str
        The paths of all levels of the store.
    chosen : tuple of str
        Of those whose chunks are copied. What belongs to no level always is.
    """

    path: str
    levels: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """What a folder still lacks.

    Parameters
    ----------
    path : str
        Of the piece, below the root.
    folder : str
        Where it goes.
    objects : mapping of str to Object
        All that belong there.
    lacking : sequence of str
        Those that are to be fetched.
    """

    path: str
    folder: str
    objects: Mapping[str, Object]
    lacking: Sequence[str]


@dataclass(frozen=True)
class Source:
    """A root of BrainGlobe's layout that is copied from.

    Parameters
    ----------
    url : str
        Or path.
    filesystem : fsspec file system
    path : str
        Of the root, as the file system has it.
    """

    url: str
    filesystem: Any
    path: str

    def listing(self, piece: Piece) -> dict[str, Object]:
        """List the objects of a piece by their path within it; none where nothing is there.

        Raises
        ------
        StoreError
            If it cannot be listed.
        """
        place = f"{self.url}/{piece.path}"

        def find() -> Any:
            self.filesystem.invalidate_cache()
            return self.filesystem.find(f"{self.path}/{piece.path}", detail=True)

        try:
            found = patiently(find)
        except FileNotFoundError:
            return {}
        except Exception as error:  # file systems raise whatever their client library raises
            if is_refusal(error):
                raise StoreError(
                    f"no permission to list {place}: what is not listed may be absent or "
                    "incomplete, and a copy that may be incomplete is not made. Pass "
                    "storage_options of somebody who may list it, or another root"
                ) from error
            raise unreadable(place, error) from error
        prefix = f"{self.path}/{piece.path}/"
        objects = {}
        for name, about in found.items():
            key = str(name).removeprefix(prefix)
            if key == name or not key or key.endswith("/"):
                continue  # folders, as some tools put them into buckets
            if ".." in key.split("/") or os.path.isabs(key):
                raise StoreError(f"{place} holds an object called {key!r}, which leads out of it")
            if not isinstance(about.get("size"), int):
                raise StoreError(f"{place} lists {key!r} without its size: it cannot be verified")
            tags = (about[name] for name in TAGS if about.get(name))
            objects[key] = Object(about["size"], str(next(tags, "")).strip('"'))
        return objects

    def read(self, path: str, expected: Object | None = None, stop: Any = None) -> bytes:
        """Read an object whole, and again where it does not come as it was listed."""

        def attempt() -> bytes:
            content: bytes = self.filesystem.cat_file(f"{self.path}/{path}")
            if expected is not None:
                self._verify(path, content, expected)
            return content

        return patiently(attempt, stop)

    def _verify(self, path: str, content: bytes, expected: Object) -> None:
        if len(content) != expected.size:
            raise _Damaged(f"{len(content)} bytes came, and {expected.size} are listed")
        if _is_other(content, expected) and not self._is_encrypted(path):
            raise _Damaged("its MD5 is not the one that is listed")

    def _is_encrypted(self, path: str) -> bool:
        """Tell whether S3 encrypts an object with a key, so that its ETag is no MD5."""
        if not hasattr(self.filesystem, "call_s3"):
            return False
        bucket, key, _ = self.filesystem.split_path(f"{self.path}/{path}")
        head = self.filesystem.call_s3("head_object", Bucket=bucket, Key=key)
        return "kms" in head.get("ServerSideEncryption", "") or "SSECustomerAlgorithm" in head


class _Damaged(OSError):
    """An object has not come as it was listed."""


def connect(root: str, storage_options: Mapping[str, Any] | None) -> Source:
    """Return the source that is at the URL or path of a root.

    The clients' own repetitions are turned off, which would multiply with those of this module.
    """
    options = storage_for(root, storage_options)
    if protocol(root) in ("s3", "s3a"):
        ours = {"retries": {"total_max_attempts": 1}, "max_pool_connections": TOGETHER}
        options["config_kwargs"] = {**ours, **options.get("config_kwargs", {})}
    try:
        filesystem, path = fsspec.url_to_fs(root, **options)
    except (ValueError, TypeError, ImportError) as error:
        raise StoreError(f"cannot open {root}: {error}") from error
    if hasattr(filesystem, "retries"):
        filesystem.retries = 1  # of an instance that nobody else has: the options are its own
    return Source(root, filesystem, path.rstrip("/"))


def patiently(work: Callable[[], T], stop: threading.Event | None = None) -> T:
    """Call again what failed because the store was busy or the connection broke.

    With pauses that double, of a random length; at most :data:`ATTEMPTS` times, and not after
    :data:`PATIENCE`. The last error is raised; so is at once one that would come again.
    """
    began = time.monotonic()
    stop = stop or threading.Event()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return work()
        except Exception as error:
            pause = random.uniform(0.5, 1) * PAUSE * 2 ** (attempt - 1)
            late = time.monotonic() - began + pause > PATIENCE
            if not _may_pass(error) or attempt == ATTEMPTS or late or stop.wait(pause):
                raise
    raise AssertionError("not reached")


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


def plan(source: Source, piece: Piece, objects: Mapping[str, Object], root: str) -> Task:
    """Write down what belongs to a copy, and find out what it lacks.

    Parameters
    ----------
    source, piece
    objects : mapping of str to Object
        The listing of the piece.
    root : str
        Of the copy.

    Raises
    ------
    StoreError
        If the source is itself a copy that lacks what is to be copied; or the folder cannot be
        written to.
    """
    folder = os.path.join(root, *piece.path.split("/"))
    parts = {part: _part(source, piece, objects, part) for part in (None, *piece.chosen)}
    lacking: list[str] = []
    try:
        _remove_abandoned(os.path.join(folder, RECORDS))
        # that of what belongs to no level first: it makes the folder a copy
        for level, record in parts.items():
            known = _settle(folder, level, record)
            lacking += _lacking(folder, record.objects, known)
    except StoreError:
        raise
    except OSError as error:
        raise _unwritable(folder, error) from error
    belonging = {key: each for record in parts.values() for key, each in record.objects.items()}
    return Task(piece.path, folder, belonging, lacking)


def _part(source: Source, piece: Piece, objects: Mapping[str, Object], part: str | None) -> Record:
    """Return the record of a level, or of what belongs to none."""
    place = f"{source.url}/{piece.path}"
    levels = piece.levels if part is None else ()
    if record_name(None) not in objects:
        own = {key: o for key, o in objects.items() if level_of(key, piece.levels) == part}
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
    return Record(place, record.objects, levels)


def _settle(folder: str, level: str | None, record: Record) -> bool:
    """Write a record where it is not there yet; tell whether all its objects were known before."""
    try:
        former = read_record(folder, level)
    except StoreError:  # damaged
        former = None
    if former == record:
        return True
    before = {} if former is None else former.objects
    for key, old in before.items():
        new = record.objects.get(key)
        if new is None or new.size != old.size or (new.tag != old.tag and new.tag and old.tag):
            # its source has changed since: it must not be taken for what is listed now
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, key))
    write_record(folder, level, record)
    return before == record.objects


def _lacking(folder: str, objects: Mapping[str, Object], known: bool) -> list[str]:
    """Return what is absent, or is not what is listed.

    Where nothing is absent of what an earlier call wrote, which verifies what it writes, the
    sizes will do. Else what is there is compared by its MD5, where the listing has it.
    """
    lacking = [key for key, o in objects.items() if size_of(os.path.join(folder, key)) != o.size]
    if known and not lacking:
        return []
    absent = set(lacking)
    for key, listed in objects.items():
        path = os.path.join(folder, key)
        if key not in absent and _MD5.fullmatch(listed.tag):
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
            if digest.hexdigest() != listed.tag:
                os.unlink(path)
                lacking.append(key)
    return lacking


def _is_other(content: bytes, listed: Object) -> bool:
    if not _MD5.fullmatch(listed.tag):
        return False  # of several parts, or of a store that has its own
    return hashlib.md5(content, usedforsecurity=False).hexdigest() != listed.tag


def _remove_abandoned(folder: str) -> None:
    """Remove what processes that were killed have left behind, not what others are writing now."""
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(UNFINISHED):
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat().st_mtime > ABANDONED:
                        os.unlink(entry.path)


def fetch(source: Source, tasks: Iterable[Task], progress: Callable[[int], Any]) -> None:
    """Fetch what folders lack, :data:`TOGETHER` objects at once.

    Parameters
    ----------
    source : Source
    tasks : iterable of Task
    progress : callable
        Called with the bytes of each object when it is there.

    Raises
    ------
    StoreError
        If an object does not come or cannot be written; it says how to resume.
    """
    tasks = list(tasks)
    todo = [(task, key) for task in tasks for key in task.lacking]
    # several processes that begin together do not fetch the same objects all the way
    random.shuffle(todo)
    stop = threading.Event()
    with ThreadPoolExecutor(TOGETHER, thread_name_prefix="xarray-atlas-download") as pool:
        waiting = [pool.submit(_fetch, source, task, key, stop) for task, key in todo]
        try:
            for done in as_completed(waiting):
                progress(done.result())
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for task in tasks:
        for key, listed in task.objects.items():
            if size_of(os.path.join(task.folder, key)) != listed.size:
                raise StoreError(
                    f"{key!r} has gone from {task.folder} while it was downloaded; {RESUME}"
                )


RESUME = "what has been downloaded is kept: the same call resumes"


def _fetch(source: Source, task: Task, key: str, stop: threading.Event) -> int:
    listed = task.objects[key]
    target = os.path.join(task.folder, *key.split("/"))
    if size_of(target) == listed.size:
        return listed.size  # another process has been faster
    path = f"{task.path}/{key}"
    try:
        content = source.read(path, listed, stop)
    except FileNotFoundError as error:
        raise StoreError(
            f"{source.url}/{path} was listed, and is not there any more: the store is being "
            f"changed; {RESUME}"
        ) from error
    except Exception as error:  # file systems raise whatever their client library raises
        raise StoreError(f"{unreadable(f'{source.url}/{path}', error)}; {RESUME}") from error
    try:
        write_atomically(target, content, os.path.join(task.folder, RECORDS))
    except OSError as error:
        raise _unwritable(target, error) from error
    return len(content)


def _unwritable(place: str, error: OSError) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(f"no space left for {place} ({error.strerror}): make room; {RESUME}")
    return StoreError(f"cannot write {place}: {error}; {RESUME}")
