"""Every region's voxels equal the counts by brute force, wherever the labels are read from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.slow_server import slow_server
from xarray_atlas import open_atlas
from xarray_atlas.kernels import tables

SET = "annotation-sets/allen-adult-mouse-annotation/2017/annotation.ome.zarr"


@contextmanager
def place(data: Path, protocol: str) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Yield where the Allen labels are by some protocol, and the options for it."""
    if protocol == "local":
        yield f"{data}/brainglobe/{SET}", None
        return
    with slow_server(data, 0.005) as told:
        if protocol == "HTTP":
            yield f"{told.url}/brainglobe/{SET}", None
        else:
            yield f"s3://brainglobe/{SET}", {"endpoint_url": told.url}


@pytest.mark.parametrize("resolution", ["25 um", "50 um", "100 um"])
@pytest.mark.parametrize("kernel", ["numpy", "numba"])
@pytest.mark.parametrize("protocol", ["local", "HTTP", "S3"])
def test_all_regions(
    data: Path,
    expected: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    protocol: str,
    kernel: str,
    resolution: str,
) -> None:
    if kernel == "numba":
        pytest.importorskip("numba")
    monkeypatch.setattr(tables, "ENOUGH", 0 if kernel == "numba" else np.inf)
    size = resolution.replace(" ", "")
    with place(data, protocol) as (url, options):
        ds = open_atlas(url, resolution=resolution, storage_options=options)
        with pytest.warns(UserWarning, match="midline"):
            found = ds.atlas.region_properties(hemisphere=["left", "right"])
        direct = ds.atlas.region_properties(direct=True)
    by_id = expected.set_index("identifier")
    assert sorted(by_id.index) == sorted(found.region_id.values.tolist())
    assert len(by_id) == 1327
    wanted = by_id.loc[found.region_id.values]
    for side in ("left", "right"):
        counts = found.voxels.sel(hemisphere=side).values
        np.testing.assert_array_equal(counts, wanted[f"total_{side}_{size}"])
    total = found.voxels.sum("hemisphere").values
    np.testing.assert_array_equal(total, wanted[f"total_{size}"])
    np.testing.assert_array_equal(
        direct.voxels.values, by_id.loc[direct.region_id.values, f"direct_{size}"]
    )
