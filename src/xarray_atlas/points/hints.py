"""What may be wrong with points of which most lie outside: another unit, axis order or frame."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.labels import Bools
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.points.frames import FRAMES, frame_of
from xarray_atlas.points.voxels import VoxelAxis

__all__ = ["warn_of_outside"]

TRIED = 10_000
"""Points that alternatives are tried on."""

SCALES = {
    1e-3: "a unit a thousand times smaller ('um' instead of 'mm')",
    1e3: "a unit a thousand times larger ('m' instead of 'mm', or 'mm' instead of 'um')",
}

SPREAD = 0.01
"""The share of the volume's length that points reach at the least: any number is inside in nm."""


def warn_of_outside(
    obj: xr.Dataset | xr.DataArray,
    axes: Mapping[str, VoxelAxis],
    points: FloatArray,
    frame: Any,
    inside: Bools,
) -> None:
    """Warn that most points lie outside, and name what would put them inside.

    Parameters
    ----------
    obj : Dataset or DataArray
    axes : mapping of str to VoxelAxis
    points : float64 array, shape (n, 3)
        Along ap, dv and ml in mm, as the caller has them.
    frame : optional
        In which they were looked up.
    inside : ndarray of bool
    """
    count = inside.size - int(np.count_nonzero(inside))
    finite = points[np.isfinite(points).all(axis=1)]
    text = f"{count} of {inside.size} points lie outside of the volume"
    if len(finite) * 2 < len(points):
        text += f"; {len(points) - len(finite)} of them are NaN or infinite"
    else:
        text += _likely(obj, axes, finite, frame)
    warnings.warn(text, UserWarning, stacklevel=find_stack_level())


def _likely(
    obj: xr.Dataset | xr.DataArray, axes: Mapping[str, VoxelAxis], points: FloatArray, frame: Any
) -> str:
    tried = points[:: -(-len(points) // TRIED)]
    best, share = "", 0.5
    longest = max(axis.size * axis.centres.size for axis in axes.values())
    for text, moved, other in _alternatives(axes, tried, frame):
        try:
            placed = frame_of(obj, other).place(moved)
        except GridError:
            continue  # not a frame of this grid
        held = [axes[a].owners(placed[:, i])[1] for i, a in enumerate(AXES)]
        now = float(np.mean(np.logical_and.reduce(held)))
        if np.abs(moved).max() < SPREAD * longest:
            continue
        if now > share + 0.01:  # the simplest ones are tried first
            best, share = text, now
    if best:
        return f". {share:.0%} of them would lie inside with {best}"
    low, high = tried.min(axis=0), tried.max(axis=0)
    span = ", ".join(f"{a} {p:g} to {q:g}" for a, p, q in zip(AXES, low, high, strict=True))
    return (
        f": they span {span} mm. Neither another unit, order of axes nor frame puts most of them "
        "inside. Coordinates from bregma, or any other origin, need a 4 x 4 matrix: frame=matrix"
    )


def _alternatives(
    axes: Mapping[str, VoxelAxis], points: FloatArray, frame: Any
) -> Iterator[tuple[str, FloatArray, Any]]:
    """Give what else points may be: what to say of it, the points, and their frame."""
    for scale, text in SCALES.items():
        yield text, points * scale, frame
    others = [f for f in FRAMES if not isinstance(frame, str) or f != frame]
    for other in others:
        yield f"frame={other!r}", points, other
    orders = list(itertools.permutations(range(3)))[1:]
    for order in orders:
        yield _in_order(order), points[:, order], frame
    sizes = np.array([axes[axis].size for axis in AXES])
    # numbers that were meant as voxels pass for mm or um
    for scale in (1.0, 1e3):
        yield (
            "indices of voxels (multiply them by the voxel size, and pass frame='brainglobe')",
            points * scale * sizes,
            "brainglobe",
        )
    for scale, text in SCALES.items():
        for other in others:
            yield f"{text} and frame={other!r}", points * scale, other
        for order in orders:
            yield f"{text} and {_in_order(order)}", points[:, order] * scale, frame


def _in_order(order: tuple[int, ...]) -> str:
    names = tuple(AXES)

    pairs = [f"{names[i]} read as {a}" for i, a in zip(order, names, strict=True) if a != names[i]]
    return f"the axes in another order (what is called {', '.join(pairs)})"
