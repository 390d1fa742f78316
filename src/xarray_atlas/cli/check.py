"""The command ``check``: a report as text, CSV or JSON, and its exit status."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from xarray_atlas.cli import atlas
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_atlas, add_level

if TYPE_CHECKING:
    from xarray_atlas.checks.report import Report

__all__ = ["CHECK"]

DESCRIPTION = """\
Check an atlas for inconsistencies: its table of regions, its axes and
midline, the levels of its pyramid, the versions of its components; with --full
also its voxels. The exit status is 1 if there is an error.
"""

OUTPUT = """\
output:
  table  the report: findings with what to do, and what was not checked and why
  csv    a row for each finding: check, severity (error, warning or note),
         subjects (separated by "; "), message, mend
  json   an object: title, ok, errors, warnings and notes (their numbers),
         findings and checks, lists of objects

examples:
  xarray-atlas check
  xarray-atlas check --full --resolution "100 um"
  xarray-atlas check --full --atlas annotation.ome.zarr --format csv > found.csv
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--full",
        action="store_true",
        help="read the voxels too, of this level, of the finest, and of stored masks",
    )
    add_atlas(parser, ("table", "csv", "json"))
    add_level(parser)


def _run(args: argparse.Namespace) -> tuple[str, int]:
    from xarray_atlas.checks.checking import check

    ds = atlas.open_named(args)
    with atlas.progress():
        report = check(ds, args.full, dict(args.storage_option) or None)
    return _show(report, args.format), 0 if report.ok else 1


def _show(report: Report, form: str) -> str:
    from xarray_atlas.checks.report import SEVERITIES

    if form == "table":
        return str(report)
    table = report.table
    if form == "csv":
        joined = table.assign(subjects=["; ".join(found) for found in table.subjects])
        return joined.to_csv(index=False, lineterminator="\n").rstrip("\n")
    numbers = {f"{severity}s": int((table.severity == severity).sum()) for severity in SEVERITIES}
    about = {"title": report.title, "ok": report.ok, **numbers}
    findings = [
        {**row, "subjects": list(row["subjects"])} for row in table.to_dict(orient="records")
    ]
    checks = report.checks.to_dict(orient="records")
    return json.dumps({**about, "findings": findings, "checks": checks}, indent=2)


CHECK = Command(
    "check", "check an atlas for inconsistencies", DESCRIPTION, OUTPUT, _add_options, _run
)
