"""Checks that read no voxels: the table of regions, the space, the metadata.

Each returns an :class:`~xarray_atlas.checks.report.Outcome`. Checks that read voxels are in
``voxels``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import xarray as xr

from xarray_atlas.checks.report import Finding, Outcome, done, skipped
from xarray_atlas.coords.space import Space
from xarray_atlas.errors import AtlasMismatchError
from xarray_atlas.kernels.spacing import TOLERANCE
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.cells import counted

__all__ = [
    "PyramidLevel",
    "check_background",
    "check_label_type",
    "check_levels",
    "check_midline",
    "check_orientation",
    "check_shared_labels",
    "check_table",
    "check_unlabelled",
    "check_versions",
    "region_names",
]


class PyramidLevel(Protocol):
    """Metadata of a level of a pyramid: voxel ``i`` is at ``scale * i + translation``.

    In mm along each axis.
    """

    @property
    def path(self) -> str:
        """The path of its array within the group."""

    @property
    def resolution(self) -> str:
        """The voxel size as text."""

    @property
    def scale(self) -> tuple[float, ...]:
        """The voxel size."""

    @property
    def translation(self) -> tuple[float, ...]:
        """The centre of the first voxel."""


def region_names(terminology: Terminology, positions: Any) -> tuple[str, ...]:
    """Name regions by acronym, or by id if the acronym is missing or shared."""
    ids, acronyms = terminology.ids.tolist(), terminology.acronyms
    counts: dict[str, int] = defaultdict(int)
    for acronym in acronyms:
        counts[acronym] += 1
    return tuple(
        acronyms[i] if acronyms[i] and counts[acronyms[i]] == 1 else f"{acronyms[i]} #{ids[i]}"
        for i in np.asarray(positions, dtype=np.int64).tolist()
    )


# -- the table of regions

_CORRECT = "correct the table, and pass it with terminology="

_KINDS = {
    "paths": (
        "error",
        "paths in the table contradict its parents, so that one of the two is wrong; the hierarchy "
        "is taken from the parents, and what is above a misplaced region is measured without it",
        _CORRECT,
    ),
    "parents": (
        "error",
        "parents that the table does not have: these regions are taken as roots, and what should "
        "be above them is measured without them",
        f"add the missing rows or {_CORRECT}",
    ),
    "cycles": (
        "error",
        "regions that are their own ancestors: one of each cycle is taken as a root, and what is "
        "above and below whom is a guess",
        _CORRECT,
    ),
    "rows": ("note", "rows that are there twice, with one label; they count once", _CORRECT),
    "colors": ("note", "colors that are not '#RRGGBB' are left out", _CORRECT),
}
"""The problems that only the reader of a table sees: severity, why they matter, what to do."""


def check_table(terminology: Terminology) -> list[Outcome]:
    """Check parents, paths, roots and acronyms."""
    outcomes = []
    problems = list(zip(terminology.problem_kinds, terminology.problems, strict=True))
    for kind, (severity, why, mend) in _KINDS.items():
        told = tuple(text for found, text in problems if found == kind)
        outcomes.append(done(kind, [Finding(severity, why, mend, told)] if told else []))
    untold = tuple(text for kind, text in problems if not kind)
    if untold:
        why = "the file lists problems of its table of regions without their kind"
        mend = "open the atlas from its own store"
        outcomes.append(done("table", [Finding("warning", why, mend, untold)]))
    return [*outcomes, _roots(terminology), *_acronyms(terminology)]


def _roots(terminology: Terminology) -> Outcome:
    roots = np.flatnonzero(terminology.parents < 0)
    if roots.size == 1:
        return done("roots")
    why = (
        f"{roots.size} regions have no parent, so that no region is the whole brain and `.tree` "
        "is an error"
    )
    mend = "give all but one a parent in the table, or take the trees from `.terminology.roots`"
    return done("roots", [Finding("warning", why, mend, region_names(terminology, roots))])


def _acronyms(terminology: Terminology) -> list[Outcome]:
    groups: dict[str, list[int]] = defaultdict(list)
    for position, acronym in enumerate(terminology.acronyms):
        groups[acronym].append(position)
    empty = groups.pop("", [])
    shared = [i for group in groups.values() if len(group) > 1 for i in group]
    why = "acronyms that several regions share name none of them: asking for one is an error"
    mend = "name these regions by their id, ds.atlas.volume(1234), or correct the table"
    outcome = done(
        "acronyms",
        [Finding("warning", why, mend, region_names(terminology, shared))] if shared else [],
    )
    why = "regions without an acronym cannot be distinguished on a `region` dimension"
    mend = "name these regions by their id, or correct the table"
    found = [Finding("warning", why, mend, region_names(terminology, empty))] if empty else []
    return [outcome, done("empty acronyms", found)]


# -- the labels in the table


def check_shared_labels(terminology: Terminology) -> Outcome:
    """Check that no label belongs to two regions."""
    labels, counts = np.unique(terminology.labels, return_counts=True)
    shared = labels[counts > 1]
    if not shared.size:
        return done("shared labels")
    subjects = []
    for label in shared.tolist():
        owners = terminology.label_regions[terminology.labels == label]
        subjects.append(f"{label} ({' and '.join(region_names(terminology, owners))})")
    why = (
        "labels that several regions have: their voxels are counted in each of these, so that "
        "sizes of regions do not add up to that of the whole"
    )
    mend = "give each label to one region in the table, or do not add these regions up"
    return done("shared labels", [Finding("warning", why, mend, tuple(subjects))])


def check_background(terminology: Terminology) -> Outcome:
    """Check that 0, the background, is not the label of a region."""
    owners = terminology.label_regions[terminology.labels == 0]
    if not owners.size:
        return done("label 0")
    why = (
        "label 0 is the background of annotations, and here that of a region: all voxels outside "
        "of the brain are measured as part of it, and of what is above it"
    )
    mend = "give the region another label in the table, or none"
    return done("label 0", [Finding("error", why, mend, region_names(terminology, owners))])


def check_unlabelled(terminology: Terminology) -> Outcome:
    """Check that each region, or one of its descendants, has a label."""
    _, owners = terminology.label_pairs()
    without = np.setdiff1d(np.arange(len(terminology)), owners)
    if not without.size:
        return done("regions without a label")
    why = "regions that have no label in the table, nor has any below them: they have no voxel"
    mend = "nothing, where that is meant; else give them their annotation_value"
    found = Finding("note", why, mend, region_names(terminology, without))
    return done("regions without a label", [found])


def check_label_type(terminology: Terminology, dtype: np.dtype[Any]) -> Outcome:
    """Check that the annotation's type can represent the labels of all regions."""
    if dtype.kind not in "iu":
        why = (
            f"the annotation is {dtype}, and labels are integers: a float does not hold large ids "
            "exactly, and nothing can be measured"
        )
        mend = "convert it with .astype, from the source that has integers"
        return done("label type", [Finding("error", why, mend)])
    limits = np.iinfo(dtype)
    labels = terminology.labels
    beyond = (labels < limits.min) | (labels > min(int(limits.max), 2**63 - 1))
    if not beyond.any():
        return done("label type", detail=str(dtype))
    owners = np.unique(terminology.label_regions[beyond])
    why = (
        f"labels in the table that the annotation, {dtype}, cannot hold: these regions have no "
        "voxel, or theirs have become other labels where the annotation was converted"
    )
    mend = "write the annotation again from its source, as uint32 or int64"
    found = Finding("error", why, mend, region_names(terminology, owners))
    return done("label type", [found], str(dtype))


# -- the space


def check_orientation(obj: xr.Dataset | xr.DataArray, space: Space) -> Outcome:
    """Check that coordinates and attributes agree with the space about the axes."""
    found = []
    for axis in ("ap", "dv", "ml"):
        try:
            space.coordinate(obj, axis)
        except AtlasMismatchError as error:
            mend = "correct the attribute 'direction' of the coordinate, or open the atlas again"
            found.append(Finding("error", str(error), mend, (axis,)))
    said = obj.attrs.get("orientation")
    # with world coordinates the attributes refer to the array when it was opened
    runs = str.maketrans("rai", "lps") if space.world else {}
    axes = space.orientation.translate(runs)
    if said is not None and str(said).translate(runs) != axes:
        why = (
            f"the attributes say the orientation {said!r}, the axes {space.orientation!r}; the "
            "axes are taken"
        )
        mend = "find out which is right: the wrong one turns the brain, or swaps left and right"
        found.append(Finding("error", why, mend))
    return done("orientation", found, space.orientation)


def check_midline(space: Space, symmetric: bool | None, volume: bool) -> Outcome:
    """Check that the hemispheres are defined.

    Parameters
    ----------
    space : Space
    symmetric : bool, optional
        According to the manifest.
    volume : bool
        Whether there is a variable ``hemispheres``, which then defines left and right.
    """
    at = space.position("ml")
    dim, size = space.dims[at], space.voxel_size[at]
    if space.midline is None:
        if volume:
            return done("midline", detail="none; left and right are in 'hemispheres'")
        why = "there is no midline and no 'hemispheres': asking for a hemisphere is an error"
        mend = "open the atlas with midline=, where left and right meet"
        return done("midline", [Finding("note", why, mend)])
    detail = f"{space.midline:g} mm along {dim}"
    found = []
    if space.shape:
        low = space.corner[at]
        high = low + size * space.shape[at]
        half = (low + high) / 2
        slack = TOLERANCE * size
        if not low - slack <= space.midline <= high + slack:
            why = f"the midline, {detail}, lies outside the volume, {low:g} to {high:g} mm"
            mend = f"open the atlas with the right midline=; half of the volume is {half:g} mm"
            found.append(Finding("error", why, mend))
        elif symmetric and abs(space.midline - half) > slack:
            why = (
                f"the atlas says that it is symmetric, so that left and right meet in the middle, "
                f"{half:g} mm, but its midline is {detail}"
            )
            mend = f"open the atlas with midline='{half:g} mm', or find out which is right"
            found.append(Finding("error", why, mend))
    if symmetric is False and not volume:
        why = (
            f"the atlas says that it is not symmetric, and there is no 'hemispheres': left and "
            f"right are divided by a plane, {detail}"
        )
        mend = "open it with its hemispheres, or with midline= where they meet"
        found.append(Finding("warning", why, mend))
    elif space.midline_assumed and not volume:
        why = f"no manifest says where left and right meet; half of the volume is taken, {detail}"
        mend = f"open the atlas with midline='{space.midline:g} mm' to say so yourself"
        found.append(Finding("note", why, mend))
    return done("midline", found, detail)


# -- the metadata


def check_levels(
    levels: Sequence[PyramidLevel], space: Space, opened: str | None = None
) -> Outcome:
    """Check that all levels of a pyramid start at the same corner.

    Parameters
    ----------
    levels : sequence
        In the order of the file.
    space : Space
        Space of the level that was opened.
    opened : str, optional
        The path of that level.
    """
    finest = min(levels, key=lambda level: float(np.prod(level.scale)))
    size, corner = np.array(finest.scale), _corner(finest)
    gaps = [(level, _corner(level) - corner) for level in levels]
    off = [(level, gap) for level, gap in gaps if np.any(np.abs(gap) > TOLERANCE * size)]
    told = f"{counted(len(levels), 'level')}, the finest of {finest.resolution}"
    if not off:
        return done("levels", detail=told)
    # older stores have the translation of the finest level for all levels
    plain = all(level.translation == finest.translation for level in levels)
    worst = max(float(np.abs(gap).max()) for _, gap in off)
    subjects = tuple(
        f"{level.path} ({level.resolution}) by {', '.join(f'{g:g}' for g in gap.tolist())} mm"
        for level, gap in off
    )
    why = (
        f"levels of the pyramid that do not begin where the finest does, by up to {worst:g} mm: "
        "a point, or another image, falls on other voxels of them"
    )
    slack = TOLERANCE * float(size.min())
    if not plain:
        severity = "error"
        mend = "correct the translations in the file: finest + (scale - finest scale) / 2"
    elif any(level.path == opened for level, _ in off) and np.allclose(
        space.corner, corner, rtol=0, atol=slack
    ):
        severity = "note"
        why = f"{why}; {opened!r} has been given the translation that the file lacks"
        mend = "nothing: this level was opened with align_levels=True"
    else:
        severity = "warning"
        mend = "open it with align_levels=True, which adds the translation that the file lacks"
    return done("levels", [Finding(severity, why, mend, subjects)], told)


def _corner(level: PyramidLevel) -> Any:
    return np.array(level.translation) - np.array(level.scale) / 2


def check_versions(attrs: Mapping[Hashable, Any]) -> Outcome:
    """Check that annotation and terminology belong together, by name and version."""
    keys = [
        f"{part}_{what}" for what in ("name", "version") for part in ("annotation", "terminology")
    ]
    said = {key: str(attrs[key]) for key in keys if key in attrs}
    if len(said) < len(keys):
        return skipped("versions", f"the attributes do not say {_listed(set(keys) - set(said))}")
    found = []
    annotation, terminology = said["annotation_version"], said["terminology_version"]
    told = f"annotation {annotation}, terminology {terminology}"
    if _plain(annotation) != _plain(terminology):
        why = (
            f"the annotation is of version {annotation}, the terminology of {terminology}: regions "
            "that one has and the other has not are lost, and labels may have changed their meaning"
        )
        mend = "run the check with full=True, or pass terminology= that of the annotation's version"
        found.append(Finding("warning", why, mend))
    names = [
        said[f"{part}_name"].removesuffix(f"-{part}") for part in ("annotation", "terminology")
    ]
    if names[0] != names[1]:
        why = (
            f"the annotation {said['annotation_name']!r} is read with the terminology "
            f"{said['terminology_name']!r}, which has another name"
        )
        mend = (
            "nothing, where that is meant; the check with full=True tells whether labels are lost"
        )
        found.append(Finding("note", why, mend))
    return done("versions", found, told)


def _plain(version: str) -> str:
    """Normalize a version: "2017", "2017_0" and "2017.0" are the same."""
    parts = version.replace("_", ".").split(".")
    while len(parts) > 1 and parts[-1] in ("0", ""):
        parts.pop()
    return ".".join(parts)


def _listed(keys: set[str]) -> str:
    return ", ".join(sorted(keys))
