"""The command ``volume``."""

from __future__ import annotations

import argparse
import json
import math
import re
from typing import TYPE_CHECKING

from xarray_atlas.cli import atlas
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_atlas, add_direct, add_level
from xarray_atlas.cli.output import times, to_csv, to_records, to_table

if TYPE_CHECKING:
    from xarray_atlas.terminology import Region, Terminology

__all__ = ["VOLUME"]

DESCRIPTION = """\
Measure the volume of regions, including their descendants, in mm**3.
"""

OUTPUT = """\
output:
  table  region (acronym), name, volume_mm3; rounded to the volume of a voxel
  csv    the same columns, with a header, in full precision
  json   an object: source, name, version, resolution, voxel_size_mm (for each
         axis), hemisphere, midline_mm, direct, and regions: a list of objects
         with region, name, id and volume_mm3
  With --hemisphere the column is left_mm3 or right_mm3; "both" gives both.

examples:
  xarray-atlas volume RSP VISp
  xarray-atlas volume --id 254 --resolution "100 um"
  xarray-atlas volume --hemisphere both --format csv > volumes.csv
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "regions", nargs="*", metavar="REGION", help="acronym or full name; all regions by default"
    )
    parser.add_argument("--id", action="append", default=[], help="a region by its id; repeatable")
    parser.add_argument(
        "--hemisphere",
        choices=("left", "right", "both"),
        help='only that hemisphere; "both" gives a column for each (a voxel on the midline is '
        "left)",
    )
    add_direct(parser)
    add_atlas(parser, ("table", "csv", "json"))
    add_level(parser)


def _run(args: argparse.Namespace) -> str:
    from xarray_atlas.coords.atlas_index import find_atlas
    from xarray_atlas.coords.grid import spacing
    from xarray_atlas.coords.hemispheres import HEMISPHERES
    from xarray_atlas.kernels.spacing import without_noise
    from xarray_atlas.regions.volume import volume

    ds = atlas.open_named(args)
    terminology, space = find_atlas(ds)
    wanted = [*args.regions, *(_region_of_id(terminology, text) for text in args.id)]
    sides = None
    if args.hemisphere is not None:
        sides = list(HEMISPHERES) if args.hemisphere == "both" else [args.hemisphere]
    with atlas.progress():
        measured = volume(ds, wanted or None, hemisphere=sides, direct=args.direct)
    if sides is None:
        measured = measured.expand_dims("hemisphere", axis=1)
    columns = ["region", "name", "id", *(f"{side}_mm3" for side in sides or ["volume"])]
    records = to_records(
        columns,
        *(measured[name].values.tolist() for name in ("region", "region_name", "region_id")),
        *measured.pint.magnitude.T.tolist(),
    )
    voxel = {str(dim): without_noise(size) for dim, size in spacing(ds).items()}
    origin = atlas.origin(args, ds)
    if args.format == "json":
        about = {
            **origin,
            "resolution": ds.attrs.get("resolution"),
            "voxel_size_mm": voxel,
            "hemisphere": args.hemisphere,
            "midline_mm": None if space.midline is None else without_noise(space.midline),
            "direct": args.direct,
        }
        return json.dumps({**about, "regions": records}, indent=2)
    rows = [{key: record[key] for key in columns if key != "id"} for record in records]
    if args.format == "csv":
        return to_csv(rows)
    # as many decimals as show one voxel
    decimals = max(0, -math.floor(math.log10(math.prod(voxel.values()))))
    source = " ".join(filter(None, (origin["name"], origin["version"]))) or origin["source"]
    footer = f"{source}: voxels of {times(voxel.values())} mm"
    alone = "; without descendants" if args.direct else ""
    return f"{to_table(rows, decimals)}\n\n{footer}{alone}"


def _region_of_id(terminology: Terminology, text: str) -> Region:
    """Find a region by the text of its id, which some terminologies have as a str."""
    numbers = terminology.ids.dtype.kind == "i" and re.fullmatch(r"-?\d+", text)
    position = terminology.position_of_id(int(text) if numbers else text)
    return tuple(terminology)[position]


VOLUME = Command("volume", "measure the volume of regions", DESCRIPTION, OUTPUT, _add_options, _run)
