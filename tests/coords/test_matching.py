"""An image's axes are those of an atlas by what they say of themselves, never by a name alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.small_worlds import ARRAY, labels, table
from xarray_atlas.coords.matching import match_axes
from xarray_atlas.coords.space import AXES, DIRECTIONS
from xarray_atlas.errors import AtlasMismatchError, GridError, UnitsError

FOUND = {"ap": "z", "dv": "y", "ml": "x"}


def atlas(**changes: Any) -> xr.Dataset:
    return xarray_atlas.create_atlas(labels(), table(), midline="0.1 mm", **{**ARRAY, **changes})


def plain(ds: xr.Dataset, unit: str = "mm", factor: float = 1.0) -> xr.DataArray:
    """The grid of an atlas as positions and a unit, and nothing more."""
    coords = {d: (d, ds[d].values * factor, {"units": unit}) for d in ds.annotation.dims}
    return xr.DataArray(np.ones(ds.annotation.shape), coords, ds.annotation.dims, name="image")


def directed(image: xr.DataArray, orientation: str = "asr") -> xr.DataArray:
    """The same with a direction for each dimension, by the letters of an orientation."""
    runs = dict(zip(image.dims, orientation, strict=True))
    return image.assign_coords(
        {d: image[d].assign_attrs(direction=DIRECTIONS[letter]) for d, letter in runs.items()}
    )


@settings(max_examples=30)
@given(st.data())
def test_axes_with_a_direction_are_found_by_it_whatever_their_names(data: st.DataObject) -> None:
    ds = atlas()
    letters = [data.draw(st.sampled_from(AXES[axis])) for axis in ("ap", "dv", "ml")]
    names = data.draw(st.permutations(["x", "y", "z"]))
    order = data.draw(st.permutations([0, 1, 2]))
    image = xr.DataArray(
        np.ones((2, 3, 4)),
        {
            n: (n, np.arange(k) * 7.0, {"units": "um"})
            for n, k in zip(names, (2, 3, 4), strict=True)
        },
        names,
    )
    image = directed(image, "".join(letters)).transpose(*(names[i] for i in order))
    assert match_axes(image, ds) == dict(zip(("ap", "dv", "ml"), names, strict=True))


def test_results_of_operations_on_the_atlas_go_by_name() -> None:
    ds = atlas().assign(template=lambda d: d.annotation * 1.5)
    with xr.set_options(keep_attrs=False):
        doubled = ds.template * 2
    for image in (
        ds.template * 2,
        doubled.isel(z=slice(2, 5)),
        doubled.drop_attrs(),
        xarray_atlas.encode(doubled).isel(y=slice(3)),
    ):
        assert match_axes(image, ds) == FOUND
        assert ds.atlas.aggregate(image).sizes == {"region": 3}


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("um", 1000), ("m", 0.001)])
def test_the_very_grid_of_the_atlas_goes_by_name(unit: str, factor: float) -> None:
    ds = atlas()
    image = plain(ds, unit, factor)
    assert match_axes(image, ds) == FOUND
    assert int(ds.atlas.aggregate(image, "A", func="count")) == 48
    assert match_axes(image.isel(z=3), ds) == FOUND  # one plane of it
    assert match_axes(image, ds.drop_vars("annotation").assign(t=ds.annotation)) == FOUND
    brought = ds.atlas.resample_like(image).annotation
    np.testing.assert_array_equal(brought.values, ds.annotation.values)
    assert match_axes(xr.concat([image] * 2, "time"), ds) == FOUND


def elsewhere(ds: xr.Dataset) -> dict[str, xr.DataArray]:
    """Images with the atlas's names that are not known to lie in its directions."""
    image = plain(ds)
    cube = xr.DataArray(
        np.ones((8, 8, 8)),
        {d: (d, 0.025 * np.arange(8), {"units": "mm"}) for d in "xyz"},
        list("xyz"),
    )
    return {
        "x, y, z of NIfTI, whose positions are all among those of the atlas": cube,
        "a part": image.isel(z=slice(2, 6)),
        "moved": image.assign_coords(z=("z", ds.z.values + 0.5, {"units": "mm"})),
        "upside down": image.isel(y=slice(None, None, -1)),
        "in another order": image.transpose("x", "y", "z"),
        "a direction that is none": image.isel(z=slice(4)).assign_coords(
            z=("z", ds.z.values[:4], {"units": "mm", "direction": "down"})
        ),
        "a plane between two": image.isel(z=3).assign_coords(z=((), 0.0801, {"units": "mm"})),
    }


@pytest.mark.parametrize("case", list(elsewhere(atlas())))
@pytest.mark.parametrize("call", ["aggregate", "resample_like", "resample"])
def test_a_name_alone_is_an_error_whose_advice_helps(case: str, call: str) -> None:
    ds = atlas()
    image = elsewhere(ds)[case]
    calls = {
        "aggregate": lambda image: ds.atlas.aggregate(image),
        "resample_like": lambda image: ds.atlas.resample_like(image),
        "resample": lambda image: xarray_atlas.resample(image, ds),
    }
    with pytest.raises(GridError, match=r"anatomical direction.*open_image") as caught:
        calls[call](image)
    advice = "image['{}'].attrs['direction'] = "
    assert advice.format("z") in str(caught.value)
    # what it says to type, for each axis
    for name, direction in zip(
        "zyx", ("anterior-to-posterior", "superior-to-inferior", "right-to-left"), strict=True
    ):
        assert repr(direction) in str(caught.value)
        exec(advice.format(name) + repr(direction), {"image": image})
    assert match_axes(image, ds) == FOUND
    if call == "resample_like":
        assert set(calls[call](image).dims) == set(image.dims)


def test_axes_of_another_name_are_asked_for_their_direction() -> None:
    ds = atlas()
    image = plain(ds).rename(z="slice", y="row", x="column")
    for call in (ds.atlas.aggregate, ds.atlas.resample_like):
        with pytest.raises(GridError, match="'slice', 'row', 'column'.*'direction'"):
            call(image)
    assert int(ds.atlas.aggregate(directed(image), "A", func="count")) == 48


def test_units_are_asked_for_first() -> None:
    ds = atlas()
    image = plain(ds).drop_attrs()
    for call in (ds.atlas.aggregate, ds.atlas.resample_like):
        with pytest.raises(UnitsError, match="no unit"):
            call(image)


def test_two_that_claim_one_axis_and_one_that_runs_the_other_way() -> None:
    ds = atlas()
    twice = directed(plain(ds), "asr")
    twice = twice.assign_coords(y=twice.y.assign_attrs(direction="posterior-to-anterior"))
    for call in (ds.atlas.aggregate, ds.atlas.resample_like):
        with pytest.raises(AtlasMismatchError, match="all say that they run along 'ap'"):
            call(twice)
    with pytest.raises(AtlasMismatchError, match="'x' says that it runs left-to-right"):
        ds.atlas.aggregate(directed(plain(ds), "asl"))
