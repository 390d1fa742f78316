"""Create frames from a matrix, or from landmarks such as bregma and lambda."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.angles import to_degrees
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import to_mm, unit_factor
from xarray_atlas.errors import AtlasError, GridError, PointsError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.points.frames import placement_of
from xarray_atlas.points.tables import read_points
from xarray_atlas.transforms.any_frame import nearest_directions
from xarray_atlas.transforms.frames import AXIS_OF, Frame
from xarray_atlas.transforms.known_frames import (
    convention_frame,
    known_frame,
    on_space,
    to_corner_of,
    volume_of,
)
from xarray_atlas.transforms.matrices import checked_matrix
from xarray_atlas.transforms.stereotaxic import (
    CONVENTIONS,
    frame_from_corner,
    levelling,
    pitched,
    stereotaxic_matrix,
)

__all__ = ["make_frame"]

ORDERS = ("rotate, scale", "scale, rotate")

USUAL = {
    "ap": "posterior-to-anterior",
    "ml": "left-to-right",
    "dv": "inferior-to-superior",
}
"""The axes of stereotaxic coordinates in their usual order, and the directions they grow in."""


def make_frame(
    obj: xr.Dataset | xr.DataArray,
    name: str,
    *,
    matrix: Any = None,
    to_dataset: Any = None,
    bregma: Any = None,
    lambda_: Any = None,
    frame: Any = None,
    pitch: Any = None,
    scale: Any = None,
    order: str | None = None,
    centres: Any = None,
    axes: Sequence[str] | None = None,
    directions: Sequence[str] | None = None,
    unit: str | None = None,
    citation: str | None = None,
    url: str | None = None,
    assumptions: str | Iterable[str] | None = None,
    ccf: bool | None = None,
) -> Frame:
    """Return a frame by its name, or create one; the accessor documents the parameters."""
    made = [key for key, value in (("matrix", matrix), ("to_dataset", to_dataset),
                                   ("bregma", bregma)) if value is not None]  # fmt: skip
    if len(made) > 1:
        raise PointsError(f"a frame is made of one of {' and '.join(made)}, not of both")
    said = (assumptions,) if isinstance(assumptions, str) else tuple(assumptions or ())
    about = {"citation": citation or "", "url": url or ""}
    only_of_bregma = {"lambda_": lambda_, "pitch": pitch, "scale": scale, "order": order}
    only_of_bregma["frame"] = frame
    if made != ["bregma"] and (more := [k for k, v in only_of_bregma.items() if v is not None]):
        raise PointsError(f"{more[0]}= goes with bregma=, the origin of the frame")
    if not made:
        named = {"axes": axes, "directions": directions, "unit": unit, **about, "assumptions": said}
        if more := [key for key, value in named.items() if value not in (None, "", ())]:
            raise PointsError(
                f"{more[0]}= is of a frame that is made: pass matrix=, to_dataset= or bregma=; "
                f"ds.atlas.frame({name!r}) alone is one that is known"
            )
        found = _known(obj, name, ccf)
    elif made == ["bregma"]:
        turned = _of_landmarks(obj, bregma, lambda_, frame, pitch, scale, order)
        matrix, notes = turned
        found = _finished(obj, name, matrix, axes, directions, unit, about, (*notes, *said))
    else:
        found = _of_matrix(obj, name, matrix, to_dataset, axes, directions, unit, about, said)
    return found if centres is None else _of_centres(found, centres)


def _known(obj: xr.Dataset | xr.DataArray, name: str, ccf: bool | None) -> Frame:
    if ccf is not None and name in CONVENTIONS:
        return convention_frame(obj, name, ccf)
    return known_frame(obj, name)


# -- from landmarks


def _of_landmarks(
    obj: xr.Dataset | xr.DataArray,
    bregma: Any,
    lambda_: Any,
    frame: Any,
    pitch: Any,
    scale: Any,
    order: str | None,
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the matrix from mm from the corner to mm from bregma, and its assumptions."""
    origin = _place(obj, bregma, frame, "bregma")
    sizes = _scale(scale)
    uneven = len(set(sizes.values())) > 1
    turns = pitch is not None or lambda_ is not None
    if pitch is not None and lambda_ is not None:
        raise PointsError("the frame is levelled by pitch= or by lambda_=, not by both")
    if order is not None and order not in ORDERS:
        raise PointsError(f"order={order!r} is not {ORDERS[0]!r} or {ORDERS[1]!r}")
    if turns and uneven and order is None:
        raise PointsError(
            "the frame is rotated and scaled differently along its axes, so that the order "
            f"matters: order={ORDERS[0]!r} scales the levelled brain (as Pinpoint does), "
            f"order={ORDERS[1]!r} scales the brain as it lies in the atlas and then levels it (as "
            "the trajectory explorer does)"
        )
    rotate_first = order != ORDERS[1]
    at = ", ".join(f"{axis} {value * 1e3:.6g} um" for axis, value in zip(AXES, origin, strict=True))
    notes = [f"bregma lies at {at} of frame='allen', from the corner of the whole volume"]
    turn = np.eye(3)
    if lambda_ is not None:
        behind = _place(obj, lambda_, frame, "lambda_") - origin
        if not rotate_first:
            behind = behind * [sizes[axis] for axis in AXES]
        if behind[0] <= 0 or behind[0] < abs(behind[1]) or behind[0] < abs(behind[2]):
            raise PointsError(
                f"lambda_ lies {behind[0]:g} mm behind bregma, {behind[1]:g} mm below and "
                f"{behind[2]:g} mm right of it: not behind it, so that they cannot be levelled"
            )
        turn = levelling(behind)
        notes.append("rotated about bregma so that lambda lies straight behind it; no roll")
    elif pitch is not None:
        degrees = _degrees(pitch)
        turn = pitched(degrees)
        notes.append(f"rotated about bregma by {degrees:g} degrees, nose up")
    if any(value != 1 for value in sizes.values()):
        factors = ", ".join(f"{axis} {value:g}" for axis, value in sizes.items())
        after = "after" if turns and rotate_first else "before"
        notes.append(f"scaled: {factors}" + (f", {after} the rotation" if turns else ""))
    return stereotaxic_matrix(origin, turn, sizes, rotate_first), tuple(notes)


def _place(obj: xr.Dataset | xr.DataArray, place: Any, frame: Any, what: str) -> FloatArray:
    """Return a landmark in mm from the corner, along ap, dv and ml."""
    _, space = find_atlas(obj)
    corner = to_corner_of(space)
    if corner is None:
        raise GridError(
            f"where {what} lies in the whole volume is not known: its size was not written with "
            "this atlas, or a displacement field lies between. Open it again, or pass matrix="
        )
    try:
        read = read_points(obj, place, frame)
    except (PointsError, UnitsError) as error:
        raise type(error)(
            f"{what}={place!r} does not say where it is: pass its position along each axis with a "
            f"unit, {what}={{'ap': '5.4 mm', 'dv': '0.33 mm', 'ml': '5.7 mm'}}, and frame=, the "
            f"frame of these coordinates. {error}"
        ) from error
    stacked = read.stacked()
    if stacked.shape != (1, 3) or not np.isfinite(stacked).all():
        raise PointsError(f"{what} is one place, not {len(stacked)} points: {place!r}")
    placed = placement_of(obj, read.frame).place(stacked)[0]
    columns = [*(space.position(axis) for axis in AXES), 3]
    found = corner[:, columns] @ [*placed, 1.0]
    return np.asarray(found[:3])


def _scale(scale: Any) -> dict[str, float]:
    """Return the scale factor along each axis."""
    if scale is None:
        return dict.fromkeys(AXES, 1.0)
    if isinstance(scale, Mapping):
        if unknown := [axis for axis in scale if axis not in AXES]:
            raise PointsError(f"scale= has no axis {unknown[0]!r}; the axes are ap, dv and ml")
        factors = {axis: scale.get(axis, 1.0) for axis in AXES}
    elif isinstance(scale, int | float | np.integer | np.floating):
        factors = dict.fromkeys(AXES, scale)
    else:
        raise PointsError(
            f"scale={scale!r} does not say which factor is along which axis: "
            "scale={'ap': 1.031, 'dv': 0.885, 'ml': 0.952}"
        )
    found = {axis: float(value) for axis, value in factors.items()}
    if not all(0 < value < np.inf for value in found.values()):
        raise PointsError(f"scale={scale!r} holds a factor that is not positive")
    return found


def _degrees(pitch: Any) -> float:
    """Parse an angle in degrees: a number, a quantity, or text such as "5 deg"."""
    stated = isinstance(pitch, str) or hasattr(pitch, "units")
    found = to_degrees(pitch, "pitch") if stated else float(pitch)
    if not -90 < found < 90:
        raise PointsError(f"pitch={pitch!r} is not an angle between -90 and 90 degrees")
    return found


# -- from a matrix


def _of_matrix(
    obj: xr.Dataset | xr.DataArray,
    name: str,
    matrix: Any,
    to_dataset: Any,
    axes: Sequence[str] | None,
    directions: Sequence[str] | None,
    unit: str | None,
    about: Mapping[str, str],
    said: tuple[str, ...],
) -> Frame:
    _, space = find_atlas(obj)
    if matrix is None:
        back = checked_matrix(to_dataset, "to_dataset", PointsError, "")
        affine = np.asarray(np.linalg.inv(back), np.float64)
    else:
        affine = checked_matrix(matrix, "matrix", PointsError, "")
    unit = "mm" if unit is None else unit
    size = abs(np.linalg.det(affine[:3, :3])) ** (1 / 3) * unit_factor(unit)
    if not 0.2 < size < 5:
        raise UnitsError(
            f"by this matrix 1 mm of the brain is {size:g} mm of the frame, as its unit is "
            f"{unit!r}. Pass the unit of the frame's numbers: unit='um' or unit='mm'"
        )
    nearest = nearest_directions(affine, space.orientation)
    found = list(nearest if directions is None else directions)
    names = [AXIS_OF.get(text, text) for text in found] if axes is None else list(axes)
    return _frame(name, names, found, unit, affine, to_corner_of(space), volume_of(space),
                  about, said)  # fmt: skip


def _finished(
    obj: xr.Dataset | xr.DataArray,
    name: str,
    matrix: FloatArray,
    axes: Sequence[str] | None,
    directions: Sequence[str] | None,
    unit: str | None,
    about: Mapping[str, str],
    said: tuple[str, ...],
) -> Frame:
    """Return the frame of a matrix from mm from the corner, along ap, dv and ml on both sides."""
    _, space = find_atlas(obj)
    names = list(USUAL) if axes is None else list(axes)
    if directions is None:
        if any(axis not in USUAL for axis in names):
            raise PointsError(
                f"axes={tuple(names)!r} are not 'ap', 'ml' and 'dv': say with directions= which "
                "way each grows, such as ('posterior-to-anterior', 'left-to-right', "
                "'inferior-to-superior')"
            )
        directions = [USUAL[axis] for axis in names]
    if sorted(AXIS_OF.get(text, "") for text in directions) != sorted(AXES):
        raise PointsError(f"directions={tuple(directions)!r} are not three different ones of "
                          f"{', '.join(map(repr, AXIS_OF))}")  # fmt: skip
    a, b, c = names
    d, e, f = directions
    frame = frame_from_corner(name, matrix, (a, b, c), (d, e, f), unit or "mm",
                              volume_of(space), about["citation"], about["url"], said)  # fmt: skip
    return on_space(frame, space)


def _frame(
    name: str,
    axes: Sequence[str],
    directions: Sequence[str],
    unit: str,
    matrix: FloatArray,
    to_corner: FloatArray | None,
    volume: tuple[float, ...],
    about: Mapping[str, str],
    said: tuple[str, ...],
) -> Frame:
    try:
        a, b, c = axes
        d, e, f = directions
        return Frame(name, (a, b, c), (d, e, f), unit, matrix, to_corner, volume,
                     about["citation"], about["url"], said)  # fmt: skip
    except AtlasError:
        raise
    except ValueError as error:
        raise PointsError(f"a frame has three axes, not {tuple(axes)!r}") from error


def _of_centres(frame: Frame, centres: Any) -> Frame:
    """Shift a frame for a tool that takes the corner as the centre of the first voxel."""
    if not isinstance(centres, str) and not hasattr(centres, "units"):
        raise UnitsError(f"centres={centres!r} has no unit; write the size of a voxel as '25 um'")
    size = float(to_mm(centres, "centres"))
    if not 0 < size < np.inf:
        raise UnitsError(f"centres={centres!r} is not the size of a voxel")
    if frame.to_corner is None:
        raise GridError("where the corner of the volume lies is not known; leave out centres=")
    shift = np.eye(4)
    shift[:3, 3] = -size / 2
    matrix = frame.rebased(np.eye(4)).matrix @ shift @ frame.to_corner
    note = (
        f"counted from the centre of the first voxel, of {size * 1e3:g} um, as a tool does that "
        "takes index * size for the centre of a voxel: half a voxel less than from the corner"
    )
    return dataclasses.replace(
        frame,
        name=f"{frame.name}-{size * 1e3:g}um",
        matrix=matrix,
        assumptions=(*(text for text in frame.assumptions if "centres=" not in text), note),
    )
