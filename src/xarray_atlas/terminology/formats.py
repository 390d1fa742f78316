"""Tables of regions as other tools write them, as cells under BrainGlobe's columns.

BrainGlobe's ``terminology.csv``, and its older ``structures.csv`` and
``structures.json``; the Allen Institute's structure graph as JSON and as CSV;
label descriptions of ITK-SNAP and FreeSurfer. Which of them a text is, its
content says. Cells stay text, as everywhere before a table is understood, and
columns that BrainGlobe does not have are kept: one may name the side.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import pandas as pd

from xarray_atlas.errors import TerminologyError
from xarray_atlas.terminology.cells import REQUIRED, cells_from_dataframe, listing

__all__ = ["Cells", "cells_from_frame", "cells_from_text", "integer", "labels_in"]

Cells: TypeAlias = dict[str, list[str]]

NAMES = {
    "identifier": ("identifier", "id", "index"),
    "parent_identifier": ("parent_identifier", "parent_structure_id", "parent_id"),
    "annotation_value": ("annotation_value", "labels"),
    "name": ("name",),
    "abbreviation": ("abbreviation", "acronym"),
    "color_hex_triplet": ("color_hex_triplet", "color", "rgb_triplet"),
    "root_identifier_path": ("root_identifier_path", "structure_id_path"),
}
"""BrainGlobe's columns, and what others call them: the Allen Institute, older atlases, BIDS.

``labels`` is what `Terminology.regions` calls them; its ``parent`` is an acronym.
"""

# index, red, green, blue, opacity, visibility, mesh visibility, "name"
_ITK_SNAP = re.compile(
    r'\s*(-?\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+[\d.eE+-]+\s+\d+\s+\d+\s+["“](.*)["”]\s*'
)
# index, name, red, green, blue, transparency
_FREESURFER = re.compile(r"\s*(\d+)\s+(\S+)\s+(\d+)\s+(\d+)\s+(\d+)\s+\d+\s*")


def cells_from_text(text: str) -> Cells:
    """Read a file of any of the formats.

    Raises
    ------
    TerminologyError
        If it is none of them; it says what it seems to be, and what that lacks.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] in ("{", "["):
        return _cells_from_json(text)
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    for pattern, order in ((_ITK_SNAP, (0, 4, 1, 2, 3)), (_FREESURFER, (0, 1, 2, 3, 4))):
        if lines and pattern.fullmatch(lines[0]):
            return _cells_from_labels(lines, pattern, order)
    return _cells_from_csv(text)


def cells_from_frame(frame: pd.DataFrame) -> Cells:
    """Read a DataFrame with BrainGlobe's columns or the Allen Institute's.

    Raises
    ------
    TerminologyError
        If columns are missing, or pandas has spoilt ids or names on reading.
    """
    _require_distinct(frame.columns)
    found = _find(frame.columns)
    known = {name: column for column, name in found.items() if name is not None}
    table = frame[list(known)].rename(columns=known)
    for column in REQUIRED:
        if column not in table:
            table[column] = ""
    # a region without an acronym is called by its name: here, and only here, one may be missing
    acronyms = table["abbreviation"].astype(object)
    table["abbreviation"] = acronyms.where(acronyms.notna(), "")
    others = {
        str(name): ["" if pd.isna(value) else str(value) for value in frame[name].tolist()]
        for name in frame.columns
        if name not in known
    }
    return _filled({**cells_from_dataframe(table), **others}, found)


def integer(cell: str) -> int | None:
    """Read a cell such as "997" or "997.0" as an integer, None where it is none."""
    whole, _, fraction = cell.strip().partition(".")
    try:
        return None if fraction.strip("0") else int(whole)
    except ValueError:
        return None


def labels_in(cell: str) -> list[int]:
    """Read a cell of labels, such as "997" or "[1, 2]"; what is no integer is passed over."""
    parts = map(integer, cell.strip("[] ").split(","))
    return [label for label in parts if label is not None]


def _require_distinct(names: Iterable[Any]) -> None:
    listed = list(names)
    twice = sorted({str(name) for name in listed if listed.count(name) > 1})
    if twice:
        raise TerminologyError(f"the table of regions has more than one column {listing(twice)}")


def _find(present: Iterable[Any]) -> dict[str, Any]:
    """Find what each of BrainGlobe's columns is called in a table, None where it has none."""
    names = list(present)
    found = {
        column: next((name for name in accepted if name in names), None)
        for column, accepted in NAMES.items()
    }
    missing = [column for column in ("identifier", "name") if found[column] is None]
    if missing:
        known = "; ".join(f"{column} may be called {listing(NAMES[column])}" for column in missing)
        there = listing([str(name) for name in names]) or "none at all"
        raise TerminologyError(
            f"the table of regions lacks {listing(missing)} ({known}); its columns are {there}"
        )
    return found


def _renamed(columns: Cells, found: Mapping[str, Any]) -> Cells:
    cells = {column: columns[name] for column, name in found.items() if name is not None}
    others = {name: cell for name, cell in columns.items() if name not in found.values()}
    return _filled({**cells, **others}, found)


def _filled(cells: Cells, found: Mapping[str, Any]) -> Cells:
    """Fill the columns that a table does not have: labels are ids, parents stand in paths."""
    own = cells["identifier"]
    blank = [""] * len(own)
    filled = dict(cells)
    if found["annotation_value"] is None:
        filled["annotation_value"] = list(own)
    if found["abbreviation"] is None:
        filled["abbreviation"] = blank
    if found["parent_identifier"] is None and "parent" in cells:
        filled["parent_identifier"] = _parents_by_name(cells, filled["abbreviation"])
    elif found["parent_identifier"] is None:
        paths = cells.get("root_identifier_path", blank)
        filled["parent_identifier"] = list(map(_parent_in, paths, own))
    return filled


def _parent_in(path: str, own: str) -> str:
    """Return the id before a region's own in a path such as ``/997/8/`` or ``[997, 8]``."""
    ids = re.findall(r"[^\s,/\[\]\"']+", path)
    above = ids[:-1] if ids[-1:] == [own.strip()] else ids
    return above[-1] if above else ""


def _parents_by_name(cells: Cells, acronyms: list[str]) -> list[str]:
    """Look up a column of parents that are named by acronym, or by id where none is called so."""
    named: dict[str, list[str]] = {}
    for own, acronym in zip(cells["identifier"], acronyms, strict=True):
        named.setdefault(acronym, []).append(own)
    found = []
    for parent in cells["parent"]:
        ids = named.get(parent, [parent]) if parent else [""]
        if len(ids) > 1:
            raise TerminologyError(
                f"the parent {parent!r} is the acronym of ids {listing(ids)}; name parents by id, "
                "in a column 'parent_identifier'"
            )
        found.append(ids[0])
    return found


def _cells_from_csv(text: str) -> Cells:
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",\t;", key=first.count))
    try:
        header = [name.strip() for name in next(reader, [])]
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise TerminologyError(f"line {reader.line_num} is not CSV: {error}") from error
    _require_distinct(header)
    found = _find(header)
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise TerminologyError(
                f"row {number} has {len(row)} cells and the header has {len(header)}: {row[:4]}..."
            )
    return _renamed({name: [row[i] for row in rows] for i, name in enumerate(header)}, found)


def _cells_from_json(text: str) -> Cells:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise TerminologyError(f"the table of regions is not JSON: {error}") from error
    # the Allen Institute's API answers {"success": ..., "msg": [the root]}
    rows = list(_flattened(content.get("msg", content) if isinstance(content, dict) else content))
    present = list(dict.fromkeys(key for row in rows for key in row))
    columns = {key: [_text(row.get(key), key) for row in rows] for key in present}
    return _renamed(columns, _find(present))


def _flattened(nodes: Any) -> Iterator[dict[str, Any]]:
    """Go through nested regions, each before those below it, with the id of its parent."""
    waiting: list[tuple[Any, Any]] = [
        (node, None) for node in reversed(nodes if isinstance(nodes, list) else [nodes])
    ]
    while waiting:
        node, above = waiting.pop()
        if not isinstance(node, dict):
            raise TerminologyError(
                f"the table of regions holds {node!r} where a region is expected: a JSON object "
                "with id, acronym and name"
            )
        row = {key: value for key, value in node.items() if key != "children"}
        if above is not None:
            row["parent_structure_id"] = above
        yield row
        waiting += [(child, node.get("id")) for child in reversed(node.get("children") or [])]


def _text(value: Any, key: str) -> str:
    if value is None:
        return ""
    if key == "rgb_triplet" and isinstance(value, list):
        return "".join(f"{int(part):02X}" for part in value)
    return value if isinstance(value, str) else json.dumps(value)


def _cells_from_labels(
    lines: Iterable[str], pattern: re.Pattern[str], order: tuple[int, ...]
) -> Cells:
    """Read label descriptions: a number, a name and a color a line, and no hierarchy."""
    rows = []
    for line in lines:
        match = pattern.fullmatch(line)
        if match is None:
            raise TerminologyError(f"cannot read the label description {line.strip()!r}")
        rows.append([match.groups()[i] for i in order])
    ids = [row[0] for row in rows]
    return {
        "identifier": ids,
        "parent_identifier": [""] * len(rows),
        "annotation_value": list(ids),
        "name": [row[1] for row in rows],
        "abbreviation": [""] * len(rows),
        "color_hex_triplet": ["#" + "".join(f"{int(c):02X}" for c in row[2:]) for row in rows],
    }
