"""The command ``download``."""

from __future__ import annotations

import argparse
import sys

from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_root, add_version

__all__ = ["DOWNLOAD"]

DESCRIPTION = """\
Copy an atlas to this machine, to be read without a network. The same command
resumes what was interrupted; another level or component is added to the copy.
A copy that is not complete is never read as if what is missing were zeros.
"""

OUTPUT = """\
output:
  the folder of the copy, which --root takes; progress goes to stderr

examples:
  xarray-atlas download allen_mouse_25um
  xarray-atlas download allen_mouse --resolution all --include annotation
  xarray-atlas download allen_mouse_25um --verify
  root="$(xarray-atlas download allen_mouse_25um)"
  xarray-atlas info --atlas allen_mouse_25um --root "$root"
"""

ROOT = (
    "what is copied: a bucket, mirror or folder in BrainGlobe's layout; BrainGlobe's public bucket "
    "by default"
)
"""The help of an option that means another thing elsewhere."""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="such as allen_mouse_25um")
    parser.add_argument(
        "--folder", metavar="PATH", help="of the copy; by default in the user's data directory"
    )
    parser.add_argument(
        "--resolution",
        metavar="LENGTH",
        action="append",
        help='level of the pyramid, such as "25 um", or its path, or "all"; repeatable; '
        "by default that of the name, else the finest",
    )
    parser.add_argument(
        "--include",
        metavar="COMPONENT",
        action="append",
        help="annotation, template, hemispheres (these three by default, those that there are), "
        "masks, meshes, or the name of another reference; repeatable",
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read all files of the copy, compare their MD5 with those that they had when they "
        "came, and fetch again what differs",
    )
    add_version(parser)
    add_root(parser, ROOT)


def _run(args: argparse.Namespace) -> str:
    from xarray_atlas.atlases.downloading import USUAL, copy_atlas

    copied = copy_atlas(
        args.name,
        args.folder,
        resolution=args.resolution,
        version=args.version,
        include=args.include or USUAL,
        root=args.root,
        storage_options=dict(args.storage_option) or None,
        progress=sys.stderr is not None and sys.stderr.isatty(),
        verify=args.verify,
    )
    if args.verify and sys.stderr is not None:
        print(f"xarray-atlas: {copied.sentence}", file=sys.stderr)
    return str(copied.folder)


DOWNLOAD = Command(
    "download", "copy an atlas to this machine", DESCRIPTION, OUTPUT, _add_options, _run
)
