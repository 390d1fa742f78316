"""Copies whose files are no longer what was downloaded: told without a network, mended with one."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from support.catalogues import write_catalogue
from support.stores import chunk_files
from xarray_atlas import download, open_atlas
from xarray_atlas.atlases.downloading import copy_atlas
from xarray_atlas.cli.main import main
from xarray_atlas.errors import StoreError
from xarray_atlas.io.copies.checksums import (
    CHECKSUMS,
    compare_copy,
    parse_checksums,
    read_checksums,
)
from xarray_atlas.io.downloads import remote

pytestmark = pytest.mark.version_independent

ATLAS = "tiny_mouse_25um"
STORE = "annotation-sets/tiny_mouse-annotation/1_0/annotations_compressed.ome.zarr"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(remote, "PAUSE", 0.01)
    monkeypatch.setenv("BRAINGLOBE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return write_catalogue(tmp_path / "bucket")


@pytest.fixture
def copy(bucket: Path, tmp_path: Path) -> Path:
    return download(ATLAS, tmp_path / "copy", root=bucket)


def rot(path: Path) -> bytes:
    """Flip a bit in the middle, of an object as long as before; return what was there."""
    right = path.read_bytes()
    changed = bytearray(right)
    changed[len(changed) // 2] ^= 4
    path.write_bytes(changed)
    return right


def chunks_of(copy: Path) -> list[Path]:
    return [p for p in chunk_files(copy / STORE / "s0") if ".xarray-atlas" not in p.parts]


def test_the_md5_of_each_file_is_kept(copy: Path) -> None:
    for record in copy.rglob(".xarray-atlas"):
        known = read_checksums(record.parent)
        files = {
            str(p.relative_to(record.parent)): hashlib.md5(p.read_bytes()).hexdigest()
            for p in record.parent.rglob("*")
            if p.is_file() and ".xarray-atlas" not in p.parts
        }
        assert known == files
        assert known


def test_what_is_as_it_came_is_left_alone(bucket: Path, copy: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in copy.rglob("*") if p.is_file()}
    assert download(ATLAS, copy, root=bucket, verify=True) == copy
    assert {p: p.stat().st_mtime_ns for p in copy.rglob("*") if p.is_file()} == before


def test_rot_is_told_by_check_and_mended_by_verify(bucket: Path, copy: Path) -> None:
    chunk = chunks_of(copy)[0]
    right = rot(chunk)
    assert compare_copy(copy / STORE, "s0").different == (str(chunk.relative_to(copy / STORE)),)
    download(ATLAS, copy, root=bucket)  # sizes alone do not tell
    assert chunk.read_bytes() != right
    key = f"{STORE}/{chunk.relative_to(copy / STORE)}"
    with pytest.warns(UserWarning, match=f"1 file of .* differed .*{key}.*may be wrong"):
        download(ATLAS, copy, root=bucket, verify=True)
    assert chunk.read_bytes() == right
    assert compare_copy(copy / STORE, "s0").different == ()


def test_check_says_it_without_a_network(bucket: Path, copy: Path) -> None:
    ds = open_atlas(ATLAS, root=copy)
    report = ds.atlas.check(full=True)
    assert report.checks.set_index("check").loc["copy", "detail"].endswith("files as downloaded")
    # in places that stay readable, and as long
    for path, old, new in (
        (copy / STORE / "zarr.json", b" ", b"\t"),
        (next(copy.rglob("terminology.csv")), b"area", b"aRea"),
    ):
        assert old in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(old, new, 1))
    shutil.rmtree(bucket)
    found = ds.atlas.check(full=True).table.set_index("check").loc[["copy"]]
    assert set(found.severity) == {"error"}
    assert sorted(found.subjects) == [("terminology.csv",), ("zarr.json",)]
    assert found.message.str.contains("MD5").all()
    assert found.mend.str.contains("verify=True").all()


def test_the_advice_of_check_mends(bucket: Path, copy: Path) -> None:
    chunk = chunks_of(copy)[-1]
    content = chunk.read_bytes()
    ds = open_atlas(ATLAS, root=copy)
    values = ds.annotation.values
    # other labels, in an object that can be read: as long, by luck
    chunk.write_bytes(content[:-1] + bytes([content[-1]]))
    known = json.loads((copy / STORE / CHECKSUMS).read_text())
    known["md5"][str(chunk.relative_to(copy / STORE))] = "0" * 32
    (copy / STORE / CHECKSUMS).write_text(json.dumps(known))
    found = ds.atlas.check(full=True).table.set_index("check").loc["copy"]
    call = found.mend.partition("xarray_atlas.")[2].replace("<name of the atlas>", repr(ATLAS))
    # what had another checksum is fetched again, and was what it is: nothing to warn of
    assert eval(call, {"download": download}) == copy
    np.testing.assert_array_equal(open_atlas(ATLAS, root=copy).annotation, values)
    assert "copy" not in open_atlas(ATLAS, root=copy).atlas.check(full=True).table.check.tolist()


def test_what_nobody_knows_the_md5_of_is_fetched_again(bucket: Path, copy: Path) -> None:
    chunk = chunks_of(copy)[0]
    right = rot(chunk)
    (copy / STORE / CHECKSUMS).unlink()
    compared = compare_copy(copy / STORE, "s0")
    assert not compared.different
    assert compared.unknown
    with pytest.warns(UserWarning, match="1 file of"):
        download(ATLAS, copy, root=bucket, verify=True)
    assert chunk.read_bytes() == right
    assert compare_copy(copy / STORE, "s0").unknown == 0


@pytest.mark.parametrize("content", [b"", b"{}", b"[1", b"[" * 100_000, b'{"md5": 3}'])
def test_damaged_checksums_are_none(bucket: Path, copy: Path, content: bytes) -> None:
    assert parse_checksums(content) == {}
    (copy / STORE / CHECKSUMS).write_bytes(content)
    download(ATLAS, copy, root=bucket, verify=True)
    assert compare_copy(copy / STORE, "s0").unknown == 0


def test_a_copy_that_has_rotted_is_not_copied(copy: Path, tmp_path: Path) -> None:
    chunk = chunks_of(copy)[0]
    rot(chunk)
    with pytest.raises(StoreError, match="its MD5 is not the one that is listed"):
        download(ATLAS, tmp_path / "second", root=copy)


def test_what_cannot_be_fetched_again_is_an_error_to_read(
    bucket: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rot(chunks_of(copy)[0])

    def fail(*args: object) -> bytes:
        raise PermissionError("not any more")

    with monkeypatch.context() as patch:
        patch.setattr(remote.Source, "read", fail)
        with pytest.raises(StoreError, match="not any more"):
            download(ATLAS, copy, root=bucket, verify=True)
    with pytest.raises(StoreError, match="has not been downloaded yet, or was deleted"):
        open_atlas(ATLAS, root=copy).annotation.load()


def test_the_command(bucket: Path, copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["download", ATLAS, "--folder", str(copy), "--root", str(bucket), "--verify"]
    assert main(command) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(copy)
    assert "verified: none is damaged" in told.err
    rot(chunks_of(copy)[0])
    assert main(command) == 0
    assert "1 file of" in capsys.readouterr().err


def test_how_many_files_were_compared(bucket: Path, copy: Path) -> None:
    copied = copy_atlas(
        ATLAS, copy, resolution=None, version=None, include=("annotation",), root=bucket,
        storage_options=None, progress=False, verify=True,
    )  # fmt: skip
    assert copied.mended == ()
    assert copied.files >= len(chunks_of(copy))
