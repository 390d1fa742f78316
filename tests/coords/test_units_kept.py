"""A coordinate keeps its unit when it is calculated and assigned; where it is lost an error says so."""

from __future__ import annotations

import operator
import pickle
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pint
import pytest
import xarray as xr

import xarray_atlas
from support.small_worlds import ARRAY, MM3, labels, number, table
from xarray_atlas.errors import AtlasError, GridError, UnitsError

u = pint.get_application_registry()
Z = 0.025 * np.arange(12)
A = 48 * MM3


@pytest.fixture
def ds() -> xr.Dataset:
    return xarray_atlas.create_atlas(labels(), table(), midline="0.1 mm", **ARRAY)


def plain(ds: xr.Dataset) -> xr.DataArray:
    """The grid of an atlas as numbers, and nothing more."""
    return xr.DataArray(
        np.ones(ds.annotation.shape), {d: ds[d].values for d in "zyx"}, ("z", "y", "x")
    )


# -- calculated coordinates, and what they are in mm

CALCULATED: dict[str, tuple[Callable[[xr.DataArray], Any], Any]] = {
    "z + 1 mm": (lambda z: z + 1 * u.mm, Z + 1),
    "z + 500 um": (lambda z: z + 500 * u.um, Z + 0.5),
    "1 mm + z": (lambda z: 1 * u.mm + z, Z + 1),
    "500 um + z": (lambda z: 500 * u.um + z, Z + 0.5),
    "z - z[0]": (lambda z: z - z[0], Z),
    "z - z.mean()": (lambda z: z - z.mean(), Z - Z.mean()),
    "5000 um - z": (lambda z: 5000 * u.um - z, 5 - Z),
    "z * 2": (lambda z: z * 2, Z * 2),
    "2 * z": (lambda z: 2 * z, Z * 2),
    "z / 2": (lambda z: z / 2, Z / 2),
    "z * 2 / 3 + z": (lambda z: z * 2 / 3 + z, Z * 5 / 3),
    "-z": (operator.neg, -Z),
    "-z + 1 mm": (lambda z: -z + 1 * u.mm, 1 - Z),
    "(-z).pint.to('um')": (lambda z: (-z).pint.to("um"), -Z),
    "500 um + (-z)": (lambda z: 500 * u.um + (-z), 0.5 - Z),
    "abs(z).pint.to('um') * 2": (lambda z: abs(z).pint.to("um") * 2, 2 * Z),
    "-z without attributes": (lambda z: _without_attrs(lambda: -z), -Z),
    "abs(z + 1 mm)": (lambda z: abs(z + 1 * u.mm), Z + 1),
    "z.pint.to('um')": (lambda z: z.pint.to("um"), Z),
    "z.pint.to('inch') * 2": (lambda z: z.pint.to("inch") * 2, Z * 2),
    "(z * z) ** 0.5": (lambda z: (z * z) ** 0.5, Z),
    "z * z / (1 um)": (lambda z: z * (z + 1 * u.mm) / (1 * u.um), Z * (Z + 1) * 1000),
    "z.pint.dequantify() * 1": (lambda z: z.pint.dequantify() * 1, Z),
    "z.cumsum()": (lambda z: z.cumsum(), np.cumsum(Z)),
    "z.shift": (lambda z: z.shift(z=1, fill_value=0 * u.mm), np.r_[0, Z[:-1]]),
    "z.roll": (lambda z: z.roll(z=3), np.roll(Z, 3)),
    "z.where": (lambda z: z.where(z > 0.1 * u.mm, 5000 * u.um), np.where(Z > 0.1, Z, 5)),
    "xr.where": (lambda z: xr.where(z > 0.1 * u.mm, z, 0 * u.um), np.where(Z > 0.1, Z, 0)),
    "z.clip": (lambda z: z.clip(0.1 * u.mm, 200 * u.um), np.clip(Z, 0.1, 0.2)),
    "z.round(1)": (lambda z: z.round(1), np.round(Z, 1)),
    "z.astype('f4')": (lambda z: z.astype("f4"), Z.astype("f4")),
    "z.fillna": (lambda z: z.fillna(0 * u.mm), Z),
    "z % 50 um": (lambda z: (z + 10 * u.um) % (50 * u.um), (Z + 0.01) % 0.05),
    "z.map_blocks": (lambda z: z.map_blocks(lambda b: b * 2), Z * 2),
    "z.copy()": (lambda z: z.copy(deep=True), Z),
    "pickle": (lambda z: pickle.loads(pickle.dumps(z * 2)), Z * 2),
    "isel": (lambda z: (z * 2).isel(z=slice(None, None, -1)).isel(z=slice(None, None, -1)), Z * 2),
    "without its coordinate": (lambda z: z.drop_vars("z") + 1 * u.mm, Z + 1),
    "np.negative": (np.negative, -Z),
    "np.abs": (lambda z: np.abs(z + 1 * u.mm), Z + 1),
    "np.add(z, um)": (lambda z: np.add(z, 500 * u.um), Z + 0.5),
    "np.add(um, z)": (lambda z: np.add(500 * u.um, z), Z + 0.5),
    "np.subtract(um, z)": (lambda z: np.subtract(1000 * u.um, z), 1 - Z),
    "np.multiply": (lambda z: np.multiply(z, 3), Z * 3),
    "apply_ufunc to um": (lambda z: xr.apply_ufunc(lambda q: q.to("um"), z), Z),
    "apply_ufunc twice": (lambda z: xr.apply_ufunc(lambda q: q * 2, np.negative(z)), -2 * Z),
    "keep_attrs=False": (lambda z: _without_attrs(lambda: z * 2), Z * 2),
    "keep_attrs=False, to um": (lambda z: _without_attrs(lambda: (z + z).pint.to("um")), Z * 2),
}  # fmt: skip


def _without_attrs(call: Callable[[], Any]) -> Any:
    with xr.set_options(keep_attrs=False):
        return call()


def _set_item(ds: xr.Dataset, z: Any) -> xr.Dataset:
    ds = ds.copy()
    ds["z"] = z
    return ds


def _set_coord(ds: xr.Dataset, z: Any) -> xr.Dataset:
    ds = ds.copy()
    ds.coords["z"] = z
    return ds


ASSIGN: dict[str, Callable[[xr.Dataset, Any], xr.Dataset]] = {
    "assign_coords(z=...)": lambda ds, z: ds.assign_coords(z=z),
    "ds['z'] = ...": _set_item,
    "ds.coords['z'] = ...": _set_coord,
    "assign(z=...)": lambda ds, z: ds.assign(z=z),
    "with_columns": lambda ds, z: ds.drop_vars("z").assign_coords({"z": z}),
    "of a DataArray": lambda ds, z: ds.annotation.assign_coords(z=z).to_dataset(),
    "Dataset(coords=...)": lambda ds, z: xr.Dataset(
        {"annotation": (("z", "y", "x"), ds.annotation.values)},
        {"y": ds.y, "x": ds.x, "z": z, "terminology": ds.terminology},
    ),
}


@pytest.mark.parametrize("how", ASSIGN)
@pytest.mark.parametrize("calculation", CALCULATED)
def test_a_calculated_coordinate_keeps_its_unit(
    ds: xr.Dataset, calculation: str, how: str, tmp_path: Path
) -> None:
    calculate, wanted = CALCULATED[calculation]
    moved = ASSIGN[how](ds, calculate(ds.z))
    unit = u.Unit(moved.z.attrs["units"])
    np.testing.assert_allclose((moved.z.values * unit).m_as("mm"), wanted, atol=1e-9)
    decoded = xarray_atlas.decode(moved)
    np.testing.assert_allclose(decoded.z.values, wanted, rtol=1e-6, atol=1e-9)
    assert decoded.z.pint.units == u.mm


def test_volumes_of_a_moved_or_stretched_atlas(ds: xr.Dataset) -> None:
    for factor, z in [(1, ds.z + 1 * u.mm), (1, ds.z - ds.z[0]), (2, ds.z * 2)]:
        for assign in ASSIGN.values():
            assert number(assign(ds, z).atlas.volume("A")) == pytest.approx(factor * A)
    um = ds.assign_coords({d: ds[d].pint.to("um") for d in "zyx"})
    assert um.z.attrs["units"] == "um"
    assert number(um.atlas.volume("A")) == pytest.approx(A)
    path = {"z": um.isel(z=[0]), "y": um.isel(y=1)}
    assert all(xarray_atlas.decode(part).z.pint.units == u.mm for part in path.values())


@pytest.mark.filterwarnings("ignore::pint.errors.UnitStrippedWarning")
def test_the_attributes_never_say_the_unit_of_other_numbers(ds: xr.Dataset) -> None:
    for made in (
        ds.z * ds.y,
        np.multiply(ds.z, ds.y),
        np.square(ds.z),
        xr.apply_ufunc(np.multiply, ds.z, ds.z),
        xr.dot(ds.z, ds.z, dim=[]),
        (ds.z + 1 * u.mm) * (ds.y * 2),
        ds.z.var(),
    ):
        assert u.Unit(made.attrs["units"]) == made.pint.units == u.mm**2
    for made in (
        ds.z / ds.z[1],
        ds.z // (50 * u.um),
        np.isfinite(ds.z),
        ds.z > 1 * u.mm,
        xr.apply_ufunc(lambda q: q.to("um").magnitude, ds.z),
    ):
        assert "units" not in made.attrs
        assert made.attrs["direction"] == "anterior-to-posterior"
    # what pint-xarray converts has its unit in the data
    for um in (ds.pint.to(z=u.um), ds.annotation.pint.to(z=u.um), ds.pint.to({"z": u.um})):
        assert um.z.pint.units == u.um
        assert "units" not in um.z.attrs
        assert um.isel(z=slice(3)).z.attrs.get("units") is None
        assert um.pint.to(z=u.mm).z.attrs.get("units") is None
        np.testing.assert_allclose(xarray_atlas.decode(um).z.values, Z)
        assert um.pint.dequantify().z.attrs["units"] in ("micrometer", "um")
        lost = um.assign_coords(z=um.z)
        with pytest.raises(UnitsError, match="no unit"):
            xarray_atlas.decode(lost)


def test_calculated_quantities_can_be_changed_and_their_unit_follows(ds: xr.Dataset) -> None:
    z = ds.z * 2
    z += 1 * u.mm
    np.testing.assert_allclose(z.values, Z * 2 + 1)
    z *= 5 * u.mm
    assert z.attrs["units"] == "mm ** 2"
    z.data = np.arange(12) * u.um
    assert z.attrs["units"] == "um"
    with pytest.raises(ValueError, match="assign quantities"):
        z.values = np.arange(12)
    with pytest.raises(ValueError, match="shape"):
        z.data = np.arange(3) * u.um


# -- a unit that is lost


def advised(message: str) -> dict[str, str]:
    """The calls of decode that an error names, by the unit that they state."""
    called = re.search(r"xarray_atlas\.decode\((\w+), unit=(.+?)\) if they are millimetres, "
                       r"unit=(.+?) if they are micrometres", message)  # fmt: skip
    assert called, message
    return {
        unit: f"xarray_atlas.decode({called[1]}, unit={called[place]})"
        for unit, place in (("mm", 2), ("um", 3))
    }


@pytest.mark.parametrize("lost", ["z", "x", "zyx"])
@pytest.mark.parametrize("call", ["volume", "spacing", "sel", "decode", "region_at"])
def test_advice_for_a_lost_unit_gives_the_right_volume(
    ds: xr.Dataset, lost: str, call: str
) -> None:
    um = ds.assign_coords({d: (d, ds[d].values * 1000, {}) for d in lost})
    axis = {"z": "ap", "x": "ml"}[lost[0]]
    calls: dict[str, Callable[[], Any]] = {
        "volume": lambda: um.atlas.volume("A"),
        "spacing": lambda: um.atlas.spacing,
        "sel": lambda: um.atlas.sel(**{axis: "0.1 mm"}, method="nearest"),
        "decode": lambda: xarray_atlas.decode(um),
        "region_at": lambda: um.atlas.region_at(
            [[0.1, 0.1, 0.1]], unit="mm", frame="dataset", axes=("ap", "dv", "ml")
        ),
    }
    with pytest.raises(UnitsError, match="has no unit|have no unit") as caught:
        calls[call]()
    assert re.search(r"run from 0 to (275|175)", str(caught.value))
    advice = advised(str(caught.value))
    mended = eval(advice["um"], {"xarray_atlas": xarray_atlas, "obj": um})
    assert number(mended.atlas.volume("A")) == pytest.approx(A)
    assert mended.z.pint.units == u.mm
    assert set(um.z.attrs) == set(
        ds.z.attrs if "z" not in lost else {}
    )  # nothing was written to it


@pytest.mark.parametrize("call", ["resample_like", "aggregate", "interp_like"])
def test_advice_for_an_image_without_units(ds: xr.Dataset, call: str) -> None:
    um = plain(ds).assign_coords({d: ds[d].values * 1000 for d in "zyx"})
    method = getattr(ds.atlas, call)
    with pytest.raises(UnitsError) as caught:
        method(um)
    advice = advised(str(caught.value))
    names = {"xarray_atlas": xarray_atlas, "image": um, "other": um}
    found = method(eval(advice["um"], names))
    in_mm = method(xarray_atlas.decode(plain(ds), unit="mm"))
    xr.testing.assert_allclose(found, in_mm)


# -- decode


def test_decode_states_a_unit(ds: xr.Dataset) -> None:
    image = plain(ds)
    for unit in ("mm", u.mm, "millimeter", {"z": "mm", "y": u.mm, "x": "mm"}):
        decoded = xarray_atlas.decode(image, unit=unit)
        assert float((decoded * ds.atlas.mask("A")).sum()) == 48
    assert image.z.attrs == {}
    um = image.assign_coords({d: image[d].values * 1000 for d in "zyx"})
    assert float((xarray_atlas.decode(um, unit="um") * ds.atlas.mask("A")).sum()) == 48
    # other coordinates are none of its business
    movie = xr.concat([image] * 3, "time").assign_coords(time=[0.0, 0.5, 1.0])
    assert "units" not in xarray_atlas.decode(movie, unit="mm").time.attrs
    named = image.rename(z="depth")
    with pytest.raises(UnitsError, match=r"unit=mm is that of coordinates") as caught:
        xarray_atlas.decode(image.rename(z="a", y="b", x="c"), unit="mm")
    assert "unit={'a': 'mm'}" in str(caught.value)
    assert xarray_atlas.decode(named, unit={"depth": "mm", "y": "mm", "x": "mm"}).depth.pint.units
    plane = xarray_atlas.decode(image.isel(z=3), unit="mm")
    assert plane.z.item().m_as("um") == pytest.approx(75)


def test_decode_without_a_unit_is_an_error(ds: xr.Dataset) -> None:
    image = plain(ds)
    for bare in (image, image.to_dataset(name="image"), image.isel(z=0), image.isel(y=0, x=0)):
        with pytest.raises(UnitsError, match="no unit"):
            xarray_atlas.decode(bare)
    some = image.assign_coords(z=("z", image.z.values, {"units": "mm"}))
    with pytest.raises(UnitsError, match="coordinates 'y', 'x' have no unit"):
        xarray_atlas.decode(some)
    others = xr.DataArray(
        np.ones((3, 1)), {"row": [0.0, 1.0, 2.0], "column": [5]}, ("row", "column")
    )
    with pytest.raises(UnitsError, match="coordinates 'row', 'column' have no unit") as caught:
        xarray_atlas.decode(others)
    decoded = eval(advised(str(caught.value))["um"], {"xarray_atlas": xarray_atlas, "obj": others})
    np.testing.assert_allclose(decoded.row.values, [0, 0.001, 0.002])
    pixels = image.assign_coords(x=image.x.assign_attrs(units="pixel"))
    with pytest.raises(UnitsError, match="'pixel', which is not a unit of length"):
        xarray_atlas.decode(pixels)


def test_decode_has_nothing_to_say_of_other_objects(ds: xr.Dataset) -> None:
    bare = xr.DataArray(np.ones((2, 3)), dims=("a", "b"))
    named = xr.DataArray(np.ones(2), {"group": ["a", "b"]}, "group")
    times = xr.DataArray(np.ones(2), {"time": np.array([0, 1], "datetime64[s]")}, "time")
    seconds = xr.DataArray(np.ones(2), {"time": ("time", [0.0, 1.0], {"units": "s"})}, "time")
    power = ds.atlas.aggregate(xr.concat([ds.annotation * 1.0] * 2, "time")).assign_coords(
        time=[0.0, 0.5]
    )
    for obj in (bare, named, times, seconds):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert xarray_atlas.decode(obj).identical(obj)
    assert xarray_atlas.decode(xarray_atlas.encode(power)).identical(power)


def test_a_unit_that_contradicts_is_an_error(ds: xr.Dataset) -> None:
    encoded = xarray_atlas.encode(ds)
    for obj in (ds, encoded):
        assert xarray_atlas.decode(obj, unit="mm").identical(ds)
        with pytest.raises(UnitsError, match=r"'z' is in um, and its own unit is"):
            xarray_atlas.decode(obj, unit="um")
    for unit in ("mm2", "second", u.s, "pixel", "25 um"):
        with pytest.raises(UnitsError):
            xarray_atlas.decode(plain(ds), unit=unit)
    with pytest.raises(UnitsError, match="unit= names 'w'"):
        xarray_atlas.decode(plain(ds), unit={"w": "mm"})


# -- alignment

COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "a * b": operator.mul,
    "xr.merge": lambda a, b: xr.merge([a.rename("a"), b.rename("b")]),
    "assign": lambda a, b: a.to_dataset(name="a").assign(b=b),
    "xr.align": lambda a, b: xr.align(a, b, join="exact"),
    "where": lambda a, b: a.where(b > 0),
    "np.add": np.add,
    "xr.concat": lambda a, b: xr.concat([a, b], "time"),
}


@pytest.mark.parametrize("how", COMBINE)
@pytest.mark.parametrize("first", ["atlas", "image"])
def test_an_alignment_without_a_unit_names_decode(ds: xr.Dataset, how: str, first: str) -> None:
    mask = ds.atlas.mask("A").drop_vars(
        [n for n in ds.atlas.mask("A").coords if "region" in str(n)]
    )
    pair = (mask, plain(ds)) if first == "atlas" else (plain(ds), mask)
    with pytest.raises(ValueError, match=r"xarray_atlas.decode\(image.*unit=") as caught:
        COMBINE[how](*pair)
    assert "decode" in str(caught.value)[:1500]
    pair = tuple(xarray_atlas.decode(one, unit="mm") for one in pair)
    COMBINE[how](*pair)


@pytest.mark.parametrize("how", ["a * b", "where", "np.add", "xr.align inner", "xr.merge inner"])
@pytest.mark.parametrize("step", [0.025, 0.05, 0.07])
def test_grids_that_cover_each_other_and_share_nothing(
    ds: xr.Dataset, how: str, step: float
) -> None:
    ways = {
        **COMBINE,
        "xr.align inner": lambda a, b: xr.align(a, b, join="inner"),
        "xr.merge inner": lambda a, b: xr.merge([a.rename("a"), b.rename("b")], join="inner"),
    }
    between = 0.012 + step * np.arange(4)
    image = plain(ds).isel(z=slice(4)).assign_coords(z=between)
    image = xarray_atlas.decode(image, unit="mm")
    mask = ds.annotation > 0
    for pair in ((mask, image), (image, mask)):
        with pytest.raises(GridError, match=r"no position in common.*resample_like.*resample\("):
            ways[how](*pair)
    # apart, and merely touching, there is nothing in common
    for start in (5.0, 0.275 + (0.025 + step) / 2):
        apart = image.assign_coords(image.z.copy(data=start + step * np.arange(4)).coords)
        apart = plain(ds).isel(z=slice(4)).assign_coords(z=start + step * np.arange(4))
        assert (xarray_atlas.decode(apart, unit="mm") * mask).size == 0
    assert (mask.isel(z=slice(3)) & mask.isel(z=slice(3, 6))).size == 0


# -- intervals


@pytest.mark.filterwarnings("ignore::pint.errors.UnitStrippedWarning")
@pytest.mark.parametrize("dim", ["z", "x"])
@pytest.mark.parametrize(
    "call",
    ["volume", "area", "spacing", "region_properties", "sel", "interp_like", "aggregate", "mask"],
)
def test_coordinates_of_intervals_are_refused_by_name(ds: xr.Dataset, dim: str, call: str) -> None:
    binned = ds.compute().groupby_bins(dim, bins=[-0.1, 0.06, 0.3]).max()
    axis = {"z": "ap", "x": "ml"}[dim]
    other = {"z": "x", "x": "z"}[dim]
    calls: dict[str, Callable[[], Any]] = {
        "volume": lambda: binned.atlas.volume("A"),
        "area": lambda: binned.isel({other: 0}).atlas.area("A"),
        "spacing": lambda: binned.atlas.spacing,
        "region_properties": lambda: binned.atlas.region_properties("A"),
        "sel": lambda: binned.atlas.sel(**{axis: "0.1 mm"}),
        "interp_like": lambda: ds.rename({dim: f"{dim}_bins"}).atlas.interp_like(binned),
        "aggregate": lambda: ds.atlas.aggregate(binned.annotation),
        "mask": lambda: binned.atlas.volume("A", hemisphere="left"),
    }
    with pytest.raises(AtlasError, match=f"'{dim}_bins' holds intervals"):
        calls[call]()


@pytest.mark.filterwarnings("ignore::pint.errors.UnitStrippedWarning")
def test_the_advice_for_intervals(ds: xr.Dataset) -> None:
    bins = np.arange(7) * 0.05 - 0.01  # between the centres
    obj = ds.compute().groupby_bins("z", bins=bins).max().transpose("z_bins", "y", "x")
    with pytest.raises(GridError) as caught:
        obj.atlas.volume("A")
    advice = re.search(r"obj\.assign_coords\(.*\)", str(caught.value))
    assert advice
    mended = eval(advice[0], {"obj": obj})
    coarse = xarray_atlas.decode(ds.coarsen(z=2).max())
    assert number(mended.atlas.volume("A")) == pytest.approx(number(coarse.atlas.volume("A")))
    np.testing.assert_allclose(xarray_atlas.decode(mended).z_bins.values, coarse.z.values + 0.0025)


# -- places outside


@pytest.mark.parametrize("form", ["decoded", "encoded", "in um", "backwards", "one plane"])
@pytest.mark.parametrize("method", ["nearest", "ffill", "bfill", "pad"])
@pytest.mark.parametrize("place", ["-2 mm", "9 mm", -0.0126, [0.1, 0.3], "288 um"])
def test_the_nearest_plane_to_a_place_outside_is_an_error(
    ds: xr.Dataset, form: str, method: str, place: Any
) -> None:
    obj = {
        "decoded": ds,
        "encoded": xarray_atlas.encode(ds),
        "in um": ds.assign_coords(z=ds.z.pint.to("um")),
        "backwards": ds.isel(z=slice(None, None, -1)),
        "one plane": ds.isel(z=[3]),
    }[form]
    with pytest.raises(GridError, match=r"lies outside of this Dataset, which reaches from .* to"):
        obj.atlas.sel(ap=place, method=method)
    with pytest.raises(GridError, match="outside"):
        obj.annotation.atlas.sel(ap=place, method=method)


def test_places_within_the_outermost_voxels_are_inside(ds: xr.Dataset) -> None:
    for place, found in {"0.11 mm": 0.1, "-0.01 mm": 0, "-12.5 um": 0, "287.5 um": 0.275}.items():
        assert ds.atlas.sel(ap=place, method="nearest").z.item().magnitude == pytest.approx(found)
    # how far away it may be is up to whoever says it
    assert ds.atlas.sel(ap="9 mm", method="nearest", tolerance="9 mm").z.item().m == Z[-1]
    with pytest.raises(KeyError):
        ds.atlas.sel(ap="9 mm", method="nearest", tolerance="1 mm")
    # xarray's own sel is as xarray has it
    assert ds.sel(z="9 mm", method="nearest").z.item().m == Z[-1]


@pytest.mark.parametrize("unit", ["um", "m"])
def test_a_unit_in_attributes_that_a_conversion_left_is_noticed(unit: str) -> None:
    ds = xarray_atlas.open_sample("100 um")
    # numpy's functions make ordinary arrays, whose attributes pint-xarray keeps as they are
    stale = ds.assign_coords(z=np.abs(ds.z).pint.to(unit))
    assert stale.z.attrs["units"] == "mm"
    for call in (lambda: stale.atlas.volume("RSP"), lambda: stale.atlas.spacing):
        with pytest.raises(UnitsError, match="in another unit than its attribute 'units' says"):
            call()
    obj = stale
    attrs = {**obj["z"].attrs, "units": unit}
    obj = obj.assign_coords(z=("z", obj["z"].values, attrs))
    assert obj.atlas.volume("RSP").item().to("mm**3").magnitude == pytest.approx(10.174)
