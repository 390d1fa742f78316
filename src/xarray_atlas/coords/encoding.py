"""Convert atlases between their decoded form, in memory, and their encoded form, in files.

*Decoded*: coordinates are quantities with a unit-aware index, and the region hierarchy has an
index. *Encoded*: plain float coordinates with ``units: mm``, and the hierarchy in the attributes of
its coordinate. Both have the same meaning, and every function of the package accepts both.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeVar

import xarray as xr
from pint_xarray import PintIndex
from xarray import Index, Variable
from xarray.indexes import PandasIndex

from xarray_atlas.coords.atlas_index import AtlasIndex, find_coordinate
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.length_variable import COARSE, LengthVariable, encoding_in_mm
from xarray_atlas.coords.space import Space
from xarray_atlas.coords.stated_units import UnitsLike, require_units, state_units
from xarray_atlas.coords.units import is_length, to_mm

__all__ = ["decode", "decode_lengths", "encode", "replace_carrier", "replace_coordinates"]

T = TypeVar("T", xr.Dataset, xr.DataArray)


def replace_coordinates(
    obj: T, variables: dict[Hashable, Variable], indexes: dict[Hashable, Index]
) -> T:
    """Replace coordinates by others of the same names, keeping their order."""
    if not variables:
        return obj
    stale = [name for name in variables if name in obj.xindexes]
    # keep the order of the coordinates: existing ones are replaced, not appended
    return obj.drop_indexes(stale).assign_coords(xr.Coordinates(variables, indexes=indexes))


def replace_carrier(
    obj: xr.Dataset | xr.DataArray,
    index: AtlasIndex,
    variables: dict[Hashable, Variable],
    indexes: dict[Hashable, Index],
) -> None:
    """Add the coordinate with another hierarchy or space, in the form of the object."""
    old = obj.coords[index.name].variable
    others = {key: value for key, value in old.attrs.items() if key not in index.attrs}
    created = index.create_variables({index.name: Variable((), 0, others)})[index.name]
    if isinstance(obj.xindexes.get(index.name), AtlasIndex):
        indexes[index.name] = index
        variables[index.name] = created
    else:
        variables[index.name] = created.to_base_variable()


def encode(obj: T) -> T:
    """Convert an object to plain coordinates, with units and hierarchy in attributes.

    Every operation of xarray accepts the result, and ``to_zarr`` and ``to_netcdf`` can write it. No
    data is read. :func:`decode` is the inverse.

    Parameters
    ----------
    obj : Dataset or DataArray

    Returns
    -------
    Dataset or DataArray
        With float64 coordinates in mm that have ``attrs["units"] = "mm"`` and xarray's default
        index.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> encoded = xarray_atlas.encode(ds)
    >>> encoded.z.dtype, encoded.z.attrs["units"], type(encoded.xindexes["z"]).__name__
    (dtype('float64'), 'mm', 'PandasIndex')
    >>> xarray_atlas.decode(encoded).identical(ds)
    True
    """
    variables: dict[Hashable, Variable] = {}
    indexes: dict[Hashable, Index] = {}
    for name, coord in obj.coords.items():
        variable = coord.variable
        index = obj.xindexes.get(name)
        if isinstance(index, AtlasIndex):
            variables[name] = variable.to_base_variable()
        elif isinstance(variable, LengthVariable):
            plain = variable.plain()
            if isinstance(index, LengthIndex):
                plain = plain.to_index_variable()
                indexes[name] = index.index
            variables[name] = plain
        elif hasattr(variable._data, "units") and is_length(variable):
            # coordinates of pint-xarray, in any unit
            plain = Variable(variable.dims, to_mm(variable).values, variable.attrs)
            plain.attrs["units"] = "mm"
            if isinstance(index, PintIndex):
                indexes[name] = PandasIndex.from_variables({name: plain}, options={})
                plain = plain.to_index_variable()
            variables[name] = plain
    return replace_coordinates(obj, variables, indexes)


def decode(obj: T, unit: UnitsLike | None = None) -> T:
    """Restore the units of an object's lengths and the index of its hierarchy.

    Every dimension coordinate and scalar coordinate in a unit of length (by ``attrs["units"]``, or
    the unit of its data) becomes a quantity in mm with a unit-aware index; the coordinate with a
    region hierarchy gets its index back. Other coordinates remain unchanged. No data is read.

    This also converts any image with ``units`` on its coordinates (mm, um, ...) to one that aligns
    with an atlas. For plain numbers, pass `unit`.

    Parameters
    ----------
    obj : Dataset or DataArray
    unit : str, pint.Unit or mapping of hashable to these, optional
        The unit of spatial coordinates without one: those with a ``direction`` attribute, and those
        named z, y, x, ap, dv, ml or like the atlas's dimensions. Other coordinates are given by
        name: ``{"depth": "um"}``.

    Returns
    -------
    Dataset or DataArray

    Raises
    ------
    UnitsError
        If a spatial coordinate has no unit and none is given, all axes of an image are numbers
        without one, or `unit` contradicts a coordinate's unit.
    MissingTerminologyError, AtlasMismatchError
        If the hierarchy in the attributes cannot be read, or was changed.

    Examples
    --------
    An image in micrometres:

    >>> import numpy as np, xarray as xr, xarray_atlas
    >>> image = xr.DataArray(
    ...     np.zeros(3), dims="z", coords={"z": ("z", [0.0, 25.0, 50.0], {"units": "um"})}
    ... )
    >>> xarray_atlas.decode(image).z.values
    array([0.   , 0.025, 0.05 ])

    One that does not say so:

    >>> xarray_atlas.decode(image.drop_attrs(), unit="um").z.values
    array([0.   , 0.025, 0.05 ])
    """
    if unit is not None:
        obj = state_units(obj, unit)
    require_units(obj)
    return decode_lengths(obj)


def decode_lengths(obj: T) -> T:
    """Decode the coordinates in a unit of length, as :func:`decode` does, and no others."""
    variables: dict[Hashable, Variable] = {}
    indexes: dict[Hashable, Index] = {}
    carrier = find_coordinate(obj)
    space = None
    if carrier is not None:
        atlas = obj.xindexes.get(carrier)
        if not isinstance(atlas, AtlasIndex):
            variable = obj.coords[carrier].variable
            atlas = AtlasIndex.from_variables({carrier: variable}, options={})
            indexes[carrier] = atlas
            other = {k: v for k, v in variable.attrs.items() if k not in atlas.attrs}
            variables.update(atlas.create_variables({carrier: Variable((), 0, other)}))
        space = atlas.space
    for name, coord in obj.coords.items():
        variable = coord.variable
        index = obj.xindexes.get(name)
        if name == carrier or isinstance(index, LengthIndex):
            continue
        if variable.dims not in ((name,), ()) or not is_length(variable):
            continue
        if variable.dims and (index is None or type(index) in (PandasIndex, PintIndex)):
            options: dict[str, Any] = {}
            if variable.size == 1 and space is not None:
                options["spacing"] = _size_of_one(obj, space, name)
            length = LengthIndex.from_variables({name: variable}, options=options)
            indexes[name] = length
            variables.update(length.create_variables({name: variable}))
        elif variable.ndim == 0 and not isinstance(variable, LengthVariable):
            attrs = {k: v for k, v in variable.attrs.items() if k != "units"}
            variables[name] = LengthVariable((), variable, attrs, encoding_in_mm(variable))
    return replace_coordinates(obj, variables, indexes)


def _size_of_one(obj: xr.Dataset | xr.DataArray, space: Space, name: Hashable) -> float | None:
    axis = next((a for a, found in space.coordinates(obj).items() if found == name), None)
    if axis is None:
        return None
    position = float(to_mm(obj.coords[name].variable).values[0])
    return space.size_of_one(axis, position, obj.coords[name].attrs.get(COARSE))
