"""Transforms in memory, of SimpleITK, ITK and nitransforms."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from xarray_atlas.errors import TransformError
from xarray_atlas.io.transforms.itk import hdf5_steps
from xarray_atlas.io.transforms.reading import affine_step, fixed_to_moving
from xarray_atlas.io.transforms.simpleitk import steps_of_simpleitk
from xarray_atlas.transforms.steps import FieldStep, Step
from xarray_atlas.transforms.transform import Transform

__all__ = ["is_transform_object", "read_object"]

LIBRARIES = ("SimpleITK", "itk", "nitransforms")


def is_transform_object(source: Any) -> bool:
    """Return whether something is a transform of SimpleITK, ITK or nitransforms."""
    library = type(source).__module__.partition(".")[0]
    if library == "nitransforms":
        return callable(getattr(source, "map", None))
    return library in LIBRARIES and callable(getattr(source, "TransformPoint", None))


def read_object(source: Any, *, index: int | None = None) -> Transform:
    """Take a transform of another library.

    Parameters
    ----------
    source : SimpleITK.Transform, itk.Transform, or nitransforms.base.TransformBase
    index : int, optional
        Which one, of nitransforms' list of matrices.

    Returns
    -------
    Transform
        From points of the fixed image (nitransforms: reference) to those of the moving one.

    Raises
    ------
    TransformError
        If it is of a kind that is not read.
    """
    library = type(source).__module__.partition(".")[0]
    place = f"the {type(source).__name__} of {library}"
    if library == "nitransforms":
        return fixed_to_moving(_of_nitransforms(source, index, place))
    if index is not None:
        raise TransformError(f"{place} is one transform, and index={index!r} was passed")
    if library == "SimpleITK":
        return fixed_to_moving(steps_of_simpleitk(source, place), source.GetDimension())
    itk = sys.modules["itk"]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "transform.h5")
        itk.transformwrite([source], path)
        steps, ndim = hdf5_steps(path, None, lazy=False)
    return fixed_to_moving(steps, ndim)


# -- nitransforms, in RAS mm


def _of_nitransforms(source: Any, index: int | None, place: str) -> list[Step]:
    nitransforms: Any = sys.modules["nitransforms"]
    from nitransforms import linear, manip, nonlinear

    if isinstance(source, linear.LinearTransformsMapping):
        count = len(source.matrix)
        if index is None or not 0 <= index < count:
            raise TransformError(
                f"{place} holds {count} matrices, of a series of images; choose one: index=0 to "
                f"index={count - 1}"
            )
        matrix = np.asarray(source.matrix[index], np.float64)
        return [affine_step(matrix[:3, :3], matrix[:3, 3], place, "RAS")]
    if index is not None:
        raise TransformError(f"{place} is one transform, and index={index!r} was passed")
    if isinstance(source, linear.Affine):
        matrix = np.asarray(source.matrix, np.float64)
        return [affine_step(matrix[:-1, :-1], matrix[:-1, -1], place, "RAS")]
    if isinstance(source, manip.TransformChain):
        chain = source.transforms or []
        return [step for one in chain for step in _of_nitransforms(one, None, place)]
    if isinstance(source, nonlinear.DenseFieldTransform):
        return [_dense(source)]
    if isinstance(source, nonlinear.BSplineFieldTransform):
        return [_spline(source, place)]
    if type(source) is nitransforms.base.TransformBase:  # the identity
        return []
    raise TransformError(
        f"{place} is of no kind that is read: Affine, LinearTransformsMapping, "
        "DenseFieldTransform, BSplineFieldTransform and TransformChain are"
    )


def _dense(source: Any) -> Step:
    """Return a displacement field, which is interpolated linearly, as the tools that wrote it do.

    nitransforms interpolates it with cubic splines, so the two differ between voxels.
    """
    shape = source.reference.shape
    if source.is_deltas:
        shifts = source._deltas
    else:
        shifts = source._field - np.reshape(source.reference.ndcoords, (*shape, len(shape)))
    data = np.moveaxis(np.asarray(shifts, np.float64), -1, 0)
    return FieldStep(data, np.asarray(source.reference.affine, np.float64), "identity")


def _spline(source: Any, place: str) -> Step:
    """Return B-splines with coefficients of 0 beyond the grid, as in nitransforms."""
    if source._order != 3:
        raise TransformError(f"{place} is of order {source._order}; those of order 3 are read")
    data = np.moveaxis(np.asarray(source._coeffs, np.float64), -1, 0)
    margin = 3
    data = np.pad(data, [(0, 0), *[(margin, margin)] * 3])
    grid = np.array(source._knots.affine, np.float64)
    grid[:3, 3] -= grid[:3, :3] @ np.full(3, float(margin))
    return FieldStep(data, grid, "identity", degree=3)
