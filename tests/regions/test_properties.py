"""Where regions lie, against voxel-by-voxel truth."""

from __future__ import annotations

from collections import Counter

import dask
import numpy as np
import pint
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
    parts,
    through_file,
)
from xarray_atlas.errors import GridError, HemisphereError, RegionNotFoundError

pytestmark = pytest.mark.version_independent

SIZE = (0.1, 0.2, 0.4)
mm = pint.get_application_registry().Unit("mm")
LENGTHS = ("centroid", "bounding_box", "extent", "representative_point")


@pytest.fixture
def small() -> xr.Dataset:
    """R0 holds R1 and R2, R2 holds R3; R4 is a root of its own, without a voxel."""
    terminology = make_terminology([-1, 0, 0, 2, -1])
    labels = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 4, 77], "uint32"), (6, 5, 4))
    return make_atlas(labels, terminology, SIZE)


def truth(mask, atlas):
    """What is asked of a region, by way of the positions of its voxels."""
    dims = atlas.annotation.dims
    mask = mask.transpose(*dims).values
    centres = [atlas[dim].values for dim in dims]
    sizes = [atlas.atlas.spacing[dim].magnitude for dim in dims]
    places = np.argwhere(mask)
    found = {"voxels": len(places), "volume": len(places) * np.prod(sizes)}
    if not len(places):
        nothing = np.full(3, np.nan)
        return found | {
            "centroid": nothing,
            "bounding_box": np.full((3, 2), np.nan),
            "extent": np.zeros(3),
            "start": np.zeros(3),
            "stop": np.zeros(3),
        }
    along = [axis[at] for axis, at in zip(centres, places.T, strict=True)]
    low = np.array([a.min() - s / 2 for a, s in zip(along, sizes, strict=True)])
    high = np.array([a.max() + s / 2 for a, s in zip(along, sizes, strict=True)])
    return found | {
        "centroid": np.array([a.mean() for a in along]),
        "bounding_box": np.stack([low, high], axis=1),
        "extent": high - low,
        "start": places.min(axis=0),
        "stop": places.max(axis=0) + 1,
    }


def assert_is(found, expected, mask, atlas):
    """One region's properties are what they must be, and its point lies in it."""
    for name, values in expected.items():
        np.testing.assert_allclose(found[name].values, values, rtol=1e-9, atol=1e-12, err_msg=name)
    point = found.representative_point.values
    if expected["voxels"]:
        at = dict(zip(atlas.annotation.dims, point, strict=True))
        assert bool(xarray_atlas.encode(atlas.assign(m=mask)).m.sel(at, method="nearest"))
        for dim, value in at.items():
            assert np.abs(atlas[dim].values - value).min() < 1e-9
    else:
        assert np.isnan(point).all()


@given(st.data())
@settings(max_examples=80)
def test_agrees_with_brute_force(data):
    example: Example = data.draw(examples())
    part = data.draw(parts(example.labels.shape))
    order = data.draw(st.permutations(["z", "y", "x"]))
    direct = data.draw(st.booleans())
    side = data.draw(st.sampled_from([None, "left", "right"]))
    atlas = example.atlas.isel(part).transpose(*order)
    every = atlas.atlas.region_properties(hemisphere=side, direct=direct)
    assert every.axis.values.tolist() == order
    for region in range(len(example.parents)):
        mask = example.mask(region, direct, side).isel(part)
        assert_is(every.isel(region=region), truth(mask, atlas), mask, atlas)
    known = set().union(*(example.values(i, False) for i in range(len(example.parents))))
    sided = np.ones(example.labels.shape, bool)
    if side is not None:
        # all labels, each that of a region of its own
        distinct = [[int(v)] for v in np.unique(example.labels) if v < 2**63]
        whole = Example([-1] * len(distinct), distinct, *list(vars(example).values())[2:])
        masks = [whole.mask(i, True, side).values for i in range(len(distinct))]
        big = example.labels.astype(object) >= 2**63
        sided = np.logical_or.reduce([np.zeros(big.shape, bool), *masks])
        if big.any():
            return  # the brute force knows no side of them
    left_over = [
        int(v)
        for v in xr.DataArray(example.labels, dims=("z", "y", "x"))
        .isel(part)
        .values.ravel()[xr.DataArray(sided, dims=("z", "y", "x")).isel(part).values.ravel()]
        if int(v) not in known
    ]
    counts = Counter(left_over)
    assert int(every.background_voxels) == counts.pop(0, 0)
    unknown = dict(
        zip(every.unknown_label.values.tolist(), every.unknown_voxels.values, strict=True)
    )
    assert {k: int(n) for k, n in unknown.items() if n} == counts


@given(st.data())
@settings(max_examples=30)
def test_any_chunks_give_the_same(data):
    example: Example = data.draw(examples())
    atlas = example.atlas.compute()
    chunks = {d: data.draw(st.integers(1, n)) for d, n in atlas.sizes.items()}
    found, expected = (
        ds.atlas.region_properties(hemisphere=["left", "right"])
        for ds in (atlas.chunk(chunks), atlas)
    )
    point = "representative_point"  # says in its docstring that it may be another one
    assert found.drop_vars(point).equals(expected.drop_vars(point))
    assert found[point].isnull().equals(expected[point].isnull())


def test_views(small):
    for regions in (None, "R2", ["R3", "R0"]):
        whole = small.atlas.region_properties(regions, hemisphere="left", direct=True)
        for name in ("volume", "centroid", "bounding_box"):
            view = getattr(small.atlas, name)(regions, hemisphere="left", direct=True)
            assert view.identical(whole[name]), name
    assert xarray_atlas.centroid(small, "R0").identical(small.atlas.centroid("R0"))


def test_what_it_looks_like(small):
    found = small.atlas.region_properties(["R3", "R4"], hemisphere=["right", "left"])
    assert dict(found.sizes) == {
        "region": 2,
        "hemisphere": 2,
        "axis": 3,
        "bound": 2,
        "unknown_label": 1,
    }
    assert found.bounding_box.dims == ("region", "hemisphere", "axis", "bound")
    assert found.voxels.dtype == found.start.dtype == np.int64
    for name in LENGTHS:
        assert found[name].pint.units == mm
        assert found[name].attrs["units"] == "mm"
    assert found.volume.pint.units == mm**3
    assert found.attrs["voxel_size"] == "0.1 x 0.2 x 0.4 mm (z, y, x)"
    assert found.unknown_label.values.tolist() == [77]
    one = small.atlas.region_properties("R3", hemisphere="right")
    assert one.identical(found.sel(region="R3", hemisphere="right"))
    assert one.centroid.dims == ("axis",)
    assert "terminology" not in one.coords


def test_nothing_is_lost(small):
    found = small.atlas.region_properties(hemisphere=["left", "right"], direct=True)
    counted = found.voxels.sum() + found.unknown_voxels.sum() + found.background_voxels.sum()
    assert int(counted) == small.annotation.size
    labels, counts = np.unique(small.annotation.values, return_counts=True)
    counts = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    assert int(found.background_voxels.sum()) == counts[0]
    assert int(found.unknown_voxels.sum()) == counts[77]


def test_label_0_of_a_region_is_no_background():
    terminology = make_terminology([-1], [[0]])
    atlas = make_atlas(np.zeros((2, 2, 2), "uint8"), terminology)
    found = atlas.atlas.region_properties()
    assert (int(found.voxels[0]), int(found.background_voxels)) == (8, 0)


def test_region_without_a_voxel(small):
    found = small.atlas.region_properties("R4")
    assert int(found.voxels) == int(found.stop.max()) == 0
    assert found.volume.item().magnitude == 0
    assert found.extent.values.tolist() == [0, 0, 0]
    for name in ("centroid", "bounding_box", "representative_point"):
        assert np.isnan(found[name].values).all()


def test_region_of_one_voxel():
    labels = np.zeros((4, 4, 4), "uint32")
    labels[3, 0, 2] = 1
    found = make_atlas(labels, make_terminology([-1]), SIZE).atlas.region_properties("R0")
    for name in ("centroid", "representative_point"):
        np.testing.assert_allclose(found[name].values, [0.3, 0, 0.8])
    np.testing.assert_allclose(found.bounding_box.values, [[0.25, 0.35], [-0.1, 0.1], [0.6, 1.0]])
    assert found.start.values.tolist() == [3, 0, 2]
    assert found.stop.values.tolist() == [4, 1, 3]


def test_bent_region_holds_its_point_but_not_its_centroid():
    labels = np.zeros((3, 9, 9), "uint8")
    labels[:, 0], labels[:, -1], labels[:, :, 0] = 1, 1, 1
    for chunk in (9, 4, 2):
        atlas = make_atlas(labels, make_terminology([-1]), (1.0, 1.0, 1.0)).chunk(chunk)
        found = atlas.atlas.region_properties("R0")
        centre, point = (
            found[name].values.round().astype(int) for name in ("centroid", "representative_point")
        )
        assert labels[tuple(centre)] == 0
        assert labels[tuple(point)] == 1


def test_box_as_slices(small):
    found = small.atlas.region_properties("R3")
    box = {dim: slice(*found[["start", "stop"]].sel(axis=dim).to_array().values) for dim in "zyx"}
    inside = small.isel(box).annotation
    assert int((inside == 4).sum()) == int(found.voxels)


def test_section(small):
    section = small.isel(z=4)
    found = section.atlas.region_properties()
    assert "volume" not in found
    assert found.area.equals(section.atlas.area())
    assert found.axis.values.tolist() == ["y", "x"]
    mask = np.isin(section.annotation.values, [3, 4])
    np.testing.assert_allclose(
        found.centroid.sel(region="R2").values, np.argwhere(mask).mean(axis=0) * [0.2, 0.4]
    )
    assert found.z.item().magnitude == pytest.approx(0.4)
    with pytest.raises(GridError, match="'z'.*'y'"):
        small.isel(z=0, y=0).atlas.region_properties()


def test_forms(small):
    expected = small.atlas.region_properties()
    for other in (
        xarray_atlas.encode(small),
        small.chunk(),
        small.annotation,
        small.pint.to(dict.fromkeys("zyx", pint.get_application_registry().Unit("um"))),
    ):
        assert other.atlas.region_properties().equals(expected)
    renamed = small.rename(z="ap_axis").atlas.region_properties()
    assert renamed.axis.values.tolist() == ["ap_axis", "y", "x"]


def test_decreasing_coordinates(small):
    flipped = small.isel(z=slice(None, None, -1)).atlas.region_properties("R3")
    upright = small.atlas.region_properties("R3")
    for name in ("centroid", "bounding_box", "extent"):
        np.testing.assert_allclose(flipped[name].values, upright[name].values)
    assert flipped.start.sel(axis="z") == 6 - upright.stop.sel(axis="z")


def test_reads_each_block_once_and_computes_nothing_else(small):
    source = Counted(small.annotation.values)
    atlas = make_atlas(source.dask((2, 3, 3)), small.atlas.terminology, SIZE)
    atlas.atlas.region_properties(hemisphere=["left", "right"])
    assert sorted(Counter(map(str, source.reads)).values()) == [1] * 12


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_on_the_active_scheduler(small, scheduler):
    with dask.config.set(scheduler=scheduler):
        found = small.chunk(2).atlas.region_properties()
    assert found.drop_vars("representative_point").equals(
        small.atlas.region_properties().drop_vars("representative_point")
    )


def test_progress(small, capfd):
    small.chunk(2).atlas.region_properties("R0", progress=True)
    out, err = capfd.readouterr()
    assert "100% Completed" in err
    assert out == ""


def test_errors(small):
    with pytest.raises(RegionNotFoundError, match="R9"):
        small.atlas.region_properties("R9")
    with pytest.raises(HemisphereError, match="no hemisphere 'up'"):
        small.atlas.region_properties("R0", hemisphere="up")
    with pytest.raises(GridError, match="irregularly spaced"):
        small.isel(z=[0, 1, 3]).atlas.centroid("R0")


@pytest.mark.parametrize("kind", ["zarr2", "zarr3", "h5netcdf", "netcdf4"])
def test_written_and_read_again(small, tmp_path, kind):
    found = small.atlas.region_properties(["R0", "R3"])
    again = through_file(found.centroid, str(tmp_path / "file"), kind).pint.quantify()
    assert again.pint.units == mm
    np.testing.assert_array_equal(again.pint.magnitude, found.centroid.values)
    found.to_zarr(tmp_path / "all.zarr", consolidated=False)


def test_coordinates_that_are_called_like_results(small):
    names = ["volume", "voxels", "centroid", "start", "stop", "axis", "bound", "unknown_label"]
    expected = small.atlas.region_properties("R0")
    other = small.assign_coords(dict.fromkeys(names, 5))
    assert other.atlas.region_properties("R0").equals(expected)
    assert other.atlas.volume("R0").item() == small.atlas.volume("R0").item()
    assert other.atlas.crop("R3").sizes == small.atlas.crop("R3").sizes
    section = small.rename(z="axis").isel(axis=4)
    assert section.atlas.centroid("R0").equals(small.isel(z=4, drop=True).atlas.centroid("R0"))
    assert section.atlas.area("R0").axis.item().magnitude == pytest.approx(0.4)
