"""Answers of servers to another question than the one that was asked: the right number, or an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from fsspec.implementations.http import HTTPFileSystem
from zarr.storage import FsspecStore

from support.faulty_server import Answer, FaultyServer, Request, faulty_server
from support.injected_faults import CODECS, run_faults, tabulate
from support.proxy import proxy
from support.small_worlds import brainglobe_table, write_ome_zarr
from support.stores import s3_server, upload
from xarray_atlas import open_atlas
from xarray_atlas.errors import StoreError
from xarray_atlas.io.zarr.answers import check_range, part_of_whole

pytestmark = pytest.mark.version_independent

VALUES = np.random.default_rng(0).integers(0, 2**32, (16, 16, 16), dtype="uint32")
PART = {"z": slice(4, 8), "y": slice(4, 8), "x": slice(4, 8)}
RIGHT = VALUES[4:8, 4:8, 4:8]
SHARDED = [name for name in CODECS if name.startswith("shards")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of random labels for each codec, in shards of 64 chunks."""
    made = tmp_path_factory.mktemp("shards")
    for name in SHARDED:
        write_ome_zarr(made / f"{name}.ome.zarr", VALUES, **CODECS[name])
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[FaultyServer]:
    with faulty_server(folder) as told:
        yield told


def read(server: FaultyServer, codec: str, fault: Callable[[Request], Answer | None]) -> Any:
    """Open without a fault, then read an inner chunk of the shard with it."""
    server.fault = lambda request: None
    ds = open_atlas(f"{server.url}/{codec}.ome.zarr", terminology=brainglobe_table())
    server.fault = fault
    return ds.annotation.isel(PART).values


def is_chunk(request: Request) -> bool:
    """Return whether a part of a shard is asked for that is not its index, at its end."""
    return request.part is not None and request.part[1] < len(request.content or b"")


def first_part(request: Request) -> Answer | None:
    if not is_chunk(request):
        return None
    begin, end = request.part or (0, 0)
    return request.answer((0, end - begin))


@pytest.mark.parametrize("codec", SHARDED)
def test_a_whole_object_has_the_part_cut_out_of_it(server: FaultyServer, codec: str) -> None:
    found = read(server, codec, lambda r: Answer(200, r.content or b"") if r.part else None)
    np.testing.assert_array_equal(found, RIGHT)


@pytest.mark.parametrize("codec", SHARDED)
@pytest.mark.parametrize("says", ["which", "nothing"])
def test_another_part_is_an_error(server: FaultyServer, codec: str, says: str) -> None:
    def fault(request: Request) -> Answer | None:
        wrong = first_part(request)
        return wrong and (wrong if says == "which" else replace(wrong, headers={}))

    with pytest.raises(StoreError, match=r"labels \[4:8, 4:8, 4:8\].*asked for bytes="):
        read(server, codec, fault)


@pytest.mark.parametrize("codec", SHARDED)
@pytest.mark.parametrize("change", [-1, 1], ids=["shorter", "longer"])
def test_a_part_of_another_length_is_an_error(
    server: FaultyServer, codec: str, change: int
) -> None:
    def fault(request: Request) -> Answer | None:
        if not is_chunk(request):
            return None
        body = request.answer().body
        return request.with_body(body[:-1] if change < 0 else body + b"\0")

    with pytest.raises(StoreError, match="bytes came of the"):
        read(server, codec, fault)


def test_a_store_object_of_fsspec_is_read_as_its_url(server: FaultyServer) -> None:
    server.fault = lambda request: None
    filesystem = HTTPFileSystem(asynchronous=True)
    store = FsspecStore(filesystem, path=f"{server.url}/shards+blosc.ome.zarr", read_only=True)
    ds = open_atlas(store, terminology=brainglobe_table())
    server.fault = first_part
    with pytest.raises(StoreError, match="another range came"):
        ds.annotation.isel(PART).load()


@pytest.mark.parametrize("start", [b"<!DOCTYPE html>", b"\r\n  <HTML lang=en>"])
@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize("codec", ["shards", "shards+zstd"])
def test_a_web_page_in_place_of_a_chunk(
    server: FaultyServer, codec: str, status: int, start: bytes
) -> None:
    page = start + b" " * 10_000
    with pytest.raises(StoreError, match=r"web page.*a login|does not say which part"):
        read(server, codec, lambda r: Answer(status, page, {"Content-Type": "text/html"}))


def test_a_redirect_to_a_page_that_is_absent_is_no_absent_chunk(server: FaultyServer) -> None:
    def fault(request: Request) -> Answer | None:
        found = request.content is not None
        return Answer(302, b"", {"Location": "/login"}) if found else Answer(404)

    with pytest.raises(StoreError, match="redirects to .*/login, where there is nothing"):
        read(server, "shards+zstd", fault)


def test_an_absent_object_behind_a_redirect_is_absent(server: FaultyServer) -> None:
    """As where a server redirects all that it has to another one."""

    def fault(request: Request) -> Answer | None:
        if "elsewhere" in request.path:
            return Answer(404)
        return Answer(302, b"", {"Location": f"/elsewhere/{request.path}"})

    assert not read(server, "shards+zstd", fault).any()


@pytest.mark.parametrize("codec", ["shards", "shards+blosc", "shards+zstd"])
@pytest.mark.parametrize("fault", ["whole", "elsewhere"])
def test_s3_answers_another_part(
    folder: Path, codec: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with s3_server() as endpoint, proxy(endpoint) as told:
        upload(folder / f"{codec}.ome.zarr", endpoint, "s3://bucket/s.ome.zarr")
        options = {"endpoint_url": told.url}
        ds = open_atlas(
            "s3://bucket/s.ome.zarr", terminology=brainglobe_table(), storage_options=options
        )
        np.testing.assert_array_equal(ds.annotation.isel(PART).values, RIGHT)
        told.fault = lambda path, before: fault if "/c/" in path else None
        with pytest.raises(StoreError, match=r"labels \[4:8, 4:8, 4:8\].*(whole object|another)"):
            ds.annotation.isel(PART).load()


@pytest.mark.parametrize(
    ("asked", "came", "length"),
    [
        ("bytes=0-9", "bytes 0-9/100", 10),
        ("bytes=0-9", "bytes 0-9/*", None),
        ("bytes=90-", "bytes 90-99/100", 10),
        ("bytes=-10", "bytes 90-99/100", 10),
        ("bytes=-10", "bytes 0-4/5", 5),
        ("bytes=95-120", "bytes 95-99/100", 5),
    ],
)
def test_ranges_that_are_right(asked: str, came: str, length: int | None) -> None:
    check_range(asked, came, length)


@pytest.mark.parametrize(
    ("asked", "came", "length"),
    [
        ("bytes=0-9", "bytes 1-10/100", 10),
        ("bytes=0-9", "bytes 0-9/100", 9),
        ("bytes=-10", "bytes 80-89/100", 10),
        ("bytes=-10", "bytes 0-49/*", 50),
        ("bytes=90-", "bytes 91-99/100", 9),
        ("bytes=0-9", None, 10),
        ("bytes=0-9", "items 0-9/100", 10),
    ],
)
def test_ranges_that_are_wrong(asked: str, came: str | None, length: int) -> None:
    with pytest.raises(OSError, match=f"asked for {asked}"):
        check_range(asked, came, length)


def test_parts_of_a_whole() -> None:
    content = bytes(range(100))
    assert part_of_whole("bytes=3-5", content) == bytes([3, 4, 5])
    assert part_of_whole("bytes=-2", content) == bytes([98, 99])
    assert part_of_whole("bytes=98-", content) == bytes([98, 99])
    with pytest.raises(OSError, match="no such part"):
        part_of_whole("bytes=100-110", content)


def test_injected_faults(tmp_path: Path) -> None:
    """A share of those of benchmarks/injected_faults.py, of each kind some."""
    outcomes = list(run_faults(tmp_path, 76, seed=1))
    assert [o for o in outcomes if o.result == "foreign"] == []
    assert [o for o in outcomes if o.result == "wrong" and o.noticed] == []
    table = tabulate(outcomes)
    assert len(table) > 20
    assert table["the whole object for a range"] == {"right": 3}
    assert table["another range, with a false Content-Range"]["wrong, unnoticeable"] < 3
    assert set(table["404 for a chunk that is there"]) == {"wrong, unnoticeable"}


def test_zarr_itself_does_not_look(server: FaultyServer) -> None:
    """What the checks are for: where this fails, zarr or fsspec compare the range themselves."""
    server.fault = lambda request: None
    store = FsspecStore.from_url(f"{server.url}/shards.ome.zarr", read_only=True)
    array: Any = zarr.open_group(store, mode="r")["0"]
    server.fault = first_part
    assert not np.array_equal(array[4:8, 4:8, 4:8], RIGHT)
