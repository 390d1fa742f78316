"""The command ``cells``."""

from __future__ import annotations

import argparse
import json
import sys

from xarray_atlas.cli import atlas, point_files, tables
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import (
    add_atlas,
    add_columns,
    add_frame,
    add_level,
    add_transform,
)
from xarray_atlas.cli.output import to_text
from xarray_atlas.errors import PointsError

__all__ = ["CELLS"]

DESCRIPTION = """\
Count cells, or other points, by region, with the volumes and densities of the
regions. Reads the files of cellfinder, brainmapper, QuPath, Imaris, ilastik,
napari, Nutil and others, and tables of your own.
"""

OUTPUT = """\
output:
  region (acronym), name, id, a column for each --by, hemisphere if asked for,
  count, volume_mm3 and density_per_mm3: a row for each region with a point in
  any group. A region counts the points of its descendants. Points in no region
  are counted on stderr; json: an object with them and a list of rows.

examples:
  xarray-atlas cells cells.csv --frame allen --unit um
  xarray-atlas cells */all_points.csv --by animal --points-voxel-size "25 um"
  xarray-atlas cells cells.csv --frame ibl --unit um --level 6 --format csv
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="of points; one for each animal")
    add_columns(parser)
    add_frame(parser)
    parser.add_argument("--unit", metavar="UNIT", help='of the positions, such as "um" or "mm"')
    add_transform(parser)
    parser.add_argument(
        "--by",
        metavar="COLUMN",
        action="append",
        help='count by a column of the files, or by "animal"; repeatable',
    )
    tables.add_by_region(parser)
    add_atlas(parser, ("table", "csv", "json"))
    add_level(parser)


LOST = ("background", "unknown_label", "outside", "other_side")


def _run(args: argparse.Namespace) -> str:
    from xarray_atlas.points.counts import count_points

    ds = atlas.open_named(args)
    files = args.files[0] if len(args.files) == 1 else args.files
    points = point_files.opened(files, args.points_voxel_size)
    missing = [name for name in args.by or () if name not in points.variables]
    if missing:
        there = ", ".join(sorted(map(str, points.variables)))
        raise PointsError(f"there is no column {missing[0]!r} to count by; there are {there}")
    with atlas.progress():
        found = count_points(
            ds,
            points,
            args.by,
            frame=args.frame,
            unit=args.unit,
            columns=dict(args.column) or None,
            transform=point_files.transform_of(args),
            resolution=args.points_voxel_size,
            **tables.asked(args),
        )
    columns = {"count": "count", "volume": "volume_mm3", "density": "density_per_mm3"}
    rows = tables.region_rows(found, columns, ["count"], args.all)
    lost = {name: int(found[name].sum()) for name in LOST if name in found}
    if args.format == "json":
        return json.dumps({"points": points.sizes["point"], **lost, "regions": rows}, indent=2)
    if any(lost.values()):
        told = ", ".join(f"{name} {count}" for name, count in lost.items() if count)
        print(
            f"xarray-atlas: {sum(lost.values())} of {points.sizes['point']} points are in no "
            f"region: {told}",
            file=sys.stderr,
        )
    if not rows:
        raise PointsError("no point lies in a region")
    return to_text(rows, args.format)


CELLS = Command("cells", "count cells by region", DESCRIPTION, OUTPUT, _add_options, _run)
