"""A link to the atlas in neuroglancer, a viewer in the browser that reads the store itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
import xarray as xr
import zarr
from xarray import Variable
from xarray.core import indexing

from xarray_atlas.atlases.stored import stored_labels
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, lengths
from xarray_atlas.coords.space import AXES, Space
from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import (
    GridError,
    ParcellationError,
    StoreError,
    StoreFormatError,
    StoreNotFoundError,
)
from xarray_atlas.io.brainglobe.components import open_part
from xarray_atlas.io.brainglobe.manifest import Manifest, read_manifest
from xarray_atlas.io.files.meshes import mesh_folder
from xarray_atlas.io.zarr.addresses import without_secrets
from xarray_atlas.io.zarr.arrays import ImageArray, LabelArray
from xarray_atlas.io.zarr.checked_store import was_refused
from xarray_atlas.io.zarr.ome_zarr import Multiscale, read_multiscale
from xarray_atlas.io.zarr.stores import open_group, options_of, protocol, read_bytes
from xarray_atlas.kernels.greys import grey_limits
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.regions.properties import region_properties
from xarray_atlas.regions.results import Regions, resolve_regions
from xarray_atlas.terminology import Terminology
from xarray_atlas.viewers.neuroglancer_layers import (
    ViewerState,
    image_layer,
    labels_layer,
    precomputed_source,
    surface_layers,
)
from xarray_atlas.viewers.neuroglancer_view import mesh_transform, view

__all__ = ["BASE", "neuroglancer_url", "point_and_extent"]

BASE = "https://neuroglancer-demo.appspot.com/"

Options = Mapping[str, Any] | None


def neuroglancer_url(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    *,
    template: bool = True,
    meshes: bool = True,
    base: str = BASE,
) -> str:
    """Return a link that shows the atlas and some of its regions in neuroglancer.

    The page reads the store from which the atlas was opened, and so shows what is in the store:
    all of its resolutions, and all of the volume. It opens at a point of the first region, at the
    size of all, with the regions and their descendants chosen, in the atlas's colours.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas that was opened from a URL (``s3://``, ``gs://``, ``https://``, ``http://``), or
        a part of one, in which the point lies then.
    regions : str, int, Region, or list of these, optional
        By acronym, full name, or id (int). Without any all regions are shown.
    template : bool, default: True
        Show the template, if the Dataset or its manifest states its location.
    meshes : bool, default: True
        Show surfaces and names, if they are stored next to the annotation.
    base : str, default: "https://neuroglancer-demo.appspot.com/"
        URL of a neuroglancer of version 2.41 or newer.

    Returns
    -------
    str
        The URL, with the whole state of the page as JSON behind ``#!``.

    Raises
    ------
    StoreError
        If a browser cannot read the store, as a path on this machine or data in memory; or
        if it cannot be reached from here.
    GridError
        If no region has a voxel in this part of the atlas, or the voxels are not those in the
        store: on the grid of an image, or said to be of another size.
    ParcellationError
        For a parcellation, as its labels differ from those in the store.
    RegionNotFoundError, AmbiguousRegionError
        For a region that does not exist, or an acronym that several share.

    Notes
    -----
    To find the point, the annotation is read as by :func:`region_properties`, which caches the
    result: open a coarse level if that takes long, the page still shows the others. In addition
    the manifest and the metadata of the pyramid are read; for the template, its metadata and
    one plane of its coarsest level (for the range of grey values); for meshes, one small file.

    Labels that were changed after the atlas was opened are not shown.

    Positions are in the coordinates of the finest level: a voxel's centre is where the store's
    OME-Zarr metadata put it, which is what neuroglancer does too. Stored meshes
    begin at the outer corner of the volume, half a voxel before its first centre; the state moves
    them there.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_atlas("allen_mouse_100um")  # doctest: +SKIP
    >>> xarray_atlas.neuroglancer_url(ds, ["RSP"])  # doctest: +SKIP
    'https://neuroglancer-demo.appspot.com/#!%7B%22dimensions%22:...'
    """
    terminology, space = find_atlas(obj)
    annotation = annotation_of(obj)
    wanted = [] if regions is None else resolve_regions(terminology, regions)[0].tolist()
    positions = list(dict.fromkeys(wanted))
    _check_atlas(terminology, space)
    array = stored_labels(annotation)
    place = _place(obj, array)
    options = None if array is None else options_of(array.array.store)
    url = _browser_url(place, options)
    manifest = _manifest(obj, options)
    group = open_group(place, options)
    if "stated_voxel_size" in obj.attrs:
        raise GridError(
            f"neuroglancer reads the voxel size from the store, and the metadata of {place} do not "
            "say it, so that voxel_size= was stated. Save the atlas with ds.atlas.save(path), "
            "serve that folder, and make the link of it"
        )
    # not the orientation of the space, which may have changed
    unsaid = None if manifest is None else manifest.orientation
    multiscale = read_multiscale(group, place, unsaid)
    _check_voxels(space, multiscale, array)
    point, extent = point_and_extent(annotation, terminology, space, positions)
    image = _template(obj, manifest, options) if template else []
    names, surfaces = _beside(place, multiscale, options) if meshes else ([], None)
    sources = [_zarr(url, group), *names]
    state = {
        **view(multiscale, *_in_store(point, extent, space, multiscale)),
        "layers": [
            *image,
            labels_layer(terminology, positions, sources, template=bool(image)),
            *([] if surfaces is None else surface_layers(terminology, positions, surfaces)),
        ],
        "selectedLayer": {"layer": "annotation", "visible": True},
        "showSlices": surfaces is None,  # else they hide a part of the surfaces
        "layout": "4panel",
    }
    text = json.dumps(state, separators=(",", ":"))
    return f"{base.partition('#')[0]}#!{quote(text, safe='/:,')}"


# -- the store


def _check_atlas(terminology: Terminology, space: Space) -> None:
    if terminology.parcels is not None:
        raise ParcellationError(
            "neuroglancer shows the labels in the store, which are not those of a parcellation; "
            "make the link of the atlas that was parcellated, with the regions of a parcel"
        )
    if space.atlas is not None:
        raise GridError(
            "neuroglancer shows the atlas as it is stored, not on the grid of an image; make the "
            "link of the atlas that was brought onto it"
        )


def _place(obj: xr.Dataset | xr.DataArray, array: LabelArray | None) -> str:
    """Return the URL or path of the annotation's OME-Zarr."""
    place = obj.attrs.get("source") if array is None else array.group_place
    if place is None:
        raise StoreError(
            f"nothing says where the labels of this {type(obj).__name__} are stored: they are in "
            "memory, or were never in a store. A browser reads an atlas from a URL: save it with "
            "ds.atlas.save(path), serve the folder, and open it by its URL. Of an atlas that was "
            "opened from one, pass the Dataset, whose attributes say the source"
        )
    return str(place)


def _browser_url(place: str, options: Options) -> str:
    """Return a place as neuroglancer writes it."""
    kind, _, rest = place.partition("://")
    kind = protocol(place) and kind
    if kind in ("s3", "s3a"):
        said = options or {}
        server = said.get("endpoint_url") or (said.get("client_kwargs") or {}).get("endpoint_url")
        if not server:
            return f"s3://{quote(rest)}"
        return f"s3+{without_secrets(str(server)).rstrip('/')}/{quote(rest)}"
    if kind in ("gs", "gcs"):
        return f"gs://{quote(rest)}"
    if kind in ("http", "https"):
        return quote(place, safe="%/:@!$&'()*+,;=~")
    raise StoreError(
        f"a browser cannot read {place}. Open the atlas from where a browser can, a bucket or a "
        "web server: for example open_atlas(name, root='s3://brainglobe/atlas'), or serve the "
        "folder over HTTP, with an Access-Control-Allow-Origin header (CORS), and open "
        "open_atlas('http://localhost:8000/...')"
    )


def _check_voxels(space: Space, multiscale: Multiscale, array: LabelArray | None) -> None:
    """Raise an error where positions cannot be told from those in the store."""
    at = _axes(space, multiscale)
    size = [space.voxel_size[i] for i in at]
    if not any(level.has_voxels_of(size) for level in multiscale.levels):
        there = ", ".join(level.resolution for level in multiscale.levels)
        said = " x ".join(f"{1000 * value:g}" for value in size)
        raise GridError(
            f"the voxels of this atlas are said to be of {said} um, but {multiscale.place} has "
            f"{there}, which is what neuroglancer shows; make the link of the atlas as it was "
            "opened"
        )
    if array is not None and space.shape and tuple(space.shape[i] for i in at) != array.shape:
        raise GridError(
            f"this atlas has another shape than its source {array.place}, so that "
            "positions in one are not those in the other; make the link of the atlas as it was "
            "opened"
        )


def _axes(space: Space, multiscale: Multiscale) -> list[int]:
    """Return which axis of the space is each axis of the store."""
    axes = [
        next(a for a, both in AXES.items() if letter in both) for letter in multiscale.orientation
    ]
    return [space.position(axis) for axis in axes]


# -- the point


def point_and_extent(
    annotation: xr.DataArray, terminology: Terminology, space: Space, positions: list[int]
) -> tuple[FloatArray, FloatArray]:
    """Return a point of the first region and the extent of all, in mm along the space's axes."""
    names = space.coordinates(annotation)
    point, extent = np.empty(3), np.empty(3)
    dims: dict[int, Any] = {}
    for axis, name in names.items():
        at = space.position(axis)
        size = space.voxel_size[at]
        whole = space.corner[at] + size * np.array([0, space.shape[at] if space.shape else 1])
        values = whole if name is None else lengths(annotation, name)
        point[at] = (values.min() + values.max()) / 2
        extent[at] = values.max() - values.min() + size
        if name is not None and annotation.coords[name].ndim:
            dims[at] = str(annotation.coords[name].dims[0])
    if not positions:
        return point, extent
    found = region_properties(annotation, terminology.distinct_acronyms[positions].tolist())
    there = np.flatnonzero(found.voxels.values > 0)
    if not there.size:
        raise GridError(
            f"none of {', '.join(terminology.distinct_acronyms[positions])} has a voxel in this "
            "part of the atlas, at this resolution: there is no point to look at"
        )
    for at, dim in dims.items():
        one = found.sel(axis=dim).isel(region=there)
        point[at] = to_mm(one.representative_point.variable).values[0]
        box = to_mm(one.bounding_box.variable).values
        extent[at] = box.max() - box.min()
    flat = [at for at in range(3) if at not in dims]
    extent[flat] = 0
    return point, extent


def _in_store(
    point: FloatArray, extent: FloatArray, space: Space, multiscale: Multiscale
) -> tuple[FloatArray, FloatArray]:
    """Return a point and an extent along the store's axes, in coordinates of its finest level.

    Levels lie on one another where their outer corners do, also in stores that do not say so.
    """
    found, order = np.empty(3), _axes(space, multiscale)
    level = multiscale.finest
    for i, at in enumerate(order):
        inside = point[at] - space.corner[at]
        if space.orientation[at] != multiscale.orientation[i]:
            inside = space.voxel_size[at] * space.shape[at] - inside
        found[i] = level.translation[i] - level.scale[i] / 2 + inside
    return found, extent[order]


# -- components stored next to


def _zarr(url: str, group: zarr.Group) -> str:
    return f"{url}/|zarr{group.metadata.zarr_format}:"


def _manifest(obj: xr.Dataset | xr.DataArray, options: Options) -> Manifest | None:
    place = obj.attrs.get("manifest")
    return None if place is None else read_manifest(str(place), options)


def _template(
    obj: xr.Dataset | xr.DataArray, manifest: Manifest | None, options: Options
) -> list[ViewerState]:
    """Return the layer of the template, if the attributes or the manifest have its address."""
    place = obj.attrs.get("template_url")
    if place is not None:
        group = open_group(str(place), options)
    elif manifest is not None and manifest.template is not None:
        place, group = open_part(manifest.template, options)
    else:
        return []
    multiscale = read_multiscale(group, str(place))
    source = _zarr(_browser_url(str(place), options), group)
    return [image_layer(source, _limits(group, multiscale))]


def _limits(group: zarr.Group, multiscale: Multiscale) -> tuple[float, float] | None:
    """Return the range of grey values, by the middle plane of the coarsest level."""
    coarsest = max(multiscale.levels, key=lambda level: float(np.prod(level.scale)))
    array = ImageArray(group, coarsest.path, multiscale.place, multiscale.axes)
    volume = Variable(multiscale.dims, indexing.LazilyIndexedArray(array))
    return grey_limits(volume[array.shape[0] // 2].values)


def _beside(
    place: str, multiscale: Multiscale, options: Options
) -> tuple[list[ViewerState], ViewerState | None]:
    """Return the source of the regions' names, and that of surfaces and names, where stored."""
    folder = mesh_folder(place).rpartition("/")[0]
    try:
        info = json.loads(read_bytes(f"{folder}/info", options))
        has = {part for part in ("mesh", "segment_properties") if info.get(part)}
    except StoreNotFoundError:
        return [], None
    except StoreError as error:
        if not was_refused(error):
            raise
        return [], None  # as for missing objects in a bucket that may not be listed
    except (AttributeError, RecursionError, ValueError) as error:
        raise StoreFormatError(f"{folder}/info cannot be read: {error}") from error
    url, transform = _browser_url(folder, options), mesh_transform(multiscale)
    properties = ["properties"] if "segment_properties" in has else []
    names = [precomputed_source(url, transform, properties)] if properties else []
    if "mesh" not in has:
        return names, None
    return names, precomputed_source(url, transform, ["mesh", *properties])
