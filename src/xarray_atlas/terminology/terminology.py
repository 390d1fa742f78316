"""Immutable table of the regions of an atlas and their hierarchy."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd

from xarray_atlas.errors import TerminologyError
from xarray_atlas.terminology.cells import counted, listing
from xarray_atlas.terminology.naming import RegionKey, RegionNames
from xarray_atlas.terminology.parents import Int64Array
from xarray_atlas.terminology.reading import TerminologyFormats
from xarray_atlas.terminology.region import Region
from xarray_atlas.terminology.searching import search
from xarray_atlas.terminology.table import (
    Problem,
    RegionTable,
    TextArray,
    describe,
    require_text,
)

__all__ = ["Terminology"]


class Terminology(RegionNames, TerminologyFormats):
    """Table of an atlas's regions.

    Build one with `from_csv`, `from_dataframe`, `from_json` or `from_columns`. It is immutable, so
    copies are the object itself. Two terminologies are equal, and have the same `fingerprint`, if
    their tables are: the same regions in the same order with the same parents, labels, names and
    colors, and the same parcels. The terminology's name is not compared.

    The hierarchy is derived from the parents alone. Inconsistencies are listed in `problems` and
    are not errors: a region with a parent that is not in the table becomes a root, and so does the
    first row of a cycle.

    Attributes
    ----------
    name : str
        Name of the terminology, such as "allen-adult-mouse-terminology".
    problems : tuple of str
        Problems of the table, in sentences; at most 20 of each kind.
    problem_kinds : tuple of str
        The kind of each problem: "rows", "colors", "empty acronyms", "acronyms", "shared labels",
        "paths", "parents", "cycles" or "roots"; "" if a file does not give it.
    ids : ndarray
        The identifier of each region, int64, or an object array of str if not all identifiers are
        integers.
    parents : ndarray of int64
        The position in the table of each region's parent, -1 for a root.
    acronyms, names, colors : ndarray of object
        One str for each region; a color is "#RRGGBB", or "" for none.
    labels, label_regions : ndarray of int64
        Label values of the volume and the position of the region of each, sorted by position, then
        value. A region may have any number of labels.
    parcels : ndarray of int64, or None
        The positions of a parcellation's parcels, in the order of results: regions that contain
        only the voxels of their own labels. They are part of the comparison.

    Examples
    --------
    >>> import pandas as pd
    >>> from xarray_atlas.terminology import Terminology
    >>> table = pd.DataFrame({
    ...     "identifier": [997, 8, 1009],
    ...     "parent_identifier": [None, 997, 997],
    ...     "annotation_value": [997, 8, 1009],
    ...     "name": ["root", "Basic cell groups", "fiber tracts"],
    ...     "abbreviation": ["root", "grey", "fiber tracts"],
    ... })
    >>> terminology = Terminology.from_dataframe(table, name="example")
    >>> terminology
    <Terminology 'example': 3 regions, 1 root, depth 1>
    >>> terminology.position("grey"), terminology.position(1009)
    (1, 2)
    >>> terminology.labels_of(0)
    array([   8,  997, 1009])
    """

    name: str
    problems: tuple[str, ...]
    problem_kinds: tuple[str, ...]
    ids: npt.NDArray[Any]
    parents: Int64Array
    acronyms: TextArray
    names: TextArray
    colors: TextArray
    labels: Int64Array
    label_regions: Int64Array
    _table: RegionTable

    def __init__(
        self,
        table: RegionTable,
        name: str = "",
        problems: Iterable[Problem] = (),
        parcels: Int64Array | None = None,
    ) -> None:
        require_text(table)
        for column in (*table, *(() if parcels is None else (parcels,))):
            column.setflags(write=False)
        told = [(str(kind), str(text)) for kind, text in problems]
        self.__dict__.update(
            table._asdict(),
            _table=table,
            name=str(name).encode(errors="replace").decode(),  # a file name may be invalid Unicode
            parcels=parcels,
            problems=tuple(text for _, text in told),
            problem_kinds=tuple(kind for kind, _ in told),
        )

    # ---- a value

    @cached_property
    def fingerprint(self) -> int:
        """A signed 64-bit digest of the table, the same in every process and on every platform.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> again = type(terminology).from_json(terminology.to_json())
        >>> again.fingerprint == terminology.fingerprint
        True
        """
        columns = list(self._table.to_lists().values())
        if self.parcels is not None:
            columns.append(self.parcels.tolist())
        content = json.dumps(columns)
        digest = hashlib.blake2b(content.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little", signed=True)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Terminology):
            return NotImplemented
        if (self.parcels is None) != (other.parcels is None):
            return False
        if not np.array_equal(self.default_positions, other.default_positions):
            return False
        return all(map(np.array_equal, self._table, other._table))

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __dask_tokenize__(self) -> tuple[str, int]:
        return "xarray_atlas.Terminology", self.fingerprint

    def __copy__(self) -> Terminology:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Terminology:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        problems = map(Problem, self.problem_kinds, self.problems)
        return Terminology, (self._table, self.name, tuple(problems), self.parcels)

    def __setattr__(self, attribute: str, value: object) -> NoReturn:
        raise AttributeError("a Terminology cannot be changed; build another one")

    def __delattr__(self, attribute: str) -> NoReturn:
        raise AttributeError("a Terminology cannot be changed; build another one")

    def __iter__(self) -> Iterator[Region]:
        return iter(self._nodes)

    def __repr__(self) -> str:
        title = f"Terminology {self.name!r}" if self.name else "Terminology"
        roots = int((self.parents < 0).sum())
        size = f"{counted(len(self), 'region')}, {counted(roots, 'root')}"
        if self.parcels is not None:
            size = f"{counted(len(self.parcels), 'parcel')} of {size}"
        return f"<{title}: {size}, depth {self.depths.max()}>"

    # ---- as a tree and as a DataFrame

    def region(self, key: RegionKey) -> Region:
        """Return the node of a region.

        Parameters
        ----------
        key : str, int or Region
            As `position` has it, which says what raises too.

        Returns
        -------
        Region

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.region("RSP")
        <Region RSP 'Retrosplenial area' (id 254)>
        """
        return self._nodes[self.position(key)]

    @property
    def tree(self) -> Region:
        """The root of the tree, an anytree node.

        Raises
        ------
        TerminologyError
            If there are several roots; see `roots`.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.tree
        <Region root 'root' (id 997)>
        >>> [child.acronym for child in terminology.tree.children][:3]
        ['grey', 'fiber tracts', 'VS']
        """
        if len(self.roots) > 1:
            roots = listing(
                [describe(self._table, root.position) for root in self.roots], quote=False
            )
            raise TerminologyError(
                f"{self._title} has {len(self.roots)} roots: {roots}; take them from `.roots`"
            )
        return self.roots[0]

    @cached_property
    def roots(self) -> tuple[Region, ...]:
        """The nodes without a parent, in table order.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.roots
        (<Region root 'root' (id 997)>,)
        """
        return tuple(self._nodes[i] for i in np.flatnonzero(self.parents < 0))

    @cached_property
    def _nodes(self) -> tuple[Region, ...]:
        labels = self.labels.tolist()
        starts = self._label_starts.tolist()
        return tuple(
            Region(self, i, tuple(labels[starts[i] : starts[i + 1]])) for i in range(len(self))
        )

    def _parent_node(self, position: int) -> Region | None:
        parent = self.parents.item(position)
        return None if parent < 0 else self._nodes[parent]

    def _child_nodes(self, position: int) -> tuple[Region, ...]:
        return tuple(self._nodes[child] for child in self._child_positions[position])

    @property
    def regions(self) -> pd.DataFrame:
        """A new DataFrame with a row per region.

        Its columns are acronym, name, id, parent (the parent's acronym, "" for a root), depth,
        color and labels (a tuple of the region's own labels).

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.regions[["acronym", "id", "parent", "depth", "color"]].head(3)
          acronym   id parent  depth    color
        0    root  997             0  #FFFFFF
        1    grey    8   root      1  #BFDAE3
        2      CH  567   grey      2  #B0F0FF
        """
        parents = np.where(self.parents < 0, "", self.acronyms[self.parents])
        # text as lists: pandas without pyarrow keeps a read-only array of text as it is
        return pd.DataFrame(
            {
                "acronym": self.acronyms.tolist(),
                "name": self.names.tolist(),
                "id": self.ids,
                "parent": parents.tolist(),
                "depth": self.depths,
                "color": self.colors.tolist(),
                "labels": [node.labels for node in self._nodes],
            },
            copy=True,
        )

    def search(self, text: str, regex: bool = False) -> pd.DataFrame:
        """Find regions by acronym, initials or words, in upper or lower case.

        Parameters
        ----------
        text : str
            The beginning of an acronym ("SC"), the initials of a name, words of it in any order
            ("colliculus superior"), or any part of an acronym or a name.
        regex : bool, default: False
            Whether `text` is a regular expression, which acronyms and names are searched for.

        Returns
        -------
        DataFrame
            The columns acronym, name and id of `regions`, with its index. The best matches come
            first: the acronym or name itself, the beginning of an acronym, initials, words, and
            last what contains the text; equal ones are in the order of the table, and so are all
            that a regular expression finds.

        Raises
        ------
        ValueError
            If `text` is not a valid regular expression, with ``regex=True``.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.search("superior colliculus").head(3)
            acronym                                        name   id
        808     SCs         Superior colliculus sensory related  302
        809    SCop             Superior colliculus optic layer  851
        810    SCsg  Superior colliculus superficial gray layer  842
        >>> terminology.search("^SSp-[a-z]+$", regex=True).acronym.tolist()
        ['SSp-n', 'SSp-bfd', 'SSp-ll', 'SSp-m', 'SSp-ul', 'SSp-tr', 'SSp-un']
        """
        acronyms, names = self.acronyms.tolist(), self.names.tolist()
        if regex:
            try:
                pattern = re.compile(text, re.IGNORECASE)
            except re.error as error:
                raise ValueError(f"{text!r} is not a regular expression: {error}") from error
            pairs = enumerate(zip(acronyms, names, strict=True))
            found = [i for i, pair in pairs if any(map(pattern.search, pair))]
        else:
            found = [i for _, i in search(text, acronyms, names)]
        return self.regions[["acronym", "name", "id"]].iloc[found]
