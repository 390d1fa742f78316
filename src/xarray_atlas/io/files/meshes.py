"""Stored meshes: neuroglancer's "neuroglancer_multilod_draco", as BrainGlobe lays them out.

The format is described in neuroglancer's ``src/datasource/precomputed/meshes.md``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from xarray_atlas.errors import StoreError, StoreFormatError, StoreNotFoundError
from xarray_atlas.io.zarr.stores import read_bytes
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional

__all__ = ["StoredMesh", "mesh_folder", "read_mesh"]

FOLDER = "annotations.precomputed/mesh"
KIND = "neuroglancer_multilod_draco"


class StoredMesh(NamedTuple):
    """A stored surface.

    Attributes
    ----------
    vertices : float64 array of shape (n, 3)
        x, y and z in nanometres, from the outer corner of the volume.
    faces : int64 array of shape (m, 3)
    place : str
        The URL or path of its file.
    """

    vertices: FloatArray
    faces: Int64s
    place: str


def mesh_folder(place: str) -> str:
    """Return the location of the meshes of an annotation.

    Examples
    --------
    >>> mesh_folder("s3://b/atlas/annotation-sets/x-annotation/2017_0/annotations.ome.zarr")
    's3://b/atlas/annotation-sets/x-annotation/2017_0/annotations.precomputed/mesh'
    """
    return f"{place.replace(os.sep, '/').rpartition('/')[0]}/{FOLDER}"


def read_mesh(
    place: str, segment: int, storage_options: Mapping[str, Any] | None = None
) -> StoredMesh | None:
    """Read the finest stored mesh of a label and its descendants, in three requests.

    Parameters
    ----------
    place : str
        The URL or path of the annotation.
    segment : int
        The label.
    storage_options : mapping, optional
        For fsspec.

    Returns
    -------
    StoredMesh or None
        None if there is no stored mesh of that label.

    Raises
    ------
    StoreFormatError
        If it is not a mesh of this format; sharded ones are not supported.
    StoreError
        If it cannot be read or is incomplete.
    ImportError
        If DracoPy is not installed.
    """
    folder = mesh_folder(place)
    file = f"{folder}/{segment}"
    try:
        info = _Info.read(read_bytes(f"{folder}/info", storage_options), folder)
        index = read_bytes(f"{file}.index", storage_options)
    except StoreNotFoundError:
        return None
    manifest = _Manifest.read(index, f"{file}.index")
    try:
        content = read_bytes(file, storage_options)
    except StoreNotFoundError as error:
        raise StoreError(
            f"{file}.index is there, but not the mesh that it lists: {error}"
        ) from error
    if len(content) != manifest.size:
        raise StoreError(
            f"{file} has {len(content)} bytes, but {file}.index lists {manifest.size}: it is not "
            "complete, or of another version"
        )
    vertices, faces = _finest(content, manifest, info.bits, file)
    return StoredMesh(vertices @ info.transform[:, :3].T + info.transform[:, 3], faces, file)


@dataclass(frozen=True)
class _Info:
    """The properties of all meshes of a folder.

    Attributes
    ----------
    bits : int
        Of each component of a vertex within a fragment.
    transform : float64 array of shape (3, 4)
        From the stored coordinates to nanometres.
    """

    bits: int
    transform: FloatArray

    @classmethod
    def read(cls, content: bytes, folder: str) -> _Info:
        try:
            info = json.loads(content)
            kind, sharding = info.get("@type"), info.get("sharding")
            bits = int(info.get("vertex_quantization_bits", 0))
            transform = np.asarray(info.get("transform", np.eye(3, 4)), np.float64).reshape(3, 4)
        except (AttributeError, RecursionError, TypeError, ValueError) as error:
            raise StoreFormatError(f"{folder}/info cannot be read: {error}") from error
        if kind != KIND or sharding is not None:
            what = f"of type {kind!r}" if kind != KIND else "sharded"
            raise StoreFormatError(
                f"the meshes in {folder} are {what}; only unsharded {KIND} is read"
            )
        if not 1 <= bits <= 32 or not np.all(np.isfinite(transform)):
            raise StoreFormatError(
                f"{folder}/info has malformed vertex_quantization_bits or transform"
            )
        return cls(bits, transform)


@dataclass(frozen=True)
class _Manifest:
    """The parts of a mesh: fragments, each of a node of an octree, here of the finest level.

    Attributes
    ----------
    shape : float64 array of 3
        The extent of a node, in stored coordinates.
    origins : float64 array of shape (fragments, 3)
        The corner of each node.
    sizes : tuple of int
        The bytes of each fragment; they lie at the beginning of the file, one after the other.
    size : int
        The bytes of the file, with the coarser levels of detail.
    """

    shape: FloatArray
    origins: FloatArray
    sizes: tuple[int, ...]
    size: int

    @classmethod
    def read(cls, content: bytes, place: str) -> _Manifest:
        try:
            shape, origin = np.frombuffer(content, "<f4", 6).astype(np.float64).reshape(2, 3)
            (levels,) = np.frombuffer(content, "<u4", 1, 24).tolist()
            # behind the scale of each level of detail
            offsets = np.frombuffer(content, "<f4", 3 * levels, 28 + 4 * levels)
            counts = np.frombuffer(content, "<u4", levels, 28 + 16 * levels).tolist()
            # for each level of detail: x, y and z of all nodes, then the bytes of all fragments
            table = np.frombuffer(content, "<u4", 4 * sum(counts), 28 + 20 * levels)
        except ValueError as error:
            raise StoreFormatError(f"{place} ends early: {error}") from error
        if not levels or not counts[0] or len(content) != 28 + 20 * levels + table.nbytes:
            raise StoreFormatError(f"{place} is not the index of a mesh")
        parts = np.split(table, 4 * np.cumsum(counts)[:-1])
        positions = parts[0][: 3 * counts[0]].reshape(3, counts[0]).T
        sizes = [part[3 * n :].tolist() for part, n in zip(parts, counts, strict=True)]
        return cls(
            shape,
            origin + offsets[:3] + shape * positions,
            tuple(sizes[0]),
            sum(sum(level) for level in sizes),
        )


def _finest(
    content: bytes, manifest: _Manifest, bits: int, place: str
) -> tuple[FloatArray, Int64s]:
    """Decode the fragments of the finest level of detail and join them."""
    draco = optional("DracoPy", '"xarray-atlas[mesh]"', f"the mesh {place}")
    vertices, faces, at, count = [], [], 0, 0
    for size, origin in zip(manifest.sizes, manifest.origins, strict=True):
        fragment, at = content[at : at + size], at + size
        if not fragment:
            continue  # a node without faces
        try:
            decoded = draco.decode(fragment)
            points = np.asarray(decoded.points).reshape(-1, 3)
            corners = np.asarray(decoded.faces, np.int64).reshape(-1, 3)
        except Exception as error:  # DracoPy's own, and of clouds of points that have no faces
            raise StoreFormatError(f"{place} cannot be decoded: {error}") from error
        vertices.append(_in_stored_space(points, origin, manifest.shape, bits, place))
        faces.append(corners + count)
        count += len(points)
    if len(vertices) < 2:
        return (vertices[0], faces[0]) if vertices else (np.empty((0, 3)), np.empty((0, 3), int))
    # adjacent fragments have separate copies of common vertices
    joined, places = np.unique(np.concatenate(vertices), axis=0, return_inverse=True)
    return joined, places.reshape(-1)[np.concatenate(faces)]


def _in_stored_space(
    points: Any, origin: FloatArray, shape: FloatArray, bits: int, place: str
) -> FloatArray:
    """Return the vertices of a fragment in stored coordinates.

    By the format they are integers within the fragment's node. BrainGlobe's packager has draco
    itself quantize them to those integers, and draco gives them back in stored coordinates.
    """
    last = 2**bits - 1
    if points.dtype.kind in "ui" or (
        np.all(points == np.round(points)) and np.all((points >= 0) & (points <= last))
    ):
        placed: FloatArray = origin + shape * (points / last)
        return placed
    found = np.asarray(points, np.float64)
    step = shape / last
    if not np.all((found >= origin - step) & (found <= origin + shape + step)):
        raise StoreFormatError(
            f"{place} has vertices outside of the node that its index gives them"
        )
    return found
