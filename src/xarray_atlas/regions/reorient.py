"""Reorient an atlas: flip and transpose its axes."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from xarray import Index, Variable
from xarray.indexes import PandasIndex

from xarray_atlas.coords.atlas_index import AtlasIndex, find_atlas, find_coordinate
from xarray_atlas.coords.build import centres_of
from xarray_atlas.coords.encoding import replace_carrier, replace_coordinates
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.headers import OPPOSITE
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.length_variable import LengthVariable
from xarray_atlas.coords.space import AXES, DIRECTIONS, Space
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.spacing import TOLERANCE, FloatArray, same_lengths, snap, without_noise
from xarray_atlas.transforms.remembered import turned

__all__ = ["reorient"]

T = TypeVar("T", xr.Dataset, xr.DataArray)


def reorient(
    obj: T, orientation: str | None = None, *, axcodes: str | Sequence[str] | None = None
) -> T:
    """Reorient an atlas, or any object on its grid, by flipping and transposing its axes.

    Arrays, coordinates, midline and orientation change together, so that every voxel keeps its
    region and hemisphere. Lazy: no voxel is read.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or any object on its grid that carries its hierarchy, in either form.
    orientation : str, optional
        A lower-case letter per axis for the side on which the first voxel lies, as in BrainGlobe
        and ITK-SNAP. ``"asr"`` starts at the anterior, superior, right corner.
    axcodes : str or sequence of str, optional
        Alternative to `orientation`, as in nibabel: the side to which each axis points. ``"RAS"``
        is the orientation ``"lpi"``.

    Returns
    -------
    Dataset or DataArray
        The spatial dimensions keep their names, each with its anatomical axis, and are in the order
        of the letters; others keep their positions.

    Raises
    ------
    GridError
        If the letters are not one for each anatomical axis, both or neither are given, or an axis
        cannot be flipped: it has no coordinate, or the size of the whole volume is unknown.
    MissingTerminologyError
        If the object carries no hierarchy.

    Notes
    -----
    World coordinates of an atlas (from a file with an affine) do not change, and are descending if
    the array runs to the left, posterior or inferior. Coordinates of other atlases are ascending
    afterwards, and those of a flipped axis are measured from the other end of the whole volume:
    ``x`` becomes ``2 * corner + extent - x``, so that the first voxel keeps its coordinate, and a
    cropped part has the same coordinates as in the reoriented whole.

    Values do not change. If they are vectors (a displacement field), their components still refer
    to the previous axes.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> ras = xarray_atlas.reorient(ds, axcodes="RAS")
    >>> ras.annotation.dims, ras.annotation.shape, ras.atlas.space.orientation
    (('x', 'z', 'y'), (114, 132, 80), 'lpi')
    >>> xarray_atlas.reorient(ras, "asr").identical(ds)
    True
    """
    terminology, space = find_atlas(obj)
    wanted = _letters(orientation, axcodes)
    order = [next(a for a, letters in AXES.items() if letter in letters) for letter in wanted]
    sides = dict(zip(order, wanted, strict=True))
    # world coordinates do not change: the array may run along them or against them
    flipped = [] if space.world else [a for a in order if sides[a] != _letter(space, a)]
    if flipped and not space.shape:
        raise GridError(
            f"cannot flip {', '.join(flipped)}: how large the whole volume is was not written "
            "with this atlas (by an older version), so that positions cannot be measured from "
            "its other end; open it again from where it came"
        )
    names = space.coordinates(obj)
    dims = {axis: _dimension(obj, space, axis, names[axis]) for axis in order}
    bare = [str(dims[a]) for a in flipped if names[a] is None and dims[a] in obj.dims]
    if bare:
        raise GridError(
            f"cannot flip {bare[0]!r}, which has no coordinate; assign that of the atlas"
        )
    variables: dict[Hashable, Variable] = {}
    indexes: dict[Hashable, Index] = {}
    reverse = {}
    for axis, name in names.items():
        if name is None:
            continue
        values = np.atleast_1d(lengths(obj, name))
        if axis in flipped:
            values = _mirrored(values, space, space.position(axis))
        descending = values.size > 1 and values[-1] < values[0]
        against = bool(space.world) and sides[axis] != _letter(space, axis)
        if values.size > 1 and descending != against:
            reverse[dims[axis]] = slice(None, None, -1)
            values = values[::-1]
        if axis in flipped:
            _replace_coordinate(obj, space, axis, name, values, variables, indexes)
    carrier = find_coordinate(obj)
    assert carrier is not None  # find_atlas has found it
    letters = "".join(_letter(space, a) for a in order) if space.world else wanted
    turned = AtlasIndex(terminology, _turned(space, order, letters), carrier)
    replace_carrier(obj, turned, variables, indexes)
    result = replace_coordinates(obj.isel(reverse), variables, indexes)
    result = _transposed(result, [dims[axis] for axis in order])
    if "orientation" in result.attrs:
        result.attrs = {**result.attrs, "orientation": wanted}
    return result


def _letters(orientation: str | None, axcodes: str | Sequence[str] | None) -> str:
    """Return the requested orientation, given in either form."""
    if (orientation is None) == (axcodes is None):
        raise GridError(
            "pass orientation, where the first voxel lies ('asr'), or axcodes, where the axes "
            "point ('RAS'): one of them"
        )
    if orientation is not None:
        wanted = str(orientation)
        if wanted != wanted.lower():
            raise GridError(
                f"orientation {wanted!r} is not in lower case: it says where the first voxel "
                f"lies, {wanted.lower()!r}; nibabel's letters, which say where the axes "
                f"point, are passed as axcodes={wanted!r}"
            )
    else:
        assert axcodes is not None
        pointing = "".join(axcodes).lower()
        wanted = "".join(OPPOSITE.get(letter, letter) for letter in pointing)
        if set(pointing) - set(OPPOSITE):
            raise GridError(f"axcodes {axcodes!r} are not three letters such as 'RAS'")
    Space(("0", "1", "2"), wanted, (1.0,) * 3, (0.0,) * 3)  # refuses two letters of one axis
    return wanted


def _letter(space: Space, axis: str) -> str:
    return space.orientation[space.position(axis)]


def _dimension(
    obj: xr.Dataset | xr.DataArray, space: Space, axis: str, name: Hashable | None
) -> Hashable:
    """Return the dimension of an axis, which the object may lack."""
    dims = () if name is None else obj.coords[name].dims
    return dims[0] if dims else space.dims[space.position(axis)]


def _turned(space: Space, order: Sequence[str], wanted: str) -> Space:
    at = [space.position(axis) for axis in order]
    midline = space.midline
    ml = space.position("ml")
    if midline is not None and space.orientation[ml] not in wanted:
        midline = float(_mirrored(np.array([midline]), space, ml)[0])
    return dataclasses.replace(
        space,
        to_atlas=_from_turned(space, at, wanted),
        through=turned(space.through, _back(space, at, wanted)) if space.through else "",
        dims=tuple(space.dims[i] for i in at),
        orientation=wanted,
        voxel_size=tuple(space.voxel_size[i] for i in at),
        corner=tuple(space.corner[i] for i in at),
        shape=tuple(space.shape[i] for i in at) if space.shape else (),
        midline=midline,
    )


def _from_turned(space: Space, at: Sequence[int], wanted: str) -> tuple[float, ...]:
    """Return the matrix to the atlas from a reoriented grid."""
    if not space.to_atlas:
        return ()
    matrix = np.reshape(space.to_atlas, (4, 4)) @ _back(space, at, wanted)
    return tuple(float(value) for value in matrix.ravel())


def _back(space: Space, at: Sequence[int], wanted: str) -> FloatArray:
    """Return the matrix from a reoriented grid to the previous one."""
    back = np.zeros((4, 4))
    back[3, 3] = 1
    for column, row in enumerate(at):
        flipped = space.orientation[row] != wanted[column]
        back[row, column] = -1 if flipped else 1
        if flipped:
            back[row, 3] = 2 * space.corner[row] + space.voxel_size[row] * space.shape[row]
    return back


def _mirrored(values: FloatArray, space: Space, at: int) -> FloatArray:
    """Measure positions from the other end of the whole volume, without rounding errors."""
    size, count, corner = space.voxel_size[at], space.shape[at], space.corner[at]
    mirrored = 2 * corner + size * count - values
    tolerance = TOLERANCE * size
    if same_lengths(mirrored[::-1], values, tolerance):
        return values[::-1]  # the whole axis, or a midline in the middle
    centres = centres_of(size, without_noise(corner + size / 2), count)
    return snap(np.round(mirrored, 12), centres, tolerance)


def _replace_coordinate(
    obj: xr.Dataset | xr.DataArray,
    space: Space,
    axis: str,
    name: Hashable,
    values: FloatArray,
    variables: dict[Hashable, Variable],
    indexes: dict[Hashable, Index],
) -> None:
    """Add the coordinate of a flipped axis, in the form of the object."""
    coord = obj.coords[name].variable
    values = values.reshape(coord.shape)
    attrs = {**coord.attrs, "units": "mm"}
    if "direction" in attrs:
        attrs["direction"] = DIRECTIONS[OPPOSITE[_letter(space, axis)]]
    index = obj.xindexes.get(name)
    plain = Variable(coord.dims, values, attrs, coord.encoding)
    if index is None:
        quantities = hasattr(coord._data, "units") or isinstance(coord, LengthVariable)
        variables[name] = LengthVariable(*_parts(plain)) if quantities else plain
    elif type(index) is PandasIndex:
        indexes[name] = PandasIndex.from_variables({name: plain}, options={})
        variables[name] = plain.to_index_variable()
    else:
        spacing = index.spacing if isinstance(index, LengthIndex) else None
        length = LengthIndex.from_variables({name: plain}, options={"spacing": spacing})
        indexes[name] = length
        variables.update(length.create_variables({name: plain}))


def _parts(variable: Variable) -> tuple[Any, ...]:
    return variable.dims, variable.values, variable.attrs, variable.encoding


def _transposed(obj: T, dims: Iterable[Hashable]) -> T:
    """Transpose the spatial dimensions of every variable; others keep their positions."""
    dims = list(dims)

    def order(there: tuple[Hashable, ...]) -> list[Hashable]:
        spatial = iter([dim for dim in dims if dim in there])
        return [next(spatial) if dim in dims else dim for dim in there]

    if isinstance(obj, xr.DataArray):
        return obj.transpose(*order(obj.dims))
    return obj.assign(
        {name: v.variable.transpose(*order(v.dims)) for name, v in obj.data_vars.items()}
    )
