"""The parents of regions, as positions in a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Identifier", "Int64Array", "cycles_of", "depths_of", "paths_of"]

Identifier: TypeAlias = int | str
Int64Array: TypeAlias = npt.NDArray[np.int64]


def cycles_of(parents: Int64Array) -> list[list[int]]:
    """Return the positions of each cycle, starting with its first row."""
    ancestor = parents
    for _ in range(len(parents).bit_length()):  # each iteration doubles the distance
        if (ancestor < 0).all():
            return []
        ancestor = np.where(ancestor < 0, -1, ancestor[ancestor])
    # after as many steps up as there are regions, every region that has not reached a root is in a
    # cycle, and the regions of a cycle have only exchanged positions
    within = np.unique(ancestor[ancestor >= 0]).tolist()
    up = parents.tolist()
    seen: set[int] = set()
    cycles = []
    for first in within:
        cycle = []
        while first not in seen:
            seen.add(first)
            cycle.append(first)
            first = up[first]
        if cycle:
            cycles.append(cycle)
    return cycles


def depths_of(parents: Int64Array) -> Int64Array:
    """Return the depth of each region below its root."""
    depths = (parents >= 0).astype(np.int64)
    ancestor = parents
    while (ancestor >= 0).any():
        depths += np.where(ancestor < 0, 0, depths[ancestor])
        ancestor = np.where(ancestor < 0, -1, ancestor[ancestor])
    return depths


def paths_of(ids: Sequence[Identifier], parents: Int64Array) -> list[str]:
    """Format the ids from the root to each region, as in "[997, 8, 567]"."""
    up = parents.tolist()
    inner = [str(i) if isinstance(i, int) else json.dumps(i, ensure_ascii=False) for i in ids]
    for i in np.argsort(depths_of(parents), kind="stable").tolist():
        if up[i] >= 0:
            inner[i] = f"{inner[up[i]]}, {inner[i]}"
    return [f"[{path}]" for path in inner]
