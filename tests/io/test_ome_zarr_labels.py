"""Labels that lie below an image, as OME-Zarr and bioformats2raw have them; images in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from support.small_worlds import brainglobe_table, labels, space, voxels
from support.stores import serve
from xarray_atlas import open_atlas
from xarray_atlas.errors import StoreFormatError, StoreNotFoundError

REGIONS = brainglobe_table()
OMERO = {"omero": {"channels": [{"color": "FFFFFF", "window": {"start": 0, "end": 9}}]}}


def write(group: zarr.Group, array: Any = None, extra: dict[str, Any] | None = None) -> None:
    """Write one level and its metadata into a group of either format."""
    array = labels() if array is None else array
    chunks = tuple(min(n, 5) for n in array.shape)
    group.create_array("0", data=array, chunks=chunks)
    scale = [1.0] * (array.ndim - 3) + [0.025] * 3
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}][: array.ndim - 3]
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]
    multiscale = {"axes": [*axes, *space()], "datasets": datasets}
    if group.metadata.zarr_format == 2:
        group.attrs.update({"multiscales": [{"version": "0.4", **multiscale}], **(extra or {})})
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale], **(extra or {})}


def say(group: zarr.Group, **said: Any) -> None:
    """Write other metadata of OME-Zarr."""
    if group.metadata.zarr_format == 2:
        group.attrs.update(said)
    else:
        group.attrs["ome"] = {"version": "0.5", **said}


def write_image(
    group: zarr.Group, *names: str, listed: list[str] | None = None, **how: Any
) -> None:
    """Write an image of grey values 1 with labels below it."""
    grey = np.ones((1, 1, *labels().shape), "uint16")
    write(group, grey, extra=OMERO)
    below = group.create_group("labels")
    for name in names:
        write(below.create_group(name), extra={"image-label": {}}, **how)
    say(below, labels=list(names) if listed is None else listed)


@pytest.fixture(params=[2, 3], ids=["zarr 2", "zarr 3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> zarr.Group:
    return zarr.open_group(tmp_path / "i.ome.zarr", mode="w", zarr_format=request.param)


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "i.ome.zarr")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The same behind HTTP, which lists nothing."""
    with serve(tmp_path) as server:
        yield f"{server.url}/i.ome.zarr"


def test_the_labels_of_an_image_are_opened(root: zarr.Group, place: str, address: str) -> None:
    write_image(root, "annotation")
    for source in (place, Path(place), address, root):
        ds = open_atlas(source, terminology=REGIONS)
        assert (voxels(ds, "A"), voxels(ds, "B")) == (48, 150)
        assert ds.attrs["source"].endswith("i.ome.zarr/labels/annotation")
    assert voxels(open_atlas(ds.attrs["source"], terminology=REGIONS), "A") == 48


def test_the_group_of_labels_itself(root: zarr.Group, place: str, address: str) -> None:
    write_image(root, "annotation")
    for source in (f"{place}/labels", f"{address}/labels", root["labels"]):
        assert voxels(open_atlas(source, terminology=REGIONS), "A") == 48


def test_several_labels_are_a_question(root: zarr.Group, place: str, address: str) -> None:
    write_image(root, "coarse", "fine")
    for source in (place, address, f"{place}/labels"):
        with pytest.raises(StoreFormatError, match="holds several labels") as caught:
            open_atlas(source, terminology=REGIONS)
        (there,) = re.findall(r"several labels: (.*)\. Open one", str(caught.value))
        assert [each.rpartition("/")[2] for each in there.split(", ")] == ["coarse", "fine"]
        for each in there.split(", "):
            assert voxels(open_atlas(each, terminology=REGIONS), "A") == 48


def test_labels_that_are_listed_and_not_there(root: zarr.Group, place: str, address: str) -> None:
    write_image(root, listed=["gone"])
    for source in (place, address):
        with pytest.raises(StoreFormatError, match="lists the labels 'gone', but there is no such"):
            open_atlas(source, terminology=REGIONS)


def test_labels_with_no_list_or_an_empty_one_are_none(root: zarr.Group, place: str) -> None:
    write(root)
    say(root.create_group("labels"), labels=[])
    assert open_atlas(place, terminology=REGIONS).attrs["source"] == place


def test_what_says_that_it_is_labels_is_taken_as_it_is(root: zarr.Group, place: str) -> None:
    write(root, extra={"image-label": {}})
    write(root.create_group("labels").create_group("other"), np.zeros_like(labels()))
    say(root["labels"], labels=["other"])
    ds = open_atlas(place, terminology=REGIONS)
    assert (ds.attrs["source"], voxels(ds, "A")) == (place, 48)


def test_labels_of_bioformats2raw_itself(root: zarr.Group, place: str, address: str) -> None:
    # it writes omero, five axes, and no image-label, whatever it converts
    say(root, **{"bioformats2raw.layout": 3})
    write(root.create_group("0"), labels()[np.newaxis, np.newaxis], OMERO)
    say(root.create_group("OME"), series=["0"])
    for source in (place, address):
        ds = open_atlas(source, terminology=REGIONS)
        assert (voxels(ds, "A"), voxels(ds, "B")) == (48, 150)
        assert ds.attrs["source"] == f"{source}/0"


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "numbered"])
def test_labels_below_an_image_of_bioformats2raw(
    root: zarr.Group, place: str, address: str, listed: bool
) -> None:
    say(root, **{"bioformats2raw.layout": 3})
    write(root.create_group("0"), np.ones_like(labels()), OMERO)
    write_image(root.create_group("1"), "annotation")
    if listed:
        say(root.create_group("OME"), series=["0", "1"])
    for source in (place, address):
        ds = open_atlas(source, terminology=REGIONS)
        assert (voxels(ds, "A"), ds.attrs["source"]) == (48, f"{source}/1/labels/annotation")


def test_several_images_of_bioformats2raw_are_a_question(root: zarr.Group, place: str) -> None:
    say(root, **{"bioformats2raw.layout": 3})
    for name in ("0", "1"):
        write(root.create_group(name), extra=OMERO)
    with pytest.raises(StoreFormatError, match="holds several images") as caught:
        open_atlas(place, terminology=REGIONS)
    (there,) = re.findall(r"several images: (.*)\. Open one", str(caught.value))
    assert there.split(", ") == [f"{place}/0", f"{place}/1"]
    assert voxels(open_atlas(there.split(", ")[1], terminology=REGIONS), "A") == 48


def test_a_store_in_memory(root: zarr.Group) -> None:
    store = MemoryStore()
    write_image(zarr.create_group(store, zarr_format=3), "annotation")
    assert voxels(open_atlas(store, terminology=REGIONS), "A") == 48


def test_labels_cost_one_more_request_where_the_metadata_do_not_say_it(tmp_path: Path) -> None:
    for name, extra in (("plain", {}), ("said", {"image-label": {}})):
        write(zarr.open_group(tmp_path / name, mode="w", zarr_format=3), extra=extra)
    with serve(tmp_path) as server:
        asked = {}
        for name in ("plain", "said"):
            server.requests.clear()
            open_atlas(f"{server.url}/{name}", terminology=REGIONS)
            asked[name] = len(server.requests)
            assert any("labels" in path for path in server.requests) is (name == "plain")
    assert asked["plain"] == asked["said"] + 1


# -- templates of BrainGlobe's layout


@pytest.mark.parametrize("remote", [False, True], ids=["folder", "HTTP"])
def test_a_template_of_the_layout_is_an_image(tmp_path: Path, remote: bool) -> None:
    names = {
        "annotation-sets/a-b-annotation": "annotations_compressed",
        "templates/a-b-c-template": "template",
    }
    for folder, file in {**names, "annotation-sets/other-annotation": "annotation"}.items():
        path = tmp_path / folder / "1_0" / f"{file}.ome.zarr"
        write(zarr.open_group(path, mode="w", zarr_format=3))
    with serve(tmp_path) as server:
        base = server.url if remote else str(tmp_path)
        with pytest.raises(StoreFormatError, match="is a template, an image, and not") as caught:
            open_atlas(
                f"{base}/templates/a-b-c-template/1_0/template.ome.zarr", terminology=REGIONS
            )
        said = str(caught.value)
        assert "other-annotation" not in said
        if remote:  # which lists nothing
            assert (
                f"{base}/annotation-sets/<name>/<version>/annotations_compressed.ome.zarr" in said
            )
        else:
            (address,) = re.findall(r"same root are (\S+)\. An", said)
            assert voxels(open_atlas(address, terminology=REGIONS), "A") == 48


def test_a_folder_of_ones_own_that_is_called_templates(tmp_path: Path) -> None:
    path = tmp_path / "templates" / "mine" / "1" / "labels.ome.zarr"
    write(zarr.open_group(path, mode="w", zarr_format=3))
    assert voxels(open_atlas(path, terminology=REGIONS), "A") == 48


def test_the_hemispheres_of_the_layout_are_no_labels(tmp_path: Path) -> None:
    """They are 1 and 2, which are ids of regions too."""
    folder = tmp_path / "annotation-sets" / "a-annotation" / "1_0"
    for name in ("annotation", "hemispheres"):
        write(zarr.open_group(folder / f"{name}.ome.zarr", mode="w", zarr_format=3))
    with pytest.raises(
        StoreFormatError, match="the hemispheres of an annotation, and not"
    ) as caught:
        open_atlas(folder / "hemispheres.ome.zarr", terminology=REGIONS)
    said = re.findall(r"which are (\S+) or (\S+)\. ", str(caught.value))[0]
    (there,) = [each for each in said if Path(each).exists()]
    assert voxels(open_atlas(there, terminology=REGIONS), "A") == 48
    both = open_atlas(there, terminology=REGIONS, include=("annotation", "hemispheres"))
    assert set(both.data_vars) == {"annotation", "hemispheres"}


def test_nothing_at_all(tmp_path: Path) -> None:
    with serve(tmp_path) as server, pytest.raises(StoreNotFoundError):
        open_atlas(f"{server.url}/i.ome.zarr", terminology=REGIONS)
