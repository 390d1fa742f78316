"""Lengths in every form become millimetres, or a clear error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pint
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import xarray_atlas
from xarray_atlas.coords.units import (
    is_length_unit,
    millimetre,
    parse_length,
    quantity,
    to_mm,
    unit_factor,
)
from xarray_atlas.errors import UnitsError

ureg = pint.get_application_registry()

# exact: a decimal literal of mm is the float that the conversion must give
SAME = [(25, "um", 0.025), (7.5, "um", 0.0075), (10, "um", 0.01), (1, "cm", 10.0), (100, "nm", 1e-4),
        (0.5, "m", 500.0), (39, "micron", 0.039), (1, "inch", 25.4), (25, "millimeter", 25.0)]  # fmt: skip


@pytest.mark.parametrize(("value", "unit", "mm"), SAME)
def test_a_length_in_any_unit(value: float, unit: str, mm: float) -> None:
    assert parse_length(f"{value} {unit}") == pytest.approx(mm, rel=1e-15)
    assert to_mm(ureg.Quantity(value, unit)) == pytest.approx(mm, rel=1e-15)
    assert to_mm(pint.UnitRegistry().Quantity(value, unit)) == pytest.approx(mm, rel=1e-15)
    assert is_length_unit(unit)


@given(st.integers(0, 10**7))
def test_micrometres_are_the_nearest_float(n: int) -> None:
    assert to_mm(ureg.Quantity(n, "um")) == float(f"{n}e-3")
    assert to_mm(ureg.Quantity(n, "nm")) == float(f"{n}e-6")


def test_arrays_keep_their_shape() -> None:
    grid = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(to_mm(grid * ureg.cm), grid * 10)
    np.testing.assert_array_equal(to_mm(grid.astype(np.int16)), grid)
    np.testing.assert_array_equal(to_mm(["1 mm", 2, 3 * ureg.cm]), [1.0, 2.0, 30.0])
    np.testing.assert_array_equal(to_mm(np.array(["1 mm", "20 um"])), [1.0, 0.02])
    assert to_mm([]).shape == (0,)


def test_xarray_objects_are_read_by_their_unit() -> None:
    array = xr.DataArray([1.0, 2.0], dims="z", attrs={"units": "cm", "note": "kept"})
    read = to_mm(array)
    np.testing.assert_array_equal(read.values, [10.0, 20.0])
    assert read.attrs == {"note": "kept"}
    assert array.attrs["units"] == "cm"  # not changed
    np.testing.assert_array_equal(to_mm(xr.Variable("z", [1.0] * ureg.m)).values, [1000.0])
    np.testing.assert_array_equal(to_mm(xr.Variable("z", [1.0])).values, [1.0])


@pytest.mark.parametrize(
    "value",
    ["5", "five mm", "", "5,5 mm", "5..5 mm", "2*3 mm", "nan mm", "mm", "5 percent mm", "5 mm # x", "5 s", "mm mm mm", 5 * ureg.s, [1, "2 kg"], True, np.array([True]), None,
     np.array(["2020-01-01"], "M8[D]"), 5 * ureg.dimensionless, {"a": 1}],
    ids=str,
)  # fmt: skip
def test_what_is_no_length_is_an_error(value: Any) -> None:
    with pytest.raises(UnitsError):
        to_mm(value)


@pytest.mark.parametrize("unit", ["s", "", "px", "mm**2", "banana", "dimensionless", "mm mm", "%%"])
def test_what_is_no_unit_of_length_is_an_error(unit: str) -> None:
    with pytest.raises(UnitsError, match="not a unit|of length"):
        unit_factor(unit)
    assert not is_length_unit(unit)


def test_quantities_are_of_the_application_registry() -> None:
    assert quantity(1.0, 3).units == ureg.mm**3
    assert millimetre() == ureg.mm


def test_a_unit_is_what_its_own_registry_says() -> None:
    theirs = pint.UnitRegistry()
    theirs.define("point = 25 um")
    assert to_mm(theirs.Quantity(200, "point")) == pytest.approx(5.0)
    with pytest.raises(UnitsError):
        to_mm("3 nosuchunit")


@pytest.mark.parametrize("style", ["L", "~L", "Lx", "~P", "H", ".3f~P"])
def test_how_quantities_are_shown_changes_nothing(style: str) -> None:
    before = ureg.formatter.default_format
    ureg.formatter.default_format = style
    try:
        assert to_mm(5025 * ureg.um) == 5.025
        assert parse_length("25 um") == 0.025
        ds = xarray_atlas.open_sample("100 um")
        assert ds.sel(z=5025 * ureg.um).z.values == pytest.approx(5.025)
        assert ds.atlas.volume("RSP").attrs["units"] == "mm ** 3"
    finally:
        ureg.formatter.default_format = before
