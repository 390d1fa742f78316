"""Boxes of names and lines to them, in pixels of the display, on plain numpy arrays.

A box is its left, lower, right and upper side; a line is its two ends.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["box_at", "crossed", "full_boxes", "is_free", "line_to", "meet"]

TINY = 1e-6
"""Pixels; shorter lines do not have a direction."""


def full_boxes(mask: Any, rows: int, columns: int) -> Any:
    """Tell for each corner whether the box of that many rows and columns holds True only."""
    if mask.shape[0] < rows or mask.shape[1] < columns:
        return np.zeros((1, 1), bool)
    total = np.pad(mask, ((1, 0), (1, 0))).astype(np.int64).cumsum(0).cumsum(1)
    held = total[rows:, columns:] - total[:-rows, columns:]
    held -= total[rows:, :-columns] - total[:-rows, :-columns]
    return held == rows * columns


def box_at(x: float, y: float, width: float, height: float) -> FloatArray:
    """Return left, bottom, right and top of a box by its centre."""
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])


def is_free(box: FloatArray, boxes: list[FloatArray], frame: FloatArray) -> bool:
    """Return whether a box is within a frame and does not overlap the others."""
    if (box[:2] < frame[:2]).any() or (box[2:] > frame[2:]).any():
        return False
    if not boxes:
        return True
    others = np.array(boxes)
    apart = (
        (others[:, 0] >= box[2])
        | (others[:, 2] <= box[0])
        | (others[:, 1] >= box[3])
        | (others[:, 3] <= box[1])
    )
    return bool(apart.all())


def line_to(x: float, y: float, width: float, height: float, target: Any) -> FloatArray:
    """Return the line from the rim of a box to its target: the coordinates of its two ends."""
    tx, ty = target
    return np.array(
        [
            [
                np.clip(tx, x - width / 2, x + width / 2),
                np.clip(ty, y - height / 2, y + height / 2),
            ],
            [tx, ty],
        ]
    )


def crossed(lines: FloatArray, boxes: FloatArray) -> Any:
    """Return which lines meet which boxes, one of both or as many of each.

    A line is start + t way with t from 0 to 1; between the left and the right side of a box t
    is in one range, between the lower and the upper one in another, and all three must overlap.

    Parameters
    ----------
    lines : ndarray, shape (n, 2, 2)
    boxes : ndarray, shape (n, 4)
    """
    start, way = lines[:, 0], lines[:, 1] - lines[:, 0]
    way = np.where(np.abs(way) < TINY, TINY, way)
    one, other = (boxes[:, :2] - start) / way, (boxes[:, 2:] - start) / way
    low = np.minimum(one, other).max(axis=-1, initial=0.0)
    high = np.maximum(one, other).min(axis=-1, initial=1.0)
    return low <= high


def meet(line: FloatArray, others: FloatArray) -> Any:
    """Return which lines cross another: each has the ends of the other on both of its sides."""

    def sides(of: FloatArray, points: FloatArray) -> Any:
        way = of[..., 1, :] - of[..., 0, :]
        to = points - of[..., 0, :]
        return way[..., 0] * to[..., 1] - way[..., 1] * to[..., 0]

    apart = sides(line, others[:, 0]) * sides(line, others[:, 1]) > 0
    return ~apart & (sides(others, line[0]) * sides(others, line[1]) <= 0)
