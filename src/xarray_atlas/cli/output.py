"""Output of the shell command: records as a text table or as CSV."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections.abc import Sequence
from typing import Any

from xarray_atlas.printable import one_line

__all__ = ["Row", "times", "to_csv", "to_records", "to_table", "to_text"]

Row = dict[str, Any]


def to_records(columns: Sequence[str], *values: Sequence[Any]) -> list[Row]:
    """Turn columns into rows."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)]


def times(numbers: Any) -> str:
    """Write numbers with a times sign between them."""
    return " x ".join(f"{number:g}" for number in numbers)


def to_csv(records: Sequence[Row]) -> str:
    """Write records as CSV with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().rstrip("\n")


def to_table(records: Sequence[Row], decimals: int | None = None) -> str:
    """Align records in columns, numbers to the right; on a terminal, names fit its width."""
    columns = list(records[0])
    right = {c for c in columns if all(isinstance(record[c], int | float) for record in records)}
    rows = [dict(zip(columns, columns, strict=True))]
    rows += [{c: _cell(record[c], decimals) for c in columns} for record in records]
    widths = {c: max(len(row[c]) for row in rows) for c in columns}
    if "name" in widths and sys.stdout is not None and sys.stdout.isatty():
        others = sum(widths.values()) - widths["name"] + 2 * (len(columns) - 1)
        widths["name"] = min(widths["name"], max(shutil.get_terminal_size().columns - others, 12))
        for row in rows:
            if len(row["name"]) > widths["name"]:
                row["name"] = row["name"][: widths["name"] - 3] + "..."
    return "\n".join(
        "  ".join(f"{row[c]:{'>' if c in right else '<'}{widths[c]}}" for c in columns).rstrip()
        for row in rows
    )


def to_text(records: Sequence[Row], form: str, decimals: int | None = None) -> str:
    """Write records as ``--format`` asks, "csv" or "table"; `decimals` are those of the table."""
    return to_csv(records) if form == "csv" else to_table(records, decimals)


def _cell(value: Any, decimals: int | None) -> str:
    if isinstance(value, float):
        return f"{value:g}" if decimals is None else f"{value:.{decimals}f}"
    return "" if value is None else one_line(value)
