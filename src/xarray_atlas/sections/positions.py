"""The planes of voxels across an anatomical axis, by position or region."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, dimension_along
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.points.voxels import voxel_axis
from xarray_atlas.regions.properties import region_properties
from xarray_atlas.terminology import RegionKey

__all__ = ["PICTURES", "Atlas", "Scale", "axis_of", "index_at", "on_axis", "plane_at", "point_in"]

PICTURES = {"ap": ("ml", "dv"), "dv": ("ml", "ap"), "ml": ("ap", "dv")}
"""The normal axis of a plane, and the axes across and up the picture."""

Atlas = xr.Dataset | xr.DataArray


class Scale:
    """Format of positions along an axis of the Dataset in errors.

    Parameters
    ----------
    factor, offset : float, optional
        From mm in the Dataset to the written unit.
    unit : str, optional
    frame : str, optional
        The name of the frame.
    """

    def __init__(
        self, factor: float = 1.0, offset: float = 0.0, unit: str = "mm", frame: str = ""
    ) -> None:
        self.factor, self.offset, self.unit = factor, offset, unit
        self.where = f" of frame {frame!r}" if frame else ""

    def __call__(self, at: float) -> float:
        """Return a position in mm of the Dataset in the written unit."""
        return self.factor * at + self.offset


def axis_of(obj: Atlas, name: str) -> str:
    """Return the anatomical axis named directly or by a dimension."""
    _, space = find_atlas(obj)
    names = space.coordinates(obj)
    if name in AXES:
        return name
    for axis, coordinate in names.items():
        if coordinate is not None and name in (coordinate, *obj.coords[coordinate].dims):
            return axis
    there = [str(d) for d in annotation_of(obj).dims]
    raise GridError(f"no axis {name!r}; there are 'ap', 'dv', 'ml', and the dimensions {there}")


def on_axis(obj: Atlas, axis: str) -> tuple[Hashable, Hashable]:
    """Return the coordinate and the dimension along an anatomical axis."""
    return dimension_along(obj, axis, f"no plane across {axis!r}")


def one_length(position: Any, axis: str) -> float:
    """Return a position in mm.

    Raises
    ------
    UnitsError
        If it is not one length.
    """
    at = to_mm(position, f"position along {axis!r}")
    if np.ndim(at) or not np.isfinite(at):
        raise UnitsError(f"one position along {axis!r} makes a plane, not {position!r}")
    return float(at)


def plane_at(obj: Atlas, axis: str, position: Any) -> Atlas:
    """Return the plane of voxels at a position in the Dataset, without reading it.

    Raises
    ------
    GridError
        If there is no such plane.
    UnitsError
        If it is not a length.
    """
    _, dim = on_axis(obj, axis)
    return obj.isel({dim: index_at(obj, axis, one_length(position, axis))})


def index_at(obj: Atlas, axis: str, at: float, grows: int = 1, scale: Scale | None = None) -> int:
    """Return the index of the plane of voxels that hold a position.

    Of a position on the face between two it is the one that lies behind it in the direction in
    which positions are counted, as of points.

    Parameters
    ----------
    obj : Dataset or DataArray
    axis : str
    at : float
        In mm of the Dataset.
    grows : 1 or -1
        Whether positions grow as in the Dataset, or in the opposite direction.
    scale : Scale, optional
        How positions are written in errors.

    Raises
    ------
    GridError
        If there is none.
    """
    name, _ = on_axis(obj, axis)
    _, space = find_atlas(obj)
    voxels = voxel_axis(annotation_of(obj), space, axis)
    if not voxels.centres.size:
        raise GridError(f"no plane across {axis!r}: nothing is left along {name!r}")
    for direction in (grows, -grows):  # the last face of all is in the last voxel
        (index,), (inside,) = voxels.owners(np.array([at]), direction)
        if inside:
            return int(index)
    scale = scale or Scale()
    lower, upper = voxels.edges
    if not lower[0] < at < upper[-1]:
        low, high = sorted((scale(float(lower[0])), scale(float(upper[-1]))))
        there = " there" if scale.where else ""
        text = (
            f"{axis} = {scale(at):.6g} {scale.unit}{scale.where} lies outside: the voxels along "
            f"{name!r} reach from {low:.6g} to {high:.6g} {scale.unit}{there}"
        )
        if not scale.where:
            text += ". A position in another frame, such as from bregma, needs frame="
        raise GridError(text)
    nearest = voxels.centres[np.abs(voxels.centres - at).argmin()]
    raise GridError(
        f"{axis} = {scale(at):.6g} {scale.unit}{scale.where} lies between the planes that there "
        f"are along {name!r}, of {voxels.size * abs(scale.factor):g} {scale.unit}; the nearest is "
        f"at {scale(float(nearest)):.6g} {scale.unit}"
    )


def point_in(obj: Atlas, region: RegionKey) -> dict[str, float]:
    """Return a point inside of a region, in mm of the Dataset, by axis."""
    terminology, _ = find_atlas(obj)
    terminology.position(region)  # of one, not of a list
    found = region_properties(obj, region).representative_point
    point = dict(zip(map(str, found["axis"].values), found.pint.magnitude.tolist(), strict=True))
    if np.isnan(list(point.values())).any():
        raise GridError(
            f"no plane through {region!r}: it has no voxel in this part of the atlas, at this "
            "resolution"
        )
    return {axis_of(obj, dim): at for dim, at in point.items()}
