"""The voxels of a grid that contain points; each includes its lower boundary."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, lengths
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.length_variable import COARSE, SPACING
from xarray_atlas.coords.space import AXES, Space
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.labels import Bools, Positions
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray, regular_step

__all__ = ["VoxelAxis", "voxel_axes", "voxel_axis"]


SHEET = 2e-3
"""How thick a section of unknown thickness is, in mm: it holds the points of its plane."""


@dataclass(frozen=True)
class VoxelAxis:
    """The voxels along one axis of a grid.

    Attributes
    ----------
    dim : hashable or None
        The dimension; None for a single selected plane.
    centres : float64 array
        In mm, in storage order.
    size : float
        Maximum thickness of a voxel, in mm.
    """

    dim: Hashable | None
    centres: FloatArray
    size: float

    @cached_property
    def _order(self) -> Positions:
        return np.argsort(self.centres)

    @cached_property
    def edges(self) -> tuple[FloatArray, FloatArray]:
        """The lower and the upper boundary of each voxel, by increasing position.

        A voxel has the thickness `size`, but extends at most half way to its neighbours. Boundaries
        that agree within a millionth of a voxel are identical.
        """
        centres = self.centres[self._order]
        lower, upper = centres - self.size / 2, centres + self.size / 2
        between = (centres[:-1] + centres[1:]) / 2
        joined = upper[:-1] > lower[1:] - TOLERANCE * self.size
        lower[1:] = np.where(joined, between, lower[1:])
        upper[:-1] = np.where(joined, between, upper[:-1])
        return lower, upper

    @cached_property
    def _step(self) -> float | None:
        """The signed step if the boundaries are evenly spaced to a hundredth of the tolerance."""
        n = self.centres.size
        step = (self.centres[-1] - self.centres[0]) / (n - 1) if n > 1 else self.size
        even = self.centres[0] + step * np.arange(n)
        exact = 0.01 * TOLERANCE * self.size
        regular = abs(abs(step) - self.size) * n <= exact
        return step if regular and np.all(np.abs(self.centres - even) <= exact) else None

    def owners(self, points: FloatArray, grows: int = 1) -> tuple[Positions, Bools]:
        """Find the voxel that contains each point.

        Parameters
        ----------
        points : float64 array
            In mm.
        grows : 1 or -1
            The direction of the points' coordinates. A voxel includes its lower boundary in that
            direction, and a millionth of a voxel before it.

        Returns
        -------
        index : ndarray of intp
            In storage order; 0 outside.
        inside : ndarray of bool
            Whether there is one; False for NaN.
        """
        if not self.centres.size:  # nothing was selected
            return np.zeros(points.shape, np.intp), np.zeros(points.shape, bool)
        step = self._step
        with np.errstate(invalid="ignore", over="ignore"):
            if step is not None:
                at = (points - self.centres[0]) / step + 0.5
                forward = grows * step > 0
                at = np.floor(at + TOLERANCE) if forward else np.ceil(at - TOLERANCE) - 1
                inside = (at >= 0) & (at < self.centres.size)
                return np.where(inside, at, 0).astype(np.intp), inside
            lower, upper = self.edges
            order = self._order
            if grows < 0:
                points, lower, upper, order = -points, -upper[::-1], -lower[::-1], order[::-1]
            moved = points + TOLERANCE * self.size
            place = np.searchsorted(lower, moved, side="right") - 1
            inside = (place >= 0) & np.isfinite(points)
            place = np.where(inside, place, 0)
            inside &= moved < upper[place]
        return np.where(inside, order[place], 0), inside


def voxel_axes(obj: xr.Dataset | xr.DataArray) -> dict[str, VoxelAxis]:
    """Return the voxels along ap, dv and ml of the current grid.

    Raises
    ------
    GridError
        If an axis has no coordinate, a voxel has no size, or a dimension is not spatial.
    UnitsError
        If a coordinate has no unit.
    """
    annotation = annotation_of(obj)
    _, space = find_atlas(obj)
    found = {axis: voxel_axis(annotation, space, axis) for axis in AXES}
    dims = {axis.dim for axis in found.values()}
    for dim in annotation.dims:
        if dim not in dims:
            raise GridError(
                f"dimension {dim!r} of {annotation.name!r} is not a spatial one; look points up in "
                f"one of its {annotation.sizes[dim]} entries, for example isel({dim}=0)"
            )
    return found


def voxel_axis(annotation: xr.DataArray, space: Space, axis: str) -> VoxelAxis:
    """Return the voxels along one axis; see :func:`voxel_axes`."""
    name = space.coordinate(annotation, axis)
    if name is None:
        own = space.dims[space.position(axis)]
        raise GridError(
            f"nothing says where this {type(annotation).__name__} lies along {axis!r}: it has no "
            f"coordinate {own!r} that runs {space.direction(axis)}. A plane that was selected with "
            f"isel({own}=5) keeps it; one without it can be put back with assign_coords"
        )
    coord = annotation.coords[name]
    centres = np.atleast_1d(lengths(annotation, name))
    dim = coord.dims[0] if coord.ndim else None
    index = annotation.xindexes.get(name)
    size = index.spacing if isinstance(index, LengthIndex) else coord.attrs.get(SPACING)
    if size is None and centres.size > 1:
        step = regular_step(centres)
        # for individually selected planes, the nearest ones are neighbours
        size = float(np.abs(np.diff(np.sort(centres))).min()) if step is None else abs(step)
    if size is None and centres.size:
        known = space.voxel_size[space.position(axis)]
        size = space.size_of_one(axis, float(centres[0]), coord.attrs.get(COARSE))
        size = SHEET if not known else size
        if size is None:
            raise GridError(
                f"coordinate {name!r} has one value, {centres[0]:g} mm, and where it lies does not "
                "tell the size of its voxel. Select the plane with a list from the decoded whole, "
                f"isel({name}=[...]), so that its size is kept"
            )
    size = space.voxel_size[space.position(axis)] if size is None else float(size)
    return VoxelAxis(dim, centres, size)
