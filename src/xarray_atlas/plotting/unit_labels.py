"""Typographic names and units of values, for axes and colour bars: "density (mm⁻³)"."""

from __future__ import annotations

import re
from typing import Any

import pint
import xarray as xr

from xarray_atlas.coords.units import is_length_unit, with_symbols
from xarray_atlas.printable import one_line

__all__ = ["unit_label", "value_label"]

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_FACTOR = re.compile(r"([*/]?)([^*/.\s]+)(?:\*\*(-?\d+))?")

_ABBREVIATION = re.compile(r"[^\W\d]\.")
"""Found in "a.u./mm^3", arbitrary units, which pint would take for years and atomic masses."""

_EXPRESSION = re.compile(r"\*|\^|/")
"""Found in a text that combines units. Single words are not parsed: "a" may be of the author's
own making and not a year. A unit of length is: "um" is printed as "µm"."""


def unit_label(unit: Any) -> str:
    """Return a unit as printed in a figure, with exponents instead of a fraction.

    Parameters
    ----------
    unit : pint.Unit or str
        A text that pint cannot parse is returned unchanged.

    Returns
    -------
    str
        Empty for a dimensionless unit.

    Examples
    --------
    >>> unit_label("1 / mm ** 3"), unit_label("m/s**2"), unit_label("dB"), unit_label("a.u.")
    ('mm⁻³', 'm·s⁻²', 'dB', 'a.u.')
    """
    if not isinstance(unit, pint.Unit):
        text = one_line(unit)
        if _ABBREVIATION.search(text) or not (_EXPRESSION.search(text) or is_length_unit(text)):
            return "" if text in ("1", "dimensionless") else text
        try:
            unit = pint.get_application_registry().Unit(text)
            f"{unit:~}"
        except Exception:  # pint raises many kinds for text it cannot parse
            return text
    compact = with_symbols(unit, "C").replace("\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}")
    factors = _FACTOR.findall(compact)
    if "".join(_joined(*factor) for factor in factors) != compact:
        return with_symbols(unit, "P")  # a fractional exponent, for example
    parts = []
    for sign, name, power in factors:
        exponent = int(power or 1) * (-1 if sign == "/" else 1)
        if name != "1":
            parts.append(name + ("" if exponent == 1 else str(exponent).translate(_RAISED)))
    return "·".join(parts)


def _joined(sign: str, name: str, power: str) -> str:
    return f"{sign}{name}" + (f"**{power}" if power else "")


def value_label(values: xr.DataArray) -> str:
    """Return the name of values with their unit in parentheses.

    Parameters
    ----------
    values : DataArray
        Its ``long_name`` or name, and the unit of its data or its attributes.

    Returns
    -------
    str

    Examples
    --------
    >>> import xarray as xr
    >>> value_label(xr.DataArray([1.0], name="density", attrs={"units": "1 / mm ** 3"}))
    'density (mm⁻³)'
    """
    name = one_line(values.attrs.get("long_name", values.name or ""))
    unit = getattr(values.variable.data, "units", None)
    shown = unit_label(values.attrs.get("units", "") if unit is None else unit)
    return f"{name} ({shown})".strip() if shown else name
