"""Opening: OME-Zarr of each kind, through xarray, lazily; and what xarray has written."""

from __future__ import annotations

import os
import pickle
import shutil
import zipfile
from importlib.resources import files
from pathlib import Path

import dask
import fsspec
import numpy as np
import pint
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

import xarray_atlas
from support.atlases import no_compute
from support.stores import (
    LAYOUT,
    ORIENTATIONS,
    REGIONS,
    TERMINOLOGY,
    CountingStore,
    axes,
    labels,
    scaling,
    serve,
    write_atlas,
    write_ome_zarr,
)
from xarray_atlas import open_atlas
from xarray_atlas.errors import ResolutionNotFoundError, StoreFormatError, UnitsError

SAMPLE = Path(str(files("xarray_atlas"))) / (
    "data/annotation-sets/allen-adult-mouse-annotation/2017/annotation.ome.zarr"
)
consolidated = pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_atlas(tmp_path / "atlas")


# -- OME-Zarr of each kind


@pytest.mark.parametrize(
    ("zarr_format", "array"),
    [
        pytest.param(3, {}, id="v3"),
        pytest.param(3, {"shards": (6, 8, 5)}, id="sharded"),
        pytest.param(3, {"compressors": None}, id="uncompressed"),
        pytest.param(3, {"chunk_key_encoding": {"name": "v2", "separator": "."}}, id="v3-dots"),
        pytest.param(2, {}, id="v2"),
        pytest.param(2, {"chunk_key_encoding": {"name": "v2", "separator": "/"}}, id="v2-nested"),
        pytest.param(2, {"dtype": ">u4"}, id="v2-big-endian"),
    ],
)
def test_formats(zarr_format: int, array: dict) -> None:
    levels = {"0": (labels(), scaling(0.025))}
    store = write_ome_zarr(MemoryStore(), levels, zarr_format=zarr_format, **array)
    ds = open_atlas(store, terminology=REGIONS)
    assert ds.attrs["ome_zarr_version"] == {2: "0.4", 3: "0.5"}[zarr_format]
    assert ds.annotation.dtype == np.dtype("uint32")
    assert ds.annotation.dtype.isnative
    np.testing.assert_array_equal(ds.annotation.values, labels())
    block = (6, 8, 5) if "shards" in array else (3, 4, 5)
    assert ds.annotation.data.chunksize == block
    assert open_atlas(store, terminology=REGIONS).atlas.mask("grey").values.sum() == int(
        np.isin(labels(), [8, 312782574, 614454277]).sum()
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64", "int32", "int64"])
def test_dtypes(dtype: str) -> None:
    values = labels(dtype=dtype)
    store = write_ome_zarr(MemoryStore(), {"0": (values, scaling(0.025))})
    opened = open_atlas(store, terminology=REGIONS).annotation
    assert opened.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(opened.values, values)
    assert values.any()


@pytest.mark.parametrize(
    ("unit", "scale", "translation"),
    [
        ("millimeter", [0.05, 0.025, 0.01], [0.02, 0.0075, 0.0]),
        ("micrometer", [50.0, 25.0, 10.0], [20.0, 7.5, 0.0]),
        ("um", [50, 25, 10], [20, 7.5, 0]),
        ("nanometer", [50000.0, 25000.0, 10000.0], [20000.0, 7500.0, 0.0]),
    ],
)
def test_units_become_the_nearest_float(unit: str, scale: list, translation: list) -> None:
    store = write_ome_zarr(
        MemoryStore(), {"a": (labels(), scaling(scale, translation))}, axes=axes(unit)
    )
    ds = open_atlas(store, terminology=REGIONS)
    for dim, step, start in zip("zyx", [0.05, 0.025, 0.01], [0.02, 0.0075, 0.0], strict=True):
        expected = step * np.arange(ds.sizes[dim]) + start
        assert ds[dim].values.tolist() == expected.tolist()
        assert ds[dim].attrs["units"] == "mm"
        assert ds[dim].pint.units == pint.Unit("mm")
    assert ds.attrs["resolution"] == "50 x 25 x 10 um"
    sizes = [size.to("mm").magnitude for size in ds.atlas.spacing.values()]
    np.testing.assert_allclose(sizes, [0.05, 0.025, 0.01], rtol=1e-12)


def test_metres_and_each_axis_its_own_unit() -> None:
    mixed = [
        {**axis, "unit": u} for axis, u in zip(axes(), ("meter", "angstrom", "mm"), strict=True)
    ]
    store = write_ome_zarr(
        MemoryStore(), {"0": (labels(), scaling([2.5e-5, 250000, 0.025]))}, axes=mixed
    )
    ds = open_atlas(store, terminology=REGIONS)
    for dim in "zyx":
        np.testing.assert_allclose(ds[dim].values[:2], [0, 0.025], rtol=1e-15)


@pytest.mark.parametrize("key", ["value", "direction", None])
def test_orientation(key: str | None) -> None:
    store = write_ome_zarr(MemoryStore(), axes=axes(orientation=key))
    ds = open_atlas(store, terminology=REGIONS)
    assert ds.attrs["orientation"] == "asr"
    assert {d: ds[d].attrs["direction"] for d in "zyx"} == ORIENTATIONS


def test_orientation_of_other_axes() -> None:
    texts = {"x": "left-to-right", "y": "caudal-to-rostral", "z": "ventral-to-dorsal"}
    other = [
        {"name": n, "type": "space", "unit": "mm", "orientation": {"value": text}}
        for n, text in texts.items()
    ]
    ds = open_atlas(write_ome_zarr(MemoryStore(), axes=other), terminology=REGIONS)
    assert ds.annotation.dims == ("x", "y", "z")
    assert ds.attrs["orientation"] == "lpi"
    assert ds.x.attrs["direction"] == "left-to-right"


def test_orientation_by_name_where_none_is_said() -> None:
    turned = axes(orientation=None)[::-1]
    ds = open_atlas(write_ome_zarr(MemoryStore(), axes=turned), terminology=REGIONS)
    assert ds.annotation.dims == ("x", "y", "z")
    assert ds.attrs["orientation"] == "rsa"


def test_translations() -> None:
    levels = {
        "s0": (labels(), scaling(0.025, 0.0075)),
        "s1": (labels((3, 4, 5)), scaling(0.05, [0.02, 0.0, -1.0])),
    }
    store = write_ome_zarr(MemoryStore(), levels)
    ds = open_atlas(store, resolution="50 um", terminology=REGIONS)
    assert [float(ds[d].values[0]) for d in "zyx"] == [0.02, 0.0, -1.0]
    assert ds.z.values.tolist() == (0.05 * np.arange(3) + 0.02).tolist()
    # levels that begin at different places are left as they are
    aligned = open_atlas(store, resolution="50 um", terminology=REGIONS, align_levels=True)
    assert aligned.identical(ds)


def test_transformations_of_the_whole_multiscale() -> None:
    levels = {"0": (labels(), scaling(1)), "1": (labels((3, 4, 5)), scaling(2, 0.5))}
    extra = {"coordinateTransformations": scaling(25, 100)}
    store = write_ome_zarr(MemoryStore(), levels, axes=axes("micrometer"), extra=extra)
    ds = open_atlas(store, resolution=1, terminology=REGIONS)
    assert ds.z.values.tolist() == (0.05 * np.arange(3) + 0.1125).tolist()


@pytest.mark.parametrize("start", [0.0, 0.5])
def test_align_levels(start: float) -> None:
    levels = {
        "0": (labels(), scaling(0.025, start)),
        "1": (labels((3, 4, 5)), scaling([0.05, 0.05, 0.025], start)),
    }
    store = write_ome_zarr(MemoryStore(), levels)
    plain = open_atlas(store, resolution=1, terminology=REGIONS)
    assert plain.z.values[0] == start
    aligned = open_atlas(store, resolution=1, terminology=REGIONS, align_levels=True)
    assert [float(aligned[d].values[0]) for d in "zyx"] == [start + 0.0125, start + 0.0125, start]
    fine = open_atlas(store, resolution=0, terminology=REGIONS, align_levels=True)
    assert fine.z.values[0] == start
    # the same corner, which is what aligning is for
    assert aligned.z.values[0] - 0.05 / 2 == pytest.approx(fine.z.values[0] - 0.025 / 2)


# -- which level


@pytest.mark.parametrize(
    "resolution",
    ["50 um", "50um", "0.05 mm", pint.Quantity(50, "um"), pint.Quantity([50] * 3, "um"), 1, "1"],
)
def test_resolution(tiny: Path, resolution: object) -> None:
    ds = open_atlas(tiny, resolution=resolution)
    assert ds.attrs["resolution"] == "50 um"
    assert ds.attrs["level"] == "1"
    assert ds.annotation.shape == (3, 4, 5)
    np.testing.assert_array_equal(ds.annotation, labels((3, 4, 5), seed=1))


def test_the_finest_level_is_the_default_wherever_it_stands() -> None:
    levels = {"b": (labels((3, 4, 5)), scaling(0.05)), "a": (labels(), scaling(0.025))}
    ds = open_atlas(write_ome_zarr(MemoryStore(), levels), terminology=REGIONS)
    assert (ds.attrs["level"], ds.attrs["resolution"]) == ("a", "25 um")


def test_resolution_of_unequal_sides() -> None:
    levels = {"0": (labels(), scaling([0.05, 0.025, 0.025])), "1": (labels(), scaling(0.05))}
    store = write_ome_zarr(MemoryStore(), levels)
    assert open_atlas(store, resolution="50 um", terminology=REGIONS).attrs["level"] == "1"
    named = open_atlas(store, resolution="50 x 25 x 25 um", terminology=REGIONS)
    assert named.attrs["level"] == "0"
    sides = pint.Quantity([0.05, 0.025, 0.025], "mm")
    assert open_atlas(store, resolution=sides, terminology=REGIONS).identical(named)


@pytest.mark.parametrize("resolution", ["10 um", "25", "s0", 2, -1, "30 kg"])
def test_a_resolution_that_is_not_there(tiny: Path, resolution: object) -> None:
    with pytest.raises(ResolutionNotFoundError) as caught:
        open_atlas(tiny, resolution=resolution)
    assert str(resolution) in str(caught.value)
    assert "25 um (index 0, path '0'), 50 um (index 1, path '1')" in str(caught.value)


@pytest.mark.parametrize("resolution", [0.025, pint.Quantity(25, "s"), True])
def test_a_resolution_that_is_no_length(tiny: Path, resolution: object) -> None:
    with pytest.raises(UnitsError):
        open_atlas(tiny, resolution=resolution)


# -- where it is, and where its terminology is


def test_places(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = open_atlas(tiny)
    assert expected.attrs["name"] == "tiny-annotation"
    assert expected.attrs["version"] == "1_0"
    assert expected.attrs["source"] == str(tiny)
    assert expected.atlas.terminology.name == "tiny-terminology"
    monkeypatch.chdir(tiny.parent)
    monkeypatch.setenv("HOME", str(tiny.parent))
    for source in (
        str(tiny),
        f"{tiny}/",
        "annotation.ome.zarr",
        Path("annotation.ome.zarr"),
        "~/annotation.ome.zarr",
        f"file://{tiny}",
        tiny.as_uri(),
        zarr.storage.LocalStore(tiny),
        zarr.open_group(tiny, mode="r"),
        zarr.open_group(tiny.parent, mode="a", zarr_format=3)["annotation.ome.zarr"],
    ):
        assert open_atlas(source).identical(expected), source
        assert xr.open_dataset(source, engine="atlas", chunks={}).identical(expected), source


def test_a_place_with_a_blank(tmp_path: Path) -> None:
    tiny = write_atlas(tmp_path / "my atlas")
    assert open_atlas(tiny.as_uri()).identical(open_atlas(tiny))


def test_memory_url(tiny: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(tiny.parents[3]), "/opening", recursive=True)
    try:
        url = f"memory://opening/{tiny.parents[3].name}/{LAYOUT}"
        if not memory.exists(url):
            url = f"memory://opening/{LAYOUT}"
        ds = open_atlas(url)
        np.testing.assert_array_equal(ds.annotation, labels())
        assert ds.atlas.region("two").id == 614454277
        through_store = open_atlas(zarr.storage.FsspecStore.from_url(url, read_only=True))
        np.testing.assert_array_equal(through_store.annotation, labels())
    finally:
        memory.rm("/opening", recursive=True)


def test_zip(tiny: Path) -> None:
    packed = tiny.with_suffix(".zarr.zip")
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(tiny.rglob("*")):
            archive.write(file, file.relative_to(tiny))
    ds = open_atlas(packed)
    np.testing.assert_array_equal(ds.annotation, labels())
    assert ds.atlas.terminology.name == "tiny-terminology"
    np.testing.assert_array_equal(xr.open_dataset(packed, engine="atlas").annotation, labels())


@pytest.mark.parametrize("absent", [404, 403])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_http(tmp_path: Path, zarr_format: int, absent: int) -> None:
    """Also from a bucket that may be read but not listed: it refuses what it does not have."""
    write_atlas(tmp_path, zarr_format=zarr_format)
    with serve(tmp_path) as server:
        server.absent = absent
        ds = open_atlas(f"{server.url}/{LAYOUT}/")
        assert len(server.requests) <= {3: 3, 2: 8}[zarr_format]
        # the terminology is asked for beside it
        assert next(path for path in server.requests if LAYOUT in path) == f"{LAYOUT}/zarr.json"
        assert ds.attrs["source"] == f"{server.url}/{LAYOUT}"
        assert ds.atlas.terminology.name == "tiny-terminology"
        np.testing.assert_array_equal(ds.annotation, labels())


@pytest.mark.parametrize("kind", ["path", "url", "frame", "terminology", "store"])
def test_terminology_given(tiny: Path, kind: str) -> None:
    other = tiny.parents[3] / "mine.csv"
    table = REGIONS.assign(name=["brain", "b", "c", "d"])
    table.to_csv(other, index=False)
    given = {
        "path": other,
        "url": f"file://{other}",
        "frame": table,
        "terminology": xarray_atlas.Terminology.from_dataframe(table),
        "store": str(other),
    }[kind]
    source = zarr.storage.LocalStore(tiny) if kind == "store" else tiny
    ds = open_atlas(source, terminology=given)
    assert ds.atlas.region("root").name == "brain"
    if kind in ("path", "url", "store"):
        assert ds.atlas.terminology.name == "mine"


# -- laziness


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_opening_reads_no_chunk(zarr_format: int) -> None:
    store = CountingStore(write_ome_zarr(MemoryStore(), zarr_format=zarr_format))
    with dask.config.set(scheduler=no_compute):
        ds = open_atlas(store, terminology=REGIONS)
        ds.atlas.mask("one").isel(z=0)
        xr.open_dataset(store, engine="atlas", terminology=REGIONS)
    assert store.chunks == []
    metadata = {
        3: ["zarr.json", "labels/zarr.json", "0/zarr.json"],
        2: [
            *["zarr.json", ".zgroup", ".zattrs", ".zmetadata"],
            *["labels/.zarray", "labels/.zattrs", "labels/.zgroup"],
            *["0/.zarray", "0/.zattrs", "0/.zgroup"],
        ],
    }
    assert sorted(store.keys) == sorted(metadata[zarr_format] * 2)


def test_a_tree_reads_the_metadata_of_each_level_once() -> None:
    store = CountingStore(write_ome_zarr(MemoryStore()))
    with dask.config.set(scheduler=no_compute):
        xr.open_datatree(store, engine="atlas", terminology=REGIONS, chunks={})
    assert store.keys == ["zarr.json", "labels/zarr.json", "0/zarr.json", "1/zarr.json"]


@pytest.mark.parametrize("chunks", [{}, None])
def test_a_mask_of_a_plane_reads_the_chunks_of_that_plane(chunks: dict | None) -> None:
    store = CountingStore(write_ome_zarr(MemoryStore()))
    ds = open_atlas(store, terminology=REGIONS, chunks=chunks)
    store.keys.clear()
    mask = ds.isel(z=0).atlas.mask("one")
    if chunks is not None:
        assert store.keys == []
    np.testing.assert_array_equal(mask.values, labels()[0] == 312782574)
    assert sorted(store.keys) == ["0/c/0/0/0", "0/c/0/0/1", "0/c/0/1/0", "0/c/0/1/1"]


def test_slicing_reads_only_the_chunks_it_touches() -> None:
    store = CountingStore(write_ome_zarr(MemoryStore()))
    ds = xr.open_dataset(store, engine="atlas", terminology=REGIONS)
    store.keys.clear()
    part = ds.annotation.isel(z=slice(3, None), y=[0, 3], x=-1)
    assert store.keys == []
    np.testing.assert_array_equal(part, labels()[3:, [0, 3], -1])
    assert store.keys == ["0/c/1/0/1"]
    store.keys.clear()
    np.testing.assert_array_equal(
        ds.annotation.sel(z=slice("0 um", "50 um")).isel(x=0), labels()[:3, :, 0]
    )
    assert sorted(store.keys) == ["0/c/0/0/0", "0/c/0/1/0"]


def test_chunks_as_xarray_has_them(tiny: Path) -> None:
    assert open_atlas(tiny).chunks == {"z": (3, 3), "y": (4, 4), "x": (5, 5)}
    whole = open_atlas(tiny, chunks="auto")
    assert whole.chunks == {"z": (6,), "y": (8,), "x": (10,)}
    assert open_atlas(tiny, chunks={"z": 6}).chunks["z"] == (6,)
    assert open_atlas(tiny, chunks={"z": 6}).chunks["y"] == (4, 4)
    with pytest.warns(UserWarning, match="separate the stored chunks"):
        assert open_atlas(tiny, chunks={"z": 2}).chunks["z"] == (2, 2, 2)
    unchunked = open_atlas(tiny, chunks=None)
    assert unchunked.annotation.chunks is None
    for ds in (whole, unchunked, open_atlas(tiny, chunks={"z": 6})):
        np.testing.assert_array_equal(ds.annotation.values, labels())


def test_what_is_opened_can_be_pickled(tiny: Path) -> None:
    ds = open_atlas(tiny)
    again = pickle.loads(pickle.dumps(ds))
    assert again.identical(ds)
    assert again.atlas.region("two").parent.acronym == "grey"


DIMS = {"z": 6, "y": 8, "x": 10}


@st.composite
def indexers(draw: st.DrawFn) -> dict:
    """An isel of one kind: basic, outer or vectorized, with negative steps and booleans."""
    kind = draw(st.sampled_from(["basic", "outer", "points", "boolean"]))
    dims = draw(st.lists(st.sampled_from("zyx"), min_size=1, unique=True))
    if kind == "points":
        shape = draw(st.sampled_from([(0,), (1,), (4,), (2, 3)]))
        return dict.fromkeys(dims, (("p", "q")[: len(shape)], shape))
    return dict.fromkeys(dims, (kind, ()))


def resolve(found: dict, sizes: dict, random: np.random.Generator, turn: int) -> dict:
    """Fill in indices for the sizes that an array has."""
    result = {}
    for dim, (kind, shape) in found.items():
        size = sizes.get(dim, 0)
        if size == 0:
            continue
        if isinstance(kind, tuple):
            dims = [f"{name}{turn}" for name in kind]
            result[dim] = xr.Variable(dims, random.integers(-size, size, shape))
        elif kind == "basic":
            step = int(random.choice([-3, -2, -1, 1, 2, 3]))
            # xarray's lazy indexing gets starts before the first element wrong, in any engine
            ends = [None, *range(-size, size + 2)]
            start, stop = (ends[int(random.integers(len(ends)))] for _ in "ab")
            one = int(random.integers(-size, size))
            result[dim] = one if random.random() < 0.3 else slice(start, stop, step)
        elif kind == "outer":
            result[dim] = random.integers(-size, size, int(random.integers(0, 6)))
        else:
            result[dim] = random.random(size) < 0.5
    return result


@settings(max_examples=100)
@given(
    found=st.lists(indexers(), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
    lazy=st.booleans(),
)
def test_indexing_is_that_of_numpy(found: list[dict], seed: int, lazy: bool) -> None:
    chunks = {} if lazy else None
    opened = xr.open_dataset(INDEXED, engine="atlas", terminology=TABLE, chunks=chunks, cache=False)
    array = opened.annotation.variable
    expected = xr.Variable(array.dims, labels())
    random = np.random.default_rng(seed)
    for i, step in enumerate(found):
        keys = resolve(step, dict(expected.sizes), random, i)
        array, expected = array.isel(keys), expected.isel(keys)
    assert array.dims == expected.dims
    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(np.asarray(array.values), expected.values)


INDEXED = write_ome_zarr(MemoryStore())
TABLE = xarray_atlas.Terminology.from_dataframe(REGIONS)


def test_an_index_out_of_range_is_an_index_error(tiny: Path) -> None:
    ds = open_atlas(tiny, chunks=None)
    with pytest.raises(IndexError):
        ds.annotation.isel(z=6).values.sum()


# -- through xarray


def test_through_xarray(tiny: Path) -> None:
    ds = xr.open_dataset(str(tiny), engine="atlas", resolution="50 um", chunks={})
    assert ds.identical(open_atlas(tiny, resolution="50 um"))
    assert ds.encoding["source"] == str(tiny)
    dropped = xr.open_dataset(tiny, engine="atlas", drop_variables=["annotation"])
    assert list(dropped.data_vars) == []
    assert set(dropped.coords) == {"z", "y", "x", "terminology"}


def test_datatree(tiny: Path) -> None:
    tree = xr.open_datatree(tiny, engine="atlas", chunks={})
    assert list(tree.children) == ["0", "1"]
    assert tree.attrs["orientation"] == "asr"
    for path, resolution in (("0", "25 um"), ("1", "50 um")):
        ds = tree[path].to_dataset()
        assert ds.identical(open_atlas(tiny, resolution=resolution))
        values = labels() if path == "0" else labels((3, 4, 5), seed=1)
        volume = (values == 614454277).sum() * (0.025 if path == "0" else 0.05) ** 3
        np.testing.assert_allclose(ds.atlas.volume("two").pint.to("mm**3").item().magnitude, volume)
    groups = xr.open_groups(tiny, engine="atlas")
    assert list(groups) == ["/", "/0", "/1"]
    assert groups["/1"].annotation.chunks is None
    np.testing.assert_array_equal(groups["/1"].annotation, labels((3, 4, 5), seed=1))


def test_datatree_of_nested_paths() -> None:
    store = write_ome_zarr(MemoryStore(), {"scale0/image": (labels(), scaling(0.025))})
    tree = xr.open_datatree(store, engine="atlas", terminology=REGIONS)
    np.testing.assert_array_equal(tree["scale0/image"].annotation, labels())


def test_the_engine_never_takes_over_other_stores(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "plain.zarr"
    xr.Dataset({"a": ("x", [1, 2])}).to_zarr(path, consolidated=False)
    entry = xr.backends.list_engines()["atlas"]
    for source in (path, tiny, str(tiny), MemoryStore(), "s3://bucket/x.zarr", "a.nc"):
        assert entry.guess_can_open(source) is False
    opened = xr.open_dataset(path, consolidated=False)
    assert opened.a.values.tolist() == [1, 2]
    assert "terminology" not in opened.coords
    one = write_ome_zarr(
        tmp_path / "one.ome.zarr",
        {"0": (labels(), scaling(0.025))},
        dimension_names=["z", "y", "x"],
    )
    with xr.open_dataset(one, consolidated=False) as group:
        assert list(group.variables) == ["0"]


def test_midline(tiny: Path) -> None:
    half = open_atlas(tiny).xindexes["terminology"].space
    assert (half.midline, half.midline_assumed) == (pytest.approx(0.1125), True)
    space = open_atlas(tiny, midline="100 um").xindexes["terminology"].space
    assert (space.midline, space.midline_assumed) == (0.1, False)
    with pytest.raises(ValueError, match=r"midline 1 mm lies outside .* -0.0125 to 0.2375 mm"):
        open_atlas(tiny, midline="1 mm")


# -- what xarray has written


@consolidated
@pytest.mark.parametrize("consolidate", [True, False])
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("encoded", [True, False])
def test_zarr_written_by_xarray(
    tiny: Path, tmp_path: Path, zarr_format: int, consolidate: bool, encoded: bool
) -> None:
    ds = open_atlas(tiny).isel(z=slice(1, 4))
    path, memory = tmp_path / "written.zarr", MemoryStore()
    for target in (path, memory):
        written = ds.atlas.encode() if encoded else ds
        written.to_zarr(target, zarr_format=zarr_format, consolidated=consolidate, mode="w")
    for source in (path, str(path), f"file://{path}", memory, zarr.open_group(path, mode="r")):
        with dask.config.set(scheduler=no_compute):
            again = open_atlas(source)
        assert again.identical(ds), source
        assert type(again.xindexes["z"]) is type(ds.xindexes["z"])
        assert again.annotation.chunks is not None
        np.testing.assert_array_equal(again.annotation, labels()[1:4])
        assert again.atlas.terminology == ds.atlas.terminology


@consolidated
def test_written_zarr_over_http(tiny: Path, tmp_path: Path) -> None:
    ds = open_atlas(tiny, resolution="50 um")
    ds.to_zarr(tmp_path / "w/written.zarr", zarr_format=3, consolidated=True)
    with serve(tmp_path / "w") as server:
        server.absent = 403
        again = open_atlas(f"{server.url}/written.zarr")
        assert again.identical(ds)
        np.testing.assert_array_equal(again.annotation, labels((3, 4, 5), seed=1))


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4", "scipy"])
def test_netcdf_written_by_xarray(tiny: Path, tmp_path: Path, engine: str) -> None:
    ds = open_atlas(tiny)
    path = tmp_path / "written.nc"
    ds.to_netcdf(path, engine=engine)
    for again in (open_atlas(path), xr.open_dataset(path, engine="atlas")):
        with again:
            assert again.equals(ds)
            assert again.attrs == ds.attrs
            assert again.z.pint.units == pint.Unit("mm")
            np.testing.assert_array_equal(again.annotation, labels())
            assert again.atlas.region("two").id == 614454277
    with xr.open_datatree(path, engine="atlas") as tree:
        assert tree.to_dataset().equals(ds)


def test_tree_written_by_xarray(tiny: Path, tmp_path: Path) -> None:
    tree = xr.open_datatree(tiny, engine="atlas", chunks={})
    path = tmp_path / "tree.zarr"
    tree.to_zarr(path, consolidated=False)
    again = xr.open_datatree(path, engine="atlas", chunks={})
    assert again.identical(tree)
    assert again["1"].to_dataset().atlas.region("one").name == "area one"
    with pytest.raises(StoreFormatError, match=r"neither an OME-Zarr image .*it holds 0, 1$"):
        open_atlas(path)
    np.testing.assert_array_equal(open_atlas(path / "1").annotation, labels((3, 4, 5), seed=1))


def test_what_was_written_has_its_own_terminology(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "written.zarr"
    open_atlas(tiny).to_zarr(path, consolidated=False)
    with pytest.raises(StoreFormatError, match="resolution, terminology can only be chosen"):
        open_atlas(path, resolution="50 um", terminology=REGIONS)
    with pytest.raises(StoreFormatError, match="align_levels can only be chosen"):
        xr.open_datatree(path, engine="atlas", align_levels=True)


# -- the sample and real stores


def test_sample(tmp_path: Path) -> None:
    ds = open_atlas(SAMPLE, resolution="100 um")
    assert ds.sizes == {"z": 132, "y": 80, "x": 114}
    assert [float(ds[d].values[0]) for d in "zyx"] == [0.025] * 3
    assert int(ds.atlas.mask("RSP").sum()) == 10174
    assert xarray_atlas.open_sample("100 um").identical(ds)
    copy = tmp_path / "alone.ome.zarr"
    shutil.copytree(SAMPLE, copy)
    table = SAMPLE.parents[3] / "terminologies/allen-adult-mouse-terminology/2017/terminology.csv"
    alone = open_atlas(copy, resolution="100 um", terminology=table)
    assert alone.atlas.terminology == ds.atlas.terminology
    assert os.fspath(copy) == alone.attrs["source"]


def test_published(published: Path, expected: object) -> None:
    tree = xr.open_datatree(published, engine="atlas", chunks={})
    assert [tree[p].attrs["resolution"] for p in "012"] == ["25 um", "50 um", "100 um"]
    assert [float(tree[p].z.values[0]) for p in "012"] == [0, 0, 0]
    assert int(tree["1"].to_dataset().atlas.mask("RSP").sum()) == 83093
    aligned = xr.open_datatree(published, engine="atlas", align_levels=True)
    starts = [float(aligned[p].z.values[0]) for p in "012"]
    np.testing.assert_allclose(starts, [0, 0.0125, 0.0375], rtol=1e-12)


def test_packaged_by_brainglobe(packaged: Path) -> None:
    tree = xr.open_datatree(packaged, engine="atlas", chunks={})
    assert list(tree.children) == ["s0", "s1"]
    assert [float(tree[p].z.values[0]) for p in ("s0", "s1")] == [0, 0.025]
    ds = open_atlas(packaged, resolution="s0")
    assert ds.attrs["version"] == "2017_0"
    assert int(ds.atlas.mask("RSP").sum()) == 83093
    assert ds.atlas.terminology.name == TERMINOLOGY.split("/")[1].replace(
        "tiny", "allen-adult-mouse"
    )


def test_a_parameter_that_the_engine_lacks():
    with pytest.raises(
        TypeError, match=r"engine='atlas' has no parameter 'midlin'; it has \[.*'midline'"
    ):
        xr.open_dataset(SAMPLE, engine="atlas", midlin="5 mm")


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.nrrd", "labels.TIF"])
def test_an_image_file_is_no_atlas(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"an image")
    with pytest.raises(StoreFormatError, match=r"made by xarray_atlas.create_atlas\('.*labels"):
        xarray_atlas.open_atlas(str(tmp_path / name), terminology="regions.csv")
