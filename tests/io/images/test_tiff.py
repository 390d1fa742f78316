"""TIFF as tifffile writes it: ImageJ's and OME's metadata, axes of time and channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from xarray_atlas.errors import StoreError, StoreFormatError
from xarray_atlas.io.files.images import read_image

SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 5, "X": 6, "S": 3}


def numbers(axes: str, dtype: Any = "u2") -> np.ndarray[Any, Any]:
    shape = [SIZES[axis] for axis in axes]
    return np.random.default_rng(0).integers(0, 200, shape).astype(dtype)


def in_order(array: np.ndarray[Any, Any], axes: str, wanted: str) -> np.ndarray[Any, Any]:
    return array.transpose([axes.index(axis) for axis in wanted])


def imagej(path: Path, resolution: tuple[float, float] = (1 / 25, 1 / 10), **metadata: Any) -> Path:
    tifffile.imwrite(
        path,
        numbers("ZYX"),
        imagej=True,
        resolution=resolution,
        metadata={**metadata, "axes": "ZYX"},
    )
    return path


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize(
    ("axes", "dims"),
    [
        ("ZYX", "ZYX"), ("TZYX", "TZYX"), ("CZYX", "CZYX"), ("ZCYX", "CZYX"), ("TZCYX", "TCZYX"),
        ("TCZYX", "TCZYX"), ("ZTYX", "TZYX"),
    ],
)  # fmt: skip
def test_the_axes_of_ome(tmp_path: Path, compression: Any, axes: str, dims: str):
    names = {"T": "time", "C": "channel", "Z": "z", "Y": "y", "X": "x"}
    array = numbers(axes)
    metadata = {
        "axes": axes, "PhysicalSizeX": 0.01, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": 25.0,
        "PhysicalSizeZ": 0.005, "PhysicalSizeZUnit": "cm", "TimeIncrement": 40, "TimeIncrementUnit": "ms",
        "Channel": {"Name": ["red", "green", "blue"]},
    }  # fmt: skip
    tifffile.imwrite(tmp_path / "a.ome.tif", array, compression=compression, metadata=metadata)
    image = read_image(tmp_path / "a.ome.tif")
    assert image.dims == tuple(names[axis] for axis in dims)
    assert image.geometry.voxel_size == (0.05, 0.025, 0.01)
    assert (image.geometry.orientation, image.geometry.affine) == (None, None)
    if "T" in axes:
        assert (image.others["time"].values, image.others["time"].unit) == ([0.0, 40.0], "ms")
    if "C" in axes:
        assert image.others["channel"].values == ["red", "green", "blue"]
    wanted = in_order(array, axes, dims)
    np.testing.assert_array_equal(image.array().compute(), wanted)
    np.testing.assert_array_equal(image.array(2).compute(), wanted)
    np.testing.assert_array_equal(
        image.array()[..., ::-1, 1::2, 3].compute(), wanted[..., ::-1, 1::2, 3]
    )


@pytest.mark.parametrize("unit", ["pixel", "reference frame"])
def test_a_unit_of_ome_that_is_no_length(tmp_path: Path, unit: str):
    metadata = {f"PhysicalSize{a}": 10.0 for a in "XYZ"} | {
        f"PhysicalSize{a}Unit": unit for a in "XYZ"
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", numbers("ZYX"), metadata={"axes": "ZYX", **metadata})
    assert read_image(tmp_path / "a.ome.tif").geometry.voxel_size is None


@pytest.mark.parametrize("letter", ["µm", "micron", "um"])
def test_micrometres_of_ome(tmp_path: Path, letter: str):
    metadata = {f"PhysicalSize{a}": 10.0 for a in "XYZ"} | {
        f"PhysicalSize{a}Unit": letter for a in "XYZ"
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", numbers("ZYX"), metadata={"axes": "ZYX", **metadata})
    assert read_image(tmp_path / "a.ome.tif").geometry.voxel_size == (0.01, 0.01, 0.01)


@pytest.mark.parametrize(("metadata", "sizes"), [
    ({"spacing": 50, "unit": "micron"}, (0.05, 0.01, 0.025)),
    ({"spacing": 0.05, "unit": "micron", "zunit": "mm"}, (0.05, 0.01, 0.025)),
    ({"spacing": 50, "unit": "micron", "yunit": "nm"}, (0.05, 0.00001, 0.025)),
    ({"spacing": 50, "unit": "mm", "xunit": "um", "yunit": "um", "zunit": "um"}, (0.05, 0.01, 0.025)),
    ({"spacing": -50, "unit": "\\u00B5m"}, (0.05, 0.01, 0.025)),
    ({"spacing": 1, "unit": "micron", "zunit": "pixel"}, None),
    ({"spacing": 1, "unit": "micron", "xunit": "pixel"}, None),
    ({"spacing": 1, "unit": "pixel"}, None),
    ({"unit": "micron"}, None),
    ({"spacing": 50}, None),
])  # fmt: skip
def test_each_axis_of_imagej_has_a_unit(tmp_path: Path, metadata: Any, sizes: Any):
    found = read_image(imagej(tmp_path / "a.tif", **metadata)).geometry.voxel_size
    assert found == (sizes and pytest.approx(sizes, rel=1e-6))


@pytest.mark.parametrize(
    ("more", "unit"), [({"tunit": "sec"}, "s"), ({"tunit": "ms"}, "ms"), ({}, None)]
)
def test_times_and_channels_of_imagej(tmp_path: Path, more: Any, unit: Any):
    metadata = {"axes": "TZCYX", "finterval": 0.5, **more}
    tifffile.imwrite(tmp_path / "a.tif", numbers("TZCYX"), imagej=True, metadata=metadata)
    image = read_image(tmp_path / "a.tif")
    assert image.dims == ("time", "channel", "z", "y", "x")
    assert (image.others["time"].values, image.others["time"].unit) == ([0.0, 0.5], unit)
    np.testing.assert_array_equal(image.array(), in_order(numbers("TZCYX"), "TZCYX", "TCZYX"))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_colors_are_channels(tmp_path: Path, compression: Any):
    array = numbers("ZYXS", "u1")
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", compression=compression)
    image = read_image(tmp_path / "a.tif")
    assert image.dims == ("channel", "z", "y", "x")
    np.testing.assert_array_equal(image.array(), array.transpose(3, 0, 1, 2))


def test_big_endian_and_a_single_plane(tmp_path: Path):
    tifffile.imwrite(tmp_path / "a.tif", numbers("ZYX"), byteorder=">", photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array(), numbers("ZYX"))
    for options in (
        {"imagej": True},
        {"ome": True},
    ):  # formats that have an axis along z in any case
        tifffile.imwrite(tmp_path / "one.tif", numbers("YX"), **options)
        np.testing.assert_array_equal(read_image(tmp_path / "one.tif").array(), numbers("YX")[None])
    tifffile.imwrite(tmp_path / "b.tif", numbers("YX"))
    with pytest.raises(
        StoreFormatError, match=r"has the axes YX and is not a volume.*numpy\.stack"
    ):
        read_image(tmp_path / "b.tif")


def test_a_plane_that_is_missing_is_no_zeros(tmp_path: Path):
    """OME-XML may list planes that the file lacks."""
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, numbers("ZYX"), compression="zlib", metadata={"axes": "ZYX"})
    content = path.read_bytes()
    assert content.count(b'SizeZ="4"') == 1
    content = content.replace(b'SizeZ="4"', b'SizeZ="5"').replace(
        b'PlaneCount="4"', b'PlaneCount="5"'
    )
    path.write_bytes(content)
    with pytest.raises((StoreError, StoreFormatError)):
        read_image(path).array().compute()


def test_a_codec_that_is_not_installed(tmp_path: Path, monkeypatch: Any):
    tifffile.imwrite(
        tmp_path / "a.tif", numbers("ZYX"), compression="lzw", photometric="minisblack"
    )
    image = read_image(tmp_path / "a.tif")

    def without(*_: Any, **__: Any) -> Any:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", without)
    with pytest.raises(
        StoreError, match=r"requires the 'imagecodecs' package: pip install .xarray-atlas\[files\]"
    ):
        image.array().compute()


def test_planes_that_were_written_one_by_one_are_a_stack(tmp_path: Path):
    """A loop of writer.write(plane) makes a series of each, of which tifffile reads the first."""
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in numbers("ZYX"):
            writer.write(plane, photometric="minisblack")
    image = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.array().compute(), numbers("ZYX"))
    np.testing.assert_array_equal(image.array()[1:3, ::2].compute(), numbers("ZYX")[1:3, ::2])


def test_a_volume_beside_a_thumbnail_and_two_volumes(tmp_path: Path):
    small = np.zeros((3, 4), "u2")
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(small, photometric="minisblack")
        writer.write(numbers("ZYX"), photometric="minisblack", compression="zlib")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array(), numbers("ZYX"))
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(numbers("ZYX"), photometric="minisblack")
        writer.write(numbers("ZYX")[:2] + 1, photometric="minisblack")
    with pytest.raises(StoreFormatError, match=r"2 volumes, of 4 x 5 x 6, 2 x 5 x 6") as caught:
        read_image(tmp_path / "b.tif")
    advice = str(caught.value).partition("of its own: ")[2]
    one = tmp_path / "one.tif"
    eval(advice.replace("'one.tif'", repr(str(one))), {"tifffile": tifffile})
    np.testing.assert_array_equal(read_image(one).array(), numbers("ZYX"))


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 16)},
        {"tile": (16, 16, 16), "volumetric": True},
        {"predictor": True, "compression": "zlib"},
    ],
)
def test_tiles_and_predictors(tmp_path: Path, options: Any):
    array = np.random.default_rng(0).integers(0, 999, (5, 40, 50)).astype("u2")
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array(), array)


def test_the_finest_level_of_a_pyramid(tmp_path: Path):
    array = np.random.default_rng(0).integers(0, 999, (3, 40, 50)).astype("u2")
    metadata = {"axes": "ZYX", "PhysicalSizeX": 2.0, "PhysicalSizeY": 2.0, "PhysicalSizeZ": 5.0}
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(array, subifds=1, metadata=metadata, tile=(16, 16))
        writer.write(array[:, ::2, ::2], subfiletype=1, tile=(16, 16))
    image = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.array(), array)
    assert image.geometry.voxel_size == (0.005, 0.002, 0.002)


def test_masks_of_one_bit(tmp_path: Path):
    mask = numbers("ZYX") > 100
    tifffile.imwrite(tmp_path / "a.tif", mask, photometric="minisblack")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif").array(), mask)
