"""BrainGlobe's local folder: its location, and the complete parts of it.

BrainGlobe's tools do not record what they have fetched: a folder exists as soon as its download
starts, and the metadata of arrays long before their chunks. zarr reads missing chunks as zeros.
Therefore nothing is read from the folder that was not compared, file by file, with a listing of the
bucket. Nothing is ever written to the folder.
"""

from __future__ import annotations

import configparser
import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xarray_atlas.errors import StoreError
from xarray_atlas.io.copies.records import size_of, write_atomically
from xarray_atlas.io.zarr.addresses import safe_cause
from xarray_atlas.io.zarr.filesystems import filesystem_for, find_objects
from xarray_atlas.io.zarr.stores import unreadable, within
from xarray_atlas.options import cache_directory

__all__ = ["brainglobe_folder", "is_brainglobes", "is_complete"]

CONFIG = "bg_config.conf"


def brainglobe_folder() -> Path:
    """Return the folder in which BrainGlobe's tools keep atlases; it may not exist.

    As set by its configuration (``bg_config.conf`` in ``BRAINGLOBE_CONFIG_DIR`` or
    ``~/.config/brainglobe``), else ``~/.brainglobe/brainglobe-atlasapi``.
    """
    named = os.environ.get("BRAINGLOBE_CONFIG_DIR")
    config = Path(named).expanduser() if named else Path.home() / ".config/brainglobe"
    parser = configparser.ConfigParser(interpolation=None)
    folder = Path.home() / ".brainglobe"
    # a user that "~user" does not find is a RuntimeError
    wrong = (OSError, configparser.Error, UnicodeDecodeError, LookupError, RuntimeError)
    with contextlib.suppress(*wrong):
        parser.read(config / CONFIG)
        folder = Path(parser["default_dirs"]["brainglobe_dir"]).expanduser()
    return folder.absolute() / "brainglobe-atlasapi"


def is_brainglobes(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is in BrainGlobe's folder, by whatever links it leads there."""
    return Path(path).resolve().is_relative_to(brainglobe_folder().resolve())


def is_complete(folder: str, url: str, storage_options: Mapping[str, Any] | None = None) -> bool:
    """Return whether a folder has all objects below a URL, with the same sizes.

    The first time it takes one listing, which is kept in the user's cache: versions that are
    published do not change. What the URL has nothing of was not downloaded from there (an atlas of
    the user's own), and is taken as it is.

    Parameters
    ----------
    folder : str
    url : str
        The URL from which it was downloaded.
    storage_options : mapping, optional
        For fsspec.

    Raises
    ------
    StoreError
        If it cannot be listed, so that completeness is unknown.
    """
    if not os.path.isdir(folder):
        return False
    try:
        objects = _listing(url, storage_options)
    except StoreError as error:
        raise StoreError(
            f"BrainGlobe's copy in {folder} may be incomplete (a download may have been "
            f"interrupted, and there is no record of it), and it cannot be compared with {url}: "
            f"{error}. Connect once; or fetch a copy that can be relied on with "
            "xarray_atlas.download; or pass root= BrainGlobe's folder, to read it as it is"
        ) from error
    return all(size_of(os.path.join(folder, key)) == size for key, size in objects.items())


def _listing(url: str, storage_options: Mapping[str, Any] | None) -> dict[str, int]:
    """Return the objects below a URL and their sizes, from a kept listing or a new one."""
    kept = cache_directory() / "listings" / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        content = json.loads(kept.read_bytes())
        if content["url"] == url:
            return {str(key): int(size) for key, size in content["objects"].items()}

    def listing() -> dict[str, int]:
        filesystem, path = filesystem_for(url, storage_options)
        found = find_objects(filesystem, path, detail=True)
        prefix = path.rstrip("/") + "/"
        return {key.removeprefix(prefix): int(about["size"]) for key, about in found.items()}

    try:
        objects = within(listing, url, storage_options)
    except FileNotFoundError:
        objects = {}
    except Exception as error:  # file systems raise whatever their client library raises
        raise unreadable(url, error, storage_options) from safe_cause(error)
    if objects:
        content = json.dumps({"url": url, "objects": objects}).encode()
        with contextlib.suppress(OSError):  # a cache that cannot be written is not an error
            write_atomically(str(kept), content, str(kept.parent))
    return objects
