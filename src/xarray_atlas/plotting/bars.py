"""Bars of values by region, with the observations behind them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.plotting.observations import observe
from xarray_atlas.plotting.palette import INSTALL
from xarray_atlas.plotting.room import axes_width, text_width
from xarray_atlas.terminology.rendering import color_of
from xarray_atlas.terminology.table import NO_COLOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bars"]

WIDTH = 0.8
"""Of the bars of one region together; the distance between regions is 1."""

ERRORS = {"sem": "SEM", "sd": "SD"}


def bars(
    obj: xr.Dataset | xr.DataArray,
    values: Any,
    *,
    by: str | Iterable[str] | None = None,
    error: str | None = "sem",
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw bars of values by region: means of groups of animals, with a point for each animal.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas. Bars have its colours if there is one for each region.
    values : DataArray, DataFrame, Series or mapping
        Numbers by region, as for :func:`~xarray_atlas.paint`, drawn in their order. For a
        DataArray on ``region`` and ``animal``, such as the density that
        :func:`~xarray_atlas.count_points` returns, bars are means over the animals. Left and right
        hemispheres have separate bars. For a DataFrame the index names the regions, and bars
        are means over its columns.
    by : str or iterable of str, optional
        Draw a bar for each value of these coordinates or dimensions, such as ``"group"``.
    error : "sem", "sd" or None, default: "sem"
        Length of the error bars in each direction: the standard error of the mean or the standard
        deviation, both with n - 1 degrees of freedom. The label of the axis names it. Groups with
        one observation have no error bar.
    ax : matplotlib Axes, optional
        Default: the axes of a new figure.
    **kwargs
        Of :meth:`matplotlib.axes.Axes.bar`: ``color``, ``edgecolor``, ``alpha``, ...

    Returns
    -------
    matplotlib Axes
        The bars of the first region are around 0, those of the second around 1.

    Raises
    ------
    ValueError
        If the values have too many dimensions, or cannot be grouped as asked.
    RegionNotFoundError, AmbiguousRegionError, HemisphereError
        Same as in :func:`~xarray_atlas.paint`.

    See Also
    --------
    heatmap : Each value of many regions as a colour.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> ax = ds.atlas.plot.bars(ds.atlas.volume(["RSP", "VISp", "CA1"]))
    >>> [label.get_text() for label in ax.get_xticklabels()], ax.get_ylabel()
    (['RSP', 'VISp', 'CA1'], 'volume (mm³)')
    """
    pyplot = optional("matplotlib.pyplot", INSTALL, "plot.bars")
    if error not in (*ERRORS, None):
        raise ValueError(f"error is 'sem', 'sd' or None, not {error!r}")
    seen = observe(obj, values, by)
    if np.isinf(seen.values).any():
        row = int(np.isinf(seen.values).any(axis=1).argmax())
        raise ValueError(
            f"a value of {seen.acronyms[row]!r} is infinite, and so is its mean; leave such values "
            "out: values.where(np.isfinite(values))"
        )
    if ax is None:
        _, ax = pyplot.subplots(layout="constrained")
    places = np.arange(len(seen.positions), dtype=float)
    groups = list(dict.fromkeys(seen.groups))
    width = WIDTH / len(groups)
    colors = [color_of(seen.terminology, p) or NO_COLOR for p in seen.positions.tolist()]
    for i, group in enumerate(groups):
        at = places - WIDTH / 2 + (i + 0.5) * width
        of = seen.values[:, [g == group for g in seen.groups]]
        if len(groups) == 1:
            told: dict[str, Any] = {"color": colors, "edgecolor": "0.3"}
        else:
            told = {"color": f"C{i}", "label": ", ".join(group).replace("$", r"\$"), "alpha": 0.55}
        _draw_group(ax, at, of, width, error if seen.over else None, bool(seen.over), told | kwargs)
    _name_regions(ax, seen.acronyms)
    label = seen.label
    if seen.over:
        spread = f" ± {ERRORS[error]}" if error else ""
        label = f"{label}\nmean{spread} over {seen.over}".strip()
    ax.set_ylabel(label, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    if len(groups) > 1:
        ax.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=len(groups), frameon=False,
            borderaxespad=0.2,
        )  # fmt: skip
    return ax


def _draw_group(
    ax: Axes,
    at: FloatArray,
    values: FloatArray,
    width: float,
    error: str | None,
    points: bool,
    kwargs: dict[str, Any],
) -> None:
    """Draw the bars of a group, shape (regions, observations), their errors and points."""
    there = ~np.isnan(values)
    count = there.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, values, 0.0).sum(axis=1) / count
        squares = np.where(there, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
        spread = np.sqrt(np.where(count > 1, squares / (count - 1), np.nan))
        if error == "sem":
            spread = spread / np.sqrt(count)
    ax.bar(at, mean, 0.92 * width, **kwargs)
    if error is not None:
        color = ax.yaxis.label.get_color()  # which a dark style makes light
        ax.errorbar(
            at, mean, spread, fmt="none", ecolor=color, elinewidth=0.8, capthick=0.8, zorder=3
        )
    if points:
        n = values.shape[1]
        # side by side, in the order of the observations
        aside = (np.arange(n) - (n - 1) / 2) * 0.6 * width / max(n - 1, 1)
        x = at[:, None] + aside
        color = kwargs["color"] if isinstance(kwargs["color"], str) else "0.3"
        ax.plot(
            x[there], values[there], "o", color=color, markersize=_point_size(),
            markeredgecolor="white", markeredgewidth=0.4, zorder=4,
        )  # fmt: skip


def _point_size() -> float:
    from matplotlib import rcParams

    return 0.5 * float(rcParams["lines.markersize"]) + 0.75


def _name_regions(ax: Axes, acronyms: list[str]) -> None:
    """Write the acronyms below the bars, vertically if they do not fit."""
    from matplotlib import rcParams
    from matplotlib.font_manager import FontProperties

    from xarray_atlas.plotting.thinned_ticks import name_ticks

    size = FontProperties(size=rcParams["xtick.labelsize"]).get_size_in_points()
    room = axes_width(ax, 7 * size) / max(len(acronyms), 1)
    upright = 1.25 * max(text_width(name, size) for name in acronyms) > room
    name_ticks(ax.xaxis, range(len(acronyms)), acronyms, size)
    ax.tick_params(axis="x", rotation=90 if upright else 0)
    ax.set_xlim(-0.6, len(acronyms) - 0.4)
