"""Segmented pixels and objects of a section, as images on its pixels and by region."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_coordinate
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.units import quantity
from xarray_atlas.errors import GridError
from xarray_atlas.images.aggregate import aggregate
from xarray_atlas.optional import optional
from xarray_atlas.regions.volume import voxel_sizes

__all__ = ["chosen_pixels", "counted"]

SHOWN = 6
"""Colours of an image that an error lists."""

Labels = npt.NDArray[np.integer[Any]]


def chosen_pixels(image: Any, color: Any, labels: bool) -> tuple[Labels, bool]:
    """Return which pixels of an image are segmented, and whether each has the number of its object.

    Parameters
    ----------
    image : array of shape (rows, columns) or (rows, columns, channels)
    color : int, str or sequence of int, optional
        Of segmented pixels.
    labels : bool
        Whether each value but 0 is an object.

    Returns
    -------
    array of int of shape (rows, columns)
        0 where a pixel is not segmented.
    bool

    Raises
    ------
    GridError
        If the segmented pixels are not specified.
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise GridError(f"a segmentation has the shape (rows, columns), not {image.shape}")
    if labels:
        if color is not None:
            raise GridError("labels=True takes every value but 0 for an object; leave out color=")
        if image.ndim != 2 or image.dtype.kind not in "iu":
            raise GridError(
                f"labels=True is for images of integers, (rows, columns); this is {image.dtype} of "
                f"the shape {image.shape}: say which color= is segmented"
            )
        return image, True
    if image.dtype.kind == "b" and image.ndim == 2:
        if color is not None:
            raise GridError("a boolean image says itself which pixels are segmented: no color=")
        return image.astype(np.uint8), False
    if color is None:
        raise GridError(
            "which pixels are segmented? Give color=, such as color='#ff0000' or color=255, or "
            f"labels=True where each object has a number of its own. The image has {_colors(image)}"
        )
    wanted = np.array(_color(color, image), np.int64)
    if image.ndim == 2:
        found = image == wanted
    else:
        found = (image[..., : wanted.size] == wanted).all(axis=-1)
    if not found.any():
        raise GridError(f"no pixel has color={color!r}. The image has {_colors(image)}")
    return found.astype(np.uint8), False


def _color(color: Any, image: Any) -> Any:
    channels = 1 if image.ndim == 2 else image.shape[-1]
    values: list[Any] = []
    if isinstance(color, str):
        text = color.removeprefix("#")
        if len(text) == 6 and all(c in "0123456789abcdefABCDEF" for c in text):
            values = [int(text[i : i + 2], 16) for i in (0, 2, 4)]
    elif isinstance(color, int | np.integer):
        values = [int(color)]
    elif isinstance(color, tuple | list | np.ndarray):
        values = [int(value) for value in color]
    fits = [1] if channels == 1 else [n for n in (3, channels) if n <= channels]
    if len(values) not in fits:
        raise GridError(
            f"color={color!r} does not fit an image of {channels} channel{'s' * (channels > 1)}: "
            + ("give one number, color=255" if channels == 1 else "give '#ff0000' or (255, 0, 0)")
        )
    return values[0] if channels == 1 else values


def _colors(image: Any) -> str:
    if image.ndim == 2:
        values, counts = np.unique(image, return_counts=True)
        names = [str(value) for value in values.tolist()]
    else:
        code = np.zeros(image.shape[:2], np.int64)
        for channel in range(min(image.shape[-1], 3)):
            code = code * 2**16 + image[..., channel].astype(np.int64)
        codes, counts = np.unique(code, return_counts=True)
        parts = [[(c >> s) & 0xFFFF for s in (32, 16, 0)] for c in codes.tolist()]
        names = ["#" + "".join(f"{p:02x}" for p in part) for part in parts]
    order = np.argsort(-counts)
    listed = ", ".join(f"{names[i]} ({counts[i]:,} pixels)" for i in order[:SHOWN])
    return listed + (f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else "")


def counted(
    section: xr.Dataset,
    image: Labels,
    is_labelled: bool,
    *,
    connectivity: int,
    min_pixels: int,
    mask: xr.DataArray | None,
    **chosen: Any,
) -> xr.Dataset:
    """Count segmented pixels and objects by region.

    Parameters
    ----------
    section : Dataset
        Of two dimensions.
    image : array of int of shape (rows, columns)
        On the whole section, 0 where a pixel is not segmented.
    is_labelled : bool
        Whether its values number the objects.
    connectivity : 4 or 8
    min_pixels : int
        Of an object; smaller ones are excluded.
    mask : DataArray of bool, optional
        On the grid of the section.
    **chosen
        Regions, hemispheres and the like, same as in :func:`aggregate`.
    """
    annotation = annotation_of(section)
    sizes = voxel_sizes(annotation, 2)
    carrier = find_coordinate(section)
    rows, columns = annotation.shape
    within = image.shape
    y, x = np.nonzero(image)
    objects = image[y, x] if is_labelled else _connected(image, connectivity)[y, x]
    _, objects, many = np.unique(objects, return_inverse=True, return_counts=True)
    kept = many[objects] >= min_pixels
    y, x, objects = y[kept], x[kept], objects[kept]
    # a pixel belongs to the section's pixel at its upper left corner, same as in the tools
    at = (y * rows // within[0]) * columns + x * columns // within[1]
    seen = np.ones(annotation.shape, bool)
    if mask is not None:
        seen = _on_section(mask, annotation)
        there = seen.ravel()[at]
        at, objects = at[there], objects[there]
    labels = np.asarray(annotation.values).ravel()
    layers = np.zeros((3, rows * columns))
    layers[0] = np.bincount(at, minlength=rows * columns)
    layers[1] = np.bincount(_places(objects, labels[at], at), minlength=rows * columns)
    layers[2] = seen.ravel()
    stack = xr.DataArray(
        layers.reshape(3, rows, columns),
        {
            name: c.variable
            for name, c in annotation.coords.items()
            if c.ndim < 2 and name != carrier
        },
        ["what", *annotation.dims],
    )
    sums: Any = aggregate(section, stack, func="sum", **chosen)
    sums = sums.fillna(0).drop_vars(["voxels", "coverage"], errors="ignore")
    pixels, number, region = (sums.isel(what=i) for i in range(3))
    one = float(np.prod(list(sizes.values())))
    share = rows * columns / (within[0] * within[1])  # pixels of the section in one of the image
    with np.errstate(divide="ignore", invalid="ignore"):
        load = np.where(region.values > 0, pixels.values * share / region.values, np.nan)
    dims = pixels.dims
    in_none = labels == 0
    variables: dict[str, Variable] = {
        "pixels": Variable(dims, np.rint(pixels.values).astype(np.int64)),
        "objects": Variable(dims, np.rint(number.values).astype(np.int64)),
        "region_pixels": Variable(dims, region.values / share),
        "area": QuantityVariable(dims, quantity(region.values * one, 2)),
        "segmented_area": QuantityVariable(dims, quantity(pixels.values * share * one, 2)),
        "area_fraction": Variable(
            dims, load, {"units": "1", "long_name": "segmented share of the area"}
        ),
        "background": Variable((), np.int64(layers[0][in_none].sum())),
        "background_objects": Variable((), np.int64(layers[1][in_none].sum())),
    }
    return xr.Dataset(variables, sums.coords, {"image_pixels": f"{within[0]} x {within[1]}"})


def _connected(image: Labels, connectivity: int) -> Any:
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity={connectivity!r} is not 4 (edges) or 8 (corners too)")
    ndimage = optional("scipy.ndimage", "scipy", "finding objects of a segmentation")
    return ndimage.label(image, np.ones((3, 3)) if connectivity == 8 else None)[0]


def _places(objects: Any, labels: Any, at: Any) -> Any:
    """Return for each object a pixel in its most frequent region, the lowest label if tied.

    Parameters
    ----------
    objects, labels, at : arrays of int of shape (n,)
        Of each pixel: its object, its label, and its place in the section.
    """
    order = np.lexsort((labels, objects))
    objects, labels, at = objects[order], labels[order], at[order]
    if not objects.size:
        return at
    new = np.append(True, (np.diff(objects) != 0) | (np.diff(labels.astype(np.int64)) != 0))
    begins = np.flatnonzero(new)
    counts = np.diff(np.append(begins, objects.size))
    # of each object the run of a label that is longest; lexsort keeps the order of labels
    longest = np.lexsort((-counts, objects[begins]))
    first = np.append(True, np.diff(objects[begins][longest]) != 0)
    return at[begins[longest[first]]]


def _on_section(mask: xr.DataArray, annotation: xr.DataArray) -> npt.NDArray[np.bool_]:
    if not isinstance(mask, xr.DataArray) or mask.dtype != np.bool_:
        raise GridError("mask is a DataArray of bool on the pixels of the section")
    if set(mask.dims) != set(annotation.dims) or mask.sizes != annotation.sizes:
        raise GridError(
            f"mask has {dict(mask.sizes)}, the section {dict(annotation.sizes)}: it is on these "
            "pixels"
        )
    return np.asarray(mask.transpose(*annotation.dims).values)
