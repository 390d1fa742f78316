"""Displacement fields that a tool wrote along the axes of an image, as steps of a transform."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from xarray_atlas.coords.space import DIRECTIONS
from xarray_atlas.coords.world import ras_matrix
from xarray_atlas.errors import TransformError
from xarray_atlas.io.files.images import read_image
from xarray_atlas.io.files.images.section import read_section
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.steps import FieldStep, Outside

__all__ = [
    "ARRAY_AXES",
    "BRAINGLOBE",
    "array_end",
    "deformation_tiffs",
    "field_along_axes",
    "to_ras",
]

BRAINGLOBE = "asr"
"""The orientation of every atlas that BrainGlobe packages."""

ARRAY_AXES = ("z", "y", "x")
"""The names of the axes of a volume in the order of the array, as its Dataset has them."""


def array_end(name: str, orientation: str, frame: str) -> End:
    """Return an end whose points are in mm along the axes of an array, in their order."""
    first, second, third = (DIRECTIONS[letter] for letter in orientation)
    return End(name, frame, ("z", "y", "x"), (first, second, third))


def to_ras(orientation: str) -> FloatArray:
    """Return the matrix from mm along the axes of an array to RAS mm from the same origin."""
    return ras_matrix(orientation)


def field_along_axes(
    shifts: Sequence[Any],
    orientation: str,
    voxel_size: Sequence[float],
    first: Sequence[float] = (0.0, 0.0, 0.0),
    outside: Outside = "error",
) -> FieldStep:
    """Make a step of displacements along the axes of an array.

    Parameters
    ----------
    shifts : three dask arrays of shape (n, m, k)
        In mm, along each axis of the array.
    orientation : str
        A letter for each axis: the side on which the first voxel lies.
    voxel_size : sequence of float
        In mm, along each axis.
    first : sequence of float
        Where the centre of the first voxel lies along each axis, in mm.
    outside : "error", "nearest" or "identity"

    Returns
    -------
    FieldStep
        Between RAS mm, which are the same numbers with their signs turned where an axis of the
        array runs to the left, posterior or inferior.
    """
    turn = to_ras(orientation)
    rows: list[Any] = [None] * 3
    for column in range(3):
        row = int(np.flatnonzero(turn[:3, column])[0])
        rows[row] = shifts[column] if turn[row, column] > 0 else -shifts[column]
    data = da.stack(rows)
    index = np.diag([*voxel_size, 1.0])
    index[:3, 3] = first
    # the three components of a voxel are read together
    return FieldStep(data.rechunk({0: 3}), turn @ index, outside)


def deformation_tiffs(folder: Path, count: int) -> list[Any]:
    """Open ``deformation_field_0.tiff`` and so on, lazily, as volumes of one shape.

    Raises
    ------
    TransformError
        If one is missing, or they differ in shape.
    """
    arrays = []
    for axis in range(count):
        path = folder / f"deformation_field_{axis}.tiff"
        if not path.is_file():
            there = ", ".join(sorted(p.name for p in folder.iterdir())) or "nothing"
            raise TransformError(f"{folder} holds no {path.name}, but {there}")
        section = read_section(path)
        arrays.append(read_image(path).array() if section is None else section)
    if len({array.shape for array in arrays}) != 1:
        shapes = ", ".join(" x ".join(map(str, array.shape)) for array in arrays)
        raise TransformError(f"the deformation fields in {folder} have different shapes: {shapes}")
    return arrays
