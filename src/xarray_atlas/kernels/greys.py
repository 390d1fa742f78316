"""Which values of a template are drawn black and white."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["grey_limits"]

BRIGHTEST = 99.8
"""The percentile that is white: the few brightest voxels would make all others dark."""


def grey_limits(image: Any) -> tuple[float, float] | None:
    """Return the values that are drawn black and white, None if no two differ.

    Parameters
    ----------
    image : ndarray
        Of numbers or booleans; what is not finite is left out.

    Returns
    -------
    tuple of float or None
        Black first.

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
