"""Registration matrices: their spaces, and validation."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xarray_atlas.errors import AtlasError, GridError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["SPACES", "applied", "checked_matrix", "tidy"]

SPACES = {"LPS": np.diag([-1.0, -1.0, 1.0, 1.0]), "RAS": np.eye(4)}
"""The spaces of matrices, and the matrix from RAS mm to each; each is its own inverse."""

FIELD = ", or a displacement field as a DataArray on the image's spatial dimensions"


READ_HERE = {"SimpleITK", "itk", "nitransforms"}
"""Packages whose transforms open_transform takes."""


def checked_matrix(
    given: Any, name: str, error: type[AtlasError] = GridError, alternative: str = FIELD
) -> FloatArray:
    """Return a given matrix as an invertible 4 x 4 matrix in mm.

    Parameters
    ----------
    given : array
        As passed by the caller.
    name : str
        Name of the parameter, for error messages.
    error : type, default: GridError
        Type of the error.
    alternative : str, optional
        Other accepted types, for the error message.

    Raises
    ------
    GridError
        If it is not such a matrix.
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
        numbers = np.asarray(getattr(given, "values", given))
        if numbers.dtype.kind in "cmM":
            raise TypeError(f"these are {numbers.dtype}")
        matrix = np.array(numbers, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        opened = _as_opened(given)
        if name == "transform" and opened:
            raise error(
                f"transform={given!r} is not a matrix of numbers; open what a registration tool "
                f"wrote first: transform={opened}"
            ) from problem
        raise error(
            f"{name}={given!r} is not a matrix of numbers ({problem}); it is a 4 x 4 matrix in "
            f"mm{alternative}"
        ) from problem
    if matrix.shape != (4, 4):
        raise error(f"{name} has the shape {matrix.shape}; it is a 4 x 4 matrix in mm{alternative}")
    if not np.isfinite(matrix).all():
        raise error(f"{name} holds a number that is not finite")
    if not np.allclose(matrix[3], (0, 0, 0, 1), rtol=0, atol=1e-9):
        hint = (
            "; its last column is: transpose it, matrix.T"
            if np.allclose(matrix[:, 3], (0, 0, 0, 1), rtol=0, atol=1e-9)
            else ""
        )
        raise error(f"the last row of {name} is {matrix[3].tolist()}, not [0, 0, 0, 1]{hint}")
    linear = matrix[:3, :3]
    if abs(np.linalg.det(linear)) <= 1e-9 * np.prod(np.linalg.norm(linear, axis=0)):
        raise error(f"{name} is singular: it takes the volume onto a plane or less")
    return matrix


def _as_opened(given: Any) -> str | None:
    """Return the call that opens a path or another package's transform; None for other types."""
    if isinstance(given, str | os.PathLike):
        return f"xarray_atlas.open_transform({os.fspath(given)!r}, maps='image to atlas')"
    if type(given).__module__.partition(".")[0] in READ_HERE:
        return "xarray_atlas.open_transform(given, maps='image to atlas')"
    return None


def applied(matrix: NDArray[np.floating[Any]], positions: Any) -> FloatArray:
    """Apply an affine to positions of the shape (..., 3)."""
    if hasattr(positions, "magnitude"):
        raise UnitsError("these are plain numbers, not a quantity; pass positions.magnitude")
    if isinstance(positions, pd.DataFrame):
        raise GridError(
            "positions are an array of the shape (..., 3), and a DataFrame has columns in an order "
            "of its own: pass df[[...]].to_numpy(), the columns in the order of the axes"
        )
    found = np.asarray(positions, np.float64)
    if found.ndim == 0 or found.shape[-1] != 3:
        raise GridError(f"positions have the shape (..., 3), not {found.shape}")
    return np.asarray(found @ matrix[:3, :3].T + matrix[:3, 3])


def tidy(matrix: NDArray[np.floating[Any]]) -> FloatArray:
    """Remove rounding errors of a product, so that nothing is tilted by them."""
    found = np.array(matrix, np.float64)
    linear = found[:3, :3]
    linear[np.abs(linear) < 1e-13 * np.abs(linear).max()] = 0.0
    return found
