"""Half as many voxels: against a count of each block, voxel by voxel."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xarray_atlas.kernels.downsample import halved, majority, mean

pytestmark = pytest.mark.version_independent

SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=5)


def blocks(array):
    for index in np.ndindex(*halved(array.shape)):
        part = tuple(slice(2 * i, 2 * i + 2) for i in index)
        yield index, array[part].ravel().tolist()


@given(
    st.sampled_from(["u1", "u4", "i8", "u8", ">u4"]).flatmap(
        lambda dtype: hnp.arrays(
            dtype, SHAPES, elements=st.sampled_from([0, 1, 2, 3, np.iinfo(dtype).max])
        )
    )
)
def test_majority_is_the_most_frequent_and_of_equals_the_smallest(labels):
    found = majority(labels)
    assert found.dtype == labels.dtype.newbyteorder("=")
    assert found.shape == halved(labels.shape)
    for index, values in blocks(labels):
        counts = Counter(values)
        most = max(counts.values())
        assert found[index] == min(v for v, n in counts.items() if n == most)


@given(
    st.sampled_from(["u1", "u2", "i2", "f4", "f8"]).flatmap(
        lambda dtype: hnp.arrays(dtype, SHAPES, elements=st.integers(0, 120))
    )
)
def test_mean_is_rounded_to_integers(image):
    found = mean(image)
    assert found.dtype == image.dtype
    for index, values in blocks(image):
        exact = sum(values) / len(values)
        if image.dtype.kind == "f":
            assert found[index] == pytest.approx(exact, rel=1e-6)
        else:
            assert found[index] == round(exact)


def test_the_published_levels_are_majorities(published):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(published, mode="r")
    fine, coarse = group["1"][:], group["2"][:]
    np.testing.assert_array_equal(majority(fine), coarse)
