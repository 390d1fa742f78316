"""The command ``section``."""

from __future__ import annotations

import argparse

from xarray_atlas.cli import atlas
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_frame, add_level, add_source
from xarray_atlas.errors import GridError
from xarray_atlas.optional import optional

__all__ = ["SECTION"]

DESCRIPTION = """\
Draw a section of the atlas into a picture: PNG, SVG or PDF, by the ending of
its name. Needs the extra "plot".
"""

OUTPUT = """\
output:
  the path of the picture

examples:
  xarray-atlas section --ap "8 mm" coronal.png
  xarray-atlas section --ap=-2mm --frame ibl --level 6 coronal.svg
  xarray-atlas section --region VTA --axis ml sagittal.pdf --width 85
"""

AXES = {"ap": "anterior-posterior", "dv": "superior-inferior", "ml": "left-right"}


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("picture", metavar="FILE", help="the picture to write")
    for axis, name in AXES.items():
        parser.add_argument(
            f"--{axis}",
            metavar="LENGTH",
            help=f'position of the plane along the {name} axis, such as "8 mm" (negative: '
            f"--{axis}=-2mm)",
        )
    parser.add_argument("--region", metavar="REGION", help="draw the plane through that region")
    parser.add_argument(
        "--axis",
        choices=tuple(AXES),
        help="the axis that the plane of --region is perpendicular to (default: ap)",
    )
    add_frame(parser)
    parser.add_argument("--tilt", metavar="ANGLE", help='of the plane, such as "5 deg"')
    parser.add_argument("--roll", metavar="ANGLE", help='of the plane, such as "5 deg"')
    parser.add_argument(
        "--level",
        type=int,
        dest="depth",
        metavar="LEVEL",
        help="draw the regions at that level of the hierarchy; the root is 0",
    )
    parser.add_argument(
        "--width", type=float, default=180, metavar="MM", help="in mm (default: %(default)g)"
    )
    parser.add_argument(
        "--dpi", type=int, default=300, help="of a PNG, in dots per inch (default: %(default)s)"
    )
    add_source(parser)
    add_level(parser)


def _run(args: argparse.Namespace) -> str:
    from xarray_atlas.plotting.section import section

    optional("matplotlib", "plot", "drawing sections")
    from matplotlib.figure import Figure

    where = {axis: getattr(args, axis) for axis in (*AXES, "region") if getattr(args, axis)}
    if len(where) != 1:
        raise GridError("pass one of --ap, --dv, --ml and --region: where the plane lies")
    if args.axis and "region" not in where:
        raise GridError("--axis goes with --region; --ap, --dv and --ml name the axis themselves")
    if not (args.width > 0 and args.dpi > 0):
        raise GridError("--width and --dpi are sizes above 0")
    ds = atlas.open_named(args)
    width = args.width / 25.4
    figure = Figure(figsize=(width, 0.75 * width), layout="constrained")
    angles = {"tilt": args.tilt, "roll": args.roll}
    with atlas.progress():
        section(
            ds,
            **where,
            axis=args.axis or "ap",
            frame=args.frame,
            **angles,
            level=args.depth,
            ax=figure.subplots(),
        )
        figure.savefig(args.picture, dpi=args.dpi)
    return str(args.picture)


SECTION = Command("section", "draw a section", DESCRIPTION, OUTPUT, _add_options, _run)
