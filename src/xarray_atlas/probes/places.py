"""Positions of the contacts of a probe in a Dataset, in any frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import AXES, RAS, RAS_AXES
from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.points.frames import placement_of
from xarray_atlas.points.tables import read_points

__all__ = ["checked", "in_dataset", "shanks_in_scene"]


def shanks_in_scene(
    obj: xr.Dataset | xr.DataArray, contacts: Any
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Return for each shank its contacts and the line along them, in mm to R, A and S.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas that defines the coordinates, for contacts in any frame.
    contacts : Dataset
        As returned by :func:`xarray_atlas.insert`.

    Returns
    -------
    dict
        Of each shank two float64 arrays: its contacts, shape (n, 3), and from the tip upwards the
        mean position of those of each height, shape (m, 3).

    Raises
    ------
    PointsError
        If these are not contacts.
    """
    at = in_dataset(obj, contacts)
    _, space = find_atlas(obj)
    order = [space.position(axis) for axis in RAS_AXES]
    at = at[:, order] * [RAS[space.orientation[place]][1] for place in order]
    shank = contacts["shank"].values.astype(str)
    height = np.round(np.asarray(to_mm(contacts["from_tip"])), 6)
    found = {}
    for name in dict.fromkeys(shank.tolist()):
        of = shank == name
        heights = height[of]
        line = np.stack([at[of][heights == h].mean(axis=0) for h in np.unique(heights)])
        found[name] = at[of], line
    return found


def checked(contacts: Any) -> Any:
    """Return contacts if they are those of a probe."""
    if not isinstance(contacts, xr.Dataset) or not {"shank", "from_tip"} <= set(contacts.variables):
        raise PointsError("contacts= takes what ds.atlas.insert(probe, ...) returns")
    return contacts


def in_dataset(obj: xr.Dataset | xr.DataArray, contacts: Any) -> FloatArray:
    """Return positions of contacts, shape (n, 3), in mm in the order of the space's dims."""
    points = read_points(obj, checked(contacts))
    placed = placement_of(obj, points.frame).place(points.stacked())
    _, space = find_atlas(obj)
    order = [next(i for i, axis in enumerate(AXES) if space.position(axis) == p) for p in range(3)]
    return placed[:, order]
