"""What passes have learned: kept while it holds, and never used when it does not."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr
from zarr.storage import LocalStore

import xarray_atlas
from support.atlases import no_compute
from support.operations import OPERATIONS, PART
from support.stores import REGIONS, CountingStore, chunk_files, scaling, write_atlas, write_ome_zarr
from xarray_atlas.io.zarr import arrays, fingerprint
from xarray_atlas.kernels.tables import tabulate
from xarray_atlas.options import cache_directory
from xarray_atlas.reductions import cache as index_cache
from xarray_atlas.reductions import cache_files

pytestmark = pytest.mark.version_independent

SIZE = 0.025**3
PLAIN = {"compressors": None, "filters": None}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache directory of the test's own, and nothing in memory."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("XARRAY_ATLAS_CACHE_DIR", str(folder))
    for memory in ("_indexes", "_fingerprints"):
        monkeypatch.setattr(index_cache, memory, OrderedDict())
    # the files of these tests are all written only now
    monkeypatch.setattr(fingerprint, "FRESH", 0)
    return folder


@pytest.fixture
def on_disk():
    with xarray_atlas.set_options(index_cache=True):
        yield


def age(folder: Path) -> None:
    """Have the files of a folder be written an hour ago."""
    for file in folder.rglob("*"):
        os.utime(file, (time.time() - 3600,) * 2)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An atlas whose chunks are stored as they are: another label is a chunk of the same size."""
    path = write_atlas(tmp_path / "root", **PLAIN)
    age(path)
    return path


def forget():
    """What another session does not know."""
    index_cache._indexes.clear()
    index_cache._fingerprints.clear()


def counts(ds, **keywords):
    """The voxels of each region, by the package."""
    volumes = ds.atlas.volume(**keywords).pint.magnitude
    return (volumes / SIZE).round().astype(int).tolist()


def truth(path, regions=REGIONS):
    """The voxels of each region, from the labels as they are stored now."""
    values = zarr.open_array(path / "0", mode="r")[...]
    paths = [set(map(int, text.strip("[]").split(","))) for text in regions.root_identifier_path]
    ids = regions.identifier.tolist()
    return [
        sum(int((values == other).sum()) for other, up in zip(ids, paths, strict=True) if one in up)
        for one in ids
    ]


def opened(store, **keywords):
    return xarray_atlas.open_atlas(store, midline="0.1125 mm", **keywords)


def with_counting(path):
    store = CountingStore(LocalStore(path, read_only=True))
    table = path.parents[3] / "terminologies/tiny-terminology/1_0/terminology.csv"
    return store, opened(store, terminology=table)


# -- in memory


def test_the_next_question_reads_nothing(store):
    counted, ds = with_counting(store)
    assert counts(ds) == truth(store)
    assert len(counted.chunks) == 8
    counted.keys.clear()
    with dask.config.set(scheduler=no_compute):
        assert counts(ds) == truth(store)
        left, right = (counts(ds, hemisphere=side) for side in ("left", "right"))
        ds.atlas.region_properties(direct=True)
        ds.annotation.atlas.centroid("one")
        ds.rename(z="ap").copy(deep=True).atlas.bounding_box("one")
        part = ds.atlas.crop("one")
    assert np.add(left, right).tolist() == truth(store)
    assert counted.keys == []
    assert part.annotation.size


def test_encoded_and_pickled_are_the_same_array(store):
    counted, ds = with_counting(store)
    counts(ds)
    counted.keys.clear()
    again = pickle.loads(pickle.dumps(opened(store)))
    assert counts(xarray_atlas.encode(ds)) == counts(again) == truth(store)
    assert counted.keys == []


def test_through_xarray(store):
    ds = xr.open_dataset(store, engine="atlas", chunks={})
    expected = counts(ds)
    with dask.config.set(scheduler=no_compute):
        assert counts(ds) == expected


def test_levels_are_told_apart(store):
    tree = xr.open_datatree(store, engine="atlas", chunks={})
    for level, size in (("0", 0.025), ("1", 0.05)):
        found = tree[level].to_dataset().atlas.volume(direct=True).pint.magnitude / size**3
        values = zarr.open_array(store / level, mode="r")[...]
        expected = [int((values == label).sum()) for label in REGIONS.identifier]
        assert found.round().astype(int).tolist() == expected


def test_one_side_is_read_alone_and_kept(store):
    counted, ds = with_counting(store)
    left = counts(ds, hemisphere="left")
    assert len(counted.chunks) == 4  # 10 voxels in chunks of 5
    counted.keys.clear()
    assert counts(ds, hemisphere="left") == left
    assert counted.keys == []
    right = counts(ds, hemisphere="right")
    assert len(counted.chunks) == 4
    assert np.add(left, right).tolist() == truth(store)
    whole = counts(ds)
    assert whole == truth(store)
    assert counts(ds, hemisphere="left") == left


def test_another_midline_is_another_question(store):
    values = zarr.open_array(store / "0", mode="r")[...]
    for midline, first_left in (("0.1125 mm", 5), ("0.0625 mm", 3), ("0.1625 mm", 7)):
        ds = xarray_atlas.open_atlas(store, midline=midline)
        for _ in range(2):
            sides = ds.atlas.volume("root", hemisphere=["left", "right"]).pint.magnitude / SIZE
            expected = [
                (values[..., first_left:] != 0).sum(),
                (values[..., :first_left] != 0).sum(),
            ]
            assert sides.round().astype(int).tolist() == expected
    # also where the coordinates of one Dataset were moved
    ds = opened(store)
    counts(ds)
    moved = xarray_atlas.decode(
        ds.atlas.encode().assign_coords(x=ds.x.copy(data=ds.x.values + 0.05).variable)
    )
    found = moved.atlas.volume("root", hemisphere="left").pint.magnitude / SIZE
    assert round(float(found)) == (values[..., 3:] != 0).sum()


def test_volume_of_hemispheres(store):
    """A variable of sides is not read where no side is asked for, and belongs to the question."""
    given = np.random.default_rng(3).integers(0, 3, (6, 8, 10)).astype("uint8")
    values = zarr.open_array(store / "0", mode="r")[...]
    ds = opened(store).assign(hemispheres=(("z", "y", "x"), da.from_array(given, chunks=3)))
    assert counts(ds) == truth(store)
    for _ in range(2):
        found = ds.atlas.volume("root", hemisphere=["left", "right"]).pint.magnitude / SIZE
        expected = [int(((values != 0) & (given == side)).sum()) for side in (1, 2)]
        assert found.round().astype(int).tolist() == expected


def test_sides_along_another_axis_are_another_question(tmp_path, on_disk):
    values = np.random.default_rng(1).choice(np.array([0, 8], "uint32"), (6, 6, 6))
    path = write_atlas(tmp_path, levels={"0": (values, scaling(0.025))})
    sides = np.array([1, 2, 2, 1, 2, 2], "uint8")
    for _ in range(2):
        ds = opened(path)
        for axis, dim in enumerate("zyx"):
            found = ds.assign(hemispheres=(dim, sides)).atlas.volume("grey", hemisphere="right")
            on_side = np.compress(sides == 2, values, axis=axis)
            assert round(float(found) / SIZE) == (on_side == 8).sum()
        forget()


def test_stored_hemispheres(tmp_path, on_disk):
    """As an atlas's own volume of hemispheres is opened: from a store, in two orders of axes."""
    values, sides = (
        np.random.default_rng(seed).choice(np.array(pool, "uint32"), (6, 6, 6))
        for seed, pool in ((1, [0, 8]), (2, [0, 1, 2]))
    )
    path, other = (
        write_atlas(tmp_path / name, levels={"0": (v, scaling(0.025))})
        for name, v in (("a", values), ("b", sides))
    )
    for _ in range(2):
        ds, hemispheres = opened(path), opened(other).annotation.variable
        for dims in (("z", "y", "x"), ("x", "z", "y")):
            given = ds.assign(hemispheres=xr.Variable(dims, hemispheres._data))
            turned = xr.Variable(dims, sides).transpose("z", "y", "x").values
            expected = [int(((values == 8) & (turned == side)).sum()) for side in (1, 2)]
            for _ in range(2):
                found = given.atlas.volume("grey", hemisphere=["left", "right"]).pint.magnitude
                assert (found / SIZE).round().astype(int).tolist() == expected
        with dask.config.set(scheduler=no_compute):
            given.atlas.volume("grey", hemisphere="left")
        forget()


def test_a_snapshot_that_a_user_passes_is_no_name(store):
    for resolution, size in (("25 um", 0.025), ("50 um", 0.05)):
        ds = xr.open_dataset(store, engine="atlas", chunks={}, snapshot="v", resolution=resolution)
        found = ds.atlas.volume("root").pint.magnitude / size**3
        assert round(float(found)) == int((ds.annotation != 0).sum())


def test_chunks_of_no_voxel(store):
    ds = opened(store, chunks={"z": (0, 2, 4)})
    counts(ds)
    values = zarr.open_array(store / "0", mode="r")[...]
    np.testing.assert_array_equal(ds.atlas.mask("root").values, values != 0)
    assert counts(ds) == truth(store)


def test_no_region_reads_nothing(store):
    counted, ds = with_counting(store)
    assert ds.atlas.volume([]).size == 0
    assert counted.chunks == []


def test_a_graph_without_layers_is_measured(store, monkeypatch):
    """Where dask's internals are not what they were, nothing is kept, and all is right."""
    monkeypatch.setattr("xarray_atlas.reductions.stored.read_from", lambda data: None)
    ds = opened(store)
    for _ in range(2):
        assert counts(ds) == truth(store)
    assert not index_cache._indexes


def test_seldom_used_indexes_are_forgotten(store, monkeypatch):
    monkeypatch.setattr(index_cache, "KEPT", 2)
    first, second, third = (opened(store) for _ in range(3))
    counts(first), counts(second), counts(first), counts(third)
    with dask.config.set(scheduler=no_compute):
        assert counts(first) == counts(third) == truth(store)
        with pytest.raises(AssertionError):
            counts(second)


def test_many_threads(store):
    ds = opened(store)
    found = []
    threads = [threading.Thread(target=lambda: found.append(counts(ds))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [truth(store)] * 8


# -- derived arrays


@pytest.fixture(scope="module")
def part_of_the_sample(tmp_path_factory):
    """The part of the sample that the rows of operations.py work on, as a store of its own."""
    sample = xarray_atlas.open_sample("100 um").isel(PART)
    root = tmp_path_factory.mktemp("part")
    corner = [sample[dim].values[0] for dim in "zyx"]
    path = write_atlas(
        root, levels={"0": (sample.annotation.values, scaling(0.1, corner))}, chunks=(5, 5, 5)
    )
    return path, sample.atlas.terminology


@pytest.mark.parametrize("kind", ["dataset", "annotation"])
@pytest.mark.parametrize(
    "row", [op for op in OPERATIONS if op.units != "impossible"], ids=lambda op: op.name
)
def test_a_derived_array_is_measured_itself(part_of_the_sample, row, kind):
    """Whatever an operation gives: its labels are counted as they are, not as they were."""
    if kind not in row.kinds:
        pytest.skip("not of this kind")
    path, terminology = part_of_the_sample
    ds = xarray_atlas.open_atlas(path, terminology=terminology)
    assert ds.annotation.data.npartitions == 18
    ds.atlas.volume()
    assert index_cache.find_any(ds.annotation.variable) is not None
    result = row.run(ds if kind == "dataset" else ds.annotation)
    if isinstance(result, xr.Dataset):
        names = [name for name in ("annotation", "labels") if name in result]
        result = result[names[0]] if names else result[next(iter(result))]
    if result.dtype.kind not in "iu" or result.ndim == 0:
        return
    scalar = xr.Variable((), np.uint8(0))
    table = index_cache.learn(result.variable, scalar)
    expected = dict(zip(*np.unique(result.values, return_counts=True), strict=True))
    found = {int(k): int(table.voxels[table.label == k].sum()) for k in np.unique(table.label)}
    assert found == {int(k): int(n) for k, n in expected.items()}


DERIVED = {
    "assign where": lambda ds: ds.assign(annotation=ds.annotation.where(ds.annotation != 8, 0)),
    "a slice": lambda ds: ds.isel(z=slice(1, None)),
    "the whole as a slice": lambda ds: ds.isel(z=slice(0, 6), y=slice(None)),
    "backwards": lambda ds: ds.isel(x=slice(None, None, -1)),
    "transposed": lambda ds: ds.transpose("x", "y", "z"),
    "plus 0": lambda ds: ds.assign(annotation=ds.annotation + 0),
    "another chunking": lambda ds: ds.chunk(z=2),
    "astype": lambda ds: ds.assign(annotation=ds.annotation.astype("int64")),
    "item assigned": lambda ds: _assigned(ds),
    "map_blocks": lambda ds: ds.assign(annotation=ds.annotation.copy(data=ds.annotation.data.map_blocks(np.flip))),
    "rolled": lambda ds: ds.roll(z=2),
    "sorted": lambda ds: ds.sortby("z", ascending=False),
    "persisted": lambda ds: ds.persist(),
    "computed": lambda ds: ds.compute(),
    "chunked after lazy indexing": lambda ds: xarray_atlas.open_atlas(
        ds.attrs["source"], midline="0.1125 mm", chunks=None
    ).isel(z=slice(None, None, -1)).chunk(3),
    "chunked after picking": lambda ds: xarray_atlas.open_atlas(
        ds.attrs["source"], midline="0.1125 mm", chunks=None
    ).isel(z=[0, 1, 2]).chunk(3),
    "through a file": lambda ds: xarray_atlas.open_atlas(_written(ds)),
}  # fmt: skip


def _assigned(ds):
    ds = ds.copy(deep=True)
    ds["annotation"][0] = 997
    data = ds.annotation.data.copy()
    data[1] = 8
    return ds.assign(annotation=ds.annotation.copy(data=data))


def _written(ds):
    path = Path(os.environ["XARRAY_ATLAS_CACHE_DIR"]).parent / "written.zarr"
    ds.isel(z=slice(3, None)).to_zarr(path, consolidated=False)
    return path


@pytest.mark.parametrize("name", DERIVED)
def test_derived_in_other_ways(store, name, on_disk):
    ds = opened(store)
    counts(ds)
    derived = DERIVED[name](ds)
    values = derived.annotation.values
    expected = [int((values == label).sum()) for label in REGIONS.identifier]
    for _ in range(2):
        assert counts(derived, direct=True) == expected
        mask = derived.atlas.mask("two")
        np.testing.assert_array_equal(mask.values, values == 614454277)
    assert counts(ds) == truth(store)


# -- masks that skip chunks


def test_mask_reads_the_chunks_that_may_hold_the_region(tmp_path):
    values = np.zeros((6, 8, 10), "uint32")
    values[0, 0, 0] = values[5, 7, 9] = 614454277
    values[1, 1, 6] = 8
    path = write_atlas(tmp_path, levels={"0": (values, scaling(0.025))})
    counted, ds = with_counting(path)
    before = ds.atlas.mask("two")
    counts(ds)
    counted.keys.clear()
    mask = ds.atlas.mask("two")
    assert counted.keys == []
    np.testing.assert_array_equal(mask.values, values == 614454277)
    assert sorted(counted.chunks) == ["0/c/0/0/0", "0/c/1/1/1"]
    counted.keys.clear()
    masks = ds.atlas.mask(["two", "grey", "one"], hemisphere=["left", "right"])
    expected = np.stack([values == 614454277, values > 0, values < 0])
    np.testing.assert_array_equal(masks.any("hemisphere").values, expected)
    assert sorted(counted.chunks) == ["0/c/0/0/0", "0/c/0/0/1", "0/c/1/1/1"]
    np.testing.assert_array_equal(before.values, mask.values)
    assert not ds.atlas.mask("one").any()
    assert ds.atlas.mask([]).sizes["region"] == 0


def test_region_axis_in_several_chunks(store):
    """An index never makes a chunk be read more often than without it."""
    counted, ds = with_counting(store)
    regions = ["root", "grey", "one", "two"]
    expected = ds.atlas.mask(regions).values
    counts(ds)
    with dask.config.set({"array.chunk-size": "100 B"}):
        masks = ds.atlas.mask(regions)
    assert masks.data.numblocks[0] > 1
    counted.keys.clear()
    np.testing.assert_array_equal(masks.values, expected)
    assert len(counted.chunks) == 8


@pytest.mark.parametrize("part", [
    {"z": 2}, {"z": slice(1, 5, 2)}, {"z": slice(None, None, -1), "x": 3}, {"x": [4, 0, 4]},
    {"y": slice(3, 3)}, {"z": np.array([True, False] * 3)}, {"z": 0, "y": 1, "x": 2},
], ids=str)  # fmt: skip
def test_parts_of_masks(store, part):
    ds = opened(store)
    lazy = {region: ds.atlas.mask(region) for region in ("two", "grey")}
    several = ds.atlas.mask(["two", "grey", "two"])
    counts(ds)
    for region, plain in lazy.items():
        found = ds.atlas.mask(region).isel(part)
        np.testing.assert_array_equal(found.values, plain.values[_key(part)])
    found = ds.atlas.mask(["two", "grey", "two"])
    np.testing.assert_array_equal(found.isel(part).values, several.isel(part).values)
    np.testing.assert_array_equal(found.isel(region=1, **part).values, several[1].isel(part).values)


def _key(part):
    return tuple(part.get(dim, slice(None)) for dim in "zyx")


def test_a_side_alone_does_not_answer_for_a_mask(store):
    ds = opened(store)
    counts(ds, hemisphere="left")
    values = zarr.open_array(store / "0", mode="r")[...]
    np.testing.assert_array_equal(ds.atlas.mask("root").values, values != 0)


# -- on disk


def test_the_next_session_reads_nothing(store, on_disk, cache):
    expected = counts(opened(store))
    assert [path.suffix for path in cache.iterdir()] == [".region-index"]
    forget()
    counted = CountingStore(LocalStore(store, read_only=True))
    ds = opened(store)
    with dask.config.set(scheduler=no_compute):
        assert counts(ds) == expected == truth(store)
        ds.atlas.region_properties(hemisphere=["left", "right"])
        np.testing.assert_allclose(ds.atlas.crop("one").sizes["z"], 6)
    assert counted.keys == []


def test_one_listing_an_opening_and_one_after_the_pass(store, on_disk, monkeypatch):
    calls = []
    real = fingerprint.fingerprint
    monkeypatch.setattr(arrays, "fingerprint", lambda array: calls.append(array) or real(array))
    ds = opened(store)
    for _ in range(3):
        ds.atlas.mask("one")
    assert len(calls) == 1
    counts(ds)
    assert len(calls) == 2
    counts(ds), ds.atlas.mask("one"), ds.atlas.crop("one")
    assert len(calls) == 2
    forget()
    ds = opened(store)
    counts(ds), ds.atlas.mask("one")
    assert len(calls) == 3


def test_nothing_is_written_unless_asked_for(store, cache):
    counts(opened(store))
    assert not cache.exists()
    xarray_atlas.set_options(index_cache=True)
    try:
        counts(opened(store))
    finally:
        xarray_atlas.set_options(index_cache=False)
    assert cache.exists()


def change(store: Path, how: str) -> None:
    """Change the stored labels, or what says what they mean."""
    chunk = chunk_files(store / "0")[0]
    status = chunk.stat()
    if how == "another label":
        content = np.frombuffer(chunk.read_bytes(), "uint32").copy()
        content[:] = 8
        chunk.write_bytes(content.tobytes())
        assert chunk.stat().st_size == status.st_size
        # as rsync and cp -p leave it: of the same size and age as before
        os.utime(chunk, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif how == "another file":
        other = chunk.with_name("other")
        other.write_bytes(bytes(status.st_size))
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.rename(chunk)
    elif how == "folders renamed":
        first, second = store / "0/c/0", store / "0/c/1"
        first.rename(store / "0/other")
        second.rename(first)
        (store / "0/other").rename(second)
    elif how == "a link set again":
        content = np.full(status.st_size // 4, 997, "uint32").tobytes()
        for name, data in (("a", chunk.read_bytes()), ("b", content)):
            (store.parents[3] / name).write_bytes(data)
        chunk.unlink()
        chunk.symlink_to(store.parents[3] / "a")
        counts(opened(store))
        chunk.unlink()
        chunk.symlink_to(store.parents[3] / "b")
    elif how == "a chunk gone":
        chunk.unlink()
    elif how == "a chunk come":
        chunk.unlink()
        counts(opened(store))
        chunk.write_bytes(np.full(status.st_size // 4, 997, "uint32").tobytes())
        age(store)
    elif how == "another fill value":
        chunk.unlink()
        age(store)
        counts(opened(store))
        metadata = store / "0/zarr.json"
        metadata.write_text(metadata.read_text().replace('"fill_value": 0', '"fill_value": 8'))
        age(store)


@pytest.mark.parametrize(
    "how",
    [
        *("another label", "another file", "a link set again"),
        *("a chunk gone", "a chunk come", "another fill value"),
    ],
)
def test_a_store_that_has_changed(store, on_disk, how):
    before = counts(opened(store))
    change(store, how)
    reopened = opened(store)
    assert counts(reopened) == truth(store) != before
    np.testing.assert_array_equal(
        reopened.atlas.mask("grey").values,
        np.isin(zarr.open_array(store / "0", mode="r")[...], [8, 312782574, 614454277]),
    )
    forget()
    assert counts(opened(store)) == truth(store)


def test_folders_of_chunks_that_change_places(store, on_disk):
    """Which touches no time of any file."""
    before = opened(store).atlas.centroid("two").values
    change(store, "folders renamed")
    forget()
    reopened = opened(store)
    places = np.argwhere(reopened.annotation.values == 614454277)
    found = reopened.atlas.centroid("two").values
    np.testing.assert_allclose(found, places.mean(axis=0) * 0.025)
    assert np.abs(found - before).max() > 1e-6


def test_axes_that_are_called_otherwise_by_now(store, on_disk):
    """The same chunks, and another axis between left and right."""
    counts(opened(store))
    metadata = store / "zarr.json"
    text = metadata.read_text()
    turned = {"anterior-to-posterior": "-", "right-to-left": "anterior-to-posterior"}
    for old, new in (*turned.items(), ("-", "right-to-left")):
        text = text.replace(f'"{old}"', f'"{new}"')
    metadata.write_text(text)
    forget()
    ds = xarray_atlas.open_atlas(store, midline="0.0625 mm")
    assert ds.orientation == "rsa"
    values = ds.annotation.values
    found = ds.atlas.volume("root", hemisphere=["left", "right"]).pint.magnitude / SIZE
    expected = [int((values[3:] != 0).sum()), int((values[:3] != 0).sum())]
    assert found.round().astype(int).tolist() == expected


def test_a_path_that_is_no_text(tmp_path, on_disk, cache):
    root = tmp_path / os.fsdecode(b"\xff")
    root.mkdir()
    path = write_atlas(root)
    for _ in range(2):
        assert counts(opened(path)) == truth(path)
        forget()
    assert len(list(cache.iterdir())) == 1


def test_it_is_a_snapshot_until_reopened(store):
    """As the documentation says."""
    ds = opened(store)
    before = counts(ds)
    change(store, "another label")
    assert counts(ds) == before
    assert counts(opened(store)) == truth(store) != before


def test_a_store_that_changes_while_it_is_read(store, on_disk, cache, monkeypatch):
    real = index_cache.scan

    def scan(*args):
        table = real(*args)
        change(store, "another label")
        return table

    monkeypatch.setattr(index_cache, "scan", scan)
    counts(opened(store))
    assert not cache.exists()
    monkeypatch.setattr(index_cache, "scan", real)
    assert counts(opened(store)) == truth(store)


def test_a_file_written_only_now_is_not_trusted(store, on_disk, cache, monkeypatch):
    """It may be written again within the same tick of the clock; its age may be made up."""
    monkeypatch.undo()
    monkeypatch.setenv("XARRAY_ATLAS_CACHE_DIR", str(cache))
    age(store)
    counts(opened(store))
    assert not cache.exists()
    monkeypatch.setattr(fingerprint, "FRESH", 0)
    counts(opened(store))
    assert cache.exists()


def test_damaged_indexes_are_made_anew(store, on_disk, cache):
    expected = counts(opened(store))
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for content in (b"", whole[:10], whole[: len(whole) // 2], bytes(flipped), whole + b"x"):
        file.write_bytes(content)
        forget()
        assert counts(opened(store)) == expected
        assert file.read_bytes()[:32] == whole[:32]  # of the same content again
    file.unlink()
    file.mkdir()
    forget()
    with pytest.warns(UserWarning, match=r"cannot be kept in .*XARRAY_ATLAS_CACHE_DIR"):
        assert counts(opened(store)) == expected


def test_another_version_is_not_read(store, on_disk, cache, monkeypatch):
    counts(opened(store))
    monkeypatch.setattr(cache_files, "VERSION", cache_files.VERSION + 1)
    forget()
    counts(opened(store))
    assert len(list(cache.iterdir())) == 2


def test_a_cache_directory_that_cannot_be_written_to(store, on_disk, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    places = [tmp_path / "file" / "cache", Path("/proc/xarray-atlas")]
    if os.geteuid():
        (tmp_path / "read-only").mkdir(mode=0o500)
        places.append(tmp_path / "read-only")
    for place in places:
        monkeypatch.setenv("XARRAY_ATLAS_CACHE_DIR", str(place))
        ds = opened(store)
        with pytest.warns(UserWarning, match="cannot be kept in"):
            assert counts(ds) == truth(store)
        assert counts(ds) == truth(store)


def test_a_read_only_cache_is_read(store, on_disk, cache):
    counts(opened(store))
    forget()
    cache.chmod(0o500)
    try:
        with dask.config.set(scheduler=no_compute):
            assert counts(opened(store)) == truth(store)
    finally:
        cache.chmod(0o700)


def test_the_directory_of_the_platform(monkeypatch):
    monkeypatch.delenv("XARRAY_ATLAS_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_directory().name == "xarray-atlas"


# -- stores that do not say enough


def test_stores_that_are_not_listed(store, on_disk, cache):
    _, ds = with_counting(store)
    assert counts(ds) == truth(store)
    memory = zarr.storage.MemoryStore()
    write_ome_zarr(memory)
    assert counts(opened(memory, terminology=REGIONS)) == truth(store)
    assert not cache.exists()


def test_a_zip_that_takes_the_place_of_another(store, on_disk, cache, tmp_path):
    """An open zip stays what it was: what is learned of it must not be kept for the new one."""
    first, second = (
        Path(shutil.make_archive(str(tmp_path / name), "zip", store)) for name in ("a", "b")
    )
    change(store, "another label")
    second = Path(shutil.make_archive(str(tmp_path / "b"), "zip", store))
    before = truth(write_atlas(tmp_path / "same", **PLAIN))
    ds = opened(first, terminology=REGIONS)
    os.replace(second, first)
    assert counts(ds) == before
    forget()
    assert counts(opened(first, terminology=REGIONS)) == truth(store) != before
    assert not cache.exists()


def test_a_listing_that_fails(store, on_disk, cache, monkeypatch):
    def refuse(folder):
        raise PermissionError("no listing here")

    monkeypatch.setattr(fingerprint, "_files", refuse)
    assert counts(opened(store)) == truth(store)
    assert not cache.exists()


# -- processes that are killed, and several at once

SESSION = """
import sys, xarray_atlas
from xarray_atlas.io.zarr import fingerprint
fingerprint.FRESH = 0
xarray_atlas.set_options(index_cache=True)
{before}
ds = xarray_atlas.open_atlas(sys.argv[1], midline="0.1125 mm")
print(*(ds.atlas.volume().pint.magnitude / 0.025**3).round().astype(int))
"""


def session(store: Path, before: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SESSION.format(before=before), os.fspath(store)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    "where",
    [
        "os.replace = lambda *paths: os.kill(os.getpid(), 9)",
        "import io; cache_files.open = lambda *a: Half(*a)",
    ],
    ids=["before it is in place", "half-way through the file"],
)
def test_killed_while_it_is_written(store, cache, on_disk, where):
    half = (
        "import os\n"
        "from xarray_atlas.reductions import cache_files\n"
        "class Half:\n"
        "    def __init__(self, descriptor, mode): self.descriptor = descriptor\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *error): pass\n"
        "    def write(self, content):\n"
        "        os.write(self.descriptor, content[:len(content) // 2])\n"
        "        if len(content) > 100: os.kill(os.getpid(), 9)\n"
    )
    killed = session(store, half + where)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert [path.suffix for path in cache.iterdir()] == [".unfinished"]
    expected = truth(store)
    assert counts(opened(store)) == expected
    forget()
    with dask.config.set(scheduler=no_compute):
        assert counts(opened(store)) == expected
    # what was left behind goes when it is old
    (left,) = cache.glob("*.unfinished")
    os.utime(left, (0, 0))
    one = tabulate(np.ones((2, 2, 2), "uint8"), np.ones((1, 1, 1), "uint8"))
    cache_files.save("other", "", one)
    assert not list(cache.glob("*.unfinished"))


def test_killed_at_any_time(cache):
    """What can be loaded is whole."""
    code = (
        "import numpy as np\n"
        "from xarray_atlas.reductions import cache_files\n"
        "from xarray_atlas.kernels.tables import tabulate\n"
        "block = np.random.default_rng(0).integers(0, 2**31, (30, 30, 30))\n"
        "table = tabulate(block, np.ones((1, 1, 1), int))\n"
        "print('ready', flush=True)\n"
        "while True: cache_files.save('name', 'fingerprint', table)\n"
    )
    for delay in (0.01, 0.02, 0.05, 0.08):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
        process.communicate()
        found = cache_files.load("name", "fingerprint")
        assert found is None or found.voxels.sum() == 27_000


def test_two_processes_at_once(store, cache):
    expected = " ".join(map(str, truth(store)))
    processes = [session(store) for _ in range(3)]
    assert [process.communicate()[0].strip() for process in processes] == [expected] * 3
    assert [path.suffix for path in cache.iterdir()] == [".region-index"]
    again = session(store, "import dask; dask.config.set(scheduler=lambda *a, **k: 1 / 0)")
    assert again.communicate()[0].strip() == expected


# -- the options


def test_options():
    with xarray_atlas.set_options(index_cache=True):
        with xarray_atlas.set_options(index_cache=False):
            assert not xarray_atlas.options.OPTIONS["index_cache"]
        assert xarray_atlas.options.OPTIONS["index_cache"]
    assert not xarray_atlas.options.OPTIONS["index_cache"]
    with pytest.raises(
        ValueError,
        match=r"no option 'cache'; there are \['index_cache', 'read_ahead', 'requests'\]",
    ):
        xarray_atlas.set_options(cache=True)
    with pytest.raises(ValueError, match="index_cache is True or False, not 'yes'"):
        xarray_atlas.set_options(index_cache="yes")
