"""NIfTI: voxels and affine, by nibabel."""

from __future__ import annotations

from typing import Any

import numpy as np

from xarray_atlas.coords.headers import Geometry, geometry_of_affine, sizes_in_mm
from xarray_atlas.errors import StoreFormatError
from xarray_atlas.io.files.images.voxels import Image, RawVoxels

__all__ = ["read_nifti"]

UNITS = {"meter": "m", "mm": "mm", "micron": "um"}


def read_nifti(path: str) -> Image:
    """Open a ``.nii`` or ``.nii.gz``.

    An uncompressed file whose voxels are not scaled is mapped; any other is read whole.

    Raises
    ------
    StoreFormatError
        If it is no NIfTI.
    """
    import nibabel

    image: Any = nibabel.load(path)
    if not isinstance(image, nibabel.Nifti1Image):  # of which Nifti2Image is one
        raise StoreFormatError(f"{path} is no NIfTI file, but a {type(image).__name__}")
    stored: Any = image.dataobj
    scaled = (stored.slope, stored.inter) != (1.0, 0.0)
    voxels: Any
    if scaled or not path.lower().endswith(".nii") or stored.dtype.fields:
        voxels = np.asanyarray(stored)
        voxels = voxels.astype(voxels.dtype.newbyteorder("="), copy=False)
        voxels = voxels.reshape(_spatial(voxels.shape))
    else:
        voxels = RawVoxels(path, stored.dtype, _spatial(stored.shape), stored.offset, "F")
    return Image(voxels, _geometry(image.header), path)


def _spatial(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Leave out a time, or further axes, of one value."""
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _geometry(header: Any) -> Geometry:
    # what has no unit is in mm by convention
    unit = UNITS.get(header.get_xyzt_units()[0], "mm")
    exact = header["pixdim"].dtype.itemsize == 8
    if header["sform_code"] > 0:
        return geometry_of_affine(header.get_sform(), unit, exact=exact)
    if header["qform_code"] > 0:
        return geometry_of_affine(header.get_qform(), unit, exact=exact)
    # without either code the file says how large voxels are, and not how they are oriented
    sizes = np.abs(np.array(header.get_zooms()[:3], np.float64))
    return Geometry(sizes_in_mm([float(str(np.float32(s))) for s in sizes], unit))
