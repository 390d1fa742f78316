"""What an object's coordinates say: which are spatial, how far apart, left or right."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.atlas_index import find_atlas
from xarray_atlas.errors import AtlasMismatchError, GridError, HemisphereError, UnitsError
from xarray_atlas.length_index import LengthIndex
from xarray_atlas.length_variable import SPACING
from xarray_atlas.space import Space
from xarray_atlas.spacing import FloatArray, regular_step
from xarray_atlas.units import quantity, to_mm

__all__ = [
    "HEMISPHERES",
    "annotation_of",
    "hemisphere_volume",
    "left_positions",
    "lengths",
    "sides",
    "spacing",
    "spacing_quantities",
]

HEMISPHERES = ("left", "right")


def annotation_of(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return the labels of an object: its ``annotation``, or the DataArray itself."""
    if isinstance(obj, xr.Dataset):
        if "annotation" not in obj.data_vars:
            raise GridError(
                f"this Dataset has no variable 'annotation' (it has {sorted(map(str, obj.data_vars))})"
            )
        obj = obj["annotation"]
    if obj.dtype.kind not in "iu":
        raise GridError(
            f"{obj.name!r} is {obj.dtype}, not labels of an integer type; region labels are "
            "lost in floats (where() without a fill value makes them so: use where(mask, 0)), "
            "so measure the annotation of the atlas"
        )
    return obj


def lengths(obj: xr.Dataset | xr.DataArray, name: Hashable) -> FloatArray:
    """Return a coordinate in mm, whatever form it is in.

    Raises
    ------
    UnitsError
        If it has no unit.
    """
    coord = obj.coords[name]
    if coord.variable.attrs.get("units") is None and not hasattr(coord.variable.data, "units"):
        raise UnitsError(
            f"coordinate {name!r} has no unit; give it one: "
            f"obj[{name!r}].attrs['units'] = 'mm'"
        )
    return np.asarray(to_mm(coord.variable, f"coordinate {name!r}").values, dtype=np.float64)


def _names(obj: xr.Dataset | xr.DataArray, space: Space, need: int) -> dict[str, Hashable]:
    coords = space.coordinates(obj)
    there = {a: n for a, n in coords.items() if n is not None and obj.coords[n].ndim == 1}
    if len(there) >= need:
        return there
    missing = [a for a in coords if a not in there]
    what = []
    for axis in missing:
        name = coords[axis] or space.dims[space.position(axis)]
        what.append(f"{name!r} ({space.direction(axis)})")
    first = coords[missing[0]] or space.dims[space.position(missing[0])]
    hint = ", or area, which takes a section," if need == 3 and len(there) == 2 else ""
    raise GridError(
        f"no dimension {' nor '.join(what)}: a {'volume' if need == 3 else 'section'} needs "
        f"{need} spatial dimensions, this object has {len(there)}. Keep it when you select a "
        f"plane{hint} with a list: isel({first}=[5]) instead of isel({first}=5)"
    )


def spacing(obj: xr.Dataset | xr.DataArray, need: int = 3) -> dict[Hashable, float]:
    """Measure the voxel size from the coordinates, in mm, a dimension each.

    An axis of one voxel has the size that its index remembers (also after a
    stride), else that of the atlas.

    Parameters
    ----------
    obj : Dataset or DataArray
    need : int
        How many spatial dimensions there must be.

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, or a dimension is missing.
    """
    _, space = find_atlas(obj)
    result: dict[Hashable, float] = {}
    for axis, name in _names(obj, space, need).items():
        result[obj.coords[name].dims[0]] = _step(obj, space, axis, name)
    return result


def _step(obj: xr.Dataset | xr.DataArray, space: Space, axis: str, name: Hashable) -> float:
    values = lengths(obj, name)
    if values.size != 1:
        step = regular_step(values)
        if step is None:
            raise GridError(
                f"coordinate {name!r} is irregularly spaced (its {values.size} values lie "
                f"{_range(values)} mm apart), so that its voxels have no one size; "
                "select a regular range or stride of it"
            )
        return abs(step)
    index = obj.xindexes.get(name)
    remembered = index.spacing if isinstance(index, LengthIndex) else obj[name].attrs.get(SPACING)
    if remembered:
        return float(remembered)
    at = space.position(axis)
    size, offset = space.voxel_size[at], values[0] - space.corner[at]
    if abs((offset / size) % 1 - 0.5) > 1e-3:
        raise GridError(
            f"coordinate {name!r} has one value, {values[0]:g} mm, which is not the centre of a "
            f"voxel of {size:g} mm: its size is not known. Select the plane with a list from "
            f"the whole, isel({name}=[...]), so that its size is kept"
        )
    return size


def _range(values: FloatArray) -> str:
    if values.size == 0:
        return "no"
    gaps = np.abs(np.diff(values))
    return f"{gaps.min():g} to {gaps.max():g}"


def sides(
    obj: xr.Dataset | xr.DataArray, hemisphere: Any
) -> tuple[list[str], bool]:
    """Check a ``hemisphere`` argument; return its sides, and whether it was a list."""
    names = [hemisphere] if isinstance(hemisphere, str) else list(hemisphere)
    for name in names:
        if name not in HEMISPHERES:
            raise HemisphereError(f"no hemisphere {name!r}; there are 'left' and 'right'")
    if not names:
        raise HemisphereError("no hemisphere was named; there are 'left' and 'right'")
    return names, not isinstance(hemisphere, str)


def left_positions(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Tell for each position along the right-left axis whether it is left.

    Returns
    -------
    DataArray of bool
        On the dimension of that axis; a scalar where it has none left.

    Raises
    ------
    HemisphereError
        If the atlas has no midline, or the object no such axis.
    """
    _, space = find_atlas(obj)
    if space.midline is None:
        raise HemisphereError(
            "this atlas has no midline; open it with midline= where left and right meet, in mm"
        )
    try:
        name = space.coordinate(obj, "ml")
    except AtlasMismatchError as error:
        raise HemisphereError(str(error)) from error
    if name is None:
        raise HemisphereError(
            f"the coordinate along {space.direction('ml')} is gone, so left and right cannot be "
            "told apart; take the hemisphere before you drop it"
        )
    if space.midline_assumed:
        warnings.warn(
            f"no manifest says where left and right meet: half of the volume is assumed, at "
            f"{space.midline:g} mm along {name!r}. Open the atlas with midline='{space.midline:g} mm' "
            "to say so yourself",
            UserWarning,
            stacklevel=_outside(),
        )
    left = space.is_left(lengths(obj, name))
    return xr.DataArray(left, dims=obj.coords[name].dims)


def _outside() -> int:
    """Return the stack level of the first caller outside the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and str(frame.f_globals.get("__name__", "")).startswith("xarray_atlas"):
        frame, level = frame.f_back, level + 1
    return level


def hemisphere_volume(obj: xr.Dataset | xr.DataArray) -> xr.DataArray | None:
    """Return the ``hemispheres`` variable of a Dataset (1 left, 2 right), where it has one."""
    if isinstance(obj, xr.Dataset) and "hemispheres" in obj.data_vars:
        return obj["hemispheres"]
    return None


def spacing_quantities(obj: xr.Dataset | xr.DataArray) -> dict[Hashable, Any]:
    """Return :func:`spacing` of the dimensions that are left, as quantities."""
    return {dim: quantity(size) for dim, size in spacing(obj, need=0).items()}
