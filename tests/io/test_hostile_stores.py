"""Stores that block, raise, or say what cannot be: an error that names the part, soon and in little memory."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import FsspecStore, LocalStore

from support.catalogues import write_catalogue
from support.injected_faults import RAISED, FaultyStore
from support.small_worlds import ARRAY, brainglobe_table, labels, space, table, write_ome_zarr
from xarray_atlas import create_atlas, download, open_atlas
from xarray_atlas.errors import AtlasError, StoreError, StoreFormatError
from xarray_atlas.io.zarr.checked_store import CheckedStore

pytestmark = pytest.mark.version_independent

FIFO = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_ome_zarr(tmp_path / "l.ome.zarr")


def opened(source: Any, **options: Any) -> Any:
    return open_atlas(source, terminology=brainglobe_table(), **options)


class Own(Exception):
    """An exception of somebody else's store."""


@pytest.mark.parametrize(
    "error", [*RAISED, Own("why"), zlib.error("x")], ids=lambda e: type(e).__name__
)
def test_what_a_store_raises_names_the_chunk(store: Path, error: Exception) -> None:
    ds = opened(FaultyStore(LocalStore(store, read_only=True), error))
    with pytest.raises(StoreError, match=r"labels \[0:5, 0:5, 0:5\] of .*l.ome.zarr/0"):
        ds.annotation[:5, :5, :5].load()
    with pytest.raises(StoreError):
        ds.atlas.volume("A")


def test_an_interruption_is_none(store: Path) -> None:
    checked = CheckedStore(FaultyStore(LocalStore(store, read_only=True), KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(checked.get("0/c/0/0/0", default_buffer_prototype()))


@pytest.mark.parametrize("chunks", [{}, None])
def test_a_place_outside_of_the_array_stays_an_index_error(store: Path, chunks: Any) -> None:
    ds = opened(store, chunks=chunks)
    for wrong in ({"z": 99}, {"z": -99}, {"z": [0, 99]}):
        with pytest.raises(IndexError):
            ds.annotation.isel(wrong).load()
    np.testing.assert_array_equal(ds.annotation.isel(z=-1), labels()[-1])
    np.testing.assert_array_equal(ds.annotation.isel(z=[-1, 0]), labels()[[-1, 0]])


@FIFO
@pytest.mark.parametrize("how", ["path", "url", "fsspec"])
@pytest.mark.parametrize("key", ["0/c/0/0/0", "0/zarr.json", "zarr.json"])
def test_a_fifo_is_not_waited_for(store: Path, key: str, how: str) -> None:
    (store / key).unlink()
    os.mkfifo(store / key)
    sources = {
        "path": lambda: store,
        "url": lambda: f"file://{store}",
        "fsspec": lambda: FsspecStore.from_url(f"file://{store}", read_only=True),
    }
    began = time.monotonic()
    with pytest.raises(StoreError, match="is not a file: a FIFO"):
        opened(sources[how]()).annotation.load()
    assert time.monotonic() - began < 5


@FIFO
def test_a_fifo_as_the_record_of_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XARRAY_ATLAS_CACHE_DIR", str(tmp_path / "cache"))
    root = write_catalogue(tmp_path / "bucket")
    copy = download("tiny_mouse_25um", tmp_path / "copy", root=root, include="annotation")
    record = next(copy.glob("annotation-sets/**/.xarray-atlas/objects.json"))
    record.unlink()
    os.mkfifo(record)
    with pytest.raises(StoreError, match=r"objects.json is not a file"):
        open_atlas("tiny_mouse_25um", root=copy).annotation.load()


DEEP = "[" * 200_000


@pytest.mark.parametrize("key", ["zarr.json", "0/zarr.json"])
def test_metadata_nested_without_end(store: Path, key: str) -> None:
    (store / key).write_text('{"a":' + DEEP)
    with pytest.raises(AtlasError, match="cannot be read|cannot read"):
        opened(store)


@pytest.mark.parametrize("file", [".zattrs", ".zgroup", "0/.zarray"])
def test_metadata_of_format_2_nested_without_end(tmp_path: Path, file: str) -> None:
    group = zarr.open_group(tmp_path / "l.ome.zarr", mode="w", zarr_format=2)
    group.create_array("0", shape=(4, 4, 4), dtype="u4")
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0] * 3}]}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": space(), "datasets": datasets}]
    assert opened(tmp_path / "l.ome.zarr").annotation.shape == (4, 4, 4)
    (tmp_path / "l.ome.zarr" / file).write_text(DEEP)
    with pytest.raises(AtlasError, match=r"l\.ome\.zarr"):
        opened(tmp_path / "l.ome.zarr")


def test_a_manifest_nested_without_end(tmp_path: Path) -> None:
    folder = tmp_path / "atlases" / "x_25um" / "1_0"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(DEEP)
    with pytest.raises(StoreFormatError, match=r"manifest\.json is not a manifest"):
        open_atlas(folder / "manifest.json")


def test_a_record_nested_without_end(tmp_path: Path) -> None:
    root = write_catalogue(tmp_path / "bucket")
    copy = download("tiny_mouse_25um", tmp_path / "copy", root=root, include="annotation")
    next(copy.glob("annotation-sets/**/.xarray-atlas/objects.json")).write_text(DEEP)
    with pytest.raises(StoreError, match="damaged"):
        open_atlas("tiny_mouse_25um", root=copy)


def test_structures_nested_without_end(tmp_path: Path) -> None:
    (tmp_path / "structures.json").write_text(DEEP)
    with pytest.raises(AtlasError, match="JSON"):
        create_atlas(labels(), tmp_path / "structures.json", **ARRAY)
    assert create_atlas(labels(), table(), **ARRAY).annotation.shape == labels().shape


ABSURD = """
import resource, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[2])
import xarray_atlas
from support.small_worlds import brainglobe_table
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
try:
    xarray_atlas.open_atlas(sys.argv[1], terminology=brainglobe_table())
except xarray_atlas.errors.AtlasError as error:
    print("refused", error)
else:
    print("opened")
"""


@pytest.mark.parametrize(
    ("shape", "chunk", "verdict"),
    [
        ((10**9,) * 3, 64, "refused"),
        ((10**9, 10, 10), 10, "refused"),
        ((10, 10, 10**12), 10**12, "refused"),
        ((10**6,) * 3, 64, "refused"),
        ((10**5,) * 3, 512, "opened"),
    ],
)
def test_an_array_of_absurd_shape(
    tmp_path: Path, shape: tuple[int, ...], chunk: int, verdict: str
) -> None:
    pytest.importorskip("resource")
    path = tmp_path / "l.ome.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=3)
    chunks = tuple(min(n, chunk) for n in shape)
    group.create_array("0", shape=shape, dtype="uint32", chunks=chunks, fill_value=0)
    placed = [{"type": "scale", "scale": [1e-7] * 3}]
    datasets = [{"path": "0", "coordinateTransformations": placed}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": space(), "datasets": datasets}],
    }
    done = subprocess.run(
        [sys.executable, "-c", ABSURD, str(path), str(Path(__file__).parents[1])],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.startswith(verdict)
    if verdict == "refused":
        assert str(max(shape)) in done.stdout
