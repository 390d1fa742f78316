"""Steps of a transform: an affine, a displacement field, the inverse of a field.

Each maps positions, three arrays that broadcast together, one per axis. Thus the voxels of a grid
remain three vectors as long as no step mixes their axes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, Self, get_args

import dask.array as da
import numpy as np
import numpy.typing as npt

from xarray_atlas.coords.units import millimetre
from xarray_atlas.errors import TransformError
from xarray_atlas.kernels.fields import displacements
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.lazy_fields import displacements_of_lazy

__all__ = [
    "AffineStep",
    "FieldStep",
    "InverseStep",
    "Outside",
    "Positions",
    "Step",
    "how_inverted",
    "is_lazy",
    "is_straight",
    "matrix_of",
    "merged",
]

Positions = Sequence[FloatArray]
"""Positions along x, y and z: three arrays that broadcast together."""

Outside = Literal["error", "nearest", "identity"]

NEGLIGIBLE = 1e-12
"""Smaller entries of a matrix are rounding errors of a zero: 1e-10 mm in 100 mm."""

ROUNDS = 200
"""Maximum number of iterations of the fixed point."""


class Step(Protocol):
    """A part of a transform."""

    def apply(self, positions: Positions, scheduler: str | None = None) -> Positions:
        """Map positions; a lazy field is read on the given scheduler."""
        ...

    def inverse(self, tolerance: float, unsolved: str) -> Step:
        """Return the inverse step."""
        ...


@dataclass(frozen=True, eq=False)
class AffineStep:
    """Step that applies a matrix.

    Parameters
    ----------
    matrix : float64 array of shape (4, 4)
    """

    matrix: FloatArray

    def apply(self, positions: Positions, scheduler: str | None = None) -> Positions:
        """Map positions."""
        found = []
        for row in self.matrix[:3]:
            # omit zeros, so that a NaN stays on its axis and a grid stays separable
            parts = [
                value if factor == 1 else factor * value
                for factor, value in zip(row, positions, strict=False)
                if abs(factor) > NEGLIGIBLE
            ]
            total: Any = parts[0] if parts else np.zeros(())
            for part in parts[1:]:
                total = total + part
            found.append(total + row[3] if row[3] else total)
        return found

    def inverse(self, tolerance: float = 0.0, unsolved: str = "error") -> Self:
        """Return the inverse matrix."""
        return type(self)(np.asarray(np.linalg.inv(self.matrix), np.float64))

    def __dask_tokenize__(self) -> Any:
        return ("AffineStep", self.matrix.tobytes())


@dataclass(frozen=True, eq=False)
class FieldStep:
    """Step that adds displacements to positions.

    Parameters
    ----------
    data : float array or dask array of shape (3, n, m, k)
        Displacements in mm along x, y and z; for degree 3 the coefficients of B-splines.
    grid : float64 array of shape (4, 4)
        From indices along the last three axes of `data` to positions of voxel centres.
    outside : "error", "nearest" or "identity"
        Treatment of positions beyond the boundary of the outermost voxels: an error, the
        displacement at the nearest boundary, or none.
    degree : 1 or 3, default: 1
        Linear interpolation, or uniform cubic B-splines.
    """

    data: Any
    grid: FloatArray
    outside: Outside
    degree: int = 1

    def __post_init__(self) -> None:
        if self.outside not in get_args(Outside):
            raise ValueError(f"outside={self.outside!r} is not one of {list(get_args(Outside))}")
        if self.degree not in (1, 3):
            raise ValueError(f"degree={self.degree!r} is not 1 or 3")
        if self.data.ndim != 4 or self.data.shape[0] != 3 or 0 in self.data.shape:
            raise TransformError(
                f"a displacement field has the shape (3, n, m, k), not {self.data.shape}"
            )

    @cached_property
    def to_index(self) -> AffineStep:
        """The matrix from positions to voxel indices of the field."""
        return AffineStep(self.grid).inverse()

    def shifts(
        self, positions: Positions, scheduler: str | None = None
    ) -> tuple[Positions, npt.NDArray[np.bool_] | None]:
        """Return the displacement at each position, and whether it lies inside.

        Outside, displacements are as given by `outside`, 0 for "error". NaN stays NaN.
        """
        index = self.to_index.apply(positions)
        if isinstance(self.data, da.Array):
            shifts, inside = displacements_of_lazy(self.data, index, self.degree, scheduler)
        else:
            shifts, inside = displacements(self.data, index, self.degree)
        if self.outside == "nearest" or inside is None:
            return shifts, None  # beyond a field the kernel returns the value at its edge
        known = ~np.isnan(sum(index))
        if not known.all():
            inside = inside | ~known
        return [np.where(inside, part, 0.0) for part in shifts], inside

    def apply(self, positions: Positions, scheduler: str | None = None) -> Positions:
        """Map positions."""
        shifts, inside = self.shifts(positions, scheduler)
        if self.outside == "error" and inside is not None and not inside.all():
            outside = int(np.count_nonzero(~inside))
            raise TransformError(
                f"{outside:,} of {inside.size:,} points lie outside of the displacement field, "
                "which does not say where they go; pass outside='identity' (they stay in place, as "
                "in ITK) or 'nearest' (as at the field's edge): transform.outside('identity')"
            )
        return [part + shift for part, shift in zip(positions, shifts, strict=True)]

    def inverse(self, tolerance: float, unsolved: str) -> InverseStep:
        """Return the inverse, which is computed when it is applied."""
        return InverseStep(self, tolerance, unsolved)

    def __dask_tokenize__(self) -> Any:
        return ("FieldStep", self.data, self.grid.tobytes(), self.outside, self.degree)


@dataclass(frozen=True, eq=False)
class InverseStep:
    """The inverse of a displacement field, computed as a fixed point.

    For a position y it finds the x with x + u(x) = y by iterating x <- y - u(x), which converges if
    displacements change by less than the distance over which they do. Steps that do not reduce the
    error are halved. The iteration may leave a field with ``outside="error"``, but must not end
    outside.

    Parameters
    ----------
    step : FieldStep
    tolerance : float
        In mm: maximum distance of x + u(x) from y.
    unsolved : "error" or "missing"
        Whether positions without such an x are an error or NaN.
    """

    step: FieldStep
    tolerance: float
    unsolved: str

    def apply(self, positions: Positions, scheduler: str | None = None) -> Positions:
        """Map positions."""
        shape = np.broadcast_shapes(*(np.shape(part) for part in positions))
        flat = [np.broadcast_to(part, shape).ravel() for part in positions]
        found, residual = self.solve(flat, scheduler)
        lost = ~(residual <= self.tolerance)  # also where the field is NaN
        if lost.any() and self.unsolved == "error":
            far = residual[lost]
            off = (
                f"after {ROUNDS} rounds the nearest are up to {np.nanmax(far):.3g} mm off, as "
                "where the field folds or ends"
                if np.isfinite(far).any()
                else "there the field is NaN"
            )
            raise TransformError(
                f"the displacement field has no inverse at {np.count_nonzero(lost):,} of "
                f"{lost.size:,} points: {off}. See "
                "transform.check(), or make them NaN: transform.inverse(unsolved='missing')"
            )
        if self.step.outside == "error":
            _, inside = self.step.shifts(found, scheduler)
            beyond = np.zeros(lost.shape, bool) if inside is None else ~inside & ~lost
            if beyond.any() and self.unsolved == "error":
                raise TransformError(
                    f"{np.count_nonzero(beyond):,} of {lost.size:,} points come from outside of "
                    "the displacement field, which does not say from where; make them NaN, "
                    "transform.inverse(unsolved='missing'), or take the displacement at the "
                    "field's edge: transform.outside('nearest')"
                )
            lost |= beyond
        for part in found:
            part[lost] = np.nan
        return [part.reshape(shape) for part in found]

    def solve(
        self, wanted: Positions, scheduler: str | None = None
    ) -> tuple[list[FloatArray], FloatArray]:
        """Return the positions that are mapped to `wanted` (n,), and their errors in mm."""
        field = self.step
        if field.outside == "error":
            field = dataclasses.replace(field, outside="nearest")
        found = [np.array(part, np.float64) for part in wanted]
        residual = np.full(found[0].shape, np.inf)
        residual[np.isnan(sum(found))] = 0.0
        active = np.flatnonzero(np.isinf(residual))
        damping = np.ones(active.size)
        for _ in range(ROUNDS):
            if not active.size:
                break
            at = [part[active] for part in found]
            shifts, _inside = field.shifts(at, scheduler)
            misses = [
                part[active] - here - shift
                for part, here, shift in zip(wanted, at, shifts, strict=True)
            ]
            far = np.sqrt(sum(miss * miss for miss in misses))
            damping = np.where(far > residual[active], damping / 2, damping)
            residual[active] = far
            going = far > self.tolerance
            active, damping = active[going], damping[going]
            for part, miss in zip(found, misses, strict=True):
                part[active] += damping * miss[going]
        return found, residual

    def inverse(self, tolerance: float = 0.0, unsolved: str = "error") -> FieldStep:
        """Return the field itself."""
        return self.step

    def __dask_tokenize__(self) -> Any:
        return ("InverseStep", self.step, self.tolerance, self.unsolved)


def is_lazy(step: Step) -> bool:
    """Return whether a step reads a lazy field."""
    field = step.step if isinstance(step, InverseStep) else step
    return isinstance(field, FieldStep) and isinstance(field.data, da.Array)


def how_inverted(steps: Sequence[Step]) -> dict[str, Any]:
    """Return the arguments of :meth:`Transform.inverse` with which fields of a chain were inverted.

    The inverse of an inverse is the field itself, without these arguments.
    """
    inverses = [step for step in steps if isinstance(step, InverseStep)]
    if not inverses:
        return {}
    missing = any(step.unsolved == "missing" for step in inverses)
    tolerance = min(step.tolerance for step in inverses) * millimetre()
    return {"tolerance": tolerance, "unsolved": "missing" if missing else "error"}


def is_straight(steps: Sequence[Step]) -> bool:
    """Return whether all steps are matrices."""
    return all(isinstance(step, AffineStep) for step in steps)


def matrix_of(steps: Sequence[Step]) -> FloatArray:
    """Return the product of the matrices among the steps, shape (4, 4), ignoring fields."""
    found: FloatArray = np.eye(4)
    for step in steps:
        if isinstance(step, AffineStep):
            found = step.matrix @ found
    return found


def merged(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Multiply neighbouring matrices, and drop identities."""
    found: list[Step] = []
    for step in steps:
        last = found[-1] if found else None
        if isinstance(step, AffineStep) and isinstance(last, AffineStep):
            found[-1] = AffineStep(step.matrix @ last.matrix)
        else:
            found.append(step)
    identity = np.eye(4)
    return tuple(
        step
        for step in found
        if not (isinstance(step, AffineStep) and np.array_equal(step.matrix, identity))
    )
