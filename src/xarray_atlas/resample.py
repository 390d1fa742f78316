"""Bring an atlas onto other coordinates, where xarray does not ask the index.

``reindex(z=labels)``, ``interp(z=quantity)`` and ``interp_like`` of xarray take
plain numbers only. These take lengths in any form, and know that labels are
names: they are never averaged, nor do they pass through a float.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.errors import GridError
from xarray_atlas.forms import decode, encode
from xarray_atlas.length_index import LengthIndex
from xarray_atlas.spacing import TOLERANCE
from xarray_atlas.units import to_mm

__all__ = ["interp", "interp_like", "reindex_like"]

T = TypeVar("T", xr.Dataset, xr.DataArray)


def interp(obj: T, coords: Mapping[Any, Any] | None = None, method: Any = "linear", **kw: Any) -> T:
    """Interpolate onto other coordinates; labels take the voxel that holds the point.

    Parameters
    ----------
    obj : Dataset or DataArray
    coords : mapping of hashable to lengths, optional
        New coordinates, a dimension each: one length or a 1-D sequence, as
        quantities, strings or numbers (mm).
    method : str, default: "linear"
        For variables of floats, as :meth:`xarray.Dataset.interp` has it.
        Integers and booleans (labels, masks) take the value of the voxel in
        which the point lies, and 0 outside the volume.
    **kw
        The same as `coords`.

    Returns
    -------
    Dataset or DataArray
        Decoded, on the new coordinates.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> fine = xarray_atlas.interp(ds, z=["5.01 mm", "5030 um"])
    >>> fine.z.values, fine.annotation.dtype
    (array([5.01, 5.03]), dtype('uint32'))
    """
    wanted = {**(coords or {}), **kw}
    for name in wanted:
        if name not in obj.dims or name not in obj.coords:
            raise GridError(f"no dimension coordinate {name!r}; there are {_named(obj)}")
    target = {name: np.asarray(to_mm(_bare(v), f"label of {name!r}")) for name, v in wanted.items()}
    for name, values in target.items():
        if values.ndim > 1:
            raise GridError(f"labels of {name!r} have {values.ndim} dimensions; pass one at most")
    grid = {name: np.atleast_1d(values) for name, values in target.items()}
    result = _on_grid(obj, grid, method)
    return result.isel({name: 0 for name, values in target.items() if values.ndim == 0})


def interp_like(obj: T, other: xr.Dataset | xr.DataArray, method: Any = "linear") -> T:
    """Interpolate onto the grid of another object.

    Parameters
    ----------
    obj, other : Dataset or DataArray
        The coordinates of `other` are read by their units (mm, um, ...).
    method : str, default: "linear"
        As :func:`interp` has it.

    Returns
    -------
    Dataset or DataArray

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
    grid = {name: index.values for name, index in _lengths(other, obj).items()}
    return _on_grid(obj, grid, method)


def reindex_like(obj: T, other: xr.Dataset | xr.DataArray, method: Any = None) -> T:
    """Take the labels of another object's coordinates; what is not there is filled.

    Parameters
    ----------
    obj, other : Dataset or DataArray
        The coordinates of `other` are read by their units (mm, um, ...).
    method : str, optional
        As :meth:`xarray.Dataset.reindex_like` has it: "nearest", "ffill", ...

    Returns
    -------
    Dataset or DataArray
        Floats are filled with NaN, labels and masks with 0.

    Raises
    ------
    GridError
        If they share no coordinate that is a length.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> xarray_atlas.reindex_like(ds.isel(z=slice(10, 20)), ds).annotation.dtype
    dtype('uint32')
    """
    found = _lengths(other, obj)
    coords = {k: v for name, index in found.items() for k, v in index.create_variables().items()}
    frame = xr.Coordinates(coords, indexes=dict(found)).to_dataset()
    source = decode(obj)
    fill = _fill_values(source)
    return source.reindex_like(frame, method=method, fill_value=fill)


def _named(obj: xr.Dataset | xr.DataArray) -> list[str]:
    return sorted(str(d) for d in obj.dims if d in obj.coords)


def _bare(value: Any) -> Any:
    return value.variable if isinstance(value, xr.DataArray) else value


def _lengths(
    other: xr.Dataset | xr.DataArray, obj: xr.Dataset | xr.DataArray
) -> dict[Hashable, LengthIndex]:
    decoded = decode(other)
    found = {
        name: index
        for name, index in decoded.xindexes.items()
        if isinstance(index, LengthIndex) and name in obj.dims
    }
    if not found:
        raise GridError(
            f"no common coordinate is a length: this has {_named(obj)}, the other {_named(other)}; "
            "give the other's coordinates a unit, for example other.z.attrs['units'] = 'um'"
        )
    return found


def _fill_values(obj: xr.Dataset | xr.DataArray) -> Any:
    if isinstance(obj, xr.DataArray):
        return np.nan if obj.dtype.kind in "fcmM" else obj.dtype.type(0)
    return {
        name: np.nan if var.dtype.kind in "fcmM" else var.dtype.type(0)
        for name, var in obj.variables.items()
        if name not in obj.xindexes
    }


def _on_grid(obj: T, grid: Mapping[Any, Any], method: Any) -> T:
    if isinstance(obj, xr.DataArray):
        name = obj.name
        whole = _on_grid(obj.to_dataset(name="_this_"), grid, method)
        return whole["_this_"].rename(name)
    plain = encode(obj)
    exact = [n for n, v in plain.data_vars.items() if v.dtype.kind in "iub"]
    floats = [n for n in plain.data_vars if n not in exact]
    labels = plain[exact]
    for dim, values in grid.items():
        labels = labels.isel({dim: Variable((dim,), _owners(plain, dim, values))})
        inside = Variable((dim,), _inside(plain, dim, values))
        labels = labels.assign(
            {n: v.where(inside, v.dtype.type(0)) for n, v in labels.data_vars.items() if dim in v.dims}
        )
    frames = {d: Variable((d,), v, plain[d].attrs) for d, v in grid.items()}
    labels = labels.assign_coords(frames)
    if not floats:
        return decode(labels)
    smooth = plain[floats].interp({d: v for d, v in grid.items()}, method=method)
    merged = labels.assign(smooth.assign_coords(frames).data_vars)
    return decode(merged[list(obj.data_vars)])


def _faces(obj: xr.Dataset, dim: Hashable) -> tuple[Any, float]:
    values = np.asarray(to_mm(obj[dim].variable).values)
    if values.size == 1:
        index = LengthIndex.from_variables({dim: obj[dim].variable}, options={})
        if index.spacing is None:
            raise GridError(f"{dim!r} has one value and no voxel size; interpolate a longer part")
        half = np.array([index.spacing / 2])
        return np.concatenate([values - half, values + half]), index.spacing
    steps = np.diff(values)
    if not (np.all(steps > 0) or np.all(steps < 0)):
        raise GridError(f"coordinate {dim!r} is not sorted, so that no voxel holds a point")
    middle = (values[:-1] + values[1:]) / 2
    faces = np.concatenate([[values[0] - steps[0] / 2], middle, [values[-1] + steps[-1] / 2]])
    return faces, float(np.abs(steps).min())


def _owners(obj: xr.Dataset, dim: Hashable, points: Any) -> Any:
    """Return the voxel that holds each point: voxel i owns its lower face, not its upper."""
    faces, step = _faces(obj, dim)
    sign = 1 if faces[-1] > faces[0] else -1
    nudge = TOLERANCE * step
    at = np.searchsorted(sign * faces, sign * np.asarray(points) + nudge, side="right") - 1
    return np.clip(at, 0, faces.size - 2)


def _inside(obj: xr.Dataset, dim: Hashable, points: Any) -> Any:
    faces, step = _faces(obj, dim)
    nudge = TOLERANCE * step
    low, high = min(faces[0], faces[-1]), max(faces[0], faces[-1])
    return (points >= low - nudge) & (points < high - nudge)
