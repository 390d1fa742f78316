"""Displacement fields that a tool wrote along the axes of an image, as steps of a transform."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xarray_atlas.coords.world import ras_matrix
from xarray_atlas.errors import TransformError
from xarray_atlas.io.files.images import read_image
from xarray_atlas.io.files.images.section import read_section
from xarray_atlas.io.transforms.lazy_shifts import Component, lazy_shifts
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.ends import End, coordinates_end
from xarray_atlas.transforms.steps import FieldStep, Outside

__all__ = [
    "ARRAY_AXES",
    "BRAINGLOBE",
    "array_end",
    "deformation_tiffs",
    "field_along_axes",
    "json_object",
    "to_ras",
]

BRAINGLOBE = "asr"
"""The orientation of every atlas that BrainGlobe packages."""

ARRAY_AXES = ("z", "y", "x")
"""The names of the axes of a volume in the order of the array, as in its Dataset."""


def array_end(name: str, orientation: str, frame: str) -> End:
    """Return an end with points in mm along the axes of an array, in their order."""
    return coordinates_end(name, ARRAY_AXES, orientation, frame)


def json_object(path: Path) -> dict[str, Any]:
    """Read the JSON object written with a tool's fields; {} if it is not an object.

    Raises
    ------
    TransformError
        If it is not JSON.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise TransformError(f"{path} is not JSON: {error}") from error
    return content if isinstance(content, dict) else {}


def to_ras(orientation: str) -> FloatArray:
    """Return the matrix from mm along the axes of an array to RAS mm from the same origin."""
    return ras_matrix(orientation)


def field_along_axes(
    parts: Sequence[Any],
    chunks: Any,
    orientation: str,
    voxel_size: Sequence[float],
    first: Sequence[float] = (0.0, 0.0, 0.0),
    factors: Sequence[float] = (1.0, 1.0, 1.0),
    positions: bool = False,
    outside: Outside = "error",
) -> FieldStep:
    """Create a step from displacements along the axes of an array.

    Parameters
    ----------
    parts : three dask arrays or LazyVoxels, of shape (n, m, k)
        Displacements along each axis of the array, or positions.
    chunks : tuple
        Chunks of these, as in dask.
    orientation : str
        A letter for each axis: the side of the first voxel.
    voxel_size : sequence of float
        In mm, along each axis.
    first : sequence of float
        The position of the first voxel's centre along each axis, in mm.
    factors : sequence of float
        From the numbers along each axis to mm.
    positions : bool
        Whether the numbers are positions in mm, with the origin of `first`, not displacements.
    outside : "error", "nearest" or "identity"

    Returns
    -------
    FieldStep
        Between RAS mm, which are the same numbers with their signs turned where an axis of the
        array runs to the left, posterior or inferior.
    """
    turn = to_ras(orientation)
    components = []
    for row in turn[:3, :3]:
        axis = int(np.flatnonzero(row)[0])
        own = (axis, float(first[axis]), float(voxel_size[axis])) if positions else None
        components.append(Component(parts[axis], float(row[axis] * factors[axis]), own))
    index = np.diag([*voxel_size, 1.0])
    index[:3, 3] = first
    return FieldStep(lazy_shifts(components, chunks), turn @ index, outside)


def deformation_tiffs(folder: Path, count: int) -> tuple[list[Any], Any]:
    """Open ``deformation_field_0.tiff`` and so on, lazily, as volumes of one shape.

    Returns
    -------
    parts : list of LazyVoxels or dask arrays
    chunks : tuple
        Chunks in which they are read, as in dask.

    Raises
    ------
    TransformError
        If one is missing, or they differ in shape.
    """
    parts = []
    chunks: Any = ()
    for axis in range(count):
        path = folder / f"deformation_field_{axis}.tiff"
        if not path.is_file():
            there = ", ".join(sorted(p.name for p in folder.iterdir())) or "nothing"
            raise TransformError(f"{folder} does not contain {path.name}; it contains {there}")
        section = read_section(path)
        if section is None:
            image = read_image(path)
            chunks = chunks or image.array().chunks
            parts.append(image.voxels if image.axes == ARRAY_AXES else image.array())
        else:
            chunks = section.chunks
            parts.append(section)
    if len({part.shape for part in parts}) != 1:
        shapes = ", ".join(" x ".join(map(str, part.shape)) for part in parts)
        raise TransformError(f"the deformation fields in {folder} have different shapes: {shapes}")
    return parts, chunks
