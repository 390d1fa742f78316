"""A series of aligned sections: areas in each of them, and volumes by the Cavalieri principle."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from dask.base import compute
from xarray import Variable

from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.units import quantity, to_mm
from xarray_atlas.errors import GridError, UnitsError
from xarray_atlas.regions.results import Regions
from xarray_atlas.regions.volume import area

__all__ = ["SECTION", "areas", "cavalieri", "is_of_result", "section_coords", "section_nodes"]

SECTION = "section"


def section_nodes(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    """Return the sections of a tree by their paths, with labels and sides in memory.

    All are computed together, so that chunks under several sections are read once.

    Raises
    ------
    GridError
        If there is none.
    """
    found: dict[str, xr.Dataset] = {}
    for node in tree.subtree:
        if "annotation" in node.data_vars and "image_width" in node.attrs:
            name = node.path.removeprefix(tree.path).strip("/") or node.name or SECTION
            found[name] = node.to_dataset()
    if not found:
        raise GridError(
            "this DataTree holds no sections; xarray_atlas.open_sections makes one of an "
            "alignment. Ask a node what is asked of one atlas: tree['name'].to_dataset().atlas"
        )
    names = [n for n in ("annotation", "hemispheres") if all(n in ds for ds in found.values())]
    parts = compute(*(tuple(ds[n].variable._data for n in names) for ds in found.values()))
    return {
        key: ds.assign({n: ds[n].copy(data=a) for n, a in zip(names, part, strict=True)})
        for (key, ds), part in zip(found.items(), parts, strict=True)
    }


# -- areas and volumes


def areas(
    tree: xr.DataTree,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
) -> xr.DataArray:
    """Measure the area of regions in each section, as :func:`area` does, on ``section``."""
    nodes = section_nodes(tree)
    found = [_plain(area(node, regions, hemisphere, direct)) for node in nodes.values()]
    whole = xr.concat(found, SECTION, coords="minimal", compat="override", join="exact")
    made = QuantityVariable(whole.dims, quantity(whole.values, 2))
    return xr.Dataset({"area": made}, {**whole.coords, **section_coords(nodes)})["area"]


def _plain(found: xr.DataArray) -> xr.DataArray:
    kept = {n: c.variable for n, c in found.coords.items() if is_of_result(n)}
    return xr.DataArray(Variable(found.dims, found.values), kept)


def is_of_result(name: Hashable) -> bool:
    """Return whether a coordinate belongs to a result by region."""
    return str(name).startswith("region") or name == "hemisphere"


def section_coords(nodes: Mapping[str, xr.Dataset]) -> dict[str, Variable]:
    """Return the names of sections, and their numbers where all have one."""
    coords = {SECTION: Variable((SECTION,), np.array(list(nodes), dtype=str))}
    numbers = [node.attrs.get("section_number") for node in nodes.values()]
    if all(number is not None for number in numbers):
        coords["section_number"] = Variable((SECTION,), np.array(numbers, np.int64))
    return coords


def cavalieri(
    tree: xr.DataTree,
    regions: Regions | None = None,
    hemisphere: str | Iterable[str] | None = None,
    direct: bool = False,
    spacing: Any = None,
) -> xr.DataArray:
    """Estimate volumes from the areas in evenly spaced sections, by the Cavalieri principle."""
    found = areas(tree, regions, hemisphere, direct)
    if spacing is None:
        spacing = tree.attrs.get("spacing_mm")
        if spacing is None:
            raise GridError(
                "a volume is the sum of areas times the distance between sections, which this tree "
                "does not say: spacing='200 um', here or in open_sections"
            )
    elif isinstance(spacing, int | float | np.number):
        raise UnitsError(f"spacing={spacing!r} has no unit; write spacing='{spacing:g} um'")
    apart = float(to_mm(spacing, "spacing"))
    if not math.isfinite(apart) or apart <= 0:
        raise GridError(f"spacing={spacing!r} is not a positive length")
    if "section_number" in found.coords:
        steps = np.diff(np.sort(found["section_number"].values))
        if steps.size and (steps.min() != steps.max() or steps.min() == 0):
            raise GridError(
                f"sections numbered {found['section_number'].values.tolist()} are not evenly "
                "spaced, as the Cavalieri principle needs them; leave some out, tree.filter(...), "
                "or interpolate the areas yourself, tree.atlas.area()"
            )
    summed = found.values.sum(axis=found.dims.index(SECTION)) * apart
    dims = [dim for dim in found.dims if dim != SECTION]
    coords = {n: c.variable for n, c in found.coords.items() if SECTION not in c.dims}
    attrs = {
        "method": f"Cavalieri: sum of areas in {found.sizes[SECTION]} sections, times {apart:g} mm",
        "assumption": "sections are parallel, evenly spaced, cover the region from end to end, and "
        "the first lies at random",
    }
    made = QuantityVariable(dims, quantity(summed, 3), attrs)
    return xr.Dataset({"volume": made}, coords)["volume"]
