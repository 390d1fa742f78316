"""Read and write terminologies as CSV, DataFrames, JSON and attributes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Self, overload

import numpy as np

from xarray_atlas.dataframes import as_dataframe
from xarray_atlas.errors import TerminologyError
from xarray_atlas.terminology.cells import COLUMNS, cells_from_csv, cells_from_dataframe
from xarray_atlas.terminology.itksnap import itksnap_text
from xarray_atlas.terminology.parents import Int64Array
from xarray_atlas.terminology.table import Problem, RegionTable, table_from_cells

__all__ = ["TerminologyFormats"]


class TerminologyFormats:
    """Formats that a `Terminology` can be read from and written to."""

    name: str
    problems: tuple[str, ...]
    problem_kinds: tuple[str, ...]
    parcels: Int64Array | None
    _table: RegionTable

    def __init__(
        self,
        table: RegionTable,
        name: str = "",
        problems: Iterable[Problem] = (),
        parcels: Int64Array | None = None,
    ) -> None:
        raise NotImplementedError

    @classmethod
    def from_dataframe(cls, df: Any, name: str = "") -> Self:
        """Read BrainGlobe's columns from a DataFrame.

        Parameters
        ----------
        df : pandas.DataFrame, or a table of polars, pyarrow or dask
            With the columns identifier, parent_identifier, annotation_value, name and abbreviation,
            and optionally color_hex_triplet and root_identifier_path. Best read with
            ``dtype=str, keep_default_na=False``.
        name : str
            Name of the terminology.

        Returns
        -------
        Terminology

        Raises
        ------
        TerminologyError
            If columns or rows are missing, ids or labels are not exact integers, a name or acronym
            is missing or not text, or rows with the same identifier differ in more than their
            label.

        Examples
        --------
        >>> import pandas as pd
        >>> from xarray_atlas import Terminology
        >>> table = pd.DataFrame({
        ...     "identifier": [1, 2],
        ...     "parent_identifier": [None, 1],
        ...     "annotation_value": [1, 2],
        ...     "name": ["brain", "Optic lobe"],
        ...     "abbreviation": ["brain", "OL"],
        ... })
        >>> Terminology.from_dataframe(table, name="my-terminology")
        <Terminology 'my-terminology': 2 regions, 1 root, depth 1>
        """
        frame = as_dataframe(df)
        if frame is None:
            raise TypeError(f"df is a DataFrame or another table, not a {type(df).__name__}")
        table, problems = table_from_cells(cells_from_dataframe(frame))
        return cls(table, name, problems)

    @classmethod
    def from_csv(cls, source: str | os.PathLike[str] | IO[str] | IO[bytes], name: str = "") -> Self:
        """Read a CSV with BrainGlobe's columns, which `from_dataframe` lists.

        Parameters
        ----------
        source : str, path, or file object
            A local path, or an open text or binary file (UTF-8).
        name : str
            Name of the terminology.

        Returns
        -------
        Terminology

        Raises
        ------
        TerminologyError
            Same as in `from_dataframe`.

        Examples
        --------
        >>> import pathlib, tempfile, xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder) / "terminology.csv"
        ...     terminology.to_csv(file)
        ...     xarray_atlas.Terminology.from_csv(file, name="mine")
        <Terminology 'mine': 1327 regions, 1 root, depth 10>
        """
        content = (
            Path(source).read_bytes() if isinstance(source, (str, os.PathLike)) else source.read()
        )
        try:
            text = content.decode() if isinstance(content, bytes) else content
        except UnicodeDecodeError as error:
            raise TerminologyError(f"the table of regions is not UTF-8 text: {error}") from error
        table, problems = table_from_cells(cells_from_csv(text))
        return cls(table, name, problems)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the output of `to_json`.

        Parameters
        ----------
        text : str
            A JSON object.

        Returns
        -------
        Terminology

        Raises
        ------
        TerminologyError
            If it is not such an object, or does not hold a table of regions.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> type(terminology).from_json(terminology.to_json()) == terminology
        True
        """
        return cls._from_lists(_parsed(text, "the terminology"))

    @classmethod
    def from_columns(cls, columns: Mapping[str, str]) -> Self:
        """Read the output of `to_columns`.

        Parameters
        ----------
        columns : mapping of str to str
            A JSON list for each column; other keys are ignored.

        Returns
        -------
        Terminology

        Raises
        ------
        TerminologyError
            If a column is missing or not JSON, or they do not hold a table of regions.

        Examples
        --------
        They are in the attributes of the coordinate that carries the hierarchy:

        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> type(ds.atlas.terminology).from_columns(ds.terminology.attrs)
        <Terminology 'allen-adult-mouse-terminology': 1327 regions, 1 root, depth 10>
        """
        known = (*COLUMNS[:-1], "meta")  # all but the path
        return cls._from_lists(
            {key: _parsed(columns[key], f"column {key!r}") for key in known if key in columns}
        )

    @classmethod
    def _from_lists(cls, lists: Mapping[str, Any]) -> Self:
        if not isinstance(lists, dict):
            raise TerminologyError("the terminology is not a JSON object of columns")
        table, problems = RegionTable.from_lists(lists)
        meta = lists.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        texts = meta.get("problems", ())
        kinds = meta.get("problem_kinds", ())
        kinds = kinds if len(kinds) == len(texts) else [""] * len(texts)
        stored = [Problem(str(kind), str(text)) for kind, text in zip(kinds, texts, strict=True)]
        told = {problem.text for problem in stored}
        told_anew = [*stored, *(p for p in problems if p.text not in told)]
        return cls(table, meta.get("name", ""), told_anew, _parcels(meta, len(table.ids)))

    def _to_lists(self) -> dict[str, Any]:
        meta: dict[str, Any] = {
            "name": self.name,
            "problems": self.problems,
            "problem_kinds": self.problem_kinds,
        }
        if self.parcels is not None:
            meta["parcels"] = self.parcels.tolist()
        return {**self._table.to_lists(), "meta": meta}

    def to_json(self) -> str:
        """Return everything as one JSON object, with a list for each column.

        Examples
        --------
        >>> import json
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> json.loads(terminology.to_json())["abbreviation"][:2]
        ['root', 'grey']
        """
        return json.dumps(self._to_lists())

    def to_columns(self) -> dict[str, str]:
        """Return a JSON string for each column, and "meta" for the name and the problems.

        They fit into attributes of any file format. Derivable columns are omitted.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> columns = terminology.to_columns()
        >>> list(columns)[:3]
        ['identifier', 'parent_identifier', 'annotation_value']
        >>> columns["abbreviation"][:28]
        '["root", "grey", "CH", "CTX"'
        """
        return {key: json.dumps(value) for key, value in self._to_lists().items()}

    @overload
    def to_csv(self, path: None = None) -> str: ...
    @overload
    def to_csv(self, path: str | os.PathLike[str]) -> None: ...
    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Write BrainGlobe's columns as CSV, with paths derived from the parents.

        Parcels of a parcellation are not written.

        Parameters
        ----------
        path : str or path, optional
            The local file to write, in UTF-8. Without it the text is returned.

        Returns
        -------
        str or None
            The text, without a `path`.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> print(terminology.to_csv().splitlines()[2])
        8,997,8,Basic cell groups and regions,grey,#BFDAE3,"[997, 8]"
        """
        text = self._table.to_csv()
        if path is None:
            return text
        Path(path).write_bytes(text.encode())
        return None

    def to_itksnap(self, path: str | os.PathLike[str]) -> None:
        """Write an ITK-SNAP label description: number, color and full name.

        It has a line per label; regions without a label are omitted, and regions without a color
        are grey. ITK-SNAP supports 16 bits: if a label does not fit, all are renumbered from 1 in
        ascending order, as ``ds.atlas.to_nifti(path, dtype="uint16")`` does, so that the files
        match.

        Parameters
        ----------
        path : str or path
            The local file to write, in UTF-8.

        Raises
        ------
        TerminologyError
            If there are more than 65535 labels and one does not fit.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder) / "labels.txt"
        ...     terminology.to_itksnap(file)
        ...     print(file.read_text().splitlines()[-1])
         1327   255  144  255        1  1  1    "Supraoculomotor periaqueductal gray"
        """
        Path(path).write_bytes(itksnap_text(self._table).encode())


def _parsed(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise TerminologyError(f"{what} is not JSON: {why}") from error


def _parcels(meta: Mapping[str, Any], count: int) -> Int64Array | None:
    """Return the positions of parcels; None if the table is not a parcellation."""
    stored = meta.get("parcels")
    if stored is None:
        return None
    if (
        not isinstance(stored, list)
        or set(map(type, stored)) - {int}
        or len(set(stored)) < len(stored)
        or any(not 0 <= position < count for position in stored)
    ):
        raise TerminologyError(f"'parcels' is not a list of positions in a table of {count} rows")
    return np.array(stored, dtype=np.int64)
