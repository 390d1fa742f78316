"""Time and memory of ``aggregate``, beside nilearn and flox.

    python benchmarks/aggregate.py

reduces an image of 300 frames on the 100 um sample to means by region: here all regions with
their descendants, in nilearn's NiftiLabelsMasker and flox's xarray_reduce the direct labels.
All tasks are done once and then all of them again, `--repeat` times; medians are shown, with the
ratio to ours. Of ours also other orders of the dimensions, other statistics, and a dask image.

    python benchmarks/aggregate.py --memory

reduces a generated dask image of 20 GB, chunked in time and space, on two threads in a
process of its own, and shows how far its resident memory rose, sampled every 5 ms.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from measuring import cost_of

import xarray_atlas

FRAMES = 300
LARGE = 4_200  # frames of 1,203,840 float32 are 20.2 GB


def image_of(ds: xr.Dataset, data: Any) -> xr.DataArray:
    coords = {dim: ds[dim] for dim in ds.annotation.dims}
    return xr.DataArray(data, coords, ("time", *ds.annotation.dims), name="image")


def tasks(ds: xr.Dataset, nilearn: bool, flox: bool) -> dict[str, Callable[[], Any]]:
    shape = (FRAMES, *ds.annotation.shape)
    values = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    image = image_of(ds, values)
    last = image.copy().transpose("z", "y", "x", "time")
    last = last.copy(data=np.ascontiguousarray(last.values))
    lazy = image.chunk(time=50, z=66)
    found: dict[str, Callable[[], Any]] = {
        "mean, all regions": lambda: ds.atlas.aggregate(image),
        "mean, time last": lambda: ds.atlas.aggregate(last),
        "mean, of a dask image": lambda: ds.atlas.aggregate(lazy).compute(),
        "mean, std, min, max, sum": lambda: ds.atlas.aggregate(
            image, func=["mean", "std", "min", "max", "sum"]
        ),
        "median of 30 frames": lambda: ds.atlas.aggregate(
            image.isel(time=slice(0, 30)), func="median"
        ),
    }
    labels = ds.annotation.values
    if nilearn:
        import nibabel
        from nilearn.maskers import NiftiLabelsMasker

        grid = np.diag([0.1, 0.1, 0.1, 1.0])
        numbered = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
        atlas = nibabel.Nifti1Image(numbered.astype(np.int32), grid)
        recording = nibabel.Nifti1Image(last.values, grid)

        def with_nilearn() -> Any:
            masker = NiftiLabelsMasker(atlas, standardize=None, resampling_target=None)
            return masker.fit_transform(recording)

        found["nilearn, direct labels"] = with_nilearn
    if flox:
        from flox.xarray import xarray_reduce

        by = xr.DataArray(labels, dims=("z", "y", "x"), name="label")
        plain = image.drop_vars(["z", "y", "x"])
        found["flox, direct labels"] = lambda: xarray_reduce(plain, by, func="mean")
    return found


def report(repeat: int, nilearn: bool, flox: bool) -> None:
    ds = xarray_atlas.open_sample("100 um")
    todo = tasks(ds, nilearn, flox)
    seconds: dict[str, list[float]] = {name: [] for name in todo}
    with warnings.catch_warnings(), dask.config.set(num_workers=2):
        warnings.simplefilter("ignore")
        for _ in range(repeat):
            for name, task in todo.items():
                start = time.perf_counter()
                task()
                seconds[name].append(time.perf_counter() - start)
    ours = statistics.median(seconds["mean, all regions"])
    print(f"{'':28}{'seconds':>9}{'x ours':>9}{'from':>8}{'to':>8}")
    for name, found in seconds.items():
        middle = statistics.median(found)
        print(f"{name:28}{middle:9.3f}{middle / ours:9.2f}{min(found):8.3f}{max(found):8.3f}")


def measure_memory() -> None:
    """Reduce an image of 20 GB in this process."""
    ds = xarray_atlas.open_sample("100 um")
    shape = (LARGE, *ds.annotation.shape)
    data = da.random.default_rng(0).standard_normal(shape, chunks=(100, 66, 80, 57), dtype="f4")
    lazy = ds.atlas.aggregate(image_of(ds, data), func=["mean", "std"])
    with dask.config.set(scheduler="threads", num_workers=2):
        result, cost = cost_of(lazy.compute)
    found = {
        "gigabytes": data.nbytes / 1e9,
        "chunk_megabytes": float(np.prod(data.chunksize) * 4 / 1e6),
        "seconds": cost["seconds"],
        "rise_megabytes": cost["megabytes"],
        "peak_megabytes": cost["peak"],
        "mean_of_root": float(result["mean"].sel(region="root").mean()),
    }
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default: %(default)s)")
    parser.add_argument("--memory", action="store_true", help="the image of 20 GB only")
    parser.add_argument("--without", nargs="+", default=[], choices=["nilearn", "flox"])
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_process:
        measure_memory()
    elif options.memory:
        command = [sys.executable, __file__, "--in-process"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        for name, value in json.loads(done.stdout).items():
            print(f"{name:18}{value:12.3f}")
    else:
        report(options.repeat, "nilearn" not in options.without, "flox" not in options.without)


if __name__ == "__main__":
    main()
