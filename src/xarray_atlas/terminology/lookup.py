"""The names of regions: a dictionary of them, and messages where a name finds none or several."""

from __future__ import annotations

import difflib
from collections import Counter

import numpy as np

from xarray_atlas.terminology.cells import listing
from xarray_atlas.terminology.table import RegionTable, TextArray, describe

__all__ = ["SHARED", "distinct_acronyms", "explain_shared", "explain_unknown", "positions_by_text"]

SHARED = -1
"""What stands for a position where several regions have the same name."""


def distinct_acronyms(table: RegionTable) -> TextArray:
    """Return the acronyms, with " #id" appended to each that several regions share."""
    labels = table.acronyms.tolist()
    while len(set(labels)) < len(labels):  # again where one is called "A #2" by itself
        counts = Counter(labels)
        pairs = zip(labels, table.ids.tolist(), strict=True)
        labels = [f"{label} #{i}" if counts[label] > 1 else label for label, i in pairs]
    return np.array(labels, dtype=np.object_)


def positions_by_text(table: RegionTable) -> dict[str, int]:
    """Map acronyms, and the full names that are no acronyms, to positions or `SHARED`.

    So are the acronyms that `distinct_acronyms` makes, by which results name regions.
    """
    found = {
        **_positions(distinct_acronyms(table)),
        **_positions(table.names),
        **_positions(table.acronyms),
    }
    found.pop("", None)
    return found


def explain_shared(table: RegionTable, text: str) -> str:
    """Say which regions share an acronym or a name."""
    kind, texts = (
        ("acronym", table.acronyms) if (table.acronyms == text).any() else ("name", table.names)
    )
    regions = [f"id {table.ids[i]} ({table.names[i]!r})" for i in np.flatnonzero(texts == text)]
    return (
        f"the {kind} {text!r} is shared by {listing(regions, quote=False)}; "
        "name the one you mean by its id"
    )


def explain_unknown(table: RegionTable, title: str, key: object) -> str:
    """Say that no region has that acronym, name or id, and what may have been meant."""
    if not isinstance(key, str):
        message = f"no region has the id {key} in {title}"
        owners = [describe(table, i) for i in table.label_regions[table.labels == key]]
        return (
            f"{message}; {key} is a label of {listing(owners, quote=False)}" if owners else message
        )
    message = f"no region {key!r} in {title}"
    ids = table.ids.tolist()
    if key in ids:
        return f"{message}; it is the id of {table.acronyms[ids.index(key)]!r}: pass that"
    if key.isdecimal() and int(key) in ids:
        return f"{message}; to name a region by id pass the int {int(key)}"
    spellings: dict[str, list[str]] = {}
    for text in dict.fromkeys([*table.acronyms, *table.names]):
        spellings.setdefault(text.lower(), []).append(text)
    wanted = key.lower()
    close = difflib.get_close_matches(wanted, spellings)
    close.sort(key=lambda text: (-difflib.SequenceMatcher(None, text, wanted).ratio(), text))
    # two letters that have changed places come first
    swapped = [text for text in spellings if sorted(text) == sorted(wanted)]
    close = [*swapped, *(text for text in close if text not in swapped)]
    suggestions = [repr(spelling) for text in close for spelling in spellings[text]]
    return f"{message}; did you mean {', '.join(suggestions)}?" if suggestions else message


def _positions(texts: TextArray) -> dict[str, int]:
    found: dict[str, int] = dict(zip(texts, range(len(texts)), strict=True))
    if len(found) < len(texts):
        found.update((text, SHARED) for text, count in Counter(texts).items() if count > 1)
    return found
