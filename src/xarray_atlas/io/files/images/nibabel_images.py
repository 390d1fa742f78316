"""NIfTI, its pairs of files, Analyze and FreeSurfer's MGH: voxels and affine, by nibabel."""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xarray_atlas.coords.headers import Geometry, geometry_of_affine, known_unit, sizes_in_mm
from xarray_atlas.coords.image_coordinates import AxisValues
from xarray_atlas.errors import StoreFormatError
from xarray_atlas.io.files.images.image import SPATIAL, Image
from xarray_atlas.io.files.images.voxels import RawVoxels, WholeVoxels
from xarray_atlas.kernels.spacing import FloatArray

__all__ = ["image_of_nibabel", "read_with_nibabel"]

LENGTHS = {"meter": "m", "mm": "mm", "micron": "um"}

FOURTH = {
    "sec": ("time", "s"),
    "msec": ("time", "ms"),
    "usec": ("time", "us"),
    "hz": ("frequency", "Hz"),
    "ppm": ("frequency", "ppm"),
    "rads": ("frequency", "rad/s"),
}
"""The name and unit of the fourth axis for each of NIfTI's units."""


def read_with_nibabel(path: str) -> Image:
    """Open a ``.nii``, ``.img``, ``.hdr``, ``.mgh`` or one of these that is compressed.

    Uncompressed voxels are mapped, and scaled as they are read; others are read whole.

    Raises
    ------
    StoreFormatError
        If it is not one of these formats.
    """
    import nibabel

    if path.lower().endswith((".mgh", ".mgz", ".mgh.gz")):
        return _read_mgh(path)
    # of a pair the name of either file is that of both
    return image_of_nibabel(nibabel.load(path), path)


def _read_mgh(path: str) -> Image:
    import nibabel

    # nibabel.load keeps the file open, and uses a default if no affine was written
    with nibabel.openers.ImageOpener(path) as file:
        known = int.from_bytes(file.read(30)[28:30], "big", signed=True) > 0
        file.seek(0)
        header: Any = nibabel.MGHImage.header_class.from_fileobj(file)
    stored = nibabel.MGHImage.ImageArrayProxy(path, header.copy())
    image = image_of_nibabel(nibabel.MGHImage(stored, header.get_affine(), header), path)
    return image if known else replace(image, geometry=Geometry())


def image_of_nibabel(image: Any, place: str) -> Image:
    """Take the voxels and the affine of an image of nibabel.

    Parameters
    ----------
    image : nibabel.spatialimages.SpatialImage
        Of a file, or in memory.
    place : str
        What it is, for errors.

    Raises
    ------
    StoreFormatError
        If it is not an image in space.
    """
    import nibabel

    if not isinstance(image, nibabel.spatialimages.SpatialImage):
        raise StoreFormatError(f"{place} is not an image in space, but a {type(image).__name__}")
    voxels = _voxels(image.dataobj, place)
    colors = voxels.ndim - len(image.shape)  # 1 where a voxel is a color
    fourth = _fourth(image)
    if isinstance(image, nibabel.Nifti1Pair):
        _require_one_affine(image, place)
    names = [*SPATIAL, fourth[0], "component", *(f"dim_{i}" for i in range(5, voxels.ndim))]
    axes = (*["channel"] * colors, *names[: len(image.shape)])
    others: dict[str, AxisValues] = {}
    if len(image.shape) > 3 and fourth[2]:
        others[fourth[0]] = AxisValues.steps(fourth[2], image.shape[3], fourth[1], fourth[3])
    if colors:
        others["channel"] = AxisValues(list("rgba")[: voxels.shape[0]])
    return Image(voxels, _geometry(image), place, axes, others)


# -- voxels


def _voxels(stored: Any, place: str) -> Any:
    import nibabel

    # other formats use different scaling, and are read immediately
    if type(stored) is not nibabel.arrayproxy.ArrayProxy:
        found = np.asanyarray(stored)
        return _colors_first(found.astype(found.dtype.newbyteorder("="), copy=False))
    scaling = (float(stored.slope), float(stored.inter))
    scaled = scaling != (1.0, 0.0)
    if scaled and stored.dtype.kind not in "iuf":
        raise StoreFormatError(f"{place} has a slope and an intercept for voxels {stored.dtype}")
    dtype, shape = _color_type(stored.dtype)
    shape = (*shape, *stored.shape)
    file = stored.file_like
    if isinstance(file, str | os.PathLike) and not _is_compressed(file):
        order = stored.order
        return RawVoxels(file, dtype, shape, stored.offset, order, scaling if scaled else None)
    path = os.fspath(file) if isinstance(file, str | os.PathLike) else place
    deflated = os.path.isfile(path) and not path.lower().endswith((".bz2", ".zst"))
    size = math.prod(stored.shape) * stored.dtype.itemsize if deflated else 0
    return WholeVoxels(path, np.float64 if scaled else dtype, shape, _Decoded(stored), size)


@dataclass(frozen=True)
class _Decoded:
    """Reads all voxels of a file, as nibabel decodes them."""

    stored: Any

    def __call__(self) -> Any:
        found = _colors_first(np.asanyarray(self.stored))
        # the same scaling as for a part
        scaled = (self.stored.slope, self.stored.inter) != (1.0, 0.0)
        return found.astype(np.float64, copy=False) if scaled else found


def _color_type(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the type of one channel, and the shape of those of a voxel."""
    if not dtype.fields:
        return dtype, ()
    return dtype[0], (len(dtype.fields),)


def _colors_first(array: Any) -> Any:
    one, channels = _color_type(array.dtype)
    if not channels:
        return array
    return np.moveaxis(
        np.ascontiguousarray(array).view(one).reshape(*array.shape, *channels), -1, 0
    )


def _is_compressed(path: Any) -> bool:
    name: str = os.fspath(path)
    return name.lower().endswith((".gz", ".bz2", ".zst", ".mgz"))


# -- position


def _fourth(image: Any) -> tuple[str, str | None, float, float]:
    """Return the name of the fourth axis, its unit, its step (0 if unknown) and start."""
    import nibabel

    header: Any = image.header
    if len(image.shape) < 4:
        return "time", None, 0.0, 0.0
    if isinstance(image, nibabel.Nifti1Pair):  # base class of the others
        name, unit = FOURTH.get(header.get_xyzt_units()[1], ("time", None))
        step = _shortest(header["pixdim"][4])
        first = _shortest(header["toffset"])
        return name, unit, abs(step), first if np.isfinite(first) else 0.0
    if isinstance(image, nibabel.MGHImage):
        return "time", "ms", float(header["tr"]), 0.0
    return "time", None, 0.0, 0.0


def _shortest(number: Any) -> float:
    """Return 0.4 for the single-precision number nearest to it, as a header may hold it."""
    return float(number) if np.asarray(number).itemsize == 8 else float(str(np.float32(number)))


def _geometry(image: Any) -> Geometry:
    import nibabel

    if len(image.shape) < 3:
        return Geometry()
    header: Any = image.header
    if not isinstance(image, nibabel.Nifti1Pair):
        if isinstance(image, nibabel.AnalyzeImage):
            return _of_analyze(image)
        if image.affine is None:
            return Geometry()
        if isinstance(image, nibabel.MGHImage):
            return geometry_of_affine(image.affine, "mm", exact=False)
        return geometry_of_affine(image.affine, "mm")  # guaranteed by nibabel
    # lengths without a unit are in mm by convention
    unit = LENGTHS.get(header.get_xyzt_units()[0], "mm")
    exact = header["pixdim"].dtype.itemsize == 8
    affine = _affine(image)
    if affine is not None:
        return geometry_of_affine(affine, unit, exact=exact)
    # without either code the file states the voxel size, but not the orientation
    return _sizes_alone(header, unit)


def _affine(image: Any) -> FloatArray | None:
    """Return the affine that nibabel prefers: the sform's, else the qform's; None without a code.

    If the affine was changed in memory, it is the changed one, which would be written.
    """
    header: Any = image.header
    if _is_changed(image):
        return np.asarray(image.affine, np.float64)
    known = header["sform_code"] > 0 or header["qform_code"] > 0
    return np.asarray(header.get_best_affine(), np.float64) if known else None


def _is_changed(image: Any) -> bool:
    """Return whether the affine of an image was changed in memory, against its header's."""
    own, best = image.affine, image.header.get_best_affine()
    return own is not None and not np.allclose(own, best, rtol=1e-5, atol=1e-6)


APART = 0.1
"""Voxels by which the two affines of a NIfTI header may differ: they are rounded differently."""


def _require_one_affine(image: Any, place: str) -> None:
    """Refuse a header with two affines that place the volume differently.

    nibabel, FSL and SPM take the sform, ITK has taken the qform, and AFNI chooses by their codes.
    """
    header: Any = image.header
    both = header["sform_code"] > 0 and header["qform_code"] > 0
    if not both or len(image.shape) < 3 or _is_changed(image):
        return
    sform, qform = header.get_sform(), header.get_qform()
    corners = np.array(list(itertools.product(*((0, n - 1) for n in image.shape[:3]), (1,))))
    apart = np.abs(corners @ (sform - qform).T).max()
    if not apart > APART * np.linalg.norm(sform[:3, :3], axis=0).min():
        return
    raise StoreFormatError(
        f"the header of {place} has two affines, the sform and the qform, which put the volume up "
        f"to {apart:.3g} apart, and tools differ in which of them they take. Say which is right, "
        "image = nibabel.load(path); image.set_qform(image.get_sform(), 1) for the sform, or "
        "image.set_sform(image.get_qform(), 1) for the qform, and pass image instead of the path"
    )


def _of_analyze(image: Any) -> Geometry:
    """Return the voxel size of the format before NIfTI, which does not say left from right."""
    header: Any = image.header
    said = bytes(header["vox_units"]).rstrip(b"\0 ").decode("latin-1")
    unit = known_unit(said) if said else "mm"
    return Geometry() if unit is None else _sizes_alone(header, unit)


def _sizes_alone(header: Any, unit: str) -> Geometry:
    sizes = [abs(_shortest(np.float32(size))) for size in header.get_zooms()[:3]]
    return Geometry(sizes_in_mm(sizes, unit))
