"""Time a download of small objects, beside fetching the same objects and keeping none of them.

    python benchmarks/remote_download.py FOLDER [--latency 0.06] [--s3] [--repeat 3] [--objects N]

serves FOLDER on this machine, from a process of its own that answers each request after a fixed
time, and fetches its first objects: with aiohttp, 64 at once, which is the floor, and as
:func:`xarray_atlas.download` does, into files that are verified. Medians are shown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PORT = 8379
IN_FLIGHT = 64


def serve(root: Path, latency: float) -> None:
    """Answer GET of objects below `root`, each after `latency` seconds."""
    from aiohttp import web

    kept: dict[str, bytes] = {}
    stat = {"requests": 0, "now": 0, "most": 0}

    async def answer(request: web.Request) -> web.StreamResponse:
        path = request.path.lstrip("/")
        if path == "_stat":
            shown = dict(stat)
            stat.update(requests=0, most=0)
            return web.json_response(shown)
        stat["requests"] += 1
        stat["now"] += 1
        stat["most"] = max(stat["most"], stat["now"])
        try:
            await asyncio.sleep(latency)
            if path not in kept:
                file = root / path
                if not file.is_file():
                    return web.Response(status=404)
                kept[path] = file.read_bytes()
            return web.Response(body=kept[path])
        finally:
            stat["now"] -= 1

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=PORT, print=None)


@contextmanager
def server(root: Path, latency: float) -> Iterator[None]:
    command = [sys.executable, __file__, os.fspath(root), "--serve", "--latency", str(latency)]
    process = subprocess.Popen(command)
    try:
        for _ in range(100):
            try:
                counted()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def counted() -> dict[str, int]:
    """Return what the server has counted since it was last asked."""
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/_stat") as answer:
        return json.load(answer)  # type: ignore[no-any-return]


def listed(root: Path, objects: int) -> dict[str, int]:
    """Return the sizes of the first files below a folder."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.stat().st_size for path in files[:objects]}


def bare(keys: list[str]) -> int:
    """Fetch objects, 64 at once; return their bytes."""
    import aiohttp

    async def fetch() -> list[bytes]:
        limit = asyncio.Semaphore(IN_FLIGHT)
        async with aiohttp.ClientSession() as session:

            async def one(key: str) -> bytes:
                async with limit, session.get(f"http://127.0.0.1:{PORT}/{key}") as answer:
                    return await answer.read()

            return await asyncio.gather(*map(one, keys))

    return sum(map(len, asyncio.run(fetch())))


def download(sizes: dict[str, int], s3: bool) -> int:
    """Copy objects as a download does; return their bytes."""
    from xarray_atlas.io.copies.records import Object
    from xarray_atlas.io.downloads.remote import connect
    from xarray_atlas.io.downloads.transfer import Task, fetch

    url = f"http://127.0.0.1:{PORT}"
    bucket, _, _ = next(iter(sizes)).partition("/")
    source = connect(*((f"s3://{bucket}", {"endpoint_url": url}) if s3 else (url, None)))
    inside = "" if not s3 else f"{bucket}/"
    objects = {key.removeprefix(inside): Object(size, "") for key, size in sizes.items()}
    top = os.path.commonpath(list(objects))
    objects = {key.removeprefix(f"{top}/"): each for key, each in objects.items()}
    done: list[int] = []
    with tempfile.TemporaryDirectory() as target:
        task = Task(top, os.path.join(target, top), objects, list(objects), {})
        fetch(source, [task], done.append)
    return sum(done)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latency", type=float, default=0.06)
    parser.add_argument("--objects", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--s3", action="store_true", help="by S3's protocol instead of HTTP")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--row", choices=["bare", "download"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    root = options.folder.resolve()
    if options.serve:
        serve(root, options.latency)
        return
    sizes = listed(root, options.objects)
    if options.row:
        download(dict(list(sizes.items())[:2]), options.s3)  # imports and clients
        counted()
        begin, processor = time.perf_counter(), time.process_time()
        size = bare(list(sizes)) if options.row == "bare" else download(sizes, options.s3)
        seconds, processor = time.perf_counter() - begin, time.process_time() - processor
        print(json.dumps({"seconds": seconds, "cpu": processor, "bytes": size, **counted()}))
        return
    found: dict[str, list[dict[str, float]]] = {"bare": [], "download": []}
    with server(root, options.latency):
        for _ in range(options.repeat):
            for row, results in found.items():
                command = [sys.executable, __file__, os.fspath(root), "--row", row]
                command += ["--objects", str(options.objects), *(["--s3"] if options.s3 else [])]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                results.append(json.loads(done.stdout))
    floor = statistics.median(once["seconds"] for once in found["bare"])
    for row, results in found.items():
        seconds = statistics.median(once["seconds"] for once in results)
        processor = statistics.median(once["cpu"] for once in results)
        about = results[0]
        print(
            f"{row:10}{seconds:8.2f} s{processor:8.2f} cpu{about['requests']:7.0f} requests"
            f"{about['most']:5.0f} at once{about['bytes'] / 1e6:9.1f} MB"
            f"{floor / seconds:6.2f} of the bare rate"
        )


if __name__ == "__main__":
    main()
