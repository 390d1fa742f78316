"""What a task costs in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

__all__ = ["cost_of"]


def cost_of(run: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """Do a task; return its result and what it cost.

    The seconds that it took, those of the processor, how far the resident memory rose above
    where it stood before, and its peak, in MB, sampled every 5 ms.
    """
    import psutil

    process = psutil.Process()
    start = peak = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin, processor = time.perf_counter(), time.process_time()
    result = run()
    seconds, processor = time.perf_counter() - begin, time.process_time() - processor
    done.set()
    watcher.join()
    rise = (peak - start) / 1e6
    cost = {"seconds": seconds, "processor": processor, "megabytes": rise, "peak": peak / 1e6}
    return result, cost
