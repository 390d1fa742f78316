"""Atlases that BrainGlobe packaged before version 3: folders of TIFF files and JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from support.small_worlds import MM3, labels, number, table, voxels
from xarray_atlas import create_atlas, open_atlas
from xarray_atlas.cli.main import main
from xarray_atlas.errors import (
    AtlasNotFoundError,
    ComponentNotFoundError,
    GridError,
    HemisphereError,
    ResolutionNotFoundError,
    StoreFormatError,
)

tifffile = pytest.importorskip("tifffile")

FULL = {
    "name": "mouse",
    "version": "1.2",
    "resolution": [25, 25, 25],
    "orientation": "asr",
    "shape": [12, 10, 8],
    "symmetric": False,
    "species": "Mus musculus",
    "citation": "unpublished",
    "atlas_link": "http://a.org",
    "additional_references": ["nissl"],
}


def write(folder: Path, hemispheres: bool = True, without: str = "", **metadata: Any) -> Path:
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "annotation.tiff", labels(), compression="zlib")
    tifffile.imwrite(folder / "reference.tiff", labels("uint16") + 7)
    tifffile.imwrite(folder / "nissl.tiff", labels("uint16") + 9)
    if hemispheres:
        sides = np.broadcast_to(np.where(np.arange(8) < 3, 2, 1), (12, 10, 8)).astype("uint8")
        tifffile.imwrite(folder / "hemispheres.tiff", sides)
    rows = [
        {
            "acronym": acronym,
            "id": i,
            "name": name,
            "structure_id_path": [997] if i == 997 else [997, i],
            "rgb_triplet": [255, 0, 0],
        }
        for i, acronym, name in table()[["id", "acronym", "name"]].itertuples(index=False)
    ]
    (folder / "structures.json").write_text(json.dumps(rows))
    content = {key: value for key, value in {**FULL, **metadata}.items() if key != without}
    (folder / "metadata.json").write_text(json.dumps(content))
    return folder


def test_a_folder_is_opened_lazily_with_all_that_it_says(tmp_path: Path) -> None:
    folder = write(tmp_path / "mouse_25um_v1.2")
    for source in (folder, str(folder), f"{folder}/"):
        ds = open_atlas(source)
        assert (voxels(ds, "A"), voxels(ds, "B"), voxels(ds, "root")) == (48, 150, 198)
    assert ds.annotation.chunks is not None
    assert open_atlas(folder, chunks=None).annotation.chunks is None
    assert ds.attrs == {
        "name": "mouse", "version": "1.2", "species": "Mus musculus", "citation": "unpublished",
        "atlas_link": "http://a.org", "symmetric": 0, "orientation": "asr", "resolution": "25 um",
        "source": str(folder),
    }  # fmt: skip
    assert ds.z.attrs["direction"] == "anterior-to-posterior"
    np.testing.assert_allclose(ds.z.values, np.arange(12) * 0.025)


def test_no_voxel_is_read_to_open_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "mouse")
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *_, **__: pytest.fail("read"))
    assert open_atlas(folder).sizes == {"z": 12, "y": 10, "x": 8}


def test_hemispheres_of_an_atlas_that_is_not_symmetric(tmp_path: Path) -> None:
    ds = open_atlas(write(tmp_path / "mouse"))
    both = ds.atlas.volume("A", hemisphere=["left", "right"]).pint.magnitude / MM3
    np.testing.assert_allclose(both, [16, 32])  # A spans x from 1 to 3, right ends at 2
    at_the_midline = open_atlas(tmp_path / "mouse", midline="0.0875 mm")
    assert "hemispheres" not in at_the_midline
    assert number(at_the_midline.atlas.volume("A", hemisphere="right")) / MM3 == pytest.approx(48)
    ds = open_atlas(write(tmp_path / "without", hemispheres=False))
    with pytest.raises(HemisphereError, match="midline="):
        ds.atlas.volume("A", hemisphere="left")


@pytest.mark.parametrize("chunks", [{}, None])
def test_hemispheres_of_a_symmetric_atlas_are_its_midline(tmp_path: Path, chunks: Any) -> None:
    # the stored volume would say something else
    folder = write(tmp_path / "mouse", symmetric=True)
    ds = open_atlas(folder, include=["annotation", "hemispheres"], chunks=chunks)
    expected = np.broadcast_to(np.where(np.arange(8) < 4, 2, 1), (12, 10, 8))
    np.testing.assert_array_equal(ds.hemispheres, expected)
    assert "hemispheres" not in open_atlas(folder)
    # the middle is known, so nothing is assumed: a warning would be an error here
    assert number(open_atlas(folder).atlas.volume("B", hemisphere="left")) / MM3 == pytest.approx(
        90
    )


def test_components(tmp_path: Path) -> None:
    folder = write(tmp_path / "mouse")
    ds = open_atlas(folder, include=["template", "nissl"])
    assert set(ds.data_vars) == {"template", "nissl", "hemispheres"}
    np.testing.assert_array_equal(ds.template, labels() + 7)
    np.testing.assert_array_equal(ds.nissl, labels() + 9)
    with pytest.raises(
        ComponentNotFoundError, match=r"'annotation', 'template', 'hemispheres', 'n"
    ):
        open_atlas(folder, include="autofluorescence")


def test_voxels_that_are_not_cubes(tmp_path: Path) -> None:
    ds = open_atlas(write(tmp_path / "cord_20um_v1.0", resolution=[20, 10, 5], orientation="psl"))
    assert number(ds.atlas.volume("A")) == pytest.approx(48 * 0.02 * 0.01 * 0.005)
    assert ds.attrs["resolution"] == "20 x 10 x 5 um"
    assert ds.z.attrs["direction"] == "posterior-to-anterior"
    assert open_atlas(tmp_path / "cord_20um_v1.0", resolution="20 um").sizes["z"] == 12


def test_what_the_folder_has_not_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "mouse")
    assert open_atlas(folder, resolution=0).attrs["resolution"] == "25 um"
    with pytest.raises(ResolutionNotFoundError, match="it has one, 25 x 25 x 25 um"):
        open_atlas(folder, resolution="50 um")
    with pytest.raises(ValueError, match="has no unit"):
        open_atlas(folder, resolution=1)
    with pytest.raises(GridError, match="metadata.json .* says 0.025"):
        open_atlas(folder, voxel_size="50 um")
    assert open_atlas(folder, voxel_size="25 um").sizes["z"] == 12
    with pytest.raises(StoreFormatError, match="align_levels"):
        open_atlas(folder, align_levels=True)


@pytest.mark.parametrize("without", ["resolution", "orientation"])
def test_metadata_that_lack_what_must_be_known(tmp_path: Path, without: str) -> None:
    folder = write(tmp_path / "mouse", without=without)
    with pytest.raises(StoreFormatError, match=rf"metadata.json is not .*it has no '{without}'"):
        open_atlas(folder)


@pytest.mark.parametrize(
    "changed", [{"resolution": [25]}, {"resolution": [25, 25, 0]}, {"orientation": "as"}]
)
def test_metadata_that_are_wrong(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(StoreFormatError, match=r"metadata.json is no"):
        open_atlas(write(tmp_path / "mouse", **changed))


def test_the_table_of_regions(tmp_path: Path) -> None:
    folder = write(tmp_path / "mouse")
    (folder / "structures.json").rename(tmp_path / "structures.json")
    with pytest.raises(StoreFormatError, match=r"has no structures.json or structures.csv"):
        open_atlas(folder)
    ds = open_atlas(folder, terminology=table())
    assert ds.atlas.regions.parent.tolist() == ["", "root", "root"]


def test_by_name_and_version_in_the_folder_of_brainglobe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.mkdir()
    text = f"[default_dirs]\nbrainglobe_dir = {tmp_path / 'brainglobe'}\n"
    (config / "bg_config.conf").write_text(text)
    monkeypatch.setenv("BRAINGLOBE_CONFIG_DIR", str(config))
    write(tmp_path / "brainglobe" / "mouse_25um_v1.2")
    assert voxels(open_atlas("mouse_25um_v1.2"), "A") == 48
    assert voxels(open_atlas("mouse_25um", version="1.2"), "A") == 48
    # a name without a version means the newest, which is not this one
    empty = tmp_path / "empty" / "atlases"
    empty.mkdir(parents=True)
    with pytest.raises((AtlasNotFoundError, FileNotFoundError)):
        open_atlas("mouse_25um", root=empty.parent)


def test_the_files_as_input_of_create_atlas(tmp_path: Path) -> None:
    folder = write(tmp_path / "mouse", resolution=[20, 10, 5])
    annotation, regions = folder / "annotation.tiff", folder / "structures.json"
    ds = create_atlas(annotation, regions, template=folder / "reference.tiff", name="mine")
    assert number(ds.atlas.volume("A")) == pytest.approx(48 * 0.02 * 0.01 * 0.005)
    # what the caller says counts
    ds = create_atlas(annotation, regions, name="mine", voxel_size="25 um", orientation="psr")
    assert (voxels(ds, "A"), ds.z.attrs["direction"]) == (48, "posterior-to-anterior")
    # another file in the folder is not described by its metadata
    tifffile.imwrite(folder / "mine.tiff", labels())
    with pytest.raises(GridError, match="voxel_size="):
        create_atlas(folder / "mine.tiff", regions, name="mine")


def test_through_xarray_it_leads_to_open_atlas(tmp_path: Path) -> None:
    folder = write(tmp_path / "mouse")
    with pytest.raises(StoreFormatError, match=r"before version 3.*xarray_atlas.open_atlas\('"):
        xr.open_dataset(folder, engine="atlas")


def test_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "mouse")
    assert main(["volume", "A", "--atlas", str(folder), "--format", "csv"]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("A,area a,0.00075")
