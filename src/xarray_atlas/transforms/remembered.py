"""The transform of a grid onto which an atlas was resampled.

A matrix is stored in the space. For a chain with fields, the space holds the description, and the
fields are coordinates of the Dataset on separate dimensions, so that they stay lazy, and are
propagated and written by xarray.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from dask.base import tokenize
from xarray import Variable

from xarray_atlas.coords.atlas_index import AtlasIndex, find_atlas
from xarray_atlas.errors import GridError, TransformError
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.datasets import described_steps, read_steps
from xarray_atlas.transforms.ends import ATLAS, IMAGE, coordinates_end
from xarray_atlas.transforms.steps import AffineStep, Step, merged
from xarray_atlas.transforms.transform import Transform

__all__ = ["PREFIX", "grid_to_atlas", "its_atlas", "remember", "turned"]

PREFIX = "to_atlas_"
"""Prefix of the coordinates with fields, and of their dimensions."""


def remember(steps: Sequence[Step], token: str | None = None) -> tuple[str, dict[str, Variable]]:
    """Return the description of a transform with fields for the space, and their coordinates.

    Parameters
    ----------
    steps : sequence of Step
        From the grid's coordinates to those of the atlas, each in the order of the dims.
    token : str, optional
        Distinguishes grids with the same fields; computed from the steps by default.
    """
    described, fields = described_steps(steps, PREFIX)
    token = tokenize(*steps) if token is None else token
    return json.dumps({"steps": described, "token": token}), fields


def turned(through: str, back: FloatArray) -> str:
    """Return the description of a transform from a reoriented grid.

    Parameters
    ----------
    through : str
        As returned by :func:`remember`.
    back : float64 array of shape (4, 4)
        From the coordinates of the reoriented grid to the previous ones.
    """
    said = json.loads(through)
    matrix = [float(value) for value in back.ravel()]
    return json.dumps(said | {"steps": [{"kind": "affine", "matrix": matrix}, *said["steps"]]})


def grid_to_atlas(obj: xr.Dataset | xr.DataArray) -> Transform:
    """Return the transform from a grid to the atlas that was resampled onto it.

    Parameters
    ----------
    obj : Dataset or DataArray
        Result of :func:`resample_like`, or a part of it.

    Returns
    -------
    Transform
        Points are in mm in the order of the dims of the spaces ``obj.atlas.space`` and
        ``obj.atlas.space.atlas``.

    Raises
    ------
    GridError
        If it is the atlas itself.
    TransformError
        If the fields of the transform were dropped.
    """
    _, space = find_atlas(obj)
    if space.atlas is None:
        raise GridError(
            "this is the atlas itself, not a grid onto which it was brought; "
            "ds.atlas.resample_like(image, transform) makes one"
        )
    steps: Any
    if space.to_atlas:
        steps = (AffineStep(np.reshape(space.to_atlas, (4, 4))),)
    elif not space.through:
        raise TransformError(
            "how this grid leads to the atlas was not written with it, by an older version; bring "
            "the atlas onto it again: ds.atlas.resample_like(image, transform)"
        )
    else:
        try:
            steps = read_steps(json.loads(space.through)["steps"], _variables(obj))
        except TransformError as error:
            kind = type(obj).__name__
            raise TransformError(
                f"this {kind} has lost the displacement field by which it leads to the atlas: "
                f"{error}. It is among the coordinates of the Dataset that resample_like made; "
                "pass that Dataset, or a part of it, rather than one of its variables"
            ) from None
    own, theirs = (
        coordinates_end(name, one.dims, one.orientation)
        for name, one in ((IMAGE, space), (ATLAS, space.atlas))
    )
    return Transform(merged(steps), own, theirs)


def its_atlas(obj: xr.Dataset | xr.DataArray) -> xr.Dataset | xr.DataArray:
    """Return an object with the frames of the atlas, without the grid if a field leads to it.

    Parameters
    ----------
    obj : Dataset or DataArray

    Returns
    -------
    Dataset or DataArray
        `obj` itself if it is an atlas or related to one by a matrix; otherwise a Dataset without
        voxels that carries the space of the atlas.
    """
    terminology, space = find_atlas(obj)
    if not space.through or space.atlas is None:
        return obj
    carrier = AtlasIndex(terminology, space.atlas)
    return xr.Dataset(
        coords=xr.Coordinates(carrier.create_variables(), indexes={carrier.name: carrier})
    )


def _variables(obj: xr.Dataset | xr.DataArray) -> Any:
    return obj.variables if isinstance(obj, xr.Dataset) else obj.coords.variables
