"""Options of the outlines in a picture: whether they are drawn, smoothed, and in which style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

__all__ = ["OutlinesLike", "is_smooth", "outline_options"]

OutlinesLike: TypeAlias = bool | str | Mapping[str, Any]
"""True, False, "smooth" or options of matplotlib's LineCollection."""

SMOOTH = "smooth"

ALIASES = {
    "color": {"color", "colors", "edgecolor", "edgecolors", "ec"},
    "linewidth": {"linewidth", "linewidths", "lw"},
}
"""Names of an option in matplotlib."""


def outline_options(outlines: OutlinesLike, **style: Any) -> dict[str, Any] | None:
    """Return the options of outlines as `add_outlines` takes them, None for no outlines.

    Parameters
    ----------
    outlines : bool, "smooth" or mapping
    **style
        Options where `outlines` does not name them.

    Raises
    ------
    ValueError
        If `outlines` is a word other than "smooth".
    """
    if isinstance(outlines, str):
        if outlines != SMOOTH:
            raise ValueError(
                f'outlines={outlines!r} is not known: use True, False, "smooth", or options of '
                'the lines such as {"color": "white", "smooth": True}'
            )
        return {SMOOTH: True, **style}
    if isinstance(outlines, Mapping):
        missing = {k: v for k, v in style.items() if not ALIASES.get(k, {k}) & set(outlines)}
        return {**missing, **outlines}
    return style if outlines else None


def is_smooth(outlines: OutlinesLike) -> bool:
    """Return whether smoothed outlines are requested."""
    return bool((outline_options(outlines) or {}).get(SMOOTH))
