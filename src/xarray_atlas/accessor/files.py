"""The form that a file holds, and files."""

from __future__ import annotations

import os
from typing import Any

from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.atlases import exporting, saving
from xarray_atlas.coords import encoding

__all__ = ["FilesMethods"]


class FilesMethods(Accessor[T]):
    """Methods that encode and write an atlas."""

    def encode(self) -> T:
        """Convert to plain coordinates, with units and hierarchy in attributes, as in files.

        See :func:`xarray_atlas.encode`; :func:`xarray_atlas.decode` is the inverse.

        Returns
        -------
        Dataset or DataArray
            Same type as the object, with coordinates of plain floats in mm.

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
        """Save in BrainGlobe's layout, which BrainGlobe's API can open.

        See :func:`xarray_atlas.save` for details.

        Parameters
        ----------
        path : str or path
            The local folder with ``atlases/``, ``annotation-sets/`` and so on; it may contain other
            atlases. BrainGlobe's is ``~/.brainglobe/brainglobe-atlasapi``.
        name : str, optional
            Name of the atlas, by default ``ds.attrs["name"]``. BrainGlobe uses the form
            "author_species".
        version : str, optional
            A number, or two separated by a point. By default ``ds.attrs["version"]``, or "1.0".
        levels : int, optional
            Number of resolutions, each with voxels twice as large along every axis. By default the
            coarsest has a single chunk, of at most 128 voxels along its longest axis.
        masks : bool, default: True
            Whether to write the mask of every region, which BrainGlobe's ``get_structure_mask``
            reads. Masks take most of the time and files.

        Raises
        ------
        GridError
            If the orientation is not "asr" (see :func:`xarray_atlas.reorient`), there are not that
            many levels, or a variable cannot be saved.
        TerminologyError
            If BrainGlobe's API could not read the regions: without a single root called "root",
            with ids or labels outside 1 to 2**32 - 1, or labels that several regions share.
        AtlasMismatchError
            If the annotation has labels without a region that equal a region's id.
        StoreExistsError
            If an atlas or component of that name and version exists.
        StoreError
            If `path` is a URL.
        ValueError
            If there is no name, or BrainGlobe could not read the name or version.

        Warns
        -----
        UserWarning
            If the midline was assumed when the atlas was opened, or the transform from the grid to
            the atlas is lost.

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

        See :func:`xarray_atlas.to_nifti` for details.

        Parameters
        ----------
        path : str or path
            The local file, ``.nii`` or ``.nii.gz``; an existing one is replaced.
        dtype : dtype, optional
            Type of the file. By default labels are uint8, int16 or int32, which every reader
            supports; other arrays keep their type, except that bool becomes uint8 and float16
            becomes float32.

        Raises
        ------
        GridError
            If the array has other dimensions or is unevenly spaced, or if it does not fit `dtype`.
        AtlasMismatchError
            If a label without a region does not fit `dtype`.
        TerminologyError
            If there are more labels than `dtype` can represent.
        ImportError
            If nibabel is not installed.

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

        See :func:`xarray_atlas.to_nrrd` for details.

        Parameters
        ----------
        path : str or path
            The local file, ``.nrrd``; an existing one is replaced.
        dtype : dtype, optional
            Type of the file. By default labels are uint8, int16 or int32, which every reader
            supports; other arrays keep their type, except that bool becomes uint8 and float16
            becomes float32.

        Raises
        ------
        GridError
            If the array has other dimensions or is unevenly spaced, or if it does not fit `dtype`.
        AtlasMismatchError
            If a label without a region does not fit `dtype`.
        TerminologyError
            If there are more labels than `dtype` can represent.

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
