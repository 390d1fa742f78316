"""Lengths in a picture: of its scale bar and its margin."""

from __future__ import annotations

import math

__all__ = ["MARGIN", "bar_length"]

SHARE = 0.25
"""Of the width of a picture, the most that a scale bar takes."""

MARGIN = 0.035
"""Margin between text and the edge, as a fraction of the picture."""


def bar_length(width: float) -> float:
    """Return a round length in mm, at most a quarter of a width in mm.

    Examples
    --------
    >>> bar_length(11.4), bar_length(0.9)
    (2.0, 0.2)
    """
    most = SHARE * width
    power = 10.0 ** math.floor(math.log10(most))
    return float(f"{max(m for m in (1, 2, 5) if m * power <= most) * power:.1g}")
