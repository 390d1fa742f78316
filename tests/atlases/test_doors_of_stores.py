"""The table of doors of stores and folders: each with something missing, and what comes of it.

A cell is the right answer, a question (an error that says what to state, followed here), a refusal,
or an answer with a warning that names the assumption. None is a guess.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

from support.small_worlds import MM3, brainglobe_table, labels, space, table, write_ome_zarr
from xarray_atlas import create_atlas, open_atlas, open_brainreg
from xarray_atlas.errors import AtlasError, GridError, StoreFormatError

tifffile = pytest.importorskip("tifffile")

REGIONS = brainglobe_table()
GREY = np.random.default_rng(0).integers(1000, 1300, labels().shape).astype("uint16")
LEFT_OF = {"r": 96, "l": 96}
"""Voxels of A and B left of the middle plane, by the side on which the first voxel lies."""
for _letter in LEFT_OF:
    _half = slice(4, None) if _letter == "r" else slice(4)
    LEFT_OF[_letter] = int((labels()[:, :, _half] > 0).sum())

Open = Callable[[Path, dict[str, Any]], xr.Dataset]


class Cell(NamedTuple):
    """What is missing in the store or folder, what is said to open it, and the outcome."""

    made: dict[str, Any]
    outcome: str
    """"answer", "question: <word>", "refusal: <word>" or "warning: <word>"."""
    then: Mapping[str, Any] = MappingProxyType({})
    """What the question asks for, with which the answer is right."""


def axes(unit: bool, direction: bool) -> list[dict[str, Any]]:
    found = space("millimeter" if unit else None)
    said = ("anterior-to-posterior", "superior-to-inferior", "right-to-left")
    for axis, text in zip(found, said, strict=True):
        if direction:
            axis["orientation"] = {"type": "anatomical", "value": text}
    return found


def ome_zarr(
    place: Path,
    unit: bool = True,
    direction: bool = True,
    origin: bool = True,
    image: bool = False,
    **_: Any,
) -> Path:
    """One level whose first voxel lies at 1 mm along each axis, where the metadata say where."""
    array = GREY if image else labels()
    write_ome_zarr(place, array, axes=axes(unit, direction))
    group = zarr.open_group(place, mode="r+")
    ome = group.attrs["ome"]
    if origin:
        dataset = ome["multiscales"][0]["datasets"][0]
        dataset["coordinateTransformations"].append(
            {"type": "translation", "translation": [1.0] * 3}
        )
    group.attrs["ome"] = ome
    return place


def open_store(tmp: Path, made: dict[str, Any], **said: Any) -> xr.Dataset:
    return open_atlas(ome_zarr(tmp / "a.ome.zarr", **made), terminology=REGIONS, **said)


def open_labels_below(tmp: Path, made: dict[str, Any], **said: Any) -> xr.Dataset:
    write_ome_zarr(tmp / "i.ome.zarr", GREY)
    below = zarr.open_group(tmp / "i.ome.zarr", mode="r+").create_group("labels")
    below.attrs["ome"] = {"version": "0.5", "labels": ["a"]}
    ome_zarr(tmp / "i.ome.zarr" / "labels" / "a", **made)
    return open_atlas(tmp / "i.ome.zarr", terminology=REGIONS, **said)


def open_zip(tmp: Path, made: dict[str, Any], **said: Any) -> xr.Dataset:
    store = ome_zarr(tmp / "a.ome.zarr", **made)
    with zipfile.ZipFile(tmp / "a.ozx", "w") as out:
        for file in sorted(store.rglob("*")):
            if file.is_file():
                out.write(file, f"a.ome.zarr/{file.relative_to(store)}")
    return open_atlas(tmp / "a.ozx", terminology=REGIONS, **said)


def open_name(tmp: Path, made: dict[str, Any], **said: Any) -> xr.Dataset:
    """An atlas by name below a root of one's own."""
    parts = {
        "annotation_set": "annotation-sets/small-annotation/1_0",
        "terminology": "terminologies/small-terminology/1_0",
    }
    ome_zarr(tmp / parts["annotation_set"] / "annotation.ome.zarr", **made)
    (tmp / parts["terminology"]).mkdir(parents=True)
    REGIONS.to_csv(tmp / parts["terminology"] / "terminology.csv", index=False)
    place = tmp / "atlases" / "small_25um" / "1_0"
    place.mkdir(parents=True)
    content = {
        "name": "small", "version": "1.0", "symmetric": True, "resolution": [25, 25, 25],
        **({"orientation": "asr"} if made.get("manifest", True) else {}),
        **{key: {"name": "small", "version": "1.0", "location": f"/{part}"} for key, part in parts.items()},
    }  # fmt: skip
    (place / "manifest.json").write_text(json.dumps(content))
    return open_atlas("small_25um", root=tmp, **said)


def open_folder(tmp: Path, made: dict[str, Any], **said: Any) -> xr.Dataset:
    """A folder of before BrainGlobe's version 3."""
    folder = tmp / "small_25um_v1.0"
    folder.mkdir()
    tifffile.imwrite(folder / "annotation.tiff", GREY if made.get("image") else labels())
    table().to_csv(folder / "structures.csv", index=False)
    content = {"name": "small", "version": "1.0", "symmetric": True}
    content |= {"resolution": [25, 25, 25]} if made.get("unit", True) else {}
    content |= {"orientation": "asr"} if made.get("direction", True) else {}
    (folder / "metadata.json").write_text(json.dumps(content))
    return open_atlas(folder, **said)


def open_registration(tmp: Path, made: dict[str, Any], **said: Any) -> xr.Dataset:
    """The folder that brainreg leaves, with the table of regions alone."""
    array = GREY if made.get("image") else labels()
    if made.get("section"):
        array = array[2]
    tifffile.imwrite(tmp / "registered_atlas.tiff", array)
    (tmp / "brainreg.json").write_text(json.dumps({"atlas": "nowhere_25um"}))
    return open_brainreg(tmp, atlas=table(), **said)


def open_hemispheres(tmp: Path, made: dict[str, Any], **said: Any) -> xr.Dataset:
    """A map of left and right, as an array."""
    right = np.broadcast_to(np.arange(8) < 4, labels().shape)
    sides = GREY if made.get("image") else np.where(right, *made.get("code", (2, 1)))
    own = {"voxel_size": "25 um", "orientation": "asr"}
    return create_atlas(labels(), table(), hemispheres=sides, name="small", **own, **said)


SIZE = {"voxel_size": "25 um"}
LETTERS = {"orientation": "asr"}
STORES = {"OME-Zarr": open_store, "labels below an image": open_labels_below, "zip": open_zip}
DOORS: dict[str, Any] = {
    **STORES,
    "BrainGlobe name": open_name,
    "folder before version 3": open_folder,
    "brainreg folder": open_registration,
    "hemisphere map": open_hemispheres,
}
CELLS: dict[tuple[str, str], Cell] = {}
for _door in STORES:
    CELLS |= {
        ("nothing", _door): Cell({}, "answer"),
        ("unit", _door): Cell({"unit": False}, "question: pass voxel_size=", SIZE),
        ("direction", _door): Cell(
            {"direction": False}, "question: Open the atlas with orientation=", LETTERS
        ),
        ("origin", _door): Cell({"origin": False}, "answer"),
        ("image", _door): Cell({"image": True}, "refusal: labels that no region"),
    }
CELLS |= {
    ("nothing", "BrainGlobe name"): Cell({}, "answer"),
    ("unit", "BrainGlobe name"): Cell({"unit": False}, "question: pass voxel_size=", SIZE),
    ("direction", "BrainGlobe name"): Cell({"direction": False}, "answer"),  # the manifest says it
    ("origin", "BrainGlobe name"): Cell({"origin": False}, "answer"),
    ("image", "BrainGlobe name"): Cell({"image": True}, "refusal: labels that no region"),
    ("nothing", "folder before version 3"): Cell({}, "answer"),
    ("unit", "folder before version 3"): Cell({"unit": False}, "refusal: it has no 'resolution'"),
    ("direction", "folder before version 3"): Cell(
        {"direction": False}, "refusal: it has no 'orientation'"
    ),
    ("origin", "folder before version 3"): Cell({}, "answer"),  # the format has none: 0
    ("image", "folder before version 3"): Cell({"image": True}, "refusal: labels that no region"),
    ("nothing", "brainreg folder"): Cell({}, "answer", SIZE),
    ("unit", "brainreg folder"): Cell({}, "question: Give voxel_size=", SIZE),
    ("direction", "brainreg folder"): Cell(
        {"section": True},
        "question: orientation=, first the side",
        {"voxel_size": ["25 um"] * 3, **LETTERS},
    ),
    ("origin", "brainreg folder"): Cell({}, "answer", SIZE),  # the format has none: 0
    ("image", "brainreg folder"): Cell({"image": True}, "refusal: labels that no region", SIZE),
    ("nothing", "hemisphere map"): Cell({}, "answer"),
    ("unit", "hemisphere map"): Cell(
        {"code": (0, 1)}, "question: hemisphere_values=", {"hemisphere_values": (1, 0)}
    ),
    ("direction", "hemisphere map"): Cell(
        {"code": (1, 0)}, "question: hemisphere_values=", {"hemisphere_values": (0, 1)}
    ),
    ("origin", "hemisphere map"): Cell({}, "answer"),
    ("image", "hemisphere map"): Cell({"image": True}, "refusal: hemispheres holds"),
}


def voxels_of(ds: xr.Dataset) -> tuple[int, int, int]:
    """Count the voxels of A, of B, and of both on the left."""
    count = [ds.atlas.volume(region).item().magnitude / MM3 for region in ("A", "B")]
    left = ds.atlas.volume("root", hemisphere="left").item().magnitude / MM3 if _sided(ds) else -1
    a, b, side = (round(float(each), 3) for each in (*count, left))
    return int(a), int(b), int(side)


def _sided(ds: xr.Dataset) -> bool:
    return "hemispheres" in ds or ds.atlas.space.midline is not None


@pytest.mark.parametrize(("missing", "door"), CELLS, ids=[f"no {m}-{door}" for m, door in CELLS])
def test_no_cell_is_a_guess(tmp_path: Path, missing: str, door: str) -> None:
    made, outcome, then = CELLS[missing, door]
    kind, _, word = outcome.partition(": ")
    said = dict(then) if kind in ("answer", "refusal") else {}
    # the middle of the volume, which begins at 1 mm where it says so
    begins = 1.0 if door in STORES and made.get("origin", True) else 0.0
    if door in STORES:
        said["midline"] = f"{begins + 0.0875} mm"
    number = iter(range(9))

    def ask(**more: Any) -> tuple[xr.Dataset, tuple[int, int, int]]:
        place = tmp_path / str(next(number))
        place.mkdir()
        ds = DOORS[door](place, made, **{**said, **more})
        return ds, voxels_of(ds)

    if kind in ("question", "refusal"):
        with pytest.raises(AtlasError, match=word):
            ask()
        if kind == "refusal":
            return
    if kind != "question":
        ds, found = ask()
    if then and kind != "answer":
        ds, found = ask(**then)
    section = made.get("section")
    expected = [int((labels()[2] == i).sum()) if section else n for i, n in ((1, 48), (2, 150))]
    assert list(found[:2]) == expected
    if found[2] >= 0:
        assert found[2] == LEFT_OF["r"]
    first = [float(ds[dim].values[0]) for dim in "zyx"]
    expects_origin = made.get("origin", True) and (door in STORES or door == "BrainGlobe name")
    assert first == pytest.approx([1.0 if expects_origin else 0.0] * 3)


def test_the_table_is_whole() -> None:
    assert len(CELLS) == 5 * len(DOORS)


# -- the orientation that a store does not say


def test_an_orientation_is_stated(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "a.ome.zarr", direction=False, origin=False)
    for letters in ("asr", "asl", "psl"):
        ds = open_atlas(path, terminology=REGIONS, orientation=letters, midline="0.0875 mm")
        assert (ds.atlas.space.orientation, ds.attrs["orientation"]) == (letters, letters)
        assert voxels_of(ds)[2] == LEFT_OF[letters[2]]
    tree = xr.open_datatree(path, engine="atlas", terminology=REGIONS, orientation="psl")
    assert tree["0"].ds.z.attrs["direction"] == "posterior-to-anterior"


def test_an_orientation_that_contradicts_the_store(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "a.ome.zarr")
    assert open_atlas(path, terminology=REGIONS, orientation="asr").sizes["z"] == 12
    with pytest.raises(StoreFormatError, match="orientation='psl' contradicts .* has 'asr'"):
        open_atlas(path, terminology=REGIONS, orientation="psl")
    for wrong in ("ASR", "as", "asx"):
        bare = ome_zarr(tmp_path / "b.ome.zarr", direction=False)
        with pytest.raises(StoreFormatError, match="is not one letter of"):
            open_atlas(bare, terminology=REGIONS, orientation=wrong)


def test_an_orientation_that_is_not_known_is_asked_for_where_it_matters(tmp_path: Path) -> None:
    path = ome_zarr(tmp_path / "a.ome.zarr", direction=False, origin=False)
    ds = open_atlas(path, terminology=REGIONS, midline="0.0875 mm")
    assert ds.atlas.volume("A").item().magnitude > 0  # which no direction changes
    point = pd.DataFrame({"ap": [0.05], "dv": [0.075], "ml": [0.05]})
    question = r"along 'z', 'y', 'x': orientation='asr'"
    asked = {
        "frame": lambda: ds.atlas.region_at(point, unit="mm", frame="brainglobe"),
        "hemisphere": lambda: ds.atlas.volume("A", hemisphere="left"),
        "axis": lambda: ds.atlas.sel(ap="0.05 mm", method="nearest"),
        "section": lambda: ds.atlas.plot.section(ap="0.05 mm"),
        "file": lambda: ds.atlas.to_nifti(tmp_path / "a.nii"),
        "save": lambda: ds.atlas.save(tmp_path / "saved", name="small"),
        "world": lambda: ds.atlas.resample_like(ds.annotation, np.eye(4), space="LPS"),
    }
    for ask in asked.values():
        with pytest.raises(GridError, match=question):
            ask()
    told = open_atlas(path, terminology=REGIONS, midline="0.0875 mm", orientation="asr")
    assert told.atlas.sel(ap="0.05 mm", method="nearest").z.item().magnitude == pytest.approx(0.05)
    assert told.atlas.region_at(point, unit="mm", frame="brainglobe").sizes["point"] == 1
    # it survives a file
    ds.to_zarr(tmp_path / "w.zarr", zarr_format=2)
    with pytest.raises(GridError, match=question):
        open_atlas(tmp_path / "w.zarr").atlas.volume("A", hemisphere="left")
