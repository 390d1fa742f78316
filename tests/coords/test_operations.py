"""Units and hierarchy through every operation of xarray: the rows of ``operations.py``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pint
import pytest
import xarray as xr
from packaging.version import Version
from pint_xarray import PintIndex

import xarray_atlas
from support.operations import OPERATIONS, PART, Operation, Z
from xarray_atlas import AtlasIndex, LengthIndex
from xarray_atlas.errors import AtlasMismatchError, MissingTerminologyError, UnitsError

ureg = pint.get_application_registry()

SOURCE = xarray_atlas.open_sample("100 um").attrs["source"]

OPENERS: dict[str, Callable[[], xr.Dataset]] = {
    "open_atlas": lambda: xarray_atlas.open_atlas(SOURCE, resolution="100 um"),
    "open_dataset": lambda: xr.open_dataset(SOURCE, engine="atlas", resolution="100 um"),
    "open_dataset(chunks={})": lambda: xr.open_dataset(
        SOURCE, engine="atlas", resolution="100 um", chunks={}
    ),
}

_labels = xarray_atlas.open_sample("100 um").annotation.isel(PART).values


@functools.cache
def opened(opener: str, use: str) -> xr.Dataset:
    """A part of the sample, opened once for each use."""
    return OPENERS[opener]().isel(PART)


@functools.cache
def whole_sample() -> xr.Dataset:
    return xarray_atlas.open_sample("100 um")


def make(opener: str, kind: str, use: str = "operations") -> Any:
    """An object of a kind, opened in a way; it shares no variable with any other."""
    ds = opened(opener, use).copy()
    return {
        "dataset": lambda: ds,
        "annotation": lambda: ds["annotation"],
        "mask": lambda: ds.atlas.mask("Isocortex").drop_vars(
            ["region", "region_name", "region_id", "region_parent", "region_depth"]
        ),
    }[kind]()


def make_plain(kind: str) -> Any:
    """The same object with plain float coordinates, made without the package's indexes."""
    coords = {"z": Z, "y": 0.825 + 0.1 * np.arange(10), "x": 5.025 + 0.1 * np.arange(14)}
    array = xr.DataArray(_labels.copy(), coords=coords, dims=("z", "y", "x"), name="annotation")
    if kind == "annotation":
        return array
    if kind == "mask":
        table = whole_sample().atlas.region("Isocortex")
        wanted = [label for node in (table, *table.descendants) for label in node.labels]
        return array.isin(wanted).rename("mask")
    return array.to_dataset()


def values_of(result: Any) -> dict[Any, np.ndarray[Any, Any]]:
    """The data and the lengths of a result, as plain numbers."""
    found = {}
    if isinstance(result, xr.DataArray):
        found["data"] = _plain(result)
    else:
        found.update({name: _plain(v) for name, v in result.data_vars.items()})
    found.update(
        {n: _plain(c) for n, c in result.coords.items() if n in ("z", "y", "x", "depth", "section")}
    )
    return found


def _plain(array: xr.DataArray) -> np.ndarray[Any, Any]:
    data = array.data
    values = np.asarray(data.magnitude if hasattr(data, "magnitude") else array.values)
    return values.astype(float) if values.dtype == object else values  # True, False and NaN


def same_values(result: Any, wanted: Any) -> None:
    assert type(result) is type(wanted)
    assert dict(result.sizes) == dict(wanted.sizes)
    if isinstance(result, xr.DataArray):
        assert result.dims == wanted.dims
    mine, theirs = values_of(result), values_of(wanted)
    assert mine.keys() == theirs.keys()
    for name in mine:
        np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-12, atol=1e-12, err_msg=name)


ROWS = [
    pytest.param(operation, kind, id=f"{operation.name}-{kind}")
    for operation in OPERATIONS
    for kind in operation.kinds
]


@pytest.mark.filterwarnings(
    # plain numbers are what numeric interp asks for; xarray strips the unit itself
    "ignore:The unit of the quantity is stripped:pint.errors.UnitStrippedWarning"
)
@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize(("operation", "kind"), ROWS)
def test_operation(operation: Operation, kind: str, opener: str) -> None:
    obj = make(opener, kind)
    if operation.units == "impossible":
        with pytest.raises((ValueError, TypeError, NotImplementedError)):
            operation.run(obj)
        return
    result = operation.run(obj)
    same_values(result, (operation.plain or operation.run)(make_plain(kind)))
    check_units(result, operation)
    check_hierarchy(result, operation.hierarchy)
    # nothing happened to what it was made from
    untouched = make(opener, kind, use="comparison")
    xr.testing.assert_identical(obj.coords.to_dataset(), untouched.coords.to_dataset())


def check_units(result: Any, operation: Operation) -> None:
    decoded = xarray_atlas.decode(result)
    lengths = [n for n in ("z", "y", "x", "depth") if n in result.coords]
    assert lengths
    for name in lengths:
        coord = result.coords[name]
        if operation.units == "kept":
            assert coord.pint.units == ureg.Unit(operation.unit)
            if name in result.dims:
                assert isinstance(result.xindexes[name], PintIndex)
                if operation.unit == "mm" and "quantify" not in operation.name:
                    assert type(result.xindexes[name]) is LengthIndex
        if operation.unit == "mm" and "quantify().pint" not in operation.name:
            assert coord.attrs["units"] in ("mm", "millimeter")
            assert coord.attrs["direction"]
        if name in decoded.dims and not isinstance(
            decoded.xindexes.get(name), xr.indexes.PandasMultiIndex
        ):
            assert type(decoded.xindexes[name]) is LengthIndex
            assert decoded[name].pint.units == ureg.mm


def check_hierarchy(result: Any, claim: str) -> None:
    whole = whole_sample()
    assert result.atlas.terminology == whole.atlas.terminology
    assert result.atlas.space == whole.atlas.space
    indexes = [i for i in result.xindexes.values() if isinstance(i, AtlasIndex)]
    assert len(indexes) == (1 if claim == "kept" else 0)
    decoded = xarray_atlas.decode(result)
    assert decoded.atlas.terminology == whole.atlas.terminology
    assert any(isinstance(i, AtlasIndex) for i in decoded.xindexes.values())


# -- labels


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("kind", ["dataset", "annotation", "mask"])
@pytest.mark.parametrize(
    "label",
    [
        5 * ureg.second,
        [1, 2] * ureg.kelvin,
        "5 s",
        slice(1 * ureg.second, None),
        slice(None, "3 kg"),
        xr.DataArray([1.0] * ureg.second, dims="z"),
        xr.DataArray(1.0, attrs={"units": "s"}),
        "5",
        "nonsense",
        True,
    ],
    ids=str,
)
def test_a_label_that_is_no_length_is_an_error(opener: str, kind: str, label: Any) -> None:
    with pytest.raises(UnitsError, match="'z'|length"):
        make(opener, kind).sel(z=label)


def test_a_label_that_is_not_there_says_what_is(sample: xr.Dataset) -> None:
    with pytest.raises(
        KeyError, match=r"132 values from 0.025 to 13.125 mm; pass method='nearest'"
    ):
        sample.sel(z="5 mm")
    with pytest.raises(KeyError):
        sample.sel(z=[5.025, np.nan])


def test_quantities_of_another_registry_are_read() -> None:
    other = pint.UnitRegistry()
    ds = make("open_atlas", "dataset")
    xr.testing.assert_identical(ds.sel(z=6.325 * other.mm), ds.isel(z=3))
    xr.testing.assert_identical(ds.sel(z=6325 * other.um), ds.isel(z=3))


@pytest.mark.parametrize("resolution", [0.025, 0.01, 0.1, 0.039])
def test_noise_never_loses_a_plane(resolution: float) -> None:
    """``arange * r`` against literals and against sums, slice ends included."""
    n = 528
    index = LengthIndex.from_variables(
        {"z": xr.Variable("z", resolution * np.arange(n), {"units": "mm"})}, options={}
    )
    coords = xr.Coordinates(index.create_variables(), indexes={"z": index})
    array = xr.DataArray(np.arange(n), coords=coords, dims="z")
    literals = [float(f"{resolution * i:.10g}") for i in range(n)]
    sums = np.cumsum(np.full(n, resolution)) - resolution
    for labels in (literals, sums, [f"{v * 1000:.9g} um" for v in literals]):
        np.testing.assert_array_equal(array.sel(z=list(labels)).values, np.arange(n))
    for i in range(0, n - 5, 7):
        for labels in (literals, sums):
            got = array.sel(z=slice(labels[i], labels[i + 5])).values
            np.testing.assert_array_equal(got, np.arange(i, i + 6))
            got = array.sel(z=slice(labels[i] * ureg.mm, labels[i + 5] * 1000 * ureg.um)).values
            np.testing.assert_array_equal(got, np.arange(i, i + 6))
    noisy = array.assign_coords(
        xr.Coordinates(
            {"z": xr.Variable("z", sums, {"units": "mm"})},
        )
    )
    for join in ("inner", "outer", "left", "right", "exact"):
        a, b = xr.align(array, xarray_atlas.decode(noisy), join=join)
        assert a.sizes == b.sizes == {"z": n}
        np.testing.assert_array_equal(a.values, b.values)


# -- beside objects that do not know about units

# from then on xarray aligns equal coordinates whose indexes are of two kinds; before, that is an
# error, and an image has to be decoded first
ALIGNS_TWO_KINDS = Version(xr.__version__) >= Version("2026.9")


def plain_image(ds: xr.Dataset, unit: str | None = "mm") -> xr.DataArray:
    attrs = {} if unit is None else {"units": unit}
    coords = {d: (d, np.array(ds[d].values), attrs) for d in "zyx"}
    values = np.random.default_rng(0).random(ds.annotation.shape)
    return xr.DataArray(values, coords=coords, dims=("z", "y", "x"), name="image")


COMBINE: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "where": lambda a, b: a.where(b > 0.5),
    "merge": lambda a, b: xr.merge([a.rename("a"), b.rename("b")]),
    "weighted": lambda a, b: a.weighted(b.fillna(0)).mean("x"),
}


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("how", COMBINE)
@pytest.mark.parametrize("first", ["atlas", "image"])
@pytest.mark.parametrize("decoded", [False, True])
def test_an_image_in_mm_on_the_same_grid_combines(
    opener: str, how: str, first: str, decoded: bool
) -> None:
    ds = make(opener, "dataset")
    image = plain_image(ds)
    if decoded:
        image = xarray_atlas.decode(image)
    pair = [ds.annotation, image] if first == "atlas" else [image, ds.annotation]
    bare = [xr.DataArray(np.asarray(p.values), dims=("z", "y", "x"), name=p.name) for p in pair]
    if not decoded and not ALIGNS_TWO_KINDS:
        with pytest.raises(ValueError, match="conflicting"):
            COMBINE[how](*pair)
        return
    result, wanted = COMBINE[how](*pair), COMBINE[how](*bare)
    for name in wanted.data_vars if how == "merge" else [None]:
        got, want = (result, wanted) if name is None else (result[name], wanted[name])
        np.testing.assert_allclose(_plain(got), _plain(want))
    for d in set(result.dims):
        assert result[d].attrs["units"] == "mm"
        np.testing.assert_array_equal(result[d].values, ds[d].values)
    assert type(xarray_atlas.decode(result).xindexes["z"]) is LengthIndex


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("how", COMBINE)
@pytest.mark.parametrize("first", ["atlas", "image"])
@pytest.mark.parametrize("fault", ["extent", "unit", "no unit", "half a voxel"])
def test_another_grid_is_an_error_and_never_joined(
    opener: str, how: str, first: str, fault: str
) -> None:
    ds = make(opener, "dataset")
    image = {
        "extent": lambda: plain_image(ds).isel(z=slice(2, 8)),
        "unit": lambda: plain_image(ds, "um"),
        "no unit": lambda: plain_image(ds, None),
        "half a voxel": lambda: plain_image(ds).assign_coords(
            z=("z", ds.z.values + 0.05, {"units": "mm"})
        ),
    }[fault]()
    pair = [ds.annotation, image] if first == "atlas" else [image, ds.annotation]
    with pytest.raises(ValueError, match="conflicting|cannot align"):
        COMBINE[how](*pair)


# ways to combine that xarray implements apart from each other: none may join silently
OTHER_WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "xr.align(join='exact')": lambda a, b: xr.align(a, b, join="exact")[1],
    "xr.align(join='outer')": lambda a, b: xr.align(a, b, join="outer")[1],
    "xr.concat(dim='sample')": lambda a, b: xr.concat(
        [a.rename("v"), b.rename("v")], dim="sample", join="outer"
    ),
    "xr.broadcast": lambda a, b: xr.broadcast(a, b)[0],
    "xr.where": lambda a, b: xr.where(a > 2, a, b),
    "xr.dot": lambda a, b: xr.dot(a, b, dim="x"),
    "xr.corr": lambda a, b: xr.corr(a, b, dim="x"),
    "xr.Dataset": lambda a, b: xr.Dataset({"a": a, "b": b}),
    "np.add": np.add,
    "a == b": lambda a, b: a == b,
    "a.fillna(b)": lambda a, b: a.fillna(b),
    "a.combine_first(b)": lambda a, b: a.combine_first(b),
    "a.broadcast_like(b)": lambda a, b: a.broadcast_like(b),
    "a.reindex_like(b)": lambda a, b: a.reindex_like(b),
    "ds.merge": lambda a, b: a.to_dataset(name="a").merge(b.to_dataset(name="b")),
    "ds.assign": lambda a, b: a.to_dataset(name="a").assign(b=b),
    "ds['b'] = b": lambda a, b: _with_item(a.to_dataset(name="a"), b),
    "xr.combine_by_coords": lambda a, b: xr.combine_by_coords(
        [a.to_dataset(name="a"), b.to_dataset(name="b")]
    ),
}


def _with_item(ds: xr.Dataset, b: xr.DataArray) -> xr.Dataset:
    ds["b"] = b
    return ds


@pytest.mark.parametrize("how", OTHER_WAYS)
@pytest.mark.parametrize("first", ["atlas", "image"])
def test_no_way_to_combine_takes_another_unit_for_mm(how: str, first: str) -> None:
    ds = make("open_dataset", "dataset").load()
    for unit in ("mm", "um", None):
        image = plain_image(ds, unit)
        a = ds.annotation.astype(float)
        pair = (a, image) if first == "atlas" else (image, a)
        if unit in ("um", None) or not ALIGNS_TWO_KINDS:
            with pytest.raises(ValueError, match="conflicting|cannot align"):
                OTHER_WAYS[how](*pair)
        else:
            result = OTHER_WAYS[how](*pair)
            assert ureg.Unit(result.z.attrs["units"]) == ureg.mm
            np.testing.assert_array_equal(result.z.values, ds.z.values)


def test_mixed_coordinates_are_not_concatenated() -> None:
    ds = make("open_dataset", "dataset").load()
    image = plain_image(ds).rename("annotation")
    error, says = (UnitsError, "decode") if ALIGNS_TWO_KINDS else (ValueError, "conflicting")
    with pytest.raises(error, match=says):
        xr.concat([ds.annotation, image], dim="z")


def test_decode_mends_an_image_in_um(sample: xr.Dataset) -> None:
    ds = sample.isel(PART)
    image = plain_image(ds).assign_coords(
        {d: (d, ds[d].values * 1000, {"units": "um"}) for d in "zyx"}
    )
    decoded = xarray_atlas.decode(image)
    assert decoded.z.pint.units == ureg.mm
    total = ds.annotation + decoded
    assert type(total.xindexes["z"]) is LengthIndex
    np.testing.assert_allclose(total.values, ds.annotation.values + image.values)
    # part of the grid: joined by the labels, as xarray joins
    part = xarray_atlas.decode(image.isel(z=slice(2, 8)))
    assert (ds.annotation + part).sizes["z"] == 6


# -- arithmetic on the coordinates themselves


@pytest.mark.parametrize("opener", OPENERS)
def test_attrs_of_products_are_not_stale(opener: str) -> None:
    ds = make(opener, "dataset")
    for result, unit in [
        (ds.z * ds.y, "mm ** 2"),
        (ds.z**2, "mm ** 2"),
        (ds.z * ds.y * ds.x, "mm ** 3"),
        (ds.z + ds.z, "mm"),
        (ds.z.mean(), "mm"),
        (ds.z.var(), "mm ** 2"),
        (ds.z / (2 * ureg.s), "mm / s"),
        ((ds.z + ds.z) * ds.z, "mm ** 2"),
        (ds.z * (ds.z + ds.z), "mm ** 2"),
        ((ds.z + ds.z) * (ds.z + ds.z), "mm ** 2"),
        (ds.z.mean() / ds.z, ""),
        (ds.z.mean() - ds.z, "mm"),
    ]:
        assert result.pint.units == ureg.Unit(unit)
        # the attribute follows the unit of what is computed
        assert result.attrs.get("units") == (unit or None)
        assert result.pint.dequantify().attrs["units"] == f"{ureg.Unit(unit)}"
    for result in (-ds.z, abs(ds.z), ds.z.round(1)):
        assert result.pint.units == ureg.mm
        assert result.attrs["units"] == "mm"
    for result in (ds.z > 6.3 * ureg.mm, ds.z.count(), ds.z.argmax("z")):
        assert "units" not in result.attrs
    np.testing.assert_allclose((ds.z.mean() - ds.z).pint.magnitude, Z.mean() - Z)
    np.testing.assert_allclose((2 / ds.z).pint.magnitude, 2 / Z)
    for result, wanted in [
        (5 * ureg.mm - ds.z, (5 - Z) * ureg.mm),
        (50 * ureg.um + ds.z, (0.05 + Z) * ureg.mm),
        ((2 * ureg.mm) * ds.z, 2 * Z * ureg.mm**2),
        ((2 * ureg.mm) / ds.z, 2 / Z * ureg.dimensionless),
    ]:
        repr(result)
        np.testing.assert_allclose(result.data.to(wanted.units).magnitude, wanted.magnitude)
    np.testing.assert_allclose((ds.z * ds.y).pint.magnitude, np.outer(ds.z.values, ds.y.values))
    assert ds.z.attrs["units"] == "mm"


@pytest.mark.parametrize("opener", OPENERS)
def test_values_and_plots_do_not_warn(opener: str) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    ds = make(opener, "dataset")
    np.testing.assert_allclose(ds.z.values, Z)
    np.testing.assert_allclose(np.asarray(ds.indexes["z"]), Z)
    drawn = ds.annotation.isel(x=3).plot()
    assert drawn.axes.get_ylabel() == "z [millimeter]"
    assert drawn.axes.get_xlabel() == "y [millimeter]"
    np.testing.assert_allclose(drawn.get_coordinates()[:, 0, 1].min(), Z[0] - 0.05)
    plt.close("all")
    (line,) = ds.annotation.isel(x=3, y=4).plot()
    np.testing.assert_allclose(line.get_xdata(), Z)
    plt.close("all")
    ds.z.plot()
    plt.close("all")


@pytest.mark.parametrize("opener", OPENERS)
def test_to_dataframe_has_millimetres(opener: str) -> None:
    ds = make(opener, "dataset")
    frame = ds.to_dataframe()
    np.testing.assert_allclose(frame.index.get_level_values("z").unique(), Z)
    assert len(frame) == ds.annotation.size
    np.testing.assert_array_equal(frame["annotation"].to_numpy(), _labels.ravel())
    back = frame[["annotation"]].to_xarray()
    np.testing.assert_array_equal(back["annotation"].values, _labels)


def test_a_copy_of_a_coordinate_with_other_numbers_is_no_length(sample: xr.Dataset) -> None:
    codes = sample.z.copy(data=np.arange(sample.sizes["z"]))  # as groupby numbers its groups
    assert type(codes.variable) is xr.Variable
    assert type(codes.data) is np.ndarray
    assert codes.dtype == np.int64
    assert codes.attrs == sample.z.attrs
    assert codes.z.identical(sample.z)


@pytest.mark.parametrize("chunks", [None, {"z": 7, "y": 9}])
def test_grouping_by_a_coordinate_with_flox(sample: xr.Dataset, chunks: Any) -> None:
    pytest.importorskip("flox")
    labels = sample.annotation[20:60]
    values = labels.values
    labels = labels.load() if chunks is None else labels.chunk(chunks)
    found = labels.groupby("z").max(...)
    np.testing.assert_array_equal(found, values.max((1, 2)))
    np.testing.assert_allclose(found.z.values, 0.1 * np.arange(20, 60) + 0.025)
    columns = labels.groupby("x").mean("y")
    np.testing.assert_allclose(columns, values.mean(1))
    assert found.z.attrs["units"] == "mm"
    assert found.atlas.terminology == columns.atlas.terminology == sample.atlas.terminology


def test_coordinates_cannot_be_written_to(sample: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="assign_coords"):
        sample.z.variable.data = np.zeros(132)
    with pytest.raises(ValueError, match="read-only"):
        sample.z.values[0] = 1.0


# -- the hierarchy


def test_a_write_after_aliasing_keeps_the_table(sample: xr.Dataset, tmp_path: Any) -> None:
    ds = sample.isel(PART)
    first = xr.where(ds.annotation > 2, 1, 0)  # empties the attrs of the shared variable
    assert first.atlas.terminology == sample.atlas.terminology
    ds.to_zarr(tmp_path / "a.zarr", consolidated=False)
    reopened = xr.open_zarr(tmp_path / "a.zarr", consolidated=False)
    assert reopened.atlas.volume("root").item() == ds.atlas.volume("root").item()
    with xr.set_options(keep_attrs=False):
        xr.where(ds.annotation > 2, ds.annotation, 0)
    ds.to_netcdf(tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc") as again:
        assert again.atlas.terminology == sample.atlas.terminology


@pytest.mark.parametrize("engine", ["zarr2", "zarr3", "h5netcdf", "netcdf4", "scipy"])
@pytest.mark.parametrize("opener", OPENERS)
def test_decode_makes_a_reopened_file_equal_to_what_was_written(
    opener: str, engine: str, tmp_path: Any
) -> None:
    ds = make(opener, "dataset")
    path = tmp_path / "written"
    if engine.startswith("zarr"):
        ds.to_zarr(path, zarr_format=int(engine[-1]), consolidated=False)
        reopened = xr.open_zarr(path, consolidated=False).load()
        through_engine = xr.open_dataset(path, engine="atlas").load()
    else:
        ds.to_netcdf(path, engine=engine)
        with xr.open_dataset(path, engine=engine) as file:
            reopened = file.load()
        with xr.open_dataset(path, engine="atlas") as file:
            through_engine = file.load()
    assert reopened.atlas.region("RSP").id == 254
    assert int(reopened.atlas.mask("Isocortex").sum()) == int(ds.atlas.mask("Isocortex").sum())
    xr.testing.assert_equal(xarray_atlas.decode(reopened), ds)
    for again in (xarray_atlas.decode(reopened), through_engine):
        assert again.z.attrs == ds.z.attrs
        assert again.terminology.attrs == ds.terminology.attrs
        assert again.atlas.space == ds.atlas.space
        assert again.xindexes["terminology"].equals(ds.xindexes["terminology"])
        assert type(again.xindexes["z"]) is LengthIndex
        if engine != "scipy":  # netCDF 3 has no unsigned integers
            xr.testing.assert_identical(again, ds.load())


def other_atlas(ds: xr.Dataset) -> xr.Dataset:
    table = ds.atlas.regions.head(3)
    text = xarray_atlas.Terminology.from_csv(
        __import__("io").StringIO(
            "identifier,parent_identifier,annotation_value,name,abbreviation\n"
            + "".join(f"{r.id},{'' if i == 0 else table.id[0]},{r.id},{r.name_},{r.acronym}\n"
                      for i, r in enumerate(table.rename(columns={"name": "name_"}).itertuples()))
        )
    )  # fmt: skip
    index = AtlasIndex(text, ds.atlas.space)
    return ds.drop_vars("terminology").assign_coords(
        xr.Coordinates(index.create_variables(), indexes={"terminology": index})
    )


@pytest.mark.parametrize("kind", ["dataset", "annotation"])
def test_two_atlases_do_not_combine(kind: str) -> None:
    mine = make("open_atlas", "dataset")
    theirs = other_atlas(mine)
    a, b = (mine, theirs) if kind == "dataset" else (mine.annotation, theirs.annotation)
    assert int(a.terminology) != int(b.terminology)
    for combine in (
        lambda: a + b,
        lambda: xr.align(a, b),
        lambda: xr.align(a, b, join="outer"),
        lambda: xr.merge([a, b], join="outer", compat="override"),
        lambda: xr.concat([a, b], dim="z", join="outer"),
        lambda: a.where(b > 0),
        lambda: a.reindex_like(b),
    ):
        with pytest.raises(AtlasMismatchError, match="two different atlases"):
            combine()
    with pytest.raises(xr.AlignmentError):
        xr.align(a, b, join="exact")
    assert not a.equals(b)
    # what the error says to do works
    assert (a + b.drop_vars("terminology")).atlas.terminology == mine.atlas.terminology


def test_an_index_that_contradicts_its_attrs_is_an_error(sample: xr.Dataset) -> None:
    other = other_atlas(sample)
    changed = sample.copy()
    changed["terminology"].attrs.update(other["terminology"].attrs)
    with pytest.raises(AtlasMismatchError, match="say otherwise"):
        changed.atlas.mask("RSP")
    contradicting = xr.Coordinates(
        {"terminology": other["terminology"].variable.to_base_variable()},
        indexes={"terminology": sample.xindexes["terminology"]},
    )
    mixed = sample.drop_vars("terminology").assign_coords(contradicting)
    with pytest.raises(AtlasMismatchError, match="say otherwise"):
        mixed.atlas.volume("RSP")
    encoded = sample.atlas.encode()
    encoded["terminology"].attrs["space"] = (
        encoded["terminology"].attrs["space"].replace("asr", "asl")
    )
    with pytest.raises(AtlasMismatchError, match="fingerprint"):
        encoded.atlas.volume("RSP")


def test_without_a_hierarchy_the_error_names_the_mend(sample: xr.Dataset) -> None:
    image = xr.DataArray(np.zeros((2, 2), int), dims=("z", "y"))
    with pytest.raises(MissingTerminologyError, match="open_atlas"):
        image.atlas.mask("RSP")
    with pytest.raises(MissingTerminologyError, match="open_atlas"):
        image.to_dataset(name="annotation").atlas.tree  # noqa: B018
    lost = sample.annotation.drop_vars("terminology")
    with pytest.raises(MissingTerminologyError) as caught:
        lost.atlas.mask("RSP")
    # the call that the error names
    assert "obj.assign_coords(atlas[['terminology']].coords)" in str(caught.value)
    mended = lost.assign_coords(sample[["terminology"]].coords)
    assert int(mended.atlas.mask("RSP").sum()) == 10174


def test_the_carrier_may_be_renamed(sample: xr.Dataset) -> None:
    renamed = sample.rename(terminology="allen")
    assert int(renamed.annotation.atlas.mask("RSP").sum()) == 10174
    assert int(renamed.atlas.encode().annotation.atlas.mask("RSP").sum()) == 10174


def test_slices_share_one_terminology_and_its_tree(sample: xr.Dataset) -> None:
    assert sample.isel(z=0).annotation.atlas.tree is sample.atlas.tree
    assert sample.copy(deep=True).atlas.terminology is sample.atlas.terminology
    encoded = sample.atlas.encode()
    assert encoded.atlas.tree is encoded.isel(z=0).annotation.atlas.tree
