"""Contacts of a probe in a plane of an atlas, and the plane of a probe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import PointsError
from xarray_atlas.plotting.planes import Plane
from xarray_atlas.points.spaces import PointsSpace
from xarray_atlas.points.tables import read_points
from xarray_atlas.probes.places import checked, in_dataset
from xarray_atlas.sections.asked import Asked, anatomical_name, frame_of
from xarray_atlas.sections.views import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["add_contacts", "through_contacts"]

NEAR = 0.1
"""Contacts within this distance of a plane, in mm, are drawn as lying in it; others are faint."""

FAINT = 0.25


def through_contacts(obj: xr.Dataset | xr.DataArray, asked: Asked, contacts: Any) -> Asked:
    """Request the plane of the shanks of a probe, unless another one is requested.

    It is parallel to the mean direction of the shanks, goes through the middle of the contacts,
    and is as nearly across ``asked.axis`` as that allows.

    Raises
    ------
    PointsError
        If these are not contacts, or their shanks run along that axis.
    """
    if asked.says_where:
        return asked
    frame = asked.frame
    if frame is None:
        own = read_points(obj, checked(contacts)).frame
        frame = None if isinstance(own, PointsSpace) else own
    known = frame_of(obj, frame)
    at = known.from_dataset(in_dataset(obj, contacts)) * to_mm(f"1 {known.unit}")
    height = np.asarray(to_mm(contacts["from_tip"]))
    shank = contacts["shank"].values.astype(str)
    lines = np.zeros(3)
    for name in np.unique(shank):  # the slope of positions over heights, for all shanks alike
        of = shank == name
        lines += (height[of] - height[of].mean()) @ (at[of] - at[of].mean(axis=0))
    if not np.linalg.norm(lines):
        raise PointsError("the contacts of each shank have one height: name the plane, ap= or so")
    line = lines / np.linalg.norm(lines)
    across = known.anatomical.index(anatomical_name(known, asked.axis))
    normal = np.eye(3)[across] - line[across] * line
    if np.linalg.norm(normal) < 0.1:
        raise PointsError(
            f"the shanks run along {asked.axis!r}, so that no plane across it holds them; pass "
            "another axis="
        )
    middle = at.mean(axis=0)
    points = np.stack([middle, middle + line, middle + np.cross(normal, line)])
    points /= to_mm(f"1 {known.unit}")
    through = dict(zip(known.axes, points.T, strict=True))
    return replace(asked, through=through, frame=known.name if frame is None else frame,
                   unit=known.unit)  # fmt: skip


def add_contacts(
    ax: Axes, plane: Plane, view: View | None, obj: xr.Dataset | xr.DataArray, contacts: Any,
    ink: str,
) -> None:  # fmt: skip
    """Draw contacts at their positions in a picture; those outside its plane are faint."""
    at = in_dataset(obj, contacts)
    _, space = find_atlas(obj)
    if view is None:
        order = [space.position(axis) for axis in AXES]
        along = dict(zip(AXES, at[:, order].T, strict=True))
    else:
        along = dict(zip(view.frame.anatomical, view.on_plane(at).T, strict=True))
    x, y = (along[axis.axis] / plane.factor for axis in (plane.x, plane.y))
    position = plane.shown.position
    off = np.abs(along[plane.shown.axis] - (0.0 if position is None else position))
    for near, alpha in ((False, FAINT), (True, 1.0)):
        part = (off <= NEAR) == near
        if part.any():
            ax.plot(x[part], y[part], ".", color=ink, markersize=2, alpha=alpha)
