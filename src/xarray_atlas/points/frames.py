"""Whose coordinates points have: how they become coordinates of the Dataset."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.frames import frame_matrix
from xarray_atlas.coords.space import AXES, Space
from xarray_atlas.errors import PointsError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["FRAMES", "Frame", "frame_of"]

FRAMES = ("dataset", "brainglobe", "allen", "world")


class Frame(NamedTuple):
    """The map from points to coordinates of the Dataset, in mm along ap, dv and ml.

    Where it has no shear and no turn, a point on a face belongs to the voxel that lies
    above it in the direction in which the points' own coordinates grow.
    """

    matrix: FloatArray
    """Shape (3, 4)."""
    grows: tuple[int, int, int]
    """For each axis, 1 where the points grow as the Dataset does, -1 against it."""

    def place(self, points: FloatArray) -> FloatArray:
        """Return where points of the shape (n, 3) lie."""
        turn, move = self.matrix[:, :3], self.matrix[:, 3]
        if np.count_nonzero(turn) == 3 and np.diagonal(turn).all():
            # a product of matrices would make all three NaN where one is
            scale = np.diagonal(turn)
            return (points if (scale == 1).all() else points * scale) + move
        placed: FloatArray = points @ turn.T + move
        return placed


def frame_of(
    obj: xr.Dataset | xr.DataArray, frame: Any, names: Mapping[str, Hashable] | None = None
) -> Frame:
    """Return the frame that is meant by the parameter ``frame``.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    frame : "dataset", "brainglobe", "allen", "world", or (4, 4) array of float
    names : mapping of str to hashable, optional
        What the caller calls each axis.

    Raises
    ------
    PointsError
        If it is none of these.
    GridError
        If the volume does not say enough of itself.
    """
    _, space = find_atlas(obj)
    if not isinstance(frame, str):
        return Frame(_in_axes(_checked(frame), space, space)[:3], (1, 1, 1))
    if frame not in FRAMES:
        raise PointsError(
            f"no frame {frame!r}; there are 'dataset', 'brainglobe', 'allen' and 'world', and a 4 "
            "x 4 matrix that takes points in mm to coordinates of the Dataset, for coordinates of "
            "your own (from bregma, for example)"
        )
    if frame == "dataset":
        return Frame(np.eye(3, 4), (1, 1, 1))
    if frame == "allen" and names is not None:
        other = [name for axis, name in names.items() if name in space.dims and name != axis]
        if other:
            # x is the Allen Institute's AP, but IBL's ML
            raise PointsError(
                f"in frame='allen' {other[0]!r} may be any axis: the Allen Institute's x, y, z are "
                "ap, dv, ml, IBL's are ml, ap, dv. Say which is which: axes=('ap', 'dv', 'ml'), or "
                "columns={'ap': 'x', 'dv': 'y', 'ml': 'z'}"
            )
    matrix = frame_matrix(space, frame)
    signs = np.sign(np.diagonal(matrix)[:3]) if space.atlas is None else np.ones(3)
    grows = (int(signs[0]) or 1, int(signs[1]) or 1, int(signs[2]) or 1)
    return Frame(matrix[:3], grows)


def _checked(frame: Any) -> FloatArray:
    """Return a matrix from points to the Dataset, or refuse what is none."""
    if hasattr(frame, "magnitude"):
        raise UnitsError(
            "frame is a matrix of plain numbers for lengths in mm, not a quantity; pass "
            "matrix.magnitude, its last column in mm"
        )
    try:
        matrix = np.asarray(frame, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PointsError(f"frame is the name of one, or a 4 x 4 matrix, not {frame!r}") from error
    if matrix.shape != (4, 4):
        raise PointsError(f"an affine is a 4 x 4 matrix, not one of the shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise PointsError("the affine holds numbers that are not finite")
    if not np.allclose(matrix[3], (0, 0, 0, 1), rtol=0, atol=1e-9):
        raise PointsError(
            f"the last row of the affine is {matrix[3].tolist()}, not [0, 0, 0, 1]: is it "
            "transposed? It multiplies columns, with the shift in its last column"
        )
    turn = matrix[:3, :3]
    if abs(np.linalg.det(turn)) <= 1e-12 * np.prod(np.linalg.norm(turn, axis=0)):
        raise PointsError("the affine is singular: it puts all points into one plane")
    return matrix


def _in_axes(matrix: FloatArray, to: Space, of: Space) -> FloatArray:
    """Return a matrix between coordinates in the order of dims as one in that of ap, dv, ml."""
    rows = [*(to.position(axis) for axis in AXES), 3]
    columns = [*(of.position(axis) for axis in AXES), 3]
    return matrix[np.ix_(rows, columns)]
