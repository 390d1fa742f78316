"""What a pass costs on a cluster, from which its cost on any volume follows.

    python benchmarks/cluster.py --store ANNOTATION.ome.zarr

measures all volumes of a store (``masks_volumes.py --keep FOLDER`` makes one) on a
cluster of two worker processes with a thread each, and says what a chunk costs, how large
a worker becomes, and what that makes of a cube of 10 mm at 1 um.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time

import dask
import psutil
from dask.distributed import Client, LocalCluster

import xarray_atlas
from xarray_atlas.io.zarr.chunk_layout import larger_block
from xarray_atlas.reductions import stored_labels

CUBE = (10_000,) * 3
"""10 mm a side at 1 um."""


def tasks_of_the_cube(threads: int) -> tuple[int, tuple[int, ...], int]:
    """Count its chunks, the voxels of what is read at once, and the tasks of a pass."""
    block = larger_block(CUBE, (128,) * 3)
    chunks, blocks = (
        math.prod(-(-n // size) for n, size in zip(CUBE, part, strict=True))
        for part in ((128,) * 3, block)
    )
    share = min(-(-blocks // (stored_labels.SHARES[False] * threads)), stored_labels.MOST)
    return chunks, block, -(-blocks // share)


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
    chunks, block, tasks = tasks_of_the_cube(64)
    hours = cost / voxels * math.prod(CUBE) / 3600
    print(f"a cube of 10,000 voxels a side: {chunks:,} chunks of 128 a side, read in blocks of")
    shape = " x ".join(map(str, block))
    print(f"{shape} voxels ({math.prod(block) * 4 / 1e6:.0f} MB of uint32), in {tasks:,} tasks")
    print(f"at that cost {hours:.2f} hours of one core, {hours * 60 / 64:.1f} minutes of 64")


if __name__ == "__main__":
    main()
