"""Ends of a colour bar beyond which there are values."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["clipped_ends"]


def clipped_ends(norm: Any, values: Any) -> str | None:
    """Return ``extend=`` of a colour bar, which points at ends that values lie beyond.

    Parameters
    ----------
    norm : matplotlib Normalize
        With its limits set.
    values : ndarray or masked array of float
        The values that are drawn; NaN and masked ones are ignored.

    Returns
    -------
    {"min", "max", "both"} or None
        None for what matplotlib does by default, which asks the norm and the colour map.
    """
    finite = np.ma.masked_invalid(values).compressed()
    if not finite.size or norm.vmin is None or norm.vmax is None:
        return None
    low, high = sorted((norm.vmin, norm.vmax))
    ends = [finite.min() < low, finite.max() > high]
    if all(ends):
        return "both"
    return ("min" if (norm.vmin <= norm.vmax) == ends[0] else "max") if any(ends) else None
