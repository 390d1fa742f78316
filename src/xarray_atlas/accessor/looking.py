"""What people look at."""

from __future__ import annotations

from typing import Any

from xarray_atlas import exploring, formatting, formatting_html, neuroglancer
from xarray_atlas.accessor.base import Accessor, T
from xarray_atlas.exploring import Explorer
from xarray_atlas.plot_accessor import AtlasPlotAccessor
from xarray_atlas.plotting import colors
from xarray_atlas.results import Regions

__all__ = ["LookingMethods"]


class LookingMethods(Accessor[T]):
    """Shows an atlas: as text and HTML, drawn, and in a browser."""

    def __repr__(self) -> str:
        return formatting.atlas_text(self._obj)

    def _repr_html_(self) -> str:
        return formatting_html.atlas_html(self._obj)

    @property
    def plot(self) -> AtlasPlotAccessor:
        """Sections, outlines, heat maps, the hierarchy and surfaces, drawn."""
        return AtlasPlotAccessor(self._obj)

    @property
    def cmap(self) -> Any:
        """The atlas's colours, for matplotlib; see :func:`xarray_atlas.plotting.cmap`."""
        return colors.cmap(self._obj)

    @property
    def norm(self) -> Any:
        """Labels to the colours of `cmap`; see :func:`xarray_atlas.plotting.norm`."""
        return colors.norm(self._obj)

    def explore(self, regions: Regions | None = None, *, template: bool = True) -> Explorer:
        """Show the atlas in an interactive page; see :func:`xarray_atlas.explore`."""
        return exploring.explore(self._obj, regions, template=template)

    def neuroglancer_url(
        self,
        regions: Regions | None = None,
        *,
        template: bool = True,
        meshes: bool = True,
        base: str = neuroglancer.BASE,
    ) -> str:
        """Return a link to a view in a browser; see :func:`xarray_atlas.neuroglancer_url`."""
        return neuroglancer.neuroglancer_url(
            self._obj, regions, template=template, meshes=meshes, base=base
        )
