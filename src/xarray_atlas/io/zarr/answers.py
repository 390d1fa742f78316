"""Validate responses to requests: range, length and type."""

from __future__ import annotations

import re
from contextvars import ContextVar

__all__ = ["LARGEST", "check_page", "check_range", "check_size", "part_of_whole"]

LARGEST: ContextVar[int | None] = ContextVar("LARGEST", default=None)
"""Maximum bytes of the object being read, if known."""

PAGES = (b"<!doctype html", b"<html")

_ASKED = re.compile(r"bytes=(\d*)-(\d*)")
_CAME = re.compile(r"bytes\s+(\d+)-(\d+)/(\d+|\*)", re.IGNORECASE)


def check_page(content: bytes, kind: str = "") -> None:
    """Raise an OSError for a web page in place of an object, as networks answer before a login."""
    first = content[:64].lstrip().lower()
    if first.startswith(PAGES):
        raise OSError(
            "a web page came in its place"
            + (f" ({kind.partition(';')[0]})" if kind else "")
            + ", as sent by servers and networks that require a login"
        )


def check_size(length: int | None) -> None:
    """Raise an OSError for more bytes than the object being read can have."""
    limit = LARGEST.get()
    if limit is not None and length is not None and length > limit:
        raise OSError(f"it has more than {limit} bytes, which is more than can belong there")


def check_range(asked: str, came: str | None, length: int | None) -> None:
    """Compare the header Content-Range of an answer with the header Range of its request.

    Parameters
    ----------
    asked : str
        ``bytes=0-99``, ``bytes=100-`` or ``bytes=-20``.
    came : str or None
    length : int, optional
        Of the body, if known.

    Raises
    ------
    OSError
        If the answer has another range or length, or does not state its range.
    """
    found = _CAME.fullmatch((came or "").strip())
    if found is None:
        raise OSError(f"asked for {asked}, and the answer does not say which part it is: {came!r}")
    first, last = int(found[1]), int(found[2])
    size = None if found[3] == "*" else int(found[3])
    begin, end = _limits(asked, size)
    wanted = (first if begin is None else begin, last if end is None else end)
    counted = last - first + 1
    if (first, last) != wanted or (begin is None and counted > _suffix(asked)):
        raise OSError(f"asked for {asked}, and another range came: {came}")
    if length is not None and length != counted:
        raise OSError(f"asked for {asked}, and {length} bytes came of the {counted} announced")


def part_of_whole(asked: str, content: bytes) -> bytes:
    """Cut the requested part out of a whole object, which a server may send instead."""
    begin, end = _limits(asked, len(content))
    if begin is None or end is None or begin > end or not content:
        raise OSError(
            f"asked for {asked}, and an object of {len(content)} bytes came, which has no such part"
        )
    return content[begin : end + 1]


def _suffix(asked: str) -> int:
    found = _ASKED.fullmatch(asked)
    return int(found[2]) if found and not found[1] and found[2] else 0


def _limits(asked: str, size: int | None) -> tuple[int | None, int | None]:
    """Return the first and last byte of a range in an object of that size; None if not known."""
    found = _ASKED.fullmatch(asked)
    if found is None:
        raise OSError(f"{asked!r} is not a range")
    if not found[1]:
        if size is None:
            return None, None
        return max(0, size - int(found[2])), size - 1
    begin = int(found[1])
    if not found[2]:
        return begin, None if size is None else size - 1
    last = int(found[2])
    return begin, last if size is None else min(last, size - 1)
