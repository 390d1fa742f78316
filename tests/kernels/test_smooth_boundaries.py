"""Smoothed boundaries against counts of voxels and brute force."""

from __future__ import annotations

import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

import xarray_atlas
from xarray_atlas.kernels.label_graph import REACH, label_graph
from xarray_atlas.kernels.smooth_boundaries import boundary_chains, label_rings, smooth_vertices

pytestmark = pytest.mark.version_independent

IMAGES = st_numpy.arrays(
    st.sampled_from([np.dtype(t) for t in ("u4", "i8", ">u4", "u8")]),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.sampled_from((0, 7, 312782546, 2**32 - 1)),
)


def signed_area(points: Any) -> float:
    """Positive where what is enclosed lies on the left, rows running down."""
    after = np.roll(points, -1, axis=0)
    return float((points[:, 0] * after[:, 1] - points[:, 1] * after[:, 0]).sum() / 2)


def crosses(a: Any, b: Any, c: Any, d: Any) -> bool:
    """Whether two segments have a point in common."""

    def side(p: Any, q: Any, r: Any) -> float:
        return float(np.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])))

    boxes = np.sort([[a, b], [c, d]], axis=1)  # on one line both may lie side by side
    return (
        bool((boxes[0, 0] <= boxes[1, 1]).all() and (boxes[1, 0] <= boxes[0, 1]).all())
        and side(a, b, c) * side(a, b, d) <= 0
        and side(c, d, a) * side(c, d, b) <= 0
    )


def holds(rings: list[Any], points: Any) -> Any:
    """Whether an odd number of edges lies above each point."""
    inside = np.zeros(len(points), bool)
    for ring in rings:
        for (row, column), (row_2, column_2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            between = (column > points[:, 1]) != (column_2 > points[:, 1])
            slope = (row_2 - row) / (column_2 - column) if column != column_2 else 0.0
            inside ^= between & (points[:, 0] < row + slope * (points[:, 1] - column))
    return inside


def neighbours_that_differ(labels: Any) -> int:
    values = labels.astype(object)
    return int((values[1:] != values[:-1]).sum() + (values[:, 1:] != values[:, :-1]).sum())


@given(IMAGES)
def test_faces_tile_the_image(labels: Any) -> None:
    graph = label_graph(labels)
    position = smooth_vertices(graph)
    rings = label_rings(graph)
    assert set(rings) == set(labels.ravel().tolist())
    areas = {label: sum(signed_area(position[r]) for r in rings[label]) for label in rings}
    assert sum(areas.values()) == pytest.approx(labels.size, abs=1e-9)
    assert all(area > 0 for area in areas.values())
    # each inner edge is the side of two faces, once in each direction; one on the rim of one
    uses = [
        pair
        for each in rings.values()
        for ring in each
        for pair in zip(ring.tolist(), np.roll(ring, -1).tolist(), strict=True)
    ]
    inner = list(zip(graph.start[~graph.rim].tolist(), graph.end[~graph.rim].tolist(), strict=True))
    assert len(inner) == neighbours_that_differ(labels)
    assert len(set(uses)) == len(uses) == 2 * len(inner) + 2 * sum(labels.shape)
    assert {*inner, *((b, a) for a, b in inner)} <= set(uses)
    # lines are the same edges, each once
    lines = boundary_chains(graph)
    assert sorted(np.concatenate(lines).tolist()) == list(range(graph.start.size))
    for line in lines:
        assert (graph.end[line[:-1]] == graph.start[line[1:]]).all()
        assert {len(set(side[line].tolist())) for side in (graph.left, graph.right)} == {1}


@given(IMAGES)
def test_each_voxel_stays_in_its_label(labels: Any) -> None:
    graph = label_graph(labels)
    position = smooth_vertices(graph)
    assert np.abs(position - graph.vertices).max() <= REACH + 1e-12
    centres = np.indices(labels.shape).reshape(2, -1).T + 0.5
    for label, rings in label_rings(graph).items():
        own = (labels.ravel() == label).tolist()
        assert holds([position[ring] for ring in rings], centres).tolist() == own


@given(IMAGES, st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_edges_cross_nowhere_within_their_reach(labels: Any, random: Any) -> None:
    graph = label_graph(labels[:5, :5])
    share = np.array([[random.random(), random.random()] for _ in graph.vertices]).round(1)
    for position in (
        smooth_vertices(graph),
        graph.vertices + graph.low + share * (graph.high - graph.low),
    ):
        edges = list(zip(graph.start.tolist(), graph.end.tolist(), strict=True))
        for (a, b), (c, d) in combinations(edges, 2):
            if not {a, b} & {c, d}:
                assert not crosses(*position[[a, b, c, d]])
                continue
            (common,) = {a, b} & {c, d}
            ends = position[[a + b - common, c + d - common]] - position[common]
            cross = ends[0, 0] * ends[1, 1] - ends[0, 1] * ends[1, 0]
            assert abs(cross) > 1e-9 or (ends[0] * ends[1]).sum() < 0


@pytest.mark.parametrize("radius", [3, 5, 10, 20, 30])
def test_a_disc_is_round(radius: float) -> None:
    row, column = np.indices((64, 64)) + 0.5
    centre = np.array([32.3, 32.1])
    labels = (np.hypot(row - centre[0], column - centre[1]) < radius).astype(int)
    graph = label_graph(labels)
    on = np.unique([graph.start[~graph.rim], graph.end[~graph.rim]])
    distance = [
        np.hypot(*(vertices[on] - centre).T) - radius
        for vertices in (graph.vertices, smooth_vertices(graph))
    ]
    assert distance[1].std() < 0.11 < 0.35 < distance[0].std()
    assert np.abs(distance[1]).max() < 0.25
    (ring,) = label_rings(graph)[1]
    area = signed_area(smooth_vertices(graph)[ring])
    assert area == pytest.approx(labels.sum(), rel=1e-3)


@pytest.mark.parametrize("slope", [0.1, 0.3, 0.7, 1.0])
def test_a_straight_boundary_has_no_stairs(slope: float) -> None:
    row, column = np.indices((80, 80)) + 0.5
    graph = label_graph((row - 40 > slope * (column - 40)).astype(int))
    position = smooth_vertices(graph)
    inner = np.unique([graph.start[~graph.rim], graph.end[~graph.rim]])
    inner = inner[np.abs(graph.vertices[inner] - 40).max(axis=1) < 25]
    off = (position[inner, 0] - 40 - slope * (position[inner, 1] - 40)) / np.hypot(1, slope)
    assert off.std() < 0.06


def test_a_diagonal_strip_is_one_part() -> None:
    labels = np.full((9, 9), 5)
    labels[np.arange(9), np.arange(9)] = 2
    graph = label_graph(labels)
    assert {label: len(rings) for label, rings in label_rings(graph).items()} == {2: 1, 5: 2}
    # of two that cross, the thinner one
    labels[:4, :4] = [[5, 5, 5, 5], [5, 2, 5, 5], [5, 5, 2, 5], [5, 5, 5, 5]]
    assert len(label_rings(label_graph(labels[:4, :4]))[2]) == 1
    assert len(label_rings(label_graph(np.where(labels == 2, 7, labels)[:4, :4]))[5]) == 2


def test_small_parts_keep_their_area() -> None:
    labels = np.zeros((7, 7), int)
    labels[1, 1], labels[3, 3:5], labels[5:, 1:3] = 1, 2, 3
    graph = label_graph(labels)
    position = smooth_vertices(graph)
    for label, rings in label_rings(graph).items():
        if label:
            area = sum(signed_area(position[ring]) for ring in rings)
            assert area == pytest.approx((labels == label).sum(), rel=0.05)


def test_other_labels_are_refused() -> None:
    with pytest.raises(TypeError, match="labels must be integers"):
        label_graph(np.zeros((3, 3)))
    for shape in ((3, 3, 3), (0, 3)):
        with pytest.raises(ValueError, match="expected a plane of labels"):
            label_graph(np.zeros(shape, int))


def test_a_section_at_25_um(published: Path) -> None:
    ds = xarray_atlas.open_atlas(published, resolution="25 um")
    labels = ds.annotation.sel(z="7.2 mm", method="nearest").values
    started = time.process_time()
    graph = label_graph(labels)
    position = smooth_vertices(graph)
    rings = label_rings(graph)
    assert time.process_time() - started < 1  # about 0.1 s
    ids, counts = np.unique(labels, return_counts=True)
    for label, count in zip(ids.tolist(), counts.tolist(), strict=True):
        area = sum(signed_area(position[ring]) for ring in rings[label])
        assert area == pytest.approx(count, rel=0.08, abs=2)
    assert not set(rings) - set(ids.tolist())
