"""View of neuroglancer's state: units, position, zoom and orientation."""

from __future__ import annotations

from typing import Any

import numpy as np

from xarray_atlas.io.zarr.ome_zarr import Multiscale
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["dimensions", "mesh_transform", "view"]

GROWS = {
    "r": (1, 0, 0),
    "l": (-1, 0, 0),
    "s": (0, 1, 0),
    "i": (0, -1, 0),
    "a": (0, 0, 1),
    "p": (0, 0, -1),
}
"""Direction of an axis that begins at a side, as (left, inferior, posterior).

That is a right-handed frame, as neuroglancer's screen: to the right, down, and into it.
"""

FROM_THE_FRONT = (-1.0, 0.8, 1.2)
"""The direction of the 3-D view into the screen: from the left, above and the front."""

PIXELS = 350
"""The shorter side of one of four panels, about."""


def view(multiscale: Multiscale, point: FloatArray, extent: FloatArray) -> dict[str, Any]:
    """Return the part of the state with the position and the zoom.

    Parameters
    ----------
    multiscale : Multiscale
        Of the annotation.
    point : float64 array of shape (3,)
        In mm along the store's axes, in the coordinates of its finest level.
    extent : float64 array of shape (3,)
        In mm along the store's axes: how much is to be seen.
    """
    order = _order(multiscale)
    scale = np.asarray(multiscale.finest.scale)
    frame = _frame(multiscale, order)
    into = np.array(FROM_THE_FRONT) / np.linalg.norm(FROM_THE_FRONT)
    right = np.cross((0.0, 1.0, 0.0), into)
    right /= np.linalg.norm(right)
    oblique = np.stack([right, np.cross(into, right), into], axis=-1)
    # zoom is counted in the smallest of the voxel's sides
    side = float(scale.min())
    size = float(extent.max()) / side
    found: dict[str, Any] = {
        "dimensions": dimensions(multiscale, order),
        "position": [_short(point[i] / scale[i]) for i in order],
        "crossSectionScale": _short(1.2 * size / PIXELS),
        "projectionScale": _short(1.5 * size),
        "projectionOrientation": _quaternion(frame.T @ oblique),
    }
    if not np.array_equal(frame, np.eye(3)):
        found["crossSectionOrientation"] = _quaternion(frame.T)
    return found


def dimensions(multiscale: Multiscale, order: list[int]) -> dict[str, Any]:
    """Return axes of the store with the side of a voxel of the finest level, in metres."""
    scale = multiscale.finest.scale
    return {multiscale.dims[i]: [_short(scale[i] * 1e-3), "m"] for i in order}


def mesh_transform(multiscale: Multiscale) -> dict[str, Any]:
    """Return what brings stored meshes to where the voxels are.

    They have x, y and z, the store's axes backwards, from the outer corner of the volume. The
    first voxel's centre is at the translation of the finest level, so that the corner lies half a
    voxel before it. The matrix has a row for each dimension of the output, and its last column is
    in their units.
    """
    order = [2, 1, 0]
    level = multiscale.finest
    corner = [t / s - 0.5 for t, s in zip(level.translation, level.scale, strict=True)]
    rows = np.eye(3).tolist()
    matrix = [[*row, _short(corner[i])] for row, i in zip(rows, order, strict=True)]
    return {"matrix": matrix, "outputDimensions": dimensions(multiscale, order)}


def _order(multiscale: Multiscale) -> list[int]:
    """Return the store's axes in the order in which they are a right-handed frame.

    The right-left axis first, so that the first two span a coronal section; another order would
    show the brain as its mirror image.
    """
    letters = multiscale.orientation
    axis = [np.flatnonzero(GROWS[letter])[0] for letter in letters]
    order = [axis.index(k) for k in range(3)]
    return order if np.linalg.det(_frame(multiscale, order)) > 0 else order[::-1]


def _frame(multiscale: Multiscale, order: list[int]) -> FloatArray:
    """Return the directions of axes, one per column: left, inferior, posterior."""
    return np.stack([np.array(GROWS[multiscale.orientation[i]], float) for i in order], axis=-1)


def _quaternion(rotation: FloatArray) -> list[float]:
    """Return x, y, z and w of a rotation: the eigenvector of Bar-Itzhack's matrix.

    I. Y. Bar-Itzhack, "New method for extracting the quaternion from a rotation matrix", Journal
    of Guidance, Control, and Dynamics 23 (2000), doi 10.2514/2.4654.
    """
    a = rotation
    skew = np.array([a[2, 1] - a[1, 2], a[0, 2] - a[2, 0], a[1, 0] - a[0, 1]])
    matrix = np.zeros((4, 4))
    matrix[:3, :3] = a + a.T - np.trace(a) * np.eye(3)
    matrix[:3, 3] = matrix[3, :3] = skew
    matrix[3, 3] = np.trace(a)
    found = np.linalg.eigh(matrix)[1][:, -1]
    # one of two that mean the same
    sign = np.sign(found[np.flatnonzero(np.abs(found) > 1e-9)[-1]])
    return [_short(value) for value in sign * found]


def _short(value: float) -> float:
    """Return a number without the noise of its last digits."""
    return float(f"{value:.7g}") + 0.0 if abs(value) > 1e-9 or value == 0 else 0.0
