"""Segmentations of sections: PNG and TIFF files, and the flat files of Nutil and VisuAlign.

A ``.flat`` file is big-endian: a byte with the bytes of a pixel (1, 2 or 4), width and height as
32-bit integers, and the pixels row by row. Maps of VisuAlign hold rows of its table of labels.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from xarray_atlas.errors import StoreError, StoreFormatError, StoreNotFoundError
from xarray_atlas.optional import optional

__all__ = ["read_segmentation"]

HEADER = 9
"""Bytes before the pixels of a flat file."""

ENDINGS = (".png", ".tif", ".tiff", ".flat")


def read_segmentation(path: str | os.PathLike[str]) -> Any:
    """Read the pixels of a file, shape (rows, columns) or (rows, columns, channels).

    Parameters
    ----------
    path : str or path

    Raises
    ------
    StoreNotFoundError, StoreFormatError, StoreError
        If there is no such file, it is another format, or damaged.
    """
    place = Path(path).expanduser()
    ending = place.suffix.lower()
    if ending not in ENDINGS:
        raise StoreFormatError(
            f"{place} ends in {ending!r}; a segmentation is {', '.join(ENDINGS)}, or an array"
        )
    if not place.is_file():
        raise StoreNotFoundError(f"there is no file {os.fspath(path)!r}")
    if ending == ".flat":
        return _read_flat(place)
    install, what = '"xarray-atlas[files]"', f"reading {ending} files"
    try:
        if ending == ".png":
            found = optional("imagecodecs", install, what).png_decode(place.read_bytes())
        else:
            found = optional("tifffile", install, what).imread(place)
    except ImportError:
        raise
    except Exception as error:  # both raise errors of their own, of many kinds
        raise StoreError(f"{place} cannot be read: {error}") from error
    found = np.squeeze(np.asarray(found))
    if found.ndim not in (2, 3) or (found.ndim == 3 and found.shape[-1] > 4):
        raise StoreFormatError(
            f"{place} has the shape {found.shape}; a segmentation is one image, (rows, columns) or "
            "(rows, columns, channels)"
        )
    return found


def _read_flat(place: Path) -> Any:
    raw = place.read_bytes()
    each = raw[0] if raw else 0
    if each not in (1, 2, 4) or len(raw) < HEADER:
        raise StoreFormatError(
            f"{place} is not a flat file: its first byte is {each}, not 1, 2 or 4"
        )
    width, height = (int.from_bytes(raw[at : at + 4], "big") for at in (1, 5))
    if len(raw) != HEADER + each * width * height:
        raise StoreFormatError(
            f"{place} is damaged: {height} x {width} pixels of {each} bytes are "
            f"{HEADER + each * width * height} bytes, and the file has {len(raw)}"
        )
    pixels = np.frombuffer(raw, f">u{each}", offset=HEADER).reshape(height, width)
    return pixels.astype(f"u{each}")
