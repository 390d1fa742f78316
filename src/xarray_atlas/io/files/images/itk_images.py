"""Images of SimpleITK and ITK, in memory."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from xarray_atlas.coords.headers import Geometry, geometry_of_affine
from xarray_atlas.io.files.images.image import SPATIAL, Image

__all__ = ["image_of_itk", "is_itk_image"]


def is_itk_image(source: Any) -> bool:
    """Return whether an object is an image of SimpleITK or ITK, by its methods."""
    return all(
        callable(getattr(source, name, None))
        for name in ("GetOrigin", "GetSpacing", "GetDirection", "GetNumberOfComponentsPerPixel")
    )


def image_of_itk(source: Any, place: str) -> Image:
    """Take the voxels and the place in space of an image of SimpleITK or ITK.

    The axes are in ITK's order, that of an index, and not in that of the array that either
    library makes: they are those of a file written by them.

    Parameters
    ----------
    source : SimpleITK.Image or itk.Image
    place : str
        What it is, for errors.
    """
    ndim = len(tuple(source.GetSpacing()))
    several = int(source.GetNumberOfComponentsPerPixel()) > 1
    voxels = np.moveaxis(_array(source), -1, 0) if several else _array(source)
    first = int(several)
    voxels = voxels.transpose(*range(first), *reversed(range(first, voxels.ndim)))
    axes = (*["channel"] * several, *SPATIAL[:ndim], *(f"dim_{i}" for i in range(3, ndim)))
    return Image(voxels, _geometry(source, ndim), place, axes)


def _array(source: Any) -> Any:
    """Copy the voxels: they are ITK's, which may free them."""
    library = sys.modules[type(source).__module__.partition(".")[0]]
    copy = getattr(library, "GetArrayFromImage", None) or library.array_from_image
    return np.asarray(copy(source))


def _geometry(source: Any, ndim: int) -> Geometry:
    if ndim < 3:
        return Geometry()
    directions = np.asarray(source.GetDirection(), np.float64).reshape(ndim, ndim)
    spacing, origin = (
        np.asarray(tuple(v), np.float64) for v in (source.GetSpacing(), source.GetOrigin())
    )
    if np.any(directions[:3, 3:]) or np.any(directions[3:, :3]):
        return Geometry(fault="mixes axes of space with others")
    steps = directions[:3, :3] * spacing[:3]
    return geometry_of_affine(np.column_stack([steps, origin[:3]]), "mm", "rai")
