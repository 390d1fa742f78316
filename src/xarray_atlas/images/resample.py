"""Resample images onto the grid of an atlas."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas, find_coordinate
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.image_axes import image_axes
from xarray_atlas.errors import GridError
from xarray_atlas.images.blocks import Mapping3, resampled
from xarray_atlas.images.grids import (
    fill_of,
    grid_axes,
    is_label,
    numbers_like,
    order_of_dims,
    order_of_space,
    other_coords,
    plain,
    require_method,
    warn_of_finer,
)
from xarray_atlas.images.overlap import require_overlap
from xarray_atlas.kernels.positions import SourceAxis
from xarray_atlas.transforms.registration import atlas_names, read_registration
from xarray_atlas.transforms.steps import how_inverted
from xarray_atlas.transforms.transform import Transform

__all__ = ["resample"]


def resample(
    image: xr.DataArray,
    like: xr.Dataset | xr.DataArray,
    transform: Any = None,
    method: str | None = None,
    order: str = "dims",
    space: str | None = None,
) -> xr.DataArray:
    """Resample an image onto the grid of an atlas, through a registration's transform.

    Other dimensions are kept: a recording of many frames becomes one on the atlas's grid. Lazy if
    the image is, block by block. The result carries the hierarchy, so that ``like.atlas.aggregate``
    accepts it.

    Parameters
    ----------
    image : DataArray
        Same as in :func:`resample_like`.
    like : Dataset or DataArray
        An atlas, or any object on its grid that carries its hierarchy.
    transform : Transform, (4, 4) array or DataArray, optional
        Same as in :func:`resample_like`, in the same direction for both functions. A transform from
        the image to the atlas is inverted; if a registration also wrote the other direction, as
        ANTs does, passing that one is faster.
    method : "nearest" or "linear", optional
        By default nearest for labels and booleans, and otherwise linear.
    order, space
        Same as in :func:`resample_like`.

    Returns
    -------
    DataArray
        With the atlas's dimensions in place of the image's; those of a single plane come last.
        Linear interpolation gives floats, NaN outside the image; nearest keeps the type, with 0
        (NaN for floats) outside. The unit is kept, as quantities or in the attributes.

    Raises
    ------
    GridError
        Same as in :func:`resample_like`; or if the image is a single plane of unknown thickness.
    UnitsError
        If a coordinate has no unit.

    Warns
    -----
    UserWarning
        If point sampling would alias: the image's voxels are smaller than the atlas's by more than
        a factor of 1.5 along an axis. If a Transform takes less than 1 % of the smaller of image
        and atlas into the other, as one that is the wrong way round.

    Examples
    --------
    >>> import numpy as np, xarray as xr, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> ap = {"units": "um", "direction": "anterior-to-posterior"}
    >>> dv = {"units": "um", "direction": "superior-to-inferior"}
    >>> ml = {"units": "um", "direction": "right-to-left"}
    >>> image = xr.DataArray(
    ...     np.ones((20, 10, 30)),
    ...     dims=("z", "y", "x"),
    ...     coords={
    ...         "z": ("z", 4000 + 300.0 * np.arange(20), ap),
    ...         "y": ("y", 200.0 * np.arange(10), dv),
    ...         "x": ("x", 2500 + 200.0 * np.arange(30), ml),
    ...     },
    ... )
    >>> on_atlas = xarray_atlas.resample(image, ds)
    >>> on_atlas.sizes == ds.sizes, float(on_atlas.mean())
    (True, 1.0)
    """
    if not isinstance(image, xr.DataArray):
        raise TypeError(
            f"resample takes one image, a DataArray, not a {type(image).__name__}. Open a "
            "file with xarray_atlas.open_image(...); resample the variables of a Dataset one at a "
            "time"
        )
    if image.dtype.kind not in "biufc":
        raise TypeError(f"the image is {image.dtype}; numbers or booleans can be resampled")
    _, atlas = find_atlas(like)
    names, dims, sizes = grid_axes(like, atlas)
    labels = is_label(image.name, image.variable)
    require_method(method)
    if labels and method == "linear":
        raise GridError(f"{image.name!r} holds labels or is {image.dtype}; only method='nearest'")
    method = method or ("nearest" if labels else "linear")
    axes = image_axes(image, like)
    order_of_atlas = order_of_space(like, atlas, dims)
    known = atlas_names(like)
    through = read_registration(transform, axes, atlas, order_of_atlas, order, space, known)
    axes.require_sizes("resample")
    centres = tuple(lengths(like, name) for name in names)
    source = tuple(SourceAxis.of(c, s) for c, s in zip(axes.centres, axes.sizes, strict=True))
    asked = how_inverted(transform.steps) if isinstance(transform, Transform) else {}
    mapping = Mapping3.of(through.inverse(**asked), centres, source)
    if isinstance(transform, Transform):
        require_overlap(mapping, axes, names, centres)
    if not labels:
        # from voxel units to mm of the image
        back = mapping.linear * np.array(axes.sizes)[:, None]
        warn_of_finer(axes, names, sizes, back, image.dims)
    data = image.variable.set_dims({**dict.fromkeys(axes.planes, 1), **image.sizes})
    others = [dim for dim in data.dims if dim not in axes.names]
    taken = {name for name in (*others, *image.coords) if name not in axes.names} & {*dims}
    if taken:
        raise GridError(
            f"the image has {sorted(map(str, taken))} besides its spatial dimensions, which the "
            "atlas's are called too; rename it"
        )
    values = plain(data.transpose(*others, *axes.names).data)
    chunks = tuple(like.chunksizes.get(dim, "auto") for dim in dims)
    dtype = np.result_type(image.dtype, np.float32) if method == "linear" else image.dtype
    fill = fill_of(dtype)
    result = numbers_like(
        image.variable, (*others, *dims), resampled(values, mapping, method, fill, chunks)
    )
    spatial = iter(order_of_dims(like, dims))
    wanted = (
        [next(spatial) if dim in axes.names else dim for dim in image.dims]
        if not axes.planes
        else [*others, *spatial]
    )
    grid = like.coords.to_dataset()
    grid = grid.drop_vars([c for c in grid.coords if c not in {*names, find_coordinate(like)}])
    made = grid.assign(_values_=result.transpose(*wanted))["_values_"].rename(image.name)
    return made.assign_coords(other_coords(image, axes.names, {*grid.coords, *dims}))
