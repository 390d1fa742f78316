"""Read a single section in a TIFF file as a volume of one plane."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_section"]


def read_section(path: str | Path) -> Any:
    """Return the section in a file as a dask array of shape (1, y, x); None if it is a volume.

    Parameters
    ----------
    path : str or path
        A ``.tif`` or ``.tiff``, read when the array is computed.
    """
    import dask.array as da
    import tifffile
    from dask.delayed import delayed

    with tifffile.TiffFile(path) as file:
        series: Any = file.series
        if len(series) != 1 or len(series[0].shape) != 2:
            return None
        shape, dtype = series[0].shape, np.dtype(series[0].dtype).newbyteorder("=")
    name = f"{Path(path).name}-{uuid.uuid4().hex}"
    read = delayed(tifffile.imread)(str(path), dask_key_name=name)
    return da.from_delayed(read, shape, dtype)[np.newaxis]
