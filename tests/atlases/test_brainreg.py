"""What brainreg leaves, in the layout in which it leaves it (brainreg 1.0)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
import tifffile
import xarray as xr

import xarray_atlas
from support.atlases import make_atlas, make_terminology, no_compute
from xarray_atlas import open_brainreg
from xarray_atlas.atlases import brainreg
from xarray_atlas.errors import GridError, HemisphereError, StoreFormatError, StoreNotFoundError

pytestmark = pytest.mark.version_independent

SHAPE = (9, 7, 8)
METADATA = {
    # as brainreg.core.cli logs its arguments; orientation and voxel sizes are the raw data's
    "image_paths": "/data/brain", "brainreg_directory": "/data/out", "additional_images": ["/data/ch1"],
    "atlas": "allen_mouse_100um", "backend": "niftyreg", "affine_n_steps": 6, "n_free_cpus": 2,
    "debug": False, "save_original_orientation": True, "brain_geometry": "full",
    "voxel_sizes": ["50", "40", "40"], "orientation": "psl", "preprocessing": "default",
}  # fmt: skip


def arrays() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    positions = np.indices(SHAPE) * 0.1
    return {
        "registered_atlas": rng.integers(0, 4, SHAPE).astype("u4"),
        "registered_hemispheres": np.broadcast_to(np.repeat([2, 1], 4), SHAPE).astype("u1"),
        "downsampled": rng.integers(0, 2**16, SHAPE).astype("u2"),
        "downsampled_ch1": rng.integers(0, 2**16, SHAPE).astype("u2"),
        "boundaries": rng.integers(0, 2, SHAPE).astype("i1"),
        # in the space of the atlas, and in that of the raw data: other grids
        "downsampled_standard": np.zeros((12, 8, 11), "u2"),
        "downsampled_standard_ch1": np.zeros((12, 8, 11), "u2"),
        "registered_atlas_original_orientation": np.zeros(SHAPE, "u4")[::-1, :, ::-1],
        **{f"deformation_field_{i}": (positions[i] + 0.01 * i).astype("f4") for i in range(3)},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "brain_042"
    folder.mkdir()
    for name, array in arrays().items():
        # as brainglobe_utils.IO.image.save.to_tiff does
        tifffile.imwrite(
            folder / f"{name}.tiff", array, photometric="minisblack", metadata={"axes": "ZYX"}
        )
    (folder / "brainreg.json").write_text(json.dumps(METADATA))
    (folder / "volumes.csv").write_text("structure_name,left_volume_mm3\n")
    (folder / "brainreg_2026-11-25.log").write_text("")
    return folder


def atlas(size: float = 0.1) -> xr.Dataset:
    labels = np.zeros((12, 8, 11), "u4")
    return make_atlas(labels, make_terminology([-1, 0, 0], [[1], [2], [3]]), size=(size,) * 3)


@pytest.mark.parametrize("given", ["dataset", "terminology", "csv", "name"])
def test_one_dataset_in_the_space_of_the_subject(folder: Path, given: str, monkeypatch: Any):
    known: Any = atlas()
    if given == "terminology":
        known = known.atlas.terminology
    elif given == "csv":
        known.atlas.terminology.to_csv(folder / "terminology.csv")
        known = folder / "terminology.csv"
    elif given == "name":
        monkeypatch.setattr(brainreg, "open_atlas", {"allen_mouse_100um": known}.__getitem__)
        known = None
    with dask.config.set(scheduler=no_compute):
        size = "100 um" if given in ("terminology", "csv") else None
        ds = open_brainreg(folder, atlas=known, voxel_size=size)
    written = arrays()
    names = {
        "annotation": "registered_atlas", "hemispheres": "registered_hemispheres",
        "image": "downsampled", "image_ch1": "downsampled_ch1", "deformation_z": "deformation_field_0",
        "deformation_y": "deformation_field_1", "deformation_x": "deformation_field_2",
    }  # fmt: skip
    assert set(ds.data_vars) == set(names)
    for name, file in names.items():
        assert ds[name].dims == ("z", "y", "x")
        assert ds[name].dtype == written[file].dtype
        np.testing.assert_array_equal(ds[name].values, written[file])
    # the atlas's voxel size and orientation, not those of the raw data in brainreg.json
    for dim, n in zip("zyx", SHAPE, strict=True):
        np.testing.assert_allclose(ds[dim].values, 0.1 * np.arange(n), rtol=1e-12)
    assert ds.attrs["orientation"] == "asr"
    assert ds.attrs["name"] == "brain_042"
    assert ds.attrs["registered_atlas"] == "allen_mouse_100um"
    assert ds.attrs["brain_geometry"] == "full"
    assert ds.deformation_z.attrs["units"] == "mm"
    assert ds.atlas.terminology == atlas().atlas.terminology
    left = (written["registered_atlas"] == 2) & (written["registered_hemispheres"] == 1)
    assert float(ds.atlas.volume("R1", hemisphere="left").pint.magnitude) == pytest.approx(
        left.sum() * 1e-3
    )
    assert xarray_atlas.decode(xarray_atlas.encode(ds)).identical(ds)


def test_the_deformation_says_where_in_the_atlas_a_voxel_lies(folder: Path):
    ds = open_brainreg(folder, atlas=atlas())
    voxel = ds.isel(z=3, y=4, x=5)
    there = [float(voxel[f"deformation_{dim}"]) for dim in "zyx"]
    # brainglobe_utils.brainreg.transform: index = round(field * 1000 / resolution in um)
    indices = [round(1000 / 100 * position) for position in there]
    assert indices == [3, 4, 5]
    nearest = atlas().sel(dict(zip("zyx", there, strict=True)), method="nearest")
    assert [float(nearest[d].values) for d in "zyx"] == pytest.approx([0.3, 0.4, 0.5])


def test_what_is_not_there_is_passed_over(folder: Path):
    for path in folder.glob("d*.tiff"):
        path.unlink()
    (folder / "registered_hemispheres.tiff").unlink()
    assert set(open_brainreg(folder, atlas=atlas()).data_vars) == {"annotation"}


def test_what_is_said_overrides(folder: Path):
    ds = open_brainreg(folder, atlas=atlas(0.025), voxel_size="50 um", orientation="psl")
    assert (ds.attrs["resolution"], ds.attrs["orientation"]) == ("50 um", "psl")


def test_another_resolution_than_was_registered(folder: Path):
    with pytest.raises(
        GridError,
        match=r"'allen_mouse_100um' was registered.*0.025 x 0.025 x 0.025 mm.*voxel_size= that of",
    ):
        open_brainreg(folder, atlas=atlas(0.025))


def test_an_atlas_that_is_not_cubic(folder: Path):
    """The name of an atlas has its first voxel size: allen_cord_20um is 20 x 10 x 10."""
    (folder / "brainreg.json").write_text(json.dumps({"atlas": "allen_cord_20um"}))
    cord = make_atlas(np.zeros(SHAPE, "u4"), make_terminology([-1]), size=(0.02, 0.01, 0.01))
    assert open_brainreg(folder, atlas=cord).atlas.space.voxel_size == (0.02, 0.01, 0.01)
    flat = make_atlas(np.zeros(SHAPE, "u4"), make_terminology([-1]), size=(0.02, 0.06, 0.02))
    assert open_brainreg(folder, atlas=flat).atlas.space.voxel_size == (0.02, 0.06, 0.02)


def test_without_metadata(folder: Path):
    (folder / "brainreg.json").unlink()
    with pytest.raises(
        StoreNotFoundError, match="no brainreg.json that names the atlas; pass atlas="
    ):
        open_brainreg(folder)
    with pytest.raises(GridError, match="Give voxel_size="):
        open_brainreg(folder, atlas=atlas().atlas.terminology)
    ds = open_brainreg(folder, atlas=atlas())
    assert ds.attrs["resolution"] == "100 um"
    assert "registered_atlas" not in ds.attrs


def test_an_atlas_that_cannot_be_opened(folder: Path, monkeypatch: Any):
    def fail(name: str) -> xr.Dataset:
        raise StoreNotFoundError("no network")

    monkeypatch.setattr(brainreg, "open_atlas", fail)
    with pytest.raises(
        StoreNotFoundError,
        match=r"'allen_mouse_100um' that brainreg.json names.*no network.*Pass atlas=",
    ):
        open_brainreg(folder)


def test_folders_that_are_none_of_brainregs(folder: Path, tmp_path: Path):
    with pytest.raises(StoreNotFoundError, match="there is no folder"):
        open_brainreg(tmp_path / "absent")
    folder.rename(tmp_path / "registration")
    (tmp_path / "points.xml").write_text("")
    with pytest.raises(
        StoreNotFoundError,
        match=r"no registered_atlas.tiff, but points.xml, registration; its folder 'registration' has one",
    ):
        open_brainreg(tmp_path)
    (tmp_path / "registration/brainreg.json").write_text("{")
    with pytest.raises(StoreFormatError, match="brainreg.json is not JSON"):
        open_brainreg(tmp_path / "registration")


def test_a_file_on_another_grid(folder: Path):
    tifffile.imwrite(
        folder / "downsampled.tiff", np.zeros((9, 7, 9), "u2"), photometric="minisblack"
    )
    with pytest.raises(
        GridError, match="downsampled.tiff does not lie on the grid.*9 x 7 x 9, not 9 x 7 x 8"
    ):
        open_brainreg(folder, atlas=atlas())


# -- voxel sizes that a name does not tell


def only_label(folder: Path, registered: str) -> None:
    labels = np.zeros((120, 100, 80), "u4")
    labels[10:50, 20:60, 10:40] = 1
    tifffile.imwrite(folder / "registered_atlas.tiff", labels)
    (folder / "brainreg.json").write_text(json.dumps({"atlas": registered}))


def volume_of(ds: xr.Dataset) -> float:
    return float(ds.atlas.volume("a").item().magnitude)


REGION = pd.DataFrame({"id": [1], "name": ["a"]})


@pytest.mark.parametrize("registered", ["allen_cord_20um", "allen_mouse_25um", "mine"])
def test_a_name_does_not_tell_the_size_of_every_axis(tmp_path: Path, registered: str):
    only_label(tmp_path, registered)
    with pytest.raises(GridError, match="Give voxel_size=, one length .* else three"):
        open_brainreg(tmp_path, atlas=REGION)
    ds = open_brainreg(tmp_path, atlas=REGION, voxel_size=["20 um", "10 um", "10 um"])
    assert volume_of(ds) == pytest.approx(48_000 * 0.02 * 0.01 * 0.01)


@pytest.mark.parametrize("kind", ["version 3", "before version 3"])
def test_a_copy_on_this_machine_tells_it(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    config, folder, copies = (tmp_path / name for name in ("config", "brain", "brainglobe"))
    for each in (config, folder, copies):
        each.mkdir()
    (config / "bg_config.conf").write_text(f"[default_dirs]\nbrainglobe_dir = {copies}\n")
    monkeypatch.setenv("BRAINGLOBE_CONFIG_DIR", str(config))
    said = {
        "resolution": [20, 10, 10],
        "orientation": "asr",
        "name": "allen_cord",
        "version": "1.0",
    }
    if kind == "version 3":
        place = copies / "brainglobe-atlasapi/atlases/allen_cord_20um/1_0"
        part = {"name": "a", "version": "1", "location": "/a"}
        said |= {"annotation_set": part, "terminology": part}
        name = "manifest.json"
    else:
        place, name = copies / "allen_cord_20um_v1.0", "metadata.json"
        place.mkdir()
        tifffile.imwrite(place / "annotation.tiff", np.zeros((2, 2, 2), "u4"))
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(json.dumps(said))
    only_label(folder, "allen_cord_20um")
    ds = open_brainreg(folder, atlas=REGION)
    assert volume_of(ds) == pytest.approx(48_000 * 0.02 * 0.01 * 0.01)


# -- hemispheres in another code


def test_hemispheres_of_0_and_1(tmp_path: Path):
    only_label(tmp_path, "x")
    sides = np.broadcast_to((np.arange(80) < 25).astype("u1"), (120, 100, 80))  # 1 is right here
    tifffile.imwrite(tmp_path / "registered_hemispheres.tiff", sides)
    ds = open_brainreg(tmp_path, atlas=REGION, voxel_size="10 um")
    with pytest.raises(HemisphereError, match=r"hemisphere_values=\(left, right\)"):
        ds.atlas.volume("a", hemisphere=["left", "right"])
    ds = open_brainreg(tmp_path, atlas=REGION, voxel_size="10 um", hemisphere_values=(0, 1))
    both = ds.atlas.volume("a", hemisphere=["left", "right"]).pint.magnitude / 1e-6
    np.testing.assert_allclose(both, [1600 * 15, 1600 * 15])


# -- what brainglobe-registration leaves


@pytest.fixture
def section(tmp_path: Path) -> Path:
    """A single section, as brainglobe-registration writes it."""
    folder = tmp_path / "section"
    folder.mkdir()
    labels = np.zeros((40, 60), "u4")
    labels[5:15, 10:30] = 1
    tifffile.imwrite(folder / "registered_atlas.tiff", labels)
    sides = np.broadcast_to(np.where(np.arange(60) < 20, 2, 1), (40, 60)).astype("u1")
    tifffile.imwrite(folder / "registered_hemispheres.tiff", sides)
    tifffile.imwrite(folder / "downsampled.tiff", labels.astype("u2") * 3)
    tifffile.imwrite(folder / "boundaries.tiff", labels.astype("u1"))
    for i in range(2):
        tifffile.imwrite(folder / f"deformation_field_{i}.tiff", np.zeros((40, 60), "f4"))
    metadata = {"_atlas": "allen_mouse_25um", "_moving_image": "section_12"}
    (folder / "brainglobe-registration.json").write_text(json.dumps(metadata))
    return folder


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"voxel_size": "25 um"},
        {"voxel_size": ["60 um", "25 um", "25 um"]},
        {"orientation": "asr"},
        {"voxel_size": "25 um", "orientation": "asr"},
    ],
)
def test_a_single_section_asks_what_it_cannot_say(section: Path, said: dict[str, Any]):
    with pytest.raises(GridError, match="single section, .*'allen_mouse_25um'.*orientation="):
        open_brainreg(section, atlas=REGION, **said)


def test_a_single_section_is_a_volume_of_one_plane(section: Path):
    with dask.config.set(scheduler=no_compute):
        ds = open_brainreg(
            section, atlas=REGION, voxel_size=["60 um", "25 um", "20 um"], orientation="asr"
        )
    assert ds.annotation.shape == (1, 40, 60)
    assert set(ds.data_vars) == {"annotation", "hemispheres", "image"}
    assert float(ds.isel(z=0).atlas.area("a").item().magnitude) == pytest.approx(
        200 * 25e-3 * 20e-3
    )
    assert volume_of(ds) == pytest.approx(200 * 25e-3 * 20e-3 * 60e-3)
    left = ds.atlas.volume("a", hemisphere="left").item().magnitude
    assert float(left) == pytest.approx(100 * 25e-3 * 20e-3 * 60e-3)
    assert ds.attrs["registered_atlas"] == "allen_mouse_25um"
    assert int(ds.image.sum()) == 600


def test_a_volume_of_brainglobe_registration(folder: Path):
    metadata = {"_atlas": "allen_mouse_100um"}
    (folder / "brainreg.json").unlink()
    (folder / "brainglobe-registration.json").write_text(json.dumps(metadata))
    ds = open_brainreg(folder, atlas=atlas())
    assert ds.attrs["registered_atlas"] == "allen_mouse_100um"
    assert not [name for name in ds if "deformation" in str(name)]
