"""Find the stored array of an annotation."""

from __future__ import annotations

import xarray as xr

from xarray_atlas.io.zarr.arrays import LabelArray
from xarray_atlas.reductions.stored import all_sources

__all__ = ["stored_labels"]


def stored_labels(annotation: xr.DataArray) -> LabelArray | None:
    """Return the stored array that an annotation, or its source, is read from."""
    sources = all_sources(annotation.variable._data)
    found = {source.place: source for source in sources if isinstance(source, LabelArray)}
    return next(iter(found.values())) if len(found) == 1 else None
