"""The parts of a plane that a picture colours, outlines and names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from xarray_atlas.kernels.labels import Ints
from xarray_atlas.parcellation.parcellate import parcellate
from xarray_atlas.plotting.palette import region_of
from xarray_atlas.regions.results import Regions
from xarray_atlas.sections.positions import Atlas
from xarray_atlas.terminology import Terminology

__all__ = ["REST", "WITHOUT", "Choice", "Parts"]

REST = -1
"""The part of a plane that is brain and belongs to no region that is drawn."""

WITHOUT = "0.88"
"""The grey of that part."""


@dataclass(frozen=True)
class Choice:
    """The regions that a picture shows, by the caller's parameters: one of them at most."""

    level: int | None = None
    regions: Regions | None = None
    parcellation: Any = None

    @property
    def is_made(self) -> bool:
        """Return whether one of them is given."""
        return any(each is not None for each in (self.level, self.regions, self.parcellation))

    def cut(self, plane: Atlas) -> Atlas:
        """Return a plane with the labels and the hierarchy of the chosen regions.

        Raises
        ------
        TypeError
            If several of the parameters are given.
        ParcellationError, RegionNotFoundError, AmbiguousRegionError
            Same as in :func:`xarray_atlas.parcellate`.
        """
        if not self.is_made:
            return plane
        chosen: dict[str, Any] = {"level": self.level, "regions": self.regions}
        if isinstance(plane, xr.Dataset):
            return parcellate(plane, self.parcellation, **chosen)
        return parcellate(plane, self.parcellation, **chosen)


@dataclass(frozen=True)
class Parts:
    """The part to which each pixel of a plane belongs.

    Attributes
    ----------
    index : ndarray of int, shape (rows, columns)
        The part of each pixel: 0 outside of the brain, `REST` in the brain where no region is
        drawn. Outlines lie where it changes.
    regions : mapping of int to int
        The position of the region of each part in the terminology; a part that is not in it has
        no name.
    """

    index: Ints
    regions: Mapping[int, int]
    are_chosen: bool = True
    """Whether these are the requested regions, rather than all labels."""

    @classmethod
    def of_labels(
        cls, terminology: Terminology, labels: Ints, brain: Any = None, chosen: bool = False
    ) -> Parts:
        """Return a part for each label.

        Parameters
        ----------
        terminology : Terminology
        labels : ndarray of int, shape (rows, columns)
        brain : ndarray of bool, optional
            Pixels of the brain, where some of them have the label 0 because they belong to none
            of the regions that are drawn.
        chosen : bool, default: False
            Whether the caller chose these regions.
        """
        found = ((int(label), region_of(terminology, int(label))) for label in np.unique(labels))
        regions = {label: region for label, region in found if region >= 0}
        if brain is not None and (rest := brain & (labels == 0)).any():
            labels = np.where(rest, np.int64(REST), labels.astype(np.int64))
        return cls(labels, regions, chosen or terminology.parcels is not None)

    @property
    def rest(self) -> Any:
        """Mask of the brain outside the regions that are drawn."""
        return self.index == REST
