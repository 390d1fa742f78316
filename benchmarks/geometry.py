"""Time and memory of adjacency and distance_to, beside a bare decode and scipy's transform.

    python benchmarks/geometry.py --source ANNOTATION.ome.zarr --resolution "25 um"

does each task in a process of its own, all tasks once and then all of them again,
`--repeat` times. Medians are shown. *Peak* is how far the resident memory rose
above where it stood before the task, sampled every 5 ms.

*scipy* is ``scipy.ndimage.distance_transform_edt`` of the mask, in memory. The distances
are reduced block by block (their maximum), as they are when they are written.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from measuring import cost_of

SAMPLE = "the packaged sample"


def _open(source: str, resolution: str) -> Any:
    import xarray_atlas

    if source == SAMPLE:
        return xarray_atlas.open_sample(resolution)
    return xarray_atlas.open_atlas(source, resolution=resolution)


def decode(ds: Any) -> Callable[[], Any]:
    return lambda: int(ds.annotation.data.max().compute())


def adjacency(ds: Any) -> Callable[[], Any]:
    return lambda: float(ds.atlas.adjacency().values.sum())


def _field(ds: Any, region: str) -> Any:
    return ds.atlas.distance_to(region).pint.magnitude


def whole(region: str) -> Callable[[Any], Callable[[], Any]]:
    return lambda ds: lambda: float(_field(ds, region).max().compute())


def plane(region: str) -> Callable[[Any], Callable[[], Any]]:
    return lambda ds: lambda: float(_field(ds, region)[ds.sizes["z"] // 2].max().compute())


def scipy(region: str) -> Callable[[Any], Callable[[], Any]]:
    from scipy import ndimage

    def task(ds: Any) -> Callable[[], Any]:
        step = [ds.atlas.spacing[dim].magnitude for dim in ds.annotation.dims]
        return lambda: float(
            ndimage.distance_transform_edt(~ds.atlas.mask(region).values, sampling=step).max()
        )

    return task


TASKS = {
    "decode": decode,
    "adjacency, all regions": adjacency,
    "distance_to RSP, a plane": plane("RSP"),
    "distance_to RSP": whole("RSP"),
    "scipy RSP": scipy("RSP"),
    "distance_to CTX, a plane": plane("CTX"),
    "distance_to CTX": whole("CTX"),
    "scipy CTX": scipy("CTX"),
}


def measure(task: str, source: str, resolution: str) -> dict[str, Any]:
    """Do one task in this process; seconds, MB and what came out."""
    result, cost = cost_of(TASKS[task](_open(source, resolution)))
    return {**cost, "result": result}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", default=SAMPLE, help="annotation OME-Zarr (path or URL)")
    parser.add_argument("--resolution", default="50 um")
    parser.add_argument("--only", nargs="+", choices=list(TASKS), help="these tasks only")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument("--task", choices=list(TASKS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        print(json.dumps(measure(options.task, options.source, options.resolution)))
        return
    tasks = options.only or list(TASKS)
    found: dict[str, list[dict[str, Any]]] = {task: [] for task in tasks}
    where = ["--source", options.source, "--resolution", options.resolution]
    for _ in range(options.repeat):
        for task in tasks:
            command = [sys.executable, __file__, "--task", task, *where]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[task].append(json.loads(done.stdout))
    print(f"{'':28}{'seconds':>9}{'peak MB':>9}  result")
    for task in tasks:
        seconds = statistics.median(once["seconds"] for once in found[task])
        peak = max(once["megabytes"] for once in found[task])
        print(f"{task:28}{seconds:9.2f}{peak:9.0f}  {found[task][0]['result']:.4f}", flush=True)


if __name__ == "__main__":
    main()
