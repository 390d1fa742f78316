"""Atlases made of label images as other programs write them or hold them in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import nrrd
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import tifffile
import xarray as xr

import xarray_atlas
from support.small_worlds import SHAPE, labels, number, table, voxels
from xarray_atlas.errors import GridError, StoreFormatError

# pynrrd writes the time into its headers
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:nrrd")

AFFINE = np.diag([0.025, 0.025, 0.025, 1])
ONE = pd.DataFrame({"id": [1], "name": ["a"], "acronym": ["A"]})


def create(image: Any, terminology: Any = None, **kwargs: Any) -> xr.Dataset:
    return xarray_atlas.create_atlas(
        image, table() if terminology is None else terminology, name="x", **kwargs
    )


def itk_image() -> sitk.Image:
    image = sitk.GetImageFromArray(labels().T)
    image.SetSpacing((0.025, 0.025, 0.025))
    return image


def in_every_form(folder: Path) -> dict[str, Any]:
    """The same labels on the same grid, as paths and as images in memory."""
    forms: dict[str, Any] = {
        "nibabel": nibabel.Nifti1Image(labels("i4"), AFFINE),
        "SimpleITK": itk_image(),
    }
    for suffix in (".nii", ".nii.gz", ".img"):
        kind = nibabel.Nifti1Pair if suffix == ".img" else nibabel.Nifti1Image
        forms[suffix] = folder / f"a{suffix}"
        nibabel.save(kind(labels("i4"), AFFINE), forms[suffix])
    forms[".mgz"] = folder / "a.mgz"
    nibabel.save(nibabel.MGHImage(labels("i4"), AFFINE), forms[".mgz"])
    for suffix in (".mha", ".mhd"):
        forms[suffix] = folder / f"a{suffix}"
        sitk.WriteImage(itk_image(), forms[suffix])
    header = {"space": "RAS", "space directions": np.eye(3) * 0.025}
    nrrd.write(str(folder / "a.nrrd"), labels(), header)
    nrrd.write(str(folder / "a.nhdr"), labels(), header)
    nrrd.write(str(folder / "a.seg.nrrd"), labels()[None], {
        **header, "kinds": ["list", *["domain"] * 3],
        "space directions": np.vstack([[np.nan] * 3, np.eye(3) * 0.025]),
    })  # fmt: skip
    forms |= {name: folder / f"a{name}" for name in (".nrrd", ".nhdr", ".seg.nrrd")}
    return forms


def test_the_same_labels_in_every_form(tmp_path: Path):
    """As annotation, and as hemispheres and template of another."""
    for name, form in in_every_form(tmp_path).items():
        ds = create(form)
        assert (voxels(ds, "A"), voxels(ds, "B")) == (48, 150), name
        np.testing.assert_array_equal(ds.annotation, labels(), name)
        lps = name in ("SimpleITK", ".mha", ".mhd")
        assert ds.attrs["orientation"] == ("rai" if lps else "lpi"), name
        both = create(
            labels(),
            voxel_size="25 um",
            axcodes="LPS" if lps else "RAS",
            template=form,
            hemispheres=form,
        )
        np.testing.assert_array_equal(both.template, labels(), name)
        np.testing.assert_array_equal(both.hemispheres, labels(), name)


def test_planes_of_an_imagej_file_have_a_unit_of_their_own(tmp_path: Path):
    block = np.zeros((120, 100, 80), "u2")
    block[10:50, 20:60, 10:40] = 1  # 48 000 voxels of 25 x 25 x 50 um are 1.5 mm3
    for name, metadata in (
        ("one", {"spacing": 50, "unit": "micron"}),
        ("two", {"spacing": 0.05, "unit": "micron", "zunit": "mm"}),
        ("unknown", {"spacing": 1, "unit": "micron", "zunit": "pixel"}),
    ):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(
            path,
            block,
            imagej=True,
            resolution=(1 / 25, 1 / 25),
            metadata={**metadata, "axes": "ZYX"},
        )
        if name == "unknown":
            with pytest.raises(GridError, match="how large its voxels are: give voxel_size="):
                create(path, ONE, orientation="asr")
            ds = create(path, ONE, orientation="asr", voxel_size=["50 um", "25 um", "25 um"])
        else:
            ds = create(path, ONE, orientation="asr")
        assert number(ds.atlas.volume("A")) == pytest.approx(1.5)


# -- errors whose advice is followed


def proposal(error: GridError) -> Any:
    """The voxel size that an error proposes."""
    return eval(str(error).partition("Then give voxel_size=")[2].partition(": with its unit")[0])


@pytest.mark.parametrize(
    ("sizes", "unit", "meant"),
    [
        ((50, 25, 25), "mm", (0.05, 0.025, 0.025)), ((50, 50, 50), "micron", None),
        ((50, 25, 25), "meter", (0.05, 0.025, 0.025)), ((5e-5,) * 3, "mm", (0.05,) * 3),
        ((1, 1, 1), "mm", None), ((1e-9,) * 3, "mm", None), ((1e6,) * 3, "meter", None),
    ],
)  # fmt: skip
def test_a_voxel_size_is_proposed_where_it_makes_a_brain(
    tmp_path: Path, sizes: Any, unit: str, meant: Any
):
    shape = (400, 20, 20) if sizes[0] == 1 else SHAPE
    array = np.zeros(shape, "u1")
    array[1:9, 1:7, 1:5] = 1
    image = nibabel.Nifti1Image(array, np.diag([*sizes, 1]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    if (sizes[0], unit) == (50, "micron"):
        assert create(tmp_path / "a.nii", ONE).atlas.space.voxel_size == (0.05,) * 3
        return
    with pytest.raises(GridError, match="voxel_size=") as caught:
        create(tmp_path / "a.nii", ONE)
    if meant is None:
        assert "Then give" not in str(caught.value)
        assert create(tmp_path / "a.nii", ONE, voxel_size="25 um").z.size == shape[0]
    else:
        ds = create(tmp_path / "a.nii", ONE, voxel_size=proposal(caught.value))
        assert ds.atlas.space.voxel_size == pytest.approx(meant)


def test_maps_of_probability_become_labels_by_the_advice(tmp_path: Path):
    maps = np.random.default_rng(0).random((4, 6, 7, 8)).astype("f4")
    maps[:, 0] = 0  # outside of all
    names = pd.DataFrame({"id": [1, 2, 3, 4], "name": list("abcd")})
    wanted = np.where(maps.max(0) > 0, maps.argmax(0) + 1, 0)
    with pytest.raises(GridError, match="maps of probability") as caught:
        create(maps, names, voxel_size="1 mm", orientation="asr")
    code = str(caught.value).partition("labels = ")[2].partition(", where")[0]
    ds = create(eval(code, {"maps": maps}), names, voxel_size="1 mm", orientation="asr")
    np.testing.assert_array_equal(ds.annotation, wanted)
    last = np.moveaxis(maps, 0, -1)  # as NIfTI has them
    moved = str(caught.value).partition("last axis take ")[2].partition(")?")[0]
    maps = eval(moved, {"numpy": np, "maps": last})
    ds = create(eval(code, {"maps": maps}), names, voxel_size="1 mm", orientation="asr")
    np.testing.assert_array_equal(ds.annotation, wanted)
    mm = {
        d: (d, np.arange(n) * 1.0, {"units": "mm"}) for d, n in zip("zyx", (6, 7, 8), strict=True)
    }
    for array in (
        xr.DataArray(maps, dims=("region", "z", "y", "x")),
        xr.DataArray(last, mm, dims=("z", "y", "x", "region")),
    ):
        with pytest.raises(GridError, match=r"argmax\('region'\)"):
            create(array, names, voxel_size="1 mm", orientation="asr")
    with pytest.raises(
        GridError, match=r"template has the shape \(4, 6, 7, 8\).*: pass one volume$"
    ):
        create(wanted, names, voxel_size="1 mm", orientation="asr", template=maps)


@pytest.mark.parametrize("kind", ["complex64", "RGB"])
def test_voxels_that_hold_no_label(tmp_path: Path, kind: str):
    if kind == "RGB":
        array = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    else:
        array = labels().astype(kind)
    nibabel.save(nibabel.Nifti1Image(array, AFFINE), tmp_path / "a.nii")
    with pytest.raises(
        GridError, match="labels are integers" if kind != "RGB" else "three dimensions"
    ):
        create(tmp_path / "a.nii")


def test_another_format_is_read_through_the_library_that_reads_it(tmp_path: Path):
    (tmp_path / "a.mnc").write_bytes(b"")
    with pytest.raises(StoreFormatError, match=r"nibabel\.load\(path\); or SimpleITK\.ReadImage"):
        create(tmp_path / "a.mnc")
