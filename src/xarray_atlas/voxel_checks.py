"""Checks of an atlas that need its voxels: labels, regions, left and right, masks."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from dask.base import compute

from xarray_atlas import index_cache
from xarray_atlas.checks import region_names
from xarray_atlas.grid import HEMISPHERES, lengths, sides_if_known
from xarray_atlas.label_tables import LabelTable
from xarray_atlas.labels import Int64s, Ints, label_mask
from xarray_atlas.report import Finding, Outcome, done, skipped
from xarray_atlas.rollup import counts_by_region, unassigned
from xarray_atlas.space import AXES, Space
from xarray_atlas.symmetry import best_plane, best_plane_of_profile, measure_mirror
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.cells import counted

__all__ = [
    "check_hemispheres",
    "check_masks",
    "check_mirror",
    "check_regions",
    "check_unknown_labels",
    "part_of",
    "table_of",
]

CLEAR = 0.95
"""A brain that is its own mirror image to this share has its left and right along that axis. Of
the Allen mouse brain it is 0.99 from right to left, 0.88 from top to bottom, 0.86 lengthwise."""

MARGIN = 0.05
"""By so much more than along the axis said to be right-left."""

FAINT = 0.9
"""Where less of the profile from right to left lies under its image, it shows no mirror plane."""

OFF = 0.02
"""A midline that is further off, as a share of the brain's width, is wrong."""

UNLIKE = 0.1
"""Of an atlas that says that it is symmetric, this share is more than noise at the edges."""


def table_of(annotation: xr.DataArray, progress: bool = False) -> LabelTable:
    """Return what a pass over an annotation has learned, or learn it."""
    known = index_cache.find_any(annotation.variable)
    return known or index_cache.learn(
        annotation.variable, sides_if_known(annotation), None, progress
    )


def part_of(annotation: xr.DataArray, space: Space) -> str:
    """Say why an annotation does not tell of the whole volume; "" where it does."""
    names = [space.coordinate(annotation, axis) for axis in AXES]
    order = [space.position(axis) for axis in AXES]
    if any(name not in annotation.dims for name in names) or annotation.ndim != len(names):
        return "the annotation has not the three axes of space"
    there = [annotation.sizes[name] for name in names if name is not None]
    if space.shape and there != [space.shape[i] for i in order]:
        return "this is a part of the atlas, or a coarser grid"
    return ""


# -- labels and regions


def check_unknown_labels(table: LabelTable, terminology: Terminology) -> Outcome:
    """Check that each label in the volume, but for 0, is that of a region."""
    labels, counts = unassigned(table, [None], terminology)
    unknown = labels != 0
    labels, voxels = labels[unknown], counts[unknown, 0]
    whole = int(table.voxels[table.label != 0].sum())
    told = f"{counted(whole, 'labelled voxel')}"
    if not labels.size:
        return done("unknown labels", detail=told)
    share = voxels.sum() / whole
    pairs = zip(labels.tolist(), voxels.tolist(), strict=True)
    subjects = tuple(
        f"{label} ({counted(n, 'voxel')}{_spoilt(label, terminology)})" for label, n in pairs
    )
    why = (
        f"{counted(int(labels.size), 'label')} in the volume that no region has: "
        f"{counted(int(voxels.sum()), 'voxel')}, {share:.2g} of all that are labelled, count to "
        "no region"
    )
    mend = "add these labels to the table, or take the terminology that belongs to this annotation"
    return done("unknown labels", [Finding("error", why, mend, subjects)], told)


def _spoilt(label: int, terminology: Terminology) -> str:
    """Say which region's label has become this one in a type that did not hold it."""
    known = terminology.labels
    ways = {
        "float32": known.astype(np.float32).astype(np.float64) == label,
        "16 bits": (known & 0xFFFF == label) & (known > 0xFFFF),
        "32 bits": (known & 0xFFFFFFFF == label) & (known > 0xFFFFFFFF),
    }
    for name, which in ways.items():
        if which.any():
            owner = terminology.label_regions[which][:1]
            was = known[which].item(0)
            return f": {was} of {region_names(terminology, owner)[0]!r} in {name}"
    return ""


def check_regions(
    table: LabelTable,
    terminology: Terminology,
    finer: LabelTable | None = None,
    why_not: str = "",
) -> list[Outcome]:
    """Check which regions, with all below them, have no voxel, and which have lost theirs.

    Parameters
    ----------
    table : LabelTable
        Of the level that was opened.
    finer : LabelTable, optional
        Of the finest level of the pyramid.
    why_not : str
        Why there is no finer level to compare with; "" where there is none.
    """
    here = counts_by_region(table, [None], terminology, False)[:, 0]
    _, owners = terminology.label_pairs()
    labelled = np.zeros(len(terminology), bool)
    labelled[owners] = True  # what has no label is told by the table of regions
    without = labelled & (here == 0)
    lost = np.zeros_like(without)
    if finer is not None:
        lost = without & (counts_by_region(finer, [None], terminology, False)[:, 0] > 0)
    never = np.flatnonzero(without & ~lost)
    told = f"{int((here > 0).sum())} of {len(terminology)} regions have a voxel"
    found = []
    if never.size:
        unsure = f"; a finer level may have them ({why_not})" if why_not else ""
        why = (
            "regions in the table that have no voxel here, nor has any below them"
            f"{'' if why_not or finer is None else ', nor at the finest level'}{unsure}: their "
            "volume is 0"
        )
        mend = "nothing, where that is meant; tell them from regions that a measurement missed"
        found.append(Finding("note", why, mend, region_names(terminology, never)))
    outcomes = [done("regions without a voxel", found, told)]
    if why_not:
        return [*outcomes, skipped("lost regions", why_not)]
    if finer is None:
        return [*outcomes, done("lost regions", detail="this is the finest level")]
    found = []
    if lost.any():
        why = (
            "regions that the finest level has and this one has lost, being smaller than its "
            "voxels: their volume is 0 here"
        )
        mend = "measure them at a finer resolution="
        names = region_names(terminology, np.flatnonzero(lost))
        found.append(Finding("warning", why, mend, names))
    return [*outcomes, done("lost regions", found)]


# -- left and right


def check_mirror(
    annotation: xr.DataArray, space: Space, symmetric: str | None, volume: bool
) -> list[Outcome]:
    """Check along which axis, and about which plane, the annotation is its own mirror image.

    Parameters
    ----------
    annotation : DataArray
        Of the whole volume.
    space : Space
    symmetric : str, optional
        What the manifest says: "true" or "false".
    volume : bool
        Whether left and right are in a variable ``hemispheres``, not on two sides of the midline.
    """
    names = {axis: space.coordinate(annotation, axis) for axis in AXES}
    axes = {axis: annotation.dims.index(name) for axis, name in names.items() if name is not None}
    ml = axes["ml"]
    positions = lengths(annotation, annotation.dims[ml])
    if min(annotation.shape) < 2:
        why = "the annotation is a single plane"
        return [skipped(name, why) for name in ("mirror axis", "mirror plane", "symmetry")]
    step = float(positions[-1] - positions[0]) / (positions.size - 1)
    at = None if space.midline is None else (space.midline - float(positions[0])) / step
    twice = None if at is None else round(2 * at)
    found = measure_mirror(annotation.data, ml, twice)
    if not found.labelled:
        why = "no voxel is labelled"
        return [skipped(name, why) for name in ("mirror axis", "mirror plane", "symmetry")]
    shares = {axis: best_plane(found.sample, i) for axis, i in axes.items()}
    share, place = best_plane_of_profile(
        found.profile, near=len(positions) / 2 if at is None else at
    )
    there = np.flatnonzero(found.profile)
    width = float(there[-1] - there[0] + 1) * abs(step)
    dim = str(annotation.dims[ml])
    plane = float(positions[0]) + step * place
    return [
        _mirror_axis(shares, {axis: str(annotation.dims[i]) for axis, i in axes.items()}),
        _mirror_plane(space, dim, share, plane, width, abs(step), symmetric, volume),
        _symmetry(found.labelled, found.alike, space, symmetric),
    ]


def _mirror_axis(shares: dict[str, float], dims: dict[str, str]) -> Outcome:
    told = ", ".join(f"{share:.0%} along {dims[axis]}" for axis, share in shares.items())
    told = f"the labelled voxels are their own mirror image to {told}"
    best = max(shares, key=lambda axis: shares[axis])
    if best == "ml" or shares[best] < max(CLEAR, shares["ml"] + MARGIN):
        return done("mirror axis", detail=told)
    why = (
        f"{told}: left and right seem to lie along {dims[best]!r}, but the atlas says that they "
        f"lie along {dims['ml']!r}"
    )
    mend = "correct the orientation of the axes in the file; hemispheres are wrong until then"
    return done("mirror axis", [Finding("error", why, mend, (dims[best],))], told)


def _mirror_plane(
    space: Space,
    dim: str,
    share: float,
    plane: float,
    width: float,
    step: float,
    symmetric: str | None,
    volume: bool,
) -> Outcome:
    if volume:
        return skipped("mirror plane", "left and right are in 'hemispheres'")
    if space.midline is None:
        return skipped("mirror plane", "the atlas has no midline")
    if share < FAINT:
        told = f"no clear one along {dim}: the best has {share:.0%} of the labelled voxels"
        if symmetric != "true":
            return done("mirror plane", detail=told)
        why = f"the atlas says that it is symmetric, but its voxels show no mirror plane; {told}"
        mend = "find out whether a part of the brain is missing, or the axes are wrong"
        return done("mirror plane", [Finding("warning", why, mend)], told)
    off = abs(plane - space.midline)
    told = f"{plane:g} mm along {dim} by the labelled voxels, midline {space.midline:g} mm"
    if off <= max(OFF * width, step):
        return done("mirror plane", detail=told)
    why = (
        f"{told}: they are {off:g} mm apart, {off / width:.1%} of the brain's width, so that "
        "left and right are divided in the wrong place"
    )
    mend = f"open the atlas with midline='{plane:g} mm'"
    return done("mirror plane", [Finding("error", why, mend)], told)


def _symmetry(labelled: int, alike: int | None, space: Space, symmetric: str | None) -> Outcome:
    if alike is None:
        return skipped("symmetry", "the atlas has no midline")
    unlike = 1 - alike / labelled
    told = (
        f"{unlike:.2%} of the labelled voxels have another label than their mirror image about "
        f"{space.midline:g} mm"
    )
    if symmetric != "true" or alike == labelled:
        return done("symmetry", detail=told)
    why = (
        f"the atlas says that it is symmetric, but {told}: left and right differ in size and place"
    )
    mend = "measure both hemispheres; do not mirror one in place of the other"
    return done("symmetry", [Finding("warning" if unlike > UNLIKE else "note", why, mend)], told)


def check_hemispheres(
    annotation: xr.DataArray, hemispheres: xr.DataArray, symmetric: str | None
) -> Outcome:
    """Check that the volume of hemispheres says what the midline does.

    Parameters
    ----------
    annotation, hemispheres : DataArray
        On one grid.
    symmetric : str, optional
        What the manifest says: "true" or "false".
    """
    inside, side = annotation.variable != 0, hemispheres.variable
    midline = sides_if_known(annotation)
    neither = inside & (side != HEMISPHERES["left"]) & (side != HEMISPHERES["right"])
    counts = [inside.sum(), neither.sum()]
    if midline.ndim:
        ml = midline.dims[0]
        counts.append(
            (inside & ~neither & (side != midline)).sum([d for d in inside.dims if d != ml])
        )
    labelled, without, *wrong = compute(*(variable.data for variable in counts))
    found = []
    if without:
        why = (
            f"{counted(int(without), 'labelled voxel')} of {int(labelled)} have a hemisphere that "
            "is neither 1 (left) nor 2 (right): they are on no side"
        )
        mend = "correct the volume of hemispheres, or leave it out when opening"
        found.append(Finding("warning", why, mend))
    if not wrong:
        return done("hemispheres", found, "not compared with a midline: there is none")
    found += _against_midline(wrong[0], int(labelled), symmetric)
    told = f"{int(wrong[0].sum())} of {int(labelled)} labelled voxels contradict the midline"
    return done("hemispheres", found, told)


def _against_midline(wrong: Int64s, labelled: int, symmetric: str | None) -> list[Finding]:
    """Judge the number of contradicting voxels on each plane from right to left."""
    share = wrong.sum() / labelled if labelled else 0.0
    if not share:
        return []
    told = f"{share:.2%} of the labelled voxels are on another side than the midline has them"
    if np.count_nonzero(wrong) == 1:
        # BrainGlobe rounds where an axis is odd
        why = f"{told}, all on one plane, which the volume of hemispheres gives to the other side"
        mend = "nothing: the volume is used where it was opened, the midline elsewhere"
        return [Finding("note", why, mend)]
    if share > 0.5:
        why = f"{told}: left and right are swapped in one of the two"
        mend = "find out which: BrainGlobe's volume has 1 on the left, 2 on the right"
        return [Finding("error", why, mend)]
    mend = "open the atlas with hemispheres where it has them, and compare only what was opened so"
    severity = "warning" if symmetric == "true" else "note"
    return [Finding(severity, f"{told}: results depend on which of the two was used", mend)]


# -- masks


def check_masks(
    annotation: xr.DataArray, masks: Any, values: Ints, terminology: Terminology
) -> Outcome:
    """Check that stored masks mark the voxels that the labels do.

    In one pass over the masks, a chunk at a time.

    Parameters
    ----------
    annotation : DataArray
        Of the whole volume, in the axis order of the store.
    masks : array, shape (n, *annotation.shape)
        One mask a region, with all below it: whatever can be sliced.
    values : ndarray of int, shape (n,)
        The label of the region of each mask.
    """
    if tuple(masks.shape) != (len(values), *annotation.shape):
        why = (
            f"the masks have the shape {tuple(masks.shape)}, the annotation with "
            f"{len(values)} values {(len(values), *annotation.shape)}"
        )
        mend = "do not use these masks: they are of another volume"
        return done("masks", [Finding("error", why, mend)])
    wanted: list[Int64s | None] = []
    for value in np.asarray(values).tolist():
        owners = terminology.label_regions[terminology.labels == value]
        below = [terminology.labels_of(int(owner)) for owner in owners]
        wanted.append(np.unique(np.concatenate(below)) if below else None)
    known = np.array([labels is not None for labels in wanted])
    differ = _differing(annotation.data, masks, wanted)
    found = []
    bad = np.flatnonzero((differ > 0) & known)
    if bad.size:
        subjects = [
            f"{_called(values[i], terminology)} ({counted(int(differ[i]), 'voxel')})" for i in bad
        ]
        why = (
            "stored masks that differ from the labels of the region and of all below it: what is "
            "measured depends on which of the two is read"
        )
        mend = "trust the labels, from which everything here is measured but what asks for a mask"
        found.append(Finding("error", why, mend, tuple(subjects)))
    if not known.all():
        why = "stored masks of labels that no region has"
        mend = "take the terminology that belongs to these masks"
        found.append(
            Finding("warning", why, mend, tuple(map(str, np.asarray(values)[~known].tolist())))
        )
    return done("masks", found, f"{counted(int(known.sum()), 'mask')} compared")


def _called(value: Any, terminology: Terminology) -> str:
    owners = terminology.label_regions[terminology.labels == int(value)]
    return " and ".join(region_names(terminology, owners))


def _differing(labels: Any, masks: Any, wanted: list[Int64s | None]) -> Int64s:
    """Count for each mask the voxels that it has and the labels have not, or the other way."""
    if not wanted:
        return np.zeros(0, np.int64)
    if not isinstance(masks, da.Array):
        stored = getattr(masks, "chunks", None) or masks.shape
        meta = np.empty((0,) * masks.ndim, masks.dtype)
        masks = da.from_array(masks, chunks=(1, *stored[1:]), asarray=False, meta=meta)
    masks = masks.rechunk({0: 1})
    labels = da.asarray(labels).rechunk(masks.chunks[1:])
    counts = da.map_blocks(
        _differing_in_block,
        masks,
        labels[None],
        wanted=wanted,
        chunks=(masks.chunks[0], *((1,) * n for n in masks.numblocks[1:])),
        dtype=np.int64,
        meta=np.empty((0,) * 4, np.int64),
    )
    return np.asarray(counts.sum(axis=(1, 2, 3)).compute(), np.int64)


def _differing_in_block(
    mask: Any, labels: Any, wanted: list[Int64s | None], block_id: Any
) -> Int64s:
    keys = wanted[block_id[0]]
    differ = 0 if keys is None else np.count_nonzero((mask[0] != 0) != label_mask(labels[0], keys))
    return np.full((1,) * mask.ndim, differ, np.int64)
