"""Without a network: soon an error that says what there is, and patience where a server is slow."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.catalogues import write_catalogue
from support.faulty_server import faulty_server
from support.small_worlds import brainglobe_table, labels, write_ome_zarr
from xarray_atlas import download, list_atlases, open_atlas
from xarray_atlas.errors import StoreError
from xarray_atlas.io.brainglobe import catalogue, lookup
from xarray_atlas.io.zarr import reach, stores
from xarray_atlas.io.zarr.reach import host_of, is_reachable

pytestmark = pytest.mark.version_independent

LIMIT = 3.0
"""Seconds within which it is known that there is no network."""


@pytest.fixture(autouse=True)
def nobodys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxies, and nobody's own folders and configuration."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(reach, "getproxies", dict)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BRAINGLOBE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("XARRAY_ATLAS_DATA", str(tmp_path / "data"))


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """An address at which nobody accepts connections: as packets that get lost."""
    with socket.socket() as server, socket.socket() as one, socket.socket() as two:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for waiting in (one, two):  # which fill the queue of those who wait
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()


def closed() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
    return port


def seconds(call: Callable[[], Any], match: str) -> float:
    """Return how long a call takes to fail: the least of three where a busy machine delays one."""
    taken = []
    while not taken or (min(taken) >= LIMIT and len(taken) < 3):
        began = time.monotonic()
        with pytest.raises(StoreError, match=match):
            call()
        taken.append(time.monotonic() - began)
    return min(taken)


def offline(monkeypatch: pytest.MonkeyPatch, how: str, silent: tuple[str, int]) -> str:
    """Make BrainGlobe's bucket unreachable; return where it is said to be."""
    endpoint = {
        "refused": f"http://127.0.0.1:{closed()}",
        "silent": f"http://127.0.0.1:{silent[1]}",
        "no such name": "http://nowhere.invalid",
        "no answer for the name": "http://slow.invalid",
    }[how]
    if how == "no answer for the name":
        asked = socket.getaddrinfo

        def resolve(host: Any, *args: Any, **keywords: Any) -> Any:
            if host == "slow.invalid":
                threading.Event().wait(6)
            return asked(host, *args, **keywords)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    return endpoint


WAYS = ["refused", "silent", "no such name", "no answer for the name"]


@pytest.mark.parametrize("how", WAYS)
def test_names_and_lists_fail_soon(
    monkeypatch: pytest.MonkeyPatch, silent: tuple[str, int], how: str
) -> None:
    offline(monkeypatch, how, silent)
    words = r"cannot re.*there are none.*root="
    assert seconds(lambda: open_atlas("allen_mouse_25um"), words) < LIMIT
    assert seconds(list_atlases, "cannot re") < LIMIT


def test_the_error_names_the_copies_there_are(
    monkeypatch: pytest.MonkeyPatch, silent: tuple[str, int], tmp_path: Path
) -> None:
    root = write_catalogue(tmp_path / "bucket")
    folder = download("tiny_mouse_25um", root=root)
    offline(monkeypatch, "silent", silent)
    assert open_atlas("tiny_mouse_25um").attrs["root"] == str(folder)
    found = seconds(lambda: open_atlas("other_25um"), f"tiny_mouse_25um in {folder}")
    assert found < LIMIT
    with pytest.warns(UserWarning, match="only the copies on this machine are listed"):
        table = list_atlases()
    assert table["name"].tolist() == ["tiny_mouse"]


@pytest.mark.parametrize("how", WAYS)
def test_a_store_by_its_url_fails_soon(
    monkeypatch: pytest.MonkeyPatch, silent: tuple[str, int], how: str
) -> None:
    url = offline(monkeypatch, how, silent)
    table = brainglobe_table()
    took = seconds(lambda: open_atlas(f"{url}/l.ome.zarr", terminology=table), "cannot re")
    assert took < LIMIT


def test_a_server_that_is_slow_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "CONNECTING", 0.4)
    write_ome_zarr(tmp_path / "l.ome.zarr")
    with faulty_server(tmp_path) as server:

        def slow(request: Any) -> Any:
            time.sleep(1.2)

        server.fault = slow
        ds = open_atlas(f"{server.url}/l.ome.zarr", terminology=brainglobe_table())
        server.fault = lambda request: None
        assert (ds.annotation == labels()).all()


def test_the_request_decides_where_only_the_probe_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a proxy that this package does not know of."""
    monkeypatch.setattr(stores, "is_reachable", lambda host, seconds: False)
    write_ome_zarr(tmp_path / "l.ome.zarr")
    with faulty_server(tmp_path) as server:
        ds = open_atlas(f"{server.url}/l.ome.zarr", terminology=brainglobe_table())
        assert ds.annotation.shape == labels().shape


def test_reachable(silent: tuple[str, int]) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert is_reachable(server.getsockname(), 2)
    began = time.monotonic()
    assert not is_reachable(("127.0.0.1", closed()), 2)
    assert not is_reachable(("nowhere.invalid", 80), 2)
    assert time.monotonic() - began < 2
    assert not is_reachable(silent, 0.3)


def test_which_host_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host_of("s3://b/x", None) == ("s3.amazonaws.com", 443)
    assert host_of("s3://b/x", {"endpoint_url": "http://h:9000"}) == ("h", 9000)
    assert host_of("s3://b/x", {"client_kwargs": {"endpoint_url": "https://h"}}) == ("h", 443)
    assert host_of("s3://b/x", {"profile": "lab"}) is None
    assert host_of("s3://b/x", {"config_kwargs": {"proxies": {"https": "p"}}}) is None
    assert host_of("https://h/x", None) == ("h", 443)
    assert host_of("http://h:81/x", None) == ("h", 81)
    assert host_of("/data/x", None) is None
    assert host_of("simplecache::http://h/x", None) is None
    assert host_of("gs://b/x", None) is None
    monkeypatch.setattr(reach, "getproxies", lambda: {"https": "http://proxy:3128"})
    monkeypatch.setattr(reach, "proxy_bypass", lambda host: host == "local")
    assert host_of("https://h/x", None) == ("proxy", 3128)
    assert host_of("https://local/x", None) == ("local", 443)
    assert lookup.BUCKET == catalogue.BUCKET == "s3://brainglobe/atlas"
