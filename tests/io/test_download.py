"""Downloads: byte-identical in the end whatever happens, and never a wrong voxel before."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
import numpy as np
import pytest
import zarr

from support.catalogues import levels, write_catalogue
from support.proxy import Proxy, proxy
from support.stores import chunk_files, labels, s3_server, serve, upload, write_ome_zarr
from xarray_atlas import download, open_atlas
from xarray_atlas.cli.main import main
from xarray_atlas.errors import (
    AtlasNotFoundError,
    ComponentNotFoundError,
    ResolutionNotFoundError,
    StoreError,
    StoreFormatError,
    StoreNotFoundError,
)
from xarray_atlas.io.brainglobe.folder import brainglobe_folder
from xarray_atlas.io.copies import records
from xarray_atlas.io.copies.completeness import copy_state
from xarray_atlas.io.copies.records import RECORDS, UNFINISHED, Object, record_name
from xarray_atlas.io.downloads import remote
from xarray_atlas.io.zarr.stores import open_group

pytestmark = pytest.mark.version_independent

ATLAS = "tiny_mouse_25um"
SETS = "annotation-sets/tiny_mouse-annotation/1_0"
STORE = f"{SETS}/annotations_compressed.ome.zarr"
TEMPLATE = "templates/tiny_mouse-template/1_0/template.ome.zarr"
MANIFEST = f"atlases/{ATLAS}/1_0/manifest.json"
ALL = ("annotation", "template", "hemispheres", "masks", "meshes", "tiny_mouse-nissl")
SHAPE, HALF = (12, 16, 16), (6, 8, 8)

spawning = multiprocessing.get_context("forkserver")
spawning.set_forkserver_preload(["xarray_atlas", "s3fs"])


class Bucket(NamedTuple):
    """The atlas in a folder, and as it is on the server."""

    folder: Path
    endpoint: str

    url = "s3://bucket/atlas"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    """An atlas of small chunks, of which nearly half are zeros and not stored."""
    root = write_catalogue(
        tmp_path_factory.mktemp("bucket"), sides=True, masks=True, references=("nissl",)
    )
    rng = np.random.default_rng(3)
    inside = np.kron(rng.random((3, 4, 4)) < 0.6, np.ones((4, 4, 4), bool))
    part = inside[tuple(map(slice, HALF))]
    annotation = levels(labels(SHAPE) * inside, labels(HALF, seed=1) * part)
    pictures = [rng.integers(0, 500, shape).astype("uint16") for shape in (SHAPE, HALF)]
    halves = [np.ones(shape, "uint8") for shape in (SHAPE, HALF)]
    write_ome_zarr(root / STORE, levels=annotation, chunks=(4, 4, 4))
    write_ome_zarr(root / TEMPLATE, levels=levels(*pictures), chunks=(4, 4, 4))
    write_ome_zarr(root / SETS / "hemispheres.ome.zarr", levels=levels(*halves), chunks=HALF)
    assert 20 < len(chunk_files(root / STORE / "s0")) < 40
    mesh = root / SETS / "annotations.precomputed/mesh"
    mesh.mkdir(parents=True)
    (mesh / "info").write_text("{}")
    (mesh / "997").write_bytes(bytes(range(256)))
    (mesh / "997.index").write_bytes(b"")
    with pytest.MonkeyPatch.context() as patch, s3_server() as endpoint:
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", str(root / "none"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(root / "none"))
        upload(root, endpoint, Bucket.url)
        yield Bucket(root, endpoint)


@pytest.fixture
def server(bucket: Bucket) -> Iterator[Proxy]:
    with proxy(bucket.endpoint) as told:
        yield told


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pauses a hundredth as long, and nobody's own folders."""
    monkeypatch.setattr(remote, "PAUSE", 0.01)
    monkeypatch.setenv("BRAINGLOBE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def get(server: Proxy, folder: Path, name: str = ATLAS, **keywords: Any) -> Path:
    options = {"endpoint_url": server.url, **keywords.pop("options", {})}
    return download(name, folder, root=Bucket.url, storage_options=options, **keywords)


def files(folder: Path) -> set[str]:
    """The files of a copy, without its records."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if RECORDS not in path.parts}


def expected(bucket: Bucket, level: str | None = "s0", include: Any = ALL[:3]) -> set[str]:
    """The files that a copy is to have."""
    parts = {
        "annotation": "annotations_compressed",
        "template": "tiny_mouse-template/",
        "hemispheres": "hemispheres.ome",
        "masks": "annotations.ome",
        "meshes": "precomputed",
        "tiny_mouse-nissl": "nissl",
    }
    stores = "|".join(parts[name] for name in include)
    other = "s1" if level == "s0" else "s0"
    kept = set()
    for path in files(bucket.folder):
        named = path.startswith("atlases/")
        if named and level is not None and path != MANIFEST:
            continue
        plain = path.startswith(("terminologies/", "coordinate-spaces/")) or named
        if not plain and not re.search(stores, path):
            continue
        if level is not None and f"/{other}/c/" in path:
            continue
        kept.add(path)
    return kept


def assert_identical(folder: Path, bucket: Bucket, paths: set[str]) -> None:
    assert files(folder) == paths
    _, differing, failing = filecmp.cmpfiles(folder, bucket.folder, paths, shallow=False)
    assert (differing, failing) == ([], [])
    assert not list(folder.rglob(f"*{UNFINISHED}"))


# -- what is copied


def test_a_copy_of_one_level(bucket: Bucket, server: Proxy, tmp_path: Path) -> None:
    folder = get(server, tmp_path / "copy")
    assert folder == tmp_path / "copy"
    assert_identical(folder, bucket, expected(bucket))
    ds = open_atlas(ATLAS, root=folder, include=("annotation", "template", "hemispheres"))
    source = open_atlas(ATLAS, root=bucket.folder, include=("annotation", "template"))
    np.testing.assert_array_equal(ds.annotation, source.annotation)
    np.testing.assert_array_equal(ds.template, source.template)


def test_all_of_it(bucket: Bucket, server: Proxy, tmp_path: Path) -> None:
    folder = get(server, tmp_path / "copy", "tiny_mouse", resolution="all", include=ALL)
    assert_identical(folder, bucket, files(bucket.folder))
    assert server.requests
    server.requests.clear()
    get(server, folder, "tiny_mouse", resolution="all", include=ALL)
    chunks = [path for path in server.objects if "/c/" in path]
    assert chunks == []  # what is there is not fetched again


def test_later_calls_add_to_the_copy(bucket: Bucket, server: Proxy, tmp_path: Path) -> None:
    folder = get(server, tmp_path / "copy", include="template", version="1.0")
    assert files(folder) - expected(bucket, include=("template",)) == {
        f"{STORE}/zarr.json",
        f"{STORE}/s0/zarr.json",
        f"{STORE}/s1/zarr.json",
    }
    get(server, folder, "tiny_mouse_50um", include="annotation")
    get(server, folder, include="annotation")
    wanted = expected(bucket, None, ("annotation",)) | expected(bucket, include=("template",))
    assert_identical(folder, bucket, wanted)


@pytest.mark.parametrize("resolution", [["25 um", "50 um"], "all", [0, "s1"]])
def test_levels(bucket: Bucket, tmp_path: Path, resolution: Any) -> None:
    folder = download(
        ATLAS, tmp_path / "copy", root=bucket.folder, resolution=resolution, include="annotation"
    )
    assert_identical(folder, bucket, expected(bucket, None, ("annotation",)))


def test_from_a_file_system_that_has_no_etags(bucket: Bucket, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(f"{bucket.folder}/", "/mirror/atlas/", recursive=True)
    try:
        folder = download(ATLAS, tmp_path / "copy", root="memory://mirror/atlas")
        assert_identical(folder, bucket, expected(bucket))
    finally:
        memory.rm("/mirror", recursive=True)


def test_where_nothing_is_said_it_goes_to_the_users_data(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XARRAY_ATLAS_DATA", str(tmp_path / "data"))
    assert download(ATLAS, root=bucket.folder) == tmp_path / "data"
    assert_identical(tmp_path / "data", bucket, expected(bucket))


def test_others_may_read_it(bucket: Bucket, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder = download(ATLAS, tmp_path / "copy", root=bucket.folder)
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert modes == {0o644}


@pytest.mark.parametrize(
    ("name", "keywords", "error", "says"),
    [
        ("tiny_mose", {}, AtlasNotFoundError, "did you mean"),
        (ATLAS, {"version": "2.0"}, AtlasNotFoundError, "1.0"),
        (ATLAS, {"resolution": "10 um"}, ResolutionNotFoundError, "25 um"),
        (ATLAS, {"include": "mask"}, ComponentNotFoundError, "no component 'mask'"),
    ],
)
def test_what_there_is_not_leaves_nothing(
    bucket: Bucket, tmp_path: Path, name: str, keywords: Any, error: Any, says: str
) -> None:
    with pytest.raises(error, match=says):
        download(name, tmp_path / "copy", root=bucket.folder, **keywords)
    assert not (tmp_path / "copy").exists()


def test_components_that_the_atlas_has_not(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path / "root")
    folder = download(ATLAS, tmp_path / "copy", root=root)  # it has no hemispheres
    assert not (folder / SETS / "hemispheres.ome.zarr").exists()
    for name in ("masks", "meshes"):
        with pytest.raises(ComponentNotFoundError, match=rf"has no {SETS}/annotations\.(ome|prec)"):
            download(ATLAS, tmp_path / "copy", root=root, include=name)


def test_brainglobes_own_folder_is_neither_written_nor_believed(
    bucket: Bucket, tmp_path: Path
) -> None:
    own = brainglobe_folder()
    for folder in (own, own / "below"):
        with pytest.raises(StoreError, match="BrainGlobe's own folder, which is never written to"):
            download(ATLAS, folder, root=bucket.folder)
    assert not own.exists()
    with pytest.raises(StoreError, match="a copy of it would pass for complete"):
        download(ATLAS, tmp_path / "copy", root=own)
    with pytest.raises(StoreError, match="folder and root are the same"):
        download(ATLAS, bucket.folder, root=bucket.folder)


def test_a_copy_of_a_copy(bucket: Bucket, tmp_path: Path) -> None:
    first = download(ATLAS, tmp_path / "first", root=bucket.folder)
    second = download(ATLAS, tmp_path / "second", root=first)
    assert_identical(second, bucket, expected(bucket))
    with pytest.raises(StoreError, match=r"itself a copy, to which level 's1' was not"):
        download(ATLAS, tmp_path / "third", root=first, resolution="50 um")
    chunk_files(first / STORE / "s0")[0].unlink()
    with pytest.raises(StoreError, match=r"itself a copy that is not complete: 's0/c/"):
        download(ATLAS, tmp_path / "fourth", root=first)


# -- what goes wrong


def chunk_paths(server: Proxy) -> list[str]:
    return [path for path in server.objects if "/c/" in path]


@pytest.mark.parametrize("fault", [503, 500, 429, "drop"])
def test_what_passes_is_tried_again(
    bucket: Bucket, server: Proxy, tmp_path: Path, fault: Any
) -> None:
    """The listings fail too."""
    server.fault = lambda path, before: fault if before == 0 and "mouse-t" in path else None
    folder = get(server, tmp_path / "copy", include=("annotation", "template"))
    assert_identical(folder, bucket, expected(bucket, include=("annotation", "template")))


def test_silence_is_given_up_and_tried_again(bucket: Bucket, server: Proxy, tmp_path: Path) -> None:
    def fault(path: str, before: int) -> str | None:
        return "silence" if before == 0 and path.endswith("s0/c/0/0/0") else None

    server.fault = fault
    options = {"config_kwargs": {"read_timeout": 0.5}}
    folder = get(server, tmp_path / "copy", options=options)
    assert_identical(folder, bucket, expected(bucket))


def test_attempts_are_bounded(server: Proxy, tmp_path: Path) -> None:
    server.fault = lambda path, before: 503 if path.endswith(f"{TEMPLATE}/s0/c/0/0/1") else None
    with pytest.raises(StoreError, match=r"template.ome.zarr/s0/c/0/0/1.*the same call resumes"):
        get(server, tmp_path / "copy")
    asked = [path for path in server.requests if path.endswith("template.ome.zarr/s0/c/0/0/1")]
    assert len(asked) == remote.ATTEMPTS
    assert not (tmp_path / "copy" / MANIFEST).exists()
    server.fault = lambda path, before: None
    get(server, tmp_path / "copy")
    assert (tmp_path / "copy" / MANIFEST).exists()


def test_patience_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0.2)
    monkeypatch.setattr(remote, "PATIENCE", 0.5)
    calls = []

    def work() -> None:
        calls.append(time.monotonic())
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        remote.patiently(work)
    assert 2 <= len(calls) < remote.ATTEMPTS
    assert calls[-1] - calls[0] < 0.6
    # as it is shipped: all pauses together are shorter than the bound
    assert sum(2**i for i in range(remote.ATTEMPTS - 1)) < 60


@pytest.mark.parametrize("error", [PermissionError(), FileNotFoundError(), ValueError()])
def test_what_does_not_pass_is_an_error_at_once(error: Exception) -> None:
    calls = []

    def work() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        remote.patiently(work)
    assert calls == [1]


@pytest.mark.parametrize("status", [403, 400])
def test_a_refusal_is_an_error_at_once(server: Proxy, tmp_path: Path, status: int) -> None:
    server.fault = lambda path, before: status if path.endswith("s0/c/0/0/1") else None
    with pytest.raises(StoreError, match="the same call resumes"):
        get(server, tmp_path / "copy", include="template")
    assert len([path for path in chunk_paths(server) if path.endswith("s0/c/0/0/1")]) == 1


def test_a_bucket_that_may_not_be_listed(server: Proxy, tmp_path: Path) -> None:
    server.fault = lambda path, before: 403 if "list-type" in path else None
    with pytest.raises(StoreError, match=r"no permission to list .*may be incomplete is not made"):
        get(server, tmp_path / "copy", version="1.0")
    assert not (tmp_path / "copy").exists()


def test_a_server_that_has_no_listings(bucket: Bucket, tmp_path: Path) -> None:
    with serve(bucket.folder) as http, pytest.raises(StoreError, match="list|terminology"):
        download(ATLAS, tmp_path / "copy", root=http.url, version="1.0")


@pytest.mark.parametrize("page", [b"", b"<html><body>busy</body></html>"])
@pytest.mark.parametrize("last", [False, True])
def test_what_is_no_listing_is_not_taken_for_an_empty_one(
    server: Proxy, tmp_path: Path, page: bytes, last: bool
) -> None:
    """A proxy may say so with status 200, and of the last of several pages."""
    server.fault = lambda path, before: (
        page if "list-type" in path and (before == 0 or last) else None
    )
    if last:
        with pytest.raises(StoreError, match="is not a listing"):
            get(server, tmp_path / "copy", version="1.0")
        assert not (tmp_path / "copy").exists()
    else:
        get(server, tmp_path / "copy", version="1.0")


def test_a_spoilt_object_is_never_kept(bucket: Bucket, server: Proxy, tmp_path: Path) -> None:
    def fault(path: str, before: int) -> str | None:
        return "spoil" if before < 2 and path.endswith("s0/c/0/0/0") else None

    server.fault = fault
    # without the client's own checksums, of which not every store has any
    options = {"config_kwargs": {"response_checksum_validation": "when_required"}}
    folder = get(server, tmp_path / "copy", options=options)
    assert_identical(folder, bucket, expected(bucket))
    server.fault = lambda path, before: "spoil" if path.endswith("s1/c/0/0/0") else None
    with pytest.raises(StoreError, match="its MD5 is not the one that is listed"):
        get(server, folder, resolution="50 um", options=options)
    assert not list(folder.rglob("s1/c/0/0/0"))


@pytest.mark.parametrize(
    ("head", "fails"), [({}, True), ({"ServerSideEncryption": "aws:kms"}, False)]
)
def test_etags_of_encrypted_objects_are_no_md5(head: dict, fails: bool) -> None:
    class Encrypting:
        def cat_file(self, path: str) -> bytes:
            return b"abc"

        def split_path(self, path: str) -> tuple[str, str, None]:
            return (*path.split("/", 1), None)  # type: ignore[return-value]

        def call_s3(self, method: str, **keywords: str) -> dict:
            assert (method, keywords) == ("head_object", {"Bucket": "bucket", "Key": "atlas/x/1"})
            return head

    source = remote.Source("s3://bucket/atlas", Encrypting(), "bucket/atlas")
    listed = Object(3, hashlib.md5(b"other").hexdigest())
    if fails:
        with pytest.raises(OSError, match="MD5"):
            source.read("x/1", listed)
    else:
        assert source.read("x/1", listed) == b"abc"
    assert source.read("x/1", Object(3, hashlib.md5(b"abc").hexdigest())) == b"abc"
    assert source.read("x/1", Object(3, "d41d8cd98f00b204e9800998ecf8427e-2")) == b"abc"
    with pytest.raises(OSError, match="3 bytes came, and 4 are listed"):
        source.read("x/1", Object(4, ""))


@pytest.mark.parametrize(
    "key", ["../../x", "/x", "..\\x", "s0\\..\\..\\x", "C:x", "x\0", "./x", "s0//x"]
)
def test_an_object_that_leads_out_of_the_folder(key: str) -> None:
    class Evil:
        def invalidate_cache(self) -> None: ...

        def find(self, path: str, detail: bool) -> dict:
            return {f"{path}/{key}": {"size": 1}}

    source = remote.Source("s3://bucket", Evil(), "bucket")
    with pytest.raises(StoreError, match="is not a path of a file within it"):
        source.listing("x")


def test_a_full_disk(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = 6000

    class Full:
        def __init__(self, *arguments: Any) -> None:
            self.file = open(*arguments)  # noqa: SIM115

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *error: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, content: bytes) -> None:
            nonlocal left
            self.file.write(content[: max(left, 0)])
            left -= len(content)
            if left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")

    folder = tmp_path / "copy"
    monkeypatch.setattr(records, "open", Full, raising=False)
    for _ in range(3):
        with pytest.raises(StoreError, match=r"no space left .*make room; .*the same call resumes"):
            download(ATLAS, folder, root=bucket.folder)
        assert not list(folder.rglob(f"*{UNFINISHED}"))
        assert not (folder / MANIFEST).exists()
        for path in files(folder):
            assert (folder / path).read_bytes() == (bucket.folder / path).read_bytes()
        left = 3000
    assert not copy_state(folder / TEMPLATE).has("s0")
    left = 10**9
    download(ATLAS, folder, root=bucket.folder)
    assert_identical(folder, bucket, expected(bucket))


def test_a_folder_that_cannot_be_written(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("a file")
    with pytest.raises(StoreError, match="cannot write"):
        download(ATLAS, tmp_path / "copy", root=bucket.folder)


def test_files_that_were_never_finished(bucket: Bucket, tmp_path: Path) -> None:
    """Only old ones are removed: others may be written by another process now."""
    folder = download(ATLAS, tmp_path / "copy", root=bucket.folder)
    old, new = (folder / STORE / RECORDS / f"{name}{UNFINISHED}" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 4000,) * 2)
    download(ATLAS, folder, root=bucket.folder)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_resumed_copy_is_compared_by_its_content(
    bucket: Bucket, server: Proxy, tmp_path: Path
) -> None:
    folder = get(server, tmp_path / "copy")
    spoilt, missing = chunk_files(folder / TEMPLATE / "s0")[:2]
    spoilt.write_bytes(bytes(spoilt.stat().st_size))
    missing.unlink()
    get(server, folder)
    assert_identical(folder, bucket, expected(bucket))


def test_files_that_were_there_before_are_compared(
    bucket: Bucket, server: Proxy, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    right, wrong = (f"{TEMPLATE}/s0/c/0/0/{i}" for i in (0, 1))
    (folder / right).parent.mkdir(parents=True)
    (folder / right).write_bytes((bucket.folder / right).read_bytes())
    (folder / wrong).write_bytes(bytes((bucket.folder / wrong).stat().st_size))
    get(server, folder)
    assert_identical(folder, bucket, expected(bucket))
    assert not [path for path in server.requests if path.endswith(right)]


def test_files_that_were_there_before_and_cannot_be_compared(
    bucket: Bucket, tmp_path: Path
) -> None:
    """The source has no MD5: what no earlier download wrote is fetched."""
    folder = tmp_path / "copy"
    wrong = f"{TEMPLATE}/s0/c/0/0/1"
    (folder / wrong).parent.mkdir(parents=True)
    (folder / wrong).write_bytes(bytes((bucket.folder / wrong).stat().st_size))
    download(ATLAS, folder, root=bucket.folder)
    assert_identical(folder, bucket, expected(bucket))


def test_a_source_that_has_changed(bucket: Bucket, tmp_path: Path) -> None:
    """Not a chunk of before is taken for one of after."""
    source = write_catalogue(tmp_path / "source")
    folder = download(ATLAS, tmp_path / "copy", root=source, include="annotation")
    volume = labels((6, 8, 10), seed=9)
    volume[:4, :4, :4] = 0
    write_ome_zarr(source / STORE, levels=levels(volume, labels((3, 4, 5))), chunks=(4, 4, 4))
    download(ATLAS, folder, root=source, include="annotation")
    assert not (folder / STORE / "s0/c/0/0/0").exists()
    np.testing.assert_array_equal(open_atlas(ATLAS, root=folder).annotation, volume)


@pytest.mark.parametrize("volume", [labels((3, 4, 5), seed=9), labels((2, 4, 4), seed=9)])
def test_levels_that_have_changed_and_are_not_copied_again(
    tmp_path: Path, volume: np.ndarray
) -> None:
    """The metadata are of all levels: those of after do not describe chunks of before."""
    source = write_catalogue(tmp_path / "source")
    folder = download(ATLAS, tmp_path / "copy", root=source, resolution="all", include="annotation")
    fine = zarr.open_array(source / STORE / "s0", mode="r")[...]
    write_ome_zarr(source / STORE, levels=levels(fine, volume), chunks=(4, 4, 4))
    download(ATLAS, folder, root=source, include="annotation")
    np.testing.assert_array_equal(open_atlas(ATLAS, root=folder).annotation, fine)
    coarse = open_atlas("tiny_mouse_50um", root=folder).annotation
    with pytest.raises(StoreError, match="level 's1' was not downloaded"):
        coarse.compute()
    download("tiny_mouse_50um", folder, root=source, include="annotation")
    np.testing.assert_array_equal(coarse, volume)


def test_levels_that_have_not_changed_stay(tmp_path: Path) -> None:
    source = write_catalogue(tmp_path / "source")
    folder = download(ATLAS, tmp_path / "copy", root=source, resolution="all", include="annotation")
    (source / STORE / "s0/README").write_text("new")
    download(ATLAS, folder, root=source, include="annotation")
    state = copy_state(folder / STORE)
    assert state is not None
    assert state.has("s0", "s1")


@pytest.mark.parametrize("part", ["annotation_set", "terminology", "template"])
@pytest.mark.parametrize(
    "location", ["/../x", "x/../../y", "..\\x", "", "/", ".", "C:x", "s3://b/x"]
)
def test_a_manifest_that_leads_out_of_the_folder(tmp_path: Path, part: str, location: str) -> None:
    source = write_catalogue(tmp_path / "here/source")
    manifest = source / f"atlases/{ATLAS}/1_0/manifest.json"
    content = json.loads(manifest.read_text())
    where = content["annotation_set"] if part == "template" else content
    where[part]["location"] = location
    manifest.write_text(json.dumps(content))
    before = files(tmp_path)
    with pytest.raises(StoreFormatError, match="is not a folder below its root"):
        download(ATLAS, tmp_path / "there/copy", root=source)
    assert files(tmp_path) == before


def test_a_record_that_leads_out_of_the_folder(tmp_path: Path) -> None:
    source = write_catalogue(tmp_path / "source")
    folder = download(ATLAS, tmp_path / "copy", root=source, include="annotation")
    (other := tmp_path / "other").write_text("x")
    record = folder / STORE / record_name("s0")
    content = json.loads(record.read_text())
    content["objects"][str(other)] = [1, ""]
    record.write_text(json.dumps(content))
    with pytest.raises(StoreError, match="is damaged"):
        copy_state(folder / STORE)
    download(ATLAS, folder, root=source, include="annotation")
    assert other.read_text() == "x"


def test_parts_of_a_copy_that_are_links_to_brainglobes_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write_catalogue(tmp_path / "own/brainglobe-atlasapi")
    before = files(own)
    (tmp_path / "bg_config.conf").write_text(f"[default_dirs]\nbrainglobe_dir = {own.parent}\n")
    monkeypatch.setenv("BRAINGLOBE_CONFIG_DIR", str(tmp_path))
    source = write_catalogue(tmp_path / "source")
    (folder := tmp_path / "copy").mkdir()
    (folder / "annotation-sets").symlink_to(own / "annotation-sets")
    with pytest.raises(StoreError, match="never written to"):
        download(ATLAS, folder, root=source)
    assert files(own) == before


# -- killed


class Truth:
    """What every chunk of the source holds, by the store's path and the level."""

    def __init__(self, folder: Path) -> None:
        self.arrays = {
            (store, level): zarr.open_array(folder / store / level, mode="r")[...]
            for store in (STORE, TEMPLATE)
            for level in ("s0", "s1")
        }

    def compare(self, folder: Path) -> tuple[int, int]:
        """Read each chunk of a copy: it is right, or an error. Return how many are which."""
        right = wrong = 0
        for (store, level), values in self.arrays.items():
            try:
                array = open_group(folder / store)[level]
            except (StoreError, StoreNotFoundError):
                wrong += 1
                continue
            for corner in np.ndindex(*(-(-n // 4) for n in values.shape)):
                part = tuple(slice(4 * i, 4 * i + 4) for i in corner)
                try:
                    read = array[part]
                except StoreError:
                    wrong += 1
                else:
                    right += 1
                    np.testing.assert_array_equal(read, values[part])
        return right, wrong


def test_killed_twenty_times(bucket: Bucket, server: Proxy, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    truth = Truth(bucket.folder)
    rng = np.random.default_rng(7)
    server.fault = lambda path, before: 0.02 if "/c/" in path else None
    incomplete, fetched = 0, []
    keywords = {
        "root": Bucket.url,
        "resolution": "all",
        "storage_options": {"endpoint_url": server.url},
    }
    for kill in range(80):
        if kill >= 20 and incomplete >= 15 and len(set(fetched)) >= 10:
            break  # on a busy machine many a process dies before it has begun
        server.requests.clear()
        # anywhere, or while chunks come
        asked, target = (
            (lambda: server.requests, rng.integers(1, 50))
            if kill % 2
            else (lambda: chunk_paths(server), rng.integers(1, 20))
        )
        process = spawning.Process(target=download, args=("tiny_mouse", folder), kwargs=keywords)
        process.start()
        deadline = time.monotonic() + 20
        while len(asked()) < target and process.is_alive():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(float(rng.random()) * 0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        fetched.append(len(files(folder)))
        complete = files(folder) == expected(bucket, None)
        incomplete += not complete
        right, wrong = truth.compare(folder)
        if (folder / MANIFEST).exists():
            assert wrong == 0
        if complete:
            shutil.rmtree(folder)  # and begin again
    assert incomplete >= 15
    assert len(set(fetched)) >= 10  # they ended at many points
    download("tiny_mouse", folder, **keywords)
    # what was left under other names is not a part of the copy, and goes in time
    for path in folder.rglob(f"*{UNFINISHED}"):
        path.unlink()
    assert_identical(folder, bucket, expected(bucket, None))
    right, wrong = truth.compare(folder)
    assert (right, wrong) == (2 * (3 * 4 * 4 + 2 * 2 * 2), 0)


def test_several_processes_at_once(bucket: Bucket, server: Proxy, tmp_path: Path) -> None:
    server.fault = lambda path, before: 0.01 if "/c/" in path else None
    options = {"endpoint_url": server.url}
    processes = [
        spawning.Process(
            target=download,
            args=(name, tmp_path),
            kwargs={"root": Bucket.url, "storage_options": options},
        )
        for name in (ATLAS, ATLAS, "tiny_mouse_50um", ATLAS)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(40)
    assert [process.exitcode for process in processes] == [0] * 4
    assert_identical(tmp_path, bucket, expected(bucket, None))


# -- afterwards


def test_offline_from_a_folder_that_cannot_be_written(
    bucket: Bucket, server: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = get(server, tmp_path / "copy")
    asked = len(server.requests)

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    paths = [folder, *folder.rglob("*")]
    before = {path: path.stat().st_mtime_ns for path in paths}
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        ds = open_atlas(ATLAS, root=folder, include=("annotation", "template", "hemispheres"))
        volume = ds.atlas.volume("one").item().to("mm**3").magnitude
        ds.template.compute()
    finally:
        for path in paths:
            path.chmod(0o755 if path.is_dir() else 0o644)
    ones = int((Truth(bucket.folder).arrays[STORE, "s0"] == 312782574).sum())
    assert volume == pytest.approx(ones * 0.025**3)
    assert len(server.requests) == asked
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]} == before


def test_from_a_shell(bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "copy"
    command = ["download", "tiny_mouse", "--folder", str(folder), "--root", str(bucket.folder)]
    command += ["--resolution", "25 um", "--resolution", "s1", "--include", "annotation"]
    assert main([*command, "--atlas-version", "1.0"]) == 0
    assert capsys.readouterr() == (f"{folder}\n", "")
    assert_identical(folder, bucket, expected(bucket, None, ("annotation",)))
    assert main([*command[:-1], "nothing"]) == 1
    assert "no component 'nothing'" in capsys.readouterr().err


def test_progress_is_in_bytes_and_ends(
    bucket: Bucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = download(ATLAS, tmp_path / "copy", root=bucket.folder, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    size = sum((folder / path).stat().st_size for path in files(folder))
    assert f"{ATLAS}: 100%" in err
    assert f"/{size / 1000:.3g}k " in err.replace("kB", "k ").replace("k [", "k [")
