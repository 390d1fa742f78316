"""Angles with units."""

from __future__ import annotations

from typing import Any

import pint

from xarray_atlas.errors import UnitsError

__all__ = ["to_degrees"]


def to_degrees(value: Any, what: str) -> float:
    """Read an angle: a quantity, or text with a number and a unit.

    Parameters
    ----------
    value : str or pint.Quantity
        Such as ``"5 deg"`` or ``"0.1 rad"``.
    what : str
        The parameter, for the error.

    Returns
    -------
    float
        In degrees.

    Raises
    ------
    UnitsError
        If it has no unit, or one that is not of an angle.

    Examples
    --------
    >>> from xarray_atlas.coords.angles import to_degrees
    >>> to_degrees("5 deg", "tilt")
    5.0
    """
    if not isinstance(value, str) and not hasattr(value, "units"):
        raise UnitsError(f"{what}={value!r} has no unit; write an angle as '5 deg'")
    try:
        found = pint.get_application_registry().Quantity(value) if isinstance(value, str) else value
        if found.unitless:  # pint takes a number without a unit for radians
            raise ValueError("no unit")
        degrees = float(found.to("degree").magnitude)
    except Exception as error:  # pint raises many kinds for text it cannot parse
        raise UnitsError(
            f"{what}={str(value)!r} is not an angle with a unit; write it as '5 deg'"
        ) from error
    if not abs(degrees) < float("inf"):
        raise UnitsError(f"{what}={str(value)!r} is not an angle with a unit; write it as '5 deg'")
    return degrees
