"""Values at positions: against a look at each voxel, and against scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from xarray_atlas.kernels import interpolation
from xarray_atlas.kernels.positions import (
    GivenPositions,
    MatrixPositions,
    SourceAxis,
    box_of,
    summed,
    voxel_positions,
)
from xarray_atlas.kernels.sampling import linear, nearest

pytestmark = pytest.mark.version_independent

FILL = 77


def axes_of(shape: tuple[int, ...], falls: tuple[bool, ...]) -> tuple[SourceAxis, ...]:
    return tuple(SourceAxis(0.0, 1.0, n, f) for n, f in zip(shape, falls, strict=True))


def held_by(position: float, axis: SourceAxis) -> int | None:
    """The stored voxel that holds a position, by looking at each of them."""
    for voxel in range(axis.count):
        if voxel - 1e-6 <= position < voxel + 1 - 1e-6:
            return axis.count - 1 - voxel if axis.falls else voxel
    return None


def by_each_voxel(source: Any, axes: Any, positions: Any) -> Any:
    positions = np.broadcast_arrays(*positions)
    out = np.full((*source.shape[:-3], *positions[0].shape), FILL, source.dtype)
    for index in np.ndindex(*positions[0].shape):
        place = [held_by(p[index], axis) for p, axis in zip(positions, axes, strict=True)]
        if None not in place:
            out[(..., *index)] = source[(..., *place)]
    return out


def by_each_pair(source: Any, axes: Any, positions: Any) -> Any:
    """Linear: weights of all voxels, the edge's values beyond the outermost centres."""
    positions = np.broadcast_arrays(*positions)
    out = np.full((*source.shape[:-3], *positions[0].shape), np.nan)
    for index in np.ndindex(*positions[0].shape):
        at = [p[index] for p in positions]
        if any(held_by(p, axis) is None for p, axis in zip(at, axes, strict=True)):
            continue
        total = 0.0
        for voxel in np.ndindex(*source.shape[-3:]):
            weight = 1.0
            for p, axis, stored in zip(at, axes, voxel, strict=True):
                centre = (axis.count - 1 - stored if axis.falls else stored) + 0.5
                p = min(max(p, 0.5), axis.count - 0.5)
                weight *= max(1 - abs(p - centre), 0)
            total = total + weight * source[(..., *voxel)]
        out[(..., *index)] = total
    return out


@st.composite
def cases(draw: Any) -> Any:
    shape = tuple(draw(st.integers(1, 5)) for _ in range(3))
    front = draw(st.sampled_from([(), (2,), (2, 1), (0,)]))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    source = rng.integers(0, 60, (*front, *shape))
    axes = axes_of(shape, tuple(draw(st.booleans()) for _ in range(3)))
    sizes = [draw(st.integers(1, 4)) for _ in range(3)]
    kind = draw(st.sampled_from(["matrix", "aligned", "given", "one given"]))
    if kind in ("matrix", "aligned"):
        matrix = rng.normal(size=(3, 4)) * (1, 1, 1, 2)
        if kind == "aligned":
            order = draw(st.permutations(range(3)))
            matrix[:, :3] = np.eye(3)[order] * rng.choice([-1, 0.5, 1, 1.7], (3, 1))
        centres = [np.arange(n) * 1.0 for n in sizes]
        if draw(st.booleans()):
            centres[1] = centres[1][::-1].copy()
        return source, axes, MatrixPositions(matrix, centres)
    given = [rng.uniform(-1, n + 1, sizes) for n in shape]
    if draw(st.booleans()):  # on faces and centres
        given = [np.round(part * 2) / 2 - draw(st.sampled_from([0, 1e-8])) for part in given]
    if draw(st.booleans()):
        given[0][rng.random(sizes) < 0.2] = np.nan
    if draw(st.booleans()):
        given[2][rng.random(sizes) < 0.2] = np.inf
    if kind == "one given":
        given[1] = given[1][:, :1, :1]
    return source, axes, GivenPositions(given)


@settings(max_examples=150)
@given(cases(), st.sampled_from([3, 7, 10**4]), st.sampled_from(["u4", "i8", ">u2", "u1"]))
def test_nearest_by_each_voxel(case: Any, slab: int, dtype: str) -> None:
    source, axes, positions = case
    source = source.astype(dtype)
    wanted = by_each_voxel(source, axes, summed(positions.part(())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpolation, "SLAB", slab)
        found = nearest(source, (0, 0, 0), axes, positions, FILL)
        np.testing.assert_array_equal(found, np.broadcast_to(wanted, found.shape))
        box = box_of(summed(positions.part(())), axes, "nearest")
        if box is None:
            assert (found == FILL).all()
            return
        part = source[(..., *(slice(a, b) for a, b in box))]
        again = nearest(part, [a for a, _ in box], axes, positions, FILL)
        np.testing.assert_array_equal(again, found)


@settings(max_examples=100)
@given(cases(), st.sampled_from([3, 7, 10**4]), st.sampled_from(["f8", "u2", ">f4", "c16"]))
def test_linear_by_each_pair(case: Any, slab: int, dtype: str) -> None:
    source, axes, positions = case
    source = source.astype(dtype)
    wanted = by_each_pair(source.real.astype(float), axes, summed(positions.part(())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpolation, "SLAB", slab)
        found = linear(source, (0, 0, 0), axes, positions)
        assert found.dtype == np.result_type(source.dtype.newbyteorder("="), np.float32)
        np.testing.assert_allclose(found.real, np.broadcast_to(wanted, found.shape), atol=2e-4)
        box = box_of(summed(positions.part(())), axes, "linear")
        if box is None:
            assert np.isnan(found).all()
            return
        part = source[(..., *(slice(a, b) for a, b in box))]
        again = linear(part, [a for a, _ in box], axes, positions)
        np.testing.assert_array_equal(again, found)


def test_linear_of_scipy() -> None:
    source = np.random.default_rng(0).normal(size=(20, 17, 23)).astype(np.float32)
    rng = np.random.default_rng(1)
    positions = [rng.uniform(0.5, n - 0.5, (40, 30, 50)) for n in source.shape]
    found = linear(
        source, (0, 0, 0), axes_of(source.shape, (False,) * 3), GivenPositions(positions)
    )
    wanted = scipy.ndimage.map_coordinates(source, [p - 0.5 for p in positions], order=1)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("aligned", [False, True])
def test_a_nan_without_weight_does_not_matter(aligned: bool) -> None:
    source = np.arange(60.0).reshape(3, 4, 5)
    source[1] = np.nan
    z, y, x = np.array([0.5, 0.9, 1.5, 2.5]), np.array([0.5, 2.5]), np.array([1.0, 1.5])
    positions = [z[:, None, None], y[None, :, None], x[None, None]]
    if not aligned:
        positions = [np.ascontiguousarray(p) for p in np.broadcast_arrays(*positions)]
    found = linear(source, (0, 0, 0), axes_of((3, 4, 5), (False,) * 3), GivenPositions(positions))
    assert np.isnan(found[1:3]).all()
    np.testing.assert_array_equal(found[[0, 3]], [[[0.5, 1], [10.5, 11]], [[40.5, 41], [50.5, 51]]])


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_on_its_own_grid_an_image_is_unchanged(kind: str) -> None:
    source = np.random.default_rng(0).normal(size=(7, 5, 6)).astype(kind)
    centres = [np.arange(n) + 0.5 for n in source.shape]
    axes = axes_of(source.shape, (False,) * 3)
    plain = MatrixPositions(np.eye(3, 4), centres)
    given = GivenPositions([np.array(p) for p in np.broadcast_arrays(*summed(plain.part(())))])
    for positions in (plain, given):
        np.testing.assert_array_equal(linear(source, (0, 0, 0), axes, positions), source)


def test_the_ends_of_slabs_are_those_of_their_positions() -> None:
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(3, 4))
    centres = [np.arange(6) * 0.3, 5 - np.arange(5) * 0.2, np.arange(7) * 1.0]
    positions = MatrixPositions(matrix, centres)
    for slab in interpolation.slabs(positions.shape, 9):
        parts = summed(positions.part(slab))
        assert positions.ends(slab) == [(p.min(), p.max()) for p in parts]
    whole = voxel_positions(matrix, centres)
    for slab in interpolation.slabs(positions.shape, 9):
        for part, array in zip(summed(positions.part(slab)), whole, strict=True):
            np.testing.assert_array_equal(part, array[slab])


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 200))
def test_slabs_cover_an_array_once(shape: list[int], largest: int) -> None:
    count = np.zeros(shape, int)
    for slab in interpolation.slabs(tuple(shape), largest):
        part = count[slab]
        part += 1
        assert part.size <= largest
        assert part.flags.c_contiguous
    assert (count == 1).all()
