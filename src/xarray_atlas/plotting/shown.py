"""Coordinates in which a plane is shown: title and labels of a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pint

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.kernels.spacing import TOLERANCE
from xarray_atlas.printable import one_line
from xarray_atlas.sections.positions import Atlas
from xarray_atlas.sections.views import SECTION, View

__all__ = ["Shown"]

LONG = 26
"""Letters of the label of an axis; a longer one has a second line."""


@dataclass(frozen=True)
class Shown:
    """The coordinates in which a plane is shown.

    Attributes
    ----------
    axis : str
        The anatomical axis across the plane.
    position : float or None
        Along it, in mm; None if it is not known.
    unit : str
        Of the picture.
    frame : str
        The name of the frame; "" for coordinates of the Dataset.
    tilt, roll : float
        In degrees.
    oblique : bool
        Whether it is not a plane of voxels.
    anatomical : tuple of str
        The axes in the order of `to_frame`; () where the plane has the axes of the Dataset.
    to_frame : tuple of tuple of float
        From coordinates of the plane to positions in the frame, in mm.
    """

    axis: str
    position: float | None
    unit: str = "mm"
    frame: str = ""
    tilt: float = 0.0
    roll: float = 0.0
    oblique: bool = False
    anatomical: tuple[str, ...] = ()
    to_frame: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def of(cls, plane: Atlas, across: str, view: View | None) -> Shown:
        """Return how a plane is shown, according to a view or to the section itself.

        Parameters
        ----------
        plane : Dataset or DataArray
        across : str
            The anatomical axis across it.
        view : View, optional
        """
        _, space = find_atlas(plane)
        name = space.coordinate(plane, across)
        if name is None:
            return cls(across, None)
        stated = None if view is None else view.to_attr()
        stated = plane.coords[name].attrs.get(SECTION) if stated is None else stated
        if stated is not None:
            said = json.loads(stated)
            directions = dict(zip(said["anatomical"], said["directions"], strict=True))
            # after reorient() coordinates are not those of the frame any more
            same = all(space.direction(axis) == way for axis, way in directions.items())
            if view is not None or same:
                return cls(
                    across, said["position"], said["unit"], said["frame"], said["tilt"],
                    said["roll"], said["oblique"], tuple(said["anatomical"]),
                    tuple(map(tuple, said["to_frame"])),
                )  # fmt: skip
        return cls(across, float(lengths(plane, name)))

    @property
    def factor(self) -> float:
        """Length of a unit in mm."""
        return unit_factor(self.unit)

    @cached_property
    def symbol(self) -> str:
        """The unit as text."""
        text = f"{pint.get_application_registry().Unit(self.unit):~P}"
        return text.replace(
            "\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}"
        )  # versions of pint differ

    @property
    def where(self) -> str:
        """Position of the plane in the frame, as text."""
        if self.position is None:
            return ""
        position = round(self.position, 3) if self.oblique else self.position
        text = f"{self.axis.upper()} = {position / self.factor:.6g} {self.symbol}"
        angles = {"tilt": self.tilt, "roll": self.roll}
        turned = (f", {name} {at:.3g}\N{DEGREE SIGN}" for name, at in angles.items() if at)
        return text + "".join(turned)

    @property
    def title(self) -> str:
        """Position of the plane and its frame, as text."""
        return f"{self.where} ({one_line(self.frame)})" if self.frame else self.where

    def label(self, axis: str, direction: str) -> str:
        """Return the label of an axis, such as "ML to left (mm)"."""
        unit = f"{self.symbol}, {one_line(self.frame)}" if self.frame else self.symbol
        tilted = ", tilted" if self._is_turned(axis) else ""
        name = f"{axis.upper()} to {direction.rpartition('-')[2]}{tilted}"
        separator = " " if len(name) + len(unit) < LONG else "\n"
        return f"{name}{separator}({unit})"

    def place(self, at: Mapping[str, float]) -> dict[str, float]:
        """Return the position in the frame of a point of the picture, by axis, in its unit."""
        at = dict(at)
        if self.position is not None:
            at[self.axis] = self.position / self.factor
        if not self.anatomical:
            return at
        on_plane = [*(at[axis] * self.factor for axis in self.anatomical), 1.0]
        in_frame = (np.array(self.to_frame) @ on_plane)[:3] / self.factor
        return dict(zip(self.anatomical, in_frame.tolist(), strict=True))

    def _is_turned(self, axis: str) -> bool:
        """Return whether an axis of the plane is not an axis of the frame."""
        if not self.anatomical:
            return False
        at = self.anatomical.index(axis)
        return bool(np.abs(np.array(self.to_frame)[:3, at] - np.eye(3)[at]).max() > TOLERANCE)
