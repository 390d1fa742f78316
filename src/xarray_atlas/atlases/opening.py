"""Open atlases from any source, or the packaged sample."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import xarray as xr

from xarray_atlas.atlases.tiff_folders import open_tiff_folder
from xarray_atlas.errors import StoreFormatError
from xarray_atlas.io.backend.entrypoint import AtlasBackendEntrypoint, AtlasName
from xarray_atlas.io.brainglobe.catalogue import is_name
from xarray_atlas.io.brainglobe.tiff_folder import (
    TiffFolder,
    find_tiff_folder,
    read_tiff_folder,
)
from xarray_atlas.io.zarr.stores import StoreLike, is_url
from xarray_atlas.reductions.read_layer import as_opened

__all__ = ["open_atlas", "open_sample"]

SAMPLE = "annotation-sets/allen-adult-mouse-annotation/2017/annotation.ome.zarr"


def open_atlas(
    source: StoreLike,
    *,
    resolution: Any = None,
    version: str | None = None,
    root: str | os.PathLike[str] | None = None,
    include: str | Iterable[str] = ("annotation",),
    terminology: Any = None,
    chunks: Any = {},  # noqa: B006  # as in xarray: the store's chunks
    storage_options: Mapping[str, Any] | None = None,
    align_levels: bool = False,
    midline: Any = None,
    voxel_size: Any = None,
    orientation: str | None = None,
) -> xr.Dataset:
    """Open an atlas as a Dataset, lazily.

    Only the metadata and the terminology are read: three requests for an OME-Zarr of zarr format 3
    in BrainGlobe's layout, five for an atlas by name. They are concurrent, with two successive
    rounds for BrainGlobe's stores by URL, and four by name. Other layouts, and zarr format 2, take
    a few more requests. The result is the same as that of
    ``xr.open_dataset(source, engine="atlas", chunks={}, ...)``, except that computations request
    many chunks of a remote store at once (see :class:`set_options`). All levels are opened by
    ``xr.open_datatree(source, engine="atlas", chunks={})``.

    Parameters
    ----------
    source : str, path or zarr store
        One of

        - the name of a BrainGlobe atlas, with or without a resolution: ``"allen_mouse_25um"``,
          ``"allen_mouse"`` (:func:`list_atlases` lists them). Existing paths take precedence;
        - the URL or path of a ``manifest.json`` in BrainGlobe's layout;
        - the OME-Zarr (0.4 or 0.5, zarr format 2 or 3) of an annotation: any
          URL that fsspec knows (``s3://``, ``https://``, ``file://``, ...), a
          path, also of a zip file (``.zip``, ``.ozx``), or a zarr store or group. Of an image, or
          of a bioformats2raw layout, the labels below it are opened;
        - a folder of BrainGlobe's of before version 3 (``annotation.tiff``, ``structures.json``,
          ``metadata.json``), or the name and version of one in BrainGlobe's own folder,
          ``"allen_mouse_25um_v1.2"``; needs ``pip install "xarray-atlas[files]"``;
        - what xarray has written of an atlas, with ``to_zarr`` or, at a path,
          ``to_netcdf``.
    resolution : str, quantity or int, optional
        The level of the pyramid: ``"25 um"``, a length (one, or one per axis), the level's index,
        or its path. That of the manifest by default, or else the finest. A single length applies to
        all axes, or if there is no such level to the first axis, as in BrainGlobe's names.
    version : str, optional
        For an atlas by name: ``"3.0"``. The newest by default, or the newest local copy if one is
        used.
    root : str or path, optional
        Location of atlases by name: a bucket, a mirror or a folder with BrainGlobe's layout. By
        default the local copies (those of :func:`download`, then BrainGlobe's folder, which is
        never written to), and then BrainGlobe's public bucket. A copy is used if all requested
        parts are complete.
    include : str or iterable of str, default: ("annotation",)
        Components to open, on the same grid: ``"annotation"``, ``"template"``, ``"hemispheres"``,
        and additional references by name. All except annotation and hemispheres need a manifest. If
        the manifest says that the atlas is not symmetric, its hemispheres are always included,
        unless `midline` is given.
    terminology : path, URL, table, Terminology, Dataset or DataArray, optional
        The table of regions, in any form that :func:`create_atlas` accepts. By default given by the
        manifest; without one it is expected at its place in BrainGlobe's layout:
        ``<root>/terminologies/<x>-terminology/<version>/terminology.csv`` for
        ``<root>/annotation-sets/<x>-annotation/<version>/...``.
    chunks : int, dict, "auto" or None, default: {}
        Same as in :func:`xarray.open_dataset`. ``{}`` are the store's chunks; None opens without
        dask.
    storage_options : mapping, optional
        For fsspec. ``s3://`` is anonymous unless they contain credentials (``anon``, ``key``,
        ``profile``, ...).
    align_levels : bool, default: False
        Give each level the translation ``(scale - finest scale) / 2`` if the store has none:
        otherwise the first voxel centre of every level is at 0, so that levels are shifted by up to
        half a voxel.
    midline : length, optional
        Position of the midline along the left-right axis. Unless a manifest says that the atlas is
        symmetric, the default is half the extent of the volume, with a warning when a hemisphere is
        first used. For an asymmetric atlas hemispheres are a volume, which takes precedence over
        `midline` if included.
    voxel_size : str, quantity, or one of these an axis, optional
        For an OME-Zarr with axes without a unit (or a level without scale): the voxel size of the
        finest level, with a unit, such as ``"25 um"`` or ``["50 um", "25 um", "25 um"]``; other
        levels in proportion. It must agree with stored units. It does not select a level; use
        `resolution` for that.
    orientation : str, optional
        For an OME-Zarr without orientation: a lower-case letter per axis, for the side on which the
        first voxel lies, such as ``"asr"``. It must agree with the stored one. Without it, using a
        hemisphere, a position along ap, dv or ml, or another frame is an error.

    Returns
    -------
    Dataset
        ``annotation``, with one label per voxel, and the other components, on coordinates in mm
        with units: the voxel centres. ``.atlas`` provides the regions. The attributes record the
        origin: the root, the atlas's name and version, and each component's name, version and URL.

    Raises
    ------
    AtlasNotFoundError
        If the catalogue has no atlas of that name (with close matches), or not that version.
    ComponentNotFoundError, GridError
        If the atlas has no such component, or it is not on the annotation's grid.
    StoreNotFoundError, StoreError, StoreFormatError
        If nothing is stored there, it cannot be read or reached (within half a minute), or it is
        not an annotation.
    ResolutionNotFoundError
        If the pyramid has no such level; the message lists the available ones.
    MissingTerminologyError, TerminologyError
        If no terminology is found, or it cannot be read.

    Notes
    -----
    A chunk that is not stored has the array's fill value, 0 for labels: outside the brain. A stored
    chunk that cannot be read (damaged, refused, unreachable) raises a StoreError when it is
    computed, and is never taken as 0. The timeout depends on the file system and can be set with
    `storage_options`: by default S3 times out after 15 s with five attempts, HTTP after five
    minutes; local disks have no limit.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("50 um")
    >>> ds.annotation.shape, ds.attrs["resolution"]
    ((264, 160, 228), '50 um')
    >>> f"{ds.atlas.volume('RSP').item():.3f}"
    '10.387 millimeter ** 3'
    """
    if isinstance(source, str | os.PathLike) and root is None:
        folder = _tiff_folder(os.fspath(source), version)
        if folder is not None:
            if align_levels or storage_options:
                raise StoreFormatError(
                    f"{folder.place} is a folder of TIFF files of one level on this machine: "
                    "align_levels= and storage_options= can only be chosen of an OME-Zarr"
                )
            return open_tiff_folder(
                folder,
                resolution=resolution,
                include=include,
                terminology=terminology,
                chunks=chunks,
                midline=midline,
                voxel_size=voxel_size,
                orientation=orientation,
            )
    handed: Any = source
    if isinstance(source, str) and is_name(source) and not os.path.exists(source):
        handed = AtlasName(source)
    ds = xr.open_dataset(
        handed,
        engine=AtlasBackendEntrypoint,
        chunks=chunks,
        resolution=resolution,
        version=version,
        root=root,
        include=include,
        terminology=terminology,
        storage_options=storage_options,
        align_levels=align_levels,
        midline=midline,
        voxel_size=voxel_size,
        orientation=orientation,
        snapshot=uuid.uuid4().hex,
    )
    return ds.assign(
        {
            name: each.variable.copy(data=as_opened(each.variable._data, chunks == {}))
            for name, each in ds.items()
        }
    )


def _tiff_folder(source: str, version: str | None) -> TiffFolder | None:
    """Read the folder of an atlas before version 3: a path, or a copy of exactly that version."""
    if is_url(source):
        return None
    place = os.path.expanduser(source)
    if os.path.isdir(place) and version is None:
        return read_tiff_folder(os.path.abspath(place))
    if not is_name(source) or os.path.exists(place):
        return None
    found = find_tiff_folder(source, version)
    return None if found is None else read_tiff_folder(found)


def open_sample(resolution: Any = "50 um", *, chunks: Any = {}) -> xr.Dataset:  # noqa: B006
    """Open the packaged sample atlas.

    The labels of the Allen Mouse Brain Common Coordinate Framework (CCFv3, 2017) at 50 and 100 um
    with its 1327 regions, (c) Allen Institute for Brain Science; see
    ``xarray_atlas/data/ATTRIBUTION.md``.

    Parameters
    ----------
    resolution : str, quantity or int, default: "50 um"
        ``"50 um"`` or ``"100 um"``.
    chunks : int, dict, "auto" or None, default: {}
        Same as in :func:`open_atlas`.

    Returns
    -------
    Dataset

    Examples
    --------
    >>> import xarray_atlas
    >>> xarray_atlas.open_sample("100 um").sizes["z"]
    132
    """
    return open_atlas(sample_path(), resolution=resolution, chunks=chunks)


def sample_path() -> str:
    """Return the path of the packaged sample."""
    return str(files("xarray_atlas").joinpath("data", *SAMPLE.split("/")))
