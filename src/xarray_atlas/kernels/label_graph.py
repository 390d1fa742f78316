"""Planar graph of the boundaries in a label image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from xarray_atlas.kernels.labels import Bools, Int64s, Ints, check_integers
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["REACH", "LabelGraph", "label_graph"]

REACH = 0.49
"""How far a vertex may move along each axis, in voxels; from one half on, edges could cross."""

APART = 0.02
"""Distance, in voxels, to which the two vertices at a diagonal contact move away from it."""

UP, RIGHT, DOWN, LEFT = range(4)


class LabelGraph(NamedTuple):
    """Boundaries between labels as vertices and directed edges, one voxel long.

    Vertices lie on the corners of voxels. The rim of the image belongs to the graph, so that each
    label is enclosed by edges. On the left of an edge is the smaller of its two labels, or the
    outside of the image.
    """

    vertices: Int64s
    """Rows and columns before each vertex, shape (n, 2)."""
    low: FloatArray
    """Lowest displacement allowed for each vertex, in voxels, shape (n, 2)."""
    high: FloatArray
    """Highest displacement allowed for each vertex, in voxels, shape (n, 2)."""
    start: Int64s
    """Vertex where each edge begins, shape (m,)."""
    end: Int64s
    """Vertex where each edge ends, shape (m,)."""
    left: Ints
    """Label on the left of each edge (rows run down), shape (m,); 0 outside of the image."""
    right: Ints
    """Label on the right of each edge, shape (m,)."""
    rim: Bools
    """Whether an edge lies on the rim of the image, shape (m,)."""


def label_graph(labels: Ints) -> LabelGraph:
    """Find the boundaries in a label image, and how far each of their vertices may move.

    Two voxels of one label that touch at a corner only are connected there, and the boundary has
    two vertices at this place. Of two such pairs that cross, the label with fewer voxels nearby
    is connected: it is the thinner structure.

    Every vertex may move by less than half a voxel along each axis, on the rim along the rim only.
    Two edges without a common vertex are at least one voxel apart, so they cannot meet. Two edges
    with a common vertex end in different directions from it and cannot cross either. For the
    same reason no edge passes the centre of a voxel.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
        Labels of any integer type; 0 is a label like any other.

    Returns
    -------
    LabelGraph

    Raises
    ------
    TypeError
        If the labels are not integers.
    ValueError
        If the image does not have two dimensions, or no voxel.

    Examples
    --------
    >>> graph = label_graph(np.array([[7, 7, 997]], dtype="uint32"))
    >>> graph.vertices.tolist()
    [[0, 0], [0, 1], [0, 2], [0, 3], [1, 0], [1, 1], [1, 2], [1, 3]]
    >>> inner = ~graph.rim
    >>> graph.left[inner], graph.right[inner]
    (array([7], dtype=uint32), array([997], dtype=uint32))
    """
    check_integers(labels)
    if labels.ndim != 2 or not labels.size:
        raise ValueError(f"expected a plane of labels, got the shape {labels.shape}")
    rows, columns = labels.shape
    width = columns + 1
    # edges along columns lie between the voxels above and below, those along rows between the
    # voxels to the left and to the right
    across = np.ones((rows + 1, columns), bool)
    across[1:-1] = labels[1:] != labels[:-1]
    down = np.ones((rows, columns + 1), bool)
    down[:, 1:-1] = labels[:, 1:] != labels[:, :-1]
    count, kind = _vertices(labels, across, down)
    first = np.cumsum(count) - count.ravel()  # of the vertices at each corner
    row, column = np.divmod(np.repeat(np.arange(count.size), count.ravel()), width)

    r, c = np.nonzero(across)
    above, below, above_out, below_out = _beside(labels, r - 1, c, r, c)
    forward = above_out | (~below_out & (above < below))
    here, there = r * width + c, r * width + c + 1
    horizontal = _directed(first, kind, here, there, RIGHT, LEFT, forward)
    r, c = np.nonzero(down)
    west, east, west_out, east_out = _beside(labels, r, c - 1, r, c)
    downwards = east_out | (~west_out & (east < west))
    here, there = r * width + c, (r + 1) * width + c
    vertical = _directed(first, kind, here, there, DOWN, UP, downwards)

    start, end = np.concatenate([horizontal, vertical], axis=1)
    forward = np.concatenate([forward, downwards])
    one, other = np.concatenate([above, east]), np.concatenate([below, west])
    outside = np.concatenate([above_out, east_out]), np.concatenate([below_out, west_out])
    low, high = _bounds(row, column, count.shape, kind.ravel()[row * width + column])
    return LabelGraph(
        np.stack([row, column], axis=-1), low, high, start, end,
        np.where(forward, one, other), np.where(forward, other, one), outside[0] | outside[1],
    )  # fmt: skip


def _vertices(labels: Ints, across: Bools, down: Bools) -> tuple[Any, Any]:
    """Return how many vertices each corner has, and how the boundary is divided there.

    The last is 0 for one vertex, 1 where the voxels to the upper left and the lower right are
    connected, 2 where the other two are.
    """
    degree = np.zeros((labels.shape[0] + 1, labels.shape[1] + 1), np.int8)
    degree[:, :-1] += across
    degree[:, 1:] += across
    degree[:-1] += down
    degree[1:] += down
    kind = np.zeros(degree.shape, np.int8)
    r, c = np.nonzero(degree == 4)
    upper_left, upper_right = labels[r - 1, c - 1], labels[r - 1, c]
    lower_left, lower_right = labels[r, c - 1], labels[r, c]
    falling, rising = upper_left == lower_right, upper_right == lower_left
    both = falling & rising
    at = np.arange(-2, 2)
    near_rows = np.clip(r[both, None, None] + at[:, None], 0, labels.shape[0] - 1)
    near_columns = np.clip(c[both, None, None] + at, 0, labels.shape[1] - 1)
    near = labels[near_rows, near_columns]
    fewer = (near == upper_left[both, None, None]).sum((1, 2)) < (
        near == upper_right[both, None, None]
    ).sum((1, 2))
    falling[both], rising[both] = fewer, ~fewer
    kind[r, c] = np.where(falling, 1, np.where(rising, 2, 0))
    count = np.where(kind > 0, 2, degree > 0)
    return count, kind


def _beside(labels: Ints, r: Int64s, c: Int64s, r2: Int64s, c2: Int64s) -> tuple[Any, ...]:
    """Return the labels of voxels on both sides of edges, and which are outside of the image."""
    found, outside = [], []
    for row, column in ((r, c), (r2, c2)):
        out = (row < 0) | (column < 0) | (row >= labels.shape[0]) | (column >= labels.shape[1])
        value = labels[np.where(out, 0, row), np.where(out, 0, column)]
        found.append(np.where(out, labels.dtype.type(0), value))
        outside.append(out)
    return (*found, *outside)


def _directed(
    first: Any, kind: Any, here: Int64s, there: Int64s, leaves: int, arrives: int, forward: Bools
) -> Any:
    """Return the vertices where edges start and end, shape (2, m)."""
    one = first[here] + _second(kind.ravel()[here], leaves)
    other = first[there] + _second(kind.ravel()[there], arrives)
    return np.where(forward, [one, other], [other, one])


def _second(kind: Any, side: int) -> Any:
    """Return which edges on a side of a corner belong to its second vertex."""
    if side in (UP, DOWN):
        return (kind > 0) & (side == DOWN)
    return kind == (1 if side == LEFT else 2)


def _bounds(row: Int64s, column: Int64s, shape: tuple[int, ...], kind: Any) -> Any:
    """Return the lowest and highest displacement of vertices."""
    low = np.full((row.size, 2), -REACH)
    high = np.full((row.size, 2), REACH)
    low[(row == 0) | (row == shape[0] - 1), 0] = 0
    low[(column == 0) | (column == shape[1] - 1), 1] = 0
    high[low == 0] = 0
    # two vertices at one corner: the upper one turns around the voxel that is cut off above, the
    # lower one around the voxel opposite
    lower = np.zeros(row.size, bool)
    lower[1:] = (row[1:] == row[:-1]) & (column[1:] == column[:-1])
    divided = kind > 0
    to_right = (kind == 1) != lower
    for axis, positive in ((0, lower), (1, to_right)):
        low[divided & positive, axis] = APART
        high[divided & ~positive, axis] = -APART
    return low, high
