"""Columns of a terminology: parsed from text, validated and written.

A table of regions is passed to this module as cells of text, and returned as numpy columns with the
hierarchy as a column of positions. Problems that do not prevent reading are reported as sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from xarray_atlas.errors import TerminologyError
from xarray_atlas.printable import one_line
from xarray_atlas.terminology.cell_values import (
    id_text,
    named,
    read_identifiers,
    read_labels,
    read_parent,
)
from xarray_atlas.terminology.cells import (
    COLUMNS,
    REQUIRED,
    csv_from_cells,
    listing,
    require_columns,
    shown,
)
from xarray_atlas.terminology.colors import read_colors
from xarray_atlas.terminology.parents import Identifier, Int64Array, cycles_of, paths_of

__all__ = [
    "NO_COLOR",
    "Problem",
    "RegionTable",
    "describe",
    "require_text",
    "table_from_cells",
]

NO_COLOR = "#808080"
"""Color of regions without one in files that require a color."""

_MOST_SENTENCES = 20  # of one kind: they are stored in every file

TextArray: TypeAlias = npt.NDArray[np.object_]


class Problem(NamedTuple):
    """A problem of a table that does not prevent reading it."""

    kind: str
    """The subject of the problem in a word or two, the same for all problems of a kind."""
    text: str
    """A sentence."""


class RegionTable(NamedTuple):
    """The columns of a terminology, with one element per region except for the labels.

    `labels` and `label_regions` are parallel: a label value and the position of
    its region, ordered by position and then by value.
    """

    ids: npt.NDArray[Any]
    parents: Int64Array
    acronyms: TextArray
    names: TextArray
    colors: TextArray
    labels: Int64Array
    label_regions: Int64Array

    def to_lists(self) -> dict[str, list[Any]]:
        """Return BrainGlobe's columns without the path, as JSON-compatible lists."""
        ids = self.ids.tolist()
        return {
            "identifier": ids,
            "parent_identifier": [None if p < 0 else ids[p] for p in self.parents.tolist()],
            "annotation_value": self._label_cells(),
            "name": self.names.tolist(),
            "abbreviation": self.acronyms.tolist(),
            "color_hex_triplet": self.colors.tolist(),
        }

    @classmethod
    def from_lists(cls, lists: Mapping[str, Any]) -> tuple[RegionTable, list[Problem]]:
        """Read the output of `to_lists`; return the table and its problems."""
        require_columns(lists)
        count = len(lists["identifier"]) if isinstance(lists["identifier"], list) else 0
        columns = {column: lists[column] for column in REQUIRED}
        columns["color_hex_triplet"] = lists.get("color_hex_triplet", [""] * count)
        for column, values in columns.items():
            if not isinstance(values, list) or len(values) != count:
                raise TerminologyError(
                    f"column {column!r} is not a list of {count} elements, one per region"
                )
        for column in ("name", "abbreviation", "color_hex_triplet"):
            if set(map(type, columns[column])) - {str}:
                raise TerminologyError(f"column {column!r} holds something that is not text")
        ids = read_identifiers(columns["identifier"])
        parent_ids = columns["parent_identifier"]
        kinds = set(map(type, parent_ids)) - {type(None)}
        if kinds - {int, str}:
            raise TerminologyError(
                "column 'parent_identifier' holds something that is not an identifier"
            )
        if kinds - {type(ids[0])}:
            parent_ids = [
                None if p is None else read_parent(str(p), type(ids[0]) is int) for p in parent_ids
            ]
        parents, problems = _hierarchy(ids, parent_ids, columns["abbreviation"])
        labels, label_regions = _flat_labels(columns["annotation_value"])
        acronyms, names, colors = (
            _text_array(columns[c]) for c in ("abbreviation", "name", "color_hex_triplet")
        )
        return cls(
            _id_array(ids), parents, acronyms, names, colors, labels, label_regions
        ), problems

    def to_csv(self) -> str:
        """Return the table as BrainGlobe's CSV."""
        lists = self.to_lists()
        columns = [
            ["" if value is None else str(value) for value in lists[column]]
            for column in COLUMNS[:6]
        ] + [paths_of(lists["identifier"], self.parents)]
        return csv_from_cells(columns)

    def _label_cells(self) -> list[Any]:
        labels: list[Any] = self.labels.tolist()
        if len(labels) == len(self.ids) and np.array_equal(
            self.label_regions, np.arange(len(labels))
        ):
            return labels
        starts = np.searchsorted(self.label_regions, np.arange(len(self.ids) + 1)).tolist()
        cells = (labels[start:stop] for start, stop in pairwise(starts))
        return [None if not cell else cell[0] if len(cell) == 1 else cell for cell in cells]


def table_from_cells(cells: Mapping[str, Sequence[str]]) -> tuple[RegionTable, list[Problem]]:
    """Build the columns from cells of text; return them and the problems of the table."""
    row_ids = read_identifiers(cells["identifier"])
    numeric = type(row_ids[0]) is int
    blank = [""] * len(row_ids)
    colors = read_colors(cells.get("color_hex_triplet", blank))
    fields: dict[str, list[Any]] = {
        "parent_identifier": [read_parent(cell, numeric) for cell in cells["parent_identifier"]],
        "name": list(cells["name"]),
        "abbreviation": list(cells["abbreviation"]),
        "color_hex_triplet": ["" if color is None else color for color in colors],
    }
    rows, labels, repeated = _first_rows(row_ids, cells["annotation_value"], fields)
    ids = [row_ids[row] for row in rows]
    acronyms, names = ([fields[column][row] for row in rows] for column in ("abbreviation", "name"))
    parents, problems = _hierarchy(
        ids, [fields["parent_identifier"][row] for row in rows], acronyms
    )
    flat, label_regions = _flat_labels(labels)
    table = RegionTable(
        _id_array(ids),
        parents,
        _text_array(acronyms),
        _text_array(names),
        _text_array([fields["color_hex_triplet"][row] for row in rows]),
        flat,
        label_regions,
    )
    wrong_colors = {
        i: cells["color_hex_triplet"][row] for i, row in enumerate(rows) if colors[row] is None
    }
    problems += _problems_of_columns(table, repeated, wrong_colors)
    given = cells.get("root_identifier_path", blank)
    problems += _problems_of_paths(table, [given[row] for row in rows], paths_of(ids, parents))
    return table, problems


def _first_rows(
    row_ids: Sequence[Identifier], values: Sequence[str], fields: Mapping[str, list[Any]]
) -> tuple[list[int], list[list[int]], list[int]]:
    """Find the first row of each region, its labels, and the regions that repeat a label."""
    position: dict[Identifier, int] = {}
    rows: list[int] = []
    labels: list[list[int]] = []
    repeated = []
    for row, (identifier, cell) in enumerate(zip(row_ids, values, strict=True)):
        own = read_labels(cell, identifier)
        if position.setdefault(identifier, len(rows)) == len(rows):
            rows.append(row)
            labels.append(own)
            continue
        first = position[identifier]
        _require_same(fields, identifier, rows[first], row)
        if not own or set(own) & set(labels[first]):
            repeated.append(first)
        labels[first].extend(own)
    return rows, labels, repeated


def _problems_of_columns(
    table: RegionTable, repeated: Sequence[int], wrong_colors: Mapping[int, str]
) -> list[Problem]:
    """Report problems of rows, colors, acronyms and labels."""
    acronyms, labels = table.acronyms.tolist(), table.labels.tolist()
    regions = [describe(table, i) for i in range(len(acronyms))]
    found = _at_most(
        "rows", (f"{regions[i]} has more than one row with the same label" for i in repeated)
    )
    found += _at_most(
        "colors",
        (
            f"the color of {regions[i]} is not of the form '#RRGGBB': {shown(cell)}"
            for i, cell in wrong_colors.items()
        ),
    )
    found += _at_most(
        "empty acronyms",
        (f"{r} has an empty acronym" for r, a in zip(regions, acronyms, strict=True) if not a),
    )
    found += _at_most(
        "acronyms",
        (
            f"the acronym {shown(acronyms[group[0]])} is shared by "
            f"{listing([f'id {id_text(table.ids[i])}' for i in group], quote=False)}"
            for group in _groups(acronyms, range(len(acronyms)))
            if acronyms[group[0]]
        ),
    )
    return found + _at_most(
        "shared labels",
        (
            f"the label {labels[group[0]]} is shared by "
            f"{listing([regions[table.label_regions[i]] for i in group], quote=False)}"
            for group in _groups(labels, range(len(labels)))
        ),
    )


def _problems_of_paths(
    table: RegionTable, given: Sequence[str], paths: Sequence[str]
) -> list[Problem]:
    """Report paths that contradict the parents."""
    return _at_most(
        "paths",
        (
            f"the path of {describe(table, i)} is {_brief(cell)} but its parents give "
            f"{_brief(path)}"
            for i, (cell, path) in enumerate(zip(given, paths, strict=True))
            if cell.strip() and cell != path and _tokens(cell) != _tokens(path)
        ),
    )


def _brief(path: str) -> str:
    return one_line(path) if len(path) <= 200 else f"{one_line(path[:200])}..."


def describe(table: RegionTable, position: int) -> str:
    """Format the acronym and id of a region for a message."""
    return named(table.acronyms[position], table.ids[position])


def require_text(table: RegionTable) -> None:
    """Refuse names that files cannot store.

    Raises
    ------
    TerminologyError
        If a name holds a NUL character, which ends a text in netCDF and is not allowed in XML, or a
        lone surrogate, which results from broken decoding and is not valid Unicode.
    """
    columns = [("acronym", table.acronyms), ("name", table.names), ("color", table.colors)]
    if table.ids.dtype == object:
        columns.append(("id", table.ids))
    for what, texts in columns:
        if _is_text("".join(texts)):
            continue
        position = next(i for i, text in enumerate(texts) if not _is_text(text))
        wrong = texts[position]
        why = (
            "a NUL character"
            if "\0" in wrong
            else "a lone surrogate, so that it is not valid Unicode"
        )
        raise TerminologyError(
            f"the {what} of the region with id {id_text(table.ids[position])} holds {why}: "
            f"{shown(wrong)}. Mend it in the table; was the file decoded in another encoding than "
            "its own?"
        )


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _require_same(
    fields: Mapping[str, Sequence[object]], identifier: Identifier, first: int, row: int
) -> None:
    for column, values in fields.items():
        if values[first] != values[row]:
            raise TerminologyError(
                f"identifier {id_text(identifier)} stands in rows {first} and {row} with a "
                "different "
                f"{column}: "
                f"{shown(values[first])} and {shown(values[row])}; only annotation_value "
                "may differ. Keep one of the rows"
            )


def _hierarchy(
    ids: Sequence[Identifier], parent_ids: Sequence[Identifier | None], acronyms: Sequence[str]
) -> tuple[Int64Array, list[Problem]]:
    """Convert parents to positions; an orphan and the first region of a cycle become roots."""
    position = {identifier: i for i, identifier in enumerate(ids)}
    if len(position) < len(ids):
        raise TerminologyError("an identifier stands in the table more than once")
    listed = [-1 if parent is None else position.get(parent, -2) for parent in parent_ids]
    parents = np.array(listed, dtype=np.int64)
    problems = []
    if -2 in listed:
        orphans = np.flatnonzero(parents == -2).tolist()
        problems += _at_most(
            "parents",
            (
                f"the parent {shown(parent_ids[i])} of {named(acronyms[i], ids[i])} is not in the "
                f"table: {shown(acronyms[i])} is taken as a root"
                for i in orphans
            ),
        )
        parents[orphans] = -1
    cycles = cycles_of(parents)
    for cycle in cycles:
        parents[cycle[0]] = -1
    problems += _at_most(
        "cycles",
        (
            f"{listing([named(acronyms[i], ids[i]) for i in cycle], quote=False)} "
            f"{'are their own ancestors' if len(cycle) > 1 else 'is its own parent'}: "
            f"{shown(acronyms[cycle[0]])} is taken as a root"
            for cycle in cycles
        ),
    )
    roots = np.flatnonzero(parents < 0).tolist()
    if len(roots) > 1:
        roots_listed = listing([named(acronyms[i], ids[i]) for i in roots], quote=False)
        problems.append(Problem("roots", f"there are {len(roots)} roots: {roots_listed}"))
    return parents, problems


def _flat_labels(cells: Sequence[object]) -> tuple[Int64Array, Int64Array]:
    """Return the label values and the position of the region of each."""
    labels: list[Any] = list(cells)
    label_regions = np.arange(len(labels), dtype=np.int64)
    if set(map(type, cells)) != {int}:
        lists = [
            cell if isinstance(cell, list) else [] if cell is None else [cell] for cell in cells
        ]
        if {type(value) for values in lists for value in values} - {int}:
            raise TerminologyError(
                "column 'annotation_value' holds something that is not an integer"
            )
        lists = [sorted(set(values)) for values in lists]
        labels = [value for values in lists for value in values]
        label_regions = np.repeat(label_regions, [len(values) for values in lists])
    try:
        return np.array(labels, dtype=np.int64), label_regions
    except OverflowError as error:
        raise TerminologyError("an annotation_value is too large for a 64-bit integer") from error


def _id_array(ids: list[Any]) -> npt.NDArray[Any]:
    return np.array(ids, dtype=np.int64 if type(ids[0]) is int else np.object_)


def _text_array(texts: list[str]) -> TextArray:
    return np.array(texts, dtype=np.object_)


def _groups(values: Sequence[object], positions: Iterable[int]) -> list[list[int]]:
    """Return the positions of each value that occurs more than once."""
    if len(set(values)) == len(values):
        return []
    groups: dict[object, list[int]] = {}
    for value, position in zip(values, positions, strict=True):
        groups.setdefault(value, []).append(position)
    return [group for group in groups.values() if len(group) > 1]


def _tokens(path: str) -> list[str]:
    return re.findall(r"[^\s,/\[\]\"']+", path)


def _at_most(kind: str, sentences: Iterable[str]) -> list[Problem]:
    found = list(sentences)
    if len(found) > _MOST_SENTENCES:
        more = f"... and {len(found) - _MOST_SENTENCES} more such problems"
        found = [*found[:_MOST_SENTENCES], more]
    return [Problem(kind, sentence) for sentence in found]
