"""The three spatial axes of an image and the positions of its voxels along them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.length_variable import COARSE, SPACING
from xarray_atlas.coords.matching import match_axes, ordered_dims, refuse_undirected
from xarray_atlas.coords.space import AXES, DIRECTIONS, Space
from xarray_atlas.coords.stated_units import require_length
from xarray_atlas.coords.units import is_length
from xarray_atlas.coords.world import world_of
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.spacing import FloatArray, regular_step, without_noise

__all__ = ["ImageAxes", "image_axes"]


@dataclass(frozen=True)
class ImageAxes:
    """Positions of the voxels of an image along its axes.

    Parameters
    ----------
    names : tuple of hashable
        Names of the coordinates, in the order of the image's dimensions.
    centres : tuple of float64 arrays
        Voxel centres, in mm.
    sizes : tuple of float
        Voxel size, in mm; 0 if unknown, for a single plane.
    anatomical : tuple of str
        One of ``"ap"``, ``"dv"`` and ``"ml"`` for each axis.
    letters : tuple of str
        The orientation letter of the side from which each coordinate increases.
    planes : frozenset of hashable
        Names of scalar coordinates: the image lacks these dimensions.
    world : float64 array of shape (4, 4), optional
        Matrix from the coordinates to RAS mm; see :func:`world_of`.
    """

    names: tuple[Hashable, ...]
    centres: tuple[FloatArray, ...]
    sizes: tuple[float, ...]
    anatomical: tuple[str, ...]
    letters: tuple[str, ...]
    planes: frozenset[Hashable]
    world: FloatArray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of voxels along each axis."""
        return tuple(values.size for values in self.centres)

    @property
    def corner(self) -> tuple[float, ...]:
        """The outer corner at which all coordinates are smallest, in mm."""
        parts = zip(self.centres, self.sizes, strict=True)
        return tuple(without_noise(float(values.min()) - size / 2) for values, size in parts)

    def require_sizes(self, what: str) -> None:
        """Refuse a plane of unknown thickness.

        Raises
        ------
        GridError
            The message names the attribute for the thickness.
        """
        for name, size in zip(self.names, self.sizes, strict=True):
            if not size:
                raise GridError(
                    f"{what} needs the thickness of the image's one plane along {name!r}, which is "
                    f"not known; give it in mm: image[{name!r}].attrs[{SPACING!r}] = 0.4"
                )


def image_axes(image: xr.Dataset | xr.DataArray, like: xr.Dataset | xr.DataArray) -> ImageAxes:
    """Find the spatial axes of an image from its coordinates.

    A spatial axis is a coordinate in a unit of length, on a dimension or of a single plane (a
    scalar), that :func:`match_axes` matches with an axis of the atlas. Others (time, channels) are
    ignored.

    Parameters
    ----------
    image : Dataset or DataArray
        In either form, with lengths in any unit.
    like : Dataset or DataArray
        The atlas that defines the axes.

    Raises
    ------
    GridError
        If an axis is missing or unevenly spaced, or its direction is unknown.
    UnitsError
        If the coordinate of an axis has no unit.
    """
    _, atlas = find_atlas(like)
    if not isinstance(image, xr.Dataset | xr.DataArray):
        raise TypeError(
            f"the image is a DataArray or Dataset with coordinates, not a {type(image).__name__}; "
            "xarray_atlas.open_image(...) makes one of a file or an image of another library"
        )
    there = {name for name, coord in image.coords.items() if _is_axis(name, coord)}
    _require_units(image, atlas, there)
    matched = {axis: name for axis, name in match_axes(image, like).items() if name in there}
    dims = [dim for dim in ordered_dims(image) if dim in there]
    if len(matched) < 3:
        refuse_undirected(image, like, matched, "image")
        raise GridError(_missing(image, atlas, matched))
    names = [dim for dim in dims if dim in matched.values()]
    for at in range(3):
        name = matched[next(axis for axis in AXES if atlas.position(axis) == at)]
        if name not in names:
            names.insert(at, name)  # a plane: insert it where the atlas has its axis
    of = {name: axis for axis, name in matched.items()}
    centres = tuple(np.atleast_1d(lengths(image, name, "image")) for name in names)
    for name, values in zip(names, centres, strict=True):
        if values.size == 0 or not np.isfinite(values).all():
            raise GridError(f"coordinate {name!r} of the image has no value, or one that is NaN")
    parts = zip(names, centres, strict=True)
    return ImageAxes(
        tuple(names),
        centres,
        tuple(_size(image, name, values) for name, values in parts),
        tuple(of[name] for name in names),
        tuple(_letter(image, atlas, name, of[name]) for name in names),
        frozenset(name for name in names if image.coords[name].ndim == 0),
        world_of(image),
    )


def _is_axis(name: Hashable, coord: xr.DataArray) -> bool:
    return coord.dims in ((name,), ()) and is_length(coord.variable)


def _require_units(image: xr.Dataset | xr.DataArray, atlas: Space, there: set[Hashable]) -> None:
    for name in atlas.dims:
        if name not in image.coords or name in there:
            continue
        coord = image.coords[name]
        if coord.dims not in ((name,), ()):
            continue
        require_length(image, name, "image")


def _missing(
    image: xr.Dataset | xr.DataArray,
    atlas: Space,
    matched: dict[str, Hashable],
) -> str:
    axis = next(axis for axis in AXES if axis not in matched)
    name, direction = atlas.dims[atlas.position(axis)], atlas.direction(axis)
    bare = [dim for dim in image.dims if dim not in image.coords]
    if name in image.dims and name in bare:
        return (
            f"dimension {name!r} of the image has no coordinate, so that it is not known where its "
            f"voxels lie; give it one: image.assign_coords({name}=({name!r}, positions, "
            "{'units': unit, 'direction': direction})), the centres of its voxels in a unit such "
            f"as 'mm' or 'um', and the direction in which they grow, such as {direction!r}"
        )
    # skip a name of the atlas that the image uses for another axis
    free = axis if name in image.coords or name in image.dims else name
    return (
        f"the image has no coordinate for the atlas's {direction} axis, {name!r} (it has "
        f"{sorted(map(str, image.coords))}). Of a single plane, say where it lies: "
        f"image.assign_coords({free}=((), position, {{'units': unit, 'direction': direction}})), "
        f"in a unit such as 'mm' or 'um', with the direction in which it grows, such as "
        f"{direction!r}"
    )


def _size(image: xr.Dataset | xr.DataArray, name: Hashable, values: FloatArray) -> float:
    index, attrs = image.xindexes.get(name), image.coords[name].attrs
    if values.size > 1:
        step = regular_step(values)
        if step is None:
            raise GridError(
                f"coordinate {name!r} of the image is unevenly spaced; bring the image onto an "
                f"even one first: xarray_atlas.interp(image, {name}=positions)"
            )
        return abs(step)
    remembered = index.spacing if isinstance(index, LengthIndex) else None
    found = remembered or attrs.get(SPACING) or attrs.get(COARSE) or 0.0
    return float(found)


def _letter(image: xr.Dataset | xr.DataArray, atlas: Space, name: Hashable, axis: str) -> str:
    """Return the side from which a coordinate increases: its own, or else the atlas's."""
    said: Any = image.coords[name].attrs.get("direction")
    letter = next((key for key, value in DIRECTIONS.items() if value == said), None)
    return letter or atlas.orientation[atlas.position(axis)]
