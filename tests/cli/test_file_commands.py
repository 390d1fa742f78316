"""Commands over files: cells, aggregate, transform, section and convert."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas.cli.main import main
from xarray_atlas.cli.output import Row

pytestmark = pytest.mark.version_independent

AT_100 = ("--resolution", "100 um")


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return xarray_atlas.open_sample("100 um")


def rows_of(capsys: pytest.CaptureFixture[str]) -> list[Row]:
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def only_error(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("xarray-atlas: error: ")
    assert err.count("\n") == 1
    return err


# ---- cells


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    path = tmp_path / "cells.csv"
    table = {"ap": [8100, 8100, 7500, 7500], "dv": [800, 800, 3400, 3400]}
    table |= {"ml": [4400, 7000, 5000, 5000], "animal": ["m1", "m2", "m2", "m1"]}
    pd.DataFrame(table).to_csv(path, index=False)
    return path


POSITIONS = ("--frame", "brainglobe", "--unit", "um")


def test_cells_are_counted(cells: Path, ds: xr.Dataset, capsys) -> None:
    assert main(["cells", str(cells), *POSITIONS, *AT_100, "--format", "csv"]) == 0
    rows = rows_of(capsys)
    columns = ["region", "name", "id", "count", "volume_mm3", "density_per_mm3"]
    assert list(rows[0]) == columns
    table = pd.read_csv(cells)
    expected = ds.atlas.count_points(table, frame="brainglobe", unit="um")
    some = expected["count"].values > 0
    assert [row["region"] for row in rows] == expected.region.values[some].tolist()
    assert [int(row["count"]) for row in rows] == expected["count"].values[some].tolist()
    density = expected["density"].pint.magnitude[some]
    np.testing.assert_allclose([float(row["density_per_mm3"]) for row in rows], density, rtol=1e-12)


def test_cells_by_animal_and_side(cells: Path, capsys) -> None:
    asked = ["cells", str(cells), *POSITIONS, *AT_100, "--by", "animal", "--level", "6"]
    assert main([*asked, "--hemisphere", "both", "--midline", "5.675 mm", "--format", "csv"]) == 0
    rows = rows_of(capsys)
    assert list(rows[0])[3:5] == ["hemisphere", "animal"]
    rsp = {
        (row["hemisphere"], row["animal"]): int(row["count"])
        for row in rows
        if row["region"] == "RSP"
    }
    # um from the left, in brainglobe's frame from the right: the sample is stored so
    assert sum(rsp.values()) == 2
    assert sorted(rsp) == [("left", "m1"), ("left", "m2"), ("right", "m1"), ("right", "m2")]


def test_points_in_no_region_are_told(tmp_path: Path, capsys) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("ap,dv,ml\n8.1,0.8,4.4\n0.1,0.1,0.1\n8.1,0.8,4.5\n8.1,0.8,4.3\n")
    asked = ["cells", str(path), "--frame", "brainglobe", "--unit", "mm", *AT_100]
    assert main(asked) == 0
    out, err = capsys.readouterr()
    assert "xarray-atlas: 1 of 4 points are in no region: background 1\n" in err
    assert out.splitlines()[1].startswith("root")
    assert main([*asked, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["points"], found["background"], found["outside"]) == (4, 1, 0)
    assert found["regions"][0]["count"] == 3
    assert main([*asked, "--all", "--format", "csv"]) == 0
    assert len(rows_of(capsys)) == 1327


def test_several_files_are_animals(tmp_path: Path, capsys) -> None:
    head = ",".join(f"coordinate_atlas_axis_{i}" for i in range(3))
    files = [tmp_path / f"{animal}_all_points.csv" for animal in ("m1", "m2")]
    for path, ml in zip(files, (61, 40), strict=True):
        path.write_text(f"{head}\n81,8,{ml}\n")
    asked = ["cells", *map(str, files), "--by", "animal", *AT_100, "--format", "csv"]
    assert main(asked) == 1
    assert "--points-voxel-size '25 um'" in only_error(capsys)
    assert main([*asked, "--points-voxel-size", "100 um"]) == 0
    rows = rows_of(capsys)
    assert [row["animal"] for row in rows if row["region"] == "root"] == ["m1", "m2"]


def test_cells_ask(cells: Path, capsys) -> None:
    assert main(["cells", str(cells), *AT_100]) == 1
    assert "pass --frame" in only_error(capsys)
    assert main(["cells", str(cells), *POSITIONS, *AT_100, "--by", "group"]) == 1
    assert "no column 'group' to count by; there are animal, ap, dv, ml" in only_error(capsys)


def test_columns_of_other_names(tmp_path: Path, capsys) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("AP (um),DV (um),ML (um)\n8100,800,4400\n")
    asked = ["cells", str(path), *POSITIONS, *AT_100, "--format", "csv"]
    assert main(asked) == 1
    assert only_error(capsys).rstrip().endswith("or say what they are called: --column ap=NAME")
    path.write_text("AP,DV,ML\n8100,800,4400\n")
    assert main(asked) == 1
    called = only_error(capsys).rstrip()
    assert called.endswith("called: --column ap=AP --column dv=DV --column ml=ML")
    path.write_text("AP (um),DV (um),ML (um)\n8100,800,4400\n")
    named = [f"--column={axis.lower()}={axis} (um)" for axis in ("AP", "DV", "ML")]
    assert main([*asked, *named]) == 0
    assert rows_of(capsys)[-1]["count"] == "1"
    assert main(["at", "--points", str(path), *POSITIONS, *AT_100, *named]) == 0
    assert "RSP" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main([*asked, "--column", "ap"])
    assert "'ap' is not AXIS=NAME" in capsys.readouterr().err


# ---- aggregate


@pytest.fixture
def image(tmp_path: Path, ds: xr.Dataset) -> Path:
    pytest.importorskip("nibabel")
    along = np.arange(ds.sizes["z"], dtype="float32")[:, None, None]
    values = np.broadcast_to(along, ds.annotation.shape)
    path = tmp_path / "image.nii.gz"
    xarray_atlas.to_nifti(ds.annotation.astype("float32").copy(data=values).rename("image"), path)
    return path


def test_an_image_by_region(image: Path, ds: xr.Dataset, capsys) -> None:
    asked = ["aggregate", str(image), *AT_100, "--space", "RAS", "--format", "csv"]
    assert main([*asked, "--func", "mean", "--func", "std"]) == 0
    rows = {row["region"]: row for row in rows_of(capsys)}
    assert list(rows["RSP"]) == ["region", "name", "id", "mean", "std"]
    along = xr.DataArray(np.arange(ds.sizes["z"], dtype="float32"), dims="z")
    mask = ds.atlas.mask("RSP").compute()
    expected = along.broadcast_like(mask).transpose(*mask.dims).values[mask.values]
    assert float(rows["RSP"]["mean"]) == pytest.approx(expected.mean(), rel=1e-5)
    assert float(rows["RSP"]["std"]) == pytest.approx(expected.std(), rel=1e-5)
    assert main([*asked, "--level", "6"]) == 0
    assert len(rows_of(capsys)) < 400


def test_regions_whose_statistic_is_zero_are_printed(image: Path, ds: xr.Dataset, capsys) -> None:
    empty = image.with_name("empty.nii.gz")
    zero = ds.annotation.astype("float32").copy(data=np.zeros(ds.annotation.shape, "float32"))
    xarray_atlas.to_nifti(zero.rename("image"), empty)
    asked = [*AT_100, "--space", "RAS", "--format", "csv"]
    assert main(["aggregate", str(image), *asked]) == 0
    everywhere = [row["region"] for row in rows_of(capsys)]
    for func in ("mean", "min"):
        assert main(["aggregate", str(empty), *asked, "--func", func, "--func", "count"]) == 0
        rows = rows_of(capsys)
        assert [row["region"] for row in rows] == everywhere
        assert {float(row[func]) for row in rows} == {0}


def test_an_image_without_metadata_asks(tmp_path: Path, ds: xr.Dataset, capsys) -> None:
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.ones(ds.annotation.shape, "uint16"))
    asked = ["aggregate", str(path), *AT_100, "--format", "csv"]
    assert main([*asked, "--voxel-size", "100 um"]) == 1  # of the atlas
    assert "choose a level with --resolution;" in only_error(capsys)
    assert main(asked) == 1
    assert "pass --image-voxel-size, and --image-orientation" in only_error(capsys)
    asked += ["--image-voxel-size", "100 um, 100 um, 0.1 mm"]
    assert main(asked) == 1
    assert "the directions of its axes: pass --image-orientation" in only_error(capsys)
    assert main([*asked, "--image-orientation", "xyz"]) == 1
    assert "--image-orientation 'xyz' is not" in only_error(capsys)
    assert main([*asked, "--image-orientation", "asr"]) == 0
    assert {float(row["mean"]) for row in rows_of(capsys)} == {1}


def test_an_image_without_a_transform_asks(image: Path, capsys) -> None:
    assert main(["aggregate", str(image), *AT_100]) == 1
    message = only_error(capsys)
    assert "pass --transform" in message
    assert message.rstrip().endswith("that is --space RAS")


def test_a_registration_that_does_not_say_which_image_is_the_atlas(
    image: Path, affine: Path, capsys
) -> None:
    assert main(["aggregate", str(image), *AT_100, "--transform", str(affine)]) == 1
    message = only_error(capsys)
    assert "--maps 'image to atlas' where the image was the fixed one" in message
    assert message.rstrip().endswith("or --maps 'atlas to image' where the atlas was fixed.")


# ---- transform


@pytest.fixture
def affine(tmp_path: Path) -> Path:
    pytest.importorskip("SimpleITK")
    import SimpleITK

    path = tmp_path / "affine.tfm"
    transform = SimpleITK.AffineTransform(3)
    transform.SetTranslation((1.0, 2.0, 3.0))  # in LPS
    SimpleITK.WriteTransform(transform, str(path))
    return path


def test_points_through_a_transform(affine: Path, tmp_path: Path, capsys) -> None:
    asked = ["transform", str(affine)]
    assert main([*asked, "--unit", "mm", "--at", "1", "-2.5", "3", "--at", "0", "0", "0"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "fixed_x  fixed_y  fixed_z  moving_x  moving_y  moving_z",
        "      1     -2.5        3         0      -4.5         6",
        "      0        0        0        -1        -2         3",
    ]
    points = tmp_path / "points.csv"
    points.write_text("name,x,y,z\na,1000,2000,3000\n")
    asked += ["--maps", "image to atlas", "--inverse", "--format", "csv"]
    assert main([*asked, "--unit", "um", "--points", str(points)]) == 0
    (row,) = rows_of(capsys)
    assert {key: float(value) for key, value in row.items()} == {
        "atlas_x": 1, "atlas_y": 2, "atlas_z": 3, "image_x": 2, "image_y": 4, "image_z": 0,
    }  # fmt: skip


def test_what_a_transform_is(affine: Path, capsys) -> None:
    assert main(["transform", str(affine)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Transform(fixed -> moving: affine")
    assert "left-to-right, posterior-to-anterior, inferior-to-superior" in out
    assert main(["transform", str(affine), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["target"]["name"] == "moving"


def test_transform_asks(affine: Path, cells: Path, capsys) -> None:
    asked = ["transform", str(affine)]
    assert main([*asked, "--at", "1", "2", "3"]) == 1
    assert "pass --unit um or --unit mm" in only_error(capsys)
    assert main([*asked, "--points", str(cells), "--unit", "um"]) == 1
    assert "has no column 'x'; the axes of 'fixed' are x, y, z" in only_error(capsys)
    indices = cells.with_name("all_points.csv")
    indices.write_text(
        "coordinate_atlas_axis_0,coordinate_atlas_axis_1,coordinate_atlas_axis_2\n1,2,3\n"
    )
    assert main([*asked, "--points", str(indices)]) == 1
    message = only_error(capsys)
    assert "takes lengths" in message
    assert "--points-voxel-size" not in message  # which this command does not have
    assert main([*asked, "--points", str(cells), "--unit", "um", "--at", "1", "2", "3"]) == 1
    assert "not both" in only_error(capsys)


# ---- section


def test_a_section_is_drawn(tmp_path: Path, capsys) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "section.svg"
    asked = ["section", str(path), *AT_100, "--level", "5", "--width", "85"]
    assert main([*asked, "--ap=-2mm", "--frame", "ibl"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    text = path.read_text()
    assert text.lstrip().startswith("<?xml")
    width = float(text.partition('width="')[2].partition("pt")[0])
    assert width == pytest.approx(85 / 25.4 * 72, rel=1e-3)


def test_a_section_asks_where(tmp_path: Path, capsys) -> None:
    pytest.importorskip("matplotlib")
    asked = ["section", str(tmp_path / "section.png"), *AT_100]
    for where in ([], ["--ap", "8 mm", "--dv", "2 mm"]):
        assert main([*asked, *where]) == 1
        assert "pass one of --ap, --dv, --ml and --region" in only_error(capsys)
    assert main([*asked, "--ap", "8 mm", "--axis", "ml"]) == 1
    assert "--axis goes with --region" in only_error(capsys)
    assert main([*asked, "--ap", "8 mm", "--width", "0"]) == 1
    assert "above 0" in only_error(capsys)
    assert not list(tmp_path.iterdir())


# ---- convert


@pytest.mark.parametrize("name", ["labels.nii.gz", "labels.nrrd", "atlas.zarr", "atlas.nc"])
def test_an_atlas_is_converted(name: str, tmp_path: Path, ds: xr.Dataset, capsys) -> None:
    for package in {"nii": ["nibabel"], "nrrd": ["nrrd"], "nc": ["h5netcdf"]}.get(
        name.split(".")[1], []
    ):
        pytest.importorskip(package)
    path = tmp_path / name
    assert main(["convert", str(path), *AT_100]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    if name.startswith("labels"):
        written = xarray_atlas.open_image(path).transpose("z", "y", "x")
    else:
        written = xr.open_dataset(path, engine="zarr" if name.endswith("zarr") else None).annotation
        assert written.atlas.region("RSP").id == 254
    assert np.array_equal(np.unique(written.values), np.unique(ds.annotation.values))
    assert main(["convert", str(path), *AT_100]) == 1
    assert "it is not overwritten" in only_error(capsys)


def test_the_table_is_converted(tmp_path: Path, ds: xr.Dataset, capsys) -> None:
    for name in ("regions.csv", "labels.txt"):
        assert main(["convert", str(tmp_path / name)]) == 0
    assert xarray_atlas.Terminology.from_csv(tmp_path / "regions.csv") == ds.atlas.terminology
    assert '"Retrosplenial area"' in (tmp_path / "labels.txt").read_text()
    capsys.readouterr()
    assert main(["convert", str(tmp_path / "atlas.foo")]) == 1
    assert "there is no format for '.foo'; there are .nii, " in only_error(capsys)
    assert main(["convert", str(tmp_path / "other.csv"), "--dtype", "uint16"]) == 1
    assert "--dtype is for .nii, .nii.gz, .nrrd" in only_error(capsys)
