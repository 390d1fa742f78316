"""Tables of regions of other tools, and what they are given when an atlas is made of them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.atlases import BIG
from xarray_atlas import Terminology, create_atlas
from xarray_atlas.errors import AmbiguousRegionError, TerminologyError

pytestmark = pytest.mark.version_independent

SHAPE = (6, 5, 8)

ITK_SNAP = """\
################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
################################################
    0     0    0    0        0  0  0    "Clear Label"
    1   255    0    0        1  1  1    "Left-CA1"
    2     0  255    0        0.5  1  1    "Right-CA1"
    3     0    0  255        1  1  1    "Ventricle, third"
    4    16   32   48        1  1  1    "Left-DG"
    5    16   32   49        1  1  1    "Right-DG"
  614454277    1    2    3        1  0  1    "Left-Only"
"""


def create(terminology: Any, labels: Any = None, **kwargs: Any) -> xr.Dataset:
    known = {"voxel_size": "25 um", "orientation": "asr", "name": "mine", **kwargs}
    labels = np.zeros(SHAPE, "u1") if labels is None else labels
    return create_atlas(labels, terminology, **known)


def regions(terminology: Any, **kwargs: Any) -> pd.DataFrame:
    table = create(terminology, **kwargs).atlas.regions
    return table.set_index("acronym")[["name", "id", "parent", "labels"]]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


# -- formats


def test_itk_snap(tmp_path: Path):
    ds = create(write(tmp_path / "labels.txt", ITK_SNAP))
    table = ds.atlas.regions
    assert ds.atlas.terminology.name == "labels"
    assert table.acronym.tolist() == [
        "root", "Left-CA1", "Right-CA1", "Ventricle, third", "Left-DG", "Right-DG", "Left-Only",
    ]  # fmt: skip
    assert table.labels.tolist() == [(), (1,), (2,), (3,), (4,), (5,), (614454277,)]
    assert table.color.tolist()[1:4] == ["#FF0000", "#00FF00", "#0000FF"]
    assert table.parent.tolist() == ["", *["root"] * 6]
    assert ds.atlas.region("root").id == 614454278
    assert ds.atlas.terminology.problems == ()


def test_itk_snap_with_a_broken_line(tmp_path: Path):
    text = ITK_SNAP.replace('1  1  1    "Left-DG"', "1")
    with pytest.raises(
        TerminologyError, match=r"labels.txt: cannot read the label description '4 "
    ):
        create(write(tmp_path / "labels.txt", text))


def test_freesurfer(tmp_path: Path):
    lut = "#No. Label Name: R G B A\n\n0 Unknown 0 0 0 0\n17 Left-Hippocampus 220 216 20 0\n53 Right-Hippocampus 220 216 20 0\n"
    table = regions(write(tmp_path / "lut.txt", lut))
    assert table.index.tolist() == ["root", "Left-Hippocampus", "Right-Hippocampus"]
    assert table.labels.tolist() == [(), (17,), (53,)]


STRUCTURES = [
    (997, None, "root", "root", "FFFFFF"),
    (8, 997, "grey", "Basic cell groups and regions", "BFDAE3"),
    (567, 8, "NA", "Cerebrum, all", "B0F0FF"),
    (312782546, 567, "VISa", "Anterior area", "08858C"),
    (1009, 997, "1", "fiber tracts", "CCCCCC"),
]
WANTED = {
    "labels": [(997,), (8,), (567,), (312782546,), (1009,)],
    "acronym": ["root", "grey", "NA", "VISa", "1"],
    "parent": ["", "root", "grey", "NA", "root"],
    "color": ["#FFFFFF", "#BFDAE3", "#B0F0FF", "#08858C", "#CCCCCC"],
    "name": [row[3] for row in STRUCTURES],
}


def path_of(identifier: int) -> list[int]:
    parents = {row[0]: row[1] for row in STRUCTURES}
    path = [identifier]
    while parents[path[0]] is not None:
        path.insert(0, parents[path[0]])  # type: ignore[arg-type]
    return path


def allen_json(parent: int | None = None) -> list[dict[str, Any]]:
    return [
        {
            "id": i, "atlas_id": 1, "acronym": acronym, "name": name, "color_hex_triplet": color,
            "parent_structure_id": up, "graph_order": 0, "children": allen_json(i),
        }
        for i, up, acronym, name, color in STRUCTURES
        if up == parent
    ]  # fmt: skip


def allen_csv(delimiter: str = ",", float_parents: bool = False, parents: bool = True) -> str:
    frame = pd.DataFrame(
        STRUCTURES, columns=["id", "parent_structure_id", "acronym", "name", "color_hex_triplet"]
    )
    frame["parent_structure_id"] = frame["parent_structure_id"].map(
        lambda p: "" if pd.isna(p) else f"{p:.1f}" if float_parents else f"{p:.0f}"
    )
    frame["structure_id_path"] = ["/" + "/".join(map(str, path_of(i))) + "/" for i in frame["id"]]
    frame["depth"] = 0
    return frame.drop(columns=[] if parents else ["parent_structure_id"]).to_csv(
        index=False, sep=delimiter
    )


FORMATS = {
    "allen.json": lambda: json.dumps({"success": True, "id": 0, "msg": allen_json()}),
    "nested.json": lambda: json.dumps(allen_json()[0]),
    "structures.json": lambda: json.dumps([
        {
            "acronym": acronym, "id": i, "name": name, "structure_id_path": path_of(i),
            "rgb_triplet": [int(color[k : k + 2], 16) for k in (0, 2, 4)],
        }
        for i, _, acronym, name, color in STRUCTURES
    ]),
    "allen.csv": allen_csv,
    "floats.csv": lambda: allen_csv(float_parents=True),
    "paths.csv": lambda: allen_csv(parents=False),
    "allen.tsv": lambda: allen_csv("\t"),
    "bom.csv": lambda: "\ufeff" + allen_csv(";"),
    "terminology.csv": lambda: Terminology.from_dataframe(brainglobe_frame()).to_csv(),
}  # fmt: skip


def brainglobe_frame() -> pd.DataFrame:
    frame = pd.read_csv(io.StringIO(allen_csv()), dtype=str, keep_default_na=False)
    frame["annotation_value"] = frame["id"]
    return frame.rename(columns={
        "id": "identifier", "parent_structure_id": "parent_identifier", "acronym": "abbreviation",
        "structure_id_path": "root_identifier_path",
    })  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_one_hierarchy(name: str, tmp_path: Path):
    ds = create(write(tmp_path / name, FORMATS[name]()))
    table = ds.atlas.regions.set_index("id").loc[[row[0] for row in STRUCTURES]]
    for column, wanted in WANTED.items():
        assert table[column].tolist() == wanted, column
    assert ds.atlas.terminology.problems == ()


def test_dataframes(tmp_path: Path):
    for frame in (
        brainglobe_frame(),
        pd.read_csv(
            io.StringIO(allen_csv()), keep_default_na=False, na_values={"parent_structure_id": [""]}
        ),
        brainglobe_frame().drop(columns="annotation_value").assign(other=5),
    ):
        table = create(frame).atlas.regions
        assert table.acronym.tolist() == WANTED["acronym"]
        assert table.labels.tolist() == WANTED["labels"]
        assert table.parent.tolist() == WANTED["parent"]


def test_the_table_of_an_atlas_changed():
    """What `.regions` gives names parents by acronym, and has a tuple of labels."""
    terminology = xarray_atlas.open_sample("100 um").atlas.terminology
    again = create(terminology.regions).atlas.terminology
    assert again == terminology
    table = terminology.regions
    table.loc[table.acronym == "RSPd", "labels"] = pd.Series(
        [(5, 6)], index=table.index[table.acronym == "RSPd"]
    )
    assert create(table).atlas.region("RSPd").labels == (5, 6)
    assert create(table).atlas.region("RSPd").parent.acronym == "RSP"
    frame = pd.DataFrame(
        {"id": [1, 2, 3], "acronym": ["a", "a", "b"], "name": "x", "parent": ["", "", "a"]}
    )
    with pytest.raises(TerminologyError, match="the parent 'a' is the acronym of ids '1', '2'"):
        create(frame)
    frame = pd.DataFrame({"id": [1, 2], "name": ["a", "b"], "parent": ["", "1"]})
    assert regions(frame).parent.to_dict() == {"a": "", "b": "a"}


def test_an_open_atlas_and_its_terminology():
    sample = xarray_atlas.open_sample("100 um")
    for source in (sample, sample.annotation, sample.atlas.terminology):
        assert create(source).atlas.terminology is sample.atlas.terminology


@pytest.mark.parametrize(("text", "message"), [
    ("a,b\n1,2\n", r"lacks 'identifier', 'name' \(identifier may be called 'identifier', 'id', 'index'"),
    ("id,name\n1\n", "row 0 has 1 cells and the header has 2"),
    ("id,id,name\n1,2,a\n", "more than one column 'id'"),
    ('{"id": 1, ', "is not JSON"),
    ("[1, 2]", "holds 1 where a region is expected"),
    ("id,name\n0,background\n", "no region but label 0"),
    ("id,name\n1.5,a\n", "1.5"),
    ("", "lacks 'identifier', 'name'"),
])  # fmt: skip
def test_files_that_are_no_table(text: str, message: str, tmp_path: Path):
    with pytest.raises(TerminologyError, match=f"t.txt: .*{message}"):
        create(write(tmp_path / "t.txt", text))
    with pytest.raises(TypeError, match="open atlas"):
        create(5)
    (tmp_path / "b.csv").write_bytes(b"id,name\n1,\xff\n")
    with pytest.raises(TerminologyError, match="not UTF-8"):
        create(tmp_path / "b.csv")


# -- what a table is given


def test_label_0_is_no_region():
    frame = pd.DataFrame({"id": [0, 5, 6], "name": ["background", "a", "b"]})
    assert regions(frame).labels.to_dict() == {"root": (), "a": (5,), "b": (6,)}
    # a region that has others below it keeps its place, and has no label
    frame = pd.DataFrame({"id": [0, 5], "name": ["all", "a"], "parent_id": [None, "0"]})
    assert regions(frame).labels.to_dict() == {"all": (), "a": (5,)}


def test_a_missing_root_is_added():
    frame = pd.DataFrame({"id": [5, 6, 7], "parent_id": ["", "", "6"], "name": ["a", "b", "c"]})
    table = regions(frame)
    assert table.parent.to_dict() == {"root": "", "a": "root", "b": "root", "c": "b"}
    assert table.id["root"] == 8
    assert create(frame).atlas.terminology.problems == ()


def test_one_root_is_kept():
    frame = pd.DataFrame({"id": [5, 6], "parent_id": ["", "5"], "name": ["brain", "b"]})
    assert regions(frame).parent.to_dict() == {"brain": "", "b": "brain"}


def test_a_root_that_is_there_takes_the_others():
    frame = pd.DataFrame({"id": [5, 1, 6], "name": ["a", "Root", "b"]})
    assert regions(frame).parent.to_dict() == {"a": "Root", "Root": "", "b": "Root"}


def test_the_id_of_a_root_is_free():
    for ids, free in (([2**63 - 1, 1], 2), ([-7, -9], 1), ([3, 2**40], 2**40 + 1)):
        assert regions(pd.DataFrame({"id": ids, "name": ["a", "b"]})).id["root"] == free
    frame = pd.DataFrame({"id": ["root", "MBA:1"], "name": ["a", "b"], "annotation_value": [1, 2]})
    assert regions(frame).id["root"] == "root 0"


def test_orphans_and_cycles_are_told_and_put_below_the_root():
    frame = pd.DataFrame({"id": [1, 2, 3], "parent_id": ["-1", "3", "2"], "name": ["a", "b", "c"]})
    terminology = create(frame).atlas.terminology
    assert terminology.tree.acronym == "root"
    assert {c.acronym for c in terminology.tree.children} == {"a", "b"}
    assert any("-1" in p and "is taken as a root" in p for p in terminology.problems)
    assert any("ancestors" in p for p in terminology.problems)
    assert not any("roots" in p for p in terminology.problems)


@pytest.mark.parametrize("missing", ["", None, float("nan"), "  "])
def test_a_region_without_an_acronym_uses_its_name(missing: Any):
    frame = pd.DataFrame(
        {"id": [1, 2], "name": ["one", "two"], "acronym": pd.Series([missing, "T"], dtype=object)}
    )
    assert regions(frame).index.tolist() == ["root", "one", "T"]


def test_names_that_several_labels_share_stay_apart():
    frame = pd.DataFrame(
        {"id": [1, 2, 3, 4], "name": ["CA1", "CA1", "DG", "x"], "parent_id": ["", "", "2", ""]}
    )
    labels = np.arange(240).reshape(SHAPE) % 5
    ds = create(frame, labels)
    volumes = ds.atlas.volume(direct=True)
    assert volumes.region.values.tolist() == ["root", "CA1 #1", "CA1 #2", "DG", "x"]
    assert volumes.region_parent.values.tolist() == ["", "root", "root", "CA1 #2", "root"]
    voxel = 0.025**3
    for name, label in (("CA1 #1", 1), ("CA1 #2", 2), ("DG", 3)):
        assert float(volumes.sel(region=name).pint.magnitude) == pytest.approx(
            (labels == label).sum() * voxel
        )
        np.testing.assert_array_equal(ds.atlas.mask(name, direct=True).values, labels == label)
    assert ds.atlas.mask(volumes.region).region.values.tolist() == volumes.region.values.tolist()
    with pytest.raises(AmbiguousRegionError, match="id 1"):
        ds.atlas.mask("CA1")
    xr.testing.assert_equal(
        volumes.sel(region=["CA1 #2"]).drop_vars("region"),
        ds.atlas.volume([2], direct=True).drop_vars("region"),
    )


def test_an_acronym_that_looks_like_a_shared_one():
    frame = pd.DataFrame({"id": [1, 2, 3], "name": ["A", "A", "A #2"]})
    names = create(frame).atlas.terminology.distinct_acronyms.tolist()
    assert names == ["root", "A #1", "A #2 #2", "A #2 #3"]


# -- left and right


def volume_of_labels(lazy: bool = False) -> Any:
    held = np.array([0, 1, 2, 3, 4, 5, 614454277], "u4")
    labels = np.random.default_rng(0).choice(held, SHAPE)
    return da.from_array(labels, chunks=3) if lazy else labels


WAYS = {
    "pattern": ["Left-*", "Right-*"],
    "pairs": [(1, 2), (4, 5)],
}


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("way", ["pattern", "pairs", "column"])
@pytest.mark.parametrize("midline", [None, "0.08 mm"])
def test_left_and_right_labels_become_one_region(
    way: str, lazy: bool, midline: str | None, tmp_path: Path
):
    labels = volume_of_labels()
    if way == "column":
        frame = pd.DataFrame({
            "id": [1, 2, 3, 4, 5, 614454277], "side": ["L", "R", "", "left", "RH", "l"],
            "name": ["CA1", "CA1", "Ventricle, third", "Left-DG", "right DG", "Left-Only"],
        })  # fmt: skip
        frame["name"] = frame["name"].str.replace("right DG", "Right-DG")
        ds = create(frame, volume_of_labels(lazy), lateral="side", midline=midline)
    else:
        ds = create(
            write(tmp_path / "l.txt", ITK_SNAP),
            volume_of_labels(lazy),
            lateral=WAYS[way],
            midline=midline,
        )
    owned = {r.acronym: r.labels for r in ds.atlas.terminology}
    assert owned == {
        "root": (),
        "CA1": (1, 2),
        "Ventricle, third": (3,),
        "DG": (4, 5),
        "Left-Only": (614454277,),
    }
    np.testing.assert_array_equal(ds.annotation.values, labels)
    assert ds.hemispheres.dtype == np.uint8
    assert isinstance(ds.hemispheres.data, da.Array) == lazy
    one_sided = () if way == "pairs" else (614454277,)
    left, right = np.isin(labels, (1, 4, *one_sided)), np.isin(labels, (2, 5))
    if midline is not None:
        positions = np.broadcast_to(0.025 * np.arange(8), SHAPE)
        left |= ~right & (positions >= 0.08)
        right |= ~left & (positions < 0.08)
    np.testing.assert_array_equal(ds.hemispheres.values, left * 1 + right * 2)
    for acronym, own in owned.items():
        inside = np.isin(labels, own if acronym != "root" else (1, 2, 3, 4, 5, 614454277))
        for side, where in (("left", left), ("right", right)):
            np.testing.assert_array_equal(
                ds.atlas.mask(acronym, hemisphere=side).values, inside & where
            )


def test_acronyms_of_the_sides_are_folded_too():
    frame = pd.DataFrame({
        "id": [1, 2, 3, 4], "acronym": ["CA1_L", "CA1_R", "lDG", "rDG"],
        "name": ["field CA1 (left)", "field CA1 (right)", "gyrus (left)", "gyrus (right)"],
    })  # fmt: skip
    table = regions(frame, lateral=("* (left)", "* (right)"))
    assert table.name.to_dict() == {"root": "root", "CA1": "field CA1", "gyrus": "gyrus"}
    # the caller says which label is left, whatever the names say
    ds = create(frame, lateral=[(2, 1), (3, 4)])
    assert ds.atlas.region("field CA1 (right)").labels == (1, 2)


@pytest.mark.parametrize("patterns", [("*", "*_R"), ("*_L", "*")])
def test_a_pattern_that_matches_all_is_the_other_side(patterns: tuple[str, str]):
    other = "R" if patterns[0] == "*" else "L"
    frame = pd.DataFrame({"id": [1, 2, 3], "name": ["CA1", f"CA1_{other}", "DG"]})
    ds = create(frame, np.arange(240).reshape(SHAPE) % 4, lateral=patterns)
    assert ds.atlas.region("CA1").labels == (1, 2)
    sides = np.array([0, 1, 2, 1] if other == "R" else [0, 2, 1, 2])
    np.testing.assert_array_equal(ds.hemispheres.values, sides[ds.annotation.values])


def test_parents_are_folded_with_their_children():
    frame = pd.DataFrame({
        "id": [10, 1, 2, 3, 4], "parent_id": ["", "10", "10", "1", "2"],
        "name": ["brain", "cortex_L", "cortex_R", "layer_L", "layer_R"],
    })  # fmt: skip
    table = regions(frame, lateral=("*_L", "*_R"))
    assert table.parent.to_dict() == {"brain": "", "cortex": "brain", "layer": "cortex"}
    assert table.labels.to_dict() == {"brain": (10,), "cortex": (1, 2), "layer": (3, 4)}
    with pytest.raises(TerminologyError, match="lie below different ones, '1' and '2'"):
        regions(frame, lateral=[(3, 4)])


def test_hemispheres_that_are_given_are_used(tmp_path: Path):
    sides = np.ones(SHAPE, "u1")
    ds = create(
        write(tmp_path / "l.txt", ITK_SNAP),
        volume_of_labels(),
        lateral=WAYS["pattern"],
        hemispheres=sides,
    )
    np.testing.assert_array_equal(ds.hemispheres.values, sides)


@pytest.mark.parametrize(("lateral", "message"), [
    ("side", r"no column 'side'.*a pair of texts, such as lateral=\('Left-\*'"),
    ("name", "says 'Left-CA1' of 'Left-CA1', which is not a side"),
    (("L*", "links"), "needs one '\\*'"),
    (("Left-*", "Left-*"), r"'Left-CA1' matches the pattern of left names.* as well as"),
    (("*_l", "*_r"), r"no region's name matches '\*_l' or '\*_r'.*'Left-CA1'"),
    ([(1, 77)], "no region has the label 77"),
    ([(1, 2), (4, 2)], "one of which is paired already"),
    ([(1, 1)], "one of which is paired already"),
    ([1, 2], "lateral= holds 1"),
    ([("a", 2)], "lateral= holds"),
    ([("a", "b")], "needs one '\\*'"),
])  # fmt: skip
def test_a_lateral_that_does_not_fit(lateral: Any, message: str, tmp_path: Path):
    with pytest.raises(TerminologyError, match=message):
        create(write(tmp_path / "l.txt", ITK_SNAP), lateral=lateral)


def test_two_left_regions_of_one_name():
    frame = pd.DataFrame({"id": [1, 2, 3], "name": ["L x", "L x", "R x"]})
    with pytest.raises(TerminologyError, match=r"two left regions are called 'x': ids 1 and 2"):
        create(frame, lateral=("L *", "R *"))


@st.composite
def tables(draw: st.DrawFn) -> tuple[pd.DataFrame, list[int]]:
    """Flat and deep tables with any labels."""
    pool = [1, 2, 3, 200, 65537, *BIG]
    ids = draw(st.lists(st.sampled_from(pool), min_size=1, max_size=7, unique=True))
    parents = [draw(st.integers(-1, i - 1)) for i in range(len(ids))]
    frame = pd.DataFrame({
        "id": [str(i) for i in ids], "parent_id": ["" if p < 0 else str(ids[p]) for p in parents],
        "name": [draw(st.sampled_from(["a", "b", "root", "NA", "1"])) for _ in ids],
    })  # fmt: skip
    return frame, parents


@given(tables())
@settings(max_examples=60)
def test_any_table_gives_one_root_over_the_same_hierarchy(example: tuple[pd.DataFrame, list[int]]):
    frame, parents = example
    terminology = create(frame).atlas.terminology
    assert len(terminology.roots) == 1
    assert len(set(terminology.distinct_acronyms.tolist())) == len(terminology)
    ids = [int(i) for i in frame["id"]]
    for own, parent in zip(ids, parents, strict=True):
        node = terminology.region(own)
        assert node.labels == (own,)
        if parent >= 0:
            assert node.parent.id == ids[parent]
        elif node.parent is not None:
            assert node.parent.id == terminology.tree.id
    assert len(terminology) - len(ids) in (0, 1)
    for name in terminology.distinct_acronyms:
        assert terminology.distinct_acronyms[terminology.position(name)] == name
