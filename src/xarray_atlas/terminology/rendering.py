"""The region hierarchy as text and as HTML.

The HTML folds without scripts; a script adds the search. It is self-contained: no script, style,
font or image is fetched. Text from a table of regions is escaped.
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
"""Maximum nesting depth. Browsers stop at about 500 elements; deeper levels are listed flat."""

FEW = 12
"""Number of regions visible at first."""

_COLOR = re.compile("#[0-9A-Fa-f]{6}")


def document(header: str, body: str, text: str) -> str:
    """Wrap HTML with style and script.

    Parameters
    ----------
    header, body : str
        HTML.
    text : str
        Shown instead if the style is removed, as in an untrusted notebook.
    """
    style, script = _static()
    # as in xarray: the style, if present, hides the text and shows the HTML
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
    """Format regions and their descendants as HTML, with a search field.

    Parameters
    ----------
    terminology : Terminology
    roots : iterable of int
        The positions of the regions at the top.
    volumes : sequence of float, optional
        Volume of each region of the terminology, in mm**3.
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
    """Return the regions that are expanded at first: level by level, while few are visible."""
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
    """Return the color of a region as "#RRGGBB"; "" if it is missing or invalid."""
    color = str(terminology.colors[position])
    return color if _COLOR.fullmatch(color) else ""


# -- as text

MOST = 60
"""Maximum number of descendants drawn; deeper ones are counted."""


def tree_text(terminology: RegionHierarchy, root: int) -> str:
    """Draw a region and its descendants, down to a readable depth.

    Parameters
    ----------
    terminology : Terminology
    root : int
        The position of the region.

    Returns
    -------
    str
        A line per region; if some are omitted, a last line says how many, and where.
    """
    below = terminology.descendants(root)
    depths = terminology.depths[below] - terminology.depths[root]
    deepest = _deepest(depths)
    drawn = np.flatnonzero(depths <= deepest)[:MOST]
    parents = terminology.parents
    cut = terminology._child_positions[root][len(drawn) :] if deepest == 1 else []

    lines = [_line(terminology, root)]
    rails: list[str] = []  # prefixes before the children at each depth
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
    """Return the depth down to which all regions can be drawn; at least 1."""
    if not depths.size:
        return 0
    reached = np.cumsum(np.bincount(depths))
    return max(1, int(np.searchsorted(reached, MOST, side="right")) - 1)


def _line(terminology: RegionHierarchy, position: int) -> str:
    acronym, name = (one_line(c[position]) for c in (terminology.acronyms, terminology.names))
    title = acronym if name in ("", acronym) else f"{acronym}  {name}".strip()
    return f"{title} ({one_line(terminology.ids[position])})"
