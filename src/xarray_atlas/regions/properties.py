"""Size and position of regions, from one pass over the annotation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.space import FRAME
from xarray_atlas.coords.units import quantity
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.reductions.rollup import points_by_region, totals_by_region, unassigned
from xarray_atlas.regions.framed import in_frame
from xarray_atlas.regions.results import Regions, text_coord, without_descendants
from xarray_atlas.regions.volume import SIZES, Measured, measured, size_variable

__all__ = ["axis_lines", "bounding_box", "centroid", "region_properties"]


def region_properties(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
    progress: bool = False,
    frame: Any = None,
) -> xr.Dataset:
    """Compute the size and position of regions, including their descendants.

    Everything is computed in one pass over the annotation, block by block on the active dask
    scheduler: all regions, with and without their descendants, in both hemispheres. For an atlas
    that :func:`open_atlas` opened from OME-Zarr, with the chunks in which it was opened, the result
    of the pass is cached, so that the next call (also of :func:`volume`, :func:`centroid`,
    :func:`bounding_box`) reads nothing. Derived arrays, such as slices or other chunks, are
    processed separately.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid, including sections.
    regions : str, int, Region, or list of these, optional
        By acronym, full name, or id (int). All regions by default; for a parcellation its parcels,
        each without its descendants.
    hemisphere : "left", "right" or a list of both, optional
        Only that hemisphere. A voxel on the midline is left.
    direct : bool, default: False
        Only voxels labelled with the region itself, without its descendants.
    progress : bool, default: False
        Show a progress bar on stderr while the annotation is read.
    frame : str, Frame or (4, 4) array, optional
        The frame of positions: a name in ``ds.atlas.frames``, such as "ibl", or a Frame. A matrix
        maps its positions (mm, in the order of ``ds.atlas.space.dims``) to the Dataset. By default
        positions are coordinates of the Dataset.

    Returns
    -------
    Dataset
        With the dimension ``region``, and ``hemisphere`` for a list of hemispheres. ``axis`` has
        the spatial dimensions of the annotation, ``bound`` is lower and upper. With `frame` the
        axes are those of the frame, and positions and extents are in its unit; volumes remain those
        of the atlas. If the frame is tilted against the voxels there is no ``bounding_box``,
        ``extent``, ``start`` and ``stop``.

        ``voxels``
            Number of voxels, int64.
        ``volume``
            In mm**3; for a section ``area``, in mm**2.
        ``centroid``
            The mean position of the voxels, in mm along each axis. NaN without voxels.
        ``bounding_box``
            The boundary of the outermost voxels, in mm along each axis. NaN without voxels.
        ``extent``
            Size of the bounding box, in mm along each axis; 0 without voxels.
        ``start``, ``stop``
            The same box in voxels of the annotation, as slices, along each axis. Both are 0 without
            voxels.
        ``representative_point``
            The centre of a voxel of the region, in mm along each axis. The centroid of a curved or
            bilateral region may lie outside it; this point is always inside. NaN without voxels.
        ``unknown_voxels``
            On ``unknown_label``: the number of voxels of labels that belong to no region.
        ``background_voxels``
            Number of voxels with label 0, if no region has that label.

        ``attrs["voxel_size"]`` gives the grid of the numbers.

    Raises
    ------
    GridError
        If a coordinate is unevenly spaced, or spatial dimensions are missing; if the position of
        the frame in the Dataset is unknown.
    RegionNotFoundError, AmbiguousRegionError
        If a region does not exist, or several share the acronym.
    HemisphereError
        If left and right cannot be distinguished.
    PointsError
        If there is no such frame.

    Notes
    -----
    The representative point is selected from one voxel per label of the region and chunk: of the
    voxels on the plane (across the first axis) through the middle of the label's runs in the chunk,
    the one nearest to the label's centroid there. The one nearest to the centroid of the region is
    returned. It is meant for inspection and depends on the chunks, and on the hemispheres that were
    included in previous calls.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("50 um")
    >>> found = xarray_atlas.region_properties(ds, "RSP")
    >>> found.voxels.item(), f"{found.volume.item():.3f}"
    (83093, '10.387 millimeter ** 3')
    >>> f"{found.centroid.sel(axis='z').item():.3f}"
    '7.932 millimeter'
    >>> found.bounding_box.sel(axis="z").values.round(3)
    array([ 5.975, 10.325])
    >>> ds.annotation.isel(z=slice(found.start.values[0], found.stop.values[0])).sizes["z"]
    87

    In a stereotaxic frame:

    >>> vta = xarray_atlas.region_properties(ds, "VTA", frame="ibl").centroid
    >>> vta.axis.values.tolist(), vta.values.round(), vta.attrs["units"]
    (['ml', 'ap', 'dv'], array([  -44., -2924., -4832.]), 'um')
    """
    found = measured(obj, regions, hemisphere, None, progress)
    direct = without_descendants(found.terminology, regions, direct)
    totals = totals_by_region(found.table, found.wanted, found.terminology, direct)
    line, step = axis_lines(found)
    centre = totals.sums / np.where(totals.voxels > 0, totals.voxels, np.nan)[..., None]
    point = points_by_region(
        found.table, found.wanted, found.terminology, direct, centre, [abs(s) for s in step]
    )
    nothing = (totals.voxels == 0)[..., None]
    faces = np.stack([totals.start - 0.5, totals.stop - 0.5], axis=-1)
    box = np.sort(line[:, None] + step[:, None] * faces, axis=-1)
    box[totals.voxels == 0] = np.nan
    extent = (totals.stop - totals.start) * np.abs(step)
    on = ("region", "hemisphere", "axis")
    rows = found.positions

    def length(dims: tuple[str, ...], values: Any, frame: str | None = None) -> Variable:
        attrs = found.attrs if frame is None else {**found.attrs, FRAME: frame}
        return QuantityVariable(dims, quantity(values[rows]), attrs)

    variables = {
        "voxels": Variable(on[:2], totals.voxels[rows]),
        SIZES[len(found.voxel)]: size_variable(found, totals.voxels[rows]),
        "centroid": length(on, line + step * centre, "dataset"),
        "bounding_box": length((*on, "bound"), box, "dataset"),
        "extent": length(on, extent),
        "start": Variable(on, totals.start[rows]),
        "stop": Variable(on, totals.stop[rows]),
        "representative_point": length(
            on, np.where(nothing, np.nan, line + step * point), "dataset"
        ),
    }
    labels, counts = unassigned(found.table, found.wanted, found.terminology)
    unknown = labels != 0
    variables["unknown_voxels"] = Variable(("unknown_label", "hemisphere"), counts[unknown])
    variables["background_voxels"] = Variable(("hemisphere",), counts[~unknown].sum(axis=0))
    coords = {
        "axis": text_coord("axis", list(map(str, found.voxel))),
        "bound": text_coord("bound", ["lower", "upper"]),
        "unknown_label": labels[unknown],
    }
    result = found.dataset(variables, coords).assign_attrs(found.attrs)
    return result if frame is None else in_frame(result, obj, frame)


def axis_lines(found: Measured) -> tuple[FloatArray, FloatArray]:
    """Return the position of the first voxel and the signed step along each axis, in mm."""
    _, space = find_atlas(found.annotation)
    coords = [n for n in space.coordinates(found.annotation).values() if n is not None]
    names = {found.annotation.coords[n].dims: n for n in coords}
    first, step = [], []
    for dim, size in found.voxel.items():
        values = lengths(found.annotation, names[(dim,)])
        first.append(values[0] if values.size else np.nan)
        step.append((values[-1] - values[0]) / (values.size - 1) if values.size > 1 else size)
    return np.array(first), np.array(step)


def centroid(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
    progress: bool = False,
    frame: Any = None,
) -> xr.DataArray:
    """Compute the mean position of the voxels of regions, in mm.

    Parameters
    ----------
    obj, regions, hemisphere, direct, progress, frame
        Same as in :func:`region_properties`.

    Returns
    -------
    DataArray of quantities in mm, or in the unit of the frame
        With the dimension ``axis``, and ``region`` and ``hemisphere`` for lists. NaN for a region
        without voxels. It may lie outside the region;
        ``region_properties(...).representative_point`` is always inside.

    Raises
    ------
    GridError, RegionNotFoundError, AmbiguousRegionError, HemisphereError, PointsError
        Same as in :func:`region_properties`.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("50 um")
    >>> xarray_atlas.centroid(ds, "RSP").values.round(3)
    array([7.932, 0.986, 5.679])
    """
    return region_properties(obj, regions, hemisphere, direct, progress, frame)["centroid"]


def bounding_box(
    obj: xr.Dataset | xr.DataArray,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
    progress: bool = False,
    frame: Any = None,
) -> xr.DataArray:
    """Compute the bounding box of the voxels of regions, in mm.

    Parameters
    ----------
    obj, regions, hemisphere, direct, progress, frame
        Same as in :func:`region_properties`.

    Returns
    -------
    DataArray of quantities in mm, or in the unit of the frame
        With the dimensions ``axis`` and ``bound`` (lower, upper), and ``region`` and ``hemisphere``
        for lists: the boundary of the outermost voxels. NaN for a region without voxels.

    Raises
    ------
    GridError, RegionNotFoundError, AmbiguousRegionError, HemisphereError
        Same as in :func:`region_properties`.
    PointsError
        If there is no such frame, or it is tilted against the voxels.

    See Also
    --------
    crop : The part of a Dataset in the box.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("50 um")
    >>> xarray_atlas.bounding_box(ds, "RSP").sel(axis="x").values.round(3)
    array([2.925, 8.425])
    """
    found = region_properties(obj, regions, hemisphere, direct, progress, frame)
    if "bounding_box" not in found:
        raise PointsError(
            f"the axes of frame={getattr(frame, 'name', frame)!r} are tilted against the voxels, "
            "so that the box of a region along them is not known from its box in voxels. Take a "
            "frame that is not tilted, or the vertices of its surface in this one: "
            "ds.atlas.mesh(region, frame=frame).vertices"
        )
    return found["bounding_box"]
