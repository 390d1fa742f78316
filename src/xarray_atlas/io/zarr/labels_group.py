"""The labels of an OME-Zarr image, in the group ``labels`` below it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import zarr

from xarray_atlas.errors import StoreFormatError
from xarray_atlas.io.zarr.checked_store import is_refusal
from xarray_atlas.io.zarr.ome_zarr import is_multiscale, metadata_of
from xarray_atlas.io.zarr.stores import unreadable, within
from xarray_atlas.io.zarr.zips import below

__all__ = ["BIOFORMATS2RAW", "find_labels", "images_of_layout"]

LABELS = "labels"
IMAGE_LABEL = "image-label"
"""The key that tells labels from other images."""
BIOFORMATS2RAW = "bioformats2raw.layout"
"""The key of a group that holds several images."""


def find_labels(group: zarr.Group, place: str) -> str:
    """Find the labels that belong to a group: itself, or one below it.

    A group whose metadata state that it has labels (``image-label``) is used directly. Otherwise
    it is the one in the group ``labels`` below it, or in a bioformats2raw layout the one below all
    its images. An image without labels is used too, since not all programs mark labels as such.

    Parameters
    ----------
    group : zarr.Group
    place : str
        Where it is, for errors.

    Returns
    -------
    str
        The path of the labels below the group, "" for the group itself.

    Raises
    ------
    StoreFormatError
        If there are several; it lists their addresses. If a listed one is missing.
    StoreError
        If a group cannot be read.
    """
    metadata = metadata_of(group)
    if is_multiscale(group):
        if IMAGE_LABEL in metadata:
            return ""
        return _only(list(_below(group, place)), place, "labels") or ""
    listed = metadata.get(LABELS)
    named = place.partition("::")[0].rstrip("/").endswith(f"/{LABELS}") or group.name == "/labels"
    if named and isinstance(listed, list) and listed:
        return _only([str(name) for name in listed], place, "labels") or ""
    if BIOFORMATS2RAW not in metadata:
        return ""
    images = dict(images_of_layout(group, place))
    found = [path for path, image in images.items() if IMAGE_LABEL in metadata_of(image)]
    for path, image in images.items():
        found += [f"{path}/{name}" for name in _below(image, below(place, path))]
    return _only(found, place, "labels") or _only(list(images), place, "images") or ""


def _only(paths: list[str], place: str, what: str) -> str | None:
    if len(paths) > 1:
        addresses = ", ".join(below(place, path) for path in paths)
        raise StoreFormatError(f"{place} holds several {what}: {addresses}. Open one of them")
    return paths[0] if paths else None


def _below(image: zarr.Group, place: str) -> Iterator[str]:
    """Yield the paths of the labels below an image."""
    group = _member(image, LABELS, place)
    listed = None if group is None else metadata_of(group).get(LABELS)
    if group is None or not isinstance(listed, list):
        return
    for name in map(str, listed):
        # several are asked about, whether they are there or not
        if len(listed) == 1 and _member(group, name, below(place, LABELS)) is None:
            raise StoreFormatError(
                f"{below(place, LABELS)} lists the labels {name!r}, but there is no such group. "
                f"The image itself, {place}, is not an annotation"
            )
        yield f"{LABELS}/{name}"


def images_of_layout(group: zarr.Group, place: str) -> Iterator[tuple[str, zarr.Group]]:
    """Yield the images of a bioformats2raw layout: those it lists, else those numbered from 0."""
    about = _member(group, "OME", place)
    listed = None if about is None else metadata_of(about).get("series")
    if isinstance(listed, list) and listed:
        for path in map(str, listed):
            image = _member(group, path, place)
            if image is not None and is_multiscale(image):
                yield path, image
        return
    number = 0
    while (image := _member(group, str(number), place)) is not None and is_multiscale(image):
        yield str(number), image
        number += 1


def _member(group: zarr.Group, path: str, place: str) -> zarr.Group | None:
    """Open a group below another; None if it does not exist, or access is denied."""
    try:
        found: Any = within(lambda: group.get(path))
    except Exception as error:  # file systems raise whatever their client library raises
        if is_refusal(error):
            return None
        raise unreadable(below(place, path), error) from error
    return found if isinstance(found, zarr.Group) else None
