"""Parts of displacement fields: what is read of a file, and by which keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xarray_atlas
from xarray_atlas.io.files.images.voxels import RawVoxels
from xarray_atlas.io.transforms.reading import as_slices

nib = pytest.importorskip("nibabel")


@pytest.fixture
def field(tmp_path: Path) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(90, 70, 60, 1, 3)).astype(np.float32)
    image = nib.Nifti1Image(vectors, np.eye(4))
    image.header.set_intent("vector")
    nib.save(image, tmp_path / "warp.nii")
    transform = xarray_atlas.open_transform(tmp_path / "warp.nii", maps="image to atlas")
    turned = np.moveaxis(vectors[..., 0, :], -1, 0) * np.array([-1, -1, 1]).reshape(3, 1, 1, 1)
    return transform, turned


@pytest.mark.parametrize(
    "key",
    [
        np.s_[:, 3:9, 60:66, 5],
        np.s_[1, 3:9, 2, 5:50],
        np.s_[[0, 2], 3:9, 60:66, 5:7],
        np.s_[:, [5, 80, 7], 60:66, 5:7],
        np.s_[2, [5, 80, 7], ::-3, 5],
        np.s_[-1, 5, 6, 7],
    ],
)
def test_keys(key: Any, field: tuple[Any, Any]) -> None:
    transform, turned = field
    data = transform.fields[0].data
    assert np.array_equal(data[key].compute(), turned[key])


def test_a_key_is_slices_and_the_rest() -> None:
    slices, rest = as_slices((slice(2, 8), 3, [4, 9, 5]))
    array = np.arange(1000).reshape(10, 10, 10)
    assert all(isinstance(part, slice) for part in slices)
    assert np.array_equal(array[slices][rest], array[2:8, 3][:, [4, 9, 5]])


def test_only_what_points_need_is_read(
    field: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    transform, turned = field
    read: list[int] = []
    whole = RawVoxels.__getitem__

    def counted(self: Any, key: Any) -> Any:
        found = whole(self, key)
        read.append(found.size)
        return found

    monkeypatch.setattr(RawVoxels, "__getitem__", counted)
    # on both sides of a boundary of chunks
    points = np.array([[40.0, 63.0, 30.0], [41.0, 64.0, 31.0]])
    found = transform.points(points)
    assert 0 < sum(read) < 3 * 6**3
    at = points.astype(int).T
    np.testing.assert_allclose(found, points + turned[:, at[0], at[1], at[2]].T, rtol=0, atol=1e-6)
