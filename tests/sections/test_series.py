"""Points, areas and volumes over a series of aligned sections against plain numpy and pandas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import GridError, PointsError, UnitsError

pytestmark = pytest.mark.filterwarnings("ignore:no manifest says")

MARKERS = [[300, 400, 320, 380], [700, 200, 690, 260], [500, 650, 560, 640]]


def opened(folder: Path, ds: xr.Dataset, name: str = "m", **more: Any) -> xr.DataTree:
    slices = []
    for i in range(3):
        anchoring = [24.31 - i, 240.7 + 8.3 * i, 300.2, 405.1 + i, -10.2, 3.3, -3.1, -14.6, -280.7]
        entry = {"filename": f"{name}_s{i + 1:03d}.png", "nr": i + 1, "width": 1000, "height": 800}
        slices.append(entry | {"anchoring": anchoring, "markers": MARKERS if i else []})
    path = folder / f"{name}.json"
    series = {"target": "ABA_Mouse_CCFv3_2017_25um.cutlas", "target-resolution": [456, 528, 320]}
    path.write_text(json.dumps(series | {"slices": slices}))
    return xarray_atlas.open_sections(path, ds, **more)


@pytest.fixture
def tree(sample: xr.Dataset, tmp_path: Path) -> xr.DataTree:
    return opened(tmp_path, sample, thickness="40 um", spacing="200 um")


@pytest.fixture
def cells() -> pd.DataFrame:
    generator = np.random.default_rng(3)
    n = 400
    table = pd.DataFrame({"x": generator.uniform(150, 850, n), "y": generator.uniform(150, 650, n)})
    table["section"] = generator.choice(["m_s001", "m_s002", "m_s003"], n)
    table["channel"] = generator.choice(["red", "green"], n)
    return table


def under(tree: xr.DataTree, cells: pd.DataFrame, name: str) -> Any:
    """The value of each cell's pixel."""
    values = {key: node[name].values for key, node in tree.children.items()}
    found = []
    for cell in cells.itertuples():
        rows, columns = values[cell.section].shape
        at = int(cell.y * rows / 800), int(cell.x * columns / 1000)
        found.append(values[cell.section][at])
    return np.array(found)


def labels_under(tree: xr.DataTree, cells: pd.DataFrame) -> Any:
    return under(tree, cells, "annotation")


def test_regions_are_those_of_the_pixels(tree: xr.DataTree, cells: pd.DataFrame) -> None:
    cells.index = pd.Index(np.arange(len(cells)) + 7, name="cell")
    found = tree.atlas.region_at(cells)
    np.testing.assert_array_equal(found.region_id, labels_under(tree, cells))
    np.testing.assert_array_equal(found.cell, cells.index)
    np.testing.assert_array_equal(found.channel, cells.channel)
    # positions are those of the pixels, to a pixel
    for name in ("ap", "dv", "ml"):
        at = under(tree, cells, name)
        assert np.nanmax(np.abs(found[name].values - at)) < 0.25
        assert found[name].attrs["units"] == "mm"


@pytest.mark.parametrize("names", ["file", "number", "stem"])
def test_sections_are_named_by_file_or_number(
    tree: xr.DataTree, cells: pd.DataFrame, names: str
) -> None:
    expected = tree.atlas.region_at(cells).region
    numbers = cells.section.str[-3:].astype(int)
    other = {"file": cells.section + ".png", "number": numbers, "stem": cells.section}[names]
    table = cells.rename(columns={"x": "X_px"}).assign(section=other)
    found = tree.atlas.region_at(table, columns={"x": "X_px"})
    np.testing.assert_array_equal(found.region, expected)
    double = cells.assign(x=cells.x * 2, y=cells.y * 2)
    found = tree.atlas.region_at(double, image_shape=(1600, 2000))
    with pytest.raises(PointsError, match=r"800 rows and 1000 columns; rows come first"):
        tree.atlas.region_at(double, image_shape=(2000, 1600))
    np.testing.assert_array_equal(found.region, expected)


def test_parts_of_sections_hold_the_same_points(tree: xr.DataTree, cells: pd.DataFrame) -> None:
    whole = tree.atlas.region_at(cells)
    part = tree.isel(y=slice(25, None), x=slice(None, None, -1)).atlas.region_at(cells)
    np.testing.assert_allclose(part.dv, whole.dv, rtol=0, atol=1e-9)
    inside = part.status.values == 0
    assert 0 < inside.sum() < (whole.status.values == 0).sum()
    np.testing.assert_array_equal(part.region[inside], whole.region[inside])


def test_one_section_needs_no_name(tree: xr.DataTree, cells: pd.DataFrame) -> None:
    own = cells[cells.section == "m_s002"]
    found = tree["m_s002"].atlas.region_at(own[["x", "y"]])
    np.testing.assert_array_equal(found.region, tree.atlas.region_at(own).region)


def test_points_from_files(tree: xr.DataTree, cells: pd.DataFrame, tmp_path: Path) -> None:
    cells.to_csv(tmp_path / "m1_cells.csv", index=False)
    expected = tree.atlas.region_at(cells)
    found = tree.atlas.region_at(tmp_path / "m1_cells.csv")
    np.testing.assert_array_equal(found.region, expected.region)
    np.testing.assert_array_equal(found.channel, cells.channel)
    again = tree.atlas.region_at(xarray_atlas.open_points(tmp_path / "m1_cells.csv"))
    np.testing.assert_array_equal(again.region, expected.region)
    cells.iloc[:50].to_csv(tmp_path / "m2_cells.csv", index=False)
    both = xr.DataTree.from_dict({"m1": tree, "m2": tree})
    counts = both.atlas.count_points(str(tmp_path / "m?_cells.csv"), by="animal")
    alone = tree.atlas.count_points(cells)
    np.testing.assert_array_equal(counts["count"].sel(animal="m1"), alone["count"])
    assert counts["count"].sel(animal="m2", region="root") <= 50
    np.testing.assert_allclose(counts.area.sel(animal="m2").values, alone.area.values)
    points = xarray_atlas.open_points(tmp_path / "m1_cells.csv")
    points["x"].attrs["units"] = "um"
    with pytest.raises(UnitsError, match="'x' is in um, and sections are looked up in pixels"):
        tree.atlas.region_at(points)
    with pytest.raises(PointsError, match="is text, not points"):
        tree.atlas.region_at("cells")


def test_counts_are_those_of_pandas(tree: xr.DataTree, cells: pd.DataFrame) -> None:
    found = tree.atlas.count_points(cells, ["channel", "section"])
    assert found["count"].dims == ("region", "channel", "section")
    held = cells[labels_under(tree, cells) > 0]
    expected = pd.crosstab(held.channel, held.section)
    np.testing.assert_array_equal(found["count"].sel(region="root"), expected.values)
    assert found["count"].sel(region="root").sum() + found.background.sum() == len(cells)
    areas = tree.atlas.area(["root", "CTX"])
    np.testing.assert_allclose(
        found.area.sel(region=["root", "CTX"]).values, areas.transpose("region", ...).values
    )
    density = found["count"].sel(region="CTX").values / areas.sel(region="CTX").values
    np.testing.assert_allclose(found.density.sel(region="CTX").values, density)
    np.testing.assert_allclose(found.volume.values, found.area.values * 0.04)
    np.testing.assert_allclose(found.volume_density.sel(region="CTX").values, density / 0.04)
    units = [found[name].attrs["units"] for name in ("area", "density", "volume")]
    assert units == ["mm ** 2", "1 / mm ** 2", "mm ** 3"]
    both = tree.atlas.count_points(cells)
    np.testing.assert_array_equal(both["count"], found["count"].sum(["channel", "section"]))
    np.testing.assert_allclose(both.area.values, found.area.values.sum(axis=-1))


def test_sides_add_up(tree: xr.DataTree, cells: pd.DataFrame) -> None:
    sides = tree.atlas.count_points(cells, level=5, hemisphere=["left", "right"])
    whole = tree.atlas.count_points(cells, level=5)
    np.testing.assert_array_equal(sides["count"].sum("hemisphere"), whole["count"])
    np.testing.assert_allclose(sides.area.values.sum(axis=1), whole.area.values)


def test_damage_is_not_seen(tree: xr.DataTree, cells: pd.DataFrame) -> None:
    annotation = tree["m_s002"].annotation
    intact = xr.DataArray(np.ones(annotation.shape, bool), annotation.coords, annotation.dims)
    intact[:, : annotation.sizes["x"] // 2] = False
    found = tree.atlas.count_points(cells, "section", mask={"m_s002": intact})
    whole = tree.atlas.count_points(cells, "section")
    first, second = (found.sel(section=name) for name in ("m_s001", "m_s002"))
    np.testing.assert_array_equal(first["count"], whole["count"].sel(section="m_s001"))
    pixel = np.prod([float(annotation[d].diff(d)[0]) for d in annotation.dims])
    labels = annotation.values[intact.values]
    expected = (labels > 0).sum() * pixel
    assert second.area.sel(region="root").values == pytest.approx(expected)
    in_damage = (cells.section == "m_s002") & (
        np.floor(cells.x * annotation.sizes["x"] / 1000) < annotation.sizes["x"] // 2
    )
    assert second.outside_mask.item() == in_damage.sum()


def test_each_animal_has_seen_its_own_sections(sample: xr.Dataset, tmp_path: Path) -> None:
    trees = {name: opened(tmp_path, sample, name) for name in ("m1", "m2")}
    both = xr.DataTree.from_dict(trees)
    cells = pd.DataFrame(
        {"x": [500.0, 500, 480], "y": [300.0, 300, 280], "section": [1, 1, 2],
         "animal": ["m1", "m2", "m2"]}
    )  # fmt: skip
    found = both.atlas.count_points(cells, "animal")
    own = trees["m1"].atlas.area("root").values.sum()
    np.testing.assert_allclose(found.area.sel(region="root").values, [own, own])
    assert found["count"].sel(region="root").values.tolist() == [1, 2]
    nested = both.atlas.count_points(cells, ["animal", "section"])
    area = nested.area.sel(region="root", animal="m1")
    assert (area.sel(section=["m2/m2_s001"]) == 0).all()
    assert (area.sel(section=["m1/m1_s001"]) > 0).all()


def test_sections_of_one_animal_each_need_an_owner(tree: xr.DataTree) -> None:
    cells = pd.DataFrame({"x": [500.0] * 2, "y": [300.0] * 2, "section": [1, 2]})
    cells["animal"] = ["a", "b"]
    with pytest.raises(PointsError, match=r"section 'm_s003' has none.*attrs\['animal'\] = 'a'"):
        tree.atlas.count_points(cells, "animal")
    tree["m_s003"].attrs["animal"] = "b"
    found = tree.atlas.count_points(cells, "animal")
    areas = tree.atlas.area("root").values
    np.testing.assert_allclose(found.area.sel(region="root").values, [areas[0], areas[1:].sum()])


def test_volumes_are_sums_of_areas(tree: xr.DataTree) -> None:
    found = tree.atlas.volume(["CTX", "TH"])
    areas = tree.atlas.area(["CTX", "TH"]).values
    np.testing.assert_allclose(found.values, areas.sum(axis=0) * 0.2)
    assert found.attrs["units"] == "mm ** 3"
    assert "evenly spaced" in found.attrs["assumption"]
    half = tree.atlas.volume(["CTX", "TH"], spacing="100 um")
    np.testing.assert_allclose(half.values, found.values / 2)
    sides = tree.atlas.volume("CTX", hemisphere=["left", "right"])
    assert sides.values.sum() == pytest.approx(found.values[0])


def test_errors(sample: xr.Dataset, tmp_path: Path, tree: xr.DataTree) -> None:
    bare = opened(tmp_path, sample, "n")
    with pytest.raises(GridError, match="spacing='200 um'"):
        bare.atlas.volume("CTX")
    with pytest.raises(UnitsError, match="spacing=200 has no unit"):
        bare.atlas.volume("CTX", spacing=200)
    uneven = tree.copy()
    uneven["m_s003"].attrs["section_number"] = 7
    with pytest.raises(GridError, match="not evenly"):
        uneven.atlas.volume("CTX")
    with pytest.raises(GridError, match="holds no sections"):
        _ = xr.DataTree(sample).atlas.area()
    cells = pd.DataFrame({"x": [1.0], "y": [1.0], "section": ["other"]})
    with pytest.raises(PointsError, match=r"'other', which is no section.*m_s001"):
        tree.atlas.region_at(cells)
    with pytest.raises(PointsError, match="no column 'y'"):
        tree.atlas.region_at(cells.drop(columns="y"))
    with pytest.raises(PointsError, match="no column 'animal'"):
        tree.atlas.count_points(cells.assign(section="m_s001"), "animal")
    far = pd.DataFrame({"x": [5000.0] * 3, "y": [10.0] * 3, "section": [1, 2, 3]})
    with pytest.warns(UserWarning, match="3 of 3 points lie in no region"):
        tree.atlas.region_at(far)


@pytest.mark.parametrize("atlas", [False, True])
def test_detections_of_qupath(
    tree: xr.DataTree, cells: pd.DataFrame, tmp_path: Path, atlas: bool
) -> None:
    """In um of an image four times as large, with or without ABBA's positions."""
    expected = labels_under(tree, cells)
    table = pd.DataFrame({"Image": cells.section + ".tif", "Class": cells.channel})
    table["Centroid X µm"], table["Centroid Y µm"] = 4 * 0.65 * cells.x, 4 * 0.65 * cells.y
    if atlas:
        table = table.assign(Atlas_X=1.0, Atlas_Y=2.0, Atlas_Z=3.0)
    table.to_csv(tmp_path / "detections.tsv", sep="\t", index=False)
    for points in (tmp_path / "detections.tsv", table):
        asked: Any = {"image_shape": (3200, 4000), "pixel_size": "0.65 um"}
        found = tree.atlas.region_at(points, **asked)
        np.testing.assert_array_equal(found.region_id, expected)
        assert found["Class"].values.tolist() == cells.channel.tolist()
        counts = tree.atlas.count_points(points, by="Class", level=3, **asked)["count"]
        other = tree.atlas.count_points(cells, by="channel", level=3)["count"]
        np.testing.assert_array_equal(counts, other)
        with pytest.raises(
            UnitsError, match="is in (um|micrometer), and sections.*pixel_size='0.65 um'"
        ):
            tree.atlas.region_at(points)
        with pytest.raises(UnitsError, match="write it as '0.65 um'"):
            tree.atlas.region_at(points, pixel_size=0.65)
    with pytest.raises(UnitsError, match="'y' is in pixels"):
        tree.atlas.region_at(cells, pixel_size="0.65 um")


def test_a_section_of_unknown_thickness_holds_the_points_of_its_plane(
    sample: xr.Dataset, tmp_path: Path, cells: pd.DataFrame
) -> None:
    tree = opened(tmp_path, sample)
    node = tree["m_s001"].to_dataset()
    some = cells[cells.section == "m_s001"]
    height, width = (float(node[d][-1].values + node[d][0].values) for d in "yx")
    points = pd.DataFrame({"plane": float(node.plane.values), "y": some.y * height / 800})
    points["x"] = some.x * width / 1000
    asked: Any = {"axes": ("plane", "y", "x"), "unit": "mm", "frame": "dataset"}
    found = node.atlas.region_at(points, **asked)
    np.testing.assert_array_equal(found.region_id, labels_under(tree, some))
    moved = points.copy()
    moved.iloc[0, 0] += 0.01
    assert node.atlas.region_at(moved, **asked).status.values[0] == 3
    counts = node.atlas.count_points(points, **asked)["count"].sel(region="root")
    assert int(counts) == int((found.region_id > 0).sum())
