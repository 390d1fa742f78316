"""The form that a file holds, and files."""

from __future__ import annotations

import os
from typing import Any

from xarray_atlas import exporting, forms, saving
from xarray_atlas.accessor.base import Accessor, T

__all__ = ["FilesMethods"]


class FilesMethods(Accessor[T]):
    """Encodes an atlas, and writes it."""

    def encode(self) -> T:
        """Put units and hierarchy into attributes; see :func:`xarray_atlas.encode`."""
        return forms.encode(self._obj)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        version: str | None = None,
        levels: int | None = None,
        masks: bool = True,
    ) -> None:
        """Save in BrainGlobe's layout; see :func:`xarray_atlas.save`."""
        saving.save(self._obj, path, name=name, version=version, levels=levels, masks=masks)

    def to_nifti(self, path: str | os.PathLike[str], *, dtype: Any = None) -> None:
        """Write a NIfTI file; see :func:`xarray_atlas.to_nifti`."""
        exporting.to_nifti(self._obj, path, dtype=dtype)

    def to_nrrd(self, path: str | os.PathLike[str], *, dtype: Any = None) -> None:
        """Write an NRRD file; see :func:`xarray_atlas.to_nrrd`."""
        exporting.to_nrrd(self._obj, path, dtype=dtype)
