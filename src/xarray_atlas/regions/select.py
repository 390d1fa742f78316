"""Parts of an atlas: along its anatomical axes, and around regions."""

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
    """Select by anatomical axes, whatever the dimensions are called and however they run.

    Positions are the coordinates of the Dataset, which grow in its own direction:
    in BrainGlobe's "asr" `ap` to posterior, `dv` to inferior, and `ml` to left. No data
    is read.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or anything on its grid that carries its hierarchy.
    ap, dv, ml : length, list of lengths or slice, optional
        Along the anterior-posterior, dorsal-ventral and medial-lateral axis: quantities,
        strings such as ``"5 mm"``, or numbers, which are mm. A slice holds both ends, in
        either order, whichever way the axis is stored. One length drops the dimension.
    method : str, optional
        For lengths that are not voxel's centre: "nearest"; "ffill" (or "pad") and "bfill"
        go by the order in which the axis is stored, as xarray's own `sel` does.
    tolerance : length, optional
        How far from the given length that may be.
    frame : str, Frame or (4, 4) array, optional
        The frame in which the positions are: a name of ``ds.atlas.frames``, such as "ibl", or a
        Frame. A matrix takes its positions (mm, in the order of ``ds.atlas.space.dims``) to the
        Dataset. Where its numbers are not in mm, positions say their unit. By default they are
        coordinates of the Dataset.

    Returns
    -------
    Dataset or DataArray

    Raises
    ------
    KeyError
        If there is no voxel at a length; for a section you mostly want ``method="nearest"``.
    GridError
        If the object has no such axis any more; with a method, if a length lies outside of it,
        by more than half a voxel, and no `tolerance` is given.
    UnitsError
        For something that is not a length.
    TypeError
        For a slice with a step, which :meth:`xarray.Dataset.isel` takes.
    PointsError
        If there is no such frame, or the axis is tilted against the voxels, so that the plane is
        oblique: ``ds.atlas.plot.section`` draws one.

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
    find_atlas(obj)  # or an error, also without a position
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
    """Return a unit-aware index of a coordinate, whatever form the object is in."""
    index = obj.xindexes.get(name)
    if isinstance(index, LengthIndex):
        return index
    attrs = {**obj.coords[name].attrs, "units": "mm"}  # in which `lengths` gives it
    plain = xr.Variable((dim,), lengths(obj, name), attrs)
    return LengthIndex.from_variables({name: plain}, options={})


def _require_inside(
    label: Any, index: LengthIndex, axis: str, obj: xr.Dataset | xr.DataArray, frame: Any
) -> None:
    """Refuse positions outside of the object: the nearest plane to them is not what was asked for.

    A voxel reaches half its size beyond its centre.
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
    """Put the ends of a slice into the order in which the axis is stored."""
    if label.step is not None:
        return label  # which the index refuses
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
    """Cut out the part of an atlas around regions and their descendants.

    The box is known without reading the annotation where a pass over the same
    Dataset has been made already (see :func:`region_properties`), else by one
    pass. What is cut out stays lazy, and only its own chunks are read when it is used.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation; all variables are cut.
    regions : str, int, Region, or list of these
        By acronym, full name, or id (int); of several it is the box around all.
    pad : length or mapping of str to length, optional
        How much is kept on every side: voxels whose centre is no further than that from
        the box. ``"0.2 mm"``, a quantity, or a number in mm; or one along each of "ap", "dv" and
        "ml", such as ``{"ap": "0.5 mm"}``.
    hemisphere : "left", "right" or a list of both, optional
        The box around the voxels of that side only.
    progress : bool, default: False
        Show a progress bar on stderr where the annotation has to be read.
    frame : str, Frame or (4, 4) array, optional
        The frame along whose axes, and in whose lengths, `pad` is: a name of
        ``ds.atlas.frames``, such as "ibl", or a Frame. Of a tilted frame all voxels are kept that
        a box parallel to its axes reaches.

    Returns
    -------
    Dataset or DataArray
        The box, which also holds voxels of other regions; ``mask`` distinguishes them.

    Raises
    ------
    GridError
        If the regions have no voxel.
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
        # a voxel's centre lies half a voxel inside of its face
        more = int(min(margin / size + 0.5 + TOLERANCE, obj.sizes[dim])) if margin else 0
        first, last = int(start[axis]), int(stop[axis])
        places[dim] = slice(max(first - more, 0), last + more)
    return obj.isel(places)


def _margins(obj: xr.Dataset | xr.DataArray, pad: Any, frame: Any) -> dict[str, float]:
    """Return how much is kept along each anatomical axis of the Dataset, in mm."""
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
    """Return the dimension along each anatomical axis, of those that there are."""
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
