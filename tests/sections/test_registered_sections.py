"""Sections of brainglobe-registration: against the positions that transformix recorded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import GridError, TransformError

pytest.importorskip("tifffile")

DATA = Path(__file__).parents[1] / "data/registrations"

FOLDER = DATA / "brainglobe_registration_2d"

SIZE = np.array([0.1, 0.08, 0.12])
"""Of a voxel of the atlas, in mm."""

OPTIONS: dict[str, Any] = {"voxel_size": [f"{size} mm" for size in SIZE]}


@pytest.fixture
def atlas() -> xr.Dataset:
    labels = np.load(FOLDER / "recorded.npz")["labels"].astype(np.uint32)
    ids = np.unique(labels[labels > 0])
    names = ["root", *(f"r{i}" for i in ids)]
    table = pd.DataFrame({"id": [10_000, *ids], "acronym": names, "name": names})
    table["parent_id"] = [None, *[10_000] * len(ids)]
    return xarray_atlas.create_atlas(
        labels, table, name="example_mouse", orientation="asr", midline="1.02 mm", **OPTIONS
    )


def recorded() -> tuple[Any, Any, Any]:
    """Return pixels, the index in the atlas of each, and the labels of the atlas."""
    known = np.load(FOLDER / "recorded.npz")
    metadata = json.loads((FOLDER / "brainglobe-registration.json").read_text())
    turned = np.insert(known["atlas_index"], 0, metadata["atlas_2d_slice_index"], axis=1)
    index = turned @ np.array(metadata["atlas_transform_matrix"]).T + metadata["atlas_offset"]
    return known["index"], index, known["labels"]


def test_labels_and_positions_are_those_of_transformix(atlas: xr.Dataset) -> None:
    tree = xarray_atlas.open_sections(FOLDER, atlas, pixels="image", thickness="40 um", **OPTIONS)
    node = tree["brainglobe_registration_2d"].to_dataset()
    pixels, index, labels = recorded()
    at = tuple(pixels.T)
    there = np.stack([node[axis].values[at] for axis in ("ap", "dv", "ml")], axis=1)
    origin = [atlas[dim].values[0] for dim in atlas.annotation.dims]
    np.testing.assert_allclose(there, index * SIZE + origin, rtol=0, atol=1e-5)
    voxels = np.round(index).astype(int)
    inside = ((voxels >= 0) & (voxels < labels.shape)).all(axis=1)
    expected = np.zeros(len(voxels), int)
    expected[inside] = labels[tuple(voxels[inside].T)]
    clear = (np.abs(index - np.floor(index) - 0.5) > 1e-3).all(axis=1)
    assert clear.sum() > 200
    np.testing.assert_array_equal(node.annotation.values[at][clear], expected[clear])
    assert tree.attrs["target"] == "example_mouse_100um"
    assert tree.attrs["aligner"] == "brainglobe-registration"


def test_all_of_the_tree_works(atlas: xr.Dataset, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("s1", "s2")]
    for folder in folders:
        shutil.copytree(FOLDER, folder)
    tree = xarray_atlas.open_sections(folders, atlas, pixels="image", thickness="40 um", **OPTIONS)
    assert list(tree.children) == ["s1", "s2"]
    labels = tree["s1"].annotation.values
    area = tree.atlas.area("root")
    np.testing.assert_allclose(area.values, (labels > 0).sum() * SIZE[1] * SIZE[2])
    cells = pd.DataFrame({"section": "s2", "x": [4.5, 9.2], "y": [7.5, 3.1]})
    found = tree.atlas.region_at(cells)
    assert found.region_id.values.tolist() == [labels[7, 4], labels[3, 9]]
    large = cells.assign(x=cells.x * 10, y=cells.y * 10)
    again = tree.atlas.region_at(large, image_shape=(150, 160))
    np.testing.assert_allclose(again.ap, found.ap)
    held = int((found.region_id > 0).sum())
    assert held > 0
    counts = tree.atlas.count_points(cells, by="section")
    assert counts["count"].sel(region="root").values.tolist() == [0, held]
    image = np.arange(240.0).reshape(15, 16)
    means = tree.atlas.aggregate({"s1": image}, "root")
    np.testing.assert_allclose(means.values, image[labels > 0].mean())
    fine = xarray_atlas.open_sections(folders[0], atlas, pixels=(30, 32), **OPTIONS)["s1"]
    assert fine.annotation.shape == (30, 32)
    assert fine.pixel_x.values[[0, -1]].tolist() == [0.25, 15.75]


def test_what_is_no_section(atlas: xr.Dataset) -> None:
    with pytest.raises(GridError, match="registration of a volume"):
        xarray_atlas.open_sections(DATA / "brainglobe_registration_3d", atlas, **OPTIONS)
    with pytest.raises(GridError, match="mirrored=True has no meaning"):
        xarray_atlas.open_sections(FOLDER, atlas, mirrored=True, **OPTIONS)
    with pytest.raises(TransformError, match="Give voxel_size="):
        xarray_atlas.open_sections(FOLDER, atlas)
    with pytest.raises(GridError, match="two are the same"):
        xarray_atlas.open_sections([FOLDER, FOLDER], atlas, **OPTIONS)
    with pytest.raises(TypeError, match="one alignment"):
        xarray_atlas.open_sections(["a.json"], atlas)
