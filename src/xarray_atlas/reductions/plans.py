"""Voxels of an atlas sorted by group, block by block, in memory or with dask.

A plan is computed from the labels of a block, once for all frames of an image. Workers get labels
and numbers, not the hierarchy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.delayed import delayed

from xarray_atlas.kernels.groups import VoxelGroups, group
from xarray_atlas.kernels.labels import Int64s, Ints, Positions
from xarray_atlas.reductions.labels import boxed, without_empty_chunks
from xarray_atlas.reductions.membership import Membership

__all__ = ["Plan", "lazy_plans", "plan_of", "region_voxels", "sent_once"]

SLAB = 2**21
"""Number of voxels sorted at a time, such that temporary arrays stay small."""

Plan = list[tuple[slice, VoxelGroups]]
"""The groups of a block of labels, slab by slab along its first axis."""


def plan_of(labels: Ints, sides: Any, weights: Any, of: Membership) -> Plan:
    """Sort the voxels of a block of labels by group."""
    planes = max(SLAB * len(labels) // max(labels.size, 1), 1)
    plan = []
    for start in range(0, max(len(labels), 1), planes):  # an empty block also has a slab
        slab = slice(start, start + planes)
        own = None if sides is None else sides[slab] if len(sides) > 1 else sides
        weight = None if weights is None else weights[slab]
        plan.append((slab, group(labels[slab], of.keys, own, of.sides, weight)))
    return plan


def lazy_plans(labels: Any, sides: Any, weights: Any, of: Membership, chunks: Any) -> da.Array:
    """Return an array of plans, one per chunk of labels."""
    spatial = tuple(range(labels.ndim))
    arguments = [_chunked(labels, chunks), spatial]
    for other in (sides, weights):
        if other is None:
            arguments += [None, None]
        else:
            sizes = [c if n > 1 else 1 for c, n in zip(chunks, other.shape, strict=True)]
            arguments += [_chunked(other, tuple(sizes)), spatial]
    plans: da.Array = da.blockwise(
        _plan_block, spatial, *arguments, of=sent_once(of), concatenate=True,
        adjust_chunks=dict.fromkeys(spatial, 1), align_arrays=False,
        dtype=object, meta=np.empty((0,) * labels.ndim, object),
    )  # fmt: skip
    return plans


def region_voxels(plans: Any, of: Membership) -> Any:
    """Count the voxels of each region in plans: int64, shape (regions, sides)."""
    if not isinstance(plans, da.Array):
        return _voxels(plans, of)
    merged = da.reduction(
        da.map_blocks(_counts_block, plans, dtype=object, meta=np.empty((0,) * plans.ndim, object)),
        chunk=_merge_counts, aggregate=_merge_counts, dtype=object, meta=np.empty((), object),
    )  # fmt: skip
    return da.blockwise(
        _voxels_block, "rs", merged, "", of=sent_once(of), dtype=np.int64,
        new_axes=dict(zip("rs", of.shape, strict=True)), meta=np.empty((0, 0), np.int64),
    )  # fmt: skip


def sent_once(of: Membership) -> Any:
    """Wrap the membership into a separate task, which is sent to each worker once."""
    return delayed(of, name=f"membership-{tokenize(of)}", traverse=False)


def _plan_block(labels: Any, sides: Any, weights: Any, of: Any) -> Any:
    return boxed(plan_of(labels, sides, weights, of), (1,) * labels.ndim)


def _counts(plans: Iterable[Plan]) -> tuple[Positions, Int64s]:
    groups = [groups for plan in plans for _, groups in plan]
    return _added_counts([(g.code, g.sizes) for g in groups])


def _added_counts(tables: Iterable[tuple[Positions, Int64s]]) -> tuple[Positions, Int64s]:
    tables = list(tables)
    none = np.empty(0, np.int64)
    codes = np.concatenate([none, *(code for code, _ in tables)])
    code, at = np.unique(codes, return_inverse=True)
    counts = np.zeros(code.size, np.int64)
    np.add.at(counts, at, np.concatenate([none, *(count for _, count in tables)]))
    return code, counts


def _voxels(plan: Plan, of: Membership) -> Int64s:
    return of.counted(*_counts([plan]))


def _counts_block(plans: Any) -> Any:
    return boxed(_counts(plans.ravel()), (1,) * plans.ndim)


def _merge_counts(tables: Any, axis: Any = None, keepdims: bool = True) -> Any:
    return boxed(_added_counts(tables.ravel()), (1,) * tables.ndim if keepdims else ())


def _voxels_block(table: Any, of: Any) -> Any:
    return of.counted(*table.item())


def _chunked(array: Any, chunks: Any) -> da.Array:
    """Return any array as a dask array with given chunks."""
    lazy: da.Array = (
        without_empty_chunks(array).rechunk(chunks)
        if isinstance(array, da.Array)
        else da.from_array(array, chunks)
    )
    return lazy
