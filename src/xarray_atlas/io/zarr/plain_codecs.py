"""Decode chunks with simple codecs by numcodecs alone.

zarr's pipeline takes about 3 ms per chunk besides decoding, under the interpreter's lock.
Chunks that are numbers in C order, compressed by one codec of numcodecs or not at all, are decoded
here straight into the array that is returned. All others are left to zarr.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numcodecs
import numpy as np
import zarr
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec, ZstdCodec

from xarray_atlas.errors import StoreError
from xarray_atlas.io.zarr.decoded_size import name_of, stated_size

__all__ = ["PlainCodec", "assemble", "plain_codec"]

OF_FORMAT_3 = {
    ZstdCodec: numcodecs.Zstd,
    BloscCodec: numcodecs.Blosc,
    GzipCodec: numcodecs.GZip,
}

OF_FORMAT_2 = ("zstd", "blosc", "gzip", "zlib", "lz4", "bz2")


class PlainCodec:
    """Decodes the chunks of one array.

    Parameters
    ----------
    shape : tuple of int
        Of a chunk.
    dtype : dtype
        As it is stored.
    codec : codec of numcodecs, optional
        None if chunks are not compressed.
    fill_value : number
        Of a chunk that is not stored.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any, codec: Any, fill_value: Any) -> None:
        self.shape, self.dtype, self.codec = shape, np.dtype(dtype), codec
        self.fill_value = fill_value
        self.name = name_of(codec)
        self.size = math.prod(shape) * self.dtype.itemsize

    def decode(self, key: str, content: bytes | None, out: Any = None) -> Any:
        """Decode a chunk, in the machine's byte order; None is one that is not stored.

        Parameters
        ----------
        key : str
        content : bytes, optional
        out : ndarray, optional
            Of :meth:`scratch`: what is decoded into, and returned where it serves. With it the
            result may not be written to, and a chunk that is not stored is one without strides.

        Raises
        ------
        StoreError
            If it has another size than a chunk has.
        """
        native = self.dtype.newbyteorder("=")
        if content is None:
            if out is not None:
                return np.broadcast_to(np.array(self.fill_value, native), self.shape)
            if not self.fill_value:  # memory that is not touched
                return np.zeros(self.shape, native)
            return np.full(self.shape, self.fill_value, native)
        if self.codec is None:
            self._check(key, len(content))
            decoded = np.frombuffer(content, self.dtype).reshape(self.shape)
            return decoded.astype(native)
        if stated_size(self.name, content) != self.size:
            raw = self.codec.decode(content)
            self._check(key, len(raw))
            return np.frombuffer(raw, self.dtype).reshape(self.shape).astype(native)
        out = self.scratch() if out is None else out
        self.codec.decode(content, out=out.reshape(-1))
        return out.astype(native, copy=False)

    def scratch(self) -> Any:
        """Return room for a chunk."""
        return np.empty(self.shape, self.dtype)

    def _check(self, key: str, size: int) -> None:
        if size != self.size:
            raise StoreError(
                f"{key!r} decodes to {size} bytes, where a chunk has {self.size}: it is damaged"
            )


def assemble(
    chunks: Iterable[Any], shape: tuple[int, ...], block: tuple[slice, ...], dtype: Any
) -> Any:
    """Put the chunks that hold a block together.

    Parameters
    ----------
    chunks : iterable of ndarray
        In the order of their places.
    shape : tuple of int
        Of a chunk.
    block : tuple of slice
    dtype : dtype

    Returns
    -------
    ndarray
        The chunk itself, or a view of it, if a single chunk contains the block.
    """
    starts = [range(p.start // n * n, p.stop, n) for p, n in zip(block, shape, strict=True)]
    corners = list(itertools.product(*starts))
    sizes = tuple(part.stop - part.start for part in block)
    if len(corners) == 1:
        own = (slice(p.start - c, p.stop - c) for p, c in zip(block, corners[0], strict=True))
        return next(iter(chunks))[tuple(own)]
    whole = np.empty(sizes, dtype)
    for corner, chunk in zip(corners, chunks, strict=True):
        inside = [
            (max(p.start, c), min(p.stop, c + n))
            for p, c, n in zip(block, corner, shape, strict=True)
        ]
        target = tuple(
            slice(a - p.start, b - p.start) for (a, b), p in zip(inside, block, strict=True)
        )
        source = tuple(slice(a - c, b - c) for (a, b), c in zip(inside, corner, strict=True))
        whole[target] = chunk[source]
    return whole


def plain_codec(array: zarr.Array[Any]) -> PlainCodec | None:
    """Return the decoder of the chunks of an array; None if zarr has to decode them."""
    if array.shards is not None or array.dtype.kind not in "biuf":
        return None
    codec = _of_format_3(array) if array.metadata.zarr_format == 3 else _of_format_2(array)
    if codec is None:
        return None
    stored, compressor = codec
    return PlainCodec(array.chunks, stored, compressor, array.fill_value)


def _of_format_3(array: zarr.Array[Any]) -> tuple[Any, Any] | None:
    codecs: Sequence[Any] = array.metadata.codecs  # type: ignore[union-attr]
    if not codecs or type(codecs[0]) is not BytesCodec or len(codecs) > 2:
        return None
    endian = codecs[0].endian  # a text from zarr 3.2 on, an enumeration before
    big = str(getattr(endian, "value", endian)) == "big"
    dtype = array.dtype.newbyteorder(">" if big else "<")
    if len(codecs) == 1:
        return dtype, None
    make = OF_FORMAT_3.get(type(codecs[1]))
    return None if make is None else (dtype, make())


def _of_format_2(array: zarr.Array[Any]) -> tuple[Any, Any] | None:
    if array.filters or array.order != "C" or len(array.compressors) > 1:
        return None
    compressor = array.compressors[0] if array.compressors else None
    if compressor is not None and getattr(compressor, "codec_id", None) not in OF_FORMAT_2:
        return None
    return array.dtype, compressor
