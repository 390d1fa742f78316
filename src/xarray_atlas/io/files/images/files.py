"""Readers of image files and of other libraries' images, chosen by name and kind."""

from __future__ import annotations

import os
import sys
import zlib
from typing import Any

from xarray_atlas.errors import AtlasError, StoreError, StoreFormatError, StoreNotFoundError
from xarray_atlas.io.files.images.image import Image
from xarray_atlas.io.files.images.itk_images import image_of_itk, is_itk_image
from xarray_atlas.io.files.images.metaimage import read_metaimage
from xarray_atlas.io.files.images.nibabel_images import image_of_nibabel, read_with_nibabel
from xarray_atlas.io.files.images.nrrd import read_nrrd
from xarray_atlas.io.files.images.tiff import read_tiff
from xarray_atlas.io.zarr.stores import is_url, locate

__all__ = ["is_image", "is_image_file", "read_image"]

READERS = {
    (".nii", ".nii.gz", ".img", ".img.gz", ".hdr", ".hdr.gz"): ("NIfTI", read_with_nibabel),
    (".mgz", ".mgh", ".mgh.gz"): ("FreeSurfer's MGH", read_with_nibabel),
    (".nrrd", ".nhdr"): ("NRRD", read_nrrd),
    (".mha", ".mhd"): ("MetaImage", read_metaimage),
    (".tif", ".tiff"): ("TIFF", read_tiff),
}


def is_image(source: Any) -> bool:
    """Return whether :func:`read_image` takes something: a path, or an image of another library."""
    return isinstance(source, str | os.PathLike) or _is_nibabel(source) or is_itk_image(source)


def is_image_file(name: str) -> bool:
    """Return whether a name ends as those of the formats that are read here."""
    return name.lower().endswith(tuple(end for group in READERS for end in group))


def _is_nibabel(source: Any) -> bool:
    # who has such an image has imported nibabel
    nibabel: Any = sys.modules.get("nibabel")
    return nibabel is not None and isinstance(source, nibabel.filebasedimages.FileBasedImage)


def read_image(source: Any) -> Image:
    """Open an image in a local file, or take one of nibabel, SimpleITK or ITK.

    Parameters
    ----------
    source : str, path, or image of nibabel, SimpleITK or ITK
        A ``.nii``, ``.nii.gz``, ``.img`` or ``.hdr``, ``.mgz`` or ``.mgh``, ``.nrrd`` or
        ``.nhdr``, ``.mha`` or ``.mhd``, ``.tif`` or ``.tiff``.

    Raises
    ------
    StoreNotFoundError
        If it does not exist.
    StoreFormatError
        If the format is not supported, or the image does not have three spatial dimensions.
    StoreError
        If it is cut short, or cannot be read.
    ImportError
        If the package that reads its format is not installed.
    """
    if _is_nibabel(source):
        place = source.get_filename() or f"the {type(source).__name__}"
        return image_of_nibabel(source, os.fspath(place))
    if is_itk_image(source):
        return image_of_itk(source, f"the {type(source).__module__.partition('.')[0]} image")
    path = locate(source)
    if is_url(path):
        raise StoreFormatError(f"{path} is a URL; images are read from local files: download it")
    ends = [end for group in READERS for end in group]
    found = next((r for group, r in READERS.items() if path.lower().endswith(group)), None)
    if found is None:
        raise StoreFormatError(
            f"the format of {path} is not supported: its name does not end with one of "
            f"{', '.join(ends)}. If nibabel reads it, pass the image: nibabel.load(path); or "
            "SimpleITK.ReadImage(path)"
        )
    name, reader = found
    if not os.path.isfile(path):
        raise StoreNotFoundError(f"there is no file {path}")
    try:
        return reader(path)
    except (AtlasError, MemoryError):
        raise
    except ImportError as error:
        raise ImportError(
            f"reading {os.path.basename(path)} needs {error.name}, which is not installed: "
            'pip install "xarray-atlas[files]"'
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    except Exception as error:  # each library raises its own
        raise StoreFormatError(f"{path} cannot be read as {name}: {error}") from error
