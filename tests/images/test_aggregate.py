"""Images by region: against numpy, voxel by voxel, and against other libraries."""

from __future__ import annotations

import warnings

import dask
import dask.array as da
import numpy as np
import pint
import pint_xarray  # noqa: F401  # the .pint accessor
import pytest
import scipy.ndimage
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import Counted, examples, make_atlas, make_terminology, no_compute, parts
from xarray_atlas.errors import (
    AtlasMismatchError,
    GridError,
    HemisphereError,
    RegionNotFoundError,
    UnitsError,
)
from xarray_atlas.reductions import cache

SIZE = (0.1, 0.2, 0.4)
FUNCTIONS = ["count", "sum", "mean", "min", "max", "var", "std", "median", "quantile"]

ureg = pint.get_application_registry()


@pytest.fixture
def small():
    """R0 holds R1 and R2, R2 holds R3; R4 is a root of its own, without a voxel."""
    terminology = make_terminology([-1, 0, 0, 2, -1])
    labels = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 4, 77], "uint32"), (6, 5, 4))
    return make_atlas(labels, terminology, SIZE)


def image_of(ds, frames=(), dtype="f8", seed=1, **attrs):
    """Noise on the grid of an atlas, with frames in front."""
    rng = np.random.default_rng(seed)
    dims = [f"f{i}" for i in range(len(frames))]
    values = rng.integers(0, 9, (*frames, *ds.annotation.shape)).astype(dtype)
    image = xr.DataArray(values, dims=(*dims, *ds.annotation.dims), name="image", attrs=attrs)
    return image.assign_coords({dim: ds[dim] for dim in ds.annotation.dims})


def numpy_of(image, mask, func, skipna=True, q=0.5):
    """What numpy says of the voxels in a mask, frame by frame."""
    frames = [dim for dim in image.dims if dim not in mask.dims]
    values = image.transpose(*frames, *mask.dims).values.astype(float)[..., mask.values]
    found = np.full(values.shape[:-1], np.nan)
    for index in np.ndindex(*found.shape):
        own = values[index]
        there = own[~np.isnan(own)]
        used = there if skipna else own
        if func == "count":
            found[index] = there.size
        elif used.size:
            function = {"quantile": lambda v: np.quantile(v, q)}.get(func) or getattr(np, func)
            found[index] = function(used)
    return found


# -- numbers


@given(st.data())
@settings(max_examples=120)
def test_agrees_with_numpy(data):
    example = data.draw(examples())
    part = data.draw(parts(example.labels.shape))
    atlas = example.atlas.isel(part)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    frames = data.draw(st.sampled_from([{}, {"time": 3}, {"time": 2, "channel": 2}, {"time": 0}]))
    dtype = np.dtype(data.draw(st.sampled_from(["f4", "f8", "i2", "u1", "?"])))
    shape = (*frames.values(), *(atlas.sizes[d] for d in "zyx"))
    values = rng.integers(0, 9, shape).astype(dtype)
    if dtype.kind == "f" and data.draw(st.booleans()):
        values[rng.random(shape) < 0.4] = np.nan
    order = data.draw(st.permutations([*frames, "z", "y", "x"]))
    image = xr.DataArray(values, dims=(*frames, *"zyx"))
    image = image.assign_coords({d: atlas[d] for d in "zyx"}).transpose(*order)
    crop = data.draw(parts(tuple(atlas.sizes[d] for d in "zyx")))
    crop = {d: slice(s.start, s.stop, 1 if (s.step or 1) > 0 else -1) for d, s in crop.items()}
    image = image.isel(crop)
    if data.draw(st.booleans()):
        image = image.chunk(
            dict(
                zip(
                    image.dims,
                    data.draw(st.tuples(*(st.integers(1, 3) for _ in image.dims))),
                    strict=True,
                )
            )
        )
    direct, skipna = data.draw(st.booleans()), data.draw(st.booleans())
    side = data.draw(st.sampled_from([None, "left", "right"]))
    func = data.draw(st.sampled_from(FUNCTIONS))
    q = 0.3 if func == "quantile" else None
    how = {"hemisphere": side, "direct": direct, "skipna": skipna, "q": q}
    if data.draw(st.booleans()):
        atlas = xarray_atlas.encode(atlas)
    with dask.config.set(scheduler="synchronous"):
        found = atlas.atlas.aggregate(image, func=func, **how).compute()
    first = min(image.dims.index(d) for d in "zyx")
    expected_dims = [d for d in image.dims if d in frames]
    expected_dims.insert(sum(d in frames for d in image.dims[:first]), "region")
    assert found.dims == tuple(expected_dims)
    for region in range(len(example.parents)):
        whole = example.mask(region, direct, side).isel(part)
        mask = whole.isel(crop)
        expected = numpy_of(image, mask, func, skipna, q)
        got = found.isel(region=region)
        np.testing.assert_allclose(got.values, expected, rtol=1e-10, atol=1e-12)
        assert int(got.voxels) == int(mask.sum())
        share = int(mask.sum()) / int(whole.sum()) if whole.any() else np.nan
        np.testing.assert_allclose(float(got.coverage), share)


@pytest.mark.parametrize("chunks", [None, {"f0": 2, "z": 2, "y": 3}])
def test_both_hemispheres_and_lists(small, chunks):
    image = image_of(small, (3,))
    image = image if chunks is None else image.chunk(chunks)
    both = small.atlas.aggregate(image, ["R3", "R0", "R3"], hemisphere=["right", "left"]).compute()
    assert both.dims == ("f0", "region", "hemisphere")
    assert both.hemisphere.values.tolist() == ["right", "left"]
    assert both.region.values.tolist() == ["R3", "R0", "R3"]
    for side in ("right", "left"):
        one = small.atlas.aggregate(image, "R3", hemisphere=side).compute()
        assert one.dims == ("f0",)
        assert one.identical(both.isel(region=0).sel(hemisphere=side))
        mask = small.atlas.mask("R3", hemisphere=side)
        np.testing.assert_allclose(one, numpy_of(image, mask, "mean"))
    twice = small.atlas.aggregate(image, hemisphere=["left", "left"]).compute()
    assert twice.sizes["hemisphere"] == 2
    np.testing.assert_array_equal(twice[..., 0], twice[..., 1])
    assert small.atlas.aggregate(image, []).sizes["region"] == 0


def test_hemispheres_of_the_dataset(small):
    sides = np.random.default_rng(3).integers(1, 3, small.annotation.shape).astype("u1")
    ds = small.assign(hemispheres=(("z", "y", "x"), sides))
    image = image_of(ds)
    for atlas, shown in ((ds, image), (ds.chunk(z=4), image.chunk(y=2))):
        found = atlas.atlas.aggregate(shown.isel(z=slice(1, 5)), "R0", hemisphere=["left", "right"])
        mask = small.atlas.mask("R0")
        for side, value in (("left", 1), ("right", 2)):
            own = (mask & (ds.hemispheres == value)).isel(z=slice(1, 5))
            expected = numpy_of(image.isel(z=slice(1, 5)), own.drop_vars(own.coords), "mean")
            np.testing.assert_allclose(found.sel(hemisphere=side), expected)
            share = int(own.sum()) / int((mask & (ds.hemispheres == value)).sum())
            np.testing.assert_allclose(found.coverage.sel(hemisphere=side), share)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("skipna", [False, True])
def test_weights_agree_with_xarray(small, lazy, skipna):
    image = image_of(small, (3,), "f4")
    image = image.where(image > 1) if skipna else image
    weights = image_of(small, (), "f8", seed=2)
    names = ["mean", "sum", "var", "std"]
    shown, heavy = (image.chunk(z=2, f0=2), weights.chunk(y=2)) if lazy else (image, weights)
    found = small.atlas.aggregate(shown, func=names, weights=heavy, skipna=skipna).compute()
    part = slice(1, 4)
    cropped = small.atlas.aggregate(shown.isel(z=part), weights=heavy, skipna=skipna).compute()
    for i in range(4):
        mask = small.atlas.mask(f"R{i}").drop_vars(["z", "y", "x"])
        plain, heavy_values = (o.drop_vars(["z", "y", "x"]) for o in (image, weights))
        own = plain.where(mask)
        expected = own.weighted(heavy_values.where(mask, 0))
        for name in names:
            told = getattr(expected, name)(("z", "y", "x"), skipna=True)
            np.testing.assert_allclose(found[name].isel(region=i), told, rtol=1e-6)
        told = (
            own.isel(z=part)
            .weighted(heavy_values.where(mask, 0).isel(z=part))
            .mean(("z", "y", "x"))
        )
        np.testing.assert_allclose(cropped.isel(region=i), told, rtol=1e-6)
    assert np.isnan(found["sum"].sel(region="R4")).all()


def test_weights_that_are_missing_are_left_out(small):
    image, weights = image_of(small), image_of(small, seed=5)
    weights = weights.where(weights > 2)
    found = small.atlas.aggregate(image, "R0", weights=weights)
    mask = (small.atlas.mask("R0") & xarray_atlas.decode(weights).notnull()).values
    np.testing.assert_allclose(found, np.average(image.values[mask], weights=weights.values[mask]))
    assert np.isnan(small.atlas.aggregate(image, "R0", weights=weights, skipna=False))


def test_a_mean_of_a_parent_is_not_the_mean_of_its_childrens():
    labels = np.array([2, 3, 3, 3], "u1").reshape(4, 1, 1)
    atlas = make_atlas(labels, make_terminology([-1, 0, 0]), (1.0, 1.0, 1.0))
    image = image_of(atlas).copy(data=np.array([8.0, 0, 0, 0]).reshape(4, 1, 1))
    assert atlas.atlas.aggregate(image).values.tolist() == [2.0, 8.0, 0.0]


def test_variance_of_values_with_a_large_offset(small):
    noise = np.random.default_rng(0).standard_normal(small.annotation.shape)
    image = image_of(small).copy(data=noise + 1e9)
    expected = (noise[small.atlas.mask("R0").values] + 1e9).astype(np.longdouble).var()
    for shown in (image, image.chunk(z=1, y=2)):
        found = small.atlas.aggregate(shown, "R0", func="var")
        np.testing.assert_allclose(float(found), float(expected), rtol=1e-6)


def test_levels_are_disjoint(sample):
    image = image_of(sample, dtype="f4")
    found = sample.atlas.aggregate(image, func=["sum", "count"], level=5)
    whole = sample.atlas.aggregate(image, "root", func=["sum", "count"])
    np.testing.assert_allclose(found["sum"].sum(), whole["sum"])
    assert int(found["count"].sum()) == int(whole["count"])
    one = sample.atlas.aggregate(image, "Isocortex", level=5)
    assert one.identical(sample.atlas.aggregate(image, level=5).sel(region="Isocortex"))
    # with descendants, that is what the region itself has
    np.testing.assert_allclose(one, sample.atlas.aggregate(image, "Isocortex"))
    # one above the level keeps what is labelled with it
    np.testing.assert_allclose(
        sample.atlas.aggregate(image, "root", level=5),
        sample.atlas.aggregate(image, "root", direct=True),
    )
    with pytest.raises(RegionNotFoundError, match="'RSP' is not a region of the parcellation"):
        sample.atlas.aggregate(image, ["RSP"], level=5)
    with pytest.raises(ValueError, match="direct="):
        sample.atlas.aggregate(image, level=5, direct=True)


# -- by other libraries


@pytest.mark.version_independent
def test_agrees_with_scipy(sample):
    image = image_of(sample, dtype="f4").copy()
    image[:] = np.random.default_rng(4).standard_normal(image.shape, dtype="f4")
    direct = sample.atlas.aggregate(
        image, func=["median", "min", "max", "var", "mean", "sum"], direct=True
    )
    direct = direct.isel(region=direct.voxels.values > 0)
    assert direct.sizes["region"] == 664
    labels, ids = sample.annotation.values, direct.region_id.values
    # by every label: regions of the Allen terminology have one, which is their id
    for name, function in {
        "median": scipy.ndimage.median,
        "min": scipy.ndimage.minimum,
        "max": scipy.ndimage.maximum,
        "var": scipy.ndimage.variance,
        "mean": scipy.ndimage.mean,
        "sum": scipy.ndimage.sum_labels,
    }.items():
        expected = function(image.values.astype(float), labels, ids)
        np.testing.assert_allclose(direct[name], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.version_independent
def test_agrees_with_nilearn(sample, tmp_path, monkeypatch):
    """Means of a 4-D image at every direct label."""
    import nibabel as nib
    from nilearn import maskers

    monkeypatch.setenv("NILEARN_DATA", str(tmp_path))
    values = np.random.default_rng(4).standard_normal((*sample.annotation.shape, 4)).astype("f4")
    image = image_of(sample).expand_dims(time=4, axis=-1).copy(data=values)
    found = sample.atlas.aggregate(image, direct=True)
    found = found.isel(region=found.voxels.values > 0).sortby("region_id")
    # ids do not fit the floats that nilearn makes of labels: they are numbered
    ids = found.region_id.values
    numbered = np.searchsorted(ids, sample.annotation.values) + 1
    numbered[~np.isin(sample.annotation.values, ids)] = 0
    grid = np.diag([0.1, 0.1, 0.1, 1.0])
    atlas = nib.Nifti1Image(numbered.astype("i4"), grid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        masker = maskers.NiftiLabelsMasker(atlas, standardize=None, resampling_target=None)
        means = masker.fit_transform(nib.Nifti1Image(values, grid))
    np.testing.assert_allclose(found.transpose("time", "region"), means, rtol=1e-5, atol=1e-6)
    assert not list(tmp_path.iterdir())


# -- what a result is


def test_coordinates_of_the_image_are_kept(small):
    image = image_of(small, (3, 2)).rename(f0="time", f1="channel")
    image = image.assign_coords(
        time=[0.0, 0.5, 1.0], channel=["a", "b"], trial=("time", [1, 1, 2]), animal="m1",
        depth=("y", np.arange(5)), both=(("time", "z"), np.zeros((3, 6))),
    )  # fmt: skip
    image.attrs["long_name"] = "power"
    found = small.atlas.aggregate(image.transpose("time", "z", "y", "x", "channel"))
    assert found.dims == ("time", "region", "channel")
    assert found.name == "image"
    assert set(found.coords) == {
        "time", "channel", "trial", "animal", "region", "region_name", "region_id",
        "region_parent", "region_depth", "voxels", "coverage",
    }  # fmt: skip
    assert found.xindexes["time"].equals(image.xindexes["time"])
    assert found.attrs == {"long_name": "power", "voxel_size": "0.1 x 0.2 x 0.4 mm (z, y, x)"}
    assert found.sel(time=0.5, channel="b", region="R2").dtype == np.float64


def test_names_of_a_mask_that_was_applied_do_not_stay(small):
    mask = small.atlas.mask("R2")
    image = xarray_atlas.decode(image_of(small)).where(mask)
    found = small.atlas.aggregate(image, ["R0", "R2"])
    assert found.region.values.tolist() == ["R0", "R2"]
    assert "terminology" not in found.coords


def test_several_functions_make_a_dataset(small):
    image = image_of(small, (2,), units="mV")
    found = small.atlas.aggregate(
        image, func=["mean", "var", "count", "quantile", "median"], q=[0.1, 0.9]
    )
    assert list(found.data_vars) == ["mean", "var", "count", "quantiles", "median"]
    assert found["quantiles"].dims == ("quantile", "f0", "region")
    assert found["count"].dtype == np.int64
    units = {name: v.attrs.get("units") for name, v in found.data_vars.items()}
    assert units == {
        "mean": "mV",
        "var": "mV ** 2",
        "count": None,
        "quantiles": "mV",
        "median": "mV",
    }
    alone = small.atlas.aggregate(image, func="quantile", q=[0.1, 0.9])
    np.testing.assert_array_equal(alone, found["quantiles"])
    assert alone.sel(quantile=0.9).dims == ("f0", "region")
    one = small.atlas.aggregate(image, func="quantile", q=0.5)
    assert float(one["quantile"]) == 0.5
    np.testing.assert_array_equal(one, found["median"])


@pytest.mark.parametrize("chunks", [None, {"z": 2}])
@pytest.mark.parametrize("form", ["quantity", "attrs"])
def test_units(small, chunks, form):
    image = image_of(small, units="mV")
    image = image if chunks is None else image.chunk(chunks)
    image = image if form == "attrs" else image.pint.quantify()
    for func, unit in {"mean": "mV", "std": "mV", "var": "mV ** 2", "count": ""}.items():
        found = small.atlas.aggregate(image, func=func)
        held = found.pint.units if form == "quantity" else found.attrs.get("units", "")
        assert ureg.Unit(str(held or "")) == ureg.Unit(unit)
        plain = small.atlas.aggregate(image_of(small), func=func)
        computed = found.compute()
        got = computed.pint.dequantify() if form == "quantity" else computed
        np.testing.assert_array_equal(got, plain)


def test_units_that_pint_does_not_know_or_that_have_an_offset(small):
    assert (
        small.atlas.aggregate(image_of(small, units="a.u."), func="var").attrs["units"]
        == "(a.u.) ** 2"
    )
    assert small.atlas.aggregate(image_of(small, units="1"), func="var").attrs["units"] == "1"
    warm = image_of(small).pint.quantify("degC")
    assert small.atlas.aggregate(warm).pint.units == ureg.Unit("degC")
    assert small.atlas.aggregate(warm, func="std").pint.units == ureg.Unit("delta_degC")


def test_a_result_can_be_written_and_tabulated(small, tmp_path):
    image = image_of(small, (2,)).pint.quantify("mV")
    found = small.atlas.aggregate(image)
    found.to_netcdf(tmp_path / "found.nc")
    with xr.open_dataarray(tmp_path / "found.nc") as again:
        np.testing.assert_array_equal(again, found.values)
        assert again.attrs["units"] == "mV"
    assert found.to_dataframe().shape == (10, 7)


# -- coverage


@pytest.mark.parametrize("lazy", [False, True])
def test_coverage_of_a_crop(small, lazy):
    image = image_of(small, (2,))
    image = image.where(image > 0)
    part = {"z": slice(1, 4), "x": slice(2, None)}
    crop = image.isel(part)
    atlas, shown = (small.chunk(z=2, x=3), crop.chunk(y=2)) if lazy else (small, crop)
    found = atlas.atlas.aggregate(shown)
    limited = atlas.atlas.aggregate(
        shown, min_coverage=0.3, func=["mean", "median", "count"]
    ).compute()
    for i in range(4):
        mask = small.atlas.mask(f"R{i}").drop_vars(["z", "y", "x"])
        seen = int(mask.isel(part).sum())
        assert int(found.voxels[i]) == seen
        np.testing.assert_allclose(float(found.coverage[i]), seen / int(mask.sum()))
        count = numpy_of(crop, mask.isel(part), "count")
        for func in ("mean", "median"):
            expected = np.where(
                count >= 0.3 * int(mask.sum()), numpy_of(crop, mask.isel(part), func), np.nan
            )
            np.testing.assert_allclose(limited[func][:, i], expected)
        np.testing.assert_array_equal(limited["count"][:, i], count)
    assert np.isnan(found.coverage[4])
    assert found.voxels[4] == 0


@pytest.mark.parametrize("lazy", [False, True])
def test_min_coverage_is_met_by_that_share(lazy):
    # 0.55 * 100 is 55.00000000000001
    ds = make_atlas(np.ones((1, 1, 100), "uint8"), make_terminology([-1]))
    for share in (0.07, 0.29, 0.55, 0.57, 0.58):
        seen = round(share * 100)
        image = image_of(ds).isel(x=slice(seen))
        found = (ds.chunk(x=30) if lazy else ds).atlas.aggregate(
            image.chunk(x=20) if lazy else image, "R0", "count", min_coverage=share
        )
        assert int(found) == seen
        mean = ds.atlas.aggregate(image, "R0", min_coverage=share)
        np.testing.assert_allclose(mean, image.mean())
        less = ds.atlas.aggregate(image.isel(x=slice(1, None)), "R0", min_coverage=share)
        assert np.isnan(less)


@pytest.mark.parametrize("dim", ["z", "y", "x"])
def test_an_image_of_no_voxel(small, dim):
    image = image_of(small, (2,)).isel({dim: slice(0)})
    for atlas in (small, small.isel({dim: slice(0)})):
        for shown in (image, image.chunk()):
            found = atlas.atlas.aggregate(shown, func=["median", "mean", "count"]).compute()
            assert np.isnan(found["median"]).all()
            assert np.isnan(found["mean"]).all()
            assert (found["count"] == 0).all()
            assert (found.voxels == 0).all()


@pytest.mark.version_independent
def test_voxels_are_not_counted_again(sample):
    """What a pass has learned answers for the voxels of the whole."""
    crop = image_of(sample).isel(z=slice(20, 60)).chunk()
    before = sample.atlas.aggregate(crop)
    assert isinstance(before.coverage.data, da.Array)
    sample.atlas.volume()
    assert cache.find_any(sample.annotation.variable) is not None
    after = sample.atlas.aggregate(crop)
    np.testing.assert_array_equal(before.coverage, after.coverage)
    whole = sample.atlas.aggregate(image_of(sample).chunk())
    assert isinstance(whole.coverage.data, np.ndarray)
    assert int(whole.voxels.sel(region="RSP")) == 10174


# -- grids


def test_units_of_the_coordinates_do_not_matter(small):
    image = image_of(small)
    expected = small.atlas.aggregate(image)
    um = xr.DataArray(image.values, dims=image.dims, name="image")
    um = um.assign_coords({d: (d, small[d].values * 1000, {"units": "um"}) for d in "zyx"})
    assert small.atlas.aggregate(um).identical(expected)
    near = um.assign_coords(z=("z", small.z.values * 1000 + 5e-5, {"units": "um"}))
    assert small.atlas.aggregate(near).identical(expected)
    assert small.atlas.aggregate(xarray_atlas.encode(image)).identical(expected)
    renamed = small.rename(z="ap")
    np.testing.assert_array_equal(renamed.atlas.aggregate(image), expected)
    np.testing.assert_array_equal(small.atlas.aggregate(image.rename(z="slice")), expected)
    np.testing.assert_array_equal(
        small.atlas.aggregate(image.isel(z=slice(None, None, -1))), expected
    )
    np.testing.assert_array_equal(small.transpose("x", "z", "y").atlas.aggregate(image), expected)


def test_planes(small):
    image = image_of(small, (2,))
    plane = image.isel(z=3)
    expected = [
        numpy_of(plane, small.atlas.mask(f"R{i}").isel(z=3).drop_vars(["z", "y", "x"]), "mean")
        for i in range(5)
    ]
    for atlas, shown in [
        (small, plane),  # a plane of a whole atlas
        (small, image.isel(z=[3])),
        (small.isel(z=3), plane),
        (small.isel(z=3), image.isel(z=[3])),
        (small.isel(z=[3]), plane),
        (small.isel(z=[3]), image.isel(z=[3])),
    ]:
        for each in (shown, shown.chunk(y=2)):
            found = atlas.atlas.aggregate(each)
            assert found.dims == ("f0", "region")
            np.testing.assert_allclose(found.T, expected)
    assert float(xarray_atlas.decode(small.atlas.aggregate(plane)).z.values) == pytest.approx(0.3)
    np.testing.assert_allclose(small.atlas.aggregate(plane, "R0", hemisphere="left").shape, (2,))
    with pytest.raises(GridError, match="the atlas is a plane, 'z' at 0.3 mm, the image has 6"):
        small.isel(z=3).atlas.aggregate(image)
    with pytest.raises(GridError, match="lies|reaches"):
        small.isel(z=2).atlas.aggregate(plane)
    with pytest.raises(GridError, match=r"no coordinate 'z'.*assign_coords"):
        small.isel(z=3).atlas.aggregate(plane.drop_vars("z"))


def moved(image, z):
    return image.drop_vars("z").assign_coords(z=("z", np.asarray(z, float), {"units": "mm"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: moved(i, i.z.values + 0.03), r"'z' lies 0.03 mm from .* 0.3 of a voxel"),
        (lambda i: moved(i, i.z.values * 1.5), r"'z' is spaced 0.15 mm apart, the atlas 0.1 mm"),
        (lambda i: moved(i, i.z.values + 0.2), r"'z' reaches 0.2 mm beyond the atlas"),
        (lambda i: moved(i, i.z.values**2), r"'z' is irregularly spaced"),
        (lambda i: moved(i, [0, 0.1, np.nan, 0.3, 0.4, 0.5]), r"'z' is not a number in places"),
        (
            lambda i: i.isel(z=slice(None, None, 2)),
            r"'z' takes one plane in 2 .* from 0 to 5 in steps of 2",
        ),
        (
            lambda i: i.isel(z=[0, 1, 4]),
            r"'z' selects non-contiguous planes of the atlas",
        ),
        (lambda i: i.drop_vars(["z", "y"]), r"has no coordinate.*assign_coords\(z=ds.z, y=ds.y\)"),
        (lambda i: i.isel(z=slice(3)).drop_vars("z"), r"has 3 voxels there, the atlas 6"),
        (
            lambda i: i.rename(z="depth").drop_vars("depth"),
            r"no coordinate 'z', which runs anterior",
        ),
    ],
)
def test_another_grid_is_an_error_that_names_the_difference(small, change, message):
    image = change(image_of(small))
    with pytest.raises(GridError, match=message) as error:
        small.atlas.aggregate(image)
    if "not on the grid" in str(error.value):
        assert "xarray_atlas.resample(image, like=ds)" in str(error.value)
        assert "ds.atlas.resample_like(image)" in str(error.value)


def test_other_errors(small):
    image = image_of(small, (2,))
    with pytest.raises(UnitsError, match="'z' has no unit"):
        small.atlas.aggregate(image.drop_vars("z").assign_coords(z=np.arange(6.0)))
    other = make_atlas(small.annotation.values, make_terminology([-1, 0]), SIZE, midline=None)
    with pytest.raises(AtlasMismatchError, match=r"another region.*drop_vars\('terminology'\)"):
        small.atlas.aggregate(other.annotation.astype(float))
    with pytest.raises(TypeError, match="a Dataset; pass one of its variables: 'image'"):
        small.atlas.aggregate(image.to_dataset())
    with pytest.raises(TypeError, match="ndarray, which does not say where"):
        small.atlas.aggregate(image.values)
    with pytest.raises(TypeError, match="complex128"):
        small.atlas.aggregate(image.astype(complex))
    with pytest.raises(ValueError, match="dimension 'region'"):
        small.atlas.aggregate(image.rename(f0="region"))
    with pytest.raises(ValueError, match="no function 'average'; there are count, sum"):
        small.atlas.aggregate(image, func="average")
    with pytest.raises(TypeError, match="name of a function"):
        small.atlas.aggregate(image, func=np.mean)
    with pytest.raises(ValueError, match="no function was named"):
        small.atlas.aggregate(image, func=[])
    with pytest.raises(ValueError, match="go together"):
        small.atlas.aggregate(image, func="quantile")
    with pytest.raises(ValueError, match="go together"):
        small.atlas.aggregate(image, q=0.5)
    with pytest.raises(ValueError, match="from 0 to 1"):
        small.atlas.aggregate(image, func="quantile", q=[0.5, 5])
    with pytest.raises(ValueError, match=r"list of them, not \[\]"):
        small.atlas.aggregate(image, func="quantile", q=[])
    with pytest.raises(ValueError, match="min_coverage is a share"):
        small.atlas.aggregate(image, min_coverage=50)
    weights = image.isel(f0=0)
    with pytest.raises(ValueError, match="'median' takes no weights"):
        small.atlas.aggregate(image, func="median", weights=weights)
    with pytest.raises(ValueError, match=r"besides the spatial ones, \['f0'\]"):
        small.atlas.aggregate(image, weights=image)
    with pytest.raises(GridError, match="weights show less of the atlas along 'z'"):
        small.atlas.aggregate(image, weights=weights.isel(z=slice(1, None)))
    with pytest.raises(TypeError, match="weights are plain numbers"):
        small.atlas.aggregate(image, weights=weights.pint.quantify("mm"))
    with pytest.raises(HemisphereError, match="no hemisphere 'top'"):
        small.atlas.aggregate(image, hemisphere="top")
    with pytest.raises(RegionNotFoundError):
        small.atlas.aggregate(image, "R9")
    with pytest.raises(GridError, match="a single voxel"):
        small.isel(z=1, y=1, x=1).atlas.aggregate(image.isel(z=1, y=1, x=1))


# -- laziness


@pytest.mark.version_independent
def test_building_reads_nothing(small):
    labels, values = Counted(small.annotation.values), Counted(image_of(small, (4,)).values)
    atlas = make_atlas(labels.dask((2, 3, 4)), make_terminology([-1, 0, 0, 2, -1]), SIZE)
    image = image_of(small, (4,)).copy(data=values.dask((2, 3, 2, 4)))
    with dask.config.set(scheduler=no_compute):
        lazy = atlas.atlas.aggregate(
            image.isel(z=slice(1, None)), func=["mean", "median", "count"], min_coverage=0.5,
            hemisphere=["left", "right"], weights=None,
        )  # fmt: skip
        atlas.atlas.aggregate(image, level=1, func="std")
    assert not labels.reads
    assert not values.reads
    assert all(isinstance(v.data, da.Array) for v in lazy.data_vars.values())
    eager = small.atlas.aggregate(
        image_of(small, (4,)).isel(z=slice(1, None)), func=["mean", "median", "count"],
        min_coverage=0.5, hemisphere=["left", "right"],
    )  # fmt: skip
    xr.testing.assert_allclose(lazy.compute(), eager)
    with dask.config.set(scheduler="synchronous"):
        values.reads.clear()
        atlas.atlas.aggregate(image, func=["mean", "std", "min", "sum"]).compute()
    # one pass: each chunk once
    assert len(values.reads) == image.data.npartitions


@pytest.mark.version_independent
def test_quantiles_take_as_many_frames_as_fit(small):
    image = image_of(small, (8,)).chunk(f0=8, z=3)
    expected = small.atlas.aggregate(image.compute(), func="median")
    with dask.config.set({"array.chunk-size": "2 kB"}):
        lazy = small.atlas.aggregate(image, func="median")
        assert lazy.chunks[0] == (2, 2, 2, 2)
        assert lazy.compute().identical(expected.compute())
        assert small.atlas.aggregate(image.compute(), func="median").identical(expected)


@pytest.mark.version_independent
def test_a_file_is_a_lazy_image(small, tmp_path):
    image = xarray_atlas.encode(image_of(small, (4,), "f4", units="mV"))
    image.to_netcdf(tmp_path / "image.nc")
    with xr.open_dataarray(tmp_path / "image.nc", chunks={"f0": 2}) as lazy:
        found = small.atlas.aggregate(lazy)
        assert found.chunks is not None
        xr.testing.assert_allclose(found.compute(), small.atlas.aggregate(image))
