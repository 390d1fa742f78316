"""Volumes in NIfTI, NRRD and TIFF files: the voxels, lazily, and where they say that they lie."""

from xarray_atlas.io.files.images.files import read_image
from xarray_atlas.io.files.images.voxels import Image

__all__ = ["Image", "read_image"]
