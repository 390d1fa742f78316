"""Addresses without the credentials that were given in them, and texts without such addresses.

A URL with a password (``https://user:password@host``) or a signed one (``?token=...``) is parted at
the door: the address goes on without the credentials, which join the options of the file system.
Whatever is shown or written later, attributes, errors, records of copies, has the address alone.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit, urlunsplit

__all__ = [
    "is_http",
    "is_url",
    "options_elsewhere",
    "part_url",
    "protocol",
    "safe_cause",
    "without_secrets",
]

WEB = ("http", "https")

KEYS = ("s3", "s3a")

LOGINS = ("ftp", "ftps", "sftp", "ssh", "smb", "webdav", "webdavs", "dav", "davs")
"""Protocols whose file systems take ``username`` and ``password``."""

_WEB_USER = re.compile(r"(https?://)[^/\s'\"<>]*@", re.IGNORECASE)
_PASSWORD = re.compile(r"(\w+://)[^/\s'\"<>:]*:[^/\s'\"<>]*@")
_QUERY = re.compile(r"(https?://[^\s?'\"<>]*)\?[^\s'\"<>]*", re.IGNORECASE)


def is_url(text: str) -> bool:
    r"""Return whether a text is a URL rather than a path (``C:\data`` is a path)."""
    return "://" in text or "::" in text


def protocol(place: str) -> str:
    """Return a URL's protocol, "" for a path."""
    return place.partition("://")[0].partition("::")[0] if is_url(place) else ""


def without_secrets(text: str) -> str:
    """Remove passwords and queries from the URLs in a text.

    Examples
    --------
    >>> without_secrets("404 for http://me:secret@host/a.zarr?token=secret")
    '404 for http://host/a.zarr'
    """
    if "://" not in text:
        return text
    text = _PASSWORD.sub(r"\1", _WEB_USER.sub(r"\1", text))
    return _QUERY.sub(r"\1", text)


def is_http(place: str) -> bool:
    """Return whether a URL is one of HTTP, not a chain of file systems."""
    return "::" not in place and place.partition("://")[0].lower() in WEB


def part_url(
    url: str, storage_options: Mapping[str, Any] | None
) -> tuple[str, Mapping[str, Any] | None]:
    """Part the credentials in a URL from its address.

    Parameters
    ----------
    url : str
        Also a chain of file systems of fsspec, joined by ``::``.
    storage_options : mapping, optional
        For fsspec. Options in the URL are added to them.

    Returns
    -------
    url : str
        Without credentials.
    storage_options : mapping or None
        The merged options; the same object if the URL does not have any.
    """
    if "::" in url:
        links, chained = [], dict(storage_options or {})
        for link in url.split("::"):
            kind = link.partition("://")[0]
            address, options = _part(link, chained.get(kind))
            links.append(address)
            if address != link:
                chained[kind] = options
        parted = "::".join(links)
        return parted, storage_options if parted == url else chained
    return _part(url, storage_options)


def _part(
    url: str, storage_options: Mapping[str, Any] | None
) -> tuple[str, Mapping[str, Any] | None]:
    kind = url.partition("://")[0].lower()
    if "://" not in url or kind not in (*WEB, *KEYS, *LOGINS):
        return url, storage_options
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    given: dict[str, Any] = dict(storage_options or {})
    if kind in WEB:
        if not at and not parts.query:
            return url, storage_options
        if at:
            given = _with_login(given, user)
        if parts.query:
            query = parse_qsl(parts.query, keep_blank_values=True)
            given["params"] = [*_pairs(given.get("params")), *map(list, query)]
        return _joined(parts, host), given
    name, colon, password = user.partition(":")
    if not colon:  # a user without a password is not a secret, and part of the address
        return url, storage_options
    names = ("key", "secret") if kind in KEYS else ("username", "password")
    given.update(zip(names, (unquote(name), unquote(password)), strict=True))
    # the part after a bucket is a key, in any form
    return url.replace(f"{user}@", "", 1), given


def _joined(parts: SplitResult, host: str) -> str:
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _with_login(options: Mapping[str, Any], user: str) -> dict[str, Any]:
    """Add basic authentication, as a header: it can be pickled and written as JSON."""
    name, _, password = user.partition(":")
    login = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    client = dict(options.get("client_kwargs") or {})
    client["headers"] = {**(client.get("headers") or {}), "Authorization": f"Basic {login}"}
    return {**options, "client_kwargs": client}


def _pairs(params: Any) -> list[Any]:
    if not params:
        return []
    return list(params.items()) if isinstance(params, Mapping) else list(params)


def options_elsewhere(
    options: Mapping[str, Any] | None, place: str, other: str
) -> Mapping[str, Any] | None:
    """Return the options for another address: without credentials if it is on another server.

    Of HTTP; what S3's options have is for all buckets.
    """
    if not options or not (is_http(place) and is_http(other)):
        return options
    if urlsplit(place).netloc == urlsplit(other).netloc:
        return options
    kept = {key: value for key, value in options.items() if key not in ("params", "headers")}
    client = dict(kept.get("client_kwargs") or {})
    client = {key: value for key, value in client.items() if key not in ("auth", "headers")}
    return {**kept, "client_kwargs": client} if "client_kwargs" in kept else kept


def safe_cause(error: BaseException) -> BaseException:
    """Return an error that may be shown as the cause of another one.

    It is the error itself, or where its text or that of one of its own causes has credentials in
    it, another one with the text that may be shown.
    """
    if all(text == without_secrets(text) for text in _texts(error)):
        return error
    kind: type[OSError] = OSError
    for known in (PermissionError, FileNotFoundError, TimeoutError):
        if isinstance(error, known):
            kind = known
    if getattr(error, "status", None) in (401, 403):
        kind = PermissionError
    return kind(without_secrets(f"{type(error).__name__}: {error}"))


def _texts(error: BaseException | None) -> list[str]:
    found: list[str] = []
    waiting, seen = [error], set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        found += [str(each), repr(each)]
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
    return found
