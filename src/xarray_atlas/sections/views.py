"""Position and orientation of a plane in a frame."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.space import require_orientation
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.images.grids import grid_axes
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray
from xarray_atlas.sections.asked import (
    Asked,
    anatomical_name,
    frame_of,
    position_in,
    three_points,
    turning_point,
)
from xarray_atlas.sections.positions import PICTURES, Atlas, axis_of, point_in
from xarray_atlas.sections.turning import about_point, angles_of, normal_of, turn
from xarray_atlas.transforms.frames import Frame
from xarray_atlas.transforms.matrices import applied, tidy

__all__ = ["SECTION", "Box", "View", "view_of"]

SECTION = "section"
"""The attribute of the coordinate along a plane's normal that describes its view."""


@dataclass(frozen=True)
class View:
    """Position and orientation of a plane in a frame.

    Attributes
    ----------
    frame : Frame
    named : bool
        Whether the frame was requested, and is not only that of the Dataset.
    axis : str
        The anatomical axis across the plane.
    position : float
        Of the plane along that axis, in mm in the frame, about which it is rotated.
    tilt, roll : float
        In degrees.
    to_frame : float64 array of shape (4, 4)
        From coordinates of the plane to positions in the frame, in mm, in the order of its axes.
    """

    frame: Frame
    named: bool
    axis: str
    position: float
    tilt: float
    roll: float
    to_frame: FloatArray

    @property
    def across(self) -> int:
        """The place of the axis across the plane among the frame's axes."""
        return self.frame.anatomical.index(self.axis)

    @property
    def to_dataset(self) -> FloatArray:
        """The matrix from coordinates of the plane to the Dataset, both in mm, shape (4, 4)."""
        return tidy(np.asarray(np.linalg.inv(self.frame.in_mm) @ self.to_frame))

    @property
    def straight(self) -> bool:
        """True if the axes of the plane are parallel to those of the Dataset."""
        return not self.frame.tilted and not self.tilt and not self.roll

    def on_plane(self, positions: FloatArray) -> FloatArray:
        """Return positions in the Dataset as coordinates of the plane, in mm, shape (..., 3)."""
        return applied(np.linalg.inv(self.to_dataset), positions)

    def to_attr(self) -> str:
        """Return the view as JSON, for an attribute of the coordinate along the normal."""
        said: dict[str, Any] = {"frame": self.frame.name if self.named else "", "axis": self.axis}
        said |= {"unit": self.frame.unit, "position": self.position}
        said |= {"tilt": self.tilt, "roll": self.roll, "oblique": not self.straight}
        said |= {"anatomical": list(self.frame.anatomical), "directions": self.frame.directions}
        return json.dumps(said | {"to_frame": self.to_frame.tolist()})

    def along_frame(self, place: int) -> bool:
        """Return whether an axis of the plane is one of the frame's."""
        return bool(np.abs(self.to_frame[:3, place] - np.eye(3)[place]).max() < TOLERANCE)


def view_of(obj: Atlas, asked: Asked, axis: str | None = None) -> View:
    """Return the view of the requested plane in its frame.

    Parameters
    ----------
    obj : Dataset or DataArray
        Of three dimensions.
    asked : Asked
    axis : str, optional
        The normal axis, if no position is requested.
    """
    _, space = find_atlas(obj)
    require_orientation(space)
    frame = frame_of(obj, asked.frame)
    named = asked.frame is not None
    point = turning_point(obj, frame, asked)
    tilt, roll = asked.angles()
    if asked.through is not None:
        points = three_points(obj, frame, asked)
        normal = normal_of(points)
        nearest = {name: abs(normal[frame.anatomical.index(name)]) for name in PICTURES}
        axis = max(nearest, key=lambda name: nearest[name] + 1e-9 * (name == "ap"))
        at = frame.anatomical.index(axis)
        tilt, roll = angles_of(normal, frame, axis)
        point[at] += normal @ (points[0] - point) / normal[at]
    elif asked.region is not None:
        axis = anatomical_name(frame, asked.axis) if named else axis_of(obj, asked.axis)
        inside = point_in(obj, asked.region)
        order = sorted(inside, key=space.position)
        point = frame.from_dataset([inside[name] for name in order]) * unit_factor(frame.unit)
    elif asked.positions:
        ((axis, given),) = asked.positions.items()
        point[frame.anatomical.index(axis)] = position_in(frame, named, given, axis)
    assert axis is not None
    to_frame = np.eye(4)
    if tilt or roll:
        to_frame = about_point(turn(frame, axis, tilt, roll), point)
    position = float(point[frame.anatomical.index(axis)])
    return View(frame, named, axis, position, tilt, roll, to_frame)


@dataclass(frozen=True)
class Box:
    """The voxels of a volume, in the order of the dims of its space.

    Attributes
    ----------
    dims : list of hashable
    values : list of float64 arrays
        The centres of voxels along each, in mm.
    sizes : float64 array of shape (3,)
    """

    dims: list[Any]
    values: list[FloatArray]
    sizes: FloatArray

    @classmethod
    def of(cls, ds: xr.Dataset) -> Box:
        """Measure a volume."""
        _, space = find_atlas(ds)
        names, dims, sizes = grid_axes(ds, space)
        return cls(dims, [lengths(ds, name) for name in names], np.array(sizes))

    @property
    def first(self) -> FloatArray:
        """The centre of the voxel with the smallest coordinates."""
        return np.array([values.min() for values in self.values])

    @property
    def corners(self) -> FloatArray:
        """The eight outer corners, shape (8, 3)."""
        last = np.array([values.max() for values in self.values])
        ends = zip(self.first - self.sizes / 2, last + self.sizes / 2, strict=True)
        return np.array([*itertools.product(*ends)])
