"""Convert lengths along the axes of a frame to coordinates of the Dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import to_mm, unit_factor
from xarray_atlas.errors import PointsError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.any_frame import any_frame
from xarray_atlas.transforms.frames import Frame

__all__ = ["FramedAxis", "framed_axis", "reach_in_dataset", "require_unit"]


@dataclass(frozen=True)
class FramedAxis:
    """Axis of a frame that is parallel to one of the Dataset: ``frame = scale * own + shift``.

    Attributes
    ----------
    frame : Frame
    axis : str
        "ap", "dv" or "ml".
    scale, shift : float
        In mm.
    """

    frame: Frame
    axis: str
    scale: float
    shift: float

    def label(self, label: Any) -> Any:
        """Convert a length, lengths or slice in the frame to the Dataset, in mm."""
        if isinstance(label, slice):
            start, stop = (
                None if end is None else self.label(end) for end in (label.start, label.stop)
            )
            return slice(start, stop, label.step)
        require_unit(label, self.frame, self.axis)
        return (to_mm(label, f"position along {self.axis!r}") - self.shift) / self.scale

    def distance(self, length: Any) -> Any:
        """Convert a distance in the frame to the Dataset, in mm."""
        if length is None:
            return None
        require_unit(length, self.frame, self.axis)
        return to_mm(length, "tolerance") / abs(self.scale)


def require_unit(label: Any, frame: Frame, axis: str) -> None:
    """Raise a UnitsError for bare numbers if the frame is not in mm."""
    if unit_factor(frame.unit) == 1 or isinstance(label, str) or hasattr(label, "units"):
        return
    if isinstance(label, list | tuple):
        for one in label:
            require_unit(one, frame, axis)
        return
    stated = getattr(label, "attrs", {}).get("units")
    if stated is None and not hasattr(getattr(label, "data", None), "units"):
        if np.asarray(label).dtype.kind in "iuf" and not np.any(np.asarray(label)):
            return  # 0 is the same in every unit
        if np.asarray(label).dtype.kind in "iuf":
            raise UnitsError(
                f"{axis}={label!r} has no unit, and the numbers of frame={frame.name!r} are in "
                f"{frame.unit}, not mm: write it as '{np.ravel(label)[0]:g} {frame.unit}' or with "
                "'mm'"
            )


def framed_axis(obj: xr.Dataset | xr.DataArray, frame: Any, axis: str) -> FramedAxis:
    """Return an axis of a frame that is parallel to an axis of the voxels.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    frame : str, Frame, or (4, 4) array
    axis : "ap", "dv" or "ml"

    Raises
    ------
    PointsError
        If the axis is tilted against the voxels.
    """
    chosen = any_frame(obj, frame)
    _, space = find_atlas(obj)
    row = chosen.in_mm[chosen.anatomical.index(axis)]
    at = space.position(axis)
    others = [abs(row[i]) for i in range(3) if i != at]
    if max(others) > 1e-9 * abs(row[at]):
        raise PointsError(
            f"{axis!r} of frame={chosen.name!r} is tilted against the voxels, so that planes and "
            "slabs across it are oblique. ds.atlas.plot.section("
            f"{axis}=..., frame={chosen.name!r}) draws the oblique plane; ds.atlas.region_at looks "
            "up points of it; ds.atlas.crop(region, pad=..., frame=...) cuts out the voxels around"
        )
    return FramedAxis(chosen, axis, float(row[at]), float(row[3]))


def reach_in_dataset(
    obj: xr.Dataset | xr.DataArray, frame: Any, margins: Mapping[str, float]
) -> dict[str, float]:
    """Return the extent along the axes of the Dataset of a box in a frame.

    Parameters
    ----------
    obj : Dataset or DataArray
    frame : str, Frame, or (4, 4) array
        The box is parallel to its axes.
    margins : mapping of str to float
        Half the size of the box along "ap", "dv" and "ml" of the frame, in its mm.

    Returns
    -------
    dict of str to float
        In mm along "ap", "dv" and "ml" of the Dataset.
    """
    chosen = any_frame(obj, frame)
    _, space = find_atlas(obj)
    back: FloatArray = np.abs(np.linalg.inv(chosen.in_mm)[:3, :3])
    half = np.array([margins[axis] for axis in chosen.anatomical])
    reach = back @ half
    return {axis: float(reach[space.position(axis)]) for axis in AXES}
