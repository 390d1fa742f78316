"""Faults of servers and stores, injected at random, and what came of the numbers that were read.

Each fault is a small atlas that is read through a server or a store that does something wrong to
one object, or to all. What is read is compared with the array that was written: it is right, an error
of the package, or wrong. Some faults cannot be noticed by whoever reads (bytes of the right kind and
length that are others, without a checksum; an absent chunk): a wrong number is allowed of them alone.
"""

from __future__ import annotations

import gzip
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr

import xarray_atlas
from support.faulty_server import Answer, FaultyServer, Request, faulty_server
from support.small_worlds import brainglobe_table, write_ome_zarr
from xarray_atlas.errors import AtlasError

SHAPE, CHUNK = (16, 16, 16), (8, 8, 8)

CODECS: dict[str, dict[str, Any]] = {
    "none": {"compressors": None},
    "zstd": {"compressors": zarr.codecs.ZstdCodec()},
    "blosc": {"compressors": zarr.codecs.BloscCodec(cname="lz4")},
    "gzip": {"compressors": zarr.codecs.GzipCodec()},
    "zstd+crc32c": {"compressors": [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()]},
    "none+crc32c": {"compressors": [zarr.codecs.Crc32cCodec()]},
    "shards": {"compressors": None, "shards": SHAPE, "chunks": (4, 4, 4)},
    "shards+zstd": {"compressors": zarr.codecs.ZstdCodec(), "shards": SHAPE, "chunks": (4, 4, 4)},
    "shards+blosc": {"compressors": zarr.codecs.BloscCodec(), "shards": SHAPE, "chunks": (4, 4, 4)},
    "shards+crc32c": {
        "compressors": [zarr.codecs.ZstdCodec(), zarr.codecs.Crc32cCodec()],
        "shards": SHAPE,
        "chunks": (4, 4, 4),
    },
}

CHECKED = {"gzip", "zstd+crc32c", "none+crc32c", "shards+crc32c"}
"""Codecs with a checksum of the content."""


LOGIN = "login.html"


class Fault(NamedTuple):
    """A kind of fault: what it does to an answer, and whether a reader can notice it."""

    name: str
    make: Callable[[Request, random.Random, list[Path]], Answer | None]
    noticed: Callable[[str], bool]


def _always(codec: str) -> bool:
    return True


def _never(codec: str) -> bool:
    return False


def _checksum(codec: str) -> bool:
    return codec in CHECKED


def _flipped(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    right = request.answer()
    return replace(right, sent=chance.randrange(max(1, len(right.body))))


def _short(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    body = request.answer().body
    return request.with_body(body[: chance.randrange(max(1, len(body)))])


def _long(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    return request.with_body(request.answer().body + chance.randbytes(chance.randrange(1, 200)))


def _other_part(request: Request, chance: random.Random, others: list[Path]) -> Answer | None:
    if request.part is None or request.content is None:
        return None
    begin, end = request.part
    return request.answer((0, end - begin) if begin else (1, min(end + 1, len(request.content))))


def _lying_part(request: Request, chance: random.Random, others: list[Path]) -> Answer | None:
    wrong = _other_part(request, chance, others)
    return wrong and replace(wrong, headers=request.answer().headers)


def _silent_part(request: Request, chance: random.Random, others: list[Path]) -> Answer | None:
    wrong = _other_part(request, chance, others)
    return wrong and replace(wrong, headers={})


def _whole(request: Request, chance: random.Random, others: list[Path]) -> Answer | None:
    if request.part is None or request.content is None:
        return None
    return Answer(200, request.content)


def _status(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    status = chance.choice([400, 401, 403, 408, 410, 418, 429, 500, 502, 503, 504])
    return Answer(status, b"<html>no</html>", {"Content-Type": "text/html"})


def _page(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    text = chance.choice([b"<!DOCTYPE html><title>Log in</title>", b"\n <html><body>Log in"])
    page = text + b" " * chance.choice([0, 500, 5000])
    return Answer(chance.choice([200, 206]), page, {"Content-Type": "text/html"})


def _text(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    return Answer(200, b"Please accept the terms of this network.", {"Content-Type": "text/plain"})


def _redirected(request: Request, chance: random.Random, others: list[Path]) -> Answer | None:
    if request.path == LOGIN:
        return Answer(200, b"<html>Log in</html>" * 50, {"Content-Type": "text/html"})
    return Answer(302, b"", {"Location": "/login.html"})


def _empty(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    return Answer(chance.choice([200, 204]))


def _zipped(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    right = request.answer()
    body = gzip.compress(right.body)
    return replace(right, body=body, headers={**right.headers, "Content-Encoding": "gzip"})


def _zipped_cut(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    right = _zipped(request, chance, others)
    return replace(right, body=right.body[: chance.randrange(20, max(21, len(right.body) - 8))])


def _slow(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    return replace(request.answer(), wait=0.05)


def _absent(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    return Answer(404)


def _other_object(request: Request, chance: random.Random, others: list[Path]) -> Answer | None:
    content = chance.choice(others).read_bytes()
    part = request.part
    return (
        replace(request, content=content).answer(part)
        if part is None or part[1] <= len(content)
        else Answer(416)
    )


def _flip(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    return request.with_body(_flipped(request.answer().body, chance))


def _whole_for_nothing(request: Request, chance: random.Random, others: list[Path]) -> Answer:
    content = request.content or b""
    half = len(content) // 2
    return Answer(206, content[:half], {"Content-Range": f"bytes 0-{half - 1}/{len(content)}"})


FAULTS = [
    Fault("the connection breaks", _cut, _always),
    Fault("a short body, announced so", _short, _always),
    Fault("a body that is too long", _long, _always),
    Fault("another range, as Content-Range says", _other_part, _always),
    Fault("another range, with no Content-Range", _silent_part, _always),
    Fault("another range, with a false Content-Range", _lying_part, _checksum),
    Fault("the whole object for a range", _whole, _always),
    Fault("a part for a whole object", _whole_for_nothing, _always),
    Fault("an error status", _status, _always),
    Fault("a web page", _page, _always),
    Fault("a line of text", _text, _always),
    Fault("a redirect to a page", _redirected, _always),
    Fault("an empty answer", _empty, _always),
    Fault("Content-Encoding: gzip", _zipped, _always),
    Fault("Content-Encoding: gzip, cut off", _zipped_cut, _always),
    Fault("slow", _slow, _always),
    Fault("a bit flips", _flip, _checksum),
    Fault("404 for a chunk that is there", _absent, _never),
    Fault("another object, or an older one", _other_object, _never),
]

RAISED: list[BaseException] = [
    IndexError("list index out of range"), KeyError("c/0/0/0"), MemoryError(), RecursionError("x"),
    ValueError("bad"), TypeError("None"), ZeroDivisionError(), AttributeError("x"), EOFError(),
    StopIteration(), RuntimeError("closed"), TimeoutError(), ConnectionResetError(), OSError(5, "I/O"),
    PermissionError("no"), AssertionError(), BufferError(), UnicodeDecodeError("utf-8", b"", 0, 1, "x"),
]  # fmt: skip


class FaultyStore(zarr.storage.WrapperStore):
    """A store of another package that does something wrong to chunks."""

    def __init__(self, store: Any, wrong: Callable[[bytes], Any] | BaseException | None) -> None:
        super().__init__(store)
        self.wrong = wrong

    def with_read_only(self, read_only: bool = False) -> FaultyStore:
        return self

    def _with_store(self, store: Any) -> FaultyStore:
        return type(self)(store, self.wrong)

    @property
    def _supports_sync_io(self) -> bool:
        return False

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        value = await self._store.get(key, prototype, byte_range)
        if "/c/" not in key or value is None or self.wrong is None:
            return value
        if isinstance(self.wrong, BaseException):
            raise self.wrong
        found = self.wrong(value.to_bytes())
        return None if found is None else prototype.buffer.from_bytes(found)


class Outcome(NamedTuple):
    """What came of one fault: right, error, wrong, or an error that is not the package's."""

    fault: str
    codec: str
    noticed: bool
    result: str
    said: str


def write_stores(folder: Path, seed: int = 0) -> dict[str, Any]:
    """Write a store for each codec; return the array that they hold."""
    values = np.random.default_rng(seed).integers(0, 3, SHAPE).astype("uint32")
    for name, create in CODECS.items():
        write_ome_zarr(folder / f"{name}.ome.zarr", values, **{"chunks": CHUNK, **create})
    return dict.fromkeys(CODECS, values)


def run_faults(folder: Path, count: int, seed: int = 0) -> Iterator[Outcome]:
    """Inject faults, three of HTTP to one of a store; yields what came of each."""
    chance = random.Random(seed)
    arrays = write_stores(folder, seed)
    with faulty_server(folder) as server:
        for number in range(count):
            outcome = None
            while outcome is None:  # until what is read meets the fault
                codec = chance.choice(sorted(CODECS))
                if number % 4 == 3:
                    outcome = _of_store(folder, codec, arrays[codec], chance)
                else:
                    fault = FAULTS[(number - number // 4) % len(FAULTS)]
                    outcome = _of_http(server, folder, codec, arrays[codec], fault, chance)
            yield outcome


def _of_http(
    server: FaultyServer, folder: Path, codec: str, values: Any, fault: Fault, chance: random.Random
) -> Outcome | None:
    path = f"{codec}.ome.zarr"
    chunks = sorted(file for file in (folder / path / "0" / "c").rglob("*") if file.is_file())
    # of the metadata too, where these are not absent or others: they have no checksum either
    metadata = chance.random() < 0.15 and fault.noticed is _always
    once = chance.random() < 0.5
    hit: list[str] = []

    def answer(request: Request) -> Answer | None:
        login = request.path == LOGIN
        if not ("/c/" in request.path or metadata or login):
            return None
        elsewhere = once and bool(hit) and hit[0] != request.path
        if not login and (request.content is None or elsewhere):
            return None
        wrong = fault.make(request, chance, chunks)
        if wrong is not None and not login:
            hit.append(request.path)
        return wrong

    server.fault = answer
    try:
        url = f"{server.url}/{path}"
        found = _read(url, codec, values, fault.name, fault.noticed(codec), chance)
    finally:
        server.fault = lambda request: None
    return found if hit else None


def _of_store(folder: Path, codec: str, values: Any, chance: random.Random) -> Outcome:
    inner = zarr.storage.LocalStore(folder / f"{codec}.ome.zarr", read_only=True)
    kinds: list[tuple[str, Any, bool]] = [
        ("a store raises", chance.choice(RAISED), True),
        ("a store raises", chance.choice(RAISED), True),
        ("a store returns less", lambda content: content[: chance.randrange(len(content))], True),
        ("a store returns more", lambda content: content + b"\1" * chance.randrange(1, 99), True),
        ("a store returns nothing", lambda content: b"", True),
        ("a store flips a bit", lambda content: _flipped(content, chance), codec in CHECKED),
        ("a store has lost a chunk", lambda content: None, False),
    ]
    name, wrong, noticed = chance.choice(kinds)
    return _read(FaultyStore(inner, wrong), codec, values, name, noticed, chance)


def _read(
    source: Any, codec: str, values: Any, fault: str, noticed: bool, chance: random.Random
) -> Outcome:
    part = tuple(
        slice(low, low + chance.randrange(1, size - low + 1))
        for low, size in ((chance.randrange(size - 1), size) for size in SHAPE)
    )
    part = chance.choice([part, (slice(None),) * 3])
    try:
        ds = xarray_atlas.open_atlas(source, terminology=brainglobe_table(), midline="0.2 mm")
        found = ds.annotation[part].values
    except AtlasError as error:
        return Outcome(fault, codec, noticed, "error", f"{type(error).__name__}: {error}")
    except Exception as error:  # which is what must not be
        return Outcome(fault, codec, noticed, "foreign", f"{type(error).__name__}: {error}")
    right = bool(np.array_equal(found, values[part]))
    return Outcome(fault, codec, noticed, "right" if right else "wrong", "")


def tabulate(outcomes: list[Outcome]) -> dict[str, Counter[str]]:
    """Count the results by fault; those of wrong numbers by whether they could be noticed."""
    table: dict[str, Counter[str]] = {}
    for one in outcomes:
        result = one.result
        if result == "wrong":
            result = "wrong, noticeable" if one.noticed else "wrong, unnoticeable"
        table.setdefault(one.fault, Counter())[result] += 1
    return table
