"""Points on a series of aligned sections: their regions, and counts with the areas seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from xarray import Variable

from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.quantity_variable import QuantityVariable
from xarray_atlas.coords.units import quantity
from xarray_atlas.coords.warnings import find_stack_level
from xarray_atlas.dataframes import as_dataframe
from xarray_atlas.errors import GridError, PointsError
from xarray_atlas.points.counts import count_points
from xarray_atlas.points.lookup import region_at
from xarray_atlas.points.paths import opened
from xarray_atlas.sections.aligned import ACROSS
from xarray_atlas.sections.pixels import in_pixels, own_names
from xarray_atlas.sections.series import SECTION, is_of_result, section_coords, section_nodes
from xarray_atlas.transforms.remembered import grid_to_atlas

__all__ = ["count_on_sections", "regions_on_sections"]

MISPLACED = "lie outside of the (brain|volume)"
"""In the warning of points of one section; over a series it is given once, for all."""

MANY = 0.5
"""The share of points outside of the brain from which there is a warning."""

SAME_ASPECT = 0.05
"""The largest difference of aspect ratios of two sizes of one image, as a logarithm."""


@dataclass(frozen=True)
class _Placed:
    """Points of a table by section: their positions on its node, in mm."""

    table: pd.DataFrame
    rows: dict[str, Any]
    positions: dict[str, dict[str, Any]]


def _placed(
    nodes: Mapping[str, xr.Dataset],
    points: Any,
    columns: Mapping[str, str] | None,
    image_shape: tuple[int, int] | None,
    pixel_size: Any,
) -> _Placed:
    points, _, columns = opened(points, None, None, columns)
    table = _table_of(points)
    names = {**own_names(table), **(columns or {})}
    if unknown := {*names} - {"x", "y", SECTION}:
        raise PointsError(f"columns= names 'x', 'y' and 'section', not {sorted(unknown)}")
    if len(nodes) == 1 and names[SECTION] not in table.columns:
        table = table.assign(**{names[SECTION]: next(iter(nodes))})
    for axis, name in names.items():
        if name not in table.columns:
            raise PointsError(
                f"the points have no column {name!r}; they are a table with 'section' (name, image "
                "file or number of a section) and 'x' and 'y' (pixels of its image, from the outer "
                f"upper left corner), or say what they are called: columns={{{axis!r}: ...}}"
            )
    pixels = {axis: in_pixels(points, table, names[axis], pixel_size) for axis in "yx"}
    which = _sections_of(nodes, table, names[SECTION])
    rows, positions = {}, {}
    for path, node in nodes.items():
        at = np.flatnonzero(which == path)
        aligned = node.attrs["image_height"], node.attrs["image_width"]
        shape = image_shape or aligned
        if abs(np.log(shape[0] * aligned[1] / (shape[1] * aligned[0]))) > SAME_ASPECT:
            raise PointsError(
                f"image_shape={image_shape!r}, (rows, columns), has another aspect ratio than the "
                f"image that was aligned as {path!r}, which has {aligned[0]} rows and {aligned[1]} "
                "columns; rows come first"
            )
        rows[path] = at
        positions[path] = {ACROSS: np.full(at.size, float(node[ACROSS].values))}
        for dim, own, whole in zip("yx", aligned, shape, strict=True):
            # both count from the outer corner of the image; the node may be a part of it
            size = lengths(node, dim)[0] / float(node[f"pixel_{dim}"].values[0])
            positions[path][dim] = pixels[dim][at] * (size * own / whole)
    return _Placed(table, rows, positions)


def _table_of(points: Any) -> pd.DataFrame:
    if isinstance(points, xr.Dataset):
        if len(points.dims) != 1:
            raise PointsError(f"points lie on one dimension, and these on {list(points.dims)}")
        plain = {name: Variable(v.dims, v.values) for name, v in points.variables.items()}
        return xr.Dataset(plain).to_dataframe()
    table = points if isinstance(points, pd.DataFrame) else as_dataframe(points)
    if table is None:
        try:
            table = pd.DataFrame(points)
        except (TypeError, ValueError) as error:
            raise PointsError(f"points on sections are a table, not {type(points)}") from error
    return table


def _sections_of(nodes: Mapping[str, xr.Dataset], table: pd.DataFrame, column: str) -> Any:
    """Return the path of each point's section.

    Raises
    ------
    PointsError
        If a point is not in a section, or its name matches several.
    """
    known: dict[Any, set[str]] = {}
    for path, node in nodes.items():
        parent, _, name = path.rpartition("/")
        file = str(node.attrs.get("filename", ""))
        numbers = [node.attrs[k] for k in ("section_number",) if k in node.attrs]
        for key in {path, name, file, file.rpartition(".")[0], *numbers} - {""}:
            known.setdefault((parent, key), set()).add(path)
            known.setdefault(("", key), set()).add(path)
    animals = table["animal"] if "animal" in table.columns else pd.Series("", index=table.index)
    pairs = pd.MultiIndex.from_arrays([animals.astype(str), table[column]])
    codes, unique = pd.factorize(pairs)
    found = []
    for animal, key in unique:
        key = key.item() if isinstance(key, np.generic) else key
        if isinstance(key, float) and key.is_integer():
            key = int(key)
        # the image may have been another file: "m1_s001.tif" of "m1_s001.png"
        keys = [key, key.rpartition(".")[0]] if isinstance(key, str) else [key]
        asked = [(owner, one) for one in keys for owner in (animal, "")]
        paths = next((known[pair] for pair in asked if pair in known), set())
        if len(paths) != 1:
            there = ", ".join(list(nodes)[:8]) + (", ..." if len(nodes) > 8 else "")
            what = f"several sections, {sorted(paths)}" if paths else "no section"
            raise PointsError(
                f"points have section {key!r}, which is {what} of this tree: {there}. A section is "
                "named by its node, its image file or its number"
            )
        found.append(next(iter(paths)))
    return np.array(found, dtype=object)[codes]


def _quietly(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=f".*{MISPLACED}")
        return call(*args, **kwargs)


def _warn_of(outside: int, number: int) -> None:
    if number and outside > MANY * number:
        warnings.warn(
            f"{outside:,} of {number:,} points lie in no region of their sections. Are x and y in "
            "pixels of the images that were aligned? Of other images of the same sections say "
            "their size: image_shape=(rows, columns)",
            UserWarning,
            stacklevel=find_stack_level(),
        )


def regions_on_sections(
    tree: xr.DataTree,
    points: Any,
    *,
    level: int | None = None,
    parcellation: Any = None,
    columns: Mapping[str, str] | None = None,
    image_shape: tuple[int, int] | None = None,
    pixel_size: Any = None,
) -> xr.Dataset:
    """Find the region of points on sections, and their positions in the atlas."""
    nodes = section_nodes(tree)
    placed = _placed(nodes, points, columns, image_shape, pixel_size)
    number = len(placed.table)
    names = ("region", "region_id", "hemisphere", "status")
    parts: dict[str, list[Any]] = {name: [] for name in names}
    attrs: dict[str, Any] = {}
    order, at = [], np.full((number, 3), np.nan)
    directions: tuple[str, ...] = ("ap", "dv", "ml")
    for path, node in nodes.items():
        rows = placed.rows[path]
        positions = placed.positions[path]
        asked = {"level": level, "parcellation": parcellation, "frame": "dataset", "unit": "mm"}
        table = pd.DataFrame(positions)
        found = _quietly(region_at, node, table, axes=tuple(positions), **asked)
        for name in names:
            parts[name].append(found[name].values)
        attrs |= {"status": found["status"].attrs}
        order.append(rows)
        atlas: Any = find_atlas(node)[1].atlas
        there = grid_to_atlas(node).points(np.stack([*positions.values()], axis=1))
        at[rows] = there[:, [atlas.position(axis) for axis in directions]]
    back = np.argsort(np.concatenate(order), kind="stable")
    index = pd.RangeIndex(number) if not len(placed.table.index) else placed.table.index
    dim = str(index.name or "point")
    variables = {
        name: Variable((dim,), np.concatenate(parts[name])[back], attrs.get(name)) for name in names
    }
    for axis, values in zip(directions, at.T, strict=True):
        variables[axis] = Variable((dim,), values, {"units": "mm"})
    result = xr.Dataset(variables, {dim: index.to_numpy()}, {"frame": "dataset"})
    kept = {
        str(name): Variable((dim,), column.to_numpy())
        for name, column in placed.table.items()
        if name not in result.variables
    }
    _warn_of(int((result["status"].values != 0).sum()), number)
    return result.assign_coords(kept)


def count_on_sections(
    tree: xr.DataTree,
    points: Any,
    by: str | Iterable[str] | None = None,
    level: int | None = None,
    hemisphere: str | Iterable[str] | None = None,
    mask: Mapping[str, xr.DataArray] | None = None,
    *,
    parcellation: Any = None,
    columns: Mapping[str, str] | None = None,
    image_shape: tuple[int, int] | None = None,
    pixel_size: Any = None,
) -> xr.Dataset:
    """Count points on sections by region, with the areas that were seen."""
    nodes = section_nodes(tree)
    placed = _placed(nodes, points, columns, image_shape, pixel_size)
    listed = [by] if isinstance(by, str) else list(by or [])
    rest = [name for name in listed if name != SECTION]
    for name in rest:
        if name not in placed.table.columns:
            raise PointsError(
                f"no column {name!r} to count by; the points have {list(placed.table.columns)}"
            )
    if unknown := {*(mask or {})} - {*nodes}:
        raise GridError(f"mask has {sorted(unknown)}, and the sections are {list(nodes)}")
    owners = {name: _owners(tree, nodes, placed, name) for name in rest}
    found = []
    for path, node in nodes.items():
        table = placed.table.iloc[placed.rows[path]][rest].reset_index(drop=True)
        table = table.assign(**placed.positions[path])
        one = _quietly(
            count_points, node, table, rest, level, hemisphere, (mask or {}).get(path),
            parcellation=parcellation, frame="dataset", unit="mm",
            axes=tuple(placed.positions[path]),
        )  # fmt: skip
        kept = {n: c.variable for n, c in one.coords.items() if is_of_result(n) or n in rest}
        values = {n: Variable(v.dims, v.values) for n, v in one.data_vars.items() if n != "density"}
        if mask and path not in mask:
            values["outside_mask"] = Variable((), np.int64(0))
        found.append(xr.Dataset(values, kept))
    stacked = _stacked(found, nodes)
    seen = stacked["area"]
    if SECTION not in listed:
        summed = stacked.drop_vars("area").sum(SECTION)
    else:
        summed = stacked.drop_vars("area")
    total = _seen(seen, owners, summed, SECTION in listed)
    order = [d for d in summed["count"].dims if d not in listed] + listed
    return _densities(summed, total, order, tree.attrs.get("thickness_mm"))


def _stacked(found: list[xr.Dataset], nodes: Mapping[str, xr.Dataset]) -> xr.Dataset:
    whole = xr.concat(
        found, SECTION, join="outer", fill_value=0, data_vars="all", coords="minimal",
        compat="override",
    )  # fmt: skip
    return whole.assign_coords(section_coords(nodes))


def _owners(
    tree: xr.DataTree, nodes: Mapping[str, xr.Dataset], placed: _Placed, name: str
) -> dict[str, Any] | None:
    """Return to which value of a column each section belongs, such as its animal.

    None for what varies within sections, such as a channel: of these all have seen each section.

    Raises
    ------
    PointsError
        If it is a property of sections, and nothing says it of a section without points.
    """
    said = {path: node.attrs.get(name) for path, node in nodes.items()}
    if name == "animal":
        parents = {path: path.rpartition("/")[0] for path in nodes}
        said = {path: said[path] or parents[path] or None for path in nodes}
    if all(value is not None for value in said.values()):
        return said
    values = {p: pd.unique(placed.table[name].iloc[rows]) for p, rows in placed.rows.items()}
    several = {value for found in values.values() for value in found}
    if len(several) < 2 or any(len(found) > 1 for found in values.values()):
        return None
    for path, found in values.items():
        if said[path] is None and not len(found):
            raise PointsError(
                f"each section has points of one {name!r} only, and section {path!r} has none, so "
                "that the owner of its area is unknown; state it for each section: "
                f"tree[{path!r}].attrs[{name!r}] = {min(several, key=str)!r}"
            )
    return {p: said[p] if said[p] is not None else found[0] for p, found in values.items()}


def _seen(
    seen: xr.DataArray,
    owners: Mapping[str, Mapping[str, Any] | None],
    summed: xr.Dataset,
    by_section: bool,
) -> xr.DataArray:
    """Return the area that each group has seen."""
    total = seen
    for name, owner in owners.items():
        if owner is None:
            continue
        values = summed[name].values
        belongs = np.array(
            [[owner[str(path)] == v for v in values] for path in seen[SECTION].values]
        )
        part = xr.DataArray(belongs, {name: summed[name]}, [SECTION, name])
        total = total * part
    return total if by_section else total.sum(SECTION)


def _densities(
    summed: xr.Dataset, total: xr.DataArray, order: list[Any], thickness: float | None
) -> xr.Dataset:
    counts = summed["count"].transpose(*order).astype(np.int64)
    wide = total.transpose(*[dim for dim in order if dim in total.dims])
    everywhere = wide.broadcast_like(counts).transpose(*order).values
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.where(everywhere > 0, counts.values / everywhere, np.nan)
    variables: dict[str, Any] = {
        "count": counts.variable,
        "area": QuantityVariable(wide.dims, quantity(wide.values, 2)),
        "density": QuantityVariable(order, quantity(density, -2)),
    }
    if thickness:
        variables["volume"] = QuantityVariable(wide.dims, quantity(wide.values * thickness, 3))
        variables["volume_density"] = QuantityVariable(order, quantity(density / thickness, -3))
    for name, array in summed.data_vars.items():
        if name != "count":
            dims = [dim for dim in order if dim in array.dims]
            variables[str(name)] = array.transpose(*dims).astype(np.int64).variable
    return xr.Dataset(variables, summed.coords)
