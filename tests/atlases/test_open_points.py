"""Files of points as Datasets: what they say, several at once, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xarray_atlas
from support.atlases import numbered_atlas, places_of
from xarray_atlas.errors import PointsError, StoreNotFoundError, UnitsError

pytestmark = pytest.mark.version_independent

SHAPE = (6, 5, 4)
INDEX = np.array([[1, 2, 3], [4, 0, 1], [5, 3, 2]])
VOXEL = {"ap": "0.1 mm", "dv": "0.2 mm", "ml": "0.4 mm"}
SIZES = np.array([0.1, 0.2, 0.4])


def cells_xml(cells: Any, image: str = "placeholder.tif") -> str:
    """Write cells (z, y, x, type) as brainglobe-utils does."""
    parts = []
    for kind in sorted({cell[3] for cell in cells}):
        markers = "".join(
            f"<Marker><MarkerX>{x}</MarkerX><MarkerY>{y}</MarkerY><MarkerZ>{z}</MarkerZ></Marker>"
            for z, y, x, own in cells
            if own == kind
        )
        parts.append(f"<Marker_Type><Type>{kind}</Type>{markers}</Marker_Type>")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<CellCounter_Marker_File><Image_Properties>'
        f"<Image_Filename>{image}</Image_Filename></Image_Properties><Marker_Data>"
        f"<Current_Type>1</Current_Type>{''.join(parts)}</Marker_Data></CellCounter_Marker_File>"
    )


def brainmapper_csv(index: Any) -> str:
    head = [f"coordinate_{space}_axis_{i}" for space in ("raw", "atlas") for i in range(3)]
    lines = [",".join([*head, "structure_name", "hemisphere"])]
    lines += [f"9,9,9,{a},{b},{c},R,left" for a, b, c in index]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


# -- what a file says


def test_voxels_are_marked_as_such_and_lengths_are_quantities(tmp_path: Path) -> None:
    ours = xarray_atlas.open_points(write(tmp_path / "a.csv", brainmapper_csv(INDEX)))
    assert ours.attrs == {"tool": "brainmapper", "frame": "brainglobe"}
    assert list(ours.dims) == ["point"]
    assert list(ours)[:3] == ["ap", "dv", "ml"]
    assert all(ours[name].attrs == {"units": "voxel"} for name in ("ap", "dv", "ml"))
    assert ours.coordinate_raw_axis_0.values.tolist() == [9, 9, 9]
    swc = xarray_atlas.open_points(write(tmp_path / "a.swc", "1 1 1 2 3 0.5 -1\n2 3 4 5 6 1 1\n"))
    assert str(swc.x.data.units) == "micrometer"
    assert swc.x.attrs == {"units": "um"}
    assert (swc.x.values.tolist(), swc.parent.values.tolist()) == ([1, 4], [-1, 1])
    assert "frame" not in swc.attrs


def test_a_stated_unit(tmp_path: Path) -> None:
    np.save(tmp_path / "points.npy", INDEX * 1.5)
    path = tmp_path / "points.npy"
    assert "units" not in xarray_atlas.open_points(path).axis_0.attrs
    assert xarray_atlas.open_points(path, unit="um").axis_0.attrs["units"] == "um"
    swc = write(tmp_path / "a.swc", "1 1 1 2 3 0.5 -1\n")
    assert xarray_atlas.open_points(swc, unit="voxel").x.attrs["units"] == "voxel"
    with pytest.raises(UnitsError, match="are in voxel, and unit='um' says otherwise"):
        xarray_atlas.open_points(write(tmp_path / "a.csv", brainmapper_csv(INDEX)), unit="um")
    with pytest.raises(UnitsError, match="which columns are positions"):
        xarray_atlas.open_points(write(tmp_path / "b.csv", "a,b\n1,2\n"), unit="um")


def test_a_stated_voxel_size_goes_with_the_points(atlas: xr.Dataset, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", brainmapper_csv(INDEX))
    cells = xarray_atlas.open_points(path, resolution=VOXEL)
    assert cells.ml.attrs == {"units": "voxel", "indexed_voxel_size": "0.4 mm"}
    assert places_of(atlas.atlas.region_at(cells), SHAPE).tolist() == INDEX.tolist()
    with pytest.raises(UnitsError, match="says otherwise"):
        atlas.atlas.region_at(cells, resolution="25 um")
    with pytest.raises(UnitsError, match="along each of ap, dv, ml"):
        xarray_atlas.open_points(path, resolution={"ap": "1 um"})
    with pytest.raises(UnitsError, match="has no unit"):
        xarray_atlas.open_points(path, resolution=25)
    swc = write(tmp_path / "a.swc", "1 1 1 2 3 0.5 -1\n")
    with pytest.raises(UnitsError, match="not known to be indices"):
        xarray_atlas.open_points(swc, resolution="25 um")
    sized = xarray_atlas.open_points(swc, unit="voxel", resolution="25 um")
    assert sized.x.attrs["indexed_voxel_size"] == "0.025 mm"


def test_it_is_written_and_read_again(tmp_path: Path) -> None:
    swc = xarray_atlas.open_points(write(tmp_path / "a.swc", "1 1 1 2 3 0.5 -1\n2 3 4 5 6 1 1\n"))
    cells = xarray_atlas.open_points(write(tmp_path / "a.csv", brainmapper_csv(INDEX)), animal="m1")
    for one in (swc, cells):
        one.to_zarr(tmp_path / f"{one.tool}.zarr", consolidated=False)
        with xr.open_dataset(
            tmp_path / f"{one.tool}.zarr", engine="zarr", consolidated=False
        ) as back:
            assert back.attrs == one.attrs
            for name in one.variables:
                assert back[name].values.tolist() == one[name].values.tolist()
                assert back[name].attrs == one[name].attrs


# -- several animals


def test_animals_are_named_by_what_differs(tmp_path: Path) -> None:
    for i, animal in enumerate(("m1", "m2", "sub-03")):
        write(tmp_path / f"{animal}_all_points.csv", brainmapper_csv(INDEX[: i + 1]))
        write(tmp_path / animal / "points" / "all_points.csv", brainmapper_csv(INDEX[: i + 1]))
    wanted = ["m1", "m2", "m2", "sub-03", "sub-03", "sub-03"]
    for pattern in ("*_all_points.csv", "*/points/*.csv"):
        for given in (tmp_path / pattern, sorted(tmp_path.glob(pattern))):
            both = xarray_atlas.open_points(given)
            assert both.animal.values.tolist() == wanted
            assert both.ap.values.tolist() == [1, 1, 4, 1, 4, 5]
            assert both.attrs["frame"] == "brainglobe"


def test_animals_that_are_stated(tmp_path: Path) -> None:
    one = write(tmp_path / "mouse_12" / "a.csv", brainmapper_csv(INDEX))
    two = write(tmp_path / "mouse_7" / "deep" / "a.csv", brainmapper_csv(INDEX))
    with pytest.raises(PointsError, match=r"do not tell the animals apart.*animal=\[...\]"):
        xarray_atlas.open_points([one, two])
    found = xarray_atlas.open_points([one, two], pattern=r"mouse_\d+")
    assert found.animal.values.tolist() == ["mouse_12"] * 3 + ["mouse_7"] * 3
    found = xarray_atlas.open_points([one, two], pattern=r"mouse_(\d+)")
    assert set(found.animal.values) == {"12", "7"}
    assert set(xarray_atlas.open_points([one, two], animal=["a", "b"]).animal.values) == {"a", "b"}
    assert set(xarray_atlas.open_points(one, animal="a").animal.values) == {"a"}
    assert "animal" not in xarray_atlas.open_points(one).coords
    with pytest.raises(PointsError, match="has 1 names for 2 files"):
        xarray_atlas.open_points([one, two], animal=["a"])
    with pytest.raises(PointsError, match="finds nothing in"):
        xarray_atlas.open_points(one, pattern="rat")
    with pytest.raises(PointsError, match="is not a regular expression"):
        xarray_atlas.open_points(one, pattern="(")
    with pytest.raises(PointsError, match="would be counted twice"):
        xarray_atlas.open_points([one, one])
    with pytest.raises(PointsError, match="the list of paths is empty"):
        xarray_atlas.open_points([])
    with pytest.raises(StoreNotFoundError, match="no file is called"):
        xarray_atlas.open_points(tmp_path / "*.xml")


def test_columns_that_one_animal_lacks_are_missing_there(tmp_path: Path) -> None:
    head = "coordinate_atlas_axis_0,coordinate_atlas_axis_1,coordinate_atlas_axis_2"
    write(tmp_path / "m1.csv", f"{head},size,marker\n1,2,3,7,a\n")
    write(tmp_path / "m2.csv", f"{head}\n4,0,1\n5,3,2\n")
    both = xarray_atlas.open_points(tmp_path / "m?.csv")
    assert both["size"].values.tolist()[0] == 7
    assert np.isnan(both["size"].values[1:]).all()
    assert both.marker.values.tolist() == ["a", "", ""]
    assert both.ap.values.tolist() == [1, 4, 5]


def test_files_that_do_not_go_together(tmp_path: Path) -> None:
    one = write(tmp_path / "m1.csv", brainmapper_csv(INDEX))
    two = write(tmp_path / "m2.xml", cells_xml([(1, 2, 3, 2)]))
    with pytest.raises(PointsError, match="do not go together: their tool is 'cellfinder'"):
        xarray_atlas.open_points([one, two])


# -- where points are taken, a path is


@pytest.fixture
def atlas() -> xr.Dataset:
    return numbered_atlas(SHAPE)


def test_everything_that_takes_points_takes_a_path(atlas: xr.Dataset, tmp_path: Path) -> None:
    for name in ("m1", "m2"):
        write(tmp_path / f"{name}.csv", brainmapper_csv(INDEX))
    path = str(tmp_path / "m1.csv")
    asked: dict[str, Any] = {"resolution": VOXEL}
    for ask in (atlas.atlas.region_at, lambda *a, **k: xarray_atlas.region_at(atlas, *a, **k)):
        found = ask(path, **asked)
        assert places_of(found, SHAPE).tolist() == INDEX.tolist()
        assert found.attrs["frame"] == "brainglobe"
        assert found.structure_name.values.tolist() == ["R"] * 3
    track = atlas.atlas.along(path, **asked)
    opened = xarray_atlas.open_points(path)
    xr.testing.assert_identical(track, atlas.atlas.along(opened, **asked))
    counts = atlas.atlas.count_points(f"{tmp_path}/m?.csv", by="animal", **asked)
    assert counts.animal.values.tolist() == ["m1", "m2"]
    assert counts["count"].sel(region="R0").values.tolist() == [3, 3]
    listed = atlas.atlas.count_points([path, tmp_path / "m2.csv"], by="animal", **asked)
    xr.testing.assert_identical(listed, counts)
    with pytest.raises(UnitsError, match="pass the size of those voxels"):
        atlas.atlas.region_at(path)
    with pytest.raises(PointsError, match="frame='allen' says otherwise"):
        atlas.atlas.region_at(path, frame="allen", **asked)


def test_an_array_is_asked_for_its_axes_unit_and_frame(atlas: xr.Dataset, tmp_path: Path) -> None:
    path = tmp_path / "points.npy"
    np.save(path, INDEX * SIZES * 1000)
    with pytest.raises(PointsError, match=r"(?s)whose coordinates.*frame='brainglobe', unit='um'"):
        atlas.atlas.region_at(path)
    with pytest.raises(UnitsError, match="no unit"):
        atlas.atlas.region_at(path, frame="brainglobe")
    for more in ({}, {"axes": ("ap", "dv", "ml")}):
        found = atlas.atlas.region_at(path, frame="brainglobe", unit="um", **more)
        assert places_of(found, SHAPE).tolist() == INDEX.tolist()
    np.save(path, (INDEX * SIZES)[:, ::-1])
    asked = {"unit": "mm", "frame": "dataset", "axes": ("ml", "dv", "ap")}
    assert places_of(atlas.atlas.region_at(path, **asked), SHAPE).tolist() == INDEX.tolist()
    with pytest.raises(PointsError, match="does not name each axis once"):
        atlas.atlas.region_at(path, unit="mm", frame="dataset", axes=("ap", "dv"))


def test_points_of_napari_on_an_image_of_the_atlas(atlas: xr.Dataset, tmp_path: Path) -> None:
    lines = [f"{i},{a},{b},{c}" for i, (a, b, c) in enumerate(INDEX + 0.3)]
    path = write(tmp_path / "a.csv", "\n".join(["index,axis-0,axis-1,axis-2", *lines]) + "\n")
    with pytest.raises(PointsError, match=r"(?s)whose coordinates.*frame='dataset', unit='voxel'"):
        atlas.atlas.region_at(path)
    found = atlas.atlas.region_at(path, frame="dataset", unit="voxel", resolution=VOXEL)
    assert places_of(found, SHAPE).tolist() == INDEX.tolist()


def test_morphologies_in_the_allen_frame(atlas: xr.Dataset, tmp_path: Path) -> None:
    um = (INDEX + 0.5) * SIZES * 1000
    um[:, 2] = SHAPE[2] * 400 - um[:, 2]  # from the left
    lines = [f"{i + 1} 3 {x} {y} {z} 1 {i or -1}" for i, (x, y, z) in enumerate(um)]
    path = write(tmp_path / "a.swc", "\n".join(lines) + "\n")
    with pytest.raises(PointsError, match=r"(?s)whose coordinates.*often AP, DV and ML"):
        atlas.atlas.region_at(path)
    asked: dict[str, Any] = {"frame": "allen", "columns": {"ap": "x", "dv": "y", "ml": "z"}}
    with pytest.raises(PointsError, match="do not say which axis"):
        atlas.atlas.region_at(path, frame="allen")
    found = atlas.atlas.region_at(path, **asked)
    assert places_of(found, SHAPE).tolist() == INDEX.tolist()
    assert found.x.attrs["units"] == "um"
    with pytest.raises(UnitsError, match="resolution"):
        atlas.atlas.region_at(path, unit="voxel", **asked)


def test_cells_of_the_raw_image_ask_for_the_registration(atlas: xr.Dataset, tmp_path: Path) -> None:
    path = write(tmp_path / "cells.xml", cells_xml([(*cell, 2) for cell in INDEX]))
    opened = xarray_atlas.open_points(path)
    assert (opened.attrs["frame"], opened.z.attrs) == ("image", {"units": "voxel"})
    for points in (path, opened):
        with pytest.raises(
            PointsError, match=r"(?s)whose coordinates.*voxels of the raw image.*sha"
        ):
            atlas.atlas.region_at(points)
        with pytest.raises(PointsError, match="lie in 'image', the raw image, and frame='allen'"):
            atlas.atlas.region_at(points, frame="allen")
        # an image on the atlas's own grid is stated by the caller
        found = atlas.atlas.region_at(points, frame="dataset", resolution=VOXEL)
        assert places_of(found, SHAPE).tolist() == INDEX.tolist()
        # what is looked up again is in the frame of the result, and asks nothing
        again = atlas.atlas.region_at(found, resolution=VOXEL)
        assert places_of(again, SHAPE).tolist() == INDEX.tolist()


# -- QuickNII's voxels


def test_voxels_of_quicknii_count_from_the_other_corner(atlas: xr.Dataset, tmp_path: Path) -> None:
    ap, dv, ml = (np.array(SHAPE) - 1 - INDEX).T  # the atlas runs from anterior, superior, right
    triplets = np.stack([ml, ap, dv], axis=1).ravel().tolist()
    path = write(tmp_path / "m1.json", json.dumps([{"name": "a", "triplets": triplets}]))
    found = atlas.atlas.region_at(path, resolution=VOXEL)
    assert places_of(found, SHAPE).tolist() == INDEX.tolist()
    assert found.attrs["frame"] == "quicknii"
    opened = xarray_atlas.open_points(path)
    mm = (np.stack([opened.x, opened.y, opened.z], axis=1) + 0.5) * SIZES[[2, 0, 1]]
    for options in ({}, {"axes": ("x", "y", "z")}):
        again = atlas.atlas.region_at(mm, unit="mm", frame="quicknii", **options)
        assert places_of(again, SHAPE).tolist() == INDEX.tolist()
    there = atlas.atlas.frames["quicknii"].to_dataset(mm * 1000)
    np.testing.assert_allclose(there, INDEX * SIZES)
    reoriented = atlas.atlas.reorient("lpi")
    assert reoriented.atlas.region_at(path, resolution=VOXEL).region.equals(found.region)


@pytest.mark.parametrize("side", ["left", "right"])
def test_objects_of_pynutil_are_where_it_says(published: Path, side: str) -> None:
    """PyNutil splits objects by hemisphere, and names the region of each."""
    ds = xarray_atlas.open_atlas(published, resolution="25 um", midline="5.7 mm")
    path = Path(__file__).parents[1] / "data" / "points" / f"{side}_hemisphere_meshview.json"
    found = ds.atlas.region_at(path, resolution="25 um")
    regions = ds.atlas.terminology
    names = dict(zip(regions.acronyms.tolist(), regions.names.tolist(), strict=True))
    assert [names[acronym] for acronym in found.region.values] == found["name"].values.tolist()
    assert found.hemisphere.values.tolist() == [side] * 15


def test_a_published_track_goes_through_the_regions_of_its_tool(data: Path) -> None:
    """brainglobe-segmentation wrote the region of each point of the spline, at 50 um."""
    ds = xarray_atlas.open_atlas(
        data / "brainglobe/annotation-sets/allen-adult-mouse-annotation/2017/annotation.ome.zarr",
        resolution="50 um",
        midline="5.7 mm",
    )
    folder = data / "points" / "tracks"
    theirs = pd.read_csv(folder / "test_track.csv", keep_default_na=False)["Region acronym"].values
    found = ds.atlas.region_at(folder / "test_track.npy", frame="brainglobe", unit="um")
    # its atlas is an older volume of 50 um, of which the labels differ along boundaries
    assert (found.region.values == theirs).mean() > 0.87
    # as napari counts, from the centre of a voxel, they are half a voxel off
    centred = xarray_atlas.open_points(folder / "test_track.npy") + 25.0
    off = ds.atlas.region_at(centred, frame="brainglobe", unit="um")
    assert (off.region.values == theirs).mean() < 0.75
    track = ds.atlas.along(folder / "test_track.npy", frame="brainglobe", unit="um")
    assert set(track.region.values) >= {"SSp-tr5", "ccb", "CA1", "DG-sg"}
