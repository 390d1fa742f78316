"""Surface meshes of regions, from the store or else computed from the labels."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pint
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, lengths
from xarray_atlas.coords.space import AXES, Space
from xarray_atlas.coords.units import to_mm
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.errors import (
    MissingTerminologyError,
    StoreError,
    StoreFormatError,
    TerminologyError,
)
from xarray_atlas.io.brainglobe.layout import find_terminology, load_terminology
from xarray_atlas.io.files.meshes import StoredMesh, read_mesh
from xarray_atlas.io.zarr.arrays import LabelArray
from xarray_atlas.io.zarr.checked_store import was_refused
from xarray_atlas.io.zarr.stores import has_neighbours, locate, options_of, protocol
from xarray_atlas.kernels.spacing import TOLERANCE, same_lengths
from xarray_atlas.reductions.stored import stored_array
from xarray_atlas.regions.framed import columns_of
from xarray_atlas.regions.results import Regions
from xarray_atlas.regions.surface import Mesh, mesh_from_labels, position_of_one
from xarray_atlas.terminology import Terminology
from xarray_atlas.transforms.registration import (
    atlas_names,
    checked_transform,
    towards_atlas,
)
from xarray_atlas.transforms.steps import how_inverted
from xarray_atlas.transforms.warped_frames import frame_on_grid

__all__ = ["mesh"]


def mesh(
    obj: xr.Dataset | xr.DataArray,
    region: Regions,
    hemisphere: str | None = None,
    frame: Any = None,
    transform: Any = None,
) -> Mesh:
    """Return the surface of a region, with its descendants, as triangles in mm.

    For a whole atlas that :func:`open_atlas` opened lazily from BrainGlobe's layout, it is the
    stored mesh. Otherwise it is computed from the labels: for a part of an atlas, for labels in
    memory or derived from the store's, for one hemisphere, with a terminology in which the region
    has other labels, if the voxel size differs from the store's, on the grid of an image, and if no
    mesh is stored.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid.
    region : str, int or Region
        By acronym, full name, or id (int).
    hemisphere : "left" or "right", optional
        Only that hemisphere. A voxel on the midline is left.
    frame : str, Frame or (4, 4) array, optional
        The frame of the vertices, along its axes and in its unit: a name in ``ds.atlas.frames``,
        such as "ibl", or a Frame. A matrix maps its positions (mm, in the order of
        ``ds.atlas.space.dims``) to the Dataset. By default they are coordinates of the Dataset.
    transform : Transform, optional
        Between the atlas and another space, such as a registered image, in either direction: the
        vertices are then points of that space, in mm along the axes of the transform's end. A
        transform to the atlas is inverted, including its fields.

    Returns
    -------
    Mesh
        ``vertices`` in mm, in the coordinates of `obj` and in the order of its dimensions (or in
        `frame`), and ``faces``. Its ``source`` gives the origin. Without vertices if the region has
        neither voxels nor a stored mesh.

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, a spatial dimension is missing, or the position of the
        frame in the Dataset is unknown.
    PointsError
        If there is no such frame.
    TransformError
        If it is unknown which end of `transform` is the atlas, or a vertex has no inverse.
    RegionNotFoundError, AmbiguousRegionError
        If a region does not exist, or several share the acronym.
    HemisphereError
        If left and right cannot be distinguished.
    StoreError
        If the store cannot be reached, or its mesh is incomplete.
    ImportError
        If DracoPy, which decodes stored meshes, or scikit-image, which computes the others, is not
        installed: ``pip install "xarray-atlas[mesh]"``.
    TypeError
        For a list of regions.

    Warns
    -----
    UserWarning
        If the store has a mesh in an unsupported form, or does not say whether it has one (like a
        bucket that may be read but not listed). It is then computed from the labels.

    Notes
    -----
    A stored mesh is the same at every resolution, and was computed at one by the authors of the
    atlas. Twenty meshes that BrainGlobe's packager computed from the Allen labels at 50 um enclose
    1.3 % less to 0.2 % more than the voxels of 50 um, and up to 10 % more or less than those of 100
    um.

    A mesh from labels encloses exactly the volume of the voxels. Marching cubes [1]_ puts a vertex
    between each voxel of the region and each neighbour outside. Vertices midway, at the voxel
    boundary, would cut off corners: in the packaged sample at 100 um, 83 % of the volume of a
    single voxel, in the median 10 % for regions of 100 to 300 voxels, 2.7 % for 1000 to 3000 and
    0.3 % for more than 10000; far more for thin sheets. Therefore all vertices are moved outwards
    by the same fraction of a voxel, until the surface encloses the volume of the voxels. Nothing is
    smoothed. The fraction is 0.41 for a single voxel, never more, and 0.08, 0.04 and 0.013 in the
    median of those sizes. Flat parts of the surface lie that far outside the voxels, and neighbours
    overlap.

    References
    ----------
    .. [1] W. E. Lorensen and H. E. Cline, "Marching cubes: a high resolution 3D surface
       construction algorithm", SIGGRAPH 1987, doi 10.1145/37402.37422.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> rsp = xarray_atlas.mesh(ds, "RSP")
    >>> rsp
    <Mesh 'RSP': 6134 vertices, 12248 faces, 10.17 mm**3>
        in mm along z, y, x; from labels, 0.1 x 0.1 x 0.1 mm (z, y, x)
    >>> f"{rsp.volume:.3f}", f"{ds.atlas.volume('RSP').item():.3f}"
    ('10.174 millimeter ** 3', '10.174 millimeter ** 3')
    >>> rsp.vertices.min(axis=0).round(3)
    array([5.973, 0.173, 2.973])

    In micrometres of the Allen CCF:

    >>> xarray_atlas.mesh(ds, "RSP", frame="allen").vertices.min(axis=0).round()
    array([5998.,  198., 2998.])
    """
    found = _stored(obj, region) if hemisphere is None else None
    if found is None:
        found = mesh_from_labels(obj, region, hemisphere)
    if transform is not None:
        if frame is not None:
            raise ValueError(
                "frame= puts the vertices into a frame of the atlas, and transform= into another "
                "space; pass one of them"
            )
        return _through(found, obj, transform)
    return found if frame is None else _in_frame(found, obj, frame)


def _through(found: Mesh, obj: xr.Dataset | xr.DataArray, transform: Any) -> Mesh:
    checked = checked_transform(transform)
    to_atlas = towards_atlas(checked, atlas_names(obj))
    from_atlas = to_atlas.inverse(**how_inverted(checked.steps)).bind(source=obj)
    columns = columns_of(annotation_of(obj), [str(dim) for dim in found.dims])
    vertices = from_atlas.points(found.vertices[:, columns])
    end = from_atlas.target
    return dataclasses.replace(found, vertices=vertices, dims=end.axes, frame=end.name)


def _in_frame(found: Mesh, obj: xr.Dataset | xr.DataArray, frame: Any) -> Mesh:
    placed = frame_on_grid(obj, frame)
    chosen = placed.frame
    columns = columns_of(annotation_of(obj), [str(dim) for dim in found.dims])
    vertices = placed.from_dataset(found.vertices[:, columns])
    unit, name = chosen.unit, chosen.name
    return dataclasses.replace(found, vertices=vertices, dims=chosen.axes, unit=unit, frame=name)


def _stored(obj: xr.Dataset | xr.DataArray, region: Regions) -> Mesh | None:
    """Return the stored mesh of the region, if the annotation is read unchanged from a store."""
    annotation = annotation_of(obj)
    terminology, space = find_atlas(obj)
    position = position_of_one(terminology, region)
    labels = terminology.labels_of(position, direct=True)
    source = stored_array(annotation.variable._data)
    if labels.size != 1 or not isinstance(source, LabelArray) or not _is_whole(annotation, space):
        return None
    if space.atlas is not None:  # resampled onto another grid, to which stored meshes do not apply
        return None
    # stored meshes are in nanometres: if the atlas was given another voxel size (by create_atlas
    # with voxel_size=), their size would differ from that of the voxels
    if source.voxel_size is None or not np.allclose(
        source.voxel_size, space.voxel_size, rtol=TOLERANCE, atol=0
    ):
        return None
    store, place = source.array.store, source.group_place
    if not has_neighbours(store, place):
        return None
    options = options_of(store)
    try:
        found = read_mesh(place, int(labels[0]), options)
        if found is None:
            return None
        own = _own_terminology(place, obj.attrs.get("terminology_url"), options)
    except (StoreFormatError, StoreError) as error:
        if isinstance(error, StoreError) and not was_refused(error):
            raise
        warnings.warn(
            f"the stored mesh is not used, the surface is made from the labels: {error}",
            UserWarning,
            stacklevel=find_stack_level(),
        )
        return None
    if own is None or not _same_labels(own, terminology, position):
        return None
    acronym = str(terminology.acronyms[position])
    vertices = _in_space(found, space)
    return Mesh(vertices, found.faces, annotation.dims, acronym, None, found.place)


def _is_whole(annotation: xr.DataArray, space: Space) -> bool:
    """Return whether the coordinates are those of the whole volume, as it was opened."""
    for axis in AXES:
        name, at = space.coordinate(annotation, axis), space.position(axis)
        if name is None or annotation.coords[name].dims != annotation.dims[at : at + 1]:
            return False
        size, count = space.voxel_size[at], annotation.shape[at]
        centres = space.corner[at] + size * (np.arange(count) + 0.5)
        if not same_lengths(lengths(annotation, name), centres, TOLERANCE * size):
            return False
    return True


def _in_space(found: StoredMesh, space: Space) -> Any:
    """Convert stored vertices, xyz from the corner of the volume, to the Dataset's coordinates."""
    nanometres = pint.get_application_registry().Quantity(found.vertices, "nanometer")
    return np.asarray(space.corner) + to_mm(nanometres)[:, ::-1]


def _own_terminology(
    place: str, url: str | None, options: Mapping[str, Any] | None
) -> Terminology | None:
    """Load the terminology with which the meshes of a store were computed."""
    try:
        return find_terminology(place, options)
    except (MissingTerminologyError, TerminologyError):
        pass
    except StoreError as error:
        if not was_refused(error):
            raise
    if url is None:
        return None
    # options are the store's: another file system would not know them
    same = protocol(locate(url)) == protocol(place)
    try:
        return load_terminology(url, options if same else None)
    except (MissingTerminologyError, TerminologyError):
        return None


def _same_labels(own: Terminology, other: Terminology, position: int) -> bool:
    """Return whether a region with one label has the same labels in two terminologies."""
    labels, regions = own.label_pairs(direct=True)
    (label,) = other.labels_of(position, direct=True)
    return any(
        np.array_equal(own.labels_of(int(region)), other.labels_of(position))
        for region in regions[labels == label]
    )
