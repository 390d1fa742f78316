"""Registrations of sections that ABBA exported to a QuPath project.

What ABBA does, by its documentation ("Specification: save state & exported files") and its source
(``SliceSources.java``, and the adapters of ``RealTransform`` in bigdataviewer-playground):

- It writes a file ``ABBA-Transform-{atlas}.json`` into the folder of each image, ``data/{entry}``
  next to ``project.qpproj``. It maps positions in the atlas, mm along X, Y and Z, to pixels of the
  image: a sequence of affine transforms (``affinetransform3d``, 3 x 4, row by row) and of
  thin-plate splines of x and y (``srcPts`` and ``tgtPts``, in rows), within wrappers that make them
  three-dimensional, invertible, or bound them. The inverse, which is taken here, is not bounded.
- QuPath's pixels are counted from the outer corner of the image. Its script for positions of cells,
  and its regions, take the pixels of this file for those.
- X, Y and Z are AP, DV and ML of the Allen CCF in "Adult Mouse Brain - Allen Brain Atlas V3" and
  "V3p1" (left is z < 5.7 mm), and ML, DV and AP in BrainGlobe's atlases, including
  "allen_mouse_10um_java" (left is x > 5.7 mm).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xarray_atlas.coords.units import unit_factor
from xarray_atlas.errors import StoreFormatError, StoreNotFoundError, UnitsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.kernels.thin_plates import ThinPlate
from xarray_atlas.transforms.steps import AffineStep, Step, merged
from xarray_atlas.transforms.thin_plate_steps import ThinPlateStep

__all__ = ["PROJECT", "AbbaProject", "AbbaSection", "is_abba", "read_abba"]

PROJECT = "project.qpproj"

TRANSFORM = re.compile(r"ABBA-Transform-(.+)\.json")

WRAPPERS = {
    "BoundedRealTransform": "realTransform",
    "InvertibleWrapped2DTransformAs3D": "wrappedTransform",
    "Wrapped2DTransformAs3D": "wrappedTransform",
    "WrappedIterativeInvertibleRealTransform": "wrappedTransform",
}

SEQUENCES = ("InvertibleRealTransformSequence", "RealTransformSequence")

DEPTH = 32
"""Nested wrappers beyond which a file is damaged."""


@dataclass(frozen=True)
class AbbaSection:
    """One image of a QuPath project.

    Parameters
    ----------
    name : str
        Of the image in QuPath.
    entry : str
        Of the folder in the project.
    width, height : int
        In pixels.
    pixel : tuple of float
        Size of a pixel along y and x, in mm.
    steps : tuple of Step
        From pixels of the image, along (across, y, x), to mm in ABBA's atlas along Z, Y and X.
    """

    name: str
    entry: str
    width: int
    height: int
    pixel: tuple[float, float]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class AbbaProject:
    """The sections of a project that were registered, and those that were not.

    Parameters
    ----------
    place : str
    atlas : str
        Its name in ABBA.
    sections : tuple of AbbaSection
    missing : tuple of str
        Names of images without a registration.
    """

    place: str
    atlas: str
    sections: tuple[AbbaSection, ...]
    missing: tuple[str, ...]


def is_abba(path: Any) -> bool:
    """Return whether a path is a QuPath project, or its folder."""
    if not isinstance(path, str | os.PathLike):
        return False
    place = Path(path).expanduser()
    return place.suffix == ".qpproj" or (place / PROJECT).is_file()


def read_abba(path: str | os.PathLike[str]) -> AbbaProject:
    """Read the registrations in a QuPath project.

    Parameters
    ----------
    path : str or path
        The folder of the project, or its file ``project.qpproj``.

    Raises
    ------
    StoreNotFoundError
        If there is no such file, or no image was registered.
    StoreFormatError
        If a file is damaged, holds a transform of another kind, or the images were registered to
        several atlases.
    UnitsError
        If the size of the pixels is not stated.
    """
    place = Path(path).expanduser()
    place = place / PROJECT if place.is_dir() else place
    if not place.is_file():
        raise StoreNotFoundError(f"there is no QuPath project {place}")
    images = _json(place).get("images")
    if not isinstance(images, list):
        raise StoreFormatError(f"{place} has no list of images, as QuPath's projects have")
    known = [entry for entry in images if isinstance(entry, Mapping)]
    folders = {str(e.get("entryID")): place.parent / "data" / str(e.get("entryID")) for e in known}
    files = {number: _transforms(folder) for number, folder in folders.items()}
    atlases = sorted({atlas for found in files.values() for atlas in found})
    if not atlases:
        raise StoreNotFoundError(
            f"none of the {len(known)} images of {place} has a registration of ABBA, a file "
            "data/*/ABBA-Transform-*.json: in ABBA, select the slices and Export > ABBA - Export "
            "Registrations To QuPath Project"
        )
    if len(atlases) > 1:
        raise StoreFormatError(
            f"the images of {place} were registered to several atlases, {', '.join(atlases)}: "
            "remove the files ABBA-Transform-*.json of all but one"
        )
    sections, missing = [], []
    for entry in known:
        number, name = str(entry.get("entryID")), str(entry.get("imageName") or "")
        file = files[number].get(atlases[0])
        if file is None:
            missing.append(name or number)
            continue
        where = f"image {name or number!r} of {place}"
        width, height, pixel = _image(entry.get("serverBuilder"), folders[number], where)
        forward = _steps(_json(file), file)
        back = tuple(step.inverse(0.0, "missing") for step in reversed(forward))
        sections.append(AbbaSection(name, number, width, height, pixel, merged(back)))
    return AbbaProject(str(place), atlases[0], tuple(sections), tuple(missing))


def _transforms(folder: Path) -> dict[str, Path]:
    """Return the files of registrations in a folder by the name of the atlas."""
    found = {}
    for file in sorted(folder.glob("ABBA-Transform-*.json")) if folder.is_dir() else ():
        if named := TRANSFORM.fullmatch(file.name):
            found[named[1]] = file
    return found


def _json(place: Path) -> dict[str, Any]:
    try:
        content = json.loads(place.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise StoreFormatError(f"{place} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise StoreFormatError(f"{place} holds {type(content).__name__}, not an object")
    return content


# -- the image


def _image(builder: Any, folder: Path, where: str) -> tuple[int, int, tuple[float, float]]:
    """Return the width and height of an image, and the size of its pixels in mm."""
    if not isinstance(builder, Mapping) or "metadata" not in builder:
        server = folder / "server.json"
        builder = _json(server) if server.is_file() else builder
    if isinstance(builder, Mapping) and (builder.get("rotation") or "ROTATE_NONE") != "ROTATE_NONE":
        raise StoreFormatError(
            f"{where} was rotated in QuPath, and the registration is that of the image before; "
            "remove the rotation there, or rotate the slice in ABBA"
        )
    metadata = builder.get("metadata") if isinstance(builder, Mapping) else None
    try:
        width, height = int(metadata["width"]), int(metadata["height"])  # type: ignore[index]
    except (TypeError, KeyError, ValueError) as error:
        raise StoreFormatError(f"{where} does not state its width and height") from error
    assert isinstance(metadata, Mapping)
    calibration = metadata.get("pixelCalibration") or {}
    sizes = [_size(calibration.get(key), where) for key in ("pixelHeight", "pixelWidth")]
    if width < 1 or height < 1:
        raise StoreFormatError(f"{where} has {width} x {height} pixels")
    return width, height, (sizes[0], sizes[1])


def _size(said: Any, where: str) -> float:
    unit = str(said.get("unit", "")) if isinstance(said, Mapping) else ""
    unit = unit.replace("µ", "u").replace("μ", "u")
    try:
        size = float(said["value"]) * unit_factor(unit)
    except (TypeError, KeyError, ValueError, UnitsError):
        size = float("nan")
    if not np.isfinite(size) or size <= 0:
        raise UnitsError(
            f"{where} has no pixel size in a unit of length (it has {said!r}); state it in QuPath "
            "and export the registration again"
        )
    return size


# -- the transform


def _steps(said: Any, place: Path, depth: int = 0) -> list[Step]:
    """Return the steps of a serialized transform, along z, y and x."""
    if not isinstance(said, Mapping) or depth > DEPTH:
        raise StoreFormatError(f"{place} holds {type(said).__name__} in place of a transform")
    kind = str(said.get("type", ""))
    if "affinetransform3d" in said:
        return [AffineStep(_matrix(said["affinetransform3d"], place))]
    if kind in SEQUENCES:
        parts = [said.get(f"realTransform_{i}") for i in range(_count(said.get("size"), place))]
        return [step for part in parts for step in _steps(part, place, depth + 1)]
    if kind in WRAPPERS:
        return _steps(said.get(WRAPPERS[kind]), place, depth + 1)
    if kind == "ThinplateSplineTransform":
        return [ThinPlateStep(_plate(said, place))]
    raise StoreFormatError(
        f"{place} holds a transform of the type {kind!r}; affine transforms and thin-plate splines "
        "of ABBA are read"
    )


def _count(size: Any, place: Path) -> int:
    if not isinstance(size, int) or not 0 <= size <= 10_000:
        raise StoreFormatError(f"{place} holds a sequence of {size!r} transforms")
    return size


def _matrix(numbers: Any, place: Path) -> FloatArray:
    """Return a matrix between z, y and x of one between x, y and z."""
    try:
        rows = np.reshape(np.asarray(numbers, np.float64), (3, 4))
    except (TypeError, ValueError) as error:
        raise StoreFormatError(f"{place}: affinetransform3d is not 12 numbers") from error
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rows[::-1, 2::-1], rows[::-1, 3]
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < np.finfo(float).tiny:
        raise StoreFormatError(f"{place} holds a matrix that has no inverse")
    return matrix


def _plate(said: Mapping[str, Any], place: Path) -> ThinPlate:
    try:
        source, target = (np.asarray(said[key], np.float64) for key in ("srcPts", "tgtPts"))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreFormatError(f"{place}: a spline has no srcPts and tgtPts") from error
    if source.ndim != 2 or source.shape != target.shape or len(source) != 2:
        raise StoreFormatError(
            f"{place}: the landmarks of a spline have the shapes {source.shape} and "
            f"{target.shape}, not twice (2, n)"
        )
    plate = ThinPlate(source.T.copy(), target.T.copy())
    try:
        probe = plate.apply(*plate.source.T)
    except np.linalg.LinAlgError:
        probe = (np.array([np.nan]), np.array([np.nan]))
    if not np.isfinite(np.stack(probe)).all():
        raise StoreFormatError(
            f"{place}: the landmarks of a spline lie on one line, coincide, or are not numbers"
        )
    return plate
