"""What cannot be opened or read is an error that says what and where, and never a 0."""

from __future__ import annotations

import copy
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr
from numcodecs import Blosc, GZip
from zarr.storage import MemoryStore

from support.stores import (
    LAYOUT,
    REGIONS,
    TERMINOLOGY,
    Server,
    axes,
    chunk_files,
    labels,
    scaling,
    serve,
    write_atlas,
    write_ome_zarr,
)
from xarray_atlas import open_atlas
from xarray_atlas.errors import (
    AtlasError,
    MissingTerminologyError,
    RegionNotFoundError,
    StoreError,
    StoreFormatError,
    StoreNotFoundError,
    TerminologyError,
)
from xarray_atlas.io.zarr import stores

pytestmark = pytest.mark.version_independent


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_atlas(tmp_path / "atlas")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    write_atlas(tmp_path / "served")
    with serve(tmp_path / "served") as running:
        yield running


# -- what is not an atlas


def test_nothing_there(tmp_path: Path) -> None:
    path = tmp_path / "nothing.ome.zarr"
    with pytest.raises(StoreNotFoundError, match=f"there is nothing at {path}"):
        open_atlas(path)
    with pytest.raises(FileNotFoundError):
        xr.open_dataset(path, engine="atlas")


def test_a_folder_that_is_no_zarr(tiny: Path) -> None:
    with pytest.raises(
        StoreFormatError,
        match="1_0 is a folder, but not a zarr group; it holds annotation.ome.zarr",
    ):
        open_atlas(tiny.parent)


@pytest.mark.parametrize("name", ["notes.txt", "volume.nc", "archive.zip"])
def test_a_file_that_is_no_zarr(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"CDF? no, plain text")
    with pytest.raises(StoreFormatError, match=f"{path} is a file"):
        open_atlas(path)


def test_a_netcdf_file_without_an_atlas(tmp_path: Path) -> None:
    path = tmp_path / "other.nc"
    xr.Dataset({"a": ("x", [1.0, 2.0])}).to_netcdf(path)
    with pytest.raises(StoreFormatError, match=r"other.nc is neither .* region hierarchy"):
        open_atlas(path)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_level_instead_of_the_pyramid(tmp_path: Path, zarr_format: int) -> None:
    tiny = write_atlas(tmp_path / "atlas", zarr_format=zarr_format)
    with pytest.raises(
        StoreFormatError, match=r"/0 is a zarr array, one level .* ends with .ome.z"
    ):
        open_atlas(tiny / "0")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_group_that_is_no_image(zarr_format: int) -> None:
    store = MemoryStore()
    zarr.create_group(store, zarr_format=zarr_format).create_group("deeper")
    with pytest.raises(StoreFormatError, match="no 'multiscales'.*; it holds deeper"):
        open_atlas(store)


@pytest.mark.parametrize("content", [b"<html></html>", b"", b'{"zarr_format": 3', b"[]"])
def test_metadata_that_are_not_zarrs(tiny: Path, content: bytes) -> None:
    (tiny / "zarr.json").write_bytes(content)
    with pytest.raises(AtlasError, match=rf"read.* {tiny}|{tiny} cannot be read"):
        open_atlas(tiny)


@pytest.mark.parametrize("source", [3, None, np.zeros((2, 2, 2)), xr.Dataset()])
def test_a_source_of_another_type(source: object) -> None:
    with pytest.raises(TypeError, match="source is a URL, a path or a zarr store, not a"):
        open_atlas(source)


def test_a_url_of_no_protocol() -> None:
    with pytest.raises(StoreError, match="cannot open nonsense://a.ome.zarr: .*nonsense"):
        open_atlas("nonsense://a.ome.zarr")


# -- metadata that contradict the specification


def change(where: list, value: object = ...) -> Callable[[dict], None]:
    """Set, or without a value delete, an item of the multiscale."""

    def apply(multiscale: dict) -> None:
        item = multiscale
        for key in where[:-1]:
            item = item[key]
        if value is ...:
            del item[where[-1]]
        else:
            item[where[-1]] = value

    return apply


transformations = ["datasets", 0, "coordinateTransformations"]


@pytest.mark.parametrize(
    ("apply", "match"),
    [
        (change(["axes"]), "malformed.*no 'axes'"),
        (change(["axes"], ["z", "y", "x"]), "malformed"),
        (change(["axes"], 3), "malformed"),
        (change(["axes"], axes()[1:]), r"axes are \('y', 'x'\), not three of space$"),
        (change(["axes", 0, "type"], "time"), "not three of space$"),
        (change(["axes", 0, "name"], "y"), "not three of space$"),
        (change(["axes", 1, "unit"]), "axis 'y' has no unit; pass voxel_size="),
        (
            change(["axes", 1, "unit"], "second"),
            "axis 'y' is in 'second', which is not a unit of l",
        ),
        (change(["axes", 1, "unit"], "wombat"), "axis 'y' is in 'wombat'"),
        (change(["axes", 1, "unit"], "pixel"), "axis 'y' is in 'pixel'"),
        (
            change(["axes", 2, "orientation", "value"], "up-to-down"),
            "'x' has .* 'up-to-down'; known",
        ),
        (change(["axes", 2, "orientation", "value"], "dorsal-to-ventral"), "orientation 'ass'"),
        (change(["axes", 2, "orientation"], "right"), "malformed"),
        (change(["datasets"]), "malformed.*no 'datasets'"),
        (change(["datasets"], []), "list no level"),
        (change(["datasets", 0, "path"]), "malformed.*no 'path'"),
        (change(transformations), "level '0' has no scale.*make an atlas of one of them"),
        (change(transformations, []), "level '0' has no scale.*make an atlas of one of them"),
        (change(transformations, scaling(0)), r"level '0' has a scale of \[0.0, 0.0, 0.0\]"),
        (change(transformations, scaling(-1)), "level '0' has a scale of"),
        (change([*transformations, 0, "scale"], [1, 1]), r"a scale of \[1.0, 1.0\] for 3 axes"),
        (change([*transformations, 0, "scale"], [1, 1, float("nan")]), "a scale of"),
        (change([*transformations, 0, "scale"], ["a", 1, 1]), "malformed"),
        (change([*transformations, 0, "type"], "affine"), "'affine'.* is none of OME-Zarr 0.4"),
        (change(transformations, [{"type": "scale", "path": "a"}]), "is none of OME-Zarr 0.4"),
        (change(["coordinateTransformations"], [{"scale": [1, 1, 1]}]), "malformed.*no 'type'"),
    ],
)
def test_malformed_metadata(apply: Callable[[dict], None], match: str) -> None:
    store = write_ome_zarr(MemoryStore(), axes=copy.deepcopy(axes()))
    group = zarr.open_group(store)
    ome = copy.deepcopy(group.attrs["ome"])
    apply(ome["multiscales"][0])
    group.attrs["ome"] = json.loads(json.dumps(ome))
    with pytest.raises(StoreFormatError, match=match) as caught:
        open_atlas(store, terminology=REGIONS)
    assert f"the OME-Zarr metadata of {store}" in str(caught.value)


@pytest.mark.parametrize("multiscales", [[], {}, "x", None, [3]])
def test_malformed_multiscales(multiscales: object) -> None:
    store = write_ome_zarr(MemoryStore())
    zarr.open_group(store).attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    with pytest.raises(StoreFormatError, match="malformed"):
        open_atlas(store, terminology=REGIONS)


def test_masks_instead_of_labels(tmp_path: Path) -> None:
    masks = write_ome_zarr(tmp_path / "annotations.ome.zarr")
    group = zarr.open_group(masks)
    ome = copy.deepcopy(group.attrs["ome"])
    del ome["multiscales"][0]["axes"][0]
    group.attrs["ome"] = ome
    with pytest.raises(StoreFormatError, match=r"\('y', 'x'\), not three of space"):
        open_atlas(masks)
    ome["multiscales"][0]["axes"][:0] = [{"name": "c", "type": "channel"}, axes()[0]]
    for dataset in ome["multiscales"][0]["datasets"]:
        dataset["coordinateTransformations"][0]["scale"].insert(0, 1.0)
        labels = group[dataset["path"]][...]
        del group[dataset["path"]]
        group.create_array(dataset["path"], data=np.stack([labels, labels]))
    group.attrs["ome"] = ome
    with pytest.raises(StoreFormatError, match=r"2 along 'c'.*in annotations_compressed.ome.zarr"):
        open_atlas(masks, terminology=REGIONS)


def test_masks_by_brainglobe(packaged: Path) -> None:
    with pytest.raises(StoreFormatError, match=r"in annotations_compressed.ome.zarr"):
        open_atlas(packaged.parent / "annotations.ome.zarr")


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_level_that_is_not_there(tmp_path: Path, zarr_format: int) -> None:
    tiny = write_atlas(tmp_path / "atlas", zarr_format=zarr_format)
    shutil.rmtree(tiny / "1")
    assert open_atlas(tiny).annotation.shape == (6, 8, 10)
    for opened in (
        lambda: open_atlas(tiny, resolution="50 um"),
        lambda: xr.open_datatree(tiny, engine="atlas"),
    ):
        with pytest.raises(
            StoreFormatError, match=f"{tiny} list a level '1', but there is no such"
        ):
            opened()


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((6, 8, 10), "float32"), "/0 holds 3-D float32, not labels"),
        (np.zeros((8, 10), "uint32"), "/0 holds 2-D uint32, not labels"),
        (np.zeros((6, 8, 10), bool), "/0 holds 3-D bool, not labels"),
    ],
)
def test_a_level_that_holds_no_labels(values: np.ndarray, match: str) -> None:
    store = write_ome_zarr(MemoryStore(), {"0": (values, scaling(0.025))})
    with pytest.raises(StoreFormatError, match=match):
        open_atlas(store, terminology=REGIONS)


def test_a_level_that_is_a_group(tiny: Path) -> None:
    shutil.rmtree(tiny / "0")
    zarr.create_group(tiny / "0")
    with pytest.raises(StoreFormatError, match="/0 is a group, not an array"):
        open_atlas(tiny)


# -- terminologies


def test_no_terminology(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "atlas" / TERMINOLOGY
    file.rename(tmp_path / "elsewhere.csv")
    with pytest.raises(
        MissingTerminologyError, match=f"looked for {file}, which is not there; pass terminology="
    ):
        open_atlas(tiny)
    shutil.move(tiny, tmp_path / "alone.ome.zarr")
    with pytest.raises(
        MissingTerminologyError, match="does not lie in BrainGlobe's layout .*pass terminology="
    ):
        open_atlas(tmp_path / "alone.ome.zarr")
    with pytest.raises(MissingTerminologyError, match=f"there is nothing at {file}"):
        open_atlas(tmp_path / "alone.ome.zarr", terminology=file)


def test_a_terminology_with_missing_columns(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "atlas" / TERMINOLOGY
    poor = REGIONS.drop(columns=["parent_identifier", "name"])
    poor.to_csv(file, index=False)
    missing = r"lacks .*parent_identifier.*name.*; its columns are .*identifier"
    with pytest.raises(TerminologyError, match=f"{file}: .*{missing}"):
        open_atlas(tiny)
    with pytest.raises(TerminologyError, match="lacks 'name'"):
        open_atlas(tiny, terminology=poor)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe\x00", b"\x00" * 10])
def test_a_terminology_that_is_no_table(tiny: Path, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "atlas" / TERMINOLOGY
    file.write_bytes(content)
    with pytest.raises(TerminologyError, match=f"^{file}: "):
        open_atlas(tiny)


def test_a_terminology_of_another_type(tiny: Path) -> None:
    with pytest.raises(TypeError, match="terminology is a path, a URL, .* not a list"):
        open_atlas(tiny, terminology=[1, 2])
    with pytest.raises(TerminologyError):
        open_atlas(tiny, terminology=pd.DataFrame())


def test_an_unknown_region(tiny: Path) -> None:
    with pytest.raises(RegionNotFoundError, match=r"'onee' in tiny-terminology .*'one'") as caught:
        open_atlas(tiny).atlas.mask("onee")
    assert isinstance(caught.value, KeyError)


# -- chunks that cannot be read


FORMATS = {
    "zstd": (3, {}),
    "uncompressed": (3, {"compressors": None}),
    "v2": (2, {}),
    "v2-uncompressed": (2, {"compressors": None}),
    "v2-blosc-zstd": (2, {"compressors": Blosc("zstd")}),
    "blosc": (3, {"compressors": zarr.codecs.BloscCodec()}),
    "v2-gzip": (2, {"compressors": GZip()}),
    "sharded": (3, {"shards": (6, 8, 10)}),
    "sharded-uncompressed": (3, {"shards": (6, 8, 10), "compressors": None}),
}

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "truncated": lambda content: content[: len(content) // 2],
    "last byte lost": lambda content: content[:-1],
    "noise": lambda content: np.random.default_rng(0).bytes(len(content)),
}


# any bytes are labels where nothing is compressed nor checked
UNNOTICED = {("uncompressed", "noise"), ("v2-uncompressed", "noise")}


@pytest.mark.parametrize(
    ("kind", "damage"),
    [(kind, d) for kind in FORMATS for d in DAMAGES if (kind, d) not in UNNOTICED],
)
@pytest.mark.parametrize("chunks", [None, {}])
def test_a_damaged_chunk(tmp_path: Path, kind: str, damage: str, chunks: dict | None) -> None:
    zarr_format, array = FORMATS[kind]
    levels = {"0": (labels(), scaling(0.025))}
    tiny = write_atlas(tmp_path / "a", levels=levels, zarr_format=zarr_format, **array)
    ds = open_atlas(tiny, chunks=chunks)
    file = chunk_files(tiny / "0")[0]
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    with pytest.raises(StoreError, match=rf"cannot read the labels \[0:\d+, .*\] of {tiny}/0: "):
        ds.annotation.values.sum()
    # a part, which a shard serves by a range of bytes
    with pytest.raises(StoreError, match=rf"cannot read the labels \[0, .*\] of {tiny}/0: |\[0:"):
        open_atlas(tiny, chunks=chunks).annotation.isel(z=0, y=0, x=0).values.sum()
    if "sharded" not in kind:
        np.testing.assert_array_equal(ds.annotation.isel(z=slice(3, 6)), labels()[3:6])


def test_a_shard_that_begins_with_its_index_and_ends_early(tmp_path: Path) -> None:
    """Its index is whole and says where the chunks are, but they are not there."""
    codec = zarr.codecs.ShardingCodec(chunk_shape=(3, 4, 5), index_location="start")
    tiny = write_atlas(tmp_path / "a")
    array = zarr.create_array(
        tiny / "0",
        shape=(6, 8, 10),
        chunks=(6, 8, 10),
        dtype="uint32",
        serializer=codec,
        compressors=None,
        overwrite=True,
    )
    array[...] = labels()
    ds = open_atlas(tiny, chunks=None)
    np.testing.assert_array_equal(ds.annotation, labels())
    (file,) = chunk_files(tiny / "0")
    whole = file.read_bytes()
    index = 8 * 16 + 4
    for kept in (index, index + 10, len(whole) - 1):
        file.write_bytes(whole[:kept])
        ds = open_atlas(tiny, chunks=None)
        for part in ({}, {"z": slice(3, 6), "y": slice(4, 8), "x": slice(5, 10)}):
            with pytest.raises(StoreError, match="cannot read the labels"):
                ds.annotation.isel(part).values.sum()


@pytest.mark.parametrize("damage", ["empty", "last byte lost"])
def test_a_damaged_chunk_of_what_xarray_wrote(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "deep/written.zarr"
    ds = open_atlas(write_atlas(tmp_path / "a"))
    ds.to_zarr(path, zarr_format=2, consolidated=False)  # which compresses with Blosc
    file = chunk_files(path / "annotation")[0]
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    with pytest.raises(StoreError, match="annotation/0.0.0' (is empty|ends early)"):
        open_atlas(path).annotation.values.sum()
    with pytest.raises(StoreError, match="annotation/0.0.0' (is empty|ends early)"):
        open_atlas(
            zarr.open_group(path.parent, mode="a", zarr_format=2)["written.zarr"]
        ).annotation.values.sum()


def test_a_valid_chunk_of_the_wrong_size(tiny: Path) -> None:
    small, large = chunk_files(tiny / "1")[0], chunk_files(tiny / "0")[0]
    a, b = small.read_bytes(), large.read_bytes()
    small.write_bytes(b)
    large.write_bytes(a)
    for resolution in ("25 um", "50 um"):
        with pytest.raises(StoreError, match="cannot read the labels"):
            open_atlas(tiny, resolution=resolution).annotation.values.sum()


def test_a_link_to_what_was_never_fetched(tiny: Path) -> None:
    """As DataLad and git-annex leave a file whose content is elsewhere."""
    file = chunk_files(tiny / "0")[0]
    file.unlink()
    assert (open_atlas(tiny).annotation[:3, :4, :5] == 0).all(), "not stored: the fill value"
    file.symlink_to(tiny / ".git/annex/objects/content")
    with pytest.raises(StoreError, match=r"labels \[0:3, 0:4, 0:5\] of .*0/c/0/0/0' is a link to"):
        open_atlas(tiny).annotation.values.sum()
    file.unlink()
    file.mkdir()
    with pytest.raises(StoreError, match="0/c/0/0/0' is not a file"):
        open_atlas(tiny).annotation.values.sum()


def test_a_store_that_has_gone(tiny: Path) -> None:
    for chunks in ({}, None):
        ds = open_atlas(tiny, chunks=chunks)
        tiny.rename(tiny.with_name("elsewhere"))
        with pytest.raises(StoreError, match=f"the folder {tiny} has gone"):
            ds.annotation.values.sum()
        tiny.with_name("elsewhere").rename(tiny)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_level_that_is_deleted_while_it_is_open(tmp_path: Path, zarr_format: int) -> None:
    """Its chunks are not absent as chunks of zeros are, which are not stored."""
    store = write_ome_zarr(tmp_path / "a.ome.zarr", zarr_format=zarr_format)
    ds = open_atlas(store, terminology=REGIONS)
    shutil.rmtree(tmp_path / "a.ome.zarr/0")
    with pytest.raises(StoreError, match=r"the array .*0 has gone"):
        ds.annotation.compute()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_no_permission(tiny: Path) -> None:
    ds = open_atlas(tiny)
    chunk_files(tiny / "0")[0].chmod(0)
    with pytest.raises(StoreError, match=r"no permission to read the labels \[0:3, 0:4, 0:5\]"):
        ds.annotation.values.sum()
    tiny.chmod(0)
    with pytest.raises(StoreError, match=f"no permission to read {tiny}"):
        open_atlas(tiny)


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (403, "no permission to read"),
        (401, "no permission"),
        (500, "cannot read"),
        ("drop", "cannot"),
    ],
)
def test_a_chunk_that_a_server_does_not_give(server: Server, fault: object, what: str) -> None:
    ds = open_atlas(f"{server.url}/{LAYOUT}", chunks=None)
    server.fault = lambda path: fault if path.endswith("0/c/1/1/1") else None
    with pytest.raises(
        StoreError, match=rf"{what}.* \[0:6, 0:8, 0:10\] of {server.url}/{LAYOUT}/0"
    ):
        ds.annotation.values.sum()
    server.fault = lambda path: fault if path.endswith(".csv") else None
    with pytest.raises(StoreError, match=rf"{what}.* {server.url}/{TERMINOLOGY}.*or pass terminol"):
        open_atlas(f"{server.url}/{LAYOUT}")
    server.fault = lambda path: fault
    with pytest.raises(StoreError, match=rf"{what}.* {server.url}/{LAYOUT}"):
        open_atlas(f"{server.url}/{LAYOUT}")


def test_nothing_on_a_server(server: Server) -> None:
    with pytest.raises(StoreNotFoundError, match=f"no zarr group at {server.url}/nothing.ome.zarr"):
        open_atlas(f"{server.url}/nothing.ome.zarr")


# -- endpoints that cannot be reached


def unreachable(scheme: str, port: int) -> tuple[str, dict | None]:
    if scheme == "s3":
        return "s3://bucket/a.ome.zarr", {"endpoint_url": f"http://127.0.0.1:{port}"}
    return f"{scheme}://127.0.0.1:{port}/a.ome.zarr", None


def test_time_out_is_within_half_a_minute() -> None:
    assert stores.TIMEOUT < 28


@pytest.mark.parametrize("scheme", ["http", "https", "s3"])
def test_an_endpoint_that_never_answers(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        url, options = unreachable(scheme, port)
        start = time.monotonic()
        with pytest.raises(StoreError, match=rf"{url}.*no answer within 0.5 s") as caught:
            open_atlas(url, storage_options=options)
        assert time.monotonic() - start < 5
        assert f"127.0.0.1:{port}" in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_endpoint_that_is_closed(scheme: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        url, options = unreachable(scheme, port)
        with pytest.raises(StoreError, match=rf"cannot read {url}.*127.0.0.1:{port}"):
            open_atlas(url, storage_options=options)


@pytest.mark.parametrize("silent", ["0/zarr.json", ".csv"])
def test_a_server_that_stops_answering(
    server: Server, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "TIMEOUT", 1.5)
    server.fault = lambda path: "silence" if path.endswith(silent) else None
    with pytest.raises(StoreError, match=rf"cannot reach {server.url}/.*: no answer within 1.5 s"):
        open_atlas(f"{server.url}/{LAYOUT}")
