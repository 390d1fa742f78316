"""Find the part of an atlas that an image covers, or explain how the grids differ."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas, find_coordinate
from xarray_atlas.coords.grid import lengths, refuse_further, spacing
from xarray_atlas.coords.headers import OBLIQUE
from xarray_atlas.coords.matching import match_axes, refuse_undirected
from xarray_atlas.coords.space import AXES, Space
from xarray_atlas.coords.world import IDENTITY, world_of
from xarray_atlas.errors import AtlasMismatchError, GridError
from xarray_atlas.kernels.spacing import FloatArray, regular_step, tolerance_of

__all__ = ["AlignedImage", "shown_part"]

TURNED = 1e-3
"""In mm: header transforms that differ by less are the same."""


@dataclass(frozen=True)
class AlignedImage:
    """An image, and the part of an atlas that it covers.

    Attributes
    ----------
    image : DataArray
        Without the spatial dimensions that the atlas lacks.
    part : dict of hashable to slice or int
        Indexers of the atlas along each of its dimensions, for ``isel``.
    dims : dict of hashable to hashable
        The image's name of each remaining dimension of the atlas.
    coordinates : tuple of hashable
        The spatial coordinates of the image.
    whole : bool
        Whether the part is the whole atlas.
    """

    image: xr.DataArray
    part: dict[Hashable, Any]
    dims: dict[Hashable, Hashable]
    coordinates: tuple[Hashable, ...]
    whole: bool


def shown_part(annotation: xr.DataArray, image: Any, what: str = "image") -> AlignedImage:
    """Find the part of an atlas that an image on its grid covers.

    Parameters
    ----------
    annotation : DataArray
        The annotation of the atlas.
    image : DataArray
        On the whole grid or a contiguous part of it, with coordinates in any unit of length and any
        further dimensions.
    what : str
        Name of the object, for error messages.

    Raises
    ------
    GridError
        If the image is not on the grid of the atlas. The message says how they differ.
    UnitsError
        If a spatial coordinate has no unit.
    AtlasMismatchError
        If the image carries another region hierarchy in another space.
    """
    if isinstance(image, xr.Dataset):
        names = ", ".join(repr(str(name)) for name in image.data_vars)
        raise TypeError(f"the {what} is a Dataset; pass one of its variables: {names}")
    if not isinstance(image, xr.DataArray):
        raise TypeError(
            f"the {what} is a {type(image).__name__}, which does not say where its voxels lie. "
            "Open a file, or an image of another library, with xarray_atlas.open_image(...). "
            "Of an array on the grid of the atlas make a DataArray: "
            "xr.DataArray(array, coords=ds.annotation.coords, dims=ds.annotation.dims)"
        )
    terminology, space = find_atlas(annotation)
    if annotation.ndim == 0:
        raise GridError("the atlas is a single voxel here; keep a dimension of it, isel(z=[5])")
    refuse_further(annotation, "compare an image with")
    # an atlas and its parcellations are different hierarchies in the same space
    carried = None if find_coordinate(image) is None else find_atlas(image)
    if carried is not None and carried[0] != terminology and carried[1] != space:
        raise AtlasMismatchError(
            f"the {what} carries another region hierarchy and space, those of {carried[0]!r}, "
            f"than the atlas, {terminology!r}. If it lies on the same grid all the same, drop its "
            f"own: {what}.drop_vars({find_coordinate(image)!r})"
        )
    _require_same_world(annotation, image, what)
    part: dict[Hashable, Any] = {}
    dims: dict[Hashable, Hashable] = {}
    named: list[Hashable] = []
    wrong = []
    matched = match_axes(image, annotation)
    for axis in AXES:
        mine = space.coordinate(annotation, axis)
        if mine is None:
            continue
        theirs = _coordinate(image, axis, mine, matched, annotation, what)
        named.append(theirs)
        atlas, values = (
            np.atleast_1d(lengths(o, n)) for o, n in ((annotation, mine), (image, theirs))
        )
        tolerance = _tolerance(annotation, space, axis, mine, atlas)
        found, difference = _places(atlas, values, tolerance)
        if annotation.coords[mine].ndim == 0 and values.size > 1:
            raise GridError(
                f"the atlas is a plane, {mine!r} at {atlas[0]:g} mm, the {what} has {values.size} "
                f"of them: select one, {what}.isel({theirs}=...), or pass the whole atlas"
            )
        if difference:
            wrong.append(f"{theirs!r} {difference}")
        elif annotation.coords[mine].ndim and image.coords[theirs].ndim:
            part[annotation.coords[mine].dims[0]] = found
            dims[annotation.coords[mine].dims[0]] = image.coords[theirs].dims[0]
        elif annotation.coords[mine].ndim:  # one plane of a whole atlas
            part[annotation.coords[mine].dims[0]] = found.start
        elif image.coords[theirs].ndim:  # a plane that kept its thickness
            image = image.isel({image.coords[theirs].dims[0]: 0})
    bare = [dim for dim in annotation.dims if dim not in part]
    if bare and not wrong:
        raise GridError(
            f"dimension {bare[0]!r} of the atlas has no spatial coordinate, so that it cannot be "
            "compared with that of an image; select one of its entries, or assign the coordinate"
        )
    if wrong:
        raise GridError(
            f"the {what} is not on the grid of the atlas: {'; '.join(wrong)}. Bring it there with "
            f"xarray_atlas.resample({what}, like=ds), or the atlas to it with "
            f"ds.atlas.resample_like({what})"
        )
    sizes = [len(range(annotation.sizes[d])[p]) for d, p in part.items() if isinstance(p, slice)]
    whole = len(sizes) == annotation.ndim and np.prod(sizes) == annotation.size
    return AlignedImage(image, part, dims, tuple(named), bool(whole))


def _require_same_world(annotation: xr.DataArray, image: xr.DataArray, what: str) -> None:
    """Refuse an image that is oblique relative to the atlas."""
    image_world, atlas_world = world_of(image), world_of(annotation)
    if image_world is None:
        return
    apart = np.abs(image_world - (IDENTITY if atlas_world is None else atlas_world))
    if apart[:3, :3].max() > OBLIQUE or (atlas_world is not None and apart.max() > TURNED):
        raise GridError(
            f"the {what} is oblique: its axes are rotated against those of the atlas, as its "
            "coordinate 'world' says. Bring the atlas onto it with "
            f"ds.atlas.resample_like({what}), or the {what} to the atlas with "
            f"xarray_atlas.resample({what}, like=ds)"
        )


def _coordinate(
    image: xr.DataArray,
    axis: str,
    mine: Hashable,
    matched: Mapping[str, Hashable],
    annotation: xr.DataArray,
    what: str,
) -> Hashable:
    """Return the image's coordinate along an axis, or explain why it is missing."""
    _, space = find_atlas(annotation)
    if axis in matched:
        try:
            space.coordinate(image, axis)
        except AtlasMismatchError as error:  # the message says that the axis is reversed
            raise AtlasMismatchError(
                f"{error}, so that the {what} is not on the grid of the atlas; bring the atlas "
                f"onto it with ds.atlas.resample_like({what})"
            ) from error
        return matched[axis]
    refuse_undirected(image, annotation, matched, what)
    if mine not in image.dims:
        call = f"{what}.assign_coords({mine}=ds.{mine})"
        plane = f", {call} where it shows that plane" if not annotation.coords[mine].ndim else ""
        raise GridError(
            f"the {what} has no coordinate {mine!r}, which runs {space.direction(axis)}; its "
            f"dimensions are {tuple(map(str, image.dims))}. Say where it lies{plane}; a coordinate "
            f"of another name is found by its attribute 'direction', here {space.direction(axis)!r}"
        )
    missing = [str(dim) for dim in annotation.dims if dim in image.dims and dim not in image.coords]
    assigned = ", ".join(f"{dim}=ds.{dim}" for dim in missing)
    same = all(image.sizes[dim] == annotation.sizes[dim] for dim in missing)
    mend = (
        f"If its voxels are the atlas's, assign its coordinates: {what}.assign_coords({assigned})"
        if same
        else f"It has {image.sizes[mine]} voxels there, the atlas {annotation.sizes.get(mine, 1)}: "
        "assign the positions of their centres, with the attributes 'units' and 'direction'"
    )
    raise GridError(
        f"dimension {mine!r} of the {what} has no coordinate, so that it is not known where "
        f"its voxels lie. {mend}"
    )


def _tolerance(
    annotation: xr.DataArray, space: Space, axis: str, name: Hashable, values: FloatArray
) -> float:
    """Return a millionth of a voxel, in mm."""
    dims = annotation.coords[name].dims
    size = spacing(annotation, need=0)[dims[0]] if dims and values.size == 1 else None
    return tolerance_of(values, size or space.voxel_size[space.position(axis)])


def _places(atlas: FloatArray, values: FloatArray, tolerance: float) -> tuple[slice, str]:
    """Find the positions of values in those of the atlas, or explain how they differ."""
    if not values.size:
        return slice(0, 0), ""
    if not atlas.size:
        return slice(0, 0), "has voxels, the atlas has none there"
    order = np.argsort(atlas)
    after = np.clip(np.searchsorted(atlas[order], values), 1, max(atlas.size - 1, 1))
    left, right = order[after - 1], order[np.minimum(after, atlas.size - 1)]
    at = np.where(np.abs(atlas[left] - values) <= np.abs(atlas[right] - values), left, right)
    steps = np.diff(at)
    if not (np.abs(atlas[at] - values) <= tolerance).all():
        return slice(0), _difference(atlas, values, tolerance)
    if (steps == 1).all():
        return slice(int(at[0]), int(at[-1]) + 1), ""
    if (steps == -1).all():
        last = int(at[-1]) - 1
        return slice(int(at[0]), last if last >= 0 else None, -1), ""
    if (steps == steps[0]).all() and steps[0] != 0:
        return slice(0), (
            f"takes one plane in {abs(steps[0])} of the atlas; where that is meant, take the same "
            f"of the atlas, with a slice from {at.min()} to {at.max() + 1} in steps of "
            f"{abs(steps[0])}"
        )
    return slice(0), "selects non-contiguous planes of the atlas"


def _difference(atlas: FloatArray, values: FloatArray, tolerance: float) -> str:
    """Explain how positions differ from the centres of the atlas's voxels."""
    mine, theirs = regular_step(atlas), regular_step(values)
    held = f"({_range(values)}; the atlas {_range(atlas)})"
    if not np.isfinite(values).all():
        return f"is not a number in places {held}"
    if values.size > 1 and theirs is None:
        return f"is irregularly spaced {held}"
    if mine and theirs and abs(abs(mine) - abs(theirs)) * max(values.size - 1, 1) > tolerance:
        return f"is spaced {abs(theirs):g} mm apart, the atlas {abs(mine):g} mm {held}"
    low, high = float(values.min() - atlas.min()), float(values.max() - atlas.max())
    reach = abs(mine or 0)
    if low < -reach / 2 or high > reach / 2:
        return f"reaches {max(-low, high):g} mm beyond the atlas {held}"
    off = values[0] - atlas[np.argmin(np.abs(atlas - values[0]))]
    share = f", {abs(off / mine):.2g} of a voxel" if mine else ""
    return f"lies {abs(off):g} mm from the centres of the atlas's voxels{share} {held}"


def _range(values: FloatArray) -> str:
    if values.size == 1:
        return f"one value, {values[0]:g} mm"
    return f"{values.size} values from {values[0]:g} to {values[-1]:g} mm"
