"""The same numbers on every scheduler, a cluster of processes included."""

from __future__ import annotations

import pickle

import dask
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster

import xarray_atlas


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            scheduler_kwargs={"dashboard": False},
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def atlas():
    """The sample in some 50 blocks, its midline given."""
    path = xarray_atlas.open_sample("100 um").attrs["source"]
    ds = xarray_atlas.open_atlas(path, resolution="100 um", midline="5.695 mm")
    return ds.chunk(z=40, y=40, x=30)


def everything(atlas):
    """Masks and volumes, as numbers."""
    masks = atlas.atlas.mask(["RSP", "CA1"], hemisphere=["left", "right"])
    return {
        "mask": int(atlas.atlas.mask("RSP").sum()),
        "masks": masks.sum(("z", "y", "x")).values.tolist(),
        "volume": atlas.atlas.volume().pint.magnitude.tolist(),
        "sides": atlas.atlas.volume(hemisphere=["left", "right"]).pint.magnitude.tolist(),
        "encoded": xarray_atlas.encode(atlas).atlas.volume("RSP").pint.magnitude.item(),
        "interp": int((atlas.annotation.atlas.interp(z=[5.0, 9.0]) > 0).sum()),
    }


@pytest.fixture(scope="module")
def expected(atlas):
    with dask.config.set(scheduler="synchronous"):
        return everything(atlas.compute())


def test_expected_numbers(expected):
    assert expected["mask"] == 10174
    assert expected["encoded"] == pytest.approx(10.174)
    np.testing.assert_allclose(np.sum(expected["sides"], axis=1), expected["volume"])


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_in_this_process(atlas, expected, scheduler):
    with dask.config.set(scheduler=scheduler):
        assert everything(atlas) == expected


def test_in_other_processes(atlas, expected):
    with dask.config.set(scheduler="processes", num_workers=2):
        assert int(atlas.atlas.mask("RSP").sum()) == expected["mask"]
        assert atlas.atlas.volume().pint.magnitude.tolist() == expected["volume"]


def test_on_a_cluster(client, atlas, expected):
    assert everything(atlas) == expected


def test_on_the_workers_themselves(client, atlas, expected):
    def volume(ds):
        with dask.config.set(scheduler="synchronous"):
            return ds.atlas.volume("RSP")

    found = client.submit(volume, atlas).result()
    assert found.identical(atlas.atlas.volume("RSP"))
    assert found.pint.magnitude == pytest.approx(expected["encoded"])


def test_masks_are_small_to_send(atlas):
    # the hierarchy rides along, the table of regions by label does not grow with the voxels
    mask = atlas.atlas.mask(["RSP", "VISp"])
    assert len(pickle.dumps(mask)) < 1_000_000
    assert pickle.loads(pickle.dumps(mask)).identical(mask)
