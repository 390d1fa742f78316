"""How much of each voxel of a grid each region fills."""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import BIG, make_atlas, make_terminology, no_compute
from xarray_atlas.coords.space import DIRECTIONS
from xarray_atlas.images.fractions import points_along

pytestmark = pytest.mark.version_independent

OWN = [[1, 9], [2], [BIG[0]], [BIG[1]], []]
TERMS = make_terminology([-1, 0, 0, 1, 3], OWN)
LABELS = np.array([0, 1, 9, 2, BIG[0], BIG[1], 77], np.uint32)


def image_on(centres: dict[str, Any]) -> xr.DataArray:
    runs = {name: DIRECTIONS[letter] for name, letter in zip("zyx", "asr", strict=True)}
    coords = {
        d: (d, np.asarray(c, float), {"units": "mm", "direction": runs[d]})
        for d, c in centres.items()
    }
    return xr.DataArray(
        np.zeros([len(c) for c in centres.values()]), dims=list(centres), coords=coords
    )


def brute(labels: Any, faces: list[Any], low: Any, high: Any) -> dict[int, float]:
    """The share of a box that each label fills, from the overlap with every voxel, one by one."""
    found: dict[int, float] = {}
    for index in np.ndindex(*labels.shape):
        share = 1.0
        for axis, i in enumerate(index):
            cut = min(high[axis], faces[axis][i + 1]) - max(low[axis], faces[axis][i])
            share *= max(cut, 0) / (high[axis] - low[axis])
        label = int(labels[index])
        found[label] = found.get(label, 0) + share
    return found


@settings(max_examples=25)
@given(st.data())
def test_shares_are_overlaps(drawn: st.DataObject) -> None:
    seed = drawn.draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    shape = drawn.draw(st.tuples(*[st.integers(1, 5)] * 3))
    size = rng.uniform(0.1, 0.5, 3)
    labels = rng.choice(LABELS, shape).astype(np.uint32)
    chunks = drawn.draw(st.none() | st.tuples(*(st.integers(1, n) for n in shape)))
    ds = make_atlas(labels if chunks is None else da.from_array(labels, chunks), TERMS, size)
    turned = drawn.draw(st.booleans())
    ds = ds.isel(y=slice(None, None, -1)) if turned else ds
    names = drawn.draw(st.permutations("zyx"))
    steps = {n: rng.uniform(0.05, 0.9) for n in names}
    # an axis of several voxels says their size itself
    centres = {n: rng.uniform(-0.4, 0.4) + steps[n] * np.arange(rng.integers(2, 4)) for n in names}
    flips = {n: drawn.draw(st.sampled_from([1, -1])) for n in names}
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for column, n in enumerate(names):
        row = "zyx".index(n)
        matrix[row, column] = flips[n] * 1.25
        matrix[row, 3] = 0.3 if flips[n] > 0 else 0.9
    with dask.config.set({"array.chunk-size": drawn.draw(st.sampled_from(["1kiB", "128MiB"]))}):
        out = xarray_atlas.resample_like(ds, image_on(centres), matrix, fractions=True)
        values = out.fraction.transpose("region", "z", "y", "x").values
    faces = [(np.arange(n + 1) - 0.5) * s for n, s in zip(shape, size, strict=True)]
    for index in np.ndindex(*values.shape[1:]):
        ends = [
            sorted(
                flips[d] * 1.25 * (centres[d][i] + side * steps[d] / 2)
                + (0.3 if flips[d] > 0 else 0.9)
                for side in (-1, 1)
            )
            for d, i in zip("zyx", index, strict=True)
        ]
        share = brute(labels, faces, [e[0] for e in ends], [e[1] for e in ends])
        for region, own in enumerate(OWN):
            wanted = sum(share.get(label, 0.0) for label in own)
            assert values[(region, *index)] == pytest.approx(wanted, abs=1e-9)


def test_they_add_up_to_the_covered_part_and_volumes_are_kept() -> None:
    ds = xarray_atlas.open_sample("100 um")
    z, y, x = (ds[d].values for d in "zyx")
    # all of the brain is in view
    centres = {
        "z": z[0] + 0.37 * np.arange(36),
        "y": y[0] + 0.41 * np.arange(20),
        "x": x[0] + 0.33 * np.arange(35),
    }
    with dask.config.set(scheduler=no_compute):
        out = xarray_atlas.resample_like(ds, image_on(centres), fractions=True)
    values = out.fraction.compute()
    assert values.dims == ("region", "z", "y", "x")
    assert values.max() <= 1 + 1e-12
    voxel = 0.37 * 0.41 * 0.33
    # what is covered of each voxel, of an atlas of one region
    one = ds.assign(annotation=(ds.annotation > 0).astype(np.uint32) * 997)
    covered = xarray_atlas.resample_like(one, image_on(centres), fractions=True).fraction
    np.testing.assert_allclose(values.sum("region"), covered.sel(region="root"), atol=1e-12)
    wanted = ds.atlas.volume(direct=True).pint.magnitude
    cut = (values.sum(("z", "y", "x")) * voxel).values
    lost = wanted.sum() - cut.sum()
    assert 0 <= lost < 0.02 * wanted.sum()  # at the rim of the grid
    inside = values.sel(region="CA1").sum() * voxel
    assert float(inside) == pytest.approx(ds.atlas.volume("CA1", direct=True).item().magnitude)
    assert out.region_name.sel(region="RSP").item() == "Retrosplenial area"


def test_oblique_voxels_are_sampled() -> None:
    """A voxel turned within one region is all of it, and a plane cuts it as geometry says."""
    labels = np.ones((20, 20, 20), np.uint32)
    labels[:, :, 10:] = 2
    ds = make_atlas(labels, TERMS, (0.1, 0.1, 0.1))
    angle = 0.4
    matrix = np.eye(4)
    matrix[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[1, 3] = 0.4  # all of it inside
    image = image_on({"z": [0.5, 0.9], "y": [0.5, 1.0], "x": [0.2, 0.7]})
    out = xarray_atlas.resample_like(ds, image, matrix, fractions=True)
    values = out.fraction.transpose("region", "z", "y", "x").values
    total = values.sum(axis=0)
    np.testing.assert_allclose(total, 1, atol=1e-12)
    assert points_along(
        np.hstack([np.diag([10.0] * 3) @ matrix[:3, :3], np.zeros((3, 1))]), (0.4, 0.5, 0.5)
    ) == (8, 10, 10)
    n = 200
    part = ((np.arange(n) + 0.5) / n - 0.5) * 0.5
    for j, i in np.ndindex(2, 2):
        y, x = np.meshgrid([0.5, 1.0][j] + part, [0.2, 0.7][i] + part, indexing="ij")
        beyond = (np.sin(angle) * y + np.cos(angle) * x) >= 0.95
        assert values[1, 0, j, i] == pytest.approx(beyond.mean(), abs=0.03)


def test_a_field_moves_whole_voxels() -> None:
    labels = np.random.default_rng(0).choice(LABELS, (8, 8, 8)).astype(np.uint32)
    ds = make_atlas(da.from_array(labels, 4), TERMS, (0.1, 0.1, 0.1))
    image = image_on({d: 0.15 + 0.2 * np.arange(3) for d in "zyx"})
    field = xr.DataArray(
        np.full((3, 3, 3, 3), 0.1), dims=("z", "y", "x", "axis"), attrs={"units": "mm"}
    )
    out = xarray_atlas.resample_like(ds, image, field, fractions=True)
    shift = np.eye(4)
    shift[:3, 3] = 0.1
    exact = xarray_atlas.resample_like(ds, image, shift, fractions=True)
    # four points along each axis of two voxels: two in each
    np.testing.assert_allclose(out.fraction.values, exact.fraction.values, atol=1e-12)


def test_labels_of_a_part_alone_are_needed() -> None:
    ds = make_atlas(np.ones((2, 2, 2), np.uint32), TERMS, template=np.zeros((2, 2, 2), np.uint16))
    image = image_on({d: [0.0, 0.1] for d in "zyx"})
    with pytest.raises(xarray_atlas.errors.GridError, match="needs the labels"):
        xarray_atlas.resample_like(ds[["template"]], image, fractions=True)
