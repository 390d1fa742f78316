"""Warn of points outside the brain, and suggest a frame, unit, order of axes or sign that fits."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.errors import GridError, TransformError
from xarray_atlas.kernels.labels import Bools, Ints
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.points.frames import FRAMES, frame_direction, placement_of
from xarray_atlas.points.own_frames import frame_name
from xarray_atlas.points.values import values_at
from xarray_atlas.points.voxels import VoxelAxis
from xarray_atlas.transforms.known_frames import in_ccf
from xarray_atlas.transforms.stereotaxic import CONVENTIONS

__all__ = ["warn_of_misplaced", "warn_of_track"]

TRIED = 500
"""Points that alternatives are tried on."""

FEW = 0.2
"""The share of points outside of the brain from which there is a warning."""

ON_A_PART = 0.02
"""The share of the points that lie on the grid at the least, of a part or section of the volume."""

CORNERED = ("brainglobe", "allen", "quicknii", "dataset")
"""Frames in which the coordinates of the volume of a BrainGlobe atlas are positive."""

SCALES = {
    1e-3: "a unit a thousand times smaller ('um' instead of 'mm')",
    1e3: "a unit a thousand times larger ('m' instead of 'mm', or 'mm' instead of 'um')",
}

SPREAD = 0.01
"""The share of the volume's length that points reach at the least: any number is inside in nm."""


def warn_of_misplaced(
    obj: xr.Dataset | xr.DataArray,
    axes: Mapping[str, VoxelAxis],
    points: FloatArray,
    placed: FloatArray,
    frame: Any,
    inside: Bools,
    labels: Ints,
) -> None:
    """Warn that many points are outside the brain, and suggest a reading that fits.

    On a part of the volume, points elsewhere in the whole volume are ignored.

    Parameters
    ----------
    obj : Dataset or DataArray
    axes : mapping of str to VoxelAxis
    points : float64 array, shape (n, 3)
        Along ap, dv and ml in mm, as passed by the user.
    placed : float64 array, shape (n, 3)
        In coordinates of the Dataset.
    frame : str or array
        The frame in which they were read.
    inside : ndarray of bool
    labels : ndarray of int
        0 outside.
    """
    number = inside.size
    count = number - int(np.count_nonzero(inside))
    terminology, _ = find_atlas(obj)
    # for parcels, the background includes voxels outside all parcels
    background = int(np.count_nonzero(inside & (labels == 0))) * (terminology.parcels is None)
    beyond = int(np.count_nonzero(_beyond(obj, placed[~inside]))) if count else 0
    missing = int(np.count_nonzero(~np.isfinite(placed[~inside]).all(axis=1))) if count else 0
    judged = number - count + beyond
    if (beyond + missing) * 2 > number:
        text = f"{beyond + missing} of {number} points lie outside of the volume"
    elif background + beyond > FEW * judged:
        text = (
            f"{background + beyond} of {judged} points lie outside of the brain: {background} in "
            f"background, {beyond} outside of the volume"
        )
    else:
        return
    finite = points[np.isfinite(points).all(axis=1)]
    if len(finite) * 2 < len(points):
        text += f"; {len(points) - len(finite)} of them are NaN or infinite"
    else:
        text += _likely(obj, axes, finite, frame)
    warnings.warn(text, UserWarning, stacklevel=find_stack_level())


def warn_of_track(
    obj: xr.Dataset | xr.DataArray, axes: Mapping[str, VoxelAxis], points: FloatArray, frame: Any
) -> None:
    """Warn that a track goes through no region, and suggest a reading that fits.

    Parameters
    ----------
    obj : Dataset or DataArray
    axes : mapping of str to VoxelAxis
    points : float64 array, shape (n, 3)
        Along ap, dv and ml in mm, as passed by the user.
    frame : str or array
    """
    pieces = [np.linspace(a, b, 20) for a, b in itertools.pairwise(points)]
    text = "the track goes through no region" + _likely(obj, axes, np.concatenate(pieces), frame)
    warnings.warn(text, UserWarning, stacklevel=find_stack_level())


def _beyond(obj: xr.Dataset | xr.DataArray, placed: FloatArray) -> Bools:
    """Return whether each point is outside the whole volume, or the grid if that is unknown."""
    _, space = find_atlas(obj)
    finite, outside = np.isfinite(placed).all(axis=1), np.zeros(len(placed), bool)
    if not space.shape:
        return np.asarray(finite)
    for i, axis in enumerate(AXES):
        outside |= space.outside(axis, placed[:, i])
    return np.asarray(finite & outside)


def _likely(
    obj: xr.Dataset | xr.DataArray, axes: Mapping[str, VoxelAxis], points: FloatArray, frame: Any
) -> str:
    """Return the reading of points that puts most of them into the brain, if there is one."""
    tried = points[:: -(-len(points) // TRIED)]
    longest = max(axis.size * axis.centres.size for axis in axes.values())
    thickest = max(axis.size for axis in axes.values())
    texts, index, held, judged = [], [], [], []
    for text, moved, other in [("", tried, frame), *_alternatives(obj, axes, tried, frame)]:
        try:
            placed = placement_of(obj, other).place(moved)
        except (GridError, TransformError):
            continue  # not a frame of this grid, or outside the field of a transform
        if text and np.abs(moved).max() < max(SPREAD * longest, 2 * thickest):
            continue
        found = [axes[a].owners(placed[:, i]) for i, a in enumerate(AXES)]
        there = np.logical_and.reduce([within for _, within in found])
        # ignore those elsewhere in the whole volume
        number = int(np.count_nonzero(there | _beyond(obj, placed)))
        if text and np.count_nonzero(there) <= max(0.5 * number, ON_A_PART * len(moved)):
            continue
        texts.append(text)
        judged.append(max(number, 1))
        index.append([at for at, _ in found])
        held.append(there)
    labelled = _labelled(obj, axes, index, held)
    shares = [count / number for count, number in zip(labelled, judged, strict=True)]
    best, share = "", max(0.5, shares[0] + 0.05)
    for text, now in zip(texts[1:], shares[1:], strict=True):
        if now > share + 0.01:  # the simplest ones are tried first
            best, share = text, now
    if best:
        return f". {share:.0%} of them would lie in the brain with {best}"
    low, high = tried.min(axis=0), tried.max(axis=0)
    span = ", ".join(f"{a} {p:g} to {q:g}" for a, p, q in zip(AXES, low, high, strict=True))
    return (
        f": they span {span} mm. Neither another frame, unit, order of axes nor sign puts most of "
        "them into the brain. Coordinates from bregma, or any other origin, need a frame of their "
        "own: ds.atlas.frames lists those that are known, and ds.atlas.frame(name, ...) makes one"
    )


def _labelled(
    obj: xr.Dataset | xr.DataArray,
    axes: Mapping[str, VoxelAxis],
    index: list[list[Any]],
    held: list[Bools],
) -> list[int]:
    """Count the points in a labelled voxel, for each reading; all are read in one pass.

    Parameters
    ----------
    obj : Dataset or DataArray
    axes : mapping of str to VoxelAxis
    index : list of list of ndarray of intp
        For each reading and axis, the voxel of each point.
    held : list of ndarray of bool
        Whether there is such a voxel.
    """
    at = {axes[a].dim: np.concatenate([one[i] for one in index]) for i, a in enumerate(AXES)}
    (labels,) = values_at([annotation_of(obj).variable], at, np.concatenate(held))
    return [int(np.count_nonzero(part)) for part in np.split(labels, len(held))]


def _alternatives(
    obj: xr.Dataset | xr.DataArray, axes: Mapping[str, VoxelAxis], points: FloatArray, frame: Any
) -> Iterator[tuple[str, FloatArray, Any]]:
    """Yield alternative readings of points: their description, the points, and their frame."""
    for scale, text in SCALES.items():
        yield text, points * scale, frame
    # an origin in the brain gives signs; on which side of the midline points lie, nothing tells
    if frame_name(frame) not in CORNERED:
        for axis in ("dv", "ap"):
            signs = np.array([-1.0 if a == axis else 1.0 for a in AXES])
            yield _of_other_sign(obj, axis, frame), points * signs, frame
    # world coordinates are also the Dataset's, and better called by that name
    others = [f for f in sorted(FRAMES, key="dataset".__eq__) if frame_name(frame) != f]
    others = [f for f in others if f != "quicknii"]  # its numbers are voxels, not lengths
    for other in others:
        yield f"frame={other!r}", points, other
    orders = list(itertools.permutations(range(3)))[1:]
    for order in orders:
        yield _in_order(order), points[:, order], frame
    sizes = np.array([axes[axis].size for axis in AXES])
    # numbers that are voxels may be plausible in mm or um
    for scale in (1.0, 1e3):
        yield (
            "unit='voxel', resolution= and frame='brainglobe' (as indices of voxels of this size)",
            points * scale * sizes,
            "brainglobe",
        )
    for scale, text in SCALES.items():
        for other in others:
            yield f"{text} and frame={other!r}", points * scale, other
        for order in orders:
            yield f"{text} and {_in_order(order)}", points[:, order] * scale, frame
    if in_ccf(*find_atlas(obj)) and frame_name(frame) not in CONVENTIONS:
        first, *names = CONVENTIONS
        listed = ", ".join(map(repr, names))
        for scale, text in ((1.0, ""), *SCALES.items()):
            said = f"{text} and " * bool(text)
            yield (
                f"{said}a frame of bregma, such as frame={first!r} (the points do not say which: "
                f"there are {listed} too)",
                points * scale,
                first,
            )


def _of_other_sign(obj: xr.Dataset | xr.DataArray, axis: str, frame: Any) -> str:
    direction = frame_direction(obj, frame, axis)
    grows = f" (here it grows from {direction.replace('-', ' ')})" if direction else ""
    return f"the other sign of {axis}{grows}"


def _in_order(order: tuple[int, ...]) -> str:
    names = tuple(AXES)

    pairs = [f"{names[i]} read as {a}" for i, a in zip(order, names, strict=True) if a != names[i]]
    return f"the axes in another order (what is called {', '.join(pairs)})"
