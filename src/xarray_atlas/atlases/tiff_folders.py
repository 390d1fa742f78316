"""Open atlases that BrainGlobe packaged before version 3, as folders of TIFF files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from xarray_atlas.atlases.creating import create_atlas
from xarray_atlas.atlases.geometry import times
from xarray_atlas.coords.hemispheres import hemispheres_of
from xarray_atlas.coords.units import parse_length, quantity, to_mm
from xarray_atlas.coords.voxel_size import stated_voxel_size
from xarray_atlas.errors import GridError, ResolutionNotFoundError, UnitsError
from xarray_atlas.io.brainglobe.tiff_folder import TiffFolder
from xarray_atlas.io.files.images import read_image
from xarray_atlas.terminology import Terminology

__all__ = ["open_tiff_folder"]

SAME = 1e-3


def open_tiff_folder(
    folder: TiffFolder,
    *,
    resolution: Any = None,
    include: str | Iterable[str] = ("annotation",),
    terminology: str | os.PathLike[str] | pd.DataFrame | Terminology | None = None,
    chunks: Any = {},  # noqa: B006  # like open_atlas
    midline: Any = None,
    voxel_size: Any = None,
    orientation: str | None = None,
) -> xr.Dataset:
    """Open the folder of an atlas without reading voxels.

    Parameters
    ----------
    folder : TiffFolder
    resolution, include, terminology, chunks, midline, voxel_size, orientation
        Same as in :func:`xarray_atlas.open_atlas`.

    Returns
    -------
    Dataset
    """
    _require_only_level(folder, resolution)
    if voxel_size is not None:
        _require_voxel_size(folder, voxel_size)
    if orientation is not None and orientation != folder.orientation:
        raise GridError(
            f"orientation={orientation!r}, but the metadata.json of {folder.place} says "
            f"{folder.orientation!r}: leave it out"
        )
    wanted = list(dict.fromkeys([include] if isinstance(include, str) else include))
    volumes = {"hemispheres": None, **dict.fromkeys(wanted)}
    stored = folder.symmetric is not True and "hemispheres" in folder.components
    if not stored or (midline is not None and "hemispheres" not in wanted):
        del volumes["hemispheres"]
    if midline is None and folder.symmetric:
        at = next(i for i, letter in enumerate(folder.orientation) if letter in "rl")
        count = read_image(folder.file("annotation")).voxels.shape[at]
        midline = quantity((count - 1) / 2 * folder.voxel_size[at])
    species, citation = (folder.content.get(key) for key in ("species", "citation"))
    ds = create_atlas(
        folder.file("annotation"),
        folder.regions if terminology is None else terminology,
        template=folder.file("template") if "template" in wanted else None,
        hemispheres=folder.file("hemispheres") if "hemispheres" in volumes else None,
        name=folder.name,
        version=folder.version,
        voxel_size=quantity(list(folder.voxel_size)),
        orientation=folder.orientation,
        midline=midline,
        chunks=chunks,
        species=str(species) if species else None,
        citation=str(citation) if citation else None,
    )
    for name in wanted:
        if name == "hemispheres" and folder.symmetric:
            ds[name] = _sides(ds)
        elif name not in ds:
            ds[name] = _reference(folder, name, ds, chunks)
    ds.attrs["source"] = str(folder.place)
    if folder.content.get("atlas_link"):
        ds.attrs["atlas_link"] = str(folder.content["atlas_link"])
    if folder.symmetric is not None:
        ds.attrs["symmetric"] = int(folder.symmetric)
    return ds if "annotation" in wanted else ds.drop_vars("annotation")


def _require_only_level(folder: TiffFolder, resolution: Any) -> None:
    """Refuse a resolution that the folder lacks: it has one level."""
    there = f"{times([size * 1000 for size in folder.voxel_size])} um"
    if resolution is None or (resolution == 0 and not isinstance(resolution, bool | str)):
        return
    if not isinstance(resolution, str) and not hasattr(resolution, "units"):
        raise UnitsError(f"resolution {resolution!r} has no unit; there is one level, {there}")
    size = parse_length(resolution) if isinstance(resolution, str) else to_mm(resolution)
    whole = np.shape(size) in ((), (3,)) and np.allclose(size, folder.voxel_size, rtol=SAME, atol=0)
    first = np.shape(size) == () and np.isclose(size, folder.voxel_size[0], rtol=SAME, atol=0)
    if not whole and not first:
        raise ResolutionNotFoundError(
            f"no level of resolution {resolution} in {folder.place}; it has one, {there}"
        )


def _require_voxel_size(folder: TiffFolder, voxel_size: Any) -> None:
    sizes = stated_voxel_size(voxel_size)
    if not np.allclose(sizes, folder.voxel_size, rtol=SAME, atol=0):
        raise GridError(
            f"voxel_size= says {times(sizes)} mm, but the metadata.json of {folder.place} says "
            f"{times(folder.voxel_size)} mm: leave it out; or, where the metadata are wrong, "
            f"create_atlas({str(folder.file('annotation'))!r}, {str(folder.regions)!r}, "
            "voxel_size=, ...)"
        )


def _sides(ds: xr.Dataset) -> xr.Variable:
    """Return the hemisphere of each voxel of an atlas with a midline."""
    like = ds["annotation"]
    sides = hemispheres_of(ds).set_dims(dict(like.sizes))
    if like.chunks is not None:
        sides = sides.chunk(dict(zip(like.dims, like.chunks, strict=True)))
    described: xr.Variable = sides._replace(attrs={"long_name": "1 left, 2 right"})
    return described


def _reference(folder: TiffFolder, name: str, ds: xr.Dataset, chunks: Any) -> xr.Variable:
    image = read_image(folder.file(name))
    if image.voxels.shape != ds["annotation"].shape:
        raise GridError(
            f"{image.place} does not lie on the grid of the annotation: its shape is "
            f"{times(image.voxels.shape)}, not {times(ds['annotation'].shape)}"
        )
    data: da.Array = image.array(chunks)
    return xr.Variable(ds["annotation"].dims, data)
