"""BrainGlobe's layout: the location of an annotation's terminology."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from xarray_atlas.errors import (
    MissingTerminologyError,
    StoreError,
)
from xarray_atlas.io.files.terminologies import open_terminology
from xarray_atlas.io.zarr.stores import locate
from xarray_atlas.terminology import Terminology

__all__ = [
    "Component",
    "find_terminology",
    "load_terminology",
    "parse_place",
    "stored_terminology",
]

FOLDER = "annotation-sets"


@dataclass(frozen=True)
class Component:
    """An annotation set in BrainGlobe's layout.

    ``<root>/annotation-sets/<name>/<version>/...``, next to
    ``<root>/terminologies/<x>-terminology/<version>/terminology.csv``.
    """

    root: str
    name: str
    version: str

    @property
    def terminology_name(self) -> str:
        """The name of the terminology that belongs to it."""
        return self.name.removesuffix("-annotation") + "-terminology"

    @property
    def terminology(self) -> str:
        """URL or path of its terminology."""
        return f"{self.root}/terminologies/{self.terminology_name}/{self.version}/terminology.csv"


def parse_place(place: str) -> Component | None:
    """Read root, name and version out of the URL or path of an annotation.

    Examples
    --------
    >>> parse_place("s3://b/atlas/annotation-sets/x-annotation/2017_0/a.ome.zarr").terminology
    's3://b/atlas/terminologies/x-terminology/2017_0/terminology.csv'
    """
    parts = place.replace(os.sep, "/").split("/")
    if FOLDER not in parts:
        return None
    at = len(parts) - 1 - parts[::-1].index(FOLDER)
    if len(parts) < at + 4:
        return None
    return Component("/".join(parts[:at]), parts[at + 1], parts[at + 2])


def load_terminology(source: Any, storage_options: Mapping[str, Any] | None = None) -> Terminology:
    """Load a terminology from any of the supported forms.

    Parameters
    ----------
    source : Terminology, Dataset, DataArray, table, str or path
        BrainGlobe's own or any other table, or its path or URL.
    storage_options : mapping, optional
        For fsspec.

    Raises
    ------
    MissingTerminologyError
        If it does not exist.
    StoreError
        If it cannot be read.
    TerminologyError
        If it is not a table of regions; the message gives the reason.
    """
    name = _name(locate(source)) if isinstance(source, str | os.PathLike) else ""
    return open_terminology(source, name, storage_options)


def stored_terminology(place: str, storage_options: Mapping[str, Any] | None = None) -> Terminology:
    """Load the terminology that belongs to a stored atlas, which has all of BrainGlobe's columns.

    Parameters
    ----------
    place : str
        The URL or path of its CSV.
    storage_options : mapping, optional
        For fsspec.

    Raises
    ------
    MissingTerminologyError, StoreError, TerminologyError
        As `load_terminology` does; also if a column is missing.
    """
    return open_terminology(place, _name(locate(place)), storage_options, stored=True)


def _name(place: str) -> str:
    """Name a terminology: ``.../terminologies/<name>/<version>/terminology.csv``, else its file."""
    path = PurePosixPath(place.replace(os.sep, "/"))
    return (
        path.parents[1].name
        if path.parents[2:] and path.parents[2].name == "terminologies"
        else path.stem
    )


def find_terminology(place: str, storage_options: Mapping[str, Any] | None = None) -> Terminology:
    """Load the terminology of an annotation from its place in the layout.

    Parameters
    ----------
    place : str
        The URL or path of the annotation.
    storage_options : mapping, optional
        For fsspec.

    Raises
    ------
    MissingTerminologyError
        If there is none; the message lists the paths that were searched.
    StoreError
        If it cannot be read.
    """
    mend = "pass terminology= the path or URL of its CSV, a DataFrame or a Terminology"
    component = parse_place(place)
    if component is None:
        raise MissingTerminologyError(
            f"no terminology for {place}: it does not lie in BrainGlobe's layout "
            "(<root>/annotation-sets/<x>-annotation/<version>/..., next to "
            f"<root>/terminologies/<x>-terminology/<version>/terminology.csv); {mend}"
        )
    try:
        return stored_terminology(component.terminology, storage_options)
    except MissingTerminologyError as error:
        raise MissingTerminologyError(
            f"no terminology for {place}: looked for {component.terminology}, "
            f"which is not there; {mend}"
        ) from error
    except StoreError as error:
        # a bucket that may not be listed denies access to missing objects too
        raise StoreError(f"no terminology for {place}: {error}; or {mend}") from error
