"""Save the frames that were added to a Dataset with its volume."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.space import AXES
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.corners import CORNERS
from xarray_atlas.transforms.frames import Frame
from xarray_atlas.transforms.known_frames import BUILT_IN, frames_of, to_corner_of
from xarray_atlas.transforms.stereotaxic import CONVENTIONS

__all__ = ["corner_to_dataset", "saved_frames"]


def saved_frames(
    ds: xr.Dataset | xr.DataArray, sizes: Mapping[Hashable, float]
) -> list[dict[str, Any]]:
    """Return the frames that were added to an atlas, for the saved volume.

    Parameters
    ----------
    ds : Dataset or DataArray
        The saved object: its outer corner becomes that of the whole volume.
    sizes : mapping of hashable to float
        Voxel size in mm along each dimension.

    Returns
    -------
    list of dict
        From mm from that corner; empty if the relative position of the Dataset is unknown.
    """
    _, space = find_atlas(ds)
    added = [f for name, f in frames_of(ds).items() if name not in (*BUILT_IN, *CONVENTIONS)]
    if not added or to_corner_of(space) is None:
        return []
    to_dataset, volume = corner_to_dataset(ds, sizes)
    return [_of_volume(frame, to_dataset, volume).to_dict() for frame in added]


def corner_to_dataset(
    ds: xr.Dataset | xr.DataArray, sizes: Mapping[Hashable, float]
) -> tuple[FloatArray, list[float]]:
    """Return the matrix from the corner of the saved volume to a Dataset, and its extent.

    Parameters
    ----------
    ds : Dataset or DataArray
    sizes : mapping of hashable to float
        Voxel size in mm along each dimension.

    Returns
    -------
    matrix : float64 array of shape (4, 4)
        From mm from the anterior, superior, left outer corner, along ap, dv and ml, to coordinates
        in the order of the dims of the space.
    volume : list of float
        In mm along ap, dv and ml.
    """
    _, space = find_atlas(ds)
    to_dataset, volume = np.zeros((4, 4)), []
    to_dataset[3, 3] = 1.0
    for column, axis in enumerate(AXES):
        name, row = space.coordinate(ds, axis), space.position(axis)
        assert name is not None  # a saved volume has all three
        positions, half = lengths(ds, name), sizes[ds.coords[name].dims[0]] / 2
        low, high = positions.min() - half, positions.max() + half
        along = space.orientation[row] == CORNERS["allen"][axis]
        to_dataset[row, column] = 1.0 if along else -1.0
        to_dataset[row, 3] = low if along else high
        volume.append(float(high - low))
    return to_dataset, volume


def _of_volume(frame: Frame, to_dataset: Any, volume: list[float]) -> Frame:
    matrix = frame.matrix @ to_dataset
    return dataclasses.replace(frame, matrix=matrix, to_corner=np.eye(4), volume=tuple(volume))
