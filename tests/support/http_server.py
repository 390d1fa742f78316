"""An HTTP server that takes many connections at once."""

from __future__ import annotations

from http.server import ThreadingHTTPServer


class ManyConnections(ThreadingHTTPServer):
    """Python's server has room for five that wait; what comes then is tried again a second later."""

    daemon_threads = True
    request_queue_size = 128
