"""Regions of a plane as vectors: smoothed faces and outlines that neighbours share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from xarray_atlas.kernels.label_graph import label_graph
from xarray_atlas.kernels.labels import Ints
from xarray_atlas.kernels.smooth_boundaries import boundary_chains, label_rings, smooth_vertices
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.plotting.parts import REST
from xarray_atlas.plotting.pdf_layers import pdf_layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from xarray_atlas.plotting.planes import Plane

__all__ = ["RegionFace", "SmoothBoundaries", "add_faces", "face_colors"]

SEAM = 0.3
"""Width, in points, of the stroke that closes the seam between two opaque faces."""


class RegionFace(PathPatch):
    """The face of one region in a plane, a group or layer of vector files with its acronym as id.

    Parameters
    ----------
    path : matplotlib Path
    plane : Plane
    index : int
        The number of the face in ``plane.faces``.
    **kwargs
        Options of matplotlib's PathPatch.
    """

    def __init__(self, path: Path, plane: Plane, index: int, **kwargs: Any) -> None:
        super().__init__(path, **kwargs)
        self.plane, self.index = plane, index

    def draw(self, renderer: Any) -> None:
        """Draw the face, in a PDF file into a layer of its name."""
        with pdf_layer(renderer, self.get_gid()):
            super().draw(renderer)


class SmoothBoundaries:
    """Smoothed boundaries of a label image.

    Parameters
    ----------
    labels : ndarray of int, shape (rows, columns)
    """

    def __init__(self, labels: Ints) -> None:
        self.graph = label_graph(labels)
        self.position = smooth_vertices(self.graph)

    def lines(self, differ: Callable[[Any, Any], Any] | None = None) -> list[FloatArray]:
        """Return the lines between junctions, as rows and columns before each point.

        Parameters
        ----------
        differ : callable, optional
            Of the labels on both sides, tells which lines are kept.
        """
        chains = [c for c in boundary_chains(self.graph) if not self.graph.rim[c[0]]]
        if differ is not None and chains:
            first = np.array([chain[0] for chain in chains])
            kept = differ(self.graph.left[first], self.graph.right[first])
            chains = [chain for chain, keep in zip(chains, kept, strict=True) if keep]
        start, end = self.graph.start, self.graph.end
        return [self.position[np.append(start[chain], end[chain[-1]])] for chain in chains]

    def rings(self) -> dict[int, list[FloatArray]]:
        """Return the closed outlines of each label, as rows and columns before each point."""
        found = label_rings(self.graph)
        return {label: [self.position[ring] for ring in rings] for label, rings in found.items()}


def add_faces(ax: Axes, plane: Plane, colors: Mapping[int, Any], **kwargs: Any) -> None:
    """Draw the smoothed faces of a plane.

    Parameters
    ----------
    ax : matplotlib Axes
    plane : Plane
    colors : mapping of int to color
        By the number of a face in ``plane.faces``; those without a colour are not drawn.
    **kwargs
        Options of matplotlib's PathPatch.

    Raises
    ------
    TypeError
        If an option is unknown.
    """
    alpha = kwargs.get("alpha")
    opaque = alpha is None or alpha == 1
    # a pixel on the boundary of two half transparent faces is drawn by one of them only
    style = {"linewidth": SEAM, "joinstyle": "round"} if opaque else {"antialiased": False}
    figure = ax.get_figure(root=True)
    assert figure is not None
    taken = {face.get_gid() for each in figure.axes for face in each.patches}
    names = _names(plane)
    for index, rings in plane.boundaries.rings().items():
        if index not in colors:
            continue
        color = colors[index]
        options = {
            "facecolor": color, "edgecolor": color if opaque else "none", "zorder": 0.5,
            **style, **kwargs,
        }  # fmt: skip
        try:
            face = RegionFace(_path(plane, rings), plane, index, **options)
        except AttributeError as error:  # so matplotlib has it, where Python has a TypeError
            raise TypeError(
                f"neither of this function nor of matplotlib's PathPatch: {error}"
            ) from error
        name = _free(names[index], taken)
        face.set_gid(name)
        taken.add(name)
        ax.add_artist(face)  # add_patch would look for the limits of each path, which takes long


def _path(plane: Plane, rings: list[FloatArray]) -> Path:
    """Return the path of rings in the coordinates of a picture."""
    points, codes = [], []
    for ring in rings:
        points.append(np.append(ring, ring[:1], axis=0))
        codes.append(np.full(len(ring) + 1, Path.LINETO, Path.code_type))
        codes[-1][[0, -1]] = Path.MOVETO, Path.CLOSEPOLY
    row, column = np.concatenate(points).T
    corners = np.stack([plane.x.corners(column), plane.y.corners(row)], axis=-1)
    return Path(corners, np.concatenate(codes))


def _names(plane: Plane) -> dict[int, str]:
    """Return the acronym of each face."""
    acronyms, names = plane.terminology.acronyms, {}
    for index, part in plane.parts_of_faces.items():
        region = plane.parts.regions.get(part)
        other = "rest" if part == REST else f"label_{part}"
        names[index] = other if region is None else str(acronyms[region])
    return names


def _free(name: str, taken: set[Any]) -> str:
    """Return an id that no other group of the figure has: a second section repeats acronyms."""
    name = re.sub(r"\s+", "_", name)
    found, count = name, 1
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    return found


def face_colors(ax: Axes, x: Any, y: Any) -> list[FloatArray]:
    """Return the colours of the faces at points of axes.

    Parameters
    ----------
    ax : matplotlib Axes
    x, y : ndarray, shape (n,)
        In data coordinates.

    Returns
    -------
    list of ndarray, shape (n, 4)
        Red, green, blue and alpha of faces that lie over each other, the lowest first.
    """
    faces = [face for face in ax.patches if isinstance(face, RegionFace) and face.get_visible()]
    if not faces:
        return []
    plane = faces[0].plane
    column, row = (
        np.floor((at - axis.first) / axis.step).astype(np.int64)
        for at, axis in ((x, plane.x), (y, plane.y))
    )
    inside = (row >= 0) & (row < plane.y.count) & (column >= 0) & (column < plane.x.count)
    held = plane.faces[row[inside], column[inside]]
    colors: dict[int, list[Any]] = {}
    for face in faces:
        colors.setdefault(face.index, []).append(to_rgba(face.get_facecolor()))
    layers = []
    for depth in range(max(map(len, colors.values()))):
        layer = np.zeros((len(x), 4))
        own = np.zeros((held.size, 4))
        for index in np.unique(held).tolist():
            if len(found := colors.get(index, [])) > depth:
                own[held == index] = found[depth]
        layer[inside] = own
        layers.append(layer)
    return layers
