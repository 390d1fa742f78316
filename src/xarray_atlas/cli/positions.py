"""Commands about positions: ``frames``, ``at`` and ``where``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from xarray_atlas.cli import atlas, point_files
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_atlas, add_columns, add_frame, add_level
from xarray_atlas.cli.output import Row, to_records, to_text
from xarray_atlas.errors import PointsError

__all__ = ["AT", "FRAMES", "WHERE"]

FRAMES_TEXT = """\
List the coordinate systems of an atlas: the axes in the order of coordinates,
the directions in which these increase, the unit and the source.
"""

FRAMES_OUTPUT = """\
output:
  name, axes, directions (of each axis), unit and source; json: a list of
  objects with all properties of a frame, including its matrix and assumptions

examples:
  xarray-atlas frames
  xarray-atlas frames --atlas allen_mouse_25um --format json
"""

AT_TEXT = """\
Name the region at a position, or at each of many. Numbers come in threes, in
the order of the frame's axes (see: xarray-atlas frames), or from a file: a
table with columns that are called as the axes are, or what cellfinder,
brainmapper, napari, QuPath, Imaris, ilastik and others write.
"""

AT_OUTPUT = """\
output:
  the numbers, region (acronym), name, id, hemisphere and status (ok,
  background, unknown_label or outside); of a file its columns first

examples:
  xarray-atlas at --frame ibl --unit mm -- 0.5 -3.1 -4.5
  xarray-atlas at --frame allen --unit um --points cells.csv --format csv
  xarray-atlas at --points all_points.csv --points-voxel-size "25 um"
"""

WHERE_TEXT = """\
Compute the centroids of regions, including their descendants, in a frame.
"""

WHERE_OUTPUT = """\
output:
  region (acronym), name, and a column for each axis of the frame, with its
  unit; the default is the coordinates of the atlas, in mm

examples:
  xarray-atlas where VTA CA1 --frame ibl
  xarray-atlas where VTA --frame pinpoint-qiu2018 --format json
"""


def _add_at(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("numbers", nargs="*", type=float, metavar="NUMBER", help="three a position")
    parser.add_argument("--points", metavar="FILE", help="a file of points instead of the numbers")
    add_columns(parser)
    add_frame(parser)
    parser.add_argument("--unit", metavar="UNIT", help='of the numbers, such as "um" or "mm"')
    parser.add_argument(
        "--level", type=int, help="the ancestor at that level of the hierarchy; the root is 0"
    )
    add_atlas(parser, ("table", "csv", "json"))
    add_level(parser)


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("regions", nargs="+", metavar="REGION", help="acronym or full name")
    add_frame(parser)
    add_atlas(parser, ("table", "csv", "json"))
    add_level(parser)


def _add_frames(parser: argparse.ArgumentParser) -> None:
    add_atlas(parser, ("table", "csv", "json"))
    add_level(parser)


def _frames(args: argparse.Namespace) -> str:
    from xarray_atlas.transforms.known_frames import frames_of

    known = frames_of(atlas.open_named(args)).values()
    if args.format == "json":
        return json.dumps([frame.to_dict() for frame in known], indent=2)
    rows: list[Row] = [
        {
            "name": frame.name,
            "axes": ", ".join(frame.axes),
            "directions": ", ".join(frame.directions),
            "unit": frame.unit,
            "source": frame.citation,
        }
        for frame in known
    ]
    return to_text(rows, args.format)


def _at(args: argparse.Namespace) -> str:
    import pandas as pd

    from xarray_atlas.coords.atlas_index import find_atlas
    from xarray_atlas.points.lookup import region_at
    from xarray_atlas.transforms.known_frames import known_frame

    ds = atlas.open_named(args)
    if bool(args.numbers) == bool(args.points):
        raise PointsError("pass the numbers of positions, three for each, or a file: --points")
    asked = {"level": args.level, "frame": args.frame, "unit": args.unit}
    if args.points:
        found = region_at(
            ds,
            point_files.opened(args.points, args.points_voxel_size),
            resolution=args.points_voxel_size,
            columns=dict(args.column) or None,
            **asked,
        )
        table = {
            str(name): coord.values.tolist()
            for name, coord in found.coords.items()
            if coord.ndim and name not in found.dims
        }
    else:
        if len(args.numbers) % 3:
            raise PointsError(f"a position has three numbers, and there are {len(args.numbers)}")
        axes = ["ap", "dv", "ml"] if args.frame is None else list(known_frame(ds, args.frame).axes)
        table = {axis: args.numbers[i::3] for i, axis in enumerate(axes)}
        found = region_at(ds, pd.DataFrame(table), **asked)
    terminology, _ = find_atlas(ds)
    names = dict(zip(terminology.distinct_acronyms, terminology.names, strict=True))
    meanings = found.status.attrs["flag_meanings"].split()
    regions = found.region.values.tolist()
    columns = table | {
        "region": regions,
        "name": [str(names.get(region, "")) for region in regions],
        "id": found.region_id.values.tolist(),
        "hemisphere": found.hemisphere.values.tolist(),
        "status": [meanings[flag] for flag in found.status.values],
    }
    rows = to_records(list(columns), *columns.values())
    if args.format == "json":
        about = {"frame": found.attrs["frame"], "unit": args.unit}
        return json.dumps({**about, "points": rows}, indent=2)
    return to_text(rows, args.format)


def _where(args: argparse.Namespace) -> str:
    from xarray_atlas.regions.properties import centroid

    with atlas.progress():
        found = centroid(atlas.open_named(args), args.regions, frame=args.frame)
    unit = found.attrs["units"]
    columns: dict[str, list[Any]] = {
        "region": found.region.values.tolist(),
        "name": found.region_name.values.tolist(),
    }
    for i, axis in enumerate(found["axis"].values.tolist()):
        key = str(axis) if args.format == "json" else f"{axis}_{unit}"
        columns[key] = found.transpose("region", "axis").values[:, i].tolist()
    rows = to_records(list(columns), *columns.values())
    if args.format == "json":
        about = {"frame": args.frame or "dataset", "unit": unit}
        return json.dumps({**about, "regions": rows}, indent=2)
    decimals = {"mm": 3, "um": 0}.get(unit, 6)
    return to_text(rows, args.format, decimals)


FRAMES = Command(
    "frames",
    "list the coordinate systems of an atlas",
    FRAMES_TEXT,
    FRAMES_OUTPUT,
    _add_frames,
    _frames,
)

AT = Command("at", "look up the region at a position", AT_TEXT, AT_OUTPUT, _add_at, _at)

WHERE = Command(
    "where", "compute the centroids of regions", WHERE_TEXT, WHERE_OUTPUT, _add_where, _where
)
