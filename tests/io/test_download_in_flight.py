"""A download's requests: how many are in flight, and what ends them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.slow_server import SlowServer, slow_server
from xarray_atlas.errors import StoreError
from xarray_atlas.io.copies.records import UNFINISHED, Object
from xarray_atlas.io.downloads import in_flight
from xarray_atlas.io.downloads.remote import connect
from xarray_atlas.io.downloads.transfer import Task, fetch
from xarray_atlas.options import OPTIONS

pytestmark = pytest.mark.version_independent

NUMBER = 400


@pytest.fixture(params=["HTTP", "S3"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[SlowServer, str]]:
    """A server of many objects, and the URL of their folder."""
    folder = tmp_path / "bucket/store"
    folder.mkdir(parents=True)
    for i in range(NUMBER):
        (folder / f"{i}").write_bytes(bytes([i % 256]) * 1000)
    with slow_server(tmp_path, 0.3) as told:
        yield told, "s3://bucket" if request.param == "S3" else f"{told.url}/bucket"


def run(
    server: tuple[SlowServer, str], folder: Path, progress: Callable[[int], object] = lambda _: None
) -> None:
    told, url = server
    objects = {
        str(i): Object(1000, hashlib.md5(bytes([i % 256]) * 1000).hexdigest())
        for i in range(NUMBER)
    }
    options = {"endpoint_url": told.url} if url.startswith("s3") else None
    task = Task("store", str(folder), objects, list(objects), {})
    fetch(connect(url, options), [task], progress)


def test_sixty_four_requests_are_in_flight(server: tuple[SlowServer, str], tmp_path: Path) -> None:
    done: list[int] = []
    run(server, tmp_path / "copy", done.append)
    assert done == [1000] * NUMBER
    assert server[0].most == OPTIONS["requests"] == 64
    for i in range(NUMBER):
        assert (tmp_path / f"copy/{i}").read_bytes() == bytes([i % 256]) * 1000


def test_large_objects_are_held_within_bounds(
    server: tuple[SlowServer, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server[0].delay = 0.01
    for memory, most in ((5500, 5), (10, 1)):  # one that is too large comes alone
        monkeypatch.setattr(in_flight, "MEMORY", memory)
        server[0].settle()
        run(server, tmp_path / f"copy{memory}")
        assert len(server[0].paths) == NUMBER
        assert server[0].most <= most


@pytest.mark.parametrize("how", ["error", "interrupt"])
def test_nothing_is_asked_for_after_the_end(
    server: tuple[SlowServer, str], tmp_path: Path, how: str
) -> None:
    told = server[0]
    told.delay = 0.05

    def interrupt(size: int) -> None:
        raise KeyboardInterrupt

    if how == "error":
        told.fault = lambda path: 403 if len(told.asked) >= 70 else None
        with pytest.raises(StoreError, match="no permission to read .*the same call resumes"):
            run(server, tmp_path / "copy")
    else:
        with pytest.raises(KeyboardInterrupt):
            run(server, tmp_path / "copy", interrupt)
    asked = len(told.asked) + told.in_flight
    assert asked < NUMBER
    files = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert not [path for path in files if path.name.endswith(UNFINISHED)]
    assert all(path.stat().st_size == 1000 for path in files if path.name.isdecimal())
    told.fault = lambda path: None
    told.settle()
    assert told.paths == []
    run(server, tmp_path / "copy")
    assert len(list((tmp_path / "copy").glob("[0-9]*"))) == NUMBER
    assert len(told.paths) < NUMBER
