"""Surfaces as the interactive page shows them: of few faces, smoothed, as files."""

from __future__ import annotations

import functools
import struct

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xarray_atlas.coords.atlas_index import AtlasIndex, find_atlas, find_coordinate
from xarray_atlas.coords.encoding import encode
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.regions.surface import BoolArray, Mesh, mesh_from_labels
from xarray_atlas.terminology import Terminology
from xarray_atlas.viewers.explore_volumes import PageAtlas, coarser

__all__ = ["around", "mz3", "smoothed", "surface_of", "tube"]

ROUNDS = 10
"""Iterations of smoothing: enough to remove the steps of voxels and keep the shape."""

THICK = 0.003
"""The radius of a tube, as a share of the longest edge of the volume."""

RINGS, SIDES = 50, 8
"""Maximum number of rings along a tube, and sides of its cross-section."""


def around(shown: PageAtlas) -> BoolArray:
    """Mark all that has a label, and the gaps within."""
    ndimage = optional("scipy.ndimage", '"xarray-atlas[explore]"', "an interactive page")
    filled: BoolArray = ndimage.binary_fill_holes(shown.annotation.values != 0)
    return filled


def surface_of(inside: BoolArray, shown: PageAtlas, most: int) -> Mesh:
    """Return the surface of the voxels that are marked, of larger voxels until it has few faces."""
    plain = encode(shown.annotation)
    _, space = find_atlas(plain)
    name = find_coordinate(plain)
    assert isinstance(name, str)  # find_atlas has looked
    carrier = AtlasIndex(_one_region(), space, name).create_variables()[name].to_base_variable()
    marked = plain.copy(data=inside.astype(np.uint8)).drop_vars(name).assign_coords({name: carrier})
    while True:
        mesh = mesh_from_labels(marked, 1)
        if len(mesh.faces) <= most or max(marked.shape) <= 2:
            return mesh
        marked = coarser(marked)


@functools.cache
def _one_region() -> Terminology:
    """Return the terminology of one region, which holds the voxels that are marked with 1."""
    row = {"identifier": "1", "parent_identifier": "", "annotation_value": "1"}
    return Terminology.from_dataframe(
        pd.DataFrame([row | {"name": "inside", "abbreviation": "inside"}])
    )


def mz3(mesh: Mesh, shown: PageAtlas) -> bytes:
    """Return a surface on right, anterior, superior as an MZ3 file, smoothed."""
    vertices = smoothed(mesh.vertices, mesh.faces)
    dims = [shown.annotation[axis["name"]].dims[0] for axis in shown.axes]
    columns = [mesh.dims.index(dim) for dim in dims]
    signs = np.array([axis["sign"] for axis in shown.axes])
    world = (vertices[:, columns] * signs).astype("<f4")
    # a mirrored surface is inside out
    mirrored = np.linalg.det(np.eye(3)[columns] * signs) < 0
    return _packed(world, mesh.faces[:, ::-1] if mirrored else mesh.faces)


def tube(line: FloatArray, shown: PageAtlas) -> bytes:
    """Return a tube along a line, (n, 3) mm on right, anterior, superior, as an MZ3 file.

    It is as thick as it has to be to be seen next to the volume.
    """
    sizes = shown.annotation.sizes
    dims = [shown.annotation[axis["name"]].dims[0] for axis in shown.axes]
    radius = THICK * max(
        abs(axis["step"]) * sizes[dim] for axis, dim in zip(shown.axes, dims, strict=True)
    )
    kept = np.unique(np.linspace(0, len(line) - 1, min(len(line), RINGS)).round().astype(int))
    line = line[kept]
    if len(line) == 1:
        line = line + radius * np.array([[0, 0, -1], [0, 0, 1]])
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    # from the axis that is most across the line
    u = np.cross(along, np.eye(3)[np.abs(along[0]).argmin()])
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(along, u)
    turn = np.arange(SIDES) * 2 * np.pi / SIDES
    round_it = np.cos(turn)[:, None] * u[:, None] + np.sin(turn)[:, None] * v[:, None]
    rings = (line[:, None] + radius * round_it).reshape(-1, 3)
    side, next_side = np.arange(SIDES), (np.arange(SIDES) + 1) % SIDES
    first = (np.arange(len(line) - 1) * SIDES)[:, None]
    a, b = (first + side).ravel(), (first + next_side).ravel()
    c, d = a + SIDES, b + SIDES
    fan = np.stack([np.zeros(SIDES - 2, int), side[1:-1], side[2:]], axis=1)
    top = fan + (len(line) - 1) * SIDES
    walls = np.concatenate([np.stack([a, b, c], axis=1), np.stack([b, d, c], axis=1)])
    return _packed(rings.astype("<f4"), np.concatenate([walls, fan[:, ::-1], top]))


def _packed(world: NDArray[np.float32], faces: Int64s) -> bytes:
    header = struct.pack("<HHIII", 23117, 3, len(faces), len(world), 0)
    packed: bytes = header + faces.astype("<i4").tobytes() + world.tobytes()
    return packed


def smoothed(vertices: FloatArray, faces: Int64s) -> FloatArray:
    """Move vertices towards the means of their neighbours and back, as G. Taubin does.

    "A signal processing approach to fair surface design", SIGGRAPH 1995, doi
    10.1145/218380.218473. What shrinks with the first step grows with the second.
    """
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    counts = np.maximum(np.bincount(edges[:, 0], minlength=len(vertices)), 1)[:, None]
    result = np.array(vertices)
    for _ in range(ROUNDS):
        for share in (0.5, -0.53):
            means = (
                np.stack(
                    [
                        np.bincount(edges[:, 0], result[edges[:, 1], i], len(result))
                        for i in range(3)
                    ],
                    axis=1,
                )
                / counts
            )
            result += share * (means - result)
    return result
