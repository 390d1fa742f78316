"""Save the transform from a grid to the atlas resampled onto it with its volume."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import Any

import xarray as xr

from xarray_atlas.atlases.saved_frames import corner_to_dataset
from xarray_atlas.coords.atlas_index import find_atlas
from xarray_atlas.transforms.datasets import described_steps
from xarray_atlas.transforms.remembered import PREFIX, grid_to_atlas
from xarray_atlas.transforms.steps import AffineStep, merged

__all__ = ["saved_transform"]


def saved_transform(
    ds: xr.Dataset | xr.DataArray, sizes: Mapping[Hashable, float]
) -> tuple[dict[str, Any], xr.Dataset | None]:
    """Return a manifest's description of the transform from a grid to its atlas, and the fields.

    Parameters
    ----------
    ds : Dataset or DataArray
        The saved object: its outer corner becomes that of the whole volume.
    sizes : mapping of hashable to float
        Voxel size in mm along each dimension.

    Returns
    -------
    described : dict
        The space of the atlas, and the steps from mm from that corner, along ap, dv and ml.
    fields : Dataset, optional
        None if there are only matrices.

    Raises
    ------
    TransformError
        If the fields of the transform were dropped.
    """
    _, space = find_atlas(ds)
    assert space.atlas is not None
    to_dataset, _ = corner_to_dataset(ds, sizes)
    whole = merged([AffineStep(to_dataset), *grid_to_atlas(ds).steps])
    steps, fields = described_steps(whole, PREFIX)
    described: dict[str, Any] = {"atlas": json.loads(space.atlas.to_json()), "steps": steps}
    if not fields:
        return described, None
    described["token"] = json.loads(space.through)["token"]
    return described, xr.Dataset(fields)
