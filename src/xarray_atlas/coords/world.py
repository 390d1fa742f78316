"""World coordinates: positions in RAS millimetres, as defined by the affine of a file.

Each axis of an array gets the coordinate of the nearest anatomical axis: its positions in mm to the
right, anterior or superior, which are descending if the array runs to the left, posterior or
inferior. For an oblique array they are mm along its own axes, that is, RAS rotated about its
origin, so that they cannot be confused with those of an array that is not oblique. The scalar
coordinate ``world`` marks coordinates as world coordinates, and holds the matrix from them to RAS
mm: the identity unless the array is oblique.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas, find_coordinate
from xarray_atlas.coords.headers import OBLIQUE
from xarray_atlas.coords.length_variable import SPACING
from xarray_atlas.coords.space import RAS
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = [
    "IDENTITY",
    "RAS_LETTERS",
    "WORLD",
    "WORLD_DIRECTIONS",
    "WorldAxes",
    "is_oblique",
    "nearest_axes",
    "ras_matrix",
    "world_coordinates",
    "world_of",
    "world_variable",
]

WORLD = "world"
"""Name of the scalar coordinate."""

WORLD_DIRECTIONS = ("left-to-right", "posterior-to-anterior", "inferior-to-superior")
"""The directions in which world coordinates increase, in the order of RAS."""

RAS_LETTERS = "lpi"
"""The orientation of world coordinates (where they are smallest), in the order of RAS."""

MATRIX = "to_ras_mm"
"""Attribute of the scalar coordinate with the matrix: 16 numbers, row by row."""

IDENTITY: FloatArray = np.eye(4)

NOISE = 1e-6
"""Off-axis components below this fraction of an axis's length are rounding errors of a header."""


def nearest_axes(linear: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the axis of space nearest to each column of a matrix, and its direction.

    Parameters
    ----------
    linear : (3, 3) array of float
        A column per axis of an array.

    Returns
    -------
    rows : tuple of int
        A permutation of 0, 1 and 2.
    signs : tuple of int
        1 or -1.
    """
    matrix = np.asarray(linear, np.float64)
    unit = matrix / np.linalg.norm(matrix, axis=0)
    rows = max(
        itertools.permutations(range(3)),
        key=lambda rows: sum(abs(unit[row, column]) for column, row in enumerate(rows)),
    )
    signs = tuple(1 if matrix[row, column] > 0 else -1 for column, row in enumerate(rows))
    return rows, signs


def world_coordinates(
    affine: Any, shape: Sequence[int], dims: Sequence[Hashable]
) -> dict[Hashable, Variable]:
    """Compute the coordinates of an array from its affine.

    Parameters
    ----------
    affine : (4, 4) array of float
        From voxel indices to voxel centres in RAS mm.
    shape : sequence of int
        Shape along the array's three spatial axes.
    dims : sequence of hashable
        Names of these axes.

    Returns
    -------
    dict of hashable to Variable
        The positions in mm of each dim, with the attributes ``units`` and ``direction`` (and the
        voxel size if there is a single voxel); and the scalar coordinate ``world``.

    Raises
    ------
    GridError
        If the affine is not finite or is singular.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from xarray_atlas.coords.world import world_coordinates
    >>> affine = np.diag([-0.5, 0.5, 0.5, 1])
    >>> affine[:3, 3] = 90, -126, -72
    >>> coords = world_coordinates(affine, (3, 4, 5), ("x", "y", "z"))
    >>> coords["x"].values, coords["x"].attrs
    (array([90. , 89.5, 89. ]), {'units': 'mm', 'direction': 'left-to-right'})
    """
    placed = WorldAxes.of(affine)
    coords: dict[Hashable, Variable] = {}
    for column, dim in enumerate(dims):
        count, size = int(shape[column]), placed.sizes[column]
        attrs: dict[Any, Any] = {"units": "mm", "direction": WORLD_DIRECTIONS[placed.rows[column]]}
        if count == 1:
            attrs[SPACING] = size
        positions = placed.positions(column, size * np.arange(count))
        coords[dim] = Variable((dim,), positions, attrs)
    return {**coords, WORLD: world_variable(placed.turn)}


@dataclass(frozen=True)
class WorldAxes:
    """The world coordinate of each axis of an array, from its affine.

    Parameters
    ----------
    rows : tuple of int
        The axis of RAS nearest to each axis of the array.
    signs : tuple of int
        1 if the array runs to the right, anterior or superior, -1 otherwise.
    sizes : tuple of float
        Voxel size along each axis of the array, in mm.
    first : tuple of float
        The coordinate of the first voxel along each axis of the array, in mm.
    turn : float64 array of shape (4, 4)
        From the coordinates, in the order of RAS, to RAS mm.
    """

    rows: tuple[int, ...]
    signs: tuple[int, ...]
    sizes: tuple[float, ...]
    first: tuple[float, ...]
    turn: FloatArray

    @classmethod
    def of(cls, affine: Any) -> WorldAxes:
        """Interpret an affine from positions along the axes of an array to RAS mm.

        Raises
        ------
        GridError
            If it is not finite or is singular.
        """
        matrix = np.asarray(affine, np.float64)
        linear, first = matrix[:3, :3], matrix[:3, 3]
        sizes = np.linalg.norm(linear, axis=0)
        if not np.all(np.isfinite(matrix)) or abs(np.linalg.det(linear)) <= 1e-9 * np.prod(sizes):
            raise GridError(f"the affine {matrix.tolist()} is not one of a volume")
        rows, signs = nearest_axes(linear)
        turn = IDENTITY.copy()
        if not np.array_equal(np.count_nonzero(linear, axis=0), (1, 1, 1)):
            # a unit vector for each coordinate
            for column, (row, sign) in enumerate(zip(rows, signs, strict=True)):
                turn[:3, row] = linear[:, column] * (sign / sizes[column])
            if is_oblique(turn, OBLIQUE):
                first = np.asarray(np.linalg.solve(turn[:3, :3], first), np.float64)
            else:  # about the centre of the first voxel, to keep its coordinates round
                turn[:3, 3] = first - turn[:3, :3] @ first
        return cls(rows, signs, tuple(sizes.tolist()), tuple(first[list(rows)].tolist()), turn)

    @property
    def letters(self) -> str:
        """A letter per axis of the array, for the side on which its first voxel lies."""
        pairs = zip(self.rows, self.signs, strict=True)
        return "".join(next(k for k, v in RAS.items() if v == pair) for pair in pairs)

    def positions(self, column: int, along: Any) -> FloatArray:
        """Return the coordinates of positions in mm along an axis of the array."""
        found: FloatArray = self.signs[column] * np.asarray(along, float) + self.first[column]
        return found


def ras_matrix(letters: Sequence[str], world: Any = ()) -> FloatArray:
    """Compute the matrix from coordinates to RAS mm.

    Parameters
    ----------
    letters : sequence of str
        The orientation letter of each coordinate, for the side on which it is smallest.
    world : 16 floats, or (4, 4) array of float, optional
        From positions along the left-right, anterior-posterior and superior-inferior axes to RAS
        mm. Without it, coordinates are relative to the origin of RAS, negated if they increase to
        the left, posterior or inferior.

    Returns
    -------
    float64 array of shape (4, 4)

    Raises
    ------
    GridError
        If two of the axes are the same.
    """
    known = world is not None and np.size(world) > 0
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for column, letter in enumerate(letters):
        row, sign = RAS[letter]
        matrix[row, column] = 1 if known else sign
    if np.linalg.matrix_rank(matrix) < 4:
        raise GridError(
            f"the axes have the directions {list(letters)}, two of them along one axis; "
            "correct the attributes 'direction' of the coordinates"
        )
    return np.reshape(world, (4, 4)) @ matrix if known else matrix


def world_variable(matrix: Any = IDENTITY) -> Variable:
    """Return the scalar coordinate ``world``.

    Parameters
    ----------
    matrix : (4, 4) array of float
        From positions in mm along the left-to-right, posterior-to-anterior and
        inferior-to-superior coordinates, in this order, to RAS mm.
    """
    flat = [float(value) for value in np.ravel(matrix)]
    return Variable((), np.int64(_fingerprint(flat)), {MATRIX: flat})


def _fingerprint(flat: Sequence[float]) -> int:
    """Return 1 for the identity; below 2**31, so that netCDF 3 holds it."""
    if np.array_equal(flat, IDENTITY.ravel()):
        return 1
    content = (np.array(flat, "<f8") + 0.0).tobytes()
    return (int.from_bytes(hashlib.blake2b(content, digest_size=4).digest(), "little") >> 1) | 2


def world_of(obj: xr.Dataset | xr.DataArray) -> FloatArray | None:
    """Return the matrix from the coordinates of an object to RAS mm.

    For objects with an atlas it is that of its space; otherwise it is in the coordinate ``world``.

    Parameters
    ----------
    obj : Dataset or DataArray

    Returns
    -------
    float64 array of shape (4, 4), or None
        From positions along the left-to-right, posterior-to-anterior and inferior-to-superior
        coordinates, in this order. None if the object has no world coordinates.

    Raises
    ------
    GridError
        If the coordinate has lost its matrix, or it was changed.
    """
    if find_coordinate(obj) is not None:
        _, space = find_atlas(obj)
        return np.reshape(space.world, (4, 4)) if space.world else None
    if WORLD not in obj.coords or obj.coords[WORLD].ndim:
        return None
    coord = obj.coords[WORLD].variable
    flat = [float(value) for value in np.ravel(coord.attrs.get(MATRIX, ()))]
    value = int(coord.values) if coord.dtype.kind in "iuf" else 0
    if not flat and value == _fingerprint(IDENTITY.ravel().tolist()):
        return IDENTITY.copy()
    if len(flat) != 16 or _fingerprint(flat) != value:
        raise GridError(
            f"the coordinate {WORLD!r} should hold the matrix from this {type(obj).__name__}'s "
            f"coordinates to RAS mm, and its attribute {MATRIX!r} was lost or changed; take it "
            f"from the image as it was opened: image.assign_coords({WORLD}=opened.{WORLD}), or "
            f"drop it: image.drop_vars({WORLD!r})"
        )
    return np.reshape(flat, (4, 4))


def is_oblique(matrix: Any, tolerance: float = NOISE) -> bool:
    """Return whether a matrix to RAS mm rotates, by default by more than rounding errors."""
    return bool(np.abs(np.asarray(matrix)[:3, :3] - np.eye(3)).max() > tolerance)
