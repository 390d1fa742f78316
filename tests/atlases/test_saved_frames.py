"""Frames that were added to an atlas come back with it from what is saved, and through grids."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import xarray_atlas
from support.atlases import numbered_atlas
from xarray_atlas.errors import StoreFormatError

pytestmark = [
    pytest.mark.version_independent,
    pytest.mark.filterwarnings("ignore:no manifest says where left and right meet"),
]

BREGMA = {"ap": "0.3 mm", "dv": "100 um", "ml": "0.4 mm"}


@pytest.fixture
def known() -> xr.Dataset:
    ds = numbered_atlas((6, 5, 4))
    mine = ds.atlas.frame("mine", bregma=BREGMA, frame="allen", pitch=12, citation="Lab book")
    return ds.atlas.add_frame(mine)


@pytest.fixture(scope="module")
def sample() -> xr.Dataset:
    ds = xarray_atlas.open_sample("100 um")
    place = {"ap": "5.2 mm", "dv": "0.3 mm", "ml": "5.7 mm"}
    mine = ds.atlas.frame("mine", bregma=place, frame="allen", pitch=12, citation="Lab book")
    return ds.atlas.add_frame(mine)


def counted(ds: xr.Dataset) -> dict[str, int]:
    """How many of some points from bregma lie in each region."""
    points = np.random.default_rng(6).uniform((-4, -2, -6), (-1.5, 2, -3), (300, 3))
    found = ds.atlas.count_points(points, axes=("ap", "ml", "dv"), frame="mine", unit="mm")
    there = found["count"].where(found["count"] > 0, drop=True)
    return dict(zip(there.region.values.tolist(), there.values.tolist(), strict=True))


@pytest.mark.parametrize("part", ["all", "crop", "reoriented before"])
def test_save_and_open(sample: xr.Dataset, tmp_path: Path, part: str) -> None:
    ds = sample
    if part == "crop":
        ds = ds.isel(z=slice(55, 120), y=slice(10, 78), x=slice(20, 95))
    elif part == "reoriented before":
        ds = ds.atlas.reorient("ras").atlas.reorient("asr")
    wanted = counted(ds)
    assert len(wanted) > 20
    ds.atlas.save(tmp_path)
    manifest = next(tmp_path.glob("atlases/*_100um/*/manifest.json"))
    again = xarray_atlas.open_atlas(str(manifest))
    assert counted(again) == wanted
    frame = again.atlas.frames["mine"]
    assert (frame.citation, frame.axes) == ("Lab book", ("ap", "ml", "dv"))
    if part != "crop":
        assert frame == sample.atlas.frames["mine"]
    else:  # of another volume, of which the conventions for the CCF do not know
        assert "ibl" not in again.atlas.frames


def test_a_manifest_with_what_is_no_frame(sample: xr.Dataset, tmp_path: Path) -> None:
    sample.isel(z=slice(3)).atlas.save(tmp_path)
    manifest = next(tmp_path.glob("atlases/*_100um/*/manifest.json"))
    content = json.loads(manifest.read_text())
    assert content["frames"][0]["name"] == "mine"
    content["frames"][0]["unit"] = "s"
    manifest.write_text(json.dumps(content))
    with pytest.raises(StoreFormatError, match="is not a manifest of an atlas"):
        xarray_atlas.open_atlas(str(manifest))


def test_an_atlas_without_one_says_nothing(tmp_path: Path) -> None:
    xarray_atlas.open_sample("100 um").isel(z=slice(3)).atlas.save(tmp_path)
    assert "frames" not in json.loads(
        next(tmp_path.glob("atlases/*_100um/*/manifest.json")).read_text()
    )


def test_on_the_grid_of_an_image(known: xr.Dataset) -> None:
    """Brought onto an image by a rotation, and onto another: a frame is that of the atlas."""
    c, s = np.cos(0.1), np.sin(0.1)
    turn = np.array([[c, -s, 0, 0.02], [s, c, 0, -0.01], [0, 0, 1, 0.03], [0, 0, 0, 1]])
    image = xr.DataArray(
        np.zeros((12, 10, 8)), dims=("z", "y", "x"),
        coords={d: (d, np.arange(n) * 0.1 * m, known[d].attrs | {"units": "mm"})
                for d, n, m in (("z", 12, 1), ("y", 10, 1), ("x", 8, 2))},
    )  # fmt: skip
    on_grid = known.atlas.resample_like(image, turn)
    mine = known.atlas.frames["mine"]
    place = np.array([0.25, 0.3, 0.5])
    there = (turn @ [*place, 1])[:3]
    np.testing.assert_allclose(
        on_grid.atlas.frames["mine"].from_dataset(place), mine.from_dataset(there), atol=1e-12
    )
    assert on_grid.atlas.frames["mine"] == mine
    more = on_grid.atlas.add_frame(
        on_grid.atlas.frame("image", bregma={"ap": "0 mm", "dv": "0 mm", "ml": "0 mm"},
                            frame="dataset")
    )  # fmt: skip
    again = more.atlas.resample_like(image, turn)
    np.testing.assert_allclose(
        again.atlas.frames["image"].to_dataset([0, 0, 0]),
        np.linalg.inv(turn)[:3, 3],
        atol=1e-12,
    )
