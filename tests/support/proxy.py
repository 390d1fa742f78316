"""A server in front of another one, which slows down, refuses, and breaks off as it is told."""

from __future__ import annotations

import http.client
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from support.http_server import serving

CODES = {400: "InvalidRequest", 403: "AccessDenied", 429: "SlowDown", 503: "SlowDown"}
"""What S3 calls its errors."""


class Proxy:
    """What a :func:`proxy` is told.

    `fault` takes the path of a request, with its query, and how often it has been asked for
    before; it returns None, a status to answer, bytes to answer with status 200, "drop" (the connection breaks in the middle of
    the body), "spoil" (a byte is another one), "silence" (no answer), "whole" (the object for a
    range of it), "elsewhere" (the range of as many bytes at its beginning), or a number of
    seconds as a float to wait.
    """

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[str] = []
        self.fault: Callable[[str, int], Any] = lambda path, before: None
        self.closing = threading.Event()

    @property
    def objects(self) -> list[str]:
        """The requests that are no listings."""
        return [path for path in self.requests if "list-type" not in path]


@contextmanager
def proxy(target: str) -> Iterator[Proxy]:
    """Pass GET and HEAD requests on to another server."""
    told = Proxy()
    host = urlsplit(target).netloc
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            with lock:
                before = told.requests.count(self.path)
                told.requests.append(self.path)
            fault = told.fault(self.path, before)
            if fault == "silence":
                told.closing.wait()
                self.close_connection = True
                return
            if isinstance(fault, bytes):
                self.answer(200, fault, {"Content-Type": "text/html"})
                return
            if isinstance(fault, float):
                time.sleep(fault)
            elif isinstance(fault, int):
                code = CODES.get(fault, "InternalError")
                xml = f"<Error><Code>{code}</Code><Message>as told</Message></Error>"
                self.answer(fault, xml.encode(), {"Content-Type": "application/xml"})
                return
            connection = http.client.HTTPConnection(host)
            headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("Range", ""))
            if fault == "whole":
                headers.pop("Range", None)
            elif fault == "elsewhere" and asked:
                headers["Range"] = f"bytes=0-{int(asked[2]) - int(asked[1])}"
            connection.request(self.command, self.path, headers=headers)
            response = connection.getresponse()
            body = response.read()
            kept = {
                k: v
                for k, v in response.getheaders()
                if k.lower() not in ("connection", "transfer-encoding", "content-length", "date")
            }
            length = response.getheader("Content-Length")
            connection.close()
            if fault == "spoil" and body:
                body = body[:-1] + bytes([body[-1] ^ 1])
            self.answer(response.status, body, kept, broken=fault == "drop", length=length)

        def answer(
            self,
            status: int,
            body: bytes,
            headers: dict[str, str],
            broken: bool = False,
            length: str | None = None,
        ) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)) if body else length or "0")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) // 2] if broken else body)
            if broken:
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # whoever asked was killed
                super().handle()

    with serving(Handler, told.closing) as told.url:
        yield told
