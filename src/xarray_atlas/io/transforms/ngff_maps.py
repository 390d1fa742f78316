"""OME-Zarr's coordinate transformations, one by one, as matrices and displacement fields.

As RFC-5 (OME-Zarr 0.6) defines them: parameters are in the order of the axes of the coordinate
system; an affine is the upper N rows of its matrix, the translation last; ``mapAxis`` names for
each output axis its input axis; a sequence applies its first entry first; the i-th component of a
field belongs to the i-th axis, and is added to the point (``displacements``) or is the point
itself (``coordinates``). A field lies where the ``coordinateTransformations`` of its own image
put its voxels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import dask.array as da
import numpy as np

from xarray_atlas.errors import TransformError
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["Field", "Map", "Nodes", "maps_of", "spatial_part"]

FIELDS = {"displacements": "displacement", "coordinates": "coordinate"}
"""The types of transformation that are arrays, and the type of the axis of their components."""


@dataclass(frozen=True)
class Field:
    """A field between the axes of a coordinate system, in its numbers.

    Parameters
    ----------
    data : dask array of shape (n, ...)
        A component for each axis, first.
    scale, first : tuple of float
        The distance between voxels along each axis, and the position of the first one.
    positions : bool
        Whether it has the mapped positions instead of displacements.
    """

    data: Any
    scale: tuple[float, ...]
    first: tuple[float, ...]
    positions: bool


Map = FloatArray | Field
"""One of the maps that are applied in turn: a homogeneous matrix, or a field."""


class Nodes(Protocol):
    """The store with the arrays of a transformation."""

    def array(self, path: str) -> Any:
        """Return an array, lazily."""
        ...

    def image(self, path: str) -> tuple[Any, list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the finest array of the image at a path, its axes, and its transformations."""
        ...


def maps_of(transformation: Mapping[str, Any], count: int, nodes: Nodes, place: str) -> list[Map]:
    """Return the maps of a transformation, in the order in which they are applied.

    Parameters
    ----------
    transformation : mapping
        As the document has it.
    count : int
        How many axes its coordinate systems have.
    nodes : Nodes
    place : str
        The document, for errors.

    Raises
    ------
    TransformError
        If it is of a kind that maps no points of `count` axes to as many, or is damaged.
    """
    kind = transformation.get("type")
    try:
        return _maps(kind, transformation, count, nodes, place)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, TransformError):
            raise
        raise TransformError(
            f"the transformation {kind!r} in {place} is damaged: {error}"
        ) from error


def _maps(kind: Any, given: Mapping[str, Any], count: int, nodes: Nodes, place: str) -> list[Map]:
    if kind == "identity":
        return [np.eye(count + 1)]
    if kind in ("scale", "translation"):
        return [_matrix(count, **{kind: _vector(given[kind], count)})]
    if kind in ("affine", "rotation"):
        values = given.get(kind)
        if values is None:
            values = np.asarray(nodes.array(given["path"]))
        return [_linear(np.asarray(values, np.float64), count, str(kind))]
    if kind == "mapAxis":
        axes = [int(axis) for axis in given["mapAxis"]]
        if sorted(axes) != list(range(count)):
            raise ValueError(f"mapAxis {axes} is not an order of {count} axes")
        return [_matrix(count, linear=np.eye(count)[axes])]
    if kind == "sequence":
        parts = [maps_of(part, count, nodes, place) for part in given["transformations"]]
        return [each for part in parts for each in part]
    if kind == "bijection":
        return maps_of(given["forward"], count, nodes, place)
    if kind == "byDimension":
        return _by_dimension(given, count, nodes, place)
    if kind in FIELDS:
        return [_field(str(kind), given, count, nodes)]
    raise TransformError(
        f"{place} has a transformation of the type {kind!r}; read are identity, scale, "
        "translation, rotation, affine, mapAxis, sequence, bijection, byDimension, displacements "
        "and coordinates"
    )


def _vector(values: Any, count: int) -> FloatArray:
    found = np.asarray(values, np.float64)
    if found.shape != (count,):
        raise ValueError(f"it has {found.size} numbers for {count} axes")
    return found


def _matrix(
    count: int, linear: Any = None, scale: Any = None, translation: Any = None
) -> FloatArray:
    matrix = np.eye(count + 1)
    if linear is not None:
        matrix[:count, :count] = linear
    if scale is not None:
        matrix[:count, :count] = np.diag(scale)
    if translation is not None:
        matrix[:count, count] = translation
    return matrix


def _linear(values: FloatArray, count: int, kind: str) -> FloatArray:
    wanted = (count, count + 1) if kind == "affine" else (count, count)
    if values.shape != wanted:
        raise ValueError(f"it is {values.shape}, and {wanted} for {count} axes")
    if kind == "rotation":
        return _matrix(count, linear=values)
    return _matrix(count, linear=values[:, :count], translation=values[:, count])


def _by_dimension(given: Mapping[str, Any], count: int, nodes: Nodes, place: str) -> list[Map]:
    matrix = np.zeros((count + 1, count + 1))
    matrix[count, count] = 1
    fields: list[Map] = []
    made: list[int] = []
    for item in given["transformations"]:
        # ngff-zarr 0.43 wrote input_axes
        rows = [int(axis) for axis in item.get("outputAxes", item.get("output_axes"))]
        columns = [int(axis) for axis in item.get("inputAxes", item.get("input_axes"))]
        if len(rows) != len(columns):
            raise ValueError(f"byDimension maps {len(columns)} axes to {len(rows)}")
        parts = maps_of(item["transformation"], len(rows), nodes, place)
        if any(isinstance(part, Field) for part in parts):
            if rows != list(range(count)) or columns != rows:
                raise TransformError(
                    f"{place} has a field of displacements for some of the axes only (byDimension)"
                )
            fields = parts
            made += rows
            continue
        block = np.eye(len(rows) + 1)
        for part in parts:
            block = np.asarray(part) @ block
        matrix[np.ix_(rows, columns)] = block[:-1, :-1]
        matrix[rows, count] = block[:-1, -1]
        made += rows
    if sorted(made) != list(range(count)):
        raise ValueError(f"byDimension gives the axes {sorted(made)} of {count}")
    return fields or [matrix]


def _field(kind: str, given: Mapping[str, Any], count: int, nodes: Nodes) -> Field:
    interpolation = given.get("interpolation") or "linear"
    if interpolation != "linear":
        raise TransformError(
            f"the field at {given['path']!r} asks for {interpolation} interpolation; fields are "
            "interpolated linearly here"
        )
    array, axes, own = nodes.image(given["path"])
    at = [i for i, axis in enumerate(axes) if axis.get("type") == FIELDS[kind]]
    if len(at) != 1 or array.ndim != count + 1 or array.shape[at[0]] != count:
        raise ValueError(
            f"the field at {given['path']!r} has the shape {array.shape} and axes of the types "
            f"{[axis.get('type') for axis in axes]}; it needs one of the type {FIELDS[kind]!r} "
            f"and length {count}, and {count} others"
        )
    matrix = np.eye(count + 2)
    for transformation in own:
        for part in maps_of(transformation, count + 1, nodes, "the field"):
            matrix = np.asarray(part) @ matrix
    left = [i for i in range(count + 1) if i != at[0]]
    block = matrix[np.ix_(left, left)]
    scale, first = np.diag(block), matrix[left, count + 1]
    if not np.array_equal(block, np.diag(scale)) or not np.all(scale > 0):
        raise ValueError(f"the voxels of the field at {given['path']!r} do not lie along its axes")
    data = da.moveaxis(array, at[0], 0) if at[0] else array
    return Field(data, tuple(scale.tolist()), tuple(first.tolist()), kind == "coordinates")


def spatial_part(maps: Sequence[Map], spatial: Sequence[int], count: int, place: str) -> list[Map]:
    """Return the same maps of the spatial axes alone.

    Parameters
    ----------
    maps : sequence of Map
    spatial : sequence of int
        The positions of the axes of space, among `count`.
    count : int
        How many axes there are.
    place : str
        The document, for errors.

    Returns
    -------
    list of Map

    Raises
    ------
    TransformError
        If the mapped position depends on time or channels.
    """
    if list(spatial) == list(range(count)):
        return list(maps)
    rest = [i for i in range(count) if i not in spatial]
    found: list[Map] = []
    for each in maps:
        if isinstance(each, Field) or np.any(each[np.ix_(spatial, rest)]):
            raise TransformError(
                f"the transformation in {place} mixes axes of space with others, and maps no "
                "points of space alone"
            )
        at = [*spatial, count]
        found.append(each[np.ix_(at, at)])
    return found
