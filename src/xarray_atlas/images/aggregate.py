"""Reduce images on the grid of an atlas by region."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.alignment import AlignedImage, shown_part
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.hemispheres import (
    HEMISPHERES,
    hemispheres_of,
    resolve_hemispheres,
    sides_if_known,
)
from xarray_atlas.errors import GridError, RegionNotFoundError
from xarray_atlas.images.results import by_region
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.kernels.sums import NEEDS
from xarray_atlas.parcellation.parcels import chosen_parcels
from xarray_atlas.reductions import cache
from xarray_atlas.reductions.images import (
    Labelled,
    labelled,
    region_quantiles,
    region_statistics,
)
from xarray_atlas.reductions.labels import without_empty_chunks
from xarray_atlas.reductions.membership import Membership, membership
from xarray_atlas.reductions.plans import lazy_plans, region_voxels
from xarray_atlas.regions.results import Regions, resolve_regions, without_descendants
from xarray_atlas.regions.volume import require_plausible
from xarray_atlas.terminology import Terminology

__all__ = ["aggregate"]

FUNCTIONS = (*NEEDS, "median", "quantile")

WEIGHTED = ("sum", "mean", "var", "std")


def aggregate(
    obj: xr.Dataset | xr.DataArray,
    image: xr.DataArray,
    regions: Regions | None = None,
    func: str | Iterable[str] = "mean",
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
    weights: xr.DataArray | None = None,
    skipna: bool = True,
    *,
    level: int | None = None,
    parcellation: Any = None,
    min_coverage: float | None = None,
    q: float | Iterable[float] | None = None,
) -> xr.DataArray | xr.Dataset:
    """Reduce an image on the grid of an atlas by region, including descendants.

    The image may have any further dimensions (time, channel, gene), before, after or between the
    spatial ones, and may cover a contiguous part of the atlas. Labels and image are read once, for
    all regions and statistics: the statistics of each label are merged along the hierarchy, so that
    the mean of a region is that of its voxels, not of the means of its parts. Medians and other
    quantiles need another pass over the image.

    The result for a dask image is lazy, and neither the image nor the labels are read before it is
    computed. Then each chunk is reduced separately. Quantiles need all voxels of a frame: as many
    frames at a time as fit into dask's ``array.chunk-size``, so that the image is best chunked
    along its other dimensions. An image in memory is reduced at once.

    The default, all regions, overlap: a region shares its voxels with its ancestors. To compare
    regions with each other, as in a correlation matrix, choose disjoint ones with `level` or
    `parcellation`.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid, including sections.
    image : DataArray of bool, int or float
        Its spatial coordinates, in any unit of length, must equal those of the atlas or a
        contiguous range of them, to a millionth of a voxel. A section is compared with that plane.
    regions : str, int, Region, or list of these, optional
        By acronym, full name, or id (int). All regions by default.
    func : str or list of str, default: "mean"
        "sum", "mean", "min", "max", "var", "std", "count" (of non-NaN values), "median", or
        "quantile" (with `q`). Variances divide by the number of voxels, as in xarray.
    hemisphere : "left", "right" or a list of both, optional
        Only that hemisphere. A voxel on the midline is left.
    direct : bool, default: False
        Only voxels labelled with the region itself, without its descendants.
    weights : DataArray, optional
        A weight for each voxel, on the grid of the image or a larger part of the atlas, for "sum",
        "mean", "var" and "std". Further dimensions are not supported, and weights should not be
        negative.
    skipna : bool, default: True
        Whether to ignore NaN, in each frame; otherwise a region with a NaN is NaN.
    level : int, optional
        Reduce by the disjoint regions at this level of the hierarchy, counted from root = 0; voxels
        labelled with a region above the level belong to that region.
    parcellation : str, dict, DataFrame or path, optional
        Reduce by the disjoint regions of a parcellation: ``"beryl"``, ``"cosmos"`` or
        ``"allen-summary"``; a mapping from parcels to their regions, such as
        ``{"visual": ["VISp", "VISl"]}``; or a table with the columns ``region`` and ``parcel``,
        or the path of its CSV.
    min_coverage : float, optional
        From 0 to 1. Regions with values in a smaller fraction of their voxels are NaN: voxels
        outside the image, and ignored NaN, count as missing.
    q : float or list of float, optional
        From 0 to 1, for ``func="quantile"``, with linear interpolation.

    Returns
    -------
    DataArray or Dataset
        With ``region`` (then ``hemisphere``, for a list) in place of the spatial dimensions; other
        dimensions and their coordinates are kept: (time, z, y, x) gives (time, region). A list of
        quantiles adds a leading ``quantile``, and a list of functions gives a Dataset with a
        variable for each (``quantiles`` for "quantile").

        Values are float64, computed in float64 for any type of image, and NaN for a region without
        a value; counts are int64, and 0. Sums of integers are exact below 2**53. The unit of the
        image is kept, as quantities or in the attributes like the image's; that of "var" is
        squared.

        Coordinates, in addition to the names of regions:

        ``voxels``
            Number of the region's voxels in view.
        ``coverage``
            Their fraction of all its voxels in the given atlas, NaN if it has none. Use "count" for
            the number of voxels with a value.

    Raises
    ------
    GridError
        If the image is not on the grid of the atlas; the message says how they differ.
    UnitsError
        If a spatial coordinate of the image has no unit.
    AtlasMismatchError
        If the image carries another hierarchy in another space.
    RegionNotFoundError, AmbiguousRegionError
        If a region does not exist, or several share the acronym.
    HemisphereError
        If left and right cannot be distinguished.
    ValueError, TypeError
        If a function does not exist, or does not support weights.

    See Also
    --------
    paint : Values of regions back on the grid.
    resample : An image on the grid of an atlas.
    resample_like : An atlas on the grid of an image.

    Examples
    --------
    >>> import numpy as np, xarray as xr, xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> depth = (ds.annotation * 0.0 + ds.y.values[:, None]).rename("depth")
    >>> image = xr.concat([depth, 2 * depth], "time").assign_coords(time=[0.0, 0.5])
    >>> found = xarray_atlas.aggregate(ds, image, ["RSP", "TH"]).compute()
    >>> found.dims, found.values.round(3)
    (('time', 'region'), array([[0.992, 4.   ],
           [1.984, 8.001]]))
    >>> found.voxels.values
    array([10174, 20487])

    Regions at a level do not overlap, and their voxels add up to those of the brain:

    >>> areas = xarray_atlas.aggregate(ds, depth.compute(), level=5)
    >>> int(areas.voxels.sum()) == xarray_atlas.region_properties(ds, "root").voxels.item()
    True
    """
    names, shares = _functions(func, q, weights)
    if min_coverage is not None and not 0 <= min_coverage <= 1:
        raise ValueError(f"min_coverage is a share, from 0 to 1, not {min_coverage!r}")
    annotation = annotation_of(obj)
    terminology, _ = find_atlas(obj)
    chosen = _chosen(terminology, regions, direct, level, parcellation)
    direct = without_descendants(terminology, regions, direct)
    shown = shown_part(annotation, image)
    side_names, both = ([], False) if hemisphere is None else resolve_hemispheres(hemisphere)
    sides = tuple(dict.fromkeys(HEMISPHERES[name] for name in side_names))
    of = membership(terminology, chosen.places, direct, chosen.of_region, sides)
    data, side_of = _labelled(obj, annotation, shown, weights, of)
    voxels, total = _voxels(obj, annotation, shown, side_of, data)
    found = _reduced(data, names, shares, skipna, min_coverage, total)
    result = by_region(
        found, shown, annotation, (chosen.terminology, chosen.positions, chosen.many),
        (side_names, both), {"voxels": voxels, "coverage": _share(voxels, total)},
        q,
    )  # fmt: skip
    if _is_list(func):
        return result
    (only,) = result.data_vars.values()
    return only.rename(image.name)


class _Chosen(NamedTuple):
    """The regions of a result, and the mapping of the atlas's regions to it."""

    terminology: Terminology
    positions: Int64s
    many: bool
    places: Int64s
    """What :func:`membership` calls them: regions of the atlas, or parcels."""
    of_region: Int64s | None


def _chosen(
    terminology: Terminology,
    regions: Regions | None,
    direct: bool,
    level: int | None,
    parcellation: Any,
) -> _Chosen:
    parcels = chosen_parcels(terminology, level, parcellation)
    if parcels is None:
        positions, many = resolve_regions(terminology, regions)
        return _Chosen(terminology, positions, many, positions, None)
    if direct:
        raise ValueError("direct= goes with all regions; those of level= or parcellation= hold all")
    if regions is None:
        places = np.arange(parcels.positions.size)
        return _Chosen(parcels.terminology, parcels.positions, True, places, parcels.of_region)
    positions, many = resolve_regions(parcels.terminology, regions)
    place = {int(position): at for at, position in enumerate(parcels.positions)}
    for position in positions.tolist():
        if position not in place:
            raise RegionNotFoundError(
                f"{parcels.terminology.acronyms[position]!r} is not a region of the parcellation, "
                f"which has {len(place)}; leave out level= or parcellation= for any region"
            )
    places = np.array([place[position] for position in positions.tolist()], np.int64)
    return _Chosen(parcels.terminology, positions, many, places, parcels.of_region)


def _is_list(func: Any) -> bool:
    return not isinstance(func, str)


def _functions(func: Any, q: Any, weights: Any) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Validate `func` and `q`; return the functions and the quantiles."""
    if not isinstance(func, str) and (callable(func) or not isinstance(func, Iterable)):
        raise TypeError(
            f"func is the name of a function, one of {', '.join(FUNCTIONS)}, not {func!r}"
        )
    names = tuple(dict.fromkeys(func)) if _is_list(func) else (func,)
    if not names:
        raise ValueError(f"no function was named; there are {', '.join(FUNCTIONS)}")
    for name in names:
        if name not in FUNCTIONS:
            raise ValueError(f"no function {name!r}; there are {', '.join(FUNCTIONS)}")
        if weights is not None and name not in WEIGHTED:
            raise ValueError(f"{name!r} takes no weights; {', '.join(WEIGHTED)} do")
    if ("quantile" in names) != (q is not None):
        raise ValueError("func='quantile' and q= go together: q=0.9, or a list")
    shares = () if q is None else tuple(np.atleast_1d(np.asarray(q, np.float64)).tolist())
    if not all(0 <= share <= 1 for share in shares) or np.ndim(q) > 1 or np.size(q) == 0:
        raise ValueError(f"q is a number from 0 to 1, or a list of them, not {q!r}")
    return names, shares


def _labelled(
    obj: xr.Dataset | xr.DataArray,
    annotation: xr.DataArray,
    shown: AlignedImage,
    weights: xr.DataArray | None,
    of: Membership,
) -> tuple[Labelled, Variable | None]:
    """Align labels, hemispheres and weights with the image; also return all hemispheres."""
    image = shown.image.variable
    data = getattr(image.data, "magnitude", image.data)
    if data.dtype.kind not in "biuf":
        raise TypeError(f"the image is {data.dtype}; numbers or booleans can be reduced")
    # in the memory order of the axes, if known, to avoid copying frames
    spatial = [dim for dim in image.dims if dim in shown.dims.values()]
    if isinstance(data, np.ndarray):
        spatial.sort(key=lambda dim: -abs(data.strides[image.dims.index(dim)]))
    axes = tuple(image.dims.index(dim) for dim in spatial)

    def part(variable: Variable, key: dict[Hashable, Any]) -> Any:
        taken = variable.isel({dim: at for dim, at in key.items() if dim in variable.dims})
        taken = Variable([shown.dims[dim] for dim in taken.dims], taken.data)
        return taken.set_dims({d: taken.sizes.get(d, 1) for d in spatial}).transpose(*spatial).data

    side_of = hemispheres_of(obj) if of.sides else None
    sides = None if side_of is None else part(side_of, shown.part)
    weight = None if weights is None else part(*_weights(annotation, shown, weights))
    labels = part(annotation.variable, shown.part)
    return labelled(data, axes, labels, sides, weight, of), side_of


def _weights(
    annotation: xr.DataArray, shown: AlignedImage, weights: xr.DataArray
) -> tuple[Variable, dict[Hashable, Any]]:
    """Return weights on the dimensions of the atlas, and the part of them that an image covers."""
    given = shown_part(annotation, weights, "weights")
    names = {theirs: dim for dim, theirs in given.dims.items()}
    variable = given.image.variable
    if hasattr(variable.data, "units") or variable.dtype.kind not in "biuf":
        raise TypeError("weights are plain numbers: of quantities pass .pint.magnitude")
    if more := [dim for dim in variable.dims if dim not in names]:
        raise ValueError(
            f"the weights have dimensions besides the spatial ones, {more}; reduce one of their "
            f"entries at a time, weights.isel({more[0]}=0)"
        )
    key: dict[Hashable, Any] = {}
    for dim, wanted in shown.part.items():
        places = range(annotation.sizes[dim])
        there, need = places[given.part[dim]], places[wanted]
        there, need = (np.atleast_1d(np.asarray(of)) for of in (there, need))
        if not np.isin(need, there).all():
            raise GridError(f"the weights show less of the atlas along {dim!r} than the image")
        if given.part[dim] != wanted:
            at = np.argsort(there)[np.searchsorted(np.sort(there), need)]
            key[dim] = at if isinstance(wanted, slice) else int(at[0])
    variable = Variable([names[dim] for dim in variable.dims], variable.data)
    return variable, {k: v for k, v in key.items() if k in names.values()}


def _voxels(
    obj: xr.Dataset | xr.DataArray,
    annotation: xr.DataArray,
    shown: AlignedImage,
    side_of: Variable | None,
    data: Labelled,
) -> tuple[Any, Any]:
    """Count the voxels of each place in view, and in the whole atlas; lazily for a lazy image."""
    of, variable = data.membership, annotation.variable
    known = cache.find_any(variable) if side_of is None else cache.find(variable, side_of)
    if known is not None:
        require_plausible(obj, annotation, known, side_of)
    if shown.whole:
        voxels = region_voxels(data.plans, of) if known is None else of.voxels(known)
        return voxels, voxels
    voxels = region_voxels(data.plans, of)
    if known is None and data.lazy and isinstance(variable._data, da.Array):
        sides = side_of
        if sides is not None:
            sides = sides.set_dims({dim: sides.sizes.get(dim, 1) for dim in variable.dims})
        labels = without_empty_chunks(variable._data)
        plans = lazy_plans(labels, None if sides is None else sides._data, None, of, labels.chunks)
        return voxels, region_voxels(plans, of)
    if known is None:
        known = cache.learn(variable, sides_if_known(obj) if side_of is None else side_of)
        require_plausible(obj, annotation, known, side_of)
    return voxels, of.voxels(known)


def _share(voxels: Any, total: Any) -> Any:
    """Return the fraction of the voxels in view; NaN if there are none."""
    where = da.where if isinstance(total, da.Array) or isinstance(voxels, da.Array) else np.where
    return where(total > 0, voxels / np.maximum(total, 1), np.nan)


def _reduced(
    data: Labelled,
    names: tuple[str, ...],
    shares: tuple[float, ...],
    skipna: bool,
    least: float | None,
    total: Any,
) -> dict[str, Any]:
    """Return an array for each function, of the shape (*frames, regions, sides).

    The array of "quantile" has a leading axis of quantiles. If `least` is given, results are NaN if
    a smaller fraction of the `total` voxels of the region has a value.
    """
    summed = [name for name in names if name in NEEDS]
    if least is not None and "count" not in summed:
        summed.append("count")
    found = (
        dict(zip(summed, region_statistics(data, summed, skipna), strict=True)) if summed else {}
    )
    wanted = tuple(dict.fromkeys([*(("median" in names) * (0.5,)), *shares]))
    if wanted:
        values = region_quantiles(data, wanted, skipna)
        if "median" in names:
            found["median"] = values[wanted.index(0.5)]
        if shares:
            found["quantile"] = values[[wanted.index(share) for share in shares]]
    if least is not None:
        where = da.where if data.lazy or isinstance(total, da.Array) else np.where
        # as a fraction: 0.55 times 100 is more than 55
        enough = found["count"] / np.maximum(total, 1) >= least
        found = {k: v if k == "count" else where(enough, v, np.nan) for k, v in found.items()}
    return {name: found[name] for name in names}
