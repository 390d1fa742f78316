"""List the atlases in BrainGlobe's bucket, in another root, and on this machine."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd

from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.errors import StoreError, StoreFormatError, StoreNotFoundError
from xarray_atlas.io.brainglobe.catalogue import BUCKET, Entry, list_entries, version_order
from xarray_atlas.io.brainglobe.lookup import local_roots
from xarray_atlas.io.brainglobe.manifest import MANIFEST, read_manifest
from xarray_atlas.io.zarr.stores import is_url, part_root

__all__ = ["list_atlases"]

COLUMNS = ["name", "species", "resolutions", "versions", "local"]
TOGETHER = 16
"""Manifests that are read at once."""


def list_atlases(
    root: str | os.PathLike[str] | None = None,
    species: str | None = None,
    *,
    storage_options: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """List the atlases that can be opened by name.

    This takes one listing, and one small request for each atlas (its manifest, for the species).
    Local copies are listed without a request.

    Parameters
    ----------
    root : str or path, optional
        A bucket, mirror or folder in BrainGlobe's layout. By default BrainGlobe's public bucket
        together with the local copies: those of :func:`download`, and BrainGlobe's own.
    species : str, optional
        Only atlases with a species that contains this text, ignoring case.
    storage_options : mapping, optional
        For fsspec; see :func:`open_atlas`.

    Returns
    -------
    DataFrame
        A row for each atlas, by name: ``name``, ``species`` (from its manifest), ``resolutions``
        and ``versions`` (tuples of str, starting with the finest and the oldest), and ``local``:
        whether there is a local copy (possibly of some parts only; :func:`download` says which).

    Raises
    ------
    StoreNotFoundError
        If the root has no atlases.
    StoreError
        If it cannot be read.

    Warns
    -----
    UserWarning
        If BrainGlobe's bucket cannot be reached, so that only local copies are listed; or a
        manifest is broken, so that a species is unknown.

    Examples
    --------
    >>> import xarray_atlas
    >>> xarray_atlas.list_atlases(species="mus musculus")  # doctest: +SKIP
    """
    place = None
    if root is not None:
        place, storage_options = part_root(root, storage_options)
    found = _roots(place, storage_options)
    rows: dict[str, dict[str, Any]] = {}
    for place, entries, is_local in found:
        for entry in entries:
            row = rows.setdefault(
                entry.name, {"sizes": {}, "versions": set(), "local": False, "manifest": None}
            )
            row["sizes"][entry.resolution] = entry.voxel_size or 0.0
            row["versions"] |= set(entry.versions)
            row["local"] |= is_local
            row["manifest"] = row["manifest"] or (place, entry, is_local)

    broken: dict[str, StoreFormatError] = {}

    def species_of(row: dict[str, Any]) -> str:
        place, entry, is_local = row["manifest"]
        path = f"{place}/atlases/{entry.folder}/{entry.versions[-1]}/{MANIFEST}"
        try:
            content = read_manifest(path, None if is_local else storage_options).content
        except StoreFormatError as error:
            broken[entry.name] = error
            return ""
        return str(content.get("species") or "")

    with ThreadPoolExecutor(TOGETHER) as pool:
        all_species = list(pool.map(species_of, rows.values()))
    for name, error in broken.items():
        warnings.warn(
            f"the species of {name} is not known: {error}",
            UserWarning,
            stacklevel=find_stack_level(),
        )
    table = pd.DataFrame(
        {
            "name": list(rows),
            "species": all_species,
            "resolutions": [tuple(sorted(r["sizes"], key=r["sizes"].get)) for r in rows.values()],
            "versions": [
                tuple(v.replace("_", ".") for v in sorted(r["versions"], key=version_order))
                for r in rows.values()
            ],
            "local": [bool(row["local"]) for row in rows.values()],
        },
        columns=COLUMNS,
    )
    if species is not None:
        table = table[[species.lower() in text.lower() for text in table["species"]]]
    return table.sort_values("name", ignore_index=True)


def _roots(
    root: str | None, storage_options: Mapping[str, Any] | None
) -> list[tuple[str, list[Entry], bool]]:
    """Return each root with atlases, its contents, and whether it is local."""
    if root is not None:
        return [(root, list_entries(root, storage_options), not is_url(root))]
    found = []
    for folder in local_roots():
        with contextlib.suppress(StoreNotFoundError):
            found.append((folder, list_entries(folder), True))
    try:
        found.append((BUCKET, list_entries(BUCKET, storage_options), False))
    except StoreError as error:
        if not found:
            raise
        warnings.warn(
            f"only the copies on this machine are listed: {error}",
            UserWarning,
            stacklevel=find_stack_level(),
        )
    return found
