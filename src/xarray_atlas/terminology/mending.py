"""Complete a table of regions when an atlas is created from it."""

from __future__ import annotations

import re

from xarray_atlas.errors import TerminologyError
from xarray_atlas.terminology.cells import Cells, shown
from xarray_atlas.terminology.columns import integer, labels_in
from xarray_atlas.terminology.lateral import Lateral, Sides, fold
from xarray_atlas.terminology.table import table_from_cells
from xarray_atlas.terminology.terminology import Terminology

__all__ = ["build"]

BACKGROUND = frozenset({
    "", "air", "bg", "black", "clear label", "empty", "invalid", "no label", "no region",
    "non brain", "none", "not labeled", "not labelled", "nothing", "null", "void",
})  # fmt: skip
BACKGROUND_FIRST = frozenset({
    "background", "exterior", "outside", "unassigned", "unclassified", "undefined", "unknown",
    "unlabeled", "unlabelled", "unspecified",
})  # fmt: skip
"""Names of the row of label 0 if it is the background, and prefixes of such names."""


def build(
    cells: Cells, name: str = "", lateral: Lateral | None = None
) -> tuple[Terminology, Sides]:
    """Build a Terminology from cells, filling in missing values.

    Label 0 is never a region: a background row ("Clear Label", "Unknown") is dropped, and a root
    with descendants is kept without the label. A missing acronym is replaced by the name, a missing
    name by the acronym, and both by the id. Several roots are put below one: the region called
    "root", or a new one with an id above all others.

    Parameters
    ----------
    cells : dict of str to list of str
        With BrainGlobe's columns, except for the color and the path.
    name : str
    lateral : str, (str, str), or list of (int, int), optional
        Same as in :func:`~xarray_atlas.terminology.lateral.fold`.

    Returns
    -------
    terminology : Terminology
    sides : Sides
        The labels that lie in one hemisphere; none without `lateral`.

    Raises
    ------
    TerminologyError
        If it cannot be read as a table of regions, or a region other than the background has the
        label 0.
    """
    cells = _named(_without_zero(_plain(cells)))
    sides = Sides((), ())
    if lateral is not None:
        cells, sides = fold(cells, lateral)
    first, problems = table_from_cells(cells)
    roots = {str(first.ids[i]) for i, parent in enumerate(first.parents.tolist()) if parent < 0}
    if len(roots) == 1:
        return Terminology(first, name, problems), sides
    # the second pass finds no orphans: the first has reported them
    told = [problem for problem in problems if problem.kind != "roots"]
    table, after = table_from_cells(_below_one(cells, roots))
    return Terminology(table, name, [*told, *(p for p in after if p not in told)]), sides


def _plain(cells: Cells) -> Cells:
    """Normalize ids, such as "997.0" to "997", as they are compared as text."""
    if None in map(integer, cells["identifier"]):
        return cells
    plain = {
        column: [
            cell if (number := integer(cell)) is None else str(number) for cell in cells[column]
        ]
        for column in ("identifier", "parent_identifier")
    }
    return {**cells, **plain}


def _without_zero(cells: Cells) -> Cells:
    pairs = list(zip(cells["identifier"], cells["parent_identifier"], strict=True))
    parents = {parent for own, parent in pairs if parent != own}
    kept, labels = [], []
    for row, cell in enumerate(cells["annotation_value"]):
        if 0 in labels_in(cell):
            own, parent = pairs[row]
            above = own in parents
            names = [cells[column][row] for column in ("name", "abbreviation")]
            at_top = not parent.strip() or parent == own
            if not (above and at_top) and not _is_background(names):
                raise TerminologyError(_explain_zero(names))
            others = [label for label in labels_in(cell) if label]
            if not others and not above:
                continue
            cell = str(others) if others else ""
        kept.append(row)
        labels.append(cell)
    if not kept:
        raise TerminologyError("the table of regions has no region but label 0, the background")
    rows = {column: [values[row] for row in kept] for column, values in cells.items()}
    return {**rows, "annotation_value": labels}


def _is_background(names: list[str]) -> bool:
    words = [" ".join(re.findall(r"[^\W\d_]+", name.lower())) for name in names]
    there = [word for word, name in zip(words, names, strict=True) if name.strip()]
    # names without a letter, such as FreeSurfer's "???", denote no region
    return all(word in BACKGROUND or word.split(" ")[0] in BACKGROUND_FIRST for word in there)


def _explain_zero(names: list[str]) -> str:
    return (
        f"the region {shown(next(name for name in names if name.strip()))} has the label 0, but in "
        "an image of labels 0 is the background. If the table counts from 0 and the image from 1, "
        "add 1 to the ids (and parents) of the table before you pass it: table['id'] += 1. If both "
        "count from 0, add 1 to the labels of the image too. If the row is the background, call it "
        "'background', or leave it out"
    )


def _named(cells: Cells) -> Cells:
    def first(*texts: str) -> str:
        return next((text for text in texts if text.strip()), "")

    triples = list(zip(cells["identifier"], cells["name"], cells["abbreviation"], strict=True))
    return {
        **cells,
        "name": [first(name, acronym, own) for own, name, acronym in triples],
        "abbreviation": [first(acronym, name, own) for own, name, acronym in triples],
    }


def _below_one(cells: Cells, roots: set[str]) -> Cells:
    rows = {column: list(values) for column, values in cells.items()}
    rows.pop("root_identifier_path", None)  # of the hierarchy before the change
    named = zip(rows["identifier"], rows["name"], rows["abbreviation"], strict=True)
    called_root = {own for own, *names in named if own in roots and "root" in map(str.lower, names)}
    if len(called_root) == 1:
        (top,) = called_root
    else:
        top = _free_id(rows)
        new = {"identifier": top, "name": "root", "abbreviation": "root"}
        for column, values in rows.items():
            values.insert(0, new.get(column, ""))
    for row, own in enumerate(rows["identifier"]):
        if own == top:
            rows["parent_identifier"][row] = ""
        elif own in roots:
            rows["parent_identifier"][row] = top
    return rows


def _free_id(cells: Cells) -> str:
    """Return an id that no region and no label has."""
    numbers = [integer(cell) for cell in cells["identifier"]]
    if None in numbers:
        taken = set(cells["identifier"])
        free = ("root", *(f"root {n}" for n in range(len(taken) + 1)))
        return next(name for name in free if name not in taken)
    labels = [label for cell in cells["annotation_value"] for label in labels_in(cell)]
    used = {number for number in (*numbers, *labels) if number is not None}
    above = max(max(used), 0) + 1
    # an id is a 64-bit integer
    return str(above if above < 2**63 else next(n for n in range(1, above) if n not in used))
