"""Time and memory of masks, volumes and all properties of regions, beside a bare decode.

    python benchmarks/masks_volumes.py --source ANNOTATION.ome.zarr --size 1320 800 1140

makes a store of that size in a temporary folder by repeating the voxels of the
source, then does each task in a process of its own, all tasks once and then all
of them again, `--repeat` times (those named "once" one time). Medians are shown, with
the ratio to the bare decode, and the spread of that ratio over the rounds.

*Decode* maps every block of ``dask.array.from_zarr`` to its number of voxels: what anybody
must do to see each voxel through dask, and nothing more. (A corner of each block
instead would be a view, which keeps the whole block in memory.) *Own decode* does so with the
blocks that `open_atlas` gives.

*With the index* is after a pass over the same Dataset, which is not timed.

*Peak* is how far the resident memory rose above where it stood before the
task, sampled every 5 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import cost_of

SAMPLE = "the packaged sample"
FINE = (1320, 800, 1140)
CHUNKS = (83, 100, 143)
NAME = "repeated-annotation"


def make_store(folder: Path, source: str, size: tuple[int, ...]) -> Path:
    """Write an OME-Zarr of `size` voxels by repeating those of a source's finest level."""
    import zarr

    import xarray_atlas

    ds = (
        xarray_atlas.open_sample("50 um", chunks=None)
        if source == SAMPLE
        else xarray_atlas.open_atlas(source, chunks=None)
    )
    labels = ds.annotation.values
    # floor, so that 25 um voxels go to 10 um ones as 2.5 repeats: 3, 2, 3, 2, ...
    where = [
        np.floor(np.arange(n) * (old / n)).astype(int)
        for n, old in zip(size, labels.shape, strict=True)
    ]
    scale = [
        ds.atlas.spacing[dim].magnitude * old / n
        for dim, n, old in zip(ds.annotation.dims, size, labels.shape, strict=True)
    ]
    path = folder / "annotation-sets" / NAME / "2017" / "annotation.ome.zarr"
    table = folder / "terminologies" / NAME.replace("annotation", "terminology") / "2017"
    table.mkdir(parents=True)
    ds.atlas.terminology.to_csv(table / "terminology.csv")
    group = zarr.create_group(path, zarr_format=3)
    chunks = tuple(map(min, CHUNKS, size))
    array = group.create_array(
        "0", shape=size, chunks=chunks, dtype="uint32", compressors=zarr.codecs.ZstdCodec(),
        dimension_names=("z", "y", "x"), fill_value=0,
    )  # fmt: skip
    for start in range(0, size[0], chunks[0]):
        planes = slice(start, start + chunks[0])
        array[planes] = labels[np.ix_(where[0][planes], where[1], where[2])]
    directions = ("anterior-to-posterior", "superior-to-inferior", "right-to-left")
    axes = [
        {
            "name": name,
            "type": "space",
            "unit": "millimeter",
            "orientation": {"type": "anatomical", "value": direction},
        }
        for name, direction in zip("zyx", directions, strict=True)
    ]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    multiscale = {"axes": axes, "datasets": [level], "name": "repeated"}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return path


def _open(store: str) -> Any:
    import xarray_atlas

    return xarray_atlas.open_atlas(store)


def task_open(store: str) -> Callable[[], Any]:
    import xarray_atlas

    return lambda: xarray_atlas.open_atlas(store).sizes["z"]


def task_decode(store: str) -> Callable[[], Any]:
    import dask.array as da
    import zarr

    return _voxels(da.from_zarr(zarr.open_group(store, mode="r")["0"]))


def task_own_decode(store: str) -> Callable[[], Any]:
    return _voxels(_open(store).annotation.data)


def _voxels(data: Any) -> Callable[[], Any]:
    # not the array's own size: that would be known without reading it
    sizes = data.map_blocks(
        lambda block: np.full((1,) * block.ndim, np.asarray(block).size),
        dtype=np.int64,
        chunks=tuple((1,) * n for n in data.numblocks),
        meta=np.empty((0, 0, 0), np.int64),
    )
    return lambda: int(sizes.compute().sum())


def task_mask(store: str) -> Callable[[], Any]:
    ds = _open(store)
    return lambda: int(ds.atlas.mask("RSP").sum())


def task_volume(store: str) -> Callable[[], Any]:
    ds = _open(store)
    return lambda: float(ds.atlas.volume().sel(region="RSP").pint.magnitude)


def compile_first() -> None:
    """Have labels counted by numba from now on, and compile what counts them."""
    from xarray_atlas.kernels import tables

    tables.ENOUGH = 0
    tables.tabulate(np.arange(8, dtype=np.uint32).reshape(2, 2, 2), np.ones((1, 1, 1), np.uint8))


def task_volume_compiled(store: str) -> Callable[[], Any]:
    compile_first()
    return task_volume(store)


def task_properties_compiled(store: str) -> Callable[[], Any]:
    compile_first()
    return task_properties(store)


def _sides(store: str, hemisphere: Any) -> Callable[[], Any]:
    ds = _open(store)
    import warnings

    warnings.simplefilter("ignore")  # that the midline is assumed
    return lambda: ds.atlas.volume(hemisphere=hemisphere).sel(region="RSP").pint.magnitude.tolist()


def task_volume_sides(store: str) -> Callable[[], Any]:
    return _sides(store, ["left", "right"])


def task_volume_left(store: str) -> Callable[[], Any]:
    return _sides(store, "left")


def task_properties(store: str) -> Callable[[], Any]:
    ds = _open(store)
    return lambda: ds.atlas.region_properties().voxels.sel(region="RSP").item()


def _isin(store: str, region: str) -> Callable[[], Any]:
    import dask.array as da

    ds = _open(store)
    terminology = ds.atlas.terminology
    labels = terminology.labels_of(terminology.position(region))
    return lambda: int(da.isin(ds.annotation.data, labels).sum().compute())


def task_isin_rsp(store: str) -> Callable[[], Any]:
    return _isin(store, "RSP")


def task_isin_ctx(store: str) -> Callable[[], Any]:
    return _isin(store, "CTX")


def task_unique(store: str) -> Callable[[], Any]:
    ds = _open(store)
    terminology = ds.atlas.terminology
    rsp = terminology.labels_of(terminology.position("RSP"))

    def run() -> int:
        labels, counts = np.unique(ds.annotation.values, return_counts=True)
        return int(counts[np.isin(labels, rsp)].sum())

    return run


def task_index_volume(store: str) -> Callable[[], Any]:
    ds = _open(store)
    ds.atlas.volume()
    return lambda: float(ds.atlas.volume().sel(region="RSP").pint.magnitude)


def task_index_mask(store: str) -> Callable[[], Any]:
    ds = _open(store)
    ds.atlas.volume()
    return lambda: int(ds.atlas.mask("RSP").sum())


def task_index_mask_blocks(store: str) -> Callable[[], Any]:
    ds = _open(store)
    ds.atlas.volume()
    return lambda: _voxels(ds.atlas.mask("RSP").data)()


TASKS = {
    "open": (task_open, "open_atlas(store)", False),
    "decode": (task_decode, "decode every block", False),
    "own decode": (task_own_decode, "decode every block of open_atlas", False),
    "volume": (task_volume, "volume()", False),
    "properties": (task_properties, "region_properties()", False),
    "volume numba": (task_volume_compiled, "volume(), numba", False),
    "properties numba": (task_properties_compiled, "region_properties(), numba", False),
    "left": (task_volume_left, 'volume(hemisphere="left")', False),
    "sides": (task_volume_sides, 'volume(hemisphere=["left", "right"])', False),
    "mask": (task_mask, 'mask("RSP").sum()', False),
    "index volume": (task_index_volume, "with the index: volume()", False),
    "index mask": (task_index_mask, 'with the index: mask("RSP").sum()', False),
    "index mask blocks": (
        task_index_mask_blocks,
        'with the index: decode mask("RSP")',
        False,
    ),
    "isin RSP": (task_isin_rsp, "da.isin(labels of RSP) (once)", True),
    "isin CTX": (task_isin_ctx, "da.isin(labels of CTX) (once)", True),
    "unique": (task_unique, "np.unique of the whole array (once)", True),
}


def measure(task: str, store: str) -> dict[str, Any]:
    """Do one task in this process; seconds, MB and what came out."""
    result, cost = cost_of(TASKS[task][0](store))
    return {**cost, "result": result}


def in_process(task: str, store: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--task", task, "--store", os.fspath(store)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def report(store: Path, tasks: list[str], repeat: int) -> None:
    found: dict[str, list[dict[str, Any]]] = {task: [] for task in tasks}
    for round_number in range(repeat):
        for task in tasks:
            if round_number == 0 or not TASKS[task][2]:
                found[task].append(in_process(task, store))
    decode = [once["seconds"] for once in found.get("decode", [])]
    print(f"{'':38}{'seconds':>9}{'x decode':>10}{'from':>7}{'to':>7}{'peak MB':>9}  result")
    for task in tasks:
        seconds = [once["seconds"] for once in found[task]]
        ratios = [s / d for s, d in zip(seconds, decode, strict=False)]
        shown = f"{statistics.median(seconds):9.3f}"
        if ratios:
            middle = statistics.median(seconds) / statistics.median(decode)
            shown += f"{middle:10.3f}{min(ratios):7.2f}{max(ratios):7.2f}"
        peak = max(once["megabytes"] for once in found[task])
        print(f"{TASKS[task][1]:38}{shown}{peak:9.0f}  {found[task][0]['result']}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", default=SAMPLE, help="annotation OME-Zarr (path or URL)")
    parser.add_argument("--size", type=int, nargs=3, default=FINE, metavar=("Z", "Y", "X"))
    parser.add_argument("--only", nargs="+", choices=list(TASKS), help="these tasks only")
    parser.add_argument("--store", type=Path, help="a store to measure instead of making one")
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default: %(default)s)")
    parser.add_argument("--task", choices=list(TASKS), help=argparse.SUPPRESS)
    parser.add_argument("--keep", type=Path, help="only make the store, in this folder")
    options = parser.parse_args()
    if options.task:
        print(json.dumps(measure(options.task, os.fspath(options.store))))
        return
    if options.keep:
        print(make_store(options.keep, options.source, tuple(options.size)))
        return
    tasks = options.only or list(TASKS)
    if options.store:
        report(options.store, tasks, options.repeat)
        return
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder), options.source, tuple(options.size))
        print(f"{options.source} repeated to {' x '.join(map(str, options.size))} voxels")
        report(store, tasks, options.repeat)


if __name__ == "__main__":
    main()
