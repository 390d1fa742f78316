"""Parameter files of elastix: ``TransformParameters.0.txt`` and the files they name.

The format, by elastix's manual (5.1) and its source (``Core/Main``, ``Common/Transforms``):

- ``(Key value ...)`` on a line, strings in quotes, comments after ``//``.
- It maps points of the fixed image to the moving one, in mm as in ITK: LPS in a volume; x and y,
  without anatomical directions, in a plane.
- ``InitialTransformParameterFileName`` (``...Parameters...`` before 5.1) names another file. With
  ``HowToCombineTransforms`` "Compose" points are mapped by that one first, T(x) = T1(T0(x)); with
  "Add" displacements are added, T(x) = T0(x) + T1(x) - x.
- Matrices turn about ``CenterOfRotationPoint``. Their parameters are those of ITK's transforms, by
  which SimpleITK evaluates them.
- B-splines have all coefficients of x, then of y, then of z; in each, i changes fastest. Directions
  are written column by column, the direction of i first.

SimpleITK's wheels do not contain elastix, and itk-elastix reads only its own chains.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xarray_atlas.errors import TransformError
from xarray_atlas.io.transforms.reading import fixed_to_moving, lps_grid, spline_step_of_itk
from xarray_atlas.io.transforms.simpleitk import simpleitk, steps_of_simpleitk
from xarray_atlas.transforms.steps import AffineStep, FieldStep, Step, merged
from xarray_atlas.transforms.transform import Transform

__all__ = ["check_elastix_list", "is_elastix", "read_elastix"]

LINE = re.compile(r"^\s*\((\w+)\s+(.*?)\)\s*(?://.*)?$", re.MULTILINE)

VALUE = re.compile(r'"([^"]*)"|([^\s"]+)')

INITIAL = ("InitialTransformParameterFileName", "InitialTransformParametersFileName")

NONE = "NoInitialTransform"

LINEAR = {
    ("TranslationTransform", 2): "TranslationTransform",
    ("TranslationTransform", 3): "TranslationTransform",
    ("EulerTransform", 2): "Euler2DTransform",
    ("EulerTransform", 3): "Euler3DTransform",
    ("SimilarityTransform", 2): "Similarity2DTransform",
    ("SimilarityTransform", 3): "Similarity3DTransform",
    ("AffineTransform", 2): "AffineTransform",
    ("AffineTransform", 3): "AffineTransform",
}
"""The transform of SimpleITK with the same parameters as each of elastix's."""

SPLINES = ("BSplineTransform", "RecursiveBSplineTransform")
"""The same function, evaluated by elastix in two ways."""

DEEPEST = 100


class _Parameters:
    """The content of a parameter file."""

    def __init__(self, path: str) -> None:
        self.path = path
        text = Path(path).read_text(encoding="latin-1")
        self.values = {key: _values(rest) for key, rest in LINE.findall(text)}

    def text(self, key: str, default: str | None = None) -> str:
        """Return one string."""
        found = self.values.get(key)
        if found:
            return found[0]
        if default is None:
            raise TransformError(f"{self.path} lacks ({key} ...), the kind of the transform")
        return default

    def numbers(self, key: str, count: int | None = None, default: Any = None) -> Any:
        """Return numbers, as many as there must be."""
        found = self.values.get(key)
        if found is None:
            if default is None:
                raise TransformError(f"{self.path} lacks ({key} ...)")
            return np.asarray(default, np.float64)
        try:
            numbers = np.array(found, dtype=np.float64)
        except ValueError as error:
            raise TransformError(f"{self.path}: ({key} ...) are not numbers: {error}") from error
        if count is not None and numbers.size != count:
            raise TransformError(
                f"{self.path}: ({key} ...) has {numbers.size} numbers, and needs {count}"
            )
        return numbers


def _values(text: str) -> list[str]:
    if '"' not in text:
        return text.split()  # of B-splines there may be millions
    return [quoted or bare for quoted, bare in VALUE.findall(text)]


def is_elastix(path: Any) -> bool:
    """Return whether a path is a parameter file of elastix that holds a transform."""
    if not isinstance(path, str | os.PathLike) or not os.path.isfile(path):
        return False
    if not os.fspath(path).lower().endswith(".txt"):
        return False
    with open(path, "rb") as file:
        text = file.read().decode("latin-1")
    return re.search(r'^\s*\(Transform\s+"', text, re.MULTILINE) is not None


def read_elastix(path: str) -> Transform:
    """Read a parameter file of elastix, and the initial transforms that it names.

    Parameters
    ----------
    path : str
        The last file of a chain, ``TransformParameters.1.txt`` if there are 0 and 1. The file
        that it names is searched at the stated path, then in its own folder.

    Returns
    -------
    Transform
        From points of the fixed image to those of the moving one.

    Raises
    ------
    TransformError
        If a file that it names is missing, or has an unsupported kind of transform.
    ImportError
        If SimpleITK is not installed.
    """
    steps, ndim = _steps(path, ())
    return fixed_to_moving(steps, ndim)


def _steps(path: str, after: tuple[str, ...]) -> tuple[list[Step], int]:
    said = _Parameters(path)
    if path in after or len(after) > DEEPEST:
        raise TransformError(f"{path} names itself as its initial transform, by {after[-1]}")
    ndim = int(said.numbers("FixedImageDimension", 1, [3])[0])
    if ndim not in (2, 3) or said.numbers("MovingImageDimension", 1, [ndim])[0] != ndim:
        raise TransformError(f"{path} is not between images of two or three dimensions")
    _require_direction(said, ndim)
    steps = [_step(said, ndim)]
    initial = _initial(said)
    if initial is None:
        return steps, ndim
    first, other = _steps(initial, (*after, path))
    if other != ndim:
        raise TransformError(f"{path} and its initial transform {initial} differ in dimension")
    how = said.text("HowToCombineTransforms", "")
    if how == "Compose":
        return [*first, *steps], ndim
    if how == "Add":
        return [*_added(merged(first), steps[0], path)], ndim
    raise TransformError(
        f'{path} has an initial transform and (HowToCombineTransforms "{how}"); elastix writes '
        '"Compose" (points are mapped by the initial one first) or "Add" (displacements are added)'
    )


def check_elastix_list(sources: Sequence[Any]) -> None:
    """Check that no elastix file in a list is the initial transform of another one.

    Raises
    ------
    TransformError
        If points would be mapped by it twice.
    """
    files = [os.path.abspath(source) for source in sources if is_elastix(source)]
    for path in files:
        initial, after = _initial(_Parameters(path)), [path]
        while initial is not None and initial not in after:
            if initial in files:
                raise TransformError(
                    f"{os.path.basename(path)} begins with {os.path.basename(initial)}, which is "
                    "in the list too; pass the last file of elastix alone"
                )
            after.append(initial)
            initial = _initial(_Parameters(initial))


def _initial(said: _Parameters) -> str | None:
    """Return the file of the initial transform, None without one."""
    name = next((said.text(key) for key in INITIAL if key in said.values), NONE)
    if not name:
        raise TransformError(
            f"{said.path} has an initial transform and does not name its file, as itk-elastix "
            "writes a single one of several. Write all of them, which names them: "
            "itk.ParameterObject.WriteParameterFiles(parameters, names)"
        )
    return None if name == NONE else _find(name, said.path)


def _find(name: str, path: str) -> str:
    """Return a file named by another one, even if the folder was moved."""
    folder = os.path.dirname(path)
    plain = re.split(r"[\\/]", name)[-1]
    tried = [os.path.join(folder, name), os.path.join(folder, plain)]
    for candidate in tried:
        if os.path.isfile(candidate):
            return os.path.abspath(candidate)
    raise TransformError(
        f"{path} begins with the initial transform {name!r}, which is neither there nor in its own "
        f"folder; put {plain} next to it"
    )


def _require_direction(said: _Parameters, ndim: int) -> None:
    if said.text("UseDirectionCosines", "true") == "true":
        return
    if np.array_equal(
        said.numbers("Direction", ndim**2, np.eye(ndim).ravel()), np.eye(ndim).ravel()
    ):
        return
    raise TransformError(
        f'{said.path} has (UseDirectionCosines "false"): elastix left out the directions of the '
        "images, so its points are not in the spaces of the images. Register again with "
        '(UseDirectionCosines "true")'
    )


def _step(said: _Parameters, ndim: int) -> Step:
    kind = said.text("Transform")
    if said.text("UseBinaryFormatForTransformationParameters", "false") == "true":
        raise TransformError(
            f"{said.path} has its parameters in another, binary file; write them as text: "
            '(UseBinaryFormatForTransformationParameters "false")'
        )
    if kind in SPLINES:
        return _spline(said, ndim)
    name = LINEAR.get((kind, ndim))
    if name is None:
        raise TransformError(
            f"{said.path} has a {kind} of {ndim} dimensions; supported are "
            f"{', '.join(sorted({kind for kind, _ in LINEAR} | set(SPLINES)))}. transformix -def "
            "all writes any of them as a displacement field, which is read too"
        )
    sitk = simpleitk(f"reading {os.path.basename(said.path)}")
    plain = name in ("TranslationTransform", "AffineTransform")
    transform = getattr(sitk, name)(*[ndim] * plain)
    count = len(transform.GetParameters())
    parameters = said.numbers("TransformParameters", count)
    if kind != "TranslationTransform":
        transform.SetCenter(said.numbers("CenterOfRotationPoint", ndim).tolist())
    if name == "Euler3DTransform":
        transform.SetComputeZYX(said.text("ComputeZYX", "false") == "true")
    transform.SetParameters(parameters.tolist())
    return steps_of_simpleitk(transform, said.path)[0]


def _spline(said: _Parameters, ndim: int) -> Step:
    order = said.numbers("BSplineTransformSplineOrder", 1, [3])[0]
    if order != 3 or said.text("UseCyclicTransform", "false") != "false":
        raise TransformError(
            f"{said.path} has a B-spline of order {order:g}, or a cyclic one; those of order 3 "
            "are supported. transformix -def all writes it as a displacement field, which is "
            "supported"
        )
    size = [int(n) for n in said.numbers("GridSize", ndim)]
    index = said.numbers("GridIndex", ndim, [0] * ndim)
    direction = said.numbers("GridDirection", ndim**2, np.eye(ndim).ravel())
    columns = direction.reshape(ndim, ndim).T
    origin, spacing = said.numbers("GridOrigin", ndim), said.numbers("GridSpacing", ndim)
    grid = lps_grid(origin + columns @ (index * spacing), spacing, columns, said.path)
    flat = said.numbers("TransformParameters", ndim * int(np.prod(size)))
    # (component, k, j, i) to (component, i, j, k)
    coefficients = flat.reshape(ndim, *size[::-1]).transpose(0, *range(ndim, 0, -1))
    return spline_step_of_itk(coefficients, grid, said.path)


def _added(first: Sequence[Step], step: Step, path: str) -> Sequence[Step]:
    """Return the steps of T0(x) + T1(x) - x, if one of the two is a matrix.

    With T0(x) = A x and T1(x) = x + u(x) it is A x + u(x) = A (x + A' u(x)), where A' is the
    inverse of A's linear part.
    """
    if not first:
        return [step]
    if len(first) == 1:
        matrices = [s.matrix for s in (first[0], step) if isinstance(s, AffineStep)]
        fields = [s for s in (first[0], step) if isinstance(s, FieldStep)]
        if len(matrices) == 2:
            return [AffineStep(matrices[0] + matrices[1] - np.eye(4))]
        if len(matrices) == 1:
            (field,), (matrix,) = fields, matrices
            back = np.linalg.inv(matrix[:3, :3])
            data = np.tensordot(back, field.data, axes=1)
            turned = FieldStep(data, field.grid, field.outside, field.degree)
            return [turned, AffineStep(matrix)]
    raise TransformError(
        f'{path} adds its displacements to those of a chain, (HowToCombineTransforms "Add"), which '
        "is read where one of the two is a matrix. transformix -def all writes all of it as a "
        "displacement field, which is read too"
    )
