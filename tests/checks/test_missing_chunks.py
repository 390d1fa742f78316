"""Chunks that a store has lost are named; what is background is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.faulty_server import Answer, faulty_server
from support.small_worlds import brainglobe_table, write_ome_zarr
from xarray_atlas import open_atlas
from xarray_atlas.checks.missing import StoredLevel, find_missing
from xarray_atlas.checks.report import Report
from xarray_atlas.io.zarr.ome_zarr import Level


def block() -> Any:
    found = np.zeros((40, 40, 40), "uint32")
    found[2:38, 2:38, 2:38] = 1
    found[6:30, 6:34, 8:32] = 2
    return found


def ball(size: int = 48, radius: float = 14.3) -> Any:
    """A ball that touches the planes between chunks of 16 voxels on one side."""
    z, y, x = np.ogrid[:size, :size, :size]
    inside = (z - 30) ** 2 + (y - 24) ** 2 + (x - 24) ** 2 <= radius**2
    return inside.astype("uint32")


def pyramid(path: Path, values: Any, levels: int = 2, **create: Any) -> Path:
    coarser = [(values[:: 2**i, :: 2**i, :: 2**i].copy(), 0.025 * 2**i) for i in range(1, levels)]
    return write_ome_zarr(path, values, levels=coarser, **{"chunks": (20, 20, 20), **create})


def checked(path: Any, resolution: str = "25 um", **options: Any) -> Report:
    ds = open_atlas(
        path, terminology=brainglobe_table(), resolution=resolution, midline="0.4875 mm", **options
    )
    report: Report = ds.atlas.check(full=True)
    return report


def missing(report: Report) -> dict[str, tuple[str, ...]]:
    rows = report.table[report.table.check == "missing chunks"]
    return {row.severity: row.subjects for row in rows.itertuples()}


@pytest.mark.parametrize("key", ["0/c/1/1/1", "0/c/0/1/0"])
@pytest.mark.parametrize("resolution", ["25 um", "50 um"])
def test_a_chunk_in_which_another_level_has_labels(
    tmp_path: Path, key: str, resolution: str
) -> None:
    path = pyramid(tmp_path / "l.ome.zarr", block())
    assert missing(checked(path, resolution)) == {}
    (path / key).unlink()
    report = checked(path, resolution)
    assert missing(report) == {"error": (key,)}
    assert not report.ok
    if resolution == "25 um":
        assert "midline=" not in str(report)
        assert (
            report.checks.set_index("check").detail["mirror plane"] == "chunks seem to be missing"
        )


def test_a_chunk_of_the_coarser_level(tmp_path: Path) -> None:
    path = pyramid(tmp_path / "l.ome.zarr", block(), chunks=(10, 10, 10))
    (path / "1/c/1/0/1").unlink()
    for resolution in ("25 um", "50 um"):
        assert missing(checked(path, resolution)) == {"error": ("1/c/1/0/1",)}


def test_a_shard(tmp_path: Path) -> None:
    path = pyramid(tmp_path / "l.ome.zarr", block(), chunks=(5, 5, 5), shards=(20, 20, 20))
    (path / "0/c/1/0/1").unlink()
    assert missing(checked(path)) == {"error": ("0/c/1/0/1",)}


def test_labels_that_break_off_where_there_is_one_level(tmp_path: Path) -> None:
    path = pyramid(tmp_path / "l.ome.zarr", block(), levels=1)
    assert missing(checked(path)) == {}
    (path / "0/c/1/1/0").unlink()
    report = checked(path)
    assert missing(report) == {"warning": ("0/c/1/1/0",)}
    assert "midline=" not in str(report)
    (mend,) = report.table[report.table.check == "missing chunks"].mend
    assert mend.startswith("nothing, where the volume was cut there")


def test_the_surface_of_a_brain_is_no_break(tmp_path: Path) -> None:
    """The ball ends at the plane between two chunks, where it has the area of its cap."""
    values = ball()
    assert values[16].any()
    assert not values[15].any()
    path = pyramid(tmp_path / "l.ome.zarr", values, levels=1, chunks=(16, 16, 16))
    assert missing(checked(path)) == {}


def test_a_404_for_a_chunk_that_is_there(tmp_path: Path) -> None:
    """What zarr over HTTP cannot tell, the other level does."""
    pyramid(tmp_path / "l.ome.zarr", block())
    with faulty_server(tmp_path) as server:
        url = f"{server.url}/l.ome.zarr"
        assert missing(checked(url)) == {}
        server.fault = lambda request: Answer(404) if "/0/c/0/1/1" in request.path else None
        report = checked(url)
    assert missing(report) == {"error": ("0/c/0/1/1",)}
    assert "404" in str(report)


def test_a_part_is_checked_as_it_is_stored(tmp_path: Path) -> None:
    path = pyramid(tmp_path / "l.ome.zarr", block())
    (path / "0/c/1/1/1").unlink()
    ds = open_atlas(path, terminology=brainglobe_table(), resolution="25 um")
    report = ds.isel(z=slice(0, 20)).atlas.check(full=True)
    assert missing(report) == {"error": ("0/c/1/1/1",)}


class Chunked:
    """A level in memory, with the chunks that a store would have."""

    def __init__(self, values: Any, scale: float, size: int, shift: float = 0.0) -> None:
        import dask.array as da

        level = Level(str(scale), (scale,) * 3, (shift,) * 3)
        self.stored = StoredLevel(level, da.from_array(values, chunks=size), str)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    size=st.sampled_from([4, 7, 8, 16]),
    factor=st.sampled_from([2, 4]),
    aligned=st.booleans(),
)
def test_no_level_of_a_pyramid_is_missed_by_another(
    seed: int, size: int, factor: int, aligned: bool
) -> None:
    """Random blobs downsampled by taking voxels, in stores with translations and without."""
    rng = np.random.default_rng(seed)
    values = np.kron(rng.random((8, 8, 8)) < 0.3, np.ones((4, 4, 4))).astype("uint32")
    half = factor // 2
    coarse = values[half::factor, half::factor, half::factor]
    fine = Chunked(values, 1.0, size).stored
    other = Chunked(coarse, float(factor), size, (factor - 1) / 2 if aligned else 0.0).stored
    assert find_missing(fine, other) == ([], [])
    assert find_missing(other, fine) == ([], [])
