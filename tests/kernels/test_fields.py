"""Displacement fields at positions: against scipy, SimpleITK and sums over all grid points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from xarray_atlas.kernels import fields
from xarray_atlas.kernels.fields import displacements, field_box

pytestmark = pytest.mark.version_independent

SIZES = {"u": (5, 7, 6), "v": (4, 9, 5)}


def field_of(shape: tuple[int, ...], seed: int = 0, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(seed).normal(size=(3, *shape)).astype(dtype)


def scattered(shape: tuple[int, ...], count: int, seed: int, beyond: float = 0.0) -> Any:
    rng = np.random.default_rng(seed)
    return [rng.uniform(-beyond, n - 1 + beyond, count) for n in shape]


def spline(t: Any) -> Any:
    """The uniform cubic B-spline, as the literature has it."""
    t = np.abs(t)
    near = 2 / 3 - t**2 + t**3 / 2
    return np.where(t < 1, near, np.where(t < 2, (2 - t) ** 3 / 6, 0))


def by_all_points(data: Any, positions: Any, degree: int) -> Any:
    """The sum over every grid point, of its value times what its basis function is there."""
    found = np.zeros((3, *np.broadcast_shapes(*(p.shape for p in positions))))
    basis = spline if degree == 3 else lambda t: np.maximum(1 - np.abs(t), 0)
    ends = [(1, n - 2) if degree == 3 else (0, n - 1) for n in data.shape[1:]]
    positions = [np.clip(p, *end) for p, end in zip(positions, ends, strict=True)]
    for index in np.ndindex(*data.shape[1:]):
        weight: Any = 1.0
        for p, i in zip(positions, index, strict=True):
            weight = weight * basis(p - i)
        for component in range(3):
            found[component] += weight * data[(component, *index)]
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4"])
def test_scipy_agrees(dtype: Any) -> None:
    data = field_of((5, 7, 6), 1, dtype)
    positions = scattered((5, 7, 6), 500, 2)
    found, inside = displacements(data, positions)
    assert inside is None
    for component, got in zip(data, found, strict=True):
        wanted = scipy.ndimage.map_coordinates(component.astype(np.float64), positions, order=1)
        np.testing.assert_allclose(got, wanted, atol=1e-12)
        assert got.dtype == np.float64
    coefficients = field_of((8, 9, 7), 3)
    positions = [
        np.random.default_rng(4 + i).uniform(1, n - 2, 500) for i, n in enumerate((8, 9, 7))
    ]
    found, inside = displacements(coefficients, positions, 3)
    assert inside is None
    for component, got in zip(coefficients, found, strict=True):
        wanted = scipy.ndimage.map_coordinates(component, positions, order=3, prefilter=False)
        np.testing.assert_allclose(got, wanted, atol=1e-12)


@settings(max_examples=60)
@given(st.data())
def test_sums_over_all_grid_points(drawn: st.DataObject) -> None:
    """Grids along the field's axes in any order, grids askew to them, points, boxes."""
    degree = drawn.draw(st.sampled_from([1, 3]))
    shape = tuple(drawn.draw(st.integers(1 if degree == 1 else 4, 6)) for _ in range(3))
    data = field_of(shape, drawn.draw(st.integers(0, 99)))
    rng = np.random.default_rng(drawn.draw(st.integers(0, 99)))
    kind = drawn.draw(st.sampled_from(["grid", "one askew", "askew", "points", "one point"]))
    counts = [drawn.draw(st.integers(1, 4)) for _ in range(3)]
    order = drawn.draw(st.permutations(range(3)))
    positions: list[Any] = []
    for axis, n in enumerate(shape):
        sizes = {
            "grid": [counts[axis] if order[i] == axis else 1 for i in range(3)],
            "one askew": counts if axis == 1 else [counts[i] if i == axis else 1 for i in range(3)],
            "askew": counts,
            "points": [7],
            "one point": [],
        }[kind]
        drawn_ones = rng.uniform(-2, n + 1, sizes)
        on_grid = drawn.draw(st.booleans())
        positions.append(np.round(drawn_ones * 2) / 2 if on_grid else drawn_ones)
    found, inside = displacements(data, positions, degree)
    wanted = by_all_points(data, positions, degree)
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    within: Any = True
    for p, n in zip(positions, shape, strict=True):
        within = within & ((p >= -0.5) & (p < n - 0.5) if degree == 1 else (p >= 1) & (p <= n - 2))
    within = np.broadcast_to(within, wanted.shape[1:])
    np.testing.assert_array_equal(within.all() if inside is None else inside, within)
    assert inside is None or inside.shape == wanted.shape[1:]
    box = field_box(positions, shape, degree)
    assert box is not None
    part = data[(slice(None), *(slice(a, b) for a, b in box))]
    boxed, _ = displacements(part, positions, degree, [a for a, _ in box], shape)
    np.testing.assert_array_equal(boxed, found)


def test_many_slabs(monkeypatch: pytest.MonkeyPatch) -> None:
    data = field_of((5, 7, 6))
    rng = np.random.default_rng(0)
    positions = [rng.uniform(-1, n, (6, 5, 4)) for n in data.shape[1:]]
    positions[1] = positions[1][:1]
    whole, _ = displacements(data, positions)
    np.testing.assert_allclose(whole, by_all_points(data, positions, 1), atol=1e-12)
    for slab in (1, 3, 4, 7, 20, 50, 119):
        monkeypatch.setattr(fields, "SLAB", slab)
        again, _ = displacements(data, positions)
        np.testing.assert_array_equal(again, whole)


@pytest.mark.parametrize("degree", [1, 3])
def test_the_order_in_memory_does_not_matter(degree: int) -> None:
    data = field_of((5, 7, 6))
    positions = scattered((5, 7, 6), 200, 0)
    wanted, _ = displacements(data, positions, degree)
    last = np.ascontiguousarray(np.moveaxis(data, 0, -1))
    for same in (
        np.moveaxis(last, -1, 0),
        np.asfortranarray(data),
        data[:, ::-1, :, ::-1].copy()[:, ::-1, :, ::-1],
        np.repeat(data, 2, axis=3)[..., ::2],
        data[::-1].copy()[::-1],
        np.moveaxis(np.ascontiguousarray(last[..., ::-1]), -1, 0)[::-1],
    ):
        found, _ = displacements(same, positions, degree)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("askew", [False, True])
def test_nan(askew: bool) -> None:
    """Of the field they do not matter with a weight of 0; of positions they are outside."""
    data = field_of((4, 5, 6))
    data[:, 2] = np.nan
    z, y, x = np.array([0.0, 1, 1.5, 3, 3.4]), np.array([0.3, 1, 2, 3.5]), np.array([0.0, 4.5, 5])
    positions = [z[:, None, None], y[None, :, None], x[None, None]]
    if askew:
        positions = [np.ascontiguousarray(p) for p in np.broadcast_arrays(*positions)]
    found, inside = displacements(data, positions)
    assert inside is None
    data[:, 2] = 0
    wanted = by_all_points(data, positions, 1)
    wanted[:, 2] = np.nan
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    positions[1] = positions[1].copy()
    positions[1][..., 1, :] = np.nan
    found, inside = displacements(data, positions)
    assert inside is not None
    np.testing.assert_array_equal(inside, np.isfinite(np.broadcast_arrays(*positions)[1]))
    assert np.isnan(np.array(found)[:, ~inside]).all()
    np.testing.assert_allclose(
        np.array(found)[:, inside], by_all_points(data, positions, 1)[:, inside]
    )
    nowhere = [np.full(3, np.nan)] * 3
    assert field_box(nowhere, (4, 5, 6)) is None
    found, inside = displacements(data[:, 1:3], nowhere, start=(1, 0, 0), shape=(4, 5, 6))
    assert inside is not None
    assert not inside.any()


def test_what_rounding_puts_beyond_an_end_is_on_it() -> None:
    data = field_of((4, 5, 6))
    for at, within in (
        (-0.5 - 1e-9, True),
        (-0.5 - 1e-5, False),
        (3.5 - 1e-9, False),
        (3.4999, True),
    ):
        _, inside = displacements(data, [np.array([at]), np.zeros(1), np.zeros(1)])
        assert (inside is None) == within
    for at, within in ((1 - 1e-9, True), (1 - 1e-5, False), (2 + 1e-9, True), (2 + 1e-5, False)):
        _, inside = displacements(data, [np.array([at]), np.ones(1), np.ones(1)], 3)
        assert (inside is None) == within


def test_infinite_positions_are_outside() -> None:
    data = field_of((4, 5, 6))
    positions = [np.array([np.inf, 1.0]), np.zeros(2), np.zeros(2)]
    assert field_box(positions, (4, 5, 6)) == ((1, 4), (0, 2), (0, 2))
    found, inside = displacements(data, positions)
    assert inside is not None
    assert inside.tolist() == [False, True]
    np.testing.assert_array_equal([f[0] for f in found], data[:, 3, 0, 0])


def test_errors() -> None:
    data = field_of((4, 5, 6))
    zero = [np.zeros(1)] * 3
    with pytest.raises(ValueError, match="degree 2"):
        displacements(data, zero, 2)
    with pytest.raises(ValueError, match="at least 4 an axis"):
        displacements(data[:, :3], zero, 3)
    for positions in (
        [np.array([1.5]), *zero[1:]],
        [np.array([1.5, 1.7]), np.array([2.5, 0]), zero[0]],
    ):
        with pytest.raises(ValueError, match=r"holds the voxels 2 to 4 .* need 1 to 3"):
            displacements(data[:, 2:], positions, start=(2, 0, 0), shape=(4, 5, 6))


def test_nothing() -> None:
    found, inside = displacements(field_of((4, 5, 6)), [np.zeros(0)] * 3)
    assert [f.shape for f in found] == [(0,)] * 3
    assert inside is None


def test_simpleitk_displacement_field() -> None:
    sitk = pytest.importorskip("SimpleITK")
    data = field_of((5, 7, 6), 6)  # axes and components in the order of ITK's x, y, z
    positions = scattered((5, 7, 6), 3000, 7, beyond=1.0)
    ends = [np.array([-0.5, n - 0.5, np.nextafter(n - 0.5, 0), 0, n - 1]) for n in (5, 7, 6)]
    grid = [p.ravel() for p in np.meshgrid(*ends, indexing="ij")]
    # what lies this close to an end counts as on it
    grid = [
        np.where(p == np.nextafter(n - 0.5, 0), n - 0.5 - 1e-5, p)
        for p, n in zip(grid, (5, 7, 6), strict=True)
    ]
    positions = [np.concatenate(pair) for pair in zip(positions, grid, strict=True)]
    image = sitk.GetImageFromArray(np.moveaxis(data, 0, -1).transpose(2, 1, 0, 3), isVector=True)
    transform = sitk.DisplacementFieldTransform(sitk.Cast(image, sitk.sitkVectorFloat64))
    points = np.stack(positions, -1)
    wanted = np.array([transform.TransformPoint(p) for p in points.tolist()]) - points
    found, inside = displacements(data, positions)
    assert inside is not None
    assert 0.1 < inside.mean() < 0.9
    moved = np.where(inside, found, 0)
    np.testing.assert_allclose(moved.T, wanted, atol=1e-9)


def test_simpleitk_bspline() -> None:
    sitk = pytest.importorskip("SimpleITK")
    transform = sitk.BSplineTransform(3, 3)
    transform.SetTransformDomainOrigin((0.0, 0.0, 0.0))
    transform.SetTransformDomainPhysicalDimensions((4.0, 6.0, 5.0))
    transform.SetTransformDomainMeshSize((4, 6, 5))  # control points at -1, 0, 1, ...
    data = field_of((7, 9, 8), 8)
    transform.SetParameters(data.transpose(0, 3, 2, 1).ravel())
    rng = np.random.default_rng(9)
    positions = [rng.uniform(0, n - 1, 3000) for n in (7, 9, 8)]
    ends = [np.array([1.0, n - 2.0, 1 - 1e-5, n - 2 + 1e-5, 2.0]) for n in (7, 9, 8)]
    grid = [p.ravel() for p in np.meshgrid(*ends, indexing="ij")]
    positions = [np.concatenate(pair) for pair in zip(positions, grid, strict=True)]
    points = np.stack(positions, -1) - 1
    wanted = np.array([transform.TransformPoint(p) for p in points.tolist()]) - points
    found, inside = displacements(data, positions, 3)
    assert inside is not None
    assert 0.1 < inside.mean() < 0.9
    np.testing.assert_allclose(np.where(inside, found, 0).T, wanted, atol=1e-9)
