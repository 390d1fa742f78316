"""Time of ``paint`` at 10 um, and of one plane of what is painted, beside the plane's labels.

    python benchmarks/paint.py --store ANNOTATION.ome.zarr

paints a value for each region of a store that has its own label (``masks_volumes.py --keep
FOLDER`` makes a store of 10 um), lazily, and computes one plane on two threads. Both are done
once and then again, `--repeat` times; medians are shown. Reading the plane's
labels alone decodes the same chunks.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import dask
import numpy as np
import pandas as pd

import xarray_atlas


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", required=True)
    parser.add_argument("--repeat", type=int, default=9, help="rounds (default: %(default)s)")
    options = parser.parse_args()
    ds = xarray_atlas.open_atlas(options.store)
    terminology = ds.atlas.terminology
    labelled = np.unique(terminology.label_regions)[:672]
    values = pd.Series(np.arange(float(labelled.size)), index=terminology.ids[labelled])
    plane = ds.sizes["z"] // 2
    painted = ds.atlas.paint(values)
    todo: dict[str, Callable[[], Any]] = {
        "paint, lazily": lambda: ds.atlas.paint(values),
        "one plane": lambda: painted.isel(z=plane).compute(),
        "its labels alone": lambda: ds.annotation.isel(z=plane).compute(),
    }
    seconds: dict[str, list[float]] = {name: [] for name in todo}
    with dask.config.set(num_workers=2):
        for _ in range(options.repeat):
            for name, task in todo.items():
                start = time.perf_counter()
                task()
                seconds[name].append(time.perf_counter() - start)
    print(f"{values.size} values on {' x '.join(map(str, ds.annotation.shape))} voxels")
    print(f"{'':20}{'seconds':>9}{'from':>8}{'to':>8}")
    for name, found in seconds.items():
        print(f"{name:20}{statistics.median(found):9.3f}{min(found):8.3f}{max(found):8.3f}")


if __name__ == "__main__":
    main()
