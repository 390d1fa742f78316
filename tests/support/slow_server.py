"""An HTTP server of a folder that answers late, and knows which requests waited for which."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from support.http_server import serving


@dataclass
class SlowServer:
    """What a :func:`slow_server` is told, and what it was asked.

    `fault` takes the path of a request and returns None, a status to answer, or "silence".
    """

    delay: float
    absent: int = 404
    url: str = ""
    fault: Callable[[str], object] = lambda path: None
    asked: list[tuple[float, float, str]] = field(default_factory=list)
    in_flight: int = 0
    most: int = 0
    rounds: int = 0
    """How often a request began while there was no other one."""

    @property
    def paths(self) -> list[str]:
        """What was asked for."""
        return [path for _, _, path in self.asked]

    @property
    def depth(self) -> int:
        """The length of the longest chain of requests of which each began after the one before."""
        chains: list[tuple[float, int]] = []
        for begin, end, _ in sorted(self.asked):
            before = (length for ended, length in chains if ended <= begin)
            chains.append((end, 1 + max(before, default=0)))
        return max((length for _, length in chains), default=0)

    def settle(self) -> None:
        """Wait until nothing is asked for any more, and forget what was."""
        time.sleep(self.delay / 2)
        while self.in_flight:
            time.sleep(0.01)
        self.asked.clear()
        self.rounds = self.most = 0


@contextmanager
def slow_server(folder: Path, delay: float) -> Iterator[SlowServer]:
    """Serve a folder on the loopback; also to S3 clients, as buckets in it."""
    told = SlowServer(delay)
    lock, closing = threading.Lock(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].strip("/")
            begin = time.monotonic()
            fault = told.fault(path)
            if fault == "silence":
                closing.wait()
                return
            with lock:
                told.rounds += told.in_flight == 0
                told.in_flight += 1
                told.most = max(told.most, told.in_flight)
            closing.wait(told.delay)
            with lock:
                told.in_flight -= 1
                told.asked.append((begin, time.monotonic(), path))
            file = folder / path
            there = fault is None and file.is_file()
            body = file.read_bytes() if there else b""
            self.send_response(fault if isinstance(fault, int) else 200 if there else told.absent)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *args: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

    with serving(Handler, closing) as told.url:
        yield told
