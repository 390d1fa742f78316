"""Time, requests and memory of remote reads, beside fetching and decoding the same objects.

    python benchmarks/remote.py [--latency 0.06] [--s3] [--repeat 3] [--only ROW ...]

makes a store of 1320 x 800 x 1140 voxels (as masks_volumes.py does), serves it on this machine from
a process of its own that answers each request after a fixed time, and does each row in a process of
its own, all rows once and then all of them again. Medians are shown, with the ratio to the floor.

The floor of a row is what it must do at least: its objects fetched with aiohttp, 64 at once, and
then decoded with numcodecs, in as many threads as there are processors.

*Rounds* is how often requests waited for the answer to another one: each time that the server has
no request, a new round begins.
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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from masks_volumes import CHUNKS, FINE, SAMPLE, compile_first, make_store
from measuring import cost_of

PORT = 8377
IN_FLIGHT = 64
TABLE = "terminologies/repeated-terminology/2017/terminology.csv"
PLACE = "annotation-sets/repeated-annotation/2017/annotation.ome.zarr"
IMAGE = "image/template.ome.zarr"
NAMED, NAME = "named", "benchmark_mouse"


def serve(root: Path, latency: float) -> None:
    """Answer GET and HEAD of objects below `root`, with ranges, each after `latency` seconds."""
    from aiohttp import web

    stat = {"requests": 0, "now": 0, "most": 0, "rounds": 0}

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/_stat":
            shown = dict(stat)
            stat.update(requests=0, most=0, rounds=0)
            return web.json_response(shown)
        stat["requests"] += 1
        stat["rounds"] += stat["now"] == 0
        stat["now"] += 1
        stat["most"] = max(stat["most"], stat["now"])
        try:
            await asyncio.sleep(latency)
            path = (root / request.path.lstrip("/")).resolve()
            if not path.is_relative_to(root) or not path.is_file():
                return web.Response(status=404)
            body = path.read_bytes()
            headers = {"ETag": f'"{path.stat().st_mtime_ns:x}-{len(body):x}"'}
            wanted = request.headers.get("Range")
            if not wanted:
                return web.Response(body=body, headers=headers)
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start = int(first) if first else max(len(body) - int(last), 0)
            stop = min(int(last) + 1, len(body)) if first and last else len(body)
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
            return web.Response(status=206, body=body[start:stop], headers=headers)
        finally:
            stat["now"] -= 1

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    web.run_app(app, host="127.0.0.1", port=PORT, print=None)


@contextmanager
def server(root: Path, latency: float) -> Iterator[None]:
    command = [sys.executable, __file__, "--serve", os.fspath(root), "--latency", str(latency)]
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


def make_image(root: Path, shape: tuple[int, ...]) -> None:
    """Write an image on the same grid: smooth uint8 values, so that it compresses as images do."""
    import zarr

    group = zarr.create_group(root / IMAGE, zarr_format=3)
    labels = zarr.open_group(root / PLACE, mode="r")
    array = group.create_array(
        "0", shape=shape, chunks=tuple(map(min, CHUNKS, shape)), dtype="uint8", fill_value=0,
        compressors=zarr.codecs.ZstdCodec(), dimension_names=("z", "y", "x"),
    )  # fmt: skip
    ramp = np.arange(shape[2], dtype=np.uint8) // 8
    for start in range(0, shape[0], CHUNKS[0]):
        planes = slice(start, start + CHUNKS[0])
        array[planes] = (labels["0"][planes] % 97 + ramp).astype(np.uint8)
    group.attrs.update(labels.attrs.asdict())


def make_named(root: Path) -> None:
    """Write a small atlas in BrainGlobe's layout, to be opened by its name."""
    import warnings

    import xarray_atlas

    warnings.simplefilter("ignore")  # that the midline is assumed
    ds = xarray_atlas.open_sample("100 um")
    ds.atlas.save(root / NAMED, name=NAME, version="1.0", masks=False)
    (version,) = {path.name for path in (root / NAMED / "atlases").glob("*/*")}
    listed = [path.name for path in (root / NAMED / "atlases").iterdir()]
    text = "[atlases]\n" + "".join(f"{name} = {version.replace('_', '.')}\n" for name in listed)
    (root / NAMED / "atlases" / "last_versions.conf").write_text(text)


def url(s3: bool) -> tuple[str, dict[str, Any] | None]:
    if s3:
        return "s3:/", {"endpoint_url": f"http://127.0.0.1:{PORT}"}
    return f"http://127.0.0.1:{PORT}", None


def open_store(s3: bool) -> Any:
    import warnings

    import xarray_atlas

    warnings.simplefilter("ignore")  # that the midline is assumed
    base, options = url(s3)
    return xarray_atlas.open_atlas(f"{base}/{PLACE}", storage_options=options)


async def fetch(keys: list[str]) -> list[bytes]:
    """Fetch objects with aiohttp, 64 at once; of one that is not there nothing."""
    import aiohttp

    limit = asyncio.Semaphore(IN_FLIGHT)
    async with aiohttp.ClientSession() as session:

        async def one(key: str) -> bytes:
            async with limit, session.get(f"http://127.0.0.1:{PORT}/{key}") as answer:
                return await answer.read() if answer.status == 200 else b""

        return await asyncio.gather(*map(one, keys))


def floor(keys: list[str], shape: tuple[int, ...]) -> Callable[[], Any]:
    """Fetch objects, 64 at once, then decode them in as many threads as processors."""
    from numcodecs.zstd import Zstd

    def decode(chunk: bytes) -> int:
        return len(Zstd().decode(chunk)) if chunk else 0

    def run() -> int:
        chunks = asyncio.run(fetch(keys))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return sum(pool.map(decode, chunks))

    return run


def keys_of(place: str, shape: tuple[int, ...], part: tuple[slice, ...] | None = None) -> list[str]:
    ranges = [
        range(p.start // c, -(-p.stop // c))
        for p, c in zip(part or [slice(0, n) for n in shape], map(min, CHUNKS, shape), strict=True)
    ]
    return [f"{place}/0/c/{i}/{j}/{k}" for i in ranges[0] for j in ranges[1] for k in ranges[2]]


def bare(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    return floor(keys_of(PLACE, shape), shape)


def tutorial(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    """Do what the tutorial of BrainGlobe's bucket does, with the labels of the hierarchy."""
    import dask.array as da
    import zarr

    ds = open_store(s3)
    base, options = url(s3)
    options = {**(options or {}), "anon": True} if s3 else {}
    store = zarr.storage.FsspecStore.from_url(
        f"{base}/{PLACE}", storage_options=options, read_only=True
    )
    labels = ds.atlas.terminology.labels_of(ds.atlas.terminology.position("RSP"))
    array = da.from_zarr(zarr.open_group(store, mode="r")["0"])
    return lambda: int(da.isin(array, labels).sum().compute())


def volume(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    ds = open_store(s3)
    return lambda: float(ds.atlas.volume().sel(region="RSP").pint.magnitude)


def volume_compiled(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    compile_first()
    return volume(s3, shape)


def properties(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    ds = open_store(s3)
    return lambda: ds.atlas.region_properties().voxels.sel(region="RSP").item()


def mask(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    ds = open_store(s3)
    return lambda: int(ds.atlas.mask("RSP").sum().compute())


def maximum(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    ds = open_store(s3)
    return lambda: int(ds.annotation.max().compute())


def both(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    return floor(keys_of(PLACE, shape) + keys_of(IMAGE, shape), shape)


def aggregate(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    import xarray_atlas

    ds = open_store(s3)
    base, options = url(s3)
    image = xarray_atlas.open_image(f"{base}/{IMAGE}", storage_options=options)
    image = image.assign_coords({dim: ds[dim] for dim in "zyx"})
    return lambda: float(ds.atlas.aggregate(image, ["RSP"]).compute().values.ravel()[0])


def section(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    import matplotlib

    matplotlib.use("agg")
    ds = open_store(s3)

    def run() -> str:
        ds.atlas.plot.section(z=ds.z[shape[0] // 2])
        return "drawn"

    return run


def local_section(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    import matplotlib

    import xarray_atlas

    matplotlib.use("agg")
    ds = xarray_atlas.open_atlas(Path(os.environ["REMOTE_BENCHMARK"]) / PLACE)

    def run() -> str:
        ds.atlas.plot.section(z=ds.z[shape[0] // 2])
        return "drawn"

    return run


def crop_floor(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    part = json.loads(os.environ["REMOTE_BENCHMARK_CROP"])
    return floor(keys_of(PLACE, shape, tuple(slice(*p) for p in part)), shape)


def crop(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    ds = open_store(s3)
    part = json.loads(os.environ["REMOTE_BENCHMARK_CROP"])
    cut = {dim: slice(*p) for dim, p in zip("zyx", part, strict=True)}
    return lambda: int((ds.annotation.isel(cut).load() > 0).sum())


def keys_below(root: Path, folder: str) -> dict[str, int]:
    """Return the sizes of the objects of a store."""
    files = sorted(path for path in (root / folder).rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.stat().st_size for path in files}


def fetched(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    """Fetch the objects that a download copies, and keep none of them."""
    keys = list(keys_below(Path(os.environ["REMOTE_BENCHMARK"]), PLACE))
    return lambda: sum(map(len, asyncio.run(fetch(keys))))


def downloaded(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    """Copy the same objects as `xarray_atlas.download` does once it has listed them."""
    from xarray_atlas.io.copies.records import Object
    from xarray_atlas.io.downloads.remote import connect
    from xarray_atlas.io.downloads.transfer import Task
    from xarray_atlas.io.downloads.transfer import fetch as copy

    sizes = keys_below(Path(os.environ["REMOTE_BENCHMARK"]), PLACE)
    inside = {key.removeprefix(f"{PLACE}/"): Object(size, "") for key, size in sizes.items()}
    base, options = url(s3)
    above, _, place = f"{base}/{PLACE}".rpartition("/annotation-sets/")
    source = connect(f"{above}/annotation-sets", options)

    def run() -> int:
        done: list[int] = []
        with tempfile.TemporaryDirectory() as target:
            copy(source, [Task(place, target, inside, list(inside), {})], done.append)
        return sum(done)

    return run


def opened_by_name(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    import xarray_atlas

    base, options = url(s3)
    root = f"{base}/{NAMED}"
    return lambda: xarray_atlas.open_atlas(NAME, root=root, storage_options=options).sizes["z"]


def opened(s3: bool, shape: tuple[int, ...]) -> Callable[[], Any]:
    import xarray_atlas  # noqa: F401

    return lambda: open_store(s3).sizes["z"]


ROWS: dict[str, tuple[Callable[..., Any], str, str]] = {
    "floor": (bare, "the objects of the labels, fetched and decoded", "floor"),
    "volume": (volume, "volume() of all regions", "floor"),
    "numba": (volume_compiled, "volume() of all regions, numba", "floor"),
    "properties": (properties, "region_properties()", "floor"),
    "mask": (mask, 'mask("RSP").sum()', "floor"),
    "maximum": (maximum, "annotation.max()", "floor"),
    "tutorial": (tutorial, "tutorial: da.isin(...).sum()", "volume"),
    "both": (both, "the objects of labels and image", "both"),
    "aggregate": (aggregate, "aggregate(image)", "both"),
    "local section": (local_section, "plot.section of the local store", "local section"),
    "section": (section, "plot.section", "local section"),
    "crop floor": (crop_floor, "the objects of a crop of RSP", "crop floor"),
    "crop": (crop, "crop of RSP, loaded", "crop floor"),
    "open": (opened, "open_atlas(URL)", "open"),
    "name": (opened_by_name, "open_atlas(name)", "open"),
    "fetched": (fetched, "the stored objects, fetched", "fetched"),
    "download": (downloaded, "download of the same objects", "fetched"),
}


def measure(row: str, s3: bool, shape: tuple[int, ...]) -> dict[str, Any]:
    """Do one row in this process."""
    run = ROWS[row][0](s3, shape)
    counted()
    result, cost = cost_of(run)
    return {**cost, "result": result, **counted()}


def report(root: Path, options: argparse.Namespace, shape: tuple[int, ...]) -> None:
    found: dict[str, list[dict[str, Any]]] = {row: [] for row in options.only or ROWS}
    environment = {**os.environ, "REMOTE_BENCHMARK": os.fspath(root)}
    environment["REMOTE_BENCHMARK_CROP"] = json.dumps(crop_of(root))
    with server(root, options.latency):
        for _ in range(options.repeat):
            for row, results in found.items():
                command = [sys.executable, __file__, "--row", row, "--size", *map(str, shape)]
                command += ["--s3"] if options.s3 else []
                done = subprocess.run(
                    command, check=True, stdout=subprocess.PIPE, text=True, env=environment
                )
                results.append(json.loads(done.stdout))
    header = (
        f"{'':50}{'seconds':>9}{'x':>7}{'cpu s':>8}{'MB':>6}{'asked':>7}{'most':>6}{'rounds':>8}"
    )
    print(f"{options.latency * 1000:g} ms a request, {'S3' if options.s3 else 'HTTP'}\n{header}")
    for row, results in found.items():
        middle = {
            name: statistics.median(once[name] for once in results)
            for name in ("seconds", "processor", "megabytes", "requests", "most", "rounds")
        }
        of = found.get(ROWS[row][2])
        ratio = "" if not of else middle["seconds"] / statistics.median(o["seconds"] for o in of)
        print(
            f"{ROWS[row][1]:50}{middle['seconds']:9.2f}{ratio:7.2f}{middle['processor']:8.2f}"
            f"{middle['megabytes']:6.0f}{middle['requests']:7.0f}{middle['most']:6.0f}"
            f"{middle['rounds']:8.0f}  {results[0]['result']}",
            flush=True,
        )


def crop_of(root: Path) -> list[list[int]]:
    """Return where RSP lies, in indices."""
    import xarray_atlas

    ds = xarray_atlas.open_atlas(root / PLACE)
    cut = ds.atlas.crop("RSP")
    first = [int(np.searchsorted(ds[dim].values, cut[dim].values[0])) for dim in "zyx"]
    return [[a, a + cut.sizes[dim]] for a, dim in zip(first, "zyx", strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--source", default=SAMPLE, help="annotation OME-Zarr (path or URL)")
    parser.add_argument("--size", type=int, nargs=3, default=FINE, metavar=("Z", "Y", "X"))
    parser.add_argument(
        "--latency", type=float, default=0.06, help="seconds (default: %(default)s)"
    )
    parser.add_argument("--s3", action="store_true", help="by S3's protocol instead of HTTP")
    parser.add_argument("--repeat", type=int, default=3, help="rounds (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), help="these rows only")
    parser.add_argument("--root", type=Path, help="a folder with the stores, made if it is empty")
    parser.add_argument("--row", choices=list(ROWS), help=argparse.SUPPRESS)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    shape = tuple(options.size)
    if options.serve:
        serve(options.serve.resolve(), options.latency)
    elif options.row:
        print(json.dumps(measure(options.row, options.s3, shape)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(options.root or folder)
            if not (root / PLACE).exists():
                make_store(root, options.source, shape)
            if not (root / IMAGE).exists():
                make_image(root, shape)
            if not (root / NAMED).exists():
                make_named(root)
            report(root, options, shape)


if __name__ == "__main__":
    main()
