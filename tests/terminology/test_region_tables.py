"""Tables of regions as spreadsheets, BIDS and other programs write them, read by create_atlas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.small_worlds import (
    ARRAY,
    VOXELS,
    brainglobe_table,
    labels,
    table,
    voxels,
    write_ome_zarr,
)
from xarray_atlas.errors import MissingTerminologyError, TerminologyError
from xarray_atlas.terminology.colors import read_colors

pytestmark = pytest.mark.version_independent

HEADER = "id,acronym,name,parent_structure_id\n"
ROWS = "997,root,root,\n1,A,area a,997\n2,B,area b,997\n"


def create(terminology: Any, array: Any = None, **kwargs: Any) -> xr.Dataset:
    return xarray_atlas.create_atlas(
        labels() if array is None else array, terminology, **{**ARRAY, **kwargs}
    )


def written(folder: Path, text: str, name: str = "t.csv", encoding: str = "utf-8") -> Path:
    (folder / name).write_bytes(text.encode(encoding))
    return folder / name


def counts(ds: xr.Dataset, *names: str) -> list[int]:
    return [int(voxels(ds, name)) for name in names]


def colors(ds: xr.Dataset) -> dict[str, str]:
    return {r.acronym: r.color.lower() for r in ds.atlas.terminology}


# -- blanks


@pytest.mark.parametrize(
    "text",
    [
        HEADER + ROWS + ",,,\n,,,\n",
        HEADER + ",,,\n" + ROWS,
        HEADER + ROWS + "  \n",
        HEADER + ROWS + " , ,\t, \n",
        "\n\n" + HEADER + ROWS,
        HEADER.replace("\n", ",,\n") + ROWS.replace("\n", ",,\n"),
        HEADER + ROWS.replace("\n", ",,\n"),
        HEADER.replace("\n", ",,\n") + (ROWS + ",,,\n").replace("\n", ", ,\n"),
        "," + HEADER + "".join(f"{i},{line}\n" for i, line in enumerate(ROWS.splitlines())),
        (HEADER + ROWS).replace("\n", "\r\n"),
        (HEADER + ROWS).replace("\n", "\r"),
    ],
    ids=[
        "rows of commas", "one above", "a row of spaces", "cells of spaces", "lines above",
        "two columns without header or cells", "two cells behind the header", "both",
        "numbers without a header", "lines of Windows", "lines of an old Macintosh",
    ],
)  # fmt: skip
def test_what_is_blank_in_a_file_is_passed_over(text: str, tmp_path: Path) -> None:
    ds = create(written(tmp_path, text))
    assert sorted(ds.atlas.regions.acronym) == ["A", "B", "root"]
    assert {name: voxels(ds, name) for name in VOXELS} == VOXELS
    assert ds.atlas.terminology.problems == ()


@pytest.mark.parametrize("nothing", [np.nan, None, "", "  "])
def test_what_is_blank_in_a_dataframe_is_passed_over(nothing: Any) -> None:
    frame = pd.DataFrame(
        {
            "id": [1, nothing, 2],
            "acronym": ["A", nothing, "B"],
            "name": ["a", nothing, "b"],
            "Unnamed: 3": [nothing] * 3,
        }
    )
    ds = create(frame)
    assert ds.atlas.regions.id.tolist() == [3, 1, 2]
    assert counts(ds, "A", "B") == [48, 150]


def test_rows_of_which_no_known_cell_is_filled_are_no_regions() -> None:
    """So iblatlas's table of Franklin and Paxinos lists what only the Allen atlas has."""
    frame = pd.DataFrame(
        {"id": [1, None, 2], "name": ["a", None, "b"], "Allen Full name": ["a", "c", "b"]}
    )
    assert create(frame).atlas.regions.name.tolist() == ["root", "a", "b"]


@pytest.mark.parametrize("cell", ["n/a", "N/A", "nan", "<NA>"])
def test_missing_cells_of_bids_are_missing(cell: str, tmp_path: Path) -> None:
    text = f"index\tname\tabbreviation\tcolor\tmapping\n1\tarea a\t{cell}\t#ff0000\t{cell}\n"
    ds = create(written(tmp_path, f"{text}2\tarea b\t{cell}\t{cell}\t5\n", "dseg.tsv"))
    assert ds.atlas.regions.acronym.tolist() == ["root", "area a", "area b"]
    assert ds.atlas.regions.color.tolist() == ["", "#ff0000", ""]
    assert counts(ds, "area a", "area b") == [48, 150]
    assert ds.atlas.terminology.problems == ()


@pytest.mark.parametrize("cell", ["n/a", "NA", "NULL", "None"])
def test_missing_numbers_are_missing_and_a_region_called_na_stays(
    cell: str, tmp_path: Path
) -> None:
    text = f"id,acronym,name,parent_structure_id\n997,root,root,{cell}\n1,NA,NA,997\n2,None,b,997\n"
    ds = create(written(tmp_path, text))
    assert ds.atlas.regions.acronym.tolist() == ["root", "NA", "None"]
    assert ds.atlas.terminology.problems == ()


def test_an_index_that_holds_a_column() -> None:
    for frame in (table().set_index("id"), table().set_index(["id", "acronym"])):
        ds = create(frame)
        assert {name: voxels(ds, name) for name in VOXELS} == VOXELS


# -- colours


RGB = [[255, 255, 255], [255, 16, 0], [0, 1, 255]]
WANTED = {"root": "#ffffff", "A": "#ff1000", "B": "#0001ff"}


@pytest.mark.parametrize(
    "write",
    [
        list, tuple, np.array, json.dumps, str, lambda c: " ".join(map(str, c)),
        lambda c: ",".join(map(str, c)), lambda c: f"rgb{tuple(c)}", lambda c: [*c, 255],
        lambda c: np.array(c, float), lambda c: str(np.array(c)), lambda c: np.array(c) / 255,
        lambda c: "{:02x}{:02x}{:02x}".format(*c), lambda c: "#{:02X}{:02X}{:02X}ff".format(*c),
    ],
)  # fmt: skip
@pytest.mark.parametrize("column", ["rgb_triplet", "color", "hexcolor"])
def test_colours_of_one_column(write: Callable[[list[int]], Any], column: str) -> None:
    ds = create(table().assign(**{column: [write(cell) for cell in RGB]}))
    assert colors(ds) == WANTED
    assert ds.atlas.terminology.problems == ()


@pytest.mark.parametrize("names", ["red green blue", "R G B", "Color_R Color_G Color_B"])
@pytest.mark.parametrize("scale", [1, 255])
@pytest.mark.parametrize("through", ["frame", "csv"])
def test_colours_of_three_columns(names: str, scale: int, through: str, tmp_path: Path) -> None:
    parts = dict(zip(names.split(), np.array(RGB).T / scale, strict=True))
    frame = table().assign(
        **{name: part if scale > 1 else part.astype(int) for name, part in parts.items()}
    )
    given: Any = frame if through == "frame" else written(tmp_path, frame.to_csv(index=False))
    assert colors(create(given)) == WANTED


@pytest.mark.parametrize("cell", ["19399", 19399, 19399.0, "019399", "#019399", " 19399 "])
def test_a_colour_without_its_leading_zero(cell: Any) -> None:
    frame = table().assign(color_hex_triplet=["FFFFFF", cell, "00FF00"])
    assert colors(create(frame))["A"] == "#019399"
    strict = brainglobe_table().assign(color_hex_triplet=["FFFFFF", cell, "00FF00"])
    assert xarray_atlas.Terminology.from_dataframe(strict).colors[1] == "#019399"


def test_a_column_of_colours_that_became_numbers(tmp_path: Path) -> None:
    text = "id,name,color_hex_triplet\n1,a,019399\n2,b,\n3,c,399\n"
    for source in (written(tmp_path, text), pd.read_csv(written(tmp_path, text))):
        assert colors(create(source)) == {"root": "", "a": "#019399", "b": "", "c": "#000399"}


@pytest.mark.parametrize("cell", ["red", "#12345", "[256, 0, 0]", "[1, 2]", "f00", "1e5", "-1"])
def test_what_is_no_colour_is_told(cell: str) -> None:
    ds = create(table().assign(color=["#ffffff", cell, "#00ff00"]))
    assert colors(ds)["A"] == ""
    assert ["the color of 'A'" in problem for problem in ds.atlas.terminology.problems] == [True]


@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=8))
def test_any_colours(triplets: list[tuple[int, int, int]]) -> None:
    wanted = ["#{:02X}{:02X}{:02X}".format(*triplet) for triplet in triplets]
    assert read_colors([text.removeprefix("#") for text in wanted]) == wanted
    assert (
        read_colors(["#010203", *(str(list(t)) for t in triplets), "[255, 0, 0]"])[1:-1] == wanted
    )
    fractions = [" ".join(f"{part / 255:.4f}" for part in t) for t in triplets]
    assert read_colors([*fractions, "0 0 1"])[:-1] == wanted


# -- names of columns


@pytest.mark.parametrize(
    "column",
    ["ID", "Id", "Index", "index", "idx", "label", "Label", "LABEL", "Label ID", "label_value",
     "ROI_id", "Structural ID", "Voxel value", "value", "No."],
)  # fmt: skip
@pytest.mark.parametrize(
    "name", ["name", "Name", "Region", "region_name", "Full Name", "structure", "ROI"]
)
def test_columns_under_common_names(column: str, name: str) -> None:
    ds = create(pd.DataFrame({column: [1, 2], name: ["a", "b"]}))
    assert counts(ds, "a", "b") == [48, 150]


@pytest.mark.parametrize("acronym", ["Acronym", "abbr", "Abbreviation", "short name"])
@pytest.mark.parametrize("parent", ["Parent ID", "parent_id", "parent", "parentStructureId"])
def test_further_columns_under_common_names(acronym: str, parent: str) -> None:
    frame = pd.DataFrame(
        {"ID": [9, 1, 2], "Name": ["r", "a", "b"], acronym: ["R", "A", "B"], parent: [None, 9, 1]}
    )
    assert create(frame).atlas.regions.parent.tolist() == ["", "R", "A"]


def test_a_column_called_label_is_a_number_or_a_name() -> None:
    assert counts(create(pd.DataFrame({"index": [1, 2], "label": ["a", "b"]})), "a") == [48]
    frame = pd.DataFrame({"id": [15, 16], "label": [1, 2], "name": ["a", "b"]})
    ds = create(frame)
    assert ds.atlas.region("a").id == 15
    assert counts(ds, "a", "b") == [48, 150]


def test_two_columns_that_may_be_the_label_are_a_question() -> None:
    frame = pd.DataFrame({"id": [15, 16], "index": [1, 2], "name": ["a", "b"]})
    with pytest.raises(TerminologyError, match=r"either may be the label.*table\.rename"):
        create(frame)
    ds = create(frame.rename(columns={"index": "annotation_value"}))
    assert counts(ds, "a", "b") == [48, 150]
    assert counts(create(frame.drop(columns="id")), "a", "b") == [48, 150]
    # what pandas writes before each row is not a label
    assert create(frame.assign(index=[0, 1])).atlas.regions.id.tolist() == [17, 15, 16]
    with pytest.raises(TerminologyError, match="more than one column for the name: 'Name', 'NAME'"):
        create(pd.DataFrame({"id": [1], "Name": ["a"], "NAME": ["b"]}))


def test_a_table_without_a_known_column_says_what_to_type() -> None:
    frame = pd.DataFrame({"code": [1, 2], "name": ["a", "b"]})
    with pytest.raises(
        TerminologyError, match=r"Rename the column: table\.rename\(columns={'\.\.\.': 'id'}\)"
    ):
        create(frame)
    assert counts(create(frame.rename(columns={"code": "id"})), "a") == [48]


# -- lists of labels, with and without a header


LISTS = {
    "tab": "1\tarea_a\n2\tarea_b\n",
    "space": "1 area_a\n2 area_b\n",
    "many spaces": "  1    area_a  \n\n  2    area_b\n",
    "comma": "1,area_a\n2,area_b\n",
    "quotes": '1 "area_a"\n2 "area_b"\n',
    "comments": "# made by hand\n1 area_a\n2 area_b\n",
    "a header in a comment": "# id\tname\tvolume\n1\tarea_a\t5\n2\tarea_b\t6\n",
    "a header and spaces": "index name\n1 area_a\n2 area_b\n",
    "MRIcron": "1 area_a 2001\n2 area_b 2002\n",
    "MRIcron's bars": "1|A|area_a|1\n2|B|area_b|1\n",
    "FreeSurfer": "#No. Label Name: R G B A\n0 Unknown 0 0 0 0\n1 area_a 255 16 0 0\n2 area_b 0 1 255 0\n",
    "FreeSurfer without opacity": "1 area_a 255 16 0\n2 area_b 0 1 255\n",
    "Slicer": "# Color table file /x/y.ctbl\n# 3 values\n0 background 0 0 0 0\n1 area_a 255 16 0 255\n2 area_b 0 1 255 255\n",
    "FSLeyes": "1 1.00000 0.0627 0.0 area_a\n2 0.0 0.0039 1.0 area_b\n",
    "FSLeyes, whole": "1 255 16 0 area_a\n2 0 1 255 area_b\n",
    "MRtrix": '0 ??? "Unknown" 0 0 0 0\n1 A "area_a" 255 16 0 255\n2 B "area_b" 0 1 255 255\n',
    "ITK-SNAP": '0 0 0 0 0 0 0 "Clear Label"\n1 255 16 0 1 1 1 "area_a"\n2 0 1 255 0.5 1 1 "area_b"\n',
    "colours behind a comma": "1,area_a,255,16,0\n2,area_b,0,1,255\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_labels(kind: str, tmp_path: Path) -> None:
    ds = create(written(tmp_path, LISTS[kind], "labels.txt"))
    assert ds.atlas.regions.name.tolist() == ["root", "area_a", "area_b"]
    assert counts(ds, "area_a", "area_b") == [48, 150]
    found = [region.color.lower() for region in ds.atlas.terminology][1:]
    assert found in (["", ""], ["#ff1000", "#0001ff"])
    assert (found[0] != "") == ("16" in LISTS[kind] or "0.0627" in LISTS[kind])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1 Area 44\n2 Area 45\n", ["Area 44", "Area 45"]),
        ("1 Left cortex\n2 Right cortex\n", ["Left cortex", "Right cortex"]),
        ("1\tLeft cortex\n2\tRight, upper\n", ["Left cortex", "Right, upper"]),
        ("-1 a\n2 b\n", ["a", "b"]),
        ("1 3rd-Ventricle 204 182 142 0\n2 4 255 0 0 0\n", ["3rd-Ventricle", "4"]),
        ("1 Left cortex 204 182 142 0\n2 CSF 255 0 0 0\n", ["Left cortex", "CSF"]),
        ("1 0.5 0.5 0.5 7\n2 0.25 0 0 8\n", ["7", "8"]),
        (
            "1 PREL   Precentral_L 1 2 3 255\n2 PRER Precentral_R 1 2 3 255\n",
            ["Precentral_L", "Precentral_R"],
        ),
        (
            "0 ???\tUnknown 0 0 0 0\n1 L.A\tlh-a 1 2 3 255\n2 L.B\tlh-b 1 2 3 255\n",
            ["lh-a", "lh-b"],
        ),
        ("1   L_V1    230 148 34  255\n2   L_V2    0 118 14  255\n", ["L_V1", "L_V2"]),
        ("1 0.5 0.5 0.5 Left cortex\n2 1 0 0 4th ventricle\n", ["Left cortex", "4th ventricle"]),
    ],
)
def test_names_in_lists(text: str, names: list[str], tmp_path: Path) -> None:
    found = create(written(tmp_path, text, "labels.txt")).atlas.regions
    assert found.name.tolist() == ["root", *names]


def test_three_columns_without_a_header_are_a_question(tmp_path: Path) -> None:
    path = written(tmp_path, "1,A,area a\n2,B,area b\n")
    with pytest.raises(
        TerminologyError, match="has no header, and 3 columns: '1,A,area a'"
    ) as caught:
        create(path)
    assert "pd.read_csv(path, names=['id', 'acronym', 'name'])" in str(caught.value)
    frame = pd.read_csv(path, names=["id", "acronym", "name"])
    assert counts(create(frame), "A", "B") == [48, 150]
    path.write_text("id,acronym,name\n" + path.read_text())
    assert counts(create(path), "A", "B") == [48, 150]


def test_a_row_taken_for_the_header(tmp_path: Path) -> None:
    text = "A,area a,1\nB,area b,2\n"
    with pytest.raises(TerminologyError, match=r"is there no header\?|there is no header\?"):
        create(written(tmp_path, text))
    with pytest.raises(TerminologyError, match="there is no header"):
        create(pd.read_csv(written(tmp_path, text)))
    with pytest.raises(TerminologyError, match="there is no header"):
        create(pd.read_csv(written(tmp_path, text), header=None))


# -- XML


def fsl(kind: str, first: int, names: list[str]) -> str:
    rows = "".join(
        f'<label index="{i}" x="10" y="20" z="30">{name}</label>\n'
        for i, name in enumerate(names, first)
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<atlas version="1.0"><header><name>X</name>'
        f"<type>{kind}</type><images><imagefile>/X/X-prob-2mm</imagefile><summaryimagefile>"
        f"/X/X-maxprob-2mm</summaryimagefile></images></header><data>\n{rows}</data></atlas>\n"
    )


@pytest.mark.parametrize("kind", ["Probabilistic", "Probabalistic", "Statistic"])
def test_fsl_counts_probabilities_from_zero(kind: str, tmp_path: Path) -> None:
    """The voxels of a maxprob image hold the index + 1, so the first region has the label 1."""
    ds = create(written(tmp_path, fsl(kind, 0, ["Frontal Pole", "Insular Cortex"]), "HO.xml"))
    assert counts(ds, "Frontal Pole", "Insular Cortex") == [48, 150]
    assert ds.atlas.terminology.name == "HO"


def test_fsl_writes_labels_as_they_are(tmp_path: Path) -> None:
    text = fsl("Label", 0, ["Unclassified", "Genu", "Splenium &amp; more"])
    ds = create(written(tmp_path, text, "JHU.xml"))
    assert counts(ds, "Genu", "Splenium & more") == [48, 150]
    with pytest.raises(TerminologyError, match="the region 'Genu' has the label 0"):
        create(written(tmp_path, fsl("Label", 0, ["Genu", "Splenium"]), "JHU.xml"))
    with pytest.raises(TerminologyError, match="<type> of the atlas is 'Other'.*'Label'.*maxprob"):
        create(written(tmp_path, fsl("Other", 0, ["Genu", "Splenium"]), "JHU.xml"))


def test_spm(tmp_path: Path) -> None:
    rows = "".join(
        f"<label><index>{i}</index><short_name>{s}</short_name><name>{n}</name></label>"
        for i, s, n in ((1, "A", "Area a"), (2, "B", "Area b"))
    )
    text = f"<atlas><header><type>Label</type></header><data>{rows}</data></atlas>"
    ds = create(written(tmp_path, text, "labels.xml"))
    assert ds.atlas.regions.name.tolist() == ["root", "Area a", "Area b"]
    assert counts(ds, "A", "B") == [48, 150]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!DOCTYPE html><html></html>", "HTML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><atlas/>', "DOCTYPE"),
        ("<atlas><data></data></atlas>", "without <data><label>"),
        ("<atlas", "not XML"),
        ("<a>" * 100_000, "not XML"),
        (fsl("Label", 1, ["a"]).replace('index="1"', 'index="x"'), "index 'x'"),
    ],
)
def test_other_xml(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(TerminologyError, match=message) as caught:
        create(written(tmp_path, text, "labels.xml"))
    assert len(str(caught.value)) < 1000


# -- label 0


@pytest.mark.parametrize("given", ["frame", "csv", "list", "json"])
def test_a_region_with_the_id_zero_is_not_dropped_in_silence(given: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [0, 1], "name": ["upper area", "lower area"]})
    source: Any = {
        "frame": frame,
        "csv": written(tmp_path, frame.to_csv(index=False)),
        "list": written(tmp_path, "0 upper area\n1 lower area\n", "t.txt"),
        "json": written(tmp_path, frame.to_json(orient="records"), "t.json"),
    }[given]
    array = np.zeros((4, 4, 4), "uint8")
    array[1:] = 1
    array[3:] = 2
    with pytest.raises(TerminologyError, match="the region 'upper area' has the label 0") as caught:
        create(source, array)
    assert "table['id'] += 1" in str(caught.value)
    frame["id"] += 1
    assert counts(create(frame, array), "upper area", "lower area") == [32, 16]
    named = pd.DataFrame({"id": [0, 1], "name": ["background", "lower area"]})
    assert counts(create(named, array), "lower area") == [32]


@pytest.mark.parametrize(
    "name",
    ["Unknown", "Clear Label", "background", "Background", "???", "*.*.*.*.*", "unlabeled", "void",
     "Exterior", "outside the brain", "ctx", "Unclassified", "BG", "0", "No_Label", "海马"],
)  # fmt: skip
def test_background_rows(name: str) -> None:
    frame = pd.DataFrame({"id": [0, 1, 2], "name": [name, "a", "b"]})
    if name in ("ctx", "海马"):
        with pytest.raises(TerminologyError, match="has the label 0"):
            create(frame)
    else:
        ds = create(frame)
        assert ds.atlas.regions.name.tolist() == ["root", "a", "b"]
        assert ds.atlas.terminology.problems == ()


def test_a_root_with_the_id_zero_is_kept() -> None:
    frame = pd.DataFrame({"id": [0, 1, 2], "name": ["brain", "a", "b"], "parent_id": [None, 0, 0]})
    assert counts(create(frame), "brain", "a") == [198, 48]
    frame["parent_id"] = [2, 0, None]  # between the root and another region
    with pytest.raises(TerminologyError, match="the region 'brain' has the label 0"):
        create(frame)


# -- tables of other libraries


@pytest.mark.parametrize("kind", ["polars", "polars lazy", "pyarrow", "dask"])
def test_tables_of_other_libraries(kind: str) -> None:
    columns: dict[str, list[Any]] = {
        "id": [997, 1, 2], "name": ["root", "a", "b"], "parent_id": [None, 997, 997],
        "rgb_triplet": [None, [255, 16, 0], [0, 1, 255]],
    }  # fmt: skip
    if kind == "dask":
        dd = pytest.importorskip("dask.dataframe")
        given = dd.from_pandas(pd.DataFrame(columns), npartitions=2)
    elif kind == "pyarrow":
        given = pytest.importorskip("pyarrow").table(columns)
    else:
        given = pytest.importorskip("polars").DataFrame(columns)
        given = given.lazy() if kind.endswith("lazy") else given
    ds = create(given)
    assert counts(ds, "a", "b", "root") == [48, 150, 198]
    assert colors(ds) == {"root": "", "a": "#ff1000", "b": "#0001ff"}


def test_strict_tables_of_other_libraries() -> None:
    polars = pytest.importorskip("polars")
    given = polars.DataFrame(brainglobe_table().to_dict(orient="list"))
    wanted = xarray_atlas.Terminology.from_dataframe(brainglobe_table())
    assert xarray_atlas.Terminology.from_dataframe(given) == wanted


# -- iblatlas


def test_tables_of_iblatlas() -> None:
    """Its labels of the left are negative, and its void is the background."""
    regions = pytest.importorskip("iblatlas.regions")
    folder = Path(regions.__file__).parent
    ds = create(folder / "allen_structure_tree.csv", np.full((4, 4, 4), 385))
    assert len(ds.atlas.terminology) == 1327
    assert counts(ds, "VISp", "root") == [64, 64]
    ds = create(folder / "franklin_paxinos_structure_tree.csv", np.full((4, 4, 4), 385))
    assert counts(ds, ds.atlas.region(385).acronym) == [64]
    assert len(ds.atlas.terminology) == 1430
    array = np.full((4, 4, 4), 385)
    array[:1] = -385
    frame = regions.BrainRegions().to_df()
    ds = create(frame, array, lateral=("* (left)", "*"))
    assert len(ds.atlas.terminology) == 1327
    volume = ds.atlas.volume("VISp", hemisphere=["left", "right"]).pint.magnitude / 0.025**3
    assert volume.round().tolist() == [16, 48]
    assert ds.atlas.region("VISp").color == "#08858c"


# -- opening with a table


def opened(folder: Path, terminology: Any) -> xr.Dataset:
    return xarray_atlas.open_atlas(write_ome_zarr(folder / "l.ome.zarr"), terminology=terminology)


def test_open_atlas_takes_what_create_atlas_takes(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "frame": table(),
        "csv": written(tmp_path, HEADER + ROWS),
        "text path": str(written(tmp_path, HEADER + ROWS, "u.csv")),
        "list": written(tmp_path, "997 root\n1 A\n2 B\n", "t.txt"),
        "FreeSurfer": written(tmp_path, "0 Unknown 0 0 0 0\n1 A 9 9 9 0\n2 B 8 8 8 0\n", "l.txt"),
        "json": written(tmp_path, table().to_json(orient="records"), "t.json"),
        "atlas": create(table()),
        "annotation": create(table()).annotation,
        "terminology": create(table()).atlas.terminology,
    }
    for kind, source in given.items():
        folder = tmp_path / kind
        folder.mkdir()
        assert {n: voxels(opened(folder, source), n) for n in VOXELS} == VOXELS, kind
    with pytest.raises(TypeError, match="not a int"):
        opened(tmp_path, 5)
    with pytest.raises(MissingTerminologyError):
        opened(tmp_path / "frame", tmp_path / "nothing.csv")


def test_brainglobes_own_table_is_opened_as_it_stands(tmp_path: Path) -> None:
    frame = brainglobe_table().assign(parent_identifier=["", "", ""], root_identifier_path="")
    ds = opened(tmp_path, frame)
    assert [r.acronym for r in ds.atlas.terminology.roots] == ["root", "A", "B"]
    again = opened(tmp_path / "a", written(tmp_path, frame.to_csv(index=False)))
    assert again.atlas.terminology == ds.atlas.terminology


def test_encodings(tmp_path: Path) -> None:
    text = HEADER + ROWS.replace("area a", "área")
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        path = written(tmp_path, text, encoding=encoding)
        assert create(path).atlas.region("A").name == "área"
    path = written(tmp_path, text, encoding="cp1252")
    with pytest.raises(TerminologyError, match=r"pd\.read_csv\(path, encoding='cp1252'\)"):
        create(path)
    assert create(pd.read_csv(path, encoding="cp1252")).atlas.region("A").name == "área"
    with pytest.raises(TerminologyError, match="UTF-16"):
        create(written(tmp_path, text, encoding="utf-16-le"))


@pytest.mark.parametrize(
    ("suffix", "mark", "reader"),
    [
        (".xlsx", b"PK\x03\x04", "pd.read_excel"),
        (".xls", b"\xd0\xcf\x11\xe0", "pd.read_excel"),
        (".parquet", None, "pd.read_parquet"),
        (".csv.gz", None, "pd.read_csv"),
    ],
)
def test_files_that_pandas_reads(
    suffix: str, mark: bytes | None, reader: str, tmp_path: Path
) -> None:
    """The error says how, and it is right where the file can be written here."""
    path = tmp_path / f"t{suffix}"
    if mark is not None:
        path.write_bytes(mark + b"\0" * 100)
    elif suffix == ".parquet":
        pytest.importorskip("pyarrow")
        table().to_parquet(path)
    else:
        table().to_csv(path, index=False)
    with pytest.raises(TerminologyError, match="not text; read it with pandas") as caught:
        create(path)
    call = str(caught.value).rpartition(": ")[2]
    assert call.startswith(reader)
    if mark is None:
        frame = eval(call, {"pd": pd, "path": path})
        assert {name: voxels(create(frame), name) for name in VOXELS} == VOXELS


# -- cells that cannot be parsed


LONG = ["[" * 100_000, "9" * 6000, "[" + "9" * 6000 + "]", "x" * 100_000, "1." + "1" * 100_000]
COLUMNS = "identifier,parent_identifier,annotation_value,name,abbreviation,color_hex_triplet\n"


@pytest.mark.parametrize("cell", LONG, ids=[c[:3] for c in LONG])
@pytest.mark.parametrize("column", range(6))
@pytest.mark.parametrize("way", ["from_csv", "create_atlas", "frame"])
def test_cells_that_cannot_be_parsed(cell: str, column: int, way: str, tmp_path: Path) -> None:
    rows = [["1", "", "1", "root", "root", ""], ["2", "1", "2", "a", "a", ""]]
    rows[1][column] = cell
    text = COLUMNS + "\n".join(",".join(row) for row in rows)
    path = written(tmp_path, text)
    calls: dict[str, Callable[[], Any]] = {
        "from_csv": lambda: xarray_atlas.Terminology.from_csv(path),
        "create_atlas": lambda: create(path).atlas.terminology,
        "frame": lambda: (
            create(pd.read_csv(path, dtype=str, keep_default_na=False)).atlas.terminology
        ),
    }
    try:
        said = " ".join(calls[way]().problems)
    except TerminologyError as error:
        said = str(error)
        assert any(word in said for word in ("id", "row", "parent", "annotation_value"))
    assert len(said) < 2000


@pytest.mark.parametrize(
    "value",
    [10**6000, [[1], 2], {"a": 1}, object(), b"1", 1 + 2j],
    ids=["digits", "lists", "dict", "object", "bytes", "complex"],
)
@pytest.mark.parametrize("column", ["id", "parent_structure_id", "annotation_value", "acronym"])
def test_cells_of_dataframes_that_cannot_be_parsed(value: Any, column: str) -> None:
    frame = table().astype(object)
    frame[column] = frame[column] if column in frame else frame["id"]
    frame[column] = frame[column].astype(object)
    frame.at[1, column] = value
    with pytest.raises(TerminologyError, match="row 1|id 1") as caught:
        create(frame)
    assert len(str(caught.value)) < 2000


def test_json_that_cannot_be_parsed(tmp_path: Path) -> None:
    for text in ("[" * 200_000, '{"msg": ' * 100_000, '[{"id": ' + "9" * 6000 + "}]"):
        with pytest.raises(TerminologyError) as caught:
            create(written(tmp_path, text, "t.json"))
        assert len(str(caught.value)) < 2000
    with pytest.raises(TerminologyError, match="nested too deeply|not JSON"):
        xarray_atlas.Terminology.from_json("[" * 200_000)
    for value in (
        {"children": 5},
        {"children": "abc"},
        {"rgb_triplet": [255, "x", 0]},
        {"rgb_triplet": {}},
    ):
        row = {"id": 1, "name": "a", **value}
        path = written(tmp_path, json.dumps([row]), "t.json")
        if "children" in value:
            with pytest.raises(TerminologyError, match="not a list of regions"):
                create(path)
        else:
            assert "the color of 'a'" in " ".join(create(path).atlas.terminology.problems)


# -- any table


names = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=6
).filter(lambda name: name.lower() not in ("n/a", "#n/a", "nan", "<na>", "root"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-(2**31), 2**40).filter(bool), min_size=2, max_size=6, unique=True),
    st.data(),
)
def test_any_table_through_any_door(ids: list[int], data: st.DataObject) -> None:
    """Through pandas, CSV with any delimiter, and JSON, in any order of columns."""
    texts = data.draw(st.lists(names, min_size=len(ids), max_size=len(ids), unique=True))
    columns = data.draw(st.permutations(["ID", "Name", "Acronym"]))
    frame = pd.DataFrame({"ID": ids, "Name": texts, "Acronym": [f"R{i}" for i in range(len(ids))]})
    frame = frame[list(columns)]
    wanted = create(frame).atlas.terminology
    assert wanted.ids.tolist()[1:] == ids
    assert wanted.names.tolist()[1:] == texts
    from xarray_atlas.terminology.formats import cells_from_text
    from xarray_atlas.terminology.mending import build

    for separator in ",;\t":
        text = frame.to_csv(index=False, sep=separator)
        assert build(cells_from_text(text))[0] == wanted
    assert build(cells_from_text(frame.to_json(orient="records")))[0] == wanted


def test_labels_and_table_in_the_wrong_order(tmp_path: Path) -> None:
    path = tmp_path / "labels.nii.gz"
    path.write_bytes(b"\x1f\x8b" + b"\0" * 100)
    with pytest.raises(TerminologyError, match=r"is an image file; .* labels comes first"):
        create(path)
