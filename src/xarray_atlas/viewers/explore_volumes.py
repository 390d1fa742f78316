"""Volumes and region table of the interactive page."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from dask.base import compute
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.encoding import encode
from xarray_atlas.coords.grid import annotation_of, lengths, refuse_further, spacing
from xarray_atlas.coords.length_variable import SPACING
from xarray_atlas.coords.space import RAS, RAS_AXES
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.downsample import halved, majority, mean
from xarray_atlas.kernels.labels import lookup
from xarray_atlas.printable import one_line
from xarray_atlas.regions.properties import region_properties
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.table import NO_COLOR

__all__ = ["PageAtlas", "coarser", "nifti", "read", "region_table", "template_of"]

MOST_VOXELS = 5_000_000
"""Maximum number of voxels for a browser; larger volumes are halved along each axis."""

MOST_CODES = 8191
"""More do not fit the widest picture of colours that browsers draw from."""

SHAPE = np.uint8(50)
"""Brightness of the brain without a template, of 255."""


@dataclass(frozen=True)
class PageAtlas:
    """The part of an atlas that a page shows, in memory, right-anterior-superior.

    Attributes
    ----------
    annotation : DataArray
        The displayed labels, with the coordinates of an atlas.
    codes : uint16 array
        On right, anterior, superior: 1 + the position of a voxel's region in the table; 0 outside.
        Unknown labels follow the last region.
    unknown : list of int
        These labels.
    background : uint8 array
        The template on the same axes; without one, the shape of what has a label.
    template : bool
        True if the background is the template.
    axes : list of dict
        For each of these axes the anatomical one, the name of its coordinate, the position of
        the first voxel, the signed step, both in mm of the Dataset, and the sign that takes these
        to the world of NIfTI.
    times : int
        How often the voxels were halved along each axis.
    """

    annotation: xr.DataArray
    codes: npt.NDArray[Any]
    unknown: list[int]
    background: npt.NDArray[np.uint8]
    template: bool
    axes: list[dict[str, Any]]
    times: int


def read(obj: xr.Dataset | xr.DataArray, template: bool) -> PageAtlas:
    """Read the displayed data, each chunk once; see :func:`xarray_atlas.explore`."""
    annotation = annotation_of(obj)
    terminology, _ = find_atlas(annotation)
    refuse_further(annotation, "show")
    if annotation.ndim != 3:
        raise GridError(
            f"the page shows a volume, and this annotation has the dimensions "
            f"{list(annotation.dims)}. Select planes with a list, isel(z=[5]) instead of "
            "isel(z=5), so that they keep their thickness; plot.section draws a single one"
        )
    sizes = spacing(annotation)
    if annotation.size == 0:
        raise GridError("there is nothing to show: the annotation has no voxel")
    image = template_of(obj, annotation) if template else None
    times, shape = 0, annotation.shape
    while math.prod(shape) > MOST_VOXELS:
        times, shape = times + 1, halved(shape)
    images = [_coarser(annotation.variable, majority, times)]
    if image is not None:
        images.append(_coarser(image, mean, times))
    labels, *templates = compute(*images)
    coarse = _on_grid(annotation, sizes, times, labels)
    axes, order, flips = _axes(coarse)
    codes, unknown = _codes(labels, terminology)
    grey = _grey(templates[0], codes > 0) if templates else SHAPE * (codes > 0).astype(np.uint8)
    codes, grey = (a.transpose(order)[flips] for a in (codes, grey))
    return PageAtlas(coarse, codes, unknown, grey, bool(templates), axes, times)


# -- onto a grid that a page holds


def template_of(obj: xr.Dataset | xr.DataArray, annotation: xr.DataArray) -> Variable | None:
    """Return the template of a Dataset on the dimensions of its annotation, if it has one.

    Raises
    ------
    GridError
        If it is on another grid.
    """
    if not isinstance(obj, xr.Dataset) or "template" not in obj.data_vars:
        return None
    image = obj["template"].variable
    if set(image.dims) != set(annotation.dims) or image.dtype.kind not in "iufb":
        raise GridError(
            f"'template' ({image.dtype} on {list(image.dims)}) is not an image on the grid of the "
            "annotation; leave it out with template=False"
        )
    data = getattr(image.data, "magnitude", image.data)  # a viewer shows no unit
    return Variable(image.dims, data).transpose(*annotation.dims)


def _coarser(variable: Variable, kernel: Callable[[Any], Any], times: int) -> Any:
    """Halve an array some times along each axis, chunk by chunk; a chunk is read once."""
    if not times:
        return variable.data
    step = 2**times
    data = variable.data if variable.chunks else variable.chunk(64 * step).data
    if any(n % step for chunks in data.chunks for n in chunks[:-1]):
        data = data.rechunk(tuple(max(step, max(c) // step * step) for c in data.chunks))

    def halve(block: Any) -> Any:
        for _ in range(times):
            block = kernel(block)
        return block

    chunks = tuple(tuple(-(-n // step) for n in along) for along in data.chunks)
    return da.map_blocks(halve, data, chunks=chunks, dtype=data.dtype, meta=data._meta)


def coarser(annotation: xr.DataArray) -> xr.DataArray:
    """Halve an annotation in memory along each axis."""
    return _on_grid(annotation, spacing(annotation), 1, majority(annotation.values))


def _on_grid(
    annotation: xr.DataArray, sizes: dict[Hashable, float], times: int, labels: Any
) -> xr.DataArray:
    """Return labels with the coordinates that they have after halving."""
    if not times:
        return annotation.copy(data=labels)
    plain = encode(annotation)
    _, space = find_atlas(plain)
    coords = {}
    for name in space.coordinates(plain).values():
        assert name is not None  # spacing has looked
        old = plain.coords[name].variable
        (dim,) = old.dims
        positions = old.values
        # an axis of one voxel cannot be halved
        size = sizes[dim] * (2**times if positions.size > 1 else 1)
        step = -size if positions.size > 1 and positions[-1] < positions[0] else size
        first = positions[0] + np.sign(step) * (size - sizes[dim]) / 2
        centres = first + step * np.arange(labels.shape[annotation.dims.index(dim)])
        attrs = old.attrs | ({SPACING: size} if centres.size == 1 else {})
        coords[name] = ((dim,), centres, attrs)
    strided = plain.isel({dim: slice(None, None, 2**times) for dim in plain.dims})
    return strided.copy(data=labels).assign_coords(coords)


def _axes(array: xr.DataArray) -> tuple[list[dict[str, Any]], list[int], tuple[slice, ...]]:
    """Describe the axes to the right, anterior and superior, and how to get there."""
    _, space = find_atlas(array)
    sizes = spacing(array)
    axes, order, flips = [], [], []
    for axis in RAS_AXES:
        name = space.coordinate(array, axis)
        assert name is not None
        positions = lengths(array, name)
        (dim,) = array.coords[name].dims
        _, sign = RAS[space.orientation[space.position(axis)]]
        step = sizes[dim]
        if positions.size > 1 and positions[-1] < positions[0]:
            step = -step
        first = float(positions[0])
        turned = step * sign < 0
        if turned:
            first, step = float(positions[-1]), -step
        about: dict[str, Any] = {"axis": axis, "name": str(name), "count": positions.size}
        about |= {"direction": space.direction(axis), "sign": sign}
        axes.append(about | {"first": round(first, 9), "step": round(step, 9)})
        order.append(array.dims.index(dim))
        flips.append(slice(None, None, -1 if turned else 1))
    return axes, order, tuple(flips)


# -- values of voxels


def _codes(labels: Any, terminology: Terminology) -> tuple[npt.NDArray[Any], list[int]]:
    """Return 1 + the position of the region of each voxel, and the labels that no region has.

    Of several regions that share a label it is the first one.
    """
    own, regions = terminology.label_pairs(direct=True)
    keys, first = np.unique(own, return_index=True)
    native = np.asarray(labels, labels.dtype.newbyteorder("="))
    where, values = pd.factorize(native.ravel(), sort=True)
    at = lookup(values, keys)
    codes = np.where(at >= 0, regions[first[at]] + 1 if keys.size else 0, 0)
    strays = (at < 0) & (values != 0)
    codes[strays] = len(terminology) + 1 + np.arange(np.count_nonzero(strays))
    if codes.max(initial=0) > MOST_CODES:
        raise GridError(
            f"a page has colors for {MOST_CODES} labels; this atlas has {len(terminology)} regions "
            f"and {np.count_nonzero(strays)} labels that no region has"
        )
    return codes.astype(np.uint16)[where].reshape(labels.shape), values[strays].tolist()


def _grey(image: Any, inside: Any) -> npt.NDArray[np.uint8]:
    """Scale an image to 0 to 255: all but the outermost 0.5 % of what lies within the brain."""
    image = np.asarray(image, np.float32)
    known = image[inside & np.isfinite(image)]
    if not known.size:
        known = image[np.isfinite(image)]
    low, high = np.percentile(known, (0.5, 99.5)) if known.size else (0, 1)
    scaled = (image - low) / ((high - low) or 1)
    grey: npt.NDArray[np.uint8] = np.rint(np.nan_to_num(scaled.clip(0, 1)) * 255).astype(np.uint8)
    return grey


def region_table(shown: PageAtlas) -> dict[str, Any]:
    """Return the columns of the regions for the page, from one pass over the labels."""
    terminology, _ = find_atlas(shown.annotation)
    found = region_properties(shown.annotation, list(terminology))
    dims = [shown.annotation[axis["name"]].dims[0] for axis in shown.axes]
    columns = [found["axis"].values.tolist().index(str(dim)) for dim in dims]
    points = found["representative_point"].transpose("region", "axis").values[:, columns]
    first, step = (np.array([axis[key] for axis in shown.axes]) for key in ("first", "step"))
    there = found["voxels"].values > 0
    at = np.rint(np.where(there[:, None], (points - first) / step, 0)).astype(int)
    return {
        "acronym": list(map(one_line, terminology.acronyms)),
        "name": list(map(one_line, terminology.names)),
        "id": list(map(str, terminology.ids)),  # beyond 2**53 numbers of a page are not exact
        "parent": terminology.parents.tolist(),
        "color": [color or NO_COLOR for color in terminology.colors],
        "voxels": found["voxels"].values.tolist(),
        "at": [place if known else None for place, known in zip(at.tolist(), there, strict=True)],
    }


# -- files that NiiVue reads


def nifti(volume: npt.NDArray[Any], axes: list[dict[str, Any]], intent: int = 0) -> bytes:
    """Return a volume on right, anterior, superior as a NIfTI-1 file; `intent` is a code of it."""
    codes = {"uint8": 2, "uint16": 512}
    size = volume.dtype.itemsize
    steps = [abs(axis["step"]) for axis in axes]
    corner = [axis["sign"] * axis["first"] for axis in axes]
    header = struct.pack("<i36x", 348)
    header += struct.pack("<8h", 3, *volume.shape, 1, 1, 1, 1)
    header += struct.pack("<12x4h", intent, codes[volume.dtype.name], 8 * size, 0)
    header += struct.pack("<8f", 1, *steps, 0, 0, 0, 0)
    header += struct.pack("<3f3xB16x", 352, 1, 0, 2)  # where it begins, no scaling, in mm
    header += struct.pack("<112x2h", 0, 2)
    header += struct.pack("<24x")
    for row in range(3):
        header += struct.pack("<4f", *(steps[row] * (row == i) for i in range(3)), corner[row])
    header += struct.pack("<16x4s4x", b"n+1\0")
    data = volume.astype(volume.dtype.newbyteorder("<"), copy=False)
    return header + data.tobytes("F")
