"""Select parts of an atlas by anatomical axes and by regions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import dimension_along, lengths, spacing
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.space import AXES
from xarray_atlas.coords.units import to_mm
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.kernels.spacing import TOLERANCE
from xarray_atlas.regions.framed_axes import framed_axis, reach_in_dataset, require_unit
from xarray_atlas.regions.properties import region_properties
from xarray_atlas.regions.results import Regions
from xarray_atlas.transforms.any_frame import any_frame

__all__ = ["crop", "sel"]

T = TypeVar("T", xr.Dataset, xr.DataArray)


def sel(
    obj: T,
    ap: Any = None,
    dv: Any = None,
    ml: Any = None,
    method: str | None = None,
    tolerance: Any = None,
    frame: Any = None,
) -> T:
    """Select by anatomical axes, independent of the names and order of dimensions.

    Positions are coordinates of the Dataset, which increase in its directions: in BrainGlobe's
    "asr", `ap` to posterior, `dv` to inferior, and `ml` to left. No data is read.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or any object on its grid that carries its hierarchy.
    ap, dv, ml : length, list of lengths or slice, optional
        Along the anterior-posterior, dorsal-ventral and medial-lateral axes: quantities, strings
        such as ``"5 mm"``, or numbers in mm. A slice includes both ends, in either order, whatever
        the order of the axis. A single length drops the dimension.
    method : str, optional
        For lengths that are not the centre of a voxel: "nearest", or "ffill" (or "pad") and "bfill"
        in the storage order of the axis, as in xarray's `sel`.
    tolerance : length, optional
        Maximum distance from the given length.
    frame : str, Frame or (4, 4) array, optional
        The frame of the positions: a name in ``ds.atlas.frames``, such as "ibl", or a Frame. A
        matrix maps its positions (mm, in the order of ``ds.atlas.space.dims``) to the Dataset. If
        the frame is not in mm, positions need a unit. By default positions are coordinates of the
        Dataset.

    Returns
    -------
    Dataset or DataArray

    Raises
    ------
    KeyError
        If there is no voxel at a length; for a section use ``method="nearest"``.
    GridError
        If the object lacks the axis; with a method, if a length lies more than half a voxel outside
        and no `tolerance` is given.
    UnitsError
        For a value that is not a length.
    TypeError
        For a slice with a step, which :meth:`xarray.Dataset.isel` supports.
    PointsError
        If there is no such frame, or the axis is tilted against the voxels, so that the plane is
        oblique: ``ds.atlas.plot.section`` draws such planes.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> part = xarray_atlas.sel(ds, ap=slice("5 mm", "6 mm"), ml=slice(0, 5.7))
    >>> part.sizes["z"], part.sizes["x"]
    (10, 57)
    >>> xarray_atlas.sel(ds.rename(z="slices"), ap="7 mm", method="nearest").annotation.dims
    ('y', 'x')

    In a stereotaxic frame:

    >>> behind = xarray_atlas.sel(ds, ap=slice("-3 mm", "-2.5 mm"), frame="ibl")
    >>> behind.z.values.round(3)
    array([7.925, 8.025, 8.125, 8.225, 8.325])
    """
    find_atlas(obj)  # raises without an atlas, even if no position is given
    places: dict[Hashable, Any] = {}
    for axis, label in {"ap": ap, "dv": dv, "ml": ml}.items():
        if label is None:
            continue
        name, dim = dimension_along(obj, axis, f"nothing to select along {axis!r}")
        within = tolerance
        if frame is not None:
            framed = framed_axis(obj, frame, axis)
            label, within = framed.label(label), framed.distance(tolerance)
        index = _index(obj, name, dim)
        if isinstance(label, slice):
            label = _in_order(label, index)
            found = index.sel({name: label})
        else:
            if method is not None and tolerance is None:
                _require_inside(label, index, axis, obj, frame)
            found = index.sel({name: label}, method=method, tolerance=within)
        places.update(found.dim_indexers)
    return obj.isel(places)


def _index(obj: xr.Dataset | xr.DataArray, name: Hashable, dim: Hashable) -> LengthIndex:
    """Return a unit-aware index of a coordinate, from either form of the object."""
    index = obj.xindexes.get(name)
    if isinstance(index, LengthIndex):
        return index
    attrs = {**obj.coords[name].attrs, "units": "mm"}  # the unit of `lengths`
    plain = xr.Variable((dim,), lengths(obj, name), attrs)
    return LengthIndex.from_variables({name: plain}, options={})


def _require_inside(
    label: Any, index: LengthIndex, axis: str, obj: xr.Dataset | xr.DataArray, frame: Any
) -> None:
    """Refuse positions outside the object, for which the nearest plane would be misleading.

    A voxel extends half its size beyond its centre.
    """
    values = index.values
    asked = np.atleast_1d(np.asarray(to_mm(label, f"position along {axis!r}")))
    if not values.size or not asked.size:
        return
    _, space = find_atlas(obj)
    half = (index.spacing or space.voxel_size[space.position(axis)]) / 2
    low, high = float(values.min() - half), float(values.max() + half)
    slack = TOLERANCE * 2 * half
    outside = asked[(asked < low - slack) | (asked > high + slack)]
    if outside.size:
        whose = "that is where the position in the frame lies in it"
        if frame is None:
            whose = (
                "Positions are its own coordinates, not those of a stereotaxic frame, which "
                "frame= takes"
            )
        raise GridError(
            f"{axis}={outside[0]:g} mm lies outside of this {type(obj).__name__}, which reaches "
            f"from {low:g} to {high:g} mm along {index.name!r}, {space.direction(axis)}. "
            f"{whose}; tolerance= takes the nearest plane from further away"
        )


def _in_order(label: slice, index: LengthIndex) -> slice:
    """Order the ends of a slice like the axis."""
    if label.step is not None:
        return label  # the index refuses it
    ends: list[Any] = [
        None if end is None else to_mm(end, "length") for end in (label.start, label.stop)
    ]
    values = index.values
    backwards = bool(values.size > 1 and values[0] > values[-1])
    if None not in ends:
        return slice(*sorted(ends, reverse=backwards))
    return slice(*(ends[::-1] if backwards else ends))


def crop(
    obj: T,
    regions: Regions,
    pad: Any = None,
    hemisphere: str | Iterable[str] | None = None,
    progress: bool = False,
    frame: Any = None,
) -> T:
    """Crop an atlas to the bounding box of regions and their descendants.

    The box is known without reading the annotation if a pass over the same Dataset has been made
    before (see :func:`region_properties`); otherwise it takes one pass. The result stays lazy, and
    only its chunks are read when it is used.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation; all variables are cropped.
    regions : str, int, Region, or list of these
        By acronym, full name, or id (int); the box encloses all of them.
    pad : length or mapping of str to length, optional
        Margin on every side, which includes voxels with a centre within that distance of the box:
        ``"0.2 mm"``, a quantity, or a number in mm; or by axis, "ap", "dv" and "ml", such as
        ``{"ap": "0.5 mm"}``.
    hemisphere : "left", "right" or a list of both, optional
        The box around the voxels in that hemisphere only.
    progress : bool, default: False
        Show a progress bar on stderr if the annotation has to be read.
    frame : str, Frame or (4, 4) array, optional
        The frame that defines the axes and unit of `pad`: a name in ``ds.atlas.frames``, such as
        "ibl", or a Frame. If it is tilted, all voxels within a box parallel to its axes are
        included.

    Returns
    -------
    Dataset or DataArray
        The box, which also contains voxels of other regions; use ``mask`` to exclude them.

    Raises
    ------
    GridError
        If the regions have no voxels.
    UnitsError
        If `pad` is not a length, or negative.
    PointsError
        If there is no such frame.
    RegionNotFoundError, AmbiguousRegionError, HemisphereError
        Same as in :func:`region_properties`.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> dict(xarray_atlas.crop(ds, "RSP", pad="0.2 mm").sizes)
    {'z': 47, 'y': 26, 'x': 58}
    """
    margins = _margins(obj, pad, frame)
    found = region_properties(obj, regions, hemisphere, progress=progress)
    others = [dim for dim in ("region", "hemisphere") if dim in found.dims]
    held = found.voxels > 0
    if not held.any():
        raise GridError(
            f"nothing to crop to: {regions!r} has no voxel in this part of the atlas, at this "
            "resolution" + (f", on the {hemisphere} side" if isinstance(hemisphere, str) else "")
        )
    start = found.start.where(held, np.iinfo(np.int64).max).min(others)
    stop = found.stop.max(others)
    sizes = spacing(obj, need=0)
    places = {}
    axes = {dim: axis for axis, dim in _dims_along(obj).items()}
    for axis, (dim, size) in enumerate((d, sizes[d]) for d in _dims(obj)):
        margin = margins[axes[dim]]
        # the centre of a voxel is half a voxel from its boundary
        more = int(min(margin / size + 0.5 + TOLERANCE, obj.sizes[dim])) if margin else 0
        first, last = int(start[axis]), int(stop[axis])
        places[dim] = slice(max(first - more, 0), last + more)
    return obj.isel(places)


def _margins(obj: xr.Dataset | xr.DataArray, pad: Any, frame: Any) -> dict[str, float]:
    """Return the margin along each anatomical axis of the Dataset, in mm."""
    given = pad if isinstance(pad, Mapping) else dict.fromkeys(AXES, pad)
    if unknown := [axis for axis in given if axis not in AXES]:
        raise UnitsError(f"pad= has no axis {unknown[0]!r}; the axes are ap, dv and ml")
    chosen = None if frame is None else any_frame(obj, frame)
    found = {}
    for axis in AXES:
        length = given.get(axis)
        if chosen is not None and length is not None:
            require_unit(length, chosen, "pad")
        margin = 0.0 if length is None else to_mm(length, "pad")
        if np.ndim(margin) or not margin >= 0:
            raise UnitsError(f"pad is a length that is not negative, not {length!r}")
        found[axis] = float(margin)
    return found if chosen is None else reach_in_dataset(obj, chosen, found)


def _dims_along(obj: xr.Dataset | xr.DataArray) -> dict[str, Hashable]:
    """Return the dimension along each anatomical axis that the object has."""
    _, space = find_atlas(obj)
    names = space.coordinates(obj)
    return {
        axis: next(iter(obj.coords[name].dims))
        for axis, name in names.items()
        if name is not None and obj.coords[name].dims
    }


def _dims(obj: xr.Dataset | xr.DataArray) -> list[Hashable]:
    annotation = obj["annotation"] if isinstance(obj, xr.Dataset) else obj
    return list(annotation.dims)
