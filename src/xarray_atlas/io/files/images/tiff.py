"""TIFF: voxels, and the voxel size where ImageJ or OME-XML say it, by tifffile."""

from __future__ import annotations

from typing import Any

import numpy as np

from xarray_atlas.coords.headers import Geometry, known_unit, sizes_in_mm
from xarray_atlas.errors import StoreError, StoreFormatError
from xarray_atlas.io.files.images.voxels import Image, RawVoxels

__all__ = ["read_tiff"]


def read_tiff(path: str) -> Image:
    """Open a ``.tif`` or ``.tiff``, a stack of planes.

    Uncompressed voxels that lie in one piece are mapped; else planes are read
    one by one where a page holds one, and the file whole where it does not.
    No TIFF says how it is oriented.

    Raises
    ------
    StoreFormatError
        If its planes are in color.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        series: Any = file.series[0]
        if "S" in series.axes:
            raise StoreFormatError(
                f"{path} holds colors (axes {series.axes}), not one value a voxel; save it in one "
                "channel"
            )
        geometry = _geometry(file)
        shape, dtype = tuple(series.shape), np.dtype(series.dtype)
        if series.dataoffset is not None:
            stored = dtype.newbyteorder(file.byteorder)
            return Image(RawVoxels(path, stored, shape, series.dataoffset, "C"), geometry, path)
        whole_planes = len(series.pages) == shape[0] and series.pages[0].shape == shape[1:]
        if len(shape) == 3 and whole_planes:
            return Image(Planes(path, shape, dtype), geometry, path, planes=True)
        return Image(series.asarray(), geometry, path)


class Planes:
    """Compressed planes, one a page, each decoded where it is indexed."""

    def __init__(self, path: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.shape, self.ndim = path, shape, len(shape)
        self.dtype = dtype.newbyteorder("=")

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        import tifffile

        one = not isinstance(key[0], slice)
        numbers = [key[0]] if one else range(*key[0].indices(self.shape[0]))
        try:
            with tifffile.TiffFile(self.path) as file:
                pages: Any = file.series[0].pages
                planes = [pages[number].asarray()[key[1:]] for number in numbers]
        except Exception as error:  # each codec raises its own
            raise StoreError(f"cannot read plane(s) {numbers} of {self.path}: {error}") from error
        return np.asarray(planes[0] if one else planes, dtype=self.dtype)


def _geometry(file: Any) -> Geometry:
    sizes = _of_ome(file.ome_metadata) if file.is_ome else None
    if file.is_imagej:
        sizes = _of_imagej(file)
    return Geometry(sizes)


def _of_ome(text: str) -> tuple[float, ...] | None:
    """Read PhysicalSizeZ, Y and X; a micrometre is what OME takes where no unit is given."""
    from xml.etree import ElementTree

    root = ElementTree.fromstring(text)
    pixels = next((e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return None
    sizes: list[float] = []
    for axis in "ZYX":
        size = pixels.get(f"PhysicalSize{axis}")
        unit = known_unit(pixels.get(f"PhysicalSize{axis}Unit", "um"))
        if size is None or unit is None:
            return None
        sizes += sizes_in_mm([float(size)], unit)
    return tuple(sizes)


def _of_imagej(file: Any) -> tuple[float, ...] | None:
    """Read the spacing of planes, and the resolution within one in pixels a unit."""
    metadata = file.imagej_metadata or {}
    unit = known_unit(metadata.get("unit"))
    tags = file.pages[0].tags
    if unit is None or "spacing" not in metadata:
        return None
    within = []
    for name in ("YResolution", "XResolution"):
        pixels, units = tags[name].value if name in tags else (0, 0)
        if not pixels or not units:
            return None
        within.append(units / pixels)
    return sizes_in_mm([abs(float(metadata["spacing"])), *within], unit)
