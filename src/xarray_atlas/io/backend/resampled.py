"""Open saved grids onto which an atlas was resampled, with the transform to the atlas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import xarray as xr
from xarray import Variable

from xarray_atlas.coords.space import Space
from xarray_atlas.io.brainglobe.manifest import FIELDS, Manifest
from xarray_atlas.transforms.datasets import read_steps
from xarray_atlas.transforms.known_frames import to_corner_of
from xarray_atlas.transforms.remembered import remember
from xarray_atlas.transforms.steps import AffineStep, is_straight, matrix_of, merged

__all__ = ["on_its_grid"]


def on_its_grid(
    space: Space, manifest: Manifest | None, storage_options: Mapping[str, Any] | None
) -> tuple[Space, dict[str, Variable]]:
    """Add the space of the atlas to that of a grid, and return the fields.

    Parameters
    ----------
    space : Space
        Space of the volume that is opened.
    manifest : Manifest, optional
    storage_options : mapping, optional

    Returns
    -------
    space : Space
        Unchanged if the volume is an atlas itself.
    fields : dict of str to Variable
        Coordinates of the Dataset.
    """
    said = None if manifest is None else manifest.to_atlas
    corner = None if said is None else to_corner_of(space)
    if manifest is None or said is None or corner is None:
        return space, {}
    variables: Mapping[Any, Variable] = {}
    if any("variable" in step for step in said["steps"]):
        place = f"{manifest.annotation.url}/{FIELDS}"
        options = None if storage_options is None else dict(storage_options)
        variables = xr.open_zarr(place, consolidated=False, storage_options=options).variables
    steps = merged([AffineStep(corner), *read_steps(said["steps"], variables)])
    atlas = Space.from_json(json.dumps(said["atlas"]))
    found = replace(space, atlas=atlas)
    if is_straight(steps):
        return replace(found, to_atlas=tuple(matrix_of(steps).ravel().tolist())), {}
    through, fields = remember(steps, said.get("token", ""))
    return replace(found, through=through), fields
