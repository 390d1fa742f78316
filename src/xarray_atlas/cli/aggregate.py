"""The command ``aggregate``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from xarray_atlas.cli import atlas, point_files, tables
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_atlas, add_direct, add_level, add_transform, lengths
from xarray_atlas.cli.output import to_text
from xarray_atlas.errors import AtlasError, GridError

if TYPE_CHECKING:
    import xarray as xr

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
        metavar="LENGTHS",
        type=lengths,
        help='of an image that does not state it, such as "25 um" or "5 um, 2 um, 2 um"',
    )
    parser.add_argument(
        "--image-orientation",
        metavar="LETTERS",
        help="of an image that does not state it: the anatomical position of its first voxel, "
        'such as "asr"',
    )
    tables.add_by_region(parser)
    add_direct(parser)
    add_atlas(parser, ("table", "csv", "json"))
    add_level(parser)


def _run(args: argparse.Namespace) -> str:
    import numpy as np
    import xarray as xr

    from xarray_atlas.images.aggregate import aggregate
    from xarray_atlas.images.resample_like import resample_like

    ds = atlas.open_named(args)
    image = _image(args)
    # a matrix stands for "the same position", which space= compares in the worlds of the files
    transform: Any = point_files.transform_of(args)
    if transform is None and args.space is not None:
        transform = np.eye(4)
    with atlas.progress():
        try:
            here = resample_like(ds, image, transform, space=args.space)
        except AtlasError as error:
            if missing := _unstated(image):
                raise GridError(f"{args.image} does not state {missing}") from error
            raise
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
    return to_text(rows, args.format)


def _image(args: argparse.Namespace) -> xr.DataArray:
    """Open the image; errors name the options of the image, not those of the atlas."""
    from xarray_atlas.atlases.image_files import open_image

    try:
        return open_image(
            args.image, voxel_size=args.image_voxel_size, orientation=args.image_orientation
        )
    except AtlasError as error:
        message = str(error)
        for name in ("voxel_size", "orientation"):
            message = message.replace(f"{name}=", f"--image-{name.replace('_', '-')} ")
        raise GridError(message) from error


def _unstated(image: xr.DataArray) -> str:
    """Return what a file does not state about its voxels, and the option that does."""
    axes = [axis for axis in ("z", "y", "x") if axis in image.dims]
    if any(axis not in image.coords for axis in axes):
        return "the size of its voxels: pass --image-voxel-size, and --image-orientation"
    if any("direction" not in image.coords[axis].attrs for axis in axes):
        return "the directions of its axes: pass --image-orientation, such as asr"
    return ""


AGGREGATE = Command(
    "aggregate", "reduce an image by region", DESCRIPTION, OUTPUT, _add_options, _run
)
