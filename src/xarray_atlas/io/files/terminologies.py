"""Read tables of regions in any form."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import pandas as pd
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.dataframes import as_dataframe
from xarray_atlas.errors import MissingTerminologyError, StoreNotFoundError, TerminologyError
from xarray_atlas.io.files.images.files import is_image_file
from xarray_atlas.io.zarr.stores import locate, read_bytes
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.cells import REQUIRED, cells_from_csv
from xarray_atlas.terminology.formats import cells_from_frame, cells_from_text
from xarray_atlas.terminology.lateral import Lateral, Sides
from xarray_atlas.terminology.mending import build

__all__ = ["open_terminology", "read_terminology"]


OTHERS = {
    b"PK\x03\x04": ("an Excel workbook or another zip file", "pd.read_excel(path)"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", "pd.read_excel(path)"),
    b"PAR1": ("a Parquet file", "pd.read_parquet(path)"),
    b"\x1f\x8b": ("compressed with gzip", "pd.read_csv(path, compression='gzip')"),
}
"""Files that pandas reads, by their first bytes."""

NAMELESS = ("terminology", "structures")
"""BrainGlobe's names of terminology files."""


def read_terminology(
    source: Any, name: str = "", lateral: Lateral | None = None
) -> tuple[Terminology, Sides]:
    """Read a terminology in any format, and complete it.

    Parameters
    ----------
    source : Terminology, Dataset, DataArray, table, str or path
        A table of pandas, polars, pyarrow or dask, an atlas, or the path or URL of a file:
        BrainGlobe's ``terminology.csv`` or older ``structures.csv`` and ``structures.json``, the
        Allen Institute's JSON or CSV, tables of BIDS and others with a header, label descriptions
        of ITK-SNAP, FreeSurfer, 3D Slicer, FSLeyes and MRIcron, the XML of FSL and SPM.
    name : str
        Its name in messages, if it does not have one.
    lateral : str, (str, str), list of these, or list of (int, int), optional
        Same as in :func:`~xarray_atlas.terminology.lateral.fold`.

    Raises
    ------
    MissingTerminologyError
        If it does not exist.
    StoreError
        If it cannot be read.
    TerminologyError
        If it is not a table of regions; the message gives the reason.
    """
    known = _known(source)
    if isinstance(known, Terminology):
        built = build(cells_from_csv(known.to_csv()), known.name or name, lateral)
        return (known, built[1]) if built[0] == known else built
    if known is not None:
        return build(cells_from_frame(known), name, lateral)
    place = locate(source)
    try:
        stem = PurePath(place).stem
        return build(cells_from_text(_text_at(source)), name if stem in NAMELESS else stem, lateral)
    except TerminologyError as error:
        raise _at(place, error) from error


def open_terminology(
    source: Any,
    name: str = "",
    storage_options: Mapping[str, Any] | None = None,
    stored: bool = False,
) -> Terminology:
    """Read a terminology for a stored atlas: BrainGlobe's unchanged, others completed.

    Parameters
    ----------
    source : Terminology, Dataset, DataArray, table, str or path
        As `read_terminology` has it.
    name : str
        What to call what is read from a file.
    storage_options : mapping, optional
        For fsspec.
    stored : bool
        Whether it is the atlas's own, which must have all of BrainGlobe's columns.

    Raises
    ------
    MissingTerminologyError, StoreError, TerminologyError
        As `read_terminology` does.
    """
    known = _known(source)
    if isinstance(known, Terminology):
        return known
    if known is not None:
        if set(REQUIRED) <= set(known.columns):
            return Terminology.from_dataframe(known)
        return build(cells_from_frame(known))[0]
    try:
        text = _text_at(source, storage_options)
        if stored or set(REQUIRED) <= set(next(csv.reader(io.StringIO(text[:10_000])), [])):
            return Terminology.from_csv(io.StringIO(text, newline=""), name)
        return build(cells_from_text(text), name)[0]
    except TerminologyError as error:
        raise _at(locate(source), error) from error


def _known(source: Any) -> Terminology | pd.DataFrame | None:
    """Return a table that is in memory, None for a path."""
    if isinstance(source, Terminology):
        return source
    if isinstance(source, xr.Dataset | xr.DataArray):
        return find_atlas(source)[0]
    table = None if isinstance(source, str | os.PathLike) else as_dataframe(source)
    if table is None and not isinstance(source, str | os.PathLike):
        raise TypeError(
            "terminology is a path, a URL, a DataFrame, a Terminology or an open atlas, "
            f"not a {type(source).__name__}"
        )
    return table


def _text_at(source: Any, storage_options: Mapping[str, Any] | None = None) -> str:
    if is_image_file(str(source)):
        raise TerminologyError(
            "the table of regions is an image file; in create_atlas(annotation, terminology) the "
            "image of the labels comes first, then the table"
        )
    try:
        content = read_bytes(source, storage_options)
    except StoreNotFoundError as error:
        raise MissingTerminologyError(f"no terminology: {error}") from error
    for mark, (kind, reader) in OTHERS.items():
        if content.startswith(mark):
            raise TerminologyError(
                f"the table of regions is {kind}, not text; read it with pandas and pass the "
                f"DataFrame: {reader}"
            )
    # Excel's "Unicode text" begins with the mark of UTF-16
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in content:
            raise TerminologyError(
                "the table of regions is not UTF-8 text; it holds NUL characters, as UTF-16 does: "
                "save it as UTF-8"
            ) from error
        raise TerminologyError(
            f"the table of regions is not UTF-8 text: {error}. Save it as UTF-8, or read it in its "
            "own encoding: pd.read_csv(path, encoding='cp1252')"
        ) from error


def _at(place: str, error: TerminologyError) -> TerminologyError:
    return TerminologyError(f"{place}: {error}")
