"""Merge the left and right rows of a region into one region with both labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from xarray_atlas.errors import TerminologyError
from xarray_atlas.terminology.cells import Cells, listing, shown
from xarray_atlas.terminology.columns import labels_in
from xarray_atlas.terminology.side_patterns import propose_lateral

__all__ = ["Lateral", "Sides", "fold"]

Lateral: TypeAlias = str | tuple[str, str] | Iterable[tuple[str, str]] | Iterable[tuple[int, int]]
"""How left and right are given: a column, a pair or pairs of patterns, or pairs of labels."""

SIDES = ("left", "right")
WORDS = {"left": ("left", "lh", "l"), "right": ("right", "rh", "r")}
NEITHER = ("", "b", "both", "bilateral", "c", "center", "centre", "m", "midline", "medial", "none")


class Sides(NamedTuple):
    """The labels in the volume that lie in one hemisphere only."""

    left: tuple[int, ...]
    right: tuple[int, ...]


def fold(cells: Cells, lateral: Lateral) -> tuple[Cells, Sides]:
    """Merge left and right rows into one region each.

    The region keeps the id, color and position of the left one and has the labels of both. Regions
    of one hemisphere without a counterpart are kept; their labels are assigned to that hemisphere.

    Parameters
    ----------
    cells : dict of str to list of str
        With BrainGlobe's columns, one row per region.
    lateral : str, (str, str), list of (str, str), or list of (int, int)
        The column that gives the hemisphere; the patterns of left and of right names, each with one
        ``*`` for the common part, or several such pairs; or pairs of the left and right labels.

    Returns
    -------
    cells : dict of str to list of str
    sides : Sides

    Raises
    ------
    TerminologyError
        If there is no such column, matching name or label; if a region has two counterparts, or one
        below another region.
    """
    if isinstance(lateral, str):
        sided = _by_column(cells, lateral)
    elif isinstance(lateral, list | tuple) and [type(part) for part in lateral] == [str, str]:
        sided = _by_pattern(cells, (str(lateral[0]), str(lateral[1])))
    elif (patterns := _pairs_of_text(lateral)) is not None:
        return _folded(cells, *_by_patterns(cells, patterns))
    else:
        return _folded(cells, *_by_pairs(cells, lateral))
    return _folded(cells, _matched(cells, sided), {row: side for row, (side, _) in sided.items()})


_Sided: TypeAlias = dict[int, tuple[str, str]]
"""The hemisphere of each row that has one, and the name it shares with its counterpart."""
_Pairs: TypeAlias = dict[int, tuple[int, str]]
"""The right row of each left one, and the name of both."""


def _by_column(cells: Cells, column: str) -> _Sided:
    if column not in cells:
        raise TerminologyError(
            f"the table of regions has no column {column!r} that says the side (lateral=); its "
            f"columns are {listing(list(cells))}. A pattern of names is a pair of texts, such as "
            f"lateral=('Left-*', 'Right-*'){_proposal(cells)}"
        )
    words = {word: side for side in SIDES for word in WORDS[side]}
    side_of = {}
    for row, cell in enumerate(cells[column]):
        word = cell.strip().lower()
        if word in words:
            side_of[row] = words[word]
        elif word not in NEITHER:
            raise TerminologyError(
                f"column {column!r} says {cell!r} of {cells['name'][row]!r}, which is not a side: "
                f"left is {listing(WORDS['left'])}, right is {listing(WORDS['right'])}, neither "
                f"is one of {listing(NEITHER)}"
            )
    names = {
        side: {cells["name"][row] for row, of in side_of.items() if of == side} for side in SIDES
    }
    both = names["left"] & names["right"]
    return {
        row: (side, name if (name := cells["name"][row]) in both else _without_side(name, side))
        for row, side in side_of.items()
    }


def _by_pattern(cells: Cells, patterns: tuple[str, str]) -> _Sided:
    compiled = {}
    for side, pattern in zip(SIDES, patterns, strict=True):
        if pattern.count("*") != 1:
            raise TerminologyError(
                f"the pattern of {side} names, {pattern!r}, needs one '*' for what left and right "
                "share, as in lateral=('Left-*', 'Right-*')"
            )
        before, _, after = pattern.partition("*")
        compiled[side] = re.compile(f"{re.escape(before)}(.+){re.escape(after)}", re.DOTALL)
    sided = {}
    for row, name in enumerate(cells["name"]):
        matches = {side: e.fullmatch(name) for side, e in compiled.items()}
        # of ("*", "*_R"), "CA1_R" matches both: prefer the one that leaves a shorter name
        found = [(len(m[1]), side, m[1].strip()) for side, m in matches.items() if m is not None]
        if len(found) == 2 and found[0][0] == found[1][0]:
            raise TerminologyError(
                f"{name!r} matches the pattern of left names, {patterns[0]!r}, as well as that of "
                f"right ones, {patterns[1]!r} (lateral=): write more of what distinguishes them"
            )
        if found:
            _, side, shared = min(found)
            sided[row] = (side, shared)
    if not sided:
        raise TerminologyError(
            f"no region's name matches {patterns[0]!r} or {patterns[1]!r} (lateral=); the names "
            f"are {listing(cells['name'])}{_proposal(cells)}"
        )
    return sided


def _proposal(cells: Cells) -> str:
    found = propose_lateral(cells["name"])
    return f". For these names it would be {found}" if found else ""


def _pairs_of_text(lateral: Any) -> list[tuple[str, str]] | None:
    """Return pairs of patterns; None if it is something else."""
    if not isinstance(lateral, list | tuple) or not lateral:
        return None
    pairs = [tuple(pair) if isinstance(pair, list | tuple) else () for pair in lateral]
    if any([type(part) for part in pair] != [str, str] for pair in pairs):
        return None
    return [(str(left), str(right)) for left, right in pairs]


def _by_patterns(cells: Cells, patterns: list[tuple[str, str]]) -> tuple[_Pairs, dict[int, str]]:
    """Pair the rows by each of several pairs of patterns."""
    pairs: _Pairs = {}
    sides: dict[int, str] = {}
    for pair in patterns:
        sided = _by_pattern(cells, pair)
        if twice := sided.keys() & sides.keys():
            raise TerminologyError(
                f"{shown(cells['name'][min(twice)])} matches {pair!r} as well as patterns before "
                "it (lateral=): write more of what distinguishes them"
            )
        pairs.update(_matched(cells, sided))
        sides.update({row: side for row, (side, _) in sided.items()})
    # "Left-Insula" and "ctx-lh-Insula" are different regions: the second is called "ctx-Insula"
    taken = Counter(name for _, name in pairs.values())
    return {
        left: (right, name if taken[name] == 1 else _without_side(cells["name"][left], "left"))
        for left, (right, name) in pairs.items()
    }, sides


def _matched(cells: Cells, sided: _Sided) -> _Pairs:
    """Pair the rows that share a name."""
    rows: dict[tuple[str, str], int] = {}
    for row, key in sided.items():
        if key in rows:
            raise TerminologyError(
                f"two {key[0]} regions are called {key[1]!r}: ids {cells['identifier'][rows[key]]} "
                f"and {cells['identifier'][row]}. Say which belong together by their labels: "
                "lateral=[(left, right), ...]"
            )
        rows[key] = row
    return {
        left: (rows["right", name], name)
        for (side, name), left in rows.items()
        if side == "left" and ("right", name) in rows
    }


def _by_pairs(cells: Cells, lateral: Any) -> tuple[_Pairs, dict[int, str]]:
    rows: dict[int, int] = {}
    for row in range(len(cells["identifier"])):
        rows.update(dict.fromkeys(_labels_of(cells, row), row))
    pairs: _Pairs = {}
    sides: dict[int, str] = {}
    for pair in lateral:
        try:
            left, right = (rows[int(label)] for label in pair)
        except (TypeError, ValueError) as error:
            raise TerminologyError(
                f"lateral= holds {pair!r}; it is the name of a column, a pair of patterns such as "
                "('Left-*', 'Right-*'), a list of these, or pairs of labels: [(left, right), ...]"
                f"{_proposal(cells)}"
            ) from error
        except KeyError as error:
            raise TerminologyError(
                f"lateral= pairs {pair!r}, but no region has the label {error}"
            ) from error
        if left == right or {left, right} & sides.keys():
            raise TerminologyError(f"lateral= pairs {pair!r}, one of which is paired already")
        shared = _shared(cells["name"][left], cells["name"][right])
        pairs[left] = (right, cells["name"][left] if shared is None else shared)
        sides.update({left: "left", right: "right"})
    return pairs, sides


def _folded(cells: Cells, pairs: _Pairs, sides: dict[int, str]) -> tuple[Cells, Sides]:
    own = cells["identifier"]
    merged = {own[right]: own[left] for left, (right, _) in pairs.items()}
    rows = {column: list(values) for column, values in cells.items()}
    rows.pop("root_identifier_path", None)  # of the hierarchy before the merge
    rows["parent_identifier"] = [merged.get(parent, parent) for parent in rows["parent_identifier"]]
    for left, (right, name) in pairs.items():
        above = [rows["parent_identifier"][row] for row in (left, right)]
        if above[0] != above[1]:
            raise TerminologyError(
                f"{cells['name'][left]!r} and {cells['name'][right]!r} are to be one region, but "
                f"lie below different ones, {above[0] or 'none'!r} and {above[1] or 'none'!r}: "
                "give the table one parent for both, or have lateral= fold the parents too"
            )
        acronym = _shared(cells["abbreviation"][left], cells["abbreviation"][right])
        rows["abbreviation"][left] = name if acronym is None else acronym
        rows["name"][left] = name
        labels = [*_labels_of(cells, left), *_labels_of(cells, right)]
        rows["annotation_value"][left] = str(labels) if labels else ""
    gone = {right for right, _ in pairs.values()}
    kept = [row for row in range(len(own)) if row not in gone]
    by_side = {
        side: tuple(
            label
            for row, of in sorted(sides.items())
            if of == side
            for label in _labels_of(cells, row)
        )
        for side in SIDES
    }
    if both := set(by_side["left"]) & set(by_side["right"]):
        raise TerminologyError(
            f"the label {min(both)} is one of a left and of a right region (lateral=), so that it "
            "does not say the side: give each side labels of its own, or say where left and right "
            "meet (midline=) instead"
        )
    return {c: [values[row] for row in kept] for c, values in rows.items()}, Sides(**by_side)


def _labels_of(cells: Cells, row: int) -> list[int]:
    return labels_in(cells["annotation_value"][row])


def _shared(left: str, right: str) -> str | None:
    """Return the common part of a left and a right name; None if they differ otherwise."""
    if left != right:
        left, right = _without_side(left, "left"), _without_side(right, "right")
    return left if left == right else None


def _without_side(name: str, side: str) -> str:
    """Remove the word for a hemisphere: "Left-CA1", "CA1_L" and "CA1 (left)" become "CA1"."""
    words = "|".join(WORDS[side])
    bare = re.sub(rf"(?i)(?<![a-z0-9])[\[(]?(?:{words})[\])]?(?![a-z0-9])", "", name)
    return re.sub(r"([\s_.,-])[\s_.,-]+", r"\1", bare).strip(" _.,-") or name
