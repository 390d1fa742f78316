"""Images opened as DataArrays: where their files put each voxel, what is read, and what follows."""

from __future__ import annotations

import itertools
import zipfile
from pathlib import Path
from typing import Any

import dask
import nibabel
import nrrd
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import tifffile
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import no_compute
from support.small_worlds import SHAPE, labels, space, table, voxels, write_ome_zarr
from xarray_atlas import open_image
from xarray_atlas.coords.world import WORLD_DIRECTIONS, world_of
from xarray_atlas.errors import (
    AtlasMismatchError,
    GridError,
    ResolutionNotFoundError,
    StoreFormatError,
    StoreNotFoundError,
    UnitsError,
)
from xarray_atlas.io.files.images.voxels import RawVoxels, WholeVoxels

# pynrrd writes the time into its headers
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:nrrd")

FLIPS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
SMALL = np.diag([0.025, 0.025, 0.025, 1])


def aligned(order: Any, signs: Any, first: Any = (-9.0, 12.25, 3.5)) -> np.ndarray[Any, Any]:
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, (row, sign, size) in enumerate(zip(order, signs, (0.5, 0.25, 1.5), strict=True)):
        affine[row, column] = sign * size
    affine[:3, 3] = first
    return affine


def random_affine(seed: int) -> np.ndarray[Any, Any]:
    random = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(random.normal(size=(3, 3)))[0] * random.uniform(0.1, 2, 3)
    affine[:3, 3] = random.uniform(-50, 50, 3)
    return affine


def numbers(shape: Any = SHAPE) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).random(shape).astype("f4")


def in_ras(image: xr.DataArray) -> np.ndarray[Any, Any]:
    """The position of every voxel in RAS mm, by what the image says, shape (z, y, x, 3)."""
    by_direction = {image[d].attrs["direction"]: d for d in image.dims[-3:]}
    there = {
        d: xr.DataArray(image[by_direction[d]].values, dims=by_direction[d])
        for d in WORLD_DIRECTIONS
    }
    grids = xr.broadcast(*there.values())
    matrix = world_of(image)
    assert matrix is not None
    stacked = np.stack([grid.transpose(*image.dims[-3:]).values for grid in grids], axis=-1)
    return stacked @ matrix[:3, :3].T + matrix[:3, 3]


def by_affine(affine: Any, shape: Any = SHAPE) -> np.ndarray[Any, Any]:
    return nibabel.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))


def save(
    path: Path, array: Any, affine: Any, step: float = 1.0, units: Any = ("mm", "sec")
) -> Path:
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units(*units)
    if array.ndim > 3:
        image.header.set_zooms((*image.header.get_zooms()[:3], step))
    nibabel.save(image, path)
    return path


# -- positions


@pytest.mark.parametrize(("order", "signs"), FLIPS)
def test_every_axis_order_and_flip_lies_where_nibabel_puts_it(
    tmp_path: Path, order: Any, signs: Any
):
    affine = aligned(order, signs)
    with dask.config.set(scheduler=no_compute):
        image = open_image(save(tmp_path / "a.nii", numbers(), affine))
    np.testing.assert_array_equal(in_ras(image), by_affine(affine))
    for dim, row, sign in zip(image.dims, order, signs, strict=True):
        assert image[dim].attrs["direction"] == WORLD_DIRECTIONS[row]
        assert image[dim].attrs["units"] == "mm"
        assert np.sign(np.diff(image[dim].values)).tolist() == [sign] * (image.sizes[dim] - 1)
    np.testing.assert_array_equal(image, numbers())


@given(
    seed=st.integers(0, 2**32 - 1), kind=st.sampled_from([nibabel.Nifti1Image, nibabel.Nifti2Image])
)
@settings(max_examples=25, deadline=None)
def test_an_oblique_affine_rides_on_the_image(tmp_path_factory: Any, seed: int, kind: Any):
    affine = random_affine(seed)
    path = tmp_path_factory.mktemp("oblique") / "a.nii"
    nibabel.save(kind(numbers(), affine), path)
    loaded = nibabel.load(path).affine
    np.testing.assert_allclose(in_ras(open_image(path)), by_affine(loaded), rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        in_ras(open_image(kind(numbers(), affine))), by_affine(affine), atol=1e-4
    )


def test_one_image_in_every_format_lies_in_one_place(tmp_path: Path):
    affine = random_affine(3)
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    image = sitk.GetImageFromArray(numbers().T)
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetDirection((lps[:3, :3] / sizes).ravel())
    image.SetSpacing(sizes)
    image.SetOrigin(lps[:3, 3])
    nibabel_image = nibabel.Nifti2Image(numbers(), affine)
    sources: list[Any] = [image, nibabel_image]
    for name in ("a.mha", "a.mhd", "b.nrrd", "b.nii.gz"):
        sitk.WriteImage(image, tmp_path / name)
        sources.append(tmp_path / name)
    for name, writer in (("c.nii", nibabel_image), ("c.mgz", nibabel.MGHImage(numbers(), affine))):
        nibabel.save(writer, tmp_path / name)
        sources.append(str(tmp_path / name))
    nrrd.write(str(tmp_path / "d.nrrd"), numbers(), {
        "space": "LAS", "space directions": (np.diag([-1, 1, 1]) @ affine[:3, :3]).T,
        "space origin": np.diag([-1, 1, 1]) @ affine[:3, 3],
    })  # fmt: skip
    for source in [*sources, tmp_path / "d.nrrd"]:
        opened = open_image(source)
        np.testing.assert_array_equal(opened, numbers(), str(source))
        np.testing.assert_allclose(
            in_ras(opened), by_affine(affine), atol=1e-3, err_msg=str(source)
        )


OF_NIBABEL = Path(nibabel.__file__).parent / "tests" / "data"


@pytest.mark.filterwarnings("ignore:`row_stack` alias is deprecated:DeprecationWarning:nibabel")
@pytest.mark.skipif(not OF_NIBABEL.is_dir(), reason="nibabel is installed without its test files")
@pytest.mark.parametrize("name", [
    "anatomical.nii", "functional.nii", "example4d.nii.gz", "example_nifti2.nii.gz", "reoriented_anat_moved.nii",
    "standard.nii.gz", "test.mgz", "example4d+orig.HEAD", "scaled+tlrc.HEAD", "tiny.mnc",
])  # fmt: skip
def test_files_of_scanners_and_other_programs(name: str):
    """Those that nibabel tests itself with; its other formats as its images."""
    loaded: Any = nibabel.load(OF_NIBABEL / name)
    image = open_image(loaded if name.endswith((".HEAD", ".mnc")) else OF_NIBABEL / name)
    wanted = np.asanyarray(loaded.dataobj)
    wanted = wanted[..., 0] if wanted.shape[3:] == (1,) else wanted
    np.testing.assert_array_equal(image, np.moveaxis(wanted, -1, 0) if wanted.ndim == 4 else wanted)
    np.testing.assert_allclose(
        in_ras(image), by_affine(loaded.affine, wanted.shape[:3]), rtol=0, atol=1e-5
    )


def test_micrometres_of_a_header_become_mm(tmp_path: Path):
    """As the Allen SDK's volumes, were their unit written."""
    nrrd.write(str(tmp_path / "a.nrrd"), numbers(), {
        "space": "RAS", "space directions": np.eye(3) * 25, "space origin": [100, 0, 50],
        "space units": ["um"] * 3,
    })  # fmt: skip
    image = open_image(tmp_path / "a.nrrd")
    assert image.z.values[:2].tolist() == [0.1, 0.125]
    # without a unit they are mm: 10 m of brain
    nrrd.write(str(tmp_path / "b.nrrd"), numbers((528, 4, 4)), {
        "space": "RAS", "space directions": np.eye(3) * 25, "space origin": [0, 0, 0],
    })  # fmt: skip
    with pytest.raises(GridError, match=r"13.?200 mm long.*Then give voxel_size='25 um'"):
        open_image(tmp_path / "b.nrrd")
    assert open_image(tmp_path / "b.nrrd", voxel_size="25 um").z.values[-1] == pytest.approx(13.175)


# -- what is read


def counting(monkeypatch: Any) -> list[Any]:
    asked: list[Any] = []
    for kind in (RawVoxels, WholeVoxels):
        read = kind.__getitem__
        monkeypatch.setattr(
            kind, "__getitem__", lambda self, key, read=read: asked.append(key) or read(self, key)
        )
    return asked


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.tif"])
def test_opening_reads_no_voxel_and_a_chunk_its_part(tmp_path: Path, monkeypatch: Any, name: str):
    asked = counting(monkeypatch)
    path = tmp_path / name
    if name.startswith("a.nii"):
        save(path, numbers(), SMALL)
    elif name == "a.tif":
        tifffile.imwrite(path, numbers(), photometric="minisblack")
    elif name == "a.nrrd":
        nrrd.write(
            str(path),
            numbers(),
            {"space": "RAS", "space directions": SMALL[:3, :3], "encoding": "raw"},
        )
    else:
        sitk.WriteImage(sitk.GetImageFromArray(numbers().T), path)
    image = open_image(path, chunks={"z": 4})
    assert not asked
    assert image.chunksizes["z"] == (4, 4, 4)
    np.testing.assert_array_equal(image.isel(z=slice(4, 8)), numbers()[4:8])
    assert [key[0] for key in asked] == [slice(4, 8, None)]


def test_a_path_in_each_form(tmp_path: Path, monkeypatch: Any):
    path = save(tmp_path / "a.nii", numbers(), SMALL)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for form in (
        path,
        str(path),
        path.as_uri(),
        "a.nii",
        "~/a.nii",
        "../" + tmp_path.name + "/a.nii",
    ):
        np.testing.assert_array_equal(open_image(form), numbers(), str(form))


def test_chunks_by_dimension(tmp_path: Path):
    path = save(tmp_path / "a.nii", numbers((*SHAPE, 6)), SMALL)
    assert open_image(path).chunksizes["time"] == (6,)
    assert open_image(path, chunks={"time": 2}).chunksizes["time"] == (2, 2, 2)
    assert not open_image(path, chunks=None).chunks
    with pytest.raises(GridError, match="'t' in chunks= is not a dimension"):
        open_image(path, chunks={"t": 2})


# -- what follows: two lines from an image to regions


@pytest.mark.parametrize("name", ["r.nii", "r.nii.gz"])
@pytest.mark.parametrize(("order", "signs"), FLIPS[::7])
def test_a_recording_is_two_lines_from_its_signals(
    tmp_path: Path, name: str, order: Any, signs: Any
):
    affine = aligned(order, signs)
    save(tmp_path / "labels.nii.gz", labels("i4"), affine)
    path = save(tmp_path / name, numbers((*SHAPE, 5)), affine, 400, ("mm", "msec"))
    ds = xarray_atlas.create_atlas(tmp_path / "labels.nii.gz", table(), name="x")

    image = open_image(path)
    signals = ds.atlas.aggregate(image)

    assert signals.dims == ("time", "region")
    assert signals.time.values.tolist() == [0, 400, 800, 1200, 1600]
    assert signals.time.attrs["units"] == "ms"
    for region, label in (("A", 1), ("B", 2)):
        wanted = numbers((*SHAPE, 5))[labels() == label].mean(0, dtype=float)
        np.testing.assert_allclose(signals.sel(region=region), wanted, rtol=1e-6)


@pytest.mark.parametrize(("order", "signs"), FLIPS[::5])
def test_an_atlas_follows_an_image_of_other_axes(tmp_path: Path, order: Any, signs: Any):
    """The same voxels, stored in another order: the labels are those at the same place of the world."""
    affine = aligned(range(3), (1, 1, 1))
    save(tmp_path / "labels.nii", labels("i4"), affine)
    ds = xarray_atlas.create_atlas(tmp_path / "labels.nii", table(), name="x")
    turn = nibabel.orientations.axcodes2ornt("RAS")
    turn[:, 0], turn[:, 1] = order, signs
    other = nibabel.Nifti1Image(labels("i4"), affine).as_reoriented(turn)
    mine = ds.atlas.resample_like(open_image(other))
    np.testing.assert_array_equal(mine.annotation, np.asanyarray(other.dataobj))


def test_an_atlas_of_another_world_says_how_the_two_meet(tmp_path: Path):
    """Each error names the next call, up to a matrix, which nobody but a registration knows."""
    sample = xarray_atlas.open_sample("100 um")
    sample.atlas.to_nifti(tmp_path / "template.nii.gz")
    affine = nibabel.load(tmp_path / "template.nii.gz").affine
    image = open_image(nibabel.Nifti1Image(numbers(sample.annotation.shape), affine))
    with pytest.raises(AtlasMismatchError, match=r"ds\.atlas\.resample_like\(image\)"):
        sample.atlas.aggregate(image)
    with pytest.raises(GridError, match=r"transform=np\.eye\(4\), space='RAS'"):
        sample.atlas.resample_like(image)
    mine = sample.atlas.resample_like(image, np.eye(4), space="RAS")
    np.testing.assert_array_equal(mine.annotation, sample.annotation)


def test_maps_of_probability_become_an_atlas_by_the_advice(tmp_path: Path):
    maps = numbers((6, 7, 8, 4))
    maps[0] = 0
    maps[1] = np.nan
    path = save(tmp_path / "p.nii", maps, np.diag([1, 1, 1, 1]))
    names = pd.DataFrame({"id": [1, 2, 3, 4], "name": list("abcd")})
    with pytest.raises(GridError, match="maps of probability") as caught:
        xarray_atlas.create_atlas(path, names, name="p")
    advice = str(caught.value).partition("with maps = ")[2].partition(", where")[0]
    known = {"xarray_atlas": xarray_atlas, "file": path}
    opened, _, made = advice.partition(", labels = ")
    ds = xarray_atlas.create_atlas(eval(made, {"maps": eval(opened, known)}), names, name="p")
    filled = np.nan_to_num(maps)
    np.testing.assert_array_equal(
        ds.annotation, np.where(filled.max(-1) > 0, filled.argmax(-1) + 1, 0)
    )
    assert ds.attrs["orientation"] == "lpi"
    one = str(caught.value).partition("pass one: ")[2]
    assert eval(one, {"maps": open_image(path)}).shape == (6, 7, 8)


def test_an_opened_image_is_an_annotation(tmp_path: Path):
    save(tmp_path / "labels.nii", labels("i4"), aligned(range(3), (-1, 1, 1)))
    by_path = xarray_atlas.create_atlas(tmp_path / "labels.nii", table(), name="x")
    by_image = xarray_atlas.create_atlas(open_image(tmp_path / "labels.nii"), table(), name="x")
    xr.testing.assert_equal(by_path, by_image)
    assert by_path.atlas.space == by_image.atlas.space


def test_written_and_read_it_is_the_same(tmp_path: Path):
    image = open_image(save(tmp_path / "a.nii", numbers((*SHAPE, 3)), random_affine(1)))
    xarray_atlas.encode(image).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataarray(tmp_path / "a.nc", engine="h5netcdf") as opened:
        again = xarray_atlas.decode(opened)
        xr.testing.assert_allclose(again, image)
        np.testing.assert_array_equal(in_ras(again), in_ras(image))


# -- what a file does not say


def test_a_time_without_a_unit_has_none(tmp_path: Path):
    path = save(tmp_path / "a.nii", numbers((*SHAPE, 3)), SMALL, 2.0, ("mm", "unknown"))
    time = open_image(path).time
    assert time.values.tolist() == [0, 2, 4]
    assert time.attrs == {"long_name": "time (the file states no unit)"}
    path = save(tmp_path / "b.nii", numbers((*SHAPE, 3)), SMALL, 0.0)
    assert "time" not in open_image(path).coords


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "plain.tif", numbers(), photometric="minisblack")
    return tmp_path / "plain.tif"


@pytest.fixture
def atlas() -> xr.Dataset:
    return xarray_atlas.create_atlas(
        labels(), table(), name="x", voxel_size="25 um", orientation="asr"
    )


def test_a_plain_tiff_has_neither_size_nor_direction(plain: Path, atlas: xr.Dataset):
    bare = open_image(plain)
    assert set(bare.coords) == set()
    with pytest.raises(GridError, match="has no coordinate"):
        atlas.atlas.aggregate(bare)
    with pytest.raises(GridError, match=r"how large its voxels are.*give voxel_size='25 um'"):
        open_image(plain, orientation="asr")
    with pytest.raises(UnitsError, match="has no unit"):
        open_image(plain, voxel_size=25)


def test_an_image_without_directions_is_not_matched_by_name(plain: Path, atlas: xr.Dataset):
    sized = open_image(plain, voxel_size="20 um")
    assert all("direction" not in sized[d].attrs for d in "zyx")
    assert "world" not in sized.coords
    for operation in (atlas.atlas.aggregate, atlas.atlas.resample_like):
        with pytest.raises(GridError, match=r"open_image\(file, orientation='asr'\)"):
            operation(sized)
    told = open_image(plain, voxel_size="20 um", orientation="asr")
    assert voxels(atlas.atlas.resample_like(told), "A", voxel=0.02**3) > 0


@pytest.mark.parametrize(
    ("how", "letters"), [({"orientation": "psl"}, "psl"), ({"axcodes": "RAS"}, "lpi")]
)
def test_what_the_caller_says_of_a_plain_tiff(plain: Path, how: Any, letters: str):
    image = open_image(plain, voxel_size=["50 um", "25 um", "10 um"], **how)
    ds = xarray_atlas.create_atlas(
        plain, table(), name="x", voxel_size=["50 um", "25 um", "10 um"], **how
    )
    for dim, size in zip("zyx", (0.05, 0.025, 0.01), strict=True):
        np.testing.assert_allclose(image[dim].values, size * np.arange(image.sizes[dim]))
        assert image[dim].attrs["direction"] == ds[dim].attrs["direction"]
    assert ds.attrs["orientation"] == letters
    np.testing.assert_array_equal(image, numbers())


def test_what_the_caller_says_overrides_a_header(tmp_path: Path):
    path = save(tmp_path / "a.nii", numbers(), aligned(range(3), (1, 1, -1)))
    kept = open_image(path, axcodes="RAI")  # as it is
    assert "world" in kept.coords
    turned = open_image(path, axcodes="LPS")
    assert "world" not in turned.coords
    assert turned.z.attrs["direction"] == "right-to-left"
    assert turned.z.values[:2].tolist() == [0, 0.5]
    sized = open_image(path, voxel_size="1 mm")
    assert sized.x.attrs["direction"] == "superior-to-inferior"
    assert sized.x.values[:2].tolist() == [0, 1]


def test_a_header_that_is_damaged(tmp_path: Path):
    image = nibabel.Nifti1Image(numbers(), None)
    image.header["sform_code"] = 1
    for row in "xyz":
        image.header[f"srow_{row}"] = 0
    nibabel.save(image, tmp_path / "a.nii")
    with pytest.raises(GridError, match="spans no volume.*give both"):
        open_image(tmp_path / "a.nii")
    assert open_image(tmp_path / "a.nii", voxel_size="25 um", orientation="asr").z.size == 12


def test_sources_that_are_no_images(tmp_path: Path, atlas: xr.Dataset):
    with pytest.raises(StoreNotFoundError):
        open_image(tmp_path / "absent.nii")
    with pytest.raises(StoreNotFoundError):
        open_image(tmp_path / "absent.ome.zarr")
    with pytest.raises(StoreFormatError, match="images are read from local files: download it"):
        open_image("https://example.org/a.nii.gz")
    with pytest.raises(StoreFormatError, match=r"https://example\.org/a\.nii\.gz is a URL"):
        open_image("https://me:secret@example.org/a.nii.gz?token=secret")
    with pytest.raises(StoreFormatError, match="the format of .* is not supported"):
        open_image(tmp_path / "a.png")
    with pytest.raises(TypeError, match=r"a path or URL, .*not a numpy\.ndarray"):
        open_image(np.zeros((3, 3, 3)))
    with pytest.raises(TypeError, match="are for OME-Zarr"):
        open_image(tmp_path / "a.nii", resolution="25 um")
    for image in (tmp_path / "a.nii", nibabel.Nifti1Image(numbers(), SMALL)):
        for operation in (atlas.atlas.resample_like, atlas.atlas.aggregate):
            with pytest.raises(TypeError, match=r"xarray_atlas\.open_image"):
                operation(image)
        with pytest.raises(TypeError, match=r"xarray_atlas\.open_image"):
            xarray_atlas.resample(image, atlas)


# -- OME-Zarr


AXES = [{"name": "t", "type": "time", "unit": "second"}, {"name": "c", "type": "channel"}, *space()]
SIDES = [
    {**axis, "orientation": {"type": "anatomical", "value": side}}
    for axis, side in zip(
        space(), ("posterior-to-anterior", "superior-to-inferior", "left-to-right"), strict=True
    )
]


def test_ome_zarr_has_time_and_channels(tmp_path: Path):
    array = numbers((3, 2, *SHAPE))
    omero = {"omero": {"channels": [{"label": "red"}, {"label": "green"}]}}
    path = write_ome_zarr(tmp_path / "a.ome.zarr", array, AXES, extra=omero)
    with dask.config.set(scheduler=no_compute):
        image = open_image(path)
    assert image.dims == ("time", "channel", "z", "y", "x")
    assert (image.time.values.tolist(), image.time.attrs) == ([0, 1, 2], {"units": "second"})
    assert image.channel.values.tolist() == ["red", "green"]
    np.testing.assert_allclose(image.z.values, 0.025 * np.arange(12))
    # no direction is invented where the axes have none
    assert all("direction" not in image[d].attrs for d in "zyx")
    np.testing.assert_array_equal(image, array)
    np.testing.assert_array_equal(open_image(path, chunks=None), array)
    np.testing.assert_array_equal(open_image(zarr.open_group(path)).isel(time=1), array[1])


def test_ome_zarr_with_directions_is_two_lines_from_regions(tmp_path: Path):
    array = numbers((3, *SHAPE))
    path = write_ome_zarr(tmp_path / "a.ome.zarr", array, [AXES[0], *SIDES])
    ds = xarray_atlas.create_atlas(
        labels(), table(), name="x", voxel_size="25 um", orientation="psl"
    )
    image = open_image(path)
    assert [image[d].attrs["direction"] for d in "zyx"] == [
        s["orientation"]["value"] for s in SIDES
    ]
    signals = ds.atlas.aggregate(image)
    np.testing.assert_allclose(signals.sel(region="A"), array[:, labels() == 1].mean(1), rtol=1e-5)
    same = open_image(
        write_ome_zarr(tmp_path / "b.zarr", array, [AXES[0], *space()]), orientation="psl"
    )
    np.testing.assert_allclose(ds.atlas.aggregate(same), signals)


def test_axes_of_length_one_levels_and_sizes(tmp_path: Path):
    array, coarse = numbers((1, 1, *SHAPE)), numbers((1, 1, 6, 5, 4))
    path = write_ome_zarr(tmp_path / "a.ome.zarr", array, AXES, levels=[(coarse, 0.05)])
    assert open_image(path).dims == ("z", "y", "x")
    image = open_image(path, resolution="50 um")
    np.testing.assert_array_equal(image, coarse[0, 0])
    np.testing.assert_allclose(image.x.values, 0.0125 + 0.05 * np.arange(4))
    assert open_image(path, resolution=1).sizes == image.sizes
    with pytest.raises(ResolutionNotFoundError, match="there are 25 um"):
        open_image(path, resolution="1 um")
    bare = write_ome_zarr(tmp_path / "b.ome.zarr", numbers(), space(None))
    with pytest.raises(StoreFormatError, match="pass voxel_size="):
        open_image(bare)
    assert open_image(bare, voxel_size="10 um").z.values[1] == pytest.approx(0.01)


def test_ome_zarr_in_a_zip_and_in_a_layout_of_several_images(tmp_path: Path):
    write_ome_zarr(tmp_path / "a.zarr", numbers())
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in (tmp_path / "a.zarr").rglob("*"):
            if file.is_file():
                archive.write(file, file.relative_to(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(open_image(tmp_path / "a.zip"), numbers())
    (tmp_path / "a.zip").rename(tmp_path / "b.OZX")
    np.testing.assert_array_equal(open_image(tmp_path / "b.OZX"), numbers())
    layout = zarr.open_group(tmp_path / "l.zarr", mode="w", zarr_format=3)
    layout.attrs["ome"] = {"version": "0.5", "bioformats2raw.layout": 3}
    write_ome_zarr(tmp_path / "l.zarr" / "0", numbers())
    np.testing.assert_array_equal(open_image(tmp_path / "l.zarr"), numbers())
    write_ome_zarr(tmp_path / "l.zarr" / "1", numbers())
    with pytest.raises(StoreFormatError, match=r"images.*l\.zarr/0.*l\.zarr/1"):
        open_image(tmp_path / "l.zarr")


def test_voxels_of_color_and_complex_numbers(tmp_path: Path):
    rgb = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    rgb["G"] = labels()
    image = open_image(nibabel.Nifti1Image(rgb, SMALL))
    assert image.dims == ("channel", "z", "y", "x")
    np.testing.assert_array_equal(image.sel(channel="g"), labels())
    waves = open_image(nibabel.Nifti1Image(labels().astype("c8"), SMALL))
    assert waves.dtype == np.complex64


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_an_oblique_image_finds_the_labels_at_its_places(tmp_path_factory: Any, seed: int):
    """Without a matrix: both lie in one world. The oracle looks up voxels by the two affines."""
    folder = tmp_path_factory.mktemp("world")
    random = np.random.default_rng(seed)
    mine = aligned(random.permutation(3), random.choice([-1, 1], 3))
    save(folder / "labels.nii", labels("i4"), mine)
    ds = xarray_atlas.create_atlas(folder / "labels.nii", table(), name="x")
    other = np.eye(4)
    other[:3, :3] = np.linalg.qr(random.normal(size=(3, 3)))[0] * random.uniform(0.2, 0.6, 3)
    shape = (9, 10, 11)
    middle = by_affine(mine).reshape(-1, 3).mean(0)
    other[:3, 3] = middle - other[:3, :3] @ (np.array(shape) / 2)
    path = save(folder / "image.nii.gz", numbers(shape), other)
    there = nibabel.affines.apply_affine(
        np.linalg.inv(mine), by_affine(nibabel.load(path).affine, shape)
    )
    at = np.floor(there + 0.5).astype(int)
    inside = ((at >= 0) & (at < SHAPE)).all(-1)
    wanted = np.where(inside, labels("i4")[tuple(np.clip(at, 0, np.array(SHAPE) - 1).T)].T, 0)
    near_face = (np.abs(there + 0.5 - np.round(there + 0.5)) < 1e-4).any(-1)
    got = ds.atlas.resample_like(open_image(path)).annotation.values
    assert (wanted > 0).sum() > 10
    assert ((got == wanted) | near_face).all()
