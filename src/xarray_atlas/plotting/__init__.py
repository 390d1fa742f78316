"""Draw atlases with matplotlib and PyVista.

Each takes a Dataset or a DataArray as its first argument. What draws is imported when it is used.
"""

from xarray_atlas.plotting.bars import bars
from xarray_atlas.plotting.colors import cmap, norm
from xarray_atlas.plotting.heatmap import heatmap
from xarray_atlas.plotting.hierarchy import tree
from xarray_atlas.plotting.montage import sections
from xarray_atlas.plotting.ortho import ortho
from xarray_atlas.plotting.overlay import outlines
from xarray_atlas.plotting.section import section
from xarray_atlas.plotting.surface3d import surface
from xarray_atlas.plotting.track import track
from xarray_atlas.plotting.values import values

__all__ = [
    "bars",
    "cmap",
    "heatmap",
    "norm",
    "ortho",
    "outlines",
    "section",
    "sections",
    "surface",
    "track",
    "tree",
    "values",
]
