"""Transforms as Datasets and in files: a description as JSON, and a variable per field."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from xarray import Variable

from xarray_atlas.errors import StoreExistsError, TransformError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.field_arrays import COMPONENTS
from xarray_atlas.transforms.matrices import checked_matrix
from xarray_atlas.transforms.steps import AffineStep, FieldStep, InverseStep, Step
from xarray_atlas.transforms.thin_plate_steps import ThinPlateStep
from xarray_atlas.transforms.triangle_steps import TriangleStep

__all__ = ["ATTR", "described_steps", "from_dataset", "read_steps", "save", "to_dataset"]

ATTR = "xarray_atlas_transform"
"""Attribute that describes the variables of a Dataset, as a JSON object."""

VERSION = 1


def to_dataset(transform: Any) -> xr.Dataset:
    """Return a transform as a Dataset: its description, and a variable per field."""
    steps, variables = described_steps(transform.steps)
    described = {
        "version": VERSION,
        "source": transform.source.to_dict(),
        "target": transform.target.to_dict(),
        "steps": steps,
    }
    return xr.Dataset(variables, attrs={ATTR: json.dumps(described)})


def from_dataset(ds: xr.Dataset) -> tuple[tuple[Step, ...], End, End]:
    """Read the steps and the ends of a transform.

    Raises
    ------
    TransformError
        If the Dataset was not made by :func:`to_dataset`.
    """
    if ATTR not in ds.attrs:
        raise TransformError(
            f"this Dataset holds no transform: its attributes {list(ds.attrs)} lack {ATTR!r}. "
            "transform.to_dataset() makes one"
        )
    try:
        described = json.loads(ds.attrs[ATTR])
        if described["version"] > VERSION:
            raise TransformError(
                f"the transform was written in version {described['version']} of its form, by a "
                f"later release; this one reads up to {VERSION}"
            )
        steps = read_steps(described["steps"], ds.variables)
        return steps, End.from_dict(described["source"]), End.from_dict(described["target"])
    except (KeyError, TypeError, ValueError) as error:  # JSON errors are ValueErrors
        if isinstance(error, TransformError):
            raise
        raise TransformError(
            f"the attribute {ATTR!r} of this Dataset does not describe a transform "
            f"({type(error).__name__}: {error}); transform.to_dataset() writes it"
        ) from error


def described_steps(
    steps: Sequence[Step], prefix: str = ""
) -> tuple[list[dict[str, Any]], dict[str, Variable]]:
    """Return a JSON-compatible description of the steps of a transform, and their fields.

    Parameters
    ----------
    steps : sequence of Step
    prefix : str, optional
        Prefix of the names of variables and dimensions.

    Returns
    -------
    described : list of dict
        One per step.
    fields : dict of str to Variable
        With the shape (3, n, m, k), in mm.
    """
    described: list[dict[str, Any]] = []
    fields: dict[str, Variable] = {}
    for number, step in enumerate(steps):
        if isinstance(step, AffineStep):
            matrix = [float(value) for value in step.matrix.ravel()]
            described.append({"kind": "affine", "matrix": matrix})
            continue
        if isinstance(step, TriangleStep | ThinPlateStep):
            described.append(step.to_dict())
            continue
        said: dict[str, Any] = {"kind": "field"}
        if isinstance(step, InverseStep):
            said |= {"kind": "inverse", "tolerance": step.tolerance, "unsolved": step.unsolved}
            step = step.step
        assert isinstance(step, FieldStep)
        name = f"{prefix}field_{number}"
        grid = [float(value) for value in step.grid.ravel()]
        said |= {"variable": name, "grid": grid, "outside": step.outside, "degree": step.degree}
        dims = (f"{prefix}component", *(f"{prefix}{axis}_{number}" for axis in "ijk"))
        said |= {"dims": dims, "shape": step.data.shape}
        described.append(said)
        attrs = {"units": "mm", "components": " ".join(COMPONENTS), "grid_to_mm": grid}
        fields[name] = Variable(dims, step.data, attrs)
    return described, fields


def read_steps(
    described: Sequence[Mapping[str, Any]], variables: Mapping[Any, Variable]
) -> tuple[Step, ...]:
    """Read the output of :func:`described_steps`.

    Raises
    ------
    TransformError
        If a variable of a field is missing.
    """
    steps: list[Step] = []
    for said in described:
        if said["kind"] == "affine":
            steps.append(AffineStep(_matrix(said["matrix"])))
            continue
        if said["kind"] == "triangles":
            steps.append(TriangleStep.from_dict(said))
            continue
        if said["kind"] == "thin plate":
            steps.append(ThinPlateStep.from_dict(said))
            continue
        if said["kind"] not in ("field", "inverse"):
            raise TransformError(f"a step of the transform is a {said['kind']!r}, which is unknown")
        if said["variable"] not in variables:
            raise TransformError(f"the variable {said['variable']!r} with a field is missing")
        variable = variables[said["variable"]]
        if set(variable.dims) == set(said.get("dims", ())):
            variable = variable.transpose(*said["dims"])
        if list(variable.shape) != list(said.get("shape", variable.shape)):
            raise TransformError(
                f"the field {said['variable']!r} has the shape {variable.shape}, and had "
                f"{tuple(said['shape'])} when it was written: a part of it does not know where it "
                "lies"
            )
        data = variable.data
        data = getattr(data, "magnitude", data)
        data = data if isinstance(data, da.Array) else np.asarray(data)
        field = FieldStep(data, _matrix(said["grid"]), said["outside"], said["degree"])
        steps.append(
            InverseStep(field, said["tolerance"], said["unsolved"])
            if said["kind"] == "inverse"
            else field
        )
    return tuple(steps)


def _matrix(numbers: Any) -> FloatArray:
    return checked_matrix(np.reshape(numbers, (4, 4)), "a matrix of the transform", TransformError)


def save(ds: xr.Dataset, path: str | Path) -> None:
    """Write the Dataset of a transform to a new zarr store or netCDF file."""
    place = Path(path)
    if place.suffix not in ("", ".zarr", ".nc"):
        raise TransformError(
            f"a transform is saved as a zarr store (.zarr) or netCDF file (.nc), not as "
            f"{place.suffix}; SimpleITK and the other tools write their own formats"
        )
    if place.exists():
        raise StoreExistsError(f"there is something at {place}; delete it, or choose another name")
    if place.suffix == ".nc":
        ds.to_netcdf(place)
    else:
        ds.to_zarr(place, consolidated=False)
