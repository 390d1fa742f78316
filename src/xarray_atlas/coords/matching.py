"""Match the coordinates of an image with the anatomical axes of an atlas."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas, find_coordinate
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.space import AXES, DIRECTIONS, Space, claiming_coordinate
from xarray_atlas.coords.units import is_length
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.spacing import same_lengths, snap, tolerance_of

__all__ = ["match_axes", "ordered_dims", "refuse_undirected"]


def match_axes(
    image: xr.Dataset | xr.DataArray, atlas: xr.Dataset | xr.DataArray
) -> dict[str, Hashable]:
    """Find the coordinate of an image along each anatomical axis.

    A coordinate with a ``direction`` attribute is matched by it. Without that attribute, a
    coordinate with a name of the atlas is matched only if it is known to be the atlas's: the image
    carries the atlas's space or lies on exactly its grid (the same dimensions in the same order,
    each with the same positions in a given unit, or one plane of them).

    Parameters
    ----------
    image : Dataset or DataArray
    atlas : Dataset or DataArray
        The atlas or a part of it, with its space.

    Returns
    -------
    dict of str to hashable
        For each of "ap", "dv" and "ml" that was found.

    Raises
    ------
    AtlasMismatchError
        If two coordinates of the image have the same direction.
    UnitsError
        If a coordinate with a name of the atlas has neither direction nor unit.
    """
    _, space = find_atlas(atlas)
    matched = {a: n for a in AXES if (n := claiming_coordinate(image, a)) is not None}
    names = _named(image, space, [axis for axis in AXES if axis not in matched])
    if names and (_same_space(image, space) or _same_grid(image, atlas, space, names)):
        matched.update(names)
    return matched


def _named(
    image: xr.Dataset | xr.DataArray, space: Space, axes: Iterable[str]
) -> dict[str, Hashable]:
    """Return the coordinates with names of the atlas and without a direction."""
    named = {axis: space.dims[space.position(axis)] for axis in axes}
    return {
        axis: name
        for axis, name in named.items()
        if name in image.coords and image.coords[name].ndim < 2 and not _directed(image, name)
    }


def _directed(image: xr.Dataset | xr.DataArray, name: Hashable) -> bool:
    return image.coords[name].attrs.get("direction") in DIRECTIONS.values()


def _same_space(image: xr.Dataset | xr.DataArray, space: Space) -> bool:
    return find_coordinate(image) is not None and find_atlas(image)[1] == space


def _same_grid(
    image: xr.Dataset | xr.DataArray,
    atlas: xr.Dataset | xr.DataArray,
    space: Space,
    names: dict[str, Hashable],
) -> bool:
    """Return whether an image has the atlas's positions along these axes, in the same order."""
    for axis, name in names.items():
        mine = space.coordinate(atlas, axis)
        theirs = np.atleast_1d(lengths(image, name, "image"))
        if mine is None:
            return False
        positions = np.atleast_1d(lengths(atlas, mine))
        size = space.voxel_size[space.position(axis)]
        tolerance = tolerance_of(positions, size)
        if image.coords[name].ndim == 0:
            if not np.isin(snap(theirs, positions, tolerance), positions).all():
                return False
        elif not same_lengths(theirs, positions, tolerance):
            return False
    wanted = [dim for dim in ordered_dims(atlas) if dim in image.dims]
    return [dim for dim in ordered_dims(image) if dim in wanted] == wanted


def ordered_dims(obj: xr.Dataset | xr.DataArray) -> list[Hashable]:
    """Return the dimensions in the order of the array; for a Dataset, of its largest variable."""
    if isinstance(obj, xr.DataArray):
        return list(obj.dims)
    largest = max(obj.data_vars.values(), key=lambda v: v.ndim, default=None)
    first = () if largest is None else largest.dims
    return [*first, *(dim for dim in obj.dims if dim not in first)]


def refuse_undirected(
    image: xr.Dataset | xr.DataArray,
    atlas: xr.Dataset | xr.DataArray,
    matched: Container[str],
    what: str,
) -> None:
    """Refuse coordinates without a direction that are not known to be the atlas's.

    Parameters
    ----------
    image, atlas : Dataset or DataArray
    matched : container of str
        The anatomical axes found by :func:`match_axes`.
    what : str
        Name of the image, for error messages.

    Raises
    ------
    GridError
        If there are any.
    """
    _, space = find_atlas(atlas)
    named = _named(image, space, [axis for axis in AXES if axis not in matched]).values()
    others = [
        name
        for name in image.dims
        if name in image.coords and is_length(image.coords[name].variable)
    ]
    names = [str(n) for n in dict.fromkeys([*named, *others]) if not _directed(image, n)]
    if not names:
        return
    first = names[0]
    sizes = {name: image.sizes[name] for name in names if name in image.dims}
    same = sizes and all(atlas.sizes.get(name) == size for name, size in sizes.items())
    taken = ", ".join(f"{name}=ds.{name}" for name in sizes)
    raise GridError(
        f"it is not known in which anatomical direction the coordinates {_listed(names)} of the "
        f"{what} run: names alone do not tell, there is no attribute 'direction', and they are "
        "not the coordinates of the atlas itself. State it for each, "
        f"{what}[{first!r}].attrs['direction'] = ..., one of {_listed(DIRECTIONS.values())}; "
        "xarray_atlas.open_image reads it from the header of a file, and takes it where the file "
        "does not know it: open_image(file, orientation='asr')"
        + (
            f". If its voxels are those of the atlas, take its coordinates: "
            f"{what}.assign_coords({taken})"
            if same
            else ""
        )
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
