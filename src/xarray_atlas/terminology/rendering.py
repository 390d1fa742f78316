"""The region hierarchy as text and as HTML.

The HTML opens and closes by itself, and a script searches in it. Everything is in the text: no
script, style, font or picture is fetched. Whatever comes from a table of regions is escaped.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

import numpy as np

from xarray_atlas.printable import one_line
from xarray_atlas.terminology.cells import counted
from xarray_atlas.terminology.hierarchy import RegionHierarchy

__all__ = ["color_of", "document", "tree_html", "tree_text"]

DEEPEST = 200
"""Levels that lie in each other. Browsers stop at about 500 elements; what is deeper is listed
below each other."""

FEW = 12
"""Regions in sight at first."""

_COLOR = re.compile("#[0-9A-Fa-f]{6}")


def document(header: str, body: str, text: str) -> str:
    """Put style and script around HTML.

    Parameters
    ----------
    header, body : str
        HTML.
    text : str
        What is shown instead where the style is taken out, in a notebook that is not trusted.
    """
    style, script = _static()
    # as xarray has it: the style, where it is there, hides the one and shows the other
    return (
        f"<div class='xarray-atlas'><style>{style}</style>"
        f"<pre class='xa-text'>{escape(text)}</pre>"
        f"<div class='xa-view' style='display:none'>{header}{body}</div>"
        f"<script>{script}</script></div>"
    )


@functools.cache
def _static() -> tuple[str, str]:
    folder = files("xarray_atlas.terminology") / "static"
    style, script = (
        (folder / name).read_text(encoding="utf-8") for name in ("atlas_repr.css", "atlas_repr.js")
    )
    return style, script


def tree_html(
    terminology: RegionHierarchy, roots: Iterable[int], volumes: Sequence[float] | None = None
) -> str:
    """Write regions and all below them, with a field to search for some.

    Parameters
    ----------
    terminology : Terminology
    roots : iterable of int
        The positions of the regions at the top.
    volumes : sequence of float, optional
        Of each region of the terminology, in mm**3.
    """
    tops = [int(root) for root in roots]
    opened = _opened(terminology, tops)
    depths = terminology.depths.tolist()
    children = terminology._child_positions
    parts: list[str] = []
    total = 0
    for top in tops:
        open_levels = 0
        for position in (top, *terminology.descendants(top).tolist()):
            total += 1
            level = min(depths[position] - depths[top], DEEPEST)
            parts.append("</details>" * (open_levels - level))
            open_levels = level
            row = _row(terminology, position, None if volumes is None else volumes[position])
            if children[position] and level < DEEPEST:
                state = " open" if position in opened else ""
                parts.append(f"<details{state}><summary>{row}</summary>")
                open_levels += 1
            else:
                parts.append(f"<div>{row}</div>")
        parts.append("</details>" * open_levels)
    return (
        "<div class='xa-search' hidden><label><span>Find a region</span>"
        "<input type='search' placeholder='acronym, name or id' autocomplete='off' "
        f"spellcheck='false'></label><output>{counted(total, 'region')}</output></div>"
        f"<div class='xa-tree'>{''.join(parts)}</div>"
    )


def _opened(terminology: RegionHierarchy, tops: list[int]) -> set[int]:
    """Return the regions that are open at first: level by level, as far as few are in sight."""
    opened: set[int] = set()
    level, seen = tops, len(tops)
    while level:
        below = [child for position in level for child in terminology._child_positions[position]]
        seen += len(below)
        if seen > FEW and not (len(tops) == 1 and not opened):
            break
        opened.update(level)
        level = below
    return opened


def _row(terminology: RegionHierarchy, position: int, volume: float | None) -> str:
    color = color_of(terminology, position)
    swatch = f" style='background:{color}'" if color else ""
    size = "" if volume is None else f"<data>{volume:.4g}</data>"
    return (
        f"<i{swatch}></i><b>{escape(one_line(terminology.acronyms[position]))}</b> "
        f"<span>{escape(one_line(terminology.names[position]))}</span> "
        f"<small>{escape(one_line(terminology.ids[position]))}</small>{size}"
    )


def color_of(terminology: RegionHierarchy, position: int) -> str:
    """Return the color of a region, "#RRGGBB"; "" where there is none or what is there is none."""
    color = str(terminology.colors[position])
    return color if _COLOR.fullmatch(color) else ""


# -- as text

MOST = 60
"""Regions below the first that are drawn; what is deeper is counted."""


def tree_text(terminology: RegionHierarchy, root: int) -> str:
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
            "region.render() draws what is below one; atlas.regions lists all"
        )
    return "\n".join(lines)


def _deepest(depths: np.ndarray[tuple[int], np.dtype[np.int64]]) -> int:
    """Return down to which depth there are no more regions than are drawn; at least 1."""
    if not depths.size:
        return 0
    reached = np.cumsum(np.bincount(depths))
    return max(1, int(np.searchsorted(reached, MOST, side="right")) - 1)


def _line(terminology: RegionHierarchy, position: int) -> str:
    acronym, name = (one_line(c[position]) for c in (terminology.acronyms, terminology.names))
    title = acronym if name in ("", acronym) else f"{acronym}  {name}".strip()
    return f"{title} ({one_line(terminology.ids[position])})"
