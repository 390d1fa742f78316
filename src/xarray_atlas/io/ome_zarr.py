"""OME-Zarr metadata (0.4 and 0.5) as levels of a pyramid, and their lazy arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from xarray.backends import BackendArray
from xarray.core import indexing

from xarray_atlas.errors import ResolutionNotFoundError, StoreError, StoreFormatError, UnitsError
from xarray_atlas.io.stores import TIMEOUT, locate, unreadable, within
from xarray_atlas.units import parse_length, to_mm

__all__ = ["LabelArray", "Level", "Multiscale", "read_multiscale"]

DEFAULT_ORIENTATION = "asr"
"""What BrainGlobe's volumes are where the axes do not say it."""

LETTERS = {"anterior": "a", "posterior": "p", "superior": "s", "inferior": "i",
           "right": "r", "left": "l", "dorsal": "s", "ventral": "i"}  # fmt: skip


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
        A store that has translations is left as it is.
        """
        if any(any(level.translation) for level in self.levels):
            return self
        fine = self.finest.scale
        levels = tuple(
            dataclasses.replace(
                level,
                translation=tuple((s - f) / 2 for s, f in zip(level.scale, fine, strict=True)),
            )
            for level in self.levels
        )
        return dataclasses.replace(self, levels=levels)

    def select(self, resolution: Any = None) -> Level:
        """Return a level by voxel size, index or path; the finest by default.

        Parameters
        ----------
        resolution : str, quantity or int, optional
            ``"25 um"``, a length (one, or one an axis), the level's index, or its path.

        Raises
        ------
        ResolutionNotFoundError
            If there is none; it lists those there are.
        """
        if resolution is None:
            return self.finest
        if isinstance(resolution, int | np.integer) and not isinstance(resolution, bool):
            if 0 <= resolution < len(self.levels):
                return self.levels[resolution]
            raise self._absent(f"index {resolution}")
        for level in self.levels:
            if resolution == level.path:
                return level
        if not isinstance(resolution, str) and not hasattr(resolution, "units"):
            raise UnitsError(
                f"resolution {resolution!r} has no unit; write '25 um', or an int for a level's index"
            )
        try:
            size = to_mm(resolution) if hasattr(resolution, "units") else parse_length(resolution)
        except UnitsError as error:
            raise self._absent(repr(resolution)) from error
        for level in self.levels:
            if np.shape(size) in ((), (len(level.scale),)) and np.allclose(
                level.scale, size, rtol=1e-3, atol=0
            ):
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


def read_multiscale(group: zarr.Group, place: str | None = None) -> Multiscale:
    """Read the metadata of an OME-Zarr image with three spatial axes.

    Raises
    ------
    StoreFormatError
        If the group is not one; it says what is there instead.
    """
    place = place or locate(group)
    attrs = group.attrs.asdict()
    ome = attrs.get("ome", attrs)
    found = ome.get("multiscales") if isinstance(ome, Mapping) else None
    if not found:
        raise StoreFormatError(
            f"{place} is a zarr group, but not an OME-Zarr image: its attributes hold no "
            f"'multiscales' (they hold {sorted(attrs) or 'nothing'})"
        )
    multiscale = found[0]
    version = str(ome.get("version") or multiscale.get("version") or "0.4")
    try:
        axes = multiscale["axes"]
        names = tuple(str(axis["name"]) for axis in axes)
        extra = [n for n, axis in zip(names, axes, strict=True) if not _spatial(axis)]
        if extra or len(names) != 3:
            hint = (
                "; a store of masks, one a region (the labels of the same atlas "
                "are in annotations_compressed.ome.zarr)"
                if extra
                else ""
            )
            raise StoreFormatError(
                f"{place} has the axes {names}, not three axes of space{hint}"
            )
        units = [_unit(axis, place) for axis in axes]
        whole = _transform(multiscale.get("coordinateTransformations"), 3, place)
        levels = tuple(
            _level(dataset, units, whole, place) for dataset in multiscale["datasets"]
        )
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, StoreFormatError):
            raise
        raise StoreFormatError(
            f"the OME-Zarr metadata of {place} are malformed: {type(error).__name__}: {error}"
        ) from error
    if not levels:
        raise StoreFormatError(f"the OME-Zarr metadata of {place} list no level")
    return Multiscale(place, version, names, _orientation(axes), levels)


def _spatial(axis: Mapping[str, Any]) -> bool:
    return bool(axis.get("type", "space" if axis["name"] in ("z", "y", "x") else "") == "space")


def _unit(axis: Mapping[str, Any], place: str) -> str:
    unit = axis.get("unit")
    if unit is None:
        raise StoreFormatError(f"axis {axis['name']!r} of {place} has no unit of length")
    try:
        parse_length(f"1 {unit}")
    except UnitsError as error:
        raise StoreFormatError(
            f"axis {axis['name']!r} of {place} is in {unit!r}, which is not a unit of length"
        ) from error
    return str(unit)


def _orientation(axes: Sequence[Mapping[str, Any]]) -> str:
    letters = []
    for axis in axes:
        orientation = axis.get("orientation") or {}
        # "value" in BrainGlobe's files, "direction" where ngff-zarr writes it
        text = orientation.get("value") or orientation.get("direction") or ""
        letters.append(LETTERS.get(str(text).split("-")[0], ""))
    return "".join(letters) if all(letters) else DEFAULT_ORIENTATION


def _transform(
    transformations: Sequence[Mapping[str, Any]] | None, ndim: int, place: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    scale, translation = np.ones(ndim), np.zeros(ndim)
    for transformation in transformations or ():
        kind = transformation["type"]
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or kind not in transformation:
            raise StoreFormatError(
                f"{place} has a coordinate transformation {dict(transformation)!r}; "
                "only scale and translation, given as numbers, are OME-Zarr 0.4 and 0.5"
            )
        values = np.asarray(transformation[kind], dtype=np.float64)
        if values.shape != (ndim,) or not np.all(np.isfinite(values)):
            raise StoreFormatError(f"{place} has a {kind} of {values.tolist()} for {ndim} axes")
        if kind == "scale":
            scale, translation = scale * values, translation * values
        else:
            translation = translation + values
    return scale, translation


def _level(
    dataset: Mapping[str, Any],
    units: Sequence[str],
    whole: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]],
    place: str,
) -> Level:
    scale, translation = _transform(dataset["coordinateTransformations"], 3, place)
    scale, translation = scale * whole[0], translation * whole[0] + whole[1]
    if np.any(scale <= 0):
        raise StoreFormatError(f"level {dataset['path']!r} of {place} has a scale of {scale.tolist()}")
    return Level(
        str(dataset["path"]),
        tuple(_in_mm(value, unit) for value, unit in zip(scale, units, strict=True)),
        tuple(_in_mm(value, unit) for value, unit in zip(translation, units, strict=True)),
    )


def _in_mm(value: float, unit: str) -> float:
    return float(value) if unit == "millimeter" else parse_length(f"{float(value)!r} {unit}")


class LabelArray(BackendArray):  # type: ignore[misc]
    """A level's labels, read when they are indexed.

    A chunk that is not stored holds the fill value (BrainGlobe does not store
    chunks of zeros); one that cannot be read is an error that names it.
    """

    def __init__(self, group: zarr.Group, level: Level, place: str) -> None:
        self.place = f"{place}/{level.path}"
        try:
            array = within(TIMEOUT, lambda: group[level.path])
        except KeyError as error:
            raise StoreFormatError(
                f"the metadata of {place} list a level {level.path!r}, but there is no such array"
            ) from error
        except Exception as error:  # file systems raise whatever their client library raises
            raise unreadable(self.place, error) from error
        if not isinstance(array, zarr.Array):
            raise StoreFormatError(f"{self.place} is a group, not an array")
        if array.ndim != 3 or array.dtype.kind not in "iu":
            raise StoreFormatError(
                f"{self.place} holds {array.ndim}-D {array.dtype}, not 3-D labels of an integer type"
            )
        self.array = array
        self.shape: tuple[int, ...] = array.shape
        self.dtype = array.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of one stored object: a shard where there are shards."""
        return tuple(getattr(self.array, "shards", None) or self.array.chunks)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        vectorized = isinstance(key, indexing.VectorizedIndexer)
        support = indexing.IndexingSupport.VECTORIZED if vectorized else indexing.IndexingSupport.OUTER
        read = self._read_points if vectorized else self._read
        return indexing.explicit_indexing_adapter(key, self.shape, support, read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        plain = all(isinstance(k, int | np.integer | slice) for k in key)
        return self._guarded(self.array if plain else self.array.oindex, key)

    def _read_points(self, key: tuple[Any, ...]) -> Any:
        return self._guarded(self.array.vindex, key)

    def _guarded(self, indexer: Any, key: tuple[Any, ...]) -> Any:
        try:
            return np.asarray(indexer[key])
        except IndexError:
            raise
        except Exception as error:  # codecs and file systems raise whatever they like
            raise StoreError(
                f"cannot read the labels [{_shown(key)}] of {self.place}: "
                f"{type(error).__name__}: {error}. A chunk there is damaged or out of reach; "
                "nothing was taken for zero"
            ) from error


def _shown(key: tuple[Any, ...]) -> str:
    parts = []
    for k in key:
        if isinstance(k, slice):
            parts.append(f"{k.start if k.start is not None else ''}:{k.stop if k.stop is not None else ''}")
        else:
            parts.append(str(k) if np.ndim(k) == 0 else f"<{np.size(k)} positions>")
    return ", ".join(parts)
