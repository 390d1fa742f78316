"""Find name patterns of left and right regions in a table, to propose them to the user.

They are never applied automatically: the user passes a proposed pattern as ``lateral=``.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["propose_lateral", "side_patterns"]

Patterns: TypeAlias = tuple[str, str]

MOST = 15
"""Maximum number of proposed pairs; FreeSurfer's table has eleven."""

_RIGHT = {"left": "right", "Left": "Right", "LEFT": "RIGHT", "lh": "rh", "LH": "RH", "l": "r"} | {
    "L": "R"
}
# the word for a side is separated from other letters and digits, as by "_", or is a prefix in
# "LeftHippocampus"
_LEFT = re.compile(
    rf"(?<![^\W_])(?:{'|'.join(_RIGHT)})(?![^\W_])|^Left(?=[A-Z])|(?<=[a-z0-9])Left$"
)
_SEPARATORS = r"[\s_.,:;\-(\[\])]*"


def side_patterns(names: Iterable[str]) -> list[Patterns]:
    """Find the pairs of patterns by which the names of left and right regions differ.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    list of (str, str)
        Patterns of left and of right names, with one ``*`` for the common part, in descending order
        of matches. Single letters, such as "L", may have other meanings: they must match at least
        two pairs.

    Examples
    --------
    >>> side_patterns(["Left-CA1", "Right-CA1", "Left-CA3", "Right-CA3", "CSF"])
    [('Left-*', 'Right-*')]
    """
    there = set(names)
    pairs: dict[Patterns, set[str]] = defaultdict(set)
    clear: set[Patterns] = set()
    for name in there:
        for match in _LEFT.finditer(name):
            right = _RIGHT[match[0]]
            if name[: match.start()] + right + name[match.end() :] in there:
                for patterns in _patterns(name, match, right):
                    pairs[patterns].add(name)
                    if len(right) > 1:
                        clear.add(patterns)
    found: dict[Patterns, int] = {}
    left = {name for matched in pairs.values() for name in matched}
    for _ in range(MOST):
        counts = Counter({patterns: len(matched & left) for patterns, matched in pairs.items()})
        if not left or not counts:
            break
        best = min(counts, key=lambda p: (-counts[p], len(p[0]), p))
        if counts[best] > 1 or best in clear:
            found[best] = counts[best]
        left -= pairs.pop(best)
    # if many are left, patterns of a single pair are of no use
    return [patterns for patterns, count in found.items() if count > 1 or not left]


def propose_lateral(names: Iterable[str]) -> str:
    """Format the argument that would merge left and right names; "" if there is none.

    Examples
    --------
    >>> propose_lateral(["CA1_L", "CA1_R", "CA3_L", "CA3_R"])
    "lateral=('*_L', '*_R')"
    """
    found = side_patterns(names)
    return f"lateral={found[0] if len(found) == 1 else found!r}" if found else ""


def _patterns(name: str, match: re.Match[str], right: str) -> list[Patterns]:
    """Return the pairs of patterns that would remove the side from a name."""
    start, end = match.span()
    word = match[0]
    before = re.search(rf"{_SEPARATORS}$", name[:start])
    after = re.match(_SEPARATORS, name[end:])
    assert before is not None
    assert after is not None
    sides = []
    if end + len(after[0]) < len(name):  # the side and everything before it, then the common part
        head = name[:start]
        sides.append((f"{head}{word}{after[0]}*", f"{head}{right}{after[0]}*"))
    if before.start() > 0:
        tail = name[end:]
        sides.append((f"*{before[0]}{word}{tail}", f"*{before[0]}{right}{tail}"))
    return sides
