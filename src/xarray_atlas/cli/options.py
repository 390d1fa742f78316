"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

__all__ = [
    "add_atlas",
    "add_columns",
    "add_direct",
    "add_format",
    "add_frame",
    "add_level",
    "add_maps",
    "add_root",
    "add_source",
    "add_transform",
    "add_version",
    "lengths",
]


def add_format(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """Add ``--format``."""
    parser.add_argument(
        "--format", choices=formats, default="table", help="of the output (default: %(default)s)"
    )


def add_atlas(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """Add ``--format`` and the options that name an atlas."""
    add_format(parser, formats)
    add_source(parser)


def add_source(parser: argparse.ArgumentParser) -> None:
    """Add the options that name an atlas."""
    group = parser.add_argument_group("the atlas")
    group.add_argument(
        "--atlas",
        metavar="NAME_OR_PLACE",
        help="its name, such as allen_mouse_25um, or the URL or path of its manifest or of the "
        "OME-Zarr of its annotation; the packaged sample by default",
    )
    add_version(group)
    group.add_argument(
        "--terminology",
        metavar="URL_OR_PATH",
        help="the table of its regions, in any form that create_atlas takes; by default where "
        "BrainGlobe's layout puts it",
    )
    add_root(group)


def add_version(group: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--atlas-version``."""
    group.add_argument(
        "--atlas-version",
        dest="version",
        metavar="VERSION",
        help='of an atlas by name, such as "3.0"; the newest by default',
    )


def add_root(
    group: argparse.ArgumentParser | argparse._ArgumentGroup,
    meaning: str = "where to look for names: a bucket, mirror or folder in BrainGlobe's "
    "layout; by default the copies on this machine, then BrainGlobe's public bucket",
) -> None:
    """Add ``--root`` and ``--storage-option``."""
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


def add_direct(parser: argparse.ArgumentParser) -> None:
    """Add the option that leaves out descendants."""
    parser.add_argument(
        "--direct",
        action="store_true",
        help="only voxels labelled with the region itself, without its descendants",
    )


def add_level(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a level of the pyramid and describe its axes."""
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
        "the default is the middle of the volume",
    )
    group.add_argument(
        "--voxel-size",
        metavar="LENGTHS",
        type=lengths,
        help='of the finest level, such as "25 um" or "50 um, 25 um, 25 um", where the store '
        "does not say it",
    )
    group.add_argument(
        "--orientation",
        metavar="LETTERS",
        help='the anatomical position of the first voxel, such as "asr", if the store does not '
        "state it; hemispheres and frames need it",
    )


def add_frame(parser: argparse.ArgumentParser) -> None:
    """Add ``--frame``."""
    parser.add_argument(
        "--frame",
        metavar="NAME",
        help="the coordinate system of the positions; xarray-atlas frames lists all",
    )


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Add ``--points-voxel-size`` and ``--column``, for a file of points."""
    parser.add_argument(
        "--column",
        metavar="AXIS=NAME",
        type=_axis_name,
        action="append",
        default=[],
        help='the column of a file that holds an axis, such as "ap=AP (um)"; one for each axis',
    )
    parser.add_argument(
        "--points-voxel-size",
        metavar="LENGTH",
        help='size of the voxels if the file holds voxel indices, such as "25 um"',
    )


def add_transform(parser: argparse.ArgumentParser) -> None:
    """Add ``--transform`` and ``--maps``."""
    parser.add_argument(
        "--transform",
        metavar="FILE",
        action="append",
        help="of a registration: any file or folder that open_transform reads; repeatable, points "
        "go through the first one first",
    )
    add_maps(parser)


def add_maps(parser: argparse.ArgumentParser) -> None:
    """Add ``--maps``."""
    parser.add_argument(
        "--maps",
        metavar="ENDS",
        help='the spaces of the points before and after the transform: "image to atlas"',
    )


def lengths(text: str) -> str | list[str]:
    """Read one length, or one an axis."""
    parts = [part.strip() for part in text.split(",")]
    return parts[0] if len(parts) == 1 else parts


def _axis_name(text: str) -> tuple[str, str]:
    axis, _, name = text.partition("=")
    if not axis or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not AXIS=NAME")
    return axis, name


def _key_value(text: str) -> tuple[str, str | bool]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, {"true": True, "false": False}.get(value.lower(), value)
