"""Plausibility checks of annotations and hemispheres, on the table of the first pass.

They only use the table that the pass has computed, and read nothing.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from xarray import Variable

from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.errors import AtlasMismatchError, HemisphereError
from xarray_atlas.kernels.labels import lookup
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.reductions.stored import stored_array
from xarray_atlas.terminology import Terminology

__all__ = [
    "MADE_FROM_LABELS",
    "MOST",
    "MUCH",
    "even",
    "require_annotation",
    "require_hemispheres",
]

MOST = 0.5
"""Largest fraction of the labelled voxels that may lie outside all regions of the terminology, and
that may lie in neither hemisphere."""

ENOUGH = 128
"""Number of labelled voxels below which labels are not checked."""

FEW = 8
"""Number of unknown labels below which a part of an atlas is not checked."""

SCATTERED, GREYS, VOXELS = 0.01, 100, 100_000
"""An image has many grey values, which are scattered over the volume: their voxels fill less than a
hundredth of their bounding boxes. The fraction is 5 to 20 % for the Allen annotation and 0.5 % for
its template, at 25 to 100 um, in chunks of 64 voxels or a single one. Most of the template's grey
values are also ids of regions."""

MUCH = 0.25
"""Fraction of labelled voxels in neither hemisphere above which an empty one is suspicious."""

UNEVEN = 0.1
"""Ratio of the hemispheres below which values are suspicious, such as 0 and 1 for 1 and 2."""

STRAY = 0.01
"""Maximum fraction of the labelled voxels with an undefined value."""

MADE_FROM_LABELS: dict[Hashable, str] = {"made_from": "labels"}
"""Attributes of hemispheres with labels that define the hemisphere; other labels are in neither."""


def require_annotation(
    table: LabelTable, annotation: Variable, terminology: Terminology, shape: Sequence[int]
) -> None:
    """Refuse an image in place of an annotation, and the terminology of another atlas.

    Parameters
    ----------
    table : LabelTable
        Result of a pass over the annotation.
    annotation : Variable of int
    terminology : Terminology
    shape : sequence of int
        Shape of the whole atlas, empty if unknown. For a part of it, such as a slab with a
        structure that the table lacks, the check is weaker.

    Raises
    ------
    AtlasMismatchError
        If most of the labelled voxels have labels without a region.

    Warns
    -----
    UserWarning
        If labels are scattered like grey values.
    """
    whole = bool(shape) and sorted(annotation.shape) == sorted(shape)
    key = (id(table.label), terminology.fingerprint, whole)
    before = _passed.get(key)
    if before is not None and before() is table.label:
        return
    _judge(table, annotation, terminology, whole)
    while len(_passed) >= KEPT:
        _passed.pop(next(iter(_passed)), None)
    _passed[key] = weakref.ref(table.label)


KEPT = 256

_passed: dict[tuple[int, int, bool], Any] = {}
"""Tables that were checked, as each is used many times. Tables are immutable."""


def _judge(table: LabelTable, annotation: Variable, terminology: Terminology, whole: bool) -> None:
    rows = table.rows(table.label != 0)
    total = int(rows.voxels.sum())
    if total < ENOUGH:
        return
    labels, at = np.unique(rows.label, return_inverse=True)
    counts = np.bincount(at, rows.voxels, labels.size)
    unknown = lookup(labels, np.unique(terminology.labels)) < 0
    share = float(counts[unknown].sum()) / total
    number = int(unknown.sum())
    if share > MOST and (whole or (number >= FEW and number * 2 > labels.size)):
        most = labels[unknown][np.argsort(-counts[unknown], kind="stable")][:3]
        raise AtlasMismatchError(
            f"{share:.0%} of the labelled voxels{_of(annotation)} have labels that no region of "
            f"{terminology.name or 'the terminology'!r} has, such as "
            f"{' and '.join(str(label) for label in most.tolist())}. Is this an image, such as a "
            "template, in place of the annotation; or the table of regions of another atlas? Open "
            "the annotation, or pass its own terminology=. Where the other labels are meant to be "
            "left out: ds['annotation'] = ds.annotation.where("
            "ds.annotation.isin(ds.atlas.terminology.labels), 0)"
        )
    boxes = np.prod((rows.stop - rows.start).astype(np.float64), axis=1).sum()
    if labels.size >= GREYS and total >= VOXELS and total / boxes < SCATTERED:
        warnings.warn(
            f"the labels{_of(annotation)} are scattered as the grey values of an image are: is "
            "this a template, in place of the annotation? Regions would be bodies",
            UserWarning,
            stacklevel=find_stack_level(),
        )


def _of(annotation: Variable) -> str:
    stored = stored_array(annotation._data)
    return "" if stored is None else f" of {stored.place}"


def even(left: float, right: float) -> bool:
    """Return whether both hemispheres have voxels in similar numbers."""
    return min(left, right) >= UNEVEN * max(left, right)


def require_hemispheres(table: LabelTable, hemispheres: Variable, whole: bool) -> None:
    """Refuse hemispheres that are not 1 for left and 2 for right.

    Parameters
    ----------
    table : LabelTable
        Result of a pass over the annotation with `hemispheres`.
    hemispheres : Variable of int
        The volume of an atlas, not computed from a midline.
    whole : bool
        Whether the table covers the whole atlas.

    Raises
    ------
    HemisphereError
        If much of the brain is in neither, or values are undefined; the message says how to give
        them.
    """
    if MADE_FROM_LABELS.items() <= hemispheres.attrs.items():
        return
    rows = table.rows(table.label != 0)
    values, at = np.unique(rows.side, return_inverse=True)
    counts = np.bincount(at, rows.voxels, values.size)
    of = dict(zip(values.tolist(), counts.tolist(), strict=True))
    total, left, right = float(counts.sum()), of.get(1, 0.0), of.get(2, 0.0)
    stray = total - left - right - of.get(0, 0.0)
    neither = of.get(0, 0.0)
    if even(left, right):
        # labels that lie wholly in neither were assigned no hemisphere on purpose
        sided = np.unique(rows.label[(rows.side == 1) | (rows.side == 2)])
        neither = float(rows.voxels[(rows.side == 0) & np.isin(rows.label, sided)].sum())
    told = whole or left + right + stray > 0
    most = MOST if even(left, right) else MUCH
    if not total or not told or (stray <= STRAY * total and neither <= most * total):
        return
    shares = ", ".join(f"{value} in {n / total:.0%}" for value, n in of.items())
    usual = [value for value, _ in sorted(of.items(), key=lambda item: -item[1])]
    first, second = [*usual, *(value for value in (1, 0) if value not in usual)][:2]
    raise HemisphereError(
        f"'hemispheres' is {shares} of the labelled voxels; it is 1 for left and 2 for right. Say "
        f"which value is which: if {first} is left and {second} is right, ds['hemispheres'] = "
        f"((ds.hemispheres == {first}) * 1 + (ds.hemispheres == {second}) * 2).astype('uint8'). "
        "create_atlas and open_brainreg take the two as hemisphere_values=(left, right)"
    )
