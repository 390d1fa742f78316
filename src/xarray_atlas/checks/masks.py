"""Check stored masks against the labels."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from xarray_atlas.checks.metadata import region_names
from xarray_atlas.checks.report import Finding, Outcome, done
from xarray_atlas.kernels.labels import Int64s, Ints, label_mask
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.cells import counted

__all__ = ["check_masks"]


def check_masks(
    annotation: xr.DataArray, masks: Any, values: Ints, terminology: Terminology
) -> Outcome:
    """Check that stored masks mark the same voxels as the labels.

    In one pass over the masks, chunk by chunk.

    Parameters
    ----------
    annotation : DataArray
        The whole volume, in the axis order of the store.
    masks : array, shape (n, *annotation.shape)
        One mask per region, including its descendants, as any array that can be sliced.
    values : ndarray of int, shape (n,)
        The label of the region of each mask, or its id if it has no label.
    terminology : Terminology
        The table of these regions.
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
        below = [terminology.labels_of(int(owner)) for owner in _owners(value, terminology)]
        wanted.append(np.unique(np.concatenate(below)) if below else None)
    known = np.array([labels is not None for labels in wanted], bool)
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
        mend = "trust the labels: volumes are measured from them"
        found.append(Finding("error", why, mend, tuple(subjects)))
    if not known.all():
        why = "stored masks of labels that no region has"
        mend = "take the terminology that belongs to these masks"
        found.append(
            Finding("warning", why, mend, tuple(map(str, np.asarray(values)[~known].tolist())))
        )
    return done("masks", found, f"{counted(int(known.sum()), 'mask')} compared")


def _called(value: Any, terminology: Terminology) -> str:
    return " and ".join(region_names(terminology, _owners(int(value), terminology)))


def _owners(value: int, terminology: Terminology) -> Int64s:
    """Return the positions of the regions that a mask may belong to."""
    owners: Int64s = terminology.label_regions[terminology.labels == value]
    if owners.size or terminology.ids.dtype.kind != "i":
        return owners
    # BrainGlobe's files have the id of a region that has no label itself
    named = np.flatnonzero(terminology.ids == value)
    return np.setdiff1d(named, terminology.label_regions)


def _differing(labels: Any, masks: Any, wanted: list[Int64s | None]) -> Int64s:
    """Count for each mask the voxels in which it differs from the labels."""
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
