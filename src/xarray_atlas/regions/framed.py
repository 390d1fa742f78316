"""Positions of regions in a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pint
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.space import AXES, FRAME
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.regions.results import text_coord
from xarray_atlas.transforms.any_frame import frame_as_attr, settled_frame
from xarray_atlas.transforms.frames import Frame
from xarray_atlas.transforms.warped_frames import frame_on_grid

__all__ = ["columns_of", "in_frame"]

POINTS = ("centroid", "representative_point")
BOXES = ("bounding_box", "extent", "start", "stop")
"""Results along the axes of the Dataset, which are undefined along those of a tilted frame."""


def columns_of(obj: xr.Dataset | xr.DataArray, dims: list[str]) -> list[int]:
    """Return the position of each axis of the Space among some dimensions.

    Parameters
    ----------
    obj : Dataset or DataArray
    dims : list of str

    Raises
    ------
    GridError
        If one is missing.
    """
    _, space = find_atlas(obj)
    places = {}
    for axis in AXES:
        name = space.coordinate(obj, axis)
        dim = None if name is None else next(iter(obj.coords[name].dims), None)
        if str(dim) not in dims:
            raise GridError(
                f"positions in another frame are known of a volume, and this has no dimension "
                f"along {axis!r}: it has {tuple(dims)}. Leave out frame=, or ask the whole"
            )
        places[space.position(axis)] = dims.index(str(dim))
    return [places[i] for i in range(3)]


def in_frame(found: xr.Dataset, obj: xr.Dataset | xr.DataArray, frame: Any) -> xr.Dataset:
    """Convert the properties of regions to a frame.

    Parameters
    ----------
    found : Dataset
        With the dimensions of the annotation along ``axis``.
    obj : Dataset or DataArray
    frame : str, Frame, or (4, 4) array
    """
    chosen = frame_on_grid(obj, frame)
    columns = columns_of(obj, [str(label) for label in found["axis"].values])
    stated = frame_as_attr(settled_frame(obj, frame))
    variables: dict[Any, Variable] = {}
    for name in POINTS:
        old = found.variables[name].transpose(..., "axis")
        numbers = chosen.from_dataset(np.asarray(old.values)[..., columns])
        variables[name] = _length(old.dims, numbers, chosen.frame, {**old.attrs, FRAME: stated})
    if chosen.tilted:
        rest = found.drop_vars([*BOXES, *POINTS, "axis", "bound"])
    else:
        rest = found.drop_vars([*BOXES, *POINTS, "axis"])
        variables |= _boxes(found, chosen.frame, columns, stated)
    order = [name for name in found.data_vars if name in variables or name in rest]
    result = rest.assign(variables).assign_coords(axis=text_coord("axis", list(chosen.frame.axes)))
    return result[order]


def _boxes(found: xr.Dataset, frame: Frame, columns: list[int], stated: Any) -> dict[Any, Variable]:
    along = [int(np.flatnonzero(row)[0]) for row in frame.matrix[:3, :3]]
    across = [columns[i] for i in along]
    box = found.variables["bounding_box"].transpose(..., "bound", "axis")
    corners = np.sort(frame.from_dataset(np.asarray(box.values)[..., columns]), axis=-2)
    on = (*box.dims[:-2], "axis", "bound")
    corners = np.swapaxes(corners, -1, -2)
    extent = found.variables["extent"].transpose(..., "axis")
    # not the difference of the corners, which is NaN without voxels
    scale = np.abs(frame.matrix[range(3), along])
    lengths = np.asarray(extent.values)[..., across] * scale
    variables: dict[Any, Variable] = {
        "bounding_box": _length(on, corners, frame, {**box.attrs, FRAME: stated}),
        "extent": _length(extent.dims, lengths, frame, dict(extent.attrs)),
    }
    for name in ("start", "stop"):
        index = found.variables[name].transpose(..., "axis")
        variables[name] = Variable(index.dims, np.asarray(index.values)[..., across], index.attrs)
    return variables


def _length(dims: Any, values: FloatArray, frame: Frame, attrs: Any) -> Variable:
    registry = pint.get_application_registry()
    unit_factor(frame.unit)  # raises if it is not a unit of length
    return QuantityVariable(dims, registry.Quantity(values, frame.unit), attrs)
