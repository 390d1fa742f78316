"""Transforms of nitransforms and itk, against what these make of points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

import xarray_atlas
from support.registrations import MICROMETRE, RAS

nitransforms = pytest.importorskip("nitransforms")

pytestmark = pytest.mark.version_independent

TransformError = xarray_atlas.errors.TransformError

AFFINE = nibabel.affines.from_matvec(
    nibabel.eulerangles.euler2mat(0.3, -0.2, 0.4) * np.array([0.9, 0.6, 1.2]), [-4.0, 7.5, 12.0]
)
"""Of an oblique grid."""

MATRIX = nibabel.affines.from_matvec(
    nibabel.eulerangles.euler2mat(0.1, 0.2, -0.3) * np.array([1.1, 0.9, 1.0]), [1.0, -2.0, 3.0]
)


def grid_image() -> Any:
    return nibabel.Nifti1Image(np.zeros((9, 8, 7), np.float32), AFFINE)


def vectors() -> Any:
    return np.random.default_rng(3).uniform(-0.5, 0.5, (9, 8, 7, 3))


def inside(n: int, margin: float) -> Any:
    index = np.random.default_rng(5).uniform(margin, np.array([8, 7, 6]) - margin, (n, 3))
    return nibabel.affines.apply_affine(AFFINE, index)


def nodes() -> Any:
    index = np.stack(np.meshgrid(*map(np.arange, (9, 8, 7)), indexing="ij"), -1).reshape(-1, 3)
    return nibabel.affines.apply_affine(AFFINE, index)


def test_an_affine() -> None:
    theirs = nitransforms.Affine(MATRIX)
    found = xarray_atlas.open_transform(theirs, maps="T1w to atlas")
    at = np.random.default_rng(0).uniform(-50, 50, (10_000, 3))
    assert np.abs(found.points(at) - theirs.map(at)).max() < MICROMETRE
    assert (found.source.name, found.target.name) == ("T1w", "atlas")


def test_a_series_of_affines_asks_which() -> None:
    theirs = nitransforms.linear.LinearTransformsMapping(np.stack([np.eye(4), MATRIX]))
    with pytest.raises(TransformError, match="holds 2 matrices.*index=0 to index=1"):
        xarray_atlas.open_transform(theirs)
    with pytest.raises(TransformError, match="index=0 to index=1"):
        xarray_atlas.open_transform(theirs, index=2)
    np.testing.assert_array_equal(xarray_atlas.open_transform(theirs, index=1).matrix, MATRIX)


@pytest.mark.parametrize("is_deltas", [True, False])
def test_a_dense_field(is_deltas: bool) -> None:
    field = vectors() if is_deltas else vectors() + nodes().reshape(9, 8, 7, 3)
    theirs = nitransforms.nonlinear.DenseFieldTransform(
        nibabel.Nifti1Image(field, AFFINE), is_deltas=is_deltas, reference=grid_image()
    )
    found = xarray_atlas.open_transform(theirs)
    at = nodes()
    assert np.abs(found.points(at) - theirs.map(at)).max() < MICROMETRE
    far = at + 100
    np.testing.assert_array_equal(found.points(far), far)
    # linear between the voxels: in the middle of two of them half of the sum
    middle = (at.reshape(9, 8, 7, 3)[:-1] + at.reshape(9, 8, 7, 3)[1:]) / 2
    expected = middle + (vectors()[:-1] + vectors()[1:]) / 2
    off = found.points(middle.reshape(-1, 3)) - expected.reshape(-1, 3)
    assert np.abs(off).max() < MICROMETRE


def test_a_b_spline() -> None:
    theirs = nitransforms.nonlinear.BSplineFieldTransform(
        nibabel.Nifti1Image(vectors(), AFFINE), reference=grid_image()
    )
    found = xarray_atlas.open_transform(theirs)
    # also beyond the outermost coefficients, where nitransforms has zeros
    at = np.vstack([inside(300, -3.5), inside(100, 0.0)])
    assert np.abs(found.points(at) - theirs.map(at)).max() < MICROMETRE
    assert np.linalg.norm(theirs.map(at) - at, axis=1).max() > 0.1


def test_a_chain_is_applied_in_its_order() -> None:
    one = nitransforms.Affine(MATRIX, reference=grid_image())  # it warns without one
    two = nitransforms.nonlinear.BSplineFieldTransform(
        nibabel.Nifti1Image(vectors(), AFFINE), reference=grid_image()
    )
    chain = nitransforms.manip.TransformChain([one, two, nitransforms.base.TransformBase()])
    at = np.linalg.inv(MATRIX)[:3, :3] @ (inside(200, 0.0) - MATRIX[:3, 3]).T
    found = xarray_atlas.open_transform(chain)
    assert np.abs(found.points(at.T) - chain.map(at.T)).max() < MICROMETRE
    assert found.kind == "chain"


def test_what_is_no_transform() -> None:
    for value in (None, 3, np.eye(4), {"a": 1}):
        with pytest.raises(TransformError, match="is not a supported transform"):
            xarray_atlas.open_transform(value)


# -- itk, where it is installed


@pytest.mark.filterwarnings("ignore")  # of SWIG, which ends the process where they are errors
def test_transforms_of_itk(tmp_path: Path) -> None:
    itk = pytest.importorskip("itk")
    import SimpleITK as sitk

    field = sitk.GetImageFromArray(vectors(), isVector=True)
    field.SetOrigin((1.0, 2.0, 3.0))
    field.SetSpacing((1.5, 2.0, 2.5))
    affine = sitk.AffineTransform(MATRIX[:3, :3].ravel(), (1.0, 2.0, -3.0), (3.0, -8.0, 5.5))
    warp = sitk.DisplacementFieldTransform(field)
    at = np.random.default_rng(2).uniform(0, 20, (10_000, 3))
    for transform in (affine, warp, sitk.CompositeTransform([affine, warp])):
        path = str(tmp_path / f"{transform.GetName()}.h5")
        sitk.WriteTransform(transform, path)
        (theirs,) = itk.transformread(path)
        found = xarray_atlas.open_transform(theirs)
        expected = np.array([list(theirs.TransformPoint(p)) for p in at.tolist()])
        assert np.abs(found.points(at * RAS) - expected * RAS).max() < MICROMETRE
