"""Coordinate transformations of OME-Zarr 0.6 (RFC-5), as ngff-zarr writes them.

A transformation maps points of its ``input`` coordinate system to its ``output``. It stands in the
metadata of a group: of an image (``multiscales``), of several images (``scene``) or by itself
(``coordinateTransformations``). Coordinates are in the order of the axes of a coordinate
system, each with its unit and, by RFC-4, its anatomical orientation. ngff-zarr leaves
out both where it was not told; then they are asked for.

The points of the transform are those coordinates in mm, with their sign turned on an axis that
runs to the left, posterior or inferior. (ngff-zarr itself, converting to ITK, counts such an axis
from the image's translation: there an image's origin keeps its numbers, and not that of space.)
"""

from __future__ import annotations

import os
import posixpath
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import zarr

from xarray_atlas.coords.units import unit_factor
from xarray_atlas.coords.world import ras_matrix
from xarray_atlas.errors import TransformError
from xarray_atlas.io.transforms.lazy_shifts import Component, lazy_shifts
from xarray_atlas.io.transforms.ngff_maps import Field, Map, maps_of, spatial_part
from xarray_atlas.io.zarr.axes import LETTERS
from xarray_atlas.io.zarr.ome_zarr import metadata_of
from xarray_atlas.io.zarr.stores import locate, open_group
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.steps import AffineStep, FieldStep, Step, merged
from xarray_atlas.transforms.transform import Transform

__all__ = ["is_rfc5", "read_rfc5"]

SPACES = {"LPS": {"x": "r", "y": "a", "z": "i"}, "RAS": {"x": "l", "y": "p", "z": "i"}}
"""The side from which each axis runs, of worlds that a caller names."""


def is_rfc5(path: Any) -> bool:
    """Return whether a path is a local zarr group with transforms between coordinate systems."""
    if not isinstance(path, str | os.PathLike) or not os.path.isdir(path):
        return False
    if not os.path.isfile(os.path.join(path, "zarr.json")):
        return False
    return bool(_transformations(metadata_of(open_group(path))))


def read_rfc5(
    path: Any,
    *,
    source: str | None = None,
    target: str | None = None,
    space: str | None = None,
    unit: str | None = None,
    axes: str | None = None,
) -> Transform:
    """Read a coordinate transformation of OME-Zarr 0.6.

    Parameters
    ----------
    path : str, path, zarr store or group
        A group whose metadata has coordinate transformations.
    source, target : str, optional
        The names of two coordinate systems, "image/system" of a scene. Needed where there are more
        than two; the transformations between them are chained.
    space : "LPS" or "RAS", optional
        Where the axes do not say their orientation: whether x, y and z run to the left, posterior
        and superior, as of ITK and ANTs, or to the right, anterior and superior, as of NIfTI.
    unit : str, optional
        Of coordinates, if the axes do not state it.
    axes : str, optional
        The names of the axes in their order, such as "zyx", where the document has no coordinate
        systems.

    Returns
    -------
    Transform
        Between the two coordinate systems, by their names.

    Raises
    ------
    TransformError
        If there is none, or the choice or its axes are unknown.
    """
    document = _Document(open_group(path), locate(path))
    route = _route(document, source, target)
    start, end = route[0].input, route[-1].output
    systems = [document.system(ref, axes, unit, space) for ref in (start, end)]
    first, last = systems
    to_first = first.to_ras()
    steps: list[Step] = []
    for edge in route:
        maps = document.maps(edge, len(first.kinds))
        own = spatial_part(maps, first.spatial, len(first.kinds), document.place)
        found = merged([step for each in own for step in _steps(each, to_first)])
        if edge.backwards:
            back = Transform(found, End("a"), End("b")).inverse()
            found = back.steps
        steps += found
    steps.append(AffineStep(last.to_ras() @ np.linalg.inv(to_first)))
    return Transform(merged(steps), End(str(start)), End(str(end)))


def _steps(each: Map, to_ras: FloatArray) -> list[Step]:
    """Return a map between the numbers of coordinate systems as a step between RAS mm.

    The coordinate systems within a chain have no axes of their own that count: they are
    all turned as the first one.
    """
    if not isinstance(each, Field):
        return [AffineStep(to_ras @ each @ np.linalg.inv(to_ras))]
    index = np.diag([*each.scale, 1.0])
    index[:3, 3] = each.first
    components = []
    for row in to_ras[:3, :3]:
        axis = int(np.flatnonzero(row)[0])
        own = (axis, each.first[axis], each.scale[axis]) if each.positions else None
        components.append(Component(each.data[axis], float(row[axis]), own))
    return [FieldStep(lazy_shifts(components, each.data.chunks[1:]), to_ras @ index, "error")]


@dataclass(frozen=True)
class _Ref:
    """A coordinate system as a transformation names it."""

    path: str
    name: str

    def __str__(self) -> str:
        return f"{self.path}/{self.name}" if self.path else self.name

    @classmethod
    def of(cls, given: Any, base: str) -> _Ref:
        if isinstance(given, str):
            return cls(base, given)
        given = given if isinstance(given, Mapping) else {}
        return cls(str(given.get("path") or base), str(given.get("name") or ""))


@dataclass(frozen=True)
class _Edge:
    """A transformation between two coordinate systems; `base` is the path of its group."""

    input: _Ref
    output: _Ref
    given: Mapping[str, Any]
    base: str
    backwards: bool = False

    def reversed(self) -> _Edge:
        """Return the same transformation the other way, of a bijection the one it states."""
        if self.given.get("type") == "bijection":
            return _Edge(self.output, self.input, self.given["inverse"], self.base)
        return _Edge(self.output, self.input, self.given, self.base, True)


@dataclass(frozen=True)
class _System:
    """The axes of a coordinate system.

    Parameters
    ----------
    kinds : tuple of str
        The type of each axis.
    spatial : tuple of int
        The positions of those of space.
    letters : str
        The side from which each of these runs.
    factors : tuple of float
        Their units, in mm.
    """

    kinds: tuple[str, ...]
    spatial: tuple[int, ...]
    letters: str
    factors: tuple[float, ...]

    def to_ras(self) -> FloatArray:
        """Return the matrix from coordinates of space to RAS mm."""
        return np.asarray(ras_matrix(self.letters) @ np.diag([*self.factors, 1.0]), np.float64)


class _Document:
    """The metadata of a group, and the arrays below it."""

    def __init__(self, group: zarr.Group, place: str) -> None:
        self.group, self.place = group, place
        self.edges: list[_Edge] = []
        self._systems: dict[_Ref, Sequence[Mapping[str, Any]]] = {}
        self._read(metadata_of(group), "")
        for path in sorted({ref.path for edge in self.edges for ref in (edge.input, edge.output)}):
            if path:
                self._read(metadata_of(self._group(path)), path)

    def _read(self, metadata: Mapping[str, Any], base: str) -> None:
        for holder in _holders(metadata):
            for system in holder.get("coordinateSystems") or ():
                self._systems[_Ref(base, str(system["name"]))] = system["axes"]
        for given in _transformations(metadata):
            ends = [_Ref.of(given.get(side, side), base) for side in ("input", "output")]
            self.edges.append(_Edge(ends[0], ends[1], given, base))

    def _group(self, path: str) -> zarr.Group:
        node = self._node(path)
        if not isinstance(node, zarr.Group):
            raise TransformError(f"{self.place}/{path} is not a group of an image")
        return node

    def _node(self, path: str) -> Any:
        parts = posixpath.normpath(path)
        if parts in (".", ""):
            return self.group
        if parts.startswith(("..", "/")):
            raise TransformError(f"{self.place} refers to {path!r}, outside of itself")
        try:
            return self.group[parts]
        except KeyError as error:
            raise TransformError(
                f"{self.place} refers to {path!r}, which it does not hold"
            ) from error

    def maps(self, edge: _Edge, count: int) -> list[Map]:
        """Return the maps of a transformation."""
        return maps_of(edge.given, count, _Below(self, edge.base), self.place)

    def system(self, ref: _Ref, names: str | None, unit: str | None, space: str | None) -> _System:
        """Return the axes of a coordinate system, completed by the caller's parameters."""
        known = self._systems.get(ref)
        axes = known if known is not None else [{"name": name} for name in names or ""]
        if known is None and names is None:
            raise TransformError(
                f"{self.place} does not describe the coordinate system {str(ref)!r}; say what its "
                "axes are, in their order: axes='zyx'"
            )
        kinds = tuple(str(axis.get("type") or "space") for axis in axes)
        spatial = tuple(i for i, kind in enumerate(kinds) if kind == "space")
        if len(spatial) != 3:
            raise TransformError(f"{ref} of {self.place} has {len(spatial)} axes of space, not 3")
        own = [axes[i] for i in spatial]
        factors = tuple(self._factor(axis, ref, unit) for axis in own)
        return _System(kinds, spatial, self._letters(own, ref, space), factors)

    def _factor(self, axis: Mapping[str, Any], ref: _Ref, unit: str | None) -> float:
        stated = axis.get("unit") or unit
        if stated is None:
            raise TransformError(
                f"axis {axis.get('name')!r} of {str(ref)!r} in {self.place} has no unit; say in "
                "which unit its coordinates are: unit='mm' or unit='micrometer'"
            )
        return float(unit_factor(stated))

    def _letters(self, axes: Sequence[Mapping[str, Any]], ref: _Ref, space: str | None) -> str:
        letters = []
        for axis in axes:
            said = axis.get("orientation")
            if isinstance(said, Mapping):
                text = str(said.get("value") or said.get("direction"))
                letters.append(LETTERS.get(text.partition("-to-")[0], ""))
            elif space is not None and space not in SPACES:
                raise ValueError(f"space={space!r} is not one of {list(SPACES)}")
            else:
                letters.append(SPACES[space].get(str(axis.get("name")), "") if space else "")
        if not all(letters):
            names = [axis.get("name") for axis in axes]
            raise TransformError(
                f"the axes {names} of {str(ref)!r} in {self.place} do not all say their anatomical "
                "orientation. Say in which world x, y and z are: space='LPS' (to the left, "
                "posterior and superior, as of ITK and ANTs) or space='RAS' (to the right, "
                "anterior and superior, as of NIfTI)"
            )
        return "".join(letters)


@dataclass(frozen=True)
class _Below:
    """The arrays below one group of a document."""

    document: _Document
    base: str

    def _path(self, path: str) -> str:
        return posixpath.join(self.base, path) if self.base else path

    def array(self, path: str) -> Any:
        """Return an array, lazily."""
        found = self.document._node(self._path(path))
        if not isinstance(found, zarr.Array):
            raise TransformError(f"{self.document.place}/{path} is not an array")
        # a name that no other opening has
        name = f"{posixpath.basename(path)}-{uuid.uuid4().hex}"
        return da.from_array(found, chunks=found.chunks, name=name)

    def image(self, path: str) -> tuple[Any, list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the finest array of an image, its axes, and what places its voxels."""
        path = posixpath.normpath(path)
        node = self.document._node(self._path(path))
        outer = path if isinstance(node, zarr.Group) else posixpath.dirname(path)
        while True:
            inner = path[len(outer) :].strip("/")
            for multiscale in metadata_of(self.document._group(self._path(outer))).get(
                "multiscales", ()
            ):
                for dataset in multiscale["datasets"]:
                    if inner in ("", dataset["path"]):
                        own = list(dataset.get("coordinateTransformations") or ())
                        array = self.array(posixpath.join(outer, dataset["path"]))
                        return array, _axes_of(multiscale, own), own
            if not outer:
                break
            outer = posixpath.dirname(outer)
        raise TransformError(
            f"{self.document.place}/{path} is a field without the metadata of an image, so that "
            "it is not known where its voxels lie"
        )


def _axes_of(multiscale: Mapping[str, Any], own: Sequence[Mapping[str, Any]]) -> Any:
    systems = multiscale.get("coordinateSystems") or ()
    output = own[0].get("output") if own else None
    name = output.get("name") if isinstance(output, Mapping) else output
    matching = [system for system in systems if system["name"] == name] or list(systems)
    return matching[0]["axes"] if matching else multiscale.get("axes") or ()


def _holders(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the parts of a group's metadata that may have coordinate systems."""
    scene = metadata.get("scene")
    found = [metadata, *(metadata.get("multiscales") or ())]
    return [*found, scene] if isinstance(scene, Mapping) else found


def _transformations(metadata: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the transformations between coordinate systems, without those of 0.4 and 0.5."""
    _, *others = _holders(metadata)
    listed = [each for holder in others for each in _listed(holder)]
    # a separate one need not name its ends
    return [*_listed(metadata), *(each for each in listed if "input" in each and "output" in each)]


def _listed(holder: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    given = holder.get("coordinateTransformations")
    return [each for each in given if isinstance(each, Mapping)] if isinstance(given, list) else []


def _route(document: _Document, start: str | None, end: str | None) -> list[_Edge]:
    """Return the transformations from one coordinate system to another, the fewest there are."""
    edges = document.edges
    if not edges:
        raise TransformError(
            f"{document.place} has no coordinate transformations between coordinate systems "
            "(RFC-5, OME-Zarr 0.6)"
        )
    if start is None and end is None and len(edges) == 1:
        return edges
    names = sorted({str(ref) for edge in edges for ref in (edge.input, edge.output)})
    if start is None or end is None or start == end or {start, end} - set(names):
        listed = ", ".join(f"{edge.input} to {edge.output}" for edge in edges)
        raise TransformError(
            f"{document.place} has {len(edges)} coordinate transformations ({listed}); say between "
            f"which coordinate systems: source= and target=, two of {names}"
        )
    both = [each for edge in edges for each in (edge, edge.reversed())]
    reached: dict[str, list[_Edge]] = {start: []}
    queue = deque([start])
    while queue and end not in reached:
        here = queue.popleft()
        for edge in both:
            if str(edge.input) == here and str(edge.output) not in reached:
                reached[str(edge.output)] = [*reached[here], edge]
                queue.append(str(edge.output))
    if end not in reached:
        raise TransformError(f"no transformations of {document.place} lead from {start} to {end}")
    return reached[end]
