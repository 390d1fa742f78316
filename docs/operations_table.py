"""The table of what xarray's operations keep, from the rows of ``tests/support/operations.py``.

The tests run each row; here rows that differ only in the form of a label, in
the way of joining or in the file format become one line.
"""

import re
from pathlib import Path

from support.operations import OPERATIONS

# what of a row's name is a variant of the same operation
VARIANTS = [
    (re.compile(r"<list: ([^<>]+)>"), "<lengths>"),
    (re.compile(r"<((?:quantity|string|bare|DataArray)[^<>]*)>"), "<length>"),
    (re.compile(r"join='(inner|outer|left|right)'"), "join=..."),
    (re.compile(r"zarr_format=(\d)"), "zarr_format=..."),
    (re.compile(r"engine='(\w+)'"), "engine=..."),
    (re.compile(r"^(ds(?:\.isel\([^)]*\))?)(?=\.to_)"), "ds"),
]
SHORT = {
    "quantity in mm": "quantity (mm, um, cm)",
    "quantity in um": "quantity (mm, um, cm)",
    "quantity in cm": "quantity (mm, um, cm)",
    "string": "string",
    "bare number": "number (mm)",
    "DataArray of quantities": "DataArray",
    "DataArray with units in attrs": "DataArray",
    "ds": "",
    "ds.isel(z=0)": "one section too",
    "ds.isel(z=[0])": "one section too",
}

SECTIONS = [
    ("Selecting by label", re.compile(r"^\.sel\(")),
    ("Selecting by position", re.compile(r"^\.(isel|head|sortby|drop_isel|squeeze)\(")),
    (
        "Combining",
        re.compile(r"^(a [+]|a\.|xr\.(align|concat|merge|combine)|ds\.assign|\.reindex)"),
    ),
    ("pint", re.compile(r"^\.pint\.")),
    ("Computing, reshaping, copying", re.compile(r"")),
]


def write(target: Path) -> None:
    """Write the tables as Markdown."""
    parts = []
    kept = [o for o in OPERATIONS if o.units == "kept"]
    attrs = [o for o in OPERATIONS if o.units == "attrs"]
    impossible = [o for o in OPERATIONS if o.units == "impossible"]
    if len(kept) + len(attrs) + len(impossible) != len(OPERATIONS):
        raise ValueError(
            "a row of tests/support/operations.py claims something that no table shows"
        )
    parts += [
        "## Units and hierarchy are kept",
        "The values are right, the unit-aware index survives, and so does the region hierarchy.",
    ]
    left = list(kept)
    for title, pattern in SECTIONS:
        rows = [o for o in left if pattern.search(o.name)]
        left = [o for o in left if o not in rows]
        lines = [(name, notes) for name, notes, _ in _merged(rows)]
        tabular = all(notes for _, notes in lines)
        shown = _table(["Operation", "With"], lines) if tabular else _list(lines)
        parts += [f"### {title}", shown]
    parts += [
        "## The unit goes to the attributes",
        "xarray rebuilds the coordinate as plain numbers. The values are millimetres, "
        "`attrs['units']` says so, and `xarray_atlas.decode` restores the index. The last column "
        "says whether the hierarchy keeps its index, or is in the attributes of its coordinate; "
        "`.atlas` finds it in both.",
        _table(
            ["Operation", "With", "Hierarchy"],
            [
                (name, notes, "index" if o.hierarchy == "kept" else "attributes")
                for name, notes, o in _merged(attrs)
            ],
        ),
        "## Not possible, and what to call instead",
        "xarray compares the labels itself and never asks the index. Each of these raises.",
        _table(
            ["Operation", "Call instead"],
            [(name, f"`{o.instead}`") for name, _, o in _merged(impossible)],
        ),
    ]
    text = "\n\n".join(parts) + "\n"
    target.parent.mkdir(exist_ok=True)
    if not target.exists() or target.read_text() != text:
        target.write_text(text)


def _merged(rows):
    """Merge rows that are variants of one: its name, notes, and the first row."""
    found = {}
    for o in rows:
        name, variants = o.name, []
        for pattern, to in VARIANTS:
            variants += pattern.findall(name)
            name = pattern.sub(to, name)
        _, notes = found.setdefault((name, o.hierarchy, o.kinds, o.instead), (o, []))
        for note in (SHORT.get(variant, variant) for variant in variants):
            if note and note not in notes:
                notes.append(note)
    for (_, _, kinds, _), (_, notes) in found.items():
        if "dataset" not in kinds:
            notes.append("on a DataArray")
        elif len(kinds) == 1:
            notes.append("on a Dataset")
    return [(f"`{name}`", ", ".join(notes), o) for (name, *_), (o, notes) in found.items()]


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _list(rows):
    lines = [f"- {name} ({notes})" if notes else f"- {name}" for name, notes in rows]
    return "\n".join([":::{hlist}", ":columns: 2", "", *lines, ":::"])
