"""Sections that brainglobe-registration registered, from its folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.length_variable import SPACING
from xarray_atlas.coords.space import AXES
from xarray_atlas.errors import GridError
from xarray_atlas.images.resample_like import resample_like
from xarray_atlas.io.transforms.brainglobe_registration import (
    is_brainglobe_registration,
    read_brainglobe_registration,
    registration_metadata,
)
from xarray_atlas.sections.aligned import ACROSS
from xarray_atlas.transforms.ends import IMAGE, End
from xarray_atlas.transforms.remembered import grid_to_atlas
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
    rows, columns = _pixels(pixels, shape, lengths, min(space.voxel_size))
    # from the outer corner of the image, not from the centre of its first pixel
    corner = np.eye(4)
    corner[1:3, 3] = -sizes / 2
    source = End(IMAGE, "dataset", (ACROSS, "y", "x"), read.source.directions)
    transform = Transform(merged([AffineStep(corner), *read.steps]), source, read.target)
    result = resample_like(
        ds, _grid(source, lengths, (rows, columns), thickness), transform, method="nearest"
    )
    return _described(result, Path(folder), shape, (rows, columns))


def _pixels(pixels: Any, image: Sequence[int], lengths: Any, voxel: float) -> tuple[int, int]:
    if isinstance(pixels, str) and pixels == "image":
        return int(image[0]), int(image[1])
    if isinstance(pixels, str) and pixels == "atlas":
        rows, columns = (max(round(float(length) / voxel), 2) for length in lengths)
        return rows, columns
    if isinstance(pixels, tuple | list) and len(pixels) == 2:
        rows, columns = pixels
        if isinstance(rows, int) and isinstance(columns, int) and rows > 1 and columns > 1:
            return rows, columns
    raise ValueError(f"pixels={pixels!r} is not 'atlas', 'image' or a pair (rows, columns)")


def _grid(
    source: End, lengths: Any, shape: tuple[int, int], thickness: float | None
) -> xr.DataArray:
    """Return an image without values: its coordinates say where its pixels lie."""
    said: list[dict[str, Any]] = [
        {"units": "mm", "direction": direction} for direction in source.directions
    ]
    if thickness is not None:
        said[0][SPACING] = thickness
    coords: dict[Any, Any] = {ACROSS: Variable((), 0.0, said[0])}
    for dim, n, length, attrs in zip("yx", shape, lengths, said[1:], strict=True):
        coords[dim] = Variable((dim,), (np.arange(n) + 0.5) * float(length) / n, attrs)
    return xr.DataArray(np.broadcast_to(np.uint8(0), shape), coords, ["y", "x"])


def _described(
    result: xr.Dataset, folder: Path, image: Sequence[int], shape: tuple[int, int]
) -> xr.Dataset:
    """Return a section with the positions of its pixels in the atlas, and what is known of it."""
    transform = grid_to_atlas(result)
    y, x = (np.asarray(result[dim].variable.values, np.float64) for dim in "yx")
    grid = np.stack([np.zeros(shape), *np.meshgrid(y, x, indexing="ij")], axis=-1)
    there = np.asarray(transform.points(grid.reshape(-1, 3)))
    _, space = find_atlas(result)
    assert space.atlas is not None
    coords: dict[Any, Any] = {
        axis: Variable(
            ("y", "x"), there[:, space.atlas.position(axis)].reshape(shape), {"units": "mm"}
        )
        for axis in AXES
    }
    about = {"long_name": "pixel of the image that was registered, from its outer corner"}
    for dim, count, whole in zip("yx", shape, image, strict=True):
        coords[f"pixel_{dim}"] = Variable((dim,), (np.arange(count) + 0.5) * whole / count, about)
    others = [name for name in result.data_vars if name not in ("annotation", "hemispheres")]
    found = result.drop_vars(others).assign_coords(coords)
    return found.assign_attrs(
        image_width=int(image[1]), image_height=int(image[0]), filename=IMAGE_FILE
    )
