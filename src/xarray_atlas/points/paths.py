"""Refuse the path of a file of points, and say how each kind of file is loaded."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from xarray_atlas.errors import PointsError

__all__ = ["refuse_path"]

_LOADED = {
    ".csv": "pandas.read_csv({0!r})",
    ".tsv": "pandas.read_csv({0!r}, sep='\\t')",
    ".txt": "pandas.read_csv({0!r}, sep=None, engine='python')",
    ".parquet": "pandas.read_parquet({0!r})",
    ".feather": "pandas.read_feather({0!r})",
    ".arrow": "pandas.read_feather({0!r})",
    ".xlsx": "pandas.read_excel({0!r})",
    ".json": "pandas.read_json({0!r})",
    ".h5": "pandas.read_hdf({0!r})",
    ".hdf5": "pandas.read_hdf({0!r})",
    ".nc": "xarray.load_dataset({0!r})",
    ".zarr": "xarray.load_dataset({0!r}, engine='zarr')",
    ".npy": "numpy.load({0!r})",
}

_ABOUT = {
    ".npy": (
        ". If brainmapper wrote it (points/points.npy), pass axes=('ap', 'dv', 'ml'), unit='um' "
        "and frame='brainglobe' with it"
    ),
    ".xml": (
        ". cellfinder's cells.xml holds positions in the raw image, not in the atlas; of those in "
        "the atlas brainmapper writes a table, points/all_points.csv: load it with "
        "pandas.read_csv, and pass unit='voxel', resolution='25 um' (the voxel size of its atlas) "
        "and frame='brainglobe' with it"
    ),
}


def refuse_path(points: Any) -> None:
    """Raise an error where points are the path of a file, or other text.

    Raises
    ------
    PointsError
        With the call that loads it.
    """
    if not isinstance(points, str | bytes | os.PathLike):
        return
    path = os.fsdecode(points)
    if "://" in path:  # what stands before the name, or after "?", may be a secret
        path = PurePath(urlsplit(path).path).name
    suffix = PurePath(path).suffix.lower()
    if not suffix and not isinstance(points, os.PathLike) and "/" not in path:
        raise PointsError(
            f"{path!r} is text, not points: pass their positions, in a table, a Dataset or an array"
        )
    call = _LOADED.get(suffix)
    how = ", such as with pandas or numpy" if call is None else f": {call.format(path)}"
    if suffix == ".xml":
        how = ""
    raise PointsError(
        f"{path!r} is the path of a file, and files of points are not read here; load the points "
        f"and pass them{how}{_ABOUT.get(suffix, '')}"
    )
