"""Clouds of points as Nutil and PyNutil write them for MeshView.

A list of objects, one a region (``PyNutil.io.meshview_writer``): ``name``, ``count``, the colour
``r``, ``g``, ``b``, and ``triplets``, x, y and z of each point in turn. They are voxels of the
atlas to which QuickNII anchored the sections, from its left, posterior, inferior corner to the
right, anterior and superior. The file does not name that atlas.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from xarray_atlas.errors import PointsError
from xarray_atlas.io.files.points.table import VOXEL, PointTable, numbers_of

__all__ = ["read_meshview"]


def read_meshview(path: str) -> PointTable:
    """Read a cloud of points for MeshView.

    Parameters
    ----------
    path : str

    Raises
    ------
    PointsError
        If it is not valid JSON, of another kind, or its counts contradict its points.
    """
    try:
        with open(path, "rb") as file:
            content = json.load(file)
    except (ValueError, RecursionError) as error:
        raise PointsError(f"{path} is not valid JSON: {error}") from error
    parts = content if isinstance(content, list) else None
    if parts is None or not all(isinstance(part, dict) and "triplets" in part for part in parts):
        raise PointsError(
            f"{path} is JSON, but no points for MeshView: those are a list of objects with "
            "'triplets'. An alignment of QuickNII holds sections, not points"
        )
    positions, names, numbers = [], [], []
    for part in parts:
        numbers.append(len(points := _points(part, path)))
        positions.append(points)
        names.append(str(part.get("name", "")))
    stacked = np.concatenate([np.empty((0, 3)), *positions])
    found = {axis: numbers_of(stacked[:, i], axis, path) for i, axis in enumerate("xyz")}
    columns = {"name": np.repeat(np.array(names, dtype=object), numbers)}
    return PointTable("MeshView", found, columns, VOXEL, "quicknii")


def _points(part: dict[str, Any], path: str) -> Any:
    name, triplets = str(part.get("name", ""))[:80], part["triplets"]
    if not isinstance(triplets, list) or len(triplets) % 3:
        raise PointsError(f"{path}: the triplets of {name!r} are not a list of x, y, z in turn")
    points = numbers_of(triplets, f"triplets of {name!r}", path).reshape(-1, 3)
    count = part.get("count", len(points))
    if count != len(points):
        raise PointsError(
            f"{path}: {name!r} has a count of {count!r}, but {len(points)} points; the file is "
            "not complete"
        )
    return points
