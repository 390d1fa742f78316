"""Common functions of the readers of transforms: ends, validated matrices, plane transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np

from xarray_atlas.errors import GridError, TransformError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.ends import FIXED, MOVING, PLANE, End
from xarray_atlas.transforms.matrices import SPACES, checked_matrix
from xarray_atlas.transforms.steps import AffineStep, FieldStep, Step, merged
from xarray_atlas.transforms.transform import Transform

__all__ = [
    "TurnedVoxels",
    "affine_step",
    "as_slices",
    "field_step_of_itk",
    "fixed_to_moving",
    "lazy_field_step_of_itk",
    "lps_grid",
    "plane_end",
    "spline_step_of_itk",
]

LPS = SPACES["LPS"]

THICK = 1e6
"""In mm: the extent of a plane's field to both sides of it, practically unlimited."""


def plane_end(name: str) -> End:
    """Return an end for points in a plane, without anatomical directions: x, y, and any z."""
    return End(name, PLANE, ("x", "y", "z"), ("along x", "along y", "along z"))


def fixed_to_moving(steps: Sequence[Step], ndim: int = 3) -> Transform:
    """Return a transform from points of the fixed image to those of the moving one.

    Parameters
    ----------
    steps : sequence of Step
        In the order in which they are applied to points.
    ndim : 2 or 3
    """
    ends = (End if ndim == 3 else plane_end)(FIXED), (End if ndim == 3 else plane_end)(MOVING)
    return Transform(merged(steps), *ends)


def affine_step(linear: Any, shift: Any, place: str, space: str = "LPS") -> AffineStep:
    """Return a matrix of a file as a step between RAS mm, or between points of a plane.

    Parameters
    ----------
    linear : (2, 2) or (3, 3) array
    shift : (2,) or (3,) array
    place : str
        What it is of, for errors.
    space : "LPS" or "RAS"
        Of a matrix of three dimensions.

    Raises
    ------
    TransformError
        If it cannot be inverted, or has non-finite numbers.
    """
    ndim = len(shift)
    matrix = np.eye(4)
    matrix[:ndim, :ndim], matrix[:ndim, 3] = linear, shift
    try:
        matrix = checked_matrix(matrix, f"the matrix of {place}")
    except (GridError, UnitsError) as error:
        raise TransformError(str(error)) from error
    turn = SPACES[space] if ndim == 3 else np.eye(4)
    return AffineStep(turn @ matrix @ turn)


def lps_grid(origin: Any, spacing: Any, direction: Any, place: str) -> FloatArray:
    """Return the matrix from indices of an image of ITK to its LPS mm; of a plane (3, 3).

    Parameters
    ----------
    origin, spacing : sequence of float
    direction : (n, n) array
        The directions of the axes in its columns.
    place : str
        What it is of, for errors.

    Raises
    ------
    TransformError
        If the axes span no space, or a number is not finite.
    """
    ndim = len(origin)
    grid = np.eye(ndim + 1)
    grid[:ndim, :ndim] = np.asarray(direction, np.float64).reshape(ndim, ndim) * np.asarray(spacing)
    grid[:ndim, ndim] = origin
    lengths = np.linalg.norm(grid[:ndim, :ndim], axis=0)
    flat = abs(np.linalg.det(grid)) <= 1e-9 * np.prod(lengths)
    if not np.isfinite(grid).all() or flat:
        raise TransformError(f"the grid of the field of {place} spans no volume: {grid.tolist()}")
    return grid


def field_step_of_itk(data: Any, grid: FloatArray, place: str) -> FieldStep:
    """Return a displacement field of ITK as a step between RAS mm, or points of a plane.

    Parameters
    ----------
    data : array or dask array of shape (3, n, m, k) or (2, n, m)
        Component first; they and the grid are LPS mm if there are three.
    grid : (4, 4) or (3, 3) array
        From indices (i, j, k) to positions.
    place : str
        What it is of, for errors.

    Notes
    -----
    Beyond half a voxel outside of the outermost centres points stay, as with
    ``itk::DisplacementFieldTransform`` and in ANTs.
    """
    return _step(data, grid, place, degree=1)


def as_slices(key: Sequence[Any]) -> tuple[tuple[slice, ...], tuple[Any, ...]]:
    """Return slices that contain the items of a key, and the key relative to them.

    Arrays that dask makes with ``fancy=False`` are asked for slices and integers alone, except
    whole chunks of them, also where a part is wanted: the optimization of dask 2026.8 fuses slices
    of such arrays only with lists (``dask.array.optimization._optimize_slices``).

    Parameters
    ----------
    key : sequence of slice, int, or list of int
        One of these is a list at the most.
    """
    slices: list[slice] = []
    rest: list[Any] = []
    for part in key:
        if isinstance(part, slice):
            slices.append(part)
            rest.append(slice(None))
        elif np.ndim(part) == 0:
            slices.append(slice(int(part), int(part) + 1))
            rest.append(0)
        else:
            chosen = np.asarray(part)
            low = int(chosen.min()) if chosen.size else 0
            slices.append(slice(low, int(chosen.max()) + 1 if chosen.size else low))
            rest.append(chosen - low)
    return tuple(slices), tuple(rest)


class TurnedVoxels:
    """The displacements of a file in LPS mm as an array (3, n, m, k) in RAS mm, read where indexed.

    All is done in one place, and not by arrays of dask on each other: a field of a few thousand
    chunks has a graph of as many tasks for each of them, which are gone through for each block.

    Parameters
    ----------
    voxels : LazyVoxels
        It is indexed with slices, and with the integer 0 on axes of length 1.
    order : sequence of int
        Which axes of `voxels` are those of components, i, j and k; others have the length 1.
    """

    def __init__(self, voxels: Any, order: Sequence[int]) -> None:
        self.voxels = voxels
        self.order = tuple(order)
        self.shape = tuple(int(voxels.shape[axis]) for axis in self.order)
        self.dtype = np.dtype(voxels.dtype)
        self.ndim = 4
        # where each axis is once those of length 1 are gone
        left = sorted(self.order)
        self.turn = tuple(left.index(axis) for axis in self.order)

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        slices, rest = as_slices(key)
        whole: list[Any] = [0] * len(self.voxels.shape)
        for axis, part in zip(self.order, slices, strict=True):
            whole[axis] = part
        found = np.asarray(self.voxels[tuple(whole)]).transpose(self.turn)
        signs = np.array([-1, -1, 1], self.dtype)[slices[0]].reshape(-1, 1, 1, 1)
        return (found.astype(self.dtype, copy=False) * signs)[rest]

    def array(self, chunks: Sequence[int]) -> da.Array:
        """Return it as a dask array with chunks of a size."""
        meta = np.empty((0,) * 4, self.dtype)
        size = tuple(min(n, chunk) for n, chunk in zip(self.shape, chunks, strict=True))
        # with fancy=False dask reads whole chunks if a part is requested (see as_slices)
        array: da.Array = da.from_array(self, size, name=False, asarray=False, meta=meta)
        return array


def lazy_field_step_of_itk(
    voxels: Any, order: Sequence[int], chunks: Sequence[int], grid: FloatArray, place: str
) -> FieldStep:
    """Return a displacement field of a volume that is read when it is indexed, as a step.

    Parameters
    ----------
    voxels : LazyVoxels
    order : sequence of int
        Same as in :class:`TurnedVoxels`.
    chunks : sequence of int
        Of components, i, j and k.
    grid : (4, 4) array
        From indices to LPS mm.
    place : str
        What it is of, for errors.
    """
    data = TurnedVoxels(voxels, order)
    if data.shape[0] != 3:
        raise TransformError(f"the field of {place} has {data.shape[0]} components, not 3")
    return FieldStep(data.array(chunks), LPS @ grid, "identity")


def spline_step_of_itk(coefficients: Any, grid: FloatArray, place: str) -> FieldStep:
    """Return cubic B-splines of ITK and elastix as a step.

    Parameters
    ----------
    coefficients : array of shape (3, n, m, k) or (2, n, m)
    grid : (4, 4) or (3, 3) array
    place : str

    Notes
    -----
    Points without all of the 4 x 4 x 4 coefficients are not moved, as in both tools.
    """
    if min(coefficients.shape[1:]) < 4:
        raise TransformError(
            f"the B-spline of {place} has {coefficients.shape[1:]} coefficients; a cubic one has "
            "at least 4 along each axis"
        )
    return _step(coefficients, grid, place, degree=3)


def _step(data: Any, grid: FloatArray, place: str, degree: int) -> FieldStep:
    ndim = len(grid) - 1
    if data.ndim != ndim + 1 or data.shape[0] != ndim:
        raise TransformError(
            f"the field of {place} has the shape {data.shape}; it has {ndim} components, first, "
            f"and {ndim} axes of space"
        )
    if not isinstance(data, da.Array) and not np.isfinite(data).all():
        raise TransformError(f"the field of {place} holds numbers that are not finite")
    if ndim == 2:
        return _of_a_plane(data, grid, degree)
    signs = np.array([-1, -1, 1], data.dtype).reshape(3, 1, 1, 1)
    return FieldStep(data * signs, LPS @ grid, "identity", degree)


def _of_a_plane(data: Any, grid: FloatArray, degree: int) -> FieldStep:
    """Return a field of a plane as one that is the same at every z, without shifts along z.

    As many planes as the interpolation needs, so far apart that every z lies between them: their
    values are the same, and so is what is interpolated.
    """
    planes = 1 if degree == 1 else 4
    lib: Any = da if isinstance(data, da.Array) else np
    flat = lib.concatenate([data, lib.zeros_like(data[:1])])[..., None]
    deep = np.eye(4)
    deep[np.ix_([0, 1, 3], [0, 1, 3])] = grid
    deep[2, 2] = 2 * THICK
    deep[2, 3] = -(planes - 1) * THICK
    return FieldStep(lib.repeat(flat, planes, axis=3), deep, "identity", degree)
