"""Counts and densities against pandas and voxel-by-voxel truth."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import Counted, examples, make_atlas, make_terminology
from xarray_atlas.errors import AtlasMismatchError, GridError, PointsError, UnitsError

pytestmark = [
    pytest.mark.version_independent,
    # labels that are noise have background everywhere; the warning has tests of its own
    pytest.mark.filterwarnings("ignore:.*points lie outside of the brain"),
]

SIZE = (0.1, 0.2, 0.4)
VOXEL = 0.1 * 0.2 * 0.4


@pytest.fixture
def small():
    """R0 holds R1 and R2, R2 holds R3; label 77 is of no region."""
    terminology = make_terminology([-1, 0, 0, 2])
    labels = np.random.default_rng(0).choice(np.array([0, 1, 2, 3, 4, 77], "uint32"), (6, 5, 4))
    return make_atlas(labels, terminology, SIZE)


def cells(shape, n=300, seed=1, size=SIZE):
    """Cells of three animals and two channels, some outside, and the voxel of each."""
    rng = np.random.default_rng(seed)
    at = np.stack([rng.integers(0, m, n) for m in shape], 1)
    at[::7, 0] = rng.choice([-1, shape[0]], len(at[::7]))
    table = pd.DataFrame(at * np.array(size), columns=["z", "y", "x"])
    table["animal"] = rng.choice(["m3", "m1", "m2"], n)
    table["channel"] = rng.choice([488, 561], n)
    table["group"] = table.animal.map({"m1": "case", "m2": "control", "m3": "case"})
    return table, at, ((at >= 0) & (at < shape)).all(1)


@given(st.data())
@settings(max_examples=50)
@pytest.mark.filterwarnings("ignore:.*points lie outside")
def test_agrees_with_brute_force(data):
    example = data.draw(examples())
    atlas = example.atlas
    table, at, inside = cells(example.labels.shape, data.draw(st.integers(0, 30)), 2, example.size)
    table[["z", "y", "x"]] += [0.3, -1.0, 5.0]
    by = data.draw(st.sampled_from([None, "animal", ["channel", "animal"]]))
    side = data.draw(st.sampled_from([None, "left", ["right", "left"]]))
    found = atlas.atlas.count_points(table, by, hemisphere=side, unit="mm", frame="dataset")
    names = [by] if isinstance(by, str) else by or []
    for region in range(len(example.parents)):
        for which in [side] if not isinstance(side, list) else side:
            mask = example.mask(region, side=which).values
            held = np.zeros(len(table), bool)
            held[inside] = mask[tuple(at[inside].T)]
            one = found["count"].isel(region=region)
            one = one.sel(hemisphere=which) if isinstance(side, list) else one
            expected = Counter(map(tuple, table.loc[held, names].to_numpy(object).tolist()))
            for key in np.ndindex(one.shape):
                labels = tuple(one[n].values[k] for n, k in zip(names, key, strict=True))
                assert one.values[key] == expected[labels]
            volume = found.volume.isel(region=region)
            volume = volume.sel(hemisphere=which) if isinstance(side, list) else volume
            np.testing.assert_allclose(volume.values, mask.sum() * np.prod(example.size))
    assert total(found, atlas) in (len(table), None)
    with np.errstate(invalid="ignore"):
        density = found["count"].values / np.expand_dims(
            found.volume.values, tuple(range(found.volume.ndim, found["count"].ndim))
        )
    np.testing.assert_allclose(found.density.values, density)


def total(found, atlas):
    """All points, of which none is lost: those of roots, whose labels may be shared, and others."""
    terminology = atlas.atlas.terminology
    roots = [terminology.distinct_acronyms[r.position] for r in terminology.roots]
    count = int(found["count"].sel(region=roots).sum())
    if len(roots) > 1:
        sets = [set(terminology.labels_of(r.position).tolist()) for r in terminology.roots]
        if sum(map(len, sets)) != len(set().union(*sets)):
            return None  # a point of two roots counts in both
    others = ["background", "unknown_label", "outside", "outside_mask", "other_side"]
    return count + sum(int(found[n].sum()) for n in others if n in found)


def test_dims_coordinates_and_units(small):
    table, _, _ = cells((6, 5, 4))
    found = small.atlas.count_points(table, ("animal", "channel"), unit="mm", frame="dataset")
    assert found["count"].dims == ("region", "animal", "channel")
    assert found.volume.dims == ("region",)
    assert found.animal.values.tolist() == ["m1", "m2", "m3"]
    assert found.group.dims == ("animal",)
    assert found.group.values.tolist() == ["case", "control", "case"]
    assert found["count"].dtype == np.int64
    assert found.density.pint.units == found.volume.pint.units**-1
    assert found.attrs["voxel_size"] == "0.1 x 0.2 x 0.4 mm (z, y, x)"
    assert found.region.values.tolist() == ["R0", "R1", "R2", "R3"]


def test_categories_without_a_point_are_zero(small):
    table, _, _ = cells((6, 5, 4))
    table["animal"] = pd.Categorical(table.animal, ["m9", "m3", "m2", "m1"])
    found = small.atlas.count_points(table, "animal", unit="mm", frame="dataset")
    assert found.animal.values.tolist() == ["m9", "m3", "m2", "m1"]
    assert found["count"].sel(animal="m9").values.tolist() == [0] * 4
    assert found.group.values.tolist() == ["", "case", "control", "case"]


def test_a_level_is_disjoint(small):
    table, _, inside = cells((6, 5, 4))
    found = small.atlas.count_points(table, level=1, unit="mm", frame="dataset")
    assert found.region.values.tolist() == ["R0", "R1", "R2"]
    found_all = small.atlas.count_points(table, unit="mm", frame="dataset")
    assert found["count"].sum() == found_all["count"].sel(region="R0")
    np.testing.assert_allclose(found.volume.values.sum(), found_all.volume.values[0])
    others = found.background + found.unknown_label + found.outside
    assert found["count"].sum() + others == len(table)
    assert int(found.outside) == int((~inside).sum())


def test_a_mask_is_the_denominator(small):
    table, at, inside = cells((6, 5, 4))
    tissue = xr.zeros_like(small.annotation, dtype=bool)
    tissue[:3] = True
    labels = small.annotation.values
    for mask in (
        tissue,
        tissue.chunk(2),
        tissue.transpose("x", "y", "z"),
        tissue.drop_vars(list("zyx")),
    ):
        found = small.atlas.count_points(table, "animal", mask=mask, unit="mm", frame="dataset")
        brain = np.isin(labels, [1, 2, 3, 4])
        np.testing.assert_allclose(found.volume.values[0], brain[:3].sum() * VOXEL)
        seen = inside & (at[:, 0] < 3)
        held = np.zeros(len(table), bool)
        held[seen] = brain[tuple(at[seen].T)]
        expected = table[held].groupby("animal").size()
        assert found["count"].sel(region="R0").to_series().tolist() == expected.tolist()
        assert found.outside_mask.sum() == (inside & (at[:, 0] >= 3)).sum()
        assert total(found, small) == len(table)


def test_each_animal_has_its_own_mask(small):
    table, at, inside = cells((6, 5, 4))
    first = {"m4": 0, "m3": 2, "m1": 6, "m2": 4}
    planes = xr.DataArray(np.arange(6), dims="z", coords={"z": small.z.values})
    tissue = xr.concat(
        [
            (planes < n).broadcast_like(small.annotation.drop_vars(list("zyx")))
            for n in first.values()
        ],
        dim=xr.DataArray(list(first), dims="animal", name="animal"),
    ).drop_vars("z")
    for hemisphere in (None, ["left", "right"]):
        found = small.atlas.count_points(
            table,
            ["animal", "channel"],
            mask=tissue,
            unit="mm",
            hemisphere=hemisphere,
            frame="dataset",
        )
        assert found.animal.values.tolist() == ["m1", "m2", "m3", "m4"]
        brain = np.isin(small.annotation.values, [1, 2, 3, 4])
        seen = inside & (at[:, 0] < table.animal.map(first).to_numpy())
        held = np.zeros(len(table), bool)
        held[seen] = brain[tuple(at[seen].T)]
        sides = [] if hemisphere is None else ["hemisphere"]
        volume = found.volume.pint.dequantify().sel(region="R0").sum(sides)
        for animal, n in first.items():
            np.testing.assert_allclose(volume.sel(animal=animal), brain[:n].sum() * VOXEL)
            count = found["count"].sel(region="R0", animal=animal).sum()
            assert count == (held & (table.animal == animal)).sum()
        assert np.isnan(found.density.sel(animal="m4")).all()
        assert total(found, small) == len(table)
    with pytest.raises(PointsError, match="the mask has no animal 'm2'"):
        small.atlas.count_points(
            table, "animal", mask=tissue.sel(animal=["m1", "m3"]), unit="mm", frame="dataset"
        )


def test_masks_on_another_grid_are_errors(small):
    table, _, _ = cells((6, 5, 4))
    brain = small.annotation > 0
    moved = brain.assign_coords(z=xr.Variable("z", small.z.values + 0.01, {"units": "mm"}))
    for mask, message in (
        (brain.isel(z=slice(3)), "'z' has 3 voxels there and 6 here"),
        (moved, "'z' lies 0.01 mm from"),
        (small.annotation, "mask is uint32"),
        (brain.expand_dims(time=2), "has a dimension 'time', which the atlas lacks"),
        (brain.values, "mask is a DataArray"),
    ):
        with pytest.raises(GridError, match=message):
            small.atlas.count_points(table, "animal", mask=mask, unit="mm", frame="dataset")


def test_a_mask_is_where_it_says(small):
    table, _, _ = cells((6, 5, 4))
    imaged = (small.annotation > 0) & xr.DataArray(np.arange(6) < 3, dims="z")
    expected = small.atlas.count_points(table, "animal", mask=imaged, unit="mm", frame="dataset")
    # a coordinate may lie on a dimension of another name
    rows = imaged.atlas.encode().to_dataset(name="imaged").rename_dims(z="row").imaged
    turned = small.atlas.encode().rename_dims(z="row")
    for mask in (
        imaged.isel(z=slice(None, None, -1)),
        imaged.rename(z="depth").transpose("x", "depth", "y"),
        rows,
        rows.isel(row=slice(None, None, -1)),
    ):
        for atlas in (small, turned):
            found = atlas.atlas.count_points(table, "animal", mask=mask, unit="mm", frame="dataset")
            xr.testing.assert_equal(found, expected)
    other_way = imaged.assign_coords(z=imaged.z.assign_attrs(direction="posterior-to-anterior"))
    with pytest.raises(AtlasMismatchError, match="runs posterior-to-anterior"):
        small.atlas.count_points(table, "animal", mask=other_way, unit="mm", frame="dataset")
    section, table = small.isel(z=1), table.assign(z=0.1)
    bare = xr.DataArray(section.annotation.values > 0, dims=["y", "x"])
    assert (
        section.atlas.count_points(table, mask=bare, unit="mm", frame="dataset").area.values > 0
    ).all()
    with pytest.raises(GridError, match="'z' reaches 0.1 mm beyond"):
        section.atlas.count_points(
            table, mask=bare.assign_coords(z=small.z[2]), unit="mm", frame="dataset"
        )


def test_labels_of_masks_and_columns(small):
    table, _, _ = cells((6, 5, 4))
    mixed = table.assign(animal=[1, "a"] * 150)
    found = small.atlas.count_points(mixed, "animal", unit="mm", frame="dataset")
    assert found.animal.values.tolist() == [1, "a"]
    brain = small.annotation > 0
    twice = xr.concat([brain, brain], pd.Index(["m1", "m1"], name="animal"))
    with pytest.raises(PointsError, match="the mask has several of one animal"):
        small.atlas.count_points(table, "animal", mask=twice, unit="mm", frame="dataset")


def test_a_section_has_densities_by_area(small):
    section = small.isel(z=2)
    table, at, inside = cells((6, 5, 4))
    with pytest.warns(UserWarning, match="lie outside"):
        found = section.atlas.count_points(table, unit="mm", frame="dataset")
    assert found.area.attrs["units"] == "mm ** 2"
    seen = inside & (at[:, 0] == 2)
    brain = np.isin(small.annotation.values, [1, 2, 3, 4])
    assert found["count"].values[0] == brain[tuple(at[seen].T)].sum()


def test_points_on_other_dimensions(small):
    """Cells of a probe: the animal is a coordinate of one dimension, the unit in attrs."""
    mm = {"units": "mm"}
    points = xr.Dataset(
        {
            "ap": (("animal", "cell"), np.full((2, 3), 0.1), mm),
            "dv": ((), 0.2, mm),
            "ml": ((), 0.4, mm),
        },
        coords={"animal": ["a", "b"], "sex": ("animal", ["f", "m"])},
    )
    found = small.atlas.count_points(points, "animal", frame="dataset")
    one = small.atlas.region_at(
        [[0.1, 0.2, 0.4]], axes=("ap", "dv", "ml"), unit="mm", frame="dataset"
    )
    rest = found["count"].sel(region="R0") + found.background + found.unknown_label
    assert rest.values.tolist() == [3, 3]
    if one.region.item():
        assert found["count"].sel(region=one.region.item()).values.tolist() == [3, 3]
    assert found.sex.values.tolist() == ["f", "m"]


def test_what_cannot_be_counted_by(small):
    table, _, _ = cells((6, 5, 4))
    with pytest.raises(PointsError, match="no column 'mouse' to count by"):
        small.atlas.count_points(table, "mouse", unit="mm", frame="dataset")
    table.loc[:4, "animal"] = None
    with pytest.raises(PointsError, match="5 of 300 points have no 'animal'"):
        small.atlas.count_points(table, "animal", unit="mm", frame="dataset")
    with pytest.raises(UnitsError):
        small.atlas.count_points(table, frame="dataset")
    for name in ("region", "region_id", "hemisphere", "count", "volume", "density", "outside"):
        with pytest.raises(PointsError, match=f"the result has '{name}' of its own; rename"):
            small.atlas.count_points(
                table.rename(columns={"channel": name}), name, unit="mm", frame="dataset"
            )


def test_what_region_at_has_found_can_be_counted(small):
    # one cell an animal: each column is constant within it
    table = pd.DataFrame(np.eye(3) * 0.1, columns=["z", "y", "x"]).assign(animal=["a", "b", "c"])
    found = small.atlas.region_at(table, unit="mm", frame="dataset").to_dataframe()
    found = found.assign(count=7, volume=0.5, density=2.0, outside=False, region_name="?", dose=1.5)
    counted = small.atlas.count_points(found, "animal", unit="mm", frame="dataset")
    expected = small.atlas.count_points(table, "animal", unit="mm", frame="dataset")
    xr.testing.assert_identical(counted.drop_vars(["dose", "status"]), expected)
    assert counted.dose.values.tolist() == [1.5] * 3


def test_a_categorical_of_integers_may_have_missing_values(small):
    table, _, _ = cells((6, 5, 4))
    table["batch"] = pd.Categorical([1, None] * 150, categories=[2, 1])
    found = small.atlas.count_points(table, "animal", unit="mm", frame="dataset")
    assert found["count"].sizes == {"region": 4, "animal": 3}
    with pytest.raises(PointsError, match="150 of 300 points have no 'batch'"):
        small.atlas.count_points(table, "batch", unit="mm", frame="dataset")
    kept = small.atlas.region_at(table.iloc[1:4], unit="mm", frame="dataset").batch
    np.testing.assert_array_equal(kept, [np.nan, 1, np.nan])
    whole = small.atlas.count_points(table.dropna(), "batch", unit="mm", frame="dataset")
    assert whole.batch.values.tolist() == [2, 1]


def test_reads_the_annotation_once_for_several_masks(small):
    table, _, _ = cells((6, 5, 4))
    small = small.assign(annotation=small.annotation.clip(1))  # no background, and no warning of it
    counted = Counted(small.annotation.values)
    lazy = small.assign(annotation=(small.annotation.dims, counted.dask((3, 5, 4))))
    brain = (small.annotation > 0).expand_dims(animal=["m1", "m2", "m3"])
    xarray_atlas.count_points(lazy, table, "animal", mask=brain, unit="mm", frame="dataset")
    # once for the points, once for the volumes
    assert max(Counter(str(key) for key in counted.reads).values()) == 2


@pytest.mark.parametrize("by", [3, [3], ["animal", 3]])
def test_columns_are_named_by_text(sample: Any, by: Any) -> None:
    table = pd.DataFrame({"ap": [5.0], "dv": [3.0], "ml": [4.0], 3: ["a"], "animal": ["b"]})
    with pytest.raises(TypeError, match=r"not by 3; rename that column"):
        sample.atlas.count_points(table, by, unit="mm", frame="dataset")
