"""The command ``list``."""

from __future__ import annotations

import argparse
import json

from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_format, add_root
from xarray_atlas.cli.output import to_records, to_text
from xarray_atlas.errors import AtlasNotFoundError

__all__ = ["LIST"]

DESCRIPTION = """\
List the atlases that can be opened by name: those in BrainGlobe's public bucket
and the copies on this machine, or those of another root.
"""

OUTPUT = """\
output:
  name, species, resolutions, versions, and local: whether a copy of it, or of a
  part of it, is on this machine; json: a list of objects

examples:
  xarray-atlas list
  xarray-atlas list --species "mus musculus" --format csv
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--species", metavar="TEXT", help="only those whose species contains it")
    add_format(parser, ("table", "csv", "json"))
    add_root(parser)


def _run(args: argparse.Namespace) -> str:
    from xarray_atlas.atlases.listing import list_atlases

    options = dict(args.storage_option) or None
    found = list_atlases(args.root, args.species, storage_options=options)
    if found.empty:
        raise AtlasNotFoundError(f"no atlas of a species that contains {args.species!r}")
    columns = list(found.columns)
    rows = to_records(columns, *(found[column].tolist() for column in columns))
    if args.format == "json":
        return json.dumps(rows, indent=2)
    lists = ("resolutions", "versions")
    shown = [
        {**row, **{key: ", ".join(row[key]) for key in lists}, "local": str(row["local"]).lower()}
        for row in rows
    ]
    return to_text(shown, args.format)


LIST = Command(
    "list", "list the atlases that can be opened by name", DESCRIPTION, OUTPUT, _add_options, _run
)
