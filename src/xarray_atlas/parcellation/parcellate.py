"""Divide an atlas into disjoint regions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr
from dask.base import tokenize
from dask.delayed import delayed
from xarray import Index, Variable

from xarray_atlas.coords.atlas_index import AtlasIndex, find_atlas, find_coordinate
from xarray_atlas.coords.encoding import replace_carrier, replace_coordinates
from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.coords.hemispheres import sides_if_known
from xarray_atlas.errors import AtlasMismatchError, ParcellationError
from xarray_atlas.kernels.labels import (
    Int64s,
    Ints,
    check_integers,
    label_mask,
    lookup,
    replace_labels,
)
from xarray_atlas.parcellation.cuts import (
    Cut,
    at_level,
    described,
    into_leaves,
    into_regions,
    keep_rest,
    rest_of,
)
from xarray_atlas.parcellation.tables import parcel_frame, read_cut
from xarray_atlas.parcellation.terminology import keys_and_labels, parcel_labels, parcel_terminology
from xarray_atlas.reductions import cache
from xarray_atlas.reductions.labels import without_empty_chunks
from xarray_atlas.regions.results import Regions
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.cells import counted

__all__ = ["parcel_table", "parcellate"]

T = TypeVar("T", xr.Dataset, xr.DataArray)

RESTS = ("drop", "keep", "error")

NAME, DROPPED = "parcellation", "dropped_regions"
FLAGS = ("flag_values", "flag_meanings")


def parcellate(
    obj: T,
    parcellation: Any = None,
    *,
    level: int | None = None,
    regions: Regions | None = None,
    mapping: Any = None,
    leaves: bool = False,
    rest: str = "drop",
) -> T:
    """Divide an atlas into disjoint regions, its parcels.

    The labels become those of the parcels, block by block if the annotation is a dask array, and
    the hierarchy is reduced to the parcels and their ancestors. All operations on atlases accept
    the result. **Calls without regions return the parcels**, each with the voxels of its own label:
    they are disjoint, and add up to the covered volume. **A region that is named includes its
    descendants**, as everywhere, whether it is a parcel or an ancestor of parcels. This only
    differs for a parcel above others: with ``level=5``, voxels labelled no finer than midbrain are
    the parcel "MB". Their volume is ``volume().sel(region="MB")`` and
    ``volume("MB", direct=True)``, while ``volume("MB")`` is that of the midbrain.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid. Parcellations can be divided again.
    parcellation : str, optional
        Name of a parcellation of the Allen mouse brain's regions, in upper or lower case:
        ``"beryl"`` (306 regions), ``"cosmos"`` (10) or ``"allen-summary"`` (316). The types of
        `mapping` are also accepted.
    level : int, optional
        A level of the hierarchy, counted from root = 0. Regions below it are merged into their
        ancestor at the level, regions above it keep their own labels: no voxel is dropped.
    regions : list of str, int or Region, optional
        Regions with their descendants. They must be disjoint.
    mapping : dict, DataFrame, or path of a CSV, optional
        The regions in each parcel, with their descendants: ``{"visual": ["VISp", "VISl"]}``; or the
        parcel of each region: ``{"VISp": "visual", "VISl": "visual"}``, distinguished by whether
        the values are lists. Or a table with the columns ``region`` and ``parcel``, of the second
        kind; a CSV is read as text (UTF-8). A parcel with the acronym of a region is that region,
        and may not contain regions outside it; other parcels are new, below the nearest region that
        contains all of theirs.
    leaves : bool, default: False
        The finest labelled regions: each label is kept. No voxel is dropped.
    rest : "drop", "keep" or "error", default: "drop"
        Treatment of labels that no parcel covers: set to 0, kept as separate parcels under their
        own names, or an error.

    Returns
    -------
    Dataset or DataArray
        Of the type of `obj`; other variables are unchanged. ``annotation`` keeps its dtype, and
        gets these attributes:

        ``flag_values``, ``flag_meanings``
            The label of each parcel and its acronym, as in CF: one word each, with characters other
            than letters, digits and ``_-+.@`` replaced by ``_``.
        ``parcellation``
            The parameter that defined it; also on a Dataset.
        ``dropped_regions``
            With ``rest="drop"``, the regions with labels that no parcel covers, if any: their
            number and the first ten. This follows from the hierarchy; they may have no voxels.

        The label of a parcel is one of those of its regions, preferably its own. Labels of no
        region are kept, and belong to no parcel.

    Raises
    ------
    ParcellationError
        If parcels overlap, there is no parcellation of that name, the terminology lacks its
        regions, or voxels are left out with ``rest="error"``, for which the annotation is read.
    RegionNotFoundError, AmbiguousRegionError
        If a region or level does not exist, or several regions share the acronym.
    TypeError
        If not exactly one of the choices is given.

    See Also
    --------
    parcel_table : The same choice as a table, to be saved.

    Notes
    -----
    Parcels must be disjoint, where regions include their descendants. In a table of regions and
    parcels, a region may still be below one of another parcel if all descendants of the upper one
    that have labels are in the table: its row then refers to its own labels only.

    ``"beryl"`` (306 regions) and ``"cosmos"`` (10) are those of the International Brain Laboratory
    [1]_; what they call root is in no parcel here. ``"allen-summary"`` are the 316 summary
    structures of the mouse brain of the Allen Institute (table S2 of [2]_), including
    ``fiber tracts``. Voxels without a label finer than a major division, such as 7 mm**3 of the
    midbrain, are in none of the three.

    The choice of parcels is stored with the hierarchy in both forms of an atlas and in files
    written by xarray. BrainGlobe's layout (:func:`save`) cannot represent it.

    References
    ----------
    .. [1] https://github.com/int-brain-lab/iblatlas
    .. [2] Q. Wang et al., "The Allen Mouse Brain Common Coordinate Framework: A 3D Reference
       Atlas", Cell 181, 2020, doi 10.1016/j.cell.2020.04.007.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> cosmos = xarray_atlas.parcellate(ds, "cosmos")
    >>> volumes = cosmos.atlas.volume()
    >>> volumes.region.values
    array(['Isocortex', 'OLF', 'HPF', 'CTXsp', 'CNU', 'TH', 'HY', 'MB', 'HB',
           'CB'], dtype='<U9')
    >>> f"{volumes.sel(region='TH').item():.2f}"
    '20.49 millimeter ** 3'
    >>> cosmos.annotation.attrs["flag_meanings"]
    'Isocortex OLF HPF CTXsp CNU TH HY MB HB CB'

    E Custom parcels:

    >>> senses = xarray_atlas.parcellate(ds, mapping={"seen": ["VIS"], "heard": ["AUD", "MG"]})
    >>> senses.atlas.region("heard").parent.acronym
    'grey'
    """
    annotation = annotation_of(obj)
    terminology, space = find_atlas(obj)
    if rest not in RESTS:
        raise ValueError(f"rest is {', '.join(map(repr, RESTS))}, not {rest!r}")
    cut = _chosen(terminology, parcellation, level, regions, mapping, leaves)
    left = rest_of(terminology, cut)
    if left.size and rest == "error":
        _refuse(terminology, left, annotation, obj)
    if left.size and rest == "keep":
        cut, left = keep_rest(terminology, cut), left[:0]
    labels = parcel_labels(terminology, cut, annotation.dtype)
    keys, becomes = keys_and_labels(terminology, cut, labels, annotation.dtype)
    data = annotation.variable._data
    if not np.array_equal(keys, becomes):
        new = np.setdiff1d([label for label in labels if label], terminology.labels)
        data = _relabelled(annotation.data, keys, becomes, new)
    own = parcel_terminology(terminology, cut, labels)
    variable = annotation.variable.copy(deep=False, data=data)
    old = {k: v for k, v in variable.attrs.items() if k not in (*FLAGS, NAME, DROPPED)}
    variable.attrs = {**old, **_flags(own, annotation.dtype), NAME: cut.name}
    if left.size:
        variable.attrs[DROPPED] = (
            f"{counted(left.size, 'labelled region')} in no parcel: {described(terminology, left)}"
        )
    carrier = find_coordinate(obj)
    assert carrier is not None  # find_atlas has found it
    variables: dict[Any, Variable] = {}
    indexes: dict[Any, Index] = {}
    replace_carrier(obj, AtlasIndex(own, space, carrier), variables, indexes)
    result = replace_coordinates(obj, variables, indexes)
    if isinstance(result, xr.DataArray):
        return result.copy(deep=False, data=variable._data).assign_attrs(variable.attrs)
    return result.assign({"annotation": variable}).assign_attrs({NAME: cut.name})


def parcel_table(
    obj: xr.Dataset | xr.DataArray,
    parcellation: Any = None,
    *,
    level: int | None = None,
    regions: Regions | None = None,
    mapping: Any = None,
    leaves: bool = False,
    rest: str = "drop",
) -> pd.DataFrame:
    """Return the parcel of each region as a table, for inspection and saving.

    Written with ``to_csv(path, index=False)``, it can be read by ``parcellate(mapping=path)``, and
    by every function with a parameter ``parcellation``.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, before it is divided.
    parcellation, level, regions, mapping, leaves
        Same as in :func:`parcellate`.
    rest : "drop", "keep" or "error", default: "drop"
        Same as in :func:`parcellate`; "error" is decided from the hierarchy here, without reading
        voxels.

    Returns
    -------
    pandas.DataFrame
        With the columns ``region`` and ``parcel``, both acronyms, and a row for each region with
        own labels that belong to a parcel.

    Raises
    ------
    ParcellationError, RegionNotFoundError, AmbiguousRegionError, TypeError
        Same as in :func:`parcellate`.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> xarray_atlas.parcel_table(ds, mapping={"seen": ["VISp", "VISl"]}).head(3)
        region parcel
    0     VISl   seen
    1    VISl1   seen
    2  VISl2/3   seen
    """
    terminology, _ = find_atlas(obj)
    if rest not in RESTS:
        raise ValueError(f"rest is {', '.join(map(repr, RESTS))}, not {rest!r}")
    cut = _chosen(terminology, parcellation, level, regions, mapping, leaves)
    left = rest_of(terminology, cut)
    if left.size and rest == "error":
        raise _left_out(described(terminology, left))
    return parcel_frame(terminology, keep_rest(terminology, cut) if rest == "keep" else cut)


def _chosen(
    terminology: Terminology,
    parcellation: Any,
    level: int | None,
    regions: Regions | None,
    mapping: Any,
    leaves: bool,
) -> Cut:
    given = {
        "parcellation": parcellation is not None,
        "level": level is not None,
        "regions": regions is not None,
        "mapping": mapping is not None,
        "leaves": bool(leaves),
    }
    chosen = [name for name, is_given in given.items() if is_given]
    if len(chosen) != 1:
        said = f"{' and '.join(chosen)} were" if chosen else "none was"
        raise TypeError(f"give one of {', '.join(given)}; {said} given")
    if level is not None:
        return at_level(terminology, level)
    if regions is not None:
        return into_regions(terminology, regions)
    if leaves:
        return into_leaves(terminology)
    return read_cut(terminology, mapping if parcellation is None else parcellation)


def _refuse(
    terminology: Terminology,
    left: Int64s,
    annotation: xr.DataArray,
    obj: xr.Dataset | xr.DataArray,
) -> None:
    """Raise an error if a voxel has a label of regions in no parcel: all voxels are read."""
    table = cache.find_any(annotation.variable) or cache.learn(
        annotation.variable, sides_if_known(obj)
    )
    there = np.unique(table.label)
    found = [p for p in left.tolist() if (lookup(there, terminology.labels_of(p, True)) >= 0).any()]
    if found:
        raise _left_out(described(terminology, found))


def _left_out(regions: str) -> ParcellationError:
    return ParcellationError(
        f"regions with labels that no parcel covers: {regions}. Add them to a parcel, keep "
        "them as they are with rest='keep', or leave them out with rest='drop'"
    )


def _relabelled(data: Any, keys: Int64s, becomes: Int64s, new: Int64s) -> Any:
    data = without_empty_chunks(data)
    if not isinstance(data, da.Array):
        return _relabelled_block(data, keys, becomes, new)
    # separate tasks, which are sent to each worker once, not with each block
    sent = [
        delayed(array, name=f"labels-{tokenize(array)}", traverse=False)
        for array in (keys, becomes)
    ]
    meta = np.empty((0,) * data.ndim, data.dtype)
    return da.map_blocks(_relabelled_block, data, *sent, new, dtype=data.dtype, meta=meta)


def _relabelled_block(block: Ints, keys: Int64s, becomes: Int64s, new: Int64s) -> Ints:
    check_integers(block)
    if new.size and (mistaken := label_mask(block, new)).any():
        raise AtlasMismatchError(
            f"the annotation holds the label {block[mistaken][0]}, which no region has but which "
            "a parcel got; set it to 0, or give it a region, first"
        )
    return replace_labels(block, keys, becomes)


def _flags(own: Terminology, dtype: Any) -> dict[str, Any]:
    """Return the attributes that map labels to parcels, by CF's section 3.5."""
    limits = np.iinfo(dtype)
    assert own.parcels is not None
    labels: list[int] = []
    words: list[str] = []
    for position in own.parcels.tolist():
        for label in own.labels_of(position, direct=True).tolist():
            if limits.min <= label <= limits.max:
                labels.append(label)
                words.append(_word(own.distinct_acronyms[position] or own.names[position], words))
    return dict(zip(FLAGS, (np.array(labels, dtype), " ".join(words)), strict=True))


def _word(text: str, taken: Sequence[str]) -> str:
    word = re.sub(r"[^A-Za-z0-9_.+@-]", "_", text)
    while word in taken:
        word += "_"
    return word
