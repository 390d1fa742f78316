"""Steps of chains of xarray operations, each beside the same on plain numbers in millimetres.

The steps of :mod:`support.operations` that are the same call on both, and others that take their
labels and lengths from the object, so that they can follow any other step.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pint
import xarray as xr
import zarr

import xarray_atlas
from support.operations import OPERATIONS
from xarray_atlas.coords.length_variable import LengthVariable

__all__ = ["LENGTHS", "STEPS", "NotApplicable", "Step", "in_mm"]

u = pint.get_application_registry()

LENGTHS = ("z", "y", "x", "depth")
"""The names that lengths have in chains."""


class NotApplicable(Exception):
    """The step has no meaning for plain numbers at this place of the chain."""


@dataclass(frozen=True)
class Step:
    """One operation.

    Parameters
    ----------
    name : str
    run : callable
        Takes a Dataset with units, in either form.
    plain : callable
        The same on a Dataset of plain floats in mm, by plain xarray.
    """

    name: str
    run: Callable[[Any], Any]
    plain: Callable[[Any], Any]


def in_mm(coord: xr.DataArray) -> Any:
    """The numbers of a coordinate in mm, by what its data or its attributes say; no other guess."""
    data, said = coord.variable.data, coord.attrs.get("units")
    if hasattr(data, "units"):
        assert said is None or u.Unit(said) == data.units, f"{coord.name!r} says {said!r}"
        return data.m_as("mm")
    assert said is not None, f"{coord.name!r} has lost its unit"
    return u.Quantity(np.asarray(coord.values), said).m_as("mm")


def _decoded(o: Any) -> Any:
    return xarray_atlas.decode(o)


# -- calculations on a coordinate: with units, and on plain mm

CALCULATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "{} + 1 mm": (lambda c: c + 1 * u.mm, lambda c: c + 1),
    "{} + 500 um": (lambda c: c + 500 * u.um, lambda c: c + 0.5),
    "500 um + {}": (lambda c: 500 * u.um + c, lambda c: c + 0.5),
    "0.5 cm - {}": (lambda c: 0.5 * u.cm - c, lambda c: 5 - c),
    "{} - mean": (lambda c: c - c.mean(), lambda c: c - c.mean()),
    "1 + 1 mm of the sum": (lambda c: (c + c) + 1 * u.mm, lambda c: 2 * c + 1),
    "{}.pint.to(um)": (lambda c: c.pint.to("um"), lambda c: c),
    "{}.pint.to(inch) * 3": (lambda c: c.pint.to("inch") * 3, lambda c: c * 3),
    "({} ** 2 / 1 mm)": (lambda c: c**2 / (1 * u.mm), lambda c: c**2),
    "{} * length / um": (lambda c: c * (1000 * u.um) / (1 * u.mm), lambda c: c),
    "abs({} - 6.5 mm)": (lambda c: abs(c - 6.5 * u.mm), lambda c: abs(c - 6.5)),
    "np.add(um, {})": (lambda c: np.add(250 * u.um, c), lambda c: c + 0.25),
    "np.subtract(um, {})": (lambda c: np.subtract(1000 * u.um, c), lambda c: 1 - c),
    "np.maximum({}, um)": (lambda c: np.maximum(c, 6100 * u.um), lambda c: np.maximum(c, 6.1)),
    "apply_ufunc to um": (lambda c: xr.apply_ufunc(lambda q: q.to("um"), c), lambda c: c),
    "{}.where": (lambda c: c.where(c > 6.2 * u.mm, 7000 * u.um), lambda c: c.where(c > 6.2, 7.0)),
    "{}.clip": (lambda c: c.clip(6 * u.mm, 7000 * u.um), lambda c: c.clip(6.0, 7.0)),
    "{}.fillna(um)": (lambda c: c.fillna(100 * u.um), lambda c: c.fillna(0.1)),
    "{}.shift": (
        lambda c: c.shift({c.dims[0]: 1}, fill_value=0 * u.mm),
        lambda c: c.shift({c.dims[0]: 1}, fill_value=0.0),
    ),
    "xr.where": (
        lambda c: xr.where(c > 6.2 * u.mm, c, 0 * u.um),
        lambda c: xr.where(c > 6.2, c, 0.0),
    ),
    "{} without attributes": (lambda c: _without_attrs(lambda: c * 1.5 + c), lambda c: c * 2.5),
    "dequantified": (lambda c: c.pint.to("um").pint.dequantify(), lambda c: c),
}
"""Of a decoded coordinate."""

PLAIN: dict[str, Callable[[Any], Any]] = {
    "{} * 2": lambda c: c * 2,
    "2 * {}": lambda c: 2 * c,
    "{} / 4": lambda c: c / 4,
    "-{}": lambda c: -c,
    "abs({})": abs,
    "{} - {}[0]": lambda c: c - c[0],
    "{} + {}": lambda c: c + c,
    "np.negative({})": np.negative,
    "np.multiply({}, 3)": lambda c: np.multiply(c, 3),
    "{}.cumsum()": lambda c: c.cumsum(),
    "{}.copy()": lambda c: c.copy(deep=True),
    "{}.astype(float)": lambda c: c.astype(float),
    "{}.map_blocks": lambda c: c.map_blocks(lambda block: block * 2),
    "{}.roll": lambda c: c.roll({c.dims[0]: 1}),
}
"""The same in both, and of an encoded coordinate too."""


def _without_attrs(call: Callable[[], Any]) -> Any:
    with xr.set_options(keep_attrs=False):
        return call()


def _assign_coords(o: Any, name: str, value: Any) -> Any:
    return o.assign_coords({name: value})


def _set_item(o: Any, name: str, value: Any) -> Any:
    o = o.copy()
    o[name] = value
    return o


def _set_coord(o: Any, name: str, value: Any) -> Any:
    o = o.copy()
    o.coords[name] = value
    return o


ASSIGNMENTS = (_assign_coords, _set_item, _set_coord)


def _calculated() -> list[Step]:
    steps = []
    for i, (text, (units, plain)) in enumerate(CALCULATIONS.items()):
        name, assign = "zyx"[i % 3], ASSIGNMENTS[i % len(ASSIGNMENTS)]
        steps += [
            Step(
                f"{text.format(name)}, {assign.__name__}",
                lambda o, n=name, f=units, a=assign: a(_decoded(o), n, f(_decoded(o)[n])),
                lambda p, n=name, f=plain, a=assign: a(
                    p, n, _along_itself(f(_along_itself(p[n], n)), n)
                ),
            )
        ]
    for i, (text, both) in enumerate(PLAIN.items()):
        name, assign = "xzy"[i % 3], ASSIGNMENTS[i % len(ASSIGNMENTS)]
        steps.append(
            Step(
                f"{text.format(name, name)} as it is, {assign.__name__}",
                lambda o, n=name, f=both, a=assign: a(o, n, f(o[n])),
                lambda p, n=name, f=both, a=assign: a(p, n, f(_along_itself(p[n], n))),
            )
        )
    return steps


def _along_itself(coord: xr.DataArray, name: str) -> xr.DataArray:
    if coord.dims != (name,) or not coord.size or name not in coord.xindexes:
        raise NotApplicable
    return coord


# -- labels


def _labelled() -> list[Step]:
    def label(p: Any, at: int) -> float:
        values = _along_itself(p.z, "z").values
        if np.unique(values).size != values.size or not np.isfinite(values).all():
            raise NotApplicable
        return float(values[at])

    forms: dict[str, Callable[[float], Any]] = {
        "quantity in um": lambda v: v * 1000 * u.um,
        "quantity in cm": lambda v: v / 10 * u.cm,
        "string": lambda v: f"{v!r} mm",
        "bare number": lambda v: v,
        "DataArray": lambda v: xr.DataArray(v * 1000, attrs={"units": "um"}),
    }

    def row(form: str, write: Callable[[float], Any]) -> list[Step]:
        return [
            Step(
                f".sel(z=<{form}>)",
                lambda o: _decoded(o).sel(z=write(label(_numbers(o), 0))),
                lambda p: p.sel(z=label(p, 0)),
            ),
            Step(
                f".sel(z=<{form}>, nearest)",
                lambda o: _decoded(o).sel(z=write(label(_numbers(o), -1) + 1e-5), method="nearest"),
                lambda p: p.sel(z=label(p, -1) + 1e-5, method="nearest"),
            ),
            Step(
                f".sel(z=slice(<{form}>, None))",
                lambda o: _decoded(o).sel(z=slice(write(label(_numbers(o), 1)), None)),
                lambda p: p.sel(z=slice(label(p, 1), None)),
            ),
        ]

    return [step for form, write in forms.items() for step in row(form, write)]


def _numbers(o: Any) -> Any:
    """The coordinate z of an object as plain mm."""
    z = o["z"]
    return xr.Dataset(coords={"z": (z.dims, in_mm(z))})


# -- the rest


def _zarr(o: Any) -> Any:
    store = zarr.storage.MemoryStore()
    o.to_zarr(store, consolidated=False)
    return xr.open_zarr(store, consolidated=False, chunks=None).load()


def _netcdf(o: Any) -> Any:
    written = o.to_netcdf(engine="scipy")
    return xr.open_dataset(io.BytesIO(bytes(written)), engine="scipy").load()


def _with_units(o: Any) -> Any:
    return o.pint.to({n: u.um for n in ("z", "y", "x") if n in o.dims})


def _same(o: Any) -> Any:
    return o


OTHERS: dict[str, Callable[[Any], Any]] = {
    ".tail(z=4)": lambda o: o.tail(z=4),
    ".thin(z=2)": lambda o: o.thin(z=2),
    ".isel(y=0)": lambda o: o.isel(y=0),
    ".isel(x=[1])": lambda o: o.isel(x=[1]),
    ".isel(x=slice(1, None))": lambda o: o.isel(x=slice(1, None)),
    ".sortby('z')": lambda o: o.sortby("z"),
    ".sortby(['x', 'y'])": lambda o: o.sortby(["x", "y"]),
    ".transpose()": lambda o: o.transpose(),
    ".mean('y')": lambda o: o.mean("y"),
    ".std('x')": lambda o: o.std("x"),
    ".max(['x', 'y'])": lambda o: o.max(["x", "y"]),
    ".median('x')": lambda o: o.median("x"),
    ".quantile(0.5, 'y')": lambda o: o.quantile(0.5, "y").drop_vars("quantile"),
    ".argmax('x')": lambda o: o.argmax("x"),
    ".count('y')": lambda o: o.count("y"),
    ".isnull()": lambda o: o.isnull(),
    ".map(f)": lambda o: o.map(lambda v: v * 2),
    "np.sqrt(ds)": np.sqrt,
    "ds * 2 - 1": lambda o: o * 2 - 1,
    "ds > ds.mean()": lambda o: o > o.mean(),
    ".groupby('z').mean()": lambda o: o.groupby("z").mean(...),
    ".coarsen(x=2).mean()": lambda o: o.coarsen(x=2, boundary="trim").mean(),
    ".coarsen(z=3, coord_func='min')": lambda o: o.coarsen(z=3, boundary="trim", coord_func="min").mean(),
    ".rolling(z=2).construct('w')": lambda o: o.rolling(z=2).construct("w"),
    ".diff('z', label='lower')": lambda o: o.astype(float).diff("z", label="lower"),
    ".pad(y=1, mode='edge')": lambda o: o.pad(y=1, mode="edge"),
    ".drop_duplicates('z')": lambda o: o.drop_duplicates("z"),
    ".dropna('z')": lambda o: o.dropna("z", how="all"),
    ".where(z > mean, drop=True)": lambda o: o.where(o.z > o.z.mean(), drop=True),
    ".isel(z=0) - .isel(z=1)": lambda o: o.isel(z=0, drop=True) - o.isel(z=1, drop=True),
    ".expand_dims(sample=2)": lambda o: o.expand_dims(sample=2),
    ".to_dataarray().to_dataset()": lambda o: o.to_dataarray().to_dataset(dim="variable"),
    "ds[name].to_dataset()": lambda o: o[next(iter(o.data_vars))].to_dataset(),
    ".drop_indexes('z').set_xindex('z')": lambda o: o.drop_indexes("z").set_xindex("z"),
    "xr.broadcast(ds, other)": lambda o: xr.broadcast(o, xr.DataArray([1, 2], dims="q"))[0],
    "xr.combine_nested": lambda o: xr.combine_nested(
        [o.isel(z=slice(0, 2)), o.isel(z=slice(2, None))], "z", combine_attrs="override"
    ),
    "xr.concat(flipped)": lambda o: xr.concat([o, o.isel(z=slice(None, None, -1))], "z"),
    ".interp(z=middles)": lambda o: xarray_atlas.decode(o).astype(float).interp(z=[6.05, 6.15])
    if isinstance(o.z.variable, LengthVariable) or "units" in o.z.attrs
    else o.astype(float).interp(z=[6.05, 6.15]),
    "xr.full_like": lambda o: xr.full_like(o, 1),
    ".assign_coords(section=...)": lambda o: o.assign_coords(section=("z", np.arange(o.sizes["z"]))),
    ".swap_dims back": lambda o: o.swap_dims(section="z"),
    ".rename(depth='z')": lambda o: o.rename(depth="z"),
    ".assign_attrs": lambda o: o.assign_attrs(title="a"),
    ".copy(data)": lambda o: o.copy(data={n: v.values * 1.0 for n, v in o.data_vars.items()}),
    "pickle.loads": lambda o: pickle.loads(pickle.dumps(o)),
    ".isel(z=1).expand_dims('z')": lambda o: o.isel(z=1).expand_dims("z"),
    ".stack().unstack()": lambda o: o.stack(p=("y", "x")).unstack("p"),
    ".head(y=2).merge": lambda o: xr.merge([o.head(y=2), o.rename({n: f"{n}_" for n in o.data_vars})], join="inner"),
    ".reindex_like(part)": lambda o: o.reindex_like(o.isel(z=slice(1, 3))),
    ".isel(z=slice(1, 4)).combine_first": lambda o: o.isel(z=slice(1, 4)).combine_first(o),
    ".cumulative('z').sum()": lambda o: o.cumulative("z").sum(),
    ".integrate of ones": lambda o: o.assign(one=xr.ones_like(o.z.reset_coords(drop=True), dtype=float).drop_vars("z")),
}  # fmt: skip

UNITS: dict[str, Callable[[Any], Any]] = {
    "decode": _decoded,
    "encode": xarray_atlas.encode,
    "to_zarr": _zarr,
    "to_netcdf": _netcdf,
    "pint.to um, decode": lambda o: _decoded(_with_units(_decoded(o))),
    "pint.to um, dequantify": lambda o: _with_units(_decoded(o)).pint.dequantify(),
    "dequantify": lambda o: _decoded(o).pint.dequantify(),
    "dequantify, quantify, decode": lambda o: _decoded(
        _decoded(o).pint.dequantify().pint.quantify()
    ),
    "decode(encode(ds))": lambda o: _decoded(xarray_atlas.encode(o)),
}
"""What plain numbers do not see."""

FILES = ("to_zarr", "to_netcdf")


def _from_the_table() -> list[Step]:
    return [
        Step(row.name, row.run, row.run)
        for row in OPERATIONS
        if row.plain is None
        and row.units != "impossible"
        and "dataset" in row.kinds
        and not row.name.startswith(".interp(")  # whose numbers are in the unit of the moment
    ]


STEPS: list[Step] = [
    *_from_the_table(),
    *_calculated(),
    *_labelled(),
    *(Step(name, run, run) for name, run in OTHERS.items()),
    *(
        Step(name, run, _netcdf if name == "to_netcdf" else _zarr if name == "to_zarr" else _same)
        for name, run in UNITS.items()
    ),
]
