"""A store in which what is there but cannot be read is an error, never an absent chunk."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from zarr.abc.store import ByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.codecs import BloscCodec
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import FsspecStore, LocalStore, WrapperStore, ZipStore

from xarray_atlas.errors import StoreError
from xarray_atlas.io.copies.completeness import Copy, find_copy, find_zipped_copy

__all__ = ["CheckedStore", "innermost", "is_refusal", "was_refused"]

OPTIONAL = (".zattrs", ".zgroup", ".zmetadata")
"""What zarr asks for although many a store of format 2 has none."""

ARRAY = ("zarr.json", ".zarray")
"""What an array is known by."""

BLOSC_HEADER = 16
"""Its bytes; the last four are the length of the whole, little-endian."""


class CheckedStore(WrapperStore[Store]):
    """Read another store, and tell a chunk that is absent from one that cannot be read.

    To zarr an absent object is a chunk of the fill value, which in an atlas
    says "outside the brain". Several things look absent to it and are not: an
    empty file, a shard that ends early, a link whose target was never fetched
    (as DataLad and git-annex leave them), a folder that has been unmounted.
    Here each of them is a :class:`~xarray_atlas.errors.StoreError`.

    The other way round, a bucket that may be read but not listed refuses what
    it does not have; for metadata that a store need not have, that is absence.
    For a chunk it stays an error: it may be there.

    In a copy that :func:`xarray_atlas.download` has made, a chunk is absent
    only if its source had none.

    All this needs every read to come by way of :meth:`get`. WrapperStore, whose
    ``_store`` is documented, is public; but newer versions of zarr hand some reads on
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
        self._arrays: set[str] = set()
        self._blosc: set[str] = set()
        self._path = path
        self._copy = _copy(innermost(store), path)

    def _with_store(self, store: Store) -> CheckedStore:
        return type(self)(store, self._path)

    def expect(self, path: str, compressors: Any, shards: Any) -> None:
        """Take note of an array that is read, and how it is compressed.

        Blosc, which zarr format 2 uses by default, does not look how long its
        input is: what it decodes of a chunk that ends early is partly whatever
        lies behind it in memory. Its header says how long the chunk must be.
        """
        self._arrays.add(path.strip("/"))
        last = compressors[-1] if compressors and not shards else None
        if isinstance(last, BloscCodec) or getattr(last, "codec_id", None) == "blosc":
            self._blosc.add(path.strip("/"))

    @property
    def read_only(self) -> bool:
        """Always: the package writes to no store."""
        return True

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read an object or a part of it; None where there is none."""
        try:
            value = await self._store.get(key, prototype, byte_range)
        except Exception as error:  # each file system raises its client library's own
            if is_refusal(error) and key.rpartition("/")[2] in OPTIONAL:
                return None
            raise
        if value is None:
            self._check_absent(key, byte_range)
        if self._copy is not None:
            size = None if value is None else len(value) if byte_range is None else -1
            self._copy.check(key, size)
        if value is None:
            return None
        if len(value) == 0:
            raise StoreError(f"{key!r} is empty")
        if len(value) < (least := self._least(key, value, byte_range)):
            raise StoreError(f"{key!r} ends early: {len(value)} of {least} bytes are there")
        return value

    def get_ranges(
        self,
        key: str,
        byte_ranges: Sequence[ByteRequest | None],
        *,
        prototype: BufferPrototype,
        **kwargs: Any,
    ) -> AsyncIterator[Sequence[tuple[int, Buffer | None]]]:
        """Read parts of an object by way of :meth:`get`, which WrapperStore would go round."""
        base: Any = Store  # zarr of before 3.2 has no such method, and does not call it
        result: AsyncIterator[Sequence[tuple[int, Buffer | None]]]
        result = base.get_ranges(self, key, byte_ranges, prototype=prototype, **kwargs)
        return result

    @property
    def _supports_sync_io(self) -> bool:
        # zarr's synchronous pipeline would go round `get`; versions without it do not ask
        return False

    def _least(self, key: str, value: Buffer, byte_range: ByteRequest | None) -> int:
        """Return how many bytes an answer must have."""
        if isinstance(byte_range, RangeByteRequest):
            return byte_range.end - byte_range.start
        if isinstance(byte_range, SuffixByteRequest):
            return byte_range.suffix
        if any(key.startswith(f"{path}/") for path in self._blosc) and not _is_metadata(key):
            return max(BLOSC_HEADER, int.from_bytes(value[12:BLOSC_HEADER].to_bytes(), "little"))
        return 1

    def _check_absent(self, key: str, byte_range: ByteRequest | None) -> None:
        if isinstance(byte_range, RangeByteRequest) and byte_range.start > 0:
            # a part of a shard, whose index has just been read
            raise StoreError(f"{key!r} has gone while it was read")
        store = innermost(self)
        if not isinstance(store, LocalStore):
            return
        path = Path(store.root) / key
        if os.path.lexists(path):
            what = "a link to a file that is not there" if path.is_symlink() else "not a file"
            raise StoreError(f"{key!r} is {what}")
        if not os.path.isdir(store.root):
            raise StoreError(f"the folder {store.root} has gone")
        for array in self._arrays:
            folder = os.path.join(store.root, array)
            if key.startswith(f"{array}/") and not any(
                os.path.exists(os.path.join(folder, name)) for name in ARRAY
            ):
                raise StoreError(f"the array {folder} has gone")


def _is_metadata(key: str) -> bool:
    return key.rpartition("/")[2] in ("zarr.json", ".zarray", *OPTIONAL)


def innermost(store: Store) -> Store:
    """Return the store inside all wrappers."""
    while isinstance(store, WrapperStore):
        store = store._store  # which WrapperStore documents
    return store


def _copy(store: Store, path: str) -> Copy | None:
    """Find the copy on this machine that a group is in; None where it is in none."""
    if isinstance(store, LocalStore):
        return find_copy(str(store.root), path)
    if isinstance(store, ZipStore):
        return find_zipped_copy(str(store.path), path)
    if isinstance(store, FsspecStore):
        filesystem = getattr(store.fs, "sync_fs", store.fs)
        return find_copy(store.path, path) if isinstance(filesystem, LocalFileSystem) else None
    return None


def is_refusal(error: BaseException) -> bool:
    """Tell whether a file system says: not without permission."""
    return isinstance(error, PermissionError) or getattr(error, "status", None) in (401, 403)


def was_refused(error: BaseException | None) -> bool:
    """Tell whether an error comes from a refusal.

    Where a bucket may not be listed, it refuses what it does not have too.
    """
    while error is not None:
        if is_refusal(error):
            return True
        error = error.__cause__
    return False
