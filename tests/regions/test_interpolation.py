"""Labels and floats on other coordinates, against plain numpy."""

from __future__ import annotations

import dask
import numpy as np
import pint
import pint_xarray  # noqa: F401  # the .pint accessor
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import make_atlas, make_terminology, no_compute
from xarray_atlas.errors import GridError, UnitsError

pytestmark = pytest.mark.version_independent

mm = pint.get_application_registry().Unit("mm")
um = pint.get_application_registry().Unit("um")


@pytest.fixture
def ds():
    """Voxels of 1 x 0.5 x 0.1 mm whose first centre is at 0."""
    labels = np.arange(1, 4 * 5 * 6 + 1, dtype="uint32").reshape(4, 5, 6) + 2**31
    made = make_atlas(labels, make_terminology([-1], [[2**31 + 1]]), (1.0, 0.5, 0.1))
    return made.assign(
        image=made.annotation.astype("float64") - 2**31,
        inside=made.annotation > 2**31 + 60,
        section=("z", np.array(["a", "b", "c", "d"])),
    )


# -- labels


@given(st.data())
@settings(max_examples=60)
def test_label_of_the_voxel_that_holds_the_point(data):
    n = data.draw(st.integers(1, 6))
    size = data.draw(st.sampled_from([0.025, 0.1, 1.0]))
    values = data.draw(st.lists(st.integers(1, 2**32 - 1), min_size=n, max_size=n, unique=True))
    labels = np.array(values, "uint32").reshape(n, 1, 1)
    atlas = make_atlas(labels, make_terminology([-1]), (size,) * 3, origin=(0.3, 0, 0))
    # in thousandths of a voxel from the first face, but not within a millionth of one
    at = np.array(data.draw(st.lists(st.integers(-1500, 7500), min_size=1, max_size=8)))
    nudge = data.draw(st.sampled_from([0.0, -5e-7, 1e-5]))
    points = 0.3 - size / 2 + size * (at / 1000 + nudge)
    expected = [values[k // 1000] if 0 <= k // 1000 < n else 0 for k in at.tolist()]
    if data.draw(st.booleans()):
        atlas = atlas.isel(z=slice(None, None, -1))
    if data.draw(st.booleans()):
        atlas = atlas.chunk(z=2)
    if data.draw(st.booleans()):
        atlas = xarray_atlas.encode(atlas)
    found = atlas.atlas.interp(z=points)
    assert found.annotation.dtype == np.uint32
    assert found.annotation.values.ravel().tolist() == expected
    np.testing.assert_array_equal(found.z.values, points)


def test_faces_half_way_between_uneven_centres(ds):
    uneven = ds.annotation.isel(z=[0, 1, 3], y=0, x=0)
    labels = (uneven.values - 2**31).tolist()
    found = uneven.atlas.interp(z=[-0.5, 0.49, 0.5, 1.99, 2.0, 3.99, 4.0])
    expected = [labels[0], labels[0], labels[1], labels[1], labels[2], labels[2], -(2**31)]
    assert (found.values.astype(int) - 2**31).tolist() == expected


def test_the_grid_itself_changes_nothing(ds):
    assert ds.atlas.interp(z=ds.z, y=ds.y.values, x=ds.x.data).identical(ds)
    assert ds.annotation.atlas.interp_like(ds).identical(ds.annotation)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "int64", "bool"])
def test_types_are_kept(ds, dtype):
    top = True if dtype == "bool" else np.iinfo(dtype).max
    image = ds.annotation.copy(data=np.full((4, 5, 6), top, dtype))
    found = image.atlas.interp(z=[0.2, 99.0])
    assert found.dtype == image.dtype
    assert [v.item() for v in found.isel(y=0, x=0).values] == [top, image.dtype.type(0)]


def test_text_outside_is_empty(ds):
    assert ds.atlas.interp(z=[-3.0, 1.2]).section.values.tolist() == ["", "b"]


# -- floats


def test_floats_are_interpolated(ds):
    found = ds.atlas.interp(z=[0.25, 2.0, 99.0], x=0.15)
    first = ds.image.values
    np.testing.assert_allclose(found.image[0], (first[0] * 0.75 + first[1] * 0.25)[:, 1:3].mean(1))
    np.testing.assert_allclose(found.image[1], first[2][:, 1:3].mean(1))
    assert np.isnan(found.image[2]).all()
    nearest = ds.atlas.interp(z=[0.25], method="nearest")
    np.testing.assert_array_equal(nearest.image[0], first[0])


def test_all_variables_in_their_order(ds):
    found = ds.atlas.interp(z=0.25)
    assert list(found) == list(ds)
    assert {name: found[name].dtype for name in found} == {name: ds[name].dtype for name in ds}
    assert found.attrs == ds.attrs


def test_other_coordinates_go_along(ds):
    with_coords = ds.assign_coords(number=("z", [7, 8, 9, 10]), depth=("z", [0.0, 1.0, 2.0, 3.0]))
    found = with_coords.atlas.interp(z=[0.9, 2.4])
    assert found.number.values.tolist() == [8, 9]
    np.testing.assert_allclose(found.depth, [0.9, 2.4])
    assert set(found.coords) == set(with_coords.coords)


# -- what names the points


def test_points_in_any_unit(ds):
    expected = ds.atlas.interp(z=[1.2, 2.2])
    for points in (["1.2 mm", "2200 um"], np.array([1200.0, 2200.0]) * um, [1.2 * mm, 2200 * um]):
        xr.testing.assert_allclose(ds.atlas.interp(z=points), expected)
    plane = ds.atlas.interp(z="2200 um")
    assert plane.annotation.dims == ("y", "x")
    assert plane.z.item().to("mm").magnitude == pytest.approx(2.2)
    xr.testing.assert_allclose(plane, expected.isel(z=1))


def test_points_along_a_probe(ds):
    along = xr.DataArray([0.0, 1000.0, 2000.0], dims="site", attrs={"units": "um"})
    across = xr.DataArray([0.0, 0.1, 9.0], dims="site")
    found = ds.atlas.interp({"z": along, "y": along, "x": across})
    labels = ds.annotation.values
    assert found.annotation.dims == ("site",)
    assert found.annotation.values.tolist() == [labels[0, 0, 0], labels[1, 2, 1], 0]
    np.testing.assert_allclose(found.image, [1, labels[1, 2, 1] - 2**31, np.nan])
    assert found.z.values.tolist() == [0, 1, 2]


def test_result_is_an_atlas(ds):
    found = ds.atlas.interp(z=[0.25, 0.75, 1.25])
    assert isinstance(found.xindexes["z"], xarray_atlas.LengthIndex)
    assert found.z.attrs == ds.z.attrs
    assert found.atlas.terminology == ds.atlas.terminology
    assert found.atlas.spacing["z"].to("mm").magnitude == pytest.approx(0.5)
    assert found.atlas.volume("R0", hemisphere="right").item().magnitude == pytest.approx(0.025)


def test_errors(ds):
    with pytest.raises(GridError, match=r"no dimension 'w'.*\['x', 'y', 'z'\]"):
        ds.atlas.interp(w=3)
    with pytest.raises(GridError, match="2 dimensions"):
        ds.atlas.interp(z=[[1.0]])
    with pytest.raises(ValueError, match="second"):
        ds.atlas.interp(z=["1 s"])
    with pytest.raises(GridError, match="0 values"):
        ds.annotation.isel(z=slice(0)).atlas.interp(z=[1.0])


# -- like another object


@pytest.mark.parametrize("unit", ["um", "mm", "cm"])
def test_interp_like(ds, unit):
    factor = {"um": 1000.0, "mm": 1.0, "cm": 0.1}[unit]
    z = ("z", np.array([0.0, 0.4, 0.8, 1.2]) * factor, {"units": unit})
    other = xr.DataArray(np.zeros(4), dims="z", coords={"z": z})
    found = ds.atlas.interp_like(other)
    xr.testing.assert_allclose(found, ds.atlas.interp(z=[0.0, 0.4, 0.8, 1.2]))
    plane = ds.annotation.atlas.interp_like(xarray_atlas.decode(other).isel(z=[1]))
    assert plane.atlas.spacing["z"].to("mm").magnitude == pytest.approx(0.4)


def test_reindex_like(ds):
    part = ds.isel(z=slice(1, 3))
    found = part.atlas.reindex_like(ds)
    assert found.annotation.dtype == np.uint32
    np.testing.assert_array_equal(found.annotation[1:3], ds.annotation[1:3])
    assert (found.annotation[[0, 3]] == 0).all()
    assert not found.inside[0].any()
    assert np.isnan(found.image[[0, 3]]).all()
    assert found.section.values.tolist() == ["", "b", "c", ""]
    assert found.z.identical(ds.z)
    in_um = xarray_atlas.encode(ds).assign_coords(z=("z", ds.z.values * 1000, {"units": "um"}))
    assert part.atlas.reindex_like(in_um).annotation.equals(found.annotation)
    assert part.annotation.atlas.reindex_like(ds).equals(found.annotation)
    shifted = ds.assign_coords(z=("z", ds.z.values + 0.2, ds.z.attrs))
    nearest = ds.atlas.reindex_like(xarray_atlas.decode(shifted), method="nearest")
    np.testing.assert_array_equal(nearest.annotation, ds.annotation)


def test_nothing_in_common(ds):
    other = xr.DataArray(np.zeros(3), dims="z", coords={"z": [0.0, 1.0, 2.0]})
    for method in (ds.atlas.interp_like, ds.atlas.reindex_like):
        with pytest.raises(UnitsError, match=r"decode\(other, unit='mm'\).*unit='um'"):
            method(other)
        with pytest.raises(GridError, match="no common coordinate"):
            method(xarray_atlas.decode(other, unit="um").rename(z="depth"))
        # none of several is passed over
        part = xarray_atlas.encode(ds).isel(z=slice(2))
        del part.z.attrs["units"]
        with pytest.raises(UnitsError, match="'z' of the other has no unit"):
            method(part)


def test_dask_stays_lazy(ds):
    lazy = ds.chunk(z=2)
    points = xr.DataArray([0.2, 1.2], dims="site")
    with dask.config.set(scheduler=no_compute):
        found = lazy.atlas.interp(z=[0.25, 3.25], x="0.3 mm")
        along = lazy[["annotation"]].atlas.interp(z=points, y=points)
        again = lazy.atlas.reindex_like(ds.isel(z=[0, 2]))
    assert found.annotation.chunks
    assert found.image.chunks
    xr.testing.assert_identical(found.compute(), ds.atlas.interp(z=[0.25, 3.25], x="0.3 mm"))
    xr.testing.assert_identical(
        along.compute(), ds[["annotation"]].atlas.interp(z=points, y=points)
    )
    xr.testing.assert_identical(again.compute(), ds.atlas.reindex_like(ds.isel(z=[0, 2])))
