"""What a registration gives, read as a transform from an image to an atlas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from support.atlases import make_atlas, make_terminology
from xarray_atlas.coords.space import DIRECTIONS
from xarray_atlas.transforms.registration import nearest_letters

pytestmark = pytest.mark.version_independent

ITK = np.array(
    [
        [0.953382720929, -0.289629477625, -0.084712159206, 0.1],
        [0.263839063065, 0.936293363584, -0.231826836364, 0.15],
        [0.146459316697, 0.198669330795, 0.969061486891, -0.2],
        [0, 0, 0, 1],
    ]
)
"""sitk.Euler3DTransform, rotated by (0.2, -0.15, 0.3) and translated by (0.1, 0.15, -0.2)."""

RESAMPLED = [
    [[0, 0, 0, 113], [0, 0, 107, 107], [0, 0, 101, 71], [0, 0, 95, 71]],
    [[0, 0, 112, 82], [0, 0, 106, 76], [0, 0, 100, 70], [0, 0, 94, 70]],
    [[0, 0, 111, 81], [0, 0, 105, 75], [0, 0, 98, 75], [0, 0, 98, 69]],
    [[0, 0, 110, 80], [0, 0, 103, 74], [0, 0, 97, 74], [0, 97, 97, 68]],
    [[0, 0, 0, 79], [0, 0, 0, 79], [0, 0, 0, 73], [0, 0, 0, 67]],
]
"""What SimpleITK 2.5 makes of `itk_atlas` on the grid of `itk_image`, by nearest neighbour.

Their origins and directions in ITK are those of the voxels in LPS: along "asr" (L, -S, P) and
along "lip" (-L, S, -P), in the order of ITK's axes (the last of ours first).
"""


def itk_atlas() -> xr.Dataset:
    labels = np.arange(1, 121, dtype=np.uint32).reshape(4, 5, 6)
    return make_atlas(labels, make_terminology([-1]), (0.5, 0.4, 0.3), (0.1, 0.2, 0.3), "asr")


def itk_image() -> xr.DataArray:
    parts = zip(
        ("x", "y", "z"), (5, 4, 4), (0.35, 0.3, 0.45), (-1.6, -1.5, -1.9), "lip", strict=True
    )
    coords = {
        name: (name, first + size * np.arange(n), {"units": "mm", "direction": DIRECTIONS[letter]})
        for name, n, size, first, letter in parts
    }
    return xr.DataArray(np.zeros((5, 4, 4)), dims=("x", "y", "z"), coords=coords)


def test_the_matrix_of_itk() -> None:
    out = xarray_atlas.resample_like(itk_atlas(), itk_image(), ITK, space="LPS")
    np.testing.assert_array_equal(out.annotation.values, RESAMPLED)
    assert out.annotation.dims == ("x", "y", "z")
    for wrong in (np.linalg.inv(ITK), ITK[np.ix_([2, 1, 0, 3], [2, 1, 0, 3])]):
        other = xarray_atlas.resample_like(itk_atlas(), itk_image(), wrong, space="LPS")
        assert (other.annotation.values != RESAMPLED).mean() > 0.3


def test_the_matrix_of_itk_the_other_way_round() -> None:
    # the same transform brings the image onto the atlas
    atlas, image = itk_atlas(), itk_image()
    numbers = image.copy(data=np.arange(80.0).reshape(5, 4, 4))
    there = xarray_atlas.resample(numbers, atlas, ITK, space="LPS", method="nearest")
    on_image = xarray_atlas.resample_like(atlas, image, ITK, space="LPS")
    matrix = np.linalg.inv(np.reshape(on_image.atlas.space.to_atlas, (4, 4)))
    for index in np.ndindex(4, 5, 6):
        centre = [atlas[d].values[i] for d, i in zip("zyx", index, strict=True)]
        point = matrix @ [*centre, 1]
        at = [
            round(
                float((point[i] - image[d].values[0]) / (image[d].values[1] - image[d].values[0]))
            )
            for i, d in enumerate("xyz")
        ]
        held = all(0 <= i < n for i, n in zip(at, (5, 4, 4), strict=True))
        wanted = numbers.values[tuple(at)] if held else np.nan
        np.testing.assert_equal(there.values[index], wanted)
    assert np.isfinite(there.values).sum() > 10


def test_letters_of_every_turn() -> None:
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.eye(4)
            matrix[:3, :3] = 0
            for column, (row, sign) in enumerate(zip(order, signs, strict=True)):
                matrix[row, column] = sign * (0.5 + column)
            # leaning by less than half of a right angle changes nothing
            lean = np.eye(4)
            lean[:2, :2] = [[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]]
            wanted = "".join(
                "asr"[row] if sign > 0 else "pil"[row]
                for row, sign in zip(order, signs, strict=True)
            )
            assert nearest_letters(matrix, "asr") == wanted
            assert nearest_letters(lean @ matrix, "asr") == wanted


def test_a_quantity_is_refused() -> None:
    import pint

    matrix = pint.get_application_registry().Quantity(np.eye(4), "mm")
    with pytest.raises(xarray_atlas.errors.UnitsError, match="magnitude"):
        xarray_atlas.resample_like(itk_atlas(), itk_image(), matrix)


def test_a_matrix_may_be_a_list_or_a_dataarray() -> None:
    wanted = xarray_atlas.resample_like(itk_atlas(), itk_image(), ITK, space="LPS")
    for matrix in (ITK.tolist(), xr.DataArray(ITK)):
        out = xarray_atlas.resample_like(itk_atlas(), itk_image(), matrix, space="LPS")
        assert out.identical(wanted)
