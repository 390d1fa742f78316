"""Return whether a server accepts connections: without a network, that is known soon.

File systems try again for half a minute where nobody answers, which is right on a bad line, and
long where there is none. So while the first request is under way, another thread tries to connect
to the same host. It decides nothing unless the request is still waiting: a server that can be
connected to is given all the time that it needs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from xarray_atlas.io.zarr.addresses import is_http, is_url, protocol

__all__ = ["host_of", "is_reachable"]

S3 = "https://s3.amazonaws.com"

PORTS = {"http": 80, "https": 443}

ADDRESSES = 4
"""Of those that a name has, so many are tried."""


def host_of(place: str, storage_options: Mapping[str, Any] | None) -> tuple[str, int] | None:
    """Return the host and port that a file system connects to, a proxy where there is one.

    None if that is not known from here, or the place is on this machine.

    Parameters
    ----------
    place : str
        URL or path.
    storage_options : mapping, optional
    """
    options = storage_options or {}
    if not is_url(place) or "::" in place:
        return None
    if protocol(place) in ("s3", "s3a"):
        if options.get("profile") or options.get("session") or "AWS_PROFILE" in os.environ:
            return None  # which may name another server
        client, config = (options.get(key) or {} for key in ("client_kwargs", "config_kwargs"))
        if config.get("proxies"):
            return None
        said = options.get("endpoint_url") or client.get("endpoint_url")
        named = (os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
        address = str(said or next(filter(None, named), S3))
    elif is_http(place):
        address = place
    else:
        return None
    try:
        parts = urlsplit(address)
        proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
        if proxy:
            parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        port = parts.port or PORTS.get(parts.scheme)
        return None if not parts.hostname or port is None else (parts.hostname, port)
    except (OSError, ValueError):
        return None


def is_reachable(host: tuple[str, int], seconds: float) -> bool:
    """Return whether a connection to a host can be opened within some seconds.

    Parameters
    ----------
    host : tuple of str and int
        Its name or address, and the port.
    seconds : float
    """
    connected, over = threading.Event(), threading.Event()
    deadline = time.monotonic() + seconds

    def connect(family: int, kind: int, protocol: int, address: Any, rest: list[int]) -> None:
        with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as one:
            one.settimeout(max(0.01, deadline - time.monotonic()))
            one.connect(address)
            connected.set()
            over.set()
        rest.pop()
        if not rest:
            over.set()

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(*host, type=socket.SOCK_STREAM)[:ADDRESSES]
        except (OSError, UnicodeError):
            over.set()
            return
        rest = list(range(len(found)))
        for family, kind, number, _, address in found:
            arguments = (family, kind, number, address, rest)
            threading.Thread(target=connect, args=arguments, daemon=True).start()

    # a resolver that does not answer cannot be interrupted
    threading.Thread(target=resolve, daemon=True).start()
    over.wait(seconds)
    return connected.is_set()
