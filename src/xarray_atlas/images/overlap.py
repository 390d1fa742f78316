"""The part of an image that a transform takes into the atlas."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence

import numpy as np

from xarray_atlas.coords.image_axes import ImageAxes
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.images.blocks import Mapping3
from xarray_atlas.images.grids import apart
from xarray_atlas.kernels.positions import voxel_positions
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["require_overlap"]

LEAST = 0.01
"""The share of the smaller of image and atlas that lies in the other, below which it is told."""

POINTS = 16
"""How many points along each axis the share is estimated from, at most."""

BENT = 0.1
"""The share of a box by which fields may move points for the two to overlap after all."""

WITHOUT = ", without the displacement fields"


def require_overlap(
    mapping: Mapping3, image: ImageAxes, names: Sequence[Hashable], centres: Sequence[FloatArray]
) -> None:
    """Refuse a transform that takes no part of an image into the atlas; warn of next to none.

    Parameters
    ----------
    mapping : Mapping3
        Between the grids of the image and the atlas, in either direction.
    image : ImageAxes
    names, centres
        Of the atlas's coordinates.

    Raises
    ------
    GridError
        If the boxes of the two grids do not meet.
    """
    if not mapping.meets:
        raise apart(image.names, image.centres, names, centres)
    share = _share(mapping)
    if share < LEAST:
        found = (
            "by the transform, the image and the atlas hardly overlap: about "
            f"{share:.1%} of the smaller one lies in the other{WITHOUT if mapping.steps else ''}"
        )
        text = str(apart(image.names, image.centres, names, centres, found))
        warnings.warn(text, UserWarning, stacklevel=find_stack_level())


def _share(mapping: Mapping3) -> float:
    """Return the share of the smaller box that lies in the larger, by the matrices alone.

    Fields are not read: the larger box is taken to be longer by :data:`BENT` at both ends.
    """
    counts = np.array([axis.count for axis in mapping.axes])
    low = np.array([values.min() for values in mapping.centres])
    high = np.array([values.max() for values in mapping.centres])
    half = (high - low) / np.maximum(np.array(mapping.shape) - 1, 1) / 2
    matrix = np.vstack([mapping.linear, (0, 0, 0, 1)])
    size = np.prod(high - low + 2 * half) * abs(np.linalg.det(matrix))
    if size > np.prod(counts):  # the source is the smaller one
        start, stop = np.full(3, 0.5), counts - 0.5
        number, matrix = counts, np.linalg.inv(matrix)
        bounds = np.stack([low - half, high + half], axis=1)
    else:
        start, stop, number = low, high, np.array(mapping.shape)
        bounds = np.stack([np.zeros(3), counts], axis=1)
    if mapping.steps:
        more = BENT * (bounds[:, 1] - bounds[:, 0])
        bounds = bounds + np.stack([-more, more], axis=1)
    lattice = [
        np.linspace(a, b, min(n, POINTS)) for a, b, n in zip(start, stop, number, strict=True)
    ]
    inside = np.ones((1, 1, 1), bool)
    for position, (first, last) in zip(voxel_positions(matrix[:3], lattice), bounds, strict=True):
        inside = inside & (position >= first) & (position <= last)
    return float(inside.mean())
