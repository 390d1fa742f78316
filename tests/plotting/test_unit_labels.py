"""Units as they are printed in figures."""

from __future__ import annotations

import pint
import pytest
import xarray as xr

from xarray_atlas.coords.units import unit_text
from xarray_atlas.plotting.unit_labels import unit_label, value_label

pytestmark = pytest.mark.version_independent

ureg = pint.get_application_registry()


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("1 / mm ** 3", "mm⁻³"), ("mm**3", "mm³"), ("um", "\N{MICRO SIGN}m"), ("m/s**2", "m·s⁻²"),
        ("count/mm**3", "count·mm⁻³"), ("dB", "dB"), ("1", ""), ("", ""), ("dimensionless", ""),
        ("a.u.", "a.u."), ("ΔF/F", "ΔF/F"), ("mm**0.5", "mm⁰⋅⁵"), ("1/um", "\N{MICRO SIGN}m⁻¹"),
        ("a.u./mm^3", "a.u./mm^3"), ("uV**2/Hz", "\N{MICRO SIGN}V²·Hz⁻¹"),
    ],
)  # fmt: skip
def test_texts(unit: str, expected: str) -> None:
    assert unit_label(unit) == expected


def test_units_of_pint() -> None:
    assert unit_label(ureg.Unit("kg*m/s**2")) == "kg·m·s⁻²"
    assert unit_label(ureg.Unit("micrometer")) == "\N{MICRO SIGN}m"
    assert unit_label(ureg.Unit("")) == ""
    assert unit_label(ureg.Unit("degC")) == "°C"
    # pint 0.25 has no symbol for it
    assert unit_label("dB/Hz") in ("dB·Hz⁻¹", "dB/Hz")
    assert unit_label(ureg.Unit("dB/Hz")) in ("dB·Hz⁻¹", "decibel·hertz⁻¹")
    assert ureg.Unit(unit_text(ureg.Unit("dB/Hz"))) == ureg.Unit("dB/Hz")


def test_names_of_values() -> None:
    density = xr.DataArray(ureg.Quantity([1.0], "1/mm**3"), name="density")
    assert value_label(density) == "density (mm⁻³)"
    told = density.assign_attrs(long_name="cells")
    assert value_label(told) == "cells (mm⁻³)"
    assert value_label(xr.DataArray([1.0])) == ""
    assert value_label(xr.DataArray([1.0], name="score")) == "score"
    assert value_label(xr.DataArray([1.0], attrs={"units": "dB"})) == "(dB)"
