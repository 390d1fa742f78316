"""Images of SimpleITK and of ITK, in memory."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from xarray_atlas.io.files.images import is_image, read_image


def make(vector: int = 0) -> sitk.Image:
    random = np.random.default_rng(0)
    shape = (3, 4, 5, vector) if vector else (3, 4, 5)
    image = sitk.GetImageFromArray(random.random(shape), isVector=bool(vector))
    image.SetDirection(np.linalg.qr(random.normal(size=(3, 3)))[0].ravel())
    image.SetSpacing((0.1, 0.2, 0.3))
    image.SetOrigin((1, -2, 3))
    return image


@pytest.mark.parametrize("vector", [0, 2])
def test_an_image_of_simpleitk_is_what_its_file_is(tmp_path: Path, vector: int):
    image = make(vector)
    sitk.WriteImage(image, tmp_path / "a.mha")
    mine, of_file = read_image(image), read_image(tmp_path / "a.mha")
    assert is_image(image)
    assert mine.dims == of_file.dims
    np.testing.assert_array_equal(mine.array(), of_file.array().compute())
    np.testing.assert_allclose(mine.geometry.affine, of_file.geometry.affine)
    assert mine.geometry.voxel_size == of_file.geometry.voxel_size


def test_the_voxels_are_a_copy():
    """SimpleITK frees its memory with the image."""
    image = make()
    mine, wanted = read_image(image), sitk.GetArrayFromImage(image)
    image.SetPixel(0, 0, 0, 5.0)
    np.testing.assert_array_equal(mine.array(), wanted.T)


def test_an_image_of_four_dimensions():
    image = sitk.GetImageFromArray(np.random.default_rng(0).random((2, 3, 4, 5)), isVector=False)
    mine = read_image(image)
    assert mine.dims == ("dim_3", "z", "y", "x")
    wanted = sitk.GetArrayFromImage(image).transpose(0, 3, 2, 1)
    np.testing.assert_array_equal(mine.array(), wanted)


class OfItk:
    """An image as ITK's Python package has it: a matrix of its own kind, and no array of vectors."""

    def __init__(self, image: sitk.Image) -> None:
        self.image = image

    def GetSpacing(self) -> Any:
        return iter(self.image.GetSpacing())

    def GetOrigin(self) -> Any:
        return iter(self.image.GetOrigin())

    def GetDirection(self) -> Any:
        return np.reshape(self.image.GetDirection(), (3, 3))

    def GetNumberOfComponentsPerPixel(self) -> int:
        return int(self.image.GetNumberOfComponentsPerPixel())


def test_an_image_of_itk(monkeypatch: Any):
    image = make()
    module: Any = types.ModuleType("itk")
    module.array_from_image = lambda mine: sitk.GetArrayFromImage(mine.image)
    monkeypatch.setitem(sys.modules, "itk", module)
    monkeypatch.setattr(OfItk, "__module__", "itk.itkImagePython")
    mine = read_image(OfItk(image))
    np.testing.assert_array_equal(mine.array(), sitk.GetArrayFromImage(image).T)
    np.testing.assert_allclose(mine.geometry.affine, read_image(image).geometry.affine)
    assert mine.place == "the itk image"
