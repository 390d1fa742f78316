"""MetaImage (``.mha``, ``.mhd``): voxels and direction cosines, as ITK reads them.

ITK's library reads them too, but all at once and with some hundred megabytes of installation; the
header is a few lines of text.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xarray_atlas.coords.headers import Geometry, geometry_of_affine, known_unit, sizes_in_mm
from xarray_atlas.coords.image_coordinates import AxisValues
from xarray_atlas.errors import StoreError, StoreFormatError, StoreNotFoundError
from xarray_atlas.io.files.images.image import SPATIAL, Image
from xarray_atlas.io.files.images.voxels import Inflated, RawVoxels, WholeVoxels

__all__ = ["read_metaimage"]

TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
"""The format's names of number types, and numpy's codes; its "long" has 32 bits."""

LONGEST = 2**16
"""In bytes: no header is longer."""


@dataclass(frozen=True)
class _Header:
    """The fields of a header, and the offset of the voxels after it."""

    path: str
    fields: Mapping[str, str]
    end: int

    def text(self, *names: str) -> str | None:
        """Return the first of several names of a field that is present."""
        return next(
            (self.fields[name.lower()] for name in names if name.lower() in self.fields), None
        )

    def said(self, *names: str) -> bool:
        text = self.text(*names) or ""
        return text.lower() in ("true", "1", "t")

    def numbers(self, count: int, *names: str) -> list[float] | None:
        text = self.text(*names)
        if text is None:
            return None
        try:
            found = [float(part) for part in text.split()]
        except ValueError:
            found = []
        if len(found) != count or not np.all(np.isfinite(found)):
            raise StoreFormatError(f"{self.path}: {names[0]} = {text!r} are not {count} numbers")
        return found

    def integer(self, name: str, default: int) -> int:
        found = self.numbers(1, name)
        return default if found is None else int(found[0])


def read_metaimage(path: str) -> Image:
    """Open a ``.mha``, or the ``.mhd`` of voxels in another file.

    Uncompressed voxels are mapped; compressed ones are read whole. The matrix is interpreted
    as in ITK: a row for the direction of each axis, towards left, posterior and superior.

    Raises
    ------
    StoreFormatError
        If it is not a MetaImage, or one of a kind that is not read here.
    StoreNotFoundError
        If it names a file of voxels that does not exist.
    """
    header = _read_header(path)
    ndim = header.integer("NDims", 0)
    dim_size = header.numbers(ndim, "DimSize") if ndim > 0 else None
    if dim_size is None or (header.text("ObjectType") or "Image").lower() != "image":
        raise StoreFormatError(f"{path} is not a MetaImage: its header has no NDims and DimSize")
    channels = header.integer("ElementNumberOfChannels", 1)
    kind = str(header.text("ElementType")).upper().removesuffix("_ARRAY")
    if kind not in TYPES or min(dim_size) < 1 or channels < 1:
        raise StoreFormatError(
            f"{path} has voxels of the type {kind} and the shape {dim_size}; read are "
            f"{', '.join(TYPES)}"
        )
    big = header.said("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
    dtype = np.dtype((">" if big else "<") + TYPES[kind])
    shape = (*([channels] if channels > 1 else []), *map(int, dim_size))
    axes = (*(["channel"] if channels > 1 else []), *SPATIAL[:ndim])
    axes = (*axes, *(f"dim_{i}" for i in range(3, ndim)))
    return Image(
        _voxels(header, dtype, shape),
        _geometry(header, ndim),
        path,
        axes,
        _steps(header, ndim, dim_size),
    )


def _read_header(path: str) -> _Header:
    fields: dict[str, str] = {}
    with open(path, "rb") as file:
        while file.tell() < LONGEST:
            line = file.readline(LONGEST).decode("latin-1")
            name, equals, value = line.partition("=")
            if not equals and line.strip():
                break
            fields[name.strip().lower()] = value.strip()
            if name.strip().lower() == "elementdatafile":
                return _Header(path, fields, file.tell())
            if not line:
                break
    raise StoreFormatError(
        f"{path} is not a MetaImage: its header has no line ElementDataFile, which says where the "
        "voxels are"
    )


def _voxels(header: _Header, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    where = str(header.text("ElementDataFile"))
    if where.upper().split()[:1] == ["LIST"] or "%" in where:
        raise StoreFormatError(
            f"{header.path} has a file for each slice (ElementDataFile = {where}), which is not "
            "read here; write it as one: SimpleITK.WriteImage(SimpleITK.ReadImage(path), 'one.mha')"
        )
    local = where.upper() == "LOCAL"
    path = header.path if local else str(Path(header.path).parent / where)
    if not os.path.isfile(path):
        raise StoreNotFoundError(f"the header names a file of voxels that does not exist: {path}")
    offset = header.end if local else 0
    skip = header.integer("HeaderSize", 0)
    if header.said("CompressedData"):
        read = Inflated(path, offset + max(skip, 0), dtype, shape)
        return WholeVoxels(path, dtype, shape, read, read.size)
    if header.text("BinaryData") is not None and not header.said("BinaryData"):
        return WholeVoxels(path, dtype, shape, _Numbers(path, offset, dtype, shape))
    if skip < 0:  # the voxels are the last bytes of the file
        begin = os.path.getsize(path) - math.prod(shape) * dtype.itemsize
        if begin < offset:
            raise StoreError(f"{path} is cut short: it has fewer bytes than its voxels need")
        offset, skip = begin, 0
    return RawVoxels(path, dtype, shape, offset + skip, "F")


@dataclass(frozen=True)
class _Numbers:
    """Reads voxels that are written as text."""

    path: str
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def __call__(self) -> Any:
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            words = file.read().split()
        if len(words) < math.prod(self.shape):
            raise StoreError(f"{self.path} is cut short: it has {len(words)} numbers")
        found = np.array(words[: math.prod(self.shape)]).astype(self.dtype.newbyteorder("="))
        return found.reshape(self.shape, order="F")


def _geometry(header: _Header, ndim: int) -> Geometry:
    if ndim < 3:
        return Geometry()
    spacing = header.numbers(ndim, "ElementSpacing", "ElementSize")
    matrix = header.numbers(ndim * ndim, "TransformMatrix", "Rotation", "Orientation")
    origin = header.numbers(ndim, "Offset", "Position", "Origin")
    said = header.text("DistanceUnits")
    unit = "mm" if said in (None, "", "?") else known_unit(said)  # as in ITK
    if spacing is None or unit is None:
        return Geometry()
    if matrix is None:
        return Geometry(sizes_in_mm(np.abs(spacing[:3]), unit))
    # a row for each axis of the array
    directions = np.reshape(matrix, (ndim, ndim))
    if np.any(directions[:3, 3:]) or np.any(directions[3:, :3]):
        return Geometry(fault="mixes axes of space with others")
    steps = directions[:3, :3].T * np.array(spacing[:3])
    first = np.zeros(3) if origin is None else np.array(origin[:3])
    found = geometry_of_affine(np.column_stack([steps, first]), unit, "rai")
    return found if origin is not None else replace(found, first=None, affine=None)


def _steps(header: _Header, ndim: int, dim_size: list[float]) -> dict[str, AxisValues]:
    """Return the coordinates of axes beyond the third, which no header describes."""
    spacing = header.numbers(ndim, "ElementSpacing")
    origin = header.numbers(ndim, "Offset", "Position", "Origin") or [0.0] * ndim
    if spacing is None:
        return {}
    return {
        f"dim_{i}": AxisValues.steps(spacing[i], int(dim_size[i]), None, origin[i])
        for i in range(3, ndim)
    }
