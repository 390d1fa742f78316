"""Aligned sections against plain numpy, and against the maps that VisuAlign itself wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr
from scipy.interpolate import LinearNDInterpolator

import xarray_atlas
from support.atlases import no_compute
from xarray_atlas.errors import (
    AtlasMismatchError,
    GridError,
    StoreFormatError,
    StoreNotFoundError,
    UnitsError,
)
from xarray_atlas.kernels.triangles import triangulated

TARGET = "ABA_Mouse_CCFv3_2017_25um.cutlas"
OBLIQUE = (20.3137, 250.7291, 310.2173, 410.1319, -60.2713, 12.4337, -3.3171, -40.5931, -290.6773)
SAGITTAL = (200.2173, 500.1571, 300.3719, 10.3371, -450.2917, 5.5373, 4.1377, 3.2713, -280.0919)
HORIZONTAL = (30.0917, 480.5371, 160.2173, 400.0717, 10.0371, 20.0919, 8.0373, -420.0173, 10.0917)
MARKERS = [[300, 400, 320, 380], [700, 200, 690, 260], [500, 650, 560, 640], [210, 90, 160, 80]]


def written(folder: Path, slices: list[dict[str, Any]], name: str = "a.json", **more: Any) -> Path:
    series = {"target": TARGET, "target-resolution": [456, 528, 320], "slices": slices, **more}
    path = folder / name
    path.write_text(json.dumps(series))
    return path


def one(anchoring: Any = OBLIQUE, **more: Any) -> dict[str, Any]:
    made = {"filename": "m1_s001.png", "nr": 1, "width": 1000, "height": 800}
    return made | {"anchoring": list(anchoring)} | more


def sliced(volume: Any, anchoring: Any, scale: float, shape: tuple[int, int]) -> Any:
    """A plane by plain numpy, of a volume along right, anterior and superior."""
    o, u, v = scale * np.reshape(anchoring, (3, 3))
    found = np.zeros(shape, volume.dtype)
    for row in range(shape[0]):
        for column in range(shape[1]):
            at = np.floor(o + u * (column / shape[1]) + v * (row / shape[0])).astype(int)
            if (at >= 0).all() and (at < volume.shape).all():
                found[row, column] = volume[tuple(at)]
    return found


def ras(ds: xr.Dataset, mirrored: bool) -> Any:
    """Labels along right, anterior and superior; of the mirror image along the stored axis."""
    volume = ds.annotation.transpose("x", "z", "y").values[:, ::-1, ::-1]
    return volume if mirrored else volume[::-1]


@pytest.mark.parametrize("anchoring", [OBLIQUE, SAGITTAL, HORIZONTAL])
@pytest.mark.parametrize("mirrored", [True, False])
def test_planes_are_those_of_plain_numpy(
    sample: xr.Dataset, tmp_path: Path, anchoring: Any, mirrored: bool
) -> None:
    tree = xarray_atlas.open_sections(
        written(tmp_path, [one(anchoring)]), sample, mirrored=mirrored
    )
    node = tree["m1_s001"].to_dataset()
    u, v = (np.linalg.norm(anchoring[i : i + 3]) / 4 for i in (3, 6))
    assert node.annotation.shape == (int(v) + 1, int(u) + 1)
    expected = sliced(ras(sample, mirrored), anchoring, 0.25, node.annotation.shape)
    np.testing.assert_array_equal(node.annotation.values, expected)
    assert len(np.unique(expected)) > 10


@pytest.mark.filterwarnings("ignore:no manifest says", "ignore:.*lie outside of the brain")
def test_positions_and_sides_are_those_of_the_atlas(sample: xr.Dataset, tmp_path: Path) -> None:
    path = written(tmp_path, [one()])
    node = xarray_atlas.open_sections(path, sample, mirrored=False)["m1_s001"].to_dataset()
    points = {axis: node[axis].values.ravel() for axis in ("ap", "dv", "ml")}
    found = xarray_atlas.region_at(sample, points, frame="dataset", unit="mm")
    np.testing.assert_array_equal(found.region_id, node.annotation.values.ravel())
    sides = np.array(["", "left", "right"])[node.hemispheres.values.ravel()]
    np.testing.assert_array_equal(found.hemisphere, sides)
    # the left of QuickNII is left, with either side's labels
    other = xarray_atlas.open_sections(path, sample)["m1_s001"]
    np.testing.assert_array_equal(other.hemispheres, node.hemispheres)
    left = node.hemispheres.values[node.annotation.shape[0] // 2, :20]
    assert (left[left > 0] == 1).all()
    # the upper left corner of a pixel, by the transform of the node
    corner = [node.plane.values, node.y.values[7] - node.y.values[0], node.x.values[31]]
    corner[2] = node.x.values[31] - node.x.values[0]
    (at,) = node.atlas.transform.points([corner])
    expected = [node[axis].values[7, 31] for axis in ("ap", "dv", "ml")]
    np.testing.assert_allclose(at, expected, atol=1e-9)


def test_coordinates_are_mm_from_the_corner(sample: xr.Dataset, tmp_path: Path) -> None:
    path = written(tmp_path, [one()])
    node = xarray_atlas.open_sections(path, sample, pixels="image")["m1_s001"].to_dataset()
    assert node.annotation.shape == (800, 1000)
    width = 0.025 * np.linalg.norm(OBLIQUE[3:6])
    np.testing.assert_allclose(node.x.values, (np.arange(1000) + 0.5) * width / 1000)
    assert node.x.attrs["units"] == "mm"
    assert node.x.attrs["direction"] == "left-to-right"
    np.testing.assert_allclose(node.pixel_x, np.arange(1000) + 0.5)
    area = node.atlas.area("root").item().magnitude
    coarse = xarray_atlas.open_sections(path, sample)["m1_s001"].to_dataset()
    assert area == pytest.approx(coarse.atlas.area("root").item().magnitude, rel=0.01)
    asked = xarray_atlas.open_sections(path, sample, pixels=(80, 100))["m1_s001"]
    assert asked.annotation.shape == (80, 100)


def test_opening_reads_nothing(sample: xr.Dataset, tmp_path: Path) -> None:
    path = written(tmp_path, [one(), one(nr=2, filename="b/m1_s002.tif", markers=MARKERS)])
    with dask.config.set(scheduler=no_compute):
        tree = xarray_atlas.open_sections(path, sample)
    assert list(tree.children) == ["m1_s001", "m1_s002"]
    for node in tree.children.values():
        assert all(node[n].chunks for n in ("annotation", "hemispheres", "ap", "dv", "ml"))


def test_large_images_are_planned_with_a_margin(sample: xr.Dataset, tmp_path: Path) -> None:
    ds = sample.chunk(z=20, y=20, x=20)
    path = written(tmp_path, [one(markers=MARKERS)])
    large = xarray_atlas.open_sections(path, ds, pixels=(1900, 2300))["m1_s001"].annotation
    assert large.data.numblocks[0] > 1
    whole = sample.compute()
    expected = xarray_atlas.open_sections(path, whole, pixels=(1900, 2300))["m1_s001"].annotation
    np.testing.assert_array_equal(large.values, expected.values)


def test_part_of_an_atlas_gives_part_of_the_labels(sample: xr.Dataset, tmp_path: Path) -> None:
    path = written(tmp_path, [one(markers=MARKERS)])
    whole = xarray_atlas.open_sections(path, sample)["m1_s001"].to_dataset()
    part = sample.isel(z=slice(40, 90), x=slice(10, 60), y=slice(None, None, -1))
    found = xarray_atlas.open_sections(path, part, mirrored=False)["m1_s001"].annotation.values
    inside = xarray_atlas.open_sections(path, sample, mirrored=False)["m1_s001"]
    held = (inside.ml > sample.x.values[10] - 0.05) & (inside.ml < sample.x.values[59] + 0.05)
    assert whole.annotation.shape == found.shape
    there = found > 0
    np.testing.assert_array_equal(found[there], inside.annotation.values[there])
    assert there.sum() > 500
    assert held.values[there].mean() > 0.98


def test_markers_move_positions_as_a_delaunay_triangulation_does() -> None:
    generator = np.random.default_rng(5)
    places = generator.uniform(50, [750, 550], (12, 2))
    markers = np.concatenate([places + generator.normal(0, 5, (12, 2)), places], axis=1)
    outer = np.array([[-80, -60], [880, -60], [-80, 660], [880, 660]], float)
    moved, fixed = np.vstack([outer, markers[:, 2:]]), np.vstack([outer, markers[:, :2]])
    expected = LinearNDInterpolator(moved, fixed)
    x, y = generator.uniform(-70, 870, 4000), generator.uniform(-50, 650, 4000)
    found = np.stack(triangulated(800, 600, markers).apply(x, y), axis=1)
    np.testing.assert_allclose(found, expected(x, y), atol=1e-6)
    back = triangulated(800, 600, markers).inverse().apply(found[:, 0], found[:, 1])
    np.testing.assert_allclose(np.stack(back, axis=1), np.stack([x, y], axis=1), atol=1e-6)


def test_markers_move_labels(sample: xr.Dataset, tmp_path: Path) -> None:
    """Of a shift of the whole section the labels are shifted, except the outer triangles."""
    linear = written(tmp_path, [one()])
    node = xarray_atlas.open_sections(linear, sample)["m1_s001"].annotation
    rows, columns = node.shape
    by = 1000 / columns * 5  # five pixels
    places = [[x, y, x + by, y] for x in (100, 900) for y in (100, 700)]
    path = written(tmp_path, [one(markers=places)], name="moved.json")
    moved = xarray_atlas.open_sections(path, sample)["m1_s001"].annotation
    inner = slice(rows // 4, 3 * rows // 4), slice(columns // 4, 3 * columns // 4)
    shifted = node.shift(x=5, fill_value=0)
    same = moved.values[inner] == shifted.values[inner]
    # VisuAlign rounds to a grid of 25 um, a quarter of these pixels
    assert same.mean() > 0.85
    assert (moved.values[inner] == node.values[inner]).mean() < 0.7


def test_finer_and_coarser_atlases(sample: xr.Dataset, tmp_path: Path) -> None:
    path = written(tmp_path, [one(markers=MARKERS)])
    fine = xarray_atlas.open_sample("50 um")
    coarse, finer = (
        xarray_atlas.open_sections(path, ds, pixels=(160, 200))["m1_s001"] for ds in (sample, fine)
    )
    assert (coarse.annotation.values == finer.annotation.values).mean() > 0.85


# -- formats


def test_formats_say_the_same(sample: xr.Dataset, tmp_path: Path) -> None:
    expected = xarray_atlas.open_sections(written(tmp_path, [one()]), sample)["m1_s001"].annotation
    names = ("ox", "oy", "oz", "ux", "uy", "uz", "vx", "vy", "vz")
    pairs = [f"{name}={value}" for name, value in zip(names, OBLIQUE, strict=True)]
    attrs = 'filename="m1_s001.png" nr="1" width="1000" height="800"'
    escaped = "&amp;".join(pairs)
    quicknii = tmp_path / "q.xml"
    quicknii.write_text(
        f'<?xml version="1.0"?><series name="" target="{TARGET}" first="1" last="1">'
        f'<slice {attrs} anchoring="{escaped}"/></series>'
    )
    deepslice = tmp_path / "d.xml"
    raw = "&".join(pairs)
    deepslice.write_text(
        f"<?xml version='1.0' encoding='utf-8'?>\n<series xmlns:first=\"1\" xmlns:name=\"x\" "
        f'xmlns="">\n<slice {attrs} anchoring="{raw}"/>\n</series>'
    )
    table = tmp_path / "d.csv"
    values = ",".join(map(str, OBLIQUE))
    table.write_text(
        f"Filenames,{','.join(names)},width,height,nr\nm1_s001.png,{values},1000,800,1\n"
    )
    no_resolution = tmp_path / "deepslice.json"
    content = {"name": "", "target": TARGET, "aligner": "DeepSlice 1.1.5", "slices": [one()]}
    no_resolution.write_text(json.dumps(content))
    for path, more in (
        (quicknii, {}),
        (deepslice, {"voxel_size": "25 um"}),
        (table, {"voxel_size": "25 um"}),
        (no_resolution, {}),
    ):
        tree = xarray_atlas.open_sections(path, sample, **more)
        np.testing.assert_array_equal(tree["m1_s001"].annotation, expected)
        assert tree["m1_s001"].attrs["section_number"] == 1
    for path in (deepslice, table):
        with pytest.raises(GridError, match=r"names no target.*voxel_size='25 um'"):
            xarray_atlas.open_sections(path, sample)


@pytest.mark.parametrize("ending", ["waln", "wwrp"])
def test_files_of_webalign(sample: xr.Dataset, tmp_path: Path, ending: str) -> None:
    """In the form of the example among PyNutil's files, and of what LocaliZoom reads."""
    path = written(tmp_path, [one(markers=MARKERS), one(SAGITTAL, filename="m1_s002.png", nr=2)])
    expected = xarray_atlas.open_sections(path, sample)
    web = tmp_path / f"a.{ending}"
    more = {"width": 1000, "height": 800, "format": "png", "tilesize": 254, "overlap": 1}
    first = {"filename": "m/m1_s001.dzip", "snr": 1, "ouv": list(OBLIQUE), "markers": MARKERS}
    second = {"filename": "m/m1_s002.dzip", "snr": 2, "ouv": list(SAGITTAL)}
    content = {"atlas": TARGET.removesuffix(".cutlas"), "sections": [first | more, second | more]}
    web.write_text(json.dumps(content))
    found = xarray_atlas.open_sections(web, sample)
    assert list(found.children) == ["m1_s001", "m1_s002"]
    for name, node in found.children.items():
        np.testing.assert_array_equal(node.annotation, expected[name].annotation)
        assert node.attrs["section_number"] == expected[name].attrs["section_number"]
    content["sections"] = [1]
    web.write_text(json.dumps(content))
    with pytest.raises(StoreFormatError, match="an entry of 'slices' is int"):
        xarray_atlas.open_sections(web, sample)


def test_sections_that_were_not_aligned_are_named(sample: xr.Dataset, tmp_path: Path) -> None:
    rest = {"filename": "m1_s002.png", "nr": 2, "width": 10, "height": 10}
    with pytest.warns(UserWarning, match=r"1 of 2 sections have no anchoring.*m1_s002.png"):
        tree = xarray_atlas.open_sections(written(tmp_path, [one(), rest]), sample)
    assert list(tree.children) == ["m1_s001"]
    with pytest.raises(GridError, match="none of the 1 sections"):
        xarray_atlas.open_sections(written(tmp_path, [rest]), sample)


def test_names_of_nodes(sample: xr.Dataset, tmp_path: Path) -> None:
    slices = [one(filename="a\\b.png"), one(filename="b.png", nr=7), one(filename="", nr=3)]
    tree = xarray_atlas.open_sections(written(tmp_path, slices), sample)
    assert list(tree.children) == ["b", "b_7", "s003"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"target": "WHS_Rat_v4_39um.cutlas", "target-resolution": [512, 1024, 512]}, "19.97 x"),
        ({"target": "WHS_Rat_v4_39um.cutlas", "target-resolution": None}, "This atlas is 11.4 x"),
        ({"target": "ABA_Mouse_CCFv3_2017_10um.cutlas"}, "voxels of 10 um: 4.56 x"),
    ],
)
def test_other_atlases_are_refused(
    sample: xr.Dataset, tmp_path: Path, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(AtlasMismatchError, match=message):
        xarray_atlas.open_sections(written(tmp_path, [one()], **more), sample)


def test_a_stated_voxel_size_goes_before_the_name(sample: xr.Dataset, tmp_path: Path) -> None:
    path = written(tmp_path, [one()], target="ABA_Mouse_CCFv3_2017_10um.cutlas")
    tree = xarray_atlas.open_sections(path, sample, voxel_size="25 um")
    assert tree["m1_s001"].attrs["anchoring_voxel_mm"] == 0.025
    with pytest.raises(AtlasMismatchError, match="another voxel_size"):
        xarray_atlas.open_sections(path, sample, voxel_size="20 um")


def test_errors(sample: xr.Dataset, tmp_path: Path) -> None:
    path = written(tmp_path, [one()])
    with pytest.raises(StoreNotFoundError, match="there is no file"):
        xarray_atlas.open_sections(tmp_path / "no.json", sample)
    (tmp_path / "a.txt").write_text("{}")
    with pytest.raises(StoreFormatError, match=r"ends in '\.txt'"):
        xarray_atlas.open_sections(tmp_path / "a.txt", sample)
    with pytest.raises(ValueError, match="pixels='voxels' is not"):
        xarray_atlas.open_sections(path, sample, pixels="voxels")
    with pytest.raises(UnitsError, match=r"thickness=40 has no unit"):
        xarray_atlas.open_sections(path, sample, thickness=40)
    flat = written(tmp_path, [one([0, 0, 0, 1, 2, 3, 2, 4, 6])], name="f.json")
    with pytest.raises(GridError, match="spans no plane"):
        xarray_atlas.open_sections(flat, sample)
    for bad, message in (
        (one([1, 2, 3]), "which is not 9 numbers"),
        (one(width=0), "width is 0"),
        (one(height=None), "height is None"),
        (one(markers=[[1, 2]]), "markers is"),
    ):
        path = written(tmp_path, [bad], name="b.json")
        with pytest.raises(StoreFormatError, match=message):
            xarray_atlas.open_sections(path, sample)
    (tmp_path / "c.json").write_text('{"sections": {}}')
    with pytest.raises(StoreFormatError, match="no list 'slices'"):
        xarray_atlas.open_sections(tmp_path / "c.json", sample)
    (tmp_path / "e.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]><series/>')
    with pytest.raises(StoreFormatError, match="DOCTYPE"):
        xarray_atlas.open_sections(tmp_path / "e.xml", sample)


def test_sections_survive_a_store(sample: xr.Dataset, tmp_path: Path) -> None:
    path = written(tmp_path, [one(markers=MARKERS)])
    node = xarray_atlas.open_sections(path, sample, thickness="40 um")["m1_s001"].to_dataset()
    xarray_atlas.encode(node).to_zarr(tmp_path / "node.zarr", consolidated=False)
    with xr.open_zarr(tmp_path / "node.zarr", consolidated=False) as stored:
        back = xarray_atlas.decode(stored)
        np.testing.assert_array_equal(back.annotation, node.annotation)
        points = [[node.plane.values.item(), 3.0, 5.0]]
        there = back.atlas.transform.points(points)
        np.testing.assert_array_equal(there, node.atlas.transform.points(points))


# -- what VisuAlign wrote


def test_labels_are_those_that_visualign_wrote(published: Path, data: Path) -> None:
    quint = data / "quint"
    rows = (quint / "AllenMouseBrain_Atlas_CCF_2017.label").read_text().splitlines()
    ids = np.array([int(row.split()[0]) for row in rows if row.strip() and row[0] != "#"])
    ds = xarray_atlas.open_atlas(published, resolution="25 um")
    tree = xarray_atlas.open_sections(quint / "alignment.json", ds)
    for number, node in enumerate(tree.children.values(), 1):
        raw = (quint / f"atlas_maps/segmentation_s{number:03d}_nl.flat").read_bytes()
        width, height = (int.from_bytes(raw[i : i + 4], "big") for i in (1, 5))
        written_by_visualign = ids[np.frombuffer(raw, f">u{raw[0]}", offset=9)]
        expected = written_by_visualign.reshape(height, width)
        np.testing.assert_array_equal(node.annotation.values, expected)
