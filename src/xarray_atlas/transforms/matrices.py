"""Matrices of registrations: the spaces they are in, and whether one can be inverted."""

from __future__ import annotations

from typing import Any

import numpy as np

from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["SPACES", "checked_matrix"]

SPACES = {"LPS": np.diag([-1.0, -1.0, 1.0, 1.0]), "RAS": np.eye(4)}
"""The spaces of matrices, and the matrix from RAS mm to each; each is its own inverse."""


def checked_matrix(given: Any, name: str) -> FloatArray:
    """Return a 4 x 4 matrix in mm that can be inverted.

    Parameters
    ----------
    given : array
        As the caller has it.
    name : str
        Of the parameter, for errors.

    Raises
    ------
    GridError
        If it is none.
    UnitsError
        If it is a quantity.
    """
    if hasattr(given, "magnitude"):
        raise UnitsError(
            f"{name} is a matrix of plain numbers for lengths in mm, not a quantity; pass "
            "matrix.magnitude, its last column in mm"
        )
    matrix: FloatArray
    try:
        matrix = np.array(getattr(given, "values", given), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise GridError(f"{name} is no matrix of numbers: {error}") from error
    if matrix.shape != (4, 4):
        raise GridError(
            f"{name} has the shape {matrix.shape}; it is a 4 x 4 matrix in mm, or a "
            "displacement field as a DataArray on the image's spatial dimensions"
        )
    if not np.isfinite(matrix).all():
        raise GridError(f"{name} holds a number that is not finite")
    if not np.allclose(matrix[3], (0, 0, 0, 1), rtol=0, atol=1e-9):
        hint = (
            "; its last column is: transpose it, matrix.T"
            if np.allclose(matrix[:, 3], (0, 0, 0, 1), rtol=0, atol=1e-9)
            else ""
        )
        raise GridError(f"the last row of {name} is {matrix[3].tolist()}, not [0, 0, 0, 1]{hint}")
    linear = matrix[:3, :3]
    if abs(np.linalg.det(linear)) <= 1e-9 * np.prod(np.linalg.norm(linear, axis=0)):
        raise GridError(f"{name} is singular: it takes the image onto a plane or less")
    return matrix
