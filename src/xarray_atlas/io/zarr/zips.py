"""Zarr stores in zip files: on this machine and behind a URL, at the top or in a folder."""

from __future__ import annotations

import os
import posixpath
import zipfile
from collections.abc import Iterable

from xarray_atlas.errors import StoreFormatError

__all__ = ["ENDINGS", "below", "find_group", "is_zip", "is_zip_url", "split_archive"]

ENDINGS = (".zip", ".ozx")
"""Of zip files; OME gives the second to an OME-Zarr in one file. In upper or lower case."""

METADATA = ("zarr.json", ".zgroup", ".zarray")
IGNORED = "__MACOSX"
"""The folder that macOS adds to zip files."""


def is_zip(path: str) -> bool:
    """Return whether a file is a zip file, or is called one."""
    return os.path.isfile(path) and (path.lower().endswith(ENDINGS) or zipfile.is_zipfile(path))


def split_archive(path: str) -> tuple[str, str]:
    """Split a path into that of a zip file and that of a group in it.

    Returns
    -------
    archive, inside : str
        Of a path that leads into no zip file, it and "".
    """
    archive, inside = path, ""
    while not os.path.exists(archive):
        archive, name = os.path.split(archive)
        if not name:
            return path, ""
        inside = f"{name}/{inside}".rstrip("/")
    return (archive, inside) if inside and is_zip(archive) else (path, "")


def is_zip_url(url: str) -> bool:
    """Return whether a URL, without a query, is that of a zip file or of a member of one.

    Examples
    --------
    >>> is_zip_url("https://a.org/b.ozx"), is_zip_url("zip://c::https://a.org/b.ozx")
    (True, True)
    """
    if "::" in url:
        return url.startswith("zip://")
    return url.lower().rstrip("/").endswith(ENDINGS)


def below(place: str, path: str) -> str:
    """Return the URL or path of a group below another, also in a chain of file systems.

    Examples
    --------
    >>> below("zip://a.zarr::https://a.org/b.zip", "labels/c")
    'zip://a.zarr/labels/c::https://a.org/b.zip'
    """
    if "://" in place and "::" not in place and is_zip_url(place):
        return f"zip://{path}::{place}"
    first, chain, rest = place.partition("::")
    slash = "" if first.endswith("/") else "/"
    return f"{first}{slash}{path}{chain}{rest}"


def find_group(names: Iterable[str], place: str) -> str:
    """Return the folder of the one zarr group in a zip file, "" for its top.

    Parameters
    ----------
    names : iterable of str
        Of all files in it.
    place : str
        Where the zip file is, for errors.

    Raises
    ------
    StoreFormatError
        If there is none, or there are several.
    """
    folders = {
        posixpath.dirname(name.strip("/"))
        for name in names
        if posixpath.basename(name) in METADATA and not name.strip("/").startswith(IGNORED)
    }
    found = [f for f in folders if not any(_holds(other, f) for other in folders)]
    if not found:
        raise StoreFormatError(f"{place} is a zip file without a zarr group")
    if len(found) > 1:
        there = ", ".join(below(place, folder) for folder in sorted(found)[:20])
        raise StoreFormatError(f"{place} is a zip file of several zarr groups: {there}. Open one")
    return found[0]


def _holds(folder: str, other: str) -> bool:
    return folder != other and (not folder or other.startswith(f"{folder}/"))
