"""A brain atlas as an ordinary xarray Dataset.

Open an atlas from its OME-Zarr, with coordinates in millimetres that carry
pint units, and a region hierarchy behind the ``.atlas`` accessor.

>>> import xarray_atlas
>>> ds = xarray_atlas.open_sample("50 um")
>>> f"{ds.atlas.volume('RSP').item():.2f}"
'10.39 millimeter ** 3'
"""

from xarray_atlas import errors, plotting
from xarray_atlas.accessor import AtlasAccessor, AtlasPlotAccessor, register
from xarray_atlas.aggregation import aggregate
from xarray_atlas.atlas_index import AtlasIndex
from xarray_atlas.brainreg import open_brainreg
from xarray_atlas.checking import check
from xarray_atlas.creating import create_atlas
from xarray_atlas.distances import distance_to
from xarray_atlas.downloading import download
from xarray_atlas.exploring import Explorer, explore
from xarray_atlas.exporting import to_nifti, to_nrrd
from xarray_atlas.forms import decode, encode
from xarray_atlas.interpolation import interp, interp_like, reindex_like
from xarray_atlas.length_index import LengthIndex
from xarray_atlas.listing import list_atlases
from xarray_atlas.masks import mask
from xarray_atlas.measure import area, volume
from xarray_atlas.meshing import mesh
from xarray_atlas.neighbours import adjacency
from xarray_atlas.neuroglancer import neuroglancer_url
from xarray_atlas.opening import open_atlas, open_sample
from xarray_atlas.options import set_options
from xarray_atlas.orientation import reorient
from xarray_atlas.overlap import compare
from xarray_atlas.painting import paint
from xarray_atlas.parcellating import parcel_table, parcellate
from xarray_atlas.point_counts import count_points
from xarray_atlas.properties import bounding_box, centroid, region_properties
from xarray_atlas.region_lookup import region_at
from xarray_atlas.regrid import resample, resample_like
from xarray_atlas.report import Report
from xarray_atlas.saving import save
from xarray_atlas.select import crop, sel
from xarray_atlas.space import Space
from xarray_atlas.surface import Mesh
from xarray_atlas.terminology import Region, Terminology
from xarray_atlas.tracks import along

__version__ = "0.1.0"

__all__ = [
    "AtlasAccessor",
    "AtlasIndex",
    "AtlasPlotAccessor",
    "Explorer",
    "LengthIndex",
    "Mesh",
    "Region",
    "Report",
    "Space",
    "Terminology",
    "adjacency",
    "aggregate",
    "along",
    "area",
    "bounding_box",
    "centroid",
    "check",
    "compare",
    "count_points",
    "create_atlas",
    "crop",
    "decode",
    "distance_to",
    "download",
    "encode",
    "errors",
    "explore",
    "interp",
    "interp_like",
    "list_atlases",
    "mask",
    "mesh",
    "neuroglancer_url",
    "open_atlas",
    "open_brainreg",
    "open_sample",
    "paint",
    "parcel_table",
    "parcellate",
    "plotting",
    "region_at",
    "region_properties",
    "reindex_like",
    "reorient",
    "resample",
    "resample_like",
    "save",
    "sel",
    "set_options",
    "to_nifti",
    "to_nrrd",
    "volume",
]

register()
