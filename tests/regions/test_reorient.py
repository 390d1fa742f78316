"""Reorienting: against nibabel, and there and back."""

from __future__ import annotations

import itertools

import dask
import nibabel as nib
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import make_atlas, make_terminology, no_compute
from xarray_atlas.coords.space import Space
from xarray_atlas.errors import GridError

pytestmark = pytest.mark.version_independent

LETTERS = [
    "".join(p) for q in itertools.product("ap", "si", "rl") for p in itertools.permutations(q)
]
AXCODES = str.maketrans("apsirl", "PAISLR")
"""From the side on which an axis begins to the side to which it points."""


def whole(orientation="asr", shape=(4, 5, 6), midline="half", **others):
    """An atlas whose space knows its shape."""
    labels = np.arange(np.prod(shape), dtype="uint32").reshape(shape)
    ds = make_atlas(
        labels,
        make_terminology([-1, 0]),
        (0.1, 0.2, 0.4),
        (0.3, -1.0, 5.0),
        orientation,
        midline,
        **others,
    )
    space = ds.atlas.space
    known = Space(
        space.dims, space.orientation, space.voxel_size, space.corner, space.midline, shape=shape
    )
    from xarray_atlas.coords.build import atlas_coordinates

    coords = atlas_coordinates(ds.atlas.terminology, known, [ds[d].values for d in ("z", "y", "x")])
    variables = {name: v.variable for name, v in ds.data_vars.items()}
    return xr.Dataset(variables, coords=coords, attrs={"orientation": orientation})


def turn(array, start, end):
    """What nibabel makes of an array."""
    ornt = [nib.orientations.axcodes2ornt(letters.translate(AXCODES)) for letters in (start, end)]
    return nib.orientations.apply_orientation(array, nib.orientations.ornt_transform(*ornt))


@pytest.mark.parametrize("start", ["asr", "lip", "sra"])
@pytest.mark.parametrize("end", LETTERS)
def test_arrays_are_turned_as_nibabel_turns_them(start, end):
    ds = whole(start)
    found = ds.atlas.reorient(end)
    np.testing.assert_array_equal(found.annotation.values, turn(ds.annotation.values, start, end))
    assert found.atlas.space.orientation == found.attrs["orientation"] == end
    assert found.atlas.reorient(axcodes=start.translate(AXCODES)).identical(ds)


@given(
    st.sampled_from(LETTERS),
    st.sampled_from(LETTERS),
    st.integers(4900, 7000),
    st.booleans(),
    st.data(),
)
@settings(max_examples=60)
def test_there_and_back(start, end, midline, encoded, data):
    ds = whole(start, midline=None if start[0] == "s" else midline / 1000)
    slices = {dim: slice(data.draw(st.integers(0, n - 1)), n) for dim, n in ds.sizes.items()}
    part = ds.isel(slices)
    part = part.atlas.encode() if encoded else part
    turned = part.atlas.reorient(end)
    assert turned.atlas.reorient(start).identical(part)
    # a part of the turned whole is the turned part
    same = ds.atlas.reorient(end).sel({d: turned[d].values for d in part.dims})
    np.testing.assert_array_equal(same.annotation.values, turned.annotation.values)


@given(st.sampled_from(LETTERS), st.integers(4900, 7000))
@settings(max_examples=10)
def test_sides_stay_with_their_voxels(end, midline):
    labels = np.ones((4, 5, 6), "uint32")
    labels[:, :, 3:] = 2
    ds = whole(midline=midline / 1000).assign(annotation=(("z", "y", "x"), labels))
    turned = ds.atlas.reorient(end)
    for side in ("left", "right"):
        for region in ("R0", "R1"):
            expected = float(ds.atlas.volume(region, hemisphere=side))
            assert float(turned.atlas.volume(region, hemisphere=side)) == pytest.approx(expected)


def test_positions_are_measured_from_the_other_end():
    ds = whole()
    turned = ds.atlas.reorient(axcodes="RAS")
    # x begins at 5 - 0.2 and is 2.4 long; its second voxel from the right is the last but one
    assert turned.annotation.dims == ("x", "z", "y")
    assert turned.x.values.tolist() == ds.x.values.tolist()
    point = ds.annotation.sel(x=5.4, z=0.3, y=-1.0, method="nearest")
    mirrored = turned.annotation.sel(
        x=2 * 4.8 + 2.4 - 5.4, z=2 * 0.25 + 0.4 - 0.3, y=2 * -1.1 + 1.0 + 1.0, method="nearest"
    )
    assert point.item() == mirrored.item()


def test_one_plane_and_other_dimensions():
    ds = whole()
    image = ds.annotation.isel(z=1).expand_dims(time=2, axis=1)
    turned = image.atlas.reorient("lpi")
    assert turned.dims == ("x", "time", "y")
    np.testing.assert_array_equal(turned.values, image.values[::-1, :, ::-1].transpose(2, 1, 0))
    assert turned.z.item().magnitude == pytest.approx(2 * 0.25 + 0.4 - 0.4)
    assert turned.z.attrs["direction"] == "posterior-to-anterior"


def test_an_axis_that_was_stored_backwards_grows_again():
    ds = whole()
    stored = ds.isel(x=slice(None, None, -1)).transpose("x", "z", "y")
    assert stored.atlas.reorient("asr").identical(ds)


def test_lazy():
    ds = whole().chunk(2)
    with dask.config.set(scheduler=no_compute):
        turned = ds.atlas.reorient("lpi")
    np.testing.assert_array_equal(
        turned.annotation.values, turn(ds.annotation.values, "asr", "lpi")
    )


def test_the_sample_of_the_package(sample):
    turned = sample.atlas.reorient(axcodes="RAS")
    rsp = [float(o.atlas.volume("RSP")) for o in (sample, turned)]
    assert rsp[0] == rsp[1]
    assert turned.atlas.reorient("asr").identical(sample)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "one of them"),
        ({"orientation": "asr", "axcodes": "RAS"}, "one of them"),
        ({"orientation": "RAS"}, "axcodes='RAS'"),
        ({"orientation": "aar"}, "not one letter"),
        ({"orientation": "as"}, "not one letter"),
        ({"axcodes": "XYZ"}, "three letters such as 'RAS'"),
    ],
)
def test_letters_that_are_none(arguments, message):
    with pytest.raises(GridError, match=message):
        xarray_atlas.reorient(whole(), **arguments)


def test_axcodes_as_nibabel_returns_them():
    assert whole().atlas.reorient(axcodes=("R", "A", "S")).atlas.space.orientation == "lpi"


def test_what_cannot_be_flipped():
    unknown = make_atlas(np.zeros((2, 2, 2), "u1"), make_terminology([-1]))
    assert unknown.atlas.reorient("ras").annotation.dims == ("x", "z", "y")
    with pytest.raises(GridError, match="how large the whole volume is"):
        unknown.atlas.reorient("psr")
    with pytest.raises(GridError, match="'z', which has no coordinate"):
        whole().drop_vars("z").atlas.reorient("psr")
