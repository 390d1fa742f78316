"""The command ``aggregate``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from xarray_atlas.cli import atlas, point_files, tables
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_atlas, add_level, add_transform
from xarray_atlas.cli.output import to_csv, to_table
from xarray_atlas.errors import GridError

__all__ = ["AGGREGATE"]

DESCRIPTION = """\
Reduce an image by region: the mean of its voxels in each region, or another
statistic. The atlas is brought onto the grid of the image, through the
transform of a registration if there is one.
"""

OUTPUT = """\
output:
  region (acronym), name, id, a column for each further dimension of the image
  (time, channel), hemisphere if asked for, and one for each --func: a row for
  each region with a value. A region includes its descendants.

examples:
  xarray-atlas aggregate density.nii.gz --space RAS
  xarray-atlas aggregate brain.nii.gz --maps "image to atlas" --func mean \\
      --transform 1Warp.nii.gz --transform 0GenericAffine.mat --format csv
"""

FUNCTIONS = ("mean", "sum", "min", "max", "var", "std", "count", "median")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "image", metavar="IMAGE", help="NIfTI, NRRD, MetaImage, MGH, TIFF or OME-Zarr"
    )
    parser.add_argument(
        "--func",
        choices=FUNCTIONS,
        action="append",
        help="the statistic: mean by default; repeatable",
    )
    add_transform(parser)
    parser.add_argument(
        "--space",
        choices=("RAS", "LPS"),
        help="compare positions in the worlds of the files, in mm to right, anterior and "
        "superior (RAS), instead of along the axes of image and atlas",
    )
    parser.add_argument(
        "--image-voxel-size",
        metavar="LENGTH",
        help='of an image that does not state it, such as "25 um"',
    )
    parser.add_argument(
        "--image-orientation",
        metavar="LETTERS",
        help="of an image that does not state it: the anatomical position of its first voxel, "
        'such as "asr"',
    )
    tables.add_by_region(parser)
    parser.add_argument(
        "--direct",
        action="store_true",
        help="only voxels labelled with the region itself, without its descendants",
    )
    add_atlas(parser, ("table", "csv", "json"))
    add_level(parser)


def _run(args: argparse.Namespace) -> str:
    import numpy as np
    import xarray as xr

    from xarray_atlas.atlases.image_files import open_image
    from xarray_atlas.images.aggregate import aggregate
    from xarray_atlas.images.resample_like import resample_like

    ds = atlas.open_named(args)
    image = open_image(
        args.image, voxel_size=args.image_voxel_size, orientation=args.image_orientation
    )
    # a matrix stands for "the same position", which space= compares in the worlds of the files
    transform: Any = point_files.transform_of(args)
    if transform is None and args.space is not None:
        transform = np.eye(4)
    with atlas.progress():
        here = resample_like(ds, image, transform, space=args.space)
        functions = args.func or ["mean"]
        found = aggregate(here, image, func=functions, direct=args.direct, **tables.asked(args))
        assert isinstance(found, xr.Dataset)  # of a list of functions
        rows = tables.region_rows(
            found.compute(), {name: name for name in functions}, functions, args.all
        )
    if not rows:
        raise GridError(
            f"no voxel of {args.image} lies in a region: it may need "
            + ("--maps the other way round" if args.transform else "--transform or --space")
        )
    if args.format == "json":
        about = {"image": args.image, "unit": image.attrs.get("units"), "func": functions}
        return json.dumps({**about, "regions": rows}, indent=2)
    return to_csv(rows) if args.format == "csv" else to_table(rows)


AGGREGATE = Command(
    "aggregate", "reduce an image by region", DESCRIPTION, OUTPUT, _add_options, _run
)
