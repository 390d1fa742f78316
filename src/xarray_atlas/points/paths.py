"""Open paths of files that are passed in place of points."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

import xarray as xr

from xarray_atlas.errors import PointsError

__all__ = ["open_paths_with", "opened"]

_LOADED = {
    ".parquet": "pandas.read_parquet({0!r})",
    ".feather": "pandas.read_feather({0!r})",
    ".arrow": "pandas.read_feather({0!r})",
    ".xlsx": "pandas.read_excel({0!r})",
    ".h5": "pandas.read_hdf({0!r})",
    ".hdf5": "pandas.read_hdf({0!r})",
    ".nc": "xarray.load_dataset({0!r})",
    ".zarr": "xarray.load_dataset({0!r}, engine='zarr')",
}
"""Files that others read, and how."""

_ARRAY = ("axis_0", "axis_1", "axis_2")
"""What the axes of an array are called that does not say which they are."""

_openers: list[Callable[..., xr.Dataset]] = []


def open_paths_with(opener: Callable[..., xr.Dataset]) -> None:
    """Register the function that opens paths of files passed in place of points.

    Operations do not read files: the package passes them its function that does.

    Parameters
    ----------
    opener : callable
        Takes a path or a list of paths, and ``unit=``, and returns a Dataset of points.
    """
    _openers[:] = [opener]


def opened(points: Any, unit: Any, axes: Any, columns: Any) -> tuple[Any, Any, Any]:
    """Open points given as the path of a file, or a list of paths; return others unchanged.

    Parameters
    ----------
    points : object
    unit, axes, columns : optional
        As passed by the user.

    Returns
    -------
    points, axes, columns
        The axes of an array in a file become columns.

    Raises
    ------
    PointsError
        If it is other text, or an unsupported file.
    """
    if isinstance(points, list | tuple) and points and all(map(_is_path, points)):
        given = list(points)  # others are lengths such as "5 mm"
    elif isinstance(points, str | bytes | os.PathLike):
        given = [points]
        points = os.fsdecode(points)
    else:
        return points, axes, columns
    for one in given:
        _require_file(one)
    if not _openers:
        raise PointsError("files of points are opened by xarray_atlas.open_points; import it")
    # other parameters are checked against the file when points are read; the unit of SWC is that of
    # the format, which not all programs respect
    morphologies = all(os.fsdecode(one).lower().endswith(".swc") for one in given)
    dataset = _openers[0](points, unit=unit if morphologies else None)
    if axes is not None and columns is None and _ARRAY[0] in dataset:
        names = [axes] if isinstance(axes, str) else list(axes)
        if len(names) == len(_ARRAY) and not any(name in dataset for name in names):
            return dataset, None, dict(zip(names, _ARRAY, strict=True))
    return dataset, axes, columns


def _is_path(value: Any) -> bool:
    """Return whether a value is a path, or text that looks like one: not "8.1 mm"."""
    if isinstance(value, os.PathLike):
        return True
    if not isinstance(value, str | bytes):
        return False
    text = os.fsdecode(value)
    ending = re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]*", PurePath(text).suffix)
    return bool(
        ending or "/" in text or os.sep in text or glob.has_magic(text) or os.path.exists(text)
    )


def _require_file(points: Any) -> None:
    """Refuse other values, and say how unsupported files can be loaded."""
    path = os.fsdecode(points)
    remote = "://" in path
    if remote:  # the part before the name, or after "?", may be a secret
        path = PurePath(urlsplit(path).path).name
    suffix = PurePath(path).suffix.lower()
    if not remote and not _is_path(points):
        raise PointsError(
            f"{path!r} is text, not points: pass their positions, in a table, a Dataset or an "
            "array, or the path of a file"
        )
    if remote:
        raise PointsError(
            f"{path!r} is at a URL, and files of points are read from this machine: fetch it, or "
            "load it, such as with pandas, and pass the table"
        )
    if suffix in _LOADED:
        raise PointsError(
            f"{path!r} is the path of a file of a kind that is not read here; load the points and "
            f"pass them: {_LOADED[suffix].format(path)}"
        )
