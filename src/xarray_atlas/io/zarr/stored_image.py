"""Images in OME-Zarr with their further axes, of time and channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr

from xarray_atlas.coords.image_coordinates import AxisValues
from xarray_atlas.errors import StoreFormatError
from xarray_atlas.io.zarr.arrays import ImageArray
from xarray_atlas.io.zarr.axes import Axes
from xarray_atlas.io.zarr.labels_group import BIOFORMATS2RAW, images_of_layout
from xarray_atlas.io.zarr.ome_zarr import Level, is_multiscale, metadata_of, read_multiscale
from xarray_atlas.io.zarr.stores import StoreLike, locate, open_group
from xarray_atlas.io.zarr.zips import below

__all__ = ["StoredImage", "open_stored_image"]

NAMES = {"t": "time", "c": "channel"}
"""The names of axes that follow the specification."""


class SeriesArray(ImageArray):
    """A level's voxels along all of its axes.

    Parameters
    ----------
    group, path, place
        Same as in :class:`ImageArray`.
    axes : Axes
    """

    expected = "numbers along the axes that the metadata list"

    def __init__(self, group: zarr.Group, path: str, place: str, axes: Axes) -> None:
        self.ndim = len(axes.names)
        super().__init__(group, path, place)


@dataclass(frozen=True)
class StoredImage:
    """A level of an OME-Zarr image.

    Parameters
    ----------
    place : str
        Where the image is stored.
    array : SeriesArray
    dims : tuple of str
        A name for each of its axes.
    spatial : tuple of str
        Those of space.
    level : Level
    letters : str, optional
        The sides of the first voxel, if stated in the metadata.
    others : mapping of str to AxisValues
        The coordinates of the further axes.
    """

    place: str
    array: SeriesArray
    dims: tuple[str, ...]
    spatial: tuple[str, ...]
    level: Level
    letters: str | None
    others: Mapping[str, AxisValues]


def open_stored_image(
    source: StoreLike,
    resolution: Any = None,
    voxel_size: tuple[float, ...] | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> StoredImage:
    """Open a level of an OME-Zarr image.

    Parameters
    ----------
    source : str, path, zarr store or zarr group
        Of an image, or of a bioformats2raw layout that holds one.
    resolution : str, quantity or int, optional
        The level; see :meth:`Multiscale.select`.
    voxel_size : tuple of float, optional
        Of the finest level in mm, for metadata without units.
    storage_options : mapping, optional
        For fsspec.

    Raises
    ------
    StoreError, StoreNotFoundError, StoreFormatError
        If it cannot be opened, or is not an image.
    """
    group, place = _image(open_group(source, storage_options), locate(source))
    multiscale = read_multiscale(group, place, voxel_size=voxel_size)
    level = multiscale.select(resolution)
    axes = multiscale.axes
    array = SeriesArray(group, level.path, place, axes)
    dims = tuple(
        name if i in axes.spatial else NAMES.get(name.lower(), name)
        for i, name in enumerate(axes.names)
    )
    others = _others(metadata_of(group), axes, dims, level.path, array.shape)
    letters = axes.orientation if axes.oriented else None
    return StoredImage(place, array, dims, axes.dims, level, letters, others)


def _image(group: zarr.Group, place: str) -> tuple[zarr.Group, str]:
    """Return the image of a group: itself, or the only one of a bioformats2raw layout."""
    if is_multiscale(group) or BIOFORMATS2RAW not in metadata_of(group):
        return group, place
    images = dict(images_of_layout(group, place))
    if len(images) != 1:
        listed = ", ".join(below(place, path) for path in images)
        raise StoreFormatError(f"{place} holds {len(images)} images; open one of them: {listed}")
    ((path, image),) = images.items()
    return image, below(place, path)


def _others(
    metadata: Mapping[str, Any],
    axes: Axes,
    dims: tuple[str, ...],
    path: str,
    shape: tuple[int, ...],
) -> dict[str, AxisValues]:
    """Return the coordinates of the further axes: times, and the labels of channels."""
    multiscale = metadata["multiscales"][0]
    dataset = next(d for d in multiscale["datasets"] if str(d["path"]) == path)
    scale, translation, said = np.ones(len(dims)), np.zeros(len(dims)), False
    for source in (dataset, multiscale):
        for each in source.get("coordinateTransformations", ()):
            if each["type"] == "scale":
                scale, translation = scale * each["scale"], translation * each["scale"]
                said = True
            elif each["type"] == "translation":
                translation = translation + each["translation"]
    found: dict[str, AxisValues] = {}
    for i, dim in enumerate(dims):
        if dim == "time" and i not in axes.spatial and said:
            unit = multiscale["axes"][i].get("unit")
            first = float(translation[i])
            found[dim] = AxisValues.steps(float(scale[i]), shape[i], unit, first)
        elif dim == "channel":
            listed = (metadata.get("omero") or {}).get("channels") or ()
            labels = [str(channel.get("label", "")) for channel in listed]
            if len(set(labels)) == len(labels) == shape[i] and all(labels):
                found[dim] = AxisValues(labels)
    return found
