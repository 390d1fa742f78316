"""Maximum sizes of the stored objects of an array, and of their decoded chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import zarr
from zarr.codecs import ShardingCodec

from xarray_atlas.errors import StoreError
from xarray_atlas.io.zarr.decoded_size import declared_size, name_of

__all__ = ["ChunkLayout", "larger_block", "layout_of", "layout_of_array"]

BLOSC_HEADER = 16
"""Its bytes; the last four are the length of the whole, little-endian."""

KNOWN = {"zstd", "blosc", "lz4", "gzip", "zlib", "bz2", "lzma", "crc32c", "crc32", "adler32"}
"""Codecs that make no chunk much larger than it is."""

SLACK = 1 << 16
"""Bytes that codecs may add to a chunk."""

WIDENED = 8
"""How many times larger than the array's numbers those may be that a filter makes of them."""

EMPTY = (1 << 64) - 1
"""Place and length of a chunk that a shard does not have."""

BLOCKS = 5_000
"""Of more chunks than that several are read as one block: dask takes a millisecond for each."""

BLOCK = 1 << 22
"""Voxels that such a block has at the most."""


@dataclass(frozen=True)
class ChunkLayout:
    """The chunks of an array: their size, their codecs, and the shards that they lie in.

    Parameters
    ----------
    size : int
        Bytes of a decoded chunk, or of an inner chunk of a shard.
    codecs : tuple of str
        What a chunk is compressed with, in the order of decoding; all else is not known.
    chunks : int, optional
        How many chunks a shard has.
    index : int
        Bytes of the index of a shard; 0 where its form is not known.
    index_first : bool
        Whether it lies at the beginning of the shard, else at its end.
    """

    size: int
    codecs: tuple[str, ...]
    chunks: int | None = None
    index: int = 0
    index_first: bool = False

    @property
    def largest(self) -> int | None:
        """The most bytes that a stored object can have; None if a codec is not known."""
        if not KNOWN.issuperset(self.codecs):
            return None
        return (self.chunks or 1) * (self.size * 5 // 4 + SLACK) + self.index

    def check(self, key: str, content: Any) -> None:
        """Raise a StoreError where an object would decode to more than its chunks can have.

        Parameters
        ----------
        key : str
        content : bytes
            A whole object.
        """
        content = memoryview(content)
        if self.chunks is None:
            self._check_chunk(key, content)
            return
        for place, length in self._shard(content):
            self._check_chunk(f"{key} (the chunk at byte {place})", content[place : place + length])

    def check_part(self, key: str, content: Any, start: int) -> None:
        """Check a chunk that was read out of a shard, at a place in it."""
        if self.chunks is not None and not (self.index_first and start < self.index):
            self._check_chunk(f"{key} (the chunk at byte {start})", memoryview(content))

    def _check_chunk(self, key: str, content: memoryview) -> None:
        codec = self._first
        if codec == "blosc":
            # it does not look how long its input is: what it decodes of a chunk that ends early is
            # partly whatever lies behind it in memory
            least = max(BLOSC_HEADER, int.from_bytes(content[12:BLOSC_HEADER], "little"))
            if len(content) < least:
                raise StoreError(f"{key!r} ends early: {len(content)} of {least} bytes are there")
        size = self.size + SLACK * (len(self.codecs) > 1)
        said = declared_size(codec, content, size)
        if said is not None and said > size:
            raise StoreError(
                f"{key!r} says that it decodes to {said} bytes or more, where a chunk has "
                f"{self.size}: it is damaged, and is not decoded"
            )

    @property
    def _first(self) -> str:
        """The first decoding step, except for checksums at the end: its header comes first."""
        return next((name for name in self.codecs if name != "crc32c"), "")

    def _shard(self, content: memoryview) -> Iterator[tuple[int, int]]:
        """Yield the positions of the chunks of a shard, from its index."""
        if not self.index or len(content) < self.index:
            return
        index = content[: self.index] if self.index_first else content[-self.index :]
        for at in range(0, 16 * (self.chunks or 0), 16):
            place, length = (int.from_bytes(index[i : i + 8], "little") for i in (at, at + 8))
            if place != EMPTY and place + length <= len(content):
                yield place, length


def layout_of(
    chunk: Sequence[int],
    itemsize: int,
    compressors: Sequence[Any] | None,
    filters: Sequence[Any] | None = None,
    serializer: Any = None,
    sharding: Any = None,
    shard: Sequence[int] | None = None,
) -> ChunkLayout:
    """Describe the chunks of an array.

    Parameters
    ----------
    chunk : sequence of int
        The shape of a chunk, or of an inner chunk of a shard.
    itemsize : int
        Of the decoded type.
    compressors, filters : sequence of codecs, optional
        In the order of encoding.
    serializer : codec, optional
        Of zarr format 3.
    sharding : zarr.codecs.ShardingCodec, optional
    shard : sequence of int, optional
        Its shape.
    """
    size = math.prod(map(int, chunk)) * itemsize
    if filters or name_of(serializer) not in ("", "bytes"):
        size *= WIDENED  # numbers may be of another type as they are stored
    names = tuple(name_of(codec) for codec in reversed(compressors or ()))
    if shard is None:
        return ChunkLayout(size, names)
    chunks = math.prod(shard) // max(1, math.prod(chunk))
    index, first = 0, False
    if isinstance(sharding, ShardingCodec):
        codecs = [name_of(codec) for codec in sharding.index_codecs]
        if codecs in (["bytes"], ["bytes", "crc32c"]):
            index = 16 * chunks + 4 * (len(codecs) - 1)
        place: Any = sharding.index_location  # a text from zarr 3.2 on, an enumeration before
        first = getattr(place, "value", place) == "start"
    return ChunkLayout(size, names, chunks, index, first)


def layout_of_array(array: zarr.Array[Any]) -> ChunkLayout:
    """Describe the chunks of an array that is open."""
    codecs = getattr(array.metadata, "codecs", ())
    return layout_of(
        array.chunks,
        array.dtype.itemsize,
        array.compressors,
        array.filters,
        array.serializer,
        next((codec for codec in codecs if isinstance(codec, ShardingCodec)), None),
        array.shards,
    )


def larger_block(shape: Sequence[int], chunk: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a block of whole chunks that limits the number of blocks.

    Parameters
    ----------
    shape, chunk : sequence of int
        Of the array and of a stored object.

    Returns
    -------
    tuple of int
        The chunk itself if there are few chunks, or they are large.

    Examples
    --------
    >>> larger_block((1320, 800, 1140), (100, 100, 100))
    (100, 100, 100)
    >>> larger_block((1320, 800, 1140), (32, 32, 32))
    (64, 64, 64)
    """
    block = list(chunk)
    while True:
        numbers = [-(-n // size) for n, size in zip(shape, block, strict=True)]
        if math.prod(numbers) <= BLOCKS or 2 * math.prod(block) > BLOCK:
            return tuple(block)
        # across the axis along which it is the thinnest, of those that it does not span
        axis = min((i for i, n in enumerate(numbers) if n > 1), key=lambda i: block[i])
        block[axis] *= 2
