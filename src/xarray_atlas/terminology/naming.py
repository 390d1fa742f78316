"""What names a region: its acronym, full name, id or node, and which one is meant."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from xarray_atlas.errors import AmbiguousRegionError, AtlasMismatchError, RegionNotFoundError
from xarray_atlas.terminology.cells import counted
from xarray_atlas.terminology.hierarchy import RegionHierarchy
from xarray_atlas.terminology.lookup import (
    SHARED,
    distinct_acronyms,
    explain_shared,
    explain_unknown,
    positions_by_text,
)
from xarray_atlas.terminology.parents import Int64Array
from xarray_atlas.terminology.region import Region
from xarray_atlas.terminology.table import RegionTable, TextArray

__all__ = ["RegionKey", "RegionNames"]

RegionKey: TypeAlias = str | int | np.integer[Any] | Region
"""What names a region: its acronym or full name, its id, or its node."""


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
            raise RegionNotFoundError(explain_unknown(self._table, self._title, key))
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

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.acronyms[terminology.positions(["RSP", 385])].tolist()
        ['RSP', 'VISp']
        """
        if isinstance(keys, (str, Region)) or not isinstance(keys, Iterable):
            raise TypeError(f"expected a list of regions, not {keys!r}")
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
