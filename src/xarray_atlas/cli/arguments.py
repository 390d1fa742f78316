"""The arguments of the shell program, and the text of its help."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from xarray_atlas import __version__
from xarray_atlas.cli.aggregate import AGGREGATE
from xarray_atlas.cli.cells import CELLS
from xarray_atlas.cli.check import CHECK
from xarray_atlas.cli.completion import COMPLETION
from xarray_atlas.cli.convert import CONVERT
from xarray_atlas.cli.download import DOWNLOAD
from xarray_atlas.cli.info import INFO
from xarray_atlas.cli.listing import LIST
from xarray_atlas.cli.positions import AT, FRAMES, WHERE
from xarray_atlas.cli.regions import REGIONS
from xarray_atlas.cli.section import SECTION
from xarray_atlas.cli.transform import TRANSFORM
from xarray_atlas.cli.volume import VOLUME

__all__ = ["COMMANDS", "PROGRAM", "build_parser", "parse"]

PROGRAM = "xarray-atlas"

DESCRIPTION = """\
Query a brain atlas from the shell. The default atlas is the one that comes with
the package: the Allen mouse brain (CCFv3, 2017) at 50 and 100 um.
"""

EXAMPLES = """\
examples:
  xarray-atlas volume RSP VISp
  xarray-atlas volume "Primary visual area" --hemisphere both --format csv
  xarray-atlas regions visual
  xarray-atlas list --species "mus musculus"
  xarray-atlas at --frame ibl --unit mm -- 0.5 -3.1 -4.5
  xarray-atlas where VTA --frame ibl
  xarray-atlas cells cells.csv --frame allen --unit um
  xarray-atlas section --ap "8 mm" coronal.png
  xarray-atlas info --atlas allen_mouse_25um
  xarray-atlas info --atlas s3://bucket/path/annotation.ome.zarr
  xarray-atlas download allen_mouse_25um

Errors are one line on stderr, with exit status 1 (2 for a wrong command line).
"""

_ABOUT_REGIONS = (VOLUME, INFO, REGIONS, FRAMES, AT, WHERE)
_WITH_FILES = (CELLS, AGGREGATE, TRANSFORM, SECTION, CONVERT)
_OTHERS = (LIST, CHECK, DOWNLOAD, COMPLETION)

COMMANDS = {command.name: command for command in (*_ABOUT_REGIONS, *_WITH_FILES, *_OTHERS)}
"""The commands, in the order of the help."""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments, including ``command``; exit with status 2 if they are wrong."""
    parser = build_parser()
    args, rest = parser.parse_known_args(argv)
    # argparse takes no regions after an option that follows regions
    if "regions" in args and not any(text.startswith("-") for text in rest):
        args.regions = [*args.regions, *rest]
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return args


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands; help, completion and the man page are made from it."""
    layout: Mapping[str, Any] = {
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }
    parser = argparse.ArgumentParser(PROGRAM, description=DESCRIPTION, epilog=EXAMPLES, **layout)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )
    for command in COMMANDS.values():
        added = commands.add_parser(
            command.name,
            help=command.help,
            description=command.description,
            epilog=command.epilog,
            **layout,
        )
        command.add_options(added)
    return parser
