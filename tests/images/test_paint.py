"""Values of regions on the grid: against a loop over voxels, and back again."""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pint
import pint_xarray  # noqa: F401  # the .pint accessor
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import Counted, examples, make_atlas, make_terminology, no_compute
from xarray_atlas.errors import (
    AmbiguousRegionError,
    GridError,
    HemisphereError,
    RegionNotFoundError,
    UnitsError,
)

SIZE = (0.1, 0.2, 0.4)
PARENTS = [-1, 0, 0, 2, -1]

ureg = pint.get_application_registry()


@pytest.fixture
def small():
    """R0 holds R1 and R2, R2 holds R3; R4 is a root of its own, without a voxel."""
    labels = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 4, 77], "uint32"), (6, 5, 4))
    return make_atlas(labels, make_terminology(PARENTS), SIZE)


# -- numbers


@given(st.data())
@settings(max_examples=80)
def test_agrees_with_a_loop_over_voxels(data):
    example = data.draw(examples())
    n = len(example.parents)
    chosen = data.draw(st.lists(st.integers(0, n - 1), unique=True))
    side = data.draw(st.sampled_from([None, "left", "right"]))
    atlas = example.atlas
    if data.draw(st.booleans()):
        atlas = xarray_atlas.encode(atlas)
    values = pd.Series({f"R{i}": 10.0 + i for i in chosen}, dtype=float)
    given_values = values
    if side is not None:
        given_values = xr.DataArray(
            values.to_numpy(), {"region": values.index.to_numpy(object)}, ["region"]
        )
        given_values = given_values.assign_coords(hemisphere=side)
    with dask.config.set(scheduler="synchronous"):
        painted = atlas.atlas.paint(given_values, fill=-1.0)
        assert (painted.chunks is None) == (example.chunks is None)
        painted = painted.compute()
    assert painted.dims == ("z", "y", "x")
    assert "terminology" in painted.coords
    on_side = np.ones(example.labels.shape, bool)
    if side is not None:
        on_side = (
            sum((example.mask(i, side=side).values for i in range(n)), start=np.zeros_like(on_side))
            > 0
        )
    for index in np.ndindex(example.labels.shape):
        label = int(example.labels[index])
        specific = []
        for region in range(n):
            up, steps = region, 0
            while up >= 0 and up not in chosen:
                up, steps = example.parents[up], steps + 1
            if label in example.own[region] and up >= 0:
                depth, above = 0, up
                while example.parents[above] >= 0:
                    above, depth = example.parents[above], depth + 1
                specific.append((depth, 10.0 + up))
        if not specific or not on_side[index]:
            assert painted.values[index] == -1
        else:
            deepest = max(depth for depth, _ in specific)
            assert painted.values[index] in [v for depth, v in specific if depth == deepest]


@given(st.data())
@settings(max_examples=60)
def test_aggregating_what_was_painted_gives_it_back(data):
    example = data.draw(examples())
    own = [labels[:1] for labels in example.own]  # no label of two regions
    own = [ls if ls and all(ls != other for other in own[:i]) else [] for i, ls in enumerate(own)]
    example.own = own if any(own) else [[1], *[[] for _ in own[1:]]]
    sides = data.draw(st.sampled_from([None, ["left", "right"], "left"]))
    frames = data.draw(st.sampled_from([(), (3,)]))
    atlas = example.atlas
    with dask.config.set(scheduler="synchronous"):
        image = atlas.annotation.astype(float)
        image = image.expand_dims(time=3) if frames else image
        names = atlas.atlas.aggregate(image, hemisphere=sides, direct=True).compute()
        values = names.copy(data=np.random.default_rng(0).standard_normal(names.shape))
        painted = atlas.atlas.paint(values)
        assert painted.dims == ("time",) * len(frames) + ("z", "y", "x")
        back = atlas.atlas.aggregate(painted, hemisphere=sides, direct=True).compute()
    np.testing.assert_allclose(back, values.where(names.voxels > 0), rtol=1e-12)


def test_the_most_specific_region_wins(small):
    labels = small.annotation.values
    painted = small.atlas.paint({"R0": 1, "R2": 2}, fill=0)
    expected = np.select([np.isin(labels, [3, 4]), np.isin(labels, [1, 2])], [2, 1], 0)
    np.testing.assert_array_equal(painted, expected)
    named = small.atlas.paint(pd.Series({"region 2": 2, 100: 1}), fill=0)
    np.testing.assert_array_equal(named, expected)
    nodes = small.atlas.paint({small.atlas.region("R2"): 2, small.atlas.region("R0"): 1}, fill=0)
    np.testing.assert_array_equal(nodes, expected)
    # a value that is missing stays so: the ancestor's is not put in its place
    missing = small.atlas.paint({"R0": 1.0, "R2": np.nan})
    assert np.isnan(missing.values[np.isin(labels, [0, 77, 3, 4])]).all()


def test_results_for_a_level_and_for_all_regions_are_painted_alike(sample):
    image = xr.DataArray(
        np.random.default_rng(0).standard_normal(sample.annotation.shape),
        coords={d: sample[d] for d in "zyx"}, dims=("z", "y", "x"), name="power",
    )  # fmt: skip
    level = sample.atlas.aggregate(image, level=5)
    painted = sample.atlas.paint(level)
    again = sample.atlas.aggregate(painted.compute(), level=5)
    np.testing.assert_allclose(again, level)
    assert painted.name == "power"
    direct = sample.atlas.paint(sample.atlas.aggregate(image, direct=True)).compute()
    mask = sample.atlas.mask("RSPd5", direct=True).values
    np.testing.assert_allclose(direct.values[mask], image.values[mask].mean())
    held = np.isin(sample.annotation, sample.atlas.terminology.labels)
    assert (np.isnan(direct.values) == ~held).all()


def test_sides(small):
    volumes = small.atlas.aggregate(
        xr.ones_like(small.annotation, float).drop_vars("terminology"),
        ["R0", "R1"], "sum", hemisphere=["right", "left"],
    )  # fmt: skip
    painted = small.atlas.paint(volumes)
    for region in ("R0", "R1"):
        for side in ("left", "right"):
            mask = small.atlas.mask(region, hemisphere=side, direct=True).values
            assert set(painted.values[mask]) == {float(volumes.sel(region=region, hemisphere=side))}
    one = small.atlas.paint(volumes.sel(hemisphere="left"), fill=-1)
    right = small.atlas.mask("R0", hemisphere="right").values
    assert (one.values[right] == -1).all()
    # as a table of pandas has it
    table = small.atlas.paint(volumes.to_series())
    np.testing.assert_array_equal(table, painted)
    values = np.random.default_rng(3).integers(1, 3, small.annotation.shape).astype("u1")
    ds = small.assign(hemispheres=(("z", "y", "x"), values)).chunk(z=2, y=2)
    own = ds.atlas.paint(volumes).compute()
    mask = small.atlas.mask("R1").values & (values == 2)
    assert set(own.values[mask]) == {float(volumes.sel(region="R1", hemisphere="right"))}


@pytest.mark.parametrize(
    ("dtype", "fill", "expected"),
    [
        ("f4", np.nan, "f4"), ("f8", 0, "f8"), ("f4", 0.5, "f4"), ("i8", np.nan, "f8"),
        ("u1", np.nan, "f4"), ("i4", np.nan, "f8"), ("i8", 0, "i8"), ("u1", 0, "u1"),
        ("u1", -1, "i2"), ("u1", 1000, "u2"), ("?", False, "?"), ("?", np.nan, "f4"),
        ("?", 2, "u1"), ("i4", True, "i4"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("chunks", [None, {"z": 2}])
def test_types(small, dtype, fill, expected, chunks):
    values = xr.DataArray(np.ones(5, dtype), {"region": [f"R{i}" for i in range(5)]}, ["region"])
    atlas = small if chunks is None else small.chunk(chunks)
    painted = atlas.atlas.paint(values, fill)
    assert painted.dtype == np.dtype(expected)
    assert painted.compute().dtype == np.dtype(expected)
    np.testing.assert_array_equal(painted.values[small.annotation.values == 0], fill)
    assert (painted.values[small.annotation.values == 1] == 1).all()


@pytest.mark.parametrize("chunks", [None, {"z": 2}])
def test_units_and_names(small, chunks):
    atlas = small if chunks is None else small.chunk(chunks)
    volumes = small.atlas.volume(direct=True)
    painted = atlas.atlas.paint(volumes, fill=ureg.Quantity(5.0, "um**3"))
    assert painted.pint.units == ureg.Unit("mm**3")
    assert painted.name == "volume"
    numbers = painted.compute().pint.magnitude
    np.testing.assert_allclose(numbers[small.annotation.values == 0], 5e-9)
    own = volumes.pint.magnitude[2]
    np.testing.assert_allclose(numbers[small.annotation.values == 3], own)
    plain = volumes.pint.dequantify()
    told = atlas.atlas.paint(plain, fill=ureg.Quantity(5.0, "um**3"))
    assert ureg.Unit(told.attrs["units"]) == ureg.Unit("mm**3")
    np.testing.assert_allclose(told.compute(), numbers)
    assert "voxel_size" not in told.attrs
    assert list(told.coords) == ["z", "y", "x", "terminology"]
    assert atlas.atlas.paint(pd.Series({"R0": 1.0}, name="weight")).name == "weight"


def test_further_dimensions_stay_where_they_are(small):
    rng = np.random.default_rng(0)
    values = xr.DataArray(
        rng.standard_normal((3, 5, 2)), dims=("time", "region", "channel"),
        coords={"region": [f"R{i}" for i in range(5)], "time": [0.0, 0.5, 1.0], "trial": ("time", [1, 1, 2])},
    )  # fmt: skip
    for given_values in (values, values.chunk(time=2), values.chunk(region=2)):
        for atlas in (small, small.chunk(y=2)):
            painted = atlas.atlas.paint(given_values)
            assert painted.dims == ("time", "z", "y", "x", "channel")
            assert {"trial", "time", "z", "terminology"} <= set(painted.coords)
            computed = painted.compute()
            for label in (1, 3):
                own = computed.values[:, small.annotation.values == label]
                expected = values.isel(region=label - 1).values[:, None]
                np.testing.assert_array_equal(own, np.broadcast_to(expected, own.shape))
    with dask.config.set({"array.chunk-size": "1 kB"}):
        assert max(small.chunk(y=2).atlas.paint(values).data.chunks[0]) < 3
    plane = small.isel(z=2).atlas.paint(values)
    np.testing.assert_array_equal(plane, painted.isel(z=2))
    alone = small.atlas.paint(values.isel(region=0))
    assert alone.dims == ("time", "channel", "z", "y", "x")
    own = alone.values[..., small.annotation.values == 1]
    np.testing.assert_array_equal(own, np.broadcast_to(values[:, 0].values[..., None], own.shape))


# -- laziness


@pytest.mark.version_independent
def test_building_reads_nothing(small, monkeypatch):
    labels = Counted(small.annotation.values)
    atlas = make_atlas(labels.dask((4, 3, 4)), make_terminology(PARENTS), SIZE)
    monkeypatch.setattr("xarray_atlas.images.paint.SLAB", 24)
    with dask.config.set(scheduler=no_compute):
        painted = atlas.atlas.paint({"R0": 1.0, "R3": 2.0})
    assert isinstance(painted.data, da.Array)
    assert painted.chunks == ((2, 2, 2), (3, 2), (4,))
    assert not labels.reads
    with dask.config.set(scheduler="synchronous"):
        plane = painted.isel(z=5).compute()
        # the chunks of the plane, and no other
        assert len(labels.reads) == 2
        np.testing.assert_array_equal(plane, small.atlas.paint({"R0": 1.0, "R3": 2.0}).isel(z=5))
    # values that are lazy themselves
    lazy = xr.DataArray(
        da.ones((5,), chunks=2), {"region": [f"R{i}" for i in range(5)]}, ["region"]
    )
    with dask.config.set(scheduler=no_compute):
        painted = small.atlas.paint(lazy)
    np.testing.assert_array_equal(painted.notnull(), np.isin(small.annotation, [1, 2, 3, 4]))


# -- errors


def test_quantities_one_by_one_keep_their_unit(small):
    volumes = small.atlas.volume(["R1", "R2"])
    expected = small.atlas.paint(volumes)
    each = {name: volumes.sel(region=name) for name in ("R1", "R2")}
    as_quantities = {name: one.item().to("um**3") for name, one in each.items()}
    for values in (each, as_quantities, pd.Series(as_quantities, dtype=object)):
        painted = small.atlas.paint(values)
        np.testing.assert_allclose(painted.pint.to("mm**3").pint.magnitude, expected.pint.magnitude)
        assert painted.pint.units.is_compatible_with("mm**3")
    with pytest.raises(UnitsError, match="some have none"):
        small.atlas.paint({"R1": ureg.Quantity(1.0, "mm"), "R2": 2.0})
    with pytest.raises(pint.DimensionalityError):
        small.atlas.paint({"R1": ureg.Quantity(1.0, "mm"), "R2": ureg.Quantity(1.0, "s")})


def test_errors(small):
    areas = xr.DataArray([1.0], {"region": ("area", ["R1"])}, ["area"])
    with pytest.raises(ValueError, match=r"dimension 'area'; .*swap_dims\(area='region'\)"):
        small.atlas.paint(areas)
    assert small.atlas.paint(areas.swap_dims(area="region")).dims == ("z", "y", "x")
    with pytest.raises(RegionNotFoundError, match="no region 'R9'"):
        small.atlas.paint({"R9": 1.0})
    with pytest.raises(ValueError, match="region 'R1' is given twice, as 'R1' and 101"):
        small.atlas.paint({"R1": 1.0, 101: 2.0})
    with pytest.raises(TypeError, match="DataFrame .* one of its columns"):
        small.atlas.paint(pd.DataFrame({"volume": [1.0]}, index=["R1"]))
    with pytest.raises(TypeError, match="Dataset .* one of its variables"):
        small.atlas.paint(xr.Dataset())
    with pytest.raises(TypeError, match="values of type ndarray do not say which region"):
        small.atlas.paint(np.ones(5))
    with pytest.raises(ValueError, match="no coordinate 'region'"):
        small.atlas.paint(xr.DataArray(np.ones(5), dims="region"))
    with pytest.raises(TypeError, match="numbers or booleans can be painted"):
        small.atlas.paint(pd.Series({"R1": "a"}))
    with pytest.raises(GridError, match="dimension 'z', as the grid has"):
        small.atlas.paint(xr.DataArray(np.ones((1, 2)), {"region": ["R1"]}, ["region", "z"]))
    with pytest.raises(TypeError, match="fill is 'x'"):
        small.atlas.paint({"R1": 1.0}, fill="x")
    with pytest.raises(TypeError, match="no integer type holds uint64 and fill=-1"):
        small.atlas.paint(pd.Series({"R1": 1}, dtype="u8"), fill=-1)
    with pytest.raises(UnitsError, match="the values have no unit"):
        small.atlas.paint({"R1": 1.0}, fill=ureg.Quantity(1.0, "mm"))
    sided = xr.DataArray(np.ones((1, 2)), {"region": ["R1"]}, ["region", "hemisphere"])
    with pytest.raises(ValueError, match="no coordinate that names sides"):
        small.atlas.paint(sided)
    with pytest.raises(HemisphereError, match="'top'"):
        small.atlas.paint(sided.assign_coords(hemisphere=["left", "top"]))
    with pytest.raises(ValueError, match="a side is given twice"):
        small.atlas.paint(sided.assign_coords(hemisphere=["left", "left"]))


def test_acronyms_that_are_shared():
    terminology = xarray_atlas.Terminology.from_dataframe(
        pd.DataFrame(
            {
                "identifier": ["1", "2", "3"], "parent_identifier": ["", "1", "1"],
                "annotation_value": ["1", "2", "3"], "name": ["root", "one", "other"],
                "abbreviation": ["root", "A", "A"],
            }
        ),
        name="shared",
    )  # fmt: skip
    atlas = make_atlas(np.array([1, 2, 3], "u1").reshape(3, 1, 1), terminology, (1.0, 1.0, 1.0))
    volumes = atlas.atlas.volume(direct=True) * np.array([1, 2, 3])
    assert atlas.atlas.paint(volumes).pint.magnitude.ravel().tolist() == [1, 2, 3]
    with pytest.raises(AmbiguousRegionError):
        atlas.atlas.paint({"A": 1.0})
