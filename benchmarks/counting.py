"""Processor time of counting the labels of an annotation, beside decoding it.

    python benchmarks/masks_volumes.py --keep FOLDER --source ANNOTATION.ome.zarr
    python benchmarks/counting.py FOLDER/.../annotation.ome.zarr

decodes each chunk of the finest level that is stored into one buffer, and tabulates its
labels, with numpy and with functions that numba compiles. Each round takes the processor's time
of each way to go over all chunks, one after the other; medians are shown, with the ratio to
decoding alone. Importing numba and loading or compiling the functions are timed apart.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numcodecs import Zstd

from xarray_atlas.kernels import run_tables, tables

WAYS = {"decode": None, "decode, tabulate (numpy)": math.inf, "decode, tabulate (numba)": 0}


def stored_chunks(path: Path) -> tuple[zarr.Array[Any], list[bytes]]:
    """Return the array and the bytes of its chunks, which must be compressed with zstd only."""
    array = zarr.open_array(path, mode="r")
    files = sorted(file for file in (path / "c").rglob("*") if file.is_file())
    return array, [file.read_bytes() for file in files]


def one_pass(chunks: list[bytes], buffer: Any, tabulate: Callable[[Any], Any] | None) -> float:
    """Return the processor's seconds of decoding all chunks, and of tabulating each."""
    codec = Zstd()
    begin = time.process_time()
    for chunk in chunks:
        codec.decode(chunk, out=buffer)
        if tabulate:
            tabulate(buffer)
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path, help="annotation OME-Zarr of zarr format 3")
    parser.add_argument("--level", default="0", help="level (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default: %(default)s)")
    options = parser.parse_args()
    array, chunks = stored_chunks(options.store / options.level)
    buffer = np.empty(array.chunks, array.dtype)
    one_side = np.ones((1,) * array.ndim, "uint8")

    def tabulate(block: Any) -> Any:
        return tables.tabulate(block, one_side)

    begin = time.process_time()
    with_numba = tables._load(buffer.reshape(-1)[:1]) is not run_tables
    loading = time.process_time() - begin
    ways = {name: enough for name, enough in WAYS.items() if with_numba or enough != 0}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.repeat):
        for name, enough in ways.items():
            tables.ENOUGH = enough or 0
            counted = None if enough is None else tabulate
            found[name].append(one_pass(chunks, buffer, counted))
    voxels = len(chunks) * buffer.size
    print(f"{len(chunks)} chunks of {buffer.shape}, {voxels / 1e6:.0f} million voxels")
    print(f"{'':28}{'seconds':>9}{'x decode':>10}{'from':>7}{'to':>7}")
    for name, seconds in found.items():
        ratios = [s / d for s, d in zip(seconds, found["decode"], strict=True)]
        print(
            f"{name:28}{statistics.median(seconds):9.3f}{statistics.median(ratios):10.2f}"
            f"{min(ratios):7.2f}{max(ratios):7.2f}"
        )
    if with_numba:
        print(f"importing numba and loading or compiling the functions: {loading:.2f} s")


if __name__ == "__main__":
    main()
