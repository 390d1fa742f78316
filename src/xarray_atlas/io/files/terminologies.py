"""A table of regions from whatever a user has of it."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any

import pandas as pd

from xarray_atlas.errors import MissingTerminologyError, StoreNotFoundError, TerminologyError
from xarray_atlas.io.zarr.stores import locate, read_bytes
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.cells import cells_from_csv
from xarray_atlas.terminology.formats import Cells, cells_from_frame, cells_from_text
from xarray_atlas.terminology.lateral import Lateral, Sides
from xarray_atlas.terminology.mending import build

__all__ = ["read_terminology"]


NAMELESS = ("terminology", "structures")
"""What BrainGlobe calls the files of all terminologies."""


def read_terminology(
    source: Any, name: str = "", lateral: Lateral | None = None
) -> tuple[Terminology, Sides]:
    """Read a terminology in any format, and give it what it lacks.

    Parameters
    ----------
    source : Terminology, DataFrame, str or path
        A table, or the path or URL of a file: BrainGlobe's ``terminology.csv`` or
        older ``structures.csv`` and ``structures.json``, the Allen Institute's JSON
        or CSV, label descriptions of ITK-SNAP or FreeSurfer.
    name : str
        What to call it where it has no name.
    lateral : str, (str, str), or list of (int, int), optional
        As :func:`~xarray_atlas.terminology.lateral.fold` has it.

    Raises
    ------
    MissingTerminologyError
        If nothing is there.
    StoreError
        If it cannot be read.
    TerminologyError
        If it is no table of regions; it says what is wrong.
    """
    if isinstance(source, Terminology):
        built = build(cells_from_csv(source.to_csv()), source.name or name, lateral)
        return (source, built[1]) if built[0] == source else built
    if isinstance(source, pd.DataFrame):
        return build(cells_from_frame(source), name, lateral)
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "terminology is a path, a URL, a DataFrame, a Terminology or an open atlas, "
            f"not a {type(source).__name__}"
        )
    place = locate(source)
    try:
        stem = PurePath(place).stem
        return build(_cells_at(source), name if stem in NAMELESS else stem, lateral)
    except TerminologyError as error:
        raise TerminologyError(f"{place}: {error}") from error


def _cells_at(source: Any) -> Cells:
    try:
        content = read_bytes(source)
    except StoreNotFoundError as error:
        raise MissingTerminologyError(f"no terminology: {error}") from error
    try:
        return cells_from_text(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise TerminologyError(f"the table of regions is not UTF-8 text: {error}") from error
