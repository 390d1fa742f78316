"""Surfaces as the interactive page shows them: smoothed, of few faces, as files."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pandas as pd

from xarray_atlas.atlas_index import AtlasIndex, find_atlas, find_coordinate
from xarray_atlas.explore_volumes import ORDER, Shown
from xarray_atlas.forms import encode
from xarray_atlas.spacing import FloatArray
from xarray_atlas.surface import IntArray, Mesh, mesh_from_labels
from xarray_atlas.terminology import Terminology

__all__ = ["around", "fewer_faces", "mz3", "smoothed"]

ROUNDS = 10
"""Of smoothing: the steps of the voxels go, the shape stays."""


def around(shown: Shown) -> Mesh:
    """Return the surface around all that has a label, whichever region has it."""
    plain = encode(shown.annotation)
    _, space = find_atlas(plain)
    row = {"identifier": "1", "parent_identifier": "", "annotation_value": "1"}
    table = pd.DataFrame([row | {"name": "labelled", "abbreviation": "labelled"}])
    name = find_coordinate(plain)
    assert isinstance(name, str)  # find_atlas has looked
    index = AtlasIndex(Terminology.from_dataframe(table), space, name)
    inside = plain.copy(data=(shown.annotation.values != 0).astype(np.uint8))
    carrier = index.create_variables()[name].to_base_variable()
    return mesh_from_labels(inside.drop_vars(name).assign_coords({name: carrier}), 1)


def mz3(mesh: Mesh, shown: Shown, most: int) -> bytes:
    """Return a surface on right, anterior, superior as an MZ3 file, for looking at."""
    vertices, faces = fewer_faces(smoothed(mesh.vertices, mesh.faces), mesh.faces, most)
    dims = [shown.annotation[axis["name"]].dims[0] for axis in shown.axes]
    columns = [mesh.dims.index(dim) for dim in dims]
    signs = np.array([axis["sign"] for axis in shown.axes])
    world = (vertices[:, columns] * signs).astype("<f4")
    # what is mirrored is inside out
    mirrored = np.linalg.det(np.eye(len(ORDER))[columns] * signs) < 0
    turned = (faces[:, ::-1] if mirrored else faces).astype("<i4")
    header = struct.pack("<HHIII", 23117, 3, len(turned), len(world), 0)
    packed: bytes = header + turned.tobytes() + world.tobytes()
    return packed


def smoothed(vertices: FloatArray, faces: IntArray) -> FloatArray:
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


def fewer_faces(vertices: FloatArray, faces: IntArray, most: int) -> tuple[Any, Any]:
    """Merge the vertices in each cell of a grid, coarser until there are few enough faces."""
    cell = 0.0
    while len(faces) > most:
        if not cell:
            a, b, c = (vertices[faces[:, i]] for i in range(3))
            area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
            cell = math.sqrt(area / most)  # a cell that a surface crosses holds about two faces
        places = np.floor((vertices - vertices.min(axis=0)) / cell).astype(np.int64)
        _, where, counts = np.unique(places, axis=0, return_inverse=True, return_counts=True)
        merged = where.reshape(-1)[faces]
        kept = (merged != np.roll(merged, 1, axis=1)).all(axis=1)
        if np.count_nonzero(kept) <= most:
            sums = [np.bincount(where.reshape(-1), vertices[:, i]) for i in range(3)]
            return np.stack(sums, axis=1) / counts[:, None], merged[kept]
        cell *= 1.1
    return vertices, faces
