"""Grids of sections onto which an atlas is resampled, and the positions of their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.length_variable import SPACING
from xarray_atlas.coords.space import AXES
from xarray_atlas.images.resample_like import resample_like
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.sections.aligned import ACROSS, section_shape
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.remembered import grid_to_atlas
from xarray_atlas.transforms.steps import AffineStep, Step, merged
from xarray_atlas.transforms.transform import Transform

__all__ = ["pixels_of", "resampled_section"]

AT_ONCE = 2**18
"""Pixels of a block of positions."""


def pixels_of(
    pixels: Any, image: tuple[int, int], lengths: Sequence[float], voxel: float
) -> tuple[int, int]:
    """Return the number of rows and columns of a section that was registered.

    Parameters
    ----------
    pixels : "atlas", "image" or (int, int)
        Same as in :func:`open_sections`.
    image : tuple of int
        Rows and columns of the image that was registered.
    lengths : sequence of float
        Of that image along y and x, in mm.
    voxel : float
        The voxel size of the atlas, in mm.
    """
    rows, columns = (max(round(float(length) / voxel), 2) for length in lengths)
    # a grid onto which an atlas is resampled states its spacing by two pixels at least
    return section_shape(pixels, image, (rows, columns), least=2)


def resampled_section(
    ds: xr.Dataset,
    transform: Transform,
    lengths: Sequence[float],
    shape: tuple[int, int],
    image: tuple[int, int],
    thickness: float | None,
    mirror: AffineStep | None = None,
) -> xr.Dataset:
    """Bring an atlas onto the pixels of a section, lazily.

    Parameters
    ----------
    ds : Dataset
    transform : Transform
        From the section to the atlas: points are mm across the plane, along y and along x, from
        the upper left corner of the image.
    lengths : sequence of float
        Of the image along y and x, in mm.
    shape : tuple of int
        Rows and columns of the result.
    image : tuple of int
        Rows and columns of the image.
    thickness : float, optional
        In mm.
    mirror : AffineStep, optional
        Reflection of the transform's target, where labels are looked up on the other side.

    Returns
    -------
    Dataset
        Labels, hemispheres and the positions of pixels. ``plane`` is the position of the middle of
        the image along the axis of the atlas that is nearest to the normal of the plane.
    """
    flat = _grid(transform.source, lengths, shape, thickness, 0.0)
    to_atlas = grid_to_atlas(resample_like(ds, flat, transform, method="nearest"))
    middle = [0.0, lengths[0] / 2, lengths[1] / 2]
    away = transform.source.directions[0].partition("-")[0]
    axis = next(
        i for i, way in enumerate(to_atlas.target.directions) if away in way.partition("-to-")[::2]
    )
    plane = float(to_atlas.points([middle])[0, axis])
    shift = np.eye(4)
    shift[0, 3] = -plane
    steps = (AffineStep(shift), *transform.steps)
    grid = _grid(transform.source, lengths, shape, thickness, plane)
    found = _looked_up(ds, grid, transform, steps)
    if mirror is not None:
        other = _looked_up(ds[["annotation"]], grid, transform, (*steps, mirror))
        found = found.assign(annotation=found.annotation.copy(data=other.annotation.variable._data))
    return _with_positions(found, image)


def _looked_up(
    ds: xr.Dataset, grid: xr.DataArray, transform: Transform, steps: tuple[Step, ...]
) -> xr.Dataset:
    through = Transform(merged(steps), transform.source, transform.target)
    return resample_like(ds, grid, through, method="nearest")


def _grid(
    source: End,
    lengths: Sequence[float],
    shape: tuple[int, int],
    thickness: float | None,
    plane: float,
) -> xr.DataArray:
    """Return an image without values, whose coordinates locate the pixels of a section."""
    said: list[dict[str, Any]] = [
        {"units": "mm", "direction": direction} for direction in source.directions
    ]
    if thickness is not None:
        said[0][SPACING] = thickness
    coords: dict[Any, Any] = {ACROSS: Variable((), plane, said[0])}
    for dim, n, length, attrs in zip("yx", shape, lengths, said[1:], strict=True):
        coords[dim] = Variable((dim,), (np.arange(n) + 0.5) * float(length) / n, attrs)
    return xr.DataArray(np.broadcast_to(np.uint8(0), shape), coords, ["y", "x"])


def _with_positions(section: xr.Dataset, image: tuple[int, int]) -> xr.Dataset:
    """Return a section with the positions of its pixels in the atlas and in its image."""
    to_atlas = grid_to_atlas(section)
    y, x = (np.asarray(section[dim].variable.values, np.float64) for dim in "yx")
    rows = max(AT_ONCE // x.size, 1)
    there = da.map_blocks(
        _positions,
        da.from_array(y[:, None], chunks=(rows, 1)),
        x,
        float(section[ACROSS].variable.values),
        to_atlas.steps,
        new_axis=0,
        chunks=((3,), da.core.normalize_chunks(rows, (y.size,))[0], (x.size,)),
        dtype=np.float64,
    )
    _, space = find_atlas(section)
    assert space.atlas is not None
    coords: dict[Any, Any] = {
        axis: Variable(("y", "x"), there[space.atlas.position(axis)], {"units": "mm"})
        for axis in AXES
    }
    about = {"long_name": "pixel of the image that was registered, from its outer corner"}
    for dim, count, whole in zip("yx", (y.size, x.size), image, strict=True):
        coords[f"pixel_{dim}"] = Variable((dim,), (np.arange(count) + 0.5) * whole / count, about)
    others = [name for name in section.data_vars if name not in ("annotation", "hemispheres")]
    found = section.drop_vars(others).assign_coords(coords)
    return found.assign_attrs(image_width=image[1], image_height=image[0])


def _positions(y: Any, x: FloatArray, plane: float, steps: tuple[Step, ...]) -> FloatArray:
    """Return the positions of rows of pixels in the atlas, shape (3, rows, columns)."""
    at: Any = [np.full((1, 1), plane), y, x[None]]
    for step in steps:
        at = step.apply(at, "synchronous")
    return np.stack(np.broadcast_arrays(*at))
