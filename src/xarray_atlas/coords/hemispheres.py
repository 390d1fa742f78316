"""The hemisphere of each voxel, from the midline or a stored volume."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, lengths
from xarray_atlas.coords.space import require_orientation
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.errors import HemisphereError, UnitsError
from xarray_atlas.terminology.side_patterns import propose_lateral

__all__ = [
    "HEMISPHERES",
    "has_hemispheres",
    "hemispheres_of",
    "resolve_hemispheres",
    "sides_if_known",
]

HEMISPHERES = {"left": 1, "right": 2}
"""The hemispheres, and their values in BrainGlobe's ``hemispheres`` volume."""


def resolve_hemispheres(hemisphere: str | Iterable[str]) -> tuple[list[str], bool]:
    """Check a ``hemisphere`` argument; return the hemispheres, and whether it was a list.

    Raises
    ------
    HemisphereError
        If a hemisphere is not "left" or "right", or none is given.
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

    It is taken from the Dataset's ``hemispheres`` if there is one, or else computed from the
    midline, along the left-right axis only.

    Returns
    -------
    Variable of int
        With the annotation's dimensions on which it depends.

    Raises
    ------
    HemisphereError
        If left and right cannot be distinguished.
    GridError
        If a midline is used, and the orientation of the axes is unknown.

    Warns
    -----
    UserWarning
        If the midline was assumed.
    """
    if has_hemispheres(obj):
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
    require_orientation(space)
    if space.midline_assumed:
        warnings.warn(
            f"no manifest says where left and right meet: the middle of the volume is assumed, "
            f"at {space.midline:g} mm along {space.coordinate(obj, 'ml')!r}. Open the atlas with "
            f"midline='{space.midline:g} mm' to say so yourself",
            UserWarning,
            stacklevel=find_stack_level(),
        )
    return sides


def _warn_of_earlier_assumption(obj: xr.Dataset | xr.DataArray) -> None:
    """Warn if the hemispheres were derived from an assumed midline."""
    _, space = find_atlas(obj)
    if space.atlas is not None and space.midline_assumed:
        warnings.warn(
            "no manifest says where left and right meet: the middle of the volume was assumed "
            "before this atlas was brought onto another grid. Open it with midline= to say so",
            UserWarning,
            stacklevel=find_stack_level(),
        )


def sides_if_known(obj: xr.Dataset | xr.DataArray) -> Variable:
    """Return :func:`hemispheres_of` if the midline defines it, without errors and warnings.

    Otherwise a single 0, also if a variable ``hemispheres`` would have to be read.
    """
    unknown = Variable((), np.uint8(0))
    if has_hemispheres(obj):
        return unknown
    try:
        return _sides_of_midline(obj)
    except (HemisphereError, UnitsError):
        return unknown


def has_hemispheres(obj: xr.Dataset | xr.DataArray) -> bool:
    """Return whether an object has a volume of hemispheres, which overrides the midline."""
    return "hemispheres" in (obj.variables if isinstance(obj, xr.Dataset) else obj.coords)


def _sides_of_midline(obj: xr.Dataset | xr.DataArray) -> Variable:
    terminology, space = find_atlas(obj)
    if space.midline is None:
        lateral = propose_lateral(terminology.names.tolist())
        raise HemisphereError(
            f"left and right cannot be distinguished: the atlas has no midline, and this "
            f"{type(obj).__name__} no variable 'hemispheres'. Open the atlas with midline= "
            "(where left and right meet, in mm), or pass the Dataset that has 'hemispheres'"
            + (f". The names of regions say it: create_atlas(..., {lateral})" if lateral else "")
        )
    name = space.coordinate(obj, "ml")
    if name is None:
        raise HemisphereError(
            f"left and right cannot be distinguished: the coordinate that runs "
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
