"""Stores for tests: small OME-Zarr pyramids, one that counts, and servers that fail on demand."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from zarr.storage import WrapperStore

from support.http_server import serving

LAYOUT = "annotation-sets/tiny-annotation/1_0/annotation.ome.zarr"
TERMINOLOGY = "terminologies/tiny-terminology/1_0/terminology.csv"

REGIONS = pd.DataFrame(
    {
        "identifier": [997, 8, 312782574, 614454277],
        "parent_identifier": ["", "997", "8", "8"],
        "annotation_value": [997, 8, 312782574, 614454277],
        "name": ["root", "grey", "area one", "area two"],
        "abbreviation": ["root", "grey", "one", "two"],
        "color_hex_triplet": ["#FFFFFF", "#BFDAE3", "#1F9D5A", "#FF64FF"],
        "root_identifier_path": [
            "[997]",
            "[997, 8]",
            "[997, 8, 312782574]",
            "[997, 8, 614454277]",
        ],
    }
)
"""Four regions, with ids that a float32 does not hold."""

ORIENTATIONS = {
    "z": "anterior-to-posterior",
    "y": "superior-to-inferior",
    "x": "right-to-left",
}


def labels(shape: tuple[int, ...] = (6, 8, 10), dtype: Any = "uint32", seed: int = 0) -> Any:
    """Random labels of the four regions, those that the type holds, and 0; no plane is empty."""
    there = [v for v in (0, *REGIONS.annotation_value) if v <= np.iinfo(dtype).max]
    values = np.array(there if len(there) > 1 else [0, 1, 2, 3], dtype=dtype)
    return np.random.default_rng(seed).choice(values, size=shape)


def axes(unit: str | None = "millimeter", orientation: str | None = "value") -> list[dict]:
    """The axes z, y and x, with the key under which they say their orientation."""
    found = []
    for name, text in ORIENTATIONS.items():
        axis: dict[str, Any] = {"name": name, "type": "space"}
        if unit is not None:
            axis["unit"] = unit
        if orientation is not None:
            axis["orientation"] = {"type": "anatomical", orientation: text}
        found.append(axis)
    return found


AXES = axes()


def scaling(scale: Any, translation: Any = None) -> list[dict[str, Any]]:
    """A scale, and a translation where there is one, as coordinateTransformations."""
    scale, translation = (
        None if v is None else np.broadcast_to(v, 3) for v in (scale, translation)
    )
    found = [{"type": "scale", "scale": scale.tolist()}]
    if translation is not None:
        found.append({"type": "translation", "translation": translation.tolist()})
    return found


def write_ome_zarr(
    store: Any,
    levels: Mapping[str, tuple[Any, list[dict[str, Any]]]] | None = None,
    *,
    zarr_format: int = 3,
    axes: list[dict] | None = None,
    extra: Mapping[str, Any] | None = None,
    **array: Any,
) -> Any:
    """Write labels as OME-Zarr 0.5, or 0.4 on zarr format 2.

    `levels` are labels and coordinateTransformations by path; by default two
    of 25 and 50 um. `array` goes to zarr's create_array. Returns the store.
    """
    if levels is None:
        levels = {
            "0": (labels(), scaling(0.025)),
            "1": (labels((3, 4, 5), seed=1), scaling(0.05)),
        }
    group = zarr.create_group(store, zarr_format=zarr_format, overwrite=True)
    for path, (values, _) in levels.items():
        keywords = {"chunks": tuple(max(n // 2, 1) for n in values.shape), "fill_value": 0, **array}
        keywords.setdefault("dtype", values.dtype)
        group.create_array(path, shape=values.shape, **keywords)[...] = values
    multiscale = {
        "axes": AXES if axes is None else axes,
        "datasets": [
            {"path": path, "coordinateTransformations": transformations}
            for path, (_, transformations) in levels.items()
        ],
        **(extra or {}),
    }
    if zarr_format == 2:
        group.attrs["multiscales"] = [{"version": "0.4", **multiscale}]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return store


def write_atlas(root: Path, **keywords: Any) -> Path:
    """Write a small atlas in BrainGlobe's layout; return the path of its annotation."""
    terminology = root / TERMINOLOGY
    terminology.parent.mkdir(parents=True)
    REGIONS.to_csv(terminology, index=False)
    write_ome_zarr(root / LAYOUT, **keywords)
    return root / LAYOUT


def chunk_files(level: Path) -> list[Path]:
    """The files of an array that are not metadata, in order."""
    found = (path for path in level.rglob("*") if path.is_file())
    return sorted(p for p in found if p.name not in ("zarr.json", ".zarray", ".zattrs"))


class CountingStore(WrapperStore):
    """Remembers which keys were asked for."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.keys: list[str] = []

    def with_read_only(self, read_only: bool = False) -> CountingStore:
        return self

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        self.keys.append(key)
        return await self._store.get(key, prototype, byte_range)

    @property
    def chunks(self) -> list[str]:
        """The keys that are not metadata, without the level."""
        return [k for k in self.keys if k.rpartition("/")[2][:1] not in (".", "z")]


class Server:
    """What a :func:`serve` is told: the folder, and how to fail.

    `fault` takes the path of a request and returns None, a status to answer,
    or "drop" (the connection breaks in the middle of the body), "silence" (no answer
    while the server lives).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.requests: list[str] = []
        self.absent = 404
        self.fault: Callable[[str], Any] = lambda path: None
        self.closing = threading.Event()


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """Serve a folder over HTTP on the loopback; also to S3 clients, as buckets in it."""
    server = Server(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].strip("/")
            server.requests.append(path)
            file, fault = folder / path, server.fault(path)
            if fault == "silence":
                server.closing.wait()
                self.close_connection = True
            elif isinstance(fault, int) or not file.is_file():
                self.answer(fault or server.absent, b"")
            else:
                self.answer(200, file.read_bytes(), broken=fault == "drop")

        do_HEAD = do_GET

        def answer(self, status: int, body: bytes, broken: bool = False) -> None:
            asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
            whole = len(body)
            if asked and status == 200:
                first, last = asked.groups()
                begin = int(first) if first else max(whole - int(last), 0)
                end = min(int(last) + 1, whole) if first and last else whole
                status, body = 206, body[begin:end]
            self.send_response(status)
            if status == 206:
                self.send_header("Content-Range", f"bytes {begin}-{begin + len(body) - 1}/{whole}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "HEAD":
                return
            self.wfile.write(body[: len(body) // 2] if broken else body)
            if broken:
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            pass

    with serving(Handler, server.closing) as server.url:
        yield server


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's S3 in this process; yields its endpoint's URL."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def upload(folder: Path, endpoint: str, url: str, public: bool = True) -> None:
    """Put the files of a folder at an ``s3://`` URL of :func:`s3_server`.

    `public` files may be read by anybody; listing the bucket may not.
    """
    import s3fs

    acl = {"ACL": "public-read"} if public else {}
    filesystem = s3fs.S3FileSystem(key="test", secret="test", endpoint_url=endpoint)
    bucket = url.removeprefix("s3://").partition("/")[0]
    if not filesystem.exists(bucket):
        filesystem.mkdir(bucket)
    filesystem.put(f"{folder}/", f"{url}/", recursive=True, **acl)
