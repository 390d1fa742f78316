"""The error for an ambiguous bregma, with the positions that published conventions give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import AXES
from xarray_atlas.transforms.frames import is_frame_json
from xarray_atlas.transforms.known_frames import LANDMARKS, frames_of, in_ccf
from xarray_atlas.transforms.matrices import applied
from xarray_atlas.transforms.stereotaxic import CONVENTIONS

__all__ = ["bregma_question", "is_bregma"]

PLACE = {"ap": 8.3, "dv": 5.2, "ml": 6.2}
"""An example position in the CCF near the ventral tegmental area, in mm from the corner."""


def is_bregma(obj: xr.Dataset | xr.DataArray, frame: Any) -> bool:
    """Return whether a frame is just "bregma" or "lambda", without a convention."""
    if not isinstance(frame, str) or is_frame_json(frame):
        return False
    asked = any(word in frame.lower() for word in LANDMARKS)
    return asked and frame not in frames_of(obj)


def bregma_question(
    obj: xr.Dataset | xr.DataArray, point: Mapping[str, float] | None = None
) -> str:
    """Return the text of the error that asks for a bregma convention.

    Parameters
    ----------
    obj : Dataset or DataArray
    point : mapping of str to float, optional
        A position relative to bregma in mm along "ap", "dv" and "ml": the error lists where each
        convention puts it. Without it, the error lists the coordinates of a position in the CCF.
    """
    terminology, space = find_atlas(obj)
    start = (
        "no frame 'bregma': it does not say which one. The conventions differ in where bregma "
        "lies, in scale and in tilt, by several tenths of a millimetre for one place"
    )
    if not in_ccf(terminology, space):
        return (
            f"{start}, and those that are published are for the Allen CCF, which this atlas is "
            "not known to lie in. Make a frame of your own: ds.atlas.frame('mine', bregma={'ap': "
            "'5.4 mm', 'dv': '0.3 mm', 'ml': '5.7 mm'}, frame='brainglobe')"
        )
    if point is None:
        heading = f"what each calls the place at {_listed(PLACE)} of frame='allen', in mm"
    else:
        heading = f"where each puts your first point, {_listed(point)}, in mm of frame='allen'"
    rows = []
    for name, one in CONVENTIONS.items():
        frame = one.frame()
        if point is None:
            there = applied(frame.in_mm, [PLACE[axis] for axis in AXES])
            shown = dict(zip(frame.axes, there, strict=True))
        else:
            there = applied(np.linalg.inv(frame.in_mm), [point[axis] for axis in frame.axes])
            shown = dict(zip(AXES, there, strict=True))
        against = frame.directions[frame.axes.index("dv")].startswith("superior")
        note = "dv grows to inferior; " if against else ""
        rows.append((f"  frame={name!r}", _listed(shown), note + one.citation))
    width = max(len(row[0]) for row in rows)
    lines = [f"{start}. Pass one of these ({heading}):"]
    lines += [f"{name:<{width}}  {place}  ({source});" for name, place, source in rows]
    lines.append("or a frame of your own: ds.atlas.frame('mine', bregma=..., frame=...)")
    return "\n".join(lines)


def _listed(place: Mapping[str, float]) -> str:
    return ", ".join(f"{axis} {value + 0.0:.3f}" for axis, value in place.items())
