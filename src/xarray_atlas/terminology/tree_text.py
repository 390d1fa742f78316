"""A hierarchy of regions as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xarray_atlas.terminology.cells import counted

if TYPE_CHECKING:
    from xarray_atlas.terminology.terminology import Terminology

__all__ = ["one_line", "tree_text"]

MOST = 60
"""Regions below the first that are drawn; what is deeper is counted."""


def tree_text(terminology: Terminology, root: int) -> str:
    """Draw a region and what is below it, down to the depth at which it is readable.

    Parameters
    ----------
    terminology : Terminology
    root : int
        The position of the region.

    Returns
    -------
    str
        A line a region; where some are left out a last line says how many, and where they are.
    """
    below = terminology.descendants(root)
    depths = terminology.depths[below] - terminology.depths[root]
    deepest = _deepest(depths)
    drawn = np.flatnonzero(depths <= deepest)[:MOST]
    parents = terminology.parents
    cut = terminology._child_positions[root][len(drawn) :] if deepest == 1 else []

    lines = [_line(terminology, root)]
    rails: list[str] = []  # what stands before the children at each depth
    for place in drawn.tolist():
        position, depth = int(below[place]), int(depths[place])
        siblings = terminology._child_positions[int(parents[position])]
        last = position == siblings[-1]
        del rails[depth - 1 :]
        hidden = len(terminology.descendants(position)) if depth == deepest else 0
        more = f"  [+{hidden}]" if hidden else ""
        lines.append(
            "".join(rails) + ("└── " if last else "├── ") + _line(terminology, position) + more
        )
        rails.append("    " if last else "│   ")
    if cut:
        lines.append(f"└── ... and {len(cut)} more")
    left = len(below) - len(drawn)
    if left:
        verb = "is" if left == 1 else "are"
        lines.append(
            f"{counted(left, 'region')} {verb} not shown ([+n]: n below that one). "
            "Print a region to see what is below it; atlas.regions lists all"
        )
    return "\n".join(lines)


def _deepest(depths: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    """Return down to which depth there are no more regions than are drawn; at least 1."""
    if not depths.size:
        return 0
    reached = np.cumsum(np.bincount(depths))
    return max(1, int(np.searchsorted(reached, MOST, side="right")) - 1)


def _line(terminology: Terminology, position: int) -> str:
    acronym, name = (one_line(c[position]) for c in (terminology.acronyms, terminology.names))
    title = acronym if name in ("", acronym) else f"{acronym}  {name}".strip()
    return f"{title} ({terminology.ids[position]})"


def one_line(text: object) -> str:
    """Return a text without line breaks, and without what a terminal takes for orders."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
