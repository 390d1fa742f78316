"""Credentials in addresses open what they open, and are in nothing that is shown, kept or raised."""

from __future__ import annotations

import base64
import json
import pickle
import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
import xarray as xr
import zarr

from support.catalogues import write_catalogue
from support.faulty_server import Answer, FaultyServer, Request, faulty_server
from support.small_worlds import brainglobe_table, labels, write_ome_zarr
from xarray_atlas import download, list_atlases, open_atlas
from xarray_atlas.atlases.downloading import copy_atlas
from xarray_atlas.cli.main import main
from xarray_atlas.errors import AtlasError, StoreError
from xarray_atlas.io.zarr.addresses import (
    options_elsewhere,
    part_url,
    safe_cause,
    without_secrets,
)
from xarray_atlas.io.zarr.stores import locate, options_of

pytestmark = pytest.mark.version_independent

SECRET = "s3cretXYZ"
LOGIN = base64.b64encode(f"user:{SECRET}".encode()).decode()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """A store and a catalogue behind a password or a token: without one all is refused."""
    monkeypatch.setenv("XARRAY_ATLAS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    served = tmp_path / "served"
    write_ome_zarr(served / "l.ome.zarr")
    brainglobe_table().to_csv(served / "table.csv", index=False)
    write_catalogue(served / "atlas")
    versions = "[atlases]\ntiny_mouse_25um = 1.0\n"
    (served / "atlas/atlases/last_versions.conf").write_text(versions)
    with faulty_server(served) as told:
        told.fault = refuse
        yield told


def refuse(request: Request) -> Answer | None:
    known = request.headers.get("Authorization") == f"Basic {LOGIN}"
    return None if known or f"token={SECRET}" in request.query else Answer(401)


def with_password(server: FaultyServer, path: str) -> str:
    return f"{server.url.replace('://', f'://user:{SECRET}@')}/{path}"


def with_token(server: FaultyServer, path: str) -> str:
    return f"{server.url}/{path}?token={SECRET}&expires=1%2F2"


FORMS = [with_password, with_token]
Form = Callable[[FaultyServer, str], str]


def hidden(text: str) -> bool:
    return SECRET not in text and LOGIN not in text and SECRET not in unquote(text)


def everything_of(error: BaseException) -> str:
    """What Python, notebooks and loggers print of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)


def shown(ds: xr.Dataset) -> dict[str, str]:
    return {
        "attrs": str(ds.attrs),
        "encoding": str([ds.encoding, *(ds[name].encoding for name in ds.variables)]),
        "repr": repr(ds) + repr(ds.atlas) + repr(ds.annotation.data),
        "html": ds._repr_html_() + ds.atlas._repr_html_(),
        "graph": str(dict(ds.annotation.data.dask)),
        "check": str(ds.atlas.check(full=True)),
        "link": ds.atlas.neuroglancer_url(),
    }


@pytest.mark.parametrize("form", FORMS)
def test_a_store_behind_credentials_opens_and_shows_none(server: FaultyServer, form: Form) -> None:
    ds = open_atlas(form(server, "l.ome.zarr"), terminology=brainglobe_table())
    np.testing.assert_array_equal(ds.annotation, labels())
    assert ds.attrs["source"] == f"{server.url}/l.ome.zarr"
    assert [name for name, text in shown(ds).items() if not hidden(text)] == []
    report = ds.atlas.check(full=True)
    made = report.checks.set_index("check").made
    assert made[["levels", "missing chunks"]].all()  # which ask the source


@pytest.mark.parametrize("form", FORMS)
def test_files_have_none(server: FaultyServer, form: Form, tmp_path: Path) -> None:
    ds = open_atlas(form(server, "l.ome.zarr"), terminology=brainglobe_table())
    ds.to_zarr(tmp_path / "a.zarr", consolidated=False)
    ds.to_netcdf(tmp_path / "a.nc")
    ds.atlas.explore().save(tmp_path / "a.html")
    for path in tmp_path.rglob("*"):
        if path.is_file() and "served" not in path.parts:
            assert SECRET.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("form", FORMS)
def test_workers_have_them(server: FaultyServer, form: Form) -> None:
    ds = open_atlas(form(server, "l.ome.zarr"), terminology=brainglobe_table())
    again = pickle.loads(pickle.dumps(ds))
    np.testing.assert_array_equal(again.annotation, labels())


@pytest.mark.parametrize("form", FORMS)
def test_other_ways_to_open(server: FaultyServer, form: Form) -> None:
    url = form(server, "l.ome.zarr")
    tree = xr.open_datatree(url, engine="atlas", terminology=brainglobe_table())
    assert hidden(str(tree) + str(tree.encoding) + str([n.encoding for n in tree.subtree]))
    ds = xr.open_dataset(url, engine="atlas", terminology=brainglobe_table())
    assert hidden(str(ds.encoding) + str(ds.attrs))
    table = open_atlas(url, terminology=form(server, "table.csv"))
    assert table.attrs["terminology_url"] == f"{server.url}/table.csv"
    if form is with_password:
        store = zarr.storage.FsspecStore.from_url(url, read_only=True)
        opened = open_atlas(store, terminology=brainglobe_table())
        np.testing.assert_array_equal(opened.annotation, labels())
        assert hidden(str(opened.attrs) + str(opened.encoding))


@pytest.mark.parametrize("form", FORMS)
def test_an_atlas_by_name_below_a_root(server: FaultyServer, form: Form) -> None:
    ds = open_atlas("tiny_mouse_25um", root=form(server, "atlas"))
    assert ds.attrs["root"] == f"{server.url}/atlas"
    assert hidden(str(ds.attrs) + ds.atlas.neuroglancer_url())
    table = list_atlases(form(server, "atlas"))
    assert "tiny_mouse" in table["name"].tolist()


@pytest.mark.parametrize("form", FORMS)
def test_written_with_xarray_behind_credentials(server: FaultyServer, form: Form) -> None:
    ds = open_atlas(form(server, "l.ome.zarr"), terminology=brainglobe_table())
    ds.load().to_zarr(server.folder / "w.zarr", zarr_format=2)
    found = open_atlas(form(server, "w.zarr"))
    np.testing.assert_array_equal(found.annotation, labels())
    assert hidden(str(found.attrs) + str(found.encoding) + repr(found))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [404, 401, 403, 500])
def test_errors_have_none(server: FaultyServer, form: Form, status: int) -> None:
    def ask(*calls: Callable[[], Any]) -> None:
        for call in calls:
            with pytest.raises(AtlasError) as caught:
                call()
            assert hidden(everything_of(caught.value)), everything_of(caught.value)

    table = brainglobe_table()
    ds = open_atlas(form(server, "l.ome.zarr"), terminology=table)
    server.fault = lambda request: Answer(status)
    ask(
        lambda: open_atlas(form(server, "l.ome.zarr"), terminology=table),
        lambda: open_atlas(form(server, "atlas/atlases/a_25um/1_0/manifest.json")),
        lambda: open_atlas(server.folder / "l.ome.zarr", terminology=form(server, "t.csv")),
        lambda: open_atlas("tiny_mouse_25um", root=form(server, "atlas")),
        lambda: open_atlas(form(server, "l.ome.zarr"), root=form(server, "atlas")),
        lambda: list_atlases(form(server, "atlas")),
        lambda: download("tiny_mouse_25um", server.folder / "copy", root=form(server, "atlas")),
    )
    if status != 404:  # which is an absent chunk
        ask(ds.annotation.compute)


def test_the_command_line_shows_none(
    server: FaultyServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = str(server.folder / "table.csv")
    for form in FORMS:
        url = form(server, "l.ome.zarr")
        for command in ("info", "volume", "check"):
            assert main([command, "--atlas", url, "--terminology", table]) == 0
        assert main(["info", "--atlas", form(server, "none.ome.zarr"), "--terminology", table]) == 1
        assert main(["list", "--root", form(server, "none")]) == 1
    told = capsys.readouterr()
    assert f"{server.url}/l.ome.zarr" in told.out
    assert "none.ome.zarr" in told.err
    assert hidden(told.out + told.err)


def test_an_endpoint_with_a_password(tmp_path: Path) -> None:
    options = {"key": "k", "secret": "s", "endpoint_url": f"http://u:{SECRET}@127.0.0.1:1"}
    root, name = "s3://b/x", "a_25um"
    calls: list[Callable[[], Any]] = [
        lambda: open_atlas("s3://b/l.ome.zarr", storage_options=options),
        lambda: open_atlas(name, root=root, storage_options=options),
        lambda: list_atlases(root, storage_options=options),
        lambda: download(name, tmp_path, root=root, storage_options=options),
    ]
    for call in calls:
        with pytest.raises(StoreError, match=re.escape("127.0.0.1")) as caught:
            call()
        assert hidden(everything_of(caught.value))


def test_records_of_copies_have_none(tmp_path: Path) -> None:
    """Nor has what a copy says of how to complete it."""
    write_catalogue(tmp_path / "bucket")
    # a file system of fsspec that can be listed, and takes no credentials: only the record matters
    root = f"file://{tmp_path / 'bucket'}"
    copied = copy_atlas(
        "tiny_mouse_25um", tmp_path / "copy", resolution=None, version=None,
        include=("annotation",), root=root, storage_options=None, progress=False, verify=False,
    )  # fmt: skip
    for record in copied.folder.rglob(".xarray-atlas/objects.json"):
        assert "@" not in json.loads(record.read_text())["source"]


@pytest.mark.parametrize(
    ("url", "parted", "options"),
    [
        ("https://h/a.zarr", "https://h/a.zarr", None),
        (
            "https://u:p%40q@h:8/a.zarr",
            "https://h:8/a.zarr",
            {"client_kwargs": {"headers": {"Authorization": "Basic dTpwQHE="}}},
        ),
        (
            "http://h/a.zarr?sig=a%2Bb%3D&x=",
            "http://h/a.zarr",
            {"params": [["sig", "a+b="], ["x", ""]]},
        ),
        ("s3://k:s%2F1@b/a.zarr", "s3://b/a.zarr", {"key": "k", "secret": "s/1"}),
        ("s3://b/a.zarr?versionId=1", "s3://b/a.zarr?versionId=1", None),
        ("ftp://u:p@h/a", "ftp://h/a", {"username": "u", "password": "p"}),
        ("abfs://container@account.net/a", "abfs://container@account.net/a", None),
        (
            "simplecache::http://h/a?t=1",
            "simplecache::http://h/a",
            {"http": {"params": [["t", "1"]]}},
        ),
        ("/data/a?b@c:d", "/data/a?b@c:d", None),
    ],
)
def test_urls_are_parted(url: str, parted: str, options: Any) -> None:
    assert part_url(url, None) == (parted, options)
    assert locate(url) == parted
    assert options_of(url) == options


def test_options_that_were_given_are_kept() -> None:
    given = {"client_kwargs": {"headers": {"X": "1"}, "trust_env": True}, "params": {"a": "b"}}
    _, options = part_url("https://u:p@h/a?c=d", given)
    assert options == {
        "client_kwargs": {"headers": {"X": "1", "Authorization": "Basic dTpw"}, "trust_env": True},
        "params": [("a", "b"), ["c", "d"]],
    }
    elsewhere = options_elsewhere(options, "https://h/a", "https://other/t.csv")
    assert elsewhere == {"client_kwargs": {"trust_env": True}}
    assert options_elsewhere(options, "https://h/a", "https://h/t.csv") is options


def test_another_server_is_not_sent_credentials(server: FaultyServer) -> None:
    with faulty_server(server.folder) as other:
        url = with_password(server, "l.ome.zarr")
        ds = open_atlas(url, terminology=f"{other.url}/table.csv")
        assert ds.atlas.region("A").name == "area a"
        assert all("Authorization" not in request.headers for request in other.requests)


@pytest.mark.parametrize(
    "text",
    [
        f"no answer from http://user:{SECRET}@host:80/a/b",
        f"404, url='https://host/a?token={SECRET}&b=c'",
        f"http://{SECRET}@host/a and s3://key:{SECRET}@bucket/x",
        f'Could not connect to the endpoint URL: "http://u:{SECRET}@127.0.0.1:1/b"',
    ],
)
def test_texts_without_secrets(text: str) -> None:
    assert SECRET not in without_secrets(text)
    assert "host" in without_secrets(text) or "127.0.0.1" in without_secrets(text)


def test_a_cause_is_kept_where_it_shows_nothing() -> None:
    harmless = ValueError("at http://host/a")
    assert safe_cause(harmless) is harmless
    harmless.__cause__ = PermissionError(f"http://user:{SECRET}@host")
    found = safe_cause(harmless)
    assert found is not harmless
    assert hidden(everything_of(found))
    assert isinstance(safe_cause(harmless.__cause__), PermissionError)


def test_no_warning_has_any(server: FaultyServer) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = open_atlas(
            with_token(server, "l.ome.zarr"), terminology=brainglobe_table(), orientation="asr"
        )
        ds.atlas.volume("A", hemisphere="left")  # the midline is assumed
    assert caught
    assert all(hidden(str(one.message)) for one in caught)
