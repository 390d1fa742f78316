"""The unit-aware index against numpy and against xarray's own index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pint
import pytest
import xarray as xr
from hypothesis import assume, given
from hypothesis import strategies as st
from xarray.testing import assert_identical

import xarray_atlas
from xarray_atlas import LengthIndex
from xarray_atlas.coords.length_variable import LengthVariable
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.kernels.spacing import regular_step, snap

ureg = pint.get_application_registry()


def make(values: Any, **options: Any) -> xr.DataArray:
    """Numbered voxels at these lengths."""
    variable = xr.Variable("z", np.asarray(values, float), {"units": "mm"})
    index = LengthIndex.from_variables({"z": variable}, options=options)
    coords = xr.Coordinates(index.create_variables({"z": variable}), indexes={"z": index})
    return xr.DataArray(np.arange(len(values)), coords=coords, dims="z", name="n")


def plain(array: xr.DataArray) -> xr.DataArray:
    return xr.DataArray(array.values, coords={"z": np.array(array.z.values)}, dims="z", name="n")


@st.composite
def axes(draw: st.DrawFn, min_size: int = 2) -> np.ndarray[Any, Any]:
    """Coordinates of an axis: any origin, step, sign."""
    n = draw(st.integers(min_size, 40))
    step = draw(st.sampled_from([0.01, 0.025, 0.039, 0.1, 1.0]))
    start = draw(st.integers(-200, 200)) * step + draw(st.sampled_from([0.0, 0.0075, 0.045]))
    sign = draw(st.sampled_from([1, -1]))
    return start + sign * step * np.arange(n)


UNITS = {"mm": 1.0, "um": 1000.0, "cm": 0.1, "m": 0.001}


@given(axes(), st.data())
def test_sel_of_labels_is_isel_of_positions(values: Any, data: st.DataObject) -> None:
    array = make(values)
    at = data.draw(st.lists(st.integers(0, values.size - 1), min_size=1, max_size=6))
    unit, factor = data.draw(st.sampled_from(list(UNITS.items())))
    step = abs(values[1] - values[0])
    noise = data.draw(st.floats(-0.5e-6, 0.5e-6)) * step
    labels = ureg.Quantity((values[at] + noise) * factor, unit)
    assert_identical(array.sel(z=labels), array.isel(z=at))
    assert_identical(array.sel(z=labels[0]), array.isel(z=at[0]))
    off = ureg.Quantity((values[at] + 0.3 * step) * factor, unit)
    with pytest.raises(KeyError):
        array.sel(z=off[0])
    np.testing.assert_array_equal(array.sel(z=off, method="nearest").values, at)


@given(axes(), st.data())
def test_slices_hold_both_ends(values: Any, data: st.DataObject) -> None:
    array = make(values)
    low = data.draw(st.integers(0, values.size - 1))
    high = data.draw(st.integers(low, values.size - 1))
    step = abs(values[1] - values[0])
    noise = data.draw(st.floats(-0.5e-6, 0.5e-6)) * step
    unit, factor = data.draw(st.sampled_from(list(UNITS.items())))
    ends = [ureg.Quantity((values[i] + noise) * factor, unit) for i in (low, high)]
    np.testing.assert_array_equal(array.sel(z=slice(*ends)).values, np.arange(low, high + 1))
    np.testing.assert_array_equal(
        array.sel(z=slice(ends[0], None)).values, np.arange(low, values.size)
    )
    np.testing.assert_array_equal(array.sel(z=slice(None, ends[1])).values, np.arange(high + 1))


@given(axes(), st.data(), st.sampled_from(["inner", "outer", "left", "right"]))
def test_joins_are_those_of_xarray(values: Any, data: st.DataObject, join: Any) -> None:
    array = make(values)
    bounds = st.integers(0, values.size)
    parts = [slice(*sorted((data.draw(bounds), data.draw(bounds)))) for _ in range(2)]
    a, b = array.isel(z=parts[0]), array.isel(z=parts[1])
    got = xr.align(a, b, join=join, fill_value=-1)
    wanted = xr.align(plain(a), plain(b), join=join, fill_value=-1)
    for mine, theirs in zip(got, wanted, strict=True):
        if join == "outer" and values[0] > values[-1]:
            theirs = theirs.sortby("z", ascending=not np.all(np.diff(mine.z.values) < 0))
        np.testing.assert_array_equal(mine.values, theirs.values)
        np.testing.assert_allclose(mine.z.values, theirs.z.values, rtol=0, atol=1e-12)
        assert type(mine.xindexes["z"]) is LengthIndex


@given(axes(), st.floats(-0.9e-6, 0.9e-6))
def test_equality_is_within_a_millionth_of_a_voxel(values: Any, share: float) -> None:
    step = abs(values[1] - values[0])
    a, b, c = make(values), make(values + share * step), make(values + 3e-6 * step)
    assert a.xindexes["z"].equals(b.xindexes["z"])
    assert (a + b).sizes == a.sizes
    assert xr.align(a, b, join="exact")[0].sizes == a.sizes
    assert not a.xindexes["z"].equals(c.xindexes["z"])
    assert not a.z.variable.equals(c.z.variable)
    with pytest.raises(GridError, match=r"no position in common.*resample_like"):
        a + c  # an inner join of labels that differ
    with pytest.raises(xr.AlignmentError):
        xr.align(a, c, join="exact")


@given(axes(), st.data())
def test_concat_restores_what_was_cut(values: Any, data: st.DataObject) -> None:
    array = make(values)
    cut = data.draw(st.integers(0, values.size))
    parts = [array.isel(z=slice(None, cut)), array.isel(z=slice(cut, None))]
    assert_identical(xr.concat(parts, dim="z"), array)


@given(axes(), st.data())
def test_spacing_is_measured_and_remembered(values: Any, data: st.DataObject) -> None:
    array = make(values)
    step = abs(values[1] - values[0])
    stride = data.draw(st.integers(1, 5)) * data.draw(st.sampled_from([1, -1]))
    strided = array.isel(z=slice(None, None, stride))
    for part in (strided, strided.isel(z=[0]), strided.isel(z=slice(0, 1))):
        assert part.xindexes["z"].spacing == pytest.approx(abs(stride) * step)
        if part.size == 1:
            assert part.z.attrs["spacing_mm"] == pytest.approx(abs(stride) * step)


@given(axes())
def test_one_plane_is_equal_within_a_millionth_of_a_voxel_too(values: Any) -> None:
    step = abs(values[1] - values[0])
    a, b = make(values).isel(z=[0]), make(values + 0.5e-6 * step).isel(z=[0])
    assert a.equals(b)
    assert (a + b).size == 1
    assert not a.equals(make(values + 3e-6 * step).isel(z=[0]))


def test_irregular_axes_have_no_spacing() -> None:
    assert make([0.0, 0.1, 0.3]).xindexes["z"].spacing is None
    assert regular_step(np.array([0.0, 0.1, 0.2, 0.3])) == pytest.approx(0.1)
    assert regular_step(np.array([1.0, 1.0])) is None
    assert regular_step(np.array([1.0])) is None


def test_unsorted_and_repeated_labels() -> None:
    array = make([0.0, 0.2, 0.1])
    assert array.sel(z="0.1 mm").item() == 2
    np.testing.assert_array_equal(array.sel(z=[0.2, 0.1]).values, [1, 2])
    repeated = make([0.0, 0.1, 0.1])
    np.testing.assert_array_equal(repeated.sel(z=0.1).values, [1, 2])


def test_empty_and_single_axes() -> None:
    empty = make([])
    assert empty.sel(z=slice(0, 1)).size == 0
    with pytest.raises(KeyError, match="empty"):
        empty.sel(z=0.0)
    single = make([0.5], spacing=0.1)
    assert single.sel(z=0.5 + 0.5e-7).item() == 0
    assert single.xindexes["z"].spacing == 0.1
    assert single.sel(z=0.52, method="nearest").item() == 0
    assert make([0.5]).xindexes["z"].spacing is None


def test_tolerance_may_have_a_unit() -> None:
    array = make(0.1 * np.arange(5))
    assert array.sel(z=0.12, method="nearest", tolerance="30 um").item() == 1
    with pytest.raises(KeyError):
        array.sel(z=0.12, method="nearest", tolerance=10 * ureg.um)


def test_slices_by_label_have_no_step() -> None:
    with pytest.raises(TypeError, match="isel"):
        make([0.0, 0.1]).sel(z=slice(0, 1, 2))


def test_an_index_is_in_mm_whatever_it_is_made_from() -> None:
    variable = xr.Variable("z", [0.0, 25.0], {"units": "um"})
    index = LengthIndex.from_variables({"z": variable}, options={})
    np.testing.assert_array_equal(index.values, [0.0, 0.025])
    array = xr.DataArray([1, 2], coords={"z": ("z", [0.0, 25.0], {"units": "um"})}, dims="z")
    indexed = array.drop_indexes("z").set_xindex("z", LengthIndex)
    assert indexed.sel(z="25 um").item() == 2
    with pytest.raises(UnitsError, match="decode"):
        LengthIndex(index=index.index, units={"z": ureg.um})
    with pytest.raises(ValueError, match="one dimension"):
        LengthIndex.from_variables({"z": xr.Variable((), 1.0)}, options={})


def test_a_variable_says_its_unit_whatever_is_done_to_its_attrs() -> None:
    variable = LengthVariable("z", [1.0, 2.0], {"direction": "d", "units": "furlong"})
    assert variable.attrs == {"direction": "d", "units": "mm"}
    variable.attrs = {"spacing_mm": 7.0}
    assert variable.attrs == {"units": "mm"}
    variable.attrs.clear()
    assert variable.attrs == {"units": "mm"}
    assert "spacing_mm" not in LengthVariable("z", [1.0, 2.0, 5.0], {"spacing_mm": 7.0}).attrs
    variable.attrs["note"] = "kept"
    assert variable.attrs["note"] == "kept"
    assert LengthVariable("z", [1.0] * ureg.cm).values.tolist() == [10.0]
    assert "[mm]" in repr(make([0.0, 1.0]))


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=10), st.floats(-10, 10))
def test_snap_takes_the_nearest_within_the_tolerance(to: list[float], label: float) -> None:
    there = np.array(to)
    nearest = there[np.argmin(np.abs(there - label))]
    distance = abs(nearest - label)
    assume(abs(distance - 0.1) > 1e-9)
    got = snap(np.array([label]), there, 0.1)[0]
    assert abs(got - label) == pytest.approx(distance if distance <= 0.1 else 0.0, abs=1e-12)


def test_one_plane_is_found_in_another_unit_whatever_its_rounding() -> None:
    place = next(v for v in 6.025 + 0.1 * np.arange(40) if (v / 10 * ureg.cm).m_as("mm") != v)
    ds = xr.Dataset({"a": ("z", [1.0])}, {"z": ("z", [place], {"units": "mm"})})
    one = xarray_atlas.decode(ds)
    assert one.sel(z=place / 10 * ureg.cm).a.item() == 1
    with pytest.raises(KeyError):
        one.sel(z=(place + 1e-7) * ureg.mm)


def test_missing_positions_are_the_same_where_they_are_missing_in_both() -> None:
    z = ("z", [np.nan, 1.0, 2.0, np.nan], {"units": "mm"})
    one = xarray_atlas.decode(xr.Dataset({"a": ("z", np.ones(4))}, {"z": z}))
    other = one.copy(deep=True)
    assert one.xindexes["z"].equals(other.xindexes["z"])
    assert not one.xindexes["z"].equals(other.isel(z=[1, 0, 2, 3]).xindexes["z"])
