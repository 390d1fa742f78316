"""Frames of an atlas: named coordinate systems, as matrices to the coordinates of a Dataset.

``"brainglobe"``
    mm from the anterior, superior, right corner of the whole volume, increasing to posterior,
    inferior and left: BrainGlobe's API assumes every atlas to be "asr".
``"allen"``
    The same from the anterior, superior, left corner, increasing to posterior, inferior and right:
    the Common Coordinate Framework (PIR).
``"quicknii"``
    The same from the posterior, inferior, left corner, increasing to anterior, superior and right.
``"world"``
    RAS mm, as defined by the affine of a NIfTI file: increasing to the right (ml), anterior (ap)
    and superior (dv). Available if the atlas was created from a file with an affine.
"""

from __future__ import annotations

import numpy as np

from xarray_atlas.coords.space import AXES, RAS_AXES, Space
from xarray_atlas.coords.world import NOISE
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["CORNERS", "frame_matrix", "has_world", "no_matrix"]

CORNERS = {
    "brainglobe": {"ap": "a", "dv": "s", "ml": "r"},
    "allen": {"ap": "a", "dv": "s", "ml": "l"},
    "quicknii": {"ap": "p", "dv": "i", "ml": "l"},
}
"""The corner from which each of these frames counts, as orientation letters."""


def frame_matrix(space: Space, frame: str) -> FloatArray:
    """Compute the matrix from positions in a frame to coordinates of the Dataset.

    Parameters
    ----------
    space : Space
        The space of the Dataset. If an atlas was resampled onto its grid, frames are the atlas's.
    frame : "brainglobe", "allen", "quicknii" or "world"

    Returns
    -------
    float64 array of shape (4, 4)
        Both in mm along ap, dv and ml, in this order.

    Raises
    ------
    GridError
        If the space does not have that frame; the message says why.

    Examples
    --------
    >>> import numpy as np, xarray_atlas
    >>> from xarray_atlas.transforms.corners import frame_matrix
    >>> space = xarray_atlas.open_sample("100 um").atlas.space
    >>> frame_matrix(space, "brainglobe") @ [5, 2, 3, 1]
    array([4.975, 1.975, 2.975, 1.   ])
    """
    if frame == "world":
        return _from_world(space)
    matrix = _from_corner(space.atlas or space, frame)
    return matrix if space.atlas is None else np.linalg.inv(_to_atlas(space, frame)) @ matrix


def has_world(space: Space) -> bool:
    """Return whether ``frame="world"`` is available for a space."""
    return bool(space.world) or (space.atlas is not None and has_world(space.atlas))


def _from_corner(space: Space, frame: str) -> FloatArray:
    matrix = np.eye(4)
    for i, axis in enumerate(AXES):
        at = space.position(axis)
        low, size = space.corner[at], space.voxel_size[at]
        matrix[i, 3] = low
        if space.orientation[at] != CORNERS[frame][axis]:
            if not space.shape:
                raise GridError(
                    "how large the whole volume is was not written with this atlas (by an older "
                    "version), so that positions cannot be counted from its other end, as "
                    f"frame={frame!r} needs; open it again from where it came"
                )
            matrix[i, i], matrix[i, 3] = -1.0, low + size * space.shape[at]
    return matrix


def _from_world(space: Space) -> FloatArray:
    own = _of_world(space) if space.world else None
    if space.atlas is None or not has_world(space.atlas):
        if own is None:
            raise GridError(
                "frame='world' is RAS mm as the affine of a file defines them, and this atlas is "
                "not known to lie in such a world: BrainGlobe's atlases count from a corner "
                "(frame='brainglobe'), and arrays, TIFF files and headers that were overridden "
                "with voxel_size= or orientation= have no affine. Pass the 4 x 4 matrix from your "
                "mm to the Dataset's, frame=matrix, or create the atlas from the NIfTI or NRRD "
                "file that knows it"
            )
        return own
    theirs = np.linalg.inv(_to_atlas(space, "world")) @ _from_world(space.atlas)
    if own is not None and not np.allclose(own, theirs, rtol=0, atol=1e-6):
        raise GridError(
            "frame='world' has two meanings here: the world of the image whose grid this atlas "
            "was brought onto, and that of the atlas before. For positions in the image's world "
            "pass frame='dataset' (or, of an oblique image, the matrix from RAS mm to its "
            "coordinates); look up positions in the atlas's world in the atlas itself"
        )
    return theirs if own is None else own


def _of_world(space: Space) -> FloatArray:
    """Return the matrix from RAS mm, ordered ap, dv, ml, to the coordinates of the space."""
    matrix = np.reshape(space.world, (4, 4))
    if np.abs(matrix - np.eye(4))[:3, :3].max() <= NOISE:
        # remove a header's rounding errors: positions on the boundary of a voxel stay there
        matrix = np.eye(4)
    at = [*(RAS_AXES.index(axis) for axis in AXES), 3]
    inverse: FloatArray = np.linalg.inv(matrix)[np.ix_(at, at)]
    return inverse


def no_matrix(frame: str) -> GridError:
    """Return the error for a frame of an atlas that is reached through a displacement field."""
    return GridError(
        f"frame={frame!r} has no matrix here: a displacement field leads from this grid to the "
        "atlas, ds.atlas.transform. Points and results in that frame go through it; for "
        "others, as planes and parts, use the atlas itself, or frame='dataset'"
    )


def _to_atlas(space: Space, frame: str) -> FloatArray:
    """Return the matrix from a grid to the atlas resampled onto it, along ap, dv, ml."""
    assert space.atlas is not None
    if not space.to_atlas:
        raise no_matrix(frame)
    rows = [*(space.atlas.position(axis) for axis in AXES), 3]
    columns = [*(space.position(axis) for axis in AXES), 3]
    return np.reshape(space.to_atlas, (4, 4))[np.ix_(rows, columns)]
