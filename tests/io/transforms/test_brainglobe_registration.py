"""Folders of brainglobe-registration: against transformix, of which the tool makes them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xarray_atlas
from xarray_atlas.errors import TransformError

tifffile = pytest.importorskip("tifffile")
ndimage = pytest.importorskip("scipy.ndimage")

DATA = Path(__file__).parents[2] / "data/registrations"

SIZE = np.array([0.1, 0.08, 0.12])
"""Of a voxel of the atlas, in mm: three, so that none is taken for another."""

OPTIONS: dict[str, Any] = {"voxel_size": [f"{size} mm" for size in SIZE]}


def test_volumes() -> None:
    folder = DATA / "brainglobe_registration_3d"
    recorded = np.load(folder / "recorded.npz")
    transform = xarray_atlas.open_transform(folder, **OPTIONS)
    assert (transform.source.name, transform.target.name) == ("downsampled", "atlas")
    found = transform.points(recorded["index"] * SIZE) / SIZE - 0.5
    # a thousandth of a voxel is 0.1 um
    np.testing.assert_allclose(found, recorded["atlas_index"], rtol=0, atol=1e-4)
    labels, registered = recorded["labels"], tifffile.imread(folder / "registered_atlas.tiff")
    voxels = np.round(found).astype(int)
    assert np.array_equal(labels[tuple(voxels.T)], registered.ravel())


def test_sections_of_a_turned_atlas() -> None:
    folder = DATA / "brainglobe_registration_2d"
    recorded = np.load(folder / "recorded.npz")
    metadata = json.loads((folder / "brainglobe-registration.json").read_text())
    matrix, offset = np.array(metadata["atlas_transform_matrix"]), metadata["atlas_offset"]
    # transformix says where in the plane of the turned atlas each pixel lies; what voxel of the atlas
    # that is, is what turning the indices of the atlas's voxels gives
    turned = np.insert(recorded["atlas_index"], 0, metadata["atlas_2d_slice_index"], axis=1)
    size = tuple(np.ceil(turned.max(0)).astype(int) + 3)
    shape = recorded["labels"].shape
    ramps = [
        ndimage.affine_transform(ramp, matrix, offset, size, order=1)
        for ramp in np.indices(shape).astype(np.float64)
    ]
    expected = np.stack([ndimage.map_coordinates(ramp, turned.T, order=1) for ramp in ramps], 1)
    index = np.insert(recorded["index"], 0, 0, axis=1)
    found = xarray_atlas.open_transform(folder, **OPTIONS).points(index * SIZE) / SIZE - 0.5
    inside = ((found > 1) & (found < np.array(shape) - 2)).all(axis=1)
    assert inside.sum() > 100
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0, atol=1e-4)


def copied(tmp_path: Path, kind: str, **metadata: Any) -> Path:
    folder = tmp_path / "folder"
    shutil.copytree(DATA / f"brainglobe_registration_{kind}", folder)
    path = folder / "brainglobe-registration.json"
    values = json.loads(path.read_text()) | metadata
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return folder


def test_a_turned_atlas_needs_its_offset(tmp_path: Path) -> None:
    folder = copied(tmp_path, "2d", atlas_offset=None)
    with pytest.raises(TransformError, match="newer versions"):
        xarray_atlas.open_transform(folder, **OPTIONS)


def test_a_section_needs_its_plane(tmp_path: Path) -> None:
    folder = copied(tmp_path, "2d", atlas_2d_slice_index=-1)
    with pytest.raises(TransformError, match="to which plane"):
        xarray_atlas.open_transform(folder, **OPTIONS)


def test_a_volume_lacks_a_field(tmp_path: Path) -> None:
    folder = copied(tmp_path, "3d")
    (folder / "deformation_field_2.tiff").unlink()
    with pytest.raises(TransformError, match=r"no deformation_field_2.tiff"):
        xarray_atlas.open_transform(folder, **OPTIONS)


def test_the_voxel_size_is_asked_for() -> None:
    with pytest.raises(TransformError, match=r"'example_mouse_100um'"):
        xarray_atlas.open_transform(DATA / "brainglobe_registration_3d")
