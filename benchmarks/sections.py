"""Time of drawing one section of a fine atlas, beside reading the plane alone.

    python benchmarks/masks_volumes.py --source ANNOTATION.ome.zarr --keep FOLDER
    python benchmarks/sections.py --store STORE

where STORE is the path that the first prints. Without `--store` one is made in a temporary
folder, of the packaged sample's voxels.

For each direction the section in the middle is drawn with outlines and names of regions, on
a canvas of 1000 x 700 pixels, and, in turn, its plane is only read. Medians are shown, and the
share of the store's chunks that was asked for, which must be those of the plane.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, os.fspath(Path(__file__).parent))
sys.path.insert(0, os.fspath(Path(__file__).parent.parent / "tests"))


def seconds(run: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def draw(ds: Any, **position: Any) -> None:
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(10, 7), dpi=100, layout="constrained")
    ds.atlas.plot.section(**position, ax=ax)
    figure.canvas.draw()
    plt.close(figure)


def report(path: Path, repeat: int) -> None:
    import matplotlib as mpl
    import zarr

    import xarray_atlas
    from support.stores import CountingStore

    mpl.use("agg")
    ds = xarray_atlas.open_atlas(os.fspath(path))
    store = CountingStore(zarr.storage.LocalStore(path, read_only=True))
    counted = xarray_atlas.open_atlas(store, terminology=ds.atlas.terminology)
    shape = dict(zip(ds.annotation.dims, ds.annotation.shape, strict=True))
    print(f"{' x '.join(map(str, shape.values()))} voxels, {os.cpu_count()} cores")
    print(f"{'':24}{'seconds':>9}{'reading':>9}{'ratio':>7}{'chunks':>8}{'of the plane':>14}")
    for axis, dim in zip(("ap", "dv", "ml"), shape, strict=True):
        at = float(ds[dim].pint.magnitude[shape[dim] // 2])
        plane = ds.atlas.sel(**{axis: at}, method="nearest").annotation
        draw(ds, **{axis: at})  # fonts, and the disk's cache
        drawn, read = [], []
        for _ in range(repeat):
            drawn.append(seconds(lambda at=at, axis=axis: draw(ds, **{axis: at})))
            read.append(seconds(lambda plane=plane: plane.compute()))
        store.keys.clear()
        draw(counted, **{axis: at})
        expected = 1
        for number in plane.data.numblocks:
            expected *= number
        middle, alone = statistics.median(drawn), statistics.median(read)
        name = f"section({axis}={at:g})"
        print(
            f"{name:24}{middle:9.3f}{alone:9.3f}{middle / alone:7.2f}"
            f"{len(set(store.chunks)):8}{expected:14}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--store", type=Path, help="a store to draw instead of making one")
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default: %(default)s)")
    options = parser.parse_args()
    if options.store:
        report(options.store, options.repeat)
        return
    from masks_volumes import FINE, SAMPLE, make_store

    with tempfile.TemporaryDirectory() as folder:
        report(make_store(Path(folder), SAMPLE, FINE), options.repeat)


if __name__ == "__main__":
    main()
