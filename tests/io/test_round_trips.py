"""Opening over a network: how many requests have to wait for another one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import xarray as xr
import zarr

from support.catalogues import write_catalogue
from support.slow_server import SlowServer, slow_server
from support.stores import (
    LAYOUT,
    REGIONS,
    TERMINOLOGY,
    labels,
    scaling,
    write_atlas,
    write_ome_zarr,
)
from xarray_atlas import open_atlas
from xarray_atlas.errors import AtlasError, ResolutionNotFoundError, StoreError, StoreNotFoundError
from xarray_atlas.io.zarr import stores
from xarray_atlas.io.zarr.ahead import begin, likely_levels

pytestmark = pytest.mark.version_independent

DELAY = 0.25
SETS = "annotation-sets/tiny_mouse-annotation/1_0"
LAST = "[atlases]\ntiny_mouse_25um = 1.0\ntiny_mouse_50um = 1.0\n"
ALL = ("annotation", "template", "hemispheres", "tiny_mouse-nissl")


class Remote(NamedTuple):
    """The folder that a server has, and how to open what is in it."""

    server: SlowServer
    folder: Path
    base: str
    options: dict[str, Any]

    def open(self, source: str, **keywords: Any) -> xr.Dataset:
        """Open a store by its path on the server, or an atlas by name; count from here on."""
        self.server.settle()
        if "root" in keywords:
            keywords["root"] = f"{self.base}/{keywords['root']}"
        else:
            source = f"{self.base}/{source}"
        return open_atlas(source, storage_options=self.options, **keywords)


@pytest.fixture(params=["HTTP", "S3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Remote]:
    """A server whose clients are there already: to make one takes longer than a round trip."""
    write_atlas(tmp_path / "first")
    with slow_server(tmp_path, 0) as server:
        s3 = request.param == "S3"
        options = {"endpoint_url": server.url} if s3 else {}
        found = Remote(server, tmp_path, "s3:/" if s3 else server.url, options)
        server.absent = 403 if s3 else 404  # as of a bucket that may not be listed
        found.open(f"first/{LAYOUT}")
        server.delay = DELAY
        yield found


def pyramid() -> dict[str, Any]:
    shapes = {0.025: (6, 8, 10), 0.05: (3, 4, 5), 0.1: (2, 2, 3)}
    return {
        # a chunk of zeros would not be stored
        str(i): (np.maximum(labels(shape), 8), scaling(mm))
        for i, (mm, shape) in enumerate(shapes.items())
    }


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("resolution", [None, "100 um", 1, "2"])
def test_a_url_takes_two_rounds(remote: Remote, zarr_format: int, resolution: Any) -> None:
    write_atlas(remote.folder / "a", levels=pyramid(), zarr_format=zarr_format)
    ds = remote.open(f"a/{LAYOUT}", resolution=resolution)
    assert ds.attrs["level"] == {None: "0", "100 um": "2", 1: "1", "2": "2"}[resolution]
    assert remote.server.rounds <= 2
    assert remote.server.depth == 2
    remote.server.settle()
    assert remote.server.paths == []
    level = pyramid()[ds.attrs["level"]][0]
    np.testing.assert_array_equal(ds.annotation, level)


def test_what_a_url_asks_for(remote: Remote) -> None:
    """Of the format and layout that BrainGlobe writes nothing is guessed."""
    write_atlas(remote.folder / "a", levels=pyramid())
    remote.open(f"a/{LAYOUT}", resolution="50 um")
    wanted = [f"a/{TERMINOLOGY}", f"a/{LAYOUT}/zarr.json", f"a/{LAYOUT}/1/zarr.json"]
    assert sorted(remote.server.paths) == sorted(wanted)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidated_metadata_are_used(remote: Remote, zarr_format: int) -> None:
    path = write_atlas(remote.folder / "a", levels=pyramid(), zarr_format=zarr_format)
    if zarr_format == 2:
        zarr.consolidate_metadata(path)
    else:
        _consolidate(path)
    remote.open(f"a/{LAYOUT}", resolution="2")
    assert remote.server.depth == (1 if zarr_format == 3 else 2)
    if zarr_format == 3:
        assert len(remote.server.paths) == 2


def _consolidate(path: Path) -> None:
    with pytest.warns(zarr.errors.ZarrUserWarning, match="Consolidated metadata"):
        zarr.consolidate_metadata(path)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_all_levels_take_two_rounds(remote: Remote, zarr_format: int) -> None:
    write_atlas(remote.folder / "a", levels=pyramid(), zarr_format=zarr_format)
    remote.server.settle()
    tree = xr.open_datatree(
        f"{remote.base}/a/{LAYOUT}", engine="atlas", storage_options=remote.options, chunks={}
    )
    assert list(tree.children) == ["0", "1", "2"]
    assert remote.server.rounds <= 2
    assert remote.server.depth == 2


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("path", ["2", "fine"])
def test_a_store_elsewhere_takes_two_rounds(remote: Remote, zarr_format: int, path: str) -> None:
    """Whatever its levels are called; the terminology is at a URL too."""
    levels = {path: pyramid()["0"], "other": pyramid()["1"]}
    write_ome_zarr(remote.folder / "a.zarr", levels, zarr_format=zarr_format)
    table = f"{remote.base}/first/{TERMINOLOGY}"
    ds = remote.open("a.zarr", terminology=table, resolution="25 um")
    assert ds.attrs["level"] == path
    assert remote.server.rounds <= 2
    assert remote.server.depth == 2


@pytest.mark.parametrize("name", ["tiny_mouse", "tiny_mouse_50um"])
@pytest.mark.parametrize("include", ["annotation", ALL])
def test_a_name_takes_four_rounds(remote: Remote, name: str, include: Any) -> None:
    root = write_catalogue(remote.folder / "a", symmetric=False, sides=True, references=("nissl",))
    (root / "atlases/last_versions.conf").write_text(LAST)
    ds = remote.open(name, root="a", include=include)
    # the list of versions, the manifest, then groups and terminology, then levels
    stores = 2 if include == "annotation" else 4
    assert len(remote.server.paths) == 3 + 2 * stores
    assert remote.server.rounds <= 4
    assert remote.server.depth == 4
    assert ds.attrs["level"] == ("s1" if "50um" in name else "s0")
    remote.open("tiny_mouse_25um", root="a", version="1.0", include=include)
    assert remote.server.depth == 3


@pytest.mark.parametrize("kind", ["no hemispheres", "older name", "tree"])
def test_other_atlases_by_name_take_four_rounds(remote: Remote, kind: str) -> None:
    root = write_catalogue(remote.folder / "a", symmetric=False, sides=kind != "no hemispheres")
    (root / "atlases/last_versions.conf").write_text(LAST)
    if kind == "older name":
        folder = root / SETS
        (folder / "annotations_compressed.ome.zarr").rename(folder / "annotation.ome.zarr")
    remote.server.settle()
    keywords: Any = {"root": f"{remote.base}/a", "storage_options": remote.options, "chunks": {}}
    if kind == "tree":
        tree = xr.open_datatree("tiny_mouse", engine="atlas", **keywords)
        assert list(tree.children) == ["s0", "s1"]
    else:
        ds = open_atlas("tiny_mouse", **keywords)
        assert ("hemispheres" in ds) is (kind == "older name")
    # by an older name, the store is found a round later, and so are its levels
    assert remote.server.depth <= (6 if kind == "older name" else 4)


@pytest.mark.parametrize("fault", [500, 403, "silence"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_wrong_guess_is_no_error(remote: Remote, zarr_format: int, fault: Any) -> None:
    """Nor is it waited for."""
    levels = {"0": pyramid()["0"], "b": pyramid()["1"]}
    write_ome_zarr(remote.folder / "a.zarr", levels, zarr_format=zarr_format)
    write_atlas(remote.folder / "b", levels=levels, zarr_format=2)
    guesses = "b/annotation-sets/tiny-annotation/1_0/annotation.ome.zarr/0/"
    remote.server.fault = lambda path: fault if path.startswith(guesses) else None
    began = time.monotonic()
    ds = remote.open(f"b/{LAYOUT}", resolution="50 um")
    assert ds.attrs["level"] == "b"
    assert time.monotonic() - began < 10


def test_an_error_of_what_was_guessed_is_as_ever(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atlas(remote.folder / "a", zarr_format=2)
    level = f"{remote.base}/a/{LAYOUT}/0"
    says = {404: "there is no such array", 500: f"cannot read {level}", "silence": "no answer"}
    for fault, sentence in says.items():
        monkeypatch.setattr(stores, "TIMEOUT", 3.0 if fault == "silence" else 25.0)
        remote.server.fault = lambda path, fault=fault: (
            fault if path.endswith("/0/.zarray") else None
        )
        with pytest.raises(AtlasError, match=sentence):
            open_atlas(f"{remote.base}/a/{LAYOUT}", storage_options=remote.options)
    remote.server.fault = lambda path: 500 if path.endswith(".csv") else None
    with pytest.raises(StoreError, match=r"no terminology for .*terminology\.csv"):
        remote.open(f"a/{LAYOUT}")
    with pytest.raises(ResolutionNotFoundError, match="no level of resolution 1 mm"):
        remote.open(f"a/{LAYOUT}", resolution="1 mm", terminology=REGIONS)


def test_the_terminology_of_what_is_not_there_is_not_waited_for(remote: Remote) -> None:
    write_atlas(remote.folder / "a")
    remote.server.fault = lambda path: "silence" if path.endswith(".csv") else None
    began = time.monotonic()
    # S3 refuses it
    with pytest.raises(StoreError if remote.options else StoreNotFoundError):
        open_atlas(
            f"{remote.base}/a/{LAYOUT}".replace("annotation.ome", "no.ome"),
            storage_options=remote.options,
        )
    assert time.monotonic() - began < 10


def test_nothing_that_was_read_ahead_is_kept(remote: Remote) -> None:
    path = write_atlas(remote.folder / "a", levels=pyramid(), zarr_format=2)
    remote.open(f"a/{LAYOUT}", resolution="50 um")
    other = {**pyramid(), "0": (labels((12, 16, 20)), scaling(0.025))}
    write_ome_zarr(path, other, zarr_format=2)
    assert remote.open(f"a/{LAYOUT}").sizes["x"] == 20


def test_what_is_on_this_machine_is_read_when_it_is_wanted(tmp_path: Path) -> None:
    done: list[int] = []
    wait = begin(lambda: done.append(1), str(tmp_path))
    assert done == []
    wait()
    assert done == [1]


@pytest.mark.parametrize(
    ("resolution", "paths"),
    [(None, ["0"]), (3, ["3"]), ("s3", ["s3"]), ("25 um", ["0", "1", "2"])],
)
def test_likely_levels(resolution: Any, paths: list[str]) -> None:
    assert list(likely_levels(resolution)) == paths
