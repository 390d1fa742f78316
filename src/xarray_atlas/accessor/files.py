"""The form that a file holds, and files."""

from __future__ import annotations

import os
from typing import Any

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.atlases import exporting, saving
from xarray_atlas.coords import encoding

__all__ = ["FilesMethods"]


class FilesMethods(Accessor[T]):
    """Encodes an atlas, and writes it."""

    def encode(self) -> T:
        """Put units and hierarchy into attributes: the form that a file holds.

        See :func:`xarray_atlas.encode`; :func:`xarray_atlas.decode` is the way back.

        Returns
        -------
        Dataset or DataArray
            As the object is, with coordinates of plain floats in mm.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> encoded = ds.atlas.encode()
        >>> encoded.z.values[:3], encoded.z.attrs["units"]
        (array([0.025, 0.125, 0.225]), 'mm')
        >>> encoded.atlas.region("RSP")
        <Region RSP 'Retrosplenial area' (id 254)>
        """
        return encoding.encode(self._obj)

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        version: str | None = None,
        levels: int | None = None,
        masks: bool = True,
    ) -> None:
        """Save in BrainGlobe's layout, so that BrainGlobe's own API opens it.

        See :func:`xarray_atlas.save` for the parameters.

        Examples
        --------
        >>> import tempfile, xarray_atlas
        >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
        >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
        >>> part = ds.atlas.crop("RSP")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     part.atlas.save(folder, name="rsp_mouse", version="1.0", levels=1, masks=False)
        ...     xarray_atlas.list_atlases(folder).name.tolist()
        ['rsp_mouse']
        """
        saving.save(self._obj, path, name=name, version=version, levels=levels, masks=masks)

    def to_nifti(self, path: str | os.PathLike[str], *, dtype: Any = None) -> None:
        """Write the annotation, or another array of the atlas, as a NIfTI file.

        See :func:`xarray_atlas.to_nifti` for the parameters.

        Examples
        --------
        >>> import nibabel, tempfile, xarray_atlas
        >>> part = xarray_atlas.open_sample("100 um").atlas.crop("RSP")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     part.atlas.mask("RSP").atlas.to_nifti(f"{folder}/rsp.nii.gz")
        ...     image = nibabel.load(f"{folder}/rsp.nii.gz")
        ...     image.shape, int(image.get_fdata().sum())
        ((43, 22, 54), 10174)
        """
        exporting.to_nifti(self._obj, path, dtype=dtype)

    def to_nrrd(self, path: str | os.PathLike[str], *, dtype: Any = None) -> None:
        """Write the annotation, or another array of the atlas, as an NRRD file.

        See :func:`xarray_atlas.to_nrrd` for the parameters.

        Examples
        --------
        >>> import nrrd, tempfile, xarray_atlas
        >>> part = xarray_atlas.open_sample("100 um").atlas.crop("RSP")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     part.atlas.to_nrrd(f"{folder}/rsp.nrrd")
        ...     labels, header = nrrd.read(f"{folder}/rsp.nrrd")
        >>> labels.shape == part.annotation.shape, header["space"]
        (True, 'right-anterior-superior')
        """
        exporting.to_nrrd(self._obj, path, dtype=dtype)
