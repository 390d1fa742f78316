"""Grey levels for drawing a template."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["grey_limits"]

BRIGHTEST = 99.8
"""The percentile drawn white: the few brightest voxels would make all others dark."""


def grey_limits(image: Any) -> tuple[float, float] | None:
    """Return the values to draw black and white; None if all values are equal.

    Parameters
    ----------
    image : ndarray
        Numbers or booleans; non-finite values are ignored.

    Returns
    -------
    tuple of float or None
        Black, then white.

    Examples
    --------
    >>> grey_limits(np.array([3, 0, 7, 7]))
    (0.0, 7.0)
    """
    seen = image[np.isfinite(image)].astype(np.float64)
    if not seen.size or seen.min() == seen.max():
        return None
    low, high = np.percentile(seen, [0, BRIGHTEST])
    return float(low), float(high if high > low else seen.max())
