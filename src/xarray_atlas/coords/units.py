"""Conversion of quantities, strings and numbers to millimetres.

Inside the package a length is a ``float`` (or float64 array) in millimetres; in its public
interface it is a :class:`pint.Quantity`. All conversions are in this module.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pint
import xarray as xr

from xarray_atlas.errors import UnitsError

_NAME = re.compile(r"[^\W\d_]+")
_LENGTH = re.compile(
    r"\s*(?P<number>[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)\s*(?P<unit>[^\W\d_]+)\s*", re.I
)

__all__ = [
    "is_length",
    "is_length_unit",
    "millimetre",
    "parse_length",
    "quantity",
    "to_mm",
    "unit_factor",
    "unit_text",
    "with_symbols",
]


def millimetre() -> pint.Unit:
    """Return the millimetre of pint's application registry."""
    unit: pint.Unit = pint.get_application_registry().Unit("millimeter")
    return unit


def quantity(values: Any, power: int = 1) -> Any:
    """Attach ``mm``, ``mm**2`` or ``mm**3`` to plain numbers."""
    registry = pint.get_application_registry()
    return registry.Quantity(values, registry.Unit("millimeter") ** power)


def unit_factor(unit: Any) -> float:
    """Return the length of a `unit` in millimetres.

    Parameters
    ----------
    unit : str, pint.Unit, or pint.Quantity of magnitude 1
        A unit of length. Pint units may be of any registry; names, a single word such as ``"um"``,
        ``"micron"`` or ``"micrometer"``, are looked up in pint's application registry.

    Returns
    -------
    float
        Millimetres in one `unit`.

    Raises
    ------
    UnitsError
        If it is not a unit of length.

    Examples
    --------
    >>> unit_factor("um")
    0.001
    """
    use = "use one such as 'mm' or 'um'"
    if hasattr(unit, "magnitude"):  # pint would drop the number of several units
        if unit.magnitude != 1:
            raise UnitsError(f"'{unit:D}' is a length, not a unit of length; {use}")
        unit = unit.units
    if not hasattr(unit, "_REGISTRY"):
        if not _NAME.fullmatch(str(unit)):
            raise UnitsError(f"{unit!r} is not the name of a unit of length; {use}")
        try:
            unit = pint.get_application_registry().Unit(str(unit))
        except Exception as error:  # pint raises many types of errors for unparsable text
            raise UnitsError(f"{unit!r} is not a unit that pint knows; {use}") from error
    if f"{unit:D}" == "css_pixel":  # 1/96 inch, which no image means by its pixels
        raise UnitsError(f"'px', a pixel, is not a unit of length; {use}")
    try:
        # in its registry: another one may define the name differently
        return float(unit._REGISTRY.Quantity(1.0, unit).to("millimeter").magnitude)
    except Exception as error:
        raise UnitsError(f"'{unit:D}' is not a unit of length; {use}") from error


def is_length_unit(unit: Any) -> bool:
    """Return whether `unit` is a unit of length."""
    try:
        unit_factor(unit)
    except UnitsError:
        return False
    return True


def unit_text(unit: pint.Unit) -> str:
    """Format a unit for attributes, in ASCII: "um", not "µm"."""
    return with_symbols(unit, "D").replace("\u00b5", "u").replace("\u03bc", "u")


def with_symbols(unit: pint.Unit, layout: str) -> str:
    """Format a unit in one of pint's layouts, with symbols where pint has them."""
    try:
        return f"{unit:~{layout}}"
    except KeyError:  # pint 0.25 makes dB/Hz of a delta_decibel without a symbol
        return f"{unit:{layout}}".replace("delta_", "")


def is_length(variable: xr.Variable) -> bool:
    """Return whether a variable holds numbers in a unit of length, without reading it."""
    unit = getattr(variable._data, "units", variable.attrs.get("units"))
    return unit is not None and variable.dtype.kind in "iuf" and is_length_unit(unit)


def _scale(values: Any, unit: Any) -> Any:
    """Convert magnitudes in `unit` to mm, to the nearest float if it is a power of ten."""
    factor = unit_factor(unit)
    if factor == 1.0:
        return values
    inverse = 1.0 / factor
    if factor < 1 and abs(inverse - round(inverse)) < 1e-9 * inverse:
        return values / float(round(inverse))
    return values * factor


def parse_length(text: str, what: str = "length") -> float:
    """Parse a string such as ``"25 um"``, a number and a unit, as millimetres.

    Raises
    ------
    UnitsError
        If it is not a number with a unit of length.

    Examples
    --------
    >>> parse_length("25 um")
    0.025
    """
    found = _LENGTH.fullmatch(text)
    if found is None:
        try:
            float(text)
        except ValueError:
            raise UnitsError(
                f"cannot read {text!r} as a {what}; write a number and a unit, as '5.5 mm'"
            ) from None
        raise UnitsError(f"{text!r} has no unit; write a {what} as '5 mm'")
    try:
        return float(_scale(float(found["number"]), found["unit"]))
    except UnitsError as error:
        raise UnitsError(f"{text!r} is not a {what}: {error}") from error


def to_mm(value: Any, what: str = "length") -> Any:
    """Convert lengths to plain millimetres.

    Parameters
    ----------
    value : number, str, pint.Quantity, array, list of these, DataArray or Variable
        Bare numbers are millimetres. Quantities may come from any registry. For xarray objects the
        unit of the data is used, or else the ``units`` attribute, or else millimetres.
    what : str
        Name of the value, for error messages.

    Returns
    -------
    float, float64 array, or an xarray object of the same shape without units.

    Raises
    ------
    UnitsError
        If the unit is not a length, or a string has none.
    """
    if isinstance(value, xr.DataArray | xr.Variable):
        return _xarray_to_mm(value, what)
    if isinstance(value, str):
        return parse_length(value, what)
    if hasattr(value, "magnitude") and hasattr(value, "units"):
        return _quantity_to_mm(value, what)
    if isinstance(value, bool | np.bool_):
        raise UnitsError(f"{value!r} is not a {what}")
    if isinstance(value, list | tuple):
        if not value:
            return np.empty(0)
        return np.asarray([to_mm(item, what) for item in value], dtype=np.float64)
    array = np.asarray(value)
    if array.dtype.kind in "iuf":
        return float(array) if array.ndim == 0 else array.astype(np.float64)
    if array.dtype.kind in "UT" or (array.dtype.kind == "O" and array.ndim):
        flat = [to_mm(item, what) for item in array.ravel()]
        return np.asarray(flat, dtype=np.float64).reshape(array.shape)
    raise UnitsError(f"cannot read a {what} from {value!r} (dtype {array.dtype})")


def _quantity_to_mm(value: Any, what: str) -> Any:
    try:
        magnitude = np.asarray(value.magnitude, dtype=np.float64)
        converted = _scale(magnitude, value.units)
    except UnitsError as error:
        raise UnitsError(f"{value!s} is not a {what}: {error}") from error
    return float(converted) if np.ndim(converted) == 0 else np.asarray(converted)


def _xarray_to_mm(value: Any, what: str) -> Any:
    data = value.variable.data if isinstance(value, xr.DataArray) else value.data
    if not hasattr(data, "units"):
        unit = value.attrs.get("units")
        data = to_mm(data, what) if unit is None else _scale(np.asarray(data, float), unit)
    else:
        data = _quantity_to_mm(data, what)
    plain = value.copy(data=data)
    plain.attrs.pop("units", None)
    return plain
