"""Chunks that say, or turn out, to decode to more than a chunk can have."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from support.small_worlds import brainglobe_table, labels, write_ome_zarr
from xarray_atlas import open_atlas
from xarray_atlas.errors import StoreError
from xarray_atlas.io.zarr.decoded_size import declared_size

pytestmark = pytest.mark.version_independent

ENCODERS: dict[str, Any] = {
    "zstd": numcodecs.Zstd(3).encode,
    "blosc": numcodecs.Blosc().encode,
    "lz4": numcodecs.LZ4().encode,
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bz2": bz2.compress,
    "lzma": lzma.compress,
}

sizes = st.integers(0, 3000) | st.integers(65_000, 140_000)


@pytest.mark.parametrize("codec", ENCODERS)
@given(size=sizes, seed=st.integers(0, 3))
def test_the_declared_size_is_what_comes_out(codec: str, size: int, seed: int) -> None:
    content = np.random.default_rng(seed).integers(0, 1 + seed, size).astype("u1").tobytes()
    encoded = bytes(ENCODERS[codec](content))
    found = declared_size(codec, encoded, size)
    assert found == size or (codec == "zstd" and size == 0)
    more = declared_size(codec, encoded, size - 1) if size else None
    assert more is None or more > size - 1


@pytest.mark.parametrize("codec", ENCODERS)
@given(content=st.binary(max_size=200))
def test_garbage_says_something_or_nothing(codec: str, content: bytes) -> None:
    found = declared_size(codec, content, 1000)
    assert found is None or found >= 0


def streamed(size: int, flush_each: int | None = None) -> bytes:
    """A frame of zstd without its decoded size: as programs write it that encode as they go."""
    blocks, left = [], size
    while left:
        length = min(left, 1 << 17)
        left -= length
        # a block of one byte that is repeated (RFC 8878, 3.1.1.2)
        blocks.append(((length << 3) | 2 | (not left)).to_bytes(3, "little") + b"\x07")
    return (0xFD2FB528).to_bytes(4, "little") + bytes([0, 0x38]) + b"".join(blocks)


def test_a_frame_of_zstd_without_its_size_is_measured_by_its_blocks() -> None:
    encoded = streamed(300_000)
    assert bytes(numcodecs.Zstd().decode(encoded)) == b"\7" * 300_000
    assert declared_size("zstd", encoded, 300_000) == 300_000
    assert declared_size("zstd", streamed(1 << 30), 300_000) > 300_000  # type: ignore[operator]


def test_members_of_gzip_are_added_up() -> None:
    parts = gzip.compress(b"a" * 1000) + gzip.compress(b"b" * 500)
    assert declared_size("gzip", parts, 1500) == 1500
    assert declared_size("gzip", parts, 900) > 900  # type: ignore[operator]


BOMBS: dict[str, Any] = {
    "zstd": (zarr.codecs.ZstdCodec(), numcodecs.Zstd(1).encode, {}),
    "zstd and crc32c": (
        [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()],
        lambda content: numcodecs.CRC32C(location="end").encode(numcodecs.Zstd(1).encode(content)),
        {},
    ),
    "blosc": (zarr.codecs.BloscCodec(), numcodecs.Blosc("zstd").encode, {}),
    "gzip": (zarr.codecs.GzipCodec(), gzip.compress, {}),
    "zlib": (numcodecs.Zlib(), zlib.compress, {"zarr_format": 2}),
    "lz4": (numcodecs.LZ4(), numcodecs.LZ4().encode, {"zarr_format": 2}),
    "bz2": (numcodecs.BZ2(), bz2.compress, {"zarr_format": 2}),
    "lzma": (numcodecs.LZMA(), lzma.compress, {"zarr_format": 2}),
}

READ = """
import sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[2])
import xarray_atlas
from support.small_worlds import brainglobe_table
def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024
ds = xarray_atlas.open_atlas(sys.argv[1], terminology=brainglobe_table())
before = peak()
try:
    ds.atlas.volume("A")
except xarray_atlas.errors.StoreError as error:
    print(peak() - before, error)
"""

BIG = 400 << 20


def write_one(path: Path, codec: str) -> Path:
    """Write a store of one chunk; return the path of the chunk."""
    compressors, _, more = BOMBS[codec]
    if more:  # format 2
        group = zarr.open_group(path, mode="w", zarr_format=2)
        array = group.create_array(
            "0", shape=(12, 10, 8), chunks=(12, 10, 8), dtype="uint32", compressors=compressors
        )
        array[...] = labels()
        axes = [{"name": n, "type": "space", "unit": "millimeter"} for n in "zyx"]
        placed = [{"type": "scale", "scale": [0.025] * 3}]
        datasets = [{"path": "0", "coordinateTransformations": placed}]
        group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": datasets}]
        return path / "0" / "0.0.0"
    write_ome_zarr(path, chunks=(12, 10, 8), compressors=compressors)
    return path / "0/c/0/0/0"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no way to learn the peak")
@pytest.mark.parametrize("codec", BOMBS)
def test_a_chunk_that_decodes_to_gigabytes_is_refused_in_little_memory(
    tmp_path: Path, codec: str
) -> None:
    chunk = write_one(tmp_path / "l.ome.zarr", codec)
    ds = open_atlas(tmp_path / "l.ome.zarr", terminology=brainglobe_table())
    np.testing.assert_array_equal(ds.annotation, labels())
    size = BIG if codec.startswith(("zstd", "blosc")) else BIG // 8
    chunk.write_bytes(bytes(BOMBS[codec][1](np.zeros(size, "u1").tobytes())))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "l.ome.zarr"), str(Path(__file__).parents[1])],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    taken, _, message = done.stdout.partition(" ")
    assert int(taken) < 40  # MB
    assert "it is damaged, and is not decoded" in message or "can belong there" in message


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("codec", ["zstd", "blosc"])
def test_a_chunk_of_a_shard_that_decodes_to_more(tmp_path: Path, codec: str, whole: bool) -> None:
    compressors = BOMBS[codec][0]
    values = np.random.default_rng(0).integers(0, 3, (16, 16, 16)).astype("uint32")
    path = tmp_path / "l.ome.zarr"
    create = {"chunks": (8, 8, 8), "shards": (16, 16, 16), "compressors": compressors}
    write_ome_zarr(path, values, **create)
    shard = path / "0/c/0/0/0"
    content = bytearray(shard.read_bytes())
    index = np.frombuffer(bytes(content[-8 * 16 - 4 : -4]), "<u8").reshape(-1, 2)
    place, length = map(int, index[7])  # of the last chunk
    bomb = bytes(BOMBS[codec][1](np.zeros(1 << 20, "u1").tobytes()))
    assert len(bomb) <= length
    content[place : place + len(bomb)] = bomb
    shard.write_bytes(content)
    ds = open_atlas(path, terminology=brainglobe_table())
    np.testing.assert_array_equal(ds.annotation[:8], values[:8])
    with pytest.raises(StoreError, match="chunk at byte .* decodes to 1048576 bytes or more"):
        (ds.annotation if whole else ds.annotation[8:, 8:, 8:]).load()


@pytest.mark.parametrize("index", ["start", "end"])
def test_an_index_is_no_chunk(tmp_path: Path, index: str) -> None:
    values = np.random.default_rng(0).integers(0, 3, (16, 16, 16)).astype("uint32")
    path = tmp_path / "l.ome.zarr"
    codec = zarr.codecs.ShardingCodec(
        chunk_shape=(4, 4, 4),
        codecs=[zarr.codecs.BytesCodec(), zarr.codecs.ZstdCodec()],
        index_location=index,
    )
    write_ome_zarr(
        path, values, chunks=(16, 16, 16), serializer=codec, compressors=None, filters=None
    )
    ds = open_atlas(path, terminology=brainglobe_table())
    np.testing.assert_array_equal(ds.annotation[4:8, 4:8], values[4:8, 4:8])
    np.testing.assert_array_equal(ds.annotation, values)


def test_an_object_that_is_longer_than_it_can_be_is_not_read(tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "l.ome.zarr", chunks=(12, 10, 8))
    with open(path / "0/c/0/0/0", "r+b") as file:
        file.truncate(1 << 40)  # a hole: it takes no room
    ds = open_atlas(path, terminology=brainglobe_table())
    with pytest.raises(
        StoreError, match=r"has 1099511627776 bytes, and at most \d+ can belong there"
    ):
        ds.annotation.load()


def test_metadata_that_are_longer_than_they_can_be_are_not_read(tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "l.ome.zarr")
    with open(path / "zarr.json", "r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(StoreError, match="zarr.json.*has 1099511627776 bytes"):
        open_atlas(path, terminology=brainglobe_table())
