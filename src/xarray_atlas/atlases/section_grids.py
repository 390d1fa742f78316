"""Grids of sections onto which an atlas is resampled, and the positions of their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.length_variable import SPACING
from xarray_atlas.coords.space import AXES
from xarray_atlas.sections.aligned import ACROSS
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.remembered import grid_to_atlas

__all__ = ["pixels_of", "section_grid", "with_positions"]


def pixels_of(
    pixels: Any, image: tuple[int, int], lengths: Sequence[float], voxel: float
) -> tuple[int, int]:
    """Return the number of rows and columns of a section.

    Parameters
    ----------
    pixels : "atlas", "image" or (int, int)
        As :func:`open_sections` takes it.
    image : tuple of int
        Rows and columns of the image that was registered.
    lengths : sequence of float
        Of that image along y and x, in mm.
    voxel : float
        The voxel size of the atlas, in mm.
    """
    if isinstance(pixels, str) and pixels == "image":
        return image
    if isinstance(pixels, str) and pixels == "atlas":
        rows, columns = (max(round(float(length) / voxel), 2) for length in lengths)
        return rows, columns
    if isinstance(pixels, tuple | list) and len(pixels) == 2:
        rows, columns = pixels
        if all(isinstance(n, int | np.integer) and n > 1 for n in (rows, columns)):
            return int(rows), int(columns)
    raise ValueError(f"pixels={pixels!r} is not 'atlas', 'image' or a pair (rows, columns)")


def section_grid(
    source: End, lengths: Sequence[float], shape: tuple[int, int], thickness: float | None
) -> xr.DataArray:
    """Return an image without values, whose coordinates locate the pixels of a section.

    Parameters
    ----------
    source : End
        Its directions are those of the section across its plane and along y and x.
    lengths : sequence of float
        Along y and x, in mm.
    shape : tuple of int
    thickness : float, optional
        In mm.
    """
    said: list[dict[str, Any]] = [
        {"units": "mm", "direction": direction} for direction in source.directions
    ]
    if thickness is not None:
        said[0][SPACING] = thickness
    coords: dict[Any, Any] = {ACROSS: Variable((), 0.0, said[0])}
    for dim, n, length, attrs in zip("yx", shape, lengths, said[1:], strict=True):
        coords[dim] = Variable((dim,), (np.arange(n) + 0.5) * float(length) / n, attrs)
    return xr.DataArray(np.broadcast_to(np.uint8(0), shape), coords, ["y", "x"])


def with_positions(section: xr.Dataset, image: tuple[int, int]) -> xr.Dataset:
    """Return a resampled section with the positions of its pixels in the atlas and in its image.

    Parameters
    ----------
    section : Dataset
        Labels and hemispheres on a grid of :func:`section_grid`; other variables are dropped.
    image : tuple of int
        Rows and columns of the image that was registered.
    """
    transform = grid_to_atlas(section)
    y, x = (np.asarray(section[dim].variable.values, np.float64) for dim in "yx")
    shape = (y.size, x.size)
    grid = np.stack([np.zeros(shape), *np.meshgrid(y, x, indexing="ij")], axis=-1)
    there = np.asarray(transform.points(grid.reshape(-1, 3)))
    _, space = find_atlas(section)
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
    others = [name for name in section.data_vars if name not in ("annotation", "hemispheres")]
    found = section.drop_vars(others).assign_coords(coords)
    return found.assign_attrs(image_width=image[1], image_height=image[0])
