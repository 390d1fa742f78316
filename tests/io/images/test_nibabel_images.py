"""NIfTI and its relatives as nibabel writes them, and nibabel's images in memory."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import dask
import nibabel
import numpy as np
import pytest

from support.atlases import no_compute
from xarray_atlas.errors import GridError, StoreError, StoreFormatError
from xarray_atlas.io.files.images import is_image, read_image

AFFINE = np.array([[0, 0, 0.3, -9], [-0.1, 0, 0, 12.5], [0, 0.2, 0, -7], [0, 0, 0, 1]])
SHAPE = (5, 6, 7)


def numbers(shape: tuple[int, ...] = SHAPE, dtype: Any = "i2") -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 100, shape).astype(dtype)


def save(path: Path, image: Any) -> Path:
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.nii", nibabel.Nifti1Image), ("a.nii", nibabel.Nifti2Image), ("a.nii.gz", nibabel.Nifti1Image),
        ("a.img", nibabel.Nifti1Pair), ("a.hdr", nibabel.Nifti1Pair), ("a.img.gz", nibabel.Nifti1Pair),
        ("a.mgh", nibabel.MGHImage), ("a.mgz", nibabel.MGHImage),
    ],
)  # fmt: skip
def test_every_format_of_nibabel(tmp_path: Path, name: str, kind: Any):
    path = save(tmp_path / name, kind(numbers(), AFFINE))
    with dask.config.set(scheduler=no_compute):
        image = read_image(path)
        lazy = image.array()
    np.testing.assert_array_equal(lazy.compute(), numbers())
    assert lazy.dtype == np.int16
    assert lazy.dtype.isnative
    np.testing.assert_allclose(image.geometry.affine, AFFINE, atol=1e-7)
    assert image.geometry.voxel_size == (0.1, 0.2, 0.3)
    again = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(again.array(None), numbers())


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_slope_and_an_intercept_are_those_of_nibabel(tmp_path: Path, name: str):
    written = nibabel.Nifti1Image(numbers(), AFFINE)
    written.header.set_slope_inter(0.37, -1.25)
    path = save(tmp_path / name, written)
    loaded: Any = nibabel.load(path)
    with dask.config.set(scheduler=no_compute):
        array = read_image(path).array(3)
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array.compute(), np.asanyarray(loaded.dataobj))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    ("unit", "axis", "mine"),
    [
        ("sec", "time", "s"), ("msec", "time", "ms"), ("usec", "time", "us"), ("unknown", "time", None),
        ("hz", "frequency", "Hz"), ("ppm", "frequency", "ppm"), ("rads", "frequency", "rad/s"),
    ],
)  # fmt: skip
def test_the_fourth_axis_has_the_unit_of_the_header(
    tmp_path: Path, name: str, unit: str, axis: str, mine: Any
):
    written = nibabel.Nifti1Image(numbers((*SHAPE, 4)), AFFINE)
    written.header.set_xyzt_units("mm", unit)
    written.header.set_zooms((0.1, 0.2, 0.3, 0.4))
    written.header["toffset"] = 0.1
    image = read_image(save(tmp_path / name, written))
    assert image.dims == (axis, "z", "y", "x")
    assert image.others[axis].values == pytest.approx([0.1, 0.5, 0.9, 1.3], abs=1e-15)
    assert image.others[axis].unit == mine
    np.testing.assert_array_equal(image.array().compute(), np.moveaxis(written.get_fdata(), -1, 0))


def test_a_step_of_zero_is_not_known(tmp_path: Path):
    written = nibabel.Nifti1Image(numbers((*SHAPE, 4)), AFFINE)
    written.header.set_zooms((0.1, 0.2, 0.3, 0))
    assert read_image(save(tmp_path / "a.nii", written)).others == {}


def test_axes_of_length_one_are_dropped_and_further_ones_kept(tmp_path: Path):
    path = save(tmp_path / "a.nii", nibabel.Nifti1Image(numbers((*SHAPE, 1, 1)), AFFINE))
    assert read_image(path).dims == ("z", "y", "x")
    np.testing.assert_array_equal(read_image(path).array(None), numbers())
    field = numbers((*SHAPE, 1, 3))  # as ANTs writes a field of displacements
    image = read_image(save(tmp_path / "b.nii", nibabel.Nifti1Image(field, AFFINE)))
    assert image.dims == ("component", "z", "y", "x")
    np.testing.assert_array_equal(image.array(), np.moveaxis(field[:, :, :, 0], -1, 0))
    many = numbers((2, 3, 4, 2, 3, 2))
    image = read_image(save(tmp_path / "c.nii", nibabel.Nifti1Image(many, AFFINE)))
    assert image.dims == ("time", "component", "dim_5", "z", "y", "x")
    np.testing.assert_array_equal(image.array(), many.transpose(3, 4, 5, 0, 1, 2))
    with pytest.raises(StoreFormatError, match="three spatial dimensions"):
        read_image(save(tmp_path / "d.nii", nibabel.Nifti1Image(numbers((5, 6)), AFFINE)))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_colors_are_channels(tmp_path: Path, name: str):
    rgb = numbers((3, *SHAPE), "u1")
    voxels = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    for channel, field in enumerate("RGB"):
        voxels[field] = rgb[channel]
    for source in (
        save(tmp_path / name, nibabel.Nifti1Image(voxels, AFFINE)),
        nibabel.Nifti1Image(voxels, AFFINE),
    ):
        image = read_image(source)
        assert image.dims == ("channel", "z", "y", "x")
        assert image.others["channel"].values == ["r", "g", "b"]
        np.testing.assert_array_equal(image.array(None), rgb)


def rotation(angle: float) -> Any:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def test_complex_numbers_stay_complex(tmp_path: Path):
    written = numbers(dtype="c8") * 1j
    path = save(tmp_path / "a.nii", nibabel.Nifti1Image(written, AFFINE))
    np.testing.assert_array_equal(read_image(path).array(), written)


def test_a_sform_and_a_qform_that_disagree_are_a_question(tmp_path: Path):
    other = np.diag([0.1, 0.2, 0.3, 1])
    written = nibabel.Nifti1Image(numbers(), None)
    written.set_qform(other, code=1)
    written.set_sform(None, code=0)
    np.testing.assert_allclose(
        read_image(save(tmp_path / "q.nii", written)).geometry.affine, other, atol=1e-7
    )
    written.set_sform(AFFINE, code=2)
    path = save(tmp_path / "s.nii", written)
    with pytest.raises(StoreFormatError, match="two affines, the sform and the qform"):
        read_image(path)
    image = nibabel.load(path)
    image.set_qform(image.get_sform(), 1)
    np.testing.assert_allclose(read_image(image).geometry.affine, AFFINE, atol=1e-7)
    image = nibabel.load(path)
    image.set_sform(image.get_qform(), 1)
    np.testing.assert_allclose(read_image(image).geometry.affine, other, atol=1e-7)


def test_a_qform_that_is_the_sform_but_for_its_rounding(tmp_path: Path):
    turned = AFFINE.copy()
    turned[:3, :3] = rotation(0.3) @ turned[:3, :3]
    turned[:3, 3] = -91.3, 17.77, 203.1
    written = nibabel.Nifti1Image(numbers(), turned)
    written.set_qform(turned, 1)
    written.set_sform(turned, 1)
    found = read_image(save(tmp_path / "a.nii", written)).geometry
    np.testing.assert_allclose(found.affine, turned, rtol=1e-6)


@pytest.mark.parametrize("kind", ["nifti", "pair", "analyze"])
def test_a_header_that_does_not_say_how_the_brain_lies(tmp_path: Path, kind: str):
    suffix = {"nifti": ".nii", "pair": ".img", "analyze": ".img"}[kind]
    classes = {
        "nifti": nibabel.Nifti1Image,
        "pair": nibabel.Nifti1Pair,
        "analyze": nibabel.AnalyzeImage,
    }
    written = classes[kind](numbers(), None)
    written.header.set_zooms((0.1, 0.2, 0.3))
    if kind in ("nifti", "pair"):
        written.set_sform(None, 0)
        written.set_qform(None, 0)
    path = save(tmp_path / f"a{suffix}", written)
    geometry = read_image(path).geometry
    assert geometry.voxel_size == (0.1, 0.2, 0.3)
    assert (geometry.orientation, geometry.affine) == (None, None)


def test_mgh_whose_affine_was_never_written(tmp_path: Path):
    """The flag goodRASFlag says whether the voxel size and the affine were."""
    path = save(tmp_path / "a.mgh", nibabel.MGHImage(numbers(), AFFINE))
    content = bytearray(path.read_bytes())
    content[28:30] = b"\0\0"
    path.write_bytes(content)
    geometry = read_image(path).geometry
    assert (geometry.voxel_size, geometry.orientation, geometry.affine) == (None, None, None)
    np.testing.assert_array_equal(read_image(path).array(), numbers())


def test_images_in_memory_are_what_their_files_would_be(tmp_path: Path):
    path = save(tmp_path / "a.nii.gz", nibabel.Nifti1Image(numbers(), AFFINE))
    of_file, in_memory = nibabel.load(path), nibabel.Nifti1Image(numbers(), AFFINE)
    for image in (of_file, in_memory, nibabel.MGHImage(numbers(), AFFINE)):
        assert is_image(image)
        mine = read_image(image)
        np.testing.assert_array_equal(mine.array(), numbers())
        np.testing.assert_allclose(mine.geometry.affine, AFFINE, atol=1e-7)
    assert read_image(of_file).place == str(path)
    assert read_image(in_memory).place == "the Nifti1Image"
    moved = nibabel.load(path)
    moved.affine[0, 3] += 5  # which would be written
    np.testing.assert_allclose(read_image(moved).geometry.affine[:, 3], AFFINE[:, 3] + [5, 0, 0, 0])
    for kind in (nibabel.Nifti1Image, nibabel.AnalyzeImage, nibabel.spatialimages.SpatialImage):
        assert read_image(kind(numbers(), None)).geometry.affine is None


def test_an_image_that_is_not_in_space():
    series = nibabel.cifti2.SeriesAxis(0, 1, 4)
    models = nibabel.cifti2.BrainModelAxis.from_mask(np.ones((2, 2, 2)), affine=np.eye(4))
    cifti = nibabel.Cifti2Image(np.zeros((4, 8), "f4"), header=(series, models))
    with pytest.raises(StoreFormatError, match="is not an image in space, but a Cifti2Image"):
        read_image(cifti)


def test_a_chunk_reads_its_own_part(tmp_path: Path, monkeypatch: Any):
    path = save(tmp_path / "a.nii", nibabel.Nifti1Image(numbers((*SHAPE, 9)), AFFINE))
    image = read_image(path)
    asked: list[Any] = []
    kind = type(image.voxels)
    read = kind.__getitem__
    monkeypatch.setattr(kind, "__getitem__", lambda s, key: asked.append(key) or read(s, key))
    array = image.array({"time": 2, "z": -1, "y": -1, "x": -1})
    assert not asked
    np.testing.assert_array_equal(array[4], numbers((*SHAPE, 9))[..., 4])
    assert [key[3] for key in asked] in ([slice(4, 5, None)], [slice(4, 6, None)], [4])


def test_compressed_files_are_read_once(tmp_path: Path, monkeypatch: Any):
    path = save(tmp_path / "a.nii.gz", nibabel.Nifti1Image(numbers((*SHAPE, 9)), AFFINE))
    image = read_image(path)
    read = image.voxels._read
    times: list[int] = []
    monkeypatch.setattr(image.voxels, "_read", lambda: times.append(1) or read())
    array = image.array({"time": 1})
    assert not times
    np.testing.assert_array_equal(array, np.moveaxis(numbers((*SHAPE, 9)), -1, 0))
    array[3].compute()
    assert len(times) == 1


@pytest.mark.parametrize("name", ["a.nii.gz", "a.mgz", "a.img.gz"])
def test_compressed_files_that_are_cut_short(tmp_path: Path, name: str):
    random = np.random.default_rng(0).integers(0, 2**15, (20, 20, 20)).astype("i2")
    kinds = {"a.nii.gz": nibabel.Nifti1Image, "a.mgz": nibabel.MGHImage}
    path = save(tmp_path / name, kinds.get(name, nibabel.Nifti1Pair)(random, AFFINE))
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(StoreError, match="cannot be read"):
        read_image(path).array().compute()


def test_natural_chunks(tmp_path: Path):
    """Frames that are small go together, and large ones are cubes."""
    image = read_image(nibabel.Nifti1Image(numbers(), AFFINE))
    path = save(tmp_path / "a.nii", nibabel.Nifti1Image(np.zeros((64, 64, 32, 40), "u1"), AFFINE))
    assert read_image(path).array().chunksize == (16, 64, 64, 32)
    path = save(tmp_path / "b.nii", nibabel.Nifti1Image(np.zeros((130, 130, 130, 3), "u1"), AFFINE))
    assert read_image(path).array().chunksize == (1, 128, 128, 128)
    path = save(tmp_path / "c.nii", nibabel.Nifti1Image(np.zeros((130, 5, 130), "u1"), AFFINE))
    assert read_image(path).array().chunksize == (128, 5, 128)
    assert read_image(path).array({"z": 10}).chunksize == (10, 5, 130)
    assert isinstance(image.array(), np.ndarray)
    with pytest.raises(GridError, match="'depth' in chunks= is not a dimension"):
        read_image(path).array({"depth": 4})


def test_big_endian_headers_extensions_and_names_in_capitals(tmp_path: Path):
    image = nibabel.Nifti1Image(numbers(), AFFINE)
    swapped = nibabel.Nifti1Image(numbers(), AFFINE, image.header.as_byteswapped(">"))
    assert save(tmp_path / "a.nii", swapped).read_bytes()[:4] == b"\0\0\1\x5c"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"hello" * 50))
    for path in (
        tmp_path / "a.nii",
        save(tmp_path / "B.NII", image),
        save(tmp_path / "C.NII.GZ", image),
    ):
        found = read_image(path)
        np.testing.assert_array_equal(found.array(), numbers())
        assert found.array().dtype.isnative
        np.testing.assert_allclose(found.geometry.affine, AFFINE, atol=1e-7)


def test_a_compressed_file_that_cannot_hold_what_its_header_promises(tmp_path: Path):
    image = nibabel.Nifti1Image(np.zeros((64, 64, 64), "u1"), AFFINE)
    image.header.set_slope_inter(2, 1)  # as float64 it is eight times as large
    np.testing.assert_array_equal(read_image(save(tmp_path / "a.nii.gz", image)).array(), 1)
    header = nibabel.Nifti1Header()
    header.set_data_shape((30000, 30000, 30000))
    header["magic"], header["vox_offset"] = b"n+1", 352
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(1000)))
    with pytest.raises(StoreError, match="promises 108000000000000 bytes of voxels, which its"):
        read_image(tmp_path / "b.nii.gz")
