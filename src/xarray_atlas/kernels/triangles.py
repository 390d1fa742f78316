"""Piecewise affine maps of a plane, from a triangulation of markers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["Triangles", "triangulated"]

MARGIN = 0.1
"""Distance of the four outer vertices from the image, as a fraction of its width and height."""


@dataclass(frozen=True)
class Triangles:
    """Map of the plane that is affine in each of several triangles.

    Parameters
    ----------
    source, target : float64 arrays of shape (n, 3, 2)
        The vertices (x, y) of each triangle before and after. If several triangles contain a
        position, the first one maps it.
    """

    source: FloatArray
    target: FloatArray

    def apply(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map positions, which broadcast together; NaN outside all triangles."""
        x, y = np.broadcast_arrays(x, y)
        shape, x, y = x.shape, x.ravel(), y.ravel()
        found = np.full((2, x.size), np.nan)
        left = np.arange(x.size)
        for source, target in zip(self.source, self.target, strict=True):
            if not left.size:
                break
            px, py = x[left], y[left]
            to_shares = _barycentric(source)
            if to_shares is None:
                continue
            first = px * to_shares[0, 0] + py * to_shares[1, 0] + to_shares[2, 0]
            second = px * to_shares[0, 1] + py * to_shares[1, 1] + to_shares[2, 1]
            inside = (first >= 0) & (second >= 0) & (first + second <= 1)
            at = left[inside]
            for axis in range(2):
                a, b, c = target[:, axis]
                found[axis, at] = a + (b - a) * first[inside] + (c - a) * second[inside]
            left = left[~inside]
        return found[0].reshape(shape), found[1].reshape(shape)

    def inverse(self) -> Triangles:
        """Return the inverse map; one of several where mapped triangles overlap."""
        return Triangles(self.target, self.source)

    def scaled(self, x: float, y: float) -> Triangles:
        """Return the same map with positions in other units."""
        factors = np.array([x, y])
        return Triangles(self.source * factors, self.target * factors)

    @property
    def stretch(self) -> float:
        """Return the maximum factor by which the map stretches a length."""
        found = [1.0]
        for source, target in zip(self.source, self.target, strict=True):
            edges = source[1:] - source[0]
            if abs(np.linalg.det(edges)) > 0:
                linear = np.linalg.solve(edges, target[1:] - target[0])
                found.append(float(np.linalg.norm(linear, 2)))
        return max(found)

    @property
    def folds(self) -> bool:
        """Return whether the map flips a triangle."""
        signs = [np.linalg.det(t[1:] - t[0]) for t in (*self.source, *self.target)]
        half = len(signs) // 2
        return any(a * b < 0 for a, b in zip(signs[:half], signs[half:], strict=True))

    def __dask_tokenize__(self) -> object:
        return ("Triangles", self.source.tobytes(), self.target.tobytes())


def triangulated(width: float, height: float, markers: Sequence[Sequence[float]]) -> Triangles:
    """Triangulate the markers of a section, as VisuAlign does.

    The Delaunay triangulation of the moved markers is built marker by marker from two triangles
    over four vertices, a tenth of the image size outside its corners. The order matters for
    positions on an edge and for four vertices on a circle. Markers outside the first two triangles
    are ignored.

    Parameters
    ----------
    width, height : float
        Size of the image that contains the markers.
    markers : sequence of (x, y, moved x, moved y)
        The position of a marker in the linear plane, and where it was moved in the image.

    Returns
    -------
    Triangles
        Map from positions in the image to positions in the linear plane.

    Examples
    --------
    >>> import numpy as np
    >>> from xarray_atlas.kernels.triangles import triangulated
    >>> moved = triangulated(100, 80, [[50, 40, 60, 40]])
    >>> x, y = moved.apply(np.array([60.0, 0.0, 300.0]), np.array([40.0, 80.0, 0.0]))
    >>> x.round(3), y.round(3)
    (array([50.   , -1.429,    nan]), array([40., 80., nan]))
    """
    low, high = -MARGIN, 1 + MARGIN
    outer = [(low, low), (high, low), (low, high), (high, high)]
    vertices = [(x * width, y * height, x * width, y * height) for x, y in outer]
    triangles = [(0, 1, 2), (1, 2, 3)]
    # an edge counted once lacks one triangle; outer edges also count one outside the hull
    edges = Counter({edge: 2 for edge in combinations(range(4), 2) if edge != (0, 3)})
    for marker in markers:
        moved = (float(marker[2]), float(marker[3]))
        places = [np.array([vertices[i][2:] for i in triangle]) for triangle in triangles]
        if not any(_holds(place, moved) for place in places):
            continue
        hit = [_in_circle(place, moved) for place in places]
        gone = [t for t, there in zip(triangles, hit, strict=True) if there]
        triangles = [t for t, there in zip(triangles, hit, strict=True) if not there]
        for triangle in gone:
            edges.subtract(combinations(triangle, 2))
        vertices.append((float(marker[0]), float(marker[1]), *moved))
        last = len(vertices) - 1
        added = [(*edge, last) for edge in sorted(edges) if edges[edge] == 1]
        added = [
            t for t in added if _barycentric(np.array([vertices[i][2:] for i in t])) is not None
        ]
        triangles += added
        for triangle in added:
            edges.update(combinations(triangle, 2))
    found = np.array([[vertices[i] for i in triangle] for triangle in triangles])
    return Triangles(found[:, :, 2:], found[:, :, :2])


def _barycentric(triangle: FloatArray) -> FloatArray | None:
    """Return the matrix from (x, y, 1) to barycentric weights of two edges; None if degenerate."""
    (ax, ay), (bx, by), (cx, cy) = triangle
    if (bx - ax) * (cy - ay) == (by - ay) * (cx - ax):
        return None
    rows = [[bx - ax, by - ay, 0.0], [cx - ax, cy - ay, 0.0], [ax, ay, 1.0]]
    return np.asarray(np.linalg.inv(rows))


def _holds(triangle: FloatArray, point: tuple[float, float]) -> bool:
    to_shares = _barycentric(triangle)
    if to_shares is None:
        return False
    first, second, _ = np.array([*point, 1.0]) @ to_shares
    return bool(first >= 0 and second >= 0 and first + second <= 1)


def _in_circle(triangle: FloatArray, point: tuple[float, float]) -> bool:
    """Return whether a point lies within the circle through the vertices of a triangle."""
    # squared side lengths, opposite to each vertex; the circumcentre is a weighted mean of vertices
    a, b, c = (float(np.sum((triangle[i] - triangle[j]) ** 2)) for i, j in ((1, 2), (0, 2), (0, 1)))
    weights = np.array([a * (b + c - a), b * (c + a - b), c * (a + b - c)])
    total = float(weights.sum())
    centre = weights @ triangle
    radius = float(np.sum((triangle[0] * total - centre) ** 2))
    return float(np.sum((np.array(point) * total - centre) ** 2)) < radius
