"""Planes written as alignments, and opened again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.errors import GridError, StoreExistsError
from xarray_atlas.sections.quicknii import _bent


@pytest.mark.parametrize(
    "plane",
    [
        {"ap": "7 mm"},
        {"ml": "4 mm"},
        {"dv": "3 mm"},
        {"ap": "7 mm", "tilt": "12 deg", "roll": "-7 deg"},
        {"ap": "-2 mm", "frame": "ibl"},
    ],
)
def test_planes_come_back(sample: xr.Dataset, tmp_path: Path, plane: dict[str, str]) -> None:
    cut = sample.atlas.section(**plane)
    path = tmp_path / "a.json"
    xarray_atlas.to_quicknii({"m1_s001.png": cut}, path)
    shape = cut.annotation.shape
    tree = xarray_atlas.open_sections(path, sample, pixels=shape, mirrored=False)
    found = tree["m1_s001"].to_dataset()
    size = abs(float(found.y.diff("y")[0].values)), abs(float(found.x.diff("x")[0].values))
    np.testing.assert_allclose(size, 0.1, rtol=1e-9)
    # pixels of a plane have the label at their centre, and sections at their upper left corner
    fine = xarray_atlas.open_sections(
        path, sample, pixels=(2 * shape[0], 2 * shape[1]), mirrored=False
    )
    centres = fine["m1_s001"].annotation.values[1::2, 1::2]
    assert (centres == cut.annotation.values).mean() > 0.995


def test_series_come_back_as_they_were(sample: xr.Dataset, tmp_path: Path) -> None:
    entry = {"filename": "m1_s004.png", "nr": 4, "width": 1000, "height": 800}
    entry |= {"anchoring": [20.3, 250.7, 310.2, 410.1, -60.2, 12.4, -3.3, -40.5, -290.6]}
    entry |= {"markers": [[300.0, 400.0, 320.0, 380.0]]}
    series = {"target": "ABA_Mouse_CCFv3_2017_25um.cutlas", "slices": [entry]}
    (tmp_path / "a.json").write_text(json.dumps(series))
    tree = xarray_atlas.open_sections(tmp_path / "a.json", sample)
    xarray_atlas.to_quicknii(tree, tmp_path / "b.json")
    written = json.loads((tmp_path / "b.json").read_text())
    assert written["slices"] == [entry]
    assert written["target"] == series["target"]
    assert written["target-resolution"] == [456, 528, 320]
    again = xarray_atlas.open_sections(tmp_path / "b.json", sample)
    np.testing.assert_array_equal(again["m1_s004"].annotation, tree["m1_s004"].annotation)


def test_errors(sample: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(GridError, match="'s' is not a plane"):
        xarray_atlas.to_quicknii({"s": sample}, path)
    with pytest.raises(GridError, match="no section to write"):
        xarray_atlas.to_quicknii({}, path)
    assert not path.exists()
    xarray_atlas.to_quicknii({"s": sample.isel(z=70)}, path)
    with pytest.raises(StoreExistsError, match="choose another name"):
        xarray_atlas.to_quicknii({"s": sample.isel(z=70)}, path)


def test_a_section_that_is_bent_out_of_its_plane() -> None:
    shares = np.stack(np.meshgrid(np.linspace(0, 1, 7), np.linspace(0, 1, 5)), -1).reshape(-1, 2)
    places = np.column_stack([400 * shares[:, 0], 300 * shares[:, 1], np.full(len(shares), 200.0)])
    moved = places + 5 * np.sin(places[:, ::-1] / 60) * [1, 1, 0]
    moved[3] = np.nan
    edges, markers = _bent("s", shares, moved)
    known = np.isfinite(moved[:, 0])
    flat, image = markers[:, :2], markers[:, 2:]
    np.testing.assert_allclose(image, shares[known])
    np.testing.assert_allclose(edges[0] + flat @ edges[1:], moved[known], atol=1e-9)
    with pytest.raises(GridError, match="bent out of its plane by .* voxels"):
        _bent("s", shares, moved + [[0, 0, 1]] * (np.arange(len(shares)) % 3)[:, None])
    with pytest.raises(GridError, match="has no place in the atlas"):
        _bent("s", shares, moved * np.nan)
