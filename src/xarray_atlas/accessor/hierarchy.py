"""Regions and space of an atlas, and checks of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.space import Space
from xarray_atlas.terminology import Region, RegionKey, Terminology
from xarray_atlas.transforms.remembered import grid_to_atlas
from xarray_atlas.transforms.transform import Transform

if TYPE_CHECKING:
    from xarray_atlas.checks.report import Report

__all__ = ["HierarchyMethods"]


class HierarchyMethods(Accessor[T]):
    """Regions and space of an atlas."""

    @property
    def terminology(self) -> Terminology:
        """The table of regions, a :class:`xarray_atlas.Terminology`.

        Examples
        --------
        >>> import xarray_atlas
        >>> xarray_atlas.open_sample("100 um").atlas.terminology
        <Terminology 'allen-adult-mouse-terminology': 1327 regions, 1 root, depth 10>
        """
        return find_atlas(self._obj)[0]

    @property
    def space(self) -> Space:
        """The anatomical space of the whole atlas, a :class:`xarray_atlas.Space`.

        Its orientation, voxel size, corner and midline, in mm. Cropped parts keep it.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> space = ds.isel(z=slice(40, 50)).atlas.space
        >>> space.orientation, space.voxel_size, space.shape
        ('asr', (0.1, 0.1, 0.1), (132, 80, 114))
        """
        return find_atlas(self._obj)[1]

    @property
    def transform(self) -> Transform:
        """The transform from this grid to the atlas that was resampled onto it.

        For the result of :func:`resample_like`, or a part of it: a :class:`xarray_atlas.Transform`
        from its coordinates to those of the atlas, in mm, in the order of ``.atlas.space.dims`` and
        ``.atlas.space.atlas.dims``.

        Raises
        ------
        GridError
            If it is the atlas itself.
        TransformError
            If its displacement fields, which are coordinates of the Dataset, were dropped.

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> mine = ds.atlas.resample_like(ds.isel(z=slice(0, 50, 2)))
        >>> mine.atlas.transform.points([[1.0, 2.0, 3.0]])
        array([[1., 2., 3.]])
        """
        return grid_to_atlas(self._obj)

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
        """All regions as a table: acronym, name, id, parent, depth, color, labels.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> table = ds.atlas.regions
        >>> table.loc[table.parent == "RSP", ["acronym", "name", "id", "color"]]
            acronym                                       name   id    color
        298  RSPagl  Retrosplenial area lateral agranular part  894  #1AA698
        325    RSPd             Retrosplenial area dorsal part  879  #1AA698
        332    RSPv            Retrosplenial area ventral part  886  #1AA698
        """
        return self.terminology.regions

    def region(self, key: RegionKey) -> Region:
        """Return a region: a node of an anytree, a :class:`xarray_atlas.Region`.

        Parameters
        ----------
        key : str, int or Region
            By acronym, full name, or id (int).

        Returns
        -------
        Region
            The node, with its parent, children and properties.

        Raises
        ------
        RegionNotFoundError, AmbiguousRegionError
            If a region does not exist, or several share the acronym.

        Examples
        --------
        >>> import xarray_atlas
        >>> rsp = xarray_atlas.open_sample("100 um").atlas.region("RSP")
        >>> rsp.name, rsp.parent.acronym, [child.acronym for child in rsp.children]
        ('Retrosplenial area', 'Isocortex', ['RSPagl', 'RSPd', 'RSPv'])
        """
        return self.terminology.region(key)

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
            Acronym, name and id, the best matches first: the acronym or name itself, the beginning
            of an acronym, initials, words, and last what contains the text. Its index is that of
            `regions`: ``ds.atlas.regions.loc[found.index]`` has parents, depths and colors.

        Raises
        ------
        ValueError
            If `text` should be a regular expression and is none.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.search("primary visual").head(2)
            acronym                         name   id
        185    VISp          Primary visual area  385
        186   VISp1  Primary visual area layer 1  593
        >>> ds.atlas.search("^CA[123]$", regex=True).name.tolist()
        ['Field CA1', 'Field CA2', 'Field CA3']
        """
        return self.terminology.search(text, regex=regex)

    def check(
        self,
        full: bool = False,
        storage_options: Mapping[str, Any] | None = None,
        progress: bool = False,
    ) -> Report:
        """Check the consistency of the atlas, and report problems.

        See :func:`xarray_atlas.check` for details.

        Parameters
        ----------
        full : bool, default: False
            Read the voxels: the annotation once for the statistics of each label (which are cached,
            see :func:`xarray_atlas.region_properties`) and twice more, for missing chunks and for
            its mirror image, the next level of its pyramid and the finest, and the masks. These can
            be large: at 10 um the labels of a mouse brain have 1.2 G voxels.
        storage_options : mapping, optional
            For fsspec, as when the atlas was opened: its metadata are read again.
        progress : bool, default: False
            Show a progress bar on stderr while labels are tabulated.

        Returns
        -------
        Report
            Readable text, and tables of the findings and of the checks.

        Raises
        ------
        MissingTerminologyError, AtlasMismatchError
            If the object is not an atlas.
        StoreError
            With `full`, if a chunk cannot be read.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> wrong = ds.assign(annotation=ds.annotation.where(ds.annotation != 672, 2**31))
        >>> report = wrong.atlas.check(full=True)
        >>> report.ok
        False
        >>> report.table.loc[0, ["check", "severity", "subjects"]].tolist()
        ['unknown labels', 'error', ('2147483648 (26058 voxels)',)]
        """
        from xarray_atlas.checks import checking

        return checking.check(self._obj, full, storage_options, progress)
