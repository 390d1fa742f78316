"""Cache of per-label statistics of stored annotations.

A region index is cached for an array that is read unchanged from a store, and found by the
*snapshot* of that array: a name that is unique to each opening of a store. Arrays derived from it
by any operation have another name in dask and are processed again. Thus an index is never older
than the opening of its store.

With ``set_options(index_cache=True)`` an index is also stored on disk, under the fingerprint of the
store: the listing of its objects. It is only used if the fingerprints are equal.
"""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from xarray import Variable

from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.kernels.tables import LabelTable, shifted
from xarray_atlas.options import OPTIONS, cache_directory
from xarray_atlas.reductions import cache_files
from xarray_atlas.reductions.labels import scan
from xarray_atlas.reductions.stored import StoredArray, stored_array

__all__ = ["find", "find_any", "learn"]

KEPT = 32
"""Maximum number of arrays with cached results in memory; the least recently used is dropped."""

_Kept = OrderedDict[Hashable, Any]

_indexes: _Kept = OrderedDict()
_fingerprints: _Kept = OrderedDict()
_lock = threading.Lock()


def find(annotation: Variable, sides: Variable) -> LabelTable | None:
    """Return the cached index of a whole annotation, if any, without reading labels.

    Parameters
    ----------
    annotation : Variable of int
    sides : Variable of int
        The hemisphere of each voxel, on the annotation's dimensions on which it depends.
    """
    question = _question(annotation, sides)
    if question is None:
        return None
    return _get(_indexes, question.key) or _on_disk(question)


def find_any(annotation: Variable) -> LabelTable | None:
    """Return a cached index of a whole annotation in memory, for any division into hemispheres."""
    labels = stored_array(annotation._data)
    if labels is None:
        return None
    with _lock:
        whole = [key for key in _indexes if key[0] == labels.snapshot and key[2] is None]  # type: ignore[index]
    return _get(_indexes, whole[-1]) if whole else None


def learn(
    annotation: Variable, sides: Variable, only: int | None = None, progress: bool = False
) -> LabelTable:
    """Return the index of an annotation from the cache, or compute it in a pass over its voxels.

    Parameters
    ----------
    annotation : Variable of int
    sides : Variable of int
        The hemisphere of each voxel, on the annotation's dimensions on which it depends.
    only : int, optional
        A single hemisphere to include: data that it does not need is not read.
    progress : bool
        Whether to show a progress bar on stderr.
    """
    start, part, part_sides = _crop(annotation, sides, only)
    whole = _question(annotation, sides)
    if whole is None:
        return shifted(scan(part, part_sides, progress), start)
    # the index of the whole also answers for a part
    asked = whole if part.shape == annotation.shape else whole.of(only)
    for place in (lambda q: _get(_indexes, q.key), _on_disk):
        for question in dict.fromkeys((whole, asked)):
            if found := place(question):
                return found
    before = _first_fingerprint(asked)
    found = shifted(scan(part, part_sides, progress), start)
    _put(_indexes, asked.key, found)
    # the state of data that changed while being read is unknown
    if before is not None and before == asked.fingerprint():
        _save(asked, before, found)
    return found


@dataclass(frozen=True)
class _Question:
    """Key of an index: the stored labels, their hemispheres, and the hemisphere included.

    `told` describes the position of the hemispheres in the labels, or holds them if in memory.
    """

    labels: StoredArray
    sides: StoredArray | None
    told: str
    only: int | None = None

    def of(self, only: int | None) -> _Question:
        return _Question(self.labels, self.sides, self.told, only)

    @property
    def key(self) -> tuple[str, str, int | None]:
        """The key in memory."""
        sides = "" if self.sides is None else self.sides.snapshot
        return self.labels.snapshot, f"{sides} {self.told}", self.only

    @property
    def name(self) -> str:
        """The key on disk."""
        sides = "" if self.sides is None else self.sides.place
        return f"{self.labels.place} {sides} {self.told} {self.only}"

    @property
    def stored(self) -> list[StoredArray]:
        return [self.labels] if self.sides is None else [self.labels, self.sides]

    def fingerprint(self) -> str | None:
        """Return the current fingerprint of the stores; None if it is unknown."""
        return _joined([array.fingerprint() for array in self.stored])


def _question(annotation: Variable, sides: Variable) -> _Question | None:
    labels, stored = stored_array(annotation._data), stored_array(sides._data)
    if labels is None:
        return None
    told = str([annotation.dims.index(dim) for dim in sides.dims])
    if stored is None:
        if not isinstance(sides._data, np.ndarray) or sides.ndim > 1:
            return None
        content = np.ascontiguousarray(sides._data)
        told += f" {content.dtype} {hashlib.sha256(content.tobytes()).hexdigest()}"
    return _Question(labels, stored, told)


def _joined(fingerprints: list[str | None]) -> str | None:
    return None if None in fingerprints else " ".join(map(str, fingerprints))


def _first_fingerprint(question: _Question) -> str | None:
    """Return the fingerprint from the first access, with one listing per opening."""
    if not OPTIONS["index_cache"]:
        return None
    for array in question.stored:
        if array.snapshot not in _fingerprints:
            _put(_fingerprints, array.snapshot, array.fingerprint())
    return _joined([_get(_fingerprints, array.snapshot) for array in question.stored])


def _on_disk(question: _Question) -> LabelTable | None:
    fingerprint = _first_fingerprint(question)
    found = None if fingerprint is None else cache_files.load(question.name, fingerprint)
    if found is not None:
        _put(_indexes, question.key, found)
    return found


def _save(question: _Question, fingerprint: str, index: LabelTable) -> None:
    try:
        cache_files.save(question.name, fingerprint, index)
    except OSError as error:
        warnings.warn(
            f"the region index of {question.labels.place} cannot be kept in "
            f"{cache_directory()}: {error}. Set XARRAY_ATLAS_CACHE_DIR to a folder "
            "that can be written to, or set_options(index_cache=False)",
            UserWarning,
            stacklevel=find_stack_level(),
        )


def _get(kept: _Kept, key: Hashable) -> Any:
    with _lock:
        if key in kept:
            kept.move_to_end(key)
        return kept.get(key)


def _put(kept: _Kept, key: Hashable, value: Any) -> None:
    with _lock:
        kept[key] = value
        kept.move_to_end(key)
        while len(kept) > KEPT:
            kept.popitem(last=False)


def _crop(
    annotation: Variable, sides: Variable, only: int | None
) -> tuple[list[int], Variable, Variable]:
    """Drop planes at both ends outside the hemisphere: they need not be read."""
    start = [0] * annotation.ndim
    if only is None or sides.ndim != 1:
        return start, annotation, sides
    held = np.flatnonzero(sides.values == only)
    first, stop = (int(held[0]), int(held[-1]) + 1) if held.size else (0, 0)
    part = {sides.dims[0]: slice(first, stop)}
    start[annotation.dims.index(sides.dims[0])] = first
    return start, annotation.isel(part), sides.isel(part)
