"""Colour bars of values, which point at ends that values lie beyond."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["add_value_bar", "clipped_ends"]


def add_value_bar(figure: Any, drawn: Any, values: Any, label: str, **kwargs: Any) -> Any:
    """Add a colour bar with the name and the unit of values.

    Parameters
    ----------
    figure : matplotlib Figure or SubFigure
    drawn : matplotlib ScalarMappable
    values : ndarray or masked array of float
        The values that are drawn.
    label : str
    **kwargs
        Of :meth:`matplotlib.figure.Figure.colorbar`.
    """
    bar = figure.colorbar(drawn, extend=clipped_ends(drawn.norm, values), **kwargs)
    bar.set_label(label, parse_math=False)
    return bar


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
