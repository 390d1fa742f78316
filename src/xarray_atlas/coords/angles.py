"""Angles with units."""

from __future__ import annotations

from typing import Any

import pint

from xarray_atlas.errors import UnitsError

__all__ = ["to_degrees"]


def to_degrees(value: Any, what: str) -> float:
    """Parse an angle: a quantity, or text with a number and a unit.

    Parameters
    ----------
    value : str or pint.Quantity
        For example ``"5 deg"`` or ``"0.1 rad"``.
    what : str
        Name of the parameter, for error messages.

    Returns
    -------
    float
        Angle in degrees.

    Raises
    ------
    UnitsError
        If it has no unit, or the unit is not one of angle.

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
    except Exception as error:  # pint raises many types of errors for unparsable text
        raise UnitsError(
            f"{what}={str(value)!r} is not an angle with a unit; write it as '5 deg'"
        ) from error
    if not abs(degrees) < float("inf"):
        raise UnitsError(f"{what}={str(value)!r} is not an angle with a unit; write it as '5 deg'")
    return degrees
