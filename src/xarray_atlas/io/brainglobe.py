"""BrainGlobe's layout: where the terminology of an annotation is."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from xarray_atlas.errors import MissingTerminologyError, StoreNotFoundError, TerminologyError
from xarray_atlas.io.stores import read_bytes
from xarray_atlas.terminology import Terminology

__all__ = ["Component", "find_terminology", "load_terminology", "parse_place"]

FOLDER = "annotation-sets"


@dataclass(frozen=True)
class Component:
    """An annotation set in BrainGlobe's layout.

    ``<root>/annotation-sets/<name>/<version>/...``, beside
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
        """Where its terminology is."""
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


def load_terminology(
    source: Any, storage_options: Mapping[str, Any] | None = None, name: str = ""
) -> Terminology:
    """Load a terminology from whatever a user has of it.

    Parameters
    ----------
    source : Terminology, DataFrame, str or path
        A table in BrainGlobe's columns, or the path or URL of a CSV.
    """
    if isinstance(source, Terminology):
        return source
    if isinstance(source, pd.DataFrame):
        return Terminology.from_dataframe(source, name=name)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "terminology is a path, a URL, a DataFrame or a Terminology, "
            f"not a {type(source).__name__}"
        )
    try:
        content = read_bytes(source, storage_options)
    except StoreNotFoundError as error:
        raise MissingTerminologyError(f"no terminology: {error}") from error
    path = PurePosixPath(str(os.fspath(source)).replace(os.sep, "/"))
    known = path.parents[1].name if path.name == "terminology.csv" and len(path.parents) > 2 else ""
    try:
        return Terminology.from_csv(io.BytesIO(content), name=name or known or path.stem)
    except TerminologyError as error:
        raise TerminologyError(f"{os.fspath(source)}: {error}") from error


def find_terminology(
    place: str, storage_options: Mapping[str, Any] | None = None
) -> Terminology:
    """Load the terminology that the layout puts beside an annotation.

    Raises
    ------
    MissingTerminologyError
        If there is none; it says what was looked for.
    """
    mend = "pass terminology= the path or URL of its CSV, a DataFrame or a Terminology"
    component = parse_place(place)
    if component is None:
        raise MissingTerminologyError(
            f"no terminology for {place}: it does not lie in BrainGlobe's layout "
            "(<root>/annotation-sets/<x>-annotation/<version>/..., beside "
            f"<root>/terminologies/<x>-terminology/<version>/terminology.csv); {mend}"
        )
    try:
        content = read_bytes(component.terminology, storage_options)
    except StoreNotFoundError as error:
        raise MissingTerminologyError(
            f"no terminology for {place}: looked for {component.terminology}, "
            f"which is not there; {mend}"
        ) from error
    try:
        return Terminology.from_csv(io.BytesIO(content), name=component.terminology_name)
    except TerminologyError as error:
        raise TerminologyError(f"{component.terminology}: {error}") from error
