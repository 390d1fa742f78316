"""How long it takes to plan a pass over very many chunks, beside a plain reduction of xarray.

    python benchmarks/planning.py

*Planning* is all that is done before the first chunk is read: building the graph,
optimizing it, and putting its tasks in order. It is timed for an atlas of 100,000
chunks of one voxel, in turns with ``(ds.annotation == 1).sum()``; medians of `--repeat` rounds.

The atlas is opened from a store (one task reads several chunks), and is made of an
array in memory (each chunk is a task).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import zarr
from dask._task_spec import convert_legacy_graph
from dask.order import order
from dask.utils import ensure_dict

import xarray_atlas
from xarray_atlas.reductions.labels import scan

SHAPE = (50, 50, 40)


class Planned(Exception):
    """Raised in the place of the first task."""


def plan(graph: Any, keys: Any, **kwargs: Any) -> Any:
    """Put the tasks in order as dask's schedulers do, and do none."""
    tasks = convert_legacy_graph(ensure_dict(graph.__dask_graph__()))
    order(tasks)
    raise Planned(len(tasks))


def seconds(work: Any) -> tuple[float, int]:
    start = time.perf_counter()
    try:
        with dask.config.set(scheduler=plan):
            work()
    except Planned as planned:
        return time.perf_counter() - start, planned.args[0]
    raise RuntimeError("nothing was computed")


def from_store(folder: str) -> Any:
    sample = xarray_atlas.open_sample("100 um")
    path = Path(folder) / "annotation.ome.zarr"
    group = zarr.create_group(path, zarr_format=3)
    group.create_array("0", shape=SHAPE, chunks=(1, 1, 1), dtype="uint32", fill_value=0)
    axes = [{"name": name, "type": "space", "unit": "millimeter"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [0.1] * 3}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    return xarray_atlas.open_atlas(path, terminology=sample.atlas.terminology)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    print(f"{np.prod(SHAPE):,} chunks{'':24}seconds  x sum   tasks")
    with tempfile.TemporaryDirectory() as folder:
        stored = from_store(folder)
        data = da.zeros(SHAPE, chunks=(1, 1, 1), dtype="uint32") + 0
        made = stored.assign(annotation=stored.annotation.copy(data=data))
        for name, ds in {"opened from a store": stored, "made of an array": made}.items():
            sides = xarray_atlas.coords.hemispheres.sides_if_known(ds)
            work = {
                "(ds.annotation == 1).sum()": lambda ds=ds: (ds.annotation == 1).sum().compute(),
                "a pass": lambda ds=ds, sides=sides: scan(ds.annotation.variable, sides),
            }
            found: dict[str, list[Any]] = {key: [] for key in work}
            for _ in range(repeat):
                for key, run in work.items():
                    found[key].append(seconds(run))
            plain = statistics.median(s for s, _ in found["(ds.annotation == 1).sum()"])
            print(name)
            for key, timed in found.items():
                middle = statistics.median(s for s, _ in timed)
                print(f"  {key:36}{middle:8.2f}{middle / plain:7.2f}{timed[0][1]:8}")


if __name__ == "__main__":
    main()
