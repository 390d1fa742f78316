"""Affines of FreeSurfer, FSL and AFNI: against nitransforms, each other, and the matrix they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import TransformError

nib = pytest.importorskip("nibabel")
nitransforms_linear = pytest.importorskip("nitransforms.linear")

POINTS = np.random.default_rng(17).uniform(-90, 90, (10_000, 3))

UM = 1e-3
"""In mm."""

# what nitransforms' own tests wrote into each file, as points of the fixed to the moving image
TRUTH = nib.affines.from_matvec(nib.eulerangles.euler2mat(x=0.9, y=0.001, z=0.001), [4, 2, -1])


def image_of(orientation: str, folder: Path) -> Any:
    """Return the image of nitransforms' tests, which a .lta describes, without voxels."""
    text = (folder / f"affine-{orientation}.fs.lta").read_text().split("src volume info")[1]
    values = {
        key.strip(): [float(part) for part in value.split()]
        for key, value in (line.split("=") for line in text.splitlines()[3:9])
    }
    linear = np.stack([values["xras"], values["yras"], values["zras"]], 1) * values["voxelsize"]
    first = np.array(values["cras"]) - linear @ np.array(values["volume"]) / 2
    shape = tuple(int(size) for size in values["volume"])
    return nib.Nifti1Image(np.zeros(shape, np.uint8), nib.affines.from_matvec(linear, first))


@pytest.fixture(scope="session")
def folder(data: Path) -> Path:
    return data / "transforms/nitransforms"


def mapped(matrix: Any, points: Any = POINTS) -> Any:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


@pytest.mark.parametrize("orientation", ["RAS", "LAS", "LPS", "oblique"])
@pytest.mark.parametrize("kind", ["afni", "afni-array", "fsl", "fs.lta", "fs.v2v.lta", "itk.tfm"])
def test_files_of_nitransforms(orientation: str, kind: str, folder: Path) -> None:
    path = folder / f"affine-{orientation}.{kind}"
    if not path.exists():
        pytest.skip("nitransforms has no such file")
    image = image_of(orientation, folder)
    options: dict[str, Any] = {}
    if "lta" not in kind and "itk" not in kind:
        options = {"reference": image, "moving": image}
    if kind == "afni-array":
        options["index"] = 1
    transform = xarray_atlas.open_transform(path, **options)
    assert (transform.source.name, transform.target.name) == ("fixed", "moving")
    found = transform.points(POINTS)
    # nitransforms itself
    formats = {"fs.lta": "lta", "fs.v2v.lta": "lta", "itk.tfm": "itk", "afni-array": "afni"}
    kwargs = {key: options[key] for key in ("reference", "moving") if key in options}
    theirs = nitransforms_linear.load(path, fmt=formats.get(kind, kind), **kwargs)
    expected = theirs.map(POINTS) if theirs.matrix.ndim == 2 else mapped(theirs.matrix[1])
    np.testing.assert_allclose(found, expected, rtol=0, atol=UM / 10)
    # the matrix that all of the files hold; a .lta maps points of the moving image to the fixed one
    truth = np.linalg.inv(TRUTH) if "lta" in kind else TRUTH
    if kind.startswith("afni") and orientation == "oblique":
        truth = afni_truth(image)
    np.testing.assert_allclose(found, mapped(truth), rtol=0, atol=UM)


def afni_truth(image: Any) -> Any:
    """Return where a matrix between images without their obliquity takes points of oblique ones.

    A point is a voxel; the voxel a place in the image whose axes AFNI has laid along those of space,
    from the same first voxel; so to the matrix, and back.
    """
    zooms = np.round(nib.affines.voxel_sizes(image.affine), 4)
    plumb = np.diag([*zooms, 1.0])  # of which each axis runs to the right, anterior, superior
    plumb[:3, 3] = image.affine[:3, 3]
    there = plumb @ np.linalg.inv(image.affine)
    return np.linalg.inv(there) @ TRUTH @ there


def test_afni_is_read_by_the_images(folder: Path) -> None:
    plain, oblique = image_of("RAS", folder), image_of("oblique", folder)
    path = folder / "affine-RAS.afni"
    found = [
        xarray_atlas.open_transform(path, reference=a, moving=b).matrix
        for a, b in [(plain, plain), (oblique, plain), (plain, oblique)]
    ]
    assert min(np.abs(found[0] - other).max() for other in found[1:]) > 0.05
    assert np.abs(found[1] - found[2]).max() > 0.05


@pytest.mark.parametrize("orientation", ["LAS", "oblique"])
def test_images_may_be_files_or_opened(orientation: str, folder: Path, tmp_path: Path) -> None:
    image = image_of(orientation, folder)
    nib.save(image, tmp_path / "image.nii")
    opened = xarray_atlas.open_image(tmp_path / "image.nii")
    path = folder / f"affine-{orientation}.fsl"
    expected = xarray_atlas.open_transform(path, reference=image, moving=image).points(POINTS)
    for other in (tmp_path / "image.nii", str(tmp_path / "image.nii"), opened):
        found = xarray_atlas.open_transform(path, reference=other, moving=opened).points(POINTS)
        np.testing.assert_allclose(found, expected, rtol=0, atol=UM / 5)


def test_fsl_tells_reference_from_moving(folder: Path) -> None:
    small, other = image_of("LAS", folder), image_of("oblique", folder)
    path = folder / "affine-LAS.fsl"
    one = xarray_atlas.open_transform(path, reference=small, moving=other)
    two = xarray_atlas.open_transform(path, reference=other, moving=small)
    assert np.abs(one.matrix - two.matrix).max() > 1


@pytest.mark.parametrize("kind", ["fsl", "afni"])
def test_missing_images_are_asked_for(kind: str, folder: Path) -> None:
    path, image = folder / f"affine-RAS.{kind}", image_of("RAS", folder)
    with pytest.raises(TransformError, match="reference= and moving= are missing"):
        xarray_atlas.open_transform(path)
    with pytest.raises(TransformError, match=r"moving= is missing.*the one that was moved"):
        xarray_atlas.open_transform(path, reference=image)


def test_a_text_of_numbers_is_not_taken_for_fsl(folder: Path, tmp_path: Path) -> None:
    image = image_of("RAS", folder)
    path = tmp_path / "flirt.mat"
    path.write_text((folder / "affine-RAS.fsl").read_text())
    options = {"reference": image, "moving": image}
    with pytest.raises(TransformError, match=r"as FSL, greedy, c3d.*tool='fsl'"):
        xarray_atlas.open_transform(path, **options)
    found = xarray_atlas.open_transform(path, tool="fsl", **options).points(POINTS)
    np.testing.assert_allclose(found, mapped(TRUTH), rtol=0, atol=UM)


def test_series_need_an_index(folder: Path) -> None:
    image = image_of("RAS", folder)
    path = folder / "affine-RAS.afni-array"
    with pytest.raises(TransformError, match="holds 2 matrices"):
        xarray_atlas.open_transform(path, reference=image, moving=image)
    with pytest.raises(TransformError, match="no index=2"):
        xarray_atlas.open_transform(path, reference=image, moving=image, index=2)


def test_voxels_of_unknown_volumes_are_refused(folder: Path, tmp_path: Path) -> None:
    text = (folder / "affine-RAS.fs.v2v.lta").read_text()
    path = tmp_path / "invalid.lta"
    path.write_text(
        text.replace("valid = 1  # volume info valid", "valid = 0  # volume info invalid")
    )
    with pytest.raises(TransformError, match="does not describe"):
        xarray_atlas.open_transform(path)


def test_images_without_a_world_are_refused(folder: Path, tmp_path: Path) -> None:
    plain = xr.DataArray(np.zeros((3, 4, 5)), dims=("z", "y", "x"))
    with pytest.raises(TransformError, match="images with world coordinates"):
        xarray_atlas.open_transform(folder / "affine-RAS.fsl", reference=plain, moving=plain)


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "broken.lta"
    path.write_text("type = 1\nnxforms = 1\n")
    with pytest.raises(TransformError, match=r"broken.lta of FreeSurfer cannot be read"):
        xarray_atlas.open_transform(path)


@pytest.mark.parametrize(
    ("name", "tool", "tolerance"),
    # AFNI's numbers are written with 6 digits
    [("a.lta", None, 0.1), ("a.mat", "fsl", 0.1), ("a.aff12.1D", None, 0.5)],
)
def test_two_different_images(name: str, tool: Any, tolerance: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    images = []
    for shape, zooms, turn, flip in (
        ((20, 24, 18), (2.0, 2.5, 3.0), (0.2, -0.1, 0.3), -1),
        ((31, 17, 22), (1.5, 1.25, 2.0), (-0.15, 0.25, 0.05), 1),
    ):
        linear = nib.eulerangles.euler2mat(*turn) @ np.diag([flip * zooms[0], *zooms[1:]])
        affine = nib.affines.from_matvec(linear, rng.uniform(-30, 30, 3))
        images.append(nib.Nifti1Image(np.zeros(shape, np.uint8), affine))
    fixed, moving = images
    matrix = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.3, 0.1, -0.2), [4, -7, 2])
    fmt = {"a.lta": "lta", "a.mat": "fsl"}.get(name, "afni")
    written = nitransforms_linear.Affine(matrix, reference=fixed)
    written.to_filename(tmp_path / name, fmt=fmt, moving=moving)
    options = {} if fmt == "lta" else {"reference": fixed, "moving": moving, "tool": tool}
    found = xarray_atlas.open_transform(tmp_path / name, maps="image to atlas", **options)
    assert (found.source.name, found.target.name) == ("image", "atlas")
    np.testing.assert_allclose(found.points(POINTS), mapped(matrix), rtol=0, atol=tolerance * UM)
