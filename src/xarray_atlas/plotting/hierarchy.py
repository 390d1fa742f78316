"""The hierarchy by volume."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.errors import GridError, RegionOverlapError
from xarray_atlas.kernels.labels import Int64s, lookup
from xarray_atlas.kernels.spacing import without_noise
from xarray_atlas.kernels.tables import LabelTable
from xarray_atlas.optional import optional
from xarray_atlas.plotting.palette import INSTALL, ink_for
from xarray_atlas.printable import one_line
from xarray_atlas.reductions.rollup import counts_by_region
from xarray_atlas.regions.volume import SIZES, measured
from xarray_atlas.terminology import RegionKey, Terminology
from xarray_atlas.terminology.rendering import color_of
from xarray_atlas.terminology.table import NO_COLOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Rectangles", "cells_of", "tree"]

EDGE = 0.5
"""Width of the lines between regions, in points."""

ROOM = 18
"""Points between title and axes, for the legend of the hatching."""


def tree(
    obj: xr.Dataset | xr.DataArray,
    root: RegionKey | None = None,
    *,
    ax: Axes | None = None,
    **kwargs: Any,
) -> Axes:
    """Draw the hierarchy by volume: a column a level, in which heights are volumes.

    To the right of a region lie its children. What is hatched there are voxels that carry
    the label of the region itself (elsewhere ``direct=True``), so that a region is as high as
    all that lies to the right of it: nothing is lost, and nothing is there twice. Regions
    without a voxel are left out. An acronym stands where there is room for it: a larger
    figure, or a zoom, shows more.

    This is an icicle and not a sunburst. Its columns are of one width, so that equal volumes
    have equal areas on every level, where the outer rings of a sunburst make them larger; all
    volumes are read off one axis; and acronyms are level, and fit into regions of little height.

    The annotation is read once, or not at all where it has been measured already.

    Parameters
    ----------
    obj : Dataset or DataArray
        An atlas, or its annotation, on any part of its grid. Of a section areas are drawn.
    root : str, int or Region, optional
        The region to begin with, by acronym, full name, or id (int). By default the root, or
        the roots, of the hierarchy.
    ax : matplotlib Axes, optional
        By default that of a new figure.
    **kwargs
        For the regions, as :class:`matplotlib.collections.PolyCollection` has them:
        ``edgecolor``, ``linewidth``, ``alpha``, ...

    Returns
    -------
    matplotlib Axes
        With the level of the hierarchy along x, counted from its root = 0, and the volume in
        mm**3 along y.

    Raises
    ------
    GridError
        If the region does not have voxels, or volumes cannot be measured.
    RegionNotFoundError, AmbiguousRegionError
        If no region has that name, or several have.
    RegionOverlapError
        If a label belongs to several of the regions.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> ax = xarray_atlas.plotting.tree(ds, "CTX")
    >>> ax.get_title(loc="left"), ax.get_ylabel()
    ('Cerebral cortex: 219 mm³', 'volume (mm³)')
    """
    pyplot = optional("matplotlib.pyplot", INSTALL, "plot.tree")
    terminology, _ = find_atlas(obj)
    tops = np.flatnonzero(terminology.parents < 0).tolist()
    tops = tops if root is None else [terminology.position(root)]
    found = measured(obj, None, None, ndim=None)
    cells = cells_of(found.table, terminology, tops)
    if not cells.region.size:
        what = "any region" if root is None else repr(terminology.acronyms[tops[0]])
        raise GridError(
            f"nothing to draw: there is no voxel of {what} in this part of the atlas, at this "
            "resolution"
        )
    if ax is None:
        _, ax = pyplot.subplots(figsize=(7.5, 9), layout="constrained")
    voxel = without_noise(math.prod(found.voxel.values()))
    ndim = len(found.voxel)
    unit = f"mm{'²' if ndim == 2 else '³'}"
    _draw(ax, cells, terminology, voxel, kwargs)
    name = one_line(terminology.names[tops[0]]) if len(tops) == 1 else f"{len(tops)} roots"
    title = f"{name}: {cells.stop.max() * voxel:.3g} {unit}"
    pad = ROOM if cells.own.any() else None
    ax.set_title(title, loc="left", parse_math=False, pad=pad)
    ax.set_ylabel(f"{SIZES[ndim]} ({unit})")
    ax.set_xlabel("level of the hierarchy")
    return ax


class Rectangles(NamedTuple):
    """Rectangles: the place of each in its column, in voxels. One element per rectangle."""

    region: Int64s
    """The position of the region."""
    level: Int64s
    """The column: the depth of the region, or one more for its own voxels."""
    start: Int64s
    stop: Int64s
    own: np.ndarray[Any, np.dtype[np.bool_]]
    """Return whether it holds the region's own voxels, in addition to its children."""


def cells_of(table: LabelTable, terminology: Terminology, tops: Sequence[int]) -> Rectangles:
    """Lay regions out: the children of each next to it, one after the other, then its own voxels.

    Parameters
    ----------
    table : LabelTable
        Of the annotation.
    terminology : Terminology
    tops : sequence of int
        The positions of the topmost regions, none of them below another.

    Raises
    ------
    RegionOverlapError
        If a label that has voxels belongs to several of the regions.
    """
    total, direct = (
        counts_by_region(table, [None], terminology, direct=direct)[:, 0].tolist()
        for direct in (False, True)
    )
    below = [p for top in tops for p in (top, *terminology.descendants(top).tolist())]
    there = [position for position in below if total[position]]
    _check_apart(table, terminology, there)
    depths, parents = terminology.depths.tolist(), terminology.parents.tolist()
    begin = set(tops)
    free: dict[int, int] = {}  # the start of the next child of a region
    end = 0
    rows = []
    for position in there:
        above = parents[position]
        start = end if position in begin else free[above]
        stop = start + total[position]
        if position in begin:
            end = stop
        else:
            free[above] = stop
        free[position] = start
        rows.append((position, depths[position], start, stop, False))
    # leaves, and regions with voxels of their own label only, are not divided
    divided = [p for p in there if 0 < direct[p] < total[p]]
    rows += [(p, depths[p] + 1, free[p], free[p] + direct[p], True) for p in divided]
    region, level, start_, stop_, own = np.array(rows, np.int64).reshape(-1, 5).T
    return Rectangles(region, level, start_, stop_, own.astype(bool))


def _check_apart(table: LabelTable, terminology: Terminology, regions: list[int]) -> None:
    labels, owners = terminology.label_pairs(direct=True)
    keys = np.unique(labels)
    at = lookup(table.label[table.voxels > 0], keys)
    drawn = np.isin(owners, regions) & np.isin(labels, keys[at[at >= 0]])
    labels, owners = labels[drawn], owners[drawn]
    shared = np.flatnonzero(labels[1:] == labels[:-1])
    if shared.size:
        one, other = (str(a) for a in terminology.distinct_acronyms[owners[shared[0] :][:2]])
        raise RegionOverlapError(
            f"regions {one!r} and {other!r} cannot be drawn side by side: both have the label "
            f"{labels[shared[0]]}, and so the same voxels"
        )


def _draw(
    ax: Axes, cells: Rectangles, terminology: Terminology, voxel: float, kwargs: dict[str, Any]
) -> None:
    from matplotlib import rc_context
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    from xarray_atlas.plotting.fitted_text import FittedText

    left, right = cells.level - 0.5, cells.level + 0.5
    low, high = cells.start * voxel, cells.stop * voxel
    corners = np.stack([left, low, left, high, right, high, right, low], axis=-1).reshape(-1, 4, 2)
    total = float(high.max())
    ax.set_xlim(float(left.min()), float(right.max()))
    ax.set_ylim(total, 0.0)
    ax.set_xticks(np.arange(cells.level.min(), cells.level.max() + 1))
    ax.tick_params(axis="x", length=0)
    # the lines must not cover the smallest regions
    figure = ax.get_figure(root=True)
    assert figure is not None
    points = (high - low) / total * ax.bbox.height * 72 / figure.dpi
    colors = [to_rgb(color_of(terminology, p) or NO_COLOR) for p in cells.region.tolist()]
    regions = PolyCollection(
        list(corners),
        facecolors=colors,
        edgecolors="white",
        linewidths=np.minimum(EDGE, points / 8),
    )
    regions.set(**kwargs)
    ax.add_collection(regions, autolim=False)
    if cells.own.any():
        with rc_context({"hatch.linewidth": 0.5}):
            hatched = PolyCollection(
                list(corners[cells.own]),
                facecolors="none",
                edgecolors="0.35",
                linewidths=0,
                hatch="////",
            )
            ax.add_collection(hatched, autolim=False)
            shown = Patch(facecolor="none", edgecolor="0.35", linewidth=0, hatch="////")
        legend = ax.legend(
            [shown],
            ["voxels labelled with the region itself"],
            loc="lower left",  # between the title and the axes
            bbox_to_anchor=(0, 1),
            frameon=False,
            borderpad=0,
            borderaxespad=0.3,
            fontsize="small",
        )
        legend.set_in_layout(False)  # the title makes its room
    regions.update_scalarmappable()
    # a single colour for all, or none, as in collections
    faces = np.atleast_2d(regions.get_facecolor())
    faces = np.resize(faces if faces.size else np.zeros((1, 4)), (cells.region.size, 4))
    alpha = faces[:, 3:]
    below = alpha * faces[:, :3] + (1 - alpha) * np.array(to_rgb(ax.get_facecolor()))
    for i in np.flatnonzero(~cells.own).tolist():
        room = (float(left[i]), float(right[i]), float(low[i]), float(high[i]))
        acronym = one_line(terminology.acronyms[cells.region[i]])
        text = FittedText(*room, acronym, color=ink_for(*below[i].tolist()))
        ax.add_artist(text)
