"""The ``.atlas`` accessor: a thin front door to the package's functions."""

from __future__ import annotations

import warnings

import xarray as xr

from xarray_atlas.accessor.base import T
from xarray_atlas.accessor.files import FilesMethods
from xarray_atlas.accessor.frames import FramesMethods
from xarray_atlas.accessor.hierarchy import HierarchyMethods
from xarray_atlas.accessor.images import ImagesMethods
from xarray_atlas.accessor.looking import LookingMethods
from xarray_atlas.accessor.measuring import MeasuringMethods
from xarray_atlas.accessor.other_packages import OtherNames
from xarray_atlas.accessor.parcellations import ParcellationsMethods
from xarray_atlas.accessor.plot import AtlasPlotAccessor
from xarray_atlas.accessor.points import PointsMethods
from xarray_atlas.accessor.probes import ProbesMethods
from xarray_atlas.accessor.sections import SectionsMethods
from xarray_atlas.accessor.selecting import SelectingMethods
from xarray_atlas.accessor.series import SectionsAccessor
from xarray_atlas.accessor.surfaces import SurfaceMethods

__all__ = ["AtlasAccessor", "AtlasPlotAccessor", "SectionsAccessor", "register"]


class AtlasAccessor(
    HierarchyMethods[T],
    SelectingMethods[T],
    SectionsMethods[T],
    MeasuringMethods[T],
    SurfaceMethods[T],
    PointsMethods[T],
    ProbesMethods[T],
    FramesMethods[T],
    ImagesMethods[T],
    ParcellationsMethods[T],
    LookingMethods[T],
    FilesMethods[T],
    OtherNames,
):
    """Methods of atlases, on a Dataset or on any DataArray taken from it.

    Use it as ``ds.atlas``, or call the class if another package uses that name.

    Examples
    --------
    >>> import xarray_atlas
    >>> ds = xarray_atlas.open_sample("100 um")
    >>> atlas = xarray_atlas.AtlasAccessor(ds.annotation)
    >>> f"{atlas.volume('RSP').item():.3f}"
    '10.174 millimeter ** 3'
    """


def register() -> None:
    """Register the accessors on Dataset, DataArray and DataTree.

    Importing twice changes nothing. An ``.atlas`` of another package is replaced, with a warning.
    """
    for kind, add, ours_is in (
        (xr.Dataset, xr.register_dataset_accessor, AtlasAccessor),
        (xr.DataArray, xr.register_dataarray_accessor, AtlasAccessor),
        (xr.DataTree, xr.register_datatree_accessor, SectionsAccessor),
    ):
        there = getattr(kind, "atlas", None)
        if there is ours_is:
            continue
        ours = str(getattr(there, "__module__", "")).startswith("xarray_atlas")
        if there is not None and not ours:
            warnings.warn(
                f"{kind.__name__}.atlas was registered by {there.__module__}; importing "
                "xarray_atlas replaces it. Import the one that you want to keep last; what "
                "ours does is also in functions, such as xarray_atlas.volume(ds, 'RSP'), and "
                "all of it in xarray_atlas.AtlasAccessor(ds)",
                UserWarning,
                stacklevel=3,
            )
        with warnings.catch_warnings():
            # xarray's own warning of the same, which does not say what to do
            warnings.filterwarnings("ignore", message="registration of accessor")
            add("atlas")(ours_is)
