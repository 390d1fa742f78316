"""Units of positions, given by the points or by the user.

A unit may be "voxel": positions are then indices, converted to lengths by the voxel size.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.space import AXES, Space
from xarray_atlas.coords.units import to_mm, unit_factor
from xarray_atlas.errors import GridError, PointsError, UnitsError
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray
from xarray_atlas.points.voxels import voxel_axes
from xarray_atlas.transforms.corners import CORNERS
from xarray_atlas.transforms.frames import Frame

__all__ = ["VOXEL_SIZE", "Indices", "in_mm", "indices_of", "is_voxel", "magnitudes", "own_unit"]

_ONE = re.compile(r"\s*1(?:\.0*)?\s*([^\W\d_]+)\s*")

_WITHOUT_UNIT = re.compile(r"\s*[-+]?[\d.,]+(?:[eE][-+]?\d+)?\s*|\D*")
"""Text that is a number alone, or none at all, such as "n/a"."""

VOXEL_SIZE = "indexed_voxel_size"
"""The attribute of a result's positions that are indices: the size of a voxel, as "0.025 mm"."""


@dataclass(frozen=True)
class Indices:
    """Conversion of voxel indices to mm along each axis of a frame: ``start + size * index``."""

    start: Mapping[str, float]
    size: Mapping[str, float]

    def place(self, axis: str, index: FloatArray) -> FloatArray:
        """Return positions in mm."""
        return self.start[axis] + self.size[axis] * index


def is_voxel(unit: Any) -> bool:
    """Return whether a unit denotes voxel indices."""
    return str(unit).strip().lower() in ("voxel", "voxels", "vx", "pixel", "pixels", "px")


def own_unit(attrs: Mapping[Any, Any]) -> Any:
    """Return the unit in attributes; "voxel" if a result has a voxel size."""
    return attrs.get("units", "voxel" if VOXEL_SIZE in attrs else None)


def indices_of(
    obj: xr.Dataset | xr.DataArray, space: Space, frame: Any, resolution: Any
) -> Indices:
    """Return the conversion of voxel indices to positions in a frame.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    space : Space
    frame : str or array
    resolution : length, or mapping of str to length
        The voxel size; by axis (ap, dv and ml) if it is anisotropic.

    Raises
    ------
    UnitsError
        If the voxel size is missing or invalid.
    PointsError
        If the frame has no voxels.
    GridError
        For indices of a part of the volume.
    """
    if resolution is None:
        raise UnitsError(
            "unit='voxel' says that the numbers are indices of voxels; pass the size of those "
            "voxels too, in the image that they index: resolution='25 um', or for voxels that are "
            "not cubes resolution={'ap': '20 um', 'dv': '10 um', 'ml': '10 um'}"
        )
    size = _sizes(resolution, space)
    if isinstance(frame, str | Frame):
        if frame in CORNERS:
            return Indices(dict.fromkeys(AXES, 0.0), size)
        if frame == "dataset":
            return Indices(*_of_dataset(obj, space, size))
        if frame != "world":
            raise PointsError(
                f"frame={getattr(frame, 'name', frame)!r} counts lengths and has no indices of "
                "voxels, which are those of frame='brainglobe', 'allen' or 'dataset'"
            )
        raise PointsError(
            "frame='world' counts in mm and has no indices of voxels. Multiply them by the "
            "affine of the image that they index (nibabel.affines.apply_affine(image.affine, "
            "indices)), and pass unit='mm'"
        )
    listed = ", ".join(f"{size[_axis_at(space, i)]:g}" for i in range(3))
    raise PointsError(
        "a matrix as frame= takes points in mm, not indices of voxels; multiply the voxel size "
        f"into it: frame=matrix @ np.diag([{listed}, 1]), with unit='mm'"
    )


def _axis_at(space: Space, place: int) -> str:
    return next(axis for axis in AXES if space.position(axis) == place)


def _sizes(resolution: Any, space: Space) -> dict[str, float]:
    """Return the voxel size along each axis, in mm."""
    if isinstance(resolution, Mapping):
        names = {axis: axis for axis in AXES}
        names |= {space.dims[space.position(axis)]: axis for axis in AXES}
        found = {names.get(name, name): value for name, value in resolution.items()}
        if sorted(map(str, found)) != sorted(AXES):
            raise UnitsError(
                f"resolution={resolution!r} does not give the size of a voxel along each of ap, dv "
                "and ml once"
            )
    elif isinstance(resolution, list | tuple | np.ndarray):
        raise UnitsError(
            f"resolution={resolution!r} does not say which size is along which axis: "
            "resolution={'ap': '20 um', 'dv': '10 um', 'ml': '10 um'}"
        )
    else:
        found = dict.fromkeys(AXES, resolution)
    sizes = {}
    for axis in AXES:
        value = found[axis]
        if not isinstance(value, str) and not hasattr(value, "units"):
            raise UnitsError(
                f"resolution={value!r} has no unit; write the size of a voxel as '25 um'"
            )
        sizes[axis] = float(to_mm(value, "resolution"))
        if not 0 < sizes[axis] < np.inf:
            raise UnitsError(f"resolution={value!r} is not the size of a voxel")
    return sizes


def _of_dataset(
    obj: xr.Dataset | xr.DataArray, space: Space, size: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Count from the centre of the first voxel of the whole volume, in the Dataset's directions."""
    start, step = {}, {}
    for axis, along in voxel_axes(obj).items():
        at = space.position(axis)
        centres, n = along.centres, along.centres.size
        sign = 1.0 if n < 2 or centres[-1] > centres[0] else -1.0
        first = centres[0] - sign * along.size / 2 if n else np.nan
        low = centres.min() - along.size / 2 if n else np.nan
        length = space.voxel_size[at] * space.shape[at] if space.shape else np.nan
        slack = 1e3 * TOLERANCE * along.size
        if not (abs(low - space.corner[at]) < slack and abs(n * along.size - length) < slack):
            raise GridError(
                f"this {type(obj).__name__} is not known to be the whole volume along {axis!r}, so "
                "that an index may be one of the part or of the whole. Pass coordinates instead "
                f"(of the part: obj[{str(space.coordinate(obj, axis))!r}][index]), or look the "
                "points up in the whole"
            )
        step[axis] = sign * size[axis]
        start[axis] = first + step[axis] / 2
    return start, step


def in_mm(values: Any, own: Any, name: Hashable, unit: Any) -> FloatArray:
    """Convert positions to mm, from their unit or the given one; keep indices."""
    what = f"position {name!r}"
    values = magnitudes(values)
    if values.dtype.kind in "OUT":
        return _cells_in_mm(values, own, name, unit)
    if values.dtype.kind not in "iuf":
        raise PointsError(f"{what} is {values.dtype}, which is not a length")
    if own is None and unit is None:
        raise UnitsError(
            f"{what} has no unit; pass unit='um' or unit='mm', whichever it is in (or unit='voxel' "
            "with resolution=, of indices of voxels), or state it in attrs['units']"
        )
    stated = unit if own is None else own
    if own is not None and unit is not None and not _agree(own, unit):
        raise UnitsError(
            f"{what} is in {own} by itself, and unit={str(unit)!r} says otherwise; leave out "
            "unit=, or correct the unit that it has"
        )
    numbers = values.ravel().astype(np.float64)
    if is_voxel(stated):
        return np.asarray(numbers).reshape(values.shape)
    flat = Variable(("point",), numbers, {"units": stated_unit(stated)})
    return np.asarray(to_mm(flat, what).values).reshape(values.shape)


def _agree(own: Any, unit: Any) -> bool:
    if is_voxel(own) or is_voxel(unit):
        return is_voxel(own) and is_voxel(unit)
    return unit_factor(own) == unit_factor(stated_unit(unit))


def stated_unit(unit: Any) -> Any:
    """Validate a unit of length, such as "um" or "1 um"; refuse a length such as "50 um"."""
    if isinstance(unit, str) and (one := _ONE.fullmatch(unit)):
        unit = one[1]
    try:
        unit_factor(unit)
    except UnitsError as error:
        number = str(unit).strip()[:1]
        if not (number.isdigit() or number in "+-."):
            raise
        raise UnitsError(
            f"unit={str(unit)!r} is a length, not a unit. If the numbers are indices of voxels of "
            f"that size, pass unit='voxel', resolution={str(unit)!r}; if not, multiply them"
        ) from error
    return unit


def magnitudes(values: Any) -> Any:
    """Return the numbers of an array or quantity; for lists of quantities the unchanged cells."""
    if hasattr(values, "magnitude"):
        values = values.magnitude
    if isinstance(values, np.ma.MaskedArray) and values.dtype.kind in "iuf":
        return np.ma.filled(values.astype(np.float64), np.nan)
    if isinstance(values, list | tuple) and _has_units(values):
        shape = np.shape([[0] * len(row) if isinstance(row, list | tuple) else 0 for row in values])
        cells = np.empty(len(values) if len(shape) == 1 else shape, object)
        for place in np.ndindex(cells.shape):
            cells[place] = values[place[0]] if len(place) == 1 else values[place[0]][place[1]]
        return cells
    return np.asarray(values)  # computes dask arrays


def _has_units(values: Any) -> bool:
    """Return whether nested lists contain strings or quantities."""
    if isinstance(values, list | tuple):
        return any(map(_has_units, values))
    return isinstance(values, str) or hasattr(values, "units")


def _is_length(text: str) -> bool:
    try:
        to_mm(text)
    except UnitsError:
        return False
    return True


def _cells_in_mm(values: Any, own: Any, name: Hashable, unit: Any) -> FloatArray:
    """Convert cells one by one: lengths such as "5 mm", or numbers stored as objects."""
    cells = values.ravel().tolist()
    for cell in cells:
        known = cell is None or cell is pd.NA or isinstance(cell, str | int | float)
        if not known and not hasattr(cell, "units"):
            raise PointsError(
                f"position {name!r} holds a {type(cell).__name__}, which is not a length; points "
                "are a table, a Dataset, DataArrays, a mapping of columns, or an array"
            )
    missing = [cell is None or cell is pd.NA for cell in cells]
    bare = [isinstance(c, int | float) and not isinstance(c, bool) for c in cells]
    if all(m or b for m, b in zip(missing, bare, strict=True)):
        numbers = [np.nan if m else float(c) for c, m in zip(cells, missing, strict=True)]
        return in_mm(np.array(numbers).reshape(values.shape), own, name, unit)
    for cell in cells:
        if isinstance(cell, str) and _WITHOUT_UNIT.fullmatch(cell) and not _is_length(cell):
            raise UnitsError(
                f"position {name!r} holds the text {cell!r}, which is neither a number nor a "
                "length with a unit, such as '5 mm'. A column of numbers that was read as text "
                "becomes numbers by pandas.to_numeric; errors='coerce' makes NaN of what is none, "
                "and pandas.read_csv(decimal=',') reads decimal commas"
            )
    if any(b and c == c for b, c in zip(bare, cells, strict=True)):
        raise UnitsError(
            f"position {name!r} holds lengths with a unit and numbers without one; give each a unit"
        )
    if unit is not None:
        raise UnitsError(
            f"position {name!r} holds lengths that say their own unit; leave out unit={unit!r}"
        )
    found = [np.nan if m or b else to_mm(c, f"position {name!r}")
             for c, m, b in zip(cells, missing, bare, strict=True)]  # fmt: skip
    return np.array(found, dtype=np.float64).reshape(values.shape)
