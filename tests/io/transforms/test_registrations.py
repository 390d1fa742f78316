"""Files of real registrations by elastix and ANTs, against what the tools make of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import ndimage

import xarray_atlas
from support.registrations import (
    FOLDER,
    MICROMETRE,
    RAS,
    centres,
    geometry,
    moving_index,
    recorded,
)
from xarray_atlas.transforms.transform import Transform

pytest.importorskip("SimpleITK")
pytestmark = pytest.mark.version_independent

ANTS = FOLDER / "ants"
AFFINE, WARP, BACK = (
    str(ANTS / f"reg_{name}")
    for name in ("0GenericAffine.mat", "1Warp.nii.gz", "1InverseWarp.nii.gz")
)
TOOLS = ("ants", "elastix")


def opened(tool: str) -> Transform:
    if tool == "ants":
        return xarray_atlas.open_transform([WARP, AFFINE])
    return xarray_atlas.open_transform(FOLDER / "elastix" / "TransformParameters.1.txt")


@pytest.mark.parametrize("tool", TOOLS)
def test_points_are_where_the_tool_puts_them(tool: str) -> None:
    points = recorded("points")["points"] * RAS
    transform = opened(tool)
    assert (transform.source.name, transform.target.name) == ("fixed", "moving")
    assert len(points) == 10_000
    found = transform.points(points)
    off = np.abs(found - recorded(f"{tool}_results")["points"] * RAS)
    assert off.max() < MICROMETRE
    assert np.linalg.norm(found - points, axis=1).max() > 0.5  # they move


def test_points_go_back_through_the_inverse_warp_of_ants() -> None:
    transform = xarray_atlas.open_transform([AFFINE, BACK], invert=(True, False))
    assert (transform.source.name, transform.target.name) == ("moving", "fixed")
    points = recorded("points")["points"] * RAS
    off = np.abs(transform.points(points) - recorded("ants_results")["back"] * RAS)
    assert off.max() < MICROMETRE


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("what", ["labels", "grey"])
def test_images_are_those_of_the_tool(tool: str, what: str) -> None:
    """The moving image at the points of the fixed image's voxels, by scipy."""
    index = moving_index(opened(tool).points(centres("fixed")))
    size = geometry("fixed")[0][::-1]
    moving = recorded("images")[what]
    expected = recorded(f"{tool}_results")[what]
    # ITK's buffer reaches to half a voxel outside of the outermost centres
    last = np.array(moving.shape)[:, None] - 1
    inside = ((index >= -0.5) & (index < last + 0.5)).all(axis=0)
    if what == "labels":
        at = np.clip(np.floor(index + 0.5).astype(int), 0, last)
        found = np.where(inside, moving[tuple(at)], 0).reshape(size)
        np.testing.assert_array_equal(found, expected)
        assert len(np.unique(found)) > 200
    else:
        grey = ndimage.map_coordinates(
            moving.astype(float), np.clip(index, 0, last), order=1, mode="nearest"
        )
        off = np.abs(np.where(inside, grey, 0) - expected.ravel() / 257)
        if tool == "elastix":  # its B-splines of order 1 mirror the image in the outer half voxel
            off[inside & ~((index >= 0) & (index <= last)).all(axis=0)] = 0
        assert off.max() < 1e-4 * float(moving.max())


def test_the_images_fill_the_grid() -> None:
    for tool in TOOLS:
        assert np.count_nonzero(recorded(f"{tool}_results")["labels"]) > 5_000


# -- wrong ways of reading them: each is off by far more than the tolerance


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("LPS for RAS", lambda p: opened("ants").points(p / RAS) * RAS),
        ("order", lambda p: _steps(opened("ants"), reverse=True).points(p)),
        ("direction", lambda p: opened("ants").inverse(unsolved="missing").points(p)),
        ("inverse flag", lambda p: _maps([WARP, AFFINE], (False, True)).points(p)),
        ("unit", lambda p: opened("ants").points(p * 1.001)),
        ("order of axes", lambda p: opened("ants").points(p[:, ::-1])[:, ::-1]),
    ],
)
def test_the_recorded_points_tell_wrong_readings(name: str, wrong: Any) -> None:
    points = recorded("points")["points"][:200] * RAS
    off = wrong(points) - recorded("ants_results")["points"][:200] * RAS
    assert np.nanmedian(np.linalg.norm(off, axis=1)) > 10 * MICROMETRE, name


def _steps(transform: Transform, reverse: bool) -> Transform:
    return Transform(transform.steps[::-1], transform.source, transform.target)


def _maps(paths: Any, invert: Any) -> Transform:
    return xarray_atlas.open_transform(paths, invert=invert, maps="fixed to moving")


# -- lists and names


def test_one_stage_beside_others_asks_for_all_of_them() -> None:
    with pytest.raises(xarray_atlas.errors.TransformError) as error:
        xarray_atlas.open_transform(WARP)
    said = str(error.value)
    assert "['reg_1Warp.nii.gz', 'reg_0GenericAffine.mat']" in said
    assert "['reg_0GenericAffine.mat', 'reg_1InverseWarp.nii.gz'], invert=(True, False)" in said
    with pytest.raises(xarray_atlas.errors.TransformError, match="one stage"):
        xarray_atlas.open_transform(AFFINE)
    alone = xarray_atlas.open_transform(WARP, maps="fixed to affine")
    rest = xarray_atlas.open_transform(AFFINE, maps="affine to moving")
    points = recorded("points")["points"][:100] * RAS
    both = rest @ alone
    assert (both.source.name, both.target.name) == ("fixed", "moving")
    np.testing.assert_array_equal(both.points(points), opened("ants").points(points))


def test_an_inverse_warp_alone_maps_back(tmp_path: Path) -> None:
    shutil.copy(BACK, tmp_path)
    transform = xarray_atlas.open_transform(tmp_path / "reg_1InverseWarp.nii.gz")
    assert (transform.source.name, transform.target.name) == ("moving", "fixed")


def test_a_list_in_the_wrong_order_is_an_error() -> None:
    with pytest.raises(xarray_atlas.errors.TransformError, match="antsApplyTransforms's order"):
        xarray_atlas.open_transform([AFFINE, WARP])
    with pytest.raises(xarray_atlas.errors.TransformError, match="antsApplyTransforms's order"):
        xarray_atlas.open_transform([BACK, AFFINE], invert=(False, True))


def test_an_inverse_warp_with_the_forward_affine_is_an_error() -> None:
    with pytest.raises(
        xarray_atlas.errors.TransformError, match=r"invert=\(True, False\)"
    ) as error:
        xarray_atlas.open_transform([AFFINE, BACK])
    assert "different directions" in str(error.value)


def test_flags_as_ants_writes_them() -> None:
    points = recorded("points")["points"][:100] * RAS
    flagged = xarray_atlas.open_transform([f"[{AFFINE},1]", BACK])
    invert = xarray_atlas.open_transform([AFFINE, BACK], invert=[True, False])
    np.testing.assert_array_equal(flagged.points(points), invert.points(points))
    assert flagged.source.name == "moving"
    plain = xarray_atlas.open_transform([f"[{WARP},0]", f"[{AFFINE}, 0]"])
    np.testing.assert_array_equal(plain.points(points), opened("ants").points(points))


def test_the_inverse_of_the_chain_is_near_the_one_of_ants() -> None:
    points = centres("moving")[::37]
    ours = opened("ants").inverse(unsolved="missing").points(points)
    theirs = xarray_atlas.open_transform([AFFINE, BACK], invert=(True, False)).points(points)
    assert np.nanmedian(np.linalg.norm(ours - theirs, axis=1)) < 10 * MICROMETRE


def test_the_ends_are_named_by_maps() -> None:
    transform = xarray_atlas.open_transform([WARP, AFFINE], maps="image to atlas")
    assert (transform.source.name, transform.target.name) == ("image", "atlas")
    transform = xarray_atlas.open_transform([WARP, AFFINE], maps="atlas to image")
    assert (transform.source.name, transform.target.name) == ("atlas", "image")


def test_a_field_stays_on_disk(tmp_path: Path) -> None:
    (field,) = (step for step in opened("ants").steps if hasattr(step, "data"))
    assert type(field.data).__module__.startswith("dask")
    assert field.data.dtype == np.float32
    assert field.data.shape == (3, 28, 34, 25)
    # it is read as nibabel has it, when it is asked for
    image: Any = nibabel.load(WARP)
    stored = np.asarray(image.dataobj)[:, :, :, 0].transpose(3, 0, 1, 2) * np.reshape(
        RAS, (3, 1, 1, 1)
    )
    np.testing.assert_array_equal(field.data.compute(), stored)


def test_elastix_finds_the_initial_transform_in_a_folder_that_was_moved(tmp_path: Path) -> None:
    text = (FOLDER / "elastix" / "TransformParameters.1.txt").read_text()
    assert '"/tmp/' in text  # where it was written
    moved = tmp_path / "moved"
    shutil.copytree(FOLDER / "elastix", moved)
    assert len(xarray_atlas.open_transform(moved / "TransformParameters.1.txt").steps) == 2
    (moved / "TransformParameters.0.txt").unlink()
    with pytest.raises(xarray_atlas.errors.TransformError, match="put TransformParameters.0.txt"):
        xarray_atlas.open_transform(moved / "TransformParameters.1.txt")


# -- images, through the package's own operations


def as_atlas() -> xr.Dataset:
    """The moving image as an atlas with world coordinates, its grey as the template."""
    labels, grey = recorded("images")["labels"], recorded("images")["grey"]
    matrix = geometry("moving")[1]
    count = int(labels.max())
    names = [f"region {i}" for i in range(1, count + 1)] + ["all"]
    table = pd.DataFrame(
        {
            "id": range(1, count + 2),
            "acronym": names,
            "name": names,
            "parent": [*[count + 1] * count, None],
        }
    )
    return xarray_atlas.create_atlas(
        nibabel.Nifti1Image(labels.T, matrix),
        table,
        template=nibabel.Nifti1Image(grey.T.astype(np.float32), matrix),
        name="labels",
    )


def as_image() -> xr.DataArray:
    size, matrix = geometry("fixed")
    return xarray_atlas.open_image(nibabel.Nifti1Image(np.zeros(size, np.uint8), matrix))


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("back", [False, True])
def test_the_atlas_on_the_image_is_the_image_of_the_tool(tool: str, back: bool) -> None:
    transform = opened(tool).rename("image", "atlas")
    on_image = as_atlas().atlas.resample_like(as_image(), transform)
    if back:  # the ends say which is the atlas; InverseStep.inverse gives the field itself
        turned = transform.inverse()
        assert turned.source.name == "atlas"
        on_image = as_atlas().atlas.resample_like(as_image(), turned)
    expected = recorded(f"{tool}_results")
    np.testing.assert_array_equal(on_image["annotation"].values.T, expected["labels"])
    # within the template, where no edge plays a part
    index = moving_index(transform.points(centres("fixed")))
    last = np.array(recorded("images")["grey"].shape)[:, None] - 1
    inside = ((index >= 0) & (index <= last)).all(axis=0)
    found = np.asarray(on_image["template"].values.T, float).ravel()
    off = np.abs(found - expected["grey"].ravel() / 257)[inside]
    assert inside.sum() > 5_000
    assert off.max() < 1e-4 * 255


@pytest.mark.parametrize("tool", TOOLS)
def test_fixed_and_moving_do_not_say_which_is_the_atlas(tool: str) -> None:
    with pytest.raises(xarray_atlas.errors.AtlasError, match="'atlas'"):
        as_atlas().atlas.resample_like(as_image(), opened(tool))


def test_without_inverse_warps_no_way_back_is_named(tmp_path: Path) -> None:
    for path in (WARP, AFFINE):
        shutil.copy(path, tmp_path)
    with pytest.raises(xarray_atlas.errors.TransformError) as error:
        xarray_atlas.open_transform(tmp_path / "reg_0GenericAffine.mat")
    assert "['reg_1Warp.nii.gz', 'reg_0GenericAffine.mat']" in str(error.value)
    assert "invert" not in str(error.value)


@pytest.mark.filterwarnings("ignore:.*points lie outside")
@pytest.mark.parametrize("tool", TOOLS)
def test_regions_at_points_are_the_labels_of_the_tool(tool: str) -> None:
    """Points of the fixed image through the transform, against the label image of the tool."""
    transform = opened(tool).rename("image", "atlas")
    found = as_atlas().atlas.region_at(
        centres("fixed"), unit="mm", transform=transform, outside="missing"
    )
    expected = recorded(f"{tool}_results")["labels"].ravel().astype(int)
    np.testing.assert_array_equal(found["region_id"].fillna(0).astype(int).values, expected)
