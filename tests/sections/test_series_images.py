"""Images of a series of aligned sections by region, against plain numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import GridError, UnitsError

pytestmark = pytest.mark.filterwarnings("ignore:no manifest says")


@pytest.fixture
def tree(sample: xr.Dataset, tmp_path: Path) -> xr.DataTree:
    slices = [
        {
            "filename": f"m_s{i}.png",
            "nr": i,
            "width": 1000,
            "height": 800 + 20 * i,
            "anchoring": [24.31 - i, 240.7 + 9 * i, 300.2, 405.1, -10.2, 3.3, -3.1, -14.6, -280.7],
        }
        for i in (1, 2, 3)
    ]
    path = tmp_path / "m.json"
    series = {"target": "ABA_Mouse_CCFv3_2017_25um.cutlas", "target-resolution": [456, 528, 320]}
    path.write_text(json.dumps(series | {"slices": slices}))
    return xarray_atlas.open_sections(path, sample, pixels=(60, 90), thickness="40 um")


@pytest.fixture
def images(tree: xr.DataTree) -> dict[str, Any]:
    generator = np.random.default_rng(5)
    return {name: generator.normal(size=(60, 90)) for name in tree.children}


def test_means_are_those_of_the_pixels(tree: xr.DataTree, images: dict[str, Any]) -> None:
    found = tree.atlas.aggregate(images, direct=True)
    assert found.dims == ("section", "region")
    assert found.section.values.tolist() == ["m_s1", "m_s2", "m_s3"]
    assert found.section_number.values.tolist() == [1, 2, 3]
    by_id = found.swap_dims(region="region_id")
    seen = 0
    for name, image in images.items():
        labels = tree[name].annotation.values
        for label in np.unique(labels[labels > 0]):
            there = by_id.sel(section=name, region_id=label)
            np.testing.assert_allclose(there.values, image[labels == label].mean())
            assert there.voxels == (labels == label).sum()
            seen += 1
    assert seen == int(np.isfinite(found.values).sum()) > 50


def test_dimensions_units_and_missing_sections(tree: xr.DataTree, images: dict[str, Any]) -> None:
    two = {
        name: xr.DataArray(
            np.stack([image, 2 * image]),
            {"channel": ["a", "b"]},
            ["channel", "y", "x"],
            attrs={"units": "count"},
        )
        for name, image in images.items()
        if name != "m_s2"
    }
    found = tree.atlas.aggregate(two, ["CTX", "TH"], ["mean", "count"], ["left", "right"])
    assert found["mean"].dims == ("section", "channel", "region", "hemisphere")
    assert found.section.values.tolist() == ["m_s1", "m_s3"]
    assert found["mean"].attrs["units"] == "count"
    np.testing.assert_allclose(found["mean"].sel(channel="b"), 2 * found["mean"].sel(channel="a"))
    as_tree = xr.DataTree.from_dict({k: xr.Dataset({"image": v}) for k, v in two.items()})
    again = tree.atlas.aggregate(as_tree, ["CTX", "TH"], hemisphere=["left", "right"])
    np.testing.assert_array_equal(again, found["mean"])
    two["m_s3"].attrs["units"] = "V"
    with pytest.raises(UnitsError, match=r"different units: \['V', 'count'\]"):
        tree.atlas.aggregate(two)


def test_an_animal_each(tree: xr.DataTree, images: dict[str, Any]) -> None:
    both = xr.DataTree.from_dict({"a": tree, "b": tree})
    found = both.atlas.aggregate({"b/m_s2": images["m_s2"]}, "CTX")
    assert found.section.values.tolist() == ["b/m_s2"]
    alone = tree["m_s2"].atlas.aggregate({"m_s2": images["m_s2"]}, "CTX")
    assert found.item() == alone.item() == tree.atlas.aggregate(images, "CTX")[1].item()


def test_images_that_do_not_fit(tree: xr.DataTree, images: dict[str, Any]) -> None:
    with pytest.raises(GridError, match=r"\['m_s9'\], which are not sections of this tree: m_s1"):
        tree.atlas.aggregate({"m_s9": images["m_s1"]})
    with pytest.raises(GridError, match=r"shape \(800, 1000\), and the section \(60, 90\)"):
        tree.atlas.aggregate({"m_s1": np.zeros((800, 1000))})
    with pytest.raises(GridError, match="a mapping from their names"):
        tree.atlas.aggregate(images["m_s1"])
    with pytest.raises(GridError, match="no image of any section"):
        tree.atlas.aggregate({})
    two = xr.Dataset({"a": tree["m_s1"].annotation, "b": tree["m_s1"].annotation})
    with pytest.raises(GridError, match=r"\['a', 'b'\]; a section has one image"):
        tree.atlas.aggregate(xr.DataTree.from_dict({"m_s1": two}))
    with pytest.raises(GridError, match="y"):
        tree.atlas.aggregate({"m_s1": xr.DataArray(np.zeros((7, 9)), dims=("y", "x"))})
