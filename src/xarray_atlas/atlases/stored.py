"""The array in a store from which an annotation is read."""

from __future__ import annotations

import xarray as xr

from xarray_atlas.io.zarr.arrays import LabelArray
from xarray_atlas.reductions.stored import all_sources

__all__ = ["stored_labels"]


def stored_labels(annotation: xr.DataArray) -> LabelArray | None:
    """Return the array in a store from which an annotation, or what it is made of, is read."""
    sources = all_sources(annotation.variable._data)
    found = {source.place: source for source in sources if isinstance(source, LabelArray)}
    return next(iter(found.values())) if len(found) == 1 else None
