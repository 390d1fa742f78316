"""The front door: open an atlas from anywhere, or the packaged sample."""

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
    chunks: Any = {},  # noqa: B006  # as xarray has it: the store's own chunks
    storage_options: Mapping[str, Any] | None = None,
    align_levels: bool = False,
    midline: Any = None,
    voxel_size: Any = None,
    orientation: str | None = None,
) -> xr.Dataset:
    """Open an atlas as a Dataset, lazily.

    Reads the metadata and the terminology, never a chunk: three requests for
    an OME-Zarr of zarr format 3 in BrainGlobe's layout, five for an atlas by name. They are made
    side by side: of what BrainGlobe writes two wait for one another by URL, four by name.
    Elsewhere, and of zarr format 2, a few more are made beside them. The same as
    ``xr.open_dataset(source, engine="atlas", chunks={}, ...)``, but that what is
    computed asks a remote store for many chunks at once (see :class:`set_options`); all levels at
    once are ``xr.open_datatree(source, engine="atlas", chunks={})``.

    Parameters
    ----------
    source : str, path or zarr store
        One of

        - the name of an atlas of BrainGlobe's, with a resolution or without:
          ``"allen_mouse_25um"``, ``"allen_mouse"`` (:func:`list_atlases` lists
          them). A path that is there is no name;
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
        The level of the pyramid: ``"25 um"``, a length (one, or one an axis),
        the level's index, or its path. That of the manifest by default, else
        the finest. One length is that along all axes, or where no level has
        it, along the first, as BrainGlobe names its atlases.
    version : str, optional
        Of an atlas by name: ``"3.0"``. The newest by default; where a copy on
        this machine is used, the newest copy.
    root : str or path, optional
        Where an atlas by name is looked for: a bucket, a mirror or a folder with
        BrainGlobe's layout. By default in the copies on this machine (those of
        :func:`download`, then BrainGlobe's own folder, which is never written
        to), and then in BrainGlobe's public bucket. A copy is used if all that
        is to be opened is complete there.
    include : str or iterable of str, default: ("annotation",)
        What to open, on one grid: ``"annotation"``, ``"template"``,
        ``"hemispheres"``, and additional references by their names. All but
        annotation and hemispheres need a manifest. An atlas whose manifest says
        that it is not symmetric has its hemispheres in any case, unless `midline` is given.
    terminology : path, URL, table, Terminology, Dataset or DataArray, optional
        The table of regions, in any form that :func:`create_atlas` takes. By default the
        manifest says where it is; without one it is looked for where BrainGlobe's layout puts it:
        ``<root>/terminologies/<x>-terminology/<version>/terminology.csv`` for
        ``<root>/annotation-sets/<x>-annotation/<version>/...``.
    chunks : int, dict, "auto" or None, default: {}
        Same as in :func:`xarray.open_dataset`. ``{}`` are the store's own
        chunks; None opens without dask.
    storage_options : mapping, optional
        For fsspec. ``s3://`` is anonymous unless they say who is asking
        (``anon``, ``key``, ``profile``, ...).
    align_levels : bool, default: False
        Give each level the translation ``(scale - finest scale) / 2`` where
        the store has none: without it the first voxel of every level has its
        centre at 0, so that levels are up to half a voxel apart.
    midline : length, optional
        Where left and right meet along the right-left axis. By default half of
        the volume's extent, which is assumed, and warned about when a
        hemisphere is first asked for, unless a manifest says that the atlas is
        symmetric. If it says that it is not, its hemispheres are a volume; one
        that is included counts before `midline`.
    voxel_size : str, quantity, or one of these an axis, optional
        Of an OME-Zarr whose axes have no unit (or whose level has no scale): that of the finest
        level, with its unit, such as ``"25 um"`` or ``["50 um", "25 um", "25 um"]``; other
        levels in proportion. It must agree with units that are stated. It does not choose
        a level, which `resolution` does.
    orientation : str, optional
        Of an OME-Zarr whose axes do not say it: a letter an axis, in lower case, the side on which
        the first voxel lies, such as ``"asr"``. It must agree with what is stated. Without
        it a hemisphere, a position along ap, dv or ml, or another frame is an error that asks
        for it.

    Returns
    -------
    Dataset
        ``annotation``, one label a voxel, and what else is included, on
        coordinates in mm with units: the centres of the voxels. Its ``.atlas``
        knows the regions. Its attributes say where everything came from: the
        root, the atlas's name and version, and each component's name, version
        and URL.

    Raises
    ------
    AtlasNotFoundError
        If the catalogue has no atlas of that name (with close matches), or not
        that version of it.
    ComponentNotFoundError, GridError
        If the atlas has no such component, or it does not lie on the
        annotation's grid.
    StoreNotFoundError, StoreError, StoreFormatError
        If there is nothing, it cannot be read or reached (within half a
        minute), or it is not an annotation.
    ResolutionNotFoundError
        If the pyramid has no such level; it lists those there are.
    MissingTerminologyError, TerminologyError
        If no terminology is found, or it cannot be read.

    Notes
    -----
    A chunk that is not stored holds the array's fill value: for labels 0,
    outside the brain. One that is there but cannot be read (damaged, refused,
    out of reach) raises a StoreError when it is computed, never 0. How long
    such a read may take is up to the file system and can be set with
    `storage_options`: by default S3 gives up on a request after 15 s and tries
    it five times, HTTP gives up after five minutes; a local disk has no limit.

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
    """Read the folder of an atlas of before version 3: a path, or a copy of that very version."""
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
    """Open the atlas that comes with the package.

    The labels of the Allen Mouse Brain Common Coordinate Framework (CCFv3,
    2017) at 50 and 100 um with its 1327 regions, (c) Allen Institute for Brain
    Science; see ``xarray_atlas/data/ATTRIBUTION.md``.

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
    """Return where the packaged sample lies."""
    return str(files("xarray_atlas").joinpath("data", *SAMPLE.split("/")))
