"""Named parcellations, and tables of regions and their parcels."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xarray_atlas.errors import ParcellationError
from xarray_atlas.parcellation.cuts import Cut, Part, by_table
from xarray_atlas.terminology import Region, Terminology
from xarray_atlas.terminology.cells import counted, listing

__all__ = ["NAMED", "named_cut", "parcel_frame", "read_cut"]

NAMED = ("allen-summary", "beryl", "cosmos")
"""The packaged parcellations."""

COLUMNS = ("region", "parcel")

LISTS = (list, tuple, set, frozenset, np.ndarray, pd.Index, pd.Series)

Rows = list[tuple[Any, Any]]


def read_cut(terminology: Terminology, parcellation: Any) -> Cut:
    """Divide a hierarchy by a name, a mapping, a table or the path of a CSV.

    Raises
    ------
    ParcellationError
        If there is no such parcellation, or parcels overlap.
    """
    if isinstance(parcellation, str) and parcellation.lower() in NAMED:
        return named_cut(terminology, parcellation.lower())
    if isinstance(parcellation, str | os.PathLike):
        path = Path(parcellation)
        if isinstance(parcellation, str) and path.suffix.lower() != ".csv" and not path.is_file():
            raise ParcellationError(
                f"no parcellation {parcellation!r}; there are {listing(NAMED)}, and tables of "
                "regions and parcels (.csv)"
            )
        rows = _rows_of_csv(path.read_text(encoding="utf-8-sig"), str(path))
        return by_table(terminology, _resolved(terminology, rows), path.stem)
    if isinstance(parcellation, pd.DataFrame):
        rows = _rows_of_frame(parcellation)
        name = counted(len({parcel for _, parcel in rows}), "parcel")
        return by_table(terminology, _resolved(terminology, rows), name)
    if isinstance(parcellation, Mapping):
        return _cut_by_mapping(terminology, parcellation)
    raise TypeError(
        "a parcellation is a name, a mapping, a table of regions and parcels, or the path of "
        f"its CSV, not a {type(parcellation).__name__}"
    )


def named_cut(terminology: Terminology, name: str) -> Cut:
    """Divide the Allen terminology by a packaged parcellation.

    Raises
    ------
    ParcellationError
        If regions of the parcellation are missing, as in another terminology.
    """
    text = files("xarray_atlas").joinpath("data", "parcellations", f"{name}.csv").read_text("utf-8")
    table = list(csv.DictReader(io.StringIO(text)))
    # the Allen Institute's tables have "MBA:997"
    there = {str(i).removeprefix("MBA:"): k for k, i in enumerate(terminology.ids.tolist())}
    missing = [
        row["region"]
        for row in table
        if row["id"] not in there or terminology.acronyms[there[row["id"]]] != row["region"]
    ]
    if missing:
        raise ParcellationError(
            f"{name!r} is a parcellation of the Allen mouse brain's regions, and "
            f"{terminology!r} lacks {len(missing)}: {listing(missing)}. Cut another terminology "
            "with level=, regions= or mapping="
        )
    rows = ((there[row["id"]], there[row["id"]]) for row in table)
    return by_table(terminology, rows, name)


def parcel_frame(terminology: Terminology, cut: Cut) -> pd.DataFrame:
    """Return a division as the two-column table that `read_cut` reads, with a row per region."""
    order = np.argsort(cut.of_region, kind="stable")
    order = order[cut.of_region[order] >= 0]
    names = np.where(terminology.acronyms == "", terminology.names, terminology.distinct_acronyms)
    parcels = [p if isinstance(p, str) else names[p] for p in cut.parts]
    return pd.DataFrame(
        {"region": names[order].tolist(), "parcel": [parcels[k] for k in cut.of_region[order]]}
    )


def _cut_by_mapping(terminology: Terminology, mapping: Mapping[Any, Any]) -> Cut:
    """Read {parcel: regions} or {region: parcel}, depending on the type of the values."""
    lists = [isinstance(v, LISTS) for v in mapping.values()]
    if not lists:
        raise ParcellationError("the mapping is empty; a parcellation needs one parcel at least")
    if all(lists):
        empty = [parcel for parcel, regions in mapping.items() if not len(regions)]
        if empty:
            raise ParcellationError(f"parcels without a region: {listing(list(map(str, empty)))}")
        rows = [(region, parcel) for parcel, regions in mapping.items() for region in regions]
        found = _resolved(terminology, rows)
        return by_table(terminology, found, counted(len(lists), "parcel"), complete=False)
    if any(lists):
        raise TypeError(
            "a mapping is {parcel: [regions]} or {region: parcel}, not both: some of its values "
            "are lists, and some are not"
        )
    name = counted(len(set(mapping.values())), "parcel")
    return by_table(terminology, _resolved(terminology, mapping.items()), name)


def _resolved(terminology: Terminology, rows: Iterable[tuple[Any, Any]]) -> list[tuple[int, Part]]:
    """Look up the regions, and the parcels that are regions."""
    return [(terminology.position(region), _part(terminology, p)) for region, p in rows]


def _part(terminology: Terminology, parcel: Any) -> Part:
    """Return the position of the region with a parcel's name, or else the name."""
    if not isinstance(parcel, str):
        if isinstance(parcel, int | np.integer | Region) and not isinstance(parcel, bool):
            return terminology.position(parcel)
        raise TypeError(f"a parcel is called by a name, or is a region, not {parcel!r}")
    if not parcel.strip():
        raise ParcellationError("a parcel has no name; leave the regions of no parcel out")
    # by acronym only: a parcel with a full name would be shown by the acronym
    if parcel in terminology.distinct_acronyms or parcel in terminology.acronyms:
        return terminology.position(parcel)
    return parcel


def _rows_of_csv(text: str, where: str) -> Rows:
    """Read two columns of text, without converting or dropping cells."""
    try:
        header, *lines = [row for row in csv.reader(io.StringIO(text, newline="")) if row] or [[]]
    except csv.Error as error:
        raise ParcellationError(f"{where} is not CSV: {error}") from error
    at = _columns(header, where)
    for number, line in enumerate(lines):
        if len(line) != len(header):
            raise ParcellationError(
                f"row {number} of {where} has {len(line)} cells and the header has {len(header)}"
            )
    if not lines:
        raise ParcellationError(f"{where} has no rows")
    return [(line[at[0]], line[at[1]]) for line in lines]


def _rows_of_frame(frame: pd.DataFrame) -> Rows:
    at = _columns([str(column) for column in frame.columns], "the table of parcels")
    columns = [frame.iloc[:, i].tolist() for i in at]
    if not columns[0]:
        raise ParcellationError("the table of parcels has no rows")
    for name, column in zip(COLUMNS, columns, strict=True):
        missing = [row for row, cell in enumerate(column) if pd.isna(cell)]
        if missing:
            raise ParcellationError(
                f"{name} of row {missing[0]} is missing; pandas reads one called 'NA' as missing: "
                "pass keep_default_na=False to read_csv, or the path itself"
            )
    return list(zip(*columns, strict=True))


def _columns(header: Sequence[str], where: str) -> tuple[int, int]:
    """Return the positions of the region and parcel columns."""
    if all(header.count(name) == 1 for name in COLUMNS):
        return header.index("region"), header.index("parcel")
    raise ParcellationError(
        f"{where} has the columns {listing(list(header))}; it needs 'region' and 'parcel'"
    )
