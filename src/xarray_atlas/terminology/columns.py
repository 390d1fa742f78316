"""Recognize the columns of tables of regions under the names that other tools give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from xarray_atlas.errors import TerminologyError
from xarray_atlas.terminology.cells import Cells, is_blank, listing

__all__ = ["Found", "integer", "labels_in", "recognized", "stated_rows"]

Found: TypeAlias = Mapping[str, str | None]
"""The name of each of BrainGlobe's columns in a table, None if it is missing."""

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

``labels`` and ``parent`` (an acronym) are columns of `Terminology.regions`.
"""

OTHER_NAMES = {
    "identifier": (
        "idx", "structureid", "structuralid", "regionid", "roiid", "labelid", "label",
        "labelvalue", "labelnumber", "voxelvalue", "value", "roi", "number", "no",
    ),
    "annotation_value": ("label", "labelvalue", "voxelvalue"),
    "name": (
        "fullname", "longname", "regionname", "structurename", "labelname", "roiname",
        "franklinpaxinosfullname", "region", "structure", "label", "roi", "description",
    ),
    "abbreviation": ("abbr", "abbrev", "shortname", "franklinpaxinosabbreviation"),
    "color_hex_triplet": ("colour", "hexcolor", "hexcolour", "colorhex", "hex", "rgb", "rgba"),
}  # fmt: skip
"""Names to look for in lower case, without spaces and signs, if none of these is found.

A column called "label" or "roi" may hold numbers or names: its cells are inspected.
"""

PARTS = [("red", "r", "colorr"), ("green", "g", "colorg"), ("blue", "b", "colorb")]
"""Names of columns for the components of a color."""

MISSING = frozenset({"n/a", "N/A", "#N/A", "nan", "NaN", "<NA>"})
"""Cells that denote a missing value in BIDS, spreadsheets and pandas."""
NO_NUMBER = MISSING | {"NA", "None", "none", "null", "NULL"}
"""The same where a number or a color is expected, so that they cannot be names."""


def recognized(columns: Cells) -> Cells:
    """Rename the columns of a table to BrainGlobe's names, and fill missing ones.

    Blank rows, and columns without a header and cells, are dropped. Unknown columns are kept, as
    one may give the hemisphere.

    Raises
    ------
    TerminologyError
        If a column is missing, or several candidates exist.
    """
    columns, found, _ = stated_rows(columns)
    cells = {column: columns[name] for column, name in found.items() if name is not None}
    others = {name: cell for name, cell in columns.items() if name not in found.values()}
    return _filled(_without_missing({**cells, **others}), found)


def stated_rows(columns: Cells) -> tuple[Cells, Found, list[int]]:
    """Drop columns that have neither header nor cells, and rows without a region.

    Rows are dropped if all their cells, or all those of known columns, are blank.

    Returns
    -------
    columns : dict of str to list of str
    found : mapping of str to str or None
        See `find_columns`.
    rows : list of int
        The rows that were kept.
    """
    headed = {
        name: cells
        for name, cells in columns.items()
        if not (is_headless(name) and all(map(is_blank, cells)))
    }
    found = find_columns(headed)
    known = [headed[name] for name in found.values() if name is not None]
    rows = [i for i, row in enumerate(zip(*known, strict=True)) if not all(map(is_blank, row))]
    return {name: [cells[i] for i in rows] for name, cells in headed.items()}, found, rows


def is_headless(name: str) -> bool:
    """Return whether a column has no header; pandas names it "Unnamed: 3"."""
    return is_blank(name) or re.fullmatch(r"Unnamed: \d+|column \d+", name) is not None


def find_columns(columns: Cells) -> dict[str, str | None]:
    """Find the name of each of BrainGlobe's columns in a table.

    Raises
    ------
    TerminologyError
        If there is no column of labels or of names, or several candidates exist.
    """
    found = {
        column: next((name for name in accepted if name in columns), None)
        for column, accepted in NAMES.items()
    }
    exact = found["identifier"] is not None
    for column, names in NAMES.items():
        for wanted in (*map(_plain, names), *OTHER_NAMES.get(column, ())):
            if found[column] is None:
                found[column] = _called(columns, wanted, column, set(found.values()))
    _require_one_label(columns, found, exact)
    missing = [column for column in ("identifier", "name") if found[column] is None]
    if missing:
        raise TerminologyError(_explain_missing(columns, missing))
    return found


def _called(columns: Cells, wanted: str, column: str, taken: set[str | None]) -> str | None:
    """Return the column of a given name in any spelling, if its cells are of the right kind."""
    names = [n for n in columns if _plain(n) == wanted and n not in taken]
    if column in ("identifier", "annotation_value") and wanted not in map(_plain, NAMES[column]):
        names = [name for name in names if _are_integers(columns[name])]
    elif column == "name" and wanted != "name":
        names = [name for name in names if not _are_integers(columns[name])]
    if len(names) > 1:
        raise TerminologyError(
            f"the table of regions has more than one column for the {column}: {listing(names)}; "
            "drop or rename all but one"
        )
    return names[0] if names else None


def _require_one_label(columns: Cells, found: Mapping[str, str | None], exact: bool) -> None:
    """Raise an error if both "id" and "index" exist and have different numbers."""
    own, other = found["identifier"], next((n for n in columns if _plain(n) == "index"), None)
    if own is None or other is None or own == other or found["annotation_value"] is not None:
        return
    numbers = [[integer(cell) for cell in columns[name]] for name in (own, other)]
    counted = numbers[1] == list(range(len(numbers[1])))  # the row numbers that pandas writes
    if exact and None not in numbers[1] and numbers[0] != numbers[1] and not counted:
        raise TerminologyError(
            f"the table of regions has the columns {own!r} and {other!r}, and either may be the "
            "label in the image: call that one 'annotation_value' "
            f"(table.rename(columns={{{other!r}: 'annotation_value'}})), or drop the other"
        )


def _explain_missing(columns: Cells, missing: Sequence[str]) -> str:
    known = "; ".join(f"{column} may be called {listing(NAMES[column])}" for column in missing)
    names = list(columns)
    text = (
        f"the table of regions lacks {listing(missing)} ({known}); "
        f"its columns are {listing(names) or 'none at all'}"
    )
    if any(integer(name) is not None for name in names):
        return (
            f"{text}. Is that a row, and there is no header? Begin the file with a line such as "
            "id,name, or give the columns their names: pd.read_csv(path, names=['id', 'name'])"
        )
    wanted = "id" if missing[0] == "identifier" else missing[0]
    return (
        f"{text}. Rename the column: table.rename(columns={{'...': {wanted!r}}})" if names else text
    )


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.lower())


def _are_integers(cells: Iterable[str]) -> bool:
    """Return whether all non-empty cells are integers, and there are some."""
    there = [cell for cell in cells if not is_blank(cell) and cell.strip() not in NO_NUMBER]
    return bool(there) and all(integer(cell) is not None for cell in there)


def _without_missing(cells: Cells) -> Cells:
    """Replace cells that denote a missing value by empty ones."""
    named = {"name", "abbreviation"}
    return {
        column: ["" if cell.strip() in (MISSING if column in named else NO_NUMBER) else cell
                 for cell in values]
        for column, values in cells.items()
    }  # fmt: skip


def _filled(cells: Cells, found: Mapping[str, str | None]) -> Cells:
    """Fill the columns that a table lacks: labels from ids, parents from paths."""
    own = cells["identifier"]
    blank = [""] * len(own)
    filled = dict(cells)
    if found["annotation_value"] is None:
        filled["annotation_value"] = list(own)
    if found["abbreviation"] is None:
        filled["abbreviation"] = blank
    if all(map(is_blank, cells.get("color_hex_triplet", blank))):
        filled["color_hex_triplet"] = _colors_of_parts(cells) or blank
    if found["parent_identifier"] is None and "parent" in cells:
        filled["parent_identifier"] = _parents_by_name(cells, filled["abbreviation"])
    elif found["parent_identifier"] is None:
        paths = cells.get("root_identifier_path", blank)
        filled["parent_identifier"] = list(map(_parent_in, paths, own))
    return filled


def _colors_of_parts(cells: Cells) -> list[str] | None:
    """Combine columns for red, green and blue into triplets."""
    called = [
        next((name for name in cells if _plain(name) in accepted), None) for accepted in PARTS
    ]
    if None in called:
        return None
    parts = zip(*(cells[str(name)] for name in called), strict=True)
    return ["" if any(map(is_blank, triplet)) else f"[{', '.join(triplet)}]" for triplet in parts]


def _parent_in(path: str, own: str) -> str:
    """Return the id before the region's id in a path such as ``/997/8/`` or ``[997, 8]``."""
    ids = re.findall(r"[^\s,/\[\]\"']+", path)
    above = ids[:-1] if ids[-1:] == [own.strip()] else ids
    return above[-1] if above else ""


def _parents_by_name(cells: Cells, acronyms: list[str]) -> list[str]:
    """Look up parents given by acronym, or by id if no acronym matches."""
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


def integer(cell: str) -> int | None:
    """Parse a cell such as "997" or "997.0" as an integer; return None if it is not one."""
    whole, _, fraction = cell.strip().partition(".")
    try:
        return None if fraction.strip("0") else int(whole)
    except ValueError:
        return None


def labels_in(cell: str) -> list[int]:
    """Parse a cell of labels, such as "997" or "[1, 2]"; ignore non-integers."""
    parts = map(integer, cell.strip("[] ").split(","))
    return [label for label in parts if label is not None]
