"""The arguments of the shell command, and the texts of its help."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from xarray_atlas import __version__
from xarray_atlas.cli import download as cli_download
from xarray_atlas.cli import positions
from xarray_atlas.cli.check import CHECK, CHECK_OUTPUT, add_options

__all__ = ["PROGRAM", "parse"]

PROGRAM = "xarray-atlas"

DESCRIPTION = """\
Ask a brain atlas from the shell. Without --atlas it is the one that comes with
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
  xarray-atlas info --atlas allen_mouse_25um
  xarray-atlas info --atlas s3://bucket/path/annotation.ome.zarr
  xarray-atlas download allen_mouse_25um

Errors are one line on stderr, with exit status 1 (2 for a wrong command line).
"""

VOLUME = """\
Measure the volume of regions, each with all its descendants, in mm**3.
"""

VOLUME_OUTPUT = """\
output:
  table  region (acronym), name, volume_mm3; rounded to the volume of a voxel
  csv    the same columns, with a header, in full precision
  json   an object: source, name, version, resolution, voxel_size_mm (an axis
         each), hemisphere, midline_mm, direct, and regions: a list of objects
         with region, name, id and volume_mm3
  With --hemisphere the column is left_mm3 or right_mm3; "both" gives the two.

examples:
  xarray-atlas volume RSP VISp
  xarray-atlas volume --id 254 --resolution "100 um"
  xarray-atlas volume --hemisphere both --format csv > volumes.csv
"""

INFO = """\
Say what an atlas is: name and version, the levels of its pyramid, its axes with
their anatomical directions, its midline and its terminology. Reads no voxel.
"""

INFO_OUTPUT = """\
output:
  from_mm and to_mm are the outer faces of the first and the last voxel along an
  axis; first_voxel_mm is the centre of a level's first voxel. json has the same
  in one object, with lists of axes and levels.
"""

REGIONS = """\
List the regions whose acronym or name contains a text (upper and lower case are
the same), or all of them. The exit status is 1 where there is none.
"""

REGIONS_OUTPUT = """\
output:
  acronym, id, name, parent (its acronym; empty, or null in json, for a root)
  and depth (0 for a root), in the terminology's order; json: a list of objects

examples:
  xarray-atlas regions visual
  xarray-atlas regions --regex "^VISp[0-9]" --format csv
"""


LIST = """\
List the atlases that can be opened by name: those of BrainGlobe's public bucket,
and the copies on this machine. Or those of another root.
"""

LIST_OUTPUT = """\
output:
  name, species, resolutions, versions, and local: whether a copy of it, or of a
  part of it, is on this machine; json: a list of objects

examples:
  xarray-atlas list
  xarray-atlas list --species "mus musculus" --format csv
"""


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the arguments, ``command`` among them; exit with status 2 where they are wrong."""
    parser = _parser()
    args, rest = parser.parse_known_args(argv)
    # argparse takes no regions after an option that follows regions
    if "regions" in args and not any(text.startswith("-") for text in rest):
        args.regions = [*args.regions, *rest]
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return args


def _parser() -> argparse.ArgumentParser:
    layout: Mapping[str, Any] = {
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "allow_abbrev": False,
    }
    parser = argparse.ArgumentParser(PROGRAM, description=DESCRIPTION, epilog=EXAMPLES, **layout)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )

    volume = commands.add_parser(
        "volume",
        help="the volume of regions, in mm**3",
        description=VOLUME,
        epilog=VOLUME_OUTPUT,
        **layout,
    )
    volume.add_argument(
        "regions", nargs="*", metavar="REGION", help="acronym or full name; all regions by default"
    )
    volume.add_argument("--id", action="append", default=[], help="a region by its id; repeatable")
    volume.add_argument(
        "--hemisphere",
        choices=("left", "right", "both"),
        help='only that side; with "both" a column each (a voxel on the midline is left)',
    )
    volume.add_argument(
        "--direct",
        action="store_true",
        help="only voxels labelled with the region itself, without its descendants",
    )
    _add_atlas(volume, ("table", "csv", "json"))
    _add_level(volume)

    info = commands.add_parser(
        "info", help="what an atlas is", description=INFO, epilog=INFO_OUTPUT, **layout
    )
    _add_atlas(info, ("table", "json"))
    _add_level(info)

    regions = commands.add_parser(
        "regions",
        help="search the regions, or list all",
        description=REGIONS,
        epilog=REGIONS_OUTPUT,
        **layout,
    )
    regions.add_argument("text", nargs="?", metavar="TEXT", help="part of an acronym or name")
    regions.add_argument("--regex", action="store_true", help="TEXT is a regular expression")
    _add_atlas(regions, ("table", "csv", "json"))

    known = commands.add_parser(
        "frames",
        help="the coordinate systems that are known for an atlas",
        description=positions.FRAMES,
        epilog=positions.FRAMES_OUTPUT,
        **layout,
    )
    _add_atlas(known, ("table", "csv", "json"))
    _add_level(known)

    at = commands.add_parser(
        "at",
        help="the region at a position, in a frame",
        description=positions.AT,
        epilog=positions.AT_OUTPUT,
        **layout,
    )
    positions.add_at(at)
    _add_atlas(at, ("table", "csv", "json"))
    _add_level(at)

    where = commands.add_parser(
        "where",
        help="where regions lie, in a frame",
        description=positions.WHERE,
        epilog=positions.WHERE_OUTPUT,
        **layout,
    )
    positions.add_where(where)
    _add_atlas(where, ("table", "csv", "json"))
    _add_level(where)

    listing = commands.add_parser(
        "list",
        help="the atlases that can be opened by name",
        description=LIST,
        epilog=LIST_OUTPUT,
        **layout,
    )
    listing.add_argument("--species", metavar="TEXT", help="only those whose species contains it")
    _add_format(listing, ("table", "csv", "json"))
    _add_root(listing)

    check = commands.add_parser(
        "check",
        help="whether an atlas agrees with itself",
        description=CHECK,
        epilog=CHECK_OUTPUT,
        **layout,
    )
    add_options(check)
    _add_atlas(check, ("table", "csv", "json"))
    _add_level(check)

    download = commands.add_parser(
        "download",
        help="copy an atlas to this machine",
        description=cli_download.DOWNLOAD,
        epilog=cli_download.DOWNLOAD_OUTPUT,
        **layout,
    )
    cli_download.add_options(download)
    _add_version(download)
    _add_root(download, cli_download.ROOT)
    return parser


def _add_format(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    parser.add_argument(
        "--format", choices=formats, default="table", help="of the output (default: %(default)s)"
    )


def _add_atlas(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    _add_format(parser, formats)
    group = parser.add_argument_group("the atlas")
    group.add_argument(
        "--atlas",
        metavar="NAME_OR_PLACE",
        help="its name, such as allen_mouse_25um, or the URL or path of its manifest or of the "
        "OME-Zarr of its annotation; the packaged sample by default",
    )
    _add_version(group)
    group.add_argument(
        "--terminology",
        metavar="URL_OR_PATH",
        help="the table of its regions, in any form that create_atlas takes; by default where "
        "BrainGlobe's layout puts it",
    )
    _add_root(group)


def _add_version(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--atlas-version",
        dest="version",
        metavar="VERSION",
        help='of an atlas by name, such as "3.0"; the newest by default',
    )


def _add_root(
    group: argparse.ArgumentParser | argparse._ArgumentGroup,
    meaning: str = "where names are looked for: a bucket, mirror or folder in BrainGlobe's "
    "layout; by default the copies on this machine, then BrainGlobe's public bucket",
) -> None:
    group.add_argument("--root", metavar="URL_OR_PATH", help=meaning)
    group.add_argument(
        "--storage-option",
        metavar="KEY=VALUE",
        type=_key_value,
        action="append",
        default=[],
        help="for fsspec, such as anon=false or endpoint_url=http://localhost:9000; repeatable; "
        "without any, s3:// is anonymous",
    )


def _add_level(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the level")
    group.add_argument(
        "--resolution",
        metavar="LENGTH",
        help='level of the pyramid, such as "25 um", or its path; the finest by default',
    )
    group.add_argument(
        "--align-levels",
        action="store_true",
        help="shift coarser levels by the translation that older stores leave out",
    )
    group.add_argument(
        "--midline",
        metavar="LENGTH",
        help='where left and right meet along the right-left axis, such as "5.7 mm"; '
        "by default half of the volume is assumed",
    )
    group.add_argument(
        "--voxel-size",
        metavar="LENGTHS",
        type=_lengths,
        help='of the finest level, such as "25 um" or "50 um, 25 um, 25 um", where the store '
        "does not say it",
    )
    group.add_argument(
        "--orientation",
        metavar="LETTERS",
        help='the sides on which the first voxel lies, such as "asr", where the store does not say '
        "it; a hemisphere or another frame asks for it",
    )


def _lengths(text: str) -> str | list[str]:
    """Read one length, or one an axis."""
    parts = [part.strip() for part in text.split(",")]
    return parts[0] if len(parts) == 1 else parts


def _key_value(text: str) -> tuple[str, str | bool]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, {"true": True, "false": False}.get(value.lower(), value)
