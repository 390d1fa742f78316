"""The ``.atlas`` accessor: a thin front door to the package's functions."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import pandas as pd
import xarray as xr

from xarray_atlas import (
    aggregation,
    checking,
    distances,
    exploring,
    exporting,
    formatting,
    formatting_html,
    forms,
    grid,
    interpolation,
    masks,
    measure,
    meshing,
    neighbours,
    neuroglancer,
    painting,
    parcellating,
    point_counts,
    properties,
    region_lookup,
    regrid,
    saving,
    select,
    tracks,
)
from xarray_atlas.atlas_index import find_atlas
from xarray_atlas.exploring import Explorer
from xarray_atlas.orientation import reorient
from xarray_atlas.plot_accessor import AtlasPlotAccessor
from xarray_atlas.plotting import colors
from xarray_atlas.report import Report
from xarray_atlas.results import Regions
from xarray_atlas.space import Space
from xarray_atlas.surface import Mesh
from xarray_atlas.terminology import Region, RegionKey, Terminology

__all__ = ["AtlasAccessor", "register"]

T = TypeVar("T", xr.Dataset, xr.DataArray)


class AtlasAccessor(Generic[T]):
    """What an atlas knows and can do, on a Dataset or on any DataArray taken from it."""

    def __init__(self, obj: T) -> None:
        self._obj: T = obj

    def __repr__(self) -> str:
        return formatting.atlas_text(self._obj)

    def _repr_html_(self) -> str:
        return formatting_html.atlas_html(self._obj)

    # -- the hierarchy

    @property
    def terminology(self) -> Terminology:
        """The table of regions.

        Examples
        --------
        >>> import xarray_atlas
        >>> xarray_atlas.open_sample("100 um").atlas.terminology
        <Terminology 'allen-adult-mouse-terminology': 1327 regions, 1 root, depth 10>
        """
        return find_atlas(self._obj)[0]

    @property
    def space(self) -> Space:
        """Where the voxels of the whole atlas lie: orientation, voxel size, corner, midline."""
        return find_atlas(self._obj)[1]

    @property
    def tree(self) -> Region:
        """The root of the hierarchy, an anytree node.

        Examples
        --------
        >>> import anytree, xarray_atlas
        >>> root = xarray_atlas.open_sample("100 um").atlas.tree
        >>> anytree.find(root, lambda node: node.acronym == "VISm").parent.acronym
        'RSPagl'
        """
        return self.terminology.tree

    @property
    def regions(self) -> pd.DataFrame:
        """All regions as a table: acronym, name, id, parent, depth, color, labels."""
        return self.terminology.regions

    def region(self, key: RegionKey) -> Region:
        """Return a region by acronym, full name or id (int): an anytree node.

        Examples
        --------
        >>> import xarray_atlas
        >>> rsp = xarray_atlas.open_sample("100 um").atlas.region("RSP")
        >>> rsp.name, rsp.parent.acronym, [child.acronym for child in rsp.children]
        ('Retrosplenial area', 'Isocortex', ['RSPagl', 'RSPd', 'RSPv'])
        """
        return self.terminology.region(key)

    def search(self, text: str, regex: bool = False) -> pd.DataFrame:
        """Return the regions whose acronym or name contains a text.

        Parameters
        ----------
        text : str
            Upper and lower case are the same.
        regex : bool, default: False
            Whether `text` is a regular expression.

        Examples
        --------
        >>> import xarray_atlas
        >>> found = xarray_atlas.open_sample("100 um").atlas.search("primary visual area")
        >>> found.acronym.iloc[0]
        'VISp'
        """
        return self.terminology.search(text, regex=regex)

    # -- selecting

    def mask(
        self,
        regions: Regions,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
    ) -> xr.DataArray:
        """Mark the voxels of a region and its descendants; see :func:`xarray_atlas.mask`."""
        return masks.mask(self._obj, regions, hemisphere=hemisphere, direct=direct)

    def sel(
        self,
        ap: Any = None,
        dv: Any = None,
        ml: Any = None,
        method: str | None = None,
        tolerance: Any = None,
    ) -> T:
        """Select by anatomical axes; see :func:`xarray_atlas.sel`."""
        return select.sel(self._obj, ap, dv, ml, method=method, tolerance=tolerance)

    def crop(
        self,
        regions: Regions,
        pad: Any = None,
        hemisphere: str | Iterable[str] | None = None,
        progress: bool = False,
    ) -> T:
        """Cut out the part around regions; see :func:`xarray_atlas.crop`."""
        return select.crop(self._obj, regions, pad, hemisphere, progress)

    @property
    def spacing(self) -> dict[Any, Any]:
        """The voxel size along each spatial dimension, measured, as quantities in mm."""
        return grid.spacing_quantities(self._obj)

    # -- measuring

    def volume(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.DataArray:
        """Measure the volume of regions in mm**3; see :func:`xarray_atlas.volume`."""
        return measure.volume(self._obj, regions, hemisphere, direct, progress)

    def area(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
    ) -> xr.DataArray:
        """Measure the area of regions in a section in mm**2; see :func:`xarray_atlas.area`."""
        return measure.area(self._obj, regions, hemisphere=hemisphere, direct=direct)

    def region_properties(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.Dataset:
        """Measure the size and place of regions; see :func:`xarray_atlas.region_properties`."""
        return properties.region_properties(self._obj, regions, hemisphere, direct, progress)

    def centroid(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.DataArray:
        """Find the mean position of regions in mm; see :func:`xarray_atlas.centroid`."""
        return properties.centroid(self._obj, regions, hemisphere, direct, progress)

    def bounding_box(
        self,
        regions: Regions | None = None,
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        progress: bool = False,
    ) -> xr.DataArray:
        """Find the box around regions in mm; see :func:`xarray_atlas.bounding_box`."""
        return properties.bounding_box(self._obj, regions, hemisphere, direct, progress)

    def mesh(self, region: Regions, hemisphere: str | None = None) -> Mesh:
        """Return the surface of a region, in mm; see :func:`xarray_atlas.mesh`."""
        return meshing.mesh(self._obj, region, hemisphere)

    def adjacency(self, regions: Regions | None = None) -> xr.DataArray:
        """Measure the surface that regions share; see :func:`xarray_atlas.adjacency`."""
        return neighbours.adjacency(self._obj, regions)

    def distance_to(
        self, regions: Regions, hemisphere: str | Iterable[str] | None = None
    ) -> xr.DataArray:
        """Measure how far each voxel is from regions; see :func:`xarray_atlas.distance_to`."""
        return distances.distance_to(self._obj, regions, hemisphere)

    # -- points

    def region_at(
        self,
        points: Any,
        *,
        level: int | None = None,
        parcellation: Any = None,
        frame: Any = "dataset",
        unit: Any = None,
        axes: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
        outside: str = "missing",
    ) -> xr.Dataset:
        """Find the region that each of many points lies in; see :func:`xarray_atlas.region_at`."""
        read = {"frame": frame, "unit": unit, "axes": axes, "columns": columns}
        cut = {"level": level, "parcellation": parcellation}
        return region_lookup.region_at(self._obj, points, **cut, **read, outside=outside)

    def along(
        self,
        track: Any,
        *,
        level: int | None = None,
        parcellation: Any = None,
        frame: Any = "dataset",
        unit: Any = None,
        axes: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> xr.Dataset:
        """List the regions along a track; see :func:`xarray_atlas.along`."""
        read = {"frame": frame, "unit": unit, "axes": axes, "columns": columns}
        return tracks.along(self._obj, track, level=level, parcellation=parcellation, **read)

    def count_points(
        self,
        points: Any,
        by: str | Iterable[str] | None = None,
        level: int | None = None,
        hemisphere: str | Iterable[str] | None = None,
        mask: xr.DataArray | None = None,
        *,
        parcellation: Any = None,
        frame: Any = "dataset",
        unit: Any = None,
        axes: Iterable[str] | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> xr.Dataset:
        """Count points by region, with densities; see :func:`xarray_atlas.count_points`."""
        read = {"frame": frame, "unit": unit, "axes": axes, "columns": columns}
        return point_counts.count_points(
            self._obj, points, by, level, hemisphere, mask, parcellation=parcellation, **read
        )

    # -- images

    def aggregate(
        self,
        image: xr.DataArray,
        regions: Regions | None = None,
        func: str | Iterable[str] = "mean",
        hemisphere: str | Iterable[str] | None = None,
        direct: bool = False,
        weights: xr.DataArray | None = None,
        skipna: bool = True,
        *,
        level: int | None = None,
        parcellation: Any = None,
        min_coverage: float | None = None,
        q: float | Iterable[float] | None = None,
    ) -> xr.DataArray | xr.Dataset:
        """Reduce an image by region; see :func:`xarray_atlas.aggregate`."""
        cut = {"level": level, "parcellation": parcellation}
        return aggregation.aggregate(
            self._obj,
            image,
            regions,
            func,
            hemisphere,
            direct,
            weights,
            skipna,
            **cut,
            min_coverage=min_coverage,
            q=q,
        )

    def paint(self, values: Any, fill: Any = float("nan")) -> xr.DataArray:
        """Put values of regions back onto the grid; see :func:`xarray_atlas.paint`."""
        return painting.paint(self._obj, values, fill)

    def resample_like(
        self,
        image: xr.Dataset | xr.DataArray,
        image_to_atlas: Any = None,
        method: str | None = None,
        order: str = "dims",
        space: str | None = None,
        *,
        fractions: bool = False,
    ) -> xr.Dataset:
        """Bring the atlas onto an image's grid; see :func:`xarray_atlas.resample_like`."""
        return regrid.resample_like(
            self._obj, image, image_to_atlas, method, order, space, fractions=fractions
        )

    # -- parcellations

    def parcellate(
        self,
        parcellation: Any = None,
        *,
        level: int | None = None,
        regions: Regions | None = None,
        mapping: Any = None,
        leaves: bool = False,
        rest: str = "drop",
    ) -> T:
        """Cut the atlas into disjoint regions; see :func:`xarray_atlas.parcellate`."""
        return parcellating.parcellate(
            self._obj,
            parcellation,
            level=level,
            regions=regions,
            mapping=mapping,
            leaves=leaves,
            rest=rest,
        )

    def parcel_table(
        self,
        parcellation: Any = None,
        *,
        level: int | None = None,
        regions: Regions | None = None,
        mapping: Any = None,
        leaves: bool = False,
        rest: str = "drop",
    ) -> pd.DataFrame:
        """Return to which parcel each region belongs; see :func:`xarray_atlas.parcel_table`."""
        return parcellating.parcel_table(
            self._obj,
            parcellation,
            level=level,
            regions=regions,
            mapping=mapping,
            leaves=leaves,
            rest=rest,
        )

    # -- looking

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

    # -- trusting

    def check(
        self,
        full: bool = False,
        storage_options: Mapping[str, Any] | None = None,
        progress: bool = False,
    ) -> Report:
        """Report whether the atlas agrees with itself; see :func:`xarray_atlas.check`."""
        return checking.check(self._obj, full, storage_options, progress)

    # -- two forms, and other coordinates

    def encode(self) -> T:
        """Put units and hierarchy into attributes; see :func:`xarray_atlas.encode`."""
        return forms.encode(self._obj)

    def interp(
        self, coords: Mapping[Any, Any] | None = None, method: Any = "linear", **kw: Any
    ) -> T:
        """Interpolate onto other coordinates; see :func:`xarray_atlas.interp`."""
        return interpolation.interp(self._obj, coords, method=method, **kw)

    def interp_like(self, other: xr.Dataset | xr.DataArray, method: Any = "linear") -> T:
        """Interpolate onto another's grid; see :func:`xarray_atlas.interp_like`."""
        return interpolation.interp_like(self._obj, other, method=method)

    def reindex_like(self, other: xr.Dataset | xr.DataArray, method: Any = None) -> T:
        """Take another's labels; see :func:`xarray_atlas.reindex_like`."""
        return interpolation.reindex_like(self._obj, other, method=method)

    def reorient(
        self, orientation: str | None = None, *, axcodes: str | Sequence[str] | None = None
    ) -> T:
        """Flip and transpose the axes; see :func:`xarray_atlas.reorient`."""
        return reorient(self._obj, orientation, axcodes=axcodes)

    # -- writing

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        version: str | None = None,
        levels: int | None = None,
        masks: bool = True,
    ) -> None:
        """Save in BrainGlobe's layout; see :func:`xarray_atlas.save`."""
        saving.save(self._obj, path, name=name, version=version, levels=levels, masks=masks)

    def to_nifti(self, path: str | os.PathLike[str], *, dtype: Any = None) -> None:
        """Write a NIfTI file; see :func:`xarray_atlas.to_nifti`."""
        exporting.to_nifti(self._obj, path, dtype=dtype)

    def to_nrrd(self, path: str | os.PathLike[str], *, dtype: Any = None) -> None:
        """Write an NRRD file; see :func:`xarray_atlas.to_nrrd`."""
        exporting.to_nrrd(self._obj, path, dtype=dtype)


def register() -> None:
    """Register the accessor on Dataset and DataArray.

    Importing twice changes nothing. Where another package's ``.atlas`` stands
    it is replaced, with a warning that says so.
    """
    for kind, add in (
        (xr.Dataset, xr.register_dataset_accessor),
        (xr.DataArray, xr.register_dataarray_accessor),
    ):
        there = getattr(kind, "atlas", None)
        if there is AtlasAccessor:
            continue
        if there is not None:
            if not str(getattr(there, "__module__", "")).startswith("xarray_atlas"):
                warnings.warn(
                    f"{kind.__name__}.atlas was registered by {there.__module__}; importing "
                    "xarray_atlas replaces it. Import the one that you want to keep last; what "
                    "ours does is also in functions, such as xarray_atlas.volume(ds, 'RSP'), and "
                    "all of it in xarray_atlas.AtlasAccessor(ds)",
                    UserWarning,
                    stacklevel=3,
                )
            delattr(kind, "atlas")
        add("atlas")(AtlasAccessor)
