"""Transforms that ``Transform.save`` wrote."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import xarray as xr

from xarray_atlas.errors import StoreError
from xarray_atlas.transforms.datasets import ATTR
from xarray_atlas.transforms.transform import Transform

__all__ = ["is_saved", "read_saved"]


def is_saved(path: Any) -> bool:
    """Return whether a path is a zarr store or netCDF file with a transform."""
    if not isinstance(path, str | os.PathLike):
        return False
    place = Path(path)
    if place.is_dir():
        for name, within in (("zarr.json", "attributes"), (".zattrs", "")):
            if (place / name).is_file():
                try:
                    said: Any = json.loads((place / name).read_text("utf-8"))
                except ValueError:
                    return False
                return ATTR in (said.get(within, {}) if within else said)
        return False
    return place.suffix.lower() == ".nc" and place.is_file()


def read_saved(path: str) -> Transform:
    """Open a saved transform; its fields are read when they are needed.

    Parameters
    ----------
    path : str

    Raises
    ------
    TransformError
        If it is a netCDF file of something else.
    StoreError
        If it cannot be read.
    """
    try:
        if os.path.isdir(path):
            ds = xr.open_zarr(path, consolidated=False, decode_cf=False)
        else:
            ds = xr.open_dataset(path, chunks={}, decode_cf=False)
    except (OSError, ValueError, KeyError) as error:
        said = str(error).partition("\n")[0]
        raise StoreError(f"{path} cannot be read as a saved transform: {said}") from error
    return Transform.from_dataset(ds)
