"""The kernels on blocks of labels, against numpy's own np.isin."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xarray_atlas.kernels import labels

pytestmark = pytest.mark.version_independent

DTYPES = [
    np.dtype(name)
    for name in (
        *("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        *(">u4", ">i2", ">u8"),
    )
]
# Ids at the edges of the integer types, and two of the Allen terminology.
IDS = sorted(
    {0, 1, 997, 312782574, 614454277, 2**24 + 1, 2**31 + 7, 2**40, 2**53 + 1}
    | {2**bits + offset for bits in (7, 8, 15, 16, 31, 32, 63) for offset in (-1, 0)}
    | {-(2**bits) for bits in (0, 7, 15, 31, 63)}
    | {2**64 - 1}
)
INT64_IDS = [i for i in IDS if i < 2**63]


@pytest.fixture(autouse=True, scope="module", params=[1, 3, labels.PIECE])
def piece(request):
    """Pieces smaller than the blocks of these tests, down to a single voxel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "PIECE", request.param)
        yield


def ids_of(dtype):
    limits = np.iinfo(dtype)
    return [i for i in IDS if limits.min <= i <= limits.max]


@st.composite
def layouts(draw, block):
    """Give the block another memory layout, or another view of itself."""
    layout = draw(st.sampled_from(["C", "F", "transposed", "reversed", "strided"]))
    if block.ndim == 0 or layout == "C":
        return block
    if layout == "F":
        return np.asfortranarray(block)
    if layout == "transposed":
        return block.transpose(draw(st.permutations(range(block.ndim))))
    return block[..., ::-1] if layout == "reversed" else block[..., ::2]


SHAPES = hnp.array_shapes(min_dims=0, min_side=0)


@st.composite
def blocks(draw, dtypes=tuple(DTYPES), shapes=SHAPES):
    """Draw labels in runs, noise or one label, in any layout."""
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(shapes)
    size = int(np.prod(shape))
    few = draw(st.lists(st.sampled_from(ids_of(dtype)), min_size=1, max_size=4))
    kind = draw(st.sampled_from(["runs", "noise", "uniform"]))
    if kind == "uniform":
        flat = np.full(size, few[0], dtype)
    elif kind == "noise":
        limits = np.iinfo(dtype)
        label = st.integers(int(limits.min), int(limits.max))
        flat = draw(hnp.arrays(dtype, size, elements=st.sampled_from(few) | label))
    else:
        values = np.array(draw(st.lists(st.sampled_from(few), min_size=1)), dtype)
        lengths = hnp.arrays(np.intp, values.size, elements=st.integers(1, 9))
        flat = np.resize(np.repeat(values, draw(lengths)), size)
    return draw(layouts(flat.reshape(shape)))


def key_arrays(block):
    """Draw ids that occur in the block, and ids that its type cannot hold."""
    own = [i for i in np.unique(block).tolist() if i < 2**63]
    ids = st.sampled_from(INT64_IDS + own)
    return st.lists(ids, unique=True, max_size=12).map(
        lambda keys: np.array(sorted(keys), np.int64)
    )


def is_key(block, keys):
    """Compare as Python integers: exact for every pair of types."""
    wanted = set(keys.tolist())
    flat = [label in wanted for label in block.ravel().tolist()]
    return np.array(flat, bool).reshape(block.shape)


def assert_same(actual, expected):
    np.testing.assert_array_equal(actual, expected, strict=True)


class TestRuns:
    @given(blocks())
    def test_expands_to_the_block(self, block):
        starts, values = labels.runs(block)
        assert starts.dtype == np.intp
        assert values.dtype == block.dtype
        lengths = np.diff(starts, append=block.size)
        assert (lengths > 0).all()
        assert (values[1:] != values[:-1]).all()
        assert_same(np.repeat(values, lengths).reshape(block.shape), block)

    def test_goes_across_rows(self):
        starts, values = labels.runs(np.array([[0, 7], [7, 7], [7, 0]]))
        assert_same(starts, np.array([0, 1, 5]))
        assert_same(values, np.array([0, 7, 0]))

    @pytest.mark.parametrize("shape", [(0,), (3, 0, 2)])
    def test_empty(self, shape):
        starts, values = labels.runs(np.empty(shape, np.uint16))
        assert_same(starts, np.empty(0, np.intp))
        assert_same(values, np.empty(0, np.uint16))

    def test_uniform(self):
        starts, values = labels.runs(np.full((4, 5, 6), 997, np.uint32))
        assert_same(starts, np.array([0]))
        assert_same(values, np.array([997], np.uint32))


class TestLookup:
    @given(st.data(), blocks())
    def test_is_the_position_in_the_list(self, data, values):
        keys = data.draw(key_arrays(values))
        position = {key: i for i, key in enumerate(keys.tolist())}
        expected = [position.get(value, -1) for value in values.ravel().tolist()]
        assert_same(
            labels.lookup(values, keys),
            np.array(expected, np.intp).reshape(values.shape),
        )

    def test_keys_outside_of_the_type(self):
        # 614454277 is 60421 and -1 is 65535, modulo 2**16
        values = np.array([614454277 % 2**16, 65535, 997], np.uint16)
        keys = np.array([-1, 997, 614454277])
        assert_same(labels.lookup(values, keys), np.array([-1, -1, 1]))

    def test_uint64_does_not_wrap_into_a_negative_key(self):
        values = np.array([2**64 - 1, 2**63, 2**63 - 1], np.uint64)
        keys = np.array([-(2**63), -1, 2**63 - 1])
        assert_same(labels.lookup(values, keys), np.array([-1, -1, 2]))

    def test_uint64_does_not_pass_through_float(self):
        values = np.array([2**53, 2**53 + 1, 2**53 + 2], np.uint64)
        assert_same(labels.lookup(values, np.array([2**53 + 1])), np.array([-1, 0, -1]))

    @pytest.mark.parametrize("dtype", ["uint64", "int32", "float64"])
    def test_keys_of_another_type(self, dtype):
        with pytest.raises(TypeError, match=f"keys must be int64, got {dtype}"):
            labels.lookup(np.array([1]), np.array([1], dtype))

    @pytest.mark.parametrize("keys", [[2, 1], [1, 1], [[1, 2]]])
    def test_keys_out_of_order(self, keys):
        with pytest.raises(ValueError, match=r"sorted and unique: use np\.unique"):
            labels.lookup(np.array([1]), np.array(keys))


class TestLabelMask:
    @given(st.data(), blocks())
    def test_is_the_voxels_of_the_keys(self, data, block):
        keys = data.draw(key_arrays(block))
        assert_same(labels.label_mask(block, keys), is_key(block, keys))

    @given(st.data(), blocks(dtypes=("uint32",)))
    def test_agrees_with_isin(self, data, block):
        keys = data.draw(key_arrays(block))
        assert_same(labels.label_mask(block, keys), np.isin(block, keys))

    def test_no_keys(self):
        mask = labels.label_mask(np.ones((2, 3), int), np.empty(0, np.int64))
        assert_same(mask, np.zeros((2, 3), bool))

    def test_single_voxel(self):
        mask = labels.label_mask(np.array(614454277, np.uint32), np.array([614454277]))
        assert_same(mask, np.array(True))


class TestRegionMasks:
    @given(st.data(), blocks())
    def test_is_a_label_mask_for_each_row(self, data, block):
        keys = data.draw(key_arrays(block))
        shape = data.draw(st.integers(0, 3)), keys.size
        table = data.draw(hnp.arrays(bool, shape))
        masks = labels.region_masks(block, keys, table)
        assert masks.dtype == bool
        assert masks.shape == (shape[0], *block.shape)
        for mask, row in zip(masks, table, strict=True):
            assert_same(np.asarray(mask), is_key(block, keys[row]))

    @pytest.mark.parametrize("shape", [(2,), (1, 3), (2, 2, 1)])
    def test_table_of_another_shape(self, shape):
        with pytest.raises(ValueError, match=r"must have the shape \(n_regions, 2\)"):
            labels.region_masks(np.array([1]), np.array([1, 2]), np.zeros(shape, bool))

    def test_table_of_another_type(self):
        with pytest.raises(TypeError, match="table must be bool, got int64"):
            labels.region_masks(np.array([1]), np.array([1]), np.zeros((1, 1), np.int64))


@pytest.mark.parametrize("size", [0, 3])
@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("float32", r"float32, which may already have lost ids above 2\*\*24: read"),
        ("float64", r"float64, which may already have lost ids above 2\*\*53: read"),
        ("bool", r"bool: .* convert it with .astype\('uint8'\)"),
        ("complex64", "complex64: read them again"),
        ("timedelta64[s]", r"timedelta64\[s\]: read them again"),
    ],
)
class TestOtherTypes:
    @pytest.mark.parametrize(
        "kernel",
        [
            labels.runs,
            lambda block: labels.lookup(block, np.array([1])),
            lambda block: labels.label_mask(block, np.array([1])),
            lambda block: labels.region_masks(block, np.array([1]), np.ones((1, 1), bool)),
        ],
    )
    def test_labels(self, kernel, dtype, message, size):
        with pytest.raises(TypeError, match=f"labels must be integers, got {message}"):
            kernel(np.zeros(size, dtype))
