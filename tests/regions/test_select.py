"""Parts of an atlas by anatomical axis and around regions."""

from __future__ import annotations

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
    no_compute,
    parts,
)
from xarray_atlas.errors import GridError, RegionNotFoundError, UnitsError

pytestmark = pytest.mark.version_independent

u = pint.get_application_registry()
SIZE = (0.1, 0.2, 0.4)


@pytest.fixture
def small() -> xr.Dataset:
    labels = np.random.default_rng(0).choice(np.array([0, 1, 2], "uint32"), (10, 8, 6))
    return make_atlas(labels, make_terminology([-1, 0, 0]), SIZE)


# -- sel


@pytest.mark.parametrize(
    ("labels", "places"),
    [
        ({"ap": slice("0.2 mm", "500 um")}, {"z": slice(2, 6)}),
        ({"ap": slice("500 um", 0.2 * u.mm)}, {"z": slice(2, 6)}),
        ({"ap": slice(None, 0.2)}, {"z": slice(0, 3)}),
        ({"dv": slice(0.4, None), "ml": slice(0, 0.8)}, {"y": slice(2, 8), "x": slice(0, 3)}),
        ({"ml": 1.2}, {"x": 3}),
        ({"ap": ["0.1 mm", "0.3 mm"]}, {"z": [1, 3]}),
        ({"ap": 0.04 * u.cm, "ml": "0 mm"}, {"z": 4, "x": 0}),
        ({}, {}),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["decoded", "encoded", "annotation", "dask"])
def test_sel(small, labels, places, form):
    obj = {
        "decoded": small,
        "encoded": xarray_atlas.encode(small),
        "annotation": small.annotation,
        "dask": small.chunk(3),
    }[form]
    assert obj.atlas.sel(**labels).identical(obj.isel(places))


@given(st.data())
@settings(max_examples=60)
def test_sel_by_whatever_names_and_directions(data):
    """A range holds the voxels whose centres lie in it, however the axes are stored."""
    example: Example = data.draw(examples())
    atlas = example.atlas.isel(data.draw(parts(example.labels.shape)))
    atlas = atlas.transpose(*data.draw(st.permutations(["z", "y", "x"])))
    if data.draw(st.booleans()):
        atlas = atlas.rename(dict(zip("zyx", data.draw(st.permutations("abc")), strict=True)))
    axis = data.draw(st.sampled_from(["ap", "dv", "ml"]))
    dim = atlas.atlas.space.coordinate(atlas, axis)
    values = atlas[dim].values
    ends = data.draw(st.tuples(*[st.floats(values.min() - 0.3, values.max() + 0.3)] * 2))
    found = atlas.atlas.sel(**{axis: slice(*(f"{end!r} mm" for end in ends))})
    near = 1e-6 * atlas.atlas.spacing[dim].magnitude
    inside = (values >= min(ends) - near) & (values <= max(ends) + near)
    assert found.identical(atlas.isel({dim: slice(*_span(inside))}))


def _span(inside):
    at = np.flatnonzero(inside)
    return (at[0], at[-1] + 1) if at.size else (0, 0)


def test_sel_nearest(small):
    found = small.atlas.sel(ap="0.32 mm", method="nearest")
    assert found.identical(small.isel(z=3))
    with pytest.raises(KeyError, match="0.32"):
        small.atlas.sel(ap="0.32 mm")
    with pytest.raises(KeyError):
        small.atlas.sel(ap=0.34, method="nearest", tolerance="10 um")


def test_sel_keeps_the_thickness_of_a_plane(small):
    assert small.atlas.sel(ap=["0.3 mm"]).atlas.spacing["z"].magnitude == 0.1


def test_sel_errors(small):
    with pytest.raises(UnitsError, match="second"):
        small.atlas.sel(ap=3 * u.s)
    with pytest.raises(TypeError, match="no step"):
        small.atlas.sel(ap=slice(0, 1, 2))
    with pytest.raises(GridError, match=r"'ap'.*anterior-to-posterior; it has dv, ml"):
        small.isel(z=0).atlas.sel(ap=0)


def test_sel_computes_nothing(small):
    with dask.config.set(scheduler=no_compute):
        part = small.chunk(2).atlas.sel(ap=slice(0, 0.3), ml=0.8)
    assert part.annotation.equals(small.annotation.isel(z=slice(0, 4), x=2))


# -- crop


@given(st.data())
@settings(max_examples=60)
def test_crop_is_the_box_around_the_voxels(data):
    example: Example = data.draw(examples())
    atlas = example.atlas
    region = data.draw(st.integers(0, len(example.parents) - 1))
    side = data.draw(st.sampled_from([None, "left", "right"]))
    more = data.draw(st.integers(0, 2))
    inside = np.argwhere(example.mask(region, side=side).values)
    if not len(inside):
        with pytest.raises(GridError, match=f"'R{region}' has no voxel"):
            atlas.atlas.crop(f"R{region}", hemisphere=side)
        return
    # the voxels whose centres lie in the box, which is wider by the pad
    pad = more * min(example.size)
    places = {}
    for axis, dim in enumerate("zyx"):
        centres = np.arange(example.labels.shape[axis]) * example.size[axis]
        low = (inside[:, axis].min() - 0.5) * example.size[axis] - pad
        high = (inside[:, axis].max() + 0.5) * example.size[axis] + pad
        near = 1e-6 * example.size[axis]
        places[dim] = slice(*_span((centres >= low - near) & (centres <= high + near)))
    found = atlas.atlas.crop(f"R{region}", pad=f"{pad!r} mm" if more else None, hemisphere=side)
    assert found.identical(atlas.isel(places))
    volume, whole = (o.atlas.volume(f"R{region}", hemisphere=side) for o in (found, atlas))
    np.testing.assert_allclose(volume.pint.magnitude, whole.pint.magnitude)


def test_crop_around_several(small):
    labels = np.zeros((10, 8, 6), "uint32")
    labels[2, 3, 1], labels[7, 1, 4] = 2, 3
    atlas = make_atlas(labels, make_terminology([-1, 0, 0]), SIZE)
    expected = atlas.isel(z=slice(2, 8), y=slice(1, 4), x=slice(1, 5))
    assert atlas.atlas.crop(["R1", "R2"]).identical(expected)
    assert atlas.atlas.crop("R0", hemisphere=["left", "right"]).identical(expected)
    assert atlas.annotation.atlas.crop("R0").identical(expected.annotation)
    assert xarray_atlas.encode(atlas).atlas.crop("R0").identical(xarray_atlas.encode(expected))
    assert atlas.atlas.crop("R1", hemisphere="right").sizes == {"z": 1, "y": 1, "x": 1}
    with pytest.raises(GridError, match="no voxel.*on the left side"):
        atlas.atlas.crop("R1", hemisphere="left")


def test_crop_cuts_all_variables(small):
    ds = small.assign(template=small.annotation * 1.5, note=3)
    found = ds.atlas.crop("R0", pad=0.1)
    assert found.template.sizes == found.annotation.sizes
    assert found.note == 3


def test_crop_of_a_section(small):
    section = small.isel(z=3)
    assert section.atlas.crop("R1").annotation.dims == ("y", "x")


def test_pad_reaches_the_border_at_the_most(small):
    assert small.atlas.crop("R0", pad="1 m").identical(small)


def test_endless_pad(small):
    assert small.atlas.crop("R0", pad=np.inf).identical(small)


@pytest.mark.parametrize("pad", ["-0.1 mm", "3 s", -1, float("nan"), [0.1], [0.1, 0.2]], ids=str)
def test_bad_pad(small, pad):
    with pytest.raises(UnitsError, match="pad|length"):
        small.atlas.crop("R0", pad=pad)


def test_crop_of_an_unknown_region(small):
    with pytest.raises(RegionNotFoundError, match="R9"):
        small.atlas.crop("R9")


def test_crop_reads_its_own_blocks_after_one_pass():
    labels = np.zeros((8, 8, 8), "uint32")
    labels[2:4, 2:4, 2:4] = 1
    source = Counted(labels)
    atlas = make_atlas(source.dask((2, 2, 2)), make_terminology([-1]), (1.0, 1.0, 1.0))
    part = atlas.atlas.crop("R0")
    source.reads.clear()
    assert int(part.annotation.sum()) == 8
    assert len(source.reads) == 1


@pytest.mark.parametrize("form", ["plain", "pint"])
def test_coordinates_in_um(sample: xr.Dataset, form: str) -> None:
    """Of a plain index too: a length is converted once."""
    if form == "plain":
        um = sample.assign_coords(
            {d: (d, sample[d].values * 1000, {**sample[d].attrs, "units": "um"}) for d in "zyx"}
        )
    else:
        unit = pint.get_application_registry().um
        um = sample.pint.to(z=unit, y=unit, x=unit).pint.dequantify()
    assert um.z.attrs["units"] in ("um", "micrometer")
    for label in ("8.025 mm", "8025 um", slice("5 mm", "6 mm")):
        expected = xarray_atlas.sel(sample, ap=label).annotation
        np.testing.assert_array_equal(xarray_atlas.sel(um, ap=label).annotation, expected)
