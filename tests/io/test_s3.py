"""Atlases on S3: a real protocol in this process, and servers that fail."""

from __future__ import annotations

import logging
import os
import pickle
import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import s3fs
import xarray as xr
import zarr
from fsspec.implementations.local import LocalFileSystem

import xarray_atlas
from support.stores import (
    LAYOUT,
    REGIONS,
    Server,
    labels,
    s3_server,
    scaling,
    serve,
    upload,
    write_atlas,
)
from xarray_atlas import open_atlas
from xarray_atlas.errors import (
    MissingTerminologyError,
    ResolutionNotFoundError,
    StoreError,
    StoreFormatError,
    StoreNotFoundError,
)
from xarray_atlas.io.zarr.filesystems import storage_for
from xarray_atlas.io.zarr.s3_client import check_listings, is_encrypted, is_s3
from xarray_atlas.reductions import cache as index_cache

pytestmark = pytest.mark.version_independent

ALLEN = "annotation-sets/allen-adult-mouse-annotation/2017/annotation.ome.zarr"
TABLE = "terminologies/allen-adult-mouse-terminology/2017"


class Bucket(NamedTuple):
    url: str
    options: dict
    data: Path


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """The Allen labels at 50 and 100 um as published, else the sample, on S3."""
    folder = os.environ.get("XARRAY_ATLAS_TEST_DATA")
    root = Path(folder) / "brainglobe" if folder else Path(str(files("xarray_atlas"))) / "data"
    copy = tmp_path_factory.mktemp("s3")
    shutil.copytree(root / ALLEN, copy / ALLEN)
    if folder:
        shutil.rmtree(copy / ALLEN / "0")  # 25 um: its many chunks take long to upload
    shutil.copytree(root / TABLE, copy / TABLE)
    with pytest.MonkeyPatch.context() as patch, s3_server() as endpoint:
        # nobody's own account is asked
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", str(copy / "none"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(copy / "none"))
        upload(copy, endpoint, "s3://brainglobe/atlas")
        yield Bucket(f"s3://brainglobe/atlas/{ALLEN}", {"endpoint_url": endpoint}, copy)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of a small atlas in ``s3://bucket/``, which can be told to fail."""
    write_atlas(tmp_path / "bucket")
    with serve(tmp_path) as running:
        yield running


def open_tiny(server: Server, path: str = LAYOUT, **keywords: object) -> xr.Dataset:
    options = {"endpoint_url": server.url}
    return open_atlas(f"s3://bucket/{path}", storage_options=options, **keywords)


def test_volumes_of_an_atlas_on_s3(bucket: Bucket) -> None:
    ds = open_atlas(bucket.url, resolution="100 um", storage_options=bucket.options)
    assert ds.sizes == {"z": 132, "y": 80, "x": 114}
    assert ds.attrs["source"] == bucket.url
    assert ds.atlas.terminology.name == "allen-adult-mouse-terminology"
    volume = ds.atlas.volume("RSP").pint.to("mm**3")
    assert volume.item().magnitude == pytest.approx(10.174, abs=1e-9)
    half = open_atlas(bucket.url, resolution="50 um", storage_options=bucket.options)
    assert half.atlas.volume("RSP").item().to("mm**3").magnitude == pytest.approx(83093 * 0.05**3)


def test_volumes_on_s3_are_those_counted_by_brute_force(
    bucket: Bucket, expected: pd.DataFrame
) -> None:
    ds = open_atlas(bucket.url, resolution="100 um", storage_options=bucket.options)
    table = expected.set_index("abbreviation").total_100um
    some = ["root", "RSP", "Isocortex", "CA1", "MOB", "VISm"]
    volumes = ds.atlas.volume(some).pint.to("mm**3").pint.magnitude
    np.testing.assert_allclose(volumes, table[some] * 0.1**3, rtol=1e-9)


def test_through_xarray(bucket: Bucket) -> None:
    local = open_atlas(bucket.data / ALLEN, resolution="100 um")
    ds = xr.open_dataset(
        bucket.url,
        engine="atlas",
        resolution="100 um",
        storage_options=bucket.options,
        chunks={},
    )
    assert ds.annotation.identical(local.annotation)


def test_datatree(server: Server) -> None:
    options = {"endpoint_url": server.url}
    tree = xr.open_datatree(
        f"s3://bucket/{LAYOUT}", engine="atlas", storage_options=options, chunks={}
    )
    assert len(server.requests) == 4
    np.testing.assert_array_equal(tree["1"].annotation, labels((3, 4, 5), seed=1))


def test_a_store_object_finds_its_terminology_with_its_own_options(bucket: Bucket) -> None:
    store = zarr.storage.FsspecStore.from_url(
        bucket.url, storage_options={**bucket.options, "anon": True}, read_only=True
    )
    ds = open_atlas(store, resolution="100 um")
    assert ds.attrs["source"] == bucket.url
    assert ds.atlas.region("RSP").name == "Retrosplenial area"


def test_anonymous_unless_storage_options_say_otherwise(bucket: Bucket, tmp_path: Path) -> None:
    """The file is private: anonymous access is refused, its owner's is not."""
    write_atlas(tmp_path)
    upload(tmp_path, bucket.options["endpoint_url"], "s3://private", public=False)
    url = f"s3://private/{LAYOUT}"
    with pytest.raises(StoreError, match=r"no permission to read .*'anon': False"):
        open_atlas(url, storage_options=bucket.options)
    own = {**bucket.options, "key": "test", "secret": "test"}
    np.testing.assert_array_equal(open_atlas(url, storage_options=own).annotation, labels())


@pytest.mark.parametrize(
    ("url", "given", "anonymous"),
    [
        ("s3://b/a", None, True),
        ("s3a://b/a", {"endpoint_url": "http://127.0.0.1"}, True),
        ("s3://b/a", {"anon": False}, False),
        ("s3://b/a", {"key": "k", "secret": "s"}, None),
        ("s3://b/a", {"profile": "lab"}, None),
        ("https://b/a", None, None),
    ],
)
def test_storage_options(url: str, given: dict | None, anonymous: bool | None) -> None:
    options = storage_for(url, given)
    assert options.get("anon") is anonymous
    assert {k: options[k] for k in given or ()} == (given or {})
    # one request an object, not two
    assert options.get("max_concurrency") == (None if url.startswith("http") else 1)


def test_storage_options_of_a_chain(bucket: Bucket, tmp_path: Path) -> None:
    assert storage_for("simplecache::s3://b/a", None)["s3"]["anon"] is True
    ds = open_atlas(
        f"simplecache::{bucket.url}",
        resolution="100 um",
        storage_options={"s3": bucket.options, "simplecache": {"cache_storage": str(tmp_path)}},
    )
    again = pickle.loads(pickle.dumps(ds))  # as a worker gets it
    assert int(again.atlas.mask("RSP").sum()) == 10174
    assert any(tmp_path.iterdir())


def test_a_zarr_written_to_s3_is_reopened(bucket: Bucket) -> None:
    ds = open_atlas(bucket.url, resolution="100 um", storage_options=bucket.options)
    part = ds.isel(z=slice(60, 62))
    own = {**bucket.options, "key": "test", "secret": "test"}
    url = "s3://brainglobe/written.zarr"
    part.to_zarr(url, storage_options=own, consolidated=False)
    again = open_atlas(url, storage_options=own)
    assert again.identical(part)
    assert int(again.atlas.mask("root").sum()) == int(part.atlas.mask("root").sum()) > 0


@pytest.mark.parametrize("absent", [404, 403])
def test_requests(server: Server, absent: int) -> None:
    """One each for the group, the level and the terminology, and one a chunk.

    Also where a bucket may be read but not listed.
    """
    server.absent = absent
    ds = open_tiny(server)
    assert sorted(path.removeprefix("bucket/") for path in server.requests) == [
        f"{LAYOUT}/0/zarr.json",
        f"{LAYOUT}/zarr.json",
        "terminologies/tiny-terminology/1_0/terminology.csv",
    ]
    server.requests.clear()
    plane = ds.annotation.isel(z=0)
    assert server.requests == []
    np.testing.assert_array_equal(plane, labels()[0])
    chunks = [path.rpartition("/c/")[2] for path in server.requests]
    assert sorted(chunks) == ["0/0/0", "0/0/1", "0/1/0", "0/1/1"]


def test_nothing_there(bucket: Bucket) -> None:
    for url in ("s3://no-such-bucket/a.ome.zarr", "s3://brainglobe/atlas/no-such.ome.zarr"):
        with pytest.raises(StoreNotFoundError, match="no such bucket or key") as caught:
            open_atlas(url, storage_options=bucket.options)
        assert url in str(caught.value)
        assert bucket.options["endpoint_url"] in str(caught.value)
    with pytest.raises(StoreFormatError, match=r"is a zarr array, one level.*\.ome\.zarr"):
        open_atlas(f"{bucket.url}/1", storage_options=bucket.options)
    with pytest.raises(ResolutionNotFoundError, match="no level of resolution 10 um"):
        open_atlas(bucket.url, resolution="10 um", storage_options=bucket.options)


def test_no_terminology(server: Server) -> None:
    shutil.rmtree(server.folder / "bucket/terminologies")
    looked = "s3://bucket/terminologies/tiny-terminology/1_0/terminology.csv"
    with pytest.raises(MissingTerminologyError, match=f"looked for {looked}.*pass terminology="):
        open_tiny(server)
    server.absent = 403
    with pytest.raises(StoreError, match=f"no permission to read {looked}.*or pass terminology="):
        open_tiny(server)
    assert open_tiny(server, terminology=REGIONS).atlas.region("two").id == 614454277
    table = server.folder / "mine.csv"
    REGIONS.to_csv(table, index=False)
    # the options are of the store's file system, not of the terminology's
    assert open_tiny(server, terminology=table).atlas.terminology.name == "mine"
    over_http = open_tiny(server, terminology=f"{server.url}/mine.csv")
    assert over_http.atlas.terminology.name == "mine"


def test_no_permission(server: Server) -> None:
    server.fault = lambda path: 403
    with pytest.raises(StoreError, match=r"no permission to read s3://bucket.*'anon': False"):
        open_tiny(server)


@pytest.mark.parametrize("fault", [403, "drop"])
def test_a_chunk_that_cannot_be_read(server: Server, fault: object) -> None:
    ds = open_tiny(server)
    server.fault = lambda path: fault if path.endswith("/0/c/1/0/1") else None
    place = r"labels \[3:6, 0:4, 5:10\] of s3://bucket/annotation-sets/.*/annotation.ome.zarr/0"
    with pytest.raises(StoreError, match=place):
        ds.annotation.values.sum()
    np.testing.assert_array_equal(ds.annotation.isel(z=0), labels()[0])
    server.fault = lambda path: None
    np.testing.assert_array_equal(ds.annotation, labels())


@pytest.mark.parametrize("absent", [404, 403])
def test_a_chunk_that_is_not_stored(server: Server, absent: int) -> None:
    """It is the fill value; where the bucket does not say that it is absent, an error."""
    ds = open_tiny(server)
    (server.folder / "bucket" / LAYOUT / "0/c/0/0/0").unlink()
    server.absent = absent
    if absent == 403:
        with pytest.raises(StoreError, match="not listed refuses chunks that it does not"):
            ds.annotation.values.sum()
        return
    expected = labels()
    expected[:3, :4, :5] = 0
    np.testing.assert_array_equal(ds.annotation, expected)


@pytest.fixture
def listed(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Requests]:
    """A small atlas in a bucket that anybody may list, and what is asked of the server."""
    monkeypatch.setenv("XARRAY_ATLAS_CACHE_DIR", str(tmp_path / "cache"))
    path = write_atlas(tmp_path / "root", compressors=None, filters=None)
    endpoint = bucket.options["endpoint_url"]
    own = {"endpoint_url": endpoint, "key": "test", "secret": "test"}
    name = tmp_path.name.replace("_", "-").lower()
    upload(tmp_path / "root", endpoint, f"s3://{name}")
    seen = Requests(f"s3://{name}/{LAYOUT}", own, path)
    log = logging.getLogger("werkzeug")
    monkeypatch.setattr(log, "level", logging.INFO)
    log.addHandler(seen)
    with xarray_atlas.set_options(index_cache=True):
        yield seen
    log.removeHandler(seen)


class Requests(logging.Handler):
    """An atlas on S3, and what the server was asked since `calls` was cleared."""

    def __init__(self, url: str, options: dict, path: Path) -> None:
        super().__init__()
        self.url, self.options, self.path = url, options, path
        self.calls: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.calls += re.findall(r'"GET (\S+) ', record.getMessage())

    def open(self) -> xr.Dataset:
        return open_atlas(self.url, storage_options=self.options, midline="0.1125 mm")

    def chunks(self) -> list[str]:
        found = [path.partition("/c/") for path in self.calls]
        self.calls.clear()
        return sorted(chunk for _, mark, chunk in found if mark)

    def listings(self) -> int:
        return sum("list-type" in path for path in self.calls)


def voxels(ds: xr.Dataset) -> list[int]:
    return (ds.atlas.volume().pint.magnitude / 0.025**3).round().astype(int).tolist()


def test_a_second_volume_makes_no_request(listed: Requests) -> None:
    ds = listed.open()
    first = voxels(ds)
    assert len(listed.chunks()) == 8
    assert voxels(ds) == first
    ds.atlas.region_properties(hemisphere=["left", "right"])
    assert listed.calls == []


def test_the_next_session_on_s3_makes_one_listing(listed: Requests) -> None:
    first = voxels(listed.open())
    index_cache._indexes.clear()
    index_cache._fingerprints.clear()
    listed.calls.clear()
    ds = listed.open()
    assert listed.listings() == 0
    assert voxels(ds) == first
    assert listed.listings() == 1
    assert listed.chunks() == []


def test_crop_on_s3_makes_the_requests_of_its_chunks(listed: Requests, tmp_path: Path) -> None:
    values = labels()
    values[values == 614454277] = 0
    values[4, 5, 6:8] = 614454277
    root = tmp_path / "other"
    write_atlas(root, levels={"0": (values, scaling(0.025))})
    upload(root, listed.options["endpoint_url"], listed.url.removesuffix(f"/{LAYOUT}"))
    ds = listed.open()
    voxels(ds)
    listed.calls.clear()
    part = ds.atlas.crop("two")
    assert listed.calls == []
    np.testing.assert_array_equal(part.annotation, [[[614454277] * 2]])
    assert listed.chunks() == ["1/1/1"]
    assert int(ds.atlas.mask("two").sum()) == 2
    assert listed.chunks() == ["1/1/1"]


def test_a_chunk_of_the_same_size_on_s3(listed: Requests) -> None:
    before = voxels(listed.open())
    filesystem = s3fs.S3FileSystem(**listed.options)
    key = f"{listed.url}/0/c/1/0/1"
    content = np.frombuffer(filesystem.cat_file(key), "uint32").copy()
    content[:] = 8
    filesystem.pipe_file(key, content.tobytes())
    expected = labels()
    expected[3:, :4, 5:] = 8
    found = voxels(listed.open())
    assert found[1] == int((expected == 8).sum() + (expected > 1000).sum())
    assert found != before


def test_what_is_asked_of_s3fs_itself(listed: Requests) -> None:
    """Where this fails, s3fs has changed what it does not document."""
    filesystem = s3fs.S3FileSystem(**listed.options)
    bucket = listed.url.removeprefix("s3://").partition("/")[0]
    assert is_s3(filesystem)
    assert not is_s3(LocalFileSystem())
    for key, keywords in (("plain", {}), ("secret", {"ServerSideEncryption": "aws:kms"})):
        filesystem.call_s3("put_object", Bucket=bucket, Key=f"asked/{key}", Body=b"1", **keywords)
        assert is_encrypted(filesystem, f"{bucket}/asked/{key}") == bool(keywords)
    answers: list[Any] = []

    def check(parsed: Any, **about: Any) -> None:
        answers.append(parsed)

    def refuse(parsed: Any, **about: Any) -> None:
        raise OSError("no listing")

    for _ in range(2):
        check_listings(filesystem, check)
    filesystem.invalidate_cache()
    assert len(filesystem.find(f"{bucket}/asked")) == 2
    assert [len(answer["Contents"]) for answer in answers] == [2]
    another = s3fs.S3FileSystem(**listed.options, skip_instance_cache=True)
    check_listings(another, refuse)
    with pytest.raises(OSError, match="no listing"):
        another.find(f"{bucket}/asked")


def test_a_bucket_that_may_not_be_listed(bucket: Bucket, listed: Requests) -> None:
    """No listing, no index on disk; and no error."""
    anonymous = {"endpoint_url": bucket.options["endpoint_url"]}
    ds = open_atlas(listed.url, storage_options=anonymous, midline="0.1125 mm")
    first = voxels(ds)
    assert voxels(ds) == first
    cache = Path(os.environ["XARRAY_ATLAS_CACHE_DIR"])
    assert not cache.exists() or listed.listings()
