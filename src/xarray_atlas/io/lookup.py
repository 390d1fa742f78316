"""From the name of an atlas to its manifest: in a copy on this machine, or in the bucket."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from xarray_atlas.errors import (
    ComponentNotFoundError,
    ResolutionNotFoundError,
    StoreNotFoundError,
)
from xarray_atlas.io.brainglobe_folder import brainglobe_folder, is_complete
from xarray_atlas.io.catalogue import BUCKET, find_manifest
from xarray_atlas.io.components import open_part
from xarray_atlas.io.manifest import Manifest, Part
from xarray_atlas.io.ome_zarr import read_multiscale
from xarray_atlas.units import quantity

__all__ = ["find_atlas_manifest", "local_roots"]


def local_roots() -> list[str]:
    """Return the folders in which copies of atlases are looked for, the first one first."""
    return [str(brainglobe_folder())]


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
        Where to look, and nowhere else. By default in the copies on this machine, then in
        BrainGlobe's bucket. A copy is taken if it has all that is to be opened.
    version, resolution, include, storage_options
        As :func:`xarray_atlas.open_atlas` has them.
    all_levels : bool
        Whether all levels are to be opened.

    Raises
    ------
    AtlasNotFoundError
        If there is none; it lists what there is.
    StoreError
        If a copy is incomplete, or nobody knows; or the catalogue cannot be read.
    """
    if root is None:
        wanted = [include] if isinstance(include, str) else list(include)
        for folder in local_roots():
            try:
                manifest = find_manifest(name, folder, version=version, resolution=resolution)
                if _is_there(manifest, resolution, wanted, all_levels, storage_options):
                    return manifest
            except (StoreNotFoundError, ResolutionNotFoundError, ComponentNotFoundError):
                continue
    return find_manifest(
        name,
        BUCKET if root is None else root,
        version=version,
        resolution=resolution,
        storage_options=storage_options,
    )


def _is_there(
    manifest: Manifest,
    resolution: Any,
    include: Iterable[str],
    all_levels: bool,
    storage_options: Mapping[str, Any] | None,
) -> bool:
    """Tell whether BrainGlobe's folder holds all that is to be opened, as the bucket has it."""

    def complete(path: str) -> bool:
        url = f"{BUCKET}{path.removeprefix(manifest.root)}"
        return is_complete(path, url, storage_options)

    return complete(manifest.terminology.url) and all(
        complete(level) for level in _levels(manifest, resolution, include, all_levels)
    )


def _levels(
    manifest: Manifest, resolution: Any, include: Iterable[str], all_levels: bool
) -> Iterator[str]:
    """Yield the folder of each array that is to be opened."""
    wanted = dict.fromkeys(include)
    if manifest.symmetric is False:
        wanted["hemispheres"] = None  # which a Dataset of it has in any case
    elif manifest.symmetric:
        wanted.pop("hemispheres", None)  # which the midline makes
    wanted.pop("annotation", None)
    place, group = open_part(manifest.annotation)
    grid = read_multiscale(group, place)
    if all_levels:
        chosen = grid.levels
    else:
        size = quantity(list(manifest.voxel_size)) if resolution is None else resolution
        chosen = (grid.select(size),)
    yield from (os.path.join(place, level.path) for level in chosen)
    for name in wanted:
        part: Part = manifest.hemispheres if name == "hemispheres" else manifest.image(name)
        place, group = open_part(part)
        for level in read_multiscale(group, place).levels:
            if any(level.has_voxels_of(other.scale) for other in chosen):
                yield os.path.join(place, level.path)
