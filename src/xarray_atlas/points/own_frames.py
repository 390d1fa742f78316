"""The frame given by the points themselves, or an error that asks for it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.space import FRAME
from xarray_atlas.errors import PointsError
from xarray_atlas.points.frames import FRAMES, frame_direction, frame_question
from xarray_atlas.points.spaces import PointsSpace
from xarray_atlas.points.tool_columns import tool_of
from xarray_atlas.transforms.any_frame import frame_as_attr, settled_frame
from xarray_atlas.transforms.frames import Frame, is_frame_json
from xarray_atlas.transforms.known_frames import frames_of
from xarray_atlas.transforms.stereotaxic import CONVENTIONS

__all__ = ["check_directions", "frame_name", "own_frame", "settle_frame"]


def frame_name(frame: Any) -> str | None:
    """Return the name of a frame; None for a matrix or no frame."""
    if isinstance(frame, Frame | PointsSpace):
        return frame.name
    return frame if isinstance(frame, str) else None


def own_frame(obj: xr.Dataset | xr.DataArray, points: Any) -> Any:
    """Return the frame given in the attributes of points, or None.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas, which defines names of frames.
    points : DataFrame, Dataset, DataArray, mapping or sequence
        The attributes of a Dataset take precedence over those of its variables.

    Raises
    ------
    PointsError
        If two of them differ.
    """
    stated = _of_attrs(obj, getattr(points, "attrs", {}))
    if stated is not None or isinstance(points, pd.DataFrame):
        return stated
    if isinstance(points, xr.Dataset):
        parts: Iterable[Any] = points.variables.values()
    elif isinstance(points, xr.DataArray):
        parts = points.coords.variables.values()
    elif isinstance(points, Mapping):
        parts = points.values()
    else:
        parts = points if isinstance(points, list | tuple) else ()
    kinds = (xr.DataArray, Variable, pd.Series)
    found = [_of_attrs(obj, part.attrs) for part in parts if isinstance(part, kinds)]
    found = [frame for frame in found if frame is not None]
    if any(frame_as_attr(frame) != frame_as_attr(found[0]) for frame in found):
        raise PointsError(
            "the positions along the axes state different frames in their attributes "
            f"({', '.join(sorted({repr(frame_as_attr(f)) for f in found}))}); points have one"
        )
    return found[0] if found else None


def _of_attrs(obj: xr.Dataset | xr.DataArray, attrs: Mapping[Any, Any]) -> Any:
    """Return the frame given by attributes; ignore other uses of the attribute."""
    value = attrs.get(FRAME)
    if isinstance(value, Frame):
        return value
    if is_frame_json(value):
        return Frame.from_json(str(value))
    if isinstance(value, str):
        known = value in FRAMES or value in CONVENTIONS or value in frames_of(obj)
        return value if known else None
    if isinstance(value, list | tuple | np.ndarray) and np.size(value) == 16:
        return np.reshape(np.asarray(value, np.float64), (4, 4))
    return None


def settle_frame(
    obj: xr.Dataset | xr.DataArray,
    frame: Any,
    own: Any,
    columns: Iterable[Hashable] = (),
    placed: bool = False,
    advice: str = "",
) -> Any:
    """Return the frame of points, or raise an error that asks for it.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    frame : optional
        As passed by the user.
    own : optional
        As given by the points.
    columns : iterable of hashable
        Columns of a table, which may identify the tool that wrote it.
    placed : bool
        Whether the points' coordinates have a direction and a unit each, like the Dataset's.
    advice : str
        How to pass points of the tool that wrote them.

    Raises
    ------
    PointsError
        If neither gives a frame, or they contradict each other.
    """
    if frame is None and own is None and not placed:
        tool = tool_of(columns)
        more = advice or ("" if tool is None else tool.advice())
        raise PointsError(frame_question(obj, f". {more}" if more else ""))
    if frame is None:
        return "dataset" if own is None else settled_frame(obj, own)
    frame = settled_frame(obj, frame)
    if own is not None and not _same(frame, settled_frame(obj, own)):
        raise PointsError(
            f"the points state in their attributes that they are in frame={_shown(own)}, and "
            f"frame={_shown(frame)} says otherwise; leave out frame=, or correct attrs['frame']"
        )
    return frame


def _same(frame: Any, own: Any) -> bool:
    if isinstance(frame, str | Frame) or isinstance(own, str | Frame):
        return type(frame) is type(own) and bool(frame == own)
    return np.shape(frame) == (4, 4) and np.array_equal(np.asarray(frame), own)


def _shown(frame: Any) -> str:
    name = frame_name(frame)
    return "a matrix" if name is None else repr(name)


def check_directions(
    obj: xr.Dataset | xr.DataArray, frame: Any, directions: Mapping[str, tuple[Hashable, str]]
) -> None:
    """Refuse coordinates with the opposite direction of their frame.

    Parameters
    ----------
    obj : Dataset or DataArray
    frame : str, Frame or array
    directions : mapping of str to (hashable, str)
        For each axis with a direction: the name of its coordinate, and the direction.

    Raises
    ------
    PointsError
        If one of them is the opposite of the frame's.
    """
    for axis, (name, direction) in directions.items():
        wanted = frame_direction(obj, frame, axis)
        if wanted is not None and direction != wanted:
            raise PointsError(
                f"the coordinate {name!r} of the points says that it runs {direction}, but in "
                f"frame={_shown(frame)} {axis!r} runs {wanted}: it counts from the other end, and "
                "where that lies is not known. Pass the points' frame, or a 4 x 4 matrix"
            )
