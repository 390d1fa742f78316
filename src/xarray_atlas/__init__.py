"""Brain atlases as ordinary xarray Datasets.

Open an atlas from OME-Zarr, with coordinates in millimetres that carry pint units and a region
hierarchy behind the ``.atlas`` accessor.

>>> import xarray_atlas
>>> ds = xarray_atlas.open_sample("50 um")
>>> f"{ds.atlas.volume('RSP').item():.2f}"
'10.39 millimeter ** 3'
"""

import sys
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

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
    "neuroglancer",
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
    "table",
    "to_napari",
    "to_nifti",
    "to_nrrd",
    "to_quicknii",
    "to_nwb_electrodes",
    "volume",
]


def _is_shell_program() -> bool:
    """Return whether Python runs ``xarray-atlas`` or ``python -m xarray_atlas``."""
    program = next(iter(getattr(sys, "argv", [])), "")
    if program == "-m":  # Python has not yet found the module's file
        after = sys.orig_argv[sys.orig_argv.index("-m") + 1 :] if "-m" in sys.orig_argv else []
        return after[:1] == ["xarray_atlas"]
    return PurePath(program).name in ("xarray-atlas", "xarray-atlas.exe")  # a script has .py


# xarray takes a second to import: --help and the completion of the shell program do without it,
# and its commands import what they use
if TYPE_CHECKING or not _is_shell_program():
    from xarray_atlas.public import *  # noqa: F403

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
    from xarray_atlas.viewers.explorer import Explorer
    from xarray_atlas.viewers.exploring import explore
    from xarray_atlas.viewers.napari_layers import to_napari
    from xarray_atlas.viewers.neuroglancer import neuroglancer_url
    from xarray_atlas.viewers.neuroglancer_server import neuroglancer

_WHEN_USED = {
    "check": "checks.checking",
    "download": "atlases.downloading",
    "explore": "viewers.exploring",
    "Explorer": "viewers.explorer",
    "list_atlases": "atlases.listing",
    "neuroglancer": "viewers.neuroglancer_server",
    "neuroglancer_url": "viewers.neuroglancer",
    "open_image": "atlases.image_files",
    "open_sections": "atlases.aligned_sections",
    "open_points": "atlases.point_files",
    "open_transform": "io.transforms.opening",
    "Report": "checks.report",
    "segmented": "atlases.segmentations",
    "to_napari": "viewers.napari_layers",
    "to_nwb_electrodes": "atlases.nwb",
}
"""Public names and the modules that define them, imported on first access."""


def __getattr__(name: str) -> Any:
    if name == "plotting":
        return import_module("xarray_atlas.plotting")
    if name not in __all__:
        other_packages = import_module("xarray_atlas.accessor.other_packages")
        advice = other_packages.advice(name, other_packages.FUNCTIONS)
        raise AttributeError(advice or f"module 'xarray_atlas' has no attribute {name!r}")
    value = getattr(import_module(f"xarray_atlas.{_WHEN_USED.get(name, 'public')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names, without the implementation's packages."""
    return sorted([*__all__, "__version__"])
