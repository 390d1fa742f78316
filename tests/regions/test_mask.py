"""Masks against voxel-by-voxel truth, and how they are computed."""

from __future__ import annotations

import tracemalloc
import warnings
from collections import Counter
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import (
    Counted,
    Example,
    examples,
    make_atlas,
    make_terminology,
    no_compute,
    parts,
    through_file,
)
from xarray_atlas.errors import GridError, HemisphereError, RegionNotFoundError

pytestmark = pytest.mark.version_independent


@pytest.fixture
def small():
    """R0 holds R1 and R2, R2 holds R3; R4 is a root of its own, without a voxel."""
    terminology = make_terminology([-1, 0, 0, 2, -1])
    labels = np.zeros((2, 3, 4), "uint32")
    labels[0, 0] = [1, 2, 3, 4]
    labels[1, 2] = [4, 4, 77, 1]
    return make_atlas(labels, terminology)


# -- numbers


@given(st.data())
@settings(max_examples=80)
def test_agrees_with_brute_force(data):
    example: Example = data.draw(examples())
    atlas = example.atlas
    part = data.draw(parts(example.labels.shape))
    order = data.draw(st.permutations(["z", "y", "x"]))
    direct = data.draw(st.booleans())
    side = data.draw(st.sampled_from([None, "left", "right"]))
    regions = data.draw(st.lists(st.integers(0, len(example.parents) - 1), min_size=1, max_size=4))
    atlas = atlas.isel(part).transpose(*order)
    if data.draw(st.booleans()):
        atlas = xarray_atlas.encode(atlas)

    def truth(region, side):
        return example.mask(region, direct, side).isel(part).transpose(*order).values

    one = atlas.atlas.mask(f"R{regions[0]}", hemisphere=side, direct=direct)
    np.testing.assert_array_equal(one.values, truth(regions[0], side))
    many = atlas.atlas.mask([100 + r for r in regions], hemisphere=side, direct=direct)
    assert many.dims == ("region", *order)
    np.testing.assert_array_equal(many.values, [truth(r, side) for r in regions])
    both = atlas.atlas.mask([100 + r for r in regions], hemisphere=["right", "left"], direct=direct)
    assert both.dims == ("region", "hemisphere", *order)
    expected = [[truth(r, "right"), truth(r, "left")] for r in regions]
    np.testing.assert_array_equal(both.values, expected)


def test_region_is_itself_and_its_descendants(small):
    labels = small.annotation.values
    np.testing.assert_array_equal(small.atlas.mask("R2"), (labels == 3) | (labels == 4))
    np.testing.assert_array_equal(small.atlas.mask("R2", direct=True), labels == 3)


def test_region_without_a_voxel_is_all_false(small):
    assert small.atlas.mask("R4").sum() == 0
    assert small.chunk(x=2).atlas.mask(["R4", "R1"]).sum(("z", "y", "x")).values.tolist() == [0, 1]


@pytest.mark.parametrize("value", [2**63 + 1, 2**64 - 7])
def test_labels_above_int64_match_nothing(value):
    # 2**64 - 7 has the bits of -7, and 2**63 + 1 rounds to 2**63 as a float
    terminology = make_terminology([-1, 0], [[-7], [2**63 - 1]])
    labels = np.full((2, 2, 2), value, "uint64")
    assert not make_atlas(labels, terminology).atlas.mask("R0").any()


def test_big_labels_are_exact():
    terminology = make_terminology([-1], [[614454277]])
    labels = np.array([614454272, 614454277, 614454277 & 0xFFFF], "uint32").reshape(1, 1, 3)
    atlas = make_atlas(labels, terminology)
    assert atlas.atlas.mask("R0").values.ravel().tolist() == [False, True, False]


def test_extra_dimension_is_kept(small):
    stack = small.expand_dims(time=3)
    mask = stack.atlas.mask(["R0", "R1"])
    assert dict(mask.sizes) == {"region": 2, "time": 3, "z": 2, "y": 3, "x": 4}
    assert mask.isel(time=1).identical(small.atlas.mask(["R0", "R1"]))


def test_one_voxel(small):
    assert small.isel(z=0, y=0, x=0).atlas.mask("R0").item() is True


# -- what it looks like


def test_single_region_has_scalar_coordinates(small):
    mask = small.atlas.mask("R3")
    assert (mask.name, mask.dtype, mask.dims) == ("mask", np.dtype(bool), ("z", "y", "x"))
    coords = {name: mask[name].item() for name in mask.coords if name.startswith("region")}
    assert coords == {
        "region": "R3",
        "region_name": "region 3",
        "region_id": 103,
        "region_parent": "R2",
        "region_depth": 2,
    }
    assert mask.z.variable.identical(small.z.variable)
    assert mask.atlas.terminology is small.atlas.terminology


def test_list_is_the_stack_of_its_masks(small):
    both = small.atlas.mask(["R3", "R0"])
    assert both.region.values.tolist() == ["R3", "R0"]
    assert both.region_parent.values.tolist() == ["R2", ""]
    for acronym in ("R3", "R0"):
        assert both.sel(region=acronym).identical(small.atlas.mask(acronym))


def test_hemispheres_are_named(small):
    left = small.atlas.mask("R0", hemisphere="left")
    assert (left.name, left.hemisphere.item()) == ("mask", "left")
    both = small.atlas.mask("R0", hemisphere=["left", "right"])
    assert both.dims == ("hemisphere", "z", "y", "x")
    assert both.sel(hemisphere="left").identical(left)


@pytest.mark.parametrize(
    "regions",
    [
        "R1",
        "region 1",
        101,
        np.int64(101),
        np.array("R1"),
        xr.DataArray("R1"),
        ["R1"],
        (101,),
        np.array(["R1"]),
        np.array([101], "uint16"),
        xr.DataArray(["R1"], dims="region"),
        {"R1"},
        iter(["R1"]),
    ],
    ids=lambda regions: type(regions).__name__,
)
def test_regions_are_named_in_many_ways(small, regions):
    mask = small.atlas.mask(regions)
    assert mask.region.values.ravel().tolist() == ["R1"]
    assert mask.ndim == (3 if np.ndim(mask.region) == 0 else 4)
    assert mask.sum() == 1


def test_node_names_a_region(small):
    node = small.atlas.region("R2")
    assert small.atlas.mask(node).region.item() == "R2"
    assert small.atlas.mask(node.children).region.values.tolist() == ["R3"]


@pytest.mark.parametrize("chunks", [None, 2])
def test_no_regions_at_all(small, chunks):
    atlas = small if chunks is None else small.chunk(chunks)
    mask = atlas.atlas.mask([])
    assert dict(mask.sizes) == {"region": 0, "z": 2, "y": 3, "x": 4}
    assert mask.compute().dtype == bool


def test_empty_selection(small):
    for atlas in (small, small.chunk(2)):
        assert atlas.isel(x=slice(0)).atlas.mask(["R0"], hemisphere="left").compute().size == 0


def test_errors(small):
    with pytest.raises(RegionNotFoundError, match="R9"):
        small.atlas.mask("R9")
    with pytest.raises(RegionNotFoundError):
        small.atlas.mask(["R1", "1"])
    with pytest.raises(TypeError):
        small.atlas.mask(True)
    with pytest.raises(HemisphereError, match="'left', 'right'"):
        small.atlas.mask("R1", hemisphere="both")
    with pytest.raises(GridError, match="where\\(condition, 0\\)"):
        small.where(small.annotation > 0).atlas.mask("R1")


# -- how it is computed


def test_mask_is_lazy_and_reads_each_block_once():
    labels = np.arange(4 * 6 * 8, dtype="uint32").reshape(4, 6, 8) % 5
    source = Counted(labels)
    atlas = make_atlas(source.dask((2, 3, 4)), make_terminology([-1, 0, 0, 2]))
    with dask.config.set(scheduler=no_compute):
        one = atlas.atlas.mask("R0")
        many = atlas.atlas.mask(["R0", "R3"], hemisphere=["left", "right"])
    assert source.reads == []
    assert one.sum() == (labels > 0).sum()
    assert len(source.reads) == 8
    source.reads.clear()
    assert many.sum() == (labels > 0).sum() + (labels == 4).sum()
    assert max(Counter(map(str, source.reads)).values()) == 1


def test_plane_reads_its_own_chunks():
    source = Counted(np.ones((4, 6, 8), "uint32"))
    atlas = make_atlas(source.dask((1, 6, 8)), make_terminology([-1]))
    assert atlas.isel(z=2).atlas.mask("R0").all()
    assert len(source.reads) == 1


def test_chunks_of_many_regions_are_bounded():
    labels = np.arange(8**3, dtype="uint32").reshape(8, 8, 8) % 41
    source = Counted(labels)
    atlas = make_atlas(source.dask(4), make_terminology([-1] + [0] * 39))
    with dask.config.set({"array.chunk-size": "640B"}):  # of 64 voxels each: ten regions
        mask = atlas.atlas.mask([f"R{i}" for i in range(40)])
    assert mask.chunks == ((10,) * 4, (4, 4), (4, 4), (4, 4))
    # a task for each chunk of the result and each block, and one for each part of the table
    assert len(dict(mask.data.__dask_graph__())) <= 4 * 8 + 2 * 8 + 2 * 4 + 2
    assert mask.isel(region=slice(20, 30)).sum() == np.isin(labels, np.arange(21, 31)).sum()
    assert max(Counter(map(str, source.reads)).values()) == 1
    source.reads.clear()
    counts = mask.sum(("z", "y", "x")).values
    assert counts.tolist() == [(labels > 0).sum(), *((labels == i + 1).sum() for i in range(1, 40))]
    # dask shares the blocks even among the chunks of the region axis
    assert max(Counter(map(str, source.reads)).values()) == 1


def test_many_chunks_of_regions_do_not_warn():
    # dask warns where a blockwise operation makes ten times as many chunks
    atlas = make_atlas(da.ones((4, 4, 4), dtype="uint32", chunks=2), make_terminology([-1] * 30))
    with dask.config.set({"array.chunk-size": "8B"}):
        mask = atlas.atlas.mask([f"R{i}" for i in range(30)], hemisphere=["left", "right"])
    assert mask.data.numblocks == (30, 1, 2, 2, 2)
    assert mask.sum(("hemisphere", "z", "y", "x")).values.tolist() == [64] + [0] * 29


def test_a_block_larger_than_a_chunk_has_one_region_a_chunk():
    atlas = make_atlas(da.ones((8, 8, 8), dtype="uint32", chunks=8), make_terminology([-1, 0]))
    with dask.config.set({"array.chunk-size": "1B"}):
        assert atlas.atlas.mask(["R0", "R1"]).chunks[0] == (1, 1)


def test_memory_is_that_of_the_mask():
    # no copy of the labels in another type, no table as long as the largest id
    labels = np.zeros((128, 128, 128), "uint32")
    labels[:64] = 614454277
    atlas = make_atlas(labels, make_terminology([-1], [[614454277]]))
    atlas.atlas.mask("R0")
    tracemalloc.start()
    try:
        mask = atlas.atlas.mask("R0")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert mask.sum() == labels.size // 2
    assert peak < 2 * labels.size


@pytest.mark.parametrize("chunks", [None, {}])
def test_without_dask(chunks):
    ds = xarray_atlas.open_sample("100 um", chunks=chunks)
    assert int(ds.atlas.mask("RSP").sum()) == 10174
    assert int(ds.annotation.atlas.mask("RSP").sum()) == 10174


# -- writing


@pytest.mark.parametrize("regions", ["RSP", ["RSP", "VISp"]], ids=["one", "many"])
@pytest.mark.parametrize("kind", ["zarr2", "zarr3", "h5netcdf", "netcdf4", "scipy"])
def test_masks_are_written_without_a_warning(sample, tmp_path: Path, regions, kind):
    mask = sample.isel(z=slice(80, 84)).atlas.mask(regions)
    again = xarray_atlas.decode(through_file(mask, str(tmp_path / "mask"), kind))
    assert int(again.sum()) == int(mask.sum())
    assert again.region_name.values.tolist() == mask.region_name.values.tolist()
    assert again.z.identical(mask.z)
    assert again.atlas.terminology == mask.atlas.terminology


def test_written_without_a_warning_after_selecting(sample, tmp_path: Path):
    mask = sample.isel(z=slice(80, 84)).atlas.mask(["RSP", "VISp"]).sel(region="VISp")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mask.to_dataset().to_zarr(tmp_path / "mask", zarr_format=3, consolidated=False)


@pytest.mark.parametrize("regions", [b"RSP", "table"])
def test_what_does_not_name_regions_says_what_does(sample, regions):
    regions = sample.atlas.search("visual") if regions == "table" else regions
    with pytest.raises(TypeError, match=r"table\['id'\]"):
        sample.atlas.mask(regions)
    table = sample.atlas.search("primary visual")
    assert sample.atlas.mask(table["id"]).sizes["region"] == len(table)
