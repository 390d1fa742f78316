"""Positions of blocks through fields: lazy fields against the same ones in memory."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.atlases import Counted
from xarray_atlas.images import warped
from xarray_atlas.images.warped import warped_positions
from xarray_atlas.transforms.steps import AffineStep, FieldStep, InverseStep, Step

pytestmark = pytest.mark.version_independent


def matrix_of(rng: Any) -> Any:
    matrix = np.eye(4)
    matrix[:3, :3] += rng.normal(scale=0.2, size=(3, 3))
    matrix[:3, 3] = rng.normal(size=3)
    return matrix


@settings(max_examples=40)
@given(st.data())
def test_lazy_fields(drawn: st.DataObject) -> None:
    rng = np.random.default_rng(drawn.draw(st.integers(0, 999)))
    degree = drawn.draw(st.sampled_from([1, 3]))
    shape = [drawn.draw(st.integers(1 if degree == 1 else 4, 8)) for _ in range(3)]
    data = rng.normal(scale=0.1, size=(3, *shape))
    chunks = (3, *(drawn.draw(st.integers(1, n)) for n in shape))
    outside = drawn.draw(st.sampled_from(["nearest", "identity"]))
    grid = matrix_of(rng)
    before: list[Step] = [AffineStep(matrix_of(rng))] if drawn.draw(st.booleans()) else []
    after = drawn.draw(st.sampled_from(["matrix", "field", "nothing"]))

    def steps(array: Any) -> list[Step]:
        field = FieldStep(array, grid, outside, degree)  # type: ignore[arg-type]
        found = [*before, field]
        found += [AffineStep(np.diag([1.0, 2, 3, 1]))] if after == "matrix" else []
        return [*found, field] if after == "field" else found

    centres = [rng.normal() + 0.5 * np.arange(drawn.draw(st.integers(1, 6))) for _ in range(3)]
    wanted = warped_positions(steps(data), centres)
    box = drawn.draw(st.sampled_from([2**25, 0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warped, "BOX", box)
        found = warped_positions(steps(da.from_array(data, chunks)), centres)
    for a, b in zip(found.arrays, wanted.arrays, strict=True):
        assert a.shape == tuple(c.size for c in centres)
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_a_block_reads_what_it_needs_once() -> None:
    counted = Counted(np.zeros((3, 40, 40, 40)))
    field = FieldStep(counted.dask((3, 10, 10, 10)), np.eye(4), "error")
    centres = [np.arange(11, 18.0), np.arange(2, 8.0), np.arange(31, 38.0)]
    warped_positions([field], centres)
    assert [tuple((s.start, s.stop) for s in part[1:]) for part in counted.reads] == [
        ((11, 19), (2, 9), (31, 39))
    ]


def test_the_inverse_of_a_lazy_field() -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(scale=0.05, size=(3, 6, 6, 6))
    centres = [np.arange(1, 4.0)] * 3
    lazy, plain = (
        warped_positions([InverseStep(FieldStep(a, np.eye(4), "nearest"), 1e-6, "error")], centres)
        for a in (da.from_array(data, (3, 2, 6, 6)), data)
    )
    np.testing.assert_allclose(lazy.arrays, plain.arrays, atol=1e-9)
