"""The hierarchy of a parcellation: its parcels and their ancestors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np

from xarray_atlas.kernels.labels import Int64s
from xarray_atlas.parcellation.cuts import Cut
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.table import RegionTable

__all__ = ["keys_and_labels", "parcel_labels", "parcel_terminology"]

LARGEST_ID = 2**32 - 1
"""In BrainGlobe's files."""


def parcel_labels(terminology: Terminology, cut: Cut, dtype: Any = np.int64) -> list[int | None]:
    """Choose a label for each part of a division.

    It is a label of the part's regions, preferably of the region that the part is, so that no
    unassigned label is mistaken for a parcel's. It is never 0, which denotes voxels in no parcel.

    Parameters
    ----------
    terminology : Terminology
    cut : Cut
    dtype : dtype of int
        Type of the annotation; labels that do not fit are only used if the part has no other.

    Returns
    -------
    list of int or None
        None for a part without labels.
    """
    limits = np.iinfo(dtype)
    of = cut.of_region[terminology.label_regions]
    chosen: list[int | None] = []
    for place, part in enumerate(cut.parts):
        there = of == place
        own = (
            there & (terminology.label_regions == part) if isinstance(part, int) else there & False
        )
        labels = [*terminology.labels[own].tolist(), *sorted(terminology.labels[there].tolist())]
        fit = [label for label in labels if label and limits.min <= label <= limits.max]
        chosen.append((fit or [label for label in labels if label] or [None])[0])
    if 0 in terminology.labels:
        # a part with only the label 0 gets a number that no region has
        (bare,) = cut.of_region[terminology.label_regions[terminology.labels == 0]][:1].tolist()
        if bare >= 0 and chosen[bare] is None:
            used = set(terminology.labels.tolist())
            chosen[bare] = next(number for number in count(1) if number not in used)
    return chosen


def parcel_terminology(
    terminology: Terminology, cut: Cut, labels: Sequence[int | None] | None = None
) -> Terminology:
    """Return the parts of a division and their ancestors as a terminology that marks the parts.

    A part that is a region keeps everything except its labels; a new part is put below the nearest
    region that contains all of its regions, and has the color of the first one.

    Parameters
    ----------
    terminology : Terminology
    cut : Cut
    labels : sequence of int or None, optional
        Labels of the parts.
    """
    labels = parcel_labels(terminology, cut) if labels is None else labels
    regions = [part for part in cut.parts if isinstance(part, int)]
    new = [part for part in cut.parts if isinstance(part, str)]
    tops = [_tops(terminology, np.flatnonzero(cut.of_region == k)) for k, p in enumerate(cut.parts)]
    new_tops = [top for top, part in zip(tops, cut.parts, strict=True) if isinstance(part, str)]
    above = [_common_ancestor(terminology, top) for top in new_tops]
    kept = {position for position in [*regions, *above] if position >= 0}
    for position in list(kept):
        kept.update(terminology.ancestors(position).tolist())
    order = np.array(sorted(kept), np.int64)
    becomes = np.full(len(terminology) + 1, -1, np.int64)  # the last one is for no parent
    becomes[order] = np.arange(order.size)
    named = {name: order.size + i for i, name in enumerate(new)}
    parcels = [int(becomes[p]) if isinstance(p, int) else named[p] for p in cut.parts]
    pairs = sorted(
        (p, label) for p, label in zip(parcels, labels, strict=True) if label is not None
    )
    colors = [_color(terminology, top) for top in new_tops]
    table = RegionTable(
        ids=_ids(terminology, order, new),
        parents=becomes[np.concatenate([terminology.parents[order], np.array(above, np.int64)])],
        acronyms=_texts(terminology.acronyms[order], new),
        names=_texts(terminology.names[order], new),
        colors=_texts(terminology.colors[order], colors),
        labels=np.array([label for _, label in pairs], np.int64),
        label_regions=np.array([position for position, _ in pairs], np.int64),
    )
    name = f"{terminology.name} ({cut.name})" if terminology.name else cut.name
    return Terminology(table, name, parcels=np.array(parcels, np.int64))


def _tops(terminology: Terminology, members: Int64s) -> list[int]:
    """Drop regions that are within others of the list."""
    held = set(members.tolist())
    return [m for m in members.tolist() if not held & set(terminology.ancestors(m).tolist())]


def _common_ancestor(terminology: Terminology, regions: Sequence[int]) -> int:
    """Return the nearest common ancestor of some regions, or -1."""
    lines = [terminology.ancestors(region).tolist() or [region] for region in regions]
    shared = [level[0] for level in zip(*lines, strict=False) if len(set(level)) == 1]
    return shared[-1] if shared else -1


def _color(terminology: Terminology, regions: Sequence[int]) -> str:
    return next((c for c in terminology.colors[list(regions)].tolist() if c), "")


def _ids(terminology: Terminology, kept: Int64s, new: Sequence[str]) -> Any:
    """Return the ids of the regions that are kept, and new unused ones."""
    ids = terminology.ids.tolist()
    if terminology.ids.dtype == np.int64:
        used = {*ids, *terminology.labels.tolist()}
        first = max(max(used), 0) + 1
        free = (i for i in count(first if first + len(new) <= LARGEST_ID else 1) if i not in used)
        return np.array([*terminology.ids[kept].tolist(), *(next(free) for _ in new)], np.int64)
    made = []
    for name in new:
        text = f"parcel:{name}"
        while text in ids:
            text += "'"
        made.append(text)
    return _texts(terminology.ids[kept], made)


def _texts(kept: Any, new: Sequence[str]) -> Any:
    return np.array([*kept.tolist(), *new], np.object_)


def keys_and_labels(
    terminology: Terminology, cut: Cut, labels: Sequence[int | None], dtype: Any
) -> tuple[Int64s, Int64s]:
    """Return the labels of all regions, sorted, and their replacements: 0 if in no part.

    Labels that do not fit into the type of the annotation are omitted.
    """
    keys, at = np.unique(terminology.labels, return_inverse=True)
    place = np.full(keys.size, -1, np.int64)
    np.maximum.at(place, at, cut.of_region[terminology.label_regions])
    of_place = np.array([label or 0 for label in labels] + [0], np.int64)
    limits = np.iinfo(dtype)
    held = (keys >= limits.min) & (keys <= min(int(limits.max), 2**63 - 1))
    return keys[held], of_place[place[held]]
