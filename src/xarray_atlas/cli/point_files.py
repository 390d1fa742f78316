"""Files of points, and of transforms applied to them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from xarray_atlas.errors import PointsError

if TYPE_CHECKING:
    import xarray as xr

    from xarray_atlas.transforms.transform import Transform

__all__ = ["opened", "transform_of"]


SIZE = "pass the size of these voxels: --points-voxel-size '25 um'"


def opened(path: Any, voxel_size: str | None, ask: str = SIZE) -> xr.Dataset:
    """Open files of points; `ask` for the size of voxels if they have indices without one."""
    from xarray_atlas.atlases.point_files import open_points

    points = open_points(path)
    named = path if isinstance(path, str) else ", ".join(path)
    if not points.sizes["point"]:
        raise PointsError(f"{named} has no rows below its header")
    indices = any(v.attrs.get("units") == "voxel" for v in points.variables.values())
    if indices and voxel_size is None:
        raise PointsError(f"{named} holds indices of voxels; {ask}")
    return points


def transform_of(args: argparse.Namespace) -> Transform | None:
    """Open the files of ``--transform``."""
    from xarray_atlas.io.transforms.opening import open_transform

    if not args.transform:
        return None
    one = len(args.transform) == 1
    return open_transform(args.transform[0] if one else args.transform, maps=args.maps)
