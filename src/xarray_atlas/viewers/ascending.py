"""The grid of an annotation with ascending coordinates, for other viewers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import lengths, spacing
from xarray_atlas.errors import GridError

__all__ = ["AscendingGrid", "ascending_grid"]


@dataclass(frozen=True)
class AscendingGrid:
    """Grid of an annotation with all dimensions flipped to ascend.

    Attributes
    ----------
    dims : tuple of hashable
        Of the annotation, in its order, as the other fields.
    turn : dict of hashable to slice
        Indexers for ``isel`` that turn an array.
    first, step : tuple of float
        The centre of the first voxel, and the voxel size, in mm of the Dataset.
    orientation : tuple of str
        The letter of the side on which each coordinate is smallest.
    """

    dims: tuple[Hashable, ...]
    turn: dict[Hashable, slice]
    first: tuple[float, ...]
    step: tuple[float, ...]
    orientation: tuple[str, ...]

    def ascending(self, array: Any) -> Any:
        """Return the flipped data of an array on these dimensions, lazy if it is lazy."""
        there = {dim: part for dim, part in self.turn.items() if dim in array.dims}
        return array.isel(there).data


def ascending_grid(annotation: xr.DataArray, need: int = 3) -> AscendingGrid:
    """Measure the grid of an annotation.

    Parameters
    ----------
    annotation : DataArray
    need : int, default: 3
        How many spatial dimensions there must be.

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, or a dimension is missing or empty.
    """
    _, space = find_atlas(annotation)
    sizes = spacing(annotation, need=need)
    turn: dict[Hashable, slice] = {}
    first: dict[Hashable, float] = {}
    letters: dict[Hashable, str] = {}
    for axis, name in space.coordinates(annotation).items():
        if name is None or not annotation.coords[name].ndim:
            continue  # the place of a section
        values = lengths(annotation, name)
        if not values.size:
            raise GridError(f"there is nothing to show: the annotation has no voxel along {name!r}")
        (dim,) = annotation.coords[name].dims
        if values.size > 1 and values[-1] < values[0]:
            turn[dim] = slice(None, None, -1)
        first[dim] = float(values.min())
        letters[dim] = space.orientation[space.position(axis)]
    dims = annotation.dims
    return AscendingGrid(
        dims,
        turn,
        tuple(first[dim] for dim in dims),
        tuple(sizes[dim] for dim in dims),
        tuple(letters[dim] for dim in dims),
    )
