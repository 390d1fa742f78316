"""A heat map of regions and observations, with the hierarchy to its left."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.plotting.clipped import add_value_bar
from xarray_atlas.plotting.observations import Observations, observe
from xarray_atlas.plotting.palette import INSTALL
from xarray_atlas.plotting.parts import WITHOUT
from xarray_atlas.plotting.room import axes_width, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["heatmap"]

GAP = 0.25
"""Between groups of columns, in columns."""


def heatmap(
    obj: xr.Dataset | xr.DataArray,
    values: Any,
    *,
    by: str | Iterable[str] | None = None,
    hierarchy: str | None = "strip",
    ax: Axes | None = None,
    add_colorbar: bool = True,
    **kwargs: Any,
) -> Axes:
    """Draw a heat map of values by region: a row for each region, a column for each animal.

    Regions are in the order of the hierarchy. Cells without a finite value are light grey.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas with the hierarchy of the regions.
    values : DataArray, DataFrame, Series or mapping
        Numbers by region, as for :func:`~xarray_atlas.paint`. For a DataArray on ``region`` and
        ``animal``, such as the density that :func:`~xarray_atlas.count_points` returns, each animal
        is a column. Left and right hemispheres are side by side. For a DataFrame the index names
        the regions.
    by : str or iterable of str, optional
        Group the columns by these coordinates or dimensions, such as ``"group"``; the first is the
        outermost.
    hierarchy : "strip", "dendrogram" or None, default: "strip"
        Draw to the left of the acronyms a strip in the colours of the regions that contain the
        rows, or the tree of the hierarchy. With None the rows are in the order of `values`.
    ax : matplotlib Axes, optional
        Default: the axes of a new figure, which is high enough for all acronyms.
    add_colorbar : bool, default: True
        Draw a colour bar with the name and the unit of the values.
    **kwargs
        Of :meth:`matplotlib.axes.Axes.pcolormesh`: ``cmap``, ``vmin``, ``vmax``, ``norm``, ...

    Returns
    -------
    matplotlib Axes
        The row of the first region is at 0, that of the second at 1, from top to bottom.

    Raises
    ------
    ValueError
        If the values have too many dimensions, or cannot be grouped as asked.
    RegionNotFoundError, AmbiguousRegionError, HemisphereError
        Same as in :func:`~xarray_atlas.paint`.

    See Also
    --------
    values : Values by region in a section.

    Examples
    --------
    >>> import xarray_atlas
    >>> source = xarray_atlas.open_sample("100 um").attrs["source"]
    >>> ds = xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")
    >>> volumes = ds.atlas.volume(["TH", "RSP", "CA1"], hemisphere=["left", "right"])
    >>> ax = ds.atlas.plot.heatmap(volumes, cmap="magma")
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['RSP', 'CA1', 'TH']
    >>> ax.figure.axes[1].get_ylabel()
    'volume (mm³)'
    """
    pyplot = optional("matplotlib.pyplot", INSTALL, "plot.heatmap")
    from xarray_atlas.plotting.headers import draw_headers
    from xarray_atlas.plotting.thinned_ticks import name_ticks

    if hierarchy not in ("strip", "dendrogram", None):
        raise ValueError(f"hierarchy is 'strip', 'dendrogram' or None, not {hierarchy!r}")
    seen = observe(obj, values, by)
    if hierarchy is not None:
        seen = _in_preorder(seen)
    rows = len(seen.positions)
    size = pyplot.matplotlib.font_manager.FontProperties(
        size=pyplot.rcParams["ytick.labelsize"]
    ).get_size_in_points()
    if ax is None:
        width = pyplot.rcParams["figure.figsize"][0]
        height = max(rows * 1.15 * size / 72, 1.0) + 5 * size / 72
        _, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    groups, names = seen.groups, seen.names
    if not any(names) and groups and groups[0]:
        names, groups = [g[-1] for g in groups], [g[:-1] for g in groups]
    mesh, middles = _draw_cells(ax, seen.values, groups, kwargs)
    ax.set(xlim=(-0.5, middles[-1] + 0.5), ylim=(rows - 0.5, -0.5))
    ax.spines[:].set_visible(False)
    name_ticks(ax.yaxis, range(rows), seen.acronyms, size)
    beside = 0.0
    if hierarchy is not None and rows:
        from xarray_atlas.plotting import row_hierarchy

        draw = getattr(row_hierarchy, f"draw_{hierarchy}")
        beside = draw(ax, seen.terminology, seen.positions.tolist(), size)
    beside += max((text_width(name, size) for name in seen.acronyms), default=0.0)
    beside += 6.5 * size if add_colorbar else 0.0
    width = axes_width(ax, beside, add_colorbar)
    _name_columns(ax, middles, names, size, width)
    draw_headers(ax, middles, groups, size, width)
    if add_colorbar:
        drawn_on = ax.get_figure()  # or a part of the figure
        shrink = min(1.0, 12 / max(rows, 1) + 0.3)
        bar = add_value_bar(drawn_on, mesh, seen.values, seen.label, ax=ax, shrink=shrink, pad=0.02)
        bar.outline.set_visible(False)
    return ax


def _in_preorder(seen: Observations) -> Observations:
    """Sort the rows as the hierarchy lists the regions."""
    rank = {p: i for i, p in enumerate(seen.terminology.preorder.tolist())}
    order = sorted(range(len(seen.positions)), key=lambda i: rank[int(seen.positions[i])])
    return dataclasses.replace(seen, values=seen.values[order], positions=seen.positions[order])


def _draw_cells(
    ax: Axes, values: FloatArray, groups: Sequence[tuple[str, ...]], kwargs: dict[str, Any]
) -> tuple[Any, list[float]]:
    """Draw the cells, a mesh for each group; return one of them and the middle of each column."""
    from xarray_atlas.plotting.values import one_scale

    given = dict(kwargs)
    if given.get("norm") is not None and not {given.get("vmin"), given.get("vmax")} <= {None}:
        raise ValueError("pass norm=, or vmin= and vmax=, not both")
    shown = np.ma.masked_invalid(values)
    scale = one_scale([shown], given)
    colors = scale.cmap.with_extremes(bad=WITHOUT)
    starts = [i for i in range(len(groups)) if i == 0 or groups[i] != groups[i - 1]]
    middles: list[float] = []
    at = -0.5
    for start, stop in zip(starts, [*starts[1:], len(groups)], strict=True):
        edges = at + np.arange(stop - start + 1)
        block = shown[:, start:stop]
        mesh = ax.pcolormesh(
            edges, np.arange(len(values) + 1) - 0.5, block, norm=scale.norm, cmap=colors, **given
        )
        middles += (edges[:-1] + 0.5).tolist()
        at = float(edges[-1]) + GAP
    return mesh, middles


def _name_columns(
    ax: Axes, middles: list[float], names: list[str], size: float, width: float
) -> None:
    """Write the names of the columns, vertically if they do not fit; the width is in points."""
    if not any(names):
        ax.set_xticks([])
        return
    from xarray_atlas.plotting.thinned_ticks import name_ticks

    widest = max(text_width(name, size) for name in names)
    upright = 1.3 * widest > width / len(names)
    name_ticks(ax.xaxis, middles, names, size)
    ax.tick_params(axis="x", rotation=90 if upright else 0)
