"""compare: the overlap of two annotations, against numpy."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import make_atlas, make_terminology
from xarray_atlas.errors import GridError
from xarray_atlas.kernels.pairs import count_pairs

pytestmark = pytest.mark.version_independent

PARENTS = [-1, 0, 0, 1, 1]
LABELS = [[1], [], [3, 9], [4], [614454277]]


def in_region(labels: Any, region: int) -> Any:
    """Mark a region with its descendants, by brute force."""
    below = {region}
    for _ in PARENTS:
        below |= {i for i, parent in enumerate(PARENTS) if parent in below}
    return np.isin(labels, [label for i in below for label in LABELS[i]])


@settings(max_examples=25)
@given(
    seeds=st.tuples(st.integers(0, 99), st.integers(0, 99)),
    shape=st.tuples(*[st.integers(1, 5)] * 3),
    dtypes=st.tuples(*[st.sampled_from(["uint32", "int64", ">i8", "uint64"])] * 2),
    lazy=st.tuples(st.booleans(), st.booleans()),
    turned=st.booleans(),
)
def test_against_numpy(seeds: Any, shape: Any, dtypes: Any, lazy: Any, turned: bool) -> None:
    values = [0, 1, 3, 4, 9, 77, 614454277]
    arrays = [
        np.random.default_rng(seed).choice(values, shape).astype(dtype)
        for seed, dtype in zip(seeds, dtypes, strict=True)
    ]
    held = [
        da.from_array(array, chunks=i + 2) if is_lazy else array
        for i, (array, is_lazy) in enumerate(zip(arrays, lazy, strict=True))
    ]
    terminology = make_terminology(PARENTS, LABELS)
    a, b = (make_atlas(array, terminology, size=(0.1, 0.2, 0.5)) for array in held)
    b = b.transpose("x", "z", "y") if turned else b
    found = xarray_atlas.compare(a, b.atlas.encode())
    masks = [[in_region(array, region) for region in range(5)] for array in arrays]
    voxels = np.array([[(one & two).sum() for two in masks[1]] for one in masks[0]])
    np.testing.assert_array_equal(found.voxels, voxels)
    np.testing.assert_array_equal(found.voxels_a, [mask.sum() for mask in masks[0]])
    np.testing.assert_array_equal(found.voxels_b, [mask.sum() for mask in masks[1]])
    np.testing.assert_allclose(found.volume.pint.magnitude, voxels * 0.01)
    total = np.array([[one.sum() + two.sum() for two in masks[1]] for one in masks[0]])
    for at in np.ndindex(5, 5):
        expected = 2 * voxels[at] / total[at] if total[at] else np.nan
        np.testing.assert_allclose(found.dice.values[at], expected)


def test_parcellations_have_their_parcels(sample: xr.Dataset) -> None:
    cosmos, beryl = sample.atlas.parcellate("cosmos"), sample.atlas.parcellate("beryl")
    found = xarray_atlas.compare(cosmos, beryl)
    assert found.sizes == {"region_a": 10, "region_b": 306}
    assert found.region_name_a.sel(region_a="TH").item() == "Thalamus"
    # a region of the finer one lies in one of the coarser
    assert ((found.voxels > 0).sum("region_a") <= 1).all()
    whole = sample.atlas.region_properties("SCm").voxels.item()
    assert found.voxels.sel(region_a="MB", region_b="SCm").item() == whole
    assert str(found.volume.data.units) == "millimeter ** 3"
    of = found.voxels.sel(region_a="MB", region_b="SCm").item()
    sizes = found.voxels_a.sel(region_a="MB") + found.voxels_b.sel(region_b="SCm")
    assert found.dice.sel(region_a="MB", region_b="SCm").item() == 2 * of / sizes.item()


def test_a_parcel_above_others_is_compared_by_its_own_voxels(sample: xr.Dataset) -> None:
    cut = sample.atlas.parcellate(level=3)
    found = xarray_atlas.compare(cut, cut)
    own = np.diag(found.voxels)
    assert own.sum() == found.voxels.sum() == (sample.annotation != 0).sum()
    assert set(np.diag(found.dice)[own > 0]) == {1.0}


def test_a_section_has_areas(sample: xr.Dataset) -> None:
    plane = sample.isel(z=60)
    found = xarray_atlas.compare(plane, plane)
    area = float(found.area.sel(region_a="TH", region_b="TH").item().magnitude)
    assert area == pytest.approx(float(plane.atlas.area("TH").item().magnitude))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda ds: ds.isel(z=slice(1, None)), r"differ in size.*resample_like"),
        (lambda ds: ds.isel(z=slice(0, 2)), "differ in size"),
        (lambda ds: ds.rename(z="w"), "different dimensions"),
        (lambda ds: ds.drop_vars("z"), "no coordinate 'z'"),
    ],
)
def test_grids_that_differ(other: Any, said: str) -> None:
    atlas = make_atlas(np.ones((3, 2, 2), "uint32"), make_terminology([-1]))
    with pytest.raises(GridError, match=said):
        xarray_atlas.compare(atlas, other(atlas))


def test_grids_that_run_against_each_other_differ() -> None:
    labels = np.arange(1, 28, dtype="uint32").reshape(3, 3, 3)
    one = xarray_atlas.create_atlas(
        labels, make_terminology([-1], [range(1, 28)]), name="made", voxel_size="0.2 mm",
        orientation="asr",
    )  # fmt: skip
    # the same numbers along z, which are counted from the other end
    with pytest.raises(GridError, match=r"'z': it runs anterior-to-.*reorient\('asr'\)"):
        xarray_atlas.compare(one, one.atlas.reorient("psr"))
    # the same names, of other axes
    turned = one.atlas.reorient("sar")
    names = dict(zip(turned.annotation.dims, ("z", "y", "x"), strict=True))
    with pytest.raises(GridError, match="no coordinate 'z', which runs anterior-to-posterior"):
        xarray_atlas.compare(one, turned.rename(names))
    rows = one.atlas.encode().rename_dims(z="row")
    assert xarray_atlas.compare(rows, rows).dice.item() == 1
    # its coordinates say where each voxel lies
    assert xarray_atlas.compare(rows, rows.isel(row=slice(None, None, -1))).dice.item() == 1


def test_a_shift_is_named() -> None:
    labels = np.ones((3, 2, 2), "uint32")
    atlas = make_atlas(labels, make_terminology([-1]))
    near = make_atlas(labels, make_terminology([-1]), origin=(1e-9, 0, 0))
    assert xarray_atlas.compare(atlas, near).dice.item() == 1
    far = make_atlas(labels, make_terminology([-1]), origin=(0.05, 0, 0))
    with pytest.raises(GridError, match=r"along 'z'.*0\.05 mm apart, of voxels of 0\.1 mm"):
        xarray_atlas.compare(atlas, far)
    with pytest.raises(GridError, match="0.05 mm apart"):
        xarray_atlas.compare(atlas.isel(z=1), far.isel(z=1))


def test_pairs_refuse_floats() -> None:
    with pytest.raises(TypeError, match="integers"):
        count_pairs(np.ones(2), np.ones(2, int))
