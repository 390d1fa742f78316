"""The command ``info``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from xarray_atlas.cli import atlas
from xarray_atlas.cli.command import Command
from xarray_atlas.cli.options import add_atlas, add_level
from xarray_atlas.cli.output import Row, times, to_table
from xarray_atlas.errors import StoreFormatError

if TYPE_CHECKING:
    import xarray as xr

    from xarray_atlas.terminology import Terminology

__all__ = ["INFO"]

DESCRIPTION = """\
Describe an atlas: name and version, the levels of its pyramid, its axes with
their anatomical directions, its midline and its terminology. Reads no voxel.
"""

OUTPUT = """\
output:
  from_mm and to_mm are the outer boundaries of the first and the last voxel
  along an axis; first_voxel_mm is the centre of a level's first voxel. json has
  the same in one object, with lists of axes and levels.
"""


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_atlas(parser, ("table", "json"))
    add_level(parser)


def _run(args: argparse.Namespace) -> str:
    about = _about(args)
    if args.format == "json":
        return json.dumps(about, indent=2)
    terminology, midline = about["terminology"], about["midline_mm"]
    assumed = ", assumed: half of the volume" if about["midline_assumed"] else ""
    lines = {
        "name": about["name"],
        "version": about["version"],
        "source": about["source"],
        "format": about["ome_zarr_version"] and f"OME-Zarr {about['ome_zarr_version']}",
        "resolution": about["resolution"],
        "orientation": about["orientation"],
        "midline": "none"
        if midline is None
        else f"{midline:g} mm along {about['midline_axis']}{assumed}",
        "terminology": terminology["name"],
        "regions": f"{terminology['regions']}, down to depth {terminology['depth']}",
        "problems": "\n".join(terminology["problems"]) or "none",
    }
    width = max(map(len, lines)) + 2
    top = [
        f"{key:{width}}{text}".replace("\n", "\n" + " " * width)
        for key, text in lines.items()
        if text
    ]
    levels = [
        {
            "level": level["path"],
            "resolution": level["resolution"],
            "shape": times(level["shape"]),
            "first_voxel_mm": ", ".join(f"{value:g}" for value in level["first_voxel_mm"]),
        }
        for level in about["levels"]
    ]
    parts = ["\n".join(top), to_table(about["axes"])]
    return "\n\n".join([*parts, to_table(levels)] if levels else parts)


def _about(args: argparse.Namespace) -> Row:
    """Collect the output of ``info``, in the form of its JSON."""
    from xarray_atlas.coords.atlas_index import find_atlas
    from xarray_atlas.coords.grid import lengths, spacing
    from xarray_atlas.kernels.spacing import without_noise

    ds = atlas.open_named(args)
    terminology, space = find_atlas(ds)
    axes = []
    for dim, size in spacing(ds, need=0).items():
        centres = lengths(ds, dim)
        low, high = float(centres.min()) - size / 2, float(centres.max()) + size / 2
        axes.append(
            {
                "axis": str(dim),
                "direction": ds[dim].attrs.get("direction"),
                "voxels": centres.size,
                "voxel_size_mm": without_noise(size),
                "extent_mm": without_noise(high - low),
                "from_mm": without_noise(low),
                "to_mm": without_noise(high),
            }
        )
    return {
        **atlas.origin(args, ds),
        "ome_zarr_version": ds.attrs.get("ome_zarr_version"),
        "resolution": ds.attrs.get("resolution"),
        "orientation": space.orientation,
        "axes": axes,
        "levels": _levels(args, ds, terminology),
        "midline_mm": None if space.midline is None else without_noise(space.midline),
        "midline_axis": space.dims[space.position("ml")],
        "midline_assumed": space.midline_assumed,
        "terminology": {
            "name": terminology.name,
            "regions": len(terminology),
            "depth": int(terminology.depths.max()),
            "problems": list(terminology.problems),
        },
    }


def _levels(args: argparse.Namespace, ds: xr.Dataset, terminology: Terminology) -> list[Row]:
    """Describe the levels of the pyramid; empty if the atlas was written by xarray."""
    import xarray as xr

    from xarray_atlas.io.backend.entrypoint import AtlasBackendEntrypoint
    from xarray_atlas.io.brainglobe.catalogue import is_name

    source = atlas.source(args)
    if is_name(source) and "manifest" in ds.attrs:
        # the resolved source: a copy is described completely, even if it lacks levels
        source = ds.attrs["manifest"]
    try:
        tree = xr.open_datatree(
            source,
            engine=AtlasBackendEntrypoint,
            terminology=terminology,
            storage_options=dict(args.storage_option) or None,
            align_levels=args.align_levels,
        )
    except StoreFormatError:
        return []  # it has been opened as an atlas, so it is one that is not a pyramid
    return [_level(node.to_dataset()) for node in tree.leaves]


def _level(ds: xr.Dataset) -> Row:
    from xarray_atlas.coords.grid import lengths, spacing
    from xarray_atlas.kernels.spacing import without_noise

    sizes = spacing(ds)
    return {
        "path": ds.attrs["level"],
        "resolution": ds.attrs["resolution"],
        "shape": [ds.sizes[dim] for dim in sizes],
        "voxel_size_mm": [without_noise(size) for size in sizes.values()],
        "first_voxel_mm": [without_noise(float(lengths(ds, dim)[0])) for dim in sizes],
    }


INFO = Command("info", "describe an atlas", DESCRIPTION, OUTPUT, _add_options, _run)
