"""Sections that ABBA exported to a QuPath project, against its forward map by numpy and scipy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.interpolate import RBFInterpolator

import xarray_atlas
from support.atlases import no_compute
from xarray_atlas.errors import (
    AtlasMismatchError,
    GridError,
    StoreFormatError,
    StoreNotFoundError,
    UnitsError,
)

pytestmark = pytest.mark.filterwarnings("ignore:no manifest says", "ignore:.*lie in no region")

ASR, CCF = "allen_mouse_10um_java", "Adult Mouse Brain - Allen Brain Atlas V3p1"

WIDTH, HEIGHT, PIXEL = 655, 459, 0.02


def affine(rows: Any) -> dict[str, Any]:
    return {"type": "AffineTransform3D", "affinetransform3d": np.ravel(rows).tolist()}


def chain(atlas: str, seed: int = 0) -> list[tuple[str, Any]]:
    """A registration in the order of ABBA's file: the plane, a spline, an affine, pixels."""
    rng = np.random.default_rng(seed)
    # X, Y, Z of the atlas to x (to the right), y (down) and z (along the slicing axis, tilted)
    swap = np.eye(3) if atlas == ASR else np.array([[0, 0, -1.0], [0, 1, 0], [1, 0, 0]])
    tilt = np.array([[1.0, -0.01, 0], [0, 1.02, 0], [0.03, -0.15, 1]])
    plane = np.zeros((3, 4))
    plane[:, :3] = tilt @ swap
    plane[:, 3] = -plane[:, :3] @ ([5.7, 4, 6.6] if atlas == ASR else [6.6, 4, 5.7])
    grid = np.stack(np.meshgrid(np.linspace(-5, 5, 5), np.linspace(-4, 4, 4)), -1).reshape(-1, 2)
    spline = grid, grid + rng.normal(0, 0.15, grid.shape)
    elastix = np.array([[0.95, 0.03, 0, 0.1], [-0.02, 1.04, 0, -0.05], [0, 0, 1, 0]])
    offset = np.column_stack([np.eye(3), [0, 0, 0.3 + 0.4 * seed]])
    centre = np.column_stack([np.eye(3), [WIDTH * PIXEL / 2, HEIGHT * PIXEL / 2, 0]])
    pixels = np.column_stack([np.diag([1 / PIXEL, 1 / PIXEL, 1.0]), np.zeros(3)])
    return [("affine", plane), ("spline", spline), *(
        ("affine", rows) for rows in (elastix, offset, centre, pixels))]  # fmt: skip


def serialized(steps: list[tuple[str, Any]]) -> dict[str, Any]:
    parts = []
    for kind, values in steps:
        if kind == "affine":
            parts.append(affine(values))
            continue
        source, target = values
        plate = {"type": "ThinplateSplineTransform"}
        plate |= {"srcPts": source.T.tolist(), "tgtPts": target.T.tolist()}
        inverted = {"type": "WrappedIterativeInvertibleRealTransform", "wrappedTransform": plate}
        solid = {"type": "Wrapped2DTransformAs3D", "wrappedTransform": inverted}
        bounds = {"interval_min": [-6.5, -4.6, 0.0], "interval_max": [6.5, 4.6, 1.0]}
        parts.append({"type": "BoundedRealTransform", "realTransform": solid, **bounds})
    del parts[-1]["type"]  # as older versions write matrices
    numbered = {f"realTransform_{i}": part for i, part in enumerate(parts)}
    return {"type": "InvertibleRealTransformSequence", "size": len(parts), **numbered}


def forward(steps: list[tuple[str, Any]], points: Any) -> Any:
    """From X, Y and Z in ABBA's atlas to pixels, by numpy and scipy."""
    for kind, values in steps:
        if kind == "affine":
            points = points @ values[:, :3].T + values[:, 3]
        else:
            moved = RBFInterpolator(*values, kernel="thin_plate_spline")(points[:, :2])
            points = np.column_stack([moved, points[:, 2]])
    return points


def entry(number: int, name: str, **more: Any) -> dict[str, Any]:
    size = {"value": 1000 * PIXEL, "unit": "µm"}
    metadata = {"name": name, "width": WIDTH, "height": HEIGHT}
    metadata["pixelCalibration"] = {"pixelWidth": size, "pixelHeight": size}
    builder = {"builderType": "uri", "metadata": metadata | more}
    return {"serverBuilder": builder, "entryID": number, "imageName": name}


def project(folder: Path, atlas: str, names: tuple[str, ...] = ("s1.ome.tif", "s2.tif")) -> Path:
    folder.mkdir(exist_ok=True)
    for number, _ in enumerate(names, 1):
        place = folder / "data" / str(number)
        place.mkdir(parents=True, exist_ok=True)
        text = json.dumps(serialized(chain(atlas, number)))
        (place / f"ABBA-Transform-{atlas}.json").write_text(text)
    images = [entry(number, name) for number, name in enumerate(names, 1)]
    (folder / "project.qpproj").write_text(json.dumps({"version": "0.5.0", "images": images}))
    return folder


@pytest.mark.parametrize("atlas", [ASR, CCF])
def test_positions_and_labels_are_those_of_the_forward_map(
    sample: xr.Dataset, tmp_path: Path, atlas: str
) -> None:
    tree = xarray_atlas.open_sections(project(tmp_path / "p", atlas), sample, thickness="40 um")
    assert list(tree.children) == ["s1", "s2"]
    assert (tree.attrs["aligner"], tree.attrs["target"]) == ("ABBA", atlas)
    corner = np.array([-0.025] * 3)
    volume = sample.annotation.values
    for number, node in enumerate(tree.children.values(), 1):
        assert node.annotation.shape == (92, 131)
        positions = np.stack([node[axis].values.ravel() for axis in ("ap", "dv", "ml")], 1) - corner
        # V3p1 counts from the left, the Dataset from the right
        from_left = positions * [1, 1, -1] + [0, 0, 11.4]
        xyz = positions[:, ::-1] if atlas == ASR else from_left
        found = forward(chain(atlas, number), xyz)
        rows, columns = np.indices(node.annotation.shape)
        wanted = np.stack([(columns + 0.5) * WIDTH / 131, (rows + 0.5) * HEIGHT / 92], -1)
        np.testing.assert_allclose(found[:, :2], wanted.reshape(-1, 2), atol=1e-6)
        np.testing.assert_allclose(found[:, 2], 0, atol=1e-9)
        # ABBA shows the voxel at its own place in the file, which BrainGlobe states to be right
        index = np.floor((xyz[:, ::-1] if atlas == ASR else xyz) / 0.1 + 1e-6).astype(int)
        inside = ((index >= 0) & (index < volume.shape)).all(axis=1)
        labels = np.where(inside, volume[tuple(np.where(inside[:, None], index, 0).T)], 0)
        same = labels == node.annotation.values.ravel()
        assert same.mean() > 0.999  # but for positions on a face
        assert np.unique(labels).size > 60
        sides = node.hemispheres.values.ravel()[inside]
        np.testing.assert_array_equal(sides == 1, positions[inside, 2] > 5.7)


def test_all_of_the_tree_works(sample: xr.Dataset, tmp_path: Path) -> None:
    tree = xarray_atlas.open_sections(
        project(tmp_path / "p", ASR) / "project.qpproj", sample, pixels=(153, 131)
    )
    node = tree["s1"]
    assert node.annotation.shape == (HEIGHT // 3, WIDTH // 5)
    labels = node.annotation.values
    area = tree.atlas.area("root").sel(section="s1").item().magnitude
    assert area == pytest.approx((labels > 0).sum() * 15 * PIXEL**2)
    rng = np.random.default_rng(0)
    cells = pd.DataFrame({"x": rng.uniform(1, 654, 50), "y": rng.uniform(1, 458, 50)})
    found = tree.atlas.region_at(cells.assign(section="s1.ome.tif"))
    expected = labels[(cells.y / 3).astype(int), (cells.x / 5).astype(int)]
    np.testing.assert_array_equal(found.region_id, expected)
    xyz = np.stack([found[axis].values for axis in ("ml", "dv", "ap")], 1) + 0.025
    np.testing.assert_allclose(forward(chain(ASR, 1), xyz)[:, :2], cells, atol=1e-6)
    # through a store and back
    kept = node.to_dataset().drop_vars(["ap", "dv", "ml"])
    xarray_atlas.encode(kept).to_netcdf(tmp_path / "s1.nc")
    again = xarray_atlas.decode(xr.open_dataset(tmp_path / "s1.nc"))
    points = [[0.0, 3.0, 4.0]]
    there = again.atlas.transform.points(points)
    np.testing.assert_allclose(there, kept.atlas.transform.points(points), atol=1e-9)
    back = again.atlas.transform.inverse().points(there)
    np.testing.assert_allclose(back, points, atol=1e-6)


def test_mirrored_labels_and_images_without_a_registration(
    sample: xr.Dataset, tmp_path: Path
) -> None:
    folder = project(tmp_path / "p", CCF, ("a.tif", "b.tif"))
    (folder / "data" / "2" / f"ABBA-Transform-{CCF}.json").unlink()
    with pytest.warns(UserWarning, match=r"1 of 2 sections have no registration of ABBA.*b\.tif"):
        tree = xarray_atlas.open_sections(folder, sample, mirrored=False)
    node = tree["a"]
    index = [np.round((node[axis] - sample[dim].values[0]) / 0.1).astype(int).values
             for axis, dim in zip(("ap", "dv", "ml"), "zyx", strict=True)]  # fmt: skip
    inside = np.logical_and.reduce(
        [(i >= 0) & (i < n) for i, n in zip(index, (132, 80, 114), strict=True)]
    )
    labels = sample.annotation.values[tuple(np.where(inside, i, 0) for i in index)]
    assert (np.where(inside, labels, 0) == node.annotation.values).mean() > 0.999


def test_errors(sample: xr.Dataset, tmp_path: Path) -> None:
    def refused(folder: Path, error: Any, words: str) -> None:
        with pytest.raises(error, match=words):
            xarray_atlas.open_sections(folder, sample)

    folder = project(tmp_path / "rat", "Rat - Waxholm Sprague Dawley V4p2")
    refused(folder, AtlasMismatchError, "which axes its X, Y and Z are is not known")
    named = sample.assign_attrs(name="allen_mouse_25um")
    with pytest.raises(AtlasMismatchError, match="open 'whs_sd_rat'"):
        xarray_atlas.open_sections(project(tmp_path / "asr", "whs_sd_rat_39um_java"), named)
    folder = project(tmp_path / "two", ASR)
    (folder / "data" / "1" / "ABBA-Transform-kim_mouse_25um.json").write_text("{}")
    refused(folder, StoreFormatError, "several atlases, allen_mouse_10um_java, kim_mouse_25um")
    folder = project(tmp_path / "none", ASR)
    file = folder / "data" / "1" / f"ABBA-Transform-{ASR}.json"
    refused(file, StoreFormatError, "pass the QuPath project")
    good = json.loads(file.read_text())
    for change, words in (
        ({"realTransform_1": {"type": "Other"}}, "of the type 'Other'"),
        ({"realTransform_1": 3}, "int in place of a transform"),
        ({"realTransform_0": affine(np.zeros(12))}, "no inverse"),
        ({"realTransform_0": affine([1.0])}, "not 12 numbers"),
        ({"size": "many"}, "'many' transforms"),
        ({"realTransform_1": {"type": "ThinplateSplineTransform", "srcPts": [[1, 2, 3]] * 2,
                              "tgtPts": [[1, 2, 3]] * 2}}, "lie on one line"),
        ({"realTransform_1": {"type": "ThinplateSplineTransform", "srcPts": [[1]]}}, "no srcPts"),
    ):  # fmt: skip
        file.write_text(json.dumps(good | change))
        refused(folder, StoreFormatError, words)
    file.write_text(json.dumps(good))
    images = folder / "project.qpproj"
    pixel = {"value": 1.0, "unit": "px"}  # as QuPath has it; for pint this is 1/96 inch
    unsized = entry(1, "a.tif", pixelCalibration={"pixelWidth": pixel, "pixelHeight": pixel})
    images.write_text(json.dumps({"images": [unsized]}))
    refused(folder, UnitsError, "no pixel size in a unit of length")
    turned = entry(1, "a.tif")
    turned["serverBuilder"]["rotation"] = "ROTATE_90"
    images.write_text(json.dumps({"images": [turned]}))
    refused(folder, StoreFormatError, "was rotated in QuPath")
    images.write_text(json.dumps({"images": [entry(7, "a.tif")]}))
    refused(folder, StoreNotFoundError, "none of the 1 images")
    images.write_text("[]")
    refused(folder, StoreFormatError, "holds list")
    with pytest.raises(GridError, match="on the atlas itself"):
        xarray_atlas.open_sections(folder, sample.atlas.section(ap="7 mm", tilt="3 deg"))


def test_opening_computes_nothing(sample: xr.Dataset, tmp_path: Path) -> None:
    folder = project(tmp_path / "p", CCF)
    with dask.config.set(scheduler=no_compute):
        tree = xarray_atlas.open_sections(folder, sample, pixels="image")
    node = tree["s2"]
    # the plane is counted along the axis across it, at the middle of the image
    middle = (HEIGHT // 2, WIDTH // 2)
    assert float(node.plane.values) == pytest.approx(float(node.ap[middle]), abs=0.01)
    assert node.plane.attrs["direction"] == "anterior-to-posterior"


def test_written_for_visualign(sample: xr.Dataset, tmp_path: Path) -> None:
    """VisuAlign has triangles for what is a spline; it takes the upper left corner of a pixel."""
    tree = xarray_atlas.open_sections(project(tmp_path / "p", CCF, ("s1.tif",)), sample)
    xarray_atlas.to_quicknii(tree, tmp_path / "a.json")
    one = tree["s1"]
    two = xarray_atlas.open_sections(tmp_path / "a.json", sample, pixels=one.annotation.shape)["s1"]
    away = [np.abs(one[axis].values - two[axis].values) for axis in ("ap", "dv", "ml")]
    assert np.nanmax(away) < 0.16
    assert np.nanmedian(away) < 0.06
    assert np.isfinite(away).mean() > 0.99
    assert (one.annotation.values == two.annotation.values).mean() > 0.85
    (only,) = json.loads((tmp_path / "a.json").read_text())["slices"]
    assert len(only["markers"]) == 125
