"""Names of regions: acronyms, full names, ids and nodes, and the region that each one names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from xarray_atlas.errors import AmbiguousRegionError, AtlasMismatchError, RegionNotFoundError
from xarray_atlas.terminology.cells import counted, listing
from xarray_atlas.terminology.hierarchy import RegionHierarchy
from xarray_atlas.terminology.parents import Int64Array
from xarray_atlas.terminology.region import Region
from xarray_atlas.terminology.searching import propose
from xarray_atlas.terminology.table import RegionTable, TextArray, describe

__all__ = ["RegionKey", "RegionNames"]

RegionKey: TypeAlias = str | int | np.integer[Any] | Region
"""What names a region: its acronym or full name, its id, or its node."""


MOST_HINTS = 10
"""Unknown regions of a list for which others are proposed."""

SHARED = -1
"""What stands for a position where several regions have the same name."""


class RegionNames(RegionHierarchy):
    """Finds the regions of a table by what they are called."""

    name: str
    ids: npt.NDArray[Any]
    _table: RegionTable

    def position(self, key: RegionKey) -> int:
        """Find a region's position in the table.

        Parameters
        ----------
        key : str, int or Region
            An acronym or else a full name, an id, or a node. A str is never read
            as an id, not even "1".

        Returns
        -------
        int

        Raises
        ------
        RegionNotFoundError
            If there is no such region; the message has the closest names.
        AmbiguousRegionError
            If several regions share the acronym or name; the message has their ids.
        AtlasMismatchError
            If the node is one of another terminology.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.position("RSP") == terminology.position(254)
        True
        >>> terminology.names[terminology.position("RSP")]
        'Retrosplenial area'
        """
        position = self._find(key)
        if position is None:
            raise RegionNotFoundError(self._explain_unknown([key]))
        if position == SHARED:
            raise AmbiguousRegionError(explain_shared(self._table, str(key)))
        return position

    def positions(self, keys: Iterable[RegionKey]) -> Int64Array:
        """Find the positions of several regions, in the order given, with duplicates kept.

        Parameters
        ----------
        keys : iterable of str, int or Region
            As `position` has them.

        Returns
        -------
        ndarray of int64

        Raises
        ------
        RegionNotFoundError
            If some are unknown; the message names all of them, and what may be meant.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.acronyms[terminology.positions(["RSP", 385])].tolist()
        ['RSP', 'VISp']
        """
        if isinstance(keys, (str, Region)) or not isinstance(keys, Iterable):
            raise TypeError(f"expected a list of regions, not {keys!r}")
        keys = list(keys)
        unknown = [key for key in keys if self._find(key) is None]
        if unknown:
            raise RegionNotFoundError(self._explain_unknown(unknown))
        return np.array([self.position(key) for key in keys], dtype=np.int64)

    def position_of_id(self, identifier: int | str) -> int:
        """Find the position of the region with this identifier.

        Parameters
        ----------
        identifier : int or str
            A str where the table's identifiers are text ("MBA:997").

        Returns
        -------
        int

        Raises
        ------
        RegionNotFoundError
            If there is no such region.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.acronyms[terminology.position_of_id(254)]
        'RSP'
        """
        if isinstance(identifier, (bool, np.bool_)) or not isinstance(
            identifier, (int, np.integer, str)
        ):
            raise TypeError(f"an identifier is an int or a str, not {identifier!r}")
        position = self._by_id.get(identifier)
        if position is None:
            raise RegionNotFoundError(f"no region has the id {identifier!r} in {self._title}")
        return position

    def __contains__(self, key: object) -> bool:
        try:
            return self._find(key) is not None
        except (TypeError, AtlasMismatchError):
            return False

    def _find(self, key: object) -> int | None:
        if isinstance(key, Region):
            if key.terminology != self:
                raise AtlasMismatchError(
                    f"{key!r} is a region of {key.terminology!r}, not of {self!r}"
                )
            return key.position
        if isinstance(key, str):
            return self._by_text.get(key)
        if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            return self._by_id.get(int(key))
        raise TypeError(
            "a region is named by its acronym or name (str), its id (int) or its node, "
            f"not by {key!r}"
        )

    def _explain_unknown(self, keys: list[RegionKey]) -> str:
        """Say which regions are unknown, and what may have been meant by each."""
        keys = list(dict.fromkeys(keys))
        if len(keys) == 1:
            (key,) = keys
            message = (
                f"no region {key!r}" if isinstance(key, str) else f"no region has the id {key}"
            )
            hint = self._hint(key)
            separator = "; " if hint else ""
            return f"{message} in {self._title}{separator}{hint}"
        # to look for similar names takes 20 ms each
        hints = [self._hint(key) for key in keys[:MOST_HINTS]]
        hints += [""] * (len(keys) - len(hints))
        shown = [
            (repr(key) if isinstance(key, str) else f"id {key}") + (f" ({hint})" if hint else "")
            for key, hint in zip(keys, hints, strict=True)
        ]
        return f"{len(keys)} regions are not in {self._title}: {', '.join(shown)}"

    def _hint(self, key: RegionKey) -> str:
        """Say what may have been meant by an unknown acronym, name or id."""
        table = self._table
        if not isinstance(key, str):
            owners = [describe(table, i) for i in table.label_regions[table.labels == key]]
            return f"{key} is a label of {listing(owners, quote=False)}" if owners else ""
        ids = table.ids.tolist()
        if key in ids:
            return f"it is the id of {table.acronyms[ids.index(key)]!r}: pass that"
        if key.isdecimal() and int(key) in ids:
            return f"to name a region by id pass the int {int(key)}"
        return propose(
            key, self.distinct_acronyms.tolist(), table.names.tolist(), self.depths.tolist()
        )

    @property
    def _title(self) -> str:
        return f"{self.name or 'the terminology'} ({counted(len(self), 'region')})"

    @cached_property
    def distinct_acronyms(self) -> TextArray:
        """The acronyms, with " #id" appended to each that several regions share.

        They name the regions of a result; each also names its region as an acronym does.

        Examples
        --------
        >>> import pandas as pd
        >>> from xarray_atlas import Terminology
        >>> terminology = Terminology.from_dataframe(pd.DataFrame({
        ...     "identifier": [1, 2, 3],
        ...     "parent_identifier": [None, 1, 1],
        ...     "annotation_value": [1, 2, 3],
        ...     "name": ["brain", "Left area", "Right area"],
        ...     "abbreviation": ["brain", "A", "A"],
        ... }))
        >>> terminology.distinct_acronyms.tolist()
        ['brain', 'A #2', 'A #3']
        """
        found = distinct_acronyms(self._table)
        found.setflags(write=False)
        return found

    @cached_property
    def _by_id(self) -> dict[int | str, int]:
        return dict(zip(self.ids.tolist(), range(len(self)), strict=True))

    @cached_property
    def _by_text(self) -> dict[str, int]:
        return positions_by_text(self._table)


def distinct_acronyms(table: RegionTable) -> TextArray:
    """Return the acronyms, with " #id" appended to each that several regions share."""
    labels = table.acronyms.tolist()
    while len(set(labels)) < len(labels):  # again where one is called "A #2" by itself
        counts = Counter(labels)
        pairs = zip(labels, table.ids.tolist(), strict=True)
        labels = [f"{label} #{i}" if counts[label] > 1 else label for label, i in pairs]
    return np.array(labels, dtype=np.object_)


def positions_by_text(table: RegionTable) -> dict[str, int]:
    """Map acronyms, and the full names that are not acronyms, to positions or `SHARED`.

    So are the acronyms that `distinct_acronyms` makes, by which results name regions.
    """
    found = {
        **_positions(distinct_acronyms(table)),
        **_positions(table.names),
        **_positions(table.acronyms),
    }
    found.pop("", None)
    return found


def explain_shared(table: RegionTable, text: str) -> str:
    """Say which regions share an acronym or a name."""
    kind, texts = (
        ("acronym", table.acronyms) if (table.acronyms == text).any() else ("name", table.names)
    )
    regions = [f"id {table.ids[i]} ({table.names[i]!r})" for i in np.flatnonzero(texts == text)]
    return (
        f"the {kind} {text!r} is shared by {listing(regions, quote=False)}; "
        "name the one you mean by its id"
    )


def _positions(texts: TextArray) -> dict[str, int]:
    found: dict[str, int] = dict(zip(texts, range(len(texts)), strict=True))
    if len(found) < len(texts):
        found.update((text, SHARED) for text, count in Counter(texts).items() if count > 1)
    return found
