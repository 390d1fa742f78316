"""Search for regions by acronym, initials and words."""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Sequence

from xarray_atlas.printable import one_line
from xarray_atlas.terminology.cells import shown

__all__ = ["propose", "search", "suggestions"]

SKIPPED = frozenset(("and", "in", "of", "part", "the", "to"))
"""Words whose initials people leave out."""

EXACT, ACRONYM_AND_INITIALS, ACRONYM, INITIALS, BEGINNING, WORDS, CONTAINS = range(7)
"""How a text names a region, the best first: see `rank`."""

MOST = 5
"""Regions that an error proposes."""

_WORD = re.compile(r"\w+")


def rank(text: str, acronym: str, name: str) -> int | None:
    """Rank how well a text names a region.

    Parameters
    ----------
    text : str
        What was searched for, in lower case.
    acronym, name : str
        Of the region.

    Returns
    -------
    int or None
        `EXACT` if it is the acronym or the name; `ACRONYM` if the acronym begins with it,
        `INITIALS` if the initials of the name do, `ACRONYM_AND_INITIALS` if both do; `BEGINNING` if
        the name begins with it, `WORDS` if each of its words begins a word of the name; `CONTAINS`
        if the acronym or the name contains it; None otherwise.

    Examples
    --------
    >>> rank("sc", "SCs", "Superior colliculus sensory related") == ACRONYM_AND_INITIALS
    True
    >>> rank("lateral geniculate", "LGd", "Dorsal part of the lateral geniculate complex") == WORDS
    True
    >>> rank("pulvinar", "LGd", "Dorsal part of the lateral geniculate complex") is None
    True
    """
    acronym, name = acronym.lower(), name.lower()
    if text in (acronym, name):
        return EXACT
    words, wanted = _WORD.findall(name), _WORD.findall(text)
    if not wanted:
        return CONTAINS if text in acronym or text in name else None
    begins = acronym.startswith(text)
    if _are_initials(text, words):
        return ACRONYM_AND_INITIALS if begins else INITIALS
    if begins:
        return ACRONYM
    if name.startswith(text):
        return BEGINNING
    if all(any(word.startswith(part) for word in words) for part in wanted):
        return WORDS
    return CONTAINS if text in acronym or text in name else None


def _are_initials(text: str, words: Sequence[str]) -> bool:
    if len(text) < 2 or not text.isalnum():
        return False
    some = [word for word in words if word not in SKIPPED]
    return any("".join(word[0] for word in chosen).startswith(text) for chosen in (words, some))


def search(text: str, acronyms: Sequence[str], names: Sequence[str]) -> list[tuple[int, int]]:
    """Find regions by acronym, initials or words.

    Parameters
    ----------
    text : str
    acronyms, names : sequence of str
        Of all regions.

    Returns
    -------
    list of (rank, position)
        The best first, and of the same rank in the order of the table. In the case in which they
        are written acronyms come before those in another: "SC" finds SCs before scwm.
    """
    text = text.strip()
    wanted = text.lower()
    found = []
    for position, (acronym, name) in enumerate(zip(acronyms, names, strict=True)):
        at = rank(wanted, acronym, name)
        if at is not None:
            found.append((at, not acronym.startswith(text), position))
    return [(at, position) for at, _, position in sorted(found)]


def suggestions(
    text: str, acronyms: Sequence[str], names: Sequence[str], depths: Sequence[int]
) -> list[int]:
    """Find the regions that may have been meant by a text that names none.

    Parameters
    ----------
    text : str
    acronyms, names : sequence of str
        Of all regions.
    depths : sequence of int
        Their levels in the hierarchy: of equal matches the coarser comes first.

    Returns
    -------
    list of int
        Positions, at most `MOST`, the best first: another case, two letters that have changed
        places, what a search finds, and similar spellings.
    """
    wanted = text.lower().strip()
    if not wanted:
        return []
    spellings: dict[str, list[int]] = {}
    for texts in (acronyms, names):
        for position, spelling in enumerate(texts):
            if spelling:
                spellings.setdefault(spelling.lower(), []).append(position)
    swapped = [spelling for spelling in spellings if sorted(spelling) == sorted(wanted)]
    if len(wanted) < 3 or wanted in spellings:
        swapped = []
    close = difflib.get_close_matches(wanted, spellings)
    close.sort(key=lambda spelling: (-_likeness(spelling, wanted), spelling))
    # a few letters are somewhere in most names
    worst = CONTAINS if len(wanted) > 3 else WORDS
    found = search(text, acronyms, names)
    if not found:
        found = search(_mended(wanted, names), acronyms, names)
    case = [not acronym.startswith(text) for acronym in acronyms]
    positions = [
        *spellings.get(wanted, []),
        *(i for spelling in swapped for i in spellings[spelling]),
        *(
            i
            for at, i in sorted(found, key=lambda pair: (pair[0], case[pair[1]], depths[pair[1]]))
            if at <= worst
        ),
        *(i for spelling in close for i in spellings[spelling]),
    ]
    return list(dict.fromkeys(positions))[:MOST]


def _mended(text: str, names: Sequence[str]) -> str:
    """Replace words that occur in no name by what begins similar ones that do."""
    known = {word for name in names for word in _WORD.findall(name.lower())}
    words = []
    for word in _WORD.findall(text):
        similar = difflib.get_close_matches(word, known, n=3, cutoff=0.75) or [word]
        letters = itertools.takewhile(lambda at: len(set(at)) == 1, zip(*similar, strict=False))
        stem = "".join(letter for letter, *_ in letters)  # hippocamp, of hippocampal and hippocampo
        words.append(stem if len(stem) > 4 else similar[0])
    return " ".join(words)


def propose(text: str, acronyms: Sequence[str], names: Sequence[str], depths: Sequence[int]) -> str:
    """Return a question that proposes regions; "" if there are none.

    Parameters
    ----------
    text : str
    acronyms : sequence of str
        Distinct acronyms of the regions.
    names, depths
        Same as in `suggestions`.
    """
    found = [
        shown(acronyms[i] or names[i])
        + (f" ({one_line(names[i])})" if names[i] and names[i] != acronyms[i] else "")
        for i in suggestions(text, acronyms, names, depths)
    ]
    return f"did you mean {', '.join(found)}?" if found else ""


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()
