"""Layout of a plane in its picture, and the data that it needs."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from dask.base import compute, is_dask_collection

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, lengths, spacing
from xarray_atlas.coords.space import AXES
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.labels import Ints
from xarray_atlas.kernels.spacing import FloatArray, without_noise
from xarray_atlas.plotting.palette import region_of
from xarray_atlas.plotting.parts import Choice, Parts
from xarray_atlas.plotting.shown import Shown
from xarray_atlas.printable import one_line
from xarray_atlas.sections.positions import PICTURES, Atlas, axis_of
from xarray_atlas.sections.views import View
from xarray_atlas.terminology import Terminology

if TYPE_CHECKING:
    from xarray_atlas.plotting.smooth import SmoothBoundaries

__all__ = ["TOP", "Plane", "PlaneAxis", "anatomical", "left_sides", "only", "read", "read_all"]

TOP = "SA"
"""The sides that are at the top of a picture."""

LEFT = {"radiological": "RA", "neurological": "LA"}
"""The sides on the left of a picture, by its view."""


@dataclass(frozen=True)
class PlaneAxis:
    """One axis of a picture.

    Parameters
    ----------
    axis : "ap", "dv" or "ml"
    dim : hashable
    first, last : float
        The outer edges of the first and the last voxel, in the unit of the picture.
    sides : str
        The letters of the sides where the coordinate is low and high.
    count : int
        How many voxels.
    label : str
        Label of the axis.
    """

    axis: str
    dim: Hashable
    first: float
    last: float
    sides: str
    count: int
    label: str

    def ends(self, wanted: str) -> tuple[float, float]:
        """Return both ends, first the one on a wanted side."""
        low, high = sorted((self.first, self.last))
        return (low, high) if self.sides[0] in wanted else (high, low)

    def corners(self, index: Any) -> FloatArray:
        """Return the positions of voxel edges; edge 0 is before the first voxel."""
        return np.asarray(self.first + self.step * np.asarray(index, np.float64))

    @property
    def step(self) -> float:
        """From one voxel to the next; negative where the coordinate falls."""
        return (self.last - self.first) / self.count

    @property
    def length(self) -> float:
        """Of all voxels."""
        return abs(self.last - self.first)

    @property
    def voxel(self) -> float:
        """The size of a voxel."""
        return abs(self.step)


@dataclass(frozen=True)
class Plane:
    """A plane as it is drawn: rows along y, columns along x."""

    obj: Atlas
    """The plane with its coordinates; its annotation is in memory."""
    terminology: Terminology
    labels: Ints
    x: PlaneAxis
    y: PlaneAxis
    shown: Shown
    parts: Parts
    """The regions that are outlined and named."""
    left: str = LEFT["radiological"]
    """The letters of the sides on the left."""
    own_faces: Ints | None = None
    """Faces that are drawn smoothed, where a part consists of several."""

    @property
    def faces(self) -> Ints:
        """The face to which each pixel belongs, shape (rows, columns)."""
        return self.parts.index if self.own_faces is None else self.own_faces

    @cached_property
    def parts_of_faces(self) -> dict[int, int]:
        """The part to which each face belongs."""
        faces, first = np.unique(self.faces, return_index=True)
        return dict(zip(faces.tolist(), self.parts.index.ravel()[first].tolist(), strict=True))

    @cached_property
    def boundaries(self) -> SmoothBoundaries:
        """The smoothed boundaries of the faces."""
        from xarray_atlas.plotting.smooth import SmoothBoundaries

        return SmoothBoundaries(self.faces)

    @property
    def title(self) -> str:
        """Title with the position of the plane."""
        return self.shown.title

    @property
    def factor(self) -> float:
        """Length of a unit of the picture in mm."""
        return self.shown.factor

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Extent for imshow: left, right, bottom and top of the array."""
        return self.x.first, self.x.last, self.y.last, self.y.first

    def values(self, array: xr.DataArray) -> Any:
        """Return an array of the plane as rows and columns."""
        return array.transpose(self.y.dim, self.x.dim).values

    def other(self, name: str) -> Any:
        """Return another variable of the plane as rows and columns, None if missing."""
        if isinstance(self.obj, xr.Dataset) and name in self.obj.data_vars:
            array = self.obj[name]
            if set(array.dims) == {self.x.dim, self.y.dim}:
                return self.values(array)
        return None

    def describe(self, x: float, y: float) -> str:
        """Return the position and the region of a point of the picture."""
        at = self.shown.place({self.x.axis: x, self.y.axis: y})
        digits = max(round(3 + math.log10(self.factor)), 0)
        text = ", ".join(f"{a.upper()} {at[a]:.{digits}f}" for a in AXES if a in at)
        text = f"{text} {self.shown.symbol}"
        column, row = (
            math.floor((value - axis.first) / axis.step)
            for value, axis in ((x, self.x), (y, self.y))
        )
        if 0 <= row < self.y.count and 0 <= column < self.x.count:
            region = region_of(self.terminology, int(self.labels[row, column]))
            if region >= 0:
                text = f"{text}  {one_line(self.terminology.acronyms[region])}"
        return text


def left_sides(view: str) -> str:
    """Return the letters of the sides on the left of a picture in a view.

    Raises
    ------
    ValueError
        For an unknown view.
    """
    try:
        return LEFT[view]
    except (KeyError, TypeError):
        raise ValueError(
            "view is 'radiological', with the right side of the animal on the left, or "
            f"'neurological', with its left side on the left; not {view!r}"
        ) from None


def only(obj: Atlas, others: Iterable[str] = ()) -> Atlas:
    """Leave out the variables of a Dataset that a picture does not show."""
    if not isinstance(obj, xr.Dataset) or "annotation" not in obj.data_vars:
        return obj
    return obj[[name for name in ("annotation", *others) if name in obj.data_vars]]


def read(obj: Atlas, others: Iterable[str] = ()) -> Atlas:
    """Read the annotation, and other variables if present, in one computation."""
    return read_all([obj], others)[0]


def read_all(planes: Sequence[Atlas], others: Iterable[str] = ()) -> list[Atlas]:
    """Do as :func:`read` does for several objects, in one go."""
    arrays: dict[tuple[int, str], xr.DataArray] = {}
    for i, obj in enumerate(planes):
        arrays[i, "annotation"] = annotation_of(obj)
        if isinstance(obj, xr.Dataset):
            arrays |= {(i, name): obj[name] for name in others if name in obj.variables}
    lazy = {at: a.variable.data for at, a in arrays.items() if is_dask_collection(a.variable)}
    (found,) = compute(lazy) if lazy else ({},)
    rest = {at: a.values for at, a in arrays.items() if at not in lazy}
    loaded: list[dict[str, xr.DataArray]] = [{} for _ in planes]
    for (i, name), data in {**found, **rest}.items():
        loaded[i][name] = arrays[i, name].copy(data=data)
    return [
        obj[[name for name in own if name in obj.data_vars]].assign(own)
        if isinstance(obj, xr.Dataset)
        else own["annotation"]
        for obj, own in zip(planes, loaded, strict=True)
    ]


def anatomical(
    plane: Atlas,
    x: str | None = None,
    y: str | None = None,
    view: View | None = None,
    choice: Choice | None = None,
    left: str = LEFT["radiological"],
) -> Plane:
    """Lay out a plane that has been read.

    Parameters
    ----------
    plane : Dataset or DataArray
        Of two dimensions.
    x, y : str, optional
        The dimensions that run across and up the picture; by default as atlases are shown.
    view : View, optional
        Its position in the frame in which it is shown.
    choice : Choice, optional
        The regions that are shown; each label by default.
    left : str
        The letters of the sides on the left of the picture.

    Raises
    ------
    GridError
        If a dimension does not have a coordinate, or is unevenly spaced.
    """
    whole = annotation_of(plane)
    plane = plane if choice is None else choice.cut(plane)
    annotation = annotation_of(plane)
    terminology, space = find_atlas(plane)
    if not annotation.size:
        raise GridError(f"no voxel is left to draw: the plane has the shape {annotation.shape}")
    sizes = spacing(plane, need=2)
    names = space.coordinates(plane)
    along = {
        axis: name
        for axis, name in names.items()
        if name is not None and plane.coords[name].dims in {(d,) for d in annotation.dims}
    }
    (across,) = set(AXES) - set(along)
    shown = Shown.of(plane, across, view)
    horizontal, vertical = PICTURES[across]
    if x is not None or y is not None:
        horizontal, vertical = _chosen(plane, along, x, y)
    axes = []
    for axis in (horizontal, vertical):
        name = along[axis]
        values = lengths(plane, name) / shown.factor
        (dim,) = plane.coords[name].dims
        half = without_noise(sizes[dim]) / 2 / shown.factor
        half = -half if values[-1] < values[0] else half
        letter = space.orientation[space.position(axis)].upper()
        (opposite,) = set(AXES[axis].upper()) - {letter}
        label = shown.label(axis, space.direction(axis))
        axes.append(
            PlaneAxis(axis, dim, values[0] - half, values[-1] + half, letter + opposite,
                      values.size, label)
        )  # fmt: skip
    labels, before = (a.transpose(axes[1].dim, axes[0].dim).values for a in (annotation, whole))
    parts = Parts.of_labels(terminology, labels, before != 0, choice is not None and choice.is_made)
    return Plane(plane, terminology, labels, axes[0], axes[1], shown, parts, left)


def _chosen(plane: Atlas, along: dict[str, Hashable], x: Any, y: Any) -> tuple[str, str]:
    """Return the axes of a picture, given the names of one or both."""
    named = [None if name is None else axis_of(plane, name) for name in (x, y)]
    for name, axis in zip((x, y), named, strict=True):
        if axis is not None and axis not in along:
            raise GridError(f"{name!r} lies across this plane, which has {', '.join(along)}")
    left = [axis for axis in along if axis not in named]
    if len(left) + sum(axis is not None for axis in named) != 2:
        raise GridError(f"x and y are two axes, not twice {x!r}")
    horizontal, vertical = (axis if axis is not None else left.pop() for axis in named)
    return horizontal, vertical
