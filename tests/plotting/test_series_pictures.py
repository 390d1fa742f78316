"""Pictures of a series of aligned sections."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import GridError

pyplot = pytest.importorskip("matplotlib.pyplot")

pytestmark = pytest.mark.filterwarnings("ignore:no manifest says")


@pytest.fixture
def tree(sample: xr.Dataset, tmp_path: Path) -> xr.DataTree:
    slices = [
        {
            "filename": f"m_s{i}.png",
            "nr": i,
            "width": 1000,
            "height": 800,
            "anchoring": [24.31, 240.7 + 9 * i, 300.2, 405.1, -10.2, 3.3, -3.1, -14.6, -280.7],
        }
        for i in (1, 2)
    ]
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"target": "ABA_Mouse_CCFv3_2017_25um.cutlas", "slices": slices}))
    return xarray_atlas.open_sections(path, sample)


def test_sections_lie_as_their_images_do(tree: xr.DataTree) -> None:
    axes = tree.atlas.montage()
    assert [ax.get_title() for ax in axes] == ["m_s1", "m_s2"]
    for ax, node in zip(axes, tree.children.values(), strict=True):
        left, right = ax.get_xlim()
        low, high = ax.get_ylim()
        assert left == pytest.approx(0)
        assert right > 9
        assert high == pytest.approx(0)
        assert low > 6
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), node.annotation.values)
        assert image.get_extent() == pytest.approx([left, right, low, high])
        assert len(ax.collections) == 1
    pyplot.close("all")


def test_images_of_any_size_share_their_limits(tree: xr.DataTree) -> None:
    images = {"m_s1": np.arange(200.0).reshape(10, 20), "m_s2": np.full((800, 1000), 300.0)}
    _, given = pyplot.subplots(1, 2)
    first, second = tree.atlas.montage(images, ax=given, outlines={"color": "red"})
    assert (first, second) == tuple(given)
    for ax, image in zip(given, images.values(), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), image)
        assert ax.images[0].get_clim() == (0, 300)
        assert ax.images[0].get_extent() == pytest.approx([*ax.get_xlim(), *ax.get_ylim()])
    color = xr.DataArray(np.zeros((3, 4, 5), np.uint8), dims=("c", "y", "x"))
    first, second = tree.atlas.montage({"m_s2": color}, vmin=5)
    assert not first.images
    assert second.images[0].get_array().shape == (4, 5, 3)
    pyplot.close("all")


def test_what_is_no_picture(tree: xr.DataTree) -> None:
    with pytest.raises(GridError, match=r"shape \(2, 4, 5\).*Choose one channel"):
        tree.atlas.montage({"m_s1": np.zeros((2, 4, 5))})
    with pytest.raises(GridError, match="not sections of this tree"):
        tree.atlas.montage({"m": np.zeros((4, 5))})
    with pytest.raises(GridError, match="1 axes were given, and there are 2 sections"):
        tree.atlas.montage(ax=[pyplot.gca()])
    pyplot.close("all")
