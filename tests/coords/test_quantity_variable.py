"""Variables of quantities: written, compared with plain ones, and beside pint's own quantities.

For these, what neither xarray nor pint promises is looked at by the functions that the headings name;
the tests below them fail when it changes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pint
import pytest
import xarray as xr
from xarray import IndexVariable, Variable
from xarray.coders import CFDatetimeCoder, CFTimedeltaCoder

import xarray_atlas
from xarray_atlas import LengthIndex
from xarray_atlas.coords.length_variable import LengthVariable
from xarray_atlas.coords.quantity_variable import QuantityVariable

ureg = pint.get_application_registry()

Z = 0.1 * np.arange(5) + 0.025
SIZES = np.array([1.0, 2.5, np.nan, 4.0, 5.5])


def make() -> xr.Dataset:
    """A coordinate of lengths, and a variable of volumes along it."""
    plain = Variable("z", Z, {"units": "mm"})
    index = LengthIndex.from_variables({"z": plain}, options={})
    coords = xr.Coordinates(index.create_variables({"z": plain}), indexes={"z": index})
    return xr.Dataset({"size": QuantityVariable("z", SIZES * ureg.mm**3)}, coords=coords)


# -- written: `_encoder_asks`

# the encodings under which xarray's coders do arithmetic on what they are handed
ENCODINGS: dict[str, dict[str, Any]] = {
    "none": {},
    "no fill value": {"_FillValue": None},
    "float32": {"dtype": "float32"},
    "fill value": {"_FillValue": -1.0},
    "packed": {
        "dtype": "int16",
        "scale_factor": 0.001,
        "add_offset": 3.0,
        "_FillValue": -32768,
    },
}


@pytest.mark.parametrize("engine", ["zarr2", "zarr3", "h5netcdf", "netcdf4", "scipy"])
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("part", [slice(None), [1], 1], ids=["all", "one", "scalar"])
def test_quantities_are_written_as_numbers(
    engine: str, encoding: str, part: Any, tmp_path: Path
) -> None:
    ds = make().isel(z=part)
    how = {name: dict(ENCODINGS[encoding]) for name in ("z", "size")}
    path = tmp_path / "written"
    if engine.startswith("zarr"):
        ds.to_zarr(path, zarr_format=int(engine[-1]), consolidated=False, encoding=how)
        written = xr.open_zarr(path, consolidated=False).load()
    else:
        ds.to_netcdf(path, engine=engine, encoding=how)
        with xr.open_dataset(path, engine=engine) as file:
            written = file.load()
    for name, unit in {"z": "mm", "size": "mm ** 3"}.items():
        np.testing.assert_allclose(written[name].values, ds[name].values, rtol=1e-6, atol=0.0006)
        assert written[name].attrs["units"] == unit
        assert isinstance(ds[name].data, pint.Quantity)


@pytest.mark.parametrize("name", ["z", "size"])
def test_only_encoders_are_handed_plain_numbers(name: str) -> None:
    variable = make()[name].variable
    for coder in (CFDatetimeCoder(), CFTimedeltaCoder()):
        assert coder.encode(variable) is variable  # these leave numbers alone
    encoded = xr.conventions.encode_cf_variable(variable)
    assert type(encoded) is Variable
    assert type(encoded.data) is np.ndarray
    assert isinstance(variable.data, pint.Quantity)
    assert isinstance(xr.apply_ufunc(lambda data: data, variable).data, pint.Quantity)


@pytest.mark.parametrize(
    ("dtype", "packing"),
    [
        ("int64", {}),
        ("float64", {"dtype": "int16", "scale_factor": 5.0, "_FillValue": -1}),
        ("float64", {"dtype": "float32", "_FillValue": None}),
    ],
)
@pytest.mark.parametrize("part", [slice(None), [1], 1], ids=["all", "one", "scalar"])
def test_millimetres_are_not_written_as_micrometres_were(
    dtype: str, packing: dict[str, Any], part: Any, tmp_path: Path
) -> None:
    numbers = np.array([-1000, -25, 0, 25], dtype=dtype)
    image = xr.Dataset({"v": ("z", np.zeros(4))}, coords={"z": ("z", numbers, {"units": "um"})})
    image.to_netcdf(tmp_path / "um.nc", encoding={"z": packing})
    image.to_zarr(tmp_path / "um.zarr", consolidated=False, encoding={"z": packing})
    for ending, write in {
        "nc": lambda ds, path: ds.to_netcdf(path),
        "zarr": lambda ds, path: ds.to_zarr(path, consolidated=False),
    }.items():
        with xr.open_dataset(tmp_path / f"um.{ending}", **_OPEN[ending]) as file:
            decoded = xarray_atlas.decode(file.load().isel(z=part))
        for ds in (decoded, xarray_atlas.encode(decoded)):
            path = tmp_path / f"{type(ds.z.data).__name__}.{ending}"
            write(ds, path)
            with xr.open_dataset(path, **_OPEN[ending]) as file:
                np.testing.assert_array_equal(file.z.values, numbers[part] / 1000)
                assert file.z.attrs["units"] == "mm"


_OPEN: dict[str, dict[str, Any]] = {"nc": {}, "zarr": {"engine": "zarr", "consolidated": False}}


def test_an_encoding_that_was_asked_for_stays(tmp_path: Path) -> None:
    ds = make()
    ds.z.encoding["dtype"] = "float32"
    assert ds.isel(z=slice(1, 3)).z.encoding["dtype"] == "float32"
    ds.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as file:
        assert file.z.dtype == "float32"


# -- compared: `_who_compares`


@pytest.mark.parametrize(
    ("unit", "factor", "same"),
    [("mm", 1, True), ("um", 1, False), (None, 1, False), ("s", 1, False), ("um", 1000, True)],
)
def test_a_plain_coordinate_is_equal_where_its_lengths_are(
    unit: str | None, factor: float, same: bool
) -> None:
    length = make().z.variable
    plain = IndexVariable("z", factor * Z, {} if unit is None else {"units": unit})
    assert isinstance(length, LengthVariable)
    assert bool(length.equals(plain)) is same
    # the index of the same numbers is equal, whatever the unit: nothing but the frame tells
    assert bool(plain.equals(length)) is same
    assert bool(plain.to_index().equals(length.to_index())) is (factor == 1)


# -- beside pint's quantities: `_let_quantities_defer_to`


class Sizes(QuantityVariable):
    __slots__ = ()


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


@pytest.mark.parametrize("kind", [QuantityVariable, LengthVariable, Sizes])
@pytest.mark.parametrize("how", OPERATORS)
@pytest.mark.parametrize("left", [50.0, 10.0 * np.arange(1, 6)], ids=["scalar", "array"])
def test_a_quantity_on_the_left_asks_the_variable(kind: Any, how: str, left: Any) -> None:
    variable = kind("z", Z * ureg.mm)
    result = OPERATORS[how](left * ureg.um, variable)
    wanted = OPERATORS[how](left * ureg.um, Z * ureg.mm)
    assert isinstance(result.data, pint.Quantity)
    np.testing.assert_allclose(result.data.to(wanted.units).magnitude, wanted.magnitude)
    # what has no unit of its own says none
    if wanted.dimensionless:
        assert "units" not in result.attrs
    else:
        assert ureg.Unit(result.attrs["units"]) == result.data.units
        assert result.attrs["units"].isascii()


# -- asked for attributes on behalf of other data: `_who_asks`


def test_functions_are_given_the_unit_of_their_result() -> None:
    z = make().z
    for made, unit in [
        (np.subtract(1000 * ureg.um, z), ureg.um),
        (np.multiply(z, z), ureg.mm**2),
        (xr.apply_ufunc(lambda q: q.to("um"), z), ureg.um),
        (xr.apply_ufunc(lambda q: q.to("um"), z.variable), ureg.um),
        (xr.apply_ufunc(lambda q: q.magnitude, z), None),
        (np.isfinite(z), None),
        (np.divide(z, z), None),
    ]:
        said = made.attrs.get("units")
        assert (None if said is None else ureg.Unit(said)) == unit
    low, high = xr.apply_ufunc(lambda q: (q, q.to("um")), z, output_core_dims=[[], []])
    assert "units" not in low.attrs
    assert "units" not in high.attrs
    # who else asks is told the unit of the variable
    assert z.attrs["units"] == z.variable.attrs["units"] == "mm"
    assert z.to_dataset(name="w").w.attrs["units"] == "mm"


def test_a_converted_dataset_says_no_unit_of_before() -> None:
    for made in (make().pint.to(z=ureg.um), make()["size"].pint.to({"z": ureg.um})):
        assert made.z.pint.units == ureg.um
        assert "units" not in made.z.attrs
