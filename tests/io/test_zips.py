"""OME-Zarr in zip files: endings, folders at the top, addresses within, and servers."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from support.small_worlds import brainglobe_table, labels, served, voxels, write_ome_zarr
from support.stores import s3_server, serve, upload
from xarray_atlas import open_atlas
from xarray_atlas.errors import StoreError, StoreFormatError, StoreNotFoundError

REGIONS = brainglobe_table()
Pack = Callable[..., Path]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Pack folders of an OME-Zarr each into a zip file."""
    store = write_ome_zarr(tmp_path / "store" / "a.ome.zarr")
    (tmp_path / "zips").mkdir()

    def packed(name: str, *tops: str, mac: bool = False) -> Path:
        with zipfile.ZipFile(tmp_path / "zips" / name, "w") as out:
            for top in tops or ("",):
                for file in sorted(store.rglob("*")):
                    if file.is_file():
                        out.write(file, top + str(file.relative_to(store)))
            if mac:
                out.writestr("__MACOSX/a/zarr.json", "resource fork")
        return tmp_path / "zips" / name

    return packed


@pytest.fixture
def address(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    with serve(tmp_path) as server:
        yield lambda path: f"{server.url}/{path.relative_to(tmp_path)}"


NAMES = ["a.zip", "a.ozx", "a.ome.zarr.ozx", "A.ZIP", "a.Ozx"]
TOPS = ["", "a.ome.zarr/", "some/where/a.ome.zarr/"]


@pytest.mark.parametrize("top", TOPS, ids=["top", "folder", "folders"])
@pytest.mark.parametrize("name", NAMES)
def test_endings_and_folders(
    pack: Pack, address: Callable[[Path], str], name: str, top: str
) -> None:
    path = pack(name, top, mac=bool(top))
    for source in (path, str(path), path.as_uri(), address(path), f"zip://::{address(path)}"):
        ds = open_atlas(source, terminology=REGIONS)
        assert (voxels(ds, "A"), voxels(ds, "B")) == (48, 150)
        # and again by what its attributes call it
        again = open_atlas(ds.attrs["source"], terminology=REGIONS)
        np.testing.assert_array_equal(again.annotation, labels())


def test_a_zip_file_of_another_name(pack: Pack) -> None:
    assert voxels(open_atlas(pack("labels.bin"), terminology=REGIONS), "A") == 48


def test_an_address_within(pack: Pack, address: Callable[[Path], str]) -> None:
    path = pack("a.zip", "x/y/")
    for source in (f"{path}/x/y", path / "x" / "y", f"zip://x/y::{address(path)}"):
        assert voxels(open_atlas(source, terminology=REGIONS), "A") == 48
    with pytest.raises(StoreNotFoundError):
        open_atlas(path / "z", terminology=REGIONS)


@pytest.mark.parametrize("remote", [False, True])
def test_several_groups_are_a_question(
    pack: Pack, address: Callable[[Path], str], remote: bool
) -> None:
    path = pack("a.zip", "one/", "two/b/")
    with pytest.raises(StoreFormatError, match="several zarr groups") as caught:
        open_atlas(address(path) if remote else path, terminology=REGIONS)
    (there,) = re.findall(r"groups: (.*)\. Open one", str(caught.value))
    assert len(there.split(", ")) == 2
    for each in there.split(", "):
        assert voxels(open_atlas(each, terminology=REGIONS), "A") == 48


def test_a_zip_file_without_a_zarr_or_that_is_none(
    tmp_path: Path, pack: Pack, address: Callable[[Path], str]
) -> None:
    empty, cut = tmp_path / "empty.zip", tmp_path / "cut.ozx"
    with zipfile.ZipFile(empty, "w") as out:
        out.writestr("notes.txt", "nothing")
    cut.write_bytes(pack("a.zip").read_bytes()[:500])
    for source in (empty, address(empty)):
        with pytest.raises(StoreFormatError, match="without a zarr group"):
            open_atlas(source, terminology=REGIONS)
    for source in (cut, address(cut)):
        with pytest.raises(StoreFormatError, match="a zip of one|not a zip file"):
            open_atlas(source, terminology=REGIONS)
    with pytest.raises(StoreNotFoundError):
        open_atlas(address(tmp_path / "gone.zip"), terminology=REGIONS)
    with pytest.raises(StoreNotFoundError):
        open_atlas(tmp_path / "gone.ZIP", terminology=REGIONS)
    with pytest.raises(StoreError, match="Cannot connect"):
        open_atlas("http://127.0.0.1:9/a.zip", terminology=REGIONS)


def test_a_server_without_ranges_says_what_to_do(tmp_path: Path, pack: Pack) -> None:
    pack("a.zip")
    with served(tmp_path / "zips") as host, pytest.raises(StoreError, match="Download the zip"):
        open_atlas(f"http://{host}/a.zip", terminology=REGIONS)


def test_a_zip_file_in_a_bucket(tmp_path: Path, pack: Pack) -> None:
    pytest.importorskip("moto")
    pack("a.ozx", "a.ome.zarr/")
    with s3_server() as endpoint:
        upload(tmp_path / "zips", endpoint, "s3://lab/zips")
        options = {"endpoint_url": endpoint}
        ds = open_atlas("s3://lab/zips/a.ozx", terminology=REGIONS, storage_options=options)
        assert voxels(ds, "A") == 48
