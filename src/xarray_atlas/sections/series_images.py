"""Images of a series of aligned sections: reduced by region, section by section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from xarray_atlas.coords.grid import annotation_of
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.images.aggregate import aggregate
from xarray_atlas.sections.aligned import ACROSS
from xarray_atlas.sections.series import SECTION, section_coords, section_nodes

__all__ = ["aggregate_sections", "images_by_section"]


def images_by_section(images: Any, nodes: Mapping[str, xr.Dataset]) -> dict[str, Any]:
    """Return the images of sections by the paths of their nodes, in the order of these.

    Parameters
    ----------
    images : mapping of str to array, or DataTree
        Of a DataTree, the one variable of each node.
    nodes : mapping of str to Dataset
        The sections.

    Raises
    ------
    GridError
        If one is of no section, or a node of a DataTree has several variables.
    """
    given: dict[Any, Any] = {}
    if isinstance(images, xr.DataTree):
        for node in images.subtree:
            if len(node.data_vars) > 1:
                raise GridError(
                    f"the node {node.path!r} of the images has {list(node.data_vars)}; a section "
                    "has one image: pass {'" + str(node.name) + "': node['name'], ...}"
                )
            if node.data_vars:
                name = node.path.removeprefix(images.path).strip("/") or node.name or SECTION
                given[name] = next(iter(node.data_vars.values()))
    elif isinstance(images, Mapping):
        given = dict(images)
    else:
        raise GridError(
            "images of sections are a mapping from their names to arrays, or a DataTree with one "
            f"variable a node, not {type(images).__name__}: {{{next(iter(nodes))!r}: image, ...}}"
        )
    if unknown := [name for name in given if name not in nodes]:
        there = ", ".join(list(nodes)[:8]) + (", ..." if len(nodes) > 8 else "")
        raise GridError(f"images of {unknown[:8]}, which are not sections of this tree: {there}")
    if not given:
        raise GridError("there is no image of any section")
    return {name: given[name] for name in nodes if name in given}


def _on_pixels(name: str, node: xr.Dataset, image: Any) -> xr.DataArray:
    """Return an image on the pixels of a section; an array has as many."""
    annotation = annotation_of(node)
    if not isinstance(image, xr.DataArray):
        shape = getattr(image, "shape", None)
        if shape != annotation.shape:
            raise GridError(
                f"the image of section {name!r} has the shape {shape}, and the section "
                f"{annotation.shape}, (rows, columns). open_sections(..., pixels='image') makes "
                "sections on the pixels of the images that were aligned"
            )
        image = xr.DataArray(image, dims=annotation.dims)
    missing = {
        dim: annotation[dim].variable
        for dim in annotation.dims
        if dim not in image.coords and image.sizes.get(dim) == annotation.sizes[dim]
    }
    if ACROSS not in image.coords:
        missing[ACROSS] = node[ACROSS].variable
    found: xr.DataArray = image.assign_coords(missing)
    return found


def aggregate_sections(
    tree: xr.DataTree, images: Any, *args: Any, **kwargs: Any
) -> xr.DataArray | xr.Dataset:
    """Reduce an image a section by region, as :func:`aggregate` does, on ``section``.

    Parameters
    ----------
    tree : DataTree
    images : mapping of str to array, or DataTree
    *args, **kwargs
        Of :func:`aggregate`.
    """
    nodes = section_nodes(tree)
    given = images_by_section(images, nodes)
    found: list[Any] = [
        aggregate(nodes[name], _on_pixels(name, nodes[name], image), *args, **kwargs)
        for name, image in given.items()
    ]
    first = found[0]
    single = isinstance(first, xr.DataArray)
    name = first.name if single else None
    parts = [each.rename("image").to_dataset() if single else each for each in found]
    for variable in parts[0].data_vars:
        units = {str(part[variable].attrs.get("units", "")) for part in parts}
        if len(units) > 1:
            raise UnitsError(f"the images of sections have different units: {sorted(units)}")
    parts = [part.drop_vars(ACROSS, errors="ignore") for part in parts]
    whole: xr.Dataset = xr.concat(
        parts, SECTION, join="exact", data_vars="all", coords=["voxels", "coverage"],
        compat="override", combine_attrs="drop_conflicts",
    ).assign_coords(section_coords({key: nodes[key] for key in given}))  # fmt: skip
    return whole if not single else whole["image"].rename(name)
