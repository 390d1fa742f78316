"""An HTTP server of a folder that knows ranges, and answers wrongly as it is told."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from support.http_server import serving


@dataclass(frozen=True)
class Answer:
    """What is sent: `sent` bytes of the body, and then the connection breaks; all by default."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    sent: int | None = None
    wait: float = 0.0


@dataclass(frozen=True)
class Request:
    """What is asked for: the path, the first byte and the one after the last, None for all."""

    path: str
    part: tuple[int, int] | None
    content: bytes | None
    headers: dict[str, str]
    query: str = ""

    def answer(self, part: tuple[int, int] | None = None) -> Answer:
        """The right answer, or that to a request for another part."""
        if self.content is None:
            return Answer(404)
        part = self.part if part is None else part
        if part is None:
            return Answer(200, self.content)
        begin, end = part
        said = f"bytes {begin}-{end - 1}/{len(self.content)}"
        return Answer(206, self.content[begin:end], {"Content-Range": said})

    def with_body(self, body: bytes) -> Answer:
        """The right answer but for its body; the headers say how long that is."""
        return replace(self.answer(), body=body)


class FaultyServer:
    """What a :func:`faulty_server` is told: `fault` makes an answer, or None for the right one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Answer | None] = lambda request: None


@contextmanager
def faulty_server(folder: Path) -> Iterator[FaultyServer]:
    """Serve a folder on the loopback."""
    told = FaultyServer(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].strip("/")
            file = folder / path
            content = file.read_bytes() if file.is_file() else None
            part = _part(self.headers.get("Range"), content)
            query = self.path.partition("?")[2]
            request = Request(path, part, content, dict(self.headers.items()), query)
            told.requests.append(request)
            answer = told.fault(request) or request.answer()
            threading.Event().wait(answer.wait)
            self.send_response(answer.status)
            for key, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: answer.sent])
            if answer.sent is not None:
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

    with serving(Handler) as told.url:
        yield told


def _part(asked: str | None, content: bytes | None) -> tuple[int, int] | None:
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
    if found is None or content is None:
        return None
    size = len(content)
    if not found[1]:
        return max(0, size - int(found[2])), size
    return int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
