"""Build the coordinates of an atlas from voxel centres, a terminology and a space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import AtlasIndex
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.space import DIRECTIONS, Space
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.terminology import Terminology

__all__ = ["atlas_coordinates", "centres_of"]


def centres_of(scale: float, translation: float, count: int) -> FloatArray:
    """Return the centre of each voxel along an axis, as OME-Zarr defines it, in mm."""
    return scale * np.arange(count, dtype=np.float64) + translation


def atlas_coordinates(
    terminology: Terminology, space: Space, centres: Sequence[FloatArray]
) -> xr.Coordinates:
    """Build the decoded coordinates of an atlas, with their indexes.

    Parameters
    ----------
    terminology : Terminology
    space : Space
        The space of the whole volume; its dims name the coordinates, its voxel size is their
        spacing.
    centres : sequence of float64 arrays
        The voxel centres in mm along each of the space's dims.
    """
    indexes: dict[Any, Any] = {}
    coords: dict[Any, Variable] = {}
    parts = zip(space.dims, space.orientation, space.voxel_size, centres, strict=True)
    for dim, letter, size, positions in parts:
        plain = {dim: Variable((dim,), positions, {"units": "mm", "direction": DIRECTIONS[letter]})}
        indexes[dim] = LengthIndex.from_variables(plain, options={"spacing": size})
        coords.update(indexes[dim].create_variables(plain))
    carrier = AtlasIndex(terminology, space)
    indexes[carrier.name] = carrier
    coords.update(carrier.create_variables())
    return xr.Coordinates(coords, indexes=indexes)
