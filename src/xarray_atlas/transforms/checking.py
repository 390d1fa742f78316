"""Check transforms for folds, points outside their fields and inexact inverses."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from xarray_atlas.coords.grid import lengths
from xarray_atlas.errors import TransformError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.binding import coordinates_of
from xarray_atlas.transforms.steps import FieldStep, InverseStep, Outside

__all__ = ["TransformCheck", "check_transform"]

POINTS = 20_000
"""Approximate number of voxels that are mapped forth and back, evenly spread."""

SLAB = 2**21
"""Number of voxels of a field for which the Jacobian is computed at a time."""

SHOWN = 5


@dataclass(frozen=True, eq=False)
class TransformCheck:
    """Quality measures of a transform.

    Attributes
    ----------
    voxels : int
        Number of voxels of all fields.
    folded : int
        Number of voxels of the fields with a Jacobian determinant of zero or less: the field folds
        there and has no inverse.
    folded_at : float64 array of shape (n, 3)
        The first of them, in the coordinates of the field.
    least_jacobian : float
        The smallest determinant of the Jacobian.
    round_trip : tuple of float
        The median and the maximum distance in um between points and their images under the
        transform and its inverse.
    unsolved : int
        Number of `points` without an inverse.
    points : int
        Number of points mapped forth and back.
    outside : float
        The fraction of these points outside a field.
    """

    voxels: int
    folded: int
    folded_at: FloatArray
    least_jacobian: float
    round_trip: tuple[float, float]
    unsolved: int
    points: int
    outside: float

    @property
    def is_invertible(self) -> bool:
        """Return whether there are no folds and all points inside have an inverse."""
        return self.folded == 0 and self.unsolved == 0

    def __repr__(self) -> str:
        median, largest = self.round_trip
        lines = []
        if self.voxels:
            where = ""
            if self.folded:
                first = ", ".join(str(np.round(p, 3).tolist()) for p in self.folded_at[:SHOWN])
                where = f", the first of them at {first} mm"
            lines.append(
                f"folds at {self.folded:,} of {self.voxels:,} voxels of its fields{where} (least "
                f"Jacobian {self.least_jacobian:.3g})"
            )
        lines += [
            f"round trip of {self.points:,} points: median {median:.3g} um, at most "
            f"{largest:.3g} um; {self.unsolved:,} without an inverse",
            f"outside of its fields: {self.outside:.1%} of the points",
        ]
        return "TransformCheck\n" + "\n".join(f"  {line}" for line in lines)


def check_transform(
    transform: Any, grid: xr.Dataset | xr.DataArray | None = None
) -> TransformCheck:
    """Check a transform; see :meth:`Transform.check`."""
    fields = [
        step.step if isinstance(step, InverseStep) else step
        for step in transform.steps
        if isinstance(step, FieldStep | InverseStep)
    ]
    voxels, folded, least = 0, 0, math.inf
    where: list[FloatArray] = []
    for field in fields:
        voxels += math.prod(field.data.shape[1:])
        for places, determinants in _jacobians(field):
            known = determinants[~np.isnan(determinants)]  # NaN where the field is NaN
            least = min(least, float(known.min(initial=math.inf)))
            bad = np.argwhere(determinants <= 0)
            folded += len(bad)
            if len(bad) and sum(map(len, where)) < SHOWN:
                index = bad[:SHOWN] + places
                where.append(index @ field.grid[:3, :3].T + field.grid[:3, 3])
    if not fields and transform.kind == "affine":
        least = float(np.linalg.det(transform.matrix[:3, :3]))
    elif not fields:
        least = math.nan if transform.steps else 1.0
    points = _points(transform, fields, grid)
    # beyond a field with "error", use the displacement of its edge, which the inverse recovers
    lenient = _lenient(transform, "nearest")
    there = lenient.points(points)
    back = lenient.inverse(unsolved="missing").points(there)
    miss = 1000 * np.linalg.norm(back - points, axis=1)
    unsolved = int(np.isnan(miss).sum())
    known = miss[~np.isnan(miss)]
    trip = (float(np.median(known)), float(known.max())) if known.size else (math.nan, math.nan)
    at = np.concatenate(where)[:SHOWN] if where else np.empty((0, 3))
    share = float(_outside(transform, points).mean()) if len(points) else 0.0
    return TransformCheck(voxels, folded, at, least, trip, unsolved, len(points), share)


def _jacobians(field: FieldStep) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield the Jacobian determinants slab by slab, with the start of each slab."""
    shape = field.data.shape[1:]
    # d displacement / d mm of d displacement / d index
    inverse = np.linalg.inv(field.grid[:3, :3])
    thick = max(1, SLAB // math.prod(shape[1:]))
    for start in range(0, shape[0], thick):
        stop = min(start + thick, shape[0])
        low, high = max(start - 1, 0), min(stop + 1, shape[0])
        part: Any = field.data[:, low:high]
        slab = part.compute() if isinstance(part, da.Array) else np.asarray(part)
        jacobian = np.zeros((*slab.shape[1:], 3, 3))
        for row in range(3):
            by_index = [
                np.gradient(slab[row].astype(np.float64), axis=axis)
                if slab.shape[1 + axis] > 1
                else np.zeros(slab.shape[1:])
                for axis in range(3)
            ]
            for column in range(3):
                jacobian[..., row, column] = sum(
                    by_index[axis] * inverse[axis, column] for axis in range(3)
                )
            jacobian[..., row, row] += 1
        inner = slice(start - low, stop - low)
        with np.errstate(invalid="ignore"):  # where the field is NaN
            yield np.array([start, 0, 0]), np.linalg.det(jacobian[inner])


def _points(
    transform: Any, fields: list[FieldStep], grid: xr.Dataset | xr.DataArray | None
) -> FloatArray:
    """Return evenly spread voxel centres, as points of the source."""
    if grid is not None:
        _, matrix, names = coordinates_of(grid, transform.source)
        missing = [name for name in names if name not in grid.coords]
        if missing:
            raise TransformError(f"the grid lacks a coordinate along an axis: it has {names}")
        axes = [np.atleast_1d(lengths(grid, name)) for name in names]
        chosen = _spread([axis.size for axis in axes])
        points = np.stack([axis[at] for axis, at in zip(axes, chosen, strict=True)], axis=1)
        back = np.linalg.inv(matrix)
        return np.asarray(points @ back[:3, :3].T + back[:3, 3], np.float64)
    if not fields:
        raise TransformError(
            "a transform without a field has no voxels to check; pass the image or the atlas "
            "with the voxels of interest: transform.check(image)"
        )
    first = fields[0]
    index = np.stack(_spread(first.data.shape[1:]), axis=1).astype(np.float64)
    points = index @ first.grid[:3, :3].T + first.grid[:3, 3]
    found = enumerate(transform.steps)
    at = next(i for i, step in found if isinstance(step, FieldStep | InverseStep))
    before = [step.inverse(0.0, "error") for step in transform.steps[:at][::-1]]
    if isinstance(transform.steps[at], InverseStep):
        shifts, _ = first.shifts([points[:, i] for i in range(3)])
        points = points + np.stack(shifts, axis=1)
    columns: Any = [points[:, i] for i in range(3)]
    for step in before:
        columns = step.apply(columns)
    return np.stack([np.broadcast_to(c, len(points)) for c in columns], axis=1)


def _spread(shape: Any) -> list[Any]:
    """Return voxel indices along each axis of a grid, about :data:`POINTS` in all."""
    step = max(1.0, (math.prod(shape) / POINTS) ** (1 / 3))
    axes = [np.unique(np.round(np.arange(0, size, min(step, size))).astype(int)) for size in shape]
    axes = [axis[axis < size] for axis, size in zip(axes, shape, strict=True)]
    return [part.ravel() for part in np.meshgrid(*axes, indexing="ij")]


def _outside(transform: Any, points: FloatArray) -> Any:
    """Return whether each point lies outside a field on its way."""
    positions: Any = [points[:, i] for i in range(3)]
    found = np.zeros(len(points), bool)
    for step in _lenient(transform.outside("identity"), "identity").steps:
        if isinstance(step, FieldStep):
            _, inside = step.shifts(positions)
            found |= False if inside is None else ~inside
        positions = step.apply(positions)
        if isinstance(step, InverseStep):
            _, inside = step.step.shifts(positions)
            found |= np.isnan(sum(positions)) | (False if inside is None else ~inside)
    return found


def _lenient(transform: Any, instead: Outside) -> Any:
    """Return a transform that maps every point, possibly to NaN, using `instead` of an error."""

    def changed(step: Any) -> Any:
        if isinstance(step, InverseStep):
            return dataclasses.replace(step, step=changed(step.step), unsolved="missing")
        if isinstance(step, FieldStep) and step.outside == "error":
            return dataclasses.replace(step, outside=instead)
        return step

    return dataclasses.replace(transform, steps=tuple(map(changed, transform.steps)))
