"""OME-Zarr metadata (0.4 and 0.5) as the levels of a pyramid, in millimetres."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pint
import zarr

from xarray_atlas.coords.units import parse_length, to_mm
from xarray_atlas.errors import (
    GridError,
    ResolutionNotFoundError,
    StoreFormatError,
    UnitsError,
)
from xarray_atlas.io.zarr.axes import Axes, read_axes
from xarray_atlas.kernels.spacing import FloatArray, without_noise

__all__ = ["Level", "Multiscale", "is_multiscale", "metadata_of", "read_multiscale"]


SMALLEST, LARGEST = 1e-4, 5.0
"""In mm: voxels of a whole brain's labels are neither smaller nor larger."""

TOLERANCE = 1e-3
"""Maximum relative difference of a level's voxel size from the requested one."""


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
        """Return whether its voxels have that size in mm: one number, or one an axis."""
        return np.shape(size) in ((), (len(self.scale),)) and np.allclose(
            self.scale, size, rtol=TOLERANCE, atol=0
        )


@dataclass(frozen=True)
class Multiscale:
    """The pyramid that a group's metadata describe.

    Parameters
    ----------
    place : str
        Its path or URL.
    version : str
        Of OME-Zarr.
    axes : Axes
    levels : tuple of Level
        In the order of the file.
    """

    place: str
    version: str
    axes: Axes
    levels: tuple[Level, ...]

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of the axes of space."""
        return self.axes.dims

    @property
    def orientation(self) -> str:
        """A letter for each spatial axis: the side of the first voxel."""
        return self.axes.orientation

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
            If there is none; the message lists the available ones.
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


def metadata_of(group: zarr.Group) -> Mapping[str, Any]:
    """Return the OME-Zarr metadata of a group, empty if missing."""
    attrs: Mapping[str, Any] = group.attrs.asdict()
    ome = attrs.get("ome", attrs)  # OME-Zarr 0.5 has them under a key, 0.4 has not
    return ome if isinstance(ome, Mapping) else {}


def is_multiscale(group: zarr.Group) -> bool:
    """Return whether the metadata of a group are those of an OME-Zarr image."""
    return "multiscales" in metadata_of(group)


def read_multiscale(
    group: zarr.Group,
    place: str,
    orientation: str | None = None,
    voxel_size: Sequence[float] | None = None,
) -> Multiscale:
    """Read the metadata of an OME-Zarr image with three axes of space.

    Parameters
    ----------
    group : zarr.Group
    place : str
        Where it is, for errors.
    orientation : str, optional
        A letter for each spatial axis, as in a manifest, used if the axes do not give it.
        BrainGlobe's by default.
    voxel_size : sequence of float, optional
        Of the finest level in mm, for metadata without units. Must agree with units that there are.

    Raises
    ------
    StoreFormatError
        If the group is not one, does not state its voxel size, or states another than
        `voxel_size`; it says what is there instead.
    """
    metadata = metadata_of(group)
    try:
        multiscale = metadata["multiscales"][0]
        version = str(metadata.get("version") or multiscale.get("version") or "0.4")
        axes = read_axes(multiscale["axes"], orientation)
        levels = _levels(multiscale, axes, place, voxel_size)
    except (StoreFormatError, UnitsError, GridError) as error:
        raise StoreFormatError(f"the OME-Zarr metadata of {place}: {error}") from error
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise StoreFormatError(
            f"the OME-Zarr metadata of {place} are malformed, or not of version 0.4 or 0.5: {what}"
        ) from error
    return Multiscale(place, version, axes, levels)


class _Placed(NamedTuple):
    """Scale and translation of a level along the axes of space, in the axes' units."""

    path: str
    scale: FloatArray
    translation: FloatArray
    said: bool
    """Return whether the metadata have a scale; else it is 1."""


def _levels(
    multiscale: Mapping[str, Any], axes: Axes, place: str, voxel_size: Sequence[float] | None
) -> tuple[Level, ...]:
    """Return the levels in mm."""
    whole = _transform(multiscale.get("coordinateTransformations", ()), axes)
    placed = []
    for dataset in multiscale["datasets"]:
        path = str(dataset["path"])
        scale, translation, said = _transform(dataset.get("coordinateTransformations", ()), axes)
        scale, translation = scale * whole[0], translation * whole[0] + whole[1]
        if np.any(scale <= 0):
            raise StoreFormatError(f"level {path!r} has a scale of {scale.tolist()}")
        placed.append(_Placed(path, scale, translation, said or whole[2]))
    if not placed:
        raise StoreFormatError("they list no level")
    factors = _mm_of_units(placed, axes, place, voxel_size)
    return tuple(
        Level(path, _times(scale, factors), _times(translation, factors))
        for path, scale, translation, _ in placed
    )


def _mm_of_units(
    placed: Sequence[_Placed], axes: Axes, place: str, voxel_size: Sequence[float] | None
) -> list[Any]:
    """Return the unit along each axis of space: its name, or a number of mm."""
    unscaled = [level.path for level in placed if not level.said]
    units: list[Any] = [None] * 3 if unscaled else list(axes.units)
    finest = min(placed, key=lambda level: float(np.prod(level.scale)))
    array = f"{place}/{finest.path}"
    if unscaled and len(placed) > 1:
        # how many voxels of one level make one of another cannot be told from their shapes
        raise StoreFormatError(
            f"level {unscaled[0]!r} has no scale, so that the voxel size of the levels is not "
            f"known; make an atlas of one of them, create_atlas(dask.array.from_zarr({array!r}), "
            "...), with its voxel_size="
        )
    if voxel_size is None:
        if all(units):
            return units
        numbers = " x ".join(f"{value:g}" for value in finest.scale.tolist())
        if unscaled:
            raise StoreFormatError(
                f"level {finest.path!r} has no scale; pass voxel_size=, that of its voxels with "
                "a unit, such as voxel_size='25 um'"
            )
        raise StoreFormatError(
            f"{axes.without_unit()}; pass voxel_size=, that of the finest level with its unit, "
            f"for its scale {numbers}{_proposed(finest.scale.tolist())}"
        )
    for i, (name, unit) in enumerate(zip(axes.dims, units, strict=True)):
        if unit is None:
            units[i] = voxel_size[i] / finest.scale[i]
            continue
        stated = to_mm(pint.Quantity(float(finest.scale[i]), unit))
        if not np.isclose(stated, voxel_size[i], rtol=TOLERANCE, atol=0):
            raise StoreFormatError(
                f"voxel_size= says that voxels are {voxel_size[i] * 1000:g} um long along "
                f"{name!r}, but the metadata say {stated * 1000:g} um of the finest level. "
                "voxel_size= is for stores that do not state it: omit it, and choose a level "
                "with resolution=; or, where the metadata are wrong, make an atlas of the array, "
                f"create_atlas(dask.array.from_zarr({array!r}), ..., voxel_size=)"
            )
    return units


def _proposed(scale: Sequence[float]) -> str:
    """Format sizes for voxel_size=, in the units plausible for voxels of a brain."""
    found = []
    for unit, name in (("nm", "nanometres"), ("um", "micrometres"), ("mm", "millimetres")):
        sizes = _times(np.asarray(scale), [unit] * 3)
        if min(sizes) >= SMALLEST and max(sizes) <= LARGEST:
            texts = [f"{size:g} {unit}" for size in scale]
            said = texts[0] if len(set(texts)) == 1 else texts
            found.append(f". Where that is in {name}: voxel_size={said!r}")
    return "".join(found)


def _transform(
    transformations: Sequence[Mapping[str, Any]], axes: Axes
) -> tuple[FloatArray, FloatArray, bool]:
    """Combine scales and translations along the axes of space, in their units.

    The third is whether there was any scale, including "identity".
    """
    scale, translation, said = np.ones(3), np.zeros(3), False
    for transformation in transformations:
        kind = transformation["type"]
        if kind == "identity":
            said = True
            continue
        if kind not in ("scale", "translation") or kind not in transformation:
            raise StoreFormatError(
                f"the coordinate transformation {dict(transformation)!r} is none of OME-Zarr 0.4 "
                "and 0.5: a scale or a translation, given as numbers"
            )
        values = np.asarray(transformation[kind], dtype=np.float64)
        if values.shape != (len(axes.names),) or not np.all(np.isfinite(values)):
            raise StoreFormatError(f"a {kind} of {values.tolist()} for {len(axes.names)} axes")
        values = values[list(axes.spatial)]
        if kind == "scale":
            scale, translation, said = scale * values, translation * values, True
        else:
            translation = translation + values
    return scale, translation, said


def _times(values: FloatArray, units: Sequence[Any]) -> tuple[float, ...]:
    """Convert lengths to mm: each is in a unit, or in so many mm."""
    pairs = zip(values.tolist(), units, strict=True)
    return tuple(
        to_mm(pint.Quantity(value, unit)) if isinstance(unit, str) else without_noise(value * unit)
        for value, unit in pairs
    )
