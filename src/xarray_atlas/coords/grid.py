"""The grid of an atlas: its labels, spatial dimensions and voxel size."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.headers import OPPOSITE
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.length_variable import COARSE, SPACING
from xarray_atlas.coords.space import RAS_AXES, Space, require_orientation
from xarray_atlas.coords.stated_units import require_length
from xarray_atlas.coords.units import quantity, to_mm
from xarray_atlas.coords.world import ras_matrix
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray, regular_step

__all__ = [
    "affine_of",
    "annotation_of",
    "array_orientation",
    "as_opened",
    "dimension_along",
    "further_dims",
    "lengths",
    "refuse_further",
    "spacing",
    "spacing_quantities",
]


def annotation_of(obj: xr.Dataset | xr.DataArray) -> xr.DataArray:
    """Return the labels of an object: its ``annotation``, or the DataArray itself.

    Raises
    ------
    GridError
        If there is no annotation, or its labels are not integers.
    """
    if isinstance(obj, xr.Dataset):
        if "annotation" not in obj.data_vars:
            there = sorted(map(str, obj.data_vars))
            raise GridError(
                f"this Dataset has no variable 'annotation' (it has {there}), which holds the "
                "regions; open it too: include=('annotation', ...)"
            )
        obj = obj["annotation"]
    elif obj.name in ("template", "hemispheres"):
        # images may be integers too, and would give plausible but wrong numbers as labels
        raise GridError(f"{obj.name!r} holds no region labels; pass the Dataset or its annotation")
    if obj.dtype.kind not in "iu":
        raise GridError(
            f"{obj.name!r} is {obj.dtype}, but region labels are integers: floats and booleans "
            "do not hold them. where(condition) makes floats, where(condition, 0) does not"
        )
    return obj


def lengths(obj: xr.Dataset | xr.DataArray, name: Hashable, what: str | None = None) -> FloatArray:
    """Return a coordinate in mm from either form; `what` names the object in error messages.

    Raises
    ------
    UnitsError
        If it has no unit of length.
    GridError
        If it holds intervals instead of numbers.
    """
    require_length(obj, name, what)
    coord = obj.coords[name].variable
    return np.asarray(to_mm(coord, f"coordinate {name!r}").values, dtype=np.float64)


def dimension_along(
    obj: xr.Dataset | xr.DataArray, axis: str, what: str
) -> tuple[Hashable, Hashable]:
    """Return the coordinate and the dimension along an anatomical axis.

    Raises
    ------
    GridError
        If there is none; `what` is the operation that needs it.
    """
    _, space = find_atlas(obj)
    require_orientation(space)
    name = space.coordinate(obj, axis)
    if name is None or obj.coords[name].ndim != 1:
        there = [a for a, n in space.coordinates(obj).items() if n and obj.coords[n].ndim]
        raise GridError(
            f"{what}: this {type(obj).__name__} has no dimension that runs "
            f"{space.direction(axis)}; it has {', '.join(there) or 'none left'}"
        )
    # the dimension, whatever the name of its coordinate
    return name, obj.coords[name].dims[0]


def further_dims(annotation: xr.DataArray) -> tuple[Hashable, ...]:
    """Return the non-spatial dimensions, such as age: each entry is an atlas."""
    _, space = find_atlas(annotation)
    spatial = set(map(str, space.dims))
    for name in space.coordinates(annotation).values():
        spatial.update(() if name is None else map(str, annotation[name].dims))
    return tuple(dim for dim in annotation.dims if str(dim) not in spatial)


def refuse_further(annotation: xr.DataArray, what: str) -> None:
    """Refuse an atlas with further dimensions (age, subject, ...) if one entry must be chosen.

    Raises
    ------
    GridError
        The message says how to select an entry for the operation `what`.
    """
    for dim in further_dims(annotation):
        raise GridError(
            f"dimension {dim!r} of the atlas is not a spatial one; {what} one of its "
            f"{annotation.sizes[dim]} entries at a time, for example isel({dim}=0)"
        )


# -- the size of a voxel


def spacing(obj: xr.Dataset | xr.DataArray, need: int = 3) -> dict[Hashable, float]:
    """Compute the voxel size from the coordinates, in mm, for each spatial dimension.

    An axis of one voxel has the size that its index remembers (also of a stride), or else that of
    the atlas.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, on any part of its grid.
    need : int
        Required number of spatial dimensions.

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, or a dimension is missing.
    """
    _, space = find_atlas(obj)
    names = space.coordinates(obj)
    there = {a: n for a, n in names.items() if n is not None and obj.coords[n].ndim == 1}
    if len(there) < need:
        raise GridError(_missing(obj, space, [a for a in names if a not in there], need))
    return {obj.coords[n].dims[0]: _step(obj, space, a, n) for a, n in there.items()}


def as_opened(measured: float, whole: float) -> float:
    """Replace a measured voxel size by the atlas's, or a multiple of it, if they agree.

    Parameters
    ----------
    measured : float
        Computed from the coordinates, in mm, with rounding errors.
    whole : float
        Voxel size of the whole volume, in mm.

    Returns
    -------
    float
        Also for a stride or coarser voxels, with a multiple of the size.
    """
    times = max(round(measured / whole), 1) if whole else 1
    exact = times * whole
    return exact if abs(measured - exact) <= TOLERANCE * whole else measured


def array_orientation(obj: xr.Dataset | xr.DataArray) -> dict[Hashable, str]:
    """Return the orientation letter of each dimension of an atlas: where its first voxel lies.

    Parameters
    ----------
    obj : Dataset or DataArray

    Returns
    -------
    dict of hashable to str
        An orientation letter for each spatial dimension. For a single plane, the direction in which
        the coordinate is smaller.
    """
    _, space = find_atlas(obj)
    found = {}
    for axis, name in space.coordinates(obj).items():
        if name is None or obj.coords[name].ndim != 1:
            continue
        values = lengths(obj, name)
        letter = space.orientation[space.position(axis)]
        descending = values.size > 1 and values[-1] < values[0]
        found[obj.coords[name].dims[0]] = OPPOSITE[letter] if descending else letter
    return found


def affine_of(array: xr.DataArray) -> FloatArray:
    """Compute the affine from the voxels of an array to RAS mm.

    For an atlas with world coordinates it is the affine of the source file; otherwise it follows
    from the coordinates, negated if they increase to the left, posterior or inferior.

    Parameters
    ----------
    array : DataArray
        A volume that carries an atlas's space.

    Returns
    -------
    float64 array of shape (4, 4)

    Raises
    ------
    GridError
        If it has other than three spatial dimensions, no voxels, uneven spacing, or axes of unknown
        orientation.
    """
    _, space = find_atlas(array)
    require_orientation(space)
    sizes = spacing(array)
    if array.ndim != 3:
        extra = [str(dim) for dim in array.dims if dim not in sizes]
        raise GridError(
            f"{array.name!r} has the non-spatial dimensions {extra}; select one of them first"
        )
    if array.size == 0:
        raise GridError(f"there is nothing to write: {array.name!r} has no voxel")
    placed = np.zeros((4, 4))  # from voxels to coordinates along ml, ap, dv
    placed[3, 3] = 1
    for row, axis in enumerate(RAS_AXES):
        name = space.coordinate(array, axis)
        assert name is not None  # spacing has checked this
        column = array.dims.index(array.coords[name].dims[0])
        positions = lengths(array, name)
        step = as_opened(sizes[array.dims[column]], space.voxel_size[space.position(axis)])
        descending = positions.size > 1 and positions[-1] < positions[0]
        placed[row, column] = -step if descending else step
        placed[row, 3] = positions[0]
    letters = [space.orientation[space.position(axis)] for axis in RAS_AXES]
    affine: FloatArray = ras_matrix(letters, space.world) @ placed + 0.0  # not -0.0
    return affine


def spacing_quantities(obj: xr.Dataset | xr.DataArray) -> dict[Hashable, Any]:
    """Return :func:`spacing` of the dimensions that are left, as quantities."""
    return {dim: quantity(size) for dim, size in spacing(obj, need=0).items()}


def _missing(obj: xr.Dataset | xr.DataArray, space: Space, axes: list[str], need: int) -> str:
    """Explain which spatial dimensions are missing, why, and what to do."""
    measure = {2: "an area", 3: "a volume"}[need]
    names = {axis: space.coordinate(obj, axis) or space.dims[space.position(axis)] for axis in axes}
    bare = [name for name in names.values() if name in obj.dims and name not in obj.coords]
    if bare:
        return (
            f"dimension {bare[0]!r} has no coordinate, so that the size of its voxels is not "
            f"known; {measure} needs it. Assign the coordinate of the atlas"
        )
    listed = " and ".join(f"{name!r} ({space.direction(a)})" for a, name in names.items())
    name = names[axes[0]]
    section = need == 3 and len(axes) == 1
    area = ", or measure the area of the section with area()" if section else ""
    return (
        f"{measure} needs {need} spatial dimensions; this object has no dimension {listed}. "
        f"Select planes with a list, isel({name}=[5]) instead of isel({name}=5), so that they "
        f"keep their thickness{area}"
    )


def _refuse_another_unit(space: Space, axis: str, name: Hashable, step: float) -> None:
    """Refuse voxels of 1000 or 1/1000 times the size of those of the atlas.

    A coordinate of plain numbers is in the unit of its attributes, also if these are outdated after
    a conversion, as in ``np.abs(ds.z).pint.to("um")``.
    """
    size = space.voxel_size[space.position(axis)]
    if not size:
        return
    power = round(np.log10(step / size) / 3)
    if power and abs(step / size / 1000.0**power - 1) < 1e-6:
        raise UnitsError(
            f"coordinate {name!r} says that its voxels are {step:g} mm, and those of the atlas are "
            f"{size:g} mm: its numbers are in another unit than its attribute 'units' says, as "
            f"after a conversion that kept it. State the unit of the numbers, for um: "
            f"obj = obj.assign_coords({name}=({name!r}, obj[{name!r}].values, "
            f"{{**obj[{name!r}].attrs, 'units': 'um'}}))"
        )


def _step(obj: xr.Dataset | xr.DataArray, space: Space, axis: str, name: Hashable) -> float:
    values = lengths(obj, name)
    index = obj.xindexes.get(name)
    remembered = index.spacing if isinstance(index, LengthIndex) else obj[name].attrs.get(SPACING)
    if values.size > 1:
        step = regular_step(values)
        if step is None:
            gaps = np.abs(np.diff(values))
            raise GridError(
                f"coordinate {name!r} is irregularly spaced (its {values.size} values lie "
                f"{gaps.min():g} to {gaps.max():g} mm apart), so that its voxels have no one "
                "size; select a regular range or stride of it"
            )
        if remembered and values.size == 2 and abs(abs(step) - remembered) > 0.01 * remembered:
            raise GridError(
                f"coordinate {name!r} has two values, {abs(step):g} mm apart, of voxels of "
                f"{remembered:g} mm: two planes, or two voxels of a stride? Take a stride "
                f"with a slice, isel({name}=slice(start, stop, step)), and planes one at a time"
            )
        _refuse_another_unit(space, axis, name, abs(step))
        return abs(step)
    if values.size == 0:
        return space.voxel_size[space.position(axis)]
    if remembered:
        return float(remembered)
    size = space.size_of_one(axis, float(values[0]), obj[name].attrs.get(COARSE))
    if size is None and not space.voxel_size[space.position(axis)]:
        raise GridError(
            f"coordinate {name!r} is of a single plane of unknown thickness; give it in "
            f"mm: obj[{name!r}].attrs[{SPACING!r}] = 0.4"
        )
    if size is None:
        raise GridError(
            f"coordinate {name!r} has one value, {values[0]:g} mm, and where it lies does not "
            "tell the size of its voxel. Select the plane with a list from the decoded whole, "
            f"isel({name}=[...]), so that its size is kept"
        )
    return size
