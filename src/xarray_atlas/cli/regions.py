"""The command ``regions``."""

from __future__ import annotations

import argparse
import json

from xarray_atlas.cli import atlas
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_atlas
from xarray_atlas.cli.output import to_records, to_text
from xarray_atlas.errors import RegionNotFoundError

__all__ = ["REGIONS"]

DESCRIPTION = """\
List all regions, or find some by their acronym, the initials of their name or
words of it, in upper or lower case. The exit status is 1 if there is none.
"""

OUTPUT = """\
output:
  acronym, id, name, parent (its acronym; empty, or null in json, for a root)
  and depth (0 for a root); json: a list of objects. The best matches come
  first; all regions, or those of --regex, are in the terminology's order.

examples:
  xarray-atlas regions SC
  xarray-atlas regions visual
  xarray-atlas regions --regex "^VISp[0-9]" --format csv
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", metavar="TEXT", help="acronym, initials or words")
    parser.add_argument("--regex", action="store_true", help="TEXT is a regular expression")
    add_atlas(parser, ("table", "csv", "json"))


def _run(args: argparse.Namespace) -> str:
    from xarray_atlas.coords.atlas_index import find_atlas

    terminology, _ = find_atlas(atlas.open_named(args))
    found = terminology.regions
    if args.text is not None:
        found = found.loc[terminology.search(args.text, regex=args.regex).index]
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
    return to_text(records, args.format)


REGIONS = Command(
    "regions", "search the regions, or list all", DESCRIPTION, OUTPUT, _add_options, _run
)
