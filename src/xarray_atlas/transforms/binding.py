"""Bind the ends of a transform to the coordinates of an atlas or an image."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas, find_coordinate
from xarray_atlas.coords.image_axes import ImageAxes, image_axes
from xarray_atlas.coords.space import (
    AXES,
    Space,
    claiming_coordinate,
    require_orientation,
)
from xarray_atlas.coords.world import ras_matrix, world_of
from xarray_atlas.errors import GridError, TransformError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.corners import frame_matrix
from xarray_atlas.transforms.ends import (
    ATLAS,
    IMAGE,
    LETTERS,
    ROLES,
    End,
    coordinates_end,
    require_volume,
)
from xarray_atlas.transforms.frames import AXIS_OF, SAME_VOLUME
from xarray_atlas.transforms.steps import AffineStep, Step

__all__ = ["atlas_coordinates_of", "bound_steps", "coordinates_of", "image_coordinates_of"]


def bound_steps(
    steps: Sequence[Step],
    end: End,
    obj: xr.Dataset | xr.DataArray,
    is_source: bool,
    image: xr.Dataset | xr.DataArray | None = None,
) -> tuple[list[Step], End]:
    """Return steps from or to the coordinates of an object, and their end."""
    if not isinstance(obj, xr.Dataset | xr.DataArray):
        raise TypeError(
            "a transform is bound to an atlas or an image, a Dataset or DataArray with "
            f"coordinates, not a {type(obj).__name__}"
        )
    is_atlas = find_coordinate(obj) is not None
    if (not is_atlas and end.name == ATLAS) or (is_atlas and end.name == IMAGE):
        side, other = ("source", "target") if is_source else ("target", "source")
        kind = "an atlas" if is_atlas else "an image"
        raise TransformError(
            f"the transform's {side} is the {end.name}, and {kind} was passed for it; pass it as "
            f"{other}=, or take transform.inverse()"
        )
    bound, matrix, _ = coordinates_of(obj, end)
    if image is not None and is_atlas:
        matrix = _of_its_image(obj, end, image)
    if is_source:
        return [AffineStep(matrix).inverse(), *steps], bound
    return [*steps, AffineStep(matrix)], bound


def coordinates_of(
    obj: xr.Dataset | xr.DataArray, end: End
) -> tuple[End, FloatArray, list[Hashable]]:
    """Return the coordinates of an atlas or an image as an end of a transform.

    Parameters
    ----------
    obj : Dataset or DataArray
    end : End
        The form in which the transform takes points of the space of `obj`.

    Returns
    -------
    bound : End
    matrix : float64 array of shape (4, 4)
        From the coordinates of `end` to those of `obj`, in mm.
    names : list of hashable
        Names of the coordinates, in the order of `bound`; None if `obj` lacks one.
    """
    if find_coordinate(obj) is not None:
        _, space = find_atlas(obj)
        bound, matrix = atlas_coordinates_of(space, end)
        found = space.coordinates(obj)
        return bound, matrix, [found[axis] for axis in sorted(AXES, key=space.position)]
    names = _names(obj)
    letters = [LETTERS[obj.coords[name].attrs["direction"]] for name in names]
    bound, matrix = _image(names, letters, world_of(obj), end)
    return bound, matrix, names


def _of_its_image(
    obj: xr.Dataset | xr.DataArray, end: End, image: xr.Dataset | xr.DataArray
) -> FloatArray:
    """Return the matrix to an atlas from RAS mm of an image of the whole volume."""
    _, space = find_atlas(obj)
    if end.frame != "world":
        raise TransformError(
            "image= says where an image of the atlas lies in RAS mm, and the points of "
            f"{end.name!r} are in frame={end.frame!r}, which is known without it; leave it out"
        )
    if space.world:
        raise TransformError(
            "image= is for an atlas without a world of its own, and this one lies in the world of "
            "its file; leave it out"
        )
    if not space.shape:
        raise GridError("how large the whole volume is was not written with this atlas")
    axes = image_axes(image, obj)
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for column, (axis, letter) in enumerate(zip(axes.anatomical, axes.letters, strict=True)):
        row = space.position(axis)
        long = space.voxel_size[row] * space.shape[row]
        theirs = axes.sizes[column] * axes.centres[column].size
        if abs(theirs - long) > SAME_VOLUME * long:
            raise GridError(
                f"the image is {theirs:g} mm long along {axis!r} and the whole atlas {long:g} mm; "
                "image= is an image of the whole volume of the atlas, such as its template"
            )
        same = letter == space.orientation[row]
        matrix[row, column] = 1 if same else -1
        first = axes.corner[column] if same else axes.corner[column] + theirs
        matrix[row, 3] = space.corner[row] - matrix[row, column] * first
    return np.asarray(matrix @ np.linalg.inv(ras_matrix(axes.letters, axes.world)), np.float64)


def image_coordinates_of(axes: ImageAxes, end: End) -> tuple[End, FloatArray]:
    """Return an image's coordinates as an end, and the matrix from those of `end` to them."""
    return _image(axes.names, axes.letters, axes.world, end)


def _image(
    names: Sequence[Hashable], letters: Sequence[str], world: Any, end: End
) -> tuple[End, FloatArray]:
    bound = coordinates_end(_role(end, IMAGE), names, letters)
    if end.frame == "dataset":
        return bound, _same(end, bound)
    require_volume(end)
    if end.frame != "world":
        raise TransformError(
            f"the transform's points of {end.name!r} are in frame={end.frame!r} of an atlas, which "
            "an image does not have"
        )
    return bound, np.asarray(np.linalg.inv(ras_matrix(letters, world)), np.float64)


def atlas_coordinates_of(space: Space, end: End) -> tuple[End, FloatArray]:
    """Return an atlas's coordinates as an end, and the matrix from those of `end` to them."""
    require_orientation(space)
    require_volume(end)
    bound = coordinates_end(_role(end, ATLAS), space.dims, space.orientation)
    if end.frame == "dataset":
        return bound, _same(end, bound)
    if end.frame == "world":
        matrix = np.linalg.inv(ras_matrix(space.orientation, space.world))
        return bound, np.asarray(matrix, np.float64)
    # both in the order of ap, dv, ml
    rows = [list(AXES).index(AXIS_OF[direction]) for direction in bound.directions]
    columns = [list(AXES).index(AXIS_OF[direction]) for direction in end.directions]
    whole = frame_matrix(space, end.frame)
    return bound, whole[np.ix_([*rows, 3], [*columns, 3])]


def _role(end: End, role: str) -> str:
    return role if end.name in ROLES else end.name


def _same(end: End, bound: End) -> FloatArray:
    """Return the permutation matrix between two orders of the same coordinates."""
    if sorted(end.directions) != sorted(bound.directions):
        raise TransformError(
            f"the transform is bound to coordinates that run {list(end.directions)}, and those of "
            f"this object run {list(bound.directions)}; bind the transform as it was read"
        )
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for row, direction in enumerate(bound.directions):
        matrix[row, end.directions.index(direction)] = 1
    return matrix


def _names(obj: xr.Dataset | xr.DataArray) -> list[Hashable]:
    """Return an image's coordinates along the three axes, in the order of its dimensions."""
    found = {axis: claiming_coordinate(obj, axis) for axis in AXES}
    missing = [axis for axis, name in found.items() if name is None]
    if missing:
        raise GridError(
            f"no coordinate of the image says that it runs along {missing}. Give its coordinates "
            "the attributes units and direction: "
            "image.z.attrs.update(units='mm', direction='anterior-to-posterior')"
        )
    names = [name for name in found.values() if name is not None]
    order = list(obj.dims)
    return sorted(names, key=lambda n: order.index(n) if n in order else len(order))
