"""Make the packaged tables of named parcellations.

    python tools/make_parcellations.py SUMMARY_STRUCTURES.csv

Beryl and Cosmos come from iblatlas, which must be installed; the Allen Institute's summary
structures from BraiAn's table of them (``braian/resources/CCFv3_summary_structures.csv``, CC0).
Written are the regions that are parcels, by acronym and id: what lies below each belongs to it.
"""

from __future__ import annotations

import csv
import importlib
import sys
from pathlib import Path

import xarray_atlas

TARGET = Path(__file__).parents[1] / "src" / "xarray_atlas" / "data" / "parcellations"
ROOT = 997
"""What iblatlas calls all that is in no parcel."""


def main(summary: Path) -> None:
    """Write the three tables."""
    regions = importlib.import_module("iblatlas.regions").BrainRegions()
    for name in ("Beryl", "Cosmos"):
        _write(
            name.lower(), {abs(i) for i in regions.id[regions.mappings[name]].tolist()} - {0, ROOT}
        )
    with summary.open(newline="") as file:
        # by id: the acronym of 677 is wrong in one release of the table
        ids = {int(row["id"]) for row in csv.DictReader(file, delimiter="\t")}
    _write("allen-summary", ids)


def _write(name: str, ids: set[int]) -> None:
    terminology = xarray_atlas.open_sample("100 um").atlas.terminology
    positions = [i for i in terminology.preorder.tolist() if terminology.ids[i] in ids]
    assert len(positions) == len(ids), name
    TARGET.mkdir(exist_ok=True)
    with (TARGET / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["region", "parcel", "id"])
        for i in positions:
            acronym = terminology.acronyms[i]
            writer.writerow([acronym, acronym, terminology.ids[i]])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
