"""TIFF: voxels, by tifffile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from xarray_atlas.errors import StoreError, StoreFormatError
from xarray_atlas.io.files.images.image import SPATIAL, Image
from xarray_atlas.io.files.images.tiff_metadata import read_metadata
from xarray_atlas.io.files.images.voxels import RawVoxels, WholeVoxels

__all__ = ["read_tiff"]

AXES = {"Z": "z", "Y": "y", "X": "x", "T": "time", "C": "channel", "S": "channel"}
"""Axes of a series in tifffile. "I" and "Q" are pages without metadata."""


def read_tiff(path: str) -> Image:
    """Open a ``.tif`` or ``.tiff``, a stack of planes.

    Uncompressed voxels that lie in one piece are mapped; else planes are read
    one by one where a page holds one, and the file whole where it does not.
    TIFF files do not state their orientation.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        number = _choose(file, path)
        if number is None:  # pages that were written one by one
            shape, dtype = (len(file.pages), *file.pages[0].shape), np.dtype(file.pages[0].dtype)
            geometry, others = read_metadata(file, SPATIAL, shape)
            return Image(Planes(path, shape, dtype, 1), geometry, path, planes=True)
        series: Any = file.series[number]
        letters, shape = _axes(series, file)
        axes, dtype = _names(letters, path), np.dtype(series.dtype)
        geometry, others = read_metadata(file, axes, shape)
        if series.dataoffset is not None:
            stored = dtype.newbyteorder(file.byteorder)
            voxels: Any = RawVoxels(path, stored, shape, series.dataoffset, "C")
            return Image(voxels, geometry, path, axes, others)
        page = tuple(series.pages[0].shape) if series.pages[0] is not None else ()
        stacked = len(shape) - len(page)
        whole = stacked > 0 and shape[stacked:] == page
        whole = whole and len(series.pages) == math.prod(shape[:stacked])
        if whole and axes[stacked:] in (("y", "x"), ("y", "x", "channel"), ("channel", "y", "x")):
            voxels = Planes(path, shape, dtype, stacked, number)
            return Image(voxels, geometry, path, axes, others, planes=True)
        voxels = WholeVoxels(path, dtype, shape, _Decoded(path, number))
        return Image(voxels, geometry, path, axes, others)


def _choose(file: Any, path: str) -> int | None:
    """Return which of the series of a file is its volume; None if it is a stack of pages.

    Raises
    ------
    StoreFormatError
        If there are several.
    """
    listed = [(*_axes(series, file), series.dtype) for series in file.series]
    volumes = [i for i, (axes, *_) in enumerate(listed) if set("ZYX") <= set(axes)]
    if len(volumes) > 1:
        shapes = ", ".join(" x ".join(map(str, listed[i][1])) for i in volumes)
        raise StoreFormatError(
            f"{path} contains {len(volumes)} volumes, of {shapes} voxels; write the one to use "
            f"to a file of its own: tifffile.imwrite('one.tif', tifffile.imread({path!r}, "
            f"series={volumes[0]}), photometric='minisblack')"
        )
    same = len(set(listed)) == 1 and listed[0][0] == "YX" and len(listed) == len(file.pages)
    if not volumes and same and len(listed) > 1:
        return None
    return volumes[0] if volumes else 0


def _axes(series: Any, file: Any) -> tuple[str, tuple[int, ...]]:
    """Return the letters of a series' axes, with one along z where it has any, and its shape.

    tifffile omits axes of length one, while OME and ImageJ always have one along z; pages without
    metadata are planes along z.
    """
    letters, shape = str(series.axes), tuple(map(int, series.shape))
    if "Z" in letters or "YX" not in letters:
        return letters, shape
    if file.is_ome or file.is_imagej:
        at = letters.index("Y")
        return f"{letters[:at]}Z{letters[at:]}", (*shape[:at], 1, *shape[at:])
    unsaid = next((letter for letter in "IQ" if letter in letters), None)
    return (letters.replace(unsaid, "Z") if unsaid else letters), shape


def _names(letters: str, path: str) -> tuple[str, ...]:
    """Name the axes of a series."""
    names = [AXES.get(letter, f"dim_{i}") for i, letter in enumerate(letters)]
    if "C" in letters and "S" in letters:  # colors of each channel
        names[letters.index("S")] = "color"
    if not set(SPATIAL) <= set(names):
        raise StoreFormatError(
            f"{path} has the axes {letters} and is not a volume: it needs those along z, y and x. "
            "Stack planes first: tifffile.imwrite('stack.tif', numpy.stack(planes), "
            "photometric='minisblack')"
        )
    return tuple(names)


@dataclass(frozen=True)
class _Decoded:
    """Reads all voxels of a series, as tifffile decodes them."""

    path: str
    series: int

    def __call__(self) -> Any:
        import tifffile

        with tifffile.TiffFile(self.path) as file:
            return file.series[self.series].asarray()


class Planes:
    """Compressed planes, one per page, each decoded when it is indexed.

    Parameters
    ----------
    path : str
    shape : tuple of int
    dtype : dtype
    stacked : int
        How many of the first axes are those along which pages are stacked.
    series : int, optional
        Which of the series of the file; None for all of its pages.
    """

    def __init__(
        self,
        path: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        stacked: int,
        series: int | None = None,
    ) -> None:
        self.path, self.shape, self.ndim, self.stacked = path, shape, len(shape), stacked
        self.series = series
        self.dtype = dtype.newbyteorder("=")

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        import tifffile

        over, within = key[: self.stacked], key[self.stacked :]
        pages = np.arange(math.prod(self.shape[: self.stacked])).reshape(self.shape[: self.stacked])
        numbers = pages[over]
        try:
            with tifffile.TiffFile(self.path) as file:
                stored: Any = file.pages if self.series is None else file.series[self.series].pages
                planes = [self._plane(stored[int(n)])[within] for n in np.ravel(numbers)]
        except Exception as error:  # each codec raises its own
            mend = ': pip install "xarray-atlas[files]"' if "imagecodecs" in str(error) else ""
            raise StoreError(
                f"cannot read plane(s) {np.ravel(numbers).tolist()} of {self.path}: {error}{mend}"
            ) from error
        if not planes:
            empty = np.empty(self.shape[self.stacked :], self.dtype)[within]
            return np.empty((*np.shape(numbers), *empty.shape), self.dtype)
        found = np.asarray(planes, dtype=self.dtype)
        return found.reshape((*np.shape(numbers), *found.shape[1:]))

    @staticmethod
    def _plane(page: Any) -> Any:
        if page is None:
            raise ValueError("the file lists the plane, but does not hold it")
        return page.asarray()
