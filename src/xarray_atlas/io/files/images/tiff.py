"""TIFF: voxels, by tifffile."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from xarray_atlas.errors import StoreError, StoreFormatError
from xarray_atlas.io.files.images.image import SPATIAL, Image
from xarray_atlas.io.files.images.tiff_metadata import read_metadata
from xarray_atlas.io.files.images.voxels import RawVoxels, WholeVoxels

__all__ = ["read_tiff"]

AXES = {"Z": "z", "Y": "y", "X": "x", "T": "time", "C": "channel", "S": "channel"}
"""What tifffile calls the axes of a series. "I" and "Q" are pages of which nothing is said."""


def read_tiff(path: str) -> Image:
    """Open a ``.tif`` or ``.tiff``, a stack of planes.

    Uncompressed voxels that lie in one piece are mapped; else planes are read
    one by one where a page holds one, and the file whole where it does not.
    No TIFF says how it is oriented.
    """
    import tifffile

    with tifffile.TiffFile(path) as file:
        series: Any = file.series[0]
        axes = _names(series.axes, path)
        geometry, others = read_metadata(file, axes, tuple(series.shape))
        shape, dtype = tuple(series.shape), np.dtype(series.dtype)
        if series.dataoffset is not None:
            stored = dtype.newbyteorder(file.byteorder)
            voxels: Any = RawVoxels(path, stored, shape, series.dataoffset, "C")
            return Image(voxels, geometry, path, axes, others)
        page = tuple(series.pages[0].shape) if series.pages[0] is not None else ()
        stacked = len(shape) - len(page)
        whole = (
            stacked > 0
            and shape[stacked:] == page
            and len(series.pages) == math.prod(shape[:stacked])
        )
        if whole and axes[stacked:] in (("y", "x"), ("y", "x", "channel"), ("channel", "y", "x")):
            voxels = Planes(path, shape, dtype, stacked)
            return Image(voxels, geometry, path, axes, others, planes=True)
        voxels = WholeVoxels(path, dtype, shape, _Decoded(path))
        return Image(voxels, geometry, path, axes, others)


def _names(letters: str, path: str) -> tuple[str, ...]:
    """Name the axes of a series; the pages of one that says nothing are planes along z."""
    if "Z" not in letters:
        unsaid = next((c for c in "IQ" if c in letters), None)
        letters = letters.replace(unsaid, "Z") if unsaid else letters
    names = [AXES.get(letter, f"dim_{i}") for i, letter in enumerate(letters)]
    if "C" in letters and "S" in letters:  # colors of each channel
        names[letters.index("S")] = "color"
    if not set(SPATIAL) <= set(names):
        raise StoreFormatError(
            f"{path} has the axes {letters} and is no volume: it needs those along z, y and x. "
            "Stack planes first: tifffile.imwrite('stack.tif', numpy.stack(planes), "
            "photometric='minisblack')"
        )
    return tuple(names)


class _Decoded:
    """Reads all voxels of a file, as tifffile decodes them."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self) -> Any:
        import tifffile

        with tifffile.TiffFile(self.path) as file:
            return file.series[0].asarray()


class Planes:
    """Compressed planes, one a page, each decoded where it is indexed.

    Parameters
    ----------
    path : str
    shape : tuple of int
    dtype : dtype
    stacked : int
        How many of the first axes are those along which pages are stacked.
    """

    def __init__(
        self, path: str, shape: tuple[int, ...], dtype: np.dtype[Any], stacked: int
    ) -> None:
        self.path, self.shape, self.ndim, self.stacked = path, shape, len(shape), stacked
        self.dtype = dtype.newbyteorder("=")

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        import tifffile

        over, within = key[: self.stacked], key[self.stacked :]
        pages = np.arange(math.prod(self.shape[: self.stacked])).reshape(self.shape[: self.stacked])
        numbers = pages[over]
        try:
            with tifffile.TiffFile(self.path) as file:
                stored: Any = file.series[0].pages
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
