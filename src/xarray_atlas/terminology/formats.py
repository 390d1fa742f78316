"""Read tables of regions written by other tools, as cells under BrainGlobe's columns.

Supported are BrainGlobe's ``terminology.csv`` and its older ``structures.csv`` and
``structures.json``; the Allen Institute's structure graph as JSON and CSV; tables with a header
from BIDS, iblatlas and others; lists of labels without a header; the XML of FSL and SPM. The format
is recognized from the content. Cells remain text until the table is interpreted, and unknown
columns are kept, as one may give the hemisphere.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

from xarray_atlas.errors import TerminologyError
from xarray_atlas.terminology.cells import (
    REQUIRED,
    Cells,
    cells_from_dataframe,
    is_blank,
    listing,
    rows_of_csv,
    shown,
    text_of,
)
from xarray_atlas.terminology.columns import recognized, stated_rows
from xarray_atlas.terminology.label_lists import cells_from_list
from xarray_atlas.terminology.xml_labels import cells_from_xml

__all__ = ["cells_from_frame", "cells_from_text"]


def cells_from_text(text: str) -> Cells:
    """Read a text in any of the formats.

    Raises
    ------
    TerminologyError
        If the format is not recognized; the message says what it looks like and what is missing.
    """
    text = text.removeprefix("\ufeff")
    if "\n" not in text:
        text = text.replace("\r", "\n")  # line ends of Excel on classic Mac OS
    if "\0" in text:
        raise TerminologyError(
            "the table of regions holds NUL characters: it is not text, or text in UTF-16; save it "
            "as UTF-8"
        )
    first = text.lstrip()[:1]
    if first in ("{", "["):
        return _cells_from_json(text)
    if first == "<":
        return recognized(cells_from_xml(text))
    if (headed := _cells_with_header_in_comment(text)) is not None:
        return headed
    if (listed := cells_from_list(text)) is not None:
        return recognized(listed)
    return _cells_from_csv(text)


def cells_from_frame(frame: pd.DataFrame) -> Cells:
    """Read a DataFrame with BrainGlobe's columns or those of other tools.

    Raises
    ------
    TerminologyError
        If columns are missing, or pandas has corrupted ids or names.
    """
    if any(name is not None for name in frame.index.names):  # the index may hold ids or names
        kept = [name for name in frame.index.names if name is None or name in frame.columns]
        frame = frame.reset_index(level=kept, drop=True) if kept else frame
        frame = frame.reset_index() if len(kept) < len(frame.index.names) else frame
    names = [str(name) for name in frame.columns]
    _require_distinct(names)
    frame = frame.set_axis(names, axis="columns")
    columns = {name: list(map(text_of, frame[name].tolist())) for name in names}
    there, found, rows = stated_rows(columns)
    frame = frame.iloc[rows]
    known = {name: column for column, name in found.items() if name is not None}
    table = frame[list(known)].rename(columns=known)
    for column in REQUIRED:
        if column not in table:
            table[column] = ""
    # a region without an acronym gets its name, so the acronym may be missing here
    acronyms = table["abbreviation"].astype(object)
    table["abbreviation"] = acronyms.where(acronyms.notna(), "")
    exact = cells_from_dataframe(table)
    return recognized({**there, **{name: exact[column] for name, column in known.items()}})


def _require_distinct(names: Iterable[str]) -> None:
    listed = list(names)
    twice = sorted({name for name in listed if listed.count(name) > 1 and not is_blank(name)})
    if twice:
        raise TerminologyError(f"the table of regions has more than one column {listing(twice)}")


def _cells_with_header_in_comment(text: str) -> Cells | None:
    """Read a table with its header in the last comment above it; return None if there is none."""
    lines = text.split("\n")
    top = 0
    while top < len(lines) and (is_blank(lines[top]) or lines[top].lstrip().startswith("#")):
        top += 1
    above = [line for line in lines[:top] if not is_blank(line)]
    if not above or top == len(lines):
        return None
    header = above[-1].strip().strip("#").strip()
    delimiter = _delimiter(header)
    if not 0 < header.count(delimiter) == lines[top].count(delimiter):
        return None
    try:
        return _cells_from_csv("\n".join([header, *lines[top:]]))
    except TerminologyError:
        return None


def _delimiter(line: str) -> str:
    return max(",\t;|", key=line.count)


def _cells_from_csv(text: str) -> Cells:
    text = text.lstrip("\r\n")
    while text.startswith("#"):
        text = text.partition("\n")[2].lstrip("\r\n")
    first = text.partition("\n")[0]
    delimiter = _delimiter(first)
    if delimiter not in first and len(first.split()) > 1:
        header, rows = _rows_by_spaces(text)
    else:
        header, rows = rows_of_csv(text, delimiter)
    header = [name.strip() for name in header]
    _require_distinct(header)
    names = [name or f"column {i}" for i, name in enumerate(header)]
    return recognized({name: [row[i] for row in rows] for i, name in enumerate(names)})


def _rows_by_spaces(text: str) -> tuple[list[str], list[list[str]]]:
    """Read columns separated by spaces; a name with spaces is quoted or comes last."""
    lines = [line for line in text.splitlines() if not is_blank(line)]
    header = lines[0].split()
    rows = []
    for number, line in enumerate(lines[1:]):
        try:
            row = shlex.split(line) if '"' in line else line.split(maxsplit=len(header) - 1)
        except ValueError as error:
            raise TerminologyError(f"row {number} cannot be read: {error}") from error
        if len(row) != len(header):
            raise TerminologyError(
                f"row {number} has {len(row)} cells and the header has {len(header)}: "
                f"{listing(row[:4])}..."
            )
        rows.append([cell.strip() for cell in row])
    return header, rows


def _cells_from_json(text: str) -> Cells:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise TerminologyError(f"the table of regions is not JSON: {why}") from error
    # the Allen Institute's API answers {"success": ..., "msg": [the root]}
    rows = list(_flattened(content.get("msg", content) if isinstance(content, dict) else content))
    present = list(dict.fromkeys(key for row in rows for key in row))
    return recognized({key: [_text(row.get(key)) for row in rows] for key in present})


def _flattened(nodes: Any) -> Iterator[dict[str, Any]]:
    """Yield nested regions in preorder, each with the id of its parent."""
    waiting: list[tuple[Any, Any]] = [
        (node, None) for node in reversed(nodes if isinstance(nodes, list) else [nodes])
    ]
    while waiting:
        node, above = waiting.pop()
        if not isinstance(node, dict):
            raise TerminologyError(
                f"the table of regions holds {shown(node)} where a region is expected: a JSON "
                "object with id, acronym and name"
            )
        row = {key: value for key, value in node.items() if key != "children"}
        if above is not None:
            row["parent_structure_id"] = above
        yield row
        below = node.get("children") or []
        if not isinstance(below, list):
            raise TerminologyError(
                f"the children of {shown(node.get('name', node.get('id')))} are {shown(below)}, "
                "not a list of regions"
            )
        waiting += [(child, node.get("id")) for child in reversed(below)]


def _text(value: Any) -> str:
    if value is None:
        return ""
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except (ValueError, RecursionError):
        return shown(value)
