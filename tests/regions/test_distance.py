"""How far voxels are from regions, against all pairs of voxels, and against scipy."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pint
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import xarray_atlas
from support.atlases import (
    Counted,
    Example,
    examples,
    make_atlas,
    make_terminology,
    no_compute,
    parts,
)
from xarray_atlas.errors import GridError, HemisphereError, RegionNotFoundError
from xarray_atlas.kernels import distances as run_distances
from xarray_atlas.kernels.distances import distances_in_box, mask_runs
from xarray_atlas.regions import distance

pytestmark = pytest.mark.version_independent

mm = pint.get_application_registry().Unit("mm")


def from_all_pairs(mask, sizes):
    """Measure from each voxel to each voxel of a mask, and keep the least."""
    inside = np.argwhere(mask) * sizes
    every = np.argwhere(np.ones(mask.shape, bool)) * sizes
    if not len(inside):
        return np.full(mask.shape, np.nan)
    away = np.sqrt(((every[:, None] - inside[None]) ** 2).sum(axis=-1))
    return away.min(axis=1).reshape(mask.shape)


# -- the kernel


@st.composite
def masks(draw):
    shape = tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=3)))
    share = draw(st.sampled_from([0, 0.02, 0.2, 0.6, 1]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.random(shape) < share


@given(masks())
@settings(max_examples=60)
def test_runs_make_the_mask(mask):
    again = np.zeros(mask.shape, bool)
    runs = mask_runs(mask)
    for *row, first, last in runs:
        assert not again[(*row, slice(first, last + 1))].any()
        again[(*row, slice(first, last + 1))] = True
    np.testing.assert_array_equal(again, mask)
    assert runs.tolist() == sorted(runs.tolist())


@given(st.data())
@settings(max_examples=150)
def test_kernel_agrees_with_all_pairs(data):
    mask = data.draw(masks())
    sizes = [data.draw(st.sampled_from([0.01, 0.025, 0.3, 2.0])) for _ in mask.shape]
    box = [
        np.arange(n)[
            data.draw(
                st.sampled_from(
                    [
                        slice(None),
                        slice(n // 2, n // 2 + 1),
                        slice(None, None, -1),
                        slice(n // 2, None),
                        slice(None, None, 2),
                    ]
                )
            )
        ]
        for n in mask.shape
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_distances, "LEAF", data.draw(st.sampled_from([1, 4, 30, 1000])))
        patch.setattr(run_distances, "TOGETHER", data.draw(st.sampled_from([1, 20, 1000])))
        found = distances_in_box(mask_runs(mask), box, sizes)
    expected = from_all_pairs(mask, sizes)[np.ix_(*box)]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-6 * min(sizes))
    if mask.any():
        np.testing.assert_array_equal(found == 0, mask[np.ix_(*box)])


def test_multiples_of_a_voxel_are_what_they_are_written_as():
    mask = np.zeros((1, 500), bool)
    mask[0, 0] = True
    for size, written in ((0.025, "{:.3f}"), (0.01, "{:.2f}"), (0.1, "{:.1f}")):
        found = distances_in_box(mask_runs(mask), (np.arange(1), np.arange(500)), (1.0, size))
        assert found[0].tolist() == [float(written.format(i * size)) for i in range(500)]


# -- atlases


@given(st.data())
@settings(max_examples=60)
def test_agrees_with_all_pairs(data):
    example: Example = data.draw(examples())
    part = data.draw(parts(example.labels.shape))
    order = data.draw(st.permutations("zyx"))
    region = data.draw(st.integers(0, len(example.parents) - 1))
    side = data.draw(st.sampled_from([None, "left", "right"]))
    atlas = example.atlas.isel(part).transpose(*order)
    mask = example.mask(region, side=side).isel(part).transpose(*order)
    if data.draw(st.booleans()):
        atlas = atlas.atlas.encode()
    if (plane := data.draw(st.sampled_from([None, *order]))) is not None:
        atlas, mask = atlas.isel({plane: 0}), mask.isel({plane: 0})
    sizes = [atlas.atlas.spacing[dim].magnitude for dim in atlas.annotation.dims]
    found = xarray_atlas.distance_to(atlas, f"R{region}", hemisphere=side)
    assert found.dims == mask.dims
    assert found.dtype == np.float64
    assert (example.chunks is not None) == isinstance(found.variable.data.magnitude, da.Array)
    expected = from_all_pairs(mask.values, sizes)
    tolerance = 1e-6 * min(sizes)
    np.testing.assert_allclose(found.pint.magnitude, expected, rtol=1e-9, atol=tolerance)


@pytest.fixture(scope="module")
def known() -> xr.Dataset:
    ds = xarray_atlas.open_sample("100 um")
    return xarray_atlas.open_atlas(ds.attrs["source"], resolution="100 um", midline="5.675 mm")


@pytest.mark.parametrize("region", ["RSP", "CTX", "SCH"])
def test_agrees_with_scipy(known, region):
    for ds in (known.chunk(z=60, x=50), known.isel(z=slice(None, None, 3), x=slice(40, None))):
        found = ds.atlas.distance_to(region)
        step = [ds.atlas.spacing[dim].magnitude for dim in found.dims]
        mask = ds.atlas.mask(region).values
        expected = ndimage.distance_transform_edt(~mask, sampling=step)
        np.testing.assert_allclose(found.compute().pint.magnitude, expected, atol=2e-7)


def test_several_regions_and_sides(known):
    found = known.atlas.distance_to(["RSP", "CA1"], hemisphere=["left", "right"])
    assert found.dims == ("region", "hemisphere", "z", "y", "x")
    for region in ("RSP", "CA1"):
        for side in ("left", "right"):
            one = known.atlas.distance_to(region, hemisphere=side).isel(z=60)
            named = found.sel(region=region, hemisphere=side).isel(z=60)
            assert named.region_name.item() == one.region_name.item()
            np.testing.assert_array_equal(named.pint.magnitude, one.pint.magnitude)
    mask = known.atlas.mask("RSP", hemisphere="left")
    left = found.sel(region="RSP", hemisphere="left").isel(z=70)
    np.testing.assert_array_equal(left.pint.magnitude == 0, mask.isel(z=70))


def test_names_and_units(sample):
    found = sample.atlas.distance_to("RSP")
    assert found.name == "distance"
    assert found.variable.data.units == mm
    assert found.variable.data.magnitude.chunks == sample.annotation.chunks
    assert found.region.item() == "RSP"
    assert found.atlas.terminology == sample.atlas.terminology
    near = found <= pint.Quantity(0.2, "mm")
    expected = ndimage.distance_transform_edt(~sample.atlas.mask("RSP").values, sampling=0.1)
    np.testing.assert_array_equal(near.values, expected < 0.2 + 1e-9)
    xr.testing.assert_identical(
        sample.annotation.where(near, 0).isel(z=50),
        sample.annotation.isel(z=50).where(near.isel(z=50), 0),
    )


def test_nothing_is_read_before_it_is_computed():
    labels = np.random.default_rng(0).integers(0, 4, (8, 6, 4)).astype("uint16")
    counted = Counted(labels)
    terminology = make_terminology([-1, 0, 0])
    atlas = make_atlas(counted.dask((4, 3, 4)), terminology)
    with dask.config.set(scheduler=no_compute):
        field = xarray_atlas.distance_to(atlas, ["R1", "R2"], hemisphere=["left", "right"])
        field = field.isel(z=3)
    assert counted.reads == []
    field.compute(scheduler="sync")
    # once for all regions and sides, though the distances lie in one plane
    assert len(counted.reads) == len({str(key) for key in counted.reads}) == 4


def test_a_slice_costs_its_own_voxels(sample, monkeypatch):
    asked = []

    def spy(runs, places, step):
        asked.append([len(along) for along in places])
        return distances_in_box(runs, places, step)

    monkeypatch.setattr(distance, "distances_in_box", spy)
    ds = sample.chunk(z=50, y=40, x=114)
    field = ds.atlas.distance_to(["RSP", "CA1"])
    plane = field.isel(region=1, z=70).compute(scheduler="sync")
    assert sorted(asked) == [[1, 40, 114], [1, 40, 114]]
    asked.clear()
    some = field.isel(region=0, x=7, z=[3, 130, 60]).compute(scheduler="sync")
    whole = field.isel(region=0).compute(scheduler="sync")
    expected = whole.pint.magnitude[[3, 130, 60], :, 7]
    np.testing.assert_array_equal(some.pint.magnitude, expected)
    asked.clear()
    box = field.isel(region=1, z=slice(60, 80), x=slice(3, 9, 2)).compute(scheduler="sync")
    assert sum(np.prod(shape) for shape in asked) == 20 * 80 * 3
    np.testing.assert_array_equal(plane.pint.magnitude[:, 3:9:2], box.isel(z=10).pint.magnitude)


def test_section_and_section_of_the_field(sample):
    field = sample.atlas.distance_to("RSP")
    section = sample.isel(z=70)
    within = section.atlas.distance_to("RSP")
    mask = section.atlas.mask("RSP").values
    expected = ndimage.distance_transform_edt(~mask, sampling=0.1)
    np.testing.assert_allclose(within.pint.magnitude, expected, atol=2e-7)
    in_space = field.isel(z=70).pint.magnitude
    assert (in_space <= within.pint.magnitude).all()
    assert (in_space < within.pint.magnitude).any()


def test_a_region_without_a_voxel_is_nowhere():
    labels = np.ones((3, 4, 5), "uint8")
    for ds in (atlas := make_atlas(labels, make_terminology([-1, 0])), atlas.chunk()):
        found = xarray_atlas.distance_to(ds, ["R0", "R1"])
        np.testing.assert_array_equal(found.sel(region="R0").pint.magnitude, 0 * labels)
        assert np.isnan(np.asarray(found.sel(region="R1").pint.magnitude)).all()
        assert xarray_atlas.distance_to(ds.isel(z=slice(0)), "R0").shape == (0, 4, 5)
        assert xarray_atlas.distance_to(ds, []).shape == (0, 3, 4, 5)


def test_a_failed_read_is_an_error():
    class Broken(Counted):
        def __getitem__(self, key):
            raise OSError("gone")

    atlas = make_atlas(Broken(np.zeros((4, 4, 4), "u2")).dask(2), make_terminology([-1]))
    with pytest.raises(OSError, match="gone"):
        xarray_atlas.distance_to(atlas, "R0").compute()


def test_travels_to_a_worker(sample):
    import cloudpickle

    field = sample.atlas.distance_to("RSP").isel(z=60)
    again = cloudpickle.loads(cloudpickle.dumps(field))
    xr.testing.assert_equal(again.compute(), field.compute())


def test_written_and_read(sample, tmp_path):
    field = sample.isel(z=slice(60, 70)).atlas.distance_to("RSP")
    field.pint.dequantify().to_zarr(tmp_path / "distance.zarr", consolidated=False)
    back = xr.open_dataset(tmp_path / "distance.zarr", engine="zarr", consolidated=False).distance
    assert back.attrs["units"] in ("millimeter", "mm")
    np.testing.assert_array_equal(back.values, np.asarray(field.pint.magnitude))


def test_errors(sample):
    with pytest.raises(RegionNotFoundError, match="RSPx"):
        sample.atlas.distance_to("RSPx")
    with pytest.raises(HemisphereError, match="no hemisphere 'top'"):
        sample.atlas.distance_to("RSP", hemisphere="top")
    with pytest.raises(GridError, match="irregularly spaced"):
        sample.isel(z=[1, 2, 5]).atlas.distance_to("RSP")
    with pytest.raises(GridError, match="needs 3 spatial dimensions"):
        sample.isel(z=1, y=2).atlas.distance_to("RSP")
    with pytest.raises(GridError, match="'t' of 'annotation' is not a spatial one"):
        sample.expand_dims(t=2).atlas.distance_to("RSP")
