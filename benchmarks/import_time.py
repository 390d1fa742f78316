"""How much ``import xarray_atlas`` adds to importing what it builds on.

    python benchmarks/import_time.py

Each import runs in a fresh interpreter, alternately, from bytecode, as an installed package has it;
medians of 9. The time of the processor varies less than that of the clock where a machine is busy.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

BASE = "import xarray, dask.array, zarr, pint_xarray"
TIMED = """
import time
clock, processor = time.perf_counter(), time.process_time()
{}
print(time.perf_counter() - clock, time.process_time() - processor)
"""


def seconds(statement: str, bytecode: str) -> tuple[float, ...]:
    """Return the time of the clock and of the processor."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    out = subprocess.run(
        [sys.executable, "-c", TIMED.format(statement)],
        env={**kept, "PYTHONPYCACHEPREFIX": bytecode},
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(map(float, out.stdout.split()))


def main() -> None:
    ours = f"{BASE}, xarray_atlas"
    with tempfile.TemporaryDirectory() as bytecode:
        seconds(ours, bytecode)
        pairs = [(seconds(BASE, bytecode), seconds(ours, bytecode)) for _ in range(9)]
    for i, name in enumerate(("clock", "processor")):
        base = statistics.median(before[i] for before, _ in pairs)
        added = statistics.median(after[i] - before[i] for before, after in pairs)
        print(f"{name}: base {base:.3f} s, xarray_atlas adds {added:.3f} s")


if __name__ == "__main__":
    main()
