"""Images in files of other programs: lazy voxels, and geometry."""

from xarray_atlas.io.files.images.files import is_image, is_image_file, read_image
from xarray_atlas.io.files.images.image import Image

__all__ = ["Image", "is_image", "is_image_file", "read_image"]
