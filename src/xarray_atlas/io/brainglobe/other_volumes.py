"""Refuse templates and hemispheres in BrainGlobe's layout in place of labels."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from xarray_atlas.errors import StoreFormatError
from xarray_atlas.io.brainglobe.layout import FOLDER, parse_place
from xarray_atlas.io.brainglobe.manifest import HEMISPHERES, LABELS, TEMPLATES
from xarray_atlas.io.zarr.filesystems import filesystem_for
from xarray_atlas.io.zarr.stores import within

__all__ = ["refuse_hemispheres", "refuse_template"]


def refuse_hemispheres(place: str) -> None:
    """Refuse the hemispheres of BrainGlobe's layout in place of labels.

    They are 1 and 2, which are ids of regions in most atlases.

    Parameters
    ----------
    place : str
        The URL or path of an OME-Zarr.

    Raises
    ------
    StoreFormatError
        If its path is that of hemispheres; the message gives the path of the labels.
    """
    folder, _, name = place.replace(os.sep, "/").rstrip("/").rpartition("/")
    if name in HEMISPHERES and parse_place(place) is not None:
        labels = " or ".join(f"{folder}/{file}" for file in LABELS)
        raise StoreFormatError(
            f"{place} holds the hemispheres of an annotation, and not its labels, which are "
            f"{labels}. Open those, with include=('annotation', 'hemispheres') for both"
        )


def refuse_template(place: str, storage_options: Mapping[str, Any] | None = None) -> None:
    """Refuse the template of BrainGlobe's layout in place of labels.

    It is known by its place, ``<root>/templates/<x>-template/<version>/template.ome.zarr``: grey
    values are integers as labels are.

    Parameters
    ----------
    place : str
        The URL or path of an OME-Zarr.
    storage_options : mapping, optional
        For fsspec, to look for annotations in the same root.

    Raises
    ------
    StoreFormatError
        If it is a template; the message gives the paths of annotations.
    """
    parts = place.replace(os.sep, "/").rstrip("/").split("/")
    if len(parts) < 5 or parts[-4] != "templates" or parts[-1] not in TEMPLATES:
        return
    root, name = "/".join(parts[:-4]), parts[-3]
    found = _annotations(root, name.removesuffix("-template"), storage_options)
    where = (
        f"labels of the same root are {', '.join(found)}"
        if found
        else f"labels lie in {root}/{FOLDER}/<name>/<version>/{LABELS[0]}"
    )
    raise StoreFormatError(
        f"{place} is a template, an image, and not an annotation; {where}. An atlas by name or "
        "manifest.json opens with both: include=('annotation', 'template')"
    )


def _annotations(root: str, template: str, storage_options: Mapping[str, Any] | None) -> list[str]:
    """List the annotations of a root with the longest common prefix with a template's name."""

    def listing() -> list[str]:
        filesystem, path = filesystem_for(f"{root}/{FOLDER}", storage_options)
        there = [_name(each) for each in filesystem.ls(path, detail=False)]
        alike = {name: _alike(name.removesuffix("-annotation"), template) for name in there}
        found = []
        for name in sorted(n for n in there if alike[n] == max(alike.values())):
            for version in sorted(map(_name, filesystem.ls(f"{path}/{name}", detail=False))):
                held = {_name(p) for p in filesystem.ls(f"{path}/{name}/{version}", detail=False)}
                files = [file for file in LABELS if file in held]
                found += [f"{root}/{FOLDER}/{name}/{version}/{file}" for file in files[:1]]
        return found

    with contextlib.suppress(Exception):  # what cannot be listed is described instead
        return within(listing)
    return []


def _name(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _alike(name: str, other: str) -> int:
    """Return how many words two names share at their beginning."""
    words, others = name.split("-"), other.split("-")
    same = [a == b for a, b in zip(words, others, strict=False)]
    return (*same, False).index(False)
