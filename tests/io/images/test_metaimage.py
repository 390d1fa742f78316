"""MetaImage as SimpleITK writes it, and as other programs do."""

from __future__ import annotations

import pickle
import zlib
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from support.atlases import no_compute
from xarray_atlas.errors import AtlasError, StoreError, StoreFormatError, StoreNotFoundError
from xarray_atlas.io.files.images import Image, read_image

pytestmark = pytest.mark.version_independent

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SHAPE = (5, 6, 7)


def affine_of(image: sitk.Image) -> np.ndarray[Any, Any]:
    """The affine to RAS mm, by what SimpleITK says of three points."""
    affine = np.eye(4)
    affine[:3, 3] = image.TransformIndexToPhysicalPoint((0, 0, 0))
    for axis in range(3):
        step = image.TransformIndexToPhysicalPoint(tuple(int(i == axis) for i in range(3)))
        affine[:3, axis] = np.subtract(step, affine[:3, 3])
    return LPS_TO_RAS @ affine


def make(dtype: str = "u2", seed: int = 0, vector: int = 0) -> sitk.Image:
    random = np.random.default_rng(seed)
    shape = (*SHAPE, vector) if vector else SHAPE
    image = sitk.GetImageFromArray(
        random.integers(0, 100, shape).astype(dtype), isVector=bool(vector)
    )
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    image.SetDirection(turn.ravel())
    image.SetSpacing(random.uniform(0.01, 2, 3))
    image.SetOrigin(random.uniform(-50, 50, 3))
    return image


def values_of(image: Image, chunks: Any = {}) -> np.ndarray[Any, Any]:  # noqa: B006
    return np.asarray(image.array(chunks))


def write(path: Path, voxels: bytes, **fields: Any) -> Path:
    known = {"ObjectType": "Image", "NDims": 3, "DimSize": "7 6 5", "ElementType": "MET_UCHAR"}
    lines = {**known, **fields, "ElementDataFile": fields.get("ElementDataFile", "LOCAL")}
    lines["ElementDataFile"] = lines.pop("ElementDataFile")  # the last line
    text = "".join(f"{name} = {value}\n" for name, value in lines.items())
    path.write_bytes(text.encode() + voxels)
    return path


@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
def test_metaimage_is_what_simpleitk_wrote(
    tmp_path: Path, suffix: str, compressed: bool, dtype: str
):
    written = make(dtype)
    sitk.WriteImage(written, tmp_path / f"a{suffix}", useCompression=compressed)
    with dask.config.set(scheduler=no_compute):
        image = read_image(tmp_path / f"a{suffix}")
        image.array()
    # the first axis of the file is the first of the array
    np.testing.assert_array_equal(values_of(image), sitk.GetArrayFromImage(written).T)
    np.testing.assert_array_equal(values_of(image, None), sitk.GetArrayFromImage(written).T)
    assert image.voxels.dtype == np.dtype(dtype)
    assert image.geometry.affine is not None
    np.testing.assert_allclose(image.geometry.affine, affine_of(written), atol=1e-9)
    again = pickle.loads(pickle.dumps(image))
    np.testing.assert_array_equal(values_of(again), values_of(image))


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_the_affine_of_any_metaimage(tmp_path_factory: Any, seed: int):
    path = tmp_path_factory.mktemp("meta") / "a.mha"
    sitk.WriteImage(make("u1", seed), path)
    image = read_image(path)
    assert image.geometry.affine is not None
    np.testing.assert_allclose(
        image.geometry.affine, affine_of(sitk.ReadImage(path)), rtol=1e-6, atol=1e-9
    )
    np.testing.assert_allclose(image.geometry.voxel_size, sitk.ReadImage(path).GetSpacing())


@pytest.mark.parametrize("compressed", [False, True])
def test_channels_are_an_axis_of_their_own(tmp_path: Path, compressed: bool):
    written = make("f4", vector=3)
    sitk.WriteImage(written, tmp_path / "a.mha", useCompression=compressed)
    image = read_image(tmp_path / "a.mha")
    assert image.dims == ("channel", "z", "y", "x")
    wanted = sitk.GetArrayFromImage(written).transpose(3, 2, 1, 0)
    np.testing.assert_array_equal(values_of(image), wanted)


def test_a_fourth_axis_is_not_called_time(tmp_path: Path):
    written = sitk.GetImageFromArray(np.random.default_rng(0).random((4, *SHAPE)), isVector=False)
    written.SetSpacing((0.1, 0.2, 0.3, 1.5))
    written.SetOrigin((1, 2, 3, 4))
    sitk.WriteImage(written, tmp_path / "a.mha")
    image = read_image(tmp_path / "a.mha")
    assert image.dims == ("dim_3", "z", "y", "x")
    assert image.others["dim_3"].values == [4.0, 5.5, 7.0, 8.5]
    assert image.others["dim_3"].unit is None
    np.testing.assert_array_equal(
        values_of(image), sitk.GetArrayFromImage(written).transpose(0, 3, 2, 1)
    )
    np.testing.assert_array_equal(np.diag(image.geometry.affine), [-0.1, -0.2, 0.3, 1])


@pytest.mark.parametrize("name", ["BinaryDataByteOrderMSB", "ElementByteOrderMSB"])
def test_big_endian_voxels(tmp_path: Path, name: str):
    wanted = np.arange(210, dtype=">u2")
    path = write(tmp_path / "a.mha", wanted.tobytes(), ElementType="MET_USHORT", **{name: "True"})
    found = read_image(path).array(None)
    np.testing.assert_array_equal(found, wanted.reshape(SHAPE).T)
    assert found.dtype == np.uint16
    assert found.dtype.isnative


def test_headers_in_other_words(tmp_path: Path):
    """Older files have ElementSize, Position and Orientation, and voxels behind a header of their own."""
    voxels = np.arange(210, dtype="u1")
    (tmp_path / "b.raw").write_bytes(b"x" * 17 + voxels.tobytes())
    fields = {"ElementSize": "0.1 0.2 0.3", "Orientation": "0 1 0 1 0 0 0 0 1", "Position": "1 2 3"}
    for skip in (17, -1):
        path = write(tmp_path / "b.mhd", b"", **fields, HeaderSize=skip, ElementDataFile="b.raw")
        image = read_image(path)
        np.testing.assert_array_equal(values_of(image), voxels.reshape(SHAPE).T)
        by_itk = sitk.ReadImage(path)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(by_itk), voxels.reshape(SHAPE))
        assert image.geometry.affine is not None
        np.testing.assert_allclose(image.geometry.affine, affine_of(by_itk))
    text = " ".join(map(str, voxels)).encode()
    path = write(tmp_path / "c.mha", text, BinaryData="False")
    np.testing.assert_array_equal(values_of(read_image(path)), voxels.reshape(SHAPE).T)


def test_a_centre_of_rotation_moves_nothing(tmp_path: Path):
    """ITK passes it over when it reads."""
    path = write(
        tmp_path / "a.mha", bytes(210), TransformMatrix="0 1 0 -1 0 0 0 0 1", Offset="1 2 3",
        ElementSpacing="0.1 0.2 0.3", CenterOfRotation="5 6 7",
    )  # fmt: skip
    affine = read_image(path).geometry.affine
    assert affine is not None
    np.testing.assert_allclose(affine, affine_of(sitk.ReadImage(path)))


def test_what_a_header_leaves_out_is_not_known(tmp_path: Path):
    voxels = bytes(210)
    bare = read_image(write(tmp_path / "a.mha", voxels)).geometry
    assert (bare.voxel_size, bare.orientation, bare.affine) == (None, None, None)
    spaced = read_image(write(tmp_path / "b.mha", voxels, ElementSpacing="0.1 0.2 0.3")).geometry
    assert (spaced.voxel_size, spaced.orientation, spaced.affine) == ((0.1, 0.2, 0.3), None, None)
    turned = {"ElementSpacing": "0.1 0.2 0.3", "TransformMatrix": "1 0 0 0 1 0 0 0 1"}
    placed = read_image(write(tmp_path / "c.mha", voxels, **turned)).geometry
    assert (placed.orientation, placed.affine) == ("rai", None)
    for unit, size in (("um", 1e-4), ("mm", 0.1), ("cm", 1.0)):
        path = write(tmp_path / "d.mha", voxels, **turned, DistanceUnits=unit)
        assert read_image(path).geometry.voxel_size == pytest.approx((size, 2 * size, 3 * size))
    path = write(tmp_path / "e.mha", voxels, **turned, DistanceUnits="voxels")
    assert read_image(path).geometry.voxel_size is None


@pytest.mark.parametrize(("fields", "error", "message"), [
    ({"ElementDataFile": "absent.raw"}, StoreNotFoundError, "voxels that does not exist"),
    ({"ElementDataFile": "LIST"}, StoreFormatError, "a file for each slice"),
    ({"ElementDataFile": "slice%03d.raw 1 5 1"}, StoreFormatError, "a file for each slice"),
    ({"ElementType": "MET_STRING"}, StoreFormatError, "of the type MET_STRING"),
    ({"ElementSpacing": "0.1 0.2"}, StoreFormatError, "are not 3 numbers"),
    ({"TransformMatrix": "1 0 0 a"}, StoreFormatError, "are not 9 numbers"),
    ({"DimSize": "7 6"}, StoreFormatError, "are not 3 numbers"),
    ({"DimSize": "7 6 6"}, StoreError, "cut short"),
    ({"DimSize": "7 6 6", "HeaderSize": -1}, StoreError, "cut short"),
    ({"DimSize": "7 6 0"}, StoreFormatError, "shape"),
    ({"NDims": 2, "DimSize": "7 6"}, StoreFormatError, "three spatial dimensions"),
    ({"ObjectType": "Scene"}, StoreFormatError, "is not a MetaImage"),
])  # fmt: skip
def test_headers_that_are_refused(tmp_path: Path, fields: Any, error: Any, message: str):
    with pytest.raises(error, match=message):
        read_image(write(tmp_path / "a.mhd", bytes(210), **fields))


def test_files_that_are_no_metaimage(tmp_path: Path):
    for content in (b"", b"not an image at all" * 100, b"NDims = 3\n" * 10000, bytes(10**6)):
        (tmp_path / "a.mha").write_bytes(content)
        with pytest.raises(StoreFormatError, match="is not a MetaImage"):
            read_image(tmp_path / "a.mha")


def test_compressed_voxels_that_are_cut_short_or_too_many(tmp_path: Path):
    voxels = np.random.default_rng(0).integers(0, 255, 210).astype("u1")
    squeezed = zlib.compress(voxels.tobytes())
    image = read_image(write(tmp_path / "a.mha", squeezed[:-60], CompressedData="True"))
    with pytest.raises(AtlasError, match="cut short"):
        image.array().compute()
    more = zlib.compress(bytes(10**8))  # of which no more is expanded than the header promises
    image = read_image(write(tmp_path / "b.mha", more, CompressedData="True"))
    assert not values_of(image).any()
