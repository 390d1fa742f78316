"""``.atlas.plot``: a thin front door to the functions that draw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import xarray as xr

from xarray_atlas import plotting
from xarray_atlas.results import Regions
from xarray_atlas.terminology import RegionKey

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

__all__ = ["AtlasPlotAccessor"]


class AtlasPlotAccessor:
    """Draws an atlas; matplotlib's axes in and out."""

    def __init__(self, obj: xr.Dataset | xr.DataArray) -> None:
        self._obj = obj

    def section(
        self,
        *,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        region: RegionKey | None = None,
        axis: str = "ap",
        ax: Axes | None = None,
        template: bool = True,
        outlines: bool | Mapping[str, Any] = True,
        labels: bool = True,
        directions: bool = True,
        scale_bar: bool = True,
        **kwargs: Any,
    ) -> Axes:
        """Draw one plane of the atlas; see :func:`xarray_atlas.plotting.section`."""
        return plotting.section(
            self._obj,
            ap=ap,
            dv=dv,
            ml=ml,
            region=region,
            axis=axis,
            ax=ax,
            template=template,
            outlines=outlines,
            labels=labels,
            directions=directions,
            scale_bar=scale_bar,
            **kwargs,
        )

    def sections(self, n: int = 12, axis: str = "ap", **kwargs: Any) -> np.ndarray[Any, Any]:
        """Draw planes through the whole atlas; see :func:`xarray_atlas.plotting.sections`."""
        return plotting.sections(self._obj, n, axis, **kwargs)

    def ortho(self, region: RegionKey | None = None, **kwargs: Any) -> np.ndarray[Any, Any]:
        """Draw three planes through a point; see :func:`xarray_atlas.plotting.ortho`."""
        return plotting.ortho(self._obj, region, **kwargs)

    def values(
        self,
        values: Any,
        *,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        region: RegionKey | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Axes:
        """Draw a value of each region in a plane; see :func:`xarray_atlas.plotting.values`."""
        return plotting.values(
            self._obj, values, ap=ap, dv=dv, ml=ml, region=region, ax=ax, **kwargs
        )

    def outlines(
        self,
        ax: Axes | None = None,
        *,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        region: RegionKey | None = None,
        **kwargs: Any,
    ) -> Axes:
        """Draw where regions meet over a picture; see :func:`xarray_atlas.plotting.outlines`."""
        return plotting.outlines(self._obj, ax, ap=ap, dv=dv, ml=ml, region=region, **kwargs)

    def tree(self, root: RegionKey | None = None, *, ax: Axes | None = None, **kwargs: Any) -> Axes:
        """Draw the hierarchy by volume; see :func:`xarray_atlas.plotting.tree`."""
        return plotting.tree(self._obj, root, ax=ax, **kwargs)

    def surface(self, regions: Regions, *, hemisphere: str | None = None, **kwargs: Any) -> Any:
        """Draw surfaces of regions; see :func:`xarray_atlas.plotting.surface`."""
        return plotting.surface(self._obj, regions, hemisphere=hemisphere, **kwargs)
