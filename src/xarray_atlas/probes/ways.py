"""Positions in a frame as mm to the right, anterior and superior (RAS), and back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import quantity
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.points.spaces import PointsSpace
from xarray_atlas.points.tables import Points
from xarray_atlas.transforms.any_frame import any_frame
from xarray_atlas.transforms.frames import AXIS_OF, Frame

__all__ = ["RAS", "Way", "frame_way"]

RAS = {
    "left-to-right": (0, 1),
    "right-to-left": (0, -1),
    "posterior-to-anterior": (1, 1),
    "anterior-to-posterior": (1, -1),
    "inferior-to-superior": (2, 1),
    "superior-to-inferior": (2, -1),
}
"""The axis of RAS that each direction runs along, and whether with it or against it."""


class Way(NamedTuple):
    """Conversion of positions in a frame to RAS mm, and back.

    Attributes
    ----------
    names : tuple of str
        Of the axes of the frame.
    directions : tuple of str
        In which they grow.
    """

    names: tuple[str, ...]
    directions: tuple[str, ...]

    def ras(self, points: Points) -> FloatArray:
        """Return points as mm to the right, anterior and superior, shape (n, 3)."""
        found = np.empty((points.mm["ap"].size, 3))
        for direction in self.directions:
            place, sign = RAS[direction]
            found[:, place] = sign * points.mm[AXIS_OF[direction]].ravel()
        return found

    def named(self, ras: FloatArray) -> dict[str, Variable]:
        """Return positions along each axis of the frame, on ``contact``."""
        found: dict[str, Variable] = {}
        for name, direction in zip(self.names, self.directions, strict=True):
            place, sign = RAS[direction]
            attrs = {"direction": direction}
            values = quantity(sign * ras[:, place] + 0.0)
            found[name] = QuantityVariable(("contact",), values, attrs)
        return found


def frame_way(obj: xr.Dataset | xr.DataArray, points: Points) -> Way:
    """Return how positions in the frame of points become RAS mm.

    Raises
    ------
    PointsError
        If the frame is a matrix that turns one axis into another.
    """
    if isinstance(points.frame, PointsSpace):
        return Way(points.frame.axes, points.frame.directions)
    known = any_frame(obj, points.frame)
    if not isinstance(points.frame, str | Frame):
        _, space = find_atlas(obj)
        own = [next(a for a in AXES if space.position(a) == i) for i in range(3)]
        if list(known.anatomical) != own:
            raise PointsError(
                "the matrix that is passed as frame= turns axes into others, so that it does not "
                "say which way a probe goes; make a frame of it: ds.atlas.frame(name, "
                "to_dataset=matrix, axes=..., directions=...)"
            )
    return Way(known.axes, known.directions)
