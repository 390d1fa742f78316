"""Faces between labels, against brute force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

import xarray_atlas
from xarray_atlas.plotting.edges import face_runs

pytestmark = pytest.mark.version_independent

BIG = (0, 7, 312782546, 312782550, 2**32 - 1)


def unit_faces(lines: Any) -> list[tuple[int, int, int, int]]:
    """Each line, cut into faces of one voxel."""
    found = []
    for (row, column), (row_2, column_2) in lines.tolist():
        assert (row == row_2) != (column == column_2)
        if column == column_2:
            found += [(r, column, r + 1, column) for r in range(row, row_2)]
        else:
            found += [(row, c, row, c + 1) for c in range(column, column_2)]
    return found


def faces_of(labels: Any) -> set[tuple[int, int, int, int]]:
    """The faces between voxels that differ, voxel by voxel."""
    values, found = labels.tolist(), set()
    for row in range(len(values)):
        for column in range(len(values[0])):
            if column and values[row][column] != values[row][column - 1]:
                found.add((row, column, row + 1, column))
            if row and values[row][column] != values[row - 1][column]:
                found.add((row, column, row, column + 1))
    return found


@given(
    st_numpy.arrays(
        st.sampled_from([np.dtype(t) for t in ("u4", "i8", ">u4", "u8")]),
        st.tuples(st.integers(1, 7), st.integers(1, 7)),
        elements=st.sampled_from(BIG),
    )
)
def test_lines_are_the_faces(labels: Any) -> None:
    lines = face_runs(labels)
    found = unit_faces(lines)
    assert len(found) == len(set(found))
    assert set(found) == faces_of(labels)
    # as long as can be: no line ends where another of its direction starts
    starts = {(tuple(a), a[0] == b[0]) for a, b in lines.tolist()}
    assert not starts & {(tuple(b), a[0] == b[0]) for a, b in lines.tolist()}


def test_other_labels_are_refused() -> None:
    with pytest.raises(TypeError, match="labels must be integers"):
        face_runs(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="of a plane"):
        face_runs(np.zeros((3, 3, 3), int))


@pytest.mark.parametrize("position", [{"z": "7 mm"}, {"z": 10.2}, {"y": 3.1}, {"x": "4.5 mm"}])
def test_published_planes_at_25_um(published: Path, position: dict[str, Any]) -> None:
    import matplotlib.pyplot as plt

    ds = xarray_atlas.open_atlas(published, resolution="25 um")
    fig, ax = plt.subplots()
    ds.atlas.plot.outlines(ax, **position)
    drawn = np.array(ax.collections[0].get_segments())
    plt.close(fig)
    plane = ds.annotation.sel(position, method="nearest").values
    if "y" not in position:
        plane = plane if "z" in position else plane.T  # rows are dv
    # a voxel and its four faces in mm: the centre of the first is at 0
    lines = np.round((drawn + 0.0125) / 0.025).astype(int)
    assert np.abs(lines * 0.025 - 0.0125 - drawn).max() < 1e-9
    assert set(unit_faces(lines[..., ::-1])) == faces_of(plane)
