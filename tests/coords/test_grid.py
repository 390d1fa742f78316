"""What coordinates say: voxel sizes, left and right, and the errors that tell what to do."""

from __future__ import annotations

import warnings

import numpy as np
import pint
import pint_xarray  # noqa: F401  # the .pint accessor
import pytest
import xarray as xr

import xarray_atlas
from support.atlases import make_atlas, make_terminology
from xarray_atlas.coords.grid import annotation_of, lengths, spacing, spacing_quantities
from xarray_atlas.coords.hemispheres import hemispheres_of, resolve_hemispheres
from xarray_atlas.errors import AtlasMismatchError, GridError, HemisphereError, UnitsError

pytestmark = pytest.mark.version_independent

um = pint.get_application_registry().Unit("um")


def atlas(n=4, **options):
    """An atlas of 3 x 2 x n voxels of 0.1 x 0.2 x 0.4 mm."""
    labels = np.ones((3, 2, n), "uint32")
    return make_atlas(labels, make_terminology([-1]), **options)


def letters(ds):
    """The side of each voxel along x, as text."""
    sides = hemispheres_of(ds)
    return "".join(" LR"[side] for side in np.atleast_1d(sides.values))


# -- the annotation


def test_annotation_of_a_dataset_or_of_itself():
    ds = atlas()
    assert annotation_of(ds).identical(ds.annotation)
    labels = ds.annotation.rename("anything")
    assert annotation_of(labels) is labels


def test_no_annotation():
    with pytest.raises(GridError, match=r"no variable 'annotation' \(it has \['labels'\]\)"):
        annotation_of(atlas().rename(annotation="labels"))


@pytest.mark.parametrize("dtype", ["float32", "float64", "bool"])
def test_labels_are_integers(dtype):
    with pytest.raises(GridError, match=f"'annotation' is {dtype}"):
        annotation_of(atlas().astype(dtype))


# -- the size of a voxel


def test_spacing_of_each_dimension():
    assert spacing(atlas()) == pytest.approx({"z": 0.1, "y": 0.2, "x": 0.4})
    assert spacing(atlas().isel(z=0), need=2) == pytest.approx({"y": 0.2, "x": 0.4})
    quantities = spacing_quantities(atlas().isel(z=0))
    assert {dim: str(size.units) for dim, size in quantities.items()} == {
        "y": "millimeter",
        "x": "millimeter",
    }


def test_spacing_in_every_unit():
    assert spacing(atlas().pint.to(z=um, x=um)) == pytest.approx({"z": 0.1, "y": 0.2, "x": 0.4})


def test_spacing_of_one_position():
    ds = atlas()
    assert spacing(ds.isel(z=[1]))["z"] == pytest.approx(0.1)
    assert spacing(ds.isel(x=slice(None, None, 2)).isel(x=[1]))["x"] == pytest.approx(0.8)
    assert spacing(ds.isel(x=slice(None, None, -2)).isel(x=[1]))["x"] == pytest.approx(0.8)
    assert spacing(ds.isel(x=slice(0)))["x"] == pytest.approx(0.4)


def test_one_position_between_the_voxels_has_no_size():
    ds = xarray_atlas.encode(atlas()).isel(z=[1])
    ds = ds.assign_coords(z=("z", [0.15], {"units": "mm", "direction": "anterior-to-posterior"}))
    with pytest.raises(GridError, match=r"'z' has one value, 0\.15 mm.*isel\(z=\[\.\.\.\]\)"):
        spacing(ds)


def test_irregular_spacing():
    with pytest.raises(GridError, match=r"'z' is irregularly spaced \(its 2 values lie 0 to 0 mm"):
        spacing(atlas().isel(z=[1, 1]))
    with pytest.raises(GridError, match=r"'x' is irregularly spaced .* 0\.4 to 0\.8 mm apart"):
        spacing(atlas().isel(x=[0, 1, 3]))


def test_missing_dimensions_are_named():
    with pytest.raises(
        GridError, match=r"no dimension 'z' \(anterior-to-posterior\).*isel\(z=\[5\]"
    ):
        spacing(atlas().isel(z=0))
    with pytest.raises(GridError, match="no dimension 'ap' "):
        spacing(atlas().rename(z="ap").isel(ap=0))
    with pytest.raises(GridError, match="'z' .* and 'x' "):
        spacing(atlas().isel(z=0, x=0, drop=True))


def test_lengths_need_a_unit():
    ds = xarray_atlas.encode(atlas())
    assert lengths(ds, "x").tolist() == pytest.approx([0, 0.4, 0.8, 1.2])
    del ds.x.attrs["units"]
    with pytest.raises(UnitsError, match="'x' has no unit"):
        lengths(ds, "x")


# -- left and right


def test_sides():
    assert resolve_hemispheres("left") == (["left"], False)
    assert resolve_hemispheres(["right", "left"]) == (["right", "left"], True)
    assert resolve_hemispheres(np.array(["left"])) == (["left"], True)


@pytest.mark.parametrize("bad", ["both", "L", "", [], ["left", "up"], [1]])
def test_other_sides(bad):
    with pytest.raises(HemisphereError, match="'left'"):
        resolve_hemispheres(bad)


@pytest.mark.parametrize(
    ("n", "orientation", "expected"),
    [
        (4, "asr", "RRLL"),
        (4, "asl", "LLRR"),
        # the middle plane of an odd axis is left
        (5, "asr", "RRLLL"),
        (5, "asl", "LLLRR"),
        (1, "asr", "L"),
    ],
)
def test_halves(n, orientation, expected):
    ds = atlas(n, orientation=orientation)
    assert letters(ds) == expected
    assert letters(xarray_atlas.encode(ds)) == expected
    assert letters(ds.isel(x=slice(None, None, -1))) == expected[::-1]
    assert letters(ds.rename(x="ml_axis").transpose("ml_axis", ...)) == expected
    assert letters(ds.pint.to(x=um)) == expected
    assert letters(ds.isel(x=slice(1, None, 2))) == expected[1::2]
    assert letters(ds.isel(x=0)) == expected[0]
    assert letters(ds.annotation) == expected


@pytest.mark.parametrize("n", [57, 55, 1143])
@pytest.mark.parametrize("size", [0.01, 0.025, 0.1])
def test_middle_plane_is_left_whatever_the_rounding(n, size):
    sides = letters(atlas(n, size=(size,) * 3, origin=(0, 0, (size - 0.01) / 2)))
    assert sides == "R" * (n // 2) + "L" * (n // 2 + 1)


def test_midline_is_compared_within_a_millionth_of_a_voxel():
    assert letters(atlas(4, midline=0.8 + 0.4e-7)) == "RRLL"
    assert letters(atlas(4, midline=0.8 + 0.4e-5)) == "RRRL"
    assert letters(atlas(4, orientation="asl", midline=0.8 - 0.4e-7)) == "LLLR"
    assert letters(atlas(4, orientation="asl", midline=0.8 - 0.4e-5)) == "LLRR"


@pytest.mark.parametrize("orientation", ["rsa", "las", "lip"])
def test_right_left_axis_may_be_another(orientation):
    sides = hemispheres_of(atlas(orientation=orientation))
    assert sides.dims == ("z",)
    assert sides.values.tolist() == ([2, 1, 1] if orientation[0] == "r" else [1, 1, 2])


def test_no_midline():
    with pytest.raises(
        HemisphereError, match=r"no midline.*Dataset no variable 'hemispheres'.*midline="
    ):
        hemispheres_of(atlas(midline=None))


def test_coordinate_is_gone():
    with pytest.raises(HemisphereError, match="runs right-to-left is gone"):
        hemispheres_of(atlas().isel(x=0, drop=True))


def test_coordinate_that_runs_the_other_way():
    ds = xarray_atlas.encode(atlas())
    ds.x.attrs["direction"] = "left-to-right"
    with pytest.raises(AtlasMismatchError, match="left-to-right"):
        hemispheres_of(ds)


def test_variable_of_hemispheres_comes_first():
    given = np.ones((3, 2, 4), "uint8")
    ds = atlas(assumed=True, hemispheres=given)
    assert (hemispheres_of(ds).values == 1).all()
    with pytest.raises(HemisphereError, match="'hemispheres' is float64"):
        hemispheres_of(ds.assign(hemispheres=ds.hemispheres * 1.0))


@pytest.mark.parametrize("method", ["mask", "volume"])
@pytest.mark.parametrize("side", ["left", ["left", "right"]])
def test_assumed_midline_warns_once_where_it_was_asked(method, side):
    ds = atlas(assumed=True)
    calls = [
        lambda: getattr(ds.atlas, method)("R0", hemisphere=side),
        lambda: getattr(xarray_atlas, method)(ds, ["R0"], hemisphere=side),
    ]
    for call in calls:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            call()
        (warning,) = seen
        assert warning.category is UserWarning
        assert warning.filename == __file__
        assert "midline='0.6 mm'" in str(warning.message)


def test_no_warning_without_a_hemisphere_or_with_a_midline():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        atlas(assumed=True).atlas.volume()
        atlas(assumed=True).atlas.mask("R0")
        atlas(assumed=False).atlas.volume(hemisphere="left")


def test_midline_of_an_opened_atlas():
    path = xarray_atlas.open_sample("100 um").attrs["source"]
    given = xarray_atlas.open_atlas(path, resolution="100 um", midline="5.695 mm")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        volume = given.atlas.volume("RSP", hemisphere="left")
    with pytest.warns(
        UserWarning, match="the middle of the volume is assumed, at 5.675 mm along 'x'"
    ):
        assumed = xarray_atlas.open_sample("100 um").atlas.volume("RSP", hemisphere="left")
    xr.testing.assert_equal(volume, assumed)


# -- what was found by trying to get a wrong number


def test_two_planes_picked_apart_are_no_stride(sample):
    with pytest.raises(GridError, match="two planes"):
        sample.isel(z=[70, 100]).atlas.volume("root")
    with pytest.raises(GridError, match="two planes"):
        xr.concat([sample.isel(z=[70]), sample.isel(z=[100])], "z").atlas.volume("root")
    planes = [float(sample.isel(z=[i]).atlas.volume("root")) for i in (70, 100)]
    picked = sample.isel(z=[70, 100])
    assert [float(picked.isel(z=[i]).atlas.volume("root")) for i in (0, 1)] == planes
    neighbours = sample.isel(z=[70, 71])
    assert float(neighbours.atlas.volume("root")) == pytest.approx(
        sum(float(sample.isel(z=[i]).atlas.volume("root")) for i in (70, 71))
    )
    strided = sample.isel(z=slice(70, 101, 30))
    assert strided.atlas.spacing["z"].magnitude == pytest.approx(3.0)


def test_an_irregular_pick_keeps_its_thickness(sample):
    picked = sample.isel(z=slice(None, None, 2)).isel(z=[7, 20, 30]).isel(z=[2])
    assert picked.atlas.spacing["z"].magnitude == pytest.approx(0.2)


def test_moved_or_mirrored_coordinates_have_no_hemispheres():
    ds = xarray_atlas.open_sample("100 um")
    known = xarray_atlas.open_atlas(ds.attrs["source"], resolution="100 um", midline="5.675 mm")
    moved = known.assign_coords(x=("x", known.x.values - 5.675, known.x.attrs))
    mirrored = known.assign_coords(x=("x", -known.x.values, known.x.attrs))
    for wrong in (moved, mirrored):
        with pytest.raises(HemisphereError, match="outside the volume"):
            wrong.atlas.volume("CA1", hemisphere="left")
        assert float(wrong.atlas.volume("CA1")) == float(known.atlas.volume("CA1"))
    right = known.isel(x=slice(0, 10))
    assert float(right.atlas.volume("root", hemisphere="left")) == 0


def test_hemispheres_may_be_a_coordinate(sample):
    side = np.where(sample.x.values > 3, 1, 2).astype("u1")
    as_variable = sample.assign(hemispheres=("x", side))
    as_coord = as_variable.set_coords("hemispheres")
    wanted = as_variable.atlas.volume("root", hemisphere=["left", "right"]).values
    for obj in (as_coord, as_coord.annotation):
        got = obj.atlas.volume("root", hemisphere=["left", "right"]).values
        np.testing.assert_array_equal(got, wanted)
    extra = sample.assign(hemispheres=(("time", "x"), np.stack([side, side])))
    with pytest.raises(HemisphereError, match="time"):
        extra.atlas.volume("root", hemisphere="left")
    with pytest.raises(HemisphereError, match="1"):
        sample.atlas.volume("root", hemisphere=1)
