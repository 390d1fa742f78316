"""Boxes of a chunked source: the chunks that contain them, and how they are joined."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Bounds", "joined", "nested", "ranges", "touched"]

Bounds = tuple[tuple[int, int], ...]
"""A start and a stop along each axis."""


def joined(
    parts: Any, start: tuple[int, ...], box: Sequence[tuple[int, int]]
) -> tuple[Any, tuple[int, ...]]:
    """Join the parts of a box from several chunks, and return its start.

    A single chunk is passed on unchanged if it is contiguous.
    """
    single: Any = parts
    while isinstance(single, list) and len(single) == 1:
        single = single[0]
    if not isinstance(single, list):
        if single.flags.c_contiguous:
            return single, start
        inner = (slice(a - low, b - low) for (a, b), low in zip(box, start, strict=True))
        return single[(..., *inner)], tuple(first for first, _ in box)
    while not isinstance(parts[0][0], list) or not isinstance(parts[0][0][0], np.ndarray):
        parts = parts[0]  # leading axes have a single chunk
    first = parts[0][0][0]
    whole: Any = np.empty((*first.shape[:-3], *(b - a for a, b in box)), first.dtype)
    sizes = (
        [row[0][0].shape[-3] for row in parts],
        [row[0].shape[-2] for row in parts[0]],
        [chunk.shape[-1] for chunk in parts[0][0]],
    )
    overlaps = [
        [_overlap(begin + a, begin + b, *along) for a, b in ranges(size)]
        for size, begin, along in zip(sizes, start, box, strict=True)
    ]
    for place in itertools.product(*(range(len(size)) for size in sizes)):
        pairs = [along[at] for along, at in zip(overlaps, place, strict=True)]
        target = whole[(..., *(into for into, _ in pairs))]
        if target.size:
            chunk = parts[place[0]][place[1]][place[2]]
            target[...] = chunk[(..., *(taken for _, taken in pairs))]
    return whole, tuple(begin for begin, _ in box)


def _overlap(low: int, high: int, start: int, stop: int) -> tuple[slice, slice]:
    """Return the slices of a chunk's part of a box, in the box and in the chunk."""
    begin, end = max(low, start), min(high, stop)
    end = max(end, begin)
    return slice(begin - start, end - start), slice(begin - low, end - low)


def ranges(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Return the starts and stops of chunks of given sizes."""
    stops = list(itertools.accumulate(sizes))
    return list(zip([0, *stops[:-1]], stops, strict=True))


def touched(ranges: Sequence[Sequence[tuple[int, int]]], box: Bounds) -> list[list[int]]:
    """Return the chunks that a box intersects, along each axis."""
    return [
        [at for at, (low, high) in enumerate(part) if low < stop and high > start]
        for part, (start, stop) in zip(ranges, box, strict=True)
    ]


def nested(name: str, rest: tuple[int, ...], held: list[list[int]]) -> Any:
    """Return the keys of chunks, nested like the axes."""
    keys: Any = [[[(name, *rest, i, j, k) for k in held[2]] for j in held[1]] for i in held[0]]
    for _ in rest:
        keys = [keys]
    return keys
