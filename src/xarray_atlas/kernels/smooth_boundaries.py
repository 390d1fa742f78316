"""Smoothed boundaries of label images: lines that neighbours share, and closed rings."""

from __future__ import annotations

from typing import Any

import numpy as np

from xarray_atlas.kernels.label_graph import LabelGraph
from xarray_atlas.kernels.labels import Bools, Int64s
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["boundary_chains", "label_rings", "smooth_vertices"]

STEPS = 20
"""Smoothing steps; about the square of the length, in voxels, over which steps are smoothed."""

LAST = 3
"""Further steps that only restore areas, since vertices that stop within their reach lose some."""


def smooth_vertices(graph: LabelGraph, steps: int = STEPS) -> FloatArray:
    """Smooth the boundaries of a label image without changing its topology or the areas.

    Each step moves every vertex halfway to the mean of its neighbours, then each line between two
    junctions outwards or inwards as a whole, until the area on both of its sides is what it was.
    The vertices stay within the reach that the graph allows them, so that no two lines cross and
    the centre of each voxel stays inside its label.

    Parameters
    ----------
    graph : LabelGraph
    steps : int, default: 20
        Number of steps.

    Returns
    -------
    ndarray of float64, shape (n, 2)
        Rows and columns before each vertex of the graph.

    Examples
    --------
    The boundary of a disc lies closer to the circle than the corners of its voxels:

    >>> from xarray_atlas.kernels.label_graph import label_graph
    >>> row, column = np.indices((32, 32)) + 0.5
    >>> graph = label_graph((np.hypot(row - 16, column - 16) < 10).astype(int))
    >>> inner = np.unique([graph.start[~graph.rim], graph.end[~graph.rim]])
    >>> for vertices in graph.vertices, smooth_vertices(graph):
    ...     distance = np.hypot(*(vertices[inner] - 16).T) - 10
    ...     print(f"{np.abs(distance).max():.2f}")
    0.63
    0.11
    """
    lines = boundary_chains(graph)
    line = np.empty(graph.start.size, np.int64)
    if lines:
        line[np.concatenate(lines)] = np.repeat(
            np.arange(len(lines)), [each.size for each in lines]
        )
    position = graph.vertices.astype(np.float64)
    low, high = position + graph.low, position + graph.high
    n = len(position)
    degree = np.bincount(graph.start, minlength=n) + np.bincount(graph.end, minlength=n)
    passed = _passed(graph)
    for step in range(steps + LAST):
        if step < steps:
            total = [
                np.bincount(graph.start, p[graph.end], n)
                + np.bincount(graph.end, p[graph.start], n)
                for p in position.T
            ]
            position = (position + np.stack(total, axis=-1) / degree[:, None]) / 2
        position += _restored(graph, position, line, passed)
        position = position.clip(low, high)
    return position


def _passed(graph: LabelGraph) -> Bools:
    """Return which vertices lie within a line, not where lines meet."""
    n = len(graph.vertices)
    leave, arrive = (np.bincount(ends, minlength=n) for ends in (graph.start, graph.end))
    return np.asarray((leave == 1) & (arrive == 1))


def _restored(graph: LabelGraph, position: FloatArray, line: Int64s, passed: Bools) -> FloatArray:
    """Return the displacement of vertices along the normal that gives each line its area back."""
    n = len(position)
    before, before_end = graph.vertices[graph.start], graph.vertices[graph.end]
    after, after_end = position[graph.start], position[graph.end]
    # the area that an edge has swept is half the cross product of the diagonals of a quadrangle
    one, other = (after_end - before).T, (after - before_end).T
    swept = np.bincount(line, one[0] * other[1] - one[1] * other[0]) / 2
    along = (after_end - after).T
    length = np.bincount(line, np.hypot(*along))
    shift = np.divide(swept, length, out=np.zeros_like(swept), where=length > 0)
    tangent = [np.bincount(graph.start, a, n) + np.bincount(graph.end, a, n) for a in along]
    size = np.hypot(*tangent)
    own = np.bincount(graph.start, shift[line], n)
    scale = np.divide(own, size, out=np.zeros_like(size), where=passed & (size > 0))
    return np.stack([tangent[1] * scale, -tangent[0] * scale], axis=-1)


def boundary_chains(graph: LabelGraph) -> list[Int64s]:
    """Return the lines between junctions, as edges in their order.

    Parameters
    ----------
    graph : LabelGraph

    Returns
    -------
    list of ndarray of int64
        Indices of edges. Each edge belongs to one line. A line leads from ``start`` of its first
        edge to ``end`` of its last one; a closed line ends where it starts.

    Examples
    --------
    >>> from xarray_atlas.kernels.label_graph import label_graph
    >>> graph = label_graph(np.array([[7, 7, 997], [7, 7, 997], [997, 997, 997]]))
    >>> for line in boundary_chains(graph):
    ...     if not graph.rim[line[0]]:
    ...         ends = graph.vertices[[*graph.start[line], graph.end[line[-1]]]]
    ...         print(ends.tolist())
    [[2, 0], [2, 1], [2, 2], [1, 2], [0, 2]]
    """
    leaving = np.full(len(graph.vertices), -1)
    leaving[graph.start] = np.arange(graph.start.size)
    return _chains(np.where(_passed(graph)[graph.end], leaving[graph.end], -1))


def label_rings(graph: LabelGraph) -> dict[int, list[Int64s]]:
    """Return the closed outlines of each label, around its parts and around its holes.

    Parameters
    ----------
    graph : LabelGraph

    Returns
    -------
    dict of int to list of ndarray of int64
        By label the vertices of each ring, in order; the first is not repeated. The label is on
        the left, where rows run down: rings around parts and around holes run in opposite
        directions.

    Examples
    --------
    >>> from xarray_atlas.kernels.label_graph import label_graph
    >>> graph = label_graph(np.array([[7, 997]]))
    >>> for label, rings in label_rings(graph).items():
    ...     print(label, [graph.vertices[ring].tolist() for ring in rings])
    7 [[[1, 1], [0, 1], [0, 0], [1, 0]]]
    997 [[[0, 2], [0, 1], [1, 1], [1, 2]]]
    """
    # each edge in both directions, except for the outside of the image
    inside = np.concatenate([~graph.rim, np.ones(graph.start.size, bool)])
    start = np.concatenate([graph.start, graph.end])[inside]
    end = np.concatenate([graph.end, graph.start])[inside]
    labels, rank = np.unique(np.concatenate([graph.left, graph.right])[inside], return_inverse=True)
    # around a vertex a label occurs once, so that one edge leaves it with that label on its left
    key = start * labels.size + rank
    order = np.argsort(key)
    following = order[np.searchsorted(key, end * labels.size + rank, sorter=order)]
    found: dict[int, list[Int64s]] = {int(label): [] for label in labels}
    for ring in _chains(following):
        found[int(labels[rank[ring[0]]])].append(start[ring])
    return found


def _chains(following: Any) -> list[Int64s]:
    """Return sequences of elements in which each names the next, -1 where there is none."""
    first = np.ones(following.size, bool)
    first[following[following >= 0]] = False
    # those that begin somewhere, then the cycles
    heads = np.concatenate([np.flatnonzero(first), np.flatnonzero(~first)]).tolist()
    steps, seen, found = following.tolist(), bytearray(following.size), []
    for at in heads:
        chain = []
        while at >= 0 and not seen[at]:
            seen[at] = 1
            chain.append(at)
            at = steps[at]
        if chain:
            found.append(np.array(chain))
    return found
