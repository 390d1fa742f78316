"""An atlas shown by neuroglancer's own server, on this machine."""

from __future__ import annotations

import json
import struct
import weakref
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, refuse_further
from xarray_atlas.io.zarr.axes import Axes
from xarray_atlas.io.zarr.ome_zarr import Level, Multiscale
from xarray_atlas.kernels.greys import grey_limits
from xarray_atlas.optional import optional
from xarray_atlas.printable import one_line
from xarray_atlas.regions.results import Regions, resolve_regions
from xarray_atlas.regions.surface import Mesh, mesh_from_labels
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.table import NO_COLOR
from xarray_atlas.viewers.ascending import AscendingGrid, ascending_grid
from xarray_atlas.viewers.explore_surfaces import smoothed
from xarray_atlas.viewers.explore_volumes import template_of
from xarray_atlas.viewers.neuroglancer import point_and_extent
from xarray_atlas.viewers.neuroglancer_layers import SHELL, image_layer, labels_layer
from xarray_atlas.viewers.neuroglancer_view import view

__all__ = ["neuroglancer"]

_PIXELS = {np.dtype(kind) for kind in ("u1", "i1", "u2", "i2", "u4", "i4", "f4")}
"""The types of images that neuroglancer draws; others are brought to float32."""

_FILES: weakref.WeakKeyDictionary[Any, dict[str, bytes]] = weakref.WeakKeyDictionary()
"""Files that are served next to the volumes of each viewer, by path."""

_SERVERS: weakref.WeakSet[Any] = weakref.WeakSet()
"""Servers that have the handler of these files."""


def neuroglancer(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    *,
    template: bool = True,
) -> Any:
    """Show an atlas in neuroglancer, served from this process to a browser on this machine.

    Unlike the link of :func:`neuroglancer_url` it shows `obj` itself: a local store, a part of an
    atlas, a parcellation, or labels in memory. Page and data come from the server of neuroglancer's
    Python package, which listens on the loopback address only.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid, of three dimensions. Chunks that are
        looked at are read when they are; nothing is copied.
    regions : str, int, Region, or list of these, optional
        By acronym, full name, or id (int): they and their descendants are chosen among the
        labels, and their surfaces are made from the voxels of `obj`. A region around others is
        nearly transparent. Without any all labels are shown, and no surface.
    template : bool, default: True
        Show ``template``, if the Dataset has one.

    Returns
    -------
    neuroglancer.Viewer
        Its text is the URL to open; a notebook shows a link. Keep it: the data are served as
        long as it exists. ``neuroglancer.stop()`` stops the server.

    Raises
    ------
    GridError
        If a spatial dimension is missing or unevenly spaced, the template is on another grid, or
        no region has a voxel in `obj`.
    RegionNotFoundError, AmbiguousRegionError
        For a region that does not exist, or an acronym that several share.
    ImportError
        If neuroglancer is not installed: ``pip install "xarray-atlas[neuroglancer]"``.

    Notes
    -----
    Positions are coordinates of `obj`, in voxels of its grid: times the voxel size they are those
    of ``ds.sel``. Farther out neuroglancer shows every second, fourth, ... voxel of the labels.

    The viewer is neuroglancer's own: ``viewer.txn()`` changes what it shows, and
    ``viewer.state.position`` says where it is.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> viewer = xarray_atlas.neuroglancer(ds, ["RSP", "CA1"])  # doctest: +SKIP
    >>> print(viewer)  # doctest: +SKIP
    http://127.0.0.1:41337/v/fe9c1b9f2e6a4a0d/
    """
    ng = optional("neuroglancer", '"xarray-atlas[neuroglancer]"', "a neuroglancer viewer")
    terminology, space = find_atlas(obj)
    annotation = annotation_of(obj)
    refuse_further(annotation, "show")
    grid = ascending_grid(annotation)
    asked = [] if regions is None else resolve_regions(terminology, regions)[0].tolist()
    asked = list(dict.fromkeys(asked))
    image = template_of(obj, annotation) if template else None
    point, extent = point_and_extent(annotation, terminology, space, asked)
    nodes = list(terminology)
    surfaces = {p: mesh_from_labels(annotation, nodes[p]) for p in asked}

    names = [one_line(dim) for dim in grid.dims]
    # a voxel covers the unit interval after its index, and its centre is at the coordinate
    corner = [a / s - 0.5 for a, s in zip(grid.first, grid.step, strict=True)]
    metres = [s * 1e-3 for s in grid.step]
    voxels = ng.CoordinateSpace(names=names, units="m", scales=metres)
    place = ng.CoordinateSpaceTransform(
        output_dimensions=voxels, matrix=np.column_stack([np.eye(3), corner])
    )
    nanometres = ng.CoordinateSpaceTransform(
        output_dimensions=ng.CoordinateSpace(names=names, units="m", scales=[1e-9] * 3)
    )

    def volume(data: Any, kind: str, dtype: np.dtype[Any]) -> Any:
        served = ng.LocalVolume(_Lazy(data, dtype), dimensions=voxels, volume_type=kind)
        shown = {"default": True, "bounds": True}  # without the surface of each label
        return ng.LayerDataSource(
            url=served, transform=place, subsources=shown, enable_default_subsources=False
        )

    viewer = ng.Viewer()
    files = _serve(ng, viewer)
    address = f"{ng.server.get_server_url()}/xarray_atlas/{viewer.token}"
    labels = grid.ascending(annotation.variable)
    with viewer.txn() as state:
        looking = view(_as_multiscale(grid, names), *_along(grid, annotation, point, extent))
        dimensions = looking.pop("dimensions")
        state.dimensions = ng.CoordinateSpace(
            names=list(dimensions), units="m", scales=[size for size, _ in dimensions.values()]
        )
        if image is not None:
            data = grid.ascending(image)
            dtype = data.dtype.newbyteorder("=")
            kind = dtype if dtype in _PIXELS else np.dtype("f4")
            limits = grey_limits(np.asarray(data[data.shape[0] // 2]))
            layer = {k: v for k, v in image_layer("", limits).items() if k != "source"}
            state.layers["template"] = ng.ImageLayer(layer)
            state.layers["template"].source = [volume(data, "image", kind)]
        files |= _names("names", terminology)
        layer = labels_layer(terminology, asked, [], template=image is not None)
        state.layers["annotation"] = ng.SegmentationLayer(
            {k: v for k, v in layer.items() if k != "source"}
        )
        wide = np.dtype("u8" if labels.dtype.itemsize > 4 else "u4")
        state.layers["annotation"].source = [
            volume(labels, "segmentation", wide),
            ng.LayerDataSource(url=f"precomputed://{address}/names"),
        ]
        above = {int(q) for p in asked for q in terminology.ancestors(p)}
        for name, alpha in (("surfaces", 1.0), ("around", SHELL)):
            chosen = [p for p in asked if (p in above) == (alpha < 1) and surfaces[p].faces.size]
            if not chosen:
                continue
            files |= _surfaces(name, chosen, surfaces, terminology)
            state.layers[name] = ng.SegmentationLayer(
                source=[
                    ng.LayerDataSource(url=f"precomputed://{address}/{name}", transform=nanometres)
                ],
                segments=[p + 1 for p in chosen],
                segment_colors={p + 1: terminology.colors[p] or NO_COLOR for p in chosen},
                object_alpha=alpha,
            )
        for key, value in looking.items():
            setattr(state, _SNAKE[key], value)
        state.show_slices = not surfaces
        state.layout = "4panel"
        state.selected_layer.layer = "annotation"
        state.selected_layer.visible = True
    return viewer


_SNAKE = {
    "position": "position",
    "crossSectionScale": "cross_section_scale",
    "crossSectionOrientation": "cross_section_orientation",
    "projectionScale": "projection_scale",
    "projectionOrientation": "projection_orientation",
}
"""Names of the parts of the state in neuroglancer's Python package."""


class _Lazy:
    """An array that returns plain numpy arrays of a dtype supported by neuroglancer."""

    def __init__(self, data: Any, dtype: np.dtype[Any]) -> None:
        self._data = data
        self.dtype = dtype
        self.shape = data.shape

    def __getitem__(self, item: Any) -> Any:
        return np.ascontiguousarray(np.asarray(self._data[item]), dtype=self.dtype)

    def transpose(self) -> Any:
        """Return the whole array, from which neuroglancer computes surfaces of labels."""
        return self[...].transpose()


def _as_multiscale(grid: AscendingGrid, names: list[str]) -> Multiscale:
    """Describe the grid as if it were stored."""
    units = ("mm",) * 3
    axes = Axes(tuple(names), (0, 1, 2), units, units, "".join(grid.orientation))
    return Multiscale("", "0.5", axes, (Level("0", grid.step, grid.first),))


def _along(grid: AscendingGrid, annotation: xr.DataArray, *values: Any) -> list[Any]:
    """Return numbers along the axes of the space in the order of the dimensions."""
    _, space = find_atlas(annotation)
    order = [space.orientation.index(letter) for letter in grid.orientation]
    return [value[order] for value in values]


# -- served next to the volumes: names, and surfaces


def _names(folder: str, terminology: Terminology) -> dict[str, bytes]:
    """Return the acronym and the name of each label, as neuroglancer reads them."""
    labels, positions = terminology.label_pairs(direct=True)
    of_label = dict(zip(labels[::-1].tolist(), positions[::-1].tolist(), strict=True))
    return _properties(folder, of_label, terminology)


def _properties(
    folder: str, positions: dict[int, int], terminology: Terminology, **info: Any
) -> dict[str, bytes]:
    ids = sorted(positions)
    columns = (("label", terminology.acronyms), ("description", terminology.names))
    inline = {
        "ids": [str(i) for i in ids],
        "properties": [
            {"id": kind, "type": kind, "values": [one_line(text[positions[i]]) for i in ids]}
            for kind, text in columns
        ],
    }
    about = {"@type": "neuroglancer_segment_properties", "inline": inline}
    return {f"{folder}/info": json.dumps(about).encode()}


def _surfaces(
    folder: str, positions: list[int], surfaces: dict[int, Mesh], terminology: Terminology
) -> dict[str, bytes]:
    """Return surfaces as neuroglancer's legacy meshes, named, with the segment 1 + position."""
    properties = _properties("properties", {p + 1: p for p in positions}, terminology)
    about = {"@type": "neuroglancer_legacy_mesh", "segment_properties": "properties"}
    files = {f"{folder}/{path}": content for path, content in properties.items()}
    files[f"{folder}/info"] = json.dumps(about).encode()
    for position in positions:
        mesh = surfaces[position]
        vertices = smoothed(mesh.vertices, mesh.faces) * 1e6
        files[f"{folder}/{position + 1}:0"] = json.dumps({"fragments": [str(position)]}).encode()
        files[f"{folder}/{position}"] = (
            struct.pack("<I", len(vertices))
            + vertices.astype("<f4").tobytes()
            + mesh.faces.astype("<u4").tobytes()
        )
    return files


def _serve(ng: Any, viewer: Any) -> dict[str, bytes]:
    """Have the server of a viewer serve a dictionary of files; return it.

    neuroglancer 2.41 serves volumes and skeletons from Python, but neither names nor surfaces of
    regions. Its server is a tornado application, to which applications may add; the module
    variable that holds it is not documented. It can go when `LocalVolume` takes these.
    """
    web = optional("tornado.web", '"xarray-atlas[neuroglancer]"', "a neuroglancer viewer")
    server = ng.server.global_server

    class Files(web.RequestHandler):  # type: ignore[misc, name-defined]
        def get(self, token: str, path: str) -> None:
            known = server.viewers.get(token)
            content = _FILES.get(known, {}).get(path) if known is not None else None
            if content is None:
                self.send_error(404)
                return
            self.finish(content)

    if server not in _SERVERS:
        server.app.add_handlers(".*", [(r"/xarray_atlas/(\w+)/(.+)", Files)])
        _SERVERS.add(server)
    return _FILES.setdefault(viewer, {})
