"""The hierarchy of a table of regions by position: ancestors, descendants and labels."""

from __future__ import annotations

import operator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from xarray_atlas.terminology.cells import counted
from xarray_atlas.terminology.parents import Int64Array, depths_of
from xarray_atlas.terminology.table import TextArray

__all__ = ["RegionHierarchy"]


class RegionHierarchy:
    """The hierarchy in the columns of a table of regions.

    Regions are sorted in preorder, in which each is followed by all of its descendants, so that the
    descendants of a region and their labels are slices.
    """

    ids: npt.NDArray[Any]
    acronyms: TextArray
    names: TextArray
    colors: TextArray
    parents: Int64Array
    labels: Int64Array
    label_regions: Int64Array
    parcels: Int64Array | None = None

    def __len__(self) -> int:
        return len(self.parents)

    @cached_property
    def default_positions(self) -> Int64Array:
        """The positions of the regions used by default.

        All regions; for a parcellation its parcels, each without its descendants.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> len(ds.atlas.terminology.default_positions)
        1327
        >>> len(ds.atlas.parcellate("cosmos").atlas.terminology.default_positions)
        10
        """
        return _frozen(np.arange(len(self))) if self.parcels is None else self.parcels

    @cached_property
    def depths(self) -> Int64Array:
        """The number of steps from each region to its root, int64.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.depths[terminology.positions(["root", "grey", "RSP"])]
        array([0, 1, 6])
        """
        return _frozen(depths_of(self.parents))

    @cached_property
    def preorder(self) -> Int64Array:
        """The positions of all regions, each followed by its descendants, int64.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.acronyms[terminology.preorder][:5].tolist()
        ['root', 'grey', 'CH', 'CTX', 'CTXpl']
        """
        order = []
        waiting = np.flatnonzero(self.parents < 0).tolist()[::-1]
        while waiting:
            order.append(position := waiting.pop())
            waiting += self._child_positions[position][::-1]
        return _frozen(np.array(order, dtype=np.int64))

    def descendants(self, position: int) -> Int64Array:
        """Return the positions of a region's descendants in preorder, without itself.

        Parameters
        ----------
        position : int
            The position of the region in the table.

        Returns
        -------
        ndarray of int64

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> below = terminology.descendants(terminology.position("ORBl"))
        >>> terminology.acronyms[below].tolist()
        ['ORBl1', 'ORBl2/3', 'ORBl5', 'ORBl6a', 'ORBl6b']
        """
        return self.preorder[self._subtree(position)][1:]

    def ancestors(self, position: int) -> Int64Array:
        """Return the positions of a region's ancestors, from its root to its parent.

        Parameters
        ----------
        position : int
            The position of the region in the table.

        Returns
        -------
        ndarray of int64

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> above = terminology.ancestors(terminology.position("RSP"))
        >>> terminology.acronyms[above].tolist()
        ['root', 'grey', 'CH', 'CTX', 'CTXpl', 'Isocortex']
        """
        up = self.parents.item
        above = up(self._checked(position))
        line = []
        while above >= 0:
            line.append(above)
            above = up(above)
        return _frozen(np.array(line[::-1], dtype=np.int64))

    def leaves(self, position: int) -> Int64Array:
        """Return the positions in preorder of the leaves below a region; of a leaf, its own.

        Parameters
        ----------
        position : int
            The position of the region in the table.

        Returns
        -------
        ndarray of int64

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> leaves = terminology.leaves(terminology.position("CA"))
        >>> len(leaves), terminology.acronyms[leaves][:4].tolist()
        (13, ['CA1slm', 'CA1so', 'CA1sp', 'CA1sr'])
        """
        subtree = self._subtree(position)
        return _frozen(self.preorder[subtree][self._sizes_in_preorder[subtree] == 1])

    def is_leaf(self, position: int) -> bool:
        """Return whether a region has no parts.

        Parameters
        ----------
        position : int
            The position of the region in the table.

        Returns
        -------
        bool

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> terminology.is_leaf(terminology.position("RSP"))
        False
        """
        return not self._child_positions[self._checked(position)]

    def labels_of(self, position: int, direct: bool = False) -> Int64Array:
        """Return the labels of a region's voxels.

        Parameters
        ----------
        position : int
            The position of the region in the table.
        direct : bool
            Whether to leave out the labels of its descendants.

        Returns
        -------
        ndarray of int64
            Sorted, without duplicates, read-only; possibly empty.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> hy = terminology.position("HY")
        >>> len(terminology.labels_of(hy)), terminology.labels_of(hy, direct=True)
        (91, array([1097]))
        """
        if direct:
            i = self._checked(position)
            return self.labels[self._label_starts[i] : self._label_starts[i + 1]]
        subtree = self._subtree(position)
        labels, starts = self._labels_in_preorder
        return _frozen(np.unique(labels[starts[subtree.start] : starts[subtree.stop]]))

    def label_pairs(self, direct: bool = False) -> tuple[Int64Array, Int64Array]:
        """Return the labels of regions, as pairs.

        Parameters
        ----------
        direct : bool
            Whether to leave out the labels of descendants.

        Returns
        -------
        labels, regions : ndarray of int64
            A pair for each label of each region, sorted by label, without duplicates; regions are
            given by their position in the table.

        Examples
        --------
        >>> import xarray_atlas
        >>> terminology = xarray_atlas.open_sample("100 um").atlas.terminology
        >>> labels, regions = terminology.label_pairs()
        >>> terminology.acronyms[regions[labels == 385]].tolist()
        ['root', 'grey', 'CH', 'CTX', 'CTXpl', 'Isocortex', 'VIS', 'VISp']
        """
        return self._direct_pairs if direct else self._total_pairs

    @cached_property
    def _direct_pairs(self) -> tuple[Int64Array, Int64Array]:
        return _distinct(self.labels, self.label_regions)

    @cached_property
    def _total_pairs(self) -> tuple[Int64Array, Int64Array]:
        labels, regions = [self.labels], [self.label_regions]
        while regions[-1].size:
            above = self.parents[regions[-1]]
            labels.append(labels[-1][above >= 0])
            regions.append(above[above >= 0])
        return _distinct(np.concatenate(labels), np.concatenate(regions))

    def _checked(self, position: int) -> int:
        position = operator.index(position)
        if not 0 <= position < len(self):
            raise IndexError(
                f"position {position} is not in a table of {counted(len(self), 'region')}"
            )
        return position

    def _subtree(self, position: int) -> slice:
        rank = int(self._ranks[self._checked(position)])
        return slice(rank, rank + int(self._sizes_in_preorder[rank]))

    @cached_property
    def _child_positions(self) -> list[list[int]]:
        children: list[list[int]] = [[] for _ in range(len(self))]
        for position, parent in enumerate(self.parents.tolist()):
            if parent >= 0:
                children[parent].append(position)
        return children

    @cached_property
    def _ranks(self) -> Int64Array:
        ranks = np.empty_like(self.preorder)
        ranks[self.preorder] = np.arange(len(self))
        return ranks

    @cached_property
    def _sizes_in_preorder(self) -> Int64Array:
        sizes = [1] * len(self)
        up = self.parents.tolist()
        order = self.preorder.tolist()
        for position in reversed(order):
            if up[position] >= 0:
                sizes[up[position]] += sizes[position]
        return np.array([sizes[position] for position in order], dtype=np.int64)

    @cached_property
    def _label_starts(self) -> Int64Array:
        return np.searchsorted(self.label_regions, np.arange(len(self) + 1))

    @cached_property
    def _labels_in_preorder(self) -> tuple[Int64Array, Int64Array]:
        ranks = self._ranks[self.label_regions]
        order = np.argsort(ranks, kind="stable")
        return self.labels[order], np.searchsorted(ranks[order], np.arange(len(self) + 1))


def _distinct(labels: Int64Array, regions: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Sort pairs and drop duplicates."""
    order = np.lexsort([regions, labels])
    labels, regions = labels[order], regions[order]
    first = np.ones(labels.size, bool)
    first[1:] = (labels[1:] != labels[:-1]) | (regions[1:] != regions[:-1])
    return _frozen(labels[first]), _frozen(regions[first])


def _frozen(array: Int64Array) -> Int64Array:
    array.setflags(write=False)
    return array
