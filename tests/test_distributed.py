"""The same numbers on every scheduler, a cluster of processes included."""

from __future__ import annotations

import pickle

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from dask.distributed import Client, LocalCluster

import xarray_atlas
from xarray_atlas.reductions.schedulers import client_of

pytestmark = pytest.mark.version_independent


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
        "properties": properties(atlas),
        "check": str(atlas.atlas.check(full=True)),
        "interp": int((atlas.annotation.atlas.interp(z=[5.0, 9.0]) > 0).sum()),
    }


def properties(atlas):
    found = atlas.atlas.region_properties(hemisphere=["left", "right"])
    return {
        name: np.nan_to_num(found[name].values).tolist()
        for name in ("voxels", "centroid", "bounding_box", "start", "unknown_voxels")
    }


@pytest.fixture(scope="module")
def expected(atlas):
    with dask.config.set(scheduler="synchronous"):
        # one check is of the store, from which labels in memory are not read
        return {**everything(atlas.compute()), "check": str(atlas.atlas.check(full=True))}


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


def test_images_on_a_cluster(client, atlas):
    """Lazy results of a lazy image, and what is painted of them."""
    shape = (6, *atlas.annotation.shape)
    values = da.random.default_rng(0).standard_normal(shape, chunks=(3, 50, 80, 60), dtype="f4")
    coords = {dim: atlas[dim] for dim in atlas.annotation.dims}
    image = xr.DataArray(values, coords, ("time", *atlas.annotation.dims), name="image")
    how = {"func": ["mean", "std", "median"], "level": 5, "hemisphere": ["left", "right"]}
    with dask.config.set(scheduler="synchronous"):
        expected = atlas.atlas.aggregate(image.compute(), **how)
        painted = atlas.atlas.paint(expected["mean"]).isel(z=60).compute()
    lazy = atlas.atlas.aggregate(image, **how)
    xr.testing.assert_allclose(lazy.compute(), expected)
    xr.testing.assert_allclose(atlas.atlas.paint(lazy["mean"]).isel(z=60).compute(), painted)


def test_masks_are_small_to_send(atlas):
    # the hierarchy rides along, the table of regions by label does not grow with the voxels
    mask = atlas.atlas.mask(["RSP", "VISp"])
    assert len(pickle.dumps(mask)) < 1_000_000
    assert pickle.loads(pickle.dumps(mask)).identical(mask)


def test_the_index_on_a_cluster(client):
    """The chunks of an opened store, read together, and one question after the other."""
    path = xarray_atlas.open_sample("100 um").attrs["source"]

    def open_it():
        return xarray_atlas.open_atlas(path, resolution="100 um", midline="5.695 mm")

    found = open_it().atlas.region_properties()
    with dask.config.set(scheduler="synchronous"):
        assert found.identical(open_it().atlas.region_properties())
    ds = open_it()
    assert float(ds.atlas.volume("RSP")) == pytest.approx(10.174)
    assert int(ds.atlas.mask("RSP").sum()) == 10174


def test_the_hierarchy_does_not_travel_with_the_tasks(client, atlas):
    """It stays here for volumes; the labels of a mask go once, whatever the number of chunks."""

    def forget():
        from xarray_atlas.terminology import Terminology

        Terminology.seen = 0
        if not hasattr(Terminology, "_init"):
            Terminology._init = Terminology.__init__

            def counting(self, *args, **kwargs):
                Terminology.seen += 1
                Terminology._init(self, *args, **kwargs)

            Terminology.__init__ = counting

    def seen():
        from xarray_atlas.terminology import Terminology

        return Terminology.seen

    client.run(forget)
    assert atlas.annotation.data.npartitions > 20
    atlas.atlas.volume()
    atlas.atlas.region_properties(hemisphere="left")
    int(atlas.atlas.mask("root").sum())
    assert list(client.run(seen).values()) == [0, 0]
    # with a Dataset it goes once to a worker, however many tasks there are
    whole = client.scatter(atlas, broadcast=True)
    tasks = [client.submit(lambda ds, i: len(ds.atlas.terminology), whole, i) for i in range(40)]
    assert client.gather(tasks) == [1327] * 40
    assert max(client.run(seen).values()) <= 2


def test_tasks_are_small_to_send(atlas):
    """What goes to a worker for each chunk does not grow with the number of regions."""
    chunks = atlas.annotation.data.npartitions
    for regions in ("root", ["root"]):
        (mask,) = dask.optimize(atlas.atlas.mask(regions).data)
        sizes = [len(pickle.dumps(task)) for task in dict(mask.dask).values()]
        assert max(sizes) > 1327 * 8  # the labels of the root
        # they, the store, and which of the labels are of which region
        assert sum(size > 1327 for size in sizes) <= 3 < chunks


def test_the_client_on_which_dask_computes(client, atlas):
    labels = atlas.annotation.data
    assert client_of(labels) is client
    for scheduler, expected in (("threads", None), (client, client), ("distributed", client)):
        with dask.config.set(scheduler=scheduler):
            assert client_of(labels) is expected
    with Client(client.cluster, set_as_default=False) as other:
        assert client_of(labels) is client
        with dask.config.set(scheduler=other):
            assert client_of(labels) is other


def test_progress_on_a_cluster(client, atlas, capfd):
    atlas.atlas.region_properties("RSP", progress=True)
    out, err = capfd.readouterr()
    assert "100% Completed" in err
    assert out == ""
