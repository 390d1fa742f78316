"""What passes have learned, kept so that the next question does not read the array.

A region index is kept for an array that is read from a store as it is, and is
found again by the *snapshot* of that array: a name that each opening of a store gives
it. An array that was derived from it, by whatever operation, has another name in
dask and is measured itself. So an index is as old as the opening of its store at most.

With ``set_options(index_cache=True)`` an index is also kept on disk, under the
fingerprint of the store: what a listing says of each of its objects. It is
used only where the fingerprint is the same, to the object.
"""

from __future__ import annotations

import hashlib
import threading
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from xarray import Variable

from xarray_atlas import index_files
from xarray_atlas.grid import users_level
from xarray_atlas.label_tables import LabelTable, shifted
from xarray_atlas.options import OPTIONS
from xarray_atlas.scan import scan
from xarray_atlas.sources import Source, source_of

__all__ = ["find", "learn"]

KEPT = 32
"""Arrays of which something is in memory; of more, the one that was asked for least recently is
forgotten."""

_kept: OrderedDict[tuple[str, ...], LabelTable] = OrderedDict()
_fingerprints: OrderedDict[tuple[str, ...], str | None] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class _Known:
    """An array as a whole that can be recognized: by a name in memory, by two on disk."""

    snapshot: str
    place: str
    source: Source | None = None

    def fingerprint(self) -> str | None:
        return self.snapshot if self.source is None else self.source.fingerprint()


def _known(variable: Variable) -> _Known | None:
    source = source_of(variable._data)
    if source is not None:
        return _Known(source.snapshot, source.place, source)
    if isinstance(variable._data, np.ndarray) and variable.ndim < 2:
        content = np.ascontiguousarray(variable._data)
        digest = hashlib.sha256(f"{content.dtype} {content.shape} ".encode() + content.tobytes())
        return _Known(digest.hexdigest(), digest.hexdigest())
    return None


def find(annotation: Variable, sides: Variable | None = None) -> LabelTable | None:
    """Return the index of a whole annotation, if there is one; no label is read.

    Parameters
    ----------
    annotation : Variable of int
    sides : Variable of int, optional
        The side of each voxel. Any by default.
    """
    labels = _known(annotation)
    if labels is None or labels.source is None:
        return None
    if sides is None:
        whole = [key for key in tuple(_kept) if key[0] == labels.snapshot and len(key) == 2]
        return _remembered(whole[-1]) if whole else None
    told = _known(sides)
    if told is None:
        return None
    subject = _Subject(labels, told)
    return _remembered(subject.key) or _on_disk(subject, _first_fingerprint(subject))


def learn(
    annotation: Variable, sides: Variable, only: int | None = None, progress: bool = False
) -> LabelTable:
    """Return the index of an annotation: one that is kept, else from a pass over its voxels.

    Parameters
    ----------
    annotation : Variable of int
    sides : Variable of int
        The side of each voxel, on as few of the annotation's dimensions as tell it.
    only : int, optional
        The one side that is asked for: what is not needed for it need not be read.
    progress : bool
        Whether to show a progress bar on stderr.
    """
    start, part, part_sides = _crop(annotation, sides, only)
    labels, told = _known(annotation), _known(sides)
    if labels is None or labels.source is None or told is None:
        return shifted(scan(part, part_sides, progress), start)
    # the whole answers for a part
    subjects = [_Subject(labels, told)]
    if part.shape != annotation.shape:
        subjects.append(_Subject(labels, told, only))
    for subject in subjects:
        if found := _remembered(subject.key):
            return found
    before = _first_fingerprint(subjects[0])
    for subject in subjects:
        if found := _on_disk(subject, before):
            return found
    found = shifted(scan(part, part_sides, progress), start)
    _put(_kept, subjects[-1].key, found)
    # what has changed while it was read is in no known state
    if before is not None and before == subjects[-1].fingerprint():
        _save(subjects[-1], before, found)
    return found


@dataclass(frozen=True)
class _Subject:
    """What an index is of."""

    labels: _Known
    sides: _Known
    only: int | None = None

    @property
    def key(self) -> tuple[str, ...]:
        part = () if self.only is None else (str(self.only),)
        return (self.labels.snapshot, self.sides.snapshot, *part)

    @property
    def name(self) -> str:
        return f"{self.labels.place} {self.sides.place} {self.only}"

    def fingerprint(self) -> str | None:
        """Return what the stores are like now; None where that cannot be told."""
        both = (self.labels.fingerprint(), self.sides.fingerprint())
        return None if None in both else " ".join(map(str, both))


def _remembered(key: tuple[str, ...]) -> LabelTable | None:
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
        return _kept.get(key)


def _first_fingerprint(subject: _Subject) -> str | None:
    """Return the fingerprint that the first question found: one listing an opening, not more."""
    if not OPTIONS["index_cache"]:
        return None
    key = subject.key[:2]
    if key not in _fingerprints:
        _put(_fingerprints, key, subject.fingerprint())
    with _lock:
        return _fingerprints.get(key)


def _on_disk(subject: _Subject, fingerprint: str | None) -> LabelTable | None:
    found = None if fingerprint is None else index_files.load(subject.name, fingerprint)
    if found is not None:
        _put(_kept, subject.key, found)
    return found


def _save(subject: _Subject, fingerprint: str, index: LabelTable) -> None:
    try:
        index_files.save(subject.name, fingerprint, index)
    except OSError as error:
        warnings.warn(
            f"the region index of {subject.labels.place} cannot be kept in "
            f"{index_files.cache_directory()}: {error}. Set XARRAY_ATLAS_CACHE_DIR to a folder "
            "that can be written to, or set_options(index_cache=False)",
            UserWarning,
            stacklevel=users_level(),
        )


def _put(kept: OrderedDict[tuple[str, ...], Any], key: tuple[str, ...], value: Any) -> None:
    with _lock:
        kept[key] = value
        kept.move_to_end(key)
        while len(kept) > KEPT:
            kept.popitem(last=False)


def _crop(
    annotation: Variable, sides: Variable, only: int | None
) -> tuple[list[int], Variable, Variable]:
    """Leave out the planes at both ends that are on no wanted side: they need not be read."""
    start = [0] * annotation.ndim
    if only is None or sides.ndim != 1:
        return start, annotation, sides
    held = np.flatnonzero(sides.values == only)
    first, stop = (int(held[0]), int(held[-1]) + 1) if held.size else (0, 0)
    part = {sides.dims[0]: slice(first, stop)}
    start[annotation.dims.index(sides.dims[0])] = first
    return start, annotation.isel(part), sides.isel(part)
