"""Refuse points from a bregma that is not said, with where each convention puts them."""

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
        """Return them, shape (points, 3), in mm."""
        ...


def refuse_bregma(
    obj: xr.Dataset | xr.DataArray, frame: Any, read: Callable[[str], Stacked]
) -> None:
    """Raise a PointsError if the frame of points is "bregma" alone.

    Parameters
    ----------
    obj : Dataset or DataArray
        The atlas.
    frame : optional
        As the caller states it.
    read : callable
        Reads the points in a frame that is given by its name.
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
        pass  # what else is wrong is said once the frame is known
    raise PointsError(bregma_question(obj, first))
