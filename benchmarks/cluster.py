"""What a pass costs on a cluster, from which its cost on any volume follows.

    python benchmarks/cluster.py --store ANNOTATION.ome.zarr

measures all volumes of a store (``masks_volumes.py --keep FOLDER`` makes one) on a
cluster of two worker processes with a thread each, and says what a chunk costs, how large
a worker becomes, and what that makes of a cube of 10 mm at 1 um. The size of that pass is
not guessed: its graph is made, from an array of that shape that holds nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import dask
import dask.array as da
import numpy as np
import psutil
from dask.distributed import Client, LocalCluster

import xarray_atlas
from xarray_atlas.reductions import labels


class Nothing:
    """A store's array of 10,000 x 10,000 x 10,000 voxels that nobody reads."""

    snapshot, place = "nothing", "nowhere"
    shape, dtype, ndim = (10_000,) * 3, np.dtype("uint32"), 3

    def fingerprint(self) -> None:
        """Tell nothing."""

    def __getitem__(self, key: Any) -> Any:
        raise RuntimeError("this array cannot be read")


def tasks_of_the_cube() -> tuple[int, int, tuple[int, ...]]:
    """Count its chunks, the tasks that read them, and the voxels of the largest."""
    data = da.from_array(Nothing(), chunks=128, meta=np.empty((0, 0, 0), "uint32"))
    larger = labels._in_larger_blocks(data)
    return data.npartitions, larger.npartitions, larger.chunksize


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", required=True)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    seconds = []
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=":0",
            scheduler_kwargs={"dashboard": False},
        ) as cluster,
        Client(cluster) as client,
    ):
        for _ in range(options.repeat + 1):  # the first one also imports
            ds = xarray_atlas.open_atlas(options.store)
            start = time.perf_counter()
            ds.atlas.volume()
            seconds.append(time.perf_counter() - start)
        peak = max(client.run(lambda: psutil.Process().memory_info().rss).values())
    with dask.config.set(scheduler="threads"):
        ds = xarray_atlas.open_atlas(options.store)
        start = time.perf_counter()
        ds.atlas.volume()
        threads = time.perf_counter() - start
    chunks = ds.annotation.data.npartitions
    middle = statistics.median(seconds[1:])
    voxels = ds.annotation.size / chunks
    cost = 2 * middle / chunks
    print(f"{ds.annotation.size:,} voxels in {chunks} chunks of {voxels:,.0f}")
    print(f"two workers: {middle:.2f} s ({threads:.2f} s on two threads of one process)")
    print(f"a chunk: {cost * 1000:.1f} ms of a core, {cost / voxels * 1e9:.1f} ns a voxel")
    print(f"a worker afterwards: {peak / 1e6:.0f} MB resident")
    chunks, tasks, shape = tasks_of_the_cube()
    hours = cost / voxels * 1e12 / 3600
    print(f"a cube of 10,000 voxels a side: {chunks:,} chunks of 128 a side, {tasks:,} tasks of")
    print(f"{' x '.join(map(str, shape))} voxels ({np.prod(shape) * 4 / 1e6:.0f} MB of uint32)")
    print(f"at that cost {hours:.2f} hours of one core, {hours * 60 / 64:.1f} minutes of 64")


if __name__ == "__main__":
    main()
