"""Smoothing of surfaces for pictures, without a change of the volume that they enclose."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from xarray_atlas.regions.surface import Mesh

__all__ = ["smooth_surface"]

TERRACES = {"n_iter": 30, "pass_band": 0.03}
"""Taubin's filter that removes the terraces of voxels."""

CORNERS = {"n_iter": 10, "pass_band": 0.1}
"""Taubin's filter for the remaining edges, after vertices have moved as far as allowed."""

REACH = 0.5
"""How far a vertex may move, in mean lengths of edges, which are about as long as voxels."""

RESTORED = 3
"""How often the volume is corrected; it is nearly a linear function of the distance."""


def smooth_surface(found: Mesh) -> Any:
    """Return a surface in PyVista's form, without the terraces of its voxels.

    Taubin's filter does not shrink a surface as a whole, but thin sheets collapse. So vertices stay
    near their places, and all are moved along the normals until the volume is what it was.

    Parameters
    ----------
    found : Mesh
        In axes of a right-handed frame.

    Returns
    -------
    pyvista.PolyData
        With the same faces.

    References
    ----------
    G. Taubin, "A signal processing approach to fair surface design", SIGGRAPH 1995, doi
    10.1145/218380.218473; VTK's filter is that of G. Taubin, T. Zhang and G. Golub, "Optimal
    surface smoothing as filter design", ECCV 1996, doi 10.1007/BFb0015544.

    Examples
    --------
    >>> import xarray_atlas
    >>> from xarray_atlas.plotting.smooth_surface import smooth_surface
    >>> found = xarray_atlas.open_sample("100 um").atlas.mesh("CA1")
    >>> before, after = found.to_pyvista(), smooth_surface(found)
    >>> f"{before.volume:.2f}, {after.volume:.2f}", f"{before.area:.0f}, {after.area:.0f}"
    ('11.06, 11.06', '59, 53')
    """
    before = found.to_pyvista()
    corners = found.vertices[found.faces]
    edge = float(np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).mean())
    after = before.smooth_taubin(**TERRACES)
    moved = after.points - before.points
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    after.points = before.points + moved * np.minimum(1, REACH * edge / np.maximum(length, 1e-12))
    after = after.smooth_taubin(**CORNERS)
    for _ in range(RESTORED):
        now = dataclasses.replace(found, vertices=np.asarray(after.points, np.float64))
        normals = after.compute_normals(
            cell_normals=False, split_vertices=False, consistent_normals=False
        ).point_normals
        after.points += normals * ((found.volume - now.volume) / now.area).magnitude
    return after
