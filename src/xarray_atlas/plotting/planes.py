"""Which plane of an atlas is drawn, how it lies in the picture, and what is read of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from dask.base import compute, is_dask_collection

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import (
    annotation_of,
    dimension_along,
    lengths,
    refuse_further,
    spacing,
)
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.kernels.labels import Ints
from xarray_atlas.kernels.spacing import FloatArray, without_noise
from xarray_atlas.points.voxels import voxel_axis
from xarray_atlas.regions.properties import region_properties
from xarray_atlas.terminology import RegionKey, Terminology

__all__ = [
    "PICTURES", "Plane", "PlaneAxis", "anatomical", "axis_of", "cut", "on_axis", "plane_at",
    "point_in", "positions_in", "read", "read_all",
]  # fmt: skip

PICTURES = {"ap": ("ml", "dv"), "dv": ("ml", "ap"), "ml": ("ap", "dv")}
"""Across which axis a plane lies, and which axes then run across and up the picture."""

LEFT, TOP = "RA", "SA"
"""The sides that are on the left and at the top of a picture, as BrainGlobe's atlases lie."""

Atlas = xr.Dataset | xr.DataArray


@dataclass(frozen=True)
class PlaneAxis:
    """One axis of a picture.

    Parameters
    ----------
    name : hashable
        Of the coordinate.
    dim : hashable
    first, last : float
        The outer faces of the first and the last voxel, in mm.
    sides : str
        The letters of the sides where the coordinate is low and high.
    count : int
        How many voxels.
    """

    name: Hashable
    dim: Hashable
    first: float
    last: float
    sides: str
    count: int

    def ends(self, wanted: str) -> tuple[float, float]:
        """Return both faces in mm, first the one on a wanted side."""
        low, high = sorted((self.first, self.last))
        return (low, high) if self.sides[0] in wanted else (high, low)

    def corners(self, index: Any) -> FloatArray:
        """Return the position in mm of faces, 0 being that before the first voxel."""
        return np.asarray(self.first + self.step * np.asarray(index, np.float64))

    @property
    def step(self) -> float:
        """From one voxel to the next, in mm; negative where the coordinate falls."""
        return (self.last - self.first) / self.count

    @property
    def length(self) -> float:
        """Of all voxels, in mm."""
        return abs(self.last - self.first)

    @property
    def voxel(self) -> float:
        """The size of a voxel in mm."""
        return abs(self.step)


@dataclass(frozen=True)
class Plane:
    """A plane as it is drawn: rows along y, columns along x."""

    obj: Atlas
    """The plane with its coordinates; its annotation is in memory."""
    terminology: Terminology
    labels: Ints
    x: PlaneAxis
    y: PlaneAxis
    title: str
    """Where it is."""

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """What imshow takes: left, right, bottom and top of the array, in mm."""
        return self.x.first, self.x.last, self.y.last, self.y.first

    def values(self, array: xr.DataArray) -> Any:
        """Return an array of the plane as rows and columns."""
        return array.transpose(self.y.dim, self.x.dim).values

    def other(self, name: str) -> Any:
        """Return another variable of the plane as rows and columns, None where it has none."""
        if isinstance(self.obj, xr.Dataset) and name in self.obj.data_vars:
            array = self.obj[name]
            if set(array.dims) == {self.x.dim, self.y.dim}:
                return self.values(array)
        return None


def positions_in(obj: Atlas, keywords: dict[str, Any], **positions: Any) -> dict[str, Any]:
    """Collect what says where a plane is, by axis; take dimensions out of the keywords.

    Parameters
    ----------
    obj : Dataset or DataArray
    keywords : dict
        Of the caller; names of the object's dimensions are removed from it.
    **positions : length or None
        By "ap", "dv" and "ml".
    """
    found = {axis: position for axis, position in positions.items() if position is not None}
    for dim in [dim for dim in annotation_of(obj).dims if dim in keywords]:
        axis = axis_of(obj, str(dim))
        if axis in found:
            raise GridError(f"{dim!r} is the dimension of {axis!r}: give one of the two")
        position = keywords.pop(str(dim))
        if position is not None:
            found[axis] = position
    return found


def axis_of(obj: Atlas, name: str) -> str:
    """Return the anatomical axis that is meant by itself or by a dimension."""
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


def plane_at(obj: Atlas, axis: str, position: Any) -> Atlas:
    """Return the plane of voxels that hold a position, with nothing read of it.

    Of a position on the face between two it is the second one, as that of points is.

    Raises
    ------
    GridError
        If none does.
    UnitsError
        If it is not a length.
    """
    name, dim = on_axis(obj, axis)
    at = to_mm(position, f"position along {axis!r}")
    if np.ndim(at) or not np.isfinite(at):
        raise UnitsError(f"one position along {axis!r} makes a plane, not {position!r}")
    _, space = find_atlas(obj)
    voxels = voxel_axis(annotation_of(obj), space, axis)
    if not voxels.centres.size:
        raise GridError(f"no plane across {axis!r}: nothing is left along {name!r}")
    for grows in (1, -1):  # the last face of all is in the last voxel
        (index,), (inside,) = voxels.owners(np.array([at]), grows)
        if inside:
            return obj.isel({dim: int(index)})
    lower, upper = voxels.edges
    if not lower[0] < at < upper[-1]:
        raise GridError(
            f"{axis} = {at:g} mm lies outside: the voxels along {name!r} reach from "
            f"{lower[0]:.6g} to {upper[-1]:.6g} mm"
        )
    nearest = voxels.centres[np.abs(voxels.centres - at).argmin()]
    raise GridError(
        f"{axis} = {at:g} mm lies between the planes that there are along {name!r}, of "
        f"{voxels.size:g} mm; the nearest is at {nearest:.6g} mm"
    )


def point_in(obj: Atlas, region: RegionKey) -> dict[str, float]:
    """Return a point inside of a region, in mm, by axis."""
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


def cut(
    obj: Atlas, positions: Mapping[str, Any], region: RegionKey | None = None, axis: str = "ap"
) -> Atlas:
    """Return the plane that is asked for, with nothing read of it.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or one plane of it.
    positions : mapping
        A length by axis.
    region : str, int or Region, optional
        The plane holds a point of it.
    axis : str
        Across which axis it lies then.
    """
    annotation = annotation_of(obj)
    asked = len(positions) + (region is not None)
    if annotation.ndim == 2:
        if asked:
            raise GridError(
                f"this {type(obj).__name__} is one plane already, of "
                f"{' and '.join(map(repr, annotation.dims))}: give no position"
            )
        return obj
    refuse_further(annotation, "draw")
    if annotation.ndim != 3:
        raise GridError(
            f"a plane is drawn of three spatial dimensions, or of two; the annotation has "
            f"{annotation.dims}"
        )
    if not asked:
        thin = [dim for dim in annotation.dims if annotation.sizes[dim] == 1]
        if len(thin) == 1:
            return obj.isel({thin[0]: 0})
    if asked != 1:
        given = [*positions, *(["region"] if region is not None else [])]
        raise GridError(
            "which plane? Give one of ap=, dv=, ml=, a dimension, or region="
            + (f"; {', '.join(given)} say it more than once" if given else "")
        )
    if region is not None:
        axis = axis_of(obj, axis)
        positions = {axis: point_in(obj, region)[axis]}
    ((across, position),) = positions.items()
    return plane_at(obj, across, position)


def read(obj: Atlas, others: Iterable[str] = ()) -> Atlas:
    """Read the annotation, and further variables where they are there, in one go."""
    return read_all([obj], others)[0]


def read_all(planes: Sequence[Atlas], others: Iterable[str] = ()) -> list[Atlas]:
    """Do as :func:`read` does for several objects, in one go."""
    arrays: dict[tuple[int, str], xr.DataArray] = {}
    for i, obj in enumerate(planes):
        arrays[i, "annotation"] = annotation_of(obj)
        if isinstance(obj, xr.Dataset):
            arrays |= {(i, name): obj[name] for name in others if name in obj.variables}
    lazy = {at: a.variable.data for at, a in arrays.items() if is_dask_collection(a.variable)}
    (found,) = compute(lazy) if lazy else ({},)
    rest = {at: a.values for at, a in arrays.items() if at not in lazy}
    loaded: list[dict[str, xr.DataArray]] = [{} for _ in planes]
    for (i, name), data in {**found, **rest}.items():
        loaded[i][name] = arrays[i, name].copy(data=data)
    return [
        obj[[name for name in own if name in obj.data_vars]].assign(own)
        if isinstance(obj, xr.Dataset)
        else own["annotation"]
        for obj, own in zip(planes, loaded, strict=True)
    ]


def anatomical(plane: Atlas, x: str | None = None, y: str | None = None) -> Plane:
    """Lay out a plane that has been read.

    Parameters
    ----------
    plane : Dataset or DataArray
        Of two dimensions.
    x, y : str, optional
        The dimensions that run across and up the picture; by default as atlases are shown.

    Raises
    ------
    GridError
        If a dimension has no coordinate, or voxels of no one size.
    """
    annotation = annotation_of(plane)
    terminology, space = find_atlas(plane)
    if not annotation.size:
        raise GridError(f"no voxel is left to draw: the plane has the shape {annotation.shape}")
    sizes = spacing(plane, need=2)
    names = space.coordinates(plane)
    along = {
        axis: name
        for axis, name in names.items()
        if name is not None and plane.coords[name].dims in {(d,) for d in annotation.dims}
    }
    (across,) = set(AXES) - set(along)
    horizontal, vertical = PICTURES[across]
    if x is not None or y is not None:
        horizontal, vertical = _chosen(plane, along, x, y)
    axes = []
    for axis in (horizontal, vertical):
        name = along[axis]
        values = lengths(plane, name)
        (dim,) = plane.coords[name].dims
        half = without_noise(sizes[dim]) / 2
        half = -half if values[-1] < values[0] else half
        letter = space.orientation[space.position(axis)].upper()
        (opposite,) = set(AXES[axis].upper()) - {letter}
        axes.append(
            PlaneAxis(
                name, dim, values[0] - half, values[-1] + half, letter + opposite, values.size
            )
        )
    labels = annotation.transpose(axes[1].dim, axes[0].dim).values
    return Plane(plane, terminology, labels, axes[0], axes[1], _title(plane, names[across]))


def _chosen(plane: Atlas, along: dict[str, Hashable], x: Any, y: Any) -> tuple[str, str]:
    """Return the axes of a picture of which one or both are named."""
    named = [None if name is None else axis_of(plane, name) for name in (x, y)]
    for name, axis in zip((x, y), named, strict=True):
        if axis is not None and axis not in along:
            raise GridError(f"{name!r} lies across this plane, which has {', '.join(along)}")
    left = [axis for axis in along if axis not in named]
    if len(left) + sum(axis is not None for axis in named) != 2:
        raise GridError(f"x and y are two axes, not twice {x!r}")
    horizontal, vertical = (axis if axis is not None else left.pop() for axis in named)
    return horizontal, vertical


def _title(plane: Atlas, name: Hashable | None) -> str:
    if name is None:
        return ""
    return f"{name} = {float(lengths(plane, name)):.6g} mm"
