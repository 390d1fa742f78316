"""Displacement fields in image files and images, as ANTs and ITK write them: ``1Warp.nii.gz``.

The vectors are LPS mm although the affine of a NIfTI file is RAS. Files of other tools with other
contents look similar; they are identified by their headers, and raise errors naming the contents.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from xarray_atlas.errors import AtlasError, StoreError, TransformError
from xarray_atlas.io.files.images.files import is_image, is_image_file, read_image
from xarray_atlas.io.files.images.image import SPATIAL, Image
from xarray_atlas.io.files.images.voxels import WholeVoxels
from xarray_atlas.io.transforms.reading import (
    field_step_of_itk,
    fixed_to_moving,
    lazy_field_step_of_itk,
)
from xarray_atlas.transforms.matrices import SPACES
from xarray_atlas.transforms.transform import Transform

__all__ = ["is_itk_field", "lazy_vectors", "read_itk_field"]

VECTORS = ("component", "channel")
"""Names of the axis of vectors in the readers of images."""

CHUNK = 2**24
"""Approximate bytes of a chunk: whole rows along i, which are contiguous, and 64 along j."""

HELD = 2**30
"""Maximum bytes of a compressed field that is kept in memory after reading."""

SLAB = 2**26
"""Approximate bytes of a larger one that are read at a time."""

VECTOR, DISPLACEMENTS = 1007, 1006
"""NIfTI's codes of intents."""

OTHERS = {
    "NREG_TRANS": "NiftyReg's, of positions or displacements in RAS mm",
    "Mapping": "SPM's, of positions and not of displacements",
}
"""Names of NIfTI's intent written by tools, and the contents of such files."""


def is_itk_field(source: Any) -> bool:
    """Return whether an object is an image, or an image file that may have vectors."""
    if not isinstance(source, str | os.PathLike):
        return is_image(source)
    name = os.fspath(source).lower()
    return is_image_file(name) and not name.endswith((".tif", ".tiff")) and os.path.isfile(source)


def read_itk_field(source: Any) -> Transform:
    """Read a displacement field in LPS mm.

    Parameters
    ----------
    source : path, or image of nibabel, SimpleITK or ITK
        ``.nii``, ``.nii.gz``, ``.mha``, ``.mhd`` or ``.nrrd``, with vectors of 3 components on a
        volume, or of 2 on a plane.

    Returns
    -------
    Transform
        From points of the fixed image to those of the moving one. The field is lazy.

    Raises
    ------
    TransformError
        If it is not such a field.
    """
    try:
        image = read_image(source)
    except StoreError:
        raise
    except AtlasError as error:
        raise TransformError(f"this is not a displacement field: {error}") from error
    place = image.place
    header = _nifti_header(source)
    if header is not None:
        _check_nifti(header, image)
    vectors = next((axis for axis in image.axes if axis in VECTORS), None)
    sizes = dict(zip(image.axes, image.voxels.shape, strict=True))
    count = sizes[vectors] if vectors else 1
    flat = count == 2 and sizes[SPATIAL[2]] == 1
    more = [axis for axis, n in sizes.items() if axis not in (*SPATIAL, vectors) and n > 1]
    if (count != 3 and not flat) or more:
        raise TransformError(
            f"{place} is an image of {tuple(image.voxels.shape)} with {count} component(s) a "
            "voxel; a displacement field has 3 on a volume, or 2 on a single plane"
        )
    if np.dtype(image.voxels.dtype).kind != "f":
        raise TransformError(
            f"{place} holds whole numbers ({image.voxels.dtype}), as an image of colors does; the "
            "displacements of a field are floats, in mm"
        )
    if image.geometry.affine is None:
        raise TransformError(
            f"the header of {place} does not state the positions of the field's voxels"
            + (f": it {image.geometry.fault}" if image.geometry.fault else "")
        )
    grid = SPACES["LPS"] @ image.geometry.affine
    if flat:
        keep = [0, 1, 3]
        data = image.array({vectors: count})[..., 0]  # (component, i, j)
        return fixed_to_moving([field_step_of_itk(data, grid[np.ix_(keep, keep)], place)], 2)
    order = [image.axes.index(axis) for axis in (vectors, *SPATIAL)]
    voxels, chunks = lazy_vectors(image)
    return fixed_to_moving([lazy_field_step_of_itk(voxels, order, chunks, grid, place)])


def lazy_vectors(image: Image) -> tuple[Any, tuple[int, ...]]:
    """Return the voxels of vectors, which are read when they are indexed, and their chunks.

    Parameters
    ----------
    image : Image
        With three components.

    Returns
    -------
    voxels : LazyVoxels
        Along the axes of the image.
    chunks : tuple of int
        Of components, i, j and k.
    """
    voxels = image.voxels
    size = np.dtype(voxels.dtype).itemsize
    large = np.prod(voxels.shape, dtype=float) * size > HELD
    if isinstance(voxels, WholeVoxels) and large and image.place.lower().endswith(".nii.gz"):
        first, second = voxels.shape[:2]
        thick = max(1, int(SLAB // (3 * first * second * size)))
        return _Proxied(image.place, voxels.dtype, voxels.shape), (3, first, second, thick)
    rows = 64
    length = voxels.shape[image.axes.index(SPATIAL[0])]
    return voxels, (3, length, rows, max(1, int(CHUNK // (3 * length * rows * size))))


class _Proxied:
    """Voxels of a compressed file, through nibabel's proxy, which reads up to the needed planes.

    With the package indexed_gzip it begins near them, otherwise at the start of the file.
    """

    def __init__(self, path: str, dtype: Any, shape: tuple[int, ...]) -> None:
        self.path, self.dtype, self.shape, self.ndim = path, np.dtype(dtype), shape, len(shape)

    def __getitem__(self, key: Any) -> Any:
        import nibabel

        image: Any = nibabel.load(self.path)
        found = image.dataobj[key]
        return np.asarray(found, self.dtype)


# -- NIfTI


def _nifti_header(source: Any) -> Any:
    """Return the header of a NIfTI file or image, None of anything else."""
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source).lower()
        if not name.endswith((".nii", ".nii.gz", ".hdr", ".img", ".hdr.gz", ".img.gz")):
            return None
        import nibabel

        source = nibabel.load(os.fspath(source))
    library: Any = sys.modules.get("nibabel")
    return source.header if library and isinstance(source, library.Nifti1Pair) else None


def _check_nifti(header: Any, image: Image) -> None:
    """Check that a field is not from another tool, with numbers of another meaning."""
    place, code = image.place, int(header["intent_code"])
    name = bytes(header["intent_name"]).rstrip(b"\0 ").decode("latin-1")
    shape = tuple(header.get_data_shape())
    if name in OTHERS:
        raise TransformError(f"{place} is {OTHERS[name]}, and no displacement field of ITK")
    if 2001 <= code <= 2016:
        raise TransformError(
            f"{place} is a field of FSL (intent {code}), with vectors in its own coordinates"
        )
    if len(shape) != 5 or shape[3] != 1:
        raise TransformError(
            f"{place} is not a displacement field of ITK or ANTs: its shape is {shape}, and theirs "
            "is (n, m, k, 1, 3) with the intent 'vector'. If its vectors are LPS mm, write "
            "it as that: nibabel.Nifti1Image(vectors[:, :, :, None, :], affine), with "
            "header.set_intent('vector')"
        )
    if code == DISPLACEMENTS:
        raise TransformError(
            f"{place} has the intent 1006, displacement vectors: some tools write RAS mm with it "
            "(ITK 5.4 reads them so), others LPS mm. If they are LPS, as in ANTs, say so: "
            "image = nibabel.load(path); image.header.set_intent('vector'), and pass the image"
        )
    if code != VECTOR:
        raise TransformError(
            f"{place} has the intent {code}, and not 1007, vectors, as fields of ITK and ANTs "
            "have. If its vectors are LPS mm, say so: image = nibabel.load(path); "
            "image.header.set_intent('vector'), and pass the image"
        )
    unit = header.get_xyzt_units()[0]
    if unit not in ("mm", "unknown"):
        raise TransformError(
            f"the header of {place} is in {unit}; it is not known whether its vectors are, as ITK "
            "keeps them in mm. Make both mm, header.set_xyzt_units('mm')"
        )
