"""Parameter files of elastix, against transformix and SimpleITK."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xarray_atlas
from support.registrations import FOLDER, MICROMETRE, RAS, recorded

sitk = pytest.importorskip("SimpleITK")

pytestmark = pytest.mark.version_independent

TransformError = xarray_atlas.errors.TransformError

KINDS = FOLDER / "elastix_kinds"


@pytest.mark.parametrize("kind", sorted(path.stem for path in KINDS.glob("*.txt")))
def test_each_kind_maps_points_as_transformix_does(kind: str) -> None:
    results = recorded("elastix_kinds/results")
    at, expected = results["points"], results[kind]
    found = xarray_atlas.open_transform(KINDS / f"{kind}.txt")
    if kind.endswith("2d"):
        moved = found.points(at)
        np.testing.assert_array_equal(moved[:, 2], at[:, 2])
        assert np.abs(moved[:, :2] - expected).max() < MICROMETRE
        assert found.source.frame == "plane"
    else:
        assert np.abs(found.points(at * RAS) - expected * RAS).max() < MICROMETRE
    assert np.linalg.norm(expected - at[:, : expected.shape[1]], axis=1).max() > 0.2
    assert (found.source.name, found.target.name) == ("fixed", "moving")


def test_all_kinds_are_recorded() -> None:
    assert len(recorded("elastix_kinds/results")) == 16


@pytest.mark.parametrize("name", ["TransformParameters.0.txt", "InverseTransformParameters.0.txt"])
def test_files_of_brainglobe_registration(name: str, data: Path) -> None:
    path = data / "transforms" / "elastix_2d" / name
    found = xarray_atlas.open_transform(path)
    said = {key: rest.split() for key, rest in re.findall(r"\((\w+) (.*)\)", path.read_text())}
    one = sitk.AffineTransform(2)
    one.SetCenter([float(v) for v in said["CenterOfRotationPoint"]])
    one.SetParameters([float(v) for v in said["TransformParameters"]])
    # the second was registered back: its fixed image is the moving one of the first
    back = name.startswith("Inverse")
    assert found.source.name == ("moving" if back else "fixed")
    at = np.random.default_rng(0).uniform(0, 400, (10_000, 3))
    expected = np.array([one.TransformPoint(p) for p in at[:, :2].tolist()])
    assert np.abs(found.points(at)[:, :2] - expected).max() < MICROMETRE


def test_where_a_plane_lies_is_not_known() -> None:
    ds = xarray_atlas.open_sample("100 um")
    transform = xarray_atlas.open_transform(KINDS / "affine_2d.txt", maps="image to atlas")
    with pytest.raises(TransformError, match="no file says where that plane lies"):
        ds.atlas.region_at([[1.0, 2.0, 0.0]], unit="mm", transform=transform)
    with pytest.raises(TransformError, match="no file says where that plane lies"):
        transform.bind(source=ds.template if "template" in ds else None, target=ds)


def changed(tmp_path: Path, kind: str, *changes: tuple[str, str]) -> Path:
    text = (KINDS / f"{kind}.txt").read_text()
    for pattern, line in changes:
        text, count = re.subn(rf"^\({pattern} .*\)$", line, text, flags=re.MULTILINE)
        assert count == 1
    path = tmp_path / "TransformParameters.0.txt"
    path.write_text(text)
    return path


def test_a_grid_that_begins_elsewhere(tmp_path: Path) -> None:
    """GridIndex counts from GridOrigin along the grid's own directions."""
    text = (KINDS / "bspline_3d.txt").read_text()
    values = {key: rest.split() for key, rest in re.findall(r"\((Grid\w+) (.*)\)", text)}
    numbers = {key: np.array(value, float) for key, value in values.items()}
    index = np.array([2, -1, 3])
    direction = numbers["GridDirection"].reshape(3, 3).T
    origin = numbers["GridOrigin"] - direction @ (index * numbers["GridSpacing"])
    path = changed(
        tmp_path,
        "bspline_3d",
        ("GridIndex", "(GridIndex 2 -1 3)"),
        ("GridOrigin", f"(GridOrigin {' '.join(map(repr, origin.tolist()))})"),
    )
    results = recorded("elastix_kinds/results")
    moved = xarray_atlas.open_transform(path).points(results["points"] * RAS)
    assert np.abs(moved - results["bspline_3d"] * RAS).max() < MICROMETRE


def test_comments_and_the_older_name_of_the_initial_transform(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        "added_affine_3d",
        (
            "InitialTransformParameterFileName",
            f'(InitialTransformParametersFileName "{KINDS / "euler_3d.txt"}") // from before',
        ),
    )
    path.write_text("// elastix\n\n" + path.read_text())
    results = recorded("elastix_kinds/results")
    moved = xarray_atlas.open_transform(path).points(results["points"] * RAS)
    assert np.abs(moved - results["added_affine_3d"] * RAS).max() < MICROMETRE


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("affine_3d", [("Transform", '(Transform "AffineDTITransform")')], "a AffineDTITransform of 3 dimensions"),
        ("affine_3d", [("CenterOfRotationPoint", "")], "lacks (CenterOfRotationPoint ...)"),
        ("affine_3d", [("TransformParameters", "(TransformParameters 1 2 3)")], "has 3 numbers, and needs 12"),
        ("affine_3d", [("TransformParameters", "(TransformParameters 1 0 0 0 1 0 0 0 0 1 1 1)")], "singular"),
        ("affine_3d", [("TransformParameters", "(TransformParameters a b)")], "are not numbers"),
        ("affine_3d", [("FixedImageDimension", "(FixedImageDimension 4)")], "is not between images of two or three"),
        ("affine_3d", [("MovingImageDimension", "(MovingImageDimension 2)")], "is not between images of two or three"),
        (
            "affine_3d",
            [("UseDirectionCosines", '(UseDirectionCosines "false")'), ("Direction", "(Direction 0 1 0 1 0 0 0 0 1)")],
            "left out the directions",
        ),
        ("bspline_3d", [("BSplineTransformSplineOrder", "(BSplineTransformSplineOrder 1)")], "order 1"),
        ("bspline_3d", [("UseCyclicTransform", '(UseCyclicTransform "true")')], "cyclic"),
        ("bspline_3d", [("GridSize", "(GridSize 3 24 10)")], "at least 4"),
        (
            "added_affine_3d",
            [("InitialTransformParameterFileName", '(InitialTransformParameterFileName "gone.txt")')],
            "put gone.txt next to it",
        ),
        (
            "added_affine_3d",
            [("InitialTransformParameterFileName", '(InitialTransformParameterFileName "TransformParameters.0.txt")')],
            "names itself",
        ),
        (
            "added_affine_3d",
            [
                ("InitialTransformParameterFileName", f'(InitialTransformParameterFileName "{KINDS / "euler_3d.txt"}")'),
                ("HowToCombineTransforms", ""),
            ],
            '"Compose"',
        ),
        (
            "added_affine_3d",
            [("InitialTransformParameterFileName", f'(InitialTransformParameterFileName "{KINDS / "affine_2d.txt"}")')],
            "differ in dimension",
        ),
    ],
)  # fmt: skip
def test_what_is_not_read(kind: str, changes: Any, said: str, tmp_path: Path) -> None:
    path = changed(tmp_path, kind, *changes)
    with pytest.raises(TransformError) as error:
        xarray_atlas.open_transform(path)
    assert said in str(error.value)


def test_adding_two_fields_is_an_error(tmp_path: Path) -> None:
    path = changed(
        tmp_path,
        "added_bspline_3d",
        (
            "InitialTransformParameterFileName",
            f'(InitialTransformParameterFileName "{KINDS / "bspline_3d.txt"}")',
        ),
    )
    with pytest.raises(TransformError, match="one of the two is a matrix"):
        xarray_atlas.open_transform(path)


def test_a_list_with_an_initial_transform_is_an_error() -> None:
    first, last = (FOLDER / "elastix" / f"TransformParameters.{n}.txt" for n in (0, 1))
    for files in ([first, last], [last, first]):
        with pytest.raises(TransformError, match="pass the last file of elastix alone"):
            xarray_atlas.open_transform(files)
    assert len(xarray_atlas.open_transform([last]).steps) == 2


def test_an_initial_transform_without_a_name(tmp_path: Path) -> None:
    """As itk.ParameterObject.WriteParameterFile leaves the second of two."""
    path = changed(
        tmp_path,
        "added_affine_3d",
        ("InitialTransformParameterFileName", '(InitialTransformParameterFileName "")'),
    )
    with pytest.raises(TransformError, match="WriteParameterFiles"):
        xarray_atlas.open_transform(path)


def test_a_parameter_file_of_a_registration_is_no_transform(tmp_path: Path) -> None:
    path = tmp_path / "parameters.txt"
    path.write_text('(Registration "MultiResolutionRegistration")\n(MaximumStepLength 1)\n')
    with pytest.raises(TransformError, match="is not a supported transform"):
        xarray_atlas.open_transform(path)
