"""Create custom atlases from arrays or image files and a table of regions."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.atlases.arrays import (
    ArrayVolume,
    grid_of,
    require_on_grid,
    require_volume,
    volume_of_dataarray,
)
from xarray_atlas.atlases.geometry import said
from xarray_atlas.atlases.label_values import as_hemispheres, as_labels, hemispheres_of_labels
from xarray_atlas.coords.build import atlas_coordinates
from xarray_atlas.coords.headers import Geometry
from xarray_atlas.coords.hemispheres import HEMISPHERES
from xarray_atlas.coords.space import Space
from xarray_atlas.errors import GridError, HemisphereError
from xarray_atlas.io.brainglobe.tiff_folder import geometry_beside
from xarray_atlas.io.files.images import is_image, read_image
from xarray_atlas.io.files.terminologies import read_terminology
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.reductions.plausibility import MADE_FROM_LABELS
from xarray_atlas.terminology.lateral import Lateral, Sides

__all__ = ["create_atlas"]


def create_atlas(
    annotation: Any,
    terminology: Any,
    *,
    template: Any = None,
    hemispheres: Any = None,
    hemisphere_values: tuple[int, int] | None = None,
    name: str,
    version: str = "1.0",
    species: str | None = None,
    citation: str | None = None,
    voxel_size: Any = None,
    orientation: str | None = None,
    axcodes: Any = None,
    midline: Any = None,
    lateral: Lateral | None = None,
    chunks: Any = {},  # noqa: B006  # as in xarray: natural chunks
) -> xr.Dataset:
    """Create an atlas from custom labels and a table of their regions.

    Parameters
    ----------
    annotation : DataArray, numpy or dask array, str, path, or image of another library
        A label per voxel, in three dimensions: integers of any type, which is kept, or floats that
        are integers below 2**24. Label 0 and NaN are outside. Supported files are NIfTI (``.nii``,
        ``.nii.gz``, pairs of ``.img`` and ``.hdr``), FreeSurfer's ``.mgz`` and ``.mgh``, NRRD
        (``.nrrd``, ``.nhdr``), MetaImage (``.mha``, ``.mhd``) and TIFF (``.tif``, ``.tiff``);
        images may be of nibabel, SimpleITK or ITK.
    terminology : str or path, table, Terminology, Dataset or DataArray
        The table of regions, or its path or URL: CSV or JSON of BrainGlobe, the Allen Institute,
        BIDS or iblatlas, and others with a column of labels (``id``, ``index``, ``label``, ...) and
        one of names; lists of labels of ITK-SNAP, FreeSurfer, 3D Slicer, FSLeyes, MRtrix and
        MRIcron; the XML of FSL's and SPM's atlases. Tables of pandas, polars, pyarrow and dask; or
        an open atlas with the terminology to use.
    template, hemispheres : like annotation, optional
        On the same grid. Hemispheres are 1 for left, 2 for right, 0 for neither.
    hemisphere_values : (int, int), optional
        The values of left and right in `hemispheres`, if they are not 1 and 2: for example
        ``(1, 0)``. Voxels with other values are in neither hemisphere.
    name : str
        Name of the atlas.
    version, species, citation : str, optional
        Stored in the attributes.
    voxel_size : str, quantity, or one of these an axis, optional
        With a unit: ``"25 um"``, ``["50 um", "25 um", "25 um"]``. Overrides files and coordinates,
        also of the template and the hemispheres.
    orientation : str, optional
        A lower-case letter per axis, for the side on which the *first* voxel lies. ``"asr"`` starts
        at the anterior, superior, right corner. Overrides files.
    axcodes : str or sequence of str, optional
        The same in nibabel's letters, which say where an axis *points*: ``axcodes="RAS"`` is
        ``orientation="lpi"``.
    midline : length, optional
        Position of the midline along the left-right axis, in the coordinates of the result: for a
        file in MNI space ``"0 mm"``. The middle of an array of n voxels is at ``(n - 1) / 2``
        voxels. No default is assumed.
    lateral : str, (str, str), list of (str, str), or list of (int, int), optional
        How to distinguish left and right if they have separate labels: the column of the table that
        gives the hemisphere (``"left"``, ``"L"``, ``"lh"``, ...); the patterns of left and right
        names, such as ``("Left-*", "Right-*")`` or ``("*_L", "*_R")``, or several such pairs; or
        pairs of labels, ``[(left, right), ...]``.
    chunks : int, dict, "auto" or None, default: {}
        Chunks of data read from files; ``{}`` are cubes of 128 voxels (planes for compressed TIFF).
        None reads files immediately, without dask. Arrays are kept unchanged.

    Returns
    -------
    Dataset
        Decoded: ``annotation``, and ``template`` and ``hemispheres`` if there are such, with
        coordinates in mm. The dimensions are z, y and x in the order of the array's axes, as in
        BrainGlobe, or those of a DataArray. If a file has an affine (NIfTI, NRRD and others), the
        coordinates are its world coordinates: mm to the right, anterior and superior, descending if
        the array runs the other way, and ``frame="world"`` is available. Otherwise, and if
        `voxel_size` or `orientation` contradict the header, the first voxel's centre is at 0. The
        coordinates of a DataArray are kept.

    Raises
    ------
    GridError
        If voxel size or orientation are unknown; if a header is oblique; if the volume would be
        longer than 300 mm, or shorter than 0.1 mm along its longest axis; if template or
        hemispheres have another shape, voxel size or orientation; if labels are not integers.
    HemisphereError
        If `hemisphere_values` are not two integers, or hemispheres are missing; if `hemispheres`
        have other values than 0, 1 and 2, without `hemisphere_values`.
    UnitsError
        If `voxel_size` has no unit of length.
    TerminologyError, MissingTerminologyError
        If the table cannot be read, a region in it has the label 0, or `lateral` does not fit it.
    StoreError, StoreFormatError, StoreNotFoundError
        If a file cannot be read.
    ImportError
        If the package for a file format is not installed.

    Notes
    -----
    Uncompressed files are read chunk by chunk as needed. Compressed TIFF is decoded by planes.
    Other compressed files (``.nii.gz``, ``.mgz``, NRRD with gzip) cannot be read in parts: they are
    read completely when the first voxel is needed, and kept in memory. Labels that are floats are
    validated when they are read.

    The table is completed: a background row with label 0 ("Clear Label", "Unknown") is dropped,
    while another region with label 0 is an error; several roots are put below a new one called
    "root"; a missing acronym is replaced by the name. Regions that share an acronym are
    distinguished by " #id" in results.

    With `lateral`, the left and right rows become one region with both labels, and ``hemispheres``
    is computed from the labels. The annotation does not change. Voxels with other labels are left
    or right of `midline` if it is given, and otherwise in neither hemisphere. Given hemispheres
    take precedence. Without any of the three, using a hemisphere is an error.

    Examples
    --------
    >>> import numpy as np, pandas as pd, xarray_atlas
    >>> labels = np.zeros((40, 30, 20), dtype="uint16")
    >>> labels[10:30, 5:25, 3:10] = 1
    >>> labels[10:30, 5:25, 10:17] = 2
    >>> regions = pd.DataFrame(
    ...     {"id": [1, 2, 3], "name": ["cortex right", "cortex left", "ventricle"]}
    ... )
    >>> ds = xarray_atlas.create_atlas(
    ...     labels,
    ...     regions,
    ...     name="mine",
    ...     voxel_size="50 um",
    ...     orientation="asr",
    ...     lateral=("* left", "* right"),
    ... )
    >>> ds.atlas.regions[["acronym", "parent", "labels"]]
         acronym parent  labels
    0       root             ()
    1     cortex   root  (1, 2)
    2  ventricle   root    (3,)
    >>> f"{ds.atlas.volume('cortex', hemisphere='left').item():.3f}"
    '0.350 millimeter ** 3'
    """
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"name is what the atlas is called, a text, not {name!r}")
    table, sides = read_terminology(terminology, f"{name}-terminology", lateral)
    stated = said(voxel_size, orientation, axcodes)
    trusted = stated.voxel_size is None
    volume = _volume("annotation", annotation, chunks, trusted)
    grid = grid_of(volume, stated, midline)
    space = grid.space
    variables = {"annotation": as_labels(volume.data, volume.place)}
    attrs: dict[str, dict[Hashable, Any]] = {"annotation": {"long_name": "region label"}}
    for what, given in (("template", template), ("hemispheres", hemispheres)):
        if given is not None:
            other = _volume(what, given, chunks, trusted, volume)
            require_on_grid(other, grid, stated)
            variables[what] = other.data
            attrs[what] = other.attrs
    if "hemispheres" in variables:
        variables["hemispheres"] = as_hemispheres(
            variables["hemispheres"], _pair(hemisphere_values)
        )
    elif hemisphere_values is not None:
        raise HemisphereError(
            "hemisphere_values= says what hemispheres hold, and hemispheres= is not given"
        )
    elif lateral is not None:
        along = None if midline is None else grid.centres[space.position("ml")]
        variables["hemispheres"] = _sides(variables["annotation"], sides, space, along)
        attrs["hemispheres"] = {
            "long_name": "hemisphere: 1 left, 2 right, 0 neither",
            **MADE_FROM_LABELS,
        }
    known = {"species": species, "citation": citation}
    return xr.Dataset(
        {what: Variable(volume.dims, data, attrs[what]) for what, data in variables.items()},
        coords=atlas_coordinates(table, space, grid.centres),
        attrs={
            "name": name,
            "version": str(version),
            **{key: str(value) for key, value in known.items() if value is not None},
            "orientation": grid.orientation,
            "resolution": _resolution(space),
        },
    )


def _pair(values: tuple[int, int] | None) -> tuple[int, int] | None:
    """Validate the values of left and right given by the user."""
    if values is None:
        return None
    pair = list(values) if isinstance(values, list | tuple | np.ndarray) else []
    if len(pair) != 2 or not all(float(v).is_integer() for v in pair) or pair[0] == pair[1]:
        raise HemisphereError(
            f"hemisphere_values={values!r} are not two integers, that of left and that of right"
        )
    return int(pair[0]), int(pair[1])


def _volume(
    what: str, source: Any, chunks: Any, trusted: bool, like: ArrayVolume | None = None
) -> ArrayVolume:
    if is_image(source):
        image = read_image(source)
        place = f"{what} ({image.place})"
        require_volume(place, image.shape, image.dims[0])
        geometry = image.geometry
        if geometry == Geometry():
            geometry = geometry_beside(image.place) or geometry
        return ArrayVolume(place, image.array(chunks), geometry)
    if isinstance(source, xr.Dataset):
        raise TypeError(f"{what} is one array, not a Dataset; pass a variable of it, ds[{what!r}]")
    if isinstance(source, xr.DataArray):
        return volume_of_dataarray(what, source, like, coordinates=trusted)
    if np.ma.is_masked(source):
        raise GridError(
            f"{what} is a masked array, and what its masked voxels hold is not said; give them a "
            "value first, .filled(0)"
        )
    data = source if isinstance(source, da.Array) else np.asarray(source)
    require_volume(what, data.shape)
    return ArrayVolume(what, data, Geometry())


def _sides(labels: Any, sides: Sides, space: Space, along: FloatArray | None) -> Any:
    """Return the hemisphere of each voxel by its label, or else by the midline."""
    by_label = Variable(space.dims, hemispheres_of_labels(labels, *sides))
    if along is None:
        return by_label.data
    left = space.is_left(along)
    by_midline = np.where(left, HEMISPHERES["left"], HEMISPHERES["right"]).astype(np.uint8)
    dim = space.dims[space.position("ml")]
    return by_label.where(by_label != 0, Variable((dim,), by_midline)).data


def _resolution(space: Space) -> str:
    """Format the voxel size like the level of an OME-Zarr: "25 um", or "50 x 25 x 25 um"."""
    sizes = [f"{size * 1000:g}" for size in space.voxel_size]
    return f"{sizes[0] if len(set(sizes)) == 1 else ' x '.join(sizes)} um"
