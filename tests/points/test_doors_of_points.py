"""What is missing, and the form in which points come: a question, the right answer, or a refusal.

No cell is a guess. The ids of the test are the cells of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from support.atlases import numbered_atlas, places_of
from xarray_atlas.errors import AtlasError

pytestmark = pytest.mark.version_independent

AXES = ("ap", "dv", "ml")
SHAPE = (6, 5, 4)
INDEX = np.array([[1, 2, 3], [4, 0, 1]])
CORNER = (INDEX + 0.5) * [0.1, 0.2, 0.4]
CENTRES = INDEX * [0.1, 0.2, 0.4]
STATED = {"frame": "brainglobe", "unit": "mm"}
DIRECTIONS = ("anterior-to-posterior", "superior-to-inferior", "right-to-left")

QUESTION = {
    "unit": r"has no unit; pass unit='um'",
    "frame": r"whose coordinates are these.*frame='brainglobe'.*frame='allen'",
    "direction": r"whose coordinates are these.*frame='brainglobe'.*frame='allen'",
    "axis order": r"do not say which axis|does not say which column is which axis|labelled with the"
    r" axes|no positions along",
}


def arrays(values: Any, **attrs: Any) -> dict[str, xr.DataArray]:
    found = {}
    for i, axis in enumerate(AXES):
        own = {k: v[i] if isinstance(v, tuple) else v for k, v in attrs.items()}
        found[axis] = xr.DataArray(values[:, i], dims="cell", attrs=own)
    return found


def labelled(values: Any, **attrs: Any) -> xr.DataArray:
    return xr.DataArray(values, dims=("cell", "axis"), coords={"axis": list(AXES)}, attrs=attrs)


def at_points(values: Any, **attrs: Any) -> xr.DataArray:
    """Values that were sampled at points, whose coordinates are the positions."""
    return xr.DataArray(np.zeros(len(values)), dims="cell", coords=arrays(values, **attrs))


TABLE = pd.DataFrame(CORNER, columns=list(AXES))
MM = {"units": "mm"}
FRAME = {"frame": "brainglobe"}

# door: what is missing -> the points, the options, and what comes of it
Cell = tuple[Any, dict[str, Any], str]
CELLS: dict[tuple[str, str], Cell] = {
    # the unit
    ("unit", "DataFrame"): (TABLE, FRAME, "question"),
    ("unit", "array"): (CORNER, {**FRAME, "axes": AXES}, "question"),
    ("unit", "DataArray"): (labelled(CORNER), FRAME, "question"),
    ("unit", "Dataset"): (xr.Dataset(arrays(CORNER)), FRAME, "question"),
    ("unit", "track"): (TABLE, FRAME, "question"),
    # the frame
    ("frame", "DataFrame"): (TABLE, {"unit": "mm"}, "question"),
    ("frame", "array"): (CORNER, {"unit": "mm", "axes": AXES}, "question"),
    ("frame", "DataArray"): (at_points(CENTRES, direction=DIRECTIONS, **MM), {}, "answer"),
    ("frame", "Dataset"): (
        xr.Dataset(arrays(CENTRES, direction=DIRECTIONS, **MM)),
        {},
        "answer",
    ),
    ("frame", "track"): (TABLE, {"unit": "mm"}, "question"),
    # the direction: a frame says it; where neither does, it is asked
    ("direction", "DataFrame"): (TABLE, STATED, "answer"),
    ("direction", "array"): (CORNER, {**STATED, "axes": AXES}, "answer"),
    ("direction", "DataArray"): (at_points(CENTRES, **MM), {"unit": "mm"}, "axis order"),
    ("direction", "Dataset"): (xr.Dataset(arrays(CENTRES, **MM)), {}, "question"),
    ("direction", "track"): (TABLE, STATED, "answer"),
    # the origin: from the other end, or of a world that is not known
    ("origin", "DataFrame"): (TABLE, {"unit": "mm", "frame": "world"}, "refusal: RAS mm"),
    ("origin", "array"): (
        CORNER,
        {"unit": "mm", "frame": "bregma", "axes": AXES},
        "refusal: no frame 'bregma'",
    ),
    ("origin", "DataArray"): (
        at_points(CENTRES, direction=(*DIRECTIONS[:2], "left-to-right"), **MM),
        {},
        "refusal: counts from the other end",
    ),
    ("origin", "Dataset"): (
        xr.Dataset(arrays(CENTRES, direction=(*DIRECTIONS[:2], "left-to-right"), **MM)),
        {},
        "refusal: counts from the other end",
    ),
    ("origin", "track"): (TABLE, {"unit": "mm", "frame": "world"}, "refusal: RAS mm"),
    # the order of the axes
    ("axis order", "DataFrame"): (TABLE.set_axis(list("xyz"), axis=1), STATED, "question"),
    ("axis order", "array"): (CORNER, STATED, "question"),
    ("axis order", "DataArray"): (xr.DataArray(CORNER, dims=("cell", "a")), STATED, "question"),
    ("axis order", "Dataset"): (
        xr.Dataset(arrays(CORNER, **MM)).rename(ap="x", dv="y", ml="z"),
        STATED,
        "question",
    ),
    ("axis order", "track"): (CORNER, STATED, "question"),
}
# a file holds a table, and is the same question
for (_missing, _door), _cell in list(CELLS.items()):
    if _door == "DataFrame":
        CELLS[_missing, "file path"] = _cell


@pytest.mark.parametrize(
    ("missing", "door"), CELLS, ids=[f"no {missing}-{door}" for missing, door in CELLS]
)
def test_no_cell_is_a_guess(missing: str, door: str, tmp_path: Path) -> None:
    points, options, outcome = CELLS[missing, door]
    if door == "file path":
        points.to_csv(tmp_path / "cells.csv", index=False)
        points = tmp_path / "cells.csv"
    atlas = numbered_atlas(SHAPE)
    ask: Callable[..., xr.Dataset] = atlas.atlas.along if door == "track" else atlas.atlas.region_at
    if outcome == "answer":
        found = ask(points, **options)
        if door == "track":
            both = places_of(found, SHAPE)[[0, -1]]
            assert both.tolist() == INDEX.tolist()
        else:
            assert places_of(found, SHAPE).tolist() == INDEX.tolist()
        assert found.attrs["frame"] == options.get("frame", "dataset")
        return
    kind, _, word = outcome.partition(": ")
    pattern = word if kind == "refusal" else QUESTION[missing if kind == "question" else kind]
    with pytest.raises(AtlasError, match=f"(?s){pattern}"):
        ask(points, **options)


def test_the_table_is_whole() -> None:
    assert len(CELLS) == 5 * 6
