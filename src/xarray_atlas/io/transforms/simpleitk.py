"""Transforms of SimpleITK as steps: any linear kind, displacement fields, B-splines, composites.

A transform of ITK maps points of the fixed image to the moving one, in LPS mm. A composite applies
the transform that was added last first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from xarray_atlas.errors import TransformError
from xarray_atlas.io.transforms.reading import (
    affine_step,
    field_step_of_itk,
    lps_grid,
    spline_step_of_itk,
)
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.transforms.steps import Step

__all__ = ["EXTRA", "simpleitk", "steps_of_simpleitk"]

EXTRA = '"xarray-atlas[registration]"'
"""The extra with SimpleITK."""

NESTED = 100
"""Maximum depth of nested composites."""


def simpleitk(what: str) -> Any:
    """Import SimpleITK, or raise an error that names its use."""
    return optional("SimpleITK", EXTRA, what)


def steps_of_simpleitk(transform: Any, place: str, depth: int = 0) -> list[Step]:
    """Return the steps of a transform of SimpleITK, in the order of application to points.

    Parameters
    ----------
    transform : SimpleITK.Transform
    place : str
        What it is, for errors.
    depth : int
        Of the composite that it is in.

    Raises
    ------
    TransformError
        If it is singular, or of a kind that is not an affine, field or cubic B-spline.
    """
    import SimpleITK as sitk

    if transform.IsLinear():
        return [_affine(transform, place)]
    name = transform.GetName()
    if name == "CompositeTransform" and depth < NESTED:
        composite = sitk.CompositeTransform(transform)
        steps: list[Step] = []
        for number in reversed(range(composite.GetNumberOfTransforms())):
            steps += steps_of_simpleitk(composite.GetNthTransform(number), place, depth + 1)
        return steps
    if name == "DisplacementFieldTransform":
        image = sitk.DisplacementFieldTransform(transform).GetDisplacementField()
        components = sitk.GetArrayFromImage(image)  # (k, j, i, component)
        return [field_step_of_itk(components.T, _grid(image, place), place)]
    if name == "BSplineTransform":
        spline = sitk.BSplineTransform(transform)
        if spline.GetOrder() != 3:
            raise TransformError(
                f"{place} holds a B-spline of order {spline.GetOrder()}; those of order 3 are "
                "read. SimpleITK.TransformToDisplacementField makes a displacement field of it, "
                "which is read too"
            )
        images = spline.GetCoefficientImages()
        coefficients = np.stack([sitk.GetArrayFromImage(image).T for image in images])
        return [spline_step_of_itk(coefficients, _grid(images[0], place), place)]
    raise TransformError(
        f"{place} holds a {name}, which is neither linear nor a displacement field, a B-spline or "
        "a composite of these. SimpleITK.TransformToDisplacementField makes a displacement field "
        "of it, which is read too"
    )


def _affine(transform: Any, place: str) -> Step:
    """Return the matrix of a linear transform from mapped points, since parameters differ by kind.

    The images of 0 and the unit vectors are exact except for rounding, far below a nanometre.
    """
    ndim = transform.GetDimension()
    shift = np.array(transform.TransformPoint((0.0,) * ndim))
    columns = [np.array(transform.TransformPoint(tuple(unit))) - shift for unit in np.eye(ndim)]
    return affine_step(np.column_stack(columns), shift, place)


def _grid(image: Any, place: str) -> FloatArray:
    return lps_grid(image.GetOrigin(), image.GetSpacing(), image.GetDirection(), place)
