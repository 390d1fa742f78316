"""Open files of points as Datasets, with their units, frame and columns."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
import pint
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.space import ADVICE, FRAME
from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import PointsError, StoreNotFoundError, UnitsError
from xarray_atlas.io.files.points.opening import read_point_file
from xarray_atlas.io.files.points.table import VOXEL, PointTable
from xarray_atlas.points.file_points import sizes_along
from xarray_atlas.points.units import VOXEL_SIZE

__all__ = ["open_points"]

DIM = "point"

ANIMAL = "animal"

Paths = list[str]


def open_points(
    path: Any,
    *,
    animal: str | Sequence[str] | None = None,
    pattern: str | None = None,
    unit: Any = None,
    resolution: Any = None,
) -> xr.Dataset:
    r"""Open files of points, such as detected cells and tracks, as a Dataset.

    Parameters
    ----------
    path : str, path, or list of these
        A file, several, or a pattern such as ``"*/points/cells.xml"``. By suffix:

        ``.xml``, ``.yml``
            Cells of cellfinder, in voxels of the raw image.
        ``.csv``, ``.tsv``, ``.txt``
            Tables: brainmapper's ``all_points.csv``, points of napari, detections of QuPath, with
            or without ABBA's positions in the atlas, statistics of Imaris, objects of ilastik. All
            columns of any other table, with their names.
        ``.points``
            Tracks of brainglobe-segmentation, ``atlas.points`` and ``downsampled.points`` of
            brainmapper.
        ``.npy``
            An array of the shape (n, 3), such as brainmapper's ``points.npy``.
        ``.json``
            Clouds of points of Nutil and PyNutil, for MeshView.
        ``.swc``
            A morphology.
    animal : str or sequence of str, optional
        The name of the animal, or one per file. For several files it is by default the part in
        which their names, or else those of their folders, differ.
    pattern : str, optional
        A regular expression that finds the animal in each path; its first group if it has one.
        ``r"mouse_\d+"``.
    unit : str, optional
        Unit of positions if the file does not give it: ``"um"``, ``"mm"`` or ``"voxel"``; for SWC a
        unit that differs from the format's (um).
    resolution : str, pint.Quantity, or mapping of str to these, optional
        The voxel size, for positions that are voxel indices: ``"25 um"``, or one per position
        column, ``{"z": "5 um", "y": "2 um", "x": "2 um"}``. If omitted, functions that take the
        points ask for it.

    Returns
    -------
    Dataset
        With the dimension ``point``. The positions are named ``ap``, ``dv`` and ``ml`` if the file
        defines the anatomical axes, ``z``, ``y`` and ``x`` along an image's axes, ``axis_0``, ...
        for an array, and otherwise as in the file. They are quantities if the file gives their
        unit, or have ``attrs["units"] == "voxel"`` if they are voxel indices. Other columns become
        variables, and the name of the animal the coordinate ``animal``. ``attrs["frame"]`` gives
        the coordinate system, if the file defines it: the name of a frame of the atlas, or
        ``"image"`` and ``"downsampled"``, of a brain that a transform maps to the atlas. Otherwise
        functions that take the points ask for it, and describe the tool's output.

    Raises
    ------
    StoreNotFoundError
        If there is no such file, or no file fits the pattern.
    PointsError
        If a file does not match its suffix, several files are incompatible, or the animals cannot
        be distinguished.
    UnitsError
        If `unit` contradicts the file, or `resolution` does not match its positions.
    ImportError
        If a package for the format is missing (h5py, of the extra ``netcdf``, for ``.points``).

    See Also
    --------
    region_at, count_points, along : They take a path too, and open it with this function.
    open_transform : What brings points of a registered image into the atlas.

    Notes
    -----
    Nothing in a file is executed: pickles, XML entities and links to other files are refused.
    ImageJ's Cell Counter writes the same XML as cellfinder, but with planes counted from 1 and the
    name of its image; its planes are converted to count from 0. Imaris counts from the outer corner
    of its image, half a voxel before the first voxel centre. Nodes of an SWC are shifted by the
    ``OFFSET`` in its header, which the Janelia Workstation writes.

    Examples
    --------
    >>> import pathlib, tempfile, xarray_atlas
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> head = ",".join(f"coordinate_atlas_axis_{i}" for i in range(3))
    >>> for animal, ml in (("m1", 61), ("m2", 40)):
    ...     _ = (folder / f"{animal}_all_points.csv").write_text(f"{head}\n81,8,{ml}\n")
    >>> cells = xarray_atlas.open_points(folder / "*_all_points.csv")
    >>> cells.attrs["frame"], cells.ml.attrs["units"], cells.animal.values.tolist()
    ('brainglobe', 'voxel', ['m1', 'm2'])
    >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
    >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    >>> ds.atlas.region_at(cells, resolution="100 um").region.values.tolist()
    ['RSPv5', 'VISpm5']
    """
    paths, several = _paths(path)
    tables = [read_point_file(one) for one in paths]
    animals = _animals(paths, several, animal, pattern)
    joined = _joined(tables, paths, animals, unit)
    return joined if resolution is None else _sized(joined, resolution, paths[0])


# -- which files


def _paths(path: Any) -> tuple[Paths, bool]:
    """Return the given files, and whether there may be several."""
    if isinstance(path, str | os.PathLike):
        text = os.path.expanduser(os.fsdecode(path))
        if not glob.has_magic(text) or os.path.exists(text):
            return [text], False
        found = sorted(glob.glob(text, recursive=True))
        if not found:
            raise StoreNotFoundError(f"no file is called {text}")
        return found, True
    if not isinstance(path, Iterable) or isinstance(path, bytes):
        raise TypeError(f"path is that of a file, or a list of them, not a {type(path).__name__}")
    listed = [file for one in path for file in _paths(one)[0]]
    if not listed:
        raise PointsError("no file was given: the list of paths is empty")
    if twice := next((one for one in listed if listed.count(one) > 1), None):
        raise PointsError(f"{twice} is there twice, and its points would be counted twice")
    return listed, True


def _animals(paths: Paths, several: bool, animal: Any, pattern: str | None) -> list[str] | None:
    """Return the name of the animal of each file; None if they cannot be determined."""
    if animal is not None and pattern is not None:
        raise PointsError("animal= names the animals, and pattern= finds them: pass one of them")
    if pattern is not None:
        return [_matched(pattern, path) for path in paths]
    if animal is not None:
        names = [animal] * len(paths) if isinstance(animal, str) else [str(n) for n in animal]
        if len(names) != len(paths):
            raise PointsError(
                f"animal= has {len(names)} names for {len(paths)} files: {', '.join(paths[:5])}"
            )
        return names
    if not several or len(paths) == 1:
        return None
    found = _differing([PurePath(path).stem for path in paths])
    folders = [PurePath(path).parent.parts for path in paths]
    if found is None and len({len(parts) for parts in folders}) == 1:
        by_depth = [_differing(list(level)) for level in zip(*folders, strict=True)]
        found = next((names for names in reversed(by_depth) if names is not None), None)
    if found is None:
        raise PointsError(
            "the names of the files do not tell the animals apart: "
            f"{', '.join(paths[:3])}{', ...' if len(paths) > 3 else ''}. Name them, animal=[...], "
            r"or say where the name is: pattern=r'mouse_\d+'"
        )
    return found


def _matched(pattern: str, path: str) -> str:
    try:
        found = re.search(pattern, path)
    except re.error as error:
        raise PointsError(f"pattern={pattern!r} is not a regular expression: {error}") from error
    if found is None:
        raise PointsError(f"pattern={pattern!r} finds nothing in {path}")
    return str(found[1] if found.re.groups else found[0])


def _differing(names: list[str]) -> list[str] | None:
    """Return the words in which names differ; None if two are equal.

    ``m1_cells`` and ``m2_cells`` differ in ``m1`` and ``m2``.
    """
    if len(set(names)) < len(names):
        return None
    words = [re.split(r"([_. ]+)", name) for name in names]
    shortest = min(map(len, words))
    begin = 0
    while begin < shortest and len({each[begin] for each in words}) == 1:
        begin += 1
    end = 0
    while end < shortest - begin and len({each[-1 - end] for each in words}) == 1:
        end += 1
    found = ["".join(each[begin : len(each) - end]).strip("_. ") for each in words]
    return found if all(found) and len(set(found)) == len(found) else names


# -- the Dataset


def _joined(
    tables: list[PointTable], paths: Paths, animals: list[str] | None, unit: Any
) -> xr.Dataset:
    """Concatenate the points of several files."""
    first = tables[0]
    for table, path in zip(tables[1:], paths[1:], strict=True):
        own = ("tool", table.tool, first.tool), ("frame", table.frame, first.frame), (
            "unit", table.unit, first.unit), (
            "axes", list(table.positions), list(first.positions))  # fmt: skip
        if wrong := [(name, one, other) for name, one, other in own if one != other]:
            name, one, other = wrong[0]
            raise PointsError(
                f"{path} and {paths[0]} do not go together: their {name} is {one!r} and {other!r}. "
                "Open them apart"
            )
    given = _unit(first, unit, paths[0])
    variables: dict[str, Any] = {}
    for name in first.positions:
        values = np.concatenate([np.asarray(table.positions[name]) for table in tables])
        variables[name] = _position(values, given)
    rest = pd.concat(
        [pd.DataFrame(dict(t.columns), index=range(_length(t))) for t in tables], ignore_index=True
    )
    for column in rest:
        values = rest[column].to_numpy()
        if values.dtype.kind not in "biuf":
            values = np.where(rest[column].isna(), "", values.astype(object))
            values = values.astype(object)
        variables[str(column)] = Variable((DIM,), values)
    coords = {}
    if animals is not None:
        if ANIMAL in variables:
            raise PointsError(
                f"the files have a column {ANIMAL!r} of their own; leave out animal= and pattern=, "
                "or pass the files one by one"
            )
        sizes = [_length(table) for table in tables]
        coords[ANIMAL] = Variable((DIM,), np.repeat(np.array(animals, dtype=object), sizes))
    said = {"tool": first.tool, FRAME: first.frame, ADVICE: first.advice}
    return xr.Dataset(variables, coords, {name: text for name, text in said.items() if text})


def _sized(points: xr.Dataset, resolution: Any, path: str) -> xr.Dataset:
    """Set the voxel size of positions that are indices."""
    names = [str(name) for name, v in points.items() if v.attrs.get("units") == VOXEL]
    if not names:
        raise UnitsError(
            f"the positions in {path} are not known to be indices of voxels, so that resolution= "
            "has no meaning here; pass unit='voxel' if they are"
        )
    sized = points.copy()
    for name, size in sizes_along(resolution, names).items():
        sized[name].attrs[VOXEL_SIZE] = f"{size:.12g} mm"
    return sized


def _length(table: PointTable) -> int:
    return len(next(iter([*table.positions.values(), *table.columns.values()]), ()))


def _unit(table: PointTable, unit: Any, path: str) -> Any:
    if unit is None:
        return table.unit
    own = None if table.tool == "SWC" else table.unit
    if not table.positions:
        raise UnitsError(
            f"{path} is a table that does not say which columns are positions, so that unit= has "
            "no meaning here; pass it where the points are used"
        )
    given = VOXEL if str(unit) == VOXEL else unit
    if own is not None and given != own:
        both = VOXEL in (given, own)
        if both or unit_factor(given) != unit_factor(own):
            raise UnitsError(
                f"the positions in {path} are in {own}, and unit={str(unit)!r} says otherwise; "
                "leave it out"
            )
    if given != VOXEL:
        unit_factor(given)
    return given


def _position(values: Any, unit: Any) -> Variable:
    if unit is None or unit == VOXEL:
        return Variable((DIM,), values, {} if unit is None else {"units": VOXEL})
    registry = pint.get_application_registry()
    return QuantityVariable((DIM,), registry.Quantity(values, str(unit)), {"units": str(unit)})
