"""The frame in which the interactive page shows positions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import AXES, RAS_AXES
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.printable import one_line
from xarray_atlas.transforms.frames import Frame
from xarray_atlas.viewers.explore_volumes import PageAtlas

__all__ = ["page_frame"]


def page_frame(frame: Frame, shown: PageAtlas) -> dict[str, Any]:
    """Return the description of a frame for the page.

    Parameters
    ----------
    frame : Frame
        Of the Dataset.
    shown : PageAtlas

    Returns
    -------
    dict
        ``matrix`` takes voxels of the page (to right, anterior and superior, from 0) to numbers of
        the frame, a row for each of its ``axes``; ``order`` is that of the rows for ap, dv and ml;
        ``across`` is the row that is upright on the planes of each axis of the page, or -1.
    """
    _, space = find_atlas(shown.annotation)
    places = np.zeros((4, 4))
    places[3, 3] = 1.0
    for column, axis in enumerate(RAS_AXES):
        row, about = space.position(axis), shown.axes[column]
        places[row, column], places[row, 3] = about["step"], about["first"]
    matrix = frame.matrix @ places
    linear = np.abs(matrix[:3, :3])
    across = []
    for column in range(3):
        row = int(np.argmax(linear[:, column]))
        others = np.delete(linear[row], column)
        across.append(row if others.max() <= 1e-9 * linear[row, column] else -1)
    named = ", ".join(
        f"{one_line(axis)} {direction}"
        for axis, direction in zip(frame.axes, frame.directions, strict=True)
    )
    return {
        "axes": [one_line(axis) for axis in frame.axes],
        "unit": frame.unit,
        "digits": max(0, 3 + round(math.log10(unit_factor(frame.unit)))),
        "matrix": np.round(matrix[:3], 9).tolist(),
        "order": [frame.anatomical.index(axis) for axis in AXES],
        "across": across,
        "about": f"Positions are those of centres of voxels in the frame "
        f"{one_line(frame.name)!r}, in {frame.unit}: {named}.",
    }
