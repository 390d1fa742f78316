"""The shell commands about positions: frames, at and where."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xarray_atlas
from xarray_atlas import Frame
from xarray_atlas.cli.main import main

pytestmark = [
    pytest.mark.version_independent,
    pytest.mark.filterwarnings("ignore:no manifest says where left and right meet"),
]

LEVEL = ("--resolution", "100 um", "--midline", "5.675 mm")


def run(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    status = main([*args, *LEVEL] if "--" not in args else [args[0], *LEVEL, *args[1:]])
    captured = capsys.readouterr()
    assert (status, captured.err) == (0, "")
    return captured.out


def fails(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert main([*args, *LEVEL]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def rows(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_frames(capsys: pytest.CaptureFixture[str]) -> None:
    ds = xarray_atlas.open_sample("100 um")
    found = rows(run(capsys, "frames", "--format", "csv"))
    assert [row["name"] for row in found] == list(ds.atlas.frames)
    assert found[4] == {
        "name": "ibl",
        "axes": "ml, ap, dv",
        "directions": "left-to-right, posterior-to-anterior, inferior-to-superior",
        "unit": "um",
        "source": ds.atlas.frames["ibl"].citation,
    }
    listed = json.loads(run(capsys, "frames", "--format", "json"))
    assert [Frame.from_dict(frame) for frame in listed] == list(ds.atlas.frames.values())
    assert run(capsys, "frames").splitlines()[0].split() == [*found[0]]


def test_at_numbers_in_the_order_of_the_frame(capsys: pytest.CaptureFixture[str]) -> None:
    numbers = ("0.5", "-3.1", "-4.5", "0", "0", "0.5")
    for args in (
        ("at", "--frame", "ibl", "--unit", "mm", "--format", "csv", "--", *numbers),
        ("at", *numbers, "--frame", "ibl", "--unit", "mm", "--format", "csv"),
    ):
        status = main(list(args) if "--" not in args else ["at", *LEVEL, *args[1:]])
        captured = capsys.readouterr()
        assert status == 0
        found = rows(captured.out)
        assert [row["region"] for row in found] == ["VTA", ""]
        assert found[0]["ml"] == "0.5"
        assert found[0]["name"] == "Ventral tegmental area"
        assert (found[0]["hemisphere"], found[0]["status"]) == ("right", "ok")
        assert found[1]["status"] in ("background", "outside")


def test_at_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ds = xarray_atlas.open_sample("100 um")
    at = ds.atlas.region_properties(["VTA", "TH"], frame="trajectory-explorer")
    points = at.representative_point.values
    table = pd.DataFrame(points, columns=["ml", "ap", "dv"]).assign(cell=[7, 9])
    table.to_csv(tmp_path / "cells.csv", index=False)
    args = ("at", "--points", str(tmp_path / "cells.csv"), "--frame", "trajectory-explorer")
    found = json.loads(run(capsys, *args, "--unit", "mm", "--level", "3", "--format", "json"))
    wanted = ds.atlas.count_points(table, frame="trajectory-explorer", unit="mm", level=3)["count"]
    names = wanted.region.values[wanted.values > 0].tolist()
    assert sorted(point["region"] for point in found["points"]) == sorted(names)
    assert [point["cell"] for point in found["points"]] == [7, 9]
    assert found["frame"] == "trajectory-explorer"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("at", "1", "2", "--frame", "ibl", "--unit", "mm"), "three numbers, and there are 2"),
        (("at", "--frame", "ibl"), "pass the numbers"),
        (("at", "1", "2", "3", "--unit", "mm"), "whose coordinates are these"),
        (("at", "1", "2", "3", "--frame", "ibl"), "pass --unit um or --unit mm"),
        (("at", "1", "2", "3", "--frame", "ib", "--unit", "mm"), "did you mean 'ibl'"),
        (("where", "VTA", "--frame", "bregma"), "does not say which one"),
    ],
)
def test_what_is_asked(
    args: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in fails(capsys, *args)


def test_where(capsys: pytest.CaptureFixture[str]) -> None:
    ds = xarray_atlas.open_sample("100 um")
    found = rows(run(capsys, "where", "VTA", "CA1", "--frame", "ibl", "--format", "csv"))
    wanted = ds.atlas.centroid(["VTA", "CA1"], frame="ibl").values
    assert list(found[0]) == ["region", "name", "ml_um", "ap_um", "dv_um"]
    numbers = [[float(row[f"{axis}_um"]) for axis in ("ml", "ap", "dv")] for row in found]
    np.testing.assert_allclose(numbers, wanted)
    plain = rows(run(capsys, "where", "VTA", "--format", "csv"))
    assert list(plain[0]) == ["region", "name", "z_mm", "y_mm", "x_mm"]
    about = json.loads(run(capsys, "where", "VTA", "--frame", "allen", "--format", "json"))
    assert (about["frame"], about["unit"]) == ("allen", "um")
    assert list(about["regions"][0]) == ["region", "name", "ap", "dv", "ml"]
    assert "-2928" in run(capsys, "where", "VTA", "--frame", "ibl")


def test_at_a_file_without_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("ap,ml,dv\n")
    said = fails(capsys, "at", "--frame", "ibl", "--unit", "mm", "--points", str(path))
    assert "cells.csv has no rows" in said


def test_at_files_of_other_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "all_points.csv"
    head = ",".join(f"coordinate_atlas_axis_{i}" for i in range(3))
    path.write_text(f"{head},structure_name\n81,8,61\n81,8,40\n")
    args = ("at", "--points", str(path))
    assert "pass the size of these voxels: --points-voxel-size '25 um'" in fails(capsys, *args)
    sized = (*args, "--points-voxel-size", "100 um")
    found = rows(run(capsys, *sized, "--format", "csv"))
    assert list(found[0])[:5] == ["ap", "dv", "ml", "structure_name", "region"]
    assert [row["region"] for row in found] == ["RSPv5", "VISpm5"]
    assert found[0]["ap"] == "81"
    other = json.loads(run(capsys, *sized, "--format", "json"))
    assert other["frame"] == "brainglobe"
    nodes = tmp_path / "neuron.swc"
    nodes.write_text("# a comment\n1 1 8100 800 6100 1 -1\n2 3 8100 900 6100 1 1\n")
    assert "whose coordinates are these" in fails(capsys, "at", "--points", str(nodes))
    (tmp_path / "cells.xyz").write_text("")
    assert ".swc" in fails(capsys, "at", "--points", str(tmp_path / "cells.xyz"))
