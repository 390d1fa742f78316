"""Tables of labels, against voxel-by-voxel counting."""

from __future__ import annotations

import tracemalloc

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_labels import assert_same, blocks

from xarray_atlas.kernels import run_tables, tables
from xarray_atlas.kernels.tables import concatenate, shifted, tabulate

pytestmark = pytest.mark.version_independent

SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=7)


@pytest.fixture(autouse=True, scope="module", params=["numpy", "numba"])
def kernel(request):
    """Both kernels, from the first voxel on."""
    if request.param == "numba":
        pytest.importorskip("numba")
        assert tables._load(np.zeros(1, "uint32")) is not run_tables
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "ENOUGH", 0 if request.param == "numba" else np.inf)
        yield


@pytest.fixture(autouse=True, scope="module", params=["whole", "in parts"])
def parts(request):
    """Blocks at once; and pieces and parts that are smaller than the blocks of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "in parts":
            patch.setattr(tables, "PIECE", 3)
            patch.setattr(run_tables, "PIECE", 3)
            patch.setattr(tables, "LARGE", 20)
            patch.setattr(tables, "NOISY", 7)
        yield


@st.composite
def sides(draw, shape):
    """Draw sides that depend on no axis, one, or all of them."""
    along = draw(st.sampled_from([(), *((i,) for i in range(len(shape))), range(len(shape))]))
    shape = tuple(n if axis in along else min(n, 1) for axis, n in enumerate(shape))
    dtype = draw(st.sampled_from([np.uint8, np.int64]))
    return draw(hnp.arrays(dtype, shape, elements=st.integers(0, 2)))


def voxels_of(block, kinds):
    """The positions of the voxels of each label and side, one by one."""
    kinds = np.broadcast_to(kinds, block.shape)
    found = {}
    for at in np.ndindex(block.shape):
        found.setdefault((int(block[at]), int(kinds[at])), []).append(at)
    return {pair: np.array(places) for pair, places in found.items()}


def merged(table):
    """The rows of each label and side put together, told without the package."""
    found = {}
    for label, side, count, sums, start, stop, point in zip(*table, strict=True):
        row = found.setdefault((int(label), int(side)), [0, 0, [], [], []])
        row[0] += int(count)
        row[1] = row[1] + sums
        row[2].append(start)
        row[3].append(stop)
        row[4].append(tuple(point.tolist()))
    return found


def check(table, block, kinds):
    expected = voxels_of(block, kinds)
    found = merged(table)
    assert found.keys() == expected.keys()
    for pair, places in expected.items():
        count, sums, starts, stops, points = found[pair]
        assert count == len(places)
        assert sums.tolist() == places.sum(axis=0).tolist()
        assert np.min(starts, axis=0).tolist() == places.min(axis=0).tolist()
        assert np.max(stops, axis=0).tolist() == (places.max(axis=0) + 1).tolist()
        assert set(points) <= set(map(tuple, places.tolist()))


@given(st.data(), blocks(shapes=SHAPES))
@settings(max_examples=200)
def test_is_what_counting_says(data, block):
    kinds = data.draw(sides(block.shape))
    table = tabulate(block, kinds)
    assert table.label.dtype == (np.uint64 if block.dtype.name == "uint64" else np.int64)
    assert all(column.dtype == np.int64 for column in table[1:])
    assert all(column.shape == (table.voxels.size, block.ndim) for column in table[3:])
    check(table, block, kinds)


@given(st.data(), blocks(shapes=hnp.array_shapes(min_dims=2, max_dims=3, max_side=7)))
def test_tables_of_parts_are_that_of_the_whole(data, block):
    kinds = data.draw(sides(block.shape))
    axis = data.draw(st.integers(0, block.ndim - 1))
    cut = data.draw(st.integers(0, block.shape[axis]))
    before, after = (
        tuple(part if i == axis else slice(None) for i in range(block.ndim))
        for part in (slice(cut), slice(cut, None))
    )
    whole_kinds = np.broadcast_to(kinds, block.shape)
    offset = [cut if i == axis else 0 for i in range(block.ndim)]
    first = tabulate(block[before], whole_kinds[before])
    second = shifted(tabulate(block[after], whole_kinds[after]), offset)
    check(concatenate([first, second]), block, kinds)


def test_one_row_a_label():
    block = np.array([[8, 8, 0], [997, 8, 0]], "uint32")
    table = tabulate(block, np.zeros((1, 1), int))
    if block.size < tables.LARGE:
        assert_same(table.label, np.array([8, 0, 997]))
        assert_same(table.voxels, np.array([3, 2, 1]))


def test_uniform_block():
    table = tabulate(np.full((3, 2, 2), 614454277, "uint32"), np.full((1, 1, 1), 2, "uint8"))
    assert_same(table.label, np.array([614454277]))
    assert_same(table.side, np.array([2]))
    assert_same(table.voxels, np.array([12]))
    assert_same(table.sums, np.array([[12, 6, 6]]))
    assert_same(table.start, np.array([[0, 0, 0]]))
    assert_same(table.stop, np.array([[3, 2, 2]]))
    assert_same(table.point, np.array([[1, 0, 0]]))


def test_one_value_without_strides(monkeypatch):
    """Nothing is read: of so many voxels, that would take minutes."""
    monkeypatch.setattr(tables, "_kernel", None)
    shape = (2**14, 2**14, 2**14)
    block = np.broadcast_to(np.uint32(997), shape)
    for kinds in (np.full((1, 1, 1), 2, "uint8"), np.broadcast_to(np.int8(2), shape)):
        table = tabulate(block, kinds)
        assert_same(table.label, np.array([997]))
        assert_same(table.side, np.array([2]))
        assert_same(table.voxels, np.array([2**42]))
        assert_same(table.sums, np.full((1, 3), 2**41 * (2**14 - 1)))
        assert_same(table.stop, np.array([shape]))
    midline = np.repeat([1, 2], 2**13).reshape(1, 1, -1)
    table = tabulate(block, midline)
    assert_same(table.side, np.array([1, 2]))
    assert_same(table.start[:, 2], np.array([0, 2**13]))


@given(st.data(), blocks(shapes=SHAPES))
def test_repeated_along_some_axes(data, block):
    along = data.draw(st.lists(st.booleans(), min_size=block.ndim, max_size=block.ndim))
    first = block[tuple(slice(1) if repeat else slice(None) for repeat in along)]
    shape = tuple(3 if repeat else n for n, repeat in zip(first.shape, along, strict=True))
    block = np.broadcast_to(first, shape) if first.size else first
    kinds = data.draw(sides(block.shape))
    check(tabulate(block, np.broadcast_to(kinds, block.shape)), block, kinds)


def test_point_of_a_bent_region_lies_in_it():
    block = np.zeros((9, 9, 9), "uint8")
    block[:, 0], block[:, -1], block[:, :, 0] = 1, 1, 1  # a C in each plane
    table = tabulate(block, np.zeros((1, 1, 1), int)).rows(slice(None))
    points = table.point[table.label == 1]
    assert all(block[tuple(point)] == 1 for point in points)
    if block.size < tables.LARGE:
        assert points.tolist() == [[4, 4, 0]]


def test_point_of_a_full_region_is_near_its_middle():
    block = np.zeros((12, 12, 12), "uint8")
    block[1:10, 2:11, 3:10] = 1
    table = tabulate(block, np.zeros((1, 1, 1), int))
    if block.size < tables.LARGE:
        assert table.point[table.label == 1].tolist() == [[5, 6, 6]]


def test_many_labels_in_one_block():
    """More than a 16-bit code can number, each one voxel."""
    block = np.random.default_rng(0).permutation(70_000).astype("uint32").reshape(70, 100, 10)
    table = tabulate(block, np.zeros((1, 1, 1), int))
    assert np.unique(table.label).size == table.label.size == block.size
    assert (table.voxels == 1).all()
    assert (block[tuple(table.point.T)] == table.label).all()
    assert_same(table.sums, table.start)
    assert_same(table.stop, table.point + 1)


def test_sums_are_exact():
    table = tabulate(np.ones((2, 3), "uint8"), np.zeros((1, 1), int))
    far = shifted(table, [2**40, 2**53 + 1])
    assert int(far.sums[:, 1].sum()) == 6 * (2**53 + 1) + 6


def test_nothing():
    table = tabulate(np.empty((0, 4, 2), "uint64"), np.empty((0, 1, 1), int))
    assert table.label.dtype == np.uint64
    assert table.sums.shape == (0, 3)
    assert concatenate([]).label.size == 0


@pytest.mark.parametrize(
    ("block", "kinds", "message"),
    [
        (np.zeros((2, 3)), np.zeros((1, 1), int), "labels must be integers, got float64"),
        (np.zeros((2, 3), int), np.zeros((1, 1)), "sides must be integers, got float64"),
    ],
)
def test_other_types(block, kinds, message):
    with pytest.raises(TypeError, match=message):
        tabulate(block, kinds)


@pytest.mark.parametrize("shape", [(3,), (2, 2), (3, 2), (1, 1, 1)])
def test_other_shape(shape):
    with pytest.raises(ValueError, match=r"labels of the shape \(2, 3\)|broadcast"):
        tabulate(np.zeros((2, 3), int), np.zeros(shape, int))


def test_memory_of_noise():
    """A block in which every voxel is a run of its own."""
    if tables.NOISY < 2**20:
        return  # the parts of the other tests are far too small for it
    block = np.random.default_rng(0).integers(0, 200, (64, 256, 256), "uint8")
    tracemalloc.start()
    table = tabulate(block, np.zeros((1, 1, 1), int))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert table.voxels.sum() == block.size
    assert peak < 200e6
