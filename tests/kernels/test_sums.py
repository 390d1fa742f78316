"""Sums and quantiles by label on plain arrays, against numpy one group at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from xarray_atlas.kernels import sums as label_sums
from xarray_atlas.kernels.groups import VoxelGroups, group
from xarray_atlas.kernels.quantiles import Values, image_values, quantiles, stack, values_by_code
from xarray_atlas.kernels.sums import frames, image_sums, merge, statistic

pytestmark = pytest.mark.version_independent

KEYS = np.array([-7, 1, 2, 5, 312782574])
COLUMNS = ("squares", "low", "high")

blocks = npst.arrays(
    st.sampled_from(["i8", "u4", ">i4"]),
    npst.array_shapes(min_dims=1, max_dims=3, max_side=5),
    elements=st.sampled_from([0, 1, 2, 5, 9, 312782574]),
)


@st.composite
def images(draw):
    """A block of labels, an image of it with frames anywhere, and where its spatial axes are."""
    labels = draw(blocks)
    more = draw(st.lists(st.integers(0, 3), max_size=2))
    dtype = np.dtype(draw(st.sampled_from(["f4", "f8", "i2", "u8", "?", ">f4", "f2"])))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    values = rng.integers(-5 if dtype.kind in "if" else 0, 6, (*labels.shape, *more)).astype(dtype)
    if dtype.kind == "f" and draw(st.booleans()):
        values[rng.random(values.shape) < 0.4] = np.nan
    # as it lies in memory, and as it is seen
    order = draw(st.permutations(range(values.ndim)))
    seen = draw(st.permutations(range(values.ndim)))
    image = np.ascontiguousarray(values.transpose(order)).transpose(seen)
    axes = tuple(list(seen).index(list(order).index(axis)) for axis in range(labels.ndim))
    if draw(st.booleans()):
        image, labels = np.flip(image, axes), np.flip(labels)
    return labels, image, axes


def by_frame(image, axes):
    """The image as (voxels, frames), frames in C order."""
    others = [axis for axis in range(image.ndim) if axis not in axes]
    count = int(np.prod([image.shape[axis] for axis in axes]))
    flat = image.transpose(*axes, *others)
    return flat.reshape(count, -1) if image.size else np.zeros((count, 0))


@given(blocks, st.data())
def test_groups_hold_each_voxel_once(labels, data):
    sides = None
    wanted = data.draw(st.sampled_from([(1,), (2, 1)]))
    if data.draw(st.booleans()):
        shape = [data.draw(st.sampled_from([1, n])) for n in labels.shape]
        sides = data.draw(npst.arrays("u1", tuple(shape), elements=st.integers(0, 2)))
    weights = np.arange(labels.size, dtype=float).reshape(labels.shape)
    found = group(labels, KEYS, sides, wanted, weights)
    of = -np.ones(labels.size, int)
    for code, start, size in zip(found.code, found.start, found.sizes, strict=True):
        of[found.voxels[start : start + size]] = code
    expected = []
    every = np.broadcast_to(0 if sides is None else sides, labels.shape)
    for label, side in zip(labels.ravel().tolist(), every.ravel().tolist(), strict=True):
        if label not in KEYS.tolist() or (sides is not None and side not in wanted):
            expected.append(-1)
        elif sides is None:
            expected.append(KEYS.tolist().index(label))
        else:
            expected.append(KEYS.tolist().index(label) * len(wanted) + wanted.index(side))
    assert of.tolist() == expected
    assert sorted(set(found.voxels.tolist())) == sorted(found.voxels.tolist())
    assert found.code.tolist() == sorted(set(found.code.tolist()))
    np.testing.assert_array_equal(found.weights, found.voxels)


@given(images(), st.booleans(), st.sampled_from([2, 2**17]))
@settings(max_examples=200)
def test_sums_agree_with_numpy(case, skipna, piece):
    labels, image, axes = case
    groups = group(labels, KEYS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(label_sums, "PIECE", piece)
        patch.setattr(label_sums, "WIDTH", piece)
        sums = image_sums(image, axes, groups, skipna, COLUMNS)
    side_by_side = image_sums(image, axes, groups, skipna, COLUMNS, threads=2)
    np.testing.assert_allclose(side_by_side.total, sums.total, rtol=1e-12, atol=1e-12)
    values = by_frame(image, axes).astype(float)
    for row, code in enumerate(groups.code):
        own = values[labels.reshape(-1) == KEYS[code]]
        for column, frame in enumerate(own.T):
            there = frame[~np.isnan(frame)]
            used = there if skipna else frame
            got = {
                n: statistic(sums, n)[row, column] for n in ("count", "sum", "mean", "var", "min")
            }
            assert got["count"] == there.size
            if not used.size:
                assert np.isnan([got[n] for n in ("sum", "mean", "var", "min")]).all()
                continue
            np.testing.assert_allclose(got["sum"], used.sum(), rtol=1e-12)
            np.testing.assert_allclose(got["mean"], used.mean(), rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose(got["var"], used.var(), rtol=1e-10, atol=1e-12)
            np.testing.assert_array_equal(got["min"], used.min())
            np.testing.assert_array_equal(statistic(sums, "max")[row, column], used.max())


@given(images(), st.booleans(), st.data())
def test_tables_of_parts_merge_to_that_of_the_whole(case, skipna, data):
    labels, image, axes = case
    cut = data.draw(st.integers(0, labels.shape[0]))
    tables = []
    for part in (slice(0, cut), slice(cut, None)):
        key = tuple(part if axis == axes[0] else slice(None) for axis in range(image.ndim))
        tables.append(image_sums(image[key], axes, group(labels[part], KEYS), skipna, COLUMNS))
    whole = image_sums(image, axes, group(labels, KEYS), skipna, COLUMNS)
    merged = merge(tables, whole.present.shape[1], COLUMNS)
    for one, other in zip(merged, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


@given(images(), st.lists(st.sampled_from([0, 0.1, 0.25, 0.5, 0.9, 1]), min_size=1), st.booleans())
@settings(max_examples=200)
def test_quantiles_agree_with_numpy(case, q, skipna):
    labels, image, axes = case
    cut = labels.shape[0] // 2
    tables = []
    for part in (slice(0, cut), slice(cut, None)):
        key = tuple(part if axis == axes[0] else slice(None) for axis in range(image.ndim))
        tables.append(image_values(image[key], axes, group(labels[part], KEYS)))
    code, start, values = values_by_code(stack(tables))
    flat = by_frame(image, axes).astype(float)
    for at, (key, begin) in enumerate(zip(code, start, strict=True)):
        own = values[:, begin : start[at + 1] if at + 1 < start.size else None]
        found = quantiles(own, q, skipna)
        for column, frame in enumerate(flat[labels.reshape(-1) == KEYS[key]].T):
            used = frame[~np.isnan(frame)] if skipna else frame
            expected = np.quantile(used, q) if used.size else np.full(len(q), np.nan)
            np.testing.assert_allclose(found[:, column], expected, rtol=1e-12)


def test_a_large_offset_does_not_harm_variances():
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 3, (20, 30, 30))
    noise = rng.standard_normal((3, *labels.shape))
    parts = [
        image_sums(
            noise[:, i : i + 4] + 1e9,
            (1, 2, 3),
            group(labels[i : i + 4], KEYS),
            columns=["squares"],
        )
        for i in range(0, 20, 4)
    ]
    found = statistic(merge(parts, 3, ["squares"]), "var")
    for row, label in enumerate((1, 2)):
        exact = (noise[:, labels == label] + 1e9).astype(np.longdouble).var(axis=1)
        np.testing.assert_allclose(found[row], exact.astype(float), rtol=1e-7)
    # which the mean of the squares less the square of the mean does not find
    naive = ((noise[0] + 1e9) ** 2).mean() - (noise[0] + 1e9).mean() ** 2
    assert abs(naive - 1) > 0.1


def test_sums_of_integers_are_exact():
    labels = np.ones((100, 100), int)
    image = np.full((100, 100), 2**31 - 1, "i4")
    found = image_sums(image, (0, 1), group(labels, KEYS))
    assert int(statistic(found, "sum").item()) == 10_000 * (2**31 - 1)
    small = image_sums(np.full((100, 100), 255, "u1"), (0, 1), group(labels, KEYS))
    assert statistic(small, "sum").item() == 2_550_000


def test_float32_is_added_up_in_float64():
    labels = np.ones(2**17, int)
    image = np.full(2**17, 0.1, "f4")
    image[0] = 1e6
    found = statistic(image_sums(image, (0,), group(labels, KEYS)), "sum").item()
    assert found == pytest.approx(float(np.float32(0.1)) * (2**17 - 1) + 1e6, rel=1e-12)


def test_frames_are_views():
    image = np.zeros((2, 3, 4, 5, 6))
    for axes, parts, shape in [
        ((2, 3, 4), 6, (120, 1)),
        ((0, 1, 2), 1, (24, 30)),
        ((1, 2, 3), 2, (60, 6)),
    ]:
        found = list(frames(image, axes))
        assert len(found) == parts
        assert {part.shape for part in found} == {shape}
        assert all(np.shares_memory(part, image) for part in found)
    # seen with the frames last, as they lie first in memory
    assert len(list(frames(np.moveaxis(image, 0, -1), (0, 1, 2, 3)))) == 2


def test_infinite_values_stay():
    labels = np.array([1, 1, 2, 2])
    image = np.array([np.inf, 1.0, np.inf, -np.inf])
    sums = image_sums(image, (0,), group(labels, KEYS), columns=COLUMNS)
    assert statistic(sums, "sum")[0].item() == np.inf
    assert np.isnan(statistic(sums, "sum")[1].item())
    assert statistic(sums, "count").ravel().tolist() == [2, 2]
    assert statistic(sums, "max").ravel().tolist() == [np.inf, np.inf]
    assert quantiles(np.array([[np.inf, np.inf, 1.0]]), [0.75]).item() == np.inf


def test_quantiles_beside_infinite_values():
    # numpy's own are NaN here; statistics.median([1, 2, inf]) is 2
    high = quantiles(np.array([[np.inf, 1.0, 2.0]]), [0, 0.25, 0.5, 0.6, 0.9, 1])
    assert high.ravel().tolist() == [1, 1.5, 2, np.inf, np.inf, np.inf]
    low = quantiles(np.array([[-np.inf, 1.0, 2.0]]), [0, 0.1, 0.4, 0.5, 0.75, 1])
    assert low.ravel().tolist() == [-np.inf, -np.inf, -np.inf, 1, 1.5, 2]
    assert quantiles(np.array([[-1.5e308, 1.5e308]]), [0.5]).item() == 0
    assert np.isnan(quantiles(np.array([[-np.inf, np.inf]]), [0.5]).item())


def test_nothing():
    empty = group(np.zeros((0, 3), int), KEYS)
    assert empty.code.size == 0
    sums = image_sums(np.zeros((2, 0, 3)), (1, 2), empty, columns=COLUMNS)
    assert sums.low.shape == (0, 2)
    assert merge([sums, sums], 2, COLUMNS).squares.shape == (0, 2)
    assert stack([Values(np.empty(0, int), np.empty((2, 0)))] * 2).values.shape == (2, 0)
    assert np.isnan(quantiles(np.empty((2, 0)), [0.5])).all()
    assert isinstance(empty, VoxelGroups)
