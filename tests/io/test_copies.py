"""Reading copies: what has not come is an error, what its source never had is the fill value."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from fsspec.implementations.local import LocalFileSystem

from support.catalogues import annotation, write_catalogue
from support.stores import REGIONS, chunk_files, scaling, write_ome_zarr
from xarray_atlas import download, open_atlas
from xarray_atlas.cli.main import main
from xarray_atlas.errors import StoreError, StoreNotFoundError
from xarray_atlas.io.brainglobe import folder as brainglobe_folder
from xarray_atlas.io.brainglobe import lookup
from xarray_atlas.io.copies.completeness import copy_state, default_folder
from xarray_atlas.io.copies.records import (
    RECORDS,
    Object,
    Record,
    level_of,
    read_record,
    write_record,
)
from xarray_atlas.io.zarr.stores import open_group, read_bytes

pytestmark = pytest.mark.version_independent

SETS = "annotation-sets/tiny_mouse-annotation/1_0"
STORE = f"{SETS}/annotations_compressed.ome.zarr"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An atlas whose labels are 0 in one chunk of each level, which is not stored."""
    root = write_catalogue(tmp_path / "source", masks=True)
    pyramid = annotation()
    for volume, _ in pyramid.values():
        volume[:4, :4, :4] = 0
    write_ome_zarr(root / STORE, levels=pyramid, chunks=(4, 4, 4))
    assert not (root / STORE / "s0/c/0/0/0").exists()
    return root


@pytest.fixture
def copy(source: Path, tmp_path: Path) -> Path:
    """A copy of the level of 25 um."""
    return download("tiny_mouse_25um", tmp_path / "copy", root=source)


def truth(source: Path, level: str = "s0") -> np.ndarray:
    return zarr.open_array(source / STORE / level, mode="r")[...]


def test_a_complete_copy_is_what_was_copied(source: Path, copy: Path) -> None:
    ds = open_atlas("tiny_mouse_25um", root=copy)
    np.testing.assert_array_equal(ds.annotation, truth(source))
    state = copy_state(copy / STORE)
    assert state is not None
    assert state.source == str(source / STORE)
    assert (state.rest, state.levels) == ("complete", {"s0": "complete", "s1": "absent"})
    assert state.has("s0")
    assert state.has()
    assert not state.has("s0", "s1")


def test_what_is_no_copy_is_read_as_ever(source: Path) -> None:
    assert copy_state(source / STORE) is None
    chunk_files(source / STORE / "s0")[0].unlink()
    open_atlas("tiny_mouse_25um", root=source).annotation.compute()


def test_a_deleted_chunk_is_an_error_that_names_it(source: Path, copy: Path) -> None:
    opened = open_atlas("tiny_mouse_25um", root=copy)
    (copy / STORE / "s0/c/1/0/1").unlink()
    for ds in (opened, open_atlas("tiny_mouse_25um", root=copy)):
        with pytest.raises(StoreError, match=r"'s0/c/1/0/1' has not been downloaded yet, or was "):
            ds.annotation.compute()
        # what is there is read
        np.testing.assert_array_equal(ds.annotation[:4], truth(source)[:4])
    with pytest.raises(StoreError, match=r"1 of the 11 objects of level 's0' are missing") as told:
        opened.annotation.compute()
    assert f"xarray_atlas.download(<name of the atlas>, folder={str(copy)!r}" in str(told.value)
    state = copy_state(copy / STORE)
    assert state is not None
    assert state.levels["s0"] == "incomplete"
    download("tiny_mouse_25um", copy, root=source)
    np.testing.assert_array_equal(opened.annotation, truth(source))


def test_what_is_said_of_a_reference_that_is_not_complete(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path / "source", references=("nissl",))
    include = ("annotation", "tiny_mouse-nissl")
    copy = download("tiny_mouse_25um", tmp_path / "copy", root=root, include=include)
    chunk_files(copy / "templates/tiny_mouse-nissl/1_0/template.ome.zarr/s0")[0].unlink()
    ds = open_atlas("tiny_mouse_25um", root=copy, include=include)
    # the call without include= would not fetch it
    with pytest.raises(StoreError, match="include=<'template', or the name of the reference>"):
        ds["tiny_mouse-nissl"].compute()


def test_a_level_that_was_not_copied(source: Path, copy: Path) -> None:
    ds = open_atlas("tiny_mouse_25um", root=copy, resolution="50 um")
    assert ds.annotation.shape == (3, 4, 5)
    with pytest.raises(StoreError, match=r"level 's1' was not downloaded .*'s0' was.*download\("):
        ds.annotation.compute()
    tree = xr.open_datatree("tiny_mouse_25um", engine="atlas", root=copy)
    with pytest.raises(StoreError, match="'s1' was not downloaded"):
        tree["s1"].annotation.load()
    download("tiny_mouse_25um", copy, root=source, resolution="50 um")
    np.testing.assert_array_equal(ds.annotation, truth(source, "s1"))
    np.testing.assert_array_equal(open_atlas("tiny_mouse", root=copy).annotation, truth(source))


def test_missing_metadata_are_no_absent_store(copy: Path) -> None:
    (copy / STORE / "s0/zarr.json").unlink()
    with pytest.raises(StoreError, match="'s0/zarr.json' has not been downloaded yet"):
        open_atlas("tiny_mouse_25um", root=copy)
    (copy / STORE / "zarr.json").unlink()
    with pytest.raises(StoreError, match="'zarr.json' has not been downloaded yet"):
        open_atlas("tiny_mouse_25um", root=copy)


def test_another_size_is_an_error(copy: Path) -> None:
    with open(copy / STORE / "s0/c/0/0/1", "ab") as file:
        file.write(b"x")
    with pytest.raises(StoreError, match=r"has \d+ bytes, \d+ in"):
        open_atlas("tiny_mouse_25um", root=copy).annotation.compute()


def test_a_chunk_that_the_source_had_not(copy: Path) -> None:
    shutil.copy(copy / STORE / "s0/c/0/0/1", copy / STORE / "s0/c/0/0/0")
    with pytest.raises(StoreError, match="had no such chunk"):
        open_atlas("tiny_mouse_25um", root=copy).annotation.compute()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"format": 1, "objects": 3}',
        b'{"format": 1, "source": "x", "levels": [], "objects": {"../zarr.json": [1, ""]}}',
    ],
)
def test_a_damaged_record_is_an_error_and_made_anew(
    source: Path, copy: Path, content: bytes
) -> None:
    (copy / STORE / RECORDS / "levels/s0.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"s0.json is damaged"):
        open_atlas("tiny_mouse_25um", root=copy).annotation.compute()
    download("tiny_mouse_25um", copy, root=source)
    open_atlas("tiny_mouse_25um", root=copy).annotation.compute()


def test_a_record_of_another_version(copy: Path) -> None:
    (copy / STORE / RECORDS / "objects.json").write_text('{"format": 2}')
    with pytest.raises(StoreError, match=r"another version of xarray-atlas \(format 2, not 1\)"):
        open_atlas("tiny_mouse_25um", root=copy)


def test_records_that_go_while_the_copy_is_open(copy: Path) -> None:
    ds = open_atlas("tiny_mouse_25um", root=copy)
    shutil.rmtree(copy / STORE / RECORDS)
    with pytest.raises(StoreError, match="the records of the copy .* have gone"):
        ds.annotation.compute()


@pytest.mark.parametrize(
    "way", ["path", "url", "store", "fsspec", "group", "below", "pickled", "zip", "xarray"]
)
def test_however_it_is_opened(copy: Path, way: str) -> None:
    missing = copy / STORE / "s0/c/1/1/1"
    missing.unlink()
    place = copy / STORE
    above = zarr.storage.LocalStore(copy, read_only=True)
    local = AsyncFileSystemWrapper(LocalFileSystem(), asynchronous=True)
    source = {
        "url": place.as_uri(),
        "store": zarr.storage.LocalStore(place, read_only=True),
        "fsspec": zarr.storage.FsspecStore(local, path=str(place), read_only=True),
        "group": zarr.open_group(place, mode="r"),
        "zip": shutil.make_archive(str(copy / "zipped"), "zip", place) if way == "zip" else "",
        "below": zarr.open_group(above, path=STORE, mode="r"),
    }.get(way, place)
    if way == "xarray":
        ds = xr.open_dataset(source, engine="atlas", resolution="25 um")
    else:
        table = REGIONS if way == "zip" else None  # which has left the layout
        ds = open_atlas(source, resolution="25 um", terminology=table)
    if way == "pickled":
        ds = pickle.loads(pickle.dumps(ds))
    with pytest.raises(StoreError, match="'s0/c/1/1/1' has not been downloaded yet"):
        ds.annotation.compute()
    # the chunk that its source has not stored either
    assert not ds.annotation[:4, :4, :4].any()


def test_a_store_that_begins_within_a_copy(tmp_path: Path) -> None:
    """A level's path may have several parts; what it is opened from may lie inside of the copy."""
    levels = {"a/0": (np.ones((4, 4, 4), "uint32"), scaling(1.0))}
    write_ome_zarr(tmp_path / "x.zarr", levels=levels)
    objects = {"a/0/c/0/0/0": Object(1, ""), "a/0/c/1/1/1": Object(1, "")}
    write_record(tmp_path / "x.zarr", None, Record("s3://b", {}, ("a/0", "a")))
    write_record(tmp_path / "x.zarr", "a/0", Record("s3://b", objects))
    for chunk in chunk_files(tmp_path / "x.zarr/a/0"):
        chunk.unlink()
    inside = open_group(zarr.storage.LocalStore(tmp_path / "x.zarr/a", read_only=True))
    with pytest.raises(StoreError, match="'a/0/c/0/0/0' has not been downloaded yet"):
        inside["0"][:1, :1, :1]
    assert inside["0"][:1, :1, 3:] == 0


def test_shards_are_compared_too(tmp_path: Path) -> None:
    values = np.arange(8**3, dtype="uint32").reshape(8, 8, 8)
    levels = {"0": (values, scaling(1.0))}
    store = tmp_path / "x.zarr"
    write_ome_zarr(store, levels=levels, shards=(8, 8, 8), chunks=(4, 4, 4))
    shard = store / "0/c/0/0/0"
    write_record(store, None, Record("s3://b", {}, ("0",)))
    write_record(store, "0", Record("s3://b", {"0/c/0/0/0": Object(shard.stat().st_size, "")}))
    group = open_group(store)
    np.testing.assert_array_equal(group["0"][...], values)
    np.testing.assert_array_equal(group["0"][:2], values[:2])
    with open(shard, "ab") as file:
        file.write(b"x")
    with pytest.raises(StoreError, match="bytes"):
        group["0"][:2]
    shard.unlink()
    with pytest.raises(StoreError, match="has not been downloaded yet"):
        group["0"][:2]


def test_masks_that_are_not_all_there_are_not_used(source: Path, tmp_path: Path) -> None:
    copy = download("tiny_mouse_25um", tmp_path / "copy", root=source, include=("annotation",))
    expected = open_atlas("tiny_mouse_25um", root=copy).atlas.mask("grey").compute()
    download("tiny_mouse_25um", copy, root=source, include="masks", resolution="50 um")
    xr.testing.assert_equal(open_atlas("tiny_mouse_25um", root=copy).atlas.mask("grey"), expected)
    download("tiny_mouse_25um", copy, root=source, include="masks")
    chunk_files(copy / SETS / "annotations.ome.zarr/s0")[0].unlink()
    xr.testing.assert_equal(open_atlas("tiny_mouse_25um", root=copy).atlas.mask("grey"), expected)


def test_a_copy_of_one_level_is_checked_and_described(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a request, and without what the finest level would say."""
    monkeypatch.setenv("XARRAY_ATLAS_DATA", str(tmp_path / "copy"))
    monkeypatch.setattr(lookup, "BUCKET", "http://127.0.0.1:9/nowhere")
    root = download("tiny_mouse_50um", root=source, include=("annotation", "masks"))
    ds = open_atlas("tiny_mouse_50um")
    checks = ds.atlas.check(full=True).checks.set_index("check")
    assert "does not hold all of level 's0'" in checks.detail["lost regions"]
    assert checks.detail["masks"] == "4 masks compared"
    masks = root / SETS / "annotations.ome.zarr"
    chunk_files(masks / "s1")[0].unlink()
    checks = ds.atlas.check(full=True).checks.set_index("check")
    assert "does not hold all of level 's1'" in checks.detail["masks"]
    assert main(["info", "--atlas", "tiny_mouse_50um", "--format", "json"]) == 0
    levels = json.loads(capsys.readouterr().out)["levels"]
    assert [level["path"] for level in levels] == ["s0", "s1"]


def test_the_masks_of_brainglobes_folder_are_fetched_one_by_one(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And do not contradict the labels as long as they have not come."""
    folder = tmp_path / "brainglobe-atlasapi"
    shutil.copytree(source, folder)
    shutil.rmtree(folder / SETS / "annotations.ome.zarr/s0/c")
    monkeypatch.setattr(brainglobe_folder, "brainglobe_folder", lambda: folder)
    monkeypatch.setattr(lookup, "BUCKET", str(source))
    checks = open_atlas("tiny_mouse_25um", root=folder).atlas.check(full=True).checks
    assert "does not hold all of level 's0'" in checks.set_index("check").detail["masks"]


def test_what_is_no_store_is_not_taken_for_absent_either(source: Path, tmp_path: Path) -> None:
    meshes = source / SETS / "annotations.precomputed/mesh"
    meshes.mkdir(parents=True)
    (meshes / "info").write_text("{}")
    copy = download("tiny_mouse_25um", tmp_path / "copy", root=source, include="meshes")
    table = "terminologies/tiny_mouse-terminology/1_0/terminology.csv"
    for file in (f"{SETS}/annotations.precomputed/mesh/info", table):
        (copy / file).unlink()
    root = re.escape(f"folder={str(copy)!r}, root={str(source)!r}")
    says = rf"'mesh/info' has not been downloaded yet.*, {root}, include='meshes'\)"
    with pytest.raises(StoreError, match=says):
        read_bytes(copy / SETS / "annotations.precomputed/mesh/info")
    with pytest.raises(StoreNotFoundError):
        read_bytes(copy / SETS / "annotations.precomputed/mesh/997")
    with pytest.raises(StoreError, match=rf"'terminology.csv' has not .*atlas>, {root}\)"):
        open_atlas("tiny_mouse_25um", root=copy)


def test_what_is_no_store_and_ends_early(source: Path, copy: Path) -> None:
    """A table without its last regions is a table."""
    table = copy / "terminologies/tiny_mouse-terminology/1_0/terminology.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(StoreError, match=r"'terminology.csv' .* bytes.*repair it with"):
        open_atlas("tiny_mouse_25um", root=copy)


# -- the record


def test_records_round_trip_and_are_looked_at_again_when_they_change(tmp_path: Path) -> None:
    first = Record("s3://b/x", {"zarr.json": Object(3, "abc")}, ("s0", "up/1"))
    write_record(tmp_path, None, first)
    assert read_record(tmp_path) == first
    assert read_record(tmp_path, "up/1") is None
    second = Record("s3://b/x", {"up/1/c/0": Object(7, "")})
    write_record(tmp_path, "up/1", second)
    assert read_record(tmp_path, "up/1") == second
    write_record(tmp_path, "up/1", first)
    assert read_record(tmp_path, "up/1") == first
    assert sorted(p.name for p in (tmp_path / RECORDS).rglob("*.json")) == [
        "objects.json",
        "up%2F1.json",
    ]
    assert json.loads((tmp_path / RECORDS / "objects.json").read_text())["format"] == 1


@pytest.mark.parametrize(
    ("key", "level"),
    [
        ("zarr.json", None),
        ("s0/zarr.json", None),
        ("s0/.zarray", None),
        ("s0/c/0/0/0", "s0"),
        ("s0/0.0.0", "s0"),
        ("s01/c/0", None),
        ("s0/up/0", "s0/up"),
        ("annotation_values/c/0", None),
    ],
)
def test_the_level_of_a_key(key: str, level: str | None) -> None:
    assert level_of(key, ("s0", "s0/up", "s1")) == level


def test_the_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XARRAY_ATLAS_DATA", raising=False)
    assert default_folder().parts[-2:] == ("xarray-atlas", "brainglobe")
    monkeypatch.setenv("XARRAY_ATLAS_DATA", os.fspath(tmp_path))
    assert default_folder() == tmp_path
