"""What an atlas knows: its regions, where its voxels lie, and whether they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from xarray_atlas import checking
from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.atlas_index import find_atlas
from xarray_atlas.report import Report
from xarray_atlas.space import Space
from xarray_atlas.terminology import Region, RegionKey, Terminology

__all__ = ["HierarchyMethods"]


class HierarchyMethods(Accessor[T]):
    """The regions and the space of an atlas."""

    @property
    def terminology(self) -> Terminology:
        """The table of regions.

        Examples
        --------
        >>> import xarray_atlas
        >>> xarray_atlas.open_sample("100 um").atlas.terminology
        <Terminology 'allen-adult-mouse-terminology': 1327 regions, 1 root, depth 10>
        """
        return find_atlas(self._obj)[0]

    @property
    def space(self) -> Space:
        """Where the voxels of the whole atlas lie: orientation, voxel size, corner, midline."""
        return find_atlas(self._obj)[1]

    @property
    def tree(self) -> Region:
        """The root of the hierarchy, an anytree node.

        Examples
        --------
        >>> import anytree, xarray_atlas
        >>> root = xarray_atlas.open_sample("100 um").atlas.tree
        >>> anytree.find(root, lambda node: node.acronym == "VISm").parent.acronym
        'RSPagl'
        """
        return self.terminology.tree

    @property
    def regions(self) -> pd.DataFrame:
        """All regions as a table: acronym, name, id, parent, depth, color, labels."""
        return self.terminology.regions

    def region(self, key: RegionKey) -> Region:
        """Return a region by acronym, full name or id (int): an anytree node.

        Examples
        --------
        >>> import xarray_atlas
        >>> rsp = xarray_atlas.open_sample("100 um").atlas.region("RSP")
        >>> rsp.name, rsp.parent.acronym, [child.acronym for child in rsp.children]
        ('Retrosplenial area', 'Isocortex', ['RSPagl', 'RSPd', 'RSPv'])
        """
        return self.terminology.region(key)

    def search(self, text: str, regex: bool = False) -> pd.DataFrame:
        """Return the regions whose acronym or name contains a text.

        Parameters
        ----------
        text : str
            Upper and lower case are the same.
        regex : bool, default: False
            Whether `text` is a regular expression.

        Examples
        --------
        >>> import xarray_atlas
        >>> found = xarray_atlas.open_sample("100 um").atlas.search("primary visual area")
        >>> found.acronym.iloc[0]
        'VISp'
        """
        return self.terminology.search(text, regex=regex)

    def check(
        self,
        full: bool = False,
        storage_options: Mapping[str, Any] | None = None,
        progress: bool = False,
    ) -> Report:
        """Report whether the atlas agrees with itself; see :func:`xarray_atlas.check`."""
        return checking.check(self._obj, full, storage_options, progress)
