"""The command ``transform``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from xarray_atlas.cli import point_files
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_format, add_maps
from xarray_atlas.cli.output import to_csv, to_records, to_table, to_text
from xarray_atlas.errors import PointsError, UnitsError

if TYPE_CHECKING:
    from xarray_atlas.transforms.transform import Transform

__all__ = ["TRANSFORM"]

DESCRIPTION = """\
Map points through the transform of a registration by ANTs, ITK, elastix,
FreeSurfer, FSL, AFNI, brainreg or others. Coordinates are in the order of the
axes of the source space; a file has a column named after each axis. Without
points, describe the transform.
"""

OUTPUT = """\
output:
  the coordinates before and after, in mm; columns are named after the space and
  the axis: fixed_x, moving_x. For files of registrations these are the world
  coordinates of the images, to right, anterior and superior.

examples:
  xarray-atlas transform 1Warp.nii.gz 0GenericAffine.mat
  xarray-atlas transform affine.lta --unit mm --at 1.5 -3.2 2.0
  xarray-atlas transform 1Warp.nii.gz 0GenericAffine.mat --inverse \\
      --maps "image to atlas" --unit um --points soma.csv --format csv
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "transform",
        nargs="+",
        metavar="TRANSFORM",
        help="a file or folder; points go through the first one first",
    )
    parser.add_argument(
        "--at",
        nargs=3,
        type=float,
        action="append",
        metavar=("X", "Y", "Z"),
        help="a position; repeatable",
    )
    parser.add_argument("--points", metavar="FILE", help="a file of points instead of --at")
    parser.add_argument("--unit", metavar="UNIT", help='of the positions, such as "um" or "mm"')
    add_maps(parser)
    parser.add_argument(
        "--inverse", action="store_true", help="map points from the second space to the first"
    )
    add_format(parser, ("table", "csv", "json"))


def _run(args: argparse.Namespace) -> str:
    transform = point_files.transform_of(args)
    assert transform is not None  # there is at least one file
    if args.inverse:
        transform = transform.inverse()
    if args.at and args.points:
        raise PointsError("pass positions by --at or by a file, --points; not both")
    ends = (transform.source, transform.target)
    if not args.at and not args.points:
        about: dict[str, Any] = {
            "transform": repr(transform),
            **{
                key: {"name": end.name, "axes": end.axes, "directions": end.directions}
                for key, end in zip(("source", "target"), ends, strict=True)
            },
        }
        if args.format == "json":
            return json.dumps(about, indent=2)
        rows = [
            {"": key, "space": end.name, "axes": ", ".join(end.axes)}
            | {"directions": ", ".join(end.directions)}
            for key, end in zip(("from", "to"), ends, strict=True)
        ]
        return to_csv(rows) if args.format == "csv" else f"{transform!r}\n\n{to_table(rows)}"
    positions = _positions(args, transform)
    moved = transform.points(positions)
    names = [f"{end.name}_{axis}" for end in ends for axis in end.axes]
    rows = to_records(names, *positions.T.tolist(), *moved.T.tolist())
    if args.format == "json":
        return json.dumps({"unit": "mm", "points": rows}, indent=2)
    return to_text(rows, args.format)


def _positions(args: argparse.Namespace, transform: Transform) -> Any:
    """Return the points that were passed as an (n, 3) array, in mm."""
    import numpy as np

    from xarray_atlas.coords.units import unit_factor

    axes = transform.source.axes
    units: set[str | None] = {None}
    if args.at:
        columns = np.transpose(args.at)
    else:
        ask = "this command takes lengths. Count such points through a --transform with 'cells'"
        points = point_files.opened(args.points, None, ask)
        missing = [axis for axis in axes if axis not in points]
        if missing:
            there = ", ".join(map(str, points.variables))
            raise PointsError(
                f"{args.points} has no column {missing[0]!r}; the axes of "
                f"{transform.source.name!r} are {', '.join(axes)}, and the columns are {there}"
            )
        plain = points[list(axes)].pint.dequantify()
        columns = np.array([plain[axis].values for axis in axes], dtype=np.float64)
        units = {plain[axis].attrs.get("units") for axis in axes}
    (unit,) = units if len(units) == 1 else {None}
    if unit and args.unit and unit != args.unit:
        raise UnitsError(f"{args.points} says that its positions are in {unit}, not {args.unit}")
    if not (unit or args.unit):
        raise UnitsError("the unit of the positions is not stated; pass --unit um or --unit mm")
    return columns.T * unit_factor(unit or args.unit)


TRANSFORM = Command(
    "transform", "map points through a registration", DESCRIPTION, OUTPUT, _add_options, _run
)
