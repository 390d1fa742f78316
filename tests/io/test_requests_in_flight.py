"""Remote stores are read with many requests in flight, each chunk once, and only those needed."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import fsspec
import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.slow_server import slow_server
from support.stores import (
    LAYOUT,
    REGIONS,
    Server,
    labels,
    scaling,
    serve,
    write_atlas,
    write_ome_zarr,
)
from xarray_atlas import open_atlas, set_options
from xarray_atlas.errors import StoreError
from xarray_atlas.io.zarr import fetching
from xarray_atlas.reductions.read_layer import ReadLayer
from xarray_atlas.reductions.stored import stored_array

SHAPE = (24, 16, 20)
CHUNK = (4, 4, 4)
CHUNKS = 6 * 4 * 5
VALUES = labels(SHAPE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    write_atlas(tmp_path, levels={"0": (VALUES, scaling(0.025))}, chunks=CHUNK)
    with serve(tmp_path) as running:
        yield running


class Watch:
    """What happens to requests for chunks: how many there were, and how many at once."""

    def __init__(self, server: Server, seconds: float = 0.05) -> None:
        self.lock, self.seconds = threading.Lock(), seconds
        self.now = self.most = 0
        self.paths: list[str] = []
        server.fault = self.answer

    def answer(self, path: str) -> Any:
        if "/c/" not in path:
            return None
        with self.lock:
            self.paths.append(path)
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds)
        with self.lock:
            self.now -= 1
        return None

    @property
    def keys(self) -> list[str]:
        return [path.rpartition("/c/")[2] for path in self.paths]


def opened(server: Server, **keywords: Any) -> xr.Dataset:
    return open_atlas(f"{server.url}/{LAYOUT}", midline="0.25 mm", **keywords)


@pytest.mark.parametrize(
    "what", ["values", "max", "volume", "mask", "properties", "aggregate", "paint"]
)
def test_many_requests_at_once_each_chunk_once(server: Server, what: str) -> None:
    ds = opened(server)
    watch = Watch(server)
    image = ds.annotation.copy(data=np.ones(SHAPE)).drop_vars("terminology", errors="ignore")
    calls = {
        "values": lambda: (ds.annotation.values == VALUES).all(),
        "max": lambda: int(ds.annotation.max()) == VALUES.max(),
        "volume": lambda: (
            ds.atlas.volume("one").item().magnitude
            == pytest.approx((VALUES == 312782574).sum() * 0.025**3)
        ),
        "mask": lambda: int(ds.atlas.mask("one").sum()) == (VALUES == 312782574).sum(),
        "properties": lambda: (
            ds.atlas.region_properties().voxels.sel(region="one") == (VALUES == 312782574).sum()
        ),
        "aggregate": lambda: (
            float(ds.atlas.aggregate(image, ["one"], func="sum").values[0])
            == (VALUES == 312782574).sum()
        ),
        "paint": lambda: (
            float(ds.atlas.paint({"one": 2.0}).sum()) == 2 * (VALUES == 312782574).sum()
        ),
    }
    assert calls[what]()
    assert len(watch.paths) == len(set(watch.paths)) == CHUNKS
    assert 16 < watch.most <= 64


def test_the_number_of_requests_is_bounded(server: Server) -> None:
    ds = opened(server)
    watch = Watch(server, 0.01)
    with set_options(requests=5):
        assert (ds.annotation.values == VALUES).all()
    assert 2 < watch.most <= 5
    assert len(watch.paths) == CHUNKS


def test_what_is_read_ahead_is_bounded(server: Server) -> None:
    ds = opened(server)
    watch, ahead = Watch(server, 0.0), []
    slow = watch.answer
    server.fault = lambda path: ahead.append(fetching._bytes_ahead()) or slow(path)
    largest = max(path.stat().st_size for path in (server.folder / LAYOUT).rglob("c/*/*/*"))
    with set_options(requests=2, read_ahead=10 * largest):
        assert (ds.annotation.values == VALUES).all()
    # and what was in flight when there were as many, of each of two or more threads
    threads = os.cpu_count() or 1
    assert 0 < max(ahead) <= (10 + 2 * threads) * largest
    assert sorted(watch.keys) == sorted(set(watch.keys))
    assert len(watch.keys) == CHUNKS


@pytest.mark.parametrize("name", ["requests", "read_ahead"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "64"])
def test_options_that_are_no_numbers(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} is a whole number of at least 1"):
        set_options(**{name: value})


@pytest.mark.parametrize(
    ("part", "number"),
    [
        ({"z": 5}, 4 * 5),
        ({"z": slice(3, 5), "y": 0, "x": 19}, 2),
        ({"z": [0, 23], "y": slice(0, 4)}, 2 * 5),
        ({"x": slice(None, None, -1), "y": 3, "z": 3}, 5),
    ],
)
def test_no_other_chunk_is_fetched(server: Server, part: dict[str, Any], number: int) -> None:
    ds = opened(server)
    watch = Watch(server, 0.0)
    got = ds.annotation.isel(part).values
    expected = xr.DataArray(VALUES, dims=("z", "y", "x")).isel(part).values
    np.testing.assert_array_equal(got, expected)
    assert len(watch.keys) == len(set(watch.keys)) == number


def test_nothing_is_fetched_before_it_is_computed(server: Server) -> None:
    watch = Watch(server)
    ds = opened(server)
    lazy = ds.annotation.where(ds.annotation > 0, 1).chunk(z=5).mean()
    assert pickle.loads(pickle.dumps(ds)).annotation.shape == SHAPE
    assert watch.paths == []
    assert float(lazy) == pytest.approx(np.where(VALUES > 0, VALUES, 1).mean())
    assert len(watch.paths) == CHUNKS


@pytest.mark.parametrize("what", ["max", "volume"])
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_after_an_error_no_request_is_made(server: Server, what: str, scheduler: str) -> None:
    ds = opened(server)
    watch = Watch(server, 0.02)
    slow = watch.answer
    server.fault = lambda path: slow(path) or (500 if len(watch.paths) >= 9 else None)
    calls = {"max": lambda: ds.annotation.max().compute(), "volume": lambda: ds.atlas.volume()}
    with (
        set_options(requests=4),
        dask.config.set(scheduler=scheduler),
        pytest.raises(StoreError, match="labels .*500"),
    ):
        calls[what]()
    made = len(watch.paths)
    assert made <= 9 + 2 * 4
    time.sleep(0.3)
    assert len(watch.paths) <= made + 4  # those that were on their way

    server.fault = lambda path: None  # it is not given up for good
    assert calls[what]() is not None


INTERRUPTED = """
import sys, dask, xarray_atlas
ds = xarray_atlas.open_atlas(sys.argv[1], midline="0.25 mm")
print("opened", flush=True)
xarray_atlas.set_options(requests=2)
dask.config.set(scheduler=sys.argv[2])
"""


@pytest.mark.parametrize("call", ["ds.annotation.max().compute()", "ds.atlas.volume()"])
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_after_an_interrupt_it_ends_at_once(server: Server, scheduler: str, call: str) -> None:
    watch = Watch(server, 0.3)
    command = [sys.executable, "-c", INTERRUPTED + call, f"{server.url}/{LAYOUT}", scheduler]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "opened\n"
    while len(watch.paths) < 4:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in said
    assert len(watch.paths) < 20
    assert time.monotonic() - begin < 5


def test_local_stores_are_read_as_before(tmp_path: Path) -> None:
    path = write_atlas(tmp_path, levels={"0": (VALUES, scaling(0.025))}, chunks=CHUNK)
    data = open_atlas(path).annotation.data
    assert not any(isinstance(layer, ReadLayer) for layer in data.dask.layers.values())


def test_what_was_read_is_known_again(server: Server) -> None:
    ds = opened(server)
    assert stored_array(ds.annotation.data) is not None
    ds.atlas.volume()
    watch = Watch(server)
    ds.atlas.volume(["one", "two"])
    ds.atlas.region_properties()
    assert watch.paths == []


def test_a_mask_after_a_pass_asks_for_what_holds_the_region(server: Server) -> None:
    ds = opened(server)
    ds.atlas.volume()
    held = {
        "/".join(str(i // n) for i, n in zip(place, CHUNK, strict=True))
        for place in np.argwhere(VALUES == 312782574)
    }
    watch = Watch(server)
    assert int(ds.atlas.mask("one").sum()) == (VALUES == 312782574).sum()
    assert sorted(watch.keys) == sorted(held)
    assert watch.most > min(16, len(held) // 2)


@pytest.mark.parametrize(
    ("key", "number"), [((), CHUNKS), ((5,), 4 * 5), ((slice(3, 9), slice(None), -1), 3 * 4)]
)
def test_without_dask(server: Server, key: Any, number: int) -> None:
    ds = opened(server, chunks=None)
    watch = Watch(server, 0.3)
    np.testing.assert_array_equal(ds.annotation[key].values, VALUES[key])
    assert len(watch.keys) == len(set(watch.keys)) == number
    assert watch.most >= min(number - 2, 16)


def test_an_image_on_the_grid(server: Server, tmp_path: Path) -> None:
    image = np.arange(VALUES.size, dtype="float32").reshape(SHAPE)
    write_ome_zarr(tmp_path / "image.ome.zarr", {"0": (image, scaling(0.025))}, chunks=CHUNK)
    ds = opened(server)
    opened_image = xarray_atlas.open_image(f"{server.url}/image.ome.zarr", orientation="asr")
    watch = Watch(server)
    means = ds.atlas.aggregate(opened_image, ["one"]).compute()
    assert float(means.values[0]) == pytest.approx(image[VALUES == 312782574].mean())
    assert len(watch.paths) == len(set(watch.paths)) == 2 * CHUNKS
    assert watch.most > 16


def test_hemispheres_that_are_a_volume(server: Server, tmp_path: Path) -> None:
    sides = np.where(np.arange(SHAPE[2]) < 9, 2, 1).astype("uint8") + np.zeros(SHAPE, "uint8")
    sides[3] = 1
    write_ome_zarr(tmp_path / "sides.ome.zarr", {"0": (sides, scaling(0.025))}, chunks=CHUNK)
    ds = open_atlas(f"{server.url}/{LAYOUT}", midline="0.25 mm")
    beside = open_atlas(f"{server.url}/sides.ome.zarr", terminology=REGIONS).annotation
    ds = ds.drop_vars("hemispheres", errors="ignore").assign(hemispheres=beside.variable)
    watch = Watch(server)
    left = ds.atlas.volume("one", hemisphere="left").item().magnitude
    assert left == pytest.approx(((VALUES == 312782574) & (sides == 1)).sum() * 0.025**3)
    assert len(watch.paths) == len(set(watch.paths)) == 2 * CHUNKS
    assert watch.most > 16


def test_on_processes(server: Server) -> None:
    ds = opened(server)
    watch = Watch(server, 0.02)
    with dask.config.set(scheduler="processes", num_workers=2):
        assert int(ds.annotation.max()) == VALUES.max()
    assert len(watch.paths) == len(set(watch.paths)) == CHUNKS
    assert watch.most > 16


def test_on_a_cluster(server: Server) -> None:
    distributed = pytest.importorskip("distributed")
    ds = opened(server)
    watch = Watch(server, 0.02)
    with (
        distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster),
    ):
        assert int(ds.annotation.max()) == VALUES.max()
        assert ds.atlas.volume("one").item().magnitude == pytest.approx(
            (VALUES == 312782574).sum() * 0.025**3
        )
    assert len(watch.paths) == 2 * CHUNKS
    assert watch.most > 16


def test_a_part_of_what_a_cluster_keeps(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    distributed = pytest.importorskip("distributed")
    ds = opened(server)
    with (
        distributed.LocalCluster(
            2, threads_per_worker=1, processes=False, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
    ):
        kept = ds.annotation.persist()
        distributed.wait(kept.data)
        both = dask.compute(ds.annotation.isel(z=3).sum(), kept.isel(y=2).sum())
    assert [int(total) for total in both] == [VALUES[3].sum(), VALUES[:, 2].sum()]
    assert "run_spec" not in caplog.text


@pytest.mark.parametrize("what", ["max", "volume", "mask"])
def test_over_s3(tmp_path: Path, what: str) -> None:
    write_atlas(tmp_path / "bucket", levels={"0": (VALUES, scaling(0.025))}, chunks=CHUNK)
    with slow_server(tmp_path, 0.1) as told:
        options = {"endpoint_url": told.url}
        ds = open_atlas(f"s3://bucket/{LAYOUT}", midline="0.25 mm", storage_options=options)
        told.settle()
        voxels = (VALUES == 312782574).sum()
        calls = {
            "max": lambda: int(ds.annotation.max()) == VALUES.max(),
            "volume": lambda: (
                ds.atlas.volume("one").item().magnitude == pytest.approx(voxels * 0.025**3)
            ),
            "mask": lambda: int(ds.atlas.mask("one").sum()) == voxels,
        }
        assert calls[what]()
        assert len(told.paths) == len(set(told.paths)) == CHUNKS
        assert 16 < told.most <= 64


def test_the_limits_go_with_the_graph(server: Server) -> None:
    """A scheduler in another process makes the tasks."""
    ds = opened(server)
    with set_options(requests=3):
        sent = pickle.loads(pickle.dumps(ds.annotation.data))
    watch = Watch(server, 0.01)
    np.testing.assert_array_equal(sent.compute(), VALUES)
    assert watch.most <= 3


# -- many small chunks


@pytest.mark.parametrize("remote", [True, False])
def test_many_small_chunks_are_read_as_blocks(tmp_path: Path, remote: bool) -> None:
    shape = (40, 36, 30)
    values = labels(shape)
    path = write_atlas(tmp_path, levels={"0": (values, scaling(0.025))}, chunks=(2, 2, 2))
    expected = {
        int(label): int(count)
        for label, count in zip(*np.unique(values, return_counts=True), strict=True)
    }
    with serve(tmp_path) as running:
        ds = open_atlas(f"{running.url}/{LAYOUT}" if remote else path, midline="0.25 mm")
        assert ds.annotation.data.npartitions <= 5000
        assert set(ds.annotation.data.chunksize) == {2, 4}
        assert ds.annotation.encoding["preferred_chunks"] == dict.fromkeys("zyx", 2)
        voxels = ds.atlas.volume("one").item().magnitude / 0.025**3
        assert voxels == pytest.approx(expected[312782574])
        np.testing.assert_array_equal(ds.annotation.values, values)
        assert int(ds.atlas.mask("one").sum()) == expected[312782574]
        own = open_atlas(f"{running.url}/{LAYOUT}" if remote else path, chunks={"z": 2})
        assert own.annotation.data.chunksize[0] == 2  # as it was asked for, without a warning


# -- chunks of every kind: memory:// is a remote file system to fsspec

KINDS: dict[str, dict[str, Any]] = {
    "zstd": {"compressors": zarr.codecs.ZstdCodec()},
    "blosc": {"compressors": zarr.codecs.BloscCodec(cname="lz4")},
    "gzip": {"compressors": zarr.codecs.GzipCodec()},
    "none": {"compressors": None},
    "crc": {"compressors": [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()]},
    "shards": {"shards": (8, 8, 8), "chunks": (4, 4, 4)},
    "transposed": {"filters": zarr.codecs.TransposeCodec(order=(2, 1, 0))},
    "big-endian": {"serializer": zarr.codecs.BytesCodec(endian="big")},
    "fill value": {"fill_value": 8},
    "v2 blosc": {"zarr_format": 2, "compressors": numcodecs.Blosc()},
    "v2 zlib": {"zarr_format": 2, "compressors": numcodecs.Zlib()},
    "v2 lz4": {"zarr_format": 2, "compressors": numcodecs.LZ4()},
    "v2 none": {"zarr_format": 2, "compressors": None},
    "v2 Fortran": {"zarr_format": 2, "order": "F"},
    "v2 big-endian": {"zarr_format": 2, "dtype": ">u4"},
}


@pytest.mark.filterwarnings("ignore:The specified chunks separate the stored chunks")
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_blocks_of_every_kind_of_chunk(kind: str, data: st.DataObject) -> None:
    shape = tuple(data.draw(st.integers(1, 13)) for _ in range(3))
    values = labels(shape, seed=data.draw(st.integers(0, 99)))
    values[: shape[0] // 2] = 0  # chunks that are not stored
    chunks = tuple(data.draw(st.integers(1, n)) for n in shape)
    keywords = {"chunks": chunks, **KINDS[kind]}
    if kind == "fill value":
        values[values == 0] = 8
    fsspec.filesystem("memory").rm("/flight", recursive=True) if fsspec.filesystem("memory").exists(
        "/flight"
    ) else None
    store = zarr.storage.FsspecStore.from_url("memory://flight/a.ome.zarr")
    write_ome_zarr(store, {"0": (values, scaling(0.025))}, **keywords)
    blocks = data.draw(st.sampled_from([{}, {"z": 2}, {"z": 3, "y": 2, "x": 5}, "auto"]))
    ds = open_atlas("memory://flight/a.ome.zarr", terminology=REGIONS, chunks=blocks)
    batched = any(isinstance(layer, ReadLayer) for layer in ds.annotation.data.dask.layers.values())
    assert batched == (kind != "shards")
    part = {
        dim: slice(*sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n)))))
        for dim, n in zip("zyx", shape, strict=True)
    }
    expected = xr.DataArray(values, dims=("z", "y", "x"))
    np.testing.assert_array_equal(ds.annotation.isel(part).values, expected.isel(part).values)
    np.testing.assert_array_equal(ds.annotation.values, values)
    whole = ds.annotation.values
    assert whole.dtype == np.dtype("u4")
    assert whole.flags.writeable


def test_a_chunk_of_another_size_is_damaged(server: Server, tmp_path: Path) -> None:
    ds = opened(server)
    chunk = tmp_path / LAYOUT / "0" / "c" / "0" / "0" / "0"
    chunk.write_bytes(numcodecs.Zstd().encode(np.zeros(63, "u4")))
    with pytest.raises(StoreError, match="c/0/0/0.*63|252 bytes, where a chunk has 256"):
        ds.annotation.isel(z=0, y=0).load()


def test_all_other_operations_of_dask(server: Server) -> None:
    ds = opened(server)
    plain = xr.DataArray(VALUES, dims=("z", "y", "x"))
    np.testing.assert_array_equal(ds.annotation.persist().values, VALUES)
    np.testing.assert_array_equal(ds.annotation.chunk(z=7, x=3).values, VALUES)
    np.testing.assert_array_equal((ds.annotation + ds.annotation).values, VALUES * 2)
    np.testing.assert_array_equal(ds.annotation.coarsen(z=3).max().values, plain.coarsen(z=3).max())
    (first, second) = dask.compute(ds.annotation.max(), ds.annotation.isel(z=3).sum())
    assert (int(first), int(second)) == (VALUES.max(), VALUES[3].sum())
    (optimized,) = dask.optimize(ds.annotation.data)
    np.testing.assert_array_equal(optimized.compute(), VALUES)
    again = da.Array(
        ds.annotation.data.dask, ds.annotation.data.name, ds.annotation.data.chunks, "u4"
    )
    np.testing.assert_array_equal(again.compute(), VALUES)
    assert len(dict(ds.annotation.data.__dask_graph__())) > CHUNKS
    assert xarray_atlas.encode(ds).annotation.sum() == VALUES.sum()
