"""The stores of other components: images on the annotation's grid, hemispheres, and masks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import zarr
from zarr.storage import FsspecStore

from xarray_atlas.errors import (
    GridError,
    ResolutionNotFoundError,
    StoreError,
    StoreNotFoundError,
)
from xarray_atlas.io.brainglobe.manifest import Component
from xarray_atlas.io.zarr.ahead import begin, level_keys
from xarray_atlas.io.zarr.arrays import ImageArray
from xarray_atlas.io.zarr.checked_store import was_refused
from xarray_atlas.io.zarr.ome_zarr import Level, Multiscale, read_multiscale
from xarray_atlas.io.zarr.stores import open_group
from xarray_atlas.kernels.spacing import without_noise

__all__ = ["ImagePyramid", "open_component", "open_part"]

MASKS = "annotations.ome.zarr"

TOLERANCE = 1e-3
"""Fraction of a voxel; grids that are further apart are considered different."""


class ImagePyramid:
    """An image on the grid of an annotation, such as its template.

    Parameters
    ----------
    name : str
        Its name in the Dataset.
    place : str
        The path or URL of its OME-Zarr.
    group : zarr.Group
    multiscale : Multiscale
    """

    def __init__(self, name: str, place: str, group: zarr.Group, multiscale: Multiscale) -> None:
        self.name, self.place, self.group, self.multiscale = name, place, group, multiscale

    def array(self, grid: Multiscale, level: Level, shape: tuple[int, ...]) -> ImageArray:
        """Open the level with the same voxels as a level of the annotation.

        Parameters
        ----------
        grid, level, shape
            The annotation's pyramid, the level of it, and its shape.

        Raises
        ------
        ResolutionNotFoundError
            If no level has voxels of that size; it lists those there are.
        GridError
            If the level has another position or shape; the message names the difference.
        """
        mine = self.multiscale
        if (mine.dims, mine.orientation) != (grid.dims, grid.orientation):
            raise GridError(
                f"the {self.name} and the annotation have different axes: {mine.dims} "
                f"({mine.orientation!r}) in {self.place}, {grid.dims} ({grid.orientation!r}) in "
                f"{grid.place}"
            )
        try:
            found = next(other for other in mine.levels if other.has_voxels_of(level.scale))
        except StopIteration:
            there = ", ".join(other.resolution for other in mine.levels)
            raise ResolutionNotFoundError(
                f"the {self.name} has no level of {level.resolution}, which was requested for the "
                f"annotation; in {self.place} there are {there}. Open another resolution, or leave "
                f"{self.name!r} out of include"
            ) from None
        array = ImageArray(self.group, found.path, self.place, mine.axes)
        if array.shape != shape:
            raise GridError(
                f"the {self.name} and the annotation have different shapes at {level.resolution}: "
                f"{array.shape} in {array.place}, {shape} in {grid.place}/{level.path}"
            )
        apart = np.abs(np.subtract(found.translation, level.translation))
        if np.any(apart > TOLERANCE * np.asarray(level.scale)):
            starts = [
                tuple(map(without_noise, each)) for each in (found.translation, level.translation)
            ]
            raise GridError(
                f"the {self.name} and the annotation lie up to {apart.max():g} mm apart at "
                f"{level.resolution}: the first voxel's centre is at {starts[0]} mm in "
                f"{array.place}, "
                f"at {starts[1]} mm in {grid.place}/{level.path}. If one of the two has no "
                "translations, as stores of before August 2026, align_levels=True gives them"
            )
        return array


def open_component(
    name: str,
    part: Component,
    storage_options: Mapping[str, Any] | None,
    align_levels: bool,
    orientation: str | None = None,
    voxel_size: tuple[float, ...] | None = None,
    likely: Sequence[str] = (),
    store: FsspecStore | None = None,
) -> ImagePyramid:
    """Open the OME-Zarr of a component; its levels are matched later."""
    place, group = open_part(part, storage_options, likely, store)
    multiscale = read_multiscale(group, place, orientation, voxel_size)
    return ImagePyramid(name, place, group, multiscale.align() if align_levels else multiscale)


def open_part(
    part: Component,
    storage_options: Mapping[str, Any] | None = None,
    likely: Sequence[str] = (),
    store: FsspecStore | None = None,
) -> tuple[str, zarr.Group]:
    """Open the store of a component under any of its names.

    Nearly all have the newest name and zarr format 3. Otherwise the other keys are requested
    concurrently.

    Parameters
    ----------
    part : Component
    storage_options : mapping, optional
        For fsspec.
    likely : sequence of str, optional
        The paths of levels with metadata to read ahead with the other keys. The caller must call
        :func:`~xarray_atlas.io.zarr.ahead.forget` when all is open.
    store : FsspecStore, optional
        That of the newest name.

    Raises
    ------
    StoreNotFoundError
        If there is none.
    StoreError
        If it cannot be read.
    """
    refusal: StoreError | None = None
    # the array is requested together with the rest, for the error
    ahead = {".zgroup": [".zarray", ".zattrs", *level_keys(likely, 2)]} if likely else {}
    begun: dict[str, Callable[[], zarr.Group]] = {}

    def begin_others() -> None:
        names = [*likely, *(f"s{path}" for path in likely if path.isdecimal())]
        further = {**ahead, "zarr.json": level_keys(names, 3)}
        for place in (f"{part.url}/{file}" for file in part.files[1:]):
            work = functools.partial(open_group, place, storage_options, ahead=further)
            begun[place] = begin(work, place)

    for i, file in enumerate(part.files):
        place = f"{part.url}/{file}"
        try:
            if place in begun:
                return place, begun[place]()
            otherwise = begin_others if likely and i == 0 else None
            source = place if store is None or i > 0 else store
            return place, open_group(source, storage_options, ahead=ahead, otherwise=otherwise)
        except StoreNotFoundError:
            continue
        except StoreError as error:
            # a bucket that may not be listed denies access to missing objects too
            if not was_refused(error):
                raise
            refusal = refusal or error
    if refusal is not None:
        raise refusal
    raise StoreNotFoundError(
        f"{part.name} {part.version} has no {' or '.join(part.files)} in {part.url}"
    )
