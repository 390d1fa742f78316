"""The public names that ``import xarray_atlas`` imports at once.

The others are imported when they are used: ``xarray_atlas.__getattr__`` has both.
"""

from typing import Any

from xarray_atlas import errors
from xarray_atlas.accessor import AtlasAccessor, AtlasPlotAccessor, SectionsAccessor, register
from xarray_atlas.atlases.brainreg import open_brainreg
from xarray_atlas.atlases.creating import create_atlas
from xarray_atlas.atlases.exporting import to_nifti, to_nrrd
from xarray_atlas.atlases.meshing import mesh
from xarray_atlas.atlases.opening import open_atlas, open_sample
from xarray_atlas.atlases.saving import save
from xarray_atlas.coords.atlas_index import AtlasIndex
from xarray_atlas.coords.encoding import decode, encode
from xarray_atlas.coords.length_index import LengthIndex
from xarray_atlas.coords.space import Space
from xarray_atlas.images.aggregate import aggregate
from xarray_atlas.images.paint import paint
from xarray_atlas.images.resample import resample
from xarray_atlas.images.resample_like import resample_like
from xarray_atlas.images.tables import table
from xarray_atlas.options import set_options
from xarray_atlas.parcellation.compare import compare
from xarray_atlas.parcellation.parcellate import parcel_table, parcellate
from xarray_atlas.points.counts import count_points
from xarray_atlas.points.lookup import region_at
from xarray_atlas.points.paths import open_paths_with
from xarray_atlas.points.tracks import along
from xarray_atlas.probes.inserting import insert
from xarray_atlas.regions.adjacency import adjacency
from xarray_atlas.regions.distance import distance_to
from xarray_atlas.regions.interpolation import interp, interp_like, reindex_like
from xarray_atlas.regions.mask import mask
from xarray_atlas.regions.properties import bounding_box, centroid, region_properties
from xarray_atlas.regions.reorient import reorient
from xarray_atlas.regions.select import crop, sel
from xarray_atlas.regions.surface import Mesh
from xarray_atlas.regions.volume import area, volume
from xarray_atlas.sections.quicknii import to_quicknii
from xarray_atlas.sections.section import section
from xarray_atlas.terminology import Region, Terminology
from xarray_atlas.transforms.frames import Frame
from xarray_atlas.transforms.transform import Transform

__all__ = [
    "AtlasAccessor",
    "AtlasIndex",
    "AtlasPlotAccessor",
    "Frame",
    "LengthIndex",
    "Mesh",
    "Region",
    "SectionsAccessor",
    "Space",
    "Terminology",
    "Transform",
    "adjacency",
    "aggregate",
    "along",
    "area",
    "bounding_box",
    "centroid",
    "compare",
    "count_points",
    "create_atlas",
    "crop",
    "decode",
    "distance_to",
    "encode",
    "errors",
    "insert",
    "interp",
    "interp_like",
    "mask",
    "mesh",
    "open_atlas",
    "open_brainreg",
    "open_paths_with",
    "open_sample",
    "paint",
    "parcel_table",
    "parcellate",
    "region_at",
    "region_properties",
    "reindex_like",
    "reorient",
    "resample",
    "resample_like",
    "save",
    "section",
    "sel",
    "set_options",
    "table",
    "to_nifti",
    "to_nrrd",
    "to_quicknii",
    "volume",
]

register()


def _open_paths(path: Any, unit: Any = None) -> Any:
    from xarray_atlas.atlases.point_files import open_points

    return open_points(path, unit=unit)


# operations do not read files; where points are a path, this does
open_paths_with(_open_paths)
