"""Checksums of the files of a copy, recorded when they were written.

The record of a copy has the size of each file. A flipped bit on a disk changes no size, and
BrainGlobe's chunks have no checksums. Therefore the MD5 of downloaded files, which are compared
with their listing, is stored with the records, in ``.xarray-atlas/checksums.json``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from xarray_atlas.io.copies.records import RECORDS, Object, read_record, write_atomically

__all__ = [
    "CHECKSUMS",
    "Compared",
    "compare_copy",
    "expected_md5",
    "is_md5",
    "md5_of",
    "md5_of_file",
    "parse_checksums",
    "read_checksums",
    "write_checksums",
]

CHECKSUMS = f"{RECORDS}/checksums.json"

_MD5 = re.compile("[0-9a-f]{32}")


def is_md5(tag: str) -> bool:
    """Return whether an ETag may be an MD5; that of an object in several parts is not."""
    return _MD5.fullmatch(tag) is not None


def md5_of(content: bytes) -> str:
    """Return the MD5 of bytes."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def md5_of_file(path: str) -> str | None:
    """Return the MD5 of a file; None if it has gone."""
    try:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    except FileNotFoundError:  # removed by another process
        return None
    return digest.hexdigest()


def read_checksums(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Return the MD5 of the files of a copy by their keys; of those for which it is known."""
    path = os.path.join(folder, CHECKSUMS)
    if not os.path.isfile(path):
        return {}
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return parse_checksums(file.read())
    return {}


def parse_checksums(content: bytes) -> dict[str, str]:
    """Read checksums; none if damaged: files with unknown checksums are fetched again."""
    with contextlib.suppress(AttributeError, LookupError, RecursionError, ValueError):
        said = json.loads(content)["md5"]
        return {str(key): str(value) for key, value in said.items() if is_md5(str(value))}
    return {}


def write_checksums(folder: str | os.PathLike[str], more: Mapping[str, str]) -> None:
    """Add the MD5 of files to those that are known, or replace them.

    Of two processes that write at once the files of one are not known afterwards, which costs no
    more than fetching them again when they are verified.
    """
    if not more:
        return
    known = {**read_checksums(folder), **more}
    content = json.dumps({"format": 1, "md5": dict(sorted(known.items()))}, separators=(",", ":"))
    write_atomically(
        os.path.join(folder, CHECKSUMS), content.encode(), os.path.join(folder, RECORDS)
    )


def expected_md5(key: str, listed: Object, known: Mapping[str, str]) -> str | None:
    """Return the MD5 that a file had when it was downloaded, None if unknown."""
    return known.get(key) or (listed.tag if is_md5(listed.tag) else None)


class Compared(NamedTuple):
    """The result of comparing the files of a copy with their checksums."""

    alike: int
    unknown: int
    """Number of existing files without a known MD5."""
    different: tuple[str, ...]
    """The keys of files that differ from the download."""


def compare_copy(folder: str | os.PathLike[str], level: str | None = None) -> Compared:
    """Read the files of a copy, and compare them with their checksums.

    Files that are absent are not looked at: to read them is an error in any case.

    Parameters
    ----------
    folder : str
        Of the store, or of anything else that was copied as a whole.
    level : str, optional
        A level; its chunks are compared too if it was copied.

    Raises
    ------
    StoreError
        If the records cannot be read.
    """
    known = read_checksums(folder)
    records = [read_record(folder), None if level is None else read_record(folder, level)]
    alike, unknown, different = 0, 0, []
    for record in filter(None, records):
        for key, listed in record.objects.items():
            expected = expected_md5(key, listed, known)
            found = None if expected is None else md5_of_file(os.path.join(folder, key))
            if expected is None:
                unknown += 1
            elif found == expected:
                alike += 1
            elif found is not None:
                different.append(key)
    return Compared(alike, unknown, tuple(different))
