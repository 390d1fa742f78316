"""An HTTP server that takes many connections at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any


class ManyConnections(ThreadingHTTPServer):
    """Python's server has room for five that wait; what comes then is tried again a second later."""

    daemon_threads = True
    request_queue_size = 128


@contextmanager
def serving(handler: Any, closing: threading.Event | None = None) -> Iterator[str]:
    """Serve on the loopback; yields the URL. `closing` is set before the server is shut down."""
    httpd = ManyConnections(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
    finally:
        if closing is not None:
            closing.set()
        httpd.shutdown()
        httpd.server_close()
        thread.join()
