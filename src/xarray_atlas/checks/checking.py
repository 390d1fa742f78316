"""Check an atlas and the data stored with it, and report the results."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
import zarr
from xarray.core import indexing

from xarray_atlas.atlases.stored import stored_labels
from xarray_atlas.checks import masks as mask_checks
from xarray_atlas.checks import metadata, voxels
from xarray_atlas.checks.copies import check_copy
from xarray_atlas.checks.missing import StoredLevel, check_missing_chunks
from xarray_atlas.checks.report import Outcome, Report, skipped
from xarray_atlas.checks.sides import check_sides
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import annotation_of, array_orientation
from xarray_atlas.coords.space import Space
from xarray_atlas.coords.units import quantity
from xarray_atlas.coords.voxel_size import stated_voxel_size
from xarray_atlas.errors import (
    AtlasError,
    GridError,
    StoreError,
    StoreFormatError,
    StoreNotFoundError,
)
from xarray_atlas.io.backend.entrypoint import AtlasBackendEntrypoint
from xarray_atlas.io.brainglobe.components import MASKS
from xarray_atlas.io.brainglobe.lookup import is_there
from xarray_atlas.io.zarr.addresses import safe_cause
from xarray_atlas.io.zarr.arrays import LabelArray
from xarray_atlas.io.zarr.checked_store import CheckedStore
from xarray_atlas.io.zarr.chunk_layout import layout_of_array
from xarray_atlas.io.zarr.ome_zarr import Level, Multiscale, is_multiscale, read_multiscale
from xarray_atlas.io.zarr.stores import is_url, open_group, options_of, unreadable
from xarray_atlas.terminology import Terminology

__all__ = ["check"]

FULL = (
    "copy",
    "missing chunks",
    "unknown labels",
    "regions without a voxel",
    "lost regions",
    "mirror axis",
    "mirror plane",
    "symmetry",
    "hemispheres",
    "masks",
)
"""The checks that read voxels."""


def check(
    obj: xr.Dataset | xr.DataArray,
    full: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> Report:
    """Check the consistency of an atlas, and report problems.

    Without `full` no voxel is read: the table of regions is checked (paths that contradict parents,
    unknown parents, cycles, several roots, acronyms and labels that regions share, labels that the
    annotation's type cannot represent), the orientation and the midline, the metadata of the
    pyramid, and the versions of the components.

    With `full` voxels are checked too: files of a copy that differ from the download; missing
    chunks, where another level of the pyramid has labels; labels without a region, regions without
    voxels, regions that exist in the finest level only; the axis and plane of mirror symmetry of
    the brain; the volume of hemispheres, and stored masks.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation. For a part of it, some checks are skipped.
    full : bool, default: False
        Read the voxels: the annotation once for the statistics of each label (which are cached, see
        :func:`region_properties`) and twice more, for missing chunks and for its mirror image, the
        next level of its pyramid and the finest, and the masks. These can be large: at 10 um the
        labels of a mouse brain have 1.2 G voxels.
    storage_options : mapping, optional
        For fsspec, as when the atlas was opened: its metadata are read again.
    progress : bool, default: False
        Show a progress bar on stderr while labels are tabulated.

    Returns
    -------
    Report
        Readable text, or HTML in a notebook. ``.table`` has a row for each finding, with a
        severity: "error" (numbers are wrong), "warning" (numbers may be wrong, or something will
        not work), "note" (good to know). ``.checks`` has a row for each check, with the measurement
        or the reason why it was skipped. ``.ok`` is whether there is no error.

    Raises
    ------
    MissingTerminologyError, AtlasMismatchError
        If the object is not an atlas.
    StoreError
        With `full`, if a chunk cannot be read.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> report = xarray_atlas.check(ds, full=True)
    >>> report.ok
    True
    >>> report.table[["check", "severity"]].values.tolist()
    [['lost regions', 'warning'], ['midline', 'note'], ['regions without a voxel', 'note']]
    >>> report.table.subjects[0]
    ('FRP6b', 'ILA6b', 'ASO', 'OV', 'IVn')
    >>> report.checks.set_index("check").detail["mirror plane"]
    '5.675 mm along x by the labelled voxels, midline 5.675 mm'
    """
    terminology, space = find_atlas(obj)
    outcomes = [
        *metadata.check_table(terminology),
        metadata.check_shared_labels(terminology),
        metadata.check_background(terminology),
        metadata.check_unlabelled(terminology),
        check_sides(terminology),
        _label_type(obj, terminology),
        metadata.check_orientation(obj, space),
        metadata.check_midline(space, _symmetric(obj), _hemispheres(obj) is not None),
        metadata.check_versions(obj.attrs),
    ]
    if storage_options is None:  # by default those with which it was opened
        storage_options = _options(obj)
    pyramid = _pyramid(obj, storage_options)
    opened = obj.attrs.get("level")
    if isinstance(pyramid, str):
        outcomes.append(skipped("levels", pyramid))
    else:
        outcomes.append(metadata.check_levels(pyramid.levels, space, opened))
    if full:
        outcomes += _of_voxels(obj, terminology, space, pyramid, storage_options, progress)
    else:
        outcomes += [skipped(name, "needs full=True") for name in FULL]
    return Report(_title(obj, terminology), tuple(outcomes))


def _options(obj: xr.Dataset | xr.DataArray) -> Mapping[str, Any] | None:
    try:
        labels = stored_labels(annotation_of(obj))
    except AtlasError:
        return None
    return None if labels is None else options_of(labels.array.store)


def _title(obj: xr.Dataset | xr.DataArray, terminology: Terminology) -> str:
    names = [str(obj.attrs[key]) for key in ("name", "version") if key in obj.attrs]
    resolution = obj.attrs.get("resolution")
    title = " ".join(names) or terminology.name or "an atlas"
    return f"{title}, {resolution}" if resolution else title


def _symmetric(obj: xr.Dataset | xr.DataArray) -> bool | None:
    """Return whether the manifest says that the atlas is symmetric; None without a manifest."""
    said = obj.attrs.get("symmetric")
    return None if said is None else bool(said)


def _hemispheres(obj: xr.Dataset | xr.DataArray) -> xr.DataArray | None:
    return obj.get("hemispheres") if isinstance(obj, xr.Dataset) else None


def _label_type(obj: xr.Dataset | xr.DataArray, terminology: Terminology) -> Outcome:
    if isinstance(obj, xr.Dataset) and "annotation" in obj:
        return metadata.check_label_type(terminology, obj["annotation"].dtype)
    try:
        return metadata.check_label_type(terminology, annotation_of(obj).dtype)
    except GridError as error:  # masks and templates have the hierarchy too
        return skipped("label type", str(error))


def _pyramid(
    obj: xr.Dataset | xr.DataArray, storage_options: Mapping[str, Any] | None
) -> Multiscale | str:
    """Read the metadata of an object's pyramid, or return why it is impossible."""
    source = obj.attrs.get("source")
    if source is None:
        return "the attributes do not say the source"
    try:
        group = open_group(str(source), storage_options)
        return (
            read_multiscale(group, str(source), voxel_size=_stated(obj))
            if is_multiscale(group)
            else f"{source} is not a pyramid"
        )
    except AtlasError as error:
        return f"the source cannot be opened: {error}"


def _stated(obj: xr.Dataset | xr.DataArray) -> tuple[float, ...] | None:
    """Return the voxel size in mm that was given when the store was opened, if any."""
    said = obj.attrs.get("stated_voxel_size")
    return None if said is None else stated_voxel_size(str(said).split(", "))


def _of_voxels(
    obj: xr.Dataset | xr.DataArray,
    terminology: Terminology,
    space: Space,
    pyramid: Multiscale | str,
    storage_options: Mapping[str, Any] | None,
    progress: bool,
) -> list[Outcome]:
    """Run the checks of :data:`FULL`, in that order."""
    try:
        annotation = annotation_of(obj)
        part = voxels.part_of(annotation, space)
    except AtlasError as error:
        return [skipped(name, str(error)) for name in FULL]
    outcomes = [check_copy(obj), _missing_chunks(obj, annotation, pyramid, storage_options)]
    incomplete = bool(outcomes[-1].findings)
    table = voxels.table_of(annotation, progress)
    outcomes.append(voxels.check_unknown_labels(table, terminology))
    if part:
        return [*outcomes, *(skipped(name, part) for name in FULL[len(outcomes) :])]
    finest, why_not = _finest(obj, terminology, pyramid, storage_options)
    finer = None if finest is None else voxels.table_of(finest, progress)
    outcomes += voxels.check_regions(table, terminology, finer, why_not)
    symmetric, hemispheres = _symmetric(obj), _hemispheres(obj)
    if incomplete:  # the middle of an incomplete volume is meaningless
        outcomes += [skipped(name, "chunks seem to be missing") for name in voxels.MIRROR]
    else:
        outcomes += voxels.check_mirror(annotation, space, symmetric, hemispheres is not None)
    if hemispheres is None:
        outcomes.append(skipped("hemispheres", "the atlas was opened without 'hemispheres'"))
    else:
        outcomes.append(voxels.check_hemispheres(annotation, hemispheres, symmetric))
    stored = _stored_masks(obj, annotation, space, pyramid, storage_options)
    if isinstance(stored, str):
        return [*outcomes, skipped("masks", stored)]
    return [*outcomes, mask_checks.check_masks(annotation, *stored, terminology)]


def _missing_chunks(
    obj: xr.Dataset | xr.DataArray,
    annotation: xr.DataArray,
    pyramid: Multiscale | str,
    storage_options: Mapping[str, Any] | None,
) -> Outcome:
    """Compare the level that is read, the next one and the finest, chunk by chunk."""
    labels = stored_labels(annotation)
    if labels is None or isinstance(pyramid, str):
        why = "the labels are not read from a store" if labels is None else str(pyramid)
        return skipped("missing chunks", why)
    if labels.group_place != pyramid.place:
        return skipped("missing chunks", f"the labels are read from {labels.group_place}")
    levels = sorted(pyramid.levels, key=lambda level: float(np.prod(level.scale)))
    here = next((i for i, each in enumerate(levels) if each.path == obj.attrs.get("level")), None)
    if here is None:
        return skipped("missing chunks", "the attributes do not say the level")
    near = [*range(here + 1, len(levels)), *reversed(range(here))][:1]
    wanted = [here, *near, 0]
    group = open_group(pyramid.place, storage_options)
    found: list[StoredLevel] = []
    for level in dict.fromkeys(levels[i] for i in wanted):
        if not _missing(obj, pyramid.place, level.path, storage_options):
            with contextlib.suppress(StoreFormatError):
                found.append(_stored_level(group, level, pyramid))
    opened, *others = found
    pairs = [(opened, others[0] if others else None), *((other, opened) for other in others)]
    return check_missing_chunks(pairs)


def _stored_level(group: zarr.Group, level: Level, pyramid: Multiscale) -> StoredLevel:
    array = LabelArray(group, level.path, pyramid.place, axes=pyramid.axes)
    sizes = dict(zip(pyramid.dims, array.chunks, strict=True))
    volume = xr.Variable(pyramid.dims, indexing.LazilyIndexedArray(array)).chunk(sizes)
    return StoredLevel(level, volume.data, array.key_of)


def _finest(
    obj: xr.Dataset | xr.DataArray,
    terminology: Terminology,
    pyramid: Multiscale | str,
    storage_options: Mapping[str, Any] | None,
) -> tuple[xr.DataArray | None, str]:
    """Open the finest level, if it is another one; or return why it is impossible."""
    if isinstance(pyramid, str):
        return None, pyramid
    if "level" not in obj.attrs:
        return None, "the attributes do not say the level"
    if pyramid.finest.path == obj.attrs["level"]:
        return None, ""
    if missing := _missing(obj, str(obj.attrs["source"]), pyramid.finest.path, storage_options):
        return None, missing
    try:
        ds = xr.open_dataset(
            obj.attrs["source"],
            engine=AtlasBackendEntrypoint,
            chunks={},
            resolution=pyramid.finest.path,
            terminology=terminology,
            storage_options=storage_options,
            voxel_size=None if (stated := _stated(obj)) is None else quantity(list(stated)),
        )
    except AtlasError as error:
        return None, f"the finest level cannot be opened: {error}"
    return ds["annotation"], ""


def _missing(
    obj: xr.Dataset | xr.DataArray,
    place: str,
    level: str,
    storage_options: Mapping[str, Any] | None,
) -> str:
    """Return why a local store may lack chunks of a level; "" if it has them all.

    A copy need not have every level, and BrainGlobe's tools fetch masks one by one: missing objects
    would be read as zeros, or raise an error.
    """
    if is_url(place):
        return ""
    try:
        there = is_there(str(obj.attrs.get("root", "")), place, level, storage_options)
    except StoreError as error:
        return str(error)
    return "" if there else f"the copy {place} does not hold all of level {level!r}"


def _stored_masks(
    obj: xr.Dataset | xr.DataArray,
    annotation: xr.DataArray,
    space: Space,
    pyramid: Multiscale | str,
    storage_options: Mapping[str, Any] | None,
) -> tuple[_Masks, Any] | str:
    """Open the masks stored with the annotation, and their values; or return why not."""
    source, level = obj.attrs.get("source"), obj.attrs.get("level")
    if source is None or level is None:
        return "the attributes do not say the source and the level"
    if isinstance(pyramid, str):
        return pyramid
    dims = list(map(str, annotation.dims))
    # reorient() changes the space too, not only the array
    sides = "".join(array_orientation(annotation).get(dim, "") for dim in dims)
    if (dims, sides) != (list(space.dims), pyramid.orientation):
        return "the annotation has been transposed or turned round"
    place = f"{str(source).replace(os.sep, '/').rpartition('/')[0]}/{MASKS}"
    if place == source:
        return "the source is that of the masks"
    if os.path.isdir(place) and (missing := _missing(obj, place, str(level), storage_options)):
        return missing
    try:
        group = open_group(place, storage_options)
        array, values = group.get(level), group.get("annotation_values")
    except StoreNotFoundError:
        return f"there is no {MASKS} next to the annotation"
    except AtlasError as error:
        return f"the masks cannot be opened: {error}"
    except Exception as error:  # file systems raise any error of their client libraries
        return str(unreadable(place, error, storage_options))
    if not isinstance(array, zarr.Array) or not isinstance(values, zarr.Array):
        return f"{place} has no level {level!r}, or no annotation_values"
    if array.ndim != 4:
        return f"{place}/{level} has {array.ndim} dimensions, not 4"
    masks = _Masks(array, f"{place}/{level}")
    return masks, _Masks(values, f"{place}/annotation_values")[:]


class _Masks:
    """An array in a store, with read errors converted to StoreError."""

    def __init__(self, array: zarr.Array[Any], place: str) -> None:
        self.array, self.place = array, place
        self.shape, self.ndim, self.dtype = array.shape, array.ndim, array.dtype
        self.chunks = array.chunks
        if isinstance(array.store, CheckedStore):
            array.store.expect(array.path, layout_of_array(array))

    def __getitem__(self, key: Any) -> Any:
        try:
            return np.asarray(self.array[key])
        except Exception as error:  # codecs and file systems raise any error
            raise unreadable(self.place, error) from safe_cause(error)
