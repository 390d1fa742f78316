"""The atlases below a root of BrainGlobe's layout: names, resolutions and versions."""

from __future__ import annotations

import configparser
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xarray_atlas.coords.units import parse_length, to_mm
from xarray_atlas.errors import (
    AtlasNotFoundError,
    StoreError,
    StoreNotFoundError,
    UnitsError,
)
from xarray_atlas.io.brainglobe.manifest import MANIFEST, Manifest, read_manifest
from xarray_atlas.io.zarr.addresses import safe_cause
from xarray_atlas.io.zarr.checked_store import was_refused
from xarray_atlas.io.zarr.filesystems import filesystem_for, find_objects
from xarray_atlas.io.zarr.stores import (
    is_url,
    read_bytes,
    unreadable,
    within,
)
from xarray_atlas.io.zarr.zips import ENDINGS

__all__ = ["BUCKET", "Entry", "find_manifest", "is_name", "list_entries", "version_order"]

BUCKET = "s3://brainglobe/atlas"
"""BrainGlobe's public bucket."""

LAST_VERSIONS = "atlases/last_versions.conf"
"""The newest version of each atlas: one request instead of a listing."""

TOLERANCE = 1e-3

_NAME = re.compile(r"\w[\w.+-]*")
_FOLDER = re.compile(r"(?P<name>.+)_(?P<size>[0-9]+(?:[.][0-9]+)? ?(?:nm|um|mm))", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """One folder of the catalogue: an atlas at one resolution.

    Parameters
    ----------
    folder : str
        Such as ``"allen_mouse_25um"``.
    versions : tuple of str
        Names of their folders, such as ``"3_0"``; the newest last.
    """

    folder: str
    versions: tuple[str, ...]

    @property
    def name(self) -> str:
        """The atlas's name, without the resolution."""
        found = _FOLDER.fullmatch(self.folder)
        return found["name"] if found else self.folder

    @property
    def voxel_size(self) -> float | None:
        """In mm, from the name of the folder; None if missing."""
        found = _FOLDER.fullmatch(self.folder)
        return None if found is None else float(parse_length(found["size"]))

    @property
    def resolution(self) -> str:
        """From the name of the folder, such as ``"25 um"``; "" if missing."""
        found = _FOLDER.fullmatch(self.folder)
        return re.sub(r"([0-9.]) ?([a-z])", r"\1 \2", found["size"]) if found else ""


def is_name(source: Any) -> bool:
    """Return whether a source is the name of an atlas, not a URL or a path."""
    return (
        isinstance(source, str)
        and _NAME.fullmatch(source) is not None
        and not source.lower().endswith((".zarr", ".json", ".nc", *ENDINGS))
    )


def find_manifest(
    name: str,
    root: str,
    *,
    version: str | None = None,
    resolution: Any = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Manifest:
    """Find and read the manifest of an atlas by name.

    Two requests of a bucket that has a list of the newest versions, one where
    name, resolution and version are given.

    Parameters
    ----------
    name : str
        With its resolution (``"allen_mouse_25um"``) or without.
    root : str
        The URL or path of a root of BrainGlobe's layout.
    version : str, optional
        ``"3.0"`` or ``"3_0"``; the newest by default.
    resolution : str, quantity or int, optional
        For a name without one: the manifest of that voxel size if there is
        one, and otherwise that of the smallest voxels, with a pyramid that may have it.
    storage_options : mapping, optional
        For fsspec.

    Raises
    ------
    AtlasNotFoundError
        If there is no such atlas or version; the message lists the available ones.
    StoreError
        If the catalogue cannot be read.
    """
    wanted = None if version is None else str(version).replace(".", "_")
    if wanted is not None and _FOLDER.fullmatch(name):
        try:
            return _read(root, name, wanted, storage_options)
        except StoreNotFoundError:
            pass  # the error lists the available ones
        except StoreError as error:
            if not was_refused(error):
                raise
    entries = _newest(root, storage_options) if wanted is None else None
    if entries is None or not _named(entries, name):
        entries = list_entries(root, storage_options)
    found = _named(entries, name)
    if not found:
        raise AtlasNotFoundError(_unknown(name, root, entries))
    with_version = [e for e in found if wanted is None or wanted in e.versions]
    if not with_version:
        there = "; ".join(
            f"{e.folder}: {', '.join(v.replace('_', '.') for v in e.versions)}" for e in found
        )
        raise AtlasNotFoundError(f"no version {version} of {name} in {root}; there are {there}")
    entry = _of_resolution(with_version, resolution)
    return _read(root, entry.folder, wanted or entry.versions[-1], storage_options)


def _read(
    root: str, folder: str, version: str, storage_options: Mapping[str, Any] | None
) -> Manifest:
    return read_manifest(f"{root}/atlases/{folder}/{version}/{MANIFEST}", storage_options)


def list_entries(root: str, storage_options: Mapping[str, Any] | None = None) -> list[Entry]:
    """List the atlases below a root, from one listing or its list of newest versions.

    Raises
    ------
    StoreNotFoundError
        If there are none.
    StoreError
        If it can be neither listed nor read.
    """
    place = f"{root}/atlases"

    def listing() -> list[str]:
        filesystem, path = filesystem_for(place, storage_options)
        return [str(found) for found in find_objects(filesystem, path)]

    try:
        files = within(listing, place, storage_options)
    except Exception as error:  # file systems raise whatever their client library raises
        # a bucket that may not be listed, or a web server that cannot be
        newest = None if isinstance(error, TimeoutError) else _newest(root, storage_options)
        if newest is None and isinstance(error, FileNotFoundError):
            raise StoreNotFoundError(
                f"there are no atlases in {root}: no {place}, nor a list in {LAST_VERSIONS}"
            ) from safe_cause(error)
        if newest is None:
            raise unreadable(place, error, storage_options) from safe_cause(error)
        return newest
    versions: dict[str, list[str]] = {}
    for file in files:
        parts = file.replace("\\", "/").split("/")
        if parts[-1] == MANIFEST and parts[-4:-3] == ["atlases"]:
            versions.setdefault(parts[-3], []).append(parts[-2])
    if not versions:
        raise StoreNotFoundError(
            f"there are no atlases in {root}: no {place}/<name>/<version>/{MANIFEST}"
        )
    return [
        Entry(folder, tuple(sorted(found, key=version_order)))
        for folder, found in sorted(versions.items())
    ]


def _newest(root: str, storage_options: Mapping[str, Any] | None) -> list[Entry] | None:
    """Read the list of newest versions; None if there is none."""
    if not is_url(root):
        return None  # listing a folder is cheap, and its list may not match its content
    try:
        text = read_bytes(f"{root}/{LAST_VERSIONS}", storage_options).decode()
        parser = configparser.ConfigParser(interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
        parser.read_string(text)
        pairs = parser.items("atlases")
    except (StoreNotFoundError, configparser.Error, UnicodeDecodeError):
        return None
    except StoreError as error:
        if was_refused(error):
            return None
        raise
    return [Entry(folder, (version.strip().replace(".", "_"),)) for folder, version in pairs]


def _named(entries: Iterable[Entry], name: str) -> list[Entry]:
    exact = [entry for entry in entries if entry.folder == name]
    return exact or [entry for entry in entries if entry.name == name]


def _of_resolution(entries: list[Entry], resolution: Any) -> Entry:
    finest = min(entries, key=lambda entry: entry.voxel_size or np.inf)
    if isinstance(resolution, str):
        try:
            size = parse_length(resolution)
        except UnitsError:
            return finest  # the path of a level
    elif hasattr(resolution, "units"):
        size = to_mm(resolution, "resolution")
    else:
        return finest
    for entry in entries:
        if entry.voxel_size is not None and np.allclose(
            entry.voxel_size, size, rtol=TOLERANCE, atol=0
        ):
            return entry
    return finest


def _unknown(name: str, root: str, entries: list[Entry]) -> str:
    folders = [entry.folder for entry in entries]
    names = sorted({entry.name for entry in entries})
    atlas = _FOLDER.fullmatch(name)
    if atlas and atlas["name"] in names:
        there = [
            f for f, entry in zip(folders, entries, strict=True) if entry.name == atlas["name"]
        ]
        return (
            f"no atlas {name!r} in {root}; of {atlas['name']!r} there are {', '.join(there)} "
            f"(other levels of their pyramids: name {atlas['name']!r} with resolution=)"
        )
    close = difflib.get_close_matches(name, [*folders, *names], n=5, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(map(repr, close))}?"
        if close
        else "xarray_atlas.list_atlases lists them"
    )
    return f"no atlas {name!r} in {root} ({len(names)} atlases); {hint}"


def version_order(version: str) -> tuple[Any, ...]:
    """Order versions by their numbers; other parts come first."""
    return tuple(
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in version.split("_")
    )
