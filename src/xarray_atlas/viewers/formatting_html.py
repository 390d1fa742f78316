"""HTML summary of an atlas for notebooks, made without reading voxels or raising errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
import xarray as xr

from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.reductions import cache
from xarray_atlas.reductions.rollup import counts_by_region
from xarray_atlas.regions.volume import voxel_sizes
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.rendering import document, tree_html
from xarray_atlas.viewers.formatting import as_text, atlas_or_hint, atlas_text, facts, title

__all__ = ["atlas_html"]


def atlas_html(obj: xr.Dataset | xr.DataArray) -> str:
    """Describe an atlas, and show its regions as a tree that opens and can be searched.

    Volumes are shown where the annotation has been measured already.

    Parameters
    ----------
    obj : Dataset or DataArray

    Returns
    -------
    str
        HTML that does not use the network. With ``xarray.set_options(display_style="text")``,
        or without an atlas, what ``repr`` shows.
    """
    found = atlas_or_hint(obj)
    if isinstance(found, str) or xr.get_options()["display_style"] == "text":
        return f"<pre>{escape(atlas_text(obj))}</pre>"
    terminology, space = found
    name, version = title(obj, terminology, space)
    about = facts(obj, terminology, space)
    text = as_text(name, version, about)
    volumes = _known_volumes(obj, terminology)
    if volumes is not None:
        about["volumes"] = "measured on this grid; each region with its descendants"
    rows = "".join(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in about.items())
    more = f" <span>version {escape(version)}</span>" if version else ""
    header = f"<p class='xa-head'><b>{escape(name)}</b>{more}</p><dl>{rows}</dl>"
    roots = np.flatnonzero(terminology.parents < 0).tolist()
    return document(header, tree_html(terminology, roots, volumes), text)


def _known_volumes(
    obj: xr.Dataset | xr.DataArray, terminology: Terminology
) -> Sequence[float] | None:
    """Return the volume of each region in mm**3 if a pass has computed it; none is started."""
    try:
        annotation = annotation_of(obj)
        voxel = math.prod(voxel_sizes(annotation, 3).values())
    except Exception:  # no annotation, a section, or coordinates that cannot be read
        return None
    table = cache.find_any(annotation.variable)
    if table is None:
        return None
    counts = counts_by_region(table, [None], terminology, direct=False)[:, 0]
    volumes: list[float] = (counts * voxel).tolist()
    return volumes
