"""Points of BrainGlobe's tools as arrays: ``.points`` and ``.npy``.

``.points`` are HDF5 files that pandas writes (``DataFrame.to_hdf(path, key="df")``). They are read
with h5py, so that nothing in them is unpickled. brainglobe-segmentation writes the points of a
track, brainmapper ``atlas.points`` and ``downsampled.points``: indices of voxels, in BrainGlobe's
orientation. The two names, and the folders ``atlas_space`` and ``sample_space`` of
brainglobe-segmentation, give the space of these voxels; the file itself does not.

``.npy`` are positions times the voxel size of the atlas, in um (brainmapper's ``points.npy``,
tracks of brainglobe-segmentation). An array does not say that.
"""

from __future__ import annotations

import tokenize
from pathlib import PurePath
from typing import Any

import numpy as np

from xarray_atlas.errors import PointsError
from xarray_atlas.io.files.points.table import DOWNSAMPLED, VOXEL, PointTable, numbers_of
from xarray_atlas.optional import optional

__all__ = ["read_hdf5", "read_npy"]

AXES = ("ap", "dv", "ml")

NAMED = {
    "atlas.points": "brainglobe",
    "downsampled.points": DOWNSAMPLED,
    "atlas_space": "brainglobe",
    "sample_space": DOWNSAMPLED,
}
"""Names of files, or of the folder above ``tracks``, and the space of their voxels."""

LARGEST = 2**31
"""Bytes of one array, decoded."""


def read_npy(path: str) -> PointTable:
    """Read an array of points of the shape (n, 3).

    Parameters
    ----------
    path : str

    Raises
    ------
    PointsError
        If it is not an array of numbers, or has another shape.
    """
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
        _require_points(array, path)
        array = np.array(array)
    except (
        ValueError, EOFError, OSError, SyntaxError, TypeError, OverflowError, tokenize.TokenError,
    ) as error:  # fmt: skip
        if isinstance(error, PointsError):
            raise
        raise PointsError(f"{path} is not an array of numpy: {error}") from error
    advice = (
        "An array says neither its axes nor its unit. brainmapper (points/points.npy) and "
        "brainglobe-segmentation (tracks) write um in BrainGlobe's atlas: frame='brainglobe', "
        "unit='um'"
    )
    return PointTable("", _along(array, "axis_{}", path), advice=advice)


def read_hdf5(path: str) -> PointTable:
    """Read ``.points`` of brainglobe-segmentation or brainmapper.

    Parameters
    ----------
    path : str

    Raises
    ------
    PointsError
        If it is not such a file.
    ImportError
        If h5py is not installed.
    """
    h5py = optional("h5py", '"xarray-atlas[netcdf]"', "reading .points")
    try:
        with h5py.File(path, "r") as file:
            array = _block(h5py, file, path)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        if isinstance(error, PointsError):
            raise
        raise PointsError(f"{path} is not an HDF5 file of points: {error}") from error
    place = PurePath(path)
    frame = NAMED.get(place.name) or NAMED.get(place.parent.parent.name)
    advice = (
        "They are voxels. Of a track in atlas space: frame='brainglobe', resolution= the voxel "
        "size of the atlas. In sample space they are voxels of the downsampled image: "
        "attrs['frame'] = 'downsampled', and transform=xarray_atlas.open_transform(folder)"
    )
    return PointTable("BrainGlobe", _along(array, None, path), {}, VOXEL, frame, advice)


def _block(h5py: Any, file: Any, path: str) -> Any:
    """Return the one block of a DataFrame of pandas."""
    link = file.get("df", getlink=True)
    group = file["df"] if isinstance(link, h5py.HardLink) else None
    if not isinstance(group, h5py.Group) or "block0_values" not in group:
        raise PointsError(
            f"{path} does not hold a DataFrame of points as BrainGlobe's tools write it "
            "(pandas' to_hdf with key='df')"
        )
    blocks = group.attrs.get("nblocks", 1)
    stored = group["block0_values"]
    inside = isinstance(group.get("block0_values", getlink=True), h5py.HardLink)
    if not isinstance(stored, h5py.Dataset) or not inside or stored.external or stored.is_virtual:
        raise PointsError(f"{path} refers to data in another file, which is not read")
    if int(blocks) != 1:
        raise PointsError(f"{path} holds columns of several types, not the points of a layer")
    _require_points(stored, path)
    return stored[()]


def _require_points(array: Any, path: str) -> None:
    if array.dtype.kind not in "iuf" or len(array.shape) != 2 or array.shape[1] != 3:
        raise PointsError(
            f"{path} holds an array of {array.dtype} and the shape {tuple(array.shape)}; points "
            "have the shape (n, 3)"
        )
    if array.shape[0] * 3 * array.dtype.itemsize > LARGEST:
        raise PointsError(f"{path} claims {array.shape[0]} points, more than are read at once")


def _along(array: Any, pattern: str | None, path: str) -> dict[str, Any]:
    names = AXES if pattern is None else [pattern.format(i) for i in range(3)]
    return {name: numbers_of(array[:, i], name, path) for i, name in enumerate(names)}
