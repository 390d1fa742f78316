"""Read points from tables, Datasets and arrays, in any unit of length.

All forms are converted to three arrays in millimetres on the dimensions of the points; other
columns and coordinates are kept.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from dask.base import compute
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_coordinate
from xarray_atlas.coords.space import AXES
from xarray_atlas.dataframes import as_dataframe
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.points.bregma import refuse_bregma
from xarray_atlas.points.columns import checked_axes, choose, direction_axes
from xarray_atlas.points.file_points import of_file, of_image
from xarray_atlas.points.own_frames import check_directions, own_frame
from xarray_atlas.points.paths import opened
from xarray_atlas.points.spaces import PointsSpace, points_space
from xarray_atlas.points.statement import Statement
from xarray_atlas.points.tool_columns import check_tool
from xarray_atlas.points.units import VOXEL_SIZE, Indices, in_mm, magnitudes, own_unit
from xarray_atlas.transforms.any_frame import frame_as_attr

__all__ = ["Points", "read_points"]


@dataclass(frozen=True)
class Points:
    """Positions of points, before conversion to the frame of an atlas.

    Attributes
    ----------
    mm : dict of str to float64 array
        The position along ``"ap"``, ``"dv"`` and ``"ml"``, all of the same shape.
    names : dict of str to hashable
        The user's name of each axis.
    dims : tuple of hashable
        The dimensions of the points.
    kept : Dataset
        The user's coordinates and columns, as coordinates.
    positions : set of hashable
        The names of those that are positions.
    frame : str, Frame, PointsSpace or array
        The coordinate system.
    categories : dict of hashable to Index
        Index of each categorical column, in its order.
    """

    mm: dict[str, FloatArray]
    names: dict[str, Hashable]
    dims: tuple[Hashable, ...]
    kept: xr.Dataset
    positions: set[Hashable]
    frame: Any
    categories: dict[Hashable, pd.Index] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of points along each dimension."""
        return tuple(self.mm["ap"].shape)

    @property
    def stated_frame(self) -> str | list[float]:
        """The frame, as recorded in results."""
        if isinstance(self.frame, PointsSpace):
            return self.frame.name
        return frame_as_attr(self.frame)

    def stacked(self) -> FloatArray:
        """Return the positions along ap, dv and ml, shape (points, 3)."""
        return np.stack([self.mm[axis].ravel() for axis in AXES], axis=-1)


def read_points(
    obj: xr.Dataset | xr.DataArray,
    points: Any,
    frame: Any = None,
    unit: Any = None,
    resolution: Any = None,
    axes: Iterable[str] | None = None,
    columns: Mapping[str, Any] | None = None,
    transform: Any = None,
) -> Points:
    """Read points in any of the supported forms; dask arrays of positions are computed.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas, whose dimensions also name axes.
    points : table, Dataset, DataArray, mapping, sequence of three DataArrays, or array
    frame : str or array, optional
        The coordinate system, required if the points do not define it.
    unit : str or pint.Unit, optional
        Unit of positions without one.
    resolution : length, or mapping of str to length, optional
        The voxel size, for positions that are indices of voxels.
    axes : iterable of str, optional
        The three axes of an array, or the three columns with positions.
    columns : mapping of str to hashable, optional
        The user's name of each axis.
    transform : Transform, optional
        From the space of the points to the atlas.

    Raises
    ------
    PointsError
        If the frame or the three axes are unknown, or there is not one position along each.
    UnitsError
        If a unit is missing, contradictory, or not one of length.
    """
    points, axes, columns = opened(points, unit, axes, columns)
    if not isinstance(points, xr.Dataset | xr.DataArray | Mapping | list | tuple | np.ndarray):
        table = as_dataframe(points)
        points = points if table is None else table
    others = unit, None, axes, columns
    if transform is None:
        refuse_bregma(obj, frame, lambda known: read_points(obj, points, known, *others))
    if transform is not None:
        frame = points_space(obj, transform, frame, None if of_image(points) else unit)
    points, unit, resolution, advice = of_file(points, frame, unit, resolution)
    own = own_frame(obj, points)
    if isinstance(points, pd.Series):  # a row of a table
        points = points.to_dict()
    elif getattr(getattr(points, "dtype", None), "names", None) or _is_rows(points):
        points = pd.DataFrame(points)
    asked = Statement(obj, frame, own, unit, resolution, axes, columns, advice)
    if advice and frame is None and own is None:
        asked.settle()  # raises before its columns are read as those of another frame
    if isinstance(points, pd.DataFrame):
        return _from_table(points, asked)
    if isinstance(points, xr.DataArray):
        points = _split(points, asked)
    elif isinstance(points, list | tuple) and any(isinstance(p, xr.DataArray) for p in points):
        points = _named(points, asked)
    if isinstance(points, xr.Dataset):
        return _from_dataset(points, asked)
    if isinstance(points, Mapping):
        return _from_mapping(points, asked)
    if columns is not None:
        raise PointsError("columns= names the columns of a table; of an array pass axes=")
    return _from_rows(points, asked)


# -- supported forms


def _is_rows(points: Any) -> bool:
    """Return whether points are a list of mappings, one per point."""
    return isinstance(points, list) and bool(points) and isinstance(points[0], Mapping)


def _split(points: xr.DataArray, asked: Statement) -> Mapping[Hashable, xr.DataArray] | xr.Dataset:
    """Split a DataArray along the dimension of its axes, or use its coordinates."""
    dims = [
        dim
        for dim in points.dims
        if dim in points.coords
        and points.sizes[dim] == 3
        and all(label in asked.known for label in points[dim].values.tolist())
    ]
    wanted = asked.wanted
    if dims and wanted is None:
        labels = checked_axes(points[dims[0]].values.tolist(), asked.known, asked.likely)
    elif wanted is not None and (dims or (points.ndim and points.shape[-1] == 3)):
        labels = list(wanted)
        if dims and sorted(map(str, labels)) == sorted(map(str, points[dims[0]].values.tolist())):
            labels = points[dims[0]].values.tolist()  # given by the array itself
    else:
        for dim in points.dims if wanted is None else ():
            if dim in points.coords and sorted(map(str, points[dim].values.tolist())) == [*"xyz"]:
                checked_axes(points[dim].values.tolist(), asked.known, asked.likely)  # raises
        return _coordinates(points, asked)
    dim = dims[0] if dims else points.dims[-1]
    return {name: points.isel({dim: i}, drop=True) for i, name in enumerate(labels)}


def _coordinates(points: xr.DataArray, asked: Statement) -> xr.Dataset:
    """Return the coordinates of values at points as positions, if they have directions."""
    placed = direction_axes({n: c.attrs for n, c in points.coords.items()}, asked.known)
    if sorted(placed.values()) != sorted(AXES):
        raise PointsError(
            f"one DataArray holds points where a dimension is labelled with the axes, such as "
            f"'ap', 'dv', 'ml', or its last one has the length 3 and axes= names them, or where "
            f"three of its coordinates say their 'direction'; this has the dimensions "
            f"{dict(points.sizes)}"
        )
    if all(name in points.dims for name in placed):
        raise PointsError(
            f"this DataArray is an image on the grid {tuple(placed)}, not points; its means by "
            "region are ds.atlas.aggregate(image)"
        )
    table = points.coords.to_dataset()
    return table if points.name in (None, *table) else table.assign({points.name: points.variable})


def _named(points: Sequence[Any], asked: Statement) -> dict[Hashable, Any]:
    """Assign axes to three DataArrays."""
    if len(points) != 3:
        raise PointsError(f"points need three DataArrays, one an axis, not {len(points)}")
    names = asked.wanted
    if names is None:
        attrs: dict[Hashable, Any] = {i: getattr(p, "attrs", {}) for i, p in enumerate(points)}
        placed = direction_axes(attrs, asked.known)
        if sorted(placed.values()) != sorted(AXES):
            raise PointsError("say which axes the DataArrays are: axes=('ap', 'dv', 'ml')")
        names = [placed[i] for i in range(3)]
    return dict(zip(names, points, strict=True))


def _from_dataset(points: xr.Dataset, asked: Statement) -> Points:
    attrs = {name: v.attrs for name, v in points.variables.items()}
    placed = direction_axes(attrs, asked.known)
    known = {**asked.known, **placed}
    chosen = choose(points.variables, known, asked.wanted, asked.columns, "variables", asked.likely)
    found = {axis: points[name] for axis, name in chosen.items()}
    return _from_arrays(found, chosen, asked, placed, points.set_coords(list(points.data_vars)))


def _from_mapping(points: Mapping[Any, Any], asked: Statement) -> Points:
    kinds = (xr.DataArray, Variable)
    attrs = {name: v.attrs for name, v in points.items() if isinstance(v, kinds)}
    placed = direction_axes(attrs, asked.known)
    known = {**asked.known, **placed}
    chosen = choose(points, known, asked.wanted, asked.columns, "entries", asked.likely)
    _require_one_index([points[name] for name in chosen.values()])
    found = {axis: _as_array(points[name], name) for axis, name in chosen.items()}
    return _from_arrays(found, chosen, asked, placed, None)


def _from_table(table: pd.DataFrame, asked: Statement) -> Points:
    frame = asked.settle(table.columns)
    chosen = choose(
        table.columns, asked.known, asked.wanted, asked.columns, "columns", asked.likely
    )
    check_tool(chosen, frame, asked.unit, asked.columns is None)
    own = {axis: _unit_of(table[name], name) for axis, name in chosen.items()}
    indices = asked.indices(frame, own.values())
    mm = {
        axis: in_mm(_cells(table[name]), own[axis], name, asked.unit)
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
    for axis, column in chosen.items():
        unit = asked.unit if own[axis] is None else own[axis]
        coords[column].attrs.update(_kept_unit(axis, unit, indices))
    categories: dict[Hashable, pd.Index] = {
        name: table[name].cat.categories
        for name in table.columns
        if isinstance(table[name].dtype, pd.CategoricalDtype)
    }
    kept = xr.Dataset(coords=coords)
    placed = mm if indices is None else {a: indices.place(a, mm[a]) for a in mm}
    return Points(placed, dict(chosen), (dim,), kept, set(chosen.values()), frame, categories)


def _kept_unit(axis: str, unit: Any, indices: Indices | None) -> dict[str, str]:
    """Return the attributes of a result that give the unit of its positions."""
    if indices is not None:
        return {VOXEL_SIZE: f"{abs(indices.size[axis]):.12g} mm"}
    return {} if unit is None else {"units": str(getattr(unit, "units", unit))}


def _plain(column: Any) -> Any:
    """Return a column as a numpy array; a categorical as its values."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        # not astype: a missing value has no place among integers
        return np.asarray(column)
    values = column.to_numpy()
    if isinstance(column.dtype, pd.StringDtype):
        values = values.astype(object)
    return values


def _cells(column: Any) -> Any:
    """Return the positions in a column as floats; non-numeric ones unchanged."""
    numbers = pd.api.types.is_numeric_dtype(column.dtype) or hasattr(column.dtype, "units")
    if numbers and not pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return column.to_numpy()


def _unit_of(column: Any, name: Hashable) -> Any:
    """Return the unit of a column, from its type, its attributes or those of the table."""
    own = getattr(column.dtype, "units", None)
    own = column.attrs.get("units") if own is None else own
    return own.get(name) if isinstance(own, Mapping) else own


def _require_one_index(columns: Iterable[Any]) -> None:
    """Refuse Series in which the same position is not the same point."""
    indexes = [column.index for column in columns if isinstance(column, pd.Series)]
    if any(not index.equals(indexes[0]) for index in indexes[1:]):
        raise PointsError(
            "the positions along the axes do not belong together: their Series have different "
            "indexes; put them into one table, pd.DataFrame(points)"
        )


def _as_array(value: Any, name: Hashable) -> xr.DataArray:
    """Return an entry of a mapping as a DataArray; numbers without dimensions are on ``point``."""
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
    asked: Statement,
    placed: Mapping[Hashable, str],
    kept: xr.Dataset | None,
) -> Points:
    own = {
        axis: getattr(array.variable._data, "units", own_unit(array.attrs))
        for axis, array in found.items()
    }
    directions = {
        a: (n, str(found[a].attrs["direction"])) for a, n in chosen.items() if n in placed
    }
    for axis, (name, direction) in directions.items():
        if placed[name] != axis:
            raise PointsError(
                f"{name!r} says that it runs {direction}, which is along {placed[name]!r}, not "
                f"along {axis!r}"
            )
    frame = asked.settle(
        chosen.values(), len(directions) == 3 and all(u is not None for u in own.values())
    )
    check_directions(asked.obj, frame, directions)
    check_tool(chosen, frame, asked.unit, asked.columns is None)
    sizes = {a: array.attrs[VOXEL_SIZE] for a, array in found.items() if VOXEL_SIZE in array.attrs}
    indices = asked.indices(frame, own.values(), sizes if len(sizes) == 3 else None)
    # once, even if the three are derived from one computation
    computed = compute(*found.values())
    arrays = []
    for (axis, name), array in zip(chosen.items(), computed, strict=True):
        mm = in_mm(array.variable.data, own[axis], name, asked.unit)
        mm = mm if indices is None else indices.place(axis, mm)
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
    return Points(values, dict(chosen), dims, kept, set(chosen.values()), frame)


def _from_rows(points: Any, asked: Statement) -> Points:
    frame = asked.settle()
    axes = asked.wanted
    if axes is None and asked.likely in ("world", "quicknii"):
        axes = ["x", "y", "z"]  # the order that the frame defines
    if axes is None and asked.named is not None and not set(AXES) & set(asked.named.axes):
        axes = list(asked.named.axes)
    if axes is None:
        # stereotaxic frames list their axes in different orders, and papers in a third one
        order = AXES if asked.named is None else asked.named.axes
        raise PointsError(
            "an array does not say which column is which axis: pass their names in the order of "
            f"its columns, such as axes={tuple(order)!r}"
        )
    own = getattr(points, "units", None)
    indices = asked.indices(frame, [own])
    mm = in_mm(points, own, "points", asked.unit)
    if mm.ndim not in (1, 2) or mm.shape[-1] != 3:
        raise PointsError(f"an array of points has the shape (n, 3), not {mm.shape}")
    dims = ("point",)[: mm.ndim - 1]
    found = {asked.known[name]: np.array(mm[..., i]) for i, name in enumerate(axes)}
    if indices is not None:
        found = {axis: indices.place(axis, values) for axis, values in found.items()}
    return Points(found, {asked.known[n]: n for n in axes}, dims, xr.Dataset(), set(), frame)
