"""Files of points: against the readers of the tools that wrote them, and against their formats.

``tests/data/points`` holds small files that brainglobe-utils, napari and pandas wrote, and what
they read from them (``tools/record_point_readers.py``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xarray_atlas.errors import PointsError
from xarray_atlas.io.files.points.opening import READERS, read_point_file
from xarray_atlas.io.files.points.table import PointTable

pytestmark = pytest.mark.version_independent

RECORDED = Path(__file__).parents[1] / "data" / "points"


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / "read.json").read_text())
    return found


def rows(table: PointTable, *more: str) -> list[list[Any]]:
    columns = [*table.positions.values(), *(table.columns[name] for name in more)]
    return [list(row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def text_file(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


# -- what the tools' own readers give


@pytest.mark.parametrize("name", ["cells.xml", "cells.yml"])
def test_cells_are_those_of_brainglobe_utils(read: dict[str, Any], name: str) -> None:
    table = read_point_file(RECORDED / name)
    assert rows(table, "type") == read[name]
    assert (table.tool, table.unit, table.frame) == ("cellfinder", "voxel", "image")
    if name == "cells.yml":
        for key, absent in (("score", None), ("name", "")):
            wanted = [one.get(key, absent) for one in read["metadata"]]
            assert [value or absent for value in table.columns[key].tolist()] == wanted


def test_cells_without_metadata_are_read_by_lines(tmp_path: Path) -> None:
    """The two ways of reading are equal, and the other one is taken where a line differs."""
    head = "CellCounter_Marker_File: true\nnum_candidates: 2\ncandidate_cells:\n"
    cells = [(1, 2, 3, 2), (40, 50, 6, 1)]
    entry = "  - x: {2}\n    y: {1}\n    z: {0}\n    type: {3}\n    metadata: {{}}\n"
    text = head + "".join(entry.format(*cell) for cell in cells)
    for changed in (text, text.rstrip(), text.replace("  - x", "- x").replace("    ", "  ")):
        table = read_point_file(text_file(tmp_path, "a.yml", changed))
        assert rows(table, "type") == [list(cell) for cell in cells]
    table = read_point_file(text_file(tmp_path, "a.yml", text.replace("x: 6", "x: 6.5")))
    assert table.positions["x"].tolist() == [3, 6.5]
    table = read_point_file(text_file(tmp_path, "a.yml", text.replace("{}", "{a: 1}", 1)))
    assert list(table.columns) == ["type", "a"]
    with pytest.raises(PointsError, match="none of cells"):
        read_point_file(text_file(tmp_path, "a.yml", text.replace("true", "false")))
    assert len(read_point_file(text_file(tmp_path, "a.yml", head.rstrip() + " []\n"))) == 0


def test_cells_of_a_published_file(data: Path) -> None:
    """The sums are of what ``get_cells`` of brainglobe-utils 0.11.2 reads."""
    for name in ("cells.xml", "cells.yml"):
        table = read_point_file(data / "points" / "cellfinder" / name)
        found = np.array(rows(table, "type"))
        assert len(found) == 65
        assert found.sum(axis=0).tolist() == [83367, 31317, 147233, 65]
        assert found[:2].tolist() == [[1282, 2379, 181, 1], [1276, 133, 2117, 1]]


def test_points_are_those_of_napari(read: dict[str, Any]) -> None:
    table = read_point_file(RECORDED / "napari.csv")
    assert rows(table) == read["napari.csv"]
    assert {name: v.tolist() for name, v in table.columns.items()} == read["properties"]
    assert (table.unit, table.frame) == (None, None)


def test_tracks_are_those_that_pandas_reads(read: dict[str, Any]) -> None:
    pytest.importorskip("h5py")
    table = read_point_file(RECORDED / "track.points")
    assert rows(table) == read["track.points"]
    assert (table.unit, table.frame, list(table.positions)) == ("voxel", None, ["ap", "dv", "ml"])


def test_a_published_track(data: Path) -> None:
    """The spline of brainglobe-segmentation goes through the points that it was fitted to."""
    pytest.importorskip("h5py")
    folder = data / "points" / "tracks"
    points = np.array(rows(read_point_file(folder / "test_track.points"))) * 50
    spline = np.array(rows(read_point_file(folder / "test_track.npy")))
    assert (points.shape, spline.shape) == ((6, 3), (1000, 3))
    np.testing.assert_allclose(spline[[0, -1]], points[[0, -1]], atol=60)
    np.testing.assert_array_equal(spline, np.load(folder / "test_track.npy"))


# -- what the folders of BrainGlobe say


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("points/atlas.points", "brainglobe"),
        ("points/downsampled.points", "downsampled"),
        ("segmentation/atlas_space/tracks/a.points", "brainglobe"),
        ("segmentation/sample_space/tracks/a.points", "downsampled"),
        ("atlas_space.points", None),
    ],
)
def test_names_say_whose_voxels_they_are(tmp_path: Path, name: str, frame: str | None) -> None:
    pytest.importorskip("h5py")
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes((RECORDED / "track.points").read_bytes())
    assert read_point_file(tmp_path / name).frame == frame


# -- formats


def test_imaris_says_its_unit(tmp_path: Path) -> None:
    head = "Position X,Position Y,Position Z,Unit,Category,Collection,Time,ID,\n"
    text = "\nPosition\n ==================== \n" + head
    text += "161.5,101.25,70,um,Spot,Position,1,0,\n140.5,115.5,87.25,um,Spot,Position,1,1,\n"
    table = read_point_file(text_file(tmp_path, "spots_Position.csv", text))
    assert rows(table, "ID") == [[70.0, 101.25, 161.5, 0], [87.25, 115.5, 140.5, 1]]
    assert list(table.positions) == ["z", "y", "x"]
    assert list(table.columns) == ["Category", "Collection", "Time", "ID"]
    assert (table.tool, table.unit, table.frame) == ("Imaris", "um", "image")
    comma = text.replace(",", ";").replace(".", ",")  # as it is written in half of Europe
    other = read_point_file(text_file(tmp_path, "comma.csv", comma))
    assert rows(other, "ID") == rows(table, "ID")
    mixed = text.replace("87.25,um", "87.25,mm")
    with pytest.raises(PointsError, match="in several units: mm, um"):
        read_point_file(text_file(tmp_path, "mixed.csv", mixed))


def test_ilastik_counts_voxels_along_x_y_and_z(tmp_path: Path) -> None:
    head = "object_id,timestep,labelimage_oid,Predicted Class,Size in pixels,"
    head += ",".join(f"Center of the object_{i}" for i in range(3))
    text = f"{head}\n0,0,1,cell,42,10.5,20.25,3\n1,0,2,noise,7,11,21,4\n"
    table = read_point_file(text_file(tmp_path, "table.csv", text))
    assert list(table.positions) == ["z", "y", "x"]
    assert rows(table, "Predicted Class") == [[3, 20.25, 10.5, "cell"], [4, 21.0, 11.0, "noise"]]
    assert (table.tool, table.unit, table.frame) == ("ilastik", "voxel", "image")
    flat = text.replace(",Center of the object_2", "").replace(",3\n", "\n").replace(",4\n", "\n")
    table = read_point_file(text_file(tmp_path, "flat.csv", flat))
    assert list(table.positions) == ["y", "x"]


def test_qupath_and_abba(tmp_path: Path) -> None:
    text = "Image\tClass\tCentroid X µm\tCentroid Y µm{}\ns1.tif\tcFos\t10.5\t20{}\n"
    table = read_point_file(text_file(tmp_path, "plain.tsv", text.format("", "")))
    assert (table.tool, table.unit, table.frame) == ("QuPath", "um", "image")
    assert (list(table.positions), rows(table, "Class")) == (["y", "x"], [[20, 10.5, "cFos"]])
    more = ("\tAtlas_X\tAtlas_Y\tAtlas_Z", "\t8.1\t0.8\t6.1")
    table = read_point_file(text_file(tmp_path, "abba.tsv", text.format(*more)))
    assert (table.tool, table.unit, table.frame) == ("ABBA and QuPath", None, None)
    assert list(table.positions) == ["Atlas_X", "Atlas_Y", "Atlas_Z"]
    assert "columns={'ap': 'Atlas_X', 'dv': 'Atlas_Y', 'ml': 'Atlas_Z'}" in table.advice
    assert "columns={'ml': 'Atlas_X', 'dv': 'Atlas_Y', 'ap': 'Atlas_Z'}" in table.advice
    more = ("".join(f"\tAllen CCFv3 {axis} mm" for axis in "XYZ"), "\t8.1\t0.8\t6.1")
    table = read_point_file(text_file(tmp_path, "ccf.tsv", text.format(*more)))
    assert (table.unit, table.frame) == ("mm", "allen")
    assert {name: v.tolist() for name, v in table.positions.items()} == {
        "ap": [8.1], "dv": [0.8], "ml": [6.1],
    }  # fmt: skip
    assert table.columns["Centroid X µm"].tolist() == [10.5]


def test_morphologies(tmp_path: Path) -> None:
    text = "# made by hand\n# OFFSET 100 200 -300.5\n1 1 1.5 2 3 0.5 -1\n 2 3 4 5 6 0.1 1\n"
    table = read_point_file(text_file(tmp_path, "a.swc", text))
    assert rows(table, "sample", "type", "radius", "parent") == [
        [101.5, 202.0, -297.5, 1, 1, 0.5, -1], [104.0, 205.0, -294.5, 2, 3, 0.1, 1],
    ]  # fmt: skip
    assert (table.unit, table.frame) == ("um", None)
    for wrong, said in {
        "1 1 1 2 3 0.5\n": "is not an SWC file",
        "1 1 1 2 3 0.5 -1\n2 1 1\n": "seven numbers",
        "1 1 a 2 3 0.5 -1\n": "'a', which is not a number",
        "1.5 1 1 2 3 0.5 -1\n": "sample is not a whole number",
        "1 1 1 2 3 0.5 -1\n1 1 1 2 3 0.5 -1\n": "samples of the same number",
        "1 1 1 2 3 0.5 7\n": "parent 7 is none of its samples",
        "# SCALE 0.5 0.5 2\n1 1 1 2 3 0.5 -1\n": "a scale of 0.5 0.5 2",
        "# OFFSET a 2 3\n1 1 1 2 3 0.5 -1\n": "'a' in the header is not a number",
    }.items():
        with pytest.raises(PointsError, match=said):
            read_point_file(text_file(tmp_path, "b.swc", wrong))


def test_cell_counter_counts_planes_from_1(tmp_path: Path) -> None:
    text = (RECORDED / "cells.xml").read_text()
    own = read_point_file(RECORDED / "cells.xml")
    other = text_file(tmp_path, "counts.xml", text.replace("placeholder.tif", "brain.tif"))
    table = read_point_file(other)
    assert table.tool == "Cell Counter (ImageJ)"
    assert (own.positions["z"] - table.positions["z"] == 1).all()
    assert (own.positions["x"] == table.positions["x"]).all()


def test_tables_of_others_keep_all_columns(tmp_path: Path) -> None:
    text = ",ap,dv,ml,animal,when\n0,1,2,3,m1,\n1,4,5,6,,x\n"
    table = read_point_file(text_file(tmp_path, "mine.csv", text))
    assert dict(table.positions) == {}
    found = {name: values.tolist() for name, values in table.columns.items()}
    assert found == {
        "ap": [1, 4], "dv": [2, 5], "ml": [3, 6], "animal": ["m1", ""], "when": ["", "x"],
    }  # fmt: skip
    pd.DataFrame({"a": [1.5], "b": [2]}).to_csv(tmp_path / "u.txt", index=False, encoding="utf-16")
    assert read_point_file(tmp_path / "u.txt").columns["a"].tolist() == [1.5]


def test_files_without_points(tmp_path: Path) -> None:
    empty = "<CellCounter_Marker_File><Marker_Data/></CellCounter_Marker_File>"
    assert len(read_point_file(text_file(tmp_path, "a.xml", empty))) == 0
    assert len(read_point_file(text_file(tmp_path, "a.swc", "# nothing\n"))) == 0
    np.save(tmp_path / "a.npy", np.empty((0, 3)))
    assert len(read_point_file(tmp_path / "a.npy")) == 0
    with pytest.raises(PointsError, match="is empty"):
        read_point_file(text_file(tmp_path, "a.csv", "\n"))


# -- hostile and damaged files

BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><CellCounter_Marker_File>&b;</CellCounter_Marker_File>"""

FILE = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<CellCounter_Marker_File><Marker_Data><Marker_Type><Type>&a;</Type></Marker_Type></Marker_Data>
</CellCounter_Marker_File>"""

MARKER = "<Marker><MarkerX>{}</MarkerX><MarkerY>2</MarkerY><MarkerZ>3</MarkerZ></Marker>"
IN_ROOT = (
    "<CellCounter_Marker_File><Marker_Data><Type>1</Type>{}</Marker_Data></CellCounter_Marker_File>"
)

WRONG = [
    ("a.xml", BOMB, "document type or entities"),
    ("a.xml", FILE, "document type or entities"),
    ("a.xml", "<html><body/></html>", "an XML file of 'html', not of cells"),
    ("a.xml", "<CellCounter_Marker_File>", "is not valid XML"),
    ("a.xml", "", "is not valid XML"),
    ("a.xml", IN_ROOT.format(MARKER.format("x")), "MarkerX holds 'x', which is not a number"),
    (
        "a.xml",
        IN_ROOT.format(MARKER.format("9" * 10_000)),
        "MarkerX> holds a text that is not a num",
    ),
    ("a.xml", IN_ROOT.format("<Marker><MarkerX>1</MarkerX></Marker>"), "marker 1 does not have"),
    ("a.yml", "a: [1", "is not valid YAML"),
    ("a.yml", "!!python/object/apply:os.system ['echo']", "is not valid YAML"),
    ("a.yml", "a: 1", "none of cells"),
    ("a.yml", "CellCounter_Marker_File: true", "no list 'candidate_cells'"),
    (
        "a.yml",
        "CellCounter_Marker_File: true\ncandidate_cells:\n- x: 1\n  y: 2\n",
        "cell 0 has no 'z'",
    ),
    (
        "a.yml",
        "CellCounter_Marker_File: true\ncandidate_cells:\n- {x: 1, y: [2], z: 3}\n",
        "y is not a column",
    ),
    ("a.npy", "no array", "is not an array of numpy"),
    ("a.points", "no HDF5", "is not an HDF5 file of points"),
    ("a.csv", "a,b\0,c\n1,2,3\n", "NUL characters"),
    ("a.csv", "a,a\n1,2\n1,2,3,4\n", "is not a table of text"),
    ("a.csv", "a,b\n1,2,3\n", "lines with more cells than its header"),
    ("a.csv", "axis-0,axis-1,axis-2,axis-3\n1,2,3,4\n", "along 4 axes"),
    (
        "a.csv",
        "Position X,Position Y,Position Z,Unit\n1,2,3,5 nm\n",
        "'5 nm', which is not a length",
    ),
    (
        "a.csv",
        "Position X,Position Y,Position Z,Unit\n1,2,3,Spot\n",
        "'Spot', which is not a length",
    ),
    ("a.csv", "axis-0,axis-1,axis-2\n1,2,x\n", "axis-2 holds 'x', which is not a number"),
    ("a.csv", "index,shape-type,vertex-index,axis-0,axis-1\n0,path,0,1,2\n", "shapes of napari"),
]


@pytest.mark.parametrize(("name", "text", "said"), WRONG)
def test_wrong_files_are_clear_errors(tmp_path: Path, name: str, text: str, said: str) -> None:
    if name.endswith(".points"):
        pytest.importorskip("h5py")
    with pytest.raises(PointsError, match=said) as caught:
        read_point_file(text_file(tmp_path, name, text))
    assert str(tmp_path / name) in str(caught.value)


def test_arrays_that_are_no_points(tmp_path: Path) -> None:
    for array in (np.zeros((3, 4)), np.zeros(3), np.array([["a", "b", "c"]])):
        np.save(tmp_path / "a.npy", array)
        with pytest.raises(PointsError, match="points have the shape"):
            read_point_file(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(PointsError, match="is not an array of numpy"):
        read_point_file(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.zeros((4, 3)))
    whole = (tmp_path / "a.npy").read_bytes()
    for damaged in (
        whole[:-8],
        whole[:50],
        whole.replace(b"(4, 3)", b"(10**9,3)"),
        whole.replace(b"}", b"("),
        b"\x93NUMPY",
    ):
        (tmp_path / "a.npy").write_bytes(damaged)
        with pytest.raises(PointsError, match="is not an array of numpy"):
            read_point_file(tmp_path / "a.npy")


def test_hdf5_that_refers_to_other_files_or_is_too_large(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.points"
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["df/block0_values"] = np.zeros((2, 3))
        file["values"] = np.zeros((2, 3))

    def expect(said: str) -> None:
        with pytest.raises(PointsError, match=said):
            read_point_file(path)

    with h5py.File(path, "w") as file:
        file["df"] = h5py.ExternalLink("other.h5", "/df")
    expect("does not hold a DataFrame")
    with h5py.File(path, "w") as file:
        file.create_group("df")["block0_values"] = h5py.ExternalLink("other.h5", "/values")
    expect("data in another file")
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((2, 3), "f8")
        layout[...] = h5py.VirtualSource(tmp_path / "other.h5", "values", (2, 3))
        file.create_group("df").create_virtual_dataset("block0_values", layout)
    expect("data in another file")
    with h5py.File(path, "w") as file:
        size = (10**9, 3)
        file.create_dataset("df/block0_values", size, "f8", chunks=(1000, 3), compression="gzip")
    expect("claims 1000000000 points")
    with h5py.File(path, "w") as file:
        file["df/block0_values"] = np.zeros((2, 3))
        file["df"].attrs["nblocks"] = 2
    expect("columns of several types")


def test_aliases_of_yaml_do_not_grow(tmp_path: Path) -> None:
    """Nine levels of nine references are 387 million values where they are written out."""
    lines = ["CellCounter_Marker_File: true", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    lines += ["candidate_cells:", "- {x: 1, y: 2, z: 3, type: 2, metadata: {bomb: *a8, ok: 1}}"]
    table = read_point_file(text_file(tmp_path, "a.yml", "\n".join(lines)))
    assert list(table.columns) == ["type", "ok"]


def test_each_ending_has_a_reader_and_a_folder_has_none(tmp_path: Path) -> None:
    with pytest.raises(PointsError, match="is a folder") as caught:
        read_point_file(tmp_path)
    assert all(f"{ending}: " in str(caught.value) for ending in READERS)


# -- clouds of points for MeshView


def test_clouds_of_points(tmp_path: Path) -> None:
    parts = [
        {"idx": 1, "count": 2, "name": "a", "r": 1, "g": 2, "b": 3, "triplets": [1, 2, 3, 4, 5, 6]},
        {"idx": 2, "count": 0, "name": "none", "triplets": []},
        {"idx": 3, "count": 1, "name": "b", "triplets": [7.5, 8, 9]},
    ]
    table = read_point_file(text_file(tmp_path, "a.json", json.dumps(parts)))
    assert rows(table, "name") == [[1.0, 2, 3, "a"], [4.0, 5, 6, "a"], [7.5, 8, 9, "b"]]
    assert (table.tool, table.unit, table.frame) == ("MeshView", "voxel", "quicknii")
    assert len(read_point_file(text_file(tmp_path, "a.json", "[]"))) == 0
    for text, said in {
        "[": "is not valid JSON",
        "[" * 100_000: "is not valid JSON",
        "{}": "no points for MeshView",
        '{"slices": []}': "An alignment of QuickNII holds sections",
        '[{"triplets": [1, 2]}]': "are not a list of x, y, z in turn",
        '[{"triplets": [1, 2, "x"]}]': "'x', which is not a number",
        '[{"triplets": [1, 2, 3], "count": 2, "name": "a"}]': "'a' has a count of 2, but 1 points",
    }.items():
        with pytest.raises(PointsError, match=said):
            read_point_file(text_file(tmp_path, "b.json", text))
