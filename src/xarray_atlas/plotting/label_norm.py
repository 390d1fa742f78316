"""A matplotlib norm for labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import Normalize

from xarray_atlas.plotting.palette import Palette

__all__ = ["LabelNorm"]


class LabelNorm(Normalize):
    """Takes each label to the row of its colour; never through a float that merges two.

    Parameters
    ----------
    palette : Palette
    """

    def __init__(self, palette: Palette) -> None:
        super().__init__(vmin=float(palette.keys[0]), vmax=float(palette.keys[-1]))
        self.palette = palette

    def __call__(self, value: Any, clip: bool | None = None) -> Any:
        """Return the row of each label in the colour map; one more for what no region has."""
        masked = np.ma.asarray(value)
        labels = _integers(masked.filled(0) if masked.mask is not np.ma.nomask else masked.data)
        found = np.ma.array(self.palette.index(labels), mask=masked.mask)
        return found if masked.ndim else found[()]

    def inverse(self, value: Any) -> Any:
        """Return the distance between a label and the next, for the value below the pointer.

        A colour bar asks for many, and is refused.
        """
        rows = np.atleast_1d(value)
        if rows.size > 2:
            raise TypeError(
                "labels are names, not amounts, and have no colour bar: leave it out "
                "(with xarray: add_colorbar=False)"
            )
        keys = self.palette.keys
        return keys[np.clip(rows.astype(int), 0, keys.size - 1)] + 0.5

    def autoscale(self, A: Any) -> None:
        """Do nothing: a label has its colour whatever else is there."""

    def autoscale_None(self, A: Any) -> None:
        """Do nothing: a label has its colour whatever else is there."""


def _integers(values: Any) -> Any:
    """Return labels as integers, if they are integers."""
    if values.dtype.kind in "iu":
        return values
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    if values.dtype.kind != "f":
        raise TypeError(f"labels are integers, not {values.dtype}")
    exact = 2.0 ** (np.finfo(values.dtype).nmant + 1)
    held = np.where(np.isnan(values), 0, values)
    # at `exact` itself the next integer is already lost
    if np.all(np.abs(held) < exact) and np.all(held == np.trunc(held)):
        return held.astype(np.int64)
    raise TypeError(
        f"these labels are {values.dtype} and may be others than they were: matplotlib's imshow "
        "makes floats of integers before it asks for their colours. Pass it "
        "interpolation_stage='rgba', or use pcolormesh; and labels as integers"
    )
