"""Fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr
from hypothesis import settings

import xarray_atlas

# the same examples in each run, so that a failure is of the change that is tested
settings.register_profile("default", deadline=None, print_blob=True, derandomize=True)
# other examples each night; tests that say how many they take keep to it, all others take many more
settings.register_profile("nightly", deadline=None, print_blob=True, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

NETWORK = "XARRAY_ATLAS_NETWORK"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--network",
        action="store_true",
        default=os.environ.get(NETWORK, "0") not in ("", "0"),
        help=f"run the tests that read BrainGlobe's public bucket (or set {NETWORK}=1)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs a network unless it is asked for; ``-m`` stays the caller's."""
    if config.getoption("--network"):
        return
    for item in items:
        if "network" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="needs a network: run with --network"))


@pytest.fixture
def page_options() -> Iterator[None]:
    """Restore the option of xarray that cells of the documentation's pages set."""
    with xr.set_options(display_style=xr.get_options()["display_style"]):
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data, which is not packaged."""
    folder = os.environ.get("XARRAY_ATLAS_TEST_DATA")
    if not folder:
        pytest.skip("XARRAY_ATLAS_TEST_DATA is not set: no real data beside the sample")
    return Path(folder)


@pytest.fixture(scope="session")
def published(data: Path) -> Path:
    """The Allen labels at 25, 50 and 100 um, in the layout of December 2025."""
    return data / "brainglobe/annotation-sets/allen-adult-mouse-annotation/2017/annotation.ome.zarr"


@pytest.fixture(scope="session")
def packaged(data: Path) -> Path:
    """The same labels at 50 and 100 um as BrainGlobe's own packager wrote them."""
    folder = data / "brainglobe/annotation-sets/allen-adult-mouse-annotation/2017_0"
    return folder / "annotations_compressed.ome.zarr"


@pytest.fixture(scope="session")
def expected(data: Path) -> pd.DataFrame:
    """Every region's voxels, counted by brute force without this package."""
    return pd.read_csv(data / "expected/region_voxel_counts.csv", keep_default_na=False)


@pytest.fixture
def sample() -> xr.Dataset:
    """The packaged sample at 100 um: 132 x 80 x 114 voxels."""
    return xarray_atlas.open_sample("100 um")
