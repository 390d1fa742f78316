"""OME-Zarr metadata (0.4 and 0.5) as the levels of a pyramid, in millimetres."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pint
import zarr

from xarray_atlas.coords.space import Space
from xarray_atlas.coords.units import is_length_unit, parse_length, to_mm
from xarray_atlas.errors import (
    GridError,
    ResolutionNotFoundError,
    StoreFormatError,
    UnitsError,
)
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["Level", "Multiscale", "is_multiscale", "read_multiscale"]


BRAINGLOBE = {"z": "a", "y": "s", "x": "r"}
"""The sides on which BrainGlobe's volumes begin; taken where the axes do not say."""

LETTERS = {
    "anterior": "a",
    "rostral": "a",
    "posterior": "p",
    "caudal": "p",
    "superior": "s",
    "dorsal": "s",
    "inferior": "i",
    "ventral": "i",
    "right": "r",
    "left": "l",
}

TOLERANCE = 1e-3
"""A level whose voxels differ by a smaller share from those asked for is the one."""


@dataclass(frozen=True)
class Level:
    """One level of a pyramid.

    Parameters
    ----------
    path : str
        Its array within the group.
    scale, translation : tuple of float
        In mm, an axis each: voxel ``i`` has its centre at ``scale * i + translation``.
    """

    path: str
    scale: tuple[float, ...]
    translation: tuple[float, ...]

    @property
    def resolution(self) -> str:
        """The voxel size as text: ``"25 um"``, or ``"50 x 25 x 25 um"``."""
        sizes = [f"{size * 1000:g}" for size in self.scale]
        return f"{sizes[0] if len(set(sizes)) == 1 else ' x '.join(sizes)} um"

    def has_voxels_of(self, size: Any) -> bool:
        """Tell whether its voxels have that size in mm: one number, or one an axis."""
        return np.shape(size) in ((), (len(self.scale),)) and np.allclose(
            self.scale, size, rtol=TOLERANCE, atol=0
        )


@dataclass(frozen=True)
class Multiscale:
    """The pyramid that a group's metadata describe.

    Parameters
    ----------
    place : str
        Where it is stored.
    version : str
        Of OME-Zarr.
    dims : tuple of str
    orientation : str
        A letter an axis: the side on which the first voxel lies.
    levels : tuple of Level
        In the order of the file.
    """

    place: str
    version: str
    dims: tuple[str, ...]
    orientation: str
    levels: tuple[Level, ...]

    @property
    def finest(self) -> Level:
        """The level of the smallest voxels."""
        return min(self.levels, key=lambda level: float(np.prod(level.scale)))

    def align(self) -> Multiscale:
        """Give each level the translation that stores of before August 2026 lack.

        A level of larger voxels begins at the same corner, so the centre of
        its first voxel lies ``(scale - scale of the finest) / 2`` further in.
        A store whose levels begin at different places is left as it is.
        """
        if any(level.translation != self.finest.translation for level in self.levels):
            return self
        levels = tuple(
            dataclasses.replace(
                level,
                translation=tuple(
                    t + (s - fine) / 2
                    for t, s, fine in zip(
                        level.translation, level.scale, self.finest.scale, strict=True
                    )
                ),
            )
            for level in self.levels
        )
        return dataclasses.replace(self, levels=levels)

    def select(self, resolution: Any = None) -> Level:
        """Return a level by voxel size, index or path; the finest by default.

        Parameters
        ----------
        resolution : str, quantity or int, optional
            ``"25 um"``, a length (one, or one an axis), the level's index, or its path. One
            length is that along all axes, or where no level has it, along the first.

        Raises
        ------
        ResolutionNotFoundError
            If there is none; it lists those there are.
        UnitsError
            If it is a number without a unit, or a quantity that is not a length.
        """
        if resolution is None:
            return self.finest
        if isinstance(resolution, int | np.integer) and not isinstance(resolution, bool):
            if 0 <= resolution < len(self.levels):
                return self.levels[resolution]
            raise self._absent(f"index {resolution} (an int is an index; write '{resolution} um')")
        if isinstance(resolution, str):
            for level in self.levels:
                if resolution in (level.path, level.resolution):
                    return level
            try:
                size = parse_length(resolution)
            except UnitsError as error:
                raise self._absent(repr(resolution)) from error
        elif hasattr(resolution, "units"):
            size = to_mm(resolution, "resolution")
        else:
            raise UnitsError(
                f"resolution {resolution!r} has no unit; write '25 um', or an int for a "
                "level's index"
            )
        for level in self.levels:
            if level.has_voxels_of(size):
                return level
        for level in self.levels:
            # as BrainGlobe names an atlas: allen_cord_20um has voxels of 20 x 10 x 10 um
            if np.shape(size) == () and np.isclose(level.scale[0], size, rtol=TOLERANCE, atol=0):
                return level
        raise self._absent(str(resolution))

    def _absent(self, wanted: str) -> ResolutionNotFoundError:
        there = ", ".join(
            f"{level.resolution} (index {i}, path {level.path!r})"
            for i, level in enumerate(self.levels)
        )
        return ResolutionNotFoundError(
            f"no level of resolution {wanted} in {self.place}; there are {there}"
        )


def _metadata(group: zarr.Group) -> Mapping[str, Any]:
    attrs: Mapping[str, Any] = group.attrs.asdict()
    ome = attrs.get("ome", attrs)  # OME-Zarr 0.5 has them under a key, 0.4 has not
    return ome if isinstance(ome, Mapping) else {}


def is_multiscale(group: zarr.Group) -> bool:
    """Tell whether a group says that it is an OME-Zarr image."""
    return "multiscales" in _metadata(group)


def read_multiscale(group: zarr.Group, place: str, orientation: str | None = None) -> Multiscale:
    """Read the metadata of an OME-Zarr image with three axes of space.

    Parameters
    ----------
    group : zarr.Group
    place : str
        Where it is, for errors.
    orientation : str, optional
        A letter an axis, as a manifest has it, taken where the axes do not say. BrainGlobe's
        by default.

    Raises
    ------
    StoreFormatError
        If the group is not one; it says what is there instead.
    """
    metadata = _metadata(group)
    try:
        multiscale = metadata["multiscales"][0]
        version = str(metadata.get("version") or multiscale.get("version") or "0.4")
        axes = multiscale["axes"]
        names = tuple(str(axis["name"]) for axis in axes)
        _require_space(names, axes)
        units = [_unit(axis) for axis in axes]
        whole = _transform(multiscale.get("coordinateTransformations", ()))
        levels = tuple(_level(dataset, units, whole) for dataset in multiscale["datasets"])
        letters = _orientation(names, axes, orientation)
        if not levels:
            raise StoreFormatError("they list no level")
    except (StoreFormatError, UnitsError, GridError) as error:
        raise StoreFormatError(f"the OME-Zarr metadata of {place}: {error}") from error
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise StoreFormatError(
            f"the OME-Zarr metadata of {place} are malformed, or not of version 0.4 or 0.5: {what}"
        ) from error
    return Multiscale(place, version, names, letters, levels)


def _require_space(names: tuple[str, ...], axes: Sequence[Mapping[str, Any]]) -> None:
    kinds = [axis.get("type", "space") for axis in axes]
    if kinds == ["space"] * 3 and len(set(names)) == 3:
        return
    hint = ""
    if kinds == ["channel", "space", "space", "space"]:
        hint = (
            ". Masks, one a region, look like this; the labels of a BrainGlobe atlas are beside "
            "them, in annotations_compressed.ome.zarr"
        )
    raise StoreFormatError(f"the axes are {names}, not three of space{hint}")


def _unit(axis: Mapping[str, Any]) -> str:
    unit = axis.get("unit")
    if unit is None:
        raise StoreFormatError(
            f"axis {axis['name']!r} has no unit; write it into the metadata, for example "
            '"unit": "millimeter"'
        )
    if not is_length_unit(str(unit)):
        raise StoreFormatError(
            f"axis {axis['name']!r} is in {unit!r}, which is not a unit of length"
        )
    return str(unit)


def _orientation(
    names: Sequence[str], axes: Sequence[Mapping[str, Any]], unsaid: str | None
) -> str:
    """Return a letter an axis: the manifest's, else BrainGlobe's, where the axes say nothing."""
    default = [BRAINGLOBE.get(name, "") for name in names]
    letters = default if set(names) == set(BRAINGLOBE) else list(BRAINGLOBE.values())
    letters = letters if unsaid is None else list(unsaid)
    said = [axis.get("orientation") for axis in axes]
    for i, orientation in enumerate(said):
        if orientation is None:
            continue
        # "value" in BrainGlobe's files, "direction" where ngff-zarr writes it
        text = str(orientation.get("value") or orientation.get("direction"))
        first, _, last = text.partition("-to-")
        if first not in LETTERS or last not in LETTERS:
            raise StoreFormatError(
                f"axis {names[i]!r} has the anatomical orientation {text!r}; known are "
                "for example 'anterior-to-posterior', 'superior-to-inferior', 'right-to-left'"
            )
        letters[i] = LETTERS[first]
    result = "".join(letters)
    Space(tuple(names), result, (1.0,) * 3, (0.0,) * 3)  # which refuses two axes of one kind
    return result


def _transform(transformations: Sequence[Mapping[str, Any]]) -> tuple[FloatArray, FloatArray]:
    """Combine scales and translations, in the axes' units."""
    scale, translation = np.ones(3), np.zeros(3)
    for transformation in transformations:
        kind = transformation["type"]
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or kind not in transformation:
            raise StoreFormatError(
                f"the coordinate transformation {dict(transformation)!r} is none of OME-Zarr 0.4 "
                "and 0.5: a scale or a translation, given as numbers"
            )
        values = np.asarray(transformation[kind], dtype=np.float64)
        if values.shape != (3,) or not np.all(np.isfinite(values)):
            raise StoreFormatError(f"a {kind} of {values.tolist()} for 3 axes")
        if kind == "scale":
            scale, translation = scale * values, translation * values
        else:
            translation = translation + values
    return scale, translation


def _level(
    dataset: Mapping[str, Any],
    units: Sequence[str],
    whole: tuple[FloatArray, FloatArray],
) -> Level:
    scale, translation = _transform(dataset["coordinateTransformations"])
    scale, translation = scale * whole[0], translation * whole[0] + whole[1]
    if np.any(scale <= 0):
        raise StoreFormatError(f"level {dataset['path']!r} has a scale of {scale.tolist()}")
    return Level(str(dataset["path"]), _in_mm(scale, units), _in_mm(translation, units))


def _in_mm(values: FloatArray, units: Sequence[str]) -> tuple[float, ...]:
    pairs = zip(values.tolist(), units, strict=True)
    return tuple(to_mm(pint.Quantity(value, unit)) for value, unit in pairs)
