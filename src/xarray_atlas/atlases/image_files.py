"""Open images of other programs as DataArrays in the world coordinates of their files."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import xarray as xr
import zarr
import zarr.abc.store
from xarray import Variable
from xarray.core import indexing

from xarray_atlas.atlases.arrays import SAME_SIZE
from xarray_atlas.atlases.geometry import check_extent, combine, said
from xarray_atlas.coords.headers import Geometry
from xarray_atlas.coords.image_coordinates import axis_positions, image_coordinates
from xarray_atlas.coords.world import world_coordinates
from xarray_atlas.errors import GridError
from xarray_atlas.io.files.images import Image, is_image, is_image_file, read_image
from xarray_atlas.io.zarr.stored_image import StoredImage, open_stored_image
from xarray_atlas.io.zarr.stores import is_url, locate
from xarray_atlas.io.zarr.zips import ENDINGS, is_zip, split_archive
from xarray_atlas.reductions.read_layer import as_opened

__all__ = ["open_image"]

LIMITS = (1e-3, 2000.0)
"""In mm: the longest axis of an image, from one of a few cells to one of a whole body."""


ENDS = (".zarr", *ENDINGS)
"""Of the names of stores."""


def open_image(
    source: Any,
    *,
    voxel_size: Any = None,
    orientation: str | None = None,
    axcodes: Any = None,
    resolution: Any = None,
    chunks: Any = {},  # noqa: B006  # as in xarray: natural chunks
    storage_options: Mapping[str, Any] | None = None,
) -> xr.DataArray:
    """Open an image as a DataArray in the world coordinates of its file, lazily.

    Parameters
    ----------
    source : str, path, zarr store or group, or image of another library
        A file of NIfTI (``.nii``, ``.nii.gz``, pairs of ``.img`` and ``.hdr``), FreeSurfer
        (``.mgz``, ``.mgh``), NRRD (``.nrrd``, ``.nhdr``), MetaImage (``.mha``, ``.mhd``), TIFF or
        OME-TIFF (``.tif``, ``.tiff``); the path or URL of an OME-Zarr image; or an image of
        nibabel, SimpleITK or ITK.
    voxel_size : str, quantity, or one of these an axis, optional
        With a unit: ``"25 um"``, ``["50 um", "25 um", "25 um"]``. Overrides the file; for OME-Zarr
        without units it is that of the finest level.
    orientation : str, optional
        A lower-case letter per spatial axis, for the side on which the *first* voxel lies.
        ``"asr"`` starts at the anterior, superior, right corner. Overrides the file.
    axcodes : str or sequence of str, optional
        The same in nibabel's letters, which say where an axis *points*: ``axcodes="RAS"`` is
        ``orientation="lpi"``.
    resolution : str, quantity or int, optional
        For OME-Zarr, the level: its voxel size, index or path. By default the finest.
    chunks : int, dict, "auto" or None, default: {}
        By dimension. ``{}`` are cubes of 128 voxels, or as many whole frames or planes as have that
        many voxels; for OME-Zarr the store's chunks. None opens without dask: files are read
        immediately. Images in memory remain numpy arrays.
    storage_options : mapping, optional
        For OME-Zarr at a URL, passed to fsspec.

    Returns
    -------
    DataArray
        Its spatial dimensions come last, named z, y and x in the order of the file's axes (for
        OME-Zarr as in the store), after ``time``, ``channel``, ``component`` or the like, if longer
        than one. The spatial coordinates are those of the file in mm, with units and the attribute
        ``direction``, and descending if the file's axis runs the other way. ``time`` has the unit
        of the file in ``attrs["units"]``. The scalar coordinate ``world`` marks them as world
        coordinates, in RAS mm, and holds the rotation of an oblique affine. If a file does not give
        its orientation the coordinates start at 0 and have no direction; without a voxel size there
        are none.

    Raises
    ------
    GridError
        If a header is damaged; if the image would be longer than 2 m; if `orientation` is given but
        the voxel size is unknown.
    UnitsError
        If `voxel_size` has no unit of length.
    ResolutionNotFoundError
        If there is no such level.
    StoreError, StoreFormatError, StoreNotFoundError
        If it cannot be read.
    ImportError
        If the package for the format is not installed: ``pip install "xarray-atlas[files]"``.

    See Also
    --------
    create_atlas : An atlas of a label image and a table of its regions.
    resample_like : An atlas on the grid of an image.
    aggregate : One number for each region.

    Notes
    -----
    *Reading.* Opening reads the header. A chunk of an uncompressed file or of OME-Zarr reads only
    its part, a chunk of a compressed TIFF its planes. Other compressed files (``.nii.gz``,
    ``.mgz``, NRRD with gzip, MetaImage with zlib) cannot be read in parts: the whole file is read
    when the first voxel is needed, and kept in memory, in each process, as long as the image.

    *Affines.* For NIfTI the sform takes precedence over the qform, as in nibabel; with neither the
    orientation is unknown. MetaImage and images of ITK are in LPS, NRRD in its ``space``; both are
    converted to RAS. The matrix from voxel indices to RAS mm is that of the file.

    *Units.* Lengths without a unit are mm in NIfTI, NRRD and MetaImage, by convention, and
    micrometres in OME-TIFF, by its specification. A time without a unit gives a coordinate without
    one: set it by ``image.time.attrs["units"] = "s"``.

    Examples
    --------
    >>> import nibabel, numpy as np, tempfile, xarray_atlas
    >>> frames = np.random.default_rng(0).random((4, 5, 6, 10)).astype("float32")
    >>> affine = np.diag([-0.2, 0.2, 0.2, 1])  # towards left, anterior, superior
    >>> affine[:3, 3] = 5, -8, -3
    >>> recording = nibabel.Nifti1Image(frames, affine)
    >>> recording.header.set_xyzt_units("mm", "sec")
    >>> recording.header.set_zooms((0.2, 0.2, 0.2, 0.5))
    >>> path = tempfile.mkdtemp() + "/recording.nii"
    >>> nibabel.save(recording, path)
    >>> image = xarray_atlas.open_image(path)
    >>> dict(image.sizes)
    {'time': 10, 'z': 4, 'y': 5, 'x': 6}
    >>> image.z.values, image.z.attrs["direction"]
    (array([5. , 4.8, 4.6, 4.4]), 'left-to-right')
    >>> image.time.values[:3], image.time.attrs["units"]
    (array([0. , 0.5, 1. ]), 's')
    """
    stated = said(voxel_size, orientation, axcodes)
    if _is_store(source):
        stored = open_stored_image(source, resolution, stated.voxel_size, storage_options)
        return _of_store(stored, stated.orientation, chunks)
    if resolution is not None or storage_options is not None:
        raise TypeError("resolution= and storage_options= are for OME-Zarr, which this is not")
    if not is_image(source):
        raise TypeError(
            "the source is a path or URL, a zarr store, or an image of nibabel, SimpleITK or ITK, "
            f"not a {type(source).__module__}.{type(source).__name__}"
        )
    return _of_image(read_image(source), stated, chunks)


def _is_store(source: Any) -> bool:
    if not isinstance(source, str | os.PathLike):
        return isinstance(source, zarr.abc.store.Store | zarr.Group)
    text = os.fspath(source)
    if is_image_file(locate(text) if is_url(text) else text):
        return False
    path = os.path.expanduser(text)
    in_zip = is_zip(path) or bool(split_archive(path)[1])
    return is_url(text) or os.path.isdir(path) or in_zip or text.lower().endswith(ENDS)


# -- files and images of other libraries


def _of_image(image: Image, stated: Geometry, chunks: Any) -> xr.DataArray:
    spatial, sizes = _placed(image, stated)
    others = {name: found for name, found in image.others.items() if name in image.dims}
    return xr.DataArray(
        Variable(image.dims, image.array(chunks)),
        image_coordinates(spatial, sizes, others),
        name="image",
    )


def _placed(
    image: Image, stated: Geometry
) -> tuple[dict[Hashable, Variable], dict[Hashable, float]]:
    """Return the spatial coordinates and the voxel size along each, empty if it is unknown."""
    own, dims, shape = image.geometry, image.dims[-3:], image.shape[-3:]
    if own.affine is None and own.fault and not (stated.voxel_size and stated.orientation):
        combine(stated, own, image.place)  # raises and says what to pass
    sizes = stated.voxel_size or own.voxel_size
    if sizes is None or min(sizes) <= 0:
        if stated.orientation:
            raise GridError(
                f"{image.place} does not say how large its voxels are, and coordinates need that: "
                "give voxel_size='25 um' with the orientation"
            )
        return {}, {}
    check_extent(shape, sizes, stated.voxel_size is not None, LIMITS)
    overridden = stated.orientation not in (None, own.orientation) or not (
        own.voxel_size and np.allclose(sizes, own.voxel_size, SAME_SIZE, 0)
    )
    by_dim: dict[Hashable, float] = dict(zip(dims, sizes, strict=True))
    if own.affine is not None and not overridden:
        return world_coordinates(own.affine, shape, dims), by_dim
    letters = stated.orientation or own.orientation or [None] * 3
    parts = zip(dims, sizes, shape, letters, strict=True)
    return {dim: axis_positions(dim, size, n, letter) for dim, size, n, letter in parts}, by_dim


# -- OME-Zarr


def _of_store(stored: StoredImage, orientation: str | None, chunks: Any) -> xr.DataArray:
    array = stored.array
    level = stored.level
    letters = orientation or stored.letters or [None] * 3
    lengths = dict(zip(stored.dims, array.shape, strict=True))
    parts = zip(stored.spatial, level.scale, level.translation, letters, strict=True)
    spatial: dict[Hashable, Variable] = {
        dim: axis_positions(dim, size, lengths[dim], letter, first)
        for dim, size, first, letter in parts
    }
    sizes: dict[Hashable, float] = dict(zip(stored.spatial, level.scale, strict=True))
    kept = {name: found for name, found in stored.others.items() if lengths[name] != 1}
    natural = dict(zip(stored.dims, array.chunks, strict=True))
    opened = xr.DataArray(
        Variable(stored.dims, indexing.LazilyIndexedArray(array)),
        image_coordinates(spatial, sizes, kept),
        name="image",
    )
    if chunks is not None:
        opened = opened.chunk(natural if chunks == {} else chunks)
        opened = opened.copy(data=as_opened(opened.variable._data, chunks == {}))
    ones = [dim for dim in stored.dims if dim not in stored.spatial and lengths[dim] == 1]
    others = [dim for dim in stored.dims if dim not in (*stored.spatial, *ones)]
    return opened.isel(dict.fromkeys(ones, 0)).transpose(*others, *stored.spatial)
