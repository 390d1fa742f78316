"""Store in which an object that cannot be read is an error, never an absent chunk."""

from __future__ import annotations

import asyncio
import functools
import os
import stat
import zipfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from zarr.abc.store import ByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import FsspecStore, LocalStore, WrapperStore, ZipStore

from xarray_atlas.errors import StoreError
from xarray_atlas.io.copies.completeness import Copy, find_copy, find_zipped_copy
from xarray_atlas.io.zarr.addresses import safe_cause, without_secrets
from xarray_atlas.io.zarr.answers import LARGEST, check_page
from xarray_atlas.io.zarr.chunk_layout import ChunkLayout
from xarray_atlas.io.zarr.s3_client import check_objects, is_s3

__all__ = ["CheckedStore", "folder_of", "innermost", "is_refusal", "was_refused"]

OPTIONAL = (".zattrs", ".zgroup", ".zmetadata")
"""Keys that zarr requests although many stores of format 2 do not have them."""

ARRAY = ("zarr.json", ".zarray")
"""Keys that identify an array."""

DOCUMENT = 64 << 20
"""Bytes that metadata can have at most."""


class CheckedStore(WrapperStore[Store]):
    """Read another store, and distinguish absent chunks from those that cannot be read.

    To zarr an absent object is a chunk of the fill value, which in an atlas
    says "outside the brain". Several things look absent to it and are not: an
    empty file, a shard that ends early, a link whose target was never fetched
    (as DataLad and git-annex leave them), a folder that has been unmounted.
    Here each of them is a :class:`~xarray_atlas.errors.StoreError`.

    The other way round, a bucket that may be read but not listed refuses what
    it does not have; for metadata that a store need not have, that is absence.
    For a chunk it stays an error: it may be there.

    So are answers to another question than the one that was asked (another part of an object, more
    or less of it, a web page), objects that are or would decode to more than can belong there,
    which are neither read nor decoded, what is not a file (a FIFO), and whatever other packages'
    stores raise. How a chunk is stored is known of the arrays of :meth:`expect`.

    In a copy that :func:`xarray_atlas.download` has made, a chunk is absent
    only if its source had none.

    All this requires that every read uses :meth:`get`. WrapperStore is public, with its
    documented ``_store``; but newer versions of zarr hand some reads on
    to the store inside, and what turns that off here is not documented
    (``_supports_sync_io``; written for zarr 3.1.4 to 3.4.2). zarr would have to
    let a wrapper say that it has its own ``get``.

    Parameters
    ----------
    store : zarr store
    path : str
        Of the group within it that is read.
    """

    def __init__(self, store: Store, path: str = "") -> None:
        super().__init__(store)
        self._layouts: dict[str, ChunkLayout] = {}
        self._path = path
        self._beside: dict[str, Sequence[str]]
        self._kept: frozenset[str]
        self._answers: dict[str, asyncio.Task[Buffer | None]]
        self.forget()
        self._copy = _copy(innermost(store), path)

    def _with_store(self, store: Store) -> CheckedStore:
        return type(self)(store, self._path)

    def expect(self, path: str, layout: ChunkLayout) -> None:
        """Register an array that is read, and the size of its chunks."""
        self._layouts[path.strip("/")] = layout

    def keep(self, keys: Iterable[str]) -> None:
        """Ask once for keys, and hand the answer, or the error, to all until :meth:`forget`."""
        self._kept = self._kept.union(keys)

    def read_beside(self, key: str, others: Sequence[str]) -> None:
        """Read other keys as soon as one is read, side by side with it, and keep the answers."""
        self._beside[key] = others
        self.keep(others)

    def forget(self) -> None:
        """Discard cached answers, since the store may have changed."""
        self._beside, self._kept, self._answers = {}, frozenset(), {}

    @property
    def read_only(self) -> bool:
        """Always: the package writes to no store."""
        return True

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read an object or a part of it; None if it does not exist."""
        layout, largest = self._before(key)
        store = innermost(self)
        if isinstance(store, FsspecStore) and is_s3(store.fs):
            await check_objects(store.fs, store.path)
        token = LARGEST.set(largest)
        try:
            for other in (key, *self._beside.pop(key, ())):
                if other in self._kept and other not in self._answers:
                    self._answers[other] = self._begin(other, prototype)
            asked = None if byte_range is not None else self._answers.get(key)
            value = await (asked or self._store.get(key, prototype, byte_range))
        except Exception as error:  # each file system raises its client library's own
            if is_refusal(error) and key.rpartition("/")[2] in OPTIONAL:
                return None
            if isinstance(error, OSError) or hasattr(error, "status"):
                raise
            # what Python would take for something else: that there is no such key, or no memory
            raise StoreError(f"{key!r} cannot be read: {_told(error)}") from safe_cause(error)
        finally:
            LARGEST.reset(token)
        content = None if value is None else value.as_numpy_array().data
        self._after(key, content, layout, byte_range)
        return value

    @property
    def has_files(self) -> bool:
        """Return whether :meth:`read_file` can read its objects."""
        return type(self._store) is LocalStore

    def read_file(self, key: str) -> bytes | None:
        """Read an object of a folder on this machine as :meth:`get` does, without an event loop."""
        layout, _ = self._before(key)
        store: Any = self._store
        content: bytes | None
        try:
            content = (store.root / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):  # as in zarr
            content = None
        self._after(key, content, layout, None)
        return content

    def _before(self, key: str) -> tuple[ChunkLayout | None, int | None]:
        """Return how an object to be read is stored, and its maximum size."""
        layout = None if _is_metadata(key) else self._layout(key)
        largest = DOCUMENT if _is_metadata(key) else None if layout is None else layout.largest
        _check_file(innermost(self), key, largest)
        return layout, largest

    def _after(
        self, key: str, content: Any, layout: ChunkLayout | None, byte_range: ByteRequest | None
    ) -> None:
        """Check the content of an object: bytes, or None if it does not exist."""
        if content is None:
            self._check_absent(key, byte_range)
        if self._copy is not None:
            size = None if content is None else len(content) if byte_range is None else -1
            self._copy.check(key, size)
        if content is None:
            return
        if len(content) == 0:
            raise StoreError(f"{key!r} is empty")
        _check_length(key, len(content), byte_range)
        if byte_range is None or getattr(byte_range, "start", 0) == 0:
            _check_content(key, content)
        if layout is not None and byte_range is None:
            layout.check(key, content)
        elif layout is not None and isinstance(byte_range, RangeByteRequest):
            layout.check_part(key, content, byte_range.start)

    def _begin(self, key: str, prototype: BufferPrototype) -> asyncio.Task[Buffer | None]:
        task = asyncio.ensure_future(self._store.get(key, prototype))
        # an error that is never retrieved is not an error
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def get_ranges(
        self,
        key: str,
        byte_ranges: Sequence[ByteRequest | None],
        *,
        prototype: BufferPrototype,
        **kwargs: Any,
    ) -> AsyncIterator[Sequence[tuple[int, Buffer | None]]]:
        """Read parts of an object by way of :meth:`get`, which WrapperStore would go round."""
        base: Any = Store  # zarr before 3.2 does not have this method, and does not call it
        result: AsyncIterator[Sequence[tuple[int, Buffer | None]]]
        result = base.get_ranges(self, key, byte_ranges, prototype=prototype, **kwargs)
        return self._checked(key, byte_ranges, result)

    async def _checked(
        self,
        key: str,
        byte_ranges: Sequence[ByteRequest | None],
        batches: AsyncIterator[Sequence[tuple[int, Buffer | None]]],
    ) -> AsyncIterator[Sequence[tuple[int, Buffer | None]]]:
        """Check each part of an object: several may have been read as one."""
        layout = self._layout(key)
        async for batch in batches:
            for at, value in batch:
                asked = byte_ranges[at]
                if value is None or layout is None or not isinstance(asked, RangeByteRequest):
                    continue
                _check_length(key, len(value), asked)
                layout.check_part(key, value.as_numpy_array().data, asked.start)
            yield batch

    @property
    def _supports_sync_io(self) -> bool:
        # zarr's synchronous pipeline would go round `get`; versions without it do not ask
        return False

    def _layout(self, key: str) -> ChunkLayout | None:
        inside = [path for path in self._layouts if key.startswith(f"{path}/") or not path]
        return self._layouts[max(inside, key=len)] if inside else None

    def _check_absent(self, key: str, byte_range: ByteRequest | None) -> None:
        if isinstance(byte_range, RangeByteRequest) and byte_range.start > 0:
            # a part of a shard, whose index has just been read
            raise StoreError(f"{key!r} has gone while it was read")
        store = innermost(self)
        if not isinstance(store, LocalStore):
            return
        path = Path(store.root) / key
        if os.path.lexists(path):
            what = "a link to a file that does not exist" if path.is_symlink() else "not a file"
            raise StoreError(f"{key!r} is {what}")
        if not os.path.isdir(store.root):
            raise StoreError(f"the folder {store.root} has gone")
        for array in self._layouts:
            folder = os.path.join(store.root, array)
            if key.startswith(f"{array}/") and not any(
                os.path.exists(os.path.join(folder, name)) for name in ARRAY
            ):
                raise StoreError(f"the array {folder} has gone")


def _is_metadata(key: str) -> bool:
    return key.rpartition("/")[2] in ("zarr.json", ".zarray", *OPTIONAL)


def _check_file(store: Store, key: str, largest: int | None) -> None:
    """Look at a file before it is read: to open a FIFO is to wait for somebody who writes to it."""
    if isinstance(store, ZipStore):
        size = None if largest is None else _zipped_sizes(str(store.path)).get(key)
    else:
        root = folder_of(store)
        if root is None:
            return
        try:
            status = os.stat(os.path.join(root, key))
        except (OSError, ValueError):  # reported by the store
            return
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise StoreError(f"{key!r} is not a file: a FIFO, a socket or a device")
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
    if size is not None and largest is not None and size > largest:
        raise StoreError(f"{key!r} has {size} bytes, and at most {largest} can belong there")


def folder_of(store: Store) -> str | None:
    """Return the local folder that a store reads; None if it does not read one."""
    if isinstance(store, LocalStore):
        return str(store.root)
    if isinstance(store, FsspecStore):
        filesystem = getattr(store.fs, "sync_fs", store.fs)
        return str(store.path) if isinstance(filesystem, LocalFileSystem) else None
    return None


@functools.lru_cache(maxsize=8)
def _zipped_sizes(archive: str) -> Mapping[str, int]:
    """Return the decompressed sizes of the members of a zip file, from its directory."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return {each.filename: each.file_size for each in opened.infolist()}
    except (OSError, zipfile.BadZipFile):  # reported by the store
        return {}


def _check_length(key: str, length: int, byte_range: ByteRequest | None) -> None:
    if isinstance(byte_range, RangeByteRequest):
        asked = byte_range.end - byte_range.start
    elif isinstance(byte_range, SuffixByteRequest):
        asked = byte_range.suffix
    else:
        return
    if length < asked:
        raise StoreError(f"{key!r} ends early: {length} of {asked} bytes are there")
    if length > asked:
        raise StoreError(
            f"{asked} bytes of {key!r} were asked for, and {length} came: whatever serves it does "
            "not know ranges"
        )


def _check_content(key: str, content: Any) -> None:
    try:
        check_page(bytes(content[:64]))
    except OSError as error:
        raise StoreError(f"{key!r}: {error}") from None


def _told(error: BaseException) -> str:
    text = without_secrets(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def innermost(store: Store) -> Store:
    """Return the store inside all wrappers."""
    while isinstance(store, WrapperStore):
        store = store._store  # which WrapperStore documents
    return store


def _copy(store: Store, path: str) -> Copy | None:
    """Find the local copy that contains a group; None if there is none."""
    if isinstance(store, ZipStore):
        return find_zipped_copy(str(store.path), path)
    folder = folder_of(store)
    return None if folder is None else find_copy(folder, path)


def is_refusal(error: BaseException) -> bool:
    """Return whether a file system denies access."""
    return isinstance(error, PermissionError) or getattr(error, "status", None) in (401, 403)


def was_refused(error: BaseException | None) -> bool:
    """Return whether an error comes from a refusal.

    A bucket that may not be listed denies access to missing objects too.
    """
    while error is not None:
        if is_refusal(error):
            return True
        error = error.__cause__
    return False
