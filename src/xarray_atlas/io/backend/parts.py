"""Start to open the terminology and other images of an annotation before it is open."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from zarr.storage import FsspecStore

from xarray_atlas.coords.voxel_size import stated_voxel_size
from xarray_atlas.io.brainglobe.components import ImagePyramid, open_component
from xarray_atlas.io.brainglobe.layout import (
    find_terminology,
    load_terminology,
    parse_place,
    stored_terminology,
)
from xarray_atlas.io.brainglobe.manifest import HEMISPHERES, Component, Manifest
from xarray_atlas.io.zarr.addresses import options_elsewhere
from xarray_atlas.io.zarr.ahead import begin, is_remote
from xarray_atlas.io.zarr.filesystems import fsspec_store
from xarray_atlas.io.zarr.stores import locate, protocol
from xarray_atlas.terminology import Terminology

__all__ = ["Parts", "Table", "begin_parts", "begin_terminology"]

Table = Callable[[], tuple[Terminology, str]]
"""Returns a terminology and its path or URL, which is "" if it was passed."""


@dataclass(frozen=True)
class Parts:
    """The components that are opened with an annotation.

    Parameters
    ----------
    terminology : callable
        See :data:`Table`.
    images : mapping of str to callable
        Each returns an image, or raises the error of opening it.
    """

    terminology: Table
    images: Mapping[str, Callable[[], ImagePyramid]]


def begin_terminology(
    given: Any, place: str, manifest: Manifest | None, options: Mapping[str, Any] | None
) -> Table:
    """Start to read the terminology of an annotation.

    Parameters
    ----------
    given : path, URL, table, Terminology, Dataset or DataArray, optional
        Same as in :func:`xarray_atlas.open_atlas`.
    place : str
        The URL or path of the annotation.
    manifest : Manifest, optional
    options : mapping, optional
        For the annotation's file system.
    """
    own = given is None
    if given is None and manifest is not None:
        given = f"{manifest.terminology.url}/{manifest.terminology.files[0]}"
    if given is None:
        component = parse_place(place)
        url = "" if component is None else component.terminology
        return begin(lambda: (find_terminology(place, options), url), url)
    if not isinstance(given, str | os.PathLike):
        return lambda: (load_terminology(given), "")
    source, url = os.fspath(given), locate(given)
    # options are the store's: another file system would not know them, and another server must not
    same = protocol(url) == protocol(place)
    its_options = options_elsewhere(options, place, url) if same else None
    load = stored_terminology if own else load_terminology
    return begin(lambda: (load(source, its_options), url), url)


def begin_parts(
    include: Iterable[str],
    place: str,
    manifest: Manifest | None,
    options: Mapping[str, Any] | None,
    *,
    terminology: Table,
    align_levels: bool = False,
    midline: Any = None,
    voxel_size: Any = None,
    orientation: str | None = None,
    likely: Sequence[str] = (),
) -> Parts:
    """Start to open the images of an annotation.

    Parameters
    ----------
    include : iterable of str
        The requested names.
    place : str
        The URL or path of the annotation, or of another file in its folder.
    manifest : Manifest, optional
    options : mapping, optional
        For the annotation's file system.
    terminology : callable
        As returned by :func:`begin_terminology`.
    align_levels, midline, voxel_size, orientation
        Same as in :func:`xarray_atlas.open_atlas`.
    likely : sequence of str
        The paths of levels that may be opened.
    """
    said = None if manifest is None else manifest.orientation
    wanted = [name for name in dict.fromkeys(include) if name != "annotation"]
    if manifest is not None and manifest.symmetric:
        wanted = [name for name in wanted if name != "hemispheres"]  # computed from the midline
    # a volume would override the user's midline
    if manifest is not None and manifest.symmetric is False and midline is None:
        wanted = list(dict.fromkeys([*wanted, "hemispheres"]))
    if manifest is None:
        wanted = [name for name in wanted if name == "hemispheres"]

    def begin_image(name: str) -> Callable[[], ImagePyramid]:
        store = None
        # in this thread: fsspec keeps a file system, and its connections, for each
        with suppress(Exception):  # raised when the image is opened
            if is_remote(place):
                part = _component(name, place, manifest)
                store = fsspec_store(f"{part.url}/{part.files[0]}", options)
        return begin(partial(open_image, name, store), place)

    def open_image(name: str, store: FsspecStore | None) -> ImagePyramid:
        stated = None if voxel_size is None else stated_voxel_size(voxel_size)
        letters = said if name == "hemispheres" else said or orientation
        part = _component(name, place, manifest)
        return open_component(name, part, options, align_levels, letters, stated, likely, store)

    return Parts(terminology, {name: begin_image(name) for name in wanted})


def _component(name: str, place: str, manifest: Manifest | None) -> Component:
    if manifest is not None:
        return manifest.hemispheres if name == "hemispheres" else manifest.image(name)
    found = parse_place(place)
    known, version = ("", "") if found is None else (found.name, found.version)
    return Component(known, version, place.replace("\\", "/").rpartition("/")[0], HEMISPHERES)
