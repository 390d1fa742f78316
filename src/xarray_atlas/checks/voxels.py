"""Checks that read voxels: labels, regions, left and right."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np
import xarray as xr
from dask.base import compute
from xarray import Variable

from xarray_atlas.checks.metadata import region_names
from xarray_atlas.checks.report import Finding, Outcome, done, skipped
from xarray_atlas.checks.symmetry import best_plane, best_plane_of_profile, measure_mirror
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.hemispheres import HEMISPHERES, sides_if_known
from xarray_atlas.coords.space import AXES, Space
from xarray_atlas.errors import UnitsError
from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.kernels.spacing import TOLERANCE, regular_step
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.reductions import cache
from xarray_atlas.reductions.plausibility import MADE_FROM_LABELS, MOST, MUCH, even
from xarray_atlas.reductions.rollup import counts_by_region, unassigned
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.cells import counted

__all__ = [
    "MIRROR",
    "check_hemispheres",
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

FEW = 8
"""Voxels along an axis; fewer show no shape."""

MIRROR = ("mirror axis", "mirror plane", "symmetry")

ONE_SIDED = "all that is labelled lies on one side of the midline"
"""Then it may be one hemisphere, which has no mirror plane."""

UNLIKE = 0.1
"""Of an atlas that says that it is symmetric, this share is more than noise at the edges."""


def table_of(annotation: xr.DataArray, progress: bool = False) -> LabelTable:
    """Return the statistics of an annotation's labels, from the cache or a pass."""
    known = cache.find_any(annotation.variable)
    return known or cache.learn(annotation.variable, sides_if_known(annotation), None, progress)


def part_of(annotation: xr.DataArray, space: Space) -> str:
    """Return why an annotation does not cover the whole volume; "" if it does."""
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
    """Check that each label in the volume, except 0, belongs to a region."""
    labels, counts = unassigned(table, [None], terminology)
    unknown = labels != 0
    labels, voxels = labels[unknown], counts[unknown, 0]
    whole = int(table.voxels[table.label != 0].sum())
    told = f"{counted(whole, 'labelled voxel')}"
    if not labels.size:
        return done("unknown labels", detail=told)
    share = 100 * voxels.sum() / whole
    pairs = zip(labels.tolist(), voxels.tolist(), strict=True)
    subjects = tuple(
        f"{label} ({counted(n, 'voxel')}{_spoilt(label, terminology)})" for label, n in pairs
    )
    why = (
        f"{counted(int(labels.size), 'label')} in the volume that no region has: "
        f"{counted(int(voxels.sum()), 'voxel')}, {share:.2g} % of all that are labelled, count to "
        "no region"
    )
    mend = "add these labels to the table, or take the terminology that belongs to this annotation"
    if share > 100 * MOST:
        mend = f"open the annotation, if this is an image such as a template; else {mend}"
    return done("unknown labels", [Finding("error", why, mend, subjects)], told)


def _spoilt(label: int, terminology: Terminology) -> str:
    """Explain which region's label has overflowed to this one in a smaller type."""
    known = terminology.labels
    ways = {
        "float32": known.astype(np.float32).astype(np.float64) == label,
        "32 bits": (known & 0xFFFFFFFF == label) & (known > 0xFFFFFFFF),
        "16 bits": (known & 0xFFFF == label) & (known > 0xFFFF),
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
    """Check which regions, including descendants, have no voxels, or have lost them.

    Parameters
    ----------
    table : LabelTable
        Table of the level that was opened.
    terminology : Terminology
        The regions.
    finer : LabelTable, optional
        Table of the finest level of the pyramid.
    why_not : str
        Why there is no finer level to compare with, or "".
    """
    here = counts_by_region(table, [None], terminology, False)[:, 0]
    _, owners = terminology.label_pairs()
    labelled = np.zeros(len(terminology), bool)
    labelled[owners] = True  # missing labels are reported for the table of regions
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
    annotation: xr.DataArray, space: Space, symmetric: bool | None, volume: bool
) -> list[Outcome]:
    """Check the axis and plane of mirror symmetry of the annotation.

    Parameters
    ----------
    annotation : DataArray
        The whole volume.
    space : Space
    symmetric : bool, optional
        According to the manifest.
    volume : bool
        Whether left and right are defined by a variable ``hemispheres``, not the midline.
    """
    names = {axis: space.coordinate(annotation, axis) for axis in AXES}
    axes = {axis: annotation.dims.index(name) for axis, name in names.items() if name is not None}
    dims = {axis: str(annotation.dims[i]) for axis, i in axes.items()}
    try:
        positions = lengths(annotation, annotation.dims[axes["ml"]])
    except UnitsError as error:
        return [skipped(name, str(error)) for name in MIRROR]
    step = regular_step(positions)
    if step is None or min(annotation.shape) < FEW:
        why = f"{dims['ml']!r} is irregularly spaced, or an axis has fewer than {FEW} voxels"
        return [skipped(name, why) for name in MIRROR]
    first = float(positions[0])
    at = None if space.midline is None else (space.midline - first) / step
    found = measure_mirror(annotation.data, axes["ml"], None if at is None else round(2 * at))
    if not found.labelled:
        return [skipped(name, "no voxel is labelled") for name in MIRROR]
    shares = {axis: best_plane(found.sample, i) for axis, i in axes.items()}
    near = (positions.size - 1) / 2 if at is None else at
    share, place = best_plane_of_profile(found.profile, near)
    there = np.flatnonzero(found.profile)
    plane = _Plane(
        dims["ml"],
        share,
        first + step * place,
        int(np.ptp(there) + 1) * abs(step),
        abs(step),
        at is not None and bool(there[0] >= at or there[-1] <= at),
    )
    return [
        skipped("mirror axis", ONE_SIDED) if plane.one_sided else _mirror_axis(shares, dims),
        _mirror_plane(plane, space, symmetric, volume),
        _symmetry(found.labelled, found.alike, space, symmetric),
    ]


class _Plane(NamedTuple):
    """The plane about which the labelled voxels are most symmetric, in mm."""

    dim: str
    share: float
    """Fraction of voxels with a labelled mirror image, by the number on each plane."""
    place: float
    width: float
    """Width of the labelled part."""
    step: float
    one_sided: bool
    """Return whether all of it lies on one side of the midline."""


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


def _mirror_plane(plane: _Plane, space: Space, symmetric: bool | None, volume: bool) -> Outcome:
    if volume:
        return skipped("mirror plane", "left and right are in 'hemispheres'")
    if space.midline is None:
        return skipped("mirror plane", "the atlas has no midline")
    if plane.share < FAINT:
        told = f"no clear one along {plane.dim}: the best has {plane.share:.0%} of the voxels"
        if not symmetric:
            return done("mirror plane", detail=told)
        why = f"the atlas says that it is symmetric, but its voxels show no mirror plane; {told}"
        mend = "find out whether a part of the brain is missing, or the axes are wrong"
        return done("mirror plane", [Finding("warning", why, mend)], told)
    off = abs(plane.place - space.midline)
    told = (
        f"{plane.place:g} mm along {plane.dim} by the labelled voxels, midline {space.midline:g} mm"
    )
    if off <= max(OFF * plane.width, plane.step * (1 + TOLERANCE)):
        return done("mirror plane", detail=told)
    why = (
        f"{told}: they are {off:g} mm apart, {off / plane.width:.1%} of the brain's width, so that "
        "left and right are divided in the wrong place"
    )
    mend = f"open the atlas with midline='{plane.place:g} mm'"
    if plane.one_sided:
        mend = f"nothing, where one hemisphere is meant; else {mend}"
        return done("mirror plane", [Finding("warning", f"{why}; {ONE_SIDED}", mend)], told)
    return done("mirror plane", [Finding("error", why, mend)], told)


def _symmetry(labelled: int, alike: int | None, space: Space, symmetric: bool | None) -> Outcome:
    if alike is None:
        return skipped("symmetry", "the atlas has no midline")
    unlike = 1 - alike / labelled
    told = (
        f"{unlike:.2%} of the labelled voxels have another label than their mirror image about "
        f"{space.midline:g} mm"
    )
    if not symmetric or alike == labelled:
        return done("symmetry", detail=told)
    why = (
        f"the atlas says that it is symmetric, but {told}: left and right differ in size and place"
    )
    mend = "measure both hemispheres; do not mirror one in place of the other"
    return done("symmetry", [Finding("warning" if unlike > UNLIKE else "note", why, mend)], told)


def check_hemispheres(
    annotation: xr.DataArray, hemispheres: xr.DataArray, symmetric: bool | None
) -> Outcome:
    """Check that the volume of hemispheres agrees with the midline.

    Parameters
    ----------
    annotation, hemispheres : DataArray
        On the same grid.
    symmetric : bool, optional
        According to the manifest.
    """
    inside, side = annotation.variable != 0, hemispheres.variable
    midline = sides_if_known(annotation)
    left, right = (inside & (side == HEMISPHERES[name]) for name in ("left", "right"))
    _, space = find_atlas(annotation)
    name = space.coordinate(annotation, "ml")
    ml = None if name is None else annotation.coords[name].dims[0]
    counts = [inside.sum(), *(_profile(each, ml) for each in (left, right))]
    if midline.ndim:
        counts.append(_profile((left | right) & (side != midline), midline.dims[0]))
    labelled, on_left, on_right, *wrong = compute(*(variable.data for variable in counts))
    without = int(labelled) - int(on_left.sum()) - int(on_right.sum())
    found = []
    other = not even(float(on_left.sum()), float(on_right.sum())) and without > MUCH * labelled
    if other and not MADE_FROM_LABELS.items() <= side.attrs.items():
        why = (
            f"{counted(without, 'labelled voxel')} of {int(labelled)} are neither 1 (left) nor 2 "
            "(right), and one side has hardly any: left and right have other values"
        )
        mend = (
            "say which value is which: create_atlas(hemisphere_values=(left, right)), or assign "
            "ds['hemispheres'] with 1 and 2"
        )
        found.append(Finding("error", why, mend))
    elif without:
        why = (
            f"{counted(without, 'labelled voxel')} of {int(labelled)} have a hemisphere that "
            "is neither 1 (left) nor 2 (right): they are on no side"
        )
        mend = (
            "nothing, if they are meant to be; else correct the volume of hemispheres, or say "
            "where left and right meet: create_atlas(midline=)"
        )
        found.append(Finding("warning", why, mend))
    if wrong:
        found += _against_midline(wrong[0], int(labelled), symmetric)
        told = f"{int(wrong[0].sum())} of {int(labelled)} labelled voxels contradict the midline"
        return done("hemispheres", found, told)
    told = "not compared with a midline: there is none"
    if name is None or not on_left.any() or not on_right.any():
        return done("hemispheres", found, told)
    positions = lengths(annotation, name)
    middles = [float(np.average(positions, weights=each)) for each in (on_left, on_right)]
    runs = space.direction("ml")
    if (middles[0] > middles[1]) is not (runs == "right-to-left"):
        why = (
            f"left and right are swapped: {name!r} runs {runs}, and the voxels that are said to be "
            f"left lie about {middles[0]:.3g} mm, those to be right about {middles[1]:.3g} mm"
        )
        mend = "correct the hemispheres, lateral= (left first), or the orientation"
        found.append(Finding("error", why, mend))
    return done("hemispheres", found, f"{told}; left and right lie on their sides of each other")


def _profile(which: Variable, ml: Hashable | None) -> Variable:
    """Count the voxels of each plane across an axis, or all voxels without an axis."""
    return which.sum([dim for dim in which.dims if dim != ml])


def _against_midline(wrong: Int64s, labelled: int, symmetric: bool | None) -> list[Finding]:
    """Judge the number of contradicting voxels on each plane from right to left."""
    share = wrong.sum() / labelled if labelled else 0.0
    if not share:
        return []
    told = f"{share:.2%} of the labelled voxels are on another side than the midline has them"
    if np.count_nonzero(wrong) == 1:
        # BrainGlobe rounds for an odd axis
        why = f"{told}, all on one plane, which the volume of hemispheres gives to the other side"
        mend = "nothing: the volume is used where it was opened, the midline elsewhere"
        return [Finding("note", why, mend)]
    if share > 0.5:
        why = f"{told}: left and right are swapped in one of the two"
        mend = "find out which: BrainGlobe's volume has 1 on the left, 2 on the right"
        return [Finding("error", why, mend)]
    mend = "find out which is right: the volume is used while it is in the Dataset"
    severity = "warning" if symmetric else "note"
    return [Finding(severity, f"{told}: results depend on which of the two is used", mend)]
