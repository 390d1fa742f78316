"""Thin-plate splines against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

from xarray_atlas.kernels.thin_plates import ThinPlate


@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.floats(0.01, 1e4))
def test_values_are_those_of_scipy(seed: int, count: int, unit: float) -> None:
    rng = np.random.default_rng(seed)
    source = unit * (rng.uniform(-5, 5, (count, 2)) + np.array([40, -20]))
    target = unit * rng.uniform(-5, 5, (count, 2))
    x, y = unit * (rng.uniform(-9, 9, (2, 50)) + np.array([[40], [-20]]))
    found = ThinPlate(source, target).apply(x, y)
    theirs = RBFInterpolator(source / unit, target / unit, kernel="thin_plate_spline")
    expected = unit * theirs(np.stack([x, y], 1) / unit)
    np.testing.assert_allclose(np.stack(found, 1), expected, atol=1e-5 * unit)


@given(st.integers(0, 2**32 - 1))
def test_the_inverse_of_a_map_that_does_not_fold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.linspace(-5, 5, 5), np.linspace(-3, 3, 4)), -1).reshape(-1, 2)
    turned = grid @ [[0.8, -0.6], [0.6, 0.8]] + [100, 7] + rng.uniform(-0.3, 0.3, grid.shape)
    plate = ThinPlate(grid, turned)
    x, y = np.meshgrid(np.linspace(-7, 7, 9), np.linspace(-4, 4, 8))
    back = plate.inverse(*plate.apply(x, y))
    np.testing.assert_allclose(back, [x, y], atol=1e-7)


def test_positions_without_an_inverse_are_nan() -> None:
    """A landmark that was moved across its neighbours folds the plane, and leaves a gap."""
    grid = np.stack(np.meshgrid([-1.0, 0, 1], [-1.0, 0, 1]), -1).reshape(-1, 2)
    plate = ThinPlate(grid, np.where((grid == 0).all(axis=1, keepdims=True), [4.0, 0.0], grid))
    x, y = plate.inverse(np.array([np.nan, 0.5]), np.array([0.0, 0.5]))
    assert np.isnan([x[0], y[0]]).all()
    far_x, far_y = plate.inverse(np.array([30.0]), np.array([0.0]))
    if np.isfinite(far_x[0]):
        np.testing.assert_allclose(plate.apply(far_x, far_y), [[30.0], [0.0]], atol=1e-6)


def test_landmarks_on_a_line_have_no_spline() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        ThinPlate(np.array([[0.0, 0], [1, 1], [2, 2]]), np.zeros((3, 2))).apply(
            np.zeros(1), np.zeros(1)
        )
