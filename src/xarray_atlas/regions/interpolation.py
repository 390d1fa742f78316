"""Resample an atlas onto other coordinates, in cases that xarray does not pass to the index.

``reindex(z=labels)``, ``interp(z=quantity)`` and ``interp_like`` of xarray accept plain numbers
only. These functions accept lengths in any form, and treat labels as categories: they are never
averaged or converted to float.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.encoding import decode_lengths, encode
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.length_variable import SPACING
from xarray_atlas.coords.stated_units import require_length
from xarray_atlas.coords.units import is_length, to_mm
from xarray_atlas.errors import GridError

__all__ = ["interp", "interp_like", "reindex_like"]

T = TypeVar("T", xr.Dataset, xr.DataArray)


def interp(obj: T, coords: Mapping[Any, Any] | None = None, method: Any = "linear", **kw: Any) -> T:
    """Interpolate onto other coordinates, with nearest-neighbour interpolation of labels.

    Floats are interpolated by :meth:`xarray.Dataset.interp`. Labels, masks and other data that are
    not floats take the value of the voxel that contains the point, and 0 outside the volume. A
    voxel extends half way to its neighbours and includes its boundary at the smaller coordinate,
    whatever the order of the axis. Dask arrays stay lazy.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or any object with coordinates that are lengths.
    coords : mapping of hashable to lengths, optional
        New coordinates by dimension: quantities, strings or numbers (mm). A single length drops the
        dimension, a sequence replaces it, and DataArrays that share a dimension are points, as in
        xarray.
    method : str, default: "linear"
        Method for floats; see :meth:`xarray.Dataset.interp`.
    **kw
        The same as `coords`.

    Returns
    -------
    Dataset or DataArray
        Decoded, on the new coordinates.

    Raises
    ------
    GridError
        If a dimension has no coordinate that is a length.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> fine = xarray_atlas.interp(ds, z=["5.01 mm", "5030 um"])
    >>> fine.z.values, fine.annotation.dtype
    (array([5.01, 5.03]), dtype('uint32'))
    """
    wanted = {**(coords or {}), **kw}
    return _on_grid(obj, {dim: _target(dim, value) for dim, value in wanted.items()}, method)


def interp_like(obj: T, other: xr.Dataset | xr.DataArray, method: Any = "linear") -> T:
    """Interpolate onto the grid of another object.

    Parameters
    ----------
    obj, other : Dataset or DataArray
        The coordinates of `other` may be in any unit of length (mm, um, ...).
    method : str, default: "linear"
        Same as in :func:`interp`.

    Returns
    -------
    Dataset or DataArray
        Decoded, on the coordinates of `other`.

    Raises
    ------
    GridError
        If they share no coordinate that is a length.

    Examples
    --------
    >>> import xarray_atlas
    >>> coarse, fine = (xarray_atlas.open_sample(r) for r in ("100 um", "50 um"))
    >>> xarray_atlas.interp_like(coarse, fine).sizes == fine.sizes
    True
    """
    targets = {}
    for dim, index in _common(obj, other).items():
        alone = index.values.size == 1 and index.spacing
        targets[dim] = Variable((dim,), index.values, {SPACING: index.spacing} if alone else None)
    return _on_grid(obj, targets, method)


def reindex_like(obj: T, other: xr.Dataset | xr.DataArray, method: Any = None) -> T:
    """Select the labels of another object's coordinates, filling missing ones.

    Parameters
    ----------
    obj, other : Dataset or DataArray
        The coordinates of `other` may be in any unit of length (mm, um, ...).
    method : str, optional
        Same as in :meth:`xarray.Dataset.reindex_like`: "nearest", "ffill", ...

    Returns
    -------
    Dataset or DataArray
        Decoded. Floats are filled with NaN, labels and masks with 0.

    Raises
    ------
    GridError
        If they share no coordinate that is a length.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> part = ds.isel(z=slice(10, 20))
    >>> whole = xarray_atlas.reindex_like(part, ds)
    >>> whole.sizes["z"], whole.annotation.dtype
    (132, dtype('uint32'))
    """
    common = _common(obj, other)
    coords = {k: v for index in common.values() for k, v in index.create_variables().items()}
    frame = xr.Coordinates(coords, indexes=dict(common)).to_dataset()
    source = decode_lengths(obj)
    if isinstance(source, xr.DataArray):
        return source.reindex_like(frame, method=method, fill_value=_fill(source.dtype))
    fill = {name: _fill(v.dtype) for name, v in source.variables.items()}
    return source.reindex_like(frame, method=method, fill_value=fill)


def _target(dim: Hashable, value: Any) -> Variable:
    """Convert new coordinates to a variable in mm, on the dimensions of the result."""
    if isinstance(value, xr.DataArray | Variable):
        variable = value.variable if isinstance(value, xr.DataArray) else value
        return Variable(variable.dims, to_mm(variable, f"label of {dim!r}").values)
    values = np.asarray(to_mm(value, f"label of {dim!r}"))
    if values.ndim > 1:
        raise GridError(
            f"labels of {dim!r} have {values.ndim} dimensions; name them in a DataArray"
        )
    return Variable((dim,) if values.ndim else (), values)


def _common(
    obj: xr.Dataset | xr.DataArray, other: xr.Dataset | xr.DataArray
) -> dict[Hashable, LengthIndex]:
    """Return the coordinates of `other` that are lengths along dimensions of `obj`."""
    for dim in obj.dims:
        if dim in other.coords and dim in obj.coords and is_length(obj.coords[dim].variable):
            require_length(other, dim, "other")
    decoded: Any = decode_lengths(other)  # type: ignore[type-var]
    indexes = decoded.xindexes.items()
    found = {dim: i for dim, i in indexes if isinstance(i, LengthIndex) and dim in obj.dims}
    if not found:
        raise GridError(
            f"no common coordinate is a length: this has {_dims(obj)}, the other {_dims(other)}; "
            "rename the other's, or state their unit with xarray_atlas.decode(other, unit=...)"
        )
    return found


def _dims(obj: xr.Dataset | xr.DataArray) -> list[str]:
    return sorted(str(d) for d in obj.dims if d in obj.coords)


def _fill(dtype: np.dtype[Any]) -> Any:
    """Return NaN for floats, otherwise 0, False, an empty text, or NaT."""
    return np.nan if dtype.kind in "fc" else dtype.type()


def _on_grid(obj: T, targets: Mapping[Hashable, Variable], method: Any) -> T:
    if isinstance(obj, xr.DataArray):
        return _on_grid(obj.to_dataset(name="_this_"), targets, method)["_this_"].rename(obj.name)
    decoded = decode_lengths(obj)
    owners = {dim: _owners(decoded, dim, points) for dim, points in targets.items()}
    plain = encode(decoded)
    exact = {
        name: _take(variable, owners)
        for name, variable in plain.variables.items()
        if variable.dtype.kind not in "fc" and owners.keys() & set(variable.dims)
    }
    frames = {}
    for dim, points in targets.items():
        attrs = {k: v for k, v in plain[dim].attrs.items() if k != SPACING}
        frames[dim] = Variable(points.dims, points.values, {**attrs, **points.attrs})
    rest = plain.drop_vars(list(exact)).interp(frames, method=method).assign_coords(frames)
    coords = {name: v for name, v in exact.items() if name in plain.coords}
    data = {name: v for name, v in exact.items() if name not in plain.coords}
    return decode_lengths(rest.assign(data).assign_coords(coords)[list(obj.data_vars)])


def _owners(obj: xr.Dataset, dim: Hashable, points: Variable) -> tuple[Variable, Variable]:
    """Return the position of the voxel that contains each point, and whether there is one."""
    index = obj.xindexes.get(dim)
    if not isinstance(index, LengthIndex):
        raise GridError(
            f"no dimension {dim!r} with a coordinate that is a length; there are {_dims(obj)}"
        )
    order = np.argsort(index.values)  # whatever the order of the axis
    centres = index.values[order]
    gaps = np.diff(centres) if centres.size > 1 else np.array([index.spacing or np.nan])
    if centres.size == 0 or np.isnan(gaps).any():
        raise GridError(
            f"{dim!r} has {centres.size} values and no voxel size; interpolate a longer part"
        )
    first, last = centres[0] - gaps[0] / 2, centres[-1] + gaps[-1] / 2
    faces = np.concatenate([[first], (centres[:-1] + centres[1:]) / 2, [last]])
    at = np.searchsorted(faces, points.values + index.tolerance, side="right") - 1
    inside = (at >= 0) & (at < centres.size)
    position = order[np.clip(at, 0, centres.size - 1)]
    return Variable(points.dims, position), Variable(points.dims, inside)


def _take(variable: Variable, owners: Mapping[Hashable, tuple[Variable, Variable]]) -> Variable:
    mine = {dim: owner for dim, owner in owners.items() if dim in variable.dims}
    taken = variable.isel({dim: position for dim, (position, _) in mine.items()})
    for _, inside in mine.values():
        if not inside.values.all():
            taken = taken.where(inside, _fill(variable.dtype))
    return taken
