"""The space of points that a transform maps, in place of a frame of the atlas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.space import AXES
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.corners import CORNERS
from xarray_atlas.transforms.frames import AXIS_OF, Frame
from xarray_atlas.transforms.matrices import applied, checked_matrix
from xarray_atlas.transforms.registration import atlas_names, checked_transform, towards_atlas
from xarray_atlas.transforms.transform import Transform

__all__ = ["PointsSpace", "points_space"]


@dataclass(frozen=True, eq=False)
class PointsSpace:
    """The coordinates of points that a transform maps to an atlas.

    Attributes
    ----------
    transform : Transform
        From the points, or the output of `first`, to the atlas.
    first : float64 array of shape (4, 4), optional
        From the points to the coordinates that the transform takes.
    axes : tuple of str
        The names of the points' axes.
    directions : tuple of str
        The directions in which their coordinates increase.
    """

    transform: Transform
    first: FloatArray | None
    axes: tuple[str, ...]
    directions: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the space."""
        return self.transform.source.name

    @property
    def anatomical(self) -> tuple[str, ...]:
        """The anatomical axis nearest to each axis."""
        return tuple(AXIS_OF[direction] for direction in self.directions)

    def place(self, obj: xr.Dataset | xr.DataArray, points: FloatArray) -> FloatArray:
        """Return the positions of points in a Dataset.

        Parameters
        ----------
        obj : Dataset or DataArray
            The atlas.
        points : float64 array of shape (n, 3)
            In mm along the axes nearest to ap, dv and ml.

        Returns
        -------
        float64 array of shape (n, 3)
            In mm along ap, dv and ml of the Dataset.
        """
        columns = points[:, [list(AXES).index(axis) for axis in self.anatomical]]
        if self.first is not None:
            columns = applied(self.first, columns)
        bound = self.transform.bind(target=obj)
        there: FloatArray = bound.points(columns)
        order = [AXIS_OF[direction] for direction in bound.target.directions]
        return there[:, [order.index(axis) for axis in AXES]]


def points_space(
    obj: xr.Dataset | xr.DataArray, transform: Any, frame: Any, unit: Any
) -> PointsSpace:
    """Return the space of points, given the parameters `transform` and `frame`.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    transform : Transform
    frame : optional
        A frame in the source space of the transform.
    unit : optional
        Unit of the points.

    Raises
    ------
    TransformError
        If it is not a Transform, or it is unknown which of its ends is the atlas.
    PointsError
        If `frame` is one of the atlas.
    """
    checked = checked_transform(transform)
    if unit == "voxel":
        raise PointsError(
            "a transform takes positions in mm, not indices of voxels. Take them from the image: "
            "image.z.values[index], or multiply them by its affine, and pass unit='mm'"
        )
    known = towards_atlas(checked, atlas_names(obj))
    end = known.source
    if frame is None or (isinstance(frame, str) and frame in (end.name, end.frame)):
        return PointsSpace(known, None, end.axes, end.directions)
    if isinstance(frame, Frame):
        return PointsSpace(known, _from_frame(frame, known), frame.axes, frame.directions)
    if isinstance(frame, str):
        raise PointsError(
            f"with transform= the points are those of {end.name!r}, in {', '.join(end.axes)} "
            f"(frame={end.frame!r}), and frame={frame!r} says otherwise; leave out frame=, or pass "
            f"the Frame or 4 x 4 matrix that leads from the points to {', '.join(end.axes)} in mm"
        )
    matrix = checked_matrix(frame, "frame", PointsError, ", or a Frame")
    return PointsSpace(known, matrix, end.axes, end.directions)


def _from_frame(frame: Frame, transform: Transform) -> FloatArray:
    """Return the matrix from mm along a frame's axes to the coordinates of a transform."""
    end = transform.source
    back = np.linalg.inv(frame.in_mm)
    if end.frame == "dataset":
        return np.asarray(back, np.float64)
    if end.frame in CORNERS and frame.to_corner is not None:
        # mm from the corner to posterior, inferior and right, as in "allen"
        order = [list(AXES).index(AXIS_OF[direction]) for direction in end.directions]
        found = (frame.to_corner @ back)[[*order, 3]]
        if end.frame == "allen":
            return np.asarray(found, np.float64)
    raise PointsError(
        f"frame {frame.name!r} is one of a Dataset, and the transform takes points in frame="
        f"{end.frame!r} of {end.name!r}; bind it to that Dataset: transform.bind(source=dataset)"
    )
