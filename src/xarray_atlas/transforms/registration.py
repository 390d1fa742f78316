"""Interpret a registration as a transform from the coordinates of an image to those of an atlas.

Transforms are *pull* transforms, as in ITK, ANTs and ConfUSIus: they map a position in the image
("fixed" in a registration) to the position in the atlas ("moving") with the value for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Hashable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_coordinate
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.headers import OPPOSITE
from xarray_atlas.coords.image_axes import ImageAxes
from xarray_atlas.coords.space import AXES, DIRECTIONS, Space, require_orientation
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.coords.world import is_oblique, ras_matrix
from xarray_atlas.errors import GridError, TransformError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray, regular_step
from xarray_atlas.transforms.binding import atlas_coordinates_of, image_coordinates_of
from xarray_atlas.transforms.ends import ATLAS, IMAGE, End, coordinates_end, require_volume
from xarray_atlas.transforms.field_arrays import turned_field
from xarray_atlas.transforms.matrices import SPACES, checked_matrix
from xarray_atlas.transforms.steps import AffineStep, FieldStep, Step, merged
from xarray_atlas.transforms.transform import Transform

__all__ = [
    "atlas_names",
    "checked_transform",
    "bound_to_atlas",
    "nearest_letters",
    "read_registration",
    "towards_atlas",
]

ORDERS = ("dims", "xyz")


def read_registration(
    given: Any,
    image: ImageAxes,
    atlas: Space,
    atlas_dims: Sequence[str],
    order: str,
    space: Any,
    names: Collection[str],
) -> Transform:
    """Interpret a transform as passed by the user.

    Parameters
    ----------
    given : None, Transform, (4, 4) array, or DataArray
        None (positions are equal in both), a transform, a matrix, or a displacement field.
    image : ImageAxes
    atlas : Space
    atlas_dims : sequence of str
        The dims of the space in the order of the atlas's array.
    order : "dims" or "xyz"
        Whether rows and columns are in the order of the dimensions, or reversed.
    space : None, "LPS" or "RAS"
        Whether it is between the Datasets' coordinates, or between world coordinates.
    names : collection of str
        Names of the atlas; see :func:`atlas_names`.

    Returns
    -------
    Transform
        From the image's coordinates, in the order of its axes, to the atlas's, in the order of the
        dims of the space.

    Raises
    ------
    GridError
        If its shape, values or grid are invalid.
    TransformError
        If it is unknown which of its ends is the atlas.
    """
    if order not in ORDERS:
        raise ValueError(f"order={order!r} is not 'dims' or 'xyz'")
    if space is not None and space not in SPACES:
        raise ValueError(
            f"space={space!r} is not 'LPS' (matrices of ITK and ANTs), 'RAS' (of nibabel) or None "
            "(between the coordinates of the two Datasets)"
        )
    if space is not None and order == "xyz":
        raise ValueError(f"space={space!r} says the order of x, y and z too; drop order=")
    if isinstance(given, Transform):
        if space is not None or order != "dims":
            raise ValueError("a Transform says its space and order itself; drop space= and order=")
        found = towards_atlas(given, names)
        source, to_source = image_coordinates_of(image, found.source)
        target, to_target = atlas_coordinates_of(atlas, found.target)
        through = [AffineStep(to_source).inverse(), *found.steps, AffineStep(to_target)]
        return Transform(merged(through), source, target)
    source, _ = image_coordinates_of(image, End(IMAGE))
    target = coordinates_end(ATLAS, atlas.dims, atlas.orientation)
    steps: list[Step]
    if isinstance(given, xr.DataArray) and given.shape != (4, 4):
        steps = _field(given, image, atlas, atlas_dims, order, space)
    elif given is None:
        if space is not None:
            raise ValueError(f"space={space!r} says how transform is read; pass that too")
        steps = [AffineStep(_matching(image, atlas))]
    else:
        steps = [AffineStep(_matrix(given, image, atlas, atlas_dims, order, space))]
    return Transform(merged(steps), source, target)


def atlas_names(obj: xr.Dataset | xr.DataArray) -> set[str]:
    """Return the names by which an end of a transform denotes an atlas."""
    return {ATLAS, *(str(obj.attrs[key]) for key in ("name", "atlas") if key in obj.attrs)}


def checked_transform(transform: Any) -> Transform:
    """Return the argument if it is a Transform.

    Raises
    ------
    TransformError
        If it is not; the message says how to create one.
    """
    if isinstance(transform, Transform):
        return transform
    raise TransformError(
        f"transform= is a Transform, not {type(transform).__name__}: open_transform(path) reads "
        "one, and Transform.from_matrix(matrix, source='image', target='atlas') makes one"
    )


def towards_atlas(transform: Transform, names: Collection[str]) -> Transform:
    """Return a transform, or its inverse, such that it maps points to an atlas.

    Parameters
    ----------
    transform : Transform
    names : collection of str
        Names of the atlas.

    Raises
    ------
    TransformError
        If neither of its ends, or both, have such a name.
    """
    ends = transform.source.name, transform.target.name
    of, to = (name in names for name in ends)
    if of == to:
        raise TransformError(
            f"the transform maps points of {ends[0]!r} to points of {ends[1]!r}, and "
            f"{'both are' if of else 'neither is'} called as this atlas is, {sorted(names)}; say "
            "which is the atlas: transform.rename(source='image', target='atlas') where the image "
            "was the fixed one of the registration and the atlas the moving one, or "
            "transform.rename(source='atlas', target='image') where the atlas was fixed. "
            "open_transform(path, maps='image to atlas') says the same"
        )
    require_volume(transform.source)
    require_volume(transform.target)
    return transform if to else transform.inverse()


def bound_to_atlas(transform: Transform, image: Any, names: Collection[str]) -> Transform:
    """Bind the other end of a transform to an image that is an atlas.

    Its points may be in a frame that only an atlas has, such as mm from a corner.

    Parameters
    ----------
    transform : Transform
    image : Dataset or DataArray
    names : collection of str
        Names of the atlas that is resampled onto it.

    Returns
    -------
    Transform
        Towards that atlas.
    """
    found = towards_atlas(transform, names)
    if find_coordinate(image) is None or found.source.frame in ("dataset", "world"):
        return found
    return found.bind(source=image)


def _matrix(
    given: Any,
    image: ImageAxes,
    atlas: Space,
    atlas_dims: Sequence[str],
    order: str,
    space: Any,
) -> FloatArray:
    matrix = checked_matrix(given, "transform")
    if space is not None:
        return _between(image, atlas, matrix, space)
    _require_plain(image, "the matrix")
    if order == "xyz":
        turned = [2, 1, 0, 3]
        matrix = matrix[np.ix_(turned, turned)]
    rows = [atlas_dims.index(dim) for dim in atlas.dims]
    return matrix[[*rows, 3]]


def nearest_letters(matrix: FloatArray, orientation: str) -> str:
    """Return the orientation of an image's axes: that of the nearest axes of the atlas.

    Parameters
    ----------
    matrix : float64 array of shape (4, 4)
        From the image to the atlas.
    orientation : str
        Orientation of the atlas.
    """
    linear = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    along = max(
        itertools.permutations(range(3)),
        key=lambda rows: sum(abs(linear[row, column]) for column, row in enumerate(rows)),
    )
    letters = [(orientation[row], linear[row, column]) for column, row in enumerate(along)]
    return "".join(letter if sign > 0 else OPPOSITE[letter] for letter, sign in letters)


def _matching(image: ImageAxes, atlas: Space) -> FloatArray:
    """Return the matrix between the same positions with other names and another order of axes."""
    if image.world is not None and atlas.world:
        return _between(image, atlas, np.eye(4), "RAS")
    if image.world is not None:
        raise GridError(
            "the image has the world coordinates of its file, and the atlas counts from a corner, "
            "so that it is not known where they lie to each other; pass transform, the matrix "
            "of a registration, with its space= ('LPS' of ITK and ANTs). If the image was brought "
            "onto a file of ds.atlas.to_nifti, that is transform=np.eye(4), space='RAS'"
        )
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for column, axis in enumerate(image.anatomical):
        row = atlas.position(axis)
        letter = image.letters[column]
        if letter != atlas.orientation[row]:
            turn = (
                "the coordinates of the atlas are those of a world and cannot be turned"
                if atlas.world
                else f"or turn the atlas first: ds.atlas.reorient({_reoriented(image, atlas)!r})"
            )
            raise GridError(
                f"coordinate {image.names[column]!r} of the image runs {DIRECTIONS[letter]}, the "
                f"atlas's {atlas.direction(axis)}, so that their positions are not the same; pass "
                f"transform, {turn}"
            )
        matrix[row, column] = 1
    return matrix


def _reoriented(image: ImageAxes, atlas: Space) -> str:
    letters = dict(zip(image.anatomical, image.letters, strict=True))
    axes = sorted(AXES, key=atlas.position)
    return "".join(str(letters[axis]) for axis in axes)


def _between(image: ImageAxes, atlas: Space, matrix: FloatArray, space: str) -> FloatArray:
    """Convert a matrix between world coordinates to one between image and atlas coordinates."""
    require_orientation(atlas)
    turn = SPACES[space]
    to_world = turn @ ras_matrix(image.letters, image.world)
    from_world = np.linalg.inv(turn @ ras_matrix(atlas.orientation, atlas.world))
    found: FloatArray = np.asarray(from_world @ matrix @ to_world, np.float64)
    return found


def _require_plain(image: ImageAxes, what: str) -> None:
    """Refuse an oblique image if positions are given in its coordinates."""
    if image.world is not None and is_oblique(image.world):
        raise GridError(
            f"the image is oblique: its coordinates are mm along its own axes, so that it is not "
            f"known in which coordinates {what} is; say space='LPS' (ITK, ANTs) or space='RAS' "
            "(nibabel). If it is between the coordinates of the two Datasets, drop the image's "
            "world: image.drop_vars('world')"
        )


def _field(
    given: xr.DataArray,
    image: ImageAxes,
    atlas: Space,
    atlas_dims: Sequence[str],
    order: str,
    space: Any,
) -> list[Step]:
    spatial = [name for name in image.names if name not in image.planes]
    rest = [dim for dim in given.dims if dim not in image.names]
    absent = [name for name in spatial if name not in given.dims]
    if absent or len(rest) != 1 or given.sizes[rest[0]] != 3 or given.dtype.kind not in "fiu":
        raise GridError(
            f"transform has the dimensions {dict(given.sizes)}; a displacement field has the "
            f"image's spatial dimensions {spatial} and one of length 3 for the components; a "
            "matrix is 4 x 4"
        )
    unit = getattr(given.variable._data, "units", given.attrs.get("units"))
    if unit is None:
        raise UnitsError(
            "the displacement field has no unit; give it one: "
            "transform.assign_attrs(units='mm'), or another unit of length"
        )
    variable = given.variable.set_dims(
        {name: 1 for name in image.names if name not in given.dims} | dict(given.sizes)
    ).transpose(rest[0], *image.names)
    data = getattr(variable.data, "magnitude", variable.data)
    grid = np.eye(4)
    for at, name in enumerate(image.names):
        grid[at, at], grid[at, 3] = _along(given, name, image.centres[at], image.sizes[at])
    if space is None:
        _require_plain(image, "the displacement field")
        matrix = _matching(image, atlas)
        components = _components(given, rest[0], image, atlas, atlas_dims, order)
        moved = turned_field(data, components * unit_factor(unit))
        return [AffineStep(matrix), FieldStep(moved, matrix @ grid, "error")]
    require_orientation(atlas)
    to_world = SPACES[space] @ ras_matrix(image.letters, image.world)
    from_world = np.linalg.inv(SPACES[space] @ ras_matrix(atlas.orientation, atlas.world))
    moved = turned_field(data, np.eye(3) * unit_factor(unit))
    step = FieldStep(moved, to_world @ grid, "error")
    return [AffineStep(to_world), step, AffineStep(np.asarray(from_world, np.float64))]


def _along(
    given: xr.DataArray, name: Hashable, centres: FloatArray, size: float
) -> tuple[float, float]:
    """Return the step and the first position of a field along a coordinate of the image."""
    if name not in given.dims:
        return size or 1.0, float(centres[0])
    if name in given.coords:
        positions = np.atleast_1d(lengths(given, name))
    elif given.sizes[name] == centres.size:
        positions = centres
    else:
        raise GridError(
            f"the displacement field has {given.sizes[name]} voxels along {name!r} and no "
            f"coordinate there, and the image has {centres.size}; give it the positions of its "
            f"voxels: field.assign_coords({name}=...)"
        )
    step = size or 1.0 if positions.size == 1 else regular_step(positions)
    if step is None:
        raise GridError(
            f"the displacement field is unevenly spaced along {name!r}; bring it onto an even "
            f"grid first: xarray_atlas.interp(field, {name}=positions)"
        )
    return step, float(positions[0])


def _components(
    given: xr.DataArray,
    dim: Hashable,
    image: ImageAxes,
    atlas: Space,
    atlas_dims: Sequence[str],
    order: str,
) -> FloatArray:
    """Return the matrix that assigns the components of the field to the dims of the space."""
    named = list(atlas_dims) if order == "dims" else list(atlas_dims)[::-1]
    if dim in given.coords and given.coords[dim].dtype.kind in "UO":
        positions = dict(zip(image.anatomical, image.names, strict=True))
        labels = [str(label) for label in given.coords[dim].values]
        # named like the atlas's dims, the image's, or "ap", "dv", "ml"
        axes = sorted(AXES, key=atlas.position)
        for known in (list(atlas.dims), [str(positions[axis]) for axis in axes], axes):
            if sorted(known) == sorted(labels):
                named = [atlas.dims[known.index(label)] for label in labels]
                break
        else:
            raise GridError(
                f"the components of the displacement field are called {labels}; they are named by "
                f"the dimensions, {list(atlas.dims)}"
            )
    matrix = np.zeros((3, 3))
    for column, name in enumerate(named):
        matrix[atlas.dims.index(name), column] = 1
    return matrix
