"""How much ``import xarray_atlas`` adds to importing what it builds on.

    python benchmarks/import_time.py

Each import runs in a fresh interpreter, alternately; medians of 9.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

BASE = "import xarray, dask.array, zarr, pint_xarray"
TIMED = "import time; s = time.perf_counter(); {}; print(time.perf_counter() - s)"


def seconds(statement: str) -> float:
    out = subprocess.run(
        [sys.executable, "-c", TIMED.format(statement)], capture_output=True, text=True, check=True
    )
    return float(out.stdout)


def main() -> None:
    added, base = [], []
    for _ in range(9):
        base.append(seconds(BASE))
        added.append(seconds(f"{BASE}, xarray_atlas") - base[-1])
    print(
        f"base {statistics.median(base):.3f} s, xarray_atlas adds {statistics.median(added):.3f} s"
    )


if __name__ == "__main__":
    main()
