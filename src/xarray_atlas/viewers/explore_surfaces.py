"""Surfaces as the interactive page shows them: of few faces, smoothed, as files."""

from __future__ import annotations

import functools
import struct

import numpy as np
import pandas as pd

from xarray_atlas.coords.atlas_index import AtlasIndex, find_atlas, find_coordinate
from xarray_atlas.coords.encoding import encode
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.regions.surface import BoolArray, Mesh, mesh_from_labels
from xarray_atlas.terminology import Terminology
from xarray_atlas.viewers.explore_volumes import PageAtlas, coarser

__all__ = ["around", "mz3", "smoothed", "surface_of"]

ROUNDS = 10
"""Of smoothing: the steps of the voxels go, the shape stays."""


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
    # what is mirrored is inside out
    mirrored = np.linalg.det(np.eye(3)[columns] * signs) < 0
    faces = (mesh.faces[:, ::-1] if mirrored else mesh.faces).astype("<i4")
    header = struct.pack("<HHIII", 23117, 3, len(faces), len(world), 0)
    packed: bytes = header + faces.tobytes() + world.tobytes()
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
