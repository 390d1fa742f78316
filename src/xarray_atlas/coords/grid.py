"""What an object's coordinates say: which are spatial, how far apart, left or right."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.length_variable import COARSE, SPACING
from xarray_atlas.coords.space import Space
from xarray_atlas.coords.units import quantity, to_mm
from xarray_atlas.errors import GridError, HemisphereError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray, regular_step

__all__ = [
    "HEMISPHERES",
    "annotation_of",
    "dimension_along",
    "hemispheres_of",
    "lengths",
    "resolve_hemispheres",
    "sides_if_known",
    "spacing",
    "spacing_quantities",
    "users_level",
]

HEMISPHERES = {"left": 1, "right": 2}
"""The hemispheres, and what BrainGlobe's ``hemispheres`` volume holds for each."""


def annotation_of(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return the labels of an object: its ``annotation``, or the DataArray itself.

    Raises
    ------
    GridError
        If there is no annotation, or its labels are not integers.
    """
    if isinstance(obj, xr.Dataset):
        if "annotation" not in obj.data_vars:
            there = sorted(map(str, obj.data_vars))
            raise GridError(
                f"this Dataset has no variable 'annotation' (it has {there}), which holds the "
                "regions; open it too: include=('annotation', ...)"
            )
        obj = obj["annotation"]
    elif obj.name in ("template", "hemispheres"):
        # integers too: taken for labels they would give numbers that look right
        raise GridError(f"{obj.name!r} holds no region labels; pass the Dataset or its annotation")
    if obj.dtype.kind not in "iu":
        raise GridError(
            f"{obj.name!r} is {obj.dtype}, but region labels are integers: floats and booleans "
            "do not hold them. where(condition) makes floats, where(condition, 0) does not"
        )
    return obj


def lengths(obj: xr.Dataset | xr.DataArray, name: Hashable) -> FloatArray:
    """Return a coordinate in mm, whatever form it is in.

    Raises
    ------
    UnitsError
        If it has no unit.
    """
    coord = obj.coords[name].variable
    if coord.attrs.get("units") is None and not hasattr(coord.data, "units"):
        raise UnitsError(
            f"coordinate {name!r} has no unit; give it one: obj[{name!r}].attrs['units'] = 'mm'"
        )
    return np.asarray(to_mm(coord, f"coordinate {name!r}").values, dtype=np.float64)


def dimension_along(
    obj: xr.Dataset | xr.DataArray, axis: str, what: str
) -> tuple[Hashable, Hashable]:
    """Return the coordinate and the dimension that run along an anatomical axis.

    Raises
    ------
    GridError
        If there is none; `what` is what cannot be done then.
    """
    _, space = find_atlas(obj)
    name = space.coordinate(obj, axis)
    if name is None or obj.coords[name].ndim != 1:
        there = [a for a, n in space.coordinates(obj).items() if n and obj.coords[n].ndim]
        raise GridError(
            f"{what}: this {type(obj).__name__} has no dimension that runs "
            f"{space.direction(axis)}; it has {', '.join(there) or 'none left'}"
        )
    # the dimension, although its coordinate may be named otherwise
    return name, obj.coords[name].dims[0]


# -- the size of a voxel


def spacing(obj: xr.Dataset | xr.DataArray, need: int = 3) -> dict[Hashable, float]:
    """Measure the voxel size from the coordinates, in mm, for each spatial dimension.

    An axis of one voxel has the size that its index remembers (also of a
    stride), else that of the atlas.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, on any part of its grid.
    need : int
        How many spatial dimensions there must be.

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, or a dimension is missing.
    """
    _, space = find_atlas(obj)
    names = space.coordinates(obj)
    there = {a: n for a, n in names.items() if n is not None and obj.coords[n].ndim == 1}
    if len(there) < need:
        raise GridError(_missing(obj, space, [a for a in names if a not in there], need))
    return {obj.coords[n].dims[0]: _step(obj, space, a, n) for a, n in there.items()}


def spacing_quantities(obj: xr.Dataset | xr.DataArray) -> dict[Hashable, Any]:
    """Return :func:`spacing` of the dimensions that are left, as quantities."""
    return {dim: quantity(size) for dim, size in spacing(obj, need=0).items()}


def _missing(obj: xr.Dataset | xr.DataArray, space: Space, axes: list[str], need: int) -> str:
    """Say which spatial dimensions are missing, why, and what to do."""
    measure = {2: "an area", 3: "a volume"}[need]
    names = {axis: space.coordinate(obj, axis) or space.dims[space.position(axis)] for axis in axes}
    bare = [name for name in names.values() if name in obj.dims and name not in obj.coords]
    if bare:
        return (
            f"dimension {bare[0]!r} has no coordinate, so that the size of its voxels is not "
            f"known; {measure} needs it. Assign the coordinate of the atlas"
        )
    listed = " and ".join(f"{name!r} ({space.direction(a)})" for a, name in names.items())
    name = names[axes[0]]
    section = need == 3 and len(axes) == 1
    area = ", or measure the area of the section with area()" if section else ""
    return (
        f"{measure} needs {need} spatial dimensions; this object has no dimension {listed}. "
        f"Select planes with a list, isel({name}=[5]) instead of isel({name}=5), so that they "
        f"keep their thickness{area}"
    )


def _step(obj: xr.Dataset | xr.DataArray, space: Space, axis: str, name: Hashable) -> float:
    values = lengths(obj, name)
    index = obj.xindexes.get(name)
    remembered = index.spacing if isinstance(index, LengthIndex) else obj[name].attrs.get(SPACING)
    if values.size > 1:
        step = regular_step(values)
        if step is None:
            gaps = np.abs(np.diff(values))
            raise GridError(
                f"coordinate {name!r} is irregularly spaced (its {values.size} values lie "
                f"{gaps.min():g} to {gaps.max():g} mm apart), so that its voxels have no one "
                "size; select a regular range or stride of it"
            )
        if remembered and values.size == 2 and abs(abs(step) - remembered) > 0.01 * remembered:
            raise GridError(
                f"coordinate {name!r} has two values, {abs(step):g} mm apart, of voxels of "
                f"{remembered:g} mm: two planes, or a stride of which two are left? Take a stride "
                f"with a slice, isel({name}=slice(start, stop, step)), and planes one at a time"
            )
        return abs(step)
    if values.size == 0:
        return space.voxel_size[space.position(axis)]
    if remembered:
        return float(remembered)
    size = space.size_of_one(axis, float(values[0]), obj[name].attrs.get(COARSE))
    if size is None and not space.voxel_size[space.position(axis)]:
        raise GridError(
            f"coordinate {name!r} is of a single plane whose thickness is not known; give it in "
            f"mm: obj[{name!r}].attrs[{SPACING!r}] = 0.4"
        )
    if size is None:
        raise GridError(
            f"coordinate {name!r} has one value, {values[0]:g} mm, and where it lies does not "
            "tell the size of its voxel. Select the plane with a list from the decoded whole, "
            f"isel({name}=[...]), so that its size is kept"
        )
    return size


# -- left and right


def resolve_hemispheres(hemisphere: str | Iterable[str]) -> tuple[list[str], bool]:
    """Check a ``hemisphere`` argument; return its sides, and whether it was a list.

    Raises
    ------
    HemisphereError
        If a side is not "left" or "right", or none is named.
    """
    if not isinstance(hemisphere, str | Iterable):
        raise HemisphereError(f"no hemisphere {hemisphere!r}; there are 'left' and 'right'")
    many = not isinstance(hemisphere, str)
    names = [str(name) for name in hemisphere] if many else [str(hemisphere)]
    for name in names:
        if name not in HEMISPHERES:
            raise HemisphereError(
                f"no hemisphere {name!r}; there are 'left', 'right', and the list of both"
            )
    if not names:
        raise HemisphereError("no hemisphere was named; there are 'left' and 'right'")
    return names, many


def hemispheres_of(obj: xr.Dataset | xr.DataArray) -> Variable:
    """Return the hemisphere of each voxel: 1 left, 2 right.

    The Dataset's own ``hemispheres``, where it has them; else what the midline
    says, along the right-left axis alone.

    Returns
    -------
    Variable of int
        On as few of the annotation's dimensions as tell it.

    Raises
    ------
    HemisphereError
        If neither tells left and right apart.

    Warns
    -----
    UserWarning
        If the midline was assumed.
    """
    if _has_hemispheres(obj):
        given = obj["hemispheres"].variable
        _check_dims("hemispheres", given, obj)
        if given.dtype.kind not in "iu":
            raise HemisphereError(
                f"'hemispheres' is {given.dtype}; it holds integers, 1 for left and 2 for right"
            )
        _warn_of_earlier_assumption(obj)
        return given
    sides = _sides_of_midline(obj)
    _, space = find_atlas(obj)
    if space.midline_assumed:
        warnings.warn(
            f"no manifest says where left and right meet: the middle of the volume is assumed, "
            f"at {space.midline:g} mm along {space.coordinate(obj, 'ml')!r}. Open the atlas with "
            f"midline='{space.midline:g} mm' to say so yourself",
            UserWarning,
            stacklevel=users_level(),
        )
    return sides


def _warn_of_earlier_assumption(obj: xr.Dataset | xr.DataArray) -> None:
    """Warn where the hemispheres were made of a midline that no manifest had said."""
    _, space = find_atlas(obj)
    if space.atlas is not None and space.midline_assumed:
        warnings.warn(
            "no manifest says where left and right meet: the middle of the volume was assumed "
            "before this atlas was brought onto another grid. Open it with midline= to say so",
            UserWarning,
            stacklevel=users_level(),
        )


def sides_if_known(obj: xr.Dataset | xr.DataArray) -> Variable:
    """Return what :func:`hemispheres_of` does where the midline says it; no error, no warning.

    Elsewhere one 0: also where a variable ``hemispheres`` would have to be read.
    """
    unknown = Variable((), np.uint8(0))
    if _has_hemispheres(obj):
        return unknown
    try:
        return _sides_of_midline(obj)
    except (HemisphereError, UnitsError):
        return unknown


def _has_hemispheres(obj: xr.Dataset | xr.DataArray) -> bool:
    return "hemispheres" in (obj.variables if isinstance(obj, xr.Dataset) else obj.coords)


def _sides_of_midline(obj: xr.Dataset | xr.DataArray) -> Variable:
    _, space = find_atlas(obj)
    if space.midline is None:
        raise HemisphereError(
            f"left and right cannot be told apart: the atlas has no midline, and this "
            f"{type(obj).__name__} no variable 'hemispheres'. Open the atlas with midline= "
            "(where left and right meet, in mm), or pass the Dataset that has 'hemispheres'"
        )
    name = space.coordinate(obj, "ml")
    if name is None:
        raise HemisphereError(
            f"left and right cannot be told apart: the coordinate that runs "
            f"{space.direction('ml')} is gone; take the hemisphere before you drop it"
        )
    positions = lengths(obj, name)
    outside = np.mean(space.outside("ml", positions)) if positions.size else 0.0
    if outside > 0.25:
        raise HemisphereError(
            f"{outside:.0%} of the coordinate {name!r} lies outside the volume of the atlas: was "
            "it moved or mirrored? The midline is in the coordinates that the atlas was opened "
            "with; take the hemisphere before you change them"
        )
    left = space.is_left(positions)
    sides = np.where(left, HEMISPHERES["left"], HEMISPHERES["right"]).astype(np.uint8)
    result = Variable(obj.coords[name].dims, sides)
    _check_dims(name, result, obj)
    return result


def _check_dims(name: Hashable, sides: Variable, obj: xr.Dataset | xr.DataArray) -> None:
    extra = [d for d in sides.dims if d not in annotation_of(obj).dims]
    if extra:
        raise HemisphereError(f"{name!r} has the dimensions {extra}, which the annotation lacks")


def users_level() -> int:
    """Return the stack level of the first caller outside the package, seen from the caller."""
    frame, level = sys._getframe(1), 1
    package = __name__.partition(".")[0]
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level
