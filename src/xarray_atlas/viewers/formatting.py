"""Text summary of an atlas, made without reading voxels or raising errors."""

from __future__ import annotations

import xarray as xr

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import spacing
from xarray_atlas.coords.space import AXES, Space
from xarray_atlas.errors import AtlasError
from xarray_atlas.kernels.spacing import without_noise
from xarray_atlas.printable import one_line
from xarray_atlas.terminology import Terminology
from xarray_atlas.terminology.cells import counted

__all__ = ["as_text", "atlas_or_hint", "atlas_text", "facts", "title"]


def atlas_text(obj: xr.Dataset | xr.DataArray) -> str:
    """Describe an atlas: its name, resolution and number of regions.

    Parameters
    ----------
    obj : Dataset or DataArray

    Returns
    -------
    str
        If it is not an atlas, the reason, and the call that fixes it.
    """
    found = atlas_or_hint(obj)
    if isinstance(found, str):
        return f"<Atlas: none>\n{found}"
    return as_text(*title(obj, *found), facts(obj, *found))


def as_text(name: str, version: str, about: dict[str, str]) -> str:
    """Put a title and facts into lines."""
    width = max(map(len, about)) + 2
    heading = f"{name}, version {version}" if version else name
    return "\n".join([f"<Atlas {heading}>", *(f"    {k:{width}}{v}" for k, v in about.items())])


def atlas_or_hint(obj: xr.Dataset | xr.DataArray) -> tuple[Terminology, Space] | str:
    """Return the hierarchy and the space of an object, or the reason why they are missing."""
    try:
        return find_atlas(obj)
    except AtlasError as error:
        return str(error)
    except Exception as error:  # for example a deleted file: a repr must not fail
        return f"the region hierarchy cannot be read: {type(error).__name__}: {error}"


def title(
    obj: xr.Dataset | xr.DataArray, terminology: Terminology, space: Space
) -> tuple[str, str]:
    """Return the name and the version of an atlas; "" if unknown.

    Attributes are lost in arithmetic; the terminology's name is not.
    """
    name = one_line(obj.attrs.get("name", "")) or one_line(terminology.name)
    return name or "without a name", one_line(obj.attrs.get("version", ""))


def facts(obj: xr.Dataset | xr.DataArray, terminology: Terminology, space: Space) -> dict[str, str]:
    """Return the known properties of an atlas, one per line."""
    known = {
        "species": one_line(obj.attrs.get("species", "")),
        "resolution": _resolution(obj),
        "regions": _regions(terminology),
        "parcellation": one_line(obj.attrs.get("parcellation", "")),
        "orientation": _orientation(obj, space),
        "source": one_line(obj.attrs.get("source", "")),
    }
    return {key: text for key, text in known.items() if text}


def _regions(terminology: Terminology) -> str:
    size = counted(len(terminology), "region")
    if terminology.parcels is not None:
        size = f"{counted(len(terminology.parcels), 'parcel')}, in a hierarchy of {size}"
    else:
        size = f"{len(terminology)}, down to depth {terminology.depths.max()}"
    name = one_line(terminology.name)
    return f"{size} ({name})" if name else size


def _resolution(obj: xr.Dataset | xr.DataArray) -> str:
    """Return the current voxel size, also of a part, a stride or a section."""
    try:
        found = spacing(obj, need=0)
    except Exception:  # uneven, without a unit, or in a file that is gone
        return ""
    order = obj["annotation"].dims if "annotation" in getattr(obj, "data_vars", ()) else obj.dims
    dims = [dim for dim in order if dim in found]
    if not dims:
        return ""
    # in micrometres, as atlases are called
    sizes = [f"{without_noise(1000 * found[dim]):.6g}" for dim in dims]
    size = sizes[0] if len(set(sizes)) == 1 else " x ".join(sizes)
    shape = " x ".join(str(obj.sizes[dim]) for dim in dims)
    return f"{size} um, {shape} voxels ({', '.join(map(one_line, dims))})"


def _orientation(obj: xr.Dataset | xr.DataArray, space: Space) -> str:
    try:
        names = space.coordinates(obj)
    except AtlasError as error:
        return one_line(error)
    axes = sorted(AXES, key=space.position)
    runs = [f"{names[a]} {space.direction(a)}" for a in axes if names[a] is not None]
    name = f"{space.orientation}, world coordinates" if space.world else space.orientation
    return ": ".join([name, ", ".join(map(one_line, runs))] if runs else [])
