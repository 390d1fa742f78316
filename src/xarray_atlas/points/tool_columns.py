"""Columns of points written by other tools, and their meaning."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import PointsError, UnitsError
from xarray_atlas.points.units import is_voxel

__all__ = ["check_tool", "known_columns", "refuse_other_columns", "tool_of"]


@dataclass(frozen=True)
class ToolColumns:
    """The columns of one tool.

    Attributes
    ----------
    tool : str
    columns : tuple of str
        Along the axes 0, 1 and 2 of the tool: ap, dv and ml.
    frame : str
        The frame of their values.
    unit : str, optional
        Their unit; None if it varies.
    """

    tool: str
    columns: tuple[str, str, str]
    frame: str
    unit: str | None = None

    def advice(self) -> str:
        """Explain how the columns are read."""
        parts = [f"frame={self.frame!r}", *([f"unit={self.unit!r}"] if self.unit else [])]
        if self.unit == "voxel":
            parts.append("resolution='25 um' (the voxel size of its atlas)")
        return f"{self.columns[0]!r} is a column of {self.tool}: " + ", ".join(parts)


TOOLS = (
    ToolColumns(
        "brainmapper (cellfinder), which writes indices of voxels of the BrainGlobe atlas",
        ("coordinate_atlas_axis_0", "coordinate_atlas_axis_1", "coordinate_atlas_axis_2"),
        "brainglobe",
        "voxel",
    ),
    ToolColumns("BrainGlobe's tools", ("axis_0", "axis_1", "axis_2"), "brainglobe"),
    # napari's 0 is the centre of the first voxel of the displayed image
    ToolColumns("napari", ("axis-0", "axis-1", "axis-2"), "dataset"),
    ToolColumns(
        "the Allen SDK, which writes micrometres in the CCF",
        (
            "anterior_posterior_ccf_coordinate",
            "dorsal_ventral_ccf_coordinate",
            "left_right_ccf_coordinate",
        ),
        "allen",
        "um",
    ),
)

_NOT_OF_THE_ATLAS = {
    ("coordinate_raw_axis_0", "coordinate_raw_axis_1", "coordinate_raw_axis_2"): (
        "are brainmapper's positions in the raw image, not in the atlas; the table that it calls "
        "all_points.csv also holds those in the atlas, coordinate_atlas_axis_0 to 2"
    ),
    ("MarkerX", "MarkerY", "MarkerZ"): (
        "are cellfinder's positions in the raw image, in its voxels, not in the atlas; brainmapper "
        "writes those in the atlas to all_points.csv (coordinate_atlas_axis_0 to 2)"
    ),
    ("ox", "oy", "oz"): (
        "are QuickNII's anchoring of a section (a corner and two edges, in voxels counted from the "
        "left, posterior, inferior corner), not points. Compute the points, (o + u * s + v * t), "
        "and pass them with axes=('ml', 'ap', 'dv') and the matrix of that corner as frame="
    ),
}


def known_columns(frame: str | None, dims: Iterable[str]) -> dict[Hashable, str]:
    """Return the columns of other tools with coordinates of a frame, and their axes.

    Parameters
    ----------
    frame : str or None
        None for a matrix.
    dims : iterable of str
        The anatomical axes of the Dataset's dimensions, in order.
    """
    order = tuple(dims) if frame == "dataset" else ("ap", "dv", "ml")
    return {
        name: axis
        for tool in TOOLS
        if frame == tool.frame
        for name, axis in zip(tool.columns, order, strict=False)
    }


def tool_of(names: Iterable[Hashable]) -> ToolColumns | None:
    """Return the tool that uses all of its column names among the given ones."""
    there = set(names)
    return next((tool for tool in TOOLS if there.issuperset(tool.columns)), None)


def refuse_other_columns(there: Iterable[Hashable], frame: str | None) -> None:
    """Explain columns that hold no positions in this frame; None is a matrix."""
    present = set(there)
    tool = tool_of(present)
    if tool is not None and frame != tool.frame:
        stated = "a matrix" if frame is None else repr(frame)
        raise PointsError(
            f"the table has columns of another frame than {stated}. {tool.advice()}. If they are "
            "not that, rename them to ap, dv and ml"
        )
    for names, text in _NOT_OF_THE_ATLAS.items():
        if present.issuperset(names):
            raise PointsError(f"{', '.join(map(repr, names))} {text}")


def check_tool(chosen: Mapping[str, Hashable], frame: Any, unit: Any, by_name: bool) -> None:
    """Refuse a frame or unit that contradicts the tool that writes the chosen columns.

    Parameters
    ----------
    chosen : mapping of str to hashable
        The column along each axis.
    frame : str or array
    unit : optional
        As passed by the user.
    by_name : bool
        Whether the columns were found by name; a user who names them may have converted them.
    """
    for names, text in _NOT_OF_THE_ATLAS.items():
        if set(chosen.values()) & set(names) and "raw" in text:
            raise PointsError(f"{', '.join(map(repr, names))} {text}")
    tool = tool_of(chosen.values())
    if tool is None or (not by_name and tool.unit is None):
        return
    if not isinstance(frame, str) or frame != tool.frame:
        raise PointsError(f"{tool.advice()}. If they were converted, rename them to ap, dv and ml")
    if unit is None or tool.unit is None:
        return
    voxels = is_voxel(unit), is_voxel(tool.unit)
    agree = all(voxels) if any(voxels) else unit_factor(unit) == unit_factor(tool.unit)
    if not agree:
        raise UnitsError(
            f"{tool.advice()}; unit={str(unit)!r} says otherwise. If they were converted, rename "
            "them to ap, dv and ml"
        )
