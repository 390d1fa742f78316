"""Write NIfTI and NRRD files slab by slab."""

from __future__ import annotations

import contextlib
import gzip
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

__all__ = ["FileVolume", "write_nifti", "write_nrrd"]

ALIGNED = 2
"""NIfTI's code of an affine to coordinates that no scanner gave."""

NRRD_TYPES = {"float32": "float", "float64": "double"}
"""NRRD's names of types, if they differ from numpy's."""


@dataclass(frozen=True)
class FileVolume:
    """The content of a file.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy dtype
    affine : ndarray of float64, shape (4, 4)
        From voxels to RAS+ in mm.
    slabs : iterable of ndarray
        Parts along the last axis, in order.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    affine: npt.NDArray[np.float64]
    slabs: Iterable[npt.NDArray[Any]]


def write_nifti(path: Path, volume: FileVolume) -> None:
    """Write a NIfTI-1 file, compressed if its name ends in ".gz".

    Raises
    ------
    ImportError
        If nibabel is not installed.
    """
    try:
        import nibabel
    except ImportError as error:
        raise ImportError(
            'writing NIfTI needs nibabel: pip install "xarray-atlas[files]"'
        ) from error
    header = nibabel.Nifti1Header(endianness="<")
    header.set_data_dtype(volume.dtype)
    header.set_data_shape(volume.shape)
    header.set_qform(volume.affine, ALIGNED)
    header.set_sform(volume.affine, ALIGNED)
    header.set_xyzt_units("mm")
    header.set_slope_inter(1, 0)
    header["magic"] = header.single_magic
    header.set_data_offset(header.single_vox_offset)
    with _replacing(path) as raw, _compressed(raw, path.suffix == ".gz") as file:
        header.write_to(file)  # and that no extension follows
        _write_slabs(file, volume)


def write_nrrd(path: Path, volume: FileVolume) -> None:
    """Write an NRRD file, its data compressed."""

    def vector(values: Iterable[float]) -> str:
        return f"({','.join(repr(float(value)) for value in values)})"

    header = {
        "type": NRRD_TYPES.get(volume.dtype.name, volume.dtype.name),
        "dimension": "3",
        "space": "right-anterior-superior",
        "sizes": " ".join(map(str, volume.shape)),
        "space directions": " ".join(vector(column) for column in volume.affine[:3, :3].T),
        "kinds": "domain domain domain",
        "endian": "little",
        "encoding": "gzip",
        "space units": '"mm" "mm" "mm"',
        "space origin": vector(volume.affine[:3, 3]),
    }
    text = "".join(f"{key}: {value}\n" for key, value in header.items())
    with _replacing(path) as raw:
        raw.write(f"NRRD0004\n{text}\n".encode("ascii"))
        with _compressed(raw, True) as file:
            _write_slabs(file, volume)


def _write_slabs(file: IO[bytes], volume: FileVolume) -> None:
    for slab in volume.slabs:
        file.write(slab.astype(volume.dtype.newbyteorder("<"), copy=False).tobytes("F"))


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that takes the place of another only when it is complete."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with open(partial, "wb") as file:
            yield file
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _compressed(raw: IO[bytes], compress: bool) -> Iterator[IO[bytes]]:
    if not compress:
        yield raw
        return
    # nibabel's level; without a time, so that equal volumes make equal files
    with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as file:
        yield file  # type: ignore[misc]
