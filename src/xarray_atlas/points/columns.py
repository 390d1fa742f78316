"""Find the columns or variables with the positions of points along ap, dv and ml."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import AXES, DIRECTIONS
from xarray_atlas.errors import PointsError
from xarray_atlas.points.tool_columns import known_columns, refuse_other_columns

__all__ = ["axis_names", "checked_axes", "choose", "direction_axes", "listed"]

WORLD_NAMES = {"x": "ml", "y": "ap", "z": "dv"}
"""What NIfTI and QuickNII call the axes of RAS."""

AMBIGUOUS = ("x", "y", "z")
"""The names that tools use for different axes: they are the Dataset's in its own frame only."""


def axis_names(
    obj: xr.Dataset | xr.DataArray, frame: str | None, own: Mapping[str, str] | None = None
) -> dict[Hashable, str]:
    """Return the names of each anatomical axis in a frame.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas. Its dimensions also name axes, except in frames in which other tools use these
        names for other axes.
    frame : str or None
        None for a matrix.
    own : mapping of str to str, optional
        The anatomical axis of each axis named by the frame itself, which takes precedence.
    """
    known: dict[Hashable, str] = {axis: axis for axis in AXES}
    if own is not None:
        known.update(own)
        return known
    if frame in ("world", "quicknii"):
        known.update(WORLD_NAMES)
        return known
    _, space = find_atlas(obj)
    axes = space.coordinates(obj)
    # x, y and z of world coordinates are their axes, but in an atlas also dimensions of the array
    of_array = bool(space.world) and any(
        axis != WORLD_NAMES.get(str(name))
        for axis, name in axes.items()
        if str(name).lower() in AMBIGUOUS
    )
    dims = {}
    for axis, name in axes.items():
        for own in (space.dims[space.position(axis)],) if name is None else (
            name, *obj.coords[name].dims
        ):  # fmt: skip
            if (frame != "dataset" or of_array) and str(own).lower() in AMBIGUOUS:
                dims[own] = axis
                continue
            if known.setdefault(own, axis) != axis:
                raise PointsError(
                    f"{own!r} is the name of an anatomical axis, but this {type(obj).__name__} "
                    f"calls another one so ({space.direction(axis)}): rename that dimension"
                )
            dims[own] = axis
    order = [dims[dim] for dim in getattr(obj, "annotation", obj).dims if dim in dims]
    return {**known, **{n: a for n, a in known_columns(frame, order).items() if n not in known}}


def checked_axes(
    axes: Iterable[str], known: Mapping[Hashable, str], frame: str | None
) -> list[Hashable]:
    """Return three names, one for each anatomical axis, in the given order."""
    names: list[Hashable] = [axes] if isinstance(axes, str) else list(axes)
    unknown = [name for name in names if name not in known]
    if unknown and frame != "dataset" and str(unknown[0]).lower() in AMBIGUOUS:
        raise PointsError(
            f"axes={tuple(names)!r}: {_in(frame)} {unknown[0]!r} may be any axis: "
            f"{_WHOSE}. Name the anatomical axes, in the order of the numbers: "
            "axes=('ap', 'dv', 'ml') for the Allen SDK's x, y, z and for z, y, x of BrainGlobe, "
            "axes=('ml', 'dv', 'ap') for cellfinder's x, y, z"
        )
    if unknown and str(unknown[0]).lower() in AMBIGUOUS:
        raise PointsError(f"axes={tuple(names)!r}: {_IN_A_WORLD}")
    if unknown:
        raise PointsError(f"no axis {unknown[0]!r}; the axes are {listed(known)}")
    if sorted(known[name] for name in names) != sorted(AXES):
        raise PointsError(
            f"axes={tuple(names)!r} does not name each axis once; name ap, dv and ml, in the order "
            "of the numbers, or the dimensions that run along them"
        )
    return names


_IN_A_WORLD = (
    "x, y and z are the axes of the world (to the right, anterior, superior), and this atlas, "
    "which lies in it, has dimensions of these names that run along others. For positions in the "
    "world pass frame='world'; else name the anatomical axes, ap, dv and ml, with axes= or columns="
)

_WHOSE = (
    "the Allen Institute's x, y, z are ap, dv, ml, cellfinder's are ml, dv, ap, and IBL's are "
    "ml, ap, dv"
)


def _in(frame: str | None) -> str:
    return "in the frame of a matrix" if frame is None else f"in frame={frame!r}"


def listed(names: Iterable[Hashable]) -> str:
    """Format names for a message."""
    return ", ".join(repr(name) for name in names)


def direction_axes(
    attrs: Mapping[Hashable, Mapping[Any, Any]], known: Mapping[Hashable, str]
) -> dict[Hashable, str]:
    """Return the axis of each variable with a ``direction``, which overrides its name.

    Parameters
    ----------
    attrs : mapping of hashable to mapping
        The attributes of the variables.
    known : mapping of hashable to str
        The axis that each name denotes.

    Raises
    ------
    PointsError
        If a variable called ap, dv or ml has a ``direction`` along another axis.
    """
    letters = {text: letter for letter, text in DIRECTIONS.items()}
    found: dict[Hashable, str] = {}
    for name, own in attrs.items():
        direction = own.get("direction")
        if not isinstance(direction, str) or direction not in letters:
            continue
        axis = next(a for a, both in AXES.items() if letters[direction] in both)
        if name in AXES and name != axis:
            raise PointsError(
                f"{name!r} says that it runs {direction}, which is along {axis!r}; rename it, or "
                "correct its attribute 'direction'"
            )
        found[name] = axis
    return found


def choose(
    present: Iterable[Hashable],
    known: Mapping[Hashable, str],
    axes: Sequence[Hashable] | None,
    columns: Mapping[str, Any] | None,
    what: str,
    frame: Any,
) -> dict[str, Hashable]:
    """Find the column with the positions along each anatomical axis.

    Columns named by the user come first; the other axes are found by name.

    Parameters
    ----------
    present : iterable of hashable
    known : mapping of hashable to str
        The axis that each name denotes.
    axes : sequence of hashable, optional
        The names of the three columns.
    columns : mapping of str to hashable, optional
        The user's name for an axis.
    what : str
        What is named, for error messages: "columns", "variables" or "entries".
    frame : str or None
    """
    there = list(present)
    chosen: dict[str, Hashable] = {}
    for name, column in (columns or {}).items():
        if name not in known:
            raise PointsError(f"columns= has no axis {name!r}; the axes are {listed(known)}")
        if column not in there:
            low = {str(name).lower(): name for name in there}
            close = [low[n] for n in difflib.get_close_matches(str(column).lower(), low)]
            hint = f"; did you mean {listed(close)}?" if close else ""
            raise PointsError(f"no {column!r} among the {what} {listed(there)}{hint}")
        if known[name] in chosen:
            raise PointsError(
                f"columns= gives the axis {known[name]!r} twice: {dict(columns or {})}"
            )
        chosen[known[name]] = column
    rest = [axis for axis in AXES if axis not in chosen]
    for axis in rest:
        names = [n for n in (known if axes is None else axes) if known[n] == axis and n in there]
        names = [name for name in names if name not in chosen.values()]
        if len(names) > 1:
            raise PointsError(
                f"both {names[0]!r} and {names[1]!r} may be the positions along {axis!r}; choose "
                f"with axes=('ap', 'dv', 'ml') or columns={{{axis!r}: {names[0]!r}}}"
            )
        if names:
            chosen[axis] = names[0]
    missing = [axis for axis in AXES if axis not in chosen]
    if missing:
        _refuse_missing(missing, there, known, what, frame)
    for taken in chosen.values():
        if there.count(taken) > 1:
            raise PointsError(f"{taken!r} is {there.count(taken)} times among the {what}")
    return chosen


def _x_y_z(names: Iterable[Hashable]) -> tuple[Hashable, ...] | None:
    """Return three names that only differ in x, y and z, such as "Atlas_X"."""
    low = {str(name).lower(): name for name in names}
    for name in low:
        for found in re.finditer(r"(?<![a-z])x(?![a-z])", name):
            three = [name[: found.start()] + a + name[found.end() :] for a in AMBIGUOUS]
            if all(one in low for one in three):
                return tuple(low[one] for one in three)
    return None


def _refuse_missing(
    missing: list[str],
    there: list[Hashable],
    known: Mapping[Hashable, str],
    what: str,
    frame: str | None,
) -> None:
    """Say which columns are missing, and how the existing ones could be read."""
    if frame not in ("dataset", "world", "quicknii") and (found := _x_y_z(there)):
        x, y, z = found
        raise PointsError(
            f"the {what} {x!r}, {y!r}, {z!r} do not say which axis each is {_in(frame)}: "
            f"{_WHOSE}. Say which is which: columns={{'ap': {x!r}, 'dv': {y!r}, 'ml': {z!r}}} "
            f"(Allen SDK, QuPath and ABBA), columns={{'ap': {z!r}, 'dv': {y!r}, 'ml': {x!r}}} "
            "(cellfinder), or "
            f"columns={{'ml': {x!r}, 'ap': {y!r}, 'dv': {z!r}}} (IBL); or rename them"
        )
    if frame == "dataset" and not known.keys() & set(AMBIGUOUS) and _x_y_z(there):
        raise PointsError(f"the {what} are {listed(there)}: {_IN_A_WORLD}")
    refuse_other_columns(there, frame)
    own = {
        axis: next((n for n, a in known.items() if a == axis and n not in AXES), None)
        for axis in missing
    }
    others = [name for name in own.values() if name is not None]
    or_own = f" or {listed(others)}" if others else ""
    raise PointsError(
        f"no positions along {listed(missing)}: the {what} are {listed(there) or 'none'}. "
        f"Call them {listed(missing)}{or_own}, or say what they are "
        f"called: columns={_columns_like(missing, there)}"
    )


def _columns_like(missing: list[str], there: list[Hashable]) -> str:
    """Return the mapping to pass, complete where names differ by upper and lower case alone."""
    lower = {str(name).lower(): name for name in there}
    if len(lower) == len(there) and all(axis in lower for axis in missing):
        return str({axis: lower[axis] for axis in missing})
    return f"{{{missing[0]!r}: ...}}"
