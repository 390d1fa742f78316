"""What xarray's operations do to the units and to the hierarchy: one row an operation.

``test_operations.py`` runs every row on three ways to open an atlas and on
three kinds of object, and the documentation's table is made from the rows.
Each row is one of

kept
    the values are right, and the unit-aware index survives;
attrs
    xarray builds a plain float index; the values are mm, the attributes say so,
    and ``xarray_atlas.decode`` restores the index;
impossible
    xarray never asks the index: it raises, and ``instead`` names the call to use.
"""

from __future__ import annotations

import copy
import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pint
import xarray as xr

import xarray_atlas

ureg = pint.get_application_registry()

# the rows work on this part of the packaged sample at 100 um
PART = {"z": slice(60, 72), "y": slice(8, 18), "x": slice(50, 64)}
Z = 6.025 + 0.1 * np.arange(12)  # its coordinates, written down rather than asked for


@dataclass(frozen=True)
class Operation:
    """One row.

    Parameters
    ----------
    name : str
        As the documentation shows it.
    run : callable
        Takes an object in decoded form.
    plain : callable, optional
        The same on an object with plain float coordinates, by plain xarray:
        what the values are compared with. `run` itself by default.
    units, hierarchy : str
        What is claimed: kept, attrs or impossible.
    kinds : tuple of str
        Of the objects that the row holds for.
    unit : str
        The unit of the coordinates of the result.
    instead : str
        For an impossible row, the call that does it.
    """

    name: str
    run: Callable[[Any], Any]
    plain: Callable[[Any], Any] | None = None
    units: str = "kept"
    hierarchy: str = "kept"
    kinds: tuple[str, ...] = ("dataset", "annotation", "mask")
    unit: str = "mm"
    instead: str = ""


def _forms(value: Any) -> dict[str, Any]:
    """Write a length (or a list of them), given in mm, in every form a label takes."""
    array = np.asarray(value)
    return {
        "quantity in mm": array * ureg.mm,
        "quantity in um": (array * 1000) * ureg.um,
        "quantity in cm": (array / 10) * ureg.cm,
        "string": f"{value} mm" if array.ndim == 0 else [f"{v * 1000} um" for v in value],
        "bare number": value,
    }


def _array_forms(value: Any) -> dict[str, Any]:
    array = np.asarray(value)
    dims = ("z",) if array.ndim else ()
    return {
        "DataArray of quantities": xr.DataArray((array * 1000) * ureg.um, dims=dims),
        "DataArray with units in attrs": xr.DataArray(array / 10, dims=dims, attrs={"units": "cm"}),
    }


def _selections() -> list[Operation]:
    rows = []
    for form, label in {**_forms(6.325), **_array_forms(6.325)}.items():
        rows.append(
            Operation(
                f".sel(z=<{form}>)",
                lambda o, label=label: o.sel(z=label),
                lambda o: o.isel(z=3),
            )
        )
    for form, label in {**_forms([6.325, 6.525]), **_array_forms([6.325, 6.525])}.items():
        rows.append(
            Operation(
                f".sel(z=<list: {form}>)",
                lambda o, label=label: o.sel(z=label),
                lambda o: o.isel(z=[3, 5]),
            )
        )
    for form, label in {**_forms(6.36), **_array_forms(6.36)}.items():
        rows.append(
            Operation(
                f".sel(z=<{form}>, method='nearest')",
                lambda o, label=label: o.sel(z=label, method="nearest"),
                lambda o: o.isel(z=3),
            )
        )
    ends = zip(_forms(6.325).items(), _forms(6.725).values(), strict=True)
    for (form, low), high in ends:
        rows += [
            Operation(
                f".sel(z=slice(<{form}>, <{form}>))",
                lambda o, low=low, high=high: o.sel(z=slice(low, high)),
                lambda o: o.isel(z=slice(3, 8)),
            ),
            Operation(
                f".sel(z=slice(None, <{form}>))",
                lambda o, high=high: o.sel(z=slice(None, high)),
                lambda o: o.isel(z=slice(None, 8)),
            ),
            Operation(
                f".sel(z=slice(<{form}>, None))",
                lambda o, low=low: o.sel(z=slice(low, None)),
                lambda o: o.isel(z=slice(3, None)),
            ),
        ]
    return rows


def _positions() -> list[Operation]:
    boolean = np.arange(12) % 3 == 0
    points = xr.DataArray([2, 5, 7], dims="points")
    return [
        Operation(".isel(z=5)", lambda o: o.isel(z=5)),
        Operation(".isel(z=[5])", lambda o: o.isel(z=[5])),
        Operation(".isel(z=[7, 2, 4])", lambda o: o.isel(z=[7, 2, 4])),
        Operation(".isel(z=slice(2, 9))", lambda o: o.isel(z=slice(2, 9))),
        Operation(".isel(z=slice(None, None, 3))", lambda o: o.isel(z=slice(None, None, 3))),
        Operation(".isel(z=slice(None, None, -1))", lambda o: o.isel(z=slice(None, None, -1))),
        Operation(".isel(z=<boolean array>)", lambda o: o.isel(z=boolean)),
        Operation(".isel(z=<points>, y=<points>)", lambda o: o.isel(z=points, y=points)),
        Operation(".isel(z=slice(0, 0))", lambda o: o.isel(z=slice(0, 0))),
        Operation(".head(z=3)", lambda o: o.head(z=3)),
        Operation(".sortby('z', ascending=False)", lambda o: o.sortby("z", ascending=False)),
        Operation(".drop_isel(z=[0])", lambda o: o.drop_isel(z=[0])),
        Operation(".squeeze()", lambda o: o.isel(z=[5]).squeeze()),
    ]


def _combinations() -> list[Operation]:
    part = {"z": slice(3, 8)}

    def align(join: str) -> Callable[[Any], Any]:
        return lambda o: xr.align(o, o.isel(part), join=join)[1]

    def shifted(join: str) -> Callable[[Any], Any]:
        return lambda o: xr.align(o.isel(z=slice(0, 8)), o.isel(z=slice(4, 12)), join=join)[0]

    return [
        Operation("a + a.isel(z=...)", lambda o: o + o.isel(part)),
        *(Operation(f"xr.align(a, part, join={j!r})", align(j)) for j in _JOINS),
        *(Operation(f"xr.align(shifted, join={j!r})", shifted(j)) for j in _JOINS),
        Operation("xr.align(a, a, join='exact')", lambda o: xr.align(o, o, join="exact")[0]),
        Operation(
            "xr.align(a, a, join='override')", lambda o: xr.align(o, o, join="override")[1]
        ),
        Operation(
            "xr.concat([a, b], dim='z')",
            lambda o: xr.concat([o.isel(z=slice(0, 5)), o.isel(z=slice(5, 12))], dim="z"),
        ),
        Operation(
            "xr.concat([a, b], dim='sample')", lambda o: xr.concat([o, o], dim="sample")
        ),
        Operation(
            "xr.merge([a, b])", lambda o: xr.merge([o, o.annotation.rename("b")]),
            kinds=("dataset",),
        ),
        Operation(
            "ds.assign(b=a.isel(z=...))", lambda o: o.assign(b=o.annotation.isel(part) * 1.0),
            kinds=("dataset",),
        ),
        Operation(
            "xr.combine_by_coords([b, a])",
            lambda o: xr.combine_by_coords(
                [o.isel(z=slice(5, 12)), o.isel(z=slice(0, 5))]
                if isinstance(o, xr.Dataset)
                else [o.isel(z=slice(5, 12)).to_dataset(name="v"), o.isel(z=slice(0, 5)).to_dataset(name="v")]
            ),
        ),
        Operation(".reindex_like(<decoded>)", lambda o: o.isel(part).reindex_like(o)),
        Operation("a.combine_first(b)", lambda o: o.isel(part).combine_first(o)),
    ]  # fmt: skip


_JOINS = ("inner", "outer", "left", "right")


def _shapes() -> list[Operation]:
    return [
        Operation(".rename(z='depth')", lambda o: o.rename(z="depth")),
        Operation(".rename(z='y', y='z')", lambda o: o.rename(z="y", y="z")),
        Operation(
            ".rename(annotation='labels')", lambda o: o.rename(annotation="labels"),
            kinds=("dataset",),
        ),
        Operation(".rename('labels')", lambda o: o.rename("labels"), kinds=("annotation", "mask")),
        Operation(".transpose('x', 'z', 'y')", lambda o: o.transpose("x", "z", "y")),
        Operation(".expand_dims('time')", lambda o: o.expand_dims("time")),
        Operation(".where(a > 0)", lambda o: o.where(o > 0)),
        Operation(
            ".where(cond, drop=True)",
            lambda o: o.where(o.compute().z > _plane(o), drop=True),
            lambda o: o.where(o.z > 6.35, drop=True),
        ),
        Operation("xr.where(a > 0, a, 0)", lambda o: xr.where(o > 0, o, 0)),
        Operation(".rolling(z=3).mean()", lambda o: o.rolling(z=3).mean()),
        Operation(".shift(z=1)", lambda o: o.shift(z=1)),
        Operation(".roll(z=1)", lambda o: o.roll(z=1)),
        Operation(".roll(z=1, roll_coords=True)", lambda o: o.roll(z=1, roll_coords=True)),
        Operation(".diff('z')", lambda o: o.astype(float).diff("z")),
        Operation(".cumsum('z')", lambda o: o.cumsum("z")),
        Operation(".sum('x')", lambda o: o.sum("x")),
        Operation(".astype(float)", lambda o: o.astype(float)),
        Operation(".fillna(0)", lambda o: o.fillna(0)),
        Operation(".clip(0, 1)", lambda o: o.clip(0, 1)),
        Operation("xr.apply_ufunc", lambda o: xr.apply_ufunc(np.sign, o * 1, dask="allowed")),
        Operation(".chunk({'z': 4})", lambda o: o.chunk({"z": 4})),
        Operation(
            ".map_blocks(f)", lambda o: o.chunk({"z": 4}).map_blocks(_twice), lambda o: _twice(o)
        ),
        Operation(".copy()", lambda o: o.copy()),
        Operation(".copy(deep=True)", lambda o: o.copy(deep=True)),
        Operation("copy.deepcopy", copy.deepcopy),
        Operation("pickle", lambda o: pickle.loads(pickle.dumps(o))),
        Operation(".compute()", lambda o: o.compute()),
        Operation(".persist()", lambda o: o.persist()),
        Operation(".drop_vars('y')", lambda o: o.drop_vars("y")),
    ]  # fmt: skip


def _plane(o: Any) -> Any:
    return 6.35 * ureg.mm if hasattr(o.z.data, "units") else 6.35


def _twice(block: Any) -> Any:
    return block * 2


def _pint() -> list[Operation]:
    same: Callable[[Any], Any] = lambda o: o  # noqa: E731
    return [
        Operation(".pint.dequantify()", lambda o: o.pint.dequantify(), same, units="attrs"),
        Operation(
            ".pint.dequantify().pint.quantify()",
            lambda o: o.pint.dequantify().pint.quantify(),
            same,
        ),
        Operation(
            ".pint.to(z=ureg.um, ...)",
            lambda o: o.pint.to({"z": ureg.um, "y": ureg.um, "x": ureg.um}),
            lambda o: o.assign_coords({d: o[d].values * 1000 for d in "zyx"}),
            unit="um",
        ),
        Operation(".pint.quantify()", lambda o: o.pint.quantify(), same),
    ]


def _set_item(o: Any, value: Any) -> Any:
    o = o.copy()
    o["z"] = value
    return o


def _rebuilt() -> list[Operation]:
    return [
        Operation(".coarsen(z=2).max()", lambda o: o.coarsen(z=2).max(), units="attrs",
                  hierarchy="attrs"),
        Operation(".pad(z=1)", lambda o: o.pad(z=1), units="attrs"),
        Operation(".groupby('z').max()", lambda o: o.groupby("z").max(...), units="attrs",
                  plain=lambda o: o.max(["y", "x"])),
        Operation(
            ".broadcast_like(a)", lambda o: o.isel(z=slice(0, 4)).broadcast_like(o),
            units="attrs", hierarchy="attrs",
        ),
        Operation(
            "z.broadcast_like(a)",
            lambda o: o.z.broadcast_like(o.annotation).rename("zz"),
            lambda o: o.z.broadcast_like(o.annotation).rename("zz"),
            units="attrs",
            hierarchy="attrs",
            kinds=("dataset",),
        ),
        Operation(
            ".swap_dims(z='section')",
            lambda o: o.assign_coords(section=("z", np.arange(12))).swap_dims(z="section"),
            units="attrs",
            hierarchy="attrs",
        ),
        Operation(".assign_coords(z=ds.z)", lambda o: o.assign_coords(z=o.z), units="attrs"),
        Operation(
            ".assign_coords(z=ds.z + 1 * ureg.mm)",
            lambda o: o.assign_coords(z=o.z + 1 * ureg.mm),
            lambda o: o.assign_coords(z=o.z + 1),
            units="attrs",
        ),
        Operation(".assign_coords(z=ds.z * 2)", lambda o: o.assign_coords(z=o.z * 2), units="attrs"),
        Operation(
            ".assign_coords(z=ds.z - ds.z[0])",
            lambda o: o.assign_coords(z=o.z - o.z[0]),
            units="attrs",
        ),
        Operation(
            ".assign_coords(z=ds.z.pint.to('um'))",
            lambda o: o.assign_coords(z=o.z.pint.to("um")),
            lambda o: o.assign_coords(z=o.z * 1000),
            units="attrs",
            unit="um",
        ),
        Operation(
            "ds['z'] = ds.z + 1 * ureg.mm",
            lambda o: _set_item(o, o.z + 1 * ureg.mm),
            lambda o: _set_item(o, o.z + 1),
            units="attrs",
            kinds=("dataset",),
        ),
        Operation(
            ".isel(z=5).expand_dims('z')", lambda o: o.isel(z=5).expand_dims("z"), units="attrs"
        ),
        Operation(
            "xr.concat([ds.isel(z=0), ds.isel(z=1)], dim='z')",
            lambda o: xr.concat([o.isel(z=0), o.isel(z=1)], dim="z"),
            units="attrs",
        ),
        Operation(
            ".interp(z=[6.05, 6.15])",
            lambda o: o.astype(float).interp(z=[6.05, 6.15]),
            units="attrs",
        ),
        Operation(".stack(p=('z', 'y'))", lambda o: o.stack(p=("z", "y")), units="attrs"),
        Operation(
            ".stack(p=('z', 'y')).unstack()",
            lambda o: o.stack(p=("z", "y")).unstack("p"),
            units="attrs",
        ),
        Operation(".reset_index('z')", lambda o: o.reset_index("z"), units="attrs"),
        Operation("xarray_atlas.encode", xarray_atlas.encode, lambda o: o, units="attrs",
                  hierarchy="attrs"),
        Operation("decode(encode(a))", lambda o: xarray_atlas.decode(xarray_atlas.encode(o)),
                  lambda o: o),
    ]  # fmt: skip


def _files() -> list[Operation]:
    rows = []
    sections: dict[str, Callable[[Any], Any]] = {
        "ds": lambda o: o,
        "ds.isel(z=0)": lambda o: o.isel(z=0),
        "ds.isel(z=[0])": lambda o: o.isel(z=[0]),
    }
    for text, part in sections.items():
        for zarr_format in (2, 3):
            rows.append(
                Operation(
                    f"{text}.to_zarr(zarr_format={zarr_format}), open_zarr",
                    lambda o, part=part, f=zarr_format: _through_zarr(part(o), f),
                    part,
                    units="attrs",
                    hierarchy="attrs",
                )
            )
        for engine in ("h5netcdf", "netcdf4", "scipy"):
            rows.append(
                Operation(
                    f"{text}.to_netcdf(engine={engine!r}), open_dataset",
                    lambda o, part=part, engine=engine: _through_netcdf(part(o), engine),
                    part,
                    units="attrs",
                    hierarchy="attrs",
                )
            )
    return rows


def _as_dataset(o: Any) -> Any:
    return o if isinstance(o, xr.Dataset) else o.to_dataset(name=o.name)


def _through_zarr(o: Any, zarr_format: int) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "written.zarr"
        _as_dataset(o).to_zarr(path, zarr_format=zarr_format, consolidated=False)
        return _like(o, xr.open_zarr(path, consolidated=False).load())


def _through_netcdf(o: Any, engine: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "written.nc"
        _as_dataset(o).to_netcdf(path, engine=engine)
        with xr.open_dataset(path, engine=engine) as reopened:
            return _like(o, reopened.load())


def _like(o: Any, reopened: xr.Dataset) -> Any:
    return reopened if isinstance(o, xr.Dataset) else reopened[o.name]


def _impossible() -> list[Operation]:
    return [
        Operation(
            ".reindex(z=<list>)", lambda o: o.reindex(z=[6.025, 6.125]), units="impossible",
            instead=".sel(z=[...]) or ds.atlas.reindex_like(b)",
        ),
        Operation(
            ".interp(z=<quantity>)", lambda o: o.interp(z=[6.05, 6.15] * ureg.mm),
            units="impossible", instead="ds.atlas.interp(z=...)",
        ),
        Operation(
            ".interp_like(b)", lambda o: o.interp_like(o.isel(z=slice(2, 5))),
            units="impossible", instead="ds.atlas.interp_like(b)", kinds=("dataset", "annotation"),
        ),
    ]  # fmt: skip


OPERATIONS: list[Operation] = [
    *_selections(),
    *_positions(),
    *_combinations(),
    *_shapes(),
    *_pint(),
    *_rebuilt(),
    *_files(),
    *_impossible(),
]
