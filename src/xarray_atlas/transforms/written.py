"""Transforms written as Datasets and files."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import xarray as xr

from xarray_atlas.transforms.datasets import from_dataset, save, to_dataset
from xarray_atlas.transforms.parts import TransformParts

__all__ = ["Written"]


class Written(TransformParts):
    """The forms in which a :class:`Transform` is kept."""

    def to_dataset(self) -> xr.Dataset:
        """Return the transform as a Dataset, which any file format of xarray holds.

        Returns
        -------
        Dataset
            A variable for each field, which stays lazy; all else is in an attribute.

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> saved = xarray_atlas.Transform.from_matrix(np.diag([2.0, 2.0, 2.0, 1.0])).to_dataset()
        >>> list(saved.attrs)
        ['xarray_atlas_transform']
        >>> xarray_atlas.Transform.from_dataset(saved)
        Transform(image -> atlas: affine; points x, y, z in RAS mm)
        """
        return to_dataset(self)

    @classmethod
    def from_dataset(cls, ds: xr.Dataset) -> Self:
        """Read what :meth:`to_dataset` gave.

        Parameters
        ----------
        ds : Dataset

        Returns
        -------
        Transform

        Raises
        ------
        TransformError
            If it is none.

        Examples
        --------
        >>> import numpy as np, xarray_atlas
        >>> saved = xarray_atlas.Transform.from_matrix(np.eye(4)).to_dataset()
        >>> xarray_atlas.Transform.from_dataset(saved).kind
        'identity'
        """
        return cls(*from_dataset(ds))

    def save(self, path: str | Path) -> None:
        """Write the transform to a zarr store, or to a netCDF file where `path` ends with ``.nc``.

        :func:`open_transform` reads it.

        Parameters
        ----------
        path : str or path
            Of a new store or file, ending with ``.zarr``, ``.nc``, or without a suffix.

        Raises
        ------
        StoreExistsError
            If the path exists.
        TransformError
            If the suffix is that of another format.

        Examples
        --------
        >>> import numpy as np, tempfile, xarray_atlas
        >>> path = tempfile.mkdtemp() + "/moved.zarr"
        >>> xarray_atlas.Transform.from_matrix(np.eye(4)).save(path)
        """
        save(self.to_dataset(), path)
