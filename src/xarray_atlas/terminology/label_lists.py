"""Lists of labels without a header: a number, a name and often a color per line.

Formats of ITK-SNAP, FreeSurfer, 3D Slicer (``.ctbl``), FSLeyes (``.lut``), MRtrix and MRIcron, and
plain lists of numbers and names. The first line determines the format.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from xarray_atlas.errors import TerminologyError
from xarray_atlas.terminology.cells import Cells, shown

__all__ = ["cells_from_list"]

_ID = r"\s*(?P<identifier>-?\d+)"
_PART = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_RGB = rf"(?P<red>{_PART})\s+(?P<green>{_PART})\s+(?P<blue>{_PART})"
_QUOTED = r'["“](?P<name>.*)["”]'

_OPACITY = rf"(?:\s+{_PART})?"

FORMATS = [
    (re.compile(first + r"\s*"), re.compile(line + r"\s*"))
    for first, line in (
        # ITK-SNAP: opacity, visibility and mesh visibility between color and name
        [rf"{_ID}\s+{_RGB}\s+[\d.eE+-]+\s+\d+\s+\d+\s+{_QUOTED}"] * 2,
        # MRtrix: a short and a full name
        [rf"{_ID}\s+(?P<abbreviation>\S+)\s+{_QUOTED}\s+{_RGB}{_OPACITY}"] * 2,
        # FSLeyes: the name comes last, and color components are fractions ...
        [
            rf"{_ID}\s+(?=\d*\.\d){_RGB}(?:\s+(?P<name>.+?))?",
            rf"{_ID}\s+{_RGB}(?:\s+(?P<name>.+?))?",
        ],
        # ... or integers: recognized only if the name is not an integer
        [rf"{_ID}\s+{_RGB}(?:\s+(?P<name>[^\s\d.].*?))?", rf"{_ID}\s+{_RGB}(?:\s+(?P<name>.+?))?"],
        # FreeSurfer and Slicer, with or without an opacity
        [rf"{_ID}\s+(?P<name>\S.*?)\s+{_RGB}{_OPACITY}"] * 2,
    )
]
"""For each format, a pattern that recognizes the first line, and one for every line."""

_TWO_NAMES = re.compile(
    rf"{_ID}\s+(?P<abbreviation>\S+)(?P<gap>\s+)(?!{_PART}\s)(?P<name>\S+)\s+{_RGB}{_OPACITY}\s*"
)

LONGEST = 2000
"""Number of characters of a line; no name is that long."""

MRICRON = re.compile(rf"{_ID}\s+(?P<name>\S+)\s+\d+\s*")
"""MRIcron's names of regions: the name is followed by the number in another edition."""
PLAIN = re.compile(rf"{_ID}\s+(?P<name>\S.*?)\s*")


def cells_from_list(text: str) -> Cells | None:
    """Read a list of labels; return None if the first line matches no format.

    Raises
    ------
    TerminologyError
        If a line does not match the format of the first.
    """
    lines = [line for line in text.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    if not lines or len(lines[0]) > LONGEST:
        return None
    for first, pattern in FORMATS:
        if first.fullmatch(lines[0]):
            if pattern is FORMATS[-1][1] and _have_two_names(lines):
                pattern = _TWO_NAMES
            return _cells([_match(pattern, line) for line in lines])
    delimiter = next((d for d in "\t|,;" if re.match(rf"{_ID}\s*{re.escape(d)}", lines[0])), None)
    if delimiter is not None:
        return _delimited(lines, delimiter)
    if PLAIN.fullmatch(lines[0]):
        pattern = MRICRON if _are_of_mricron(lines) else PLAIN
        return _cells([_match(pattern, line) for line in lines])
    return None


def _have_two_names(lines: Sequence[str]) -> bool:
    """Distinguish MRtrix's short and full names, in columns, from names with a space."""
    matches = [_TWO_NAMES.fullmatch(line) for line in lines if len(line) <= LONGEST]
    gaps = [match["gap"] for match in matches if match is not None]
    return len(gaps) == len(lines) and any(len(gap) > 1 or gap == "\t" for gap in gaps)


def _are_of_mricron(lines: Sequence[str]) -> bool:
    """Distinguish lines such as "1 Precentral_L 2001" from names with a number, "1 Area 44"."""
    matches = [MRICRON.fullmatch(line) for line in lines if len(line) <= LONGEST]
    names = {match["name"] for match in matches if match is not None}
    return len(names) == len(lines) > 1


def _match(pattern: re.Pattern[str], line: str) -> dict[str, str]:
    match = pattern.fullmatch(line) if len(line) <= LONGEST else None
    if match is None:
        raise TerminologyError(
            f"cannot read the label description {shown(line.strip())}: the lines before it are of "
            "another form"
        )
    return {column: value or "" for column, value in match.groupdict().items() if column != "gap"}


def _delimited(lines: Sequence[str], delimiter: str) -> Cells:
    """Read rows of two cells, number and name, or of more cells if all are understood."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    rows = [row for row in rows if any(row)]
    while all(len(row) > 2 and not row[-1] for row in rows):
        rows = [row[:-1] for row in rows]
    width = len(rows[0])
    columns = _columns_of(rows, width, delimiter)
    for row in rows:
        if len(row) != width:
            raise TerminologyError(
                f"cannot read the label description {shown(delimiter.join(row))}: it has "
                f"{len(row)} cells, and the first one has {width}"
            )
    return _cells([dict(zip(columns, row, strict=True)) for row in rows])


def _columns_of(rows: Sequence[Sequence[str]], width: int, delimiter: str) -> list[str]:
    """Name the columns of a table without a header, if that is unambiguous."""
    numbers = [
        all(re.fullmatch(_PART, row[i]) for row in rows if i < len(row)) for i in range(width)
    ]
    if width == 2 or (width == 3 and numbers[2] and not numbers[1]):
        return ["identifier", "name", "number"][:width]
    if width in (5, 6) and not numbers[1] and all(numbers[2:]):
        return ["identifier", "name", "red", "green", "blue", "alpha"][:width]
    if delimiter == "|" and width > 2:  # MRIcron's JHU atlas: a short and a full name
        return ["identifier", "abbreviation", "name", *(f"column {i}" for i in range(3, width))]
    raise TerminologyError(
        f"the table of regions has no header, and {width} columns: "
        f"{shown(delimiter.join(rows[0]))}. Begin the file with a line that names them, such as "
        "id,acronym,name; or give the columns their names: "
        "pd.read_csv(path, names=['id', 'acronym', 'name'])"
    )


def _cells(rows: Sequence[dict[str, str]]) -> Cells:
    columns = {column: [row[column] for row in rows] for column in rows[0]}
    names = {column for column in ("name", "abbreviation") if column in columns}
    return {c: [_unquoted(x) for x in v] if c in names else v for c, v in columns.items()}


def _unquoted(name: str) -> str:
    quoted = len(name) > 1 and name[0] == name[-1] and name[0] in "\"'"
    return name[1:-1] if quoted else name
