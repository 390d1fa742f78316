"""Layers of a napari viewer: template, labels, surfaces and points of an atlas."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, refuse_further
from xarray_atlas.coords.space import AXES
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.points.frames import placement_of
from xarray_atlas.points.lookup import OUTSIDE, look_up
from xarray_atlas.points.tables import Points, read_points
from xarray_atlas.printable import one_line
from xarray_atlas.regions.results import Regions, resolve_regions
from xarray_atlas.regions.surface import mesh_from_labels
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.table import NO_COLOR
from xarray_atlas.viewers.ascending import ascending_grid
from xarray_atlas.viewers.explore_surfaces import smoothed
from xarray_atlas.viewers.explore_volumes import template_of
from xarray_atlas.viewers.neuroglancer_layers import SHELL

__all__ = ["to_napari"]


def to_napari(
    obj: xr.Dataset | xr.DataArray,
    viewer: Any = None,
    regions: Regions | None = None,
    *,
    points: Any = None,
    frame: Any = None,
    unit: Any = None,
    axes: Any = None,
    columns: Mapping[str, str] | None = None,
    template: bool = True,
) -> Any:
    """Add an atlas to a napari viewer, in mm: template, labels, surfaces and points.

    Every layer lies in the coordinates of `obj`, in the order of its dimensions: the world
    coordinates that napari shows are those of ``ds.sel`` and of ``frame="dataset"``.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid. Lazy arrays stay lazy: napari reads
        the planes that it shows.
    viewer : napari.Viewer, optional
        To which the layers are added. By default a new window is opened.
    regions : str, int, Region, or list of these, optional
        Regions to add as surfaces for the 3-D view, made from the voxels of `obj` and smoothed. A
        region that contains another of them is nearly transparent.
    points : table, path, Dataset, DataArray, mapping, or array, optional
        As :func:`region_at` takes them, or what it returns. The layer's features are the region
        and the hemisphere of each point. Where `obj` is a section, points off it are not shown.
    frame, unit, axes, columns : optional
        Of `points`, as :func:`region_at` takes them.
    template : bool, default: True
        Add ``template``, if the Dataset has one.

    Returns
    -------
    napari.Viewer
        `viewer`, or the new one.

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, or the template is on another grid; of surfaces, if a
        spatial dimension is missing.
    PointsError
        If the frame or the axes of the points are not stated.
    RegionNotFoundError, AmbiguousRegionError
        For a region that does not exist, or an acronym that several share.
    ImportError
        If napari is not installed: ``pip install "xarray-atlas[napari]"``.

    Notes
    -----
    The status bar names the region under the pointer. The colors are the atlas's; a label that
    no region has is grey.

    napari draws the first displayed dimension downwards and the second to the right. In
    BrainGlobe's orientation "asr" a coronal section is upright, with the right hemisphere on the
    left. Bring an atlas of another orientation to it with ``ds.atlas.reorient("asr")``.

    Examples
    --------
    >>> import napari, xarray_atlas  # doctest: +SKIP
    >>> ds = xarray_atlas.open_sample("100 um")  # doctest: +SKIP
    >>> viewer = xarray_atlas.to_napari(ds, regions=["RSP", "CA1"])  # doctest: +SKIP
    >>> viewer.layers["RSP"].visible = False  # doctest: +SKIP
    """
    install = '"xarray-atlas[napari]"'
    utils = optional("napari.utils", install, "a napari viewer")
    terminology, _ = find_atlas(obj)
    annotation = annotation_of(obj)
    refuse_further(annotation, "show")
    grid = ascending_grid(annotation, need=0)
    asked = [] if regions is None else resolve_regions(terminology, regions)[0].tolist()
    asked = list(dict.fromkeys(asked))
    image = template_of(obj, annotation) if template else None
    placed = None
    if points is not None:
        placed = read_points(obj, points, frame, unit, None, axes, columns)
        found = look_up(obj, placed)
    nodes = list(terminology)
    surfaces = [(p, mesh_from_labels(annotation, nodes[p])) for p in asked]
    place: dict[str, Any] = {
        "axis_labels": [one_line(dim) for dim in annotation.dims],
        "units": ["mm"] * annotation.ndim,
    }
    # the centre of the first voxel is at `translate`
    voxels = {"scale": list(grid.step), "translate": list(grid.first)}
    if viewer is None:
        viewer = optional("napari", install, "a napari viewer").Viewer()
    if image is not None:
        data = grid.ascending(image)
        viewer.add_image(data, name="template", colormap="gray", **voxels, **place)
    labels = viewer.add_labels(
        grid.ascending(annotation.variable),
        name="annotation",
        colormap=utils.DirectLabelColormap(color_dict=_colors(terminology)),
        features=_features(terminology),
        opacity=0.7 if image is None else 0.4,
        **voxels,
        **place,
    )
    labels.editable = False  # a brush would change the array of `obj`
    above = {int(q) for p in asked for q in terminology.ancestors(p)}
    for position, mesh in surfaces:
        if not mesh.faces.size:
            continue  # no voxel in view
        viewer.add_surface(
            (smoothed(mesh.vertices, mesh.faces), mesh.faces),
            name=one_line(nodes[position].acronym),
            vertex_colors=np.tile(_rgba(terminology.colors[position]), (len(mesh.vertices), 1)),
            opacity=SHELL if position in above else 1.0,
            shading="smooth",
            metadata={"name": nodes[position].name},
            **place,
        )
    if placed is not None:
        at = _positions(obj, placed, annotation)
        features = {
            name: found[name].values.ravel() for name in ("region", "hemisphere") if name in found
        }
        held = found["status"].values.ravel() != OUTSIDE
        viewer.add_points(
            at,
            name="points",
            features=pd.DataFrame(features),
            # in a picture of a section, all points would seem to lie in it
            shown=np.ones(len(at), bool) if annotation.ndim == 3 else held,
            size=2 * min(grid.step),
            face_color="white",
            border_color="black",
            **place,
        )
    return viewer


def _rgba(color: str) -> list[float]:
    return [int((color or NO_COLOR)[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0]


def _colors(terminology: Terminology) -> dict[int | None, Any]:
    """Return the colour of each label; None is the key for all others."""
    found: dict[int | None, Any] = {None: _rgba(NO_COLOR), 0: [0.0] * 4}
    labels, positions = terminology.label_pairs(direct=True)
    # of several regions that share a label it is the first one
    for label, position in zip(labels[::-1].tolist(), positions[::-1].tolist(), strict=True):
        found[label] = _rgba(terminology.colors[position])
    return found


def _features(terminology: Terminology) -> pd.DataFrame:
    """Return the table by which napari names labels: those of its column "index"."""
    labels, positions = terminology.label_pairs(direct=True)
    table = pd.DataFrame(
        {
            "index": labels,
            "region": [one_line(a) for a in terminology.acronyms[positions]],
            "name": [one_line(name) for name in terminology.names[positions]],
        }
    )
    return table.drop_duplicates("index", ignore_index=True)


def _positions(
    obj: xr.Dataset | xr.DataArray, points: Points, annotation: xr.DataArray
) -> FloatArray:
    """Return positions of points in mm along an annotation's dimensions, shape (n, ndim)."""
    placed = placement_of(obj, points.frame).place(points.stacked())
    _, space = find_atlas(annotation)
    axis_of: dict[Hashable, int] = {}
    for i, axis in enumerate(AXES):
        name = space.coordinate(annotation, axis)
        if name is not None:
            axis_of |= dict.fromkeys(annotation.coords[name].dims, i)
    columns = np.array([axis_of[dim] for dim in annotation.dims])
    return placed[:, columns]
