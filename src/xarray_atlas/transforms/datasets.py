"""Transforms as Datasets, and in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr

from xarray_atlas.errors import StoreExistsError, TransformError
from xarray_atlas.transforms.ends import End
from xarray_atlas.transforms.field_arrays import COMPONENTS
from xarray_atlas.transforms.steps import AffineStep, FieldStep, InverseStep, Step

__all__ = ["ATTR", "from_dataset", "save", "to_dataset"]

ATTR = "xarray_atlas_transform"
"""The attribute that says what the variables of a Dataset are: a JSON object."""

VERSION = 1


def to_dataset(transform: Any) -> xr.Dataset:
    """Return a transform as a Dataset: a variable for each step, and its description."""
    variables: dict[str, Any] = {}
    steps = []
    for number, step in enumerate(transform.steps):
        name = f"step_{number}"
        if isinstance(step, AffineStep):
            variables[name] = (("to", "of"), step.matrix, {"long_name": "matrix of mm"})
            steps.append({"kind": "affine", "variable": name})
            continue
        said: dict[str, Any] = {"kind": "field", "variable": name}
        if isinstance(step, InverseStep):
            said |= {"kind": "inverse", "tolerance": step.tolerance, "unsolved": step.unsolved}
            step = step.step
        assert isinstance(step, FieldStep)
        said |= {"outside": step.outside, "degree": step.degree}
        attrs: dict[str, Any] = {"units": "mm", "components": " ".join(COMPONENTS)}
        attrs |= {"grid_to_mm": [float(value) for value in step.grid.ravel()]}
        dims = ("component", *(f"{axis}_{number}" for axis in "ijk"))
        variables[name] = (dims, step.data, attrs)
        steps.append(said)
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
        If the Dataset is not one that :func:`to_dataset` made.
    """
    if ATTR not in ds.attrs:
        raise TransformError(
            f"this Dataset holds no transform: its attributes {list(ds.attrs)} lack {ATTR!r}. "
            "transform.to_dataset() makes one"
        )
    described = json.loads(ds.attrs[ATTR])
    if described["version"] > VERSION:
        raise TransformError(
            f"the transform was written in version {described['version']} of its form, by a later "
            f"release; this one reads up to {VERSION}"
        )
    steps: list[Step] = []
    for said in described["steps"]:
        if said["variable"] not in ds:
            raise TransformError(
                f"the Dataset lacks the variable {said['variable']!r}, a step of the transform"
            )
        variable = ds[said["variable"]]
        if said["kind"] == "affine":
            steps.append(AffineStep(np.asarray(variable.values, np.float64)))
            continue
        grid = np.reshape(variable.attrs["grid_to_mm"], (4, 4)).astype(np.float64)
        data = variable.variable.data
        data = getattr(data, "magnitude", data)
        field = FieldStep(_plain(data), grid, said["outside"], said["degree"])
        steps.append(
            InverseStep(field, said["tolerance"], said["unsolved"])
            if said["kind"] == "inverse"
            else field
        )
    ends = (End.from_dict(described[side]) for side in ("source", "target"))
    source, target = ends
    return tuple(steps), source, target


def _plain(data: Any) -> Any:
    return data if isinstance(data, da.Array) else np.asarray(data)


def save(ds: xr.Dataset, path: str | Path) -> None:
    """Write the Dataset of a transform to a new zarr store or netCDF file."""
    place = Path(path)
    if place.exists():
        raise StoreExistsError(f"there is something at {place}; delete it, or choose another name")
    if place.suffix == ".nc":
        ds.to_netcdf(place)
    else:
        ds.to_zarr(place, consolidated=False)
