"""A brain atlas as an ordinary xarray Dataset.

Open an atlas from its OME-Zarr, with coordinates in millimetres that carry
pint units, and a region hierarchy behind the ``.atlas`` accessor.

>>> import xarray_atlas
>>> ds = xarray_atlas.open_sample("50 um")
>>> f"{ds.atlas.volume('RSP').item():.2f}"
'10.39 millimeter ** 3'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from xarray_atlas import plotting
    from xarray_atlas.atlases.aligned_sections import open_sections
    from xarray_atlas.atlases.downloading import download
    from xarray_atlas.atlases.image_files import open_image
    from xarray_atlas.atlases.listing import list_atlases
    from xarray_atlas.atlases.nwb import to_nwb_electrodes
    from xarray_atlas.atlases.point_files import open_points
    from xarray_atlas.atlases.segmentations import segmented
    from xarray_atlas.checks.checking import check
    from xarray_atlas.checks.report import Report
    from xarray_atlas.io.transforms.opening import open_transform
    from xarray_atlas.viewers.exploring import Explorer, explore
    from xarray_atlas.viewers.neuroglancer import neuroglancer_url

__version__ = "0.1.0"

__all__ = [
    "AtlasAccessor",
    "AtlasIndex",
    "AtlasPlotAccessor",
    "Explorer",
    "Frame",
    "LengthIndex",
    "Mesh",
    "Region",
    "Report",
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
    "insert",
    "interp",
    "interp_like",
    "list_atlases",
    "mask",
    "mesh",
    "neuroglancer_url",
    "open_atlas",
    "open_brainreg",
    "open_image",
    "open_points",
    "open_sample",
    "open_sections",
    "open_transform",
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
    "section",
    "segmented",
    "sel",
    "set_options",
    "to_nifti",
    "to_nrrd",
    "to_quicknii",
    "to_nwb_electrodes",
    "volume",
]

register()

_WHEN_USED = {
    "check": "checks.checking",
    "download": "atlases.downloading",
    "explore": "viewers.exploring",
    "Explorer": "viewers.exploring",
    "list_atlases": "atlases.listing",
    "neuroglancer_url": "viewers.neuroglancer",
    "open_image": "atlases.image_files",
    "open_sections": "atlases.aligned_sections",
    "open_points": "atlases.point_files",
    "open_transform": "io.transforms.opening",
    "Report": "checks.report",
    "segmented": "atlases.segmentations",
    "to_nwb_electrodes": "atlases.nwb",
}
"""Names whose modules are imported when they are asked for."""


def __getattr__(name: str) -> Any:
    if name == "plotting":
        return import_module("xarray_atlas.plotting")
    if name not in _WHEN_USED:
        raise AttributeError(f"module 'xarray_atlas' has no attribute {name!r}")
    value = getattr(import_module(f"xarray_atlas.{_WHEN_USED[name]}"), name)
    globals()[name] = value
    return value


def _open_paths(path: Any, unit: Any = None) -> Any:
    from xarray_atlas.atlases.point_files import open_points

    return open_points(path, unit=unit)


# operations do not read files; where points are a path, this does
open_paths_with(_open_paths)


def __dir__() -> list[str]:
    """Return the public names; packages of the implementation are not among them."""
    return sorted([*__all__, "__version__"])
