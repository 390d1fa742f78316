"""Files of points, each read as its tool wrote it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import PurePath

from xarray_atlas.errors import PointsError, StoreNotFoundError
from xarray_atlas.io.files.points.brainglobe import read_hdf5, read_npy
from xarray_atlas.io.files.points.cellfinder import read_xml, read_yaml
from xarray_atlas.io.files.points.meshview import read_meshview
from xarray_atlas.io.files.points.swc import read_swc
from xarray_atlas.io.files.points.table import PointTable
from xarray_atlas.io.files.points.tables import read_table
from xarray_atlas.io.zarr.stores import is_url

__all__ = ["READERS", "read_point_file"]

READERS: dict[str, tuple[str, Callable[[str], PointTable]]] = {
    ".xml": ("cells of cellfinder", read_xml),
    ".yml": ("cells of cellfinder", read_yaml),
    ".yaml": ("cells of cellfinder", read_yaml),
    ".points": ("tracks of brainglobe-segmentation, points of brainmapper", read_hdf5),
    ".npy": ("an array of the shape (n, 3)", read_npy),
    ".json": ("points for MeshView, of Nutil and PyNutil", read_meshview),
    ".swc": ("a morphology", read_swc),
    ".csv": ("a table, of brainmapper, napari, QuPath, ABBA, Imaris, ilastik or yours", read_table),
    ".tsv": ("the same with tabs", read_table),
    ".txt": ("the same", read_table),
}
"""For each ending of a name, the contents of the file and its reader."""


def read_point_file(path: str | os.PathLike[str]) -> PointTable:
    """Read a file of points.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    StoreNotFoundError
        If there is no such file.
    PointsError
        If the format is not supported, or the file is invalid.
    """
    place = os.path.expanduser(os.fsdecode(path))
    if is_url(place):
        raise PointsError("files of points are read from this machine, not from a URL")
    if not os.path.exists(place):
        raise StoreNotFoundError(f"there is no file {place}")
    suffix = PurePath(place).suffix.lower()
    if suffix not in READERS or os.path.isdir(place):
        kinds = "\n".join(f"  {ending}: {what}" for ending, (what, _) in READERS.items())
        what = "is a folder" if os.path.isdir(place) else f"ends with {suffix!r}"
        raise PointsError(
            f"{place} {what}; files of points that are read are\n{kinds}\nLoad others, such as "
            "with pandas, and pass the table"
        )
    return READERS[suffix][1](place)
