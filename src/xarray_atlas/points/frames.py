"""Frames of points: whose coordinates they are, and how they become coordinates of the Dataset."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.frames import CORNERS, frame_matrix, has_world
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.space import AXES, DIRECTIONS, Space, require_orientation
from xarray_atlas.errors import GridError, PointsError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["FRAMES", "Frame", "frame_as_attr", "frame_direction", "frame_of", "frame_question"]

FRAMES = {
    "brainglobe": "brainreg, cellfinder, brainglobe-segmentation: from the outer corner, to "
    "posterior, inferior and left",
    "allen": "Allen SDK, QuPath and ABBA in CCF, IBL in CCF: from the outer corner, to posterior, "
    "inferior and right",
    "dataset": "coordinates taken from this Dataset: those of the centres of its voxels",
    "world": "x, y, z in mm to the right, anterior and superior (RAS), as NIfTI and MNI have them",
}
"""The frames that have a name: who writes such coordinates, and how they are counted."""

WORLD = {"ap": "p", "dv": "i", "ml": "l"}
"""The side from which RAS coordinates increase along each axis."""


class Frame(NamedTuple):
    """The map from points to coordinates of the Dataset, in mm along ap, dv and ml.

    Where it has no shear and no turn, a point on a face belongs to the voxel that lies
    above it in the direction in which the points' own coordinates grow.
    """

    matrix: FloatArray
    """Shape (3, 4)."""
    grows: tuple[int, int, int]
    """For each axis, 1 where the points grow as the Dataset does, -1 against it."""

    def place(self, points: FloatArray) -> FloatArray:
        """Return where points of the shape (n, 3) lie."""
        turn, move = self.matrix[:, :3], self.matrix[:, 3]
        if np.count_nonzero(turn) == 3 and np.diagonal(turn).all():
            # a product of matrices would make all three NaN where one is
            scale = np.diagonal(turn)
            return (points if (scale == 1).all() else points * scale) + move
        placed: FloatArray = points @ turn.T + move
        return placed


def frame_of(obj: xr.Dataset | xr.DataArray, frame: Any) -> Frame:
    """Return the frame that is meant by the parameter ``frame``.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    frame : "dataset", "brainglobe", "allen", "world", or (4, 4) array of float

    Raises
    ------
    PointsError
        If it is none of these.
    GridError
        If the volume does not say enough of itself.
    """
    _, space = find_atlas(obj)
    if not isinstance(frame, str):
        return Frame(_in_axes(_checked(frame), space, space)[:3], (1, 1, 1))
    if frame not in FRAMES:
        raise PointsError(
            f"no frame {frame!r}; there are {_names()}, and a 4 x 4 matrix that takes points in mm "
            "to coordinates of the Dataset, for coordinates of your own (from bregma, for example)"
        )
    if frame == "dataset":
        return Frame(np.eye(3, 4), (1, 1, 1))
    require_orientation(space)
    _require_unmoved(obj, space, frame)
    matrix = frame_matrix(space, frame)
    signs = np.sign(np.diagonal(matrix)[:3]) if space.atlas is None else np.ones(3)
    grows = (int(signs[0]) or 1, int(signs[1]) or 1, int(signs[2]) or 1)
    return Frame(matrix[:3], grows)


def _require_unmoved(obj: xr.Dataset | xr.DataArray, space: Space, frame: str) -> None:
    """Raise a GridError where coordinates were changed, so that frames do not lead to them."""
    for axis in AXES:
        name = space.coordinate(obj, axis)
        if name is None:
            continue
        outside = np.atleast_1d(space.outside(axis, lengths(obj, name)))
        if outside.any():
            raise GridError(
                f"{outside.mean():.0%} of the coordinate {name!r} lies outside the volume of the "
                f"atlas: was it moved, stretched or mirrored? frame={frame!r} leads to the "
                "coordinates that the atlas was opened with. Look points up before you change "
                "them, or pass positions in the coordinates as they are now, with frame='dataset'"
            )


def frame_direction(space: Space, frame: Any, axis: str) -> str | None:
    """Return the direction in which coordinates of a frame increase; None of a matrix."""
    if not isinstance(frame, str):
        return None
    if frame == "dataset":
        return space.direction(axis)
    return DIRECTIONS[CORNERS[frame][axis] if frame in CORNERS else WORLD[axis]]


def frame_as_attr(frame: Any) -> str | list[float]:
    """Return what a result says of its frame: the name, or the 16 numbers of the matrix."""
    return str(frame) if isinstance(frame, str) else [float(value) for value in np.ravel(frame)]


def frame_question(obj: xr.Dataset | xr.DataArray, more: str = "") -> str:
    """Return the text of the error that asks whose coordinates points are."""
    _, space = find_atlas(obj)
    lines = []
    for name, text in FRAMES.items():
        line = f"  frame={name!r}: {text}"
        if name == "world" and not has_world(space):
            line += " (this atlas has no world coordinates)"
        lines.append(line)
    listed = "\n".join(lines)
    return (
        "whose coordinates are these? The numbers do not say where they are counted from; pass\n"
        f"{listed}\n"
        "  frame=matrix: a 4 x 4 matrix from points in mm to coordinates of the Dataset, for those "
        f"from bregma or another origin{more}"
    )


def _names() -> str:
    *most, last = (repr(name) for name in FRAMES)
    return f"{', '.join(most)} and {last}"


def _checked(frame: Any) -> FloatArray:
    """Return a matrix from points to the Dataset, or refuse what is none."""
    if hasattr(frame, "magnitude"):
        raise UnitsError(
            "frame is a matrix of plain numbers for lengths in mm, not a quantity; pass "
            "matrix.magnitude, its last column in mm"
        )
    try:
        matrix = np.asarray(frame, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise PointsError(f"frame is {_names()}, or a 4 x 4 matrix, not {frame!r}") from error
    if matrix.shape != (4, 4):
        raise PointsError(f"an affine is a 4 x 4 matrix, not one of the shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise PointsError("the affine holds numbers that are not finite")
    if not np.allclose(matrix[3], (0, 0, 0, 1), rtol=0, atol=1e-9):
        raise PointsError(
            f"the last row of the affine is {matrix[3].tolist()}, not [0, 0, 0, 1]: is it "
            "transposed? It multiplies columns, with the shift in its last column"
        )
    turn = matrix[:3, :3]
    if abs(np.linalg.det(turn)) <= 1e-12 * np.prod(np.linalg.norm(turn, axis=0)):
        raise PointsError("the affine is singular: it puts all points into one plane")
    return matrix


def _in_axes(matrix: FloatArray, to: Space, of: Space) -> FloatArray:
    """Return a matrix between coordinates in the order of dims as one in that of ap, dv, ml."""
    rows = [*(to.position(axis) for axis in AXES), 3]
    columns = [*(of.position(axis) for axis in AXES), 3]
    return matrix[np.ix_(rows, columns)]
