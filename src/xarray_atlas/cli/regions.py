"""The command ``regions``."""

from __future__ import annotations

import argparse
import json

from xarray_atlas.cli import atlas
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_atlas
from xarray_atlas.cli.output import to_csv, to_records, to_table
from xarray_atlas.errors import RegionNotFoundError

__all__ = ["REGIONS"]

DESCRIPTION = """\
List the regions whose acronym or name contains a text (upper and lower case are
the same), or all of them. The exit status is 1 where there is none.
"""

OUTPUT = """\
output:
  acronym, id, name, parent (its acronym; empty, or null in json, for a root)
  and depth (0 for a root), in the terminology's order; json: a list of objects

examples:
  xarray-atlas regions visual
  xarray-atlas regions --regex "^VISp[0-9]" --format csv
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", metavar="TEXT", help="part of an acronym or name")
    parser.add_argument("--regex", action="store_true", help="TEXT is a regular expression")
    add_atlas(parser, ("table", "csv", "json"))


def _run(args: argparse.Namespace) -> str:
    from xarray_atlas.coords.atlas_index import find_atlas

    terminology, _ = find_atlas(atlas.open_named(args))
    if args.text is None:
        found = terminology.regions
    else:
        found = terminology.search(args.text, regex=args.regex)
    if found.empty:
        how = "matches" if args.regex else "contains"
        raise RegionNotFoundError(
            f"no region whose acronym or name {how} {args.text!r} in "
            f"{terminology.name or 'the terminology'} ({len(terminology)} regions)"
        )
    columns = ["acronym", "id", "name", "parent", "depth"]
    records = to_records(columns, *(found[column].tolist() for column in columns))
    if args.format == "json":
        return json.dumps(
            [{**record, "parent": record["parent"] or None} for record in records], indent=2
        )
    return to_csv(records) if args.format == "csv" else to_table(records)


REGIONS = Command(
    "regions", "search the regions, or list all", DESCRIPTION, OUTPUT, _add_options, _run
)
