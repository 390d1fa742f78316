"""An image in place of an annotation, and hemispheres in another code, at the first pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
import zarr

import xarray_atlas
from support.atlases import no_compute
from support.small_worlds import MM3, brainglobe_table, labels, table, write_ome_zarr
from xarray_atlas import create_atlas, open_atlas
from xarray_atlas.errors import AtlasMismatchError, HemisphereError

pytestmark = pytest.mark.version_independent

ARRAY = {"name": "small", "voxel_size": "25 um", "orientation": "asr"}


def grey(shape: tuple[int, ...] = (12, 10, 8), low: int = 1000) -> np.ndarray[Any, Any]:
    """An intensity image: no two voxels that touch have much to do with each other."""
    return np.random.default_rng(0).integers(low, low + 300, shape).astype("uint16")


# -- an annotation is an annotation


@pytest.mark.parametrize("chunks", [{}, None], ids=["dask", "numpy"])
def test_an_image_is_noticed_at_the_first_pass(tmp_path: Path, chunks: Any) -> None:
    path = write_ome_zarr(tmp_path / "i.ome.zarr", grey())
    with dask.config.set(scheduler=no_compute):
        ds = open_atlas(
            path,
            terminology=brainglobe_table(),
            chunks=chunks,
            midline="0.0875 mm",
            orientation="asr",
        )
        lazy = ds.atlas.mask("A") if chunks is not None else None
    said = r"100% of the labelled voxels.* have labels that no region of .* such as 1\d\d\d"
    for ask in (
        lambda: ds.atlas.volume("A"),
        lambda: ds.atlas.volume(hemisphere="left"),
        lambda: ds.isel(z=slice(4)).atlas.volume("A"),
        lambda: ds.atlas.region_properties("B"),
        lambda: xarray_atlas.encode(ds).atlas.volume("A"),
    ):
        with pytest.raises(AtlasMismatchError, match=said):
            ask()
    if lazy is not None:
        assert not lazy.values.any()


def test_the_message_names_the_store(tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "i.ome.zarr", grey())
    with pytest.raises(AtlasMismatchError, match=re.escape(f"labelled voxels of {path}/0 have")):
        open_atlas(path, terminology=brainglobe_table()).atlas.volume("A")


def test_labels_and_the_table_of_another_atlas() -> None:
    ds = create_atlas(labels() * 100, table(), **ARRAY)
    with pytest.raises(AtlasMismatchError, match="such as 200 and 100. Is this an image"):
        ds.atlas.volume("A")


def test_labels_that_are_left_out_on_purpose() -> None:
    ds = create_atlas(labels(), pd.DataFrame({"id": [1], "name": ["a"]}), **ARRAY)
    with pytest.raises(AtlasMismatchError, match="76% of the labelled voxels") as caught:
        ds.atlas.volume("a")
    (advice,) = re.findall(r"left out: (ds\['annotation'\] = .*)$", str(caught.value))
    exec(advice, {"ds": ds})
    assert ds.annotation.dtype == "uint32"
    assert float(ds.atlas.volume("a").item().magnitude) / MM3 == pytest.approx(48)


def test_some_unknown_labels_are_none_of_its_business() -> None:
    found = labels()
    found[found == 1] = 77  # 48 of 198
    ds = create_atlas(found, table(), **ARRAY)
    assert float(ds.atlas.volume("B").item().magnitude) / MM3 == pytest.approx(150)


def test_a_part_that_an_unknown_region_fills() -> None:
    """A published atlas with one unknown structure, cut to that structure."""
    found = np.ones((20, 20, 20), "uint16")
    found[4:10, 4:10, 4:10] = 77
    ds = create_atlas(found, table(), **ARRAY)
    part = ds.isel(z=slice(4, 10), y=slice(4, 10), x=slice(4, 10))
    assert float(part.atlas.volume("A").item().magnitude) == 0


def test_grey_values_that_are_ids_of_regions_warn() -> None:
    """As those of the Allen template are: the table has nearly all small numbers."""
    regions = pd.DataFrame({"id": np.arange(1, 301), "name": [f"r{i}" for i in range(1, 301)]})
    image = grey((60, 50, 40), low=1)
    ds = create_atlas(image, regions, **ARRAY)
    with pytest.warns(UserWarning, match="scattered as the grey values of an image"):
        ds.atlas.volume("r1")
    bodies = np.arange(1, 301).reshape(10, 6, 5).repeat(6, 0).repeat(9, 1).repeat(8, 2)
    ds = create_atlas(bodies.astype("u2"), regions, **ARRAY)
    assert float(ds.atlas.volume("r1").item().magnitude) / MM3 == pytest.approx(6 * 9 * 8)


def test_check_reports_it_instead(tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "i.ome.zarr", grey())
    ds = open_atlas(path, terminology=brainglobe_table(), midline="0.0875 mm")
    report = ds.atlas.check(full=True)
    (found,) = report.table[report.table.check == "unknown labels"].itertuples()
    assert (found.severity, "image" in found.mend) == ("error", True)


def test_published_atlases_are_what_they_say(published: Path, packaged: Path) -> None:
    # a warning would be an error
    for place, resolution in ((published, "25 um"), (published, "100 um"), (packaged, "50 um")):
        ds = open_atlas(place, resolution=resolution, midline="5.675 mm")
        found = ds.atlas.volume("RSP", hemisphere=["left", "right"]).sum().item().magnitude
        assert float(found) == pytest.approx(10.3, abs=0.3)


def test_the_template_of_the_bucket_in_another_place(data: Path, packaged: Path) -> None:
    """Nearly all of its grey values are ids of regions of the Allen Mouse Brain Atlas."""
    place = data / "brainglobe/templates/allen-adult-mouse-stpt-template/1_0/template.ome.zarr"
    if not place.exists():
        pytest.skip("the template is not there")
    array = zarr.open_array(place / "s1", mode="r")[...]
    regions = xarray_atlas.open_sample().atlas.terminology
    ds = create_atlas(array, regions, name="x", voxel_size="100 um", orientation="asr")
    with pytest.warns(UserWarning, match="is this a template, in place of the annotation"):
        ds.atlas.volume("RSP")


# -- hemispheres

FOUND = np.zeros((12, 10, 8), "u2")
FOUND[1:5, 2:6, [0, 1, 2, 5, 6, 7]] = 1
FOUND[6:10, 2:9, [1, 2, 5, 6]] = 1
REGION = pd.DataFrame({"id": [1], "name": ["a"]})
RIGHT = np.arange(8) < 4


def coded(left: int, right: int, middle: int | None = None) -> np.ndarray[Any, Any]:
    along = np.where(RIGHT, right, left).astype("i2")
    if middle is not None:
        along[3:5] = middle
    return np.broadcast_to(along, FOUND.shape).copy()


def both(ds: xr.Dataset) -> list[float]:
    found = ds.atlas.volume("a", hemisphere=["left", "right"]).pint.magnitude / MM3
    return np.round(found, 3).tolist()


CODES = {
    "0 and 1": coded(0, 1),
    "1 and 0": coded(1, 0),
    "0, 1 and 2 on the midline": coded(0, 1, 2),
    "2 and 0": coded(2, 0),
}


@pytest.mark.parametrize("lazy", [False, True], ids=["numpy", "dask"])
@pytest.mark.parametrize("code", CODES)
def test_maps_in_another_code_are_noticed_and_the_advice_is_right(code: str, lazy: bool) -> None:
    sides: Any = CODES[code]
    found: Any = FOUND
    if lazy:
        import dask.array as da

        sides, found = da.from_array(sides, chunks=5), da.from_array(found, chunks=4)
    with dask.config.set(scheduler=no_compute):
        ds = create_atlas(found, REGION, hemispheres=sides, **ARRAY)
    for ask in ("left", "right", ["left", "right"]):
        with pytest.raises(HemisphereError, match="which value is which") as caught:
            ds.atlas.volume("a", hemisphere=ask)
    advice = re.findall(
        r"if (\d) is left and (\d) is right, (ds\[.*?\)\.astype\('uint8'\))\.", str(caught.value)
    )
    ((first, second, code_to_type),) = advice
    exec(code_to_type, {"ds": ds})
    assert {first, second} == set(map(str, np.unique(CODES[code][:, :, [0, 7]]).tolist()))
    assert both(ds) == [104, 104]
    # and by the option, which says left first
    left, right = int(CODES[code][0, 0, 7]), int(CODES[code][0, 0, 0])
    ds = create_atlas(found, REGION, hemispheres=sides, hemisphere_values=(left, right), **ARRAY)
    assert both(ds) == [104, 104]
    np.testing.assert_array_equal(ds.hemispheres[0, 0, [0, 7]], [2, 1])


@pytest.mark.parametrize("lazy", [False, True])
def test_values_that_mean_nothing_name_the_option(lazy: bool) -> None:
    sides: Any = coded(255, 0)
    if lazy:
        import dask.array as da

        sides = da.from_array(sides, chunks=5)
    with pytest.raises(HemisphereError, match=r"Pass hemisphere_values=\(left, right\)"):
        both(create_atlas(FOUND, REGION, hemispheres=sides, **ARRAY))
    assert both(
        create_atlas(FOUND, REGION, hemispheres=sides, hemisphere_values=(255, 0), **ARRAY)
    ) == [104, 104]


@pytest.mark.parametrize("given", [(1,), (1, 1), (1, 2, 3), 1, (0.5, 1), "12"])
def test_values_that_cannot_be(given: Any) -> None:
    with pytest.raises(HemisphereError, match="are not two integers"):
        create_atlas(FOUND, REGION, hemispheres=coded(1, 2), hemisphere_values=given, **ARRAY)


def test_values_without_hemispheres() -> None:
    with pytest.raises(HemisphereError, match="hemispheres= is not given"):
        create_atlas(FOUND, REGION, hemisphere_values=(1, 2), **ARRAY)


def test_files(tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    affine = np.diag([0.025, 0.025, 0.025, 1])
    sides = coded(1, 0).astype("u1")
    nibabel.save(nibabel.Nifti1Image(sides, affine), tmp_path / "h.nii.gz")
    nibabel.save(nibabel.Nifti1Image(FOUND, affine), tmp_path / "l.nii.gz")
    options = {"hemispheres": tmp_path / "h.nii.gz", "name": "x", "orientation": "asr"}
    with pytest.raises(HemisphereError, match="which value is which"):
        both(create_atlas(tmp_path / "l.nii.gz", REGION, **options))
    ds = create_atlas(tmp_path / "l.nii.gz", REGION, hemisphere_values=(1, 0), **options)
    assert both(ds) == [104, 104]


@pytest.mark.parametrize("code", [(0, 1), (255, 0), (3, 4)])
def test_a_store_beside_the_annotation(tmp_path: Path, code: tuple[int, int]) -> None:
    write_ome_zarr(tmp_path / "annotation.ome.zarr", FOUND)
    write_ome_zarr(tmp_path / "hemispheres.ome.zarr", coded(*code).astype("u1"))
    regions = brainglobe_table().assign(name=["root", "a", "b"], abbreviation=["root", "a", "b"])
    ds = open_atlas(
        tmp_path / "annotation.ome.zarr", terminology=regions, include=["annotation", "hemispheres"]
    )
    with pytest.raises(HemisphereError, match="which value is which") as caught:
        both(ds)
    (advice,) = re.findall(r"(ds\[.*?\)\.astype\('uint8'\))\.", str(caught.value))
    exec(advice, {"ds": ds})
    assert both(ds) == [104, 104]


def test_maps_that_are_right_are_taken() -> None:
    assert both(create_atlas(FOUND, REGION, hemispheres=coded(1, 2), **ARRAY)) == [104, 104]
    # one hemisphere was labelled
    half = np.where(RIGHT, 0, FOUND).astype("u2")
    assert both(create_atlas(half, REGION, hemispheres=coded(1, 2), **ARRAY)) == [104, 0]
    # some voxels in neither
    assert both(create_atlas(FOUND, REGION, hemispheres=coded(1, 2, 0), **ARRAY)) == [104, 104]


def test_labels_without_a_side_lie_in_neither(tmp_path: Path) -> None:
    """Most of the brain in unpaired labels, made by lateral= and given again as a volume."""
    found = np.zeros((12, 10, 8), "u2")
    found[:, :, 1], found[:, :, 6], found[:, :, 2:6] = 1, 2, 3
    regions = pd.DataFrame({"id": [1, 2, 3], "name": ["c R", "c L", "stem"]})
    ds = create_atlas(found, regions, lateral=("* L", "* R"), **ARRAY)
    expected = [120, 120]
    for each in (ds, create_atlas(found, ds, hemispheres=ds.hemispheres, **ARRAY)):
        both_sides = each.atlas.volume("c", hemisphere=["left", "right"]).pint.magnitude / MM3
        np.testing.assert_allclose(both_sides, expected)


def test_a_part_of_a_map_in_another_code() -> None:
    ds = create_atlas(FOUND, REGION, hemispheres=coded(0, 1), **ARRAY)
    with pytest.raises(HemisphereError):
        both(ds.isel(z=slice(0, 6)))
    # of one side alone nothing is concluded
    assert both(create_atlas(FOUND, REGION, hemispheres=coded(1, 2), **ARRAY).isel(x=slice(4))) == [
        0,
        104,
    ]


def test_check_says_it_too() -> None:
    ds = create_atlas(FOUND, REGION, hemispheres=coded(0, 1), **ARRAY)
    report = ds.atlas.check(full=True)
    (found,) = report.table[report.table.check == "hemispheres"].itertuples()
    assert found.severity == "error"
    assert "hemisphere_values=(left, right)" in found.mend


def test_masks_and_aggregates_look_at_what_a_pass_has_learned(tmp_path: Path) -> None:
    path = write_ome_zarr(tmp_path / "i.ome.zarr", grey())
    ds = open_atlas(path, terminology=brainglobe_table(), midline="0.0875 mm")
    image = (ds.annotation * 1.0).compute()
    ds.atlas.mask("A")  # nothing is known yet
    with pytest.raises(AtlasMismatchError):
        ds.atlas.volume("A")
    with pytest.raises(AtlasMismatchError):
        ds.atlas.mask("A")
    with pytest.raises(AtlasMismatchError):
        ds.atlas.aggregate(image, "A")
