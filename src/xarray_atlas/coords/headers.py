"""Geometry of an image in its header: voxel sizes in mm and an orientation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from xarray import Variable

from xarray_atlas.coords.space import RAS
from xarray_atlas.coords.units import is_length_unit, to_mm
from xarray_atlas.kernels.spacing import FloatArray, without_noise

__all__ = ["OBLIQUE", "OPPOSITE", "Geometry", "geometry_of_affine", "known_unit", "sizes_in_mm"]

OPPOSITE = dict(zip("lrpais", "rlapsi", strict=True))
"""The opposite of each orientation letter."""

OBLIQUE = 1e-3
"""Axes with a larger off-axis component, relative to their length, are oblique (0.06 degrees)."""


@dataclass(frozen=True)
class Geometry:
    """Geometry of an image according to its file; None for missing information.

    Parameters
    ----------
    voxel_size : tuple of float, optional
        In mm, along the array's axes.
    orientation : str, optional
        A letter per axis, for the side on which its first voxel lies.
    first : tuple of float, optional
        In mm, the centre of the first voxel along each axis, in the space of the file and in the
        direction of the axis.
    fault : str
        The reason for missing information (oblique or damaged), or "".
    affine : float64 array of shape (4, 4), optional
        From voxel indices to voxel centres in RAS mm, also if oblique; None if the file does not
        define it.
    """

    voxel_size: tuple[float, ...] | None = None
    orientation: str | None = None
    first: tuple[float, ...] | None = None
    fault: str = ""
    affine: FloatArray | None = field(default=None, compare=False)


def geometry_of_affine(
    affine: Any, unit: str, letters: str = "lpi", exact: bool = True
) -> Geometry:
    """Interpret a matrix that maps voxel indices to points in space.

    Parameters
    ----------
    affine : (3 or 4, 4) array of float
        A column for each axis of the array, and one for the first voxel's centre.
    unit : str
        Unit of the space.
    letters : str
        The directions from which the space's axes come: "lpi" for axes to the right, anterior and
        superior (NIfTI's RAS+), "rai" for LPS.
    exact : bool
        Whether the numbers are doubles; otherwise they were stored in single precision.
    """
    matrix = np.asarray(affine, dtype=np.float64)[:3, :4]
    steps, origin = matrix[:, :3], matrix[:, 3]
    lengths = np.linalg.norm(steps, axis=0)
    if not np.all(np.isfinite(matrix)) or abs(np.linalg.det(steps)) <= 1e-9 * np.prod(lengths):
        return Geometry(fault=f"spans no volume (its axes are {steps.T.tolist()})")
    ras = _in_ras(matrix if exact else _shortest(matrix), unit, letters)
    # the axis of space nearest to each axis of the array
    along = np.argmax(np.abs(steps), axis=0)
    sizes = sizes_in_mm(lengths if exact else _shortest(lengths), unit)
    lean = np.sort(np.abs(steps), axis=0)[1] / lengths
    if len(set(along.tolist())) < 3 or lean.max() > OBLIQUE:
        degrees = float(np.degrees(np.arcsin(min(lean.max(), 1.0))))
        fault = f"is oblique (rotated by up to {degrees:.2g} degrees)"
        return Geometry(sizes, fault=fault, affine=ras)
    back = [bool(steps[space, axis] < 0) for axis, space in enumerate(along)]
    orientation = "".join(
        OPPOSITE[letters[space]] if turned else letters[space]
        for space, turned in zip(along, back, strict=True)
    )
    ends = sizes_in_mm(np.where(back, -origin[along], origin[along]), unit)
    return Geometry(sizes, orientation, ends, affine=ras)


def _in_ras(matrix: Any, unit: str, letters: str) -> FloatArray:
    """Return an affine in RAS mm."""
    affine = np.eye(4)
    flat = np.ravel(matrix) if unit == "mm" else sizes_in_mm(np.ravel(matrix), unit)
    millimetres = np.reshape(flat, (3, 4))
    for letter, values in zip(letters, millimetres, strict=True):
        row, sign = RAS[letter]
        affine[row] = sign * values + 0.0  # not -0.0
    return affine


def sizes_in_mm(lengths: Any, unit: str) -> tuple[float, ...]:
    """Convert lengths of a header to mm."""
    converted: FloatArray = to_mm(Variable(("axis",), np.asarray(lengths), {"units": unit})).values
    return tuple(without_noise(value) for value in converted.tolist())


def _shortest(lengths: FloatArray) -> FloatArray:
    """Return 0.025 for its nearest single-precision number, 0.02500000037."""
    flat = [float(str(value)) for value in lengths.astype(np.float32).ravel()]
    return np.reshape(flat, lengths.shape)


def known_unit(unit: Any) -> str | None:
    """Return the name of a unit of length in a header; None if it is not one."""
    text = str(unit or "").strip().replace("\\u00B5", "µ")
    return text if text and is_length_unit(text) else None
