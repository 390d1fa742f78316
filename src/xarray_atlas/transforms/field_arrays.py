"""Displacement fields as DataArrays, with coordinates and units."""

from __future__ import annotations

from typing import Any, get_args

import dask.array as da
import numpy as np
import xarray as xr

from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.coords.world import WORLD_DIRECTIONS, ras_matrix, world_coordinates, world_of
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.kernels.spacing import regular_step
from xarray_atlas.transforms.ends import LETTERS
from xarray_atlas.transforms.steps import FieldStep, Outside

__all__ = ["COMPONENT", "COMPONENTS", "field_array", "field_step", "turned_field"]

COMPONENT = "component"
COMPONENTS = ("x", "y", "z")
"""Labels of displacements to the right, anterior and superior."""


def field_array(step: FieldStep) -> xr.DataArray:
    """Return a field as a DataArray on its grid; for B-splines the coefficients."""
    dims = ("i", "j", "k")
    coords: dict[Any, Any] = dict(world_coordinates(step.grid, step.data.shape[1:], dims))
    coords[COMPONENT] = (COMPONENT, list(COMPONENTS))
    name = "displacement" if step.degree == 1 else "coefficient"
    attrs = {"units": "mm", "outside": step.outside}
    return xr.DataArray(step.data, coords, (COMPONENT, *dims), name, attrs)


def field_step(field: xr.DataArray, outside: Outside) -> FieldStep:
    """Interpret a DataArray as a displacement field.

    Parameters
    ----------
    field : DataArray
        Same as in :meth:`Transform.from_field`.
    outside : "error", "nearest" or "identity"

    Raises
    ------
    GridError
        If the positions of its voxels or the meaning of its components are unknown.
    UnitsError
        If it has no unit.
    """
    if outside not in get_args(Outside):
        raise ValueError(f"outside={outside!r} is not one of {list(get_args(Outside))}")
    if not isinstance(field, xr.DataArray):
        raise TypeError(f"a displacement field is a DataArray, not a {type(field).__name__}")
    spatial = [d for d in field.dims if field.coords[d].attrs.get("direction") in LETTERS]
    rest = [dim for dim in field.dims if dim not in spatial]
    if len(spatial) != 3 or len(rest) != 1 or field.sizes[rest[0]] != 3:
        raise GridError(
            "a displacement field has three dimensions with coordinates that say their "
            f"direction, and one of length 3 for the components; this one has "
            f"{dict(field.sizes)}, and of these {spatial} say their direction"
        )
    if field.dtype.kind not in "fiu":
        raise GridError(f"the displacements are {field.dtype}, not numbers")
    unit = getattr(field.variable._data, "units", field.attrs.get("units"))
    if unit is None:
        raise UnitsError("the displacements have no unit; give them one: field.attrs['units']='mm'")
    letters = [LETTERS[field.coords[dim].attrs["direction"]] for dim in spatial]
    index = np.eye(4)
    for at, dim in enumerate(spatial):
        positions = lengths(field, dim)
        step = regular_step(positions)
        if step is None:
            raise GridError(
                f"the coordinate {dim!r} of the displacement field has {positions.size} positions "
                "that are not evenly spaced; a field has two and more, evenly spaced"
            )
        index[at, at], index[at, 3] = step, positions[0]
    to_ras = ras_matrix(letters, world_of(field))
    labels = (
        [str(label) for label in field.coords[rest[0]].values] if rest[0] in field.coords else []
    )
    if sorted(labels) == sorted(map(str, spatial)):
        columns = [list(map(str, spatial)).index(label) for label in labels]
        turn = to_ras[:3, columns]
    elif sorted(labels) == list(COMPONENTS):
        turn = np.eye(3)[:, [COMPONENTS.index(label) for label in labels]]
    else:
        raise GridError(
            f"the components of the displacement field along {rest[0]!r} are labelled {labels}; "
            f"label them x, y and z for displacements in RAS mm ({', '.join(WORLD_DIRECTIONS)}), "
            f"or {spatial} for displacements along its own coordinates: "
            f"field.assign_coords({rest[0]}=['x', 'y', 'z'])"
        )
    variable = field.variable.transpose(rest[0], *spatial)
    data = getattr(variable.data, "magnitude", variable.data)
    return FieldStep(turned_field(data, turn * unit_factor(unit)), to_ras @ index, outside)


def turned_field(data: Any, turn: Any) -> Any:
    """Multiply displacements (3, n, m, k) by a (3, 3) matrix, keeping their floating-point type."""
    if not isinstance(data, da.Array):
        data = np.asarray(data)
    kind = np.result_type(data.dtype, np.float32)
    data = data.astype(kind, copy=False)
    if np.array_equal(turn, np.eye(3)):
        return data
    stack: Any = da.stack if isinstance(data, da.Array) else np.stack
    turn = turn.astype(kind)
    rows = []
    for row in turn:
        parts = [data[at] * factor for at, factor in enumerate(row) if factor]
        rows.append(sum(parts[1:], parts[0]))
    found = stack(rows)
    return found.rechunk({0: -1}) if isinstance(found, da.Array) else found
