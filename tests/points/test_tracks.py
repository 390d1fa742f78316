"""Segments along tracks against dense sampling, and exact boundaries."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import Counted, examples, make_atlas, make_terminology
from xarray_atlas.errors import PointsError

pytestmark = pytest.mark.version_independent

AXES = ("ap", "dv", "ml")
SIZE = (0.1, 0.2, 0.4)


@pytest.fixture
def layers():
    """Along z: nothing, R1, R1, R2, a label of no region."""
    labels = np.array([0, 2, 2, 3, 77], "uint32").reshape(-1, 1, 1) * np.ones((1, 3, 3), "uint32")
    return make_atlas(labels, make_terminology([-1, 0, 0]), SIZE)


def test_boundaries_are_faces(layers):
    track = pd.DataFrame({"z": [-0.2, 0.7], "y": [0.1, 0.1], "x": [0.3, 0.3]})
    found = layers.atlas.along(track, unit="mm", frame="dataset")
    assert found.region.values.tolist() == ["", "", "R1", "R2", "", ""]
    assert found.status.values.tolist() == [3, 1, 0, 0, 2, 3]
    faces = [-0.2, -0.05, 0.05, 0.25, 0.35, 0.45, 0.7]
    np.testing.assert_allclose(found.start_point.sel(axis="z").values, faces[:-1], atol=1e-15)
    np.testing.assert_allclose(found.stop_point.sel(axis="z").values, faces[1:], atol=1e-15)
    np.testing.assert_allclose(found.length.values, np.diff(faces))
    assert found.start.attrs["units"] == "mm"
    assert found.region_id.values.tolist() == [0, 0, 101, 102, 0, 0]
    assert found.region_name.values[2] == "region 1"
    assert layers.atlas.along(
        track, unit="mm", level=0, frame="dataset"
    ).region.values.tolist() == [
        "",
        "",
        "R0",
        "",
        "",
    ]


@given(st.data())
@settings(max_examples=50)
@pytest.mark.filterwarnings("ignore:.*points lie outside")
@pytest.mark.filterwarnings("ignore:the track goes through no region")
def test_agrees_with_dense_sampling(data):
    example = data.draw(examples())
    atlas = example.atlas
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    extent = np.array(example.labels.shape) * example.size
    origin = np.array([0.3, -1.0, 5.0]) - np.array(example.size) / 2
    number = data.draw(st.integers(2, 4))
    points = rng.uniform(-0.3, 1.3, (number, 3)) * extent + origin
    if data.draw(st.booleans()):
        points[:, data.draw(st.integers(0, 2))] = points[0, 0]  # along an axis, or out of it
    found = atlas.atlas.along(points, axes=("z", "y", "x"), unit="mm", frame="dataset")
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    walked = np.concatenate([[0], np.cumsum(lengths)])
    start, stop = found.start.values, found.stop.values
    assert start[0] == 0
    np.testing.assert_allclose(stop[-1], walked[-1])
    np.testing.assert_array_equal(start[1:], stop[:-1])
    assert (stop > start).all()
    # no two neighbours are the same
    same = (found.region.values[1:] == found.region.values[:-1]) & (
        found.status.values[1:] == found.status.values[:-1]
    )
    assert not same.any()
    at = rng.uniform(0, walked[-1], 300)
    samples = np.stack([np.interp(at, walked, points[:, i]) for i in range(3)], 1)
    # region_at gives the last millionth of a voxel to the next one
    share = ((samples - origin) / example.size) % 1
    clear = (np.minimum(share, 1 - share) > 2e-6).all(1)
    at, samples = at[clear], samples[clear]
    expected = atlas.atlas.region_at(samples, axes=("z", "y", "x"), unit="mm", frame="dataset")
    segment = np.searchsorted(stop, at)
    np.testing.assert_array_equal(found.region.values[segment], expected.region)
    np.testing.assert_array_equal(found.status.values[segment], expected.status)
    corners = found.start_point.values
    whole = [np.interp(start, walked, points[:, i]) for i in range(3)]
    np.testing.assert_allclose(corners, np.stack(whole, 1), atol=1e-9)


def test_frames_and_units(layers):
    mm = np.array([[0.0, 0.1, 0.3], [0.5, 0.1, 0.3]])
    here = layers.atlas.along(mm, axes=("z", "y", "x"), unit="mm", frame="dataset")
    corner = (mm - layers.atlas.space.corner) * 1000
    there = layers.atlas.along(corner, axes=AXES, unit="um", frame="brainglobe")
    np.testing.assert_allclose(there.start.values, here.start.values, atol=1e-12)
    assert there.region.values.tolist() == here.region.values.tolist()


def test_reads_what_the_track_goes_through(layers):
    counted = Counted(layers.annotation.values)
    lazy = layers.assign(annotation=(layers.annotation.dims, counted.dask((5, 1, 1))))
    track = [[0, 0, 0], [0.4, 0, 0]]
    found = lazy.atlas.along(track, axes=AXES, unit="mm", frame="dataset")
    assert len(counted.reads) == 1
    assert found.identical(layers.atlas.along(track, axes=AXES, unit="mm", frame="dataset"))


@pytest.mark.parametrize(
    ("track", "message"),
    [
        ([[0, 0, 0]], "two points or more"),
        ([0, 0, 0], "two points or more"),
        ([[0, 0, 0], [np.nan, 0, 0]], "point 1 of the track is NaN"),
    ],
)
def test_what_is_no_track(layers, track, message):
    with pytest.raises(PointsError, match=message):
        layers.atlas.along(np.array(track), axes=AXES, unit="mm", frame="dataset")


def test_a_point_twice_is_nowhere_else(layers):
    track = [[0, 0, 0], [0, 0, 0], [0.4, 0, 0], [0.4, 0, 0]]
    found = xarray_atlas.along(layers, track, axes=AXES, unit="mm", frame="dataset")
    once = xarray_atlas.along(layers, track[1:3], axes=AXES, unit="mm", frame="dataset")
    assert found.identical(once)
    with pytest.raises(PointsError, match="goes nowhere"):
        xarray_atlas.along(layers, track[:2], axes=AXES, unit="mm", frame="dataset")
