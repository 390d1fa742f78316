"""Refuse points relative to an unspecified bregma, listing the published conventions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import xarray as xr

from xarray_atlas.coords.space import AXES
from xarray_atlas.errors import AtlasError, PointsError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.bregma import bregma_question, is_bregma
from xarray_atlas.transforms.stereotaxic import CONVENTIONS

__all__ = ["refuse_bregma"]


class Stacked(Protocol):
    """Points along ap, dv and ml."""

    def stacked(self) -> FloatArray:
        """Return the positions in mm, shape (points, 3)."""
        ...


def refuse_bregma(
    obj: xr.Dataset | xr.DataArray, frame: Any, read: Callable[[str], Stacked]
) -> None:
    """Raise a PointsError if the frame of points is just "bregma".

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    frame : optional
        As passed by the user.
    read : callable
        Reads the points in a frame given by its name.
    """
    if not is_bregma(obj, frame):
        return
    first = None
    try:
        stacked = read(next(iter(CONVENTIONS))).stacked()
        finite = stacked[np.isfinite(stacked).all(axis=1)]
        if len(finite):
            first = dict(zip(AXES, finite[0].tolist(), strict=True))
    except AtlasError:
        pass  # other errors are raised once the frame is known
    raise PointsError(bregma_question(obj, first))
