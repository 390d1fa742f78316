"""Lengths with units: how a quantity, a string or a number becomes millimetres.

Inside the package a length is a ``float`` (or float64 array) of millimetres;
at its surface it is a :class:`pint.Quantity`. This module is the only bridge.
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
    """Return how many millimetres one `unit` is.

    Parameters
    ----------
    unit : str, pint.Unit, or pint.Quantity of magnitude 1
        A unit of length. A pint unit may be of any registry; a name, one word
        such as ``"um"``, ``"micron"`` or ``"micrometer"``, is looked up in
        pint's application registry.

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
    if hasattr(unit, "magnitude"):  # of several units pint would drop the number
        if unit.magnitude != 1:
            raise UnitsError(f"'{unit:D}' is a length, not a unit of length; {use}")
        unit = unit.units
    if not hasattr(unit, "_REGISTRY"):
        if not _NAME.fullmatch(str(unit)):
            raise UnitsError(f"{unit!r} is not the name of a unit of length; {use}")
        try:
            unit = pint.get_application_registry().Unit(str(unit))
        except Exception as error:  # pint raises many kinds for text it cannot parse
            raise UnitsError(f"{unit!r} is not a unit that pint knows; {use}") from error
    try:
        # in its own registry: another may know another unit by the same name
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
    """Write a unit for attributes, in letters that every file holds: "um", not "µm"."""
    return f"{unit:~D}".replace("\u00b5", "u").replace("\u03bc", "u")


def is_length(variable: xr.Variable) -> bool:
    """Return whether a variable holds numbers in a unit of length; it is not read."""
    unit = getattr(variable._data, "units", variable.attrs.get("units"))
    return unit is not None and variable.dtype.kind in "iuf" and is_length_unit(unit)


def _scale(values: Any, unit: Any) -> Any:
    """Convert magnitudes in `unit` to mm, to the nearest float where it is a power of ten."""
    factor = unit_factor(unit)
    if factor == 1.0:
        return values
    inverse = 1.0 / factor
    if factor < 1 and abs(inverse - round(inverse)) < 1e-9 * inverse:
        return values / float(round(inverse))
    return values * factor


def parse_length(text: str, what: str = "length") -> float:
    """Read a string such as ``"25 um"`` as millimetres: a number and a unit.

    Raises
    ------
    UnitsError
        If it has no unit, or one that is not a length, or is not a number.

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
    """Convert a length, or many, to plain millimetres.

    Parameters
    ----------
    value : number, str, pint.Quantity, array, list of these, DataArray or Variable
        A bare number is millimetres. Quantities may come from any registry.
        An xarray object is read by the unit of its data, else by its
        ``units`` attribute, else as millimetres.
    what : str
        What it is, for the error.

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
