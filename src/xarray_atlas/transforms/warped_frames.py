"""Frames of an atlas on a grid that is related to it by a displacement field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.any_frame import any_frame, require_unmoved
from xarray_atlas.transforms.frames import Frame
from xarray_atlas.transforms.remembered import grid_to_atlas, its_atlas
from xarray_atlas.transforms.transform import Transform

__all__ = ["FrameOnGrid", "frame_on_grid"]


@dataclass(frozen=True, eq=False)
class FrameOnGrid:
    """A frame, and the map between positions in a Dataset and the frame.

    Attributes
    ----------
    frame : Frame
        Frame of the Dataset, or of the atlas that `transform` leads to.
    transform : Transform, optional
        From the Dataset to the atlas, if it involves a displacement field.
    """

    frame: Frame
    transform: Transform | None = None

    @property
    def tilted(self) -> bool:
        """Return whether its axes are anywhere not parallel to those of the Dataset."""
        return self.transform is not None or self.frame.tilted

    def from_dataset(self, positions: Any) -> FloatArray:
        """Return the coordinates in the frame of positions (..., 3) in the Dataset, in mm."""
        if self.transform is not None:
            flat = np.reshape(positions, (-1, 3))
            positions = np.reshape(self.transform.points(flat), np.shape(positions))
        return self.frame.from_dataset(positions)

    def to_dataset(self, numbers: Any) -> FloatArray:
        """Return the positions in the Dataset of coordinates (..., 3) in the frame.

        NaN where the field has no inverse.
        """
        positions = self.frame.to_dataset(numbers)
        if self.transform is None:
            return positions
        back = self.transform.inverse(unsolved="missing")
        found: FloatArray = np.reshape(back.points(positions.reshape(-1, 3)), positions.shape)
        return found


def frame_on_grid(obj: xr.Dataset | xr.DataArray, frame: Any) -> FrameOnGrid:
    """Return the frame that a parameter ``frame`` denotes, on a grid of any kind.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or a grid onto which one was resampled.
    frame : str, Frame, or (4, 4) array of float
        Same as in :func:`any_frame`.

    Raises
    ------
    PointsError, GridError
        Same as in :func:`any_frame`.
    TransformError
        If the field that leads to the atlas was dropped.
    """
    _, space = find_atlas(obj)
    name = getattr(frame, "name", frame)
    own = not isinstance(name, str) or name == "dataset" or (name == "world" and space.world)
    if not space.through or own:
        return FrameOnGrid(any_frame(obj, frame))
    found = any_frame(its_atlas(obj), frame)
    require_unmoved(obj, space, found.name)
    return FrameOnGrid(found, grid_to_atlas(obj))
