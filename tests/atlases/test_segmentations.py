"""Segmentations by region against plain numpy, scipy and the reports of Nutil."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import xarray as xr
from scipy import ndimage

import xarray_atlas
from xarray_atlas.errors import GridError, StoreError, StoreFormatError, StoreNotFoundError

imagecodecs = pytest.importorskip("imagecodecs")


@pytest.fixture
def section(sample: xr.Dataset) -> xr.Dataset:
    return sample.atlas.section(ap="7 mm")


@pytest.fixture
def image() -> Any:
    """Blobs, on 3 x 2.5 pixels in one of the section."""
    noise = np.random.default_rng(1).normal(size=(240, 285))
    return ndimage.gaussian_filter(noise, 3) > 0.09


def under(section: xr.Dataset, shape: tuple[int, int]) -> Any:
    labels = section.annotation.values
    rows = np.arange(shape[0]) * labels.shape[0] // shape[0]
    columns = np.arange(shape[1]) * labels.shape[1] // shape[1]
    return labels[np.ix_(rows, columns)]


@pytest.mark.parametrize("connectivity", [4, 8])
def test_pixels_and_objects_are_those_of_scipy(
    section: xr.Dataset, image: Any, connectivity: int
) -> None:
    found = xarray_atlas.segmented(image, section, direct=True, connectivity=connectivity)
    labels = under(section, image.shape)
    objects, number = ndimage.label(image, np.ones((3, 3)) if connectivity == 8 else None)
    assert number > 50
    owner: list[int] = []
    for i in range(1, number + 1):
        values, counts = np.unique(labels[objects == i], return_counts=True)
        owner.append(int(values[np.argmax(counts)]))
    for name, values in (("pixels", labels[image]), ("objects", np.array(owner))):
        expected = [(values == i).sum() for i in found.region_id.values]
        np.testing.assert_array_equal(found[name], expected)
    assert found.background == (labels[image] == 0).sum()
    assert found.background_objects == owner.count(0)
    whole = xarray_atlas.segmented(image, section, ["root", "CTX"], connectivity=connectivity)
    assert whole.pixels.sel(region="root") + whole.background == image.sum()
    areas = section.atlas.area(["root", "CTX"]).values
    np.testing.assert_allclose(whole.area.values, areas)
    np.testing.assert_allclose(whole.area_fraction, whole.segmented_area.values / areas)
    pixel = 0.01 * section.annotation.size / image.size
    np.testing.assert_allclose(whole.segmented_area.values, whole.pixels.values * pixel)
    np.testing.assert_allclose(whole.region_pixels.values, areas / pixel)


def test_files_and_arrays_say_the_same(section: xr.Dataset, image: Any, tmp_path: Path) -> None:
    expected = xarray_atlas.segmented(image, section)
    gray = np.where(image, 255, 0).astype(np.uint8)
    rgb = np.where(image[..., None], [255, 0, 7], [255, 255, 255]).astype(np.uint8)
    numbered = ndimage.label(image)[0].astype(np.uint16)
    (tmp_path / "rgb.png").write_bytes(imagecodecs.png_encode(rgb))
    tifffile.imwrite(tmp_path / "gray.tif", gray)
    tifffile.imwrite(tmp_path / "cells.tiff", numbered)
    header = bytes([2]) + image.shape[1].to_bytes(4, "big") + image.shape[0].to_bytes(4, "big")
    (tmp_path / "cells.flat").write_bytes(header + numbered.astype(">u2").tobytes())
    for source, more in (
        (tmp_path / "rgb.png", {"color": "#ff0007"}),
        (tmp_path / "rgb.png", {"color": (255, 0, 7)}),
        (tmp_path / "gray.tif", {"color": 255}),
        (str(tmp_path / "cells.tiff"), {"labels": True}),
        (tmp_path / "cells.flat", {"labels": True}),
        (xr.DataArray(image), {}),
    ):
        found = xarray_atlas.segmented(source, section, **more)
        xr.testing.assert_identical(found, expected)


def test_small_objects_damage_and_sides(section: xr.Dataset, image: Any) -> None:
    objects, _ = ndimage.label(image)
    many = np.bincount(objects.ravel())[objects] >= 30
    found = xarray_atlas.segmented(image, section, "root", min_pixels=30)
    expected = xarray_atlas.segmented(image & many, section, "root")
    xr.testing.assert_identical(found, expected)
    intact = (section.annotation > 0).copy(data=np.zeros(section.annotation.shape, bool))
    intact[:40] = True
    part = xarray_atlas.segmented(image, section, "root", mask=intact)
    labels = under(section, image.shape)
    assert part.pixels == (image & (labels > 0))[:120].sum()
    area = 0.01 * (section.annotation.values[:40] > 0).sum()
    assert part.area.item().magnitude == pytest.approx(area)


@pytest.mark.filterwarnings("ignore:no manifest says")
def test_sides_add_up(section: xr.Dataset, image: Any) -> None:
    sides = xarray_atlas.segmented(image, section, hemisphere=["left", "right"])
    whole = xarray_atlas.segmented(image, section)
    np.testing.assert_array_equal(sides.pixels.sum("hemisphere"), whole.pixels)


def test_errors(section: xr.Dataset, image: Any, tmp_path: Path) -> None:
    gray = np.where(image, 200, 9).astype(np.uint8)
    with pytest.raises(GridError, match=r"which pixels are segmented\?.*9 \(.* pixels\), 200 \("):
        xarray_atlas.segmented(gray, section)
    with pytest.raises(GridError, match=r"no pixel has color=7.*9 \("):
        xarray_atlas.segmented(gray, section, color=7)
    with pytest.raises(GridError, match="does not fit an image of 1 channel"):
        xarray_atlas.segmented(gray, section, color="#ff0000")
    with pytest.raises(GridError, match="leave out color="):
        xarray_atlas.segmented(gray, section, color=200, labels=True)
    with pytest.raises(ValueError, match="connectivity=6"):
        xarray_atlas.segmented(image, section, connectivity=6)
    with pytest.raises(GridError, match="it is on these pixels"):
        xarray_atlas.segmented(image, section, mask=xr.DataArray(image))
    with pytest.raises(StoreNotFoundError, match="no file"):
        xarray_atlas.segmented(tmp_path / "a.png", section)
    with pytest.raises(StoreFormatError, match=r"ends in '\.jpg'"):
        xarray_atlas.segmented(tmp_path / "a.jpg", section)
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(StoreError, match="cannot be read"):
        xarray_atlas.segmented(tmp_path / "b.png", section, color=1)
    (tmp_path / "b.flat").write_bytes(bytes([1, 0, 0, 0, 9, 0, 0, 0, 9, 1]))
    with pytest.raises(StoreFormatError, match="is damaged"):
        xarray_atlas.segmented(tmp_path / "b.flat", section, labels=True)


def test_numbers_are_those_of_nutil(published: Path, data: Path) -> None:
    """But for the last row and column of objects, which Nutil leaves out."""
    quint = data / "quint"
    ds = xarray_atlas.open_atlas(published, resolution="25 um")
    tree = xarray_atlas.open_sections(quint / "alignment.json", ds)
    left_out = [0, 40, 1000, 3999]
    for number, (node, less) in enumerate(zip(tree.children.values(), left_out, strict=False), 1):
        path = quint / f"reports/nutil_s{number:03d}.csv"
        with path.open() as file:
            rows = [row for row in csv.reader(file, delimiter=";") if row and row[0].isdigit()]
        area = {int(row[0]): float(row[3]) for row in rows}
        pixels = {int(row[0]): int(float(row[6])) for row in rows}
        image = quint / f"segmentations/segmentation_s{number:03d}.png"
        found = xarray_atlas.segmented(image, node, color="#000000", direct=True)
        ids = found.region_id.values
        expected = np.array([area.get(i, 0) for i in ids])
        np.testing.assert_allclose(found.region_pixels, expected, atol=1e-6)
        more = found.pixels.values - [pixels.get(i, 0) for i in ids]
        assert (more >= 0).all()
        assert more.sum() + found.background.item() - pixels[0] == less
