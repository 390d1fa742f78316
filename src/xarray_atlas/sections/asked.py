"""The statement of a plane: a position or region, a frame, angles or three points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from xarray_atlas.coords.angles import to_degrees
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, lengths
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import GridError, PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.points.frames import placement_of
from xarray_atlas.points.tables import read_points
from xarray_atlas.regions.framed_axes import require_unit
from xarray_atlas.sections.positions import Atlas, axis_of, one_length
from xarray_atlas.terminology import RegionKey
from xarray_atlas.transforms.any_frame import any_frame
from xarray_atlas.transforms.frames import Frame
from xarray_atlas.transforms.known_frames import known_frame

__all__ = ["Asked", "frame_of", "take_positions"]

PLANES = {"coronal": "ap", "horizontal": "dv", "axial": "dv", "sagittal": "ml"}
"""Names of planes that are passed instead of their normal axis."""


@dataclass(frozen=True)
class Asked:
    """Plane that a caller asks for.

    Attributes
    ----------
    positions : dict
        A position by "ap", "dv" or "ml", as the caller gives it.
    region : str, int or Region, optional
    axis : str
        The axis perpendicular to the plane through the region.
    frame : str, Frame or array, optional
    tilt, roll : optional
        Angles, as the caller gives them.
    about : mapping, optional
        The point about which the plane is rotated, as far as it is given.
    through : optional
        Three points.
    unit : optional
        Of those points.
    """

    positions: dict[str, Any] = field(default_factory=dict)
    region: RegionKey | None = None
    axis: str = "ap"
    frame: Any = None
    tilt: Any = None
    roll: Any = None
    about: Any = None
    through: Any = None
    unit: Any = None

    @classmethod
    def of(cls, obj: Atlas, keywords: dict[str, Any], **given: Any) -> Self:
        """Collect the parameters of a function; names of dimensions are removed from keywords."""
        positions = {axis: given.pop(axis) for axis in AXES}
        found = take_positions(obj, keywords, given.get("frame"), positions)
        asked = cls(found, **given)
        asked.require_consistent()
        return asked

    def require_consistent(self) -> None:
        """Refuse parameters that do not go together."""
        if self.through is not None:
            more = [*self.positions]
            more += [
                name
                for name in ("region", "tilt", "roll", "about")
                if getattr(self, name) is not None
            ]
            if more:
                raise GridError(
                    f"three points make a plane: through= goes without {', '.join(more)}"
                )
        elif self.unit is not None:
            raise GridError("unit= is that of the points of through=; '-2 mm' has its own")
        if self.about is not None and not self.turns:
            raise GridError("about= is the point about which tilt= and roll= turn the plane")
        if self.about is not None and self.region is not None:
            raise GridError("the plane is turned about a point of region=: leave out about=")

    @property
    def turns(self) -> bool:
        """True if the plane is rotated by angles."""
        return self.tilt is not None or self.roll is not None

    @property
    def plain(self) -> bool:
        """True for a plane of voxels in the coordinates of the Dataset."""
        return self.frame is None and self.through is None and not self.turns

    @property
    def says_where(self) -> int:
        """In how many ways a plane is named."""
        named = (self.region is not None) + (self.through is not None)
        return len(self.positions) + named

    def angles(self) -> tuple[float, float]:
        """Return tilt and roll in degrees."""
        tilt, roll = (
            0.0 if value is None else to_degrees(value, name)
            for name, value in (("tilt", self.tilt), ("roll", self.roll))
        )
        return tilt, roll


def frame_of(obj: Atlas, frame: Any) -> Frame:
    """Return the requested frame; that of the Dataset by default.

    Raises
    ------
    PointsError
        If there is no such frame.
    GridError
        If the coordinates of the Dataset were moved, so that frames do not lead to them.
    """
    return known_frame(obj, "dataset") if frame is None else any_frame(obj, frame)


def take_positions(
    obj: Atlas, keywords: dict[str, Any], frame: Any, positions: dict[str, Any]
) -> dict[str, Any]:
    """Collect positions by axis, and take the names of axes out of the keywords.

    Parameters
    ----------
    obj : Dataset or DataArray
    keywords : dict
        Of the caller; names of the object's dimensions, or of the axes of a frame, are removed.
    frame : optional
        As the caller gives it.
    positions : dict
        By "ap", "dv" and "ml"; None if there is none.
    """
    found = {axis: position for axis, position in positions.items() if position is not None}
    dims = [str(dim) for dim in annotation_of(obj).dims]
    if frame is None:
        names = {dim: axis_of(obj, dim) for dim in dims if dim in keywords}
    else:
        chosen = frame_of(obj, frame)
        pairs = zip(chosen.axes, chosen.anatomical, strict=True)
        names = {name: axis for name, axis in pairs if name in keywords}
        for dim in dims:
            if dim in keywords and dim not in names:
                raise GridError(
                    f"{dim!r} is a dimension of the Dataset; positions in frame {chosen.name!r} "
                    f"are along {', '.join(map(repr, chosen.axes))}"
                )
    for name in keywords:
        axis = name.lower() if name.lower() in AXES else PLANES.get(name.lower())
        if axis is not None and name not in names:
            raise GridError(f"{name}= names no axis; did you mean {axis}={keywords[name]!r}?")
    for name, axis in names.items():
        position = keywords.pop(name)
        if axis in found:
            raise GridError(f"{name!r} is the dimension of {axis!r}: give one of the two")
        if position is not None:
            found[axis] = position
    return found


def position_in(frame: Frame, named: bool, position: Any, axis: str) -> float:
    """Return a position along an axis of a frame in mm.

    Raises
    ------
    UnitsError
        If it is not a length, or does not have a unit in a frame with another unit than mm.
    """
    if named:
        require_unit(position, frame, axis)
    return one_length(position, axis)


def anatomical_name(frame: Frame, name: str) -> str:
    """Return the anatomical axis named directly or by an axis of a frame."""
    if name in AXES:
        return name
    if name in frame.axes:
        return frame.anatomical[frame.axes.index(name)]
    raise GridError(
        f"no axis {name!r}; there are 'ap', 'dv', 'ml', and those of frame {frame.name!r}: "
        f"{', '.join(map(repr, frame.axes))}"
    )


def three_points(obj: Atlas, frame: Frame, asked: Asked) -> FloatArray:
    """Return the three points of a plane in mm along the frame's axes, shape (3, 3).

    Raises
    ------
    GridError
        If they are not three.
    PointsError, UnitsError
        As for other points.
    """
    points, axes = asked.through, None
    rows = not (isinstance(points, list) and points and isinstance(points[0], dict))
    array = isinstance(getattr(points, "magnitude", points), list | tuple | np.ndarray)
    if asked.frame is not None and array and rows:
        if set(AXES) & set(frame.axes):
            raise PointsError(
                "through= holds numbers that do not say which axis they are along: pass them by "
                f"name, through={{{', '.join(f'{axis!r}: [...]' for axis in frame.axes)}}}"
            )
        axes = frame.axes
    read = read_points(obj, points, asked.frame, asked.unit, None, axes)
    stacked = read.stacked()
    if stacked.shape != (3, 3) or not np.isfinite(stacked).all():
        raise GridError(
            f"a plane goes through three points; through= has {len(stacked)}"
            + (", some of them NaN" if stacked.shape == (3, 3) else "")
        )
    placed = placement_of(obj, read.frame).place(stacked)  # along ap, dv, ml of the Dataset
    _, space = find_atlas(obj)
    order = sorted(AXES, key=space.position)
    positions = placed[:, [list(AXES).index(axis) for axis in order]]
    return frame.from_dataset(positions) * unit_factor(frame.unit)


def middle_of(obj: Atlas, frame: Frame) -> FloatArray:
    """Return the middle of the whole volume in mm along the frame's axes."""
    _, space = find_atlas(obj)
    middle = []
    for axis in sorted(AXES, key=space.position):
        at = space.position(axis)
        name = space.coordinate(obj, axis)
        if space.shape:
            middle.append(space.corner[at] + space.voxel_size[at] * space.shape[at] / 2)
        elif name is not None:
            values = lengths(obj, name)
            middle.append(float(values.min() + values.max()) / 2)
        else:
            raise PointsError(f"nothing says where the middle of the volume lies along {axis!r}")
    return frame.from_dataset(middle) * unit_factor(frame.unit)


def turning_point(obj: Atlas, frame: Frame, asked: Asked) -> FloatArray:
    """Return the point about which a plane is rotated, in mm along the frame's axes."""
    found = middle_of(obj, frame)
    if asked.about is None:
        return found
    if not hasattr(asked.about, "items"):
        raise GridError(
            "about= is a point by its axes, such as {'dv': '0 mm', 'ml': '0 mm'}, not "
            f"{asked.about!r}"
        )
    for name, position in asked.about.items():
        axis = anatomical_name(frame, str(name))
        if axis in asked.positions:
            raise GridError(f"about= has {name!r} too, which is the position of the plane")
        at = frame.anatomical.index(axis)
        found[at] = position_in(frame, asked.frame is not None, position, str(name))
    return found
