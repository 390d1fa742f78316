"""Boundaries between the labels of a plane, on plain numpy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from xarray_atlas.kernels.labels import Bools, Int64s, Ints, check_integers

__all__ = ["face_runs"]


def face_runs(labels: Ints) -> Int64s:
    """Return the boundaries between voxels of different labels, as straight lines.

    Faces that continue each other are one line. The rim of the plane is not a face: what lies
    beyond it is not known.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
        Labels of any integer type; 0 is one as any other.

    Returns
    -------
    ndarray of int64, shape (n, 2, 2)
        The two ends of each line: how many rows and how many columns lie before them, so that
        corner (0, 0) is the outer one of the first voxel.

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If they have not two dimensions.

    Examples
    --------
    >>> labels = np.array([[7, 7, 997], [7, 7, 997], [997, 997, 997]], dtype="uint32")
    >>> face_runs(labels).tolist()
    [[[0, 2], [2, 2]], [[2, 0], [2, 2]]]
    """
    check_integers(labels)
    if labels.ndim != 2:
        raise ValueError(f"faces of a plane are asked for, of labels of the shape {labels.shape}")
    # between columns, each line down a column; then between rows
    column, top, bottom = _runs((labels[:, 1:] != labels[:, :-1]).T)
    row, left, right = _runs(labels[1:] != labels[:-1])
    down = np.stack([top, column, bottom, column], axis=-1)
    along = np.stack([row, left, row, right], axis=-1)
    return np.concatenate([down, along]).reshape(-1, 2, 2)


def _runs(faces: Bools) -> tuple[Any, Any, Any]:
    """Return the place, the start and the stop of each run of faces along the second axis."""
    bounded = np.zeros((faces.shape[0], faces.shape[1] + 2), np.int8)
    bounded[:, 1:-1] = faces
    change = np.diff(bounded, axis=1)
    place, start = np.nonzero(change == 1)
    _, stop = np.nonzero(change == -1)
    return place + 1, start, stop
