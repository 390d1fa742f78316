"""Units given by the user for coordinates without one."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

import numpy as np
import pint
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas, find_coordinate
from xarray_atlas.coords.space import DIRECTIONS
from xarray_atlas.coords.units import is_length, unit_factor, unit_text
from xarray_atlas.errors import GridError, UnitsError

__all__ = ["UnitsLike", "require_length", "require_units", "state_units"]

T = TypeVar("T", xr.Dataset, xr.DataArray)

UnitsLike = str | pint.Unit | Mapping[Any, str | pint.Unit]
"""A unit of length, or a mapping from the names of coordinates to units."""

SPATIAL = ("z", "y", "x", "ap", "dv", "ml")
"""Names of coordinates that are assumed to be lengths."""


def require_length(obj: xr.Dataset | xr.DataArray, name: Hashable, what: str | None = None) -> None:
    """Refuse a coordinate that is not a length, and explain how to give its unit.

    Parameters
    ----------
    obj : Dataset or DataArray
    name : hashable
        Name of the coordinate.
    what : str, optional
        Name of the object in the message: "image".

    Raises
    ------
    GridError
        If it does not hold numbers, such as the intervals of ``groupby_bins``.
    UnitsError
        If it has no unit of length.
    """
    variable = obj.coords[name].variable
    if variable.dtype.kind not in "iuf":
        raise GridError(_no_numbers(name, variable))
    if is_length(variable):
        return
    called = what or "obj"
    unit = _unit(variable)
    whose = f"coordinate {name!r}" + (f" of the {what}" if what else "")
    if unit is not None:
        raise UnitsError(
            f"{whose} has the unit '{unit}', which is not a unit of length. Where that is wrong, "
            f"drop it, del {called}[{name!r}].attrs['units'], and state the right one. "
            f"{_state(obj, [name], called)}"
        )
    raise UnitsError(f"{whose} has no unit{_numbers(variable)}. {_state(obj, [name], called)}")


def require_units(obj: xr.Dataset | xr.DataArray, called: str = "obj") -> None:
    """Refuse spatial coordinates without a unit, and an image without any unit.

    Raises
    ------
    UnitsError
        If there are any.
    """
    numeric = [n for n, c in obj.coords.items() if c.dims in ((n,), ()) and c.dtype.kind in "iuf"]
    spatial = [name for name in numeric if _is_spatial(obj, name)]
    for name in spatial:
        if "units" in obj.coords[name].attrs:
            require_length(obj, name)
    without = [name for name in spatial if not is_length(obj.coords[name].variable)]
    if not without and find_coordinate(obj) is None:
        # under other names: an image has at least two axes, while a table of results also has names
        dims = [name for name in obj.dims if name in obj.coords]
        bare = [n for n in dims if n in numeric and _unit(obj.coords[n].variable) is None]
        without = bare if len(bare) > 1 and bare == dims else []
    if without:
        listed = ", ".join(repr(str(name)) for name in without)
        which = f"coordinates {listed} have" if len(without) > 1 else f"coordinate {listed} has"
        shown = _numbers(obj.coords[without[0]].variable, str(without[0]))
        raise UnitsError(f"the {which} no unit{shown}. {_state(obj, without, called)}")


def state_units(obj: T, unit: UnitsLike) -> T:
    """Return an object with the given units on its coordinates.

    Raises
    ------
    UnitsError
        If it is not a unit of length, or contradicts a coordinate's unit.
    """
    if isinstance(unit, Mapping):
        stated = dict(unit)
        if missing := [name for name in stated if name not in obj.coords]:
            raise UnitsError(
                f"unit= names {missing[0]!r}, and there are the coordinates "
                f"{sorted(map(str, obj.coords))}"
            )
    else:
        unit_factor(unit)
        spatial = [name for name in obj.coords if _is_spatial(obj, name)]
        bare = [name for name in spatial if _unit(obj.coords[name].variable) is None]
        stated = dict.fromkeys(bare or spatial, unit)
        if not stated:
            raise UnitsError(
                f"unit={unit!s} is that of coordinates with a 'direction' or called "
                f"{', '.join(SPATIAL)}, and there are none; name them: "
                f"unit={{{next(iter(obj.coords), 'z')!r}: {str(unit)!r}}}"
            )
    changed = {}
    for name, one in stated.items():
        coord = obj.coords[name]
        if coord.dtype.kind not in "iuf":
            raise GridError(_no_numbers(name, coord.variable))
        own = _unit(coord.variable)
        if own is None:
            unit_factor(one)  # raises if the unit is invalid
            changed[name] = one if isinstance(one, str) else unit_text(one)
        elif not is_length(coord.variable) or not np.isclose(
            unit_factor(own), unit_factor(one), rtol=1e-9, atol=0
        ):
            raise UnitsError(
                f"unit= says that coordinate {name!r} is in {one!s}, and its own unit is {own!s}. "
                f"Where that is wrong, drop it first: del obj[{name!r}].attrs['units']"
            )
    obj = obj.copy(deep=False)
    for name, text in changed.items():
        obj.coords[name].attrs["units"] = text
    return obj


def _unit(variable: xr.Variable) -> Any:
    return getattr(variable._data, "units", variable.attrs.get("units"))


def _is_spatial(obj: xr.Dataset | xr.DataArray, name: Hashable) -> bool:
    coord = obj.coords[name]
    if coord.dims not in ((name,), ()) or coord.dtype.kind not in "iuf":
        return False
    carrier = find_coordinate(obj)
    own = () if carrier is None else find_atlas(obj)[1].dims
    return coord.attrs.get("direction") in DIRECTIONS.values() or name in {*SPATIAL, *own}


def _numbers(variable: xr.Variable, name: str = "") -> str:
    """Format the range of the numbers, which hints at the unit."""
    if not variable.size:
        return ""
    values = np.asarray(variable.values, dtype=np.float64)
    of = f" of {name!r}" if name else ""
    return f" (its values{of} run from {values.min():g} to {values.max():g})"


def _state(obj: xr.Dataset | xr.DataArray, names: list[Hashable], called: str) -> str:
    """Explain how to give a unit, without choosing one."""
    if all(_is_spatial(obj, name) for name in names):
        mm, um = "'mm'", "'um'"
    else:
        mm, um = (f"{{{', '.join(f'{n!r}: {u!r}' for n in names)}}}" for u in ("mm", "um"))
    return (
        f"Only you know it: xarray_atlas.decode({called}, unit={mm}) if they are millimetres, "
        f"unit={um} if they are micrometres"
    )


def _no_numbers(name: Hashable, variable: xr.Variable) -> str:
    first = variable.values.ravel()[0] if variable.size else None
    if hasattr(first, "mid"):
        return (
            f"coordinate {name!r} holds intervals, from groupby_bins or cut, which are not "
            "positions of voxels. Make voxels of even size with coarsen, or replace them by their "
            f"middles, with a unit: obj.assign_coords({name}=({name!r}, [i.mid for i in "
            f"obj[{name!r}].values], obj[{name!r}].attrs))"
        )
    return f"coordinate {name!r} is {variable.dtype}, and positions are numbers with a unit"
