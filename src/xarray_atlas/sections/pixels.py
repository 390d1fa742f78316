"""Positions of points in pixels of the image of a section."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xarray_atlas.coords.units import to_mm, unit_factor
from xarray_atlas.errors import PointsError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["in_pixels", "own_names"]

PIXELS = ("", "1", "voxel", "pixel", "pixels", "px")

LENGTH = re.compile(r"[\s_(\[](um|mm|nm|µm|μm)[)\]]?")
"""The unit at the end of a column's name: ``Centroid X µm``, ``x_um``, ``x (mm)``."""


def own_names(table: pd.DataFrame) -> dict[str, str]:
    """Return a table's names of x, y and section; tables of QuPath have their own."""
    found = {name: name for name in ("x", "y", "section")}
    for axis in ("x", "y"):
        centroids = [n for n in table if re.fullmatch(f"Centroid {axis.upper()}( .*)?", str(n))]
        if axis not in table and len(centroids) == 1:
            found[axis] = str(centroids[0])
    if "section" not in table and "Image" in table:
        found["section"] = "Image"
    return found


def in_pixels(points: Any, table: pd.DataFrame, name: str, pixel_size: Any) -> FloatArray:
    """Return the positions of points along one axis of an image in pixels.

    Parameters
    ----------
    points : object
        As passed by the caller; variables of a Dataset have units.
    table : DataFrame
        The same points as a table. The name of a column may contain its unit.
    name : str
        Of the column.
    pixel_size : str or pint.Quantity, optional
        Of a pixel of the image, where the positions are lengths.

    Returns
    -------
    float64 array, shape (n,)

    Raises
    ------
    UnitsError
        If positions are lengths and `pixel_size` is not given, or the other way round.
    """
    unit = _unit_of(points, name)
    values = np.asarray(table[name].to_numpy(), np.float64)
    if unit in PIXELS:
        if pixel_size is not None:
            raise UnitsError(
                f"{name!r} is in pixels, and pixel_size= is of positions in a unit of length; "
                "leave it out"
            )
        return values
    if pixel_size is None:
        raise UnitsError(
            f"{name!r} is in {unit}, and sections are looked up in pixels of their images: pass "
            "the size of a pixel of the image in which the points lie, pixel_size='0.65 um', and "
            "its rows and columns, image_shape=, where that image is larger than the one that was "
            "aligned"
        )
    if isinstance(pixel_size, int | float | np.number):
        raise UnitsError(f"pixel_size={pixel_size!r} has no unit; write it as '{pixel_size:g} um'")
    size = to_mm(pixel_size, "pixel_size")
    if np.ndim(size) or not 0 < size < np.inf:
        raise PointsError(f"pixel_size={pixel_size!r} is not the size of a pixel")
    return values * (unit_factor(unit) / float(size))


def _unit_of(points: Any, name: str) -> str:
    if isinstance(points, xr.Dataset):
        data = points[name].variable._data
        stated = str(getattr(data, "units", points[name].attrs.get("units", "")))
        if stated:
            return stated
    found = LENGTH.search(name)
    if found is None or found.end() != len(name):
        return ""
    return found[1].replace("µ", "u").replace("μ", "u")
