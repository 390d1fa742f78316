"""What comes of faults of servers and stores: right numbers, errors, or wrong numbers.

    python benchmarks/injected_faults.py --count 1200

Small stores of ten codecs are read through an HTTP server and through stores of zarr that do
something wrong: connections that break, other ranges, web pages, error statuses, bits that flip,
chunks that are gone, whatever Python can raise. The numbers are compared with the array that was
written. Exits with status 1 if a number was wrong although whoever reads it could have noticed, or
an error was not one of the package.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.injected_faults import run_faults, tabulate

RESULTS = ("right", "error", "wrong, unnoticeable", "wrong, noticeable", "foreign")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = list(run_faults(Path(folder), args.count, args.seed))
    table = tabulate(outcomes)
    width = max(map(len, table))
    print(f"{'fault':{width}}  " + "  ".join(RESULTS))
    for fault, counts in table.items():
        cells = (f"{counts[result] or '-':>{len(result)}}" for result in RESULTS)
        print(f"{fault:{width}}  " + "  ".join(cells))
    total = sum(table.values(), Counter())
    cells = (f"{total[result]:>{len(result)}}" for result in RESULTS)
    print(f"{'all':{width}}  " + "  ".join(cells))
    print(f"{len(outcomes)} faults, {time.perf_counter() - began:.0f} s")
    bad = [o for o in outcomes if o.result == "foreign" or (o.result == "wrong" and o.noticed)]
    for one in bad:
        print(one)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
