"""Find the manifest of an atlas by name: in a local copy, or in the bucket."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from xarray_atlas.coords.units import quantity
from xarray_atlas.errors import (
    AtlasError,
    AtlasNotFoundError,
    ComponentNotFoundError,
    ResolutionNotFoundError,
    StoreError,
    StoreFormatError,
    StoreNotFoundError,
)
from xarray_atlas.io.brainglobe.catalogue import BUCKET, Entry, find_manifest, list_entries
from xarray_atlas.io.brainglobe.components import open_part
from xarray_atlas.io.brainglobe.folder import brainglobe_folder, is_brainglobes, is_complete
from xarray_atlas.io.brainglobe.manifest import Component, Manifest
from xarray_atlas.io.brainglobe.tiff_folder import read_tiff_folder
from xarray_atlas.io.copies.completeness import copy_state, default_folder
from xarray_atlas.io.zarr.ome_zarr import read_multiscale

__all__ = ["find_atlas_manifest", "is_there", "local_roots", "local_voxel_sizes"]


def local_roots() -> list[str]:
    """Return the folders in which to look for copies of atlases, in order.

    That of :func:`xarray_atlas.download`, and BrainGlobe's own.
    """
    return [str(default_folder()), str(brainglobe_folder())]


def local_voxel_sizes(name: str) -> list[tuple[float, ...]]:
    """Return the voxel sizes of local copies of an atlas, in mm, without reading voxels.

    Parameters
    ----------
    name : str
        With its resolution.
    """
    found: list[tuple[float, ...]] = []
    for folder in local_roots():
        with contextlib.suppress(AtlasError):
            found.append(find_manifest(name, folder).voxel_size)
    for place in brainglobe_folder().parent.glob(f"{name}_v*"):
        with contextlib.suppress(AtlasError):
            old = read_tiff_folder(place)
            found += [] if old is None else [old.voxel_size]
    return list(dict.fromkeys(found))


def find_atlas_manifest(
    name: str,
    root: str | None = None,
    *,
    version: str | None = None,
    resolution: Any = None,
    include: str | Iterable[str] = ("annotation",),
    all_levels: bool = False,
    storage_options: Mapping[str, Any] | None = None,
) -> Manifest:
    """Find the manifest of an atlas by name.

    Parameters
    ----------
    name : str
        With its resolution or without.
    root : str, optional
        The only place to search. By default the copies on this machine, then BrainGlobe's
        bucket. A copy is used if it has all requested components.
    version, resolution, include
        Same as in :func:`xarray_atlas.open_atlas`.
    all_levels : bool
        Whether all levels are to be opened.
    storage_options : mapping, optional
        Same as in :func:`xarray_atlas.open_atlas`.

    Raises
    ------
    AtlasNotFoundError
        If there is none; the message lists the available ones.
    StoreError
        If a copy is incomplete or cannot be compared, or the catalogue cannot be read.
    """
    if root is not None:
        return find_manifest(
            name, root, version=version, resolution=resolution, storage_options=storage_options
        )
    wanted = [include] if isinstance(include, str) else list(include)
    for folder in local_roots():
        try:
            manifest = find_manifest(name, folder, version=version, resolution=resolution)
            parts = list(_parts(manifest, resolution, wanted, all_levels, finest=name))
        except (StoreNotFoundError, ResolutionNotFoundError, ComponentNotFoundError):
            continue
        except StoreFormatError:
            if not is_brainglobes(folder):
                raise
            continue  # its tools were interrupted while they wrote a file
        if all(is_there(manifest.root, *part, storage_options) for part in parts):
            return manifest
    try:
        return find_manifest(
            name, BUCKET, version=version, resolution=resolution, storage_options=storage_options
        )
    except AtlasNotFoundError:
        raise
    except StoreError as error:
        there = [f"{entry.folder} in {folder}" for folder, entry in _local_entries()]
        raise StoreError(
            f"{error}. Of the copies on this machine ({', '.join(there) or 'there are none'}) "
            f"none holds all that is to be opened of {name!r}; root= says where else to look, and "
            f"xarray_atlas.download({name!r}, ...) completes a copy when the bucket can be reached"
        ) from error


def _local_entries() -> Iterator[tuple[str, Entry]]:
    for folder in local_roots():
        with contextlib.suppress(StoreNotFoundError):
            for entry in list_entries(folder):
                yield folder, entry


def is_there(
    root: str,
    folder: str,
    level: str | None,
    storage_options: Mapping[str, Any] | None = None,
) -> bool:
    """Return whether a folder has a level, or all of a component without levels.

    For a copy this is read from its record. BrainGlobe's own folder does not have records, and
    is compared with the bucket. Other folders without a record are saved atlases, not copies.

    Parameters
    ----------
    root : str
        The root of the layout that contains the folder.
    folder : str
        Of a store, or of something that has no levels.
    level : str, optional
    storage_options : mapping, optional
        For fsspec, to reach the bucket.

    Raises
    ------
    StoreError
        If it is BrainGlobe's own folder, and cannot be compared with the bucket.
    """
    state = copy_state(folder)
    if state is not None:
        return state.has() if level is None else state.has(level)
    if not is_brainglobes(folder):
        return True
    path = folder if level is None else os.path.join(folder, level)
    return is_complete(path, f"{BUCKET}{path.removeprefix(root)}", storage_options)


def _parts(
    manifest: Manifest, resolution: Any, include: Iterable[str], all_levels: bool, finest: str
) -> Iterator[tuple[str, str | None]]:
    """Yield the folder of each store that is to be opened, and the level of it.

    `finest` is the name: where it has no resolution, and none is asked for, that is the finest
    that there is, not the finest that has been copied.
    """
    wanted = dict.fromkeys(include)
    if manifest.symmetric is False:
        wanted["hemispheres"] = None  # always part of its Dataset
    elif manifest.symmetric:
        wanted.pop("hemispheres", None)  # which the midline makes
    wanted.pop("annotation", None)
    yield manifest.terminology.url, None
    place, group = open_part(manifest.annotation)
    grid = read_multiscale(group, place)
    if all_levels:
        chosen = grid.levels
    else:
        size = quantity(list(manifest.voxel_size)) if resolution is None else resolution
        chosen = (grid.select(size),)
        if resolution is None and finest != manifest.folder and chosen != (grid.finest,):
            raise ResolutionNotFoundError(f"{manifest.root} has not the finest level of {finest}")
    yield from ((place, level.path) for level in chosen)
    for name in wanted:
        part: Component = manifest.hemispheres if name == "hemispheres" else manifest.image(name)
        try:
            place, group = open_part(part)
        except StoreNotFoundError:
            if name == "hemispheres" and name not in include:
                continue  # optional
            raise
        for level in read_multiscale(group, place).levels:
            if any(level.has_voxels_of(other.scale) for other in chosen):
                yield place, level.path
