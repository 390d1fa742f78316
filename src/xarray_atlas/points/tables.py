"""Points as callers have them: tables, Datasets, arrays, in any unit of length.

Whatever the form, they are read as three arrays of millimetres on the points' own dimensions,
and what else the caller holds of each point is kept beside them.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from dask.base import compute
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas, find_coordinate
from xarray_atlas.coords.space import AXES
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.points.units import in_mm, magnitudes

__all__ = ["Points", "read_points"]


@dataclass(frozen=True)
class Points:
    """Positions of points, not yet in the frame of an atlas.

    Attributes
    ----------
    mm : dict of str to float64 array
        The position along ``"ap"``, ``"dv"`` and ``"ml"``, all of one shape.
    names : dict of str to hashable
        What the caller calls each axis.
    dims : tuple of hashable
        The points' own dimensions.
    kept : Dataset
        The caller's coordinates and columns, as coordinates.
    positions : set of hashable
        Which of them are the positions themselves.
    categories : dict of hashable to Index
        Of the columns that are categoricals, in their order.
    """

    mm: dict[str, FloatArray]
    names: dict[str, Hashable]
    dims: tuple[Hashable, ...]
    kept: xr.Dataset
    positions: set[Hashable]
    categories: dict[Hashable, pd.Index] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of points along each dimension."""
        return tuple(self.mm["ap"].shape)

    def stacked(self) -> FloatArray:
        """Return the positions along ap, dv and ml, shape (points, 3)."""
        return np.stack([self.mm[axis].ravel() for axis in AXES], axis=-1)


def read_points(
    obj: xr.Dataset | xr.DataArray,
    points: Any,
    unit: Any = None,
    axes: Iterable[str] | None = None,
    columns: Mapping[str, Any] | None = None,
) -> Points:
    """Read points in any of the accepted forms; dask arrays of positions are computed.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas, whose dimensions also name axes.
    points : DataFrame, Dataset, DataArray, mapping, sequence of three DataArrays, or array
    unit : str or pint.Unit, optional
        Of positions that do not say theirs.
    axes : iterable of str, optional
        The three axes of an array, or which three of the columns are the positions.
    columns : mapping of str to hashable, optional
        What an axis is called by the caller.

    Raises
    ------
    PointsError
        If the three axes cannot be told, or there is not one position along each.
    UnitsError
        If a unit is missing, contradicted, or not of length.
    """
    known = _axis_names(obj)
    wanted = None if axes is None else _checked_axes(axes, known)
    if isinstance(points, xr.DataArray):
        points = _split(points, wanted, known)
    elif isinstance(points, list | tuple) and any(isinstance(p, xr.DataArray) for p in points):
        if wanted is None:
            raise PointsError("say which axes the DataArrays are: axes=('ap', 'dv', 'ml')")
        if len(points) != 3:
            raise PointsError(f"points need three DataArrays, one an axis, not {len(points)}")
        points = dict(zip(wanted, points, strict=True))
    if isinstance(points, pd.DataFrame):
        chosen = _choose(points.columns, known, wanted, columns, "columns")
        return _from_table(points, chosen, unit)
    if isinstance(points, xr.Dataset):
        chosen = _choose(points.variables, known, wanted, columns, "variables")
        found = {axis: points[name] for axis, name in chosen.items()}
        return _from_arrays(found, chosen, unit, points.set_coords(list(points.data_vars)))
    if isinstance(points, Mapping):
        chosen = _choose(points, known, wanted, columns, "entries")
        _require_one_index([points[name] for name in chosen.values()])
        found = {axis: _as_array(points[name], name) for axis, name in chosen.items()}
        return _from_arrays(found, chosen, unit, None)
    if columns is not None:
        raise PointsError("columns= names the columns of a table; of an array pass axes=")
    return _from_rows(points, wanted, known, unit)


# -- which axis is which


def _axis_names(obj: xr.Dataset | xr.DataArray) -> dict[Hashable, str]:
    """Return what names each anatomical axis: itself, and the dimension that it runs along."""
    _, space = find_atlas(obj)
    known: dict[Hashable, str] = {axis: axis for axis in AXES}
    for axis, name in space.coordinates(obj).items():
        for own in (space.dims[space.position(axis)],) if name is None else (
            name, *obj.coords[name].dims
        ):  # fmt: skip
            if known.setdefault(own, axis) != axis:
                raise PointsError(
                    f"{own!r} is the name of an anatomical axis, but this {type(obj).__name__} "
                    f"calls another one so ({space.direction(axis)}): rename that dimension"
                )
    return known


def _checked_axes(axes: Iterable[str], known: Mapping[Hashable, str]) -> list[Hashable]:
    """Return three names, one for each anatomical axis, in the order given."""
    names: list[Hashable] = [axes] if isinstance(axes, str) else list(axes)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise PointsError(f"no axis {unknown[0]!r}; the axes are {_listed(known)}")
    if sorted(known[name] for name in names) != sorted(AXES):
        raise PointsError(
            f"axes={tuple(names)!r} does not name each axis once; name ap, dv and ml, in the order "
            "of the numbers, or the dimensions that run along them"
        )
    return names


def _listed(names: Iterable[Hashable]) -> str:
    return ", ".join(repr(name) for name in names)


def _choose(
    present: Iterable[Hashable],
    known: Mapping[Hashable, str],
    axes: Sequence[Hashable] | None,
    columns: Mapping[str, Any] | None,
    what: str,
) -> dict[str, Hashable]:
    """Find the column that holds the positions along each anatomical axis.

    Those that the caller names come first; the other axes are found by their own names.
    """
    there = list(present)
    chosen: dict[str, Hashable] = {}
    for name, column in (columns or {}).items():
        if name not in known:
            raise PointsError(f"columns= has no axis {name!r}; the axes are {_listed(known)}")
        if column not in there:
            low = {str(name).lower(): name for name in there}
            close = [low[n] for n in difflib.get_close_matches(str(column).lower(), low)]
            hint = f"; did you mean {_listed(close)}?" if close else ""
            raise PointsError(f"no {column!r} among the {what} {_listed(there)}{hint}")
        if known[name] in chosen:
            raise PointsError(
                f"columns= gives the axis {known[name]!r} twice: {dict(columns or {})}"
            )
        chosen[known[name]] = column
    rest = [axis for axis in AXES if axis not in chosen]
    for axis in rest:
        names = [n for n in (known if axes is None else axes) if known[n] == axis and n in there]
        if len(names) > 1:
            raise PointsError(
                f"both {names[0]!r} and {names[1]!r} may be the positions along {axis!r}; choose "
                f"with axes=('ap', 'dv', 'ml') or columns={{{axis!r}: {names[0]!r}}}"
            )
        if names:
            chosen[axis] = names[0]
    missing = [axis for axis in AXES if axis not in chosen]
    if missing:
        own = {
            axis: next(n for n, a in known.items() if a == axis and n != axis) for axis in missing
        }
        raise PointsError(
            f"no positions along {_listed(missing)}: the {what} are {_listed(there) or 'none'}. "
            f"Call them {_listed(missing)} or {_listed(own.values())}, or say what they are "
            f"called: columns={{{missing[0]!r}: ...}}"
        )
    for taken in chosen.values():
        if there.count(taken) > 1:
            raise PointsError(f"{taken!r} is {there.count(taken)} times among the {what}")
    return chosen


def _split(
    points: xr.DataArray, axes: Sequence[Hashable] | None, known: Mapping[Hashable, str]
) -> Mapping[Hashable, xr.DataArray]:
    """Take a DataArray apart along the dimension of its axes."""
    dims = [
        dim
        for dim in points.dims
        if dim in points.coords
        and points.sizes[dim] == 3
        and all(label in known for label in points[dim].values.tolist())
    ]
    if dims and axes is None:
        labels = _checked_axes(points[dims[0]].values.tolist(), known)
    elif axes is not None and (dims or (points.ndim and points.shape[-1] == 3)):
        labels = list(axes)
        if dims and sorted(map(str, labels)) == sorted(map(str, points[dims[0]].values.tolist())):
            labels = points[dims[0]].values.tolist()  # the array says it itself
    else:
        raise PointsError(
            f"one DataArray holds points where a dimension is labelled with the axes, such as "
            f"'ap', 'dv', 'ml', or its last one has the length 3 and axes= names them; this has "
            f"the dimensions {dict(points.sizes)}"
        )
    dim = dims[0] if dims else points.dims[-1]
    return {name: points.isel({dim: i}, drop=True) for i, name in enumerate(labels)}


# -- the forms


def _from_table(table: pd.DataFrame, chosen: dict[str, Hashable], unit: Any) -> Points:
    mm = {
        axis: in_mm(_cells(table[name]), _unit_of(table[name], name), name, unit)
        for axis, name in chosen.items()
    }
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise PointsError(f"the table has several columns {twice[0]!r}")
    taken = {*table.columns, *table.index.names}
    multiple = isinstance(table.index, pd.MultiIndex)
    dim = None if multiple or table.index.name in table.columns else table.index.name
    dim = next(
        n for n in (dim, "point", "row", "index") if n is not None and (n == dim or n not in taken)
    )
    coords: dict[Any, Any] = {}
    if multiple:
        for i, level in enumerate(table.index.names):
            coords[level or f"level_{i}"] = Variable(
                (dim,), _plain(table.index.get_level_values(i).to_series())
            )
    else:
        coords[dim] = Variable((dim,), _plain(table.index.to_series()))
    for name in table.columns:
        coords[name] = Variable((dim,), _plain(table[name]))
    for position in chosen.values():
        own = _unit_of(table[position], position)
        coords[position].attrs.update({} if own is unit is None else {"units": str(own or unit)})
    categories: dict[Hashable, pd.Index] = {
        name: table[name].cat.categories
        for name in table.columns
        if isinstance(table[name].dtype, pd.CategoricalDtype)
    }
    kept = xr.Dataset(coords=coords)
    return Points(mm, dict(chosen), (dim,), kept, set(chosen.values()), categories)


def _plain(column: Any) -> Any:
    """Return a column as numpy has it; a categorical as its values."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        # not astype: a missing value has no place among integers
        return np.asarray(column)
    values = column.to_numpy()
    if isinstance(column.dtype, pd.StringDtype):
        values = values.astype(object)
    return values


def _cells(column: Any) -> Any:
    """Return the positions in a column as floats, or as they are where they are no numbers."""
    numbers = pd.api.types.is_numeric_dtype(column.dtype) or hasattr(column.dtype, "units")
    if numbers and not pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return column.to_numpy()


def _unit_of(column: Any, name: Hashable) -> Any:
    """Return the unit of a column: of its type, or in its attributes, or in those of the table."""
    own = getattr(column.dtype, "units", None)
    own = column.attrs.get("units") if own is None else own
    return own.get(name) if isinstance(own, Mapping) else own


def _require_one_index(columns: Iterable[Any]) -> None:
    """Refuse Series of which the same place is not the same point."""
    indexes = [column.index for column in columns if isinstance(column, pd.Series)]
    if any(not index.equals(indexes[0]) for index in indexes[1:]):
        raise PointsError(
            "the positions along the axes do not belong together: their Series have different "
            "indexes; put them into one table, pd.DataFrame(points)"
        )


def _as_array(value: Any, name: Hashable) -> xr.DataArray:
    """Return one entry of a mapping as a DataArray; numbers without dimensions are on ``point``."""
    if isinstance(value, xr.DataArray | Variable):
        return xr.DataArray(value)
    if isinstance(value, pd.Series):
        own, value = _unit_of(value, name), _cells(value)
    else:
        own, value = getattr(value, "units", None), magnitudes(value)
    if value.ndim > 1:
        raise PointsError(f"{name!r} has {value.ndim} dimensions; name them in a DataArray")
    attrs = {} if own is None else {"units": own}
    return xr.DataArray(value, dims=("point",)[: value.ndim], attrs=attrs)


def _from_arrays(
    found: Mapping[str, xr.DataArray],
    chosen: dict[str, Hashable],
    unit: Any,
    kept: xr.Dataset | None,
) -> Points:
    # once, also where the three are derived from one computation
    computed = compute(*found.values())
    arrays = []
    for array, name in zip(computed, chosen.values(), strict=True):
        variable = array.variable
        own = getattr(variable.data, "units", variable.attrs.get("units"))
        mm = in_mm(variable.data, own, name, unit)
        arrays.append(xr.DataArray(mm, coords=array.coords, dims=array.dims))
    try:
        arrays = list(xr.broadcast(*xr.align(*arrays, join="exact")))
    except ValueError as error:
        raise PointsError(
            f"the positions along the axes do not belong together: {error}"
        ) from error
    dims = arrays[0].dims
    if kept is None:
        kept = xr.Dataset(coords=xr.merge([a.coords for a in arrays], compat="override").coords)
    gone = [n for n, c in kept.coords.items() if not set(c.dims) <= set(dims)]
    carrier = find_coordinate(kept)
    kept = kept.drop_vars([*gone, *([] if carrier is None else [carrier])])
    values = {axis: array.values for axis, array in zip(found, arrays, strict=True)}
    return Points(values, dict(chosen), dims, kept, set(chosen.values()))


def _from_rows(
    points: Any, axes: Sequence[Hashable] | None, known: Mapping[Hashable, str], unit: Any
) -> Points:
    if axes is None:
        raise PointsError(
            "an array does not say which column is which axis: pass axes=('ap', 'dv', 'ml'), in "
            "the order of its columns"
        )
    mm = in_mm(points, getattr(points, "units", None), "points", unit)
    if mm.ndim not in (1, 2) or mm.shape[-1] != 3:
        raise PointsError(f"an array of points has the shape (n, 3), not {mm.shape}")
    dims = ("point",)[: mm.ndim - 1]
    columns = {known[name]: np.array(mm[..., i]) for i, name in enumerate(axes)}
    return Points(columns, {known[n]: n for n in axes}, dims, xr.Dataset(), set())
