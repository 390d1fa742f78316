"""Arrays that become part of an atlas, and the grid of their voxels."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.atlases.geometry import check_extent, combine, times
from xarray_atlas.coords.atlas_index import find_atlas, find_coordinate
from xarray_atlas.coords.build import centres_of
from xarray_atlas.coords.encoding import decode_lengths
from xarray_atlas.coords.headers import OBLIQUE, OPPOSITE, Geometry
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.space import DIRECTIONS, RAS, Space
from xarray_atlas.coords.units import is_length, to_mm
from xarray_atlas.coords.world import IDENTITY, WorldAxes, is_oblique, world_of
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.spacing import FloatArray, regular_step, same_lengths

__all__ = [
    "Grid",
    "ArrayVolume",
    "grid_of",
    "require_on_grid",
    "require_volume",
    "volume_of_dataarray",
]

SAME_SIZE = 1e-4
"""Voxel sizes that differ by less than this share are the same: headers are rounded."""


@dataclass(frozen=True)
class ArrayVolume:
    """An array of three dimensions, and its geometry.

    Parameters
    ----------
    place : str
        Name and origin, for error messages.
    data : numpy or dask array
    geometry : Geometry
    dims : tuple of str
    centres : tuple of float64 arrays, optional
        The voxel centres in mm, if it has coordinates.
    space : Space, optional
        Space of the atlas that it carries.
    world : float64 array of shape (4, 4), optional
        From its coordinates to RAS mm; see :func:`world_of`.
    attrs : dict
        Attributes of its variable.
    """

    place: str
    data: Any
    geometry: Geometry
    dims: tuple[str, ...] = ("z", "y", "x")
    centres: tuple[FloatArray, ...] | None = None
    space: Space | None = None
    world: FloatArray | None = None
    attrs: dict[Hashable, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Grid:
    """The grid of an atlas.

    Parameters
    ----------
    space : Space
    centres : tuple of float64 arrays
        Voxel centres in mm, in the order of the array, possibly descending.
    orientation : str
        A letter per axis, for the side on which the array's first voxel lies.
    first : tuple of float, optional
        Position of the first voxel in a file; see :class:`Geometry`.
    """

    space: Space
    centres: tuple[FloatArray, ...]
    orientation: str
    first: tuple[float, ...] | None


def require_volume(what: str, shape: tuple[int, ...], along: Hashable | None = None) -> None:
    """Refuse an array that is not a volume, and explain how to make labels of probability maps.

    Parameters
    ----------
    what : str
        Name and origin, for error messages, such as "annotation".
    shape : tuple of int
    along : hashable, optional
        For an array with four named dimensions, the one that is not spatial.

    Raises
    ------
    GridError
    """
    if len(shape) == 3 and 0 not in shape:
        return
    text = f"{what} has the shape {shape}; it needs voxels along three dimensions"
    if len(shape) == 4 and 0 not in shape and what.startswith("annotation"):
        text += f". {_of_maps(along)}"
    elif len(shape) == 4 and 0 not in shape:
        text += ": pass one volume"
    raise GridError(text)


def _of_maps(along: Hashable | None) -> str:
    """Explain how to make labels of probability maps stacked along a dimension."""
    axis, first, opened, one = "0", "", "", "maps[0]"
    if along is None:
        first = " (of maps along the last axis take numpy.moveaxis(maps, -1, 0))"
    else:
        axis, one = repr(along), f"maps.isel({along}=0)"
        opened = "with maps = xarray_atlas.open_image(file).fillna(0), "
    return (
        f"Are they maps of probability, one for each region along axis {axis}{first}? Then pass "
        f"the labels of the most probable region: {opened}labels = (maps.argmax({axis}) + 1) "
        f"* (maps.max({axis}) > 0), where the first map becomes label 1. Of several label "
        f"images pass one: {one}"
    )


def volume_of_dataarray(
    what: str, array: xr.DataArray, like: ArrayVolume | None = None, coordinates: bool = True
) -> ArrayVolume:
    """Read the geometry of a DataArray.

    Parameters
    ----------
    what : str
    array : DataArray
        In either form. Coordinates without a unit of length are ignored.
    like : Volume, optional
        Its order of dimensions is used if the names are the same.
    coordinates : bool
        Whether to use its coordinates.

    Raises
    ------
    GridError
        If it is not a volume, or its coordinates are not regular.
    """
    others = [
        dim
        for dim in array.dims
        if dim not in array.coords or not is_length(array.coords[dim].variable)
    ]
    require_volume(what, array.shape, (*others, *array.dims)[0])
    if like is not None and set(like.dims) == set(array.dims):
        array = array.transpose(*like.dims)
    array = decode_lengths(array)
    dims = tuple(map(str, array.dims))
    steps = [_step(what, array, dim) for dim in dims] if coordinates else [None] * 3
    letters = [_first_side(array, dim, step) for dim, step in zip(dims, steps, strict=True)]
    orientation = "".join(map(str, letters)) if None not in letters else None
    if None in steps:
        return ArrayVolume(
            what, array.variable._data, Geometry(None, orientation), dims, attrs=array.attrs
        )
    centres = tuple(np.asarray(to_mm(array.coords[dim].variable).values) for dim in dims)
    space = None if find_coordinate(array) is None else find_atlas(array)[1]
    world = world_of(array)
    first = None
    if world is not None and orientation is not None:
        if is_oblique(world, OBLIQUE):
            raise GridError(
                f"{what} is oblique: its coordinate 'world' says that its axes are not those of "
                "the world; resample the image onto the axes of the brain first"
            )
        ends = zip(orientation, centres, strict=True)
        first = tuple(RAS[letter][1] * float(values[0]) for letter, values in ends)
    return ArrayVolume(
        what,
        array.variable._data,  # not read here
        Geometry(tuple(abs(step) for step in steps if step is not None), orientation, first),
        dims,
        centres,
        space,
        world,
        array.attrs,
    )


def _first_side(array: xr.DataArray, dim: str, step: float | None) -> str | None:
    """Return the side on which the first voxel lies; None if no direction is given."""
    said = array.coords[dim].attrs.get("direction") if dim in array.coords else None
    letter = next((key for key, value in DIRECTIONS.items() if value == said), None)
    return OPPOSITE[letter] if letter and step is not None and step < 0 else letter


def _step(what: str, array: xr.DataArray, dim: str) -> float | None:
    index = array.xindexes.get(dim)
    if not isinstance(index, LengthIndex):
        return None
    if index.values.size == 1:
        return index.spacing
    step = regular_step(index.values)
    if step is None:
        raise GridError(
            f"the coordinate {dim!r} of {what} is irregularly spaced, so that its voxels have no "
            "one size; give voxel_size= where it is wrong"
        )
    return step


def grid_of(volume: ArrayVolume, stated: Geometry, midline: Any = None) -> Grid:
    """Determine the positions of the voxels of the annotation.

    Parameters
    ----------
    volume : Volume
    stated : Geometry
        Given by the user, overriding the volume's.
    midline : length, optional
        Position of the midline along the left-right axis.

    Raises
    ------
    GridError
        If it is unknown or invalid.
    """
    sizes, orientation = combine(stated, volume.geometry, volume.place)
    shape = tuple(map(int, volume.data.shape))
    check_extent(shape, sizes, stated.voxel_size is not None)
    sizes, centres, world = _placed(volume, stated, sizes)
    backwards = [values[-1] < values[0] for values in centres]
    letters = "".join(
        OPPOSITE[letter] if back else letter
        for letter, back in zip(orientation, backwards, strict=True)
    )
    corner = tuple(
        float(values.min()) - size / 2 for values, size in zip(centres, sizes, strict=True)
    )
    flat = () if world is None else tuple(float(value) for value in world.ravel())
    space = Space(volume.dims, letters, sizes, corner, shape=shape, world=flat)
    middle, assumed = None, False
    if volume.space is not None and volume.geometry.orientation == orientation:
        middle, assumed = volume.space.midline, volume.space.midline_assumed
    if midline is not None:
        at = space.position("ml")
        middle, assumed = float(to_mm(midline, "midline")), False
        low, high = corner[at], corner[at] + shape[at] * sizes[at]
        if not low <= middle <= high:
            raise GridError(
                f"midline {middle:g} mm lies outside the volume, which spans {low:g} to {high:g} "
                f"mm along {space.dims[at]!r}"
            )
    space = dataclasses.replace(space, midline=middle, midline_assumed=assumed)
    # along axes that the user has corrected, a header's origin is meaningless
    first = None if stated.orientation else volume.geometry.first
    return Grid(space, centres, orientation, first)


def _placed(
    volume: ArrayVolume, stated: Geometry, sizes: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[FloatArray, ...], FloatArray | None]:
    """Return the size and the centres of voxels along each axis, and the matrix to RAS mm."""
    own = volume.geometry
    overridden = stated.orientation not in (None, own.orientation) or (
        stated.voxel_size is not None
        and (own.voxel_size is None or not np.allclose(sizes, own.voxel_size, SAME_SIZE, 0))
    )
    if volume.centres is not None:
        return sizes, volume.centres, None if overridden else volume.world
    if own.affine is None or overridden:
        pairs = zip(sizes, volume.data.shape, strict=True)
        return sizes, tuple(centres_of(size, 0.0, int(count)) for size, count in pairs), None
    placed = WorldAxes.of(own.affine)
    steps = [size * np.arange(n) for size, n in zip(placed.sizes, volume.data.shape, strict=True)]
    centres = tuple(placed.positions(i, along) for i, along in enumerate(steps))
    aligned = np.array_equal(placed.turn, IDENTITY)
    return placed.sizes if aligned else sizes, centres, placed.turn


def require_on_grid(volume: ArrayVolume, grid: Grid, stated: Geometry) -> None:
    """Refuse a template or hemispheres that are not on the annotation's grid.

    Properties given by the user are not compared. Origins are compared in units of voxels, between
    two files or between two DataArrays.

    Raises
    ------
    GridError
        The message says which property differs.
    """
    own, space = volume.geometry, grid.space
    where = f"{volume.place} does not lie on the grid of the annotation"
    mend = "bring it onto that grid first"
    shape = tuple(volume.data.shape)
    if shape != space.shape:
        raise GridError(
            f"{where}: its shape is {times(shape)}, the annotation's {times(space.shape)}; {mend}"
        )
    if own.fault and not (stated.voxel_size and stated.orientation):
        raise GridError(f"{where}: its header {own.fault}; {mend}")
    if own.orientation and not stated.orientation and own.orientation != grid.orientation:
        raise GridError(
            f"{where}: its orientation is {own.orientation!r}, the annotation's "
            f"{grid.orientation!r} (the sides of the first voxel); {mend}, or give orientation= "
            "where a header is wrong"
        )
    if stated.voxel_size:
        return
    wrong = "or give voxel_size= where a header is wrong"
    if own.voxel_size and not np.allclose(own.voxel_size, space.voxel_size, rtol=SAME_SIZE, atol=0):
        raise GridError(
            f"{where}: its voxels are {times(own.voxel_size)} mm, the annotation's "
            f"{times(space.voxel_size)} mm; {mend}, {wrong}"
        )
    if own.first and grid.first:
        apart = np.abs(np.subtract(own.first, grid.first)) / space.voxel_size
        if apart.max() > 0.5:
            raise GridError(
                f"{where}: its first voxel lies {apart.max():.3g} voxels away from the "
                f"annotation's; {mend}, {wrong}"
            )
    for dim, mine, theirs, size in zip(
        space.dims, grid.centres, volume.centres or grid.centres, space.voxel_size, strict=True
    ):
        if not same_lengths(mine, theirs, SAME_SIZE * size):
            raise GridError(
                f"{where}: its coordinate {dim!r} begins at {theirs[0]:g} mm, the annotation's at "
                f"{mine[0]:g} mm; {mend}, {wrong}"
            )
