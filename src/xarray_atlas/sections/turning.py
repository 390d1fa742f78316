"""Rotations of a plane out of the anatomical plane that it is nearest to, and its angles."""

from __future__ import annotations

import numpy as np

from xarray_atlas.errors import GridError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.sections.positions import PICTURES
from xarray_atlas.transforms.frames import Frame

__all__ = ["about_point", "angles_of", "normal_of", "turn"]

TOWARDS = {
    "ap": "posterior-to-anterior",
    "dv": "inferior-to-superior",
    "ml": "left-to-right",
}
"""The direction, of RAS, in which edges of a plane move by positive angles."""

NAMES = {"ap": "coronal", "dv": "horizontal", "ml": "sagittal"}

STRAIGHT = 1e-9
"""Angles below it, in degrees, are the rounding of others that are 0."""


def turn(frame: Frame, axis: str, tilt: float, roll: float) -> FloatArray:
    """Return the rotation of a plane across an axis.

    Positive angles move an edge of the plane to anterior, superior or right, whichever lies across
    it: `tilt` the upper edge (superior, of a horizontal plane anterior), and `roll`, after it, the
    right edge of the animal (of a sagittal plane the anterior one).

    Parameters
    ----------
    frame : Frame
    axis : "ap", "dv" or "ml"
    tilt, roll : float
        In degrees.

    Returns
    -------
    float64 array of shape (3, 3)
        Of directions in the order of the frame's axes, in mm along them.

    Raises
    ------
    GridError
        If the plane is then nearer to another anatomical plane.

    Examples
    --------
    >>> import xarray_atlas
    >>> from xarray_atlas.sections.turning import turn
    >>> frame = xarray_atlas.open_sample("100 um").atlas.frames["ibl"]
    >>> frame.axes
    ('ml', 'ap', 'dv')
    >>> (turn(frame, "ap", 30, 0) @ [0, 0, 1]).round(3)  # what was straight superior
    array([0.   , 0.5  , 0.866])
    """
    across, upper, side = _directions(frame, axis)
    c, s = np.cos(np.radians(tilt)), np.sin(np.radians(tilt))
    turned_upper, tilted = c * upper + s * across, c * across - s * upper
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turned_side, turned_across = c * side + s * tilted, c * tilted - s * side
    found = (
        np.outer(turned_across, across)
        + np.outer(turned_upper, upper)
        + np.outer(turned_side, side)
    )
    leans = {PICTURES[axis][0]: turned_across @ side, PICTURES[axis][1]: turned_across @ upper}
    most = max(leans, key=lambda other: abs(leans[other]))
    if max(abs(tilt), abs(roll)) > 90 or abs(leans[most]) > turned_across @ across + 1e-9:
        raise GridError(
            f"tilt={tilt:g} deg and roll={roll:g} deg make of a {NAMES[axis]} plane one that is "
            f"nearer to a {NAMES[most]} one: give its position as {most}= and the angles from "
            "there, or through= with three points of the plane"
        )
    return found


def angles_of(normal: FloatArray, frame: Frame, axis: str) -> tuple[float, float]:
    """Return tilt and roll, in degrees, of the plane across an axis that has a normal.

    Parameters
    ----------
    normal : float64 array of shape (3,)
        In mm along the frame's axes; of either sign.
    frame : Frame
    axis : "ap", "dv" or "ml"
    """
    across, upper, side = _directions(frame, axis)
    unit = normal / np.linalg.norm(normal)
    unit = unit if unit @ across > 0 else -unit
    tilt = np.degrees(np.arctan2(-unit @ upper, unit @ across))
    roll = np.degrees(np.arcsin(np.clip(-unit @ side, -1, 1)))
    return _clean(float(tilt)), _clean(float(roll))


def normal_of(points: FloatArray) -> FloatArray:
    """Return the unit normal of the plane through three points.

    Parameters
    ----------
    points : float64 array of shape (3, 3)
        A row for each, in mm.

    Raises
    ------
    GridError
        If they are collinear.
    """
    sides = points - np.roll(points, 1, axis=0)
    longest = float(np.linalg.norm(sides, axis=1).max())
    normal = np.cross(points[1] - points[0], points[2] - points[0])
    height = float(np.linalg.norm(normal)) / longest if longest else 0.0
    if height <= 1e-6 * longest:
        told = "; ".join(", ".join(f"{value:.6g}" for value in point) for point in points)
        raise GridError(
            f"the three points of through= lie on one line ({told} in mm), through which there are "
            "many planes; give three that make a triangle"
        )
    return np.asarray(normal / np.linalg.norm(normal))


def about_point(turning: FloatArray, point: FloatArray) -> FloatArray:
    """Return the affine, of shape (4, 4), of a rotation about a point."""
    found = np.eye(4)
    found[:3, :3] = turning
    found[:3, 3] = point - turning @ point
    return found


def _directions(frame: Frame, axis: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the unit vectors across a plane, to its upper and to its right (anterior) edge."""
    side, upper = PICTURES[axis]
    found = []
    for name in (axis, upper, side):
        at = frame.anatomical.index(name)
        vector = np.zeros(3)
        vector[at] = 1.0 if frame.directions[at] == TOWARDS[name] else -1.0
        found.append(vector)
    return found[0], found[1], found[2]


def _clean(angle: float) -> float:
    return 0.0 if abs(angle) < STRAIGHT else angle
