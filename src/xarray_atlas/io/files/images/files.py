"""Which reader a file needs."""

from __future__ import annotations

import os
import zlib
from typing import Any

from xarray_atlas.errors import AtlasError, StoreError, StoreFormatError, StoreNotFoundError
from xarray_atlas.io.files.images.nifti import read_nifti
from xarray_atlas.io.files.images.nrrd import read_nrrd
from xarray_atlas.io.files.images.tiff import read_tiff
from xarray_atlas.io.files.images.voxels import Image
from xarray_atlas.io.zarr.stores import is_url

__all__ = ["read_image"]

READERS = {
    (".nii", ".nii.gz"): read_nifti,
    (".nrrd", ".nhdr"): read_nrrd,
    (".tif", ".tiff"): read_tiff,
}
FORMATS = {read_nifti: "NIfTI", read_nrrd: "NRRD", read_tiff: "TIFF"}


def read_image(source: Any) -> Image:
    """Open a volume in a local file.

    Parameters
    ----------
    source : str or path
        A ``.nii``, ``.nii.gz``, ``.nrrd``, ``.nhdr``, ``.tif`` or ``.tiff``.

    Raises
    ------
    StoreNotFoundError
        If it is not there.
    StoreFormatError
        If it is of no such format, or not a volume of three dimensions.
    StoreError
        If it is cut short, or cannot be read.
    ImportError
        If the package that reads its format is not installed.
    """
    if is_url(os.fspath(source)):
        raise StoreFormatError(f"{source} is a URL; images are read from local files: download it")
    path = os.path.abspath(os.path.expanduser(os.fspath(source)))
    ends = [end for group in READERS for end in group]
    reader = next((r for group, r in READERS.items() if path.lower().endswith(group)), None)
    if reader is None:
        raise StoreFormatError(
            f"{path} is of no format that is read here: its name ends with none of "
            f"{', '.join(ends)}"
        )
    if not os.path.isfile(path):
        raise StoreNotFoundError(f"there is no file {path}")
    try:
        image = reader(path)
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
        raise StoreFormatError(f"{path} cannot be read as {FORMATS[reader]}: {error}") from error
    if image.voxels.ndim != 3:
        raise StoreFormatError(
            f"{path} has the shape {tuple(image.voxels.shape)}; a volume has three dimensions"
        )
    return image
