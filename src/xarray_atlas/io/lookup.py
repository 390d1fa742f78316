"""From the name of an atlas to its manifest: in a local copy, or in the bucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from xarray_atlas.io.catalogue import BUCKET, find_manifest
from xarray_atlas.io.manifest import Manifest

__all__ = ["find_atlas_manifest"]


def find_atlas_manifest(
    name: str,
    root: str | None = None,
    *,
    version: str | None = None,
    resolution: Any = None,
    include: str | Iterable[str] = ("annotation",),
    storage_options: Mapping[str, Any] | None = None,
) -> Manifest:
    """Find the manifest of an atlas by name.

    Parameters
    ----------
    name : str
        With its resolution or without.
    root : str, optional
        Where to look, and nowhere else. By default in the copies on this machine, then in
        BrainGlobe's bucket.
    """
    return find_manifest(
        name,
        BUCKET if root is None else root,
        version=version,
        resolution=resolution,
        storage_options=storage_options,
    )
