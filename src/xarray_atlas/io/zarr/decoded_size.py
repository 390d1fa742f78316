"""The decoded size of a chunk according to its header, before it is decoded.

A small object can decode to gigabytes. The headers of zstd, Blosc and LZ4 have the size to which
they decode, and decoders take as much memory as these say. zlib, gzip, bz2 and lzma have no such
header (the four bytes at the end of a gzip file are the size modulo 2 ** 32, and are taken as a
hint): they are decoded here in small parts, which are thrown away, until they end or are too long.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

__all__ = ["declared_size", "name_of", "stated_size"]

ZSTD_MAGIC = 0xFD2FB528
ZSTD_BLOCK = 1 << 17
"""The largest decoded size of one block of zstd."""

PART = 1 << 20
"""Number of bytes decoded at a time if that is the only way to determine a size."""


def name_of(codec: Any) -> str:
    """Return the name of a codec of zarr format 2 or 3, "" without one."""
    name = getattr(codec, "codec_id", None) or getattr(codec, "codec_name", None)
    if name is None and hasattr(codec, "to_dict"):
        name = codec.to_dict().get("name")
    return str(name or "").removeprefix("numcodecs.")


def declared_size(codec: str, content: bytes | memoryview, limit: int) -> int | None:
    """Return the size to which a chunk decodes, or a smaller one that exceeds `limit`.

    Parameters
    ----------
    codec : str
        The name of what is decoded first.
    content : bytes
        The stored chunk.
    limit : int
        The largest size that is right, in bytes.

    Returns
    -------
    int or None
        None if it is not stated.
    """
    measure = MEASURES.get(codec)
    return None if measure is None else measure(memoryview(content), limit)


def stated_size(codec: str, content: bytes | memoryview) -> int | None:
    """Return the decoded size that the header of a chunk states; None if it states none.

    Parameters
    ----------
    codec : str
        The name of what is decoded first.
    content : bytes
    """
    content = memoryview(content)
    if codec == "blosc":
        return _blosc(content, 0)
    if codec == "lz4":
        return _lz4(content, 0)
    if codec != "zstd" or len(content) < 6 or int.from_bytes(content[:4], "little") != ZSTD_MAGIC:
        return None
    # the two bits of the size's width, and the one of a frame without a window
    return _zstd(content, 0) if content[4] >> 5 else None


def _blosc(content: memoryview, limit: int) -> int | None:
    return None if len(content) < 16 else int.from_bytes(content[4:8], "little")


def _lz4(content: memoryview, limit: int) -> int | None:
    return None if len(content) < 4 else int.from_bytes(content[:4], "little")


def _zstd(content: memoryview, limit: int) -> int | None:
    """Read the header of a frame of zstd (RFC 8878, 3.1.1.1)."""
    if len(content) < 6 or int.from_bytes(content[:4], "little") != ZSTD_MAGIC:
        return None
    descriptor = content[4]
    single, flag = descriptor >> 5 & 1, descriptor >> 6
    at = 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    width = (single, 2, 4, 8)[flag]
    if width == 0:
        return _zstd_blocks(content, at, limit)
    size = int.from_bytes(content[at : at + width], "little")
    return size + 256 if width == 2 else size


def _zstd_blocks(content: memoryview, at: int, limit: int) -> int:
    """Sum the blocks of a frame that does not state its size; an upper bound.

    Of a compressed block no more is known than that it has at most 128 KiB; what is less than one
    block over the limit, or made of many short blocks, is not told from one that is right.
    """
    exact = compressed = 0
    while at + 3 <= len(content):
        header = int.from_bytes(content[at : at + 3], "little")
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        at += 3 + (1 if kind == 1 else size)  # 1: one byte that is repeated
        if kind == 2:
            compressed += 1
        else:
            exact += size
        if last:
            break
    if exact > limit or exact + compressed * ZSTD_BLOCK > 4 * limit + 64 * PART:
        return max(exact, limit + 1)
    return min(exact, limit)


def _gzip(content: memoryview, limit: int) -> int | None:
    if len(content) >= 18 and int.from_bytes(content[-4:], "little") == limit % (1 << 32):
        return limit
    return _inflated(content, limit, 31)


def _zlib(content: memoryview, limit: int) -> int | None:
    return _inflated(content, limit, 15)


def _inflated(content: memoryview, limit: int, window: int) -> int | None:
    length, data = 0, bytes(content)
    while data and length <= limit:  # gzip: one member after the other
        member = zlib.decompressobj(window)
        try:
            while data and not member.eof and length <= limit:
                length += len(member.decompress(data, PART))
                data = member.unconsumed_tail
        except zlib.error:
            return None  # reported when it is decoded
        data = member.unused_data if window == 31 else b""
    return length


def _streamed(make: Callable[[], Any]) -> Callable[[memoryview, int], int | None]:
    def measure(content: memoryview, limit: int) -> int | None:
        decoder, length = make(), 0
        data = bytes(content)
        try:
            while not decoder.eof and length <= limit:
                part = decoder.decompress(data, PART)
                length += len(part)
                data = b""
                if not part and decoder.needs_input:
                    break
        except (OSError, lzma.LZMAError, EOFError):
            return None
        return length

    return measure


MEASURES: dict[str, Callable[[memoryview, int], int | None]] = {
    "zstd": _zstd,
    "blosc": _blosc,
    "lz4": _lz4,
    "gzip": _gzip,
    "zlib": _zlib,
    "bz2": _streamed(bz2.BZ2Decompressor),
    "lzma": _streamed(lzma.LZMADecompressor),
}
