"""Parameters that describe points: frame, unit, axes and columns."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.errors import UnitsError
from xarray_atlas.points.columns import axis_names, checked_axes
from xarray_atlas.points.frames import FRAMES
from xarray_atlas.points.own_frames import frame_name, settle_frame
from xarray_atlas.points.spaces import PointsSpace
from xarray_atlas.points.units import Indices, indices_of, is_voxel
from xarray_atlas.transforms.frames import Frame
from xarray_atlas.transforms.known_frames import known_frame
from xarray_atlas.transforms.remembered import its_atlas

__all__ = ["Statement"]


@dataclass(frozen=True)
class Statement:
    """The parameters of a function that takes points.

    Attributes
    ----------
    obj : Dataset or DataArray
        The atlas.
    frame, unit, resolution, axes, columns : optional
        Parameters of the function.
    own : str or array, optional
        The frame given by the points themselves.
    advice : str
        How to pass points of the tool that wrote them, if they give no frame.
    """

    obj: xr.Dataset | xr.DataArray
    frame: Any
    own: Any
    unit: Any
    resolution: Any
    axes: Iterable[str] | None
    columns: Mapping[str, Any] | None
    advice: str = ""

    @property
    def likely(self) -> str | None:
        """The name of the frame that defines names of axes; None for a matrix."""
        frame = self.own if self.frame is None else self.frame
        return "dataset" if frame is None else frame_name(frame)

    @cached_property
    def known(self) -> dict[Hashable, str]:
        """The axis that each name denotes."""
        if self.named is None:
            return axis_names(self.obj, self.likely)
        more = dict(zip(self.named.axes, self.named.anatomical, strict=True))
        return axis_names(self.obj, self.likely, more)

    @cached_property
    def named(self) -> Frame | PointsSpace | None:
        """The frame, if it names its own axes; None for those of every atlas."""
        frame = self.own if self.frame is None else self.frame
        if isinstance(frame, PointsSpace):
            return frame
        if isinstance(frame, Frame) or (isinstance(frame, str) and frame not in FRAMES):
            return known_frame(its_atlas(self.obj), frame)  # raises if it is not one
        return None

    @cached_property
    def wanted(self) -> list[Hashable] | None:
        """The given names of the axes, in their order."""
        return None if self.axes is None else checked_axes(self.axes, self.known, self.likely)

    def settle(self, columns: Iterable[Hashable] = (), placed: bool = False) -> Any:
        """Return the frame, or raise an error that asks for it."""
        return settle_frame(self.obj, self.frame, self.own, columns, placed, self.advice)

    def indices(
        self, frame: Any, units: Iterable[Any], sizes: Mapping[str, Any] | None = None
    ) -> Indices | None:
        """Return the conversion of indices to positions; None if the positions are lengths.

        Parameters
        ----------
        frame : str or array
        units : iterable
            The units that the positions along the three axes have.
        sizes : mapping of str to str, optional
            The voxel size that they have.
        """
        voxels = [is_voxel(self.unit if own is None else own) for own in units]
        resolution = sizes if self.resolution is None else self.resolution
        if not any(voxels):
            if self.resolution is not None:
                raise UnitsError(
                    f"resolution={self.resolution!r} is the size of the voxels that unit='voxel' "
                    "counts; these positions are lengths. Leave it out, or pass unit='voxel'"
                )
            return None
        if not all(voxels):
            raise UnitsError(
                "the positions along one axis are indices of voxels and along another lengths; "
                "convert them to one unit"
            )
        _, space = find_atlas(self.obj)
        found = indices_of(self.obj, space, frame, resolution)
        if sizes and found != indices_of(self.obj, space, frame, sizes):
            raise UnitsError(
                f"the positions state a voxel size of {sizes}, and resolution="
                f"{self.resolution!r} says otherwise; leave it out"
            )
        return found
