"""From positions on an image to positions in an atlas: what a registration gives.

A *pull* transform, as ITK, ANTs and ConfUSIus give it: of a position on the image (which
registrations call fixed) it tells the position in the atlas (moving) whose value belongs there.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.headers import OPPOSITE
from xarray_atlas.coords.image_axes import ImageAxes
from xarray_atlas.coords.space import AXES, DIRECTIONS, Space, require_orientation
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.coords.world import is_oblique, ras_matrix
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray, same_lengths
from xarray_atlas.transforms.matrices import SPACES, checked_matrix

__all__ = ["ImageTransform", "nearest_letters", "read_transform"]

ORDERS = ("dims", "xyz")


@dataclass(frozen=True)
class ImageTransform:
    """From mm on an image to mm in an atlas, axes in the order of the image's and the Space's.

    Parameters
    ----------
    matrix : float64 array of shape (4, 4)
    field : Variable, optional
        Displacements in mm, on the image's spatial dimensions and then one of length 3, which are
        added to what the matrix gives; along the Space's dims.
    """

    matrix: FloatArray
    field: Variable | None = None


def read_transform(
    given: Any, image: ImageAxes, atlas: Space, atlas_dims: Sequence[str], order: str, space: Any
) -> ImageTransform:
    """Read a transform as the caller gives it.

    Parameters
    ----------
    given : None, (4, 4) array, or DataArray
        Nothing (positions are the same in both), a matrix, or a field of displacements.
    image : ImageAxes
    atlas : Space
    atlas_dims : sequence of str
        The dims of the space in the order in which the atlas's array has them.
    order : "dims" or "xyz"
        Whether rows and columns are in the order of the dimensions, or the reverse.
    space : None, "LPS" or "RAS"
        Whether it is between the Datasets' coordinates, or between worlds.

    Raises
    ------
    GridError
        If it cannot be one: by its shape, its numbers, or the grid it is on.
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
    if hasattr(given, "magnitude"):
        raise UnitsError(
            "image_to_atlas is a matrix of plain numbers for lengths in mm, not a quantity; pass "
            "matrix.magnitude, its last column in mm"
        )
    if isinstance(given, xr.DataArray) and given.shape != (4, 4):
        return _field(given, image, atlas, atlas_dims, order, space)
    if given is None:
        if space is not None:
            raise ValueError(f"space={space!r} says how image_to_atlas is read; pass that too")
        return ImageTransform(_matching(image, atlas))
    matrix = checked_matrix(given, "image_to_atlas")
    if space is not None:
        return ImageTransform(_between(image, atlas, matrix, space))
    _require_plain(image, "the matrix")
    if order == "xyz":
        turned = [2, 1, 0, 3]
        matrix = matrix[np.ix_(turned, turned)]
    rows = [atlas_dims.index(dim) for dim in atlas.dims]
    return ImageTransform(matrix[[*rows, 3]])


def nearest_letters(matrix: FloatArray, orientation: str) -> str:
    """Return the orientation of an image's axes: that of the axes of the atlas nearest to them.

    Parameters
    ----------
    matrix : float64 array of shape (4, 4)
        From the image to the atlas.
    orientation : str
        Of the atlas.
    """
    linear = matrix[:3, :3] / np.linalg.norm(matrix[:3, :3], axis=0)
    along = max(
        itertools.permutations(range(3)),
        key=lambda rows: sum(abs(linear[row, column]) for column, row in enumerate(rows)),
    )
    letters = [(orientation[row], linear[row, column]) for column, row in enumerate(along)]
    return "".join(letter if sign > 0 else OPPOSITE[letter] for letter, sign in letters)


def _matching(image: ImageAxes, atlas: Space) -> FloatArray:
    """Return the matrix between the same positions, under other names and in another order."""
    if image.world is not None and atlas.world:
        return _between(image, atlas, np.eye(4), "RAS")
    if image.world is not None:
        raise GridError(
            "the image has the world coordinates of its file, and the atlas counts from a corner, "
            "so that it is not known where they lie to each other; pass image_to_atlas, the matrix "
            "of a registration, with its space= ('LPS' of ITK and ANTs). If the image was brought "
            "onto a file of ds.atlas.to_nifti, that is image_to_atlas=np.eye(4), space='RAS'"
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
                f"image_to_atlas, {turn}"
            )
        matrix[row, column] = 1
    return matrix


def _reoriented(image: ImageAxes, atlas: Space) -> str:
    letters = dict(zip(image.anatomical, image.letters, strict=True))
    axes = sorted(AXES, key=atlas.position)
    return "".join(str(letters[axis]) for axis in axes)


def _between(image: ImageAxes, atlas: Space, matrix: FloatArray, space: str) -> FloatArray:
    """Return a matrix between two worlds as one between the coordinates of image and atlas."""
    require_orientation(atlas)
    turn = SPACES[space]
    to_world = turn @ ras_matrix(image.letters, image.world)
    from_world = np.linalg.inv(turn @ ras_matrix(atlas.orientation, atlas.world))
    found: FloatArray = np.asarray(from_world @ matrix @ to_world, np.float64)
    return found


def _require_plain(image: ImageAxes, what: str) -> None:
    """Refuse an oblique image where positions are said to be its coordinates."""
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
) -> ImageTransform:
    spatial = [name for name in image.names if name not in image.planes]
    rest = [dim for dim in given.dims if dim not in image.names]
    absent = [name for name in spatial if name not in given.dims]
    if absent or len(rest) != 1 or given.sizes[rest[0]] != 3 or given.dtype.kind not in "fiu":
        raise GridError(
            f"image_to_atlas has the dimensions {dict(given.sizes)}; a displacement field has the "
            f"image's spatial dimensions {spatial} and one of length 3 for the components; a "
            "matrix is 4 x 4"
        )
    for name, centres, size in zip(image.names, image.centres, image.sizes, strict=True):
        if name in given.dims:
            _require_same(given, name, centres, size)
    variable = given.variable.set_dims(
        {name: 1 for name in image.planes if name not in given.dims} | dict(given.sizes)
    ).transpose(*image.names, rest[0])
    unit = getattr(given.variable._data, "units", given.attrs.get("units"))
    factor = 1.0 if unit is None else unit_factor(unit)
    data = getattr(variable.data, "magnitude", variable.data)
    if space is None:
        _require_plain(image, "the displacement field")
        matrix = _matching(image, atlas)
        components = _components(given, rest[0], image, atlas, atlas_dims, order)
    else:
        matrix = _between(image, atlas, np.eye(4), space)
        to_world = SPACES[space] @ ras_matrix(atlas.orientation, atlas.world)
        components = np.asarray(np.linalg.inv(to_world)[:3, :3], np.float64)
    if np.count_nonzero(components) > 3:  # of an atlas whose axes lean
        return ImageTransform(matrix, Variable(variable.dims, data @ (components.T * factor)))
    # each component of the atlas is one of the field's, or its negative
    source = np.abs(components).argmax(axis=1)
    signs = components[np.arange(3), source] * factor
    return ImageTransform(matrix, Variable(variable.dims, data[..., source] * signs))


def _require_same(given: xr.DataArray, name: Hashable, centres: FloatArray, size: float) -> None:
    if name in given.coords:
        tolerance = TOLERANCE * size if size else 1e-9
        same = same_lengths(np.atleast_1d(lengths(given, name)), centres, tolerance)
    else:
        same = given.sizes[name] == centres.size
    if not same:
        raise GridError(
            f"the displacement field is not on the image's grid along {name!r}; bring it there "
            "first: xarray_atlas.interp_like(field, image)"
        )


def _components(
    given: xr.DataArray,
    dim: Hashable,
    image: ImageAxes,
    atlas: Space,
    atlas_dims: Sequence[str],
    order: str,
) -> FloatArray:
    """Return which component of the field belongs to each dim of the space, as a matrix."""
    named = list(atlas_dims) if order == "dims" else list(atlas_dims)[::-1]
    if dim in given.coords and given.coords[dim].dtype.kind in "UO":
        positions = dict(zip(image.anatomical, image.names, strict=True))
        labels = [str(label) for label in given.coords[dim].values]
        # by the atlas's names, the image's, or "ap", "dv", "ml"
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
