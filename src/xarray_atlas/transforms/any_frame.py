"""Interpret `frame` parameters: a name, a Frame, or a matrix from points to the Dataset."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.headers import OPPOSITE
from xarray_atlas.coords.space import AXES, DIRECTIONS, Space, require_orientation
from xarray_atlas.coords.world import nearest_axes
from xarray_atlas.errors import GridError, PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.frames import AXIS_OF, Frame
from xarray_atlas.transforms.known_frames import (
    BUILT_IN,
    frames_of,
    known_frame,
    to_corner_of,
    volume_of,
)
from xarray_atlas.transforms.matrices import checked_matrix, tidy
from xarray_atlas.transforms.remembered import its_atlas
from xarray_atlas.transforms.stereotaxic import CONVENTIONS

__all__ = [
    "any_frame",
    "frame_as_attr",
    "nearest_directions",
    "require_unmoved",
    "settled_frame",
]


def any_frame(obj: xr.Dataset | xr.DataArray, frame: Any) -> Frame:
    """Return the frame that a parameter ``frame`` denotes for an object.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    frame : str, Frame, or (4, 4) array of float
        A name, a frame, or a matrix from positions (mm, in the order of the dims) to the Dataset.

    Returns
    -------
    Frame

    Raises
    ------
    PointsError
        If it is none of these.
    GridError
        If the location of the frame is unknown, or the coordinates of the object were changed.
    """
    _, space = find_atlas(obj)
    if not isinstance(frame, str | Frame):
        back = checked_matrix(frame, "frame", PointsError, ", a Frame, or the name of one")
        matrix = tidy(np.linalg.inv(back))
        ways = nearest_directions(matrix, space.orientation)
        a, b, c = (AXIS_OF[way] for way in ways)
        one = to_corner_of(space), volume_of(space), "a matrix"
        return Frame("matrix", (a, b, c), ways, "mm", matrix, *one)
    found = known_frame(obj, frame)
    if found.name != "dataset" or isinstance(frame, Frame):
        require_orientation(space)
        require_unmoved(obj, space, found.name)
    return found


def nearest_directions(matrix: FloatArray, orientation: str) -> tuple[str, str, str]:
    """Return the anatomical direction nearest to each axis of a frame.

    Parameters
    ----------
    matrix : float64 array of shape (4, 4)
        From positions in the Dataset to the frame.
    orientation : str
        Orientation of the Dataset.
    """
    columns, signs = nearest_axes(matrix[:3, :3].T)
    pairs = zip(columns, signs, strict=True)
    letters = [orientation[c] if sign > 0 else OPPOSITE[orientation[c]] for c, sign in pairs]
    first, second, third = (DIRECTIONS[letter] for letter in letters)
    return first, second, third


def require_unmoved(obj: xr.Dataset | xr.DataArray, space: Space, frame: str) -> None:
    """Raise a GridError if coordinates were changed, so that frames no longer apply."""
    for axis in AXES:
        name = space.coordinate(obj, axis)
        if name is None:
            continue
        outside = np.atleast_1d(space.outside(axis, lengths(obj, name)))
        if outside.any():
            raise GridError(
                f"{outside.mean():.0%} of the coordinate {name!r} lies outside the volume of the "
                f"atlas: was it moved, stretched or mirrored? frame={frame!r} leads to the "
                "coordinates that the atlas was opened with. Look points up before you change "
                "them, or pass positions in the coordinates as they are now, with frame='dataset'"
            )


def settled_frame(obj: xr.Dataset | xr.DataArray, frame: Any) -> Any:
    """Return a frame in the form for results: a name that all atlases share, or a Frame."""
    if isinstance(frame, str) and frame in (*BUILT_IN, *CONVENTIONS):
        return frame
    if not isinstance(frame, str | Frame):
        return frame
    obj = its_atlas(obj)
    found = known_frame(obj, frame)
    if found.name in (*BUILT_IN, *CONVENTIONS) and found == frames_of(obj).get(found.name):
        return found.name
    return found


def frame_as_attr(frame: Any) -> str | list[float]:
    """Return the attribute with which a result records its frame.

    The name if every atlas has the frame or it is a published convention; otherwise the Frame as
    JSON, or the 16 numbers of a matrix.
    """
    if isinstance(frame, Frame):
        return frame.to_json()
    return str(frame) if isinstance(frame, str) else [float(value) for value in np.ravel(frame)]
