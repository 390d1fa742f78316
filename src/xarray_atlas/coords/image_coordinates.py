"""Coordinates of an image: positions of its voxels in mm, times and channels."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.space import DIRECTIONS

__all__ = ["AxisValues", "axis_positions", "image_coordinates"]


@dataclass(frozen=True)
class AxisValues:
    """Coordinate of a non-spatial axis.

    Parameters
    ----------
    values : sequence
        One value per index: times, or names of channels.
    unit : str, optional
        None if the file does not give it.
    """

    values: Sequence[Any]
    unit: str | None = None

    @classmethod
    def steps(cls, step: float, count: int, unit: str | None, first: float = 0.0) -> AxisValues:
        """Return evenly spaced values."""
        return cls([first + step * i for i in range(count)], unit)


def axis_positions(
    dim: Hashable, size: float, count: int, letter: str | None, first: float = 0.0
) -> Variable:
    """Return the positions of voxels along an axis, in mm.

    Parameters
    ----------
    dim : hashable
    size : float
        Voxel size, in mm.
    count : int
    letter : str, optional
        The side on which the first voxel lies; None if unknown.
    first : float
        The position of the first voxel's centre, in mm.
    """
    attrs: dict[Any, Any] = {"units": "mm"}
    if letter is not None:
        attrs["direction"] = DIRECTIONS[letter]
    return Variable((dim,), first + size * np.arange(count, dtype=np.float64), attrs)


def image_coordinates(
    spatial: Mapping[Hashable, Variable],
    sizes: Mapping[Hashable, float],
    others: Mapping[str, AxisValues],
) -> xr.Coordinates:
    """Build the decoded coordinates of an image, with their indexes.

    Parameters
    ----------
    spatial : mapping of hashable to Variable
        Positions in mm by dimension, and scalar coordinates.
    sizes : mapping of hashable to float
        The voxel size along each dimension in mm.
    others : mapping of str to AxisValues
        Coordinates of the other dimensions.
    """
    coords: dict[Hashable, Variable] = {}
    indexes: dict[Any, Any] = {}
    plain: dict[Hashable, Variable] = {}
    for dim, found in others.items():
        attrs = {"units": found.unit} if found.unit else {}
        if not found.unit and np.asarray(found.values).dtype.kind == "f":
            attrs = {"long_name": f"{dim} (the file states no unit)"}
        plain[dim] = Variable((dim,), np.asarray(found.values), attrs)
    for name, variable in spatial.items():
        if not variable.dims:
            coords[name] = variable
            continue
        index = LengthIndex.from_variables({name: variable}, options={"spacing": sizes.get(name)})
        indexes[name] = index
        coords.update(index.create_variables({name: variable}))
    # time and channels get xarray's default indexes
    return xr.Dataset(coords=plain).coords.merge(xr.Coordinates(coords, indexes=indexes)).coords
