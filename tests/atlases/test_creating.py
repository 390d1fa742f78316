"""Atlases of one's own: what files and arrays say of their voxels, and what is made of it."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
import sys
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import nibabel
import nrrd
import numpy as np
import pandas as pd
import pint
import pytest
import tifffile
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import BIG, make_atlas, make_terminology, no_compute
from xarray_atlas import create_atlas
from xarray_atlas.coords.headers import OPPOSITE
from xarray_atlas.coords.world import WORLD_DIRECTIONS
from xarray_atlas.errors import (
    GridError,
    HemisphereError,
    MissingTerminologyError,
    StoreError,
    StoreFormatError,
    StoreNotFoundError,
    UnitsError,
)

# pynrrd writes the time into its headers
pytestmark = [
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:nrrd"),
    pytest.mark.version_independent,
]

SHAPE = (6, 7, 8)
REGIONS = pd.DataFrame({"id": [1, 2], "name": ["one", "two"], "acronym": ["R1", "R2"]})
u = pint.get_application_registry()


def labels_of(shape: tuple[int, int, int] = SHAPE, dtype: Any = "uint16") -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 3, shape).astype(dtype)


def create(annotation: Any, **kwargs: Any) -> xr.Dataset:
    return create_atlas(annotation, kwargs.pop("terminology", REGIONS), name="mine", **kwargs)


def save_nifti(path: Path, array: Any, affine: Any, unit: str = "mm", kind: Any = None) -> Path:
    image = (kind or nibabel.Nifti1Image)(array, affine)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


def save_nrrd(path: Path, array: Any, **header: Any) -> Path:
    nrrd.write(str(path), array, header, index_order="F")
    return path


# -- arrays


@pytest.mark.parametrize("kind", ["numpy", "dask"])
def test_an_array_becomes_a_decoded_dataset(kind: str):
    labels = labels_of()
    given_labels = labels if kind == "numpy" else da.from_array(labels, chunks=3)
    with dask.config.set(scheduler=no_compute):
        ds = create(
            given_labels, voxel_size=["50 um", 0.025 * u.mm, "0.1 mm"], orientation="asr",
            species="Mus musculus", citation="me", version="2.0",
        )  # fmt: skip
    assert ds.annotation.dims == ("z", "y", "x")
    assert ds.annotation.dtype == labels.dtype
    assert isinstance(ds.annotation.data, da.Array) == (kind == "dask")
    np.testing.assert_array_equal(ds.annotation.values, labels)
    for dim, size, n in zip("zyx", (0.05, 0.025, 0.1), SHAPE, strict=True):
        np.testing.assert_allclose(ds[dim].values, size * np.arange(n), rtol=1e-14)
        assert ds[dim].attrs["units"] == "mm"
    assert ds.z.attrs["direction"] == "anterior-to-posterior"
    assert ds.attrs == {
        "name": "mine", "version": "2.0", "species": "Mus musculus", "citation": "me",
        "orientation": "asr", "resolution": "50 x 25 x 100 um",
    }  # fmt: skip
    assert ds.atlas.space.shape == SHAPE
    voxel = 0.05 * 0.025 * 0.1
    assert ds.atlas.volume("R1").item().magnitude == pytest.approx((labels == 1).sum() * voxel)
    assert xarray_atlas.decode(xarray_atlas.encode(ds)).identical(ds)


def test_an_array_alone_does_not_say_where_it_lies():
    with pytest.raises(GridError, match=r"voxel_size='25 um'.*orientation='asr'.*axcodes='PIL'"):
        create(labels_of())
    with pytest.raises(GridError, match="does not say how it is oriented"):
        create(labels_of(), voxel_size="25 um")
    with pytest.raises(GridError, match="how large its voxels are"):
        create(labels_of(), orientation="asr")


@pytest.mark.parametrize("size", [25, 25.0, np.float32(25), [25, 25, 25], np.array([25.0] * 3)])
def test_a_voxel_size_has_a_unit(size: Any):
    with pytest.raises(UnitsError, match="has no unit; write '25 um'"):
        create(labels_of(), voxel_size=size, orientation="asr")


@pytest.mark.parametrize(
    "size",
    [
        "25 um", 25 * u.um, ["25 um"] * 3, [25 * u.um, 0.025 * u.mm, "25 micron"], [0.025] * 3 * u.mm,
        xr.DataArray([25.0, 25.0, 25.0], attrs={"units": "um"}), pint.UnitRegistry().Quantity(25, "um"),
    ],
)  # fmt: skip
def test_voxel_sizes_in_any_form(size: Any):
    ds = create(labels_of(), voxel_size=size, orientation="asr")
    assert ds.atlas.space.voxel_size == (0.025, 0.025, 0.025)
    assert ds.attrs["resolution"] == "25 um"


@pytest.mark.parametrize("size", ["0 um", "-25 um", ["25 um", "25 um"], "nan mm", ["1 mm"] * 4])
def test_impossible_voxel_sizes(size: Any):
    with pytest.raises((GridError, UnitsError), match="voxel_size"):
        create(labels_of(), voxel_size=size, orientation="asr")


@pytest.mark.parametrize("orientation", ["as", "asrl", "aas", "xyz", "", 5])
def test_impossible_orientations(orientation: Any):
    with pytest.raises(GridError, match="orientation"):
        create(labels_of(), voxel_size="25 um", orientation=orientation)


@pytest.mark.parametrize("orientation", ["RAS", "Asr", ("P", "I", "L")])
def test_nibabels_letters_are_no_orientation(orientation: Any):
    with pytest.raises(GridError, match="not in lower case.*axcodes="):
        create(labels_of(), voxel_size="25 um", orientation=orientation)


def test_masked_voxels_have_no_label():
    masked = np.ma.masked_equal(labels_of(), 2)
    with pytest.raises(GridError, match=r"annotation is a masked array.*\.filled\(0\)"):
        create(masked, voxel_size="25 um", orientation="asr")
    ds = create(masked.filled(0), voxel_size="25 um", orientation="asr")
    np.testing.assert_array_equal(ds.annotation.values, np.where(labels_of() == 2, 0, labels_of()))


def test_axcodes_point_and_orientations_begin():
    for codes in nibabel_codes():
        ds = create(labels_of(), voxel_size="25 um", axcodes=codes)
        other = dict(zip("LRPAIS", "RLAPSI", strict=True))
        assert ds.attrs["orientation"] == "".join(other[c] for c in codes).lower()
    assert create(labels_of(), voxel_size="25 um", axcodes="RAS").attrs["orientation"] == "lpi"
    with pytest.raises(GridError, match="not both"):
        create(labels_of(), voxel_size="25 um", axcodes="RAS", orientation="lpi")


@pytest.mark.parametrize(
    ("size", "message"), [("25 mm", "voxel_size='25 um'"), ("0.05 nm", r"voxel_size='\.\.\. um'")]
)
def test_impossible_extents_name_the_mistake(size: str, message: str):
    with pytest.raises(GridError, match=message):
        create(labels_of((20, 20, 20)), voxel_size=size, orientation="asr")


def test_a_slab_of_one_voxel_is_no_impossible_extent():
    ds = create(labels_of((1, 20, 20)), voxel_size="25 um", orientation="asr")
    assert ds.atlas.spacing["z"].magnitude == pytest.approx(0.025)


def test_shapes_that_are_no_volume():
    for shape in ((6, 7), (2, 6, 7, 8), (0, 6, 7)):
        with pytest.raises(GridError, match="three dimensions"):
            create(np.zeros(shape, int), voxel_size="25 um", orientation="asr")
    with pytest.raises(TypeError, match=r"ds\['annotation'\]"):
        create(xr.Dataset())
    with pytest.raises(ValueError, match="name"):
        create_atlas(labels_of(), REGIONS, name="", voxel_size="25 um", orientation="asr")


# -- labels


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", ">u4", ">i8"])
def test_integers_are_kept_as_they_are(dtype: str):
    limits = np.iinfo(np.dtype(dtype))
    held = [v for v in (0, 1, 2, *BIG, limits.min, limits.max) if limits.min <= v <= limits.max]
    labels = np.resize(np.array(held, dtype), SHAPE)
    table = pd.DataFrame(
        {"id": [v for v in held if v and v < 2**63], "name": "x"}
    ).drop_duplicates()
    ds = create(labels, terminology=table, voxel_size="25 um", orientation="asr")
    assert ds.annotation.dtype.kind in "iu"
    np.testing.assert_array_equal(ds.annotation.values, labels)
    for label in set(held) & {*BIG, 1, 2}:
        assert int(ds.atlas.mask(label).sum()) == (labels == label).sum()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("lazy", [False, True])
def test_floats_that_are_labels(dtype: str, lazy: bool):
    labels = labels_of(dtype=dtype)
    labels[0, 0, 0] = 2**11 - 1 if dtype == "f2" else 2**24 - 1
    data = da.from_array(labels, chunks=3) if lazy else labels
    ds = create(data, voxel_size="25 um", orientation="asr")
    assert ds.annotation.dtype == np.int32
    np.testing.assert_array_equal(ds.annotation.values, labels.astype(int))


@pytest.mark.parametrize(("value", "message"), [
    (1.5, "1.5"), (np.inf, "inf"), (2.0**24, "16777216"), (614454277.0, "614454277"),
])  # fmt: skip
@pytest.mark.parametrize("lazy", [False, True])
def test_floats_that_are_no_labels(value: float, message: str, lazy: bool):
    labels = labels_of(dtype="f8")
    labels[5, 6, 7] = value
    data = da.from_array(labels, chunks=3) if lazy else labels
    with pytest.raises(GridError, match=message):
        create(data, voxel_size="25 um", orientation="asr").annotation.compute()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("lazy", [False, True])
def test_nan_is_the_background(dtype: str, lazy: bool):
    """Some programs write NaN outside of the brain, where others write 0."""
    labels = labels_of(dtype=dtype)
    wanted = labels.copy()
    labels[:2] = np.nan
    wanted[:2] = 0
    data = da.from_array(labels, chunks=3) if lazy else labels
    ds = create(data, voxel_size="25 um", orientation="asr")
    np.testing.assert_array_equal(ds.annotation.values, wanted.astype("i4"))
    sides = np.where(np.isnan(labels), np.nan, 1.0)
    made = create(data, hemispheres=sides, voxel_size="25 um", orientation="asr")
    np.testing.assert_array_equal(made.hemispheres.values, np.where(np.isnan(labels), 0, 1))
    labels[3, 0, 0] = 1.5
    with pytest.raises(GridError, match="Was it interpolated"):
        create(labels, voxel_size="25 um", orientation="asr").annotation.compute()


def test_other_types_are_no_labels():
    for dtype in (bool, complex):
        with pytest.raises(GridError, match="labels are integers"):
            create(labels_of(dtype=dtype), voxel_size="25 um", orientation="asr")


# -- DataArrays


def image(units: str = "um", **coords: Any) -> xr.DataArray:
    factor = {"um": 25.0, "mm": 0.025}[units]
    grid = {
        d: (d, factor * np.arange(n) + 10 * factor, {"units": units})
        for d, n in zip("zyx", SHAPE, strict=True)
    }
    return xr.DataArray(labels_of(), dims=("z", "y", "x"), coords={**grid, **coords})


@pytest.mark.parametrize("units", ["um", "mm"])
def test_a_dataarray_keeps_its_coordinates(units: str):
    ds = create(image(units), orientation="asr", midline="0.3 mm")
    for dim, n in zip("zyx", SHAPE, strict=True):
        np.testing.assert_allclose(ds[dim].values, 0.025 * (np.arange(n) + 10), rtol=1e-12)
    assert ds.atlas.space.corner == pytest.approx((0.2375,) * 3)
    # a voxel that lies on the midline is left, and left is where x is large
    left = ds.atlas.mask("R1", hemisphere="left")
    assert int(left.sum()) == (labels_of()[:, :, 2:] == 1).sum()


def test_a_dataarray_keeps_the_names_and_the_order_of_its_dimensions():
    array = image().rename(z="ap", y="dv", x="ml").transpose("ml", "dv", "ap")
    template = image().rename(z="ap", y="dv", x="ml").astype("f4")
    ds = create(array, template=template, orientation="rsa")
    assert ds.annotation.dims == ds.template.dims == ("ml", "dv", "ap")
    np.testing.assert_array_equal(ds.template.values, labels_of().T)


def test_an_assumed_midline_stays_assumed():
    atlas = make_atlas(labels_of(), make_terminology([-1, 0]), assumed=True)
    assert create(atlas.annotation, terminology=atlas).atlas.space.midline_assumed
    said = create(atlas.annotation, terminology=atlas, midline="1 mm")
    assert not said.atlas.space.midline_assumed


def test_a_dataarray_in_a_file_is_not_read(tmp_path: Path):
    image().to_dataset(name="labels").to_netcdf(tmp_path / "labels.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "labels.nc", engine="h5netcdf") as opened:
        ds = create(opened.labels, orientation="asr")
        assert not ds.annotation.variable._in_memory
        np.testing.assert_array_equal(ds.annotation.values, labels_of())


def test_voxel_size_overrides_coordinates():
    ds = create(image(), orientation="asr", voxel_size="50 um")
    np.testing.assert_allclose(ds.z.values, 0.05 * np.arange(6))
    backwards = image().isel(z=slice(None, None, -1))
    assert create(backwards, orientation="asr", voxel_size="50 um").z.values[0] == 0


def test_coordinates_that_cannot_be():
    with pytest.raises(GridError, match="'y' of annotation is irregularly spaced"):
        create(image().isel(y=[0, 1, 3, 6]), orientation="asr")
    with pytest.raises(GridError, match="how large its voxels are"):
        create(image().drop_vars("x"), orientation="asr")


def test_coordinates_that_are_descending_stay_so():
    """orientation= is about the first voxel of the array, Space.orientation about small coordinates."""
    turned = image().isel(z=slice(None, None, -1))
    ds, as_said = create(image(), orientation="asr"), create(turned, orientation="psr")
    assert (ds.attrs["orientation"], as_said.attrs["orientation"]) == ("asr", "psr")
    assert as_said.atlas.space == ds.atlas.space
    xr.testing.assert_identical(as_said.annotation.isel(z=slice(None, None, -1)), ds.annotation)
    # with directions nothing is asked
    again = create(ds.annotation.isel(x=slice(None, None, -1)), terminology=ds)
    assert again.attrs["orientation"] == "asl"
    assert again.atlas.space == ds.atlas.space


def test_an_atlas_relabelled_keeps_its_space():
    atlas = make_atlas(labels_of(), make_terminology([-1, 0]), orientation="psl")
    ds = create(atlas.annotation + 0, terminology=atlas)
    assert ds.atlas.space == dataclasses.replace(atlas.atlas.space, shape=SHAPE)
    assert ds.atlas.terminology is atlas.atlas.terminology
    np.testing.assert_array_equal(ds.annotation.values, atlas.annotation.values)
    turned = create(atlas.annotation, terminology=atlas, orientation="psr")
    assert turned.atlas.space.midline is None  # that was of the other direction


# -- template and hemispheres


def test_template_and_hemispheres_take_the_grid_of_the_annotation():
    template = np.random.default_rng(1).random(SHAPE).astype("f4")
    sides = np.broadcast_to(np.repeat([2.0, 1.0], 4), SHAPE)
    ds = create(
        labels_of(), template=template, hemispheres=sides, voxel_size="25 um", orientation="asr"
    )
    np.testing.assert_array_equal(ds.template.values, template)
    assert ds.hemispheres.dtype == np.uint8
    for side, half in (("left", slice(4, 8)), ("right", slice(0, 4))):
        wanted = (labels_of() == 1) & (np.arange(8) >= 4 if side == "left" else np.arange(8) < 4)
        np.testing.assert_array_equal(ds.atlas.mask("R1", hemisphere=side).values, wanted)
        assert int(wanted.sum()) == (labels_of()[..., half] == 1).sum()


@pytest.mark.parametrize("lazy", [False, True])
def test_hemispheres_are_checked(lazy: bool):
    sides = np.full(SHAPE, 1)
    sides[0, 0, 0] = 255
    data = da.from_array(sides, chunks=4) if lazy else sides
    with pytest.raises(HemisphereError, match="holds 255; it is 1 for left"):
        create(
            labels_of(), hemispheres=data, voxel_size="25 um", orientation="asr"
        ).hemispheres.compute()


def test_without_any_of_the_three_there_is_no_hemisphere():
    ds = create(labels_of(), voxel_size="25 um", orientation="asr")
    assert ds.atlas.space.midline is None
    with pytest.raises(HemisphereError, match="midline="):
        ds.atlas.mask("R1", hemisphere="left")


def test_a_midline_lies_in_the_volume():
    ds = create(labels_of(), voxel_size="25 um", orientation="asl", midline="75 um")
    left = ds.atlas.mask("R1", hemisphere="left").values
    np.testing.assert_array_equal(left, (labels_of() == 1) & (np.arange(8) <= 3))
    with pytest.raises(GridError, match="midline 0.3 mm lies outside the volume"):
        create(labels_of(), voxel_size="25 um", orientation="asr", midline="0.3 mm")


@pytest.mark.parametrize("what", ["template", "hemispheres"])
def test_what_does_not_lie_on_the_grid_says_what_differs(what: str, tmp_path: Path):
    ones = np.ones(SHAPE, "u1")
    affine = np.diag([0.025, 0.025, 0.025, 1])
    annotation = save_nifti(tmp_path / "a.nii", labels_of(), affine)
    finer = save_nifti(tmp_path / "b.nii", ones, np.diag([0.025, 0.05, 0.025, 1]))
    turned = save_nifti(tmp_path / "c.nii", ones, np.diag([0.025, -0.025, 0.025, 1]))
    moved = affine.copy()
    moved[0, 3] = 0.1
    moved = save_nifti(tmp_path / "d.nii", ones, moved)
    for other, message in (
        (ones[:-1], "its shape is 5 x 7 x 8, the annotation's 6 x 7 x 8"),
        (finer, "0.025 x 0.05 x 0.025 mm, the annotation's 0.025 x 0.025 x 0.025 mm"),
        (turned, "its orientation is 'lai', the annotation's 'lpi'"),
        (moved, "its first voxel lies 4 voxels away"),
    ):
        with pytest.raises(GridError, match=f"{what} .*does not lie on the grid.*{message}"):
            create(annotation, **{what: other})
    create(annotation, orientation="asr", **{what: turned})
    # what is said overrides the headers of all
    for other in (finer, turned, moved):
        create(annotation, voxel_size="25 um", orientation="asr", **{what: other})
    with pytest.raises(
        GridError, match="its coordinate 'z' begins at 0.25 mm, the annotation's at 0.275"
    ):
        create(
            image()
            .assign_coords(z=image().z + 25)
            .assign_coords(z=lambda d: d.z.assign_attrs(units="um")),
            orientation="asr",
            **{what: image()},
        )


# -- NIfTI


def nibabel_codes() -> list[str]:
    axes = itertools.permutations(("LR", "PA", "IS"))
    return ["".join(codes) for order in axes for codes in itertools.product(*order)]


@pytest.mark.parametrize("codes", nibabel_codes())
def test_every_orientation_of_nifti(codes: str, tmp_path: Path):
    """A marked voxel lies on the side of the brain where nibabel's affine puts it."""
    sizes, marked = (0.05, 0.025, 0.1), (1, 5, 2)
    affine = np.zeros((4, 4))
    for axis, (world, sign) in enumerate(nibabel.orientations.axcodes2ornt(codes)):
        affine[int(world), axis] = sign * sizes[axis]
    affine[:, 3] = (1.5, -2.25, 3.0, 1)
    array = np.zeros(SHAPE, "u1")
    array[marked] = 1
    path = save_nifti(tmp_path / "labels.nii", array, affine)
    assert nibabel.aff2axcodes(nibabel.load(path).affine) == tuple(codes)
    ds = create(path, chunks=None)
    assert ds.atlas.space.voxel_size == sizes
    assert ds.attrs["orientation"] == "".join(OPPOSITE[code] for code in codes.lower())
    # its coordinates are those of the world: to the right, anterior and superior
    at = ds.annotation.where(ds.annotation == 1, drop=True)
    there = nibabel.affines.apply_affine(affine, marked)
    for axis, place, runs in zip(("ml", "ap", "dv"), there, WORLD_DIRECTIONS, strict=True):
        name = ds.atlas.space.coordinate(ds, axis)
        assert float(at[name].values[0]) == pytest.approx(place, abs=1e-9)
        assert ds[name].attrs["direction"] == runs


@pytest.mark.parametrize("name", ["labels.nii", "labels.nii.gz"])
@pytest.mark.parametrize(
    ("unit", "factor"), [("mm", 1), ("micron", 1000), ("meter", 0.001), ("unknown", 1)]
)
def test_units_of_nifti(name: str, unit: str, factor: float, tmp_path: Path):
    path = save_nifti(
        tmp_path / name, labels_of(), np.diag([*(np.array([0.05, 0.025, 0.039]) * factor), 1]), unit
    )
    ds = create(path)
    assert ds.atlas.space.voxel_size == (0.05, 0.025, 0.039)
    np.testing.assert_array_equal(ds.annotation.values, labels_of())
    assert isinstance(ds.annotation.data, da.Array)
    np.testing.assert_array_equal(ds.z.values, 0.05 * np.arange(len(ds.z)))


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "u4", "i8", "u8", ">u4", "f4", "f8"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_types_of_nifti(dtype: str, kind: Any, tmp_path: Path):
    labels = labels_of(dtype=dtype)
    large = {"u4": BIG[0], ">u4": BIG[0], "i4": BIG[0], "i8": BIG[3], "u8": 2**64 - 7}.get(dtype, 2)
    labels[2, 3, 4] = large
    image = kind(labels, np.diag([0.025, 0.025, 0.025, 1]), dtype=labels.dtype)
    nibabel.save(image, tmp_path / "labels.nii")
    ds = create(tmp_path / "labels.nii")
    np.testing.assert_array_equal(ds.annotation.values, labels)
    assert ds.annotation.dtype.isnative
    assert int(ds.annotation.isel(z=2, y=3, x=4)) == int(large)


def test_nifti_is_read_where_it_is_needed(tmp_path: Path):
    path = save_nifti(tmp_path / "labels.nii", labels_of(), np.diag([0.025, 0.025, 0.025, 1]))
    with dask.config.set(scheduler=no_compute):
        ds = create(path, chunks=4)
    assert ds.annotation.data.chunksize == (4, 4, 4)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ds)).annotation.values, labels_of())
    whole = create(path, chunks=None)
    assert isinstance(whole.annotation.data, np.ndarray)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match="cannot read"):
        ds.annotation.compute()
    with pytest.raises(StoreError, match="cut short"):
        create(path)


def test_a_header_that_spans_no_volume(tmp_path: Path):
    image = nibabel.Nifti1Image(labels_of(), None)
    image.header["sform_code"] = 1
    for row in "xyz":
        image.header[f"srow_{row}"] = 0
    nibabel.save(image, tmp_path / "labels.nii")
    with pytest.raises(GridError, match="spans no volume.*give both"):
        create(tmp_path / "labels.nii")
    assert create(tmp_path / "labels.nii", voxel_size="25 um", orientation="asr").z.size == 6


def test_scaled_nifti(tmp_path: Path):
    image = nibabel.Nifti1Image(labels_of(), np.diag([0.025, 0.025, 0.025, 1]))
    image.header.set_slope_inter(2, 0)
    nibabel.save(image, tmp_path / "t.nii")
    loaded = nibabel.load(tmp_path / "t.nii").get_fdata()
    np.testing.assert_array_equal(
        create(
            labels_of(), template=tmp_path / "t.nii", voxel_size="25 um", orientation="lpi"
        ).template.values,
        loaded,
    )
    np.testing.assert_array_equal(create(tmp_path / "t.nii").annotation.values, loaded)


def test_nifti_without_a_code_says_no_orientation(tmp_path: Path):
    image = nibabel.Nifti1Image(labels_of(), None)
    image.header.set_zooms((0.05, 0.025, 0.1))
    image.header.set_sform(None, 0)
    image.header.set_qform(None, 0)
    nibabel.save(image, tmp_path / "labels.nii")
    with pytest.raises(GridError, match="how it is oriented"):
        create(tmp_path / "labels.nii")
    ds = create(tmp_path / "labels.nii", orientation="asr")
    assert ds.atlas.space.voxel_size == (0.05, 0.025, 0.1)


def test_a_qform_alone(tmp_path: Path):
    image = nibabel.Nifti1Image(labels_of(), None)
    affine = np.array([[0, 0, -0.1, 0], [-0.05, 0, 0, 0], [0, -0.025, 0, 0], [0, 0, 0, 1]])
    image.set_qform(affine, code=1)
    image.set_sform(None, 0)
    nibabel.save(image, tmp_path / "labels.nii")
    ds = create(tmp_path / "labels.nii")
    assert ds.attrs["orientation"] == "asr"
    assert ds.atlas.space.voxel_size == (0.05, 0.025, 0.1)


def test_oblique_headers(tmp_path: Path):
    turn = nibabel.eulerangles.euler2mat(z=np.radians(10))
    affine = nibabel.affines.from_matvec(turn * 0.025, (0, 0, 0))
    path = save_nifti(tmp_path / "labels.nii", labels_of(), affine)
    for known in ({}, {"voxel_size": "25 um"}, {"orientation": "asr"}):
        with pytest.raises(
            GridError,
            match=r"is oblique .rotated by up to 10 degrees.: resample.*both voxel_size= and",
        ):
            create(path, **known)
    ds = create(path, voxel_size="25 um", orientation="asr")
    np.testing.assert_array_equal(ds.annotation.values, labels_of())
    # half a thousandth of a radian is how a header is rounded
    turn = nibabel.eulerangles.euler2mat(z=5e-4)
    path = save_nifti(
        tmp_path / "near.nii", labels_of(), nibabel.affines.from_matvec(turn * 0.025, (0, 0, 0))
    )
    assert create(path).atlas.space.voxel_size == (0.025, 0.025, 0.025)


def test_lying_headers_are_overridden(tmp_path: Path):
    """Micrometres said to be mm, and LPS said of an AP-DV-ML array, as the Allen Institute's NRRD."""
    path = save_nifti(tmp_path / "labels.nii", labels_of((20, 20, 20)), np.diag([25, 25, 25, 1]))
    with pytest.raises(
        GridError,
        match=r"would be 500 mm long.*micrometres that are said to be mm.*voxel_size='25 um'",
    ):
        create(path)
    ds = create(path, voxel_size="25 um", orientation="asr")
    assert (ds.attrs["resolution"], ds.attrs["orientation"]) == ("25 um", "asr")
    assert create(path, voxel_size="25 um", axcodes="PIL").identical(ds)
    tiny = save_nifti(
        tmp_path / "tiny.nii", labels_of((20, 20, 20)), np.diag([25e-6, 25e-6, 25e-6, 1])
    )
    with pytest.raises(GridError, match=r"less than the 0.1 mm.*voxel_size='25 um'"):
        create(tiny)


def test_four_dimensions_of_nifti(tmp_path: Path):
    affine = np.diag([0.025, 0.025, 0.025, 1])
    path = save_nifti(tmp_path / "labels.nii", labels_of()[..., None], affine)
    assert create(path).annotation.shape == SHAPE
    path = save_nifti(tmp_path / "two.nii", np.stack([labels_of()] * 2, -1), affine)
    with pytest.raises(GridError, match="needs voxels along three dimensions"):
        create(path)


# -- NRRD


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i2", ">i4", "u4", "i8", "u8", "f4"])
def test_nrrd(encoding: str, detached: bool, dtype: str, tmp_path: Path):
    labels = labels_of(dtype=dtype)
    directions = np.array([[0, 0.05, 0], [0, 0, -0.025], [-0.1, 0, 0]])
    path = tmp_path / ("labels.nhdr" if detached else "labels.nrrd")
    save_nrrd(path, labels, **{
        "space": "left-posterior-superior", "space directions": directions, "space origin": [1, 2, 3],
        "space units": ["mm"] * 3, "encoding": encoding,
    })  # fmt: skip
    ds = create(path)
    # +P: begins anterior; -S: begins superior; -L: begins left
    assert ds.attrs["orientation"] == "asl"
    assert ds.atlas.space.voxel_size == (0.05, 0.025, 0.1)
    np.testing.assert_array_equal(ds.annotation.values, labels)


@pytest.mark.parametrize(("space", "orientation"), [
    ("left-posterior-superior", "rai"), ("LPS", "rai"), ("right-anterior-superior", "lpi"),
    ("RAS", "lpi"), ("left-anterior-superior", "rpi"), ("LAS", "rpi"),
])  # fmt: skip
def test_spaces_of_nrrd(space: str, orientation: str, tmp_path: Path):
    path = save_nrrd(tmp_path / "labels.nrrd", labels_of(), **{
        "space": space, "space directions": np.diag([25.0, 25, 25]), "space units": ["microns"] * 3,
    })  # fmt: skip
    ds = create(path)
    assert (ds.attrs["orientation"], ds.attrs["resolution"]) == (orientation, "25 um")


def test_each_axis_of_nrrd_has_its_unit(tmp_path: Path):
    directions = np.array([[0, 0.05, 0], [0, 0, 25], [10, 0, 0]])
    path = save_nrrd(tmp_path / "labels.nrrd", labels_of(), **{
        "space": "RAS", "space directions": directions, "space units": ["um", "mm", "um"],
    })  # fmt: skip
    assert create(path).atlas.space.voxel_size == (0.05, 0.025, 0.01)


def test_nrrd_that_says_less(tmp_path: Path):
    path = save_nrrd(tmp_path / "a.nrrd", labels_of(), spacings=[0.05, 0.025, 0.1])
    with pytest.raises(GridError, match="how it is oriented"):
        create(path)
    assert create(path, orientation="asr").atlas.space.voxel_size == (0.05, 0.025, 0.1)
    path = save_nrrd(tmp_path / "b.nrrd", labels_of())
    with pytest.raises(GridError, match="how large"):
        create(path, orientation="asr")
    # as the Allen Institute writes it: micrometres without a unit
    path = save_nrrd(tmp_path / "c.nrrd", labels_of((20, 20, 20)), **{
        "space": "left-posterior-superior", "space directions": np.diag([25.0, 25, 25]),
    })  # fmt: skip
    with pytest.raises(GridError, match="voxel_size='25 um'"):
        create(path)
    assert create(path, voxel_size="25 um", orientation="asr").attrs["orientation"] == "asr"
    oblique = save_nrrd(tmp_path / "d.nrrd", labels_of(), **{
        "space": "RAS", "space directions": nibabel.eulerangles.euler2mat(z=0.5),
    })  # fmt: skip
    with pytest.raises(GridError, match="oblique"):
        create(oblique)


# -- TIFF


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "f4", ">u2"])
def test_tiff(compression: str | None, dtype: str, tmp_path: Path):
    labels = labels_of(dtype=dtype)
    path = tmp_path / "labels.tiff"
    order = ">" if dtype.startswith(">") else "<"
    tifffile.imwrite(
        path, labels, compression=compression, byteorder=order, photometric="minisblack"
    )
    with pytest.raises(GridError, match="how large its voxels are.*how it is oriented"):
        create(path)
    ds = create(path, voxel_size="25 um", orientation="asr")
    np.testing.assert_array_equal(ds.annotation.values, labels)
    for key in (
        (slice(1, 4), 2, slice(None)),
        (3, slice(None), slice(1, 7, 2)),
        (slice(None, None, -2),) * 3,
        (2, 3, 4),
    ):
        part = ds.annotation.isel(dict(zip("zyx", key, strict=True)))
        np.testing.assert_array_equal(part.values, labels[key])
    np.testing.assert_array_equal(
        ds.annotation.isel(z=[5, 0], x=[1, 3]).values, labels[[5, 0]][..., [1, 3]]
    )
    assert ds.annotation.dtype.isnative


def test_compressed_tiff_is_decoded_by_planes(tmp_path: Path):
    path = tmp_path / "labels.tif"
    labels = labels_of((20, 7, 8))
    tifffile.imwrite(path, labels, compression="zlib", photometric="minisblack")
    ds = create(path, voxel_size="25 um", orientation="asr", chunks={"z": 5})
    assert ds.annotation.data.chunks == ((5, 5, 5, 5), (7,), (8,))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ds)).annotation.values, labels)
    tifffile.imwrite(path, labels[:3], compression="zlib", photometric="minisblack")
    with pytest.raises(StoreError, match="cannot read plane"):
        ds.annotation.compute()


def test_imagej_says_its_voxel_size(tmp_path: Path):
    path = tmp_path / "labels.tif"
    for unit in ("um", "micron", "\\u00B5m", "mm"):
        factor = 0.001 if unit == "mm" else 1
        tifffile.imwrite(
            path, labels_of(), imagej=True, resolution=(1 / (10 * factor), 1 / (25 * factor)),
            metadata={"spacing": 50 * factor, "unit": unit, "axes": "ZYX"},
        )  # fmt: skip
        assert create(path, orientation="asr").atlas.space.voxel_size == pytest.approx(
            (0.05, 0.025, 0.01), rel=1e-6
        )
    tifffile.imwrite(path, labels_of(), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(GridError, match="how large"):
        create(path, orientation="asr")


def test_ome_says_its_voxel_size(tmp_path: Path):
    path = tmp_path / "labels.ome.tif"
    metadata = {
        "axes": "ZYX",
        "PhysicalSizeX": 10,
        "PhysicalSizeY": 25,
        "PhysicalSizeZ": 0.05,
        "PhysicalSizeZUnit": "mm",
    }
    tifffile.imwrite(path, labels_of(), metadata=metadata)
    ds = create(path, orientation="asr")
    assert ds.atlas.space.voxel_size == (0.05, 0.025, 0.01)
    np.testing.assert_array_equal(ds.annotation.values, labels_of())


def test_colors_are_no_labels(tmp_path: Path):
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((20, 30, 3), "u1"), photometric="rgb")
    with pytest.raises(StoreFormatError, match="is not a volume: it needs those along z, y and x"):
        create(tmp_path / "rgb.tif", voxel_size="25 um", orientation="asr")


# -- files that are not what they should be


def test_a_package_that_is_not_installed(tmp_path: Path, monkeypatch: Any):
    for name, package in (("a.nii", "nibabel"), ("a.nrrd", "nrrd"), ("a.tif", "tifffile")):
        (tmp_path / name).write_bytes(b"")
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ImportError, match=rf"needs {package}.*xarray-atlas\[files\]"):
            create(tmp_path / name, voxel_size="25 um", orientation="asr")
    with pytest.raises(StoreFormatError, match="is a URL; images are read from local files"):
        create("s3://bucket/labels.nii")


def test_files_that_cannot_be_read(tmp_path: Path):
    known = {"voxel_size": "25 um", "orientation": "asr"}
    with pytest.raises(StoreNotFoundError, match="there is no file"):
        create(tmp_path / "absent.nii", **known)
    with pytest.raises(StoreFormatError, match=r"does not end with one of .nii, .*, .nrrd"):
        create(tmp_path / "labels.npy", **known)
    for name in ("a.nii", "a.nii.gz", "a.nrrd", "a.tif"):
        (tmp_path / name).write_bytes(b"not an image at all" * 100)
        with pytest.raises((StoreError, StoreFormatError), match="cannot be read"):
            create(tmp_path / name, **known)
    with pytest.raises(MissingTerminologyError):
        create(labels_of(), terminology=tmp_path / "absent.csv", **known)


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.nrrd", "labels.nii", "labels.tif"])
def test_files_that_are_cut_short(name: str, tmp_path: Path):
    labels = np.random.default_rng(0).integers(0, 2**16, (20, 20, 20)).astype("u2")
    path = tmp_path / name
    if name == "labels.nrrd":
        save_nrrd(path, labels, encoding="gzip")
    elif name == "labels.tif":
        tifffile.imwrite(path, labels, photometric="minisblack")
    else:
        save_nifti(path, labels, np.diag([0.025, 0.025, 0.025, 1]))
    known = {"voxel_size": "25 um", "orientation": "asr"}
    np.testing.assert_array_equal(create(path, **known).annotation.values, labels)
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises((StoreError, StoreFormatError), match="cut short|cannot be read"):
        create(path, **known).annotation.compute()


@given(
    codes=st.sampled_from(nibabel_codes()),
    sizes=st.tuples(*[st.sampled_from([0.01, 0.02, 0.039, 0.1, 0.35])] * 3),
    kind=st.sampled_from([nibabel.Nifti1Image, nibabel.Nifti2Image]),
    origin=st.tuples(*[st.floats(-50, 50)] * 3),
)
@settings(max_examples=25)
def test_sizes_and_orientations_of_any_header(
    tmp_path_factory: Any, codes: str, sizes: Any, kind: Any, origin: Any
):
    path = tmp_path_factory.mktemp("nifti") / "labels.nii"
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (world, sign) in enumerate(nibabel.orientations.axcodes2ornt(codes)):
        affine[int(world), axis] = sign * sizes[axis]
    affine[:3, 3] = origin
    labels = labels_of((12, 11, 10))
    nibabel.save(kind(labels, affine), path)
    ds, said = create(path), create(labels, axcodes=codes, voxel_size=[f"{s} mm" for s in sizes])
    assert ds.attrs == said.attrs
    np.testing.assert_array_equal(ds.annotation.values, said.annotation.values)
    assert ds.atlas.space.voxel_size == said.atlas.space.voxel_size
    stored = nibabel.load(path).affine
    for axis, dim in enumerate("zyx"):
        row = int(nibabel.orientations.axcodes2ornt(codes)[axis, 0])
        places = stored[row, 3] + stored[row, axis] * np.arange(labels.shape[axis])
        np.testing.assert_allclose(ds[dim].values, places, rtol=1e-6, atol=1e-6)
    assert said.z.values[0] == 0  # nothing says where an array lies
