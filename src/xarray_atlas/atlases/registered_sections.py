"""Sections that brainglobe-registration registered, from its folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.atlases.section_grids import pixels_of, resampled_section
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.errors import GridError
from xarray_atlas.io.transforms.brainglobe_registration import (
    is_brainglobe_registration,
    read_brainglobe_registration,
    registration_metadata,
)
from xarray_atlas.sections.aligned import ACROSS
from xarray_atlas.transforms.ends import IMAGE, End
from xarray_atlas.transforms.steps import AffineStep, FieldStep, merged
from xarray_atlas.transforms.transform import Transform

__all__ = ["is_registered", "registered_sections"]

IMAGE_FILE = "downsampled.tiff"
"""The section on the pixels on which it was registered."""


def is_registered(path: Any) -> bool:
    """Return whether a path is a folder of brainglobe-registration, or a list of these."""
    if isinstance(path, list | tuple):
        return bool(path) and all(is_brainglobe_registration(one) for one in path)
    return is_brainglobe_registration(path)


def registered_sections(
    path: Any,
    ds: xr.Dataset,
    pixels: Any,
    thickness: float | None,
    voxel_size: Any,
    mirrored: bool | None,
) -> tuple[dict[str, xr.Dataset], dict[str, Any]]:
    """Return the sections of folders by name, and what the tree of them says.

    Parameters
    ----------
    path : path, or list of these
    ds, pixels
        Same as in :func:`open_sections`.
    thickness : float, optional
        In mm.
    voxel_size, mirrored
        Same as in :func:`open_sections`.
    """
    if mirrored:
        raise GridError(
            "brainglobe-registration shows the labels where BrainGlobe's volume has them, so that "
            "mirrored=True has no meaning here; leave it out"
        )
    folders = [Path(one).absolute() for one in (path if isinstance(path, list | tuple) else [path])]
    names = [folder.name for folder in folders]
    if len(set(names)) < len(names):
        raise GridError(f"sections are called as their folders, and two are the same: {names}")
    found = {folder.name: _section(folder, ds, pixels, thickness, voxel_size) for folder in folders}
    said = {
        "alignment": str(folders[0]),
        "target": str(registration_metadata(folders[0]).get("atlas", "")),
    }
    return found, {**said, "aligner": "brainglobe-registration"}


def _section(
    folder: str | os.PathLike[str],
    ds: xr.Dataset,
    pixels: Any,
    thickness: float | None,
    voxel_size: Any,
) -> xr.Dataset:
    """Bring an atlas onto the pixels of a section that was registered.

    Parameters
    ----------
    folder : path
    ds : Dataset
    pixels : "atlas", "image" or (int, int)
    thickness : float, optional
        In mm.
    voxel_size : optional
        Of the atlas that was registered.

    Raises
    ------
    GridError
        If a volume was registered.
    """
    read = read_brainglobe_registration(folder, voxel_size=voxel_size)
    field = next(step for step in read.steps if isinstance(step, FieldStep))
    planes, *shape = field.data.shape[1:]
    if planes != 1:
        raise GridError(
            f"{folder} holds the registration of a volume, not of a section; open_transform reads "
            "it, and ds.atlas.resample_like(image, transform) brings the atlas onto the image"
        )
    sizes = np.linalg.norm(np.asarray(field.grid)[:3, :3], axis=0)[1:]
    lengths = sizes * shape
    _, space = find_atlas(ds)
    image = int(shape[0]), int(shape[1])
    rows, columns = pixels_of(pixels, image, lengths, min(space.voxel_size))
    # from the outer corner of the image, not from the centre of its first pixel
    corner = np.eye(4)
    corner[1:3, 3] = -sizes / 2
    source = End(IMAGE, "dataset", (ACROSS, "y", "x"), read.source.directions)
    transform = Transform(merged([AffineStep(corner), *read.steps]), source, read.target)
    found = resampled_section(ds, transform, lengths, (rows, columns), image, thickness)
    return found.assign_attrs(filename=IMAGE_FILE)
