"""The region table: what it reads, what it keeps, and whom it finds."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import anytree
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from anytree.exporter import JsonExporter
from dask.base import tokenize
from hypothesis import given
from hypothesis import strategies as st

from xarray_atlas.errors import (
    AmbiguousRegionError,
    AtlasMismatchError,
    RegionNotFoundError,
    TerminologyError,
)
from xarray_atlas.terminology import Region, Terminology

pytestmark = pytest.mark.version_independent

SMALL = """\
identifier,parent_identifier,annotation_value,name,abbreviation,color_hex_triplet,root_identifier_path
997,,997,root,root,#FFFFFF,[997]
8,997,8,Basic cell groups,grey,#BFDAE3,"[997, 8]"
254,8,254,Retrosplenial area,RSP,#1AA698,"[997, 8, 254]"
894,254,894,"Retrosplenial area, lateral",RSPagl,#1AA698,"[997, 8, 254, 894]"
312782546,894,312782546,Anterior area,VISa,#1AA698,"[997, 8, 254, 894, 312782546]"
614454277,8,614454277,Supraoculomotor,Su3,,"[997, 8, 614454277]"
1009,997,1009,fiber tracts,fiber tracts,#CCCCCC,"[997, 1009]"
"""


def read(text: str, name: str = "") -> Terminology:
    return Terminology.from_csv(io.StringIO(text), name)


def build(*rows: str, name: str = "") -> Terminology:
    """Read rows of identifier, parent, label, name and acronym."""
    return read(
        "\n".join(["identifier,parent_identifier,annotation_value,name,abbreviation", *rows]), name
    )


@pytest.fixture
def small() -> Terminology:
    return read(SMALL, "small")


# ---- the columns


def test_columns(small: Terminology) -> None:
    assert len(small) == 7
    assert small.ids.dtype == np.int64
    assert small.ids.tolist() == [997, 8, 254, 894, 312782546, 614454277, 1009]
    assert small.parents.dtype == np.int64
    assert small.parents.tolist() == [-1, 0, 1, 2, 3, 1, 0]
    assert small.depths.tolist() == [0, 1, 2, 3, 4, 2, 1]
    assert small.acronyms.tolist() == [
        "root",
        "grey",
        "RSP",
        "RSPagl",
        "VISa",
        "Su3",
        "fiber tracts",
    ]
    assert small.names[3] == "Retrosplenial area, lateral"
    assert small.colors.tolist()[4:] == ["#1AA698", "", "#CCCCCC"]
    assert small.labels.dtype == np.int64
    assert small.labels.tolist() == small.ids.tolist()
    assert small.label_regions.tolist() == list(range(7))
    assert small.problems == ()
    assert small.name == "small"


def test_repr(small: Terminology) -> None:
    assert repr(small) == "<Terminology 'small': 7 regions, 1 root, depth 4>"
    assert repr(build("1,,1,a,a")) == "<Terminology: 1 region, 1 root, depth 0>"
    assert repr(build("1,,1,a,a", "2,,2,b,b")) == "<Terminology: 2 regions, 2 roots, depth 0>"


def test_every_array_is_read_only(small: Terminology) -> None:
    arrays = [small.ids, small.parents, small.acronyms, small.names, small.colors, small.labels]
    arrays += [
        small.label_regions,
        small.depths,
        small.preorder,
        small.labels_of(0),
        small.labels_of(0, direct=True),
    ]
    arrays += [small.descendants(0), small.ancestors(4), small.leaves(0)]
    arrays += [
        pickle.loads(pickle.dumps(small)).ids,
        Terminology.from_columns(small.to_columns()).parents,
    ]
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]


def test_it_cannot_be_changed(small: Terminology) -> None:
    with pytest.raises(AttributeError, match="cannot be changed"):
        small.name = "other"
    with pytest.raises(AttributeError, match="cannot be changed"):
        small.new = 1
    with pytest.raises(AttributeError, match="cannot be changed"):
        del small.ids


# ---- traps of published tables


def test_a_region_called_na_stays() -> None:
    t = build("1,,1,root,root", "2,1,2,NA,NA", "3,1,3,nan,null")
    assert t.acronyms.tolist() == ["root", "NA", "null"]
    assert t.names.tolist() == ["root", "NA", "nan"]
    assert t.position("NA") == 1


def test_na_lost_by_pandas_is_an_error_that_says_how_to_keep_it() -> None:
    text = "identifier,parent_identifier,annotation_value,name,abbreviation\n1,,1,root,root\n2,1,2,Name,NA\n"
    with pytest.raises(
        TerminologyError, match=r"abbreviation of row 1 is missing.*keep_default_na=False"
    ):
        Terminology.from_dataframe(pd.read_csv(io.StringIO(text)))
    kept = Terminology.from_dataframe(pd.read_csv(io.StringIO(text), keep_default_na=False))
    assert kept == read(text)


@pytest.mark.parametrize(
    "big", [2**16 + 5, 312782546, 614454277, 2**40, 2**40 + 1, 2**53 + 1, 2**63 - 1]
)
def test_big_ids_and_labels_are_exact(big: int) -> None:
    t = build("1,,1,root,root", f"{big},1,{big},big,big", f"2,{big},2,child,child")
    assert t.ids.tolist() == [1, big, 2]
    assert t.parents.tolist() == [-1, 0, 1]
    assert t.labels_of(1).tolist() == sorted([big, 2])
    assert Terminology.from_columns(t.to_columns()).ids.tolist() == [1, big, 2]


def test_a_plainly_read_dataframe() -> None:
    frame = pd.read_csv(io.StringIO(SMALL))
    assert frame["parent_identifier"].dtype == np.float64  # what pandas makes of the empty parent
    assert Terminology.from_dataframe(frame) == read(SMALL)


def test_numeric_acronyms_stay_text() -> None:
    text = "identifier,parent_identifier,annotation_value,name,abbreviation\n10,,10,root,1\n11,10,11,part,2\n"
    for t in (read(text), Terminology.from_dataframe(pd.read_csv(io.StringIO(text)))):
        assert t.acronyms.tolist() == ["1", "2"]
        assert t.position("2") == 1
    assert build("1,,1,root,01", "2,1,2,part,1e5").acronyms.tolist() == ["01", "1e5"]


def test_acronyms_that_pandas_read_as_floats_are_an_error() -> None:
    frame = pd.read_csv(io.StringIO(SMALL)).assign(abbreviation=np.arange(7) + 0.5)
    with pytest.raises(
        TerminologyError, match=r"abbreviation of row 0 is 0\.5, not text; pass dtype=str"
    ):
        Terminology.from_dataframe(frame)


@pytest.mark.parametrize(
    "dtype", ["int64", "uint32", "float64", "Int64", "Float64", "object", "str", "string"]
)
def test_ids_in_any_exact_dtype(dtype: str) -> None:
    frame = pd.DataFrame(
        {
            "identifier": pd.Series([997, 312782546], dtype=dtype),
            "parent_identifier": [None, 997],
            "annotation_value": pd.Series([997, 312782546], dtype=dtype),
            "name": ["root", "a"],
            "abbreviation": ["root", "b"],
        }
    )
    t = Terminology.from_dataframe(frame)
    assert t.ids.dtype == np.int64
    assert t.ids.tolist() == t.labels.tolist() == [997, 312782546]
    assert t.parents.tolist() == [-1, 0]
    assert t.colors.tolist() == ["", ""]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("identifier", [1.5, 2.0], "identifier of row 0 is 1.5, not an integer"),
        ("parent_identifier", [np.nan, 1.5], "parent_identifier of row 1 is 1.5, not an integer"),
        ("annotation_value", [1.0, 2.5], "annotation_value of row 1 is 2.5, not an integer"),
        ("identifier", [1.0, 2.0**53], "has gone through a float that cannot hold it exactly"),
        ("identifier", np.array([1, 312782546], dtype=np.float32), "has gone through a float"),
        ("identifier", [1, None], "the identifier of row 1 is empty"),
        ("identifier", [True, False], "identifier of row 0 is True"),
        ("identifier", np.array([1, 2**63], dtype=np.uint64), "too large for a 64-bit integer"),
        (
            "annotation_value",
            np.array([1, 2**63], dtype=np.uint64),
            "too large for a 64-bit integer",
        ),
        ("annotation_value", [[1], [2**63]], "too large for a 64-bit integer"),
        (
            "annotation_value",
            ["1", "x"],
            "annotation_value of the region with id 2 is not an integer: 'x'",
        ),
        ("annotation_value", ["1", "[2, true]"], "id 2 is not an integer"),
        ("annotation_value", ["1", "[2, 2.5]"], "id 2 is not an integer"),
        ("annotation_value", ["1", "[2"], "id 2 is not an integer"),
        ("name", ["root", True], "name of row 1 is True, not text"),
    ],
)
def test_values_that_are_refused(column: str, value: object, message: str) -> None:
    frame = pd.DataFrame(
        {
            "identifier": [1, 2],
            "parent_identifier": [np.nan, 1],
            "annotation_value": [1, 2],
            "name": ["root", "part"],
            "abbreviation": ["root", "p"],
        }
    )
    assert len(Terminology.from_dataframe(frame)) == 2
    with pytest.raises(TerminologyError) as caught:
        Terminology.from_dataframe(frame.assign(**{column: pd.Series(value)}))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1.5,1,2,b,b", "identifier '1.5' is not an integer"),
        ("2,1.5,2,b,b", "parent_identifier '1.5' is not an integer"),
        ("2,1,2.5,b,b", "annotation_value of the region with id 2 is not an integer: '2.5'"),
        ("2,1,9223372036854775808,b,b", "too large for a 64-bit integer: 9223372036854775808"),
        ("9223372036854775808,1,2,b,b", "an identifier is too large"),
        (",1,2,b,b", "the identifier of row 1 is empty"),
        ("2,1,2,b", "row 1 has 4 cells and the header has 5"),
    ],
)
def test_rows_of_csv_that_are_refused(row: str, message: str) -> None:
    with pytest.raises(TerminologyError) as caught:
        build("1,,1,root,root", row)
    assert message in str(caught.value)


def test_ids_that_pandas_wrote_as_floats() -> None:
    t = build("1.0,,1.0,root,root", "2.0,1.0,2.0,part,part")
    assert t == build("1,,1,root,root", "2,1,2,part,part")


def test_spaces_are_kept() -> None:
    t = build("1,,1, root ,  r", "2,1,2,a b,c d ")
    assert t.names.tolist() == [" root ", "a b"]
    assert t.acronyms.tolist() == ["  r", "c d "]
    assert read(t.to_csv()) == t


def test_missing_columns_are_listed() -> None:
    with pytest.raises(TerminologyError) as caught:
        read("identifier,name,acronym\n1,root,root\n")
    assert str(caught.value) == (
        "the table of regions lacks 'parent_identifier', 'annotation_value', 'abbreviation'; "
        "its columns are 'identifier', 'name', 'acronym'"
    )
    with pytest.raises(TerminologyError, match="lacks 'name'"):
        Terminology.from_dataframe(pd.read_csv(io.StringIO(SMALL)).drop(columns="name"))
    with pytest.raises(TerminologyError, match="none at all"):
        read("")
    with pytest.raises(TerminologyError, match="more than one column 'name'"):
        read("identifier,parent_identifier,annotation_value,name,abbreviation,name\n1,,1,a,a,a\n")


def test_no_rows_is_an_error() -> None:
    header = SMALL.splitlines()[0]
    for text in (header, header + "\n", header + "\n\n"):
        with pytest.raises(TerminologyError, match="has no rows"):
            read(text)
    with pytest.raises(TerminologyError, match="has no rows"):
        Terminology.from_dataframe(pd.read_csv(io.StringIO(header)))


def test_sources_of_csv(tmp_path: Path) -> None:
    path = tmp_path / "terminology.csv"
    path.write_bytes(SMALL.encode())
    expected = read(SMALL)
    assert Terminology.from_csv(path) == expected
    assert Terminology.from_csv(str(path)) == expected
    assert Terminology.from_csv(io.BytesIO(SMALL.encode())) == expected
    assert Terminology.from_csv(io.BytesIO(b"\xef\xbb\xbf" + SMALL.encode())) == expected
    assert Terminology.from_csv(io.BytesIO(SMALL.replace("\n", "\r\n").encode())) == expected
    with path.open() as file:
        assert Terminology.from_csv(file) == expected
    with pytest.raises(TerminologyError, match="not UTF-8"):
        Terminology.from_csv(io.BytesIO(b"\xff\xfe"))
    with pytest.raises(FileNotFoundError):
        Terminology.from_csv(tmp_path / "none.csv")


def test_curies() -> None:
    t = build("MBA:997,,997,root,root", "MBA:8,MBA:997,8,grey,grey", "7.0,MBA:8,,x,x")
    assert t.ids.dtype == object
    assert t.ids.tolist() == ["MBA:997", "MBA:8", "7.0"]
    assert t.parents.tolist() == [-1, 0, 1]
    assert t.position_of_id("MBA:8") == 1
    assert t.labels_of(0).tolist() == [8, 997]
    assert json.loads(t.to_columns()["parent_identifier"]) == [None, "MBA:997", "MBA:8"]
    assert '"[""MBA:997"", ""MBA:8""]"' in t.to_csv()
    assert read(t.to_csv()) == t
    assert read(t.to_csv()).problems == ()
    with pytest.raises(RegionNotFoundError, match="it is the id of 'grey'"):
        t.position("MBA:8")
    with pytest.raises(
        RegionNotFoundError, match=r"no region has the id 8 in.*; 8 is a label of 'grey'"
    ):
        t.position(8)


def test_labels_are_not_identifiers() -> None:
    t = build(
        "1,,100,root,root", "2,1,,none,none", '3,1,"[7, -5, 7]",several,several', "4,1,1,one,one"
    )
    assert t.labels.tolist() == [100, -5, 7, 1]
    assert t.label_regions.tolist() == [0, 2, 2, 3]
    assert t.labels_of(0).tolist() == [-5, 1, 7, 100]
    assert t.labels_of(0, direct=True).tolist() == [100]
    assert t.labels_of(1).tolist() == []
    assert t.labels_of(1).dtype == np.int64
    assert t.labels_of(2, direct=True).tolist() == [-5, 7]
    assert json.loads(t.to_columns()["annotation_value"]) == [100, None, [-5, 7], 1]
    assert '\n3,1,"[-5, 7]",several' in t.to_csv()
    assert t.problems == ()


def test_rows_that_differ_in_their_label_are_one_region() -> None:
    rows = build("1,,1,root,root", "2,1,20,a,a", "3,1,3,b,b", "2,1,10,a,a", "2,1,30,a,a")
    assert rows == build("1,,1,root,root", '2,1,"[10, 20, 30]",a,a', "3,1,3,b,b")
    assert rows.acronyms.tolist() == ["root", "a", "b"]
    assert rows.labels.tolist() == [1, 10, 20, 30, 3]
    assert rows.problems == ()
    frame = pd.read_csv(io.StringIO(SMALL)).astype({"annotation_value": object})
    frame.at[1, "annotation_value"] = [8, 9]
    assert Terminology.from_dataframe(frame).labels_of(1, direct=True).tolist() == [8, 9]


@pytest.mark.parametrize(
    ("row", "column"),
    [("2,,5,a,a", "parent_identifier"), ("2,1,5,x,a", "name"), ("2,1,5,a,x", "abbreviation")],
)
def test_rows_that_differ_otherwise_are_an_error(row: str, column: str) -> None:
    with pytest.raises(
        TerminologyError, match=f"identifier 2 stands in rows 1 and 2 with a different {column}"
    ):
        build("1,,1,root,root", "2,1,2,a,a", row)


def test_problems_are_told_and_stop_nothing() -> None:
    t = read(
        "identifier,parent_identifier,annotation_value,name,abbreviation,color_hex_triplet,root_identifier_path\n"
        '1,,1,root,root,00ff00,"[1]"\n'
        '2,1,2,two,A,green,"[1, 3]"\n'
        "3,1,2,three,A,,/1/3/\n"
        "4,99,4,four,,,\n"
        "2,1,2,two,A,green,\n"
    )
    assert t.problems == (
        "the parent 99 of '' (id 4) is not in the table: '' is taken as a root",
        "there are 2 roots: 'root' (id 1), '' (id 4)",
        "'A' (id 2) has more than one row with the same label",
        "the color of 'A' (id 2) is not of the form '#RRGGBB': 'green'",
        "'' (id 4) has an empty acronym",
        "the acronym 'A' is shared by id 2, id 3",
        "the label 2 is shared by 'A' (id 2), 'A' (id 3)",
        "the path of 'A' (id 2) is [1, 3] but its parents give [1, 2]",
    )
    assert t.problem_kinds == (
        "parents", "roots", "rows", "colors", "empty acronyms", "acronyms", "shared labels", "paths",
    )  # fmt: skip
    assert t.parents.tolist() == [-1, 0, 0, -1]
    assert t.colors.tolist() == ["#00ff00", "", "", ""]
    for back in (
        Terminology.from_columns(t.to_columns()),
        Terminology.from_json(t.to_json()),
        pickle.loads(pickle.dumps(t)),
    ):
        assert back == t
        assert back.problems == t.problems
        assert back.problem_kinds == t.problem_kinds
    columns = t.to_columns()  # of a file that says no kinds, or too few, no problem is lost
    for kinds in ("[]", '["roots"]'):
        meta = json.dumps({**json.loads(columns["meta"]), "problem_kinds": json.loads(kinds)})
        back = Terminology.from_columns({**columns, "meta": meta})
        assert back.problems == t.problems
        assert set(back.problem_kinds) == {""}


def test_problems_of_one_kind_are_not_told_without_end() -> None:
    t = build("1,,1,root,root", *(f"{i},99,{i},n{i},a{i}" for i in range(2, 50)))
    orphans = [p for p in t.problems if "is not in the table" in p]
    assert len(orphans) == 20
    assert "... and 28 more such problems" in t.problems
    assert t.problem_kinds == ("parents",) * 21 + ("roots",)


def test_the_hierarchy_comes_from_the_parents_not_the_paths() -> None:
    t = read(SMALL.replace("[997, 8, 254, 894]", "[997, 1009]"))
    assert t == read(SMALL)
    assert t.problems == (
        "the path of 'RSPagl' (id 894) is [997, 1009] but its parents give [997, 8, 254, 894]",
    )
    assert t.to_csv() == SMALL


def test_cycles_are_cut_at_their_first_row() -> None:
    t = build("5,,5,below,e", "1,3,1,a,a", "2,1,2,b,b", "3,2,3,c,c", "4,3,4,d,d", "7,7,7,self,s")
    assert t.parents.tolist() == [-1, -1, 1, 2, 3, -1]
    assert t.depths.tolist() == [0, 0, 1, 2, 3, 0]
    assert t.labels_of(1).tolist() == [1, 2, 3, 4]
    assert t.problems[:2] == (
        "'a' (id 1), 'c' (id 3), 'b' (id 2) are their own ancestors: 'a' is taken as a root",
        "'s' (id 7) is its own parent: 's' is taken as a root",
    )
    assert read(t.to_csv()) == t


def test_a_very_deep_hierarchy() -> None:
    n = 3000
    t = build("0,,0,r,r", *(f"{i},{i - 1},{i},n{i},a{i}" for i in range(1, n)))
    assert t.depths.tolist() == list(range(n))
    assert t.ancestors(n - 1).tolist() == list(range(n - 1))
    assert len(t.labels_of(0)) == n
    assert t.region(n - 1).parent.id == n - 2


# ---- a value

FINGERPRINT = 2340483993616747002  # of SMALL


def test_equality_and_fingerprint(small: Terminology) -> None:
    same = read(SMALL, "another name")
    assert same == small
    assert hash(same) == hash(small)
    assert same.fingerprint == small.fingerprint
    assert tokenize(same) == tokenize(small)
    assert small != "small"
    changes = [
        ("\n8,997,8,", "\n8,997,9,"),
        ("RSPagl", "RSPagx"),
        ("fiber tracts,fiber", "fibre tracts,fiber"),
        ("#BFDAE3", "#BFDAE4"),
        ("\n1009,997", "\n1009,8"),
        ("\n1009,", "\n1010,"),
    ]
    others = [read(SMALL.replace(*change)) for change in changes]
    assert len({small, *others}) == len(changes) + 1
    assert len({t.fingerprint for t in [small, *others]}) == len(changes) + 1
    assert len({tokenize(t) for t in [small, *others]}) == len(changes) + 1
    assert all(small != other for other in others)
    header, *rows = SMALL.splitlines()
    assert read("\n".join([header, *reversed(rows)])) != small


def test_the_fingerprint_is_stable(small: Terminology) -> None:
    # it is stored in files: a change of this number orphans them
    assert small.fingerprint == FINGERPRINT
    code = (
        "import io, sys; from xarray_atlas.terminology import Terminology;"
        "print(Terminology.from_csv(io.StringIO(sys.stdin.read())).fingerprint)"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        printed = subprocess.run(
            [sys.executable, "-c", code],
            input=SMALL,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(printed.stdout) == FINGERPRINT


def test_copies_are_the_object_itself(small: Terminology) -> None:
    assert copy.copy(small) is small
    assert copy.deepcopy(small) is small


def test_a_pickle_leaves_out_what_is_derived(small: Terminology) -> None:
    fresh = pickle.dumps(read(SMALL, "small"))
    assert small.tree.descendants
    assert small.labels_of(0).size
    assert small.position("RSP") == 2
    assert small.fingerprint
    assert len(pickle.dumps(small)) == len(fresh)
    back = pickle.loads(fresh)
    assert back == small
    assert back.name == "small"


def test_columns_are_plain_text_without_what_is_derived(small: Terminology) -> None:
    columns = small.to_columns()
    assert list(columns) == [
        "identifier",
        "parent_identifier",
        "annotation_value",
        "name",
        "abbreviation",
        "color_hex_triplet",
        "meta",
    ]
    assert {type(value) for value in columns.values()} == {str}
    assert all(
        value.isascii() for value in read(SMALL.replace("fiber", "fibér")).to_columns().values()
    )
    back = Terminology.from_columns({**columns, "space": "not ours", "units": 1})
    assert back == small
    assert back.name == "small"
    assert json.loads(small.to_json())["annotation_value"] == small.labels.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "lacks 'name'"),
        ({"name": "["}, "column 'name' is not JSON"),
        ({"name": "5"}, "'name' is not a list of 7"),
        ({"identifier": "5"}, "'identifier' is not a list"),
        ({"name": '["a"]'}, "'name' is not a list of 7"),
        ({"name": "[1, 2, 3, 4, 5, 6, 7]"}, "'name' holds something that is not text"),
        ({"identifier": "[1, 2, 3, 4, 5, 6, 1]"}, "more than once"),
        ({"identifier": "[1, 2, 3, 4, 5, 6, 7.5]"}, "neither integers nor text"),
        ({"parent_identifier": "[null, 2, 3, 4, 5, 6, []]"}, "not an identifier"),
        ({"annotation_value": "[1, 2, 3, 4, 5, 6, 7.5]"}, "not an integer"),
        ({"annotation_value": '[1, 2, 3, 4, 5, 6, [7, "8"]]'}, "not an integer"),
        ({"annotation_value": f"[1, 2, 3, 4, 5, 6, {2**63}]"}, "too large"),
        ({"annotation_value": f"[1, 2, 3, 4, 5, null, {2**63}]"}, "too large"),
    ],
)
def test_damaged_columns_are_an_error(
    small: Terminology, change: dict[str, str | None], message: str
) -> None:
    columns = {
        key: value for key, value in {**small.to_columns(), **change}.items() if value is not None
    }
    with pytest.raises(TerminologyError) as caught:
        Terminology.from_columns(columns)
    assert message in str(caught.value)


def test_damaged_json_is_an_error() -> None:
    for text in ("", "[]", "5", "{}"):
        with pytest.raises(TerminologyError):
            Terminology.from_json(text)


def test_columns_written_by_others() -> None:
    t = build("1,,1,root,root", "2,1,2,a,a")
    columns = t.to_columns()
    del columns["meta"], columns["color_hex_triplet"]
    assert Terminology.from_columns(columns) == t
    text = {**columns, "identifier": '["1", "2"]', "parent_identifier": '[null, "1"]'}
    assert Terminology.from_columns(text) == t
    cycle = Terminology.from_columns({**columns, "parent_identifier": "[2, 1]"})
    assert cycle.parents.tolist() == [-1, 0]
    assert "are their own ancestors" in cycle.problems[0]


def test_to_csv_writes_a_file(small: Terminology, tmp_path: Path) -> None:
    assert small.to_csv() == SMALL
    assert small.to_csv(tmp_path / "t.csv") is None
    assert (tmp_path / "t.csv").read_bytes() == SMALL.encode()


# ---- naming regions


def test_position(small: Terminology) -> None:
    assert small.position("RSP") == 2
    assert small.position("Retrosplenial area") == 2
    assert small.position(254) == 2
    assert small.position(np.int32(254)) == 2
    assert small.position(np.uint64(312782546)) == 4
    assert small.position(np.str_("RSP")) == 2
    assert small.position(small.region("RSP")) == 2
    assert small.position(read(SMALL).region("RSP")) == 2
    assert type(small.position("RSP")) is int


def test_positions(small: Terminology) -> None:
    found = small.positions(["RSP", 8, small.tree, "RSP"])
    assert found.dtype == np.int64
    assert found.tolist() == [2, 1, 0, 2]
    assert small.positions(np.array([8, 254])).tolist() == [1, 2]
    assert small.positions([]).dtype == np.int64
    assert small.positions([]).shape == (0,)
    for key in ("RSP", 8, small.tree):
        with pytest.raises(TypeError, match="expected a list of regions"):
            small.positions(key)


def test_an_acronym_wins_over_a_name() -> None:
    t = build("1,,1,B,A", "2,1,2,A,B")
    assert t.position("A") == 0
    assert t.position("B") == 1


def test_position_of_id(small: Terminology) -> None:
    assert small.position_of_id(254) == 2
    assert small.position_of_id(np.int64(254)) == 2
    with pytest.raises(
        RegionNotFoundError, match=r"no region has the id '254' in small \(7 regions\)"
    ):
        small.position_of_id("254")
    with pytest.raises(TypeError, match="an int or a str, not True"):
        small.position_of_id(True)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "RSPx",
            "no region 'RSPx' in small (7 regions); did you mean 'RSP' (Retrosplenial area), 'RSPagl' (Retrosplenial area, lateral)?",
        ),
        (
            "rsp",
            "no region 'rsp' in small (7 regions); did you mean 'RSP' (Retrosplenial area), 'RSPagl' (Retrosplenial area, lateral)?",
        ),
        (
            "BASIC cell group",
            "no region 'BASIC cell group' in small (7 regions); did you mean 'grey' (Basic cell groups)?",
        ),
        ("254", "no region '254' in small (7 regions); to name a region by id pass the int 254"),
        ("qqqq", "no region 'qqqq' in small (7 regions)"),
        ("", "no region '' in small (7 regions)"),
        (5, "no region has the id 5 in small (7 regions)"),
        (2**70, f"no region has the id {2**70} in small (7 regions)"),
        (np.int64(5), "no region has the id 5 in small (7 regions)"),
    ],
)
def test_unknown_regions(small: Terminology, key: str | int, message: str) -> None:
    with pytest.raises(KeyError) as caught:
        small.position(key)
    assert type(caught.value) is RegionNotFoundError
    assert str(caught.value) == message
    assert key not in small


def test_a_label_is_no_id() -> None:
    t = build("1,,100,root,root", "2,1,100,a,a")
    with pytest.raises(RegionNotFoundError) as caught:
        t.position(100)
    assert str(caught.value) == (
        "no region has the id 100 in the terminology (2 regions); 100 is a label of 'root' (id 1), 'a' (id 2)"
    )


def test_empty_acronyms_and_names_name_nothing() -> None:
    t = build("1,,1,,", "2,1,2,,")
    with pytest.raises(RegionNotFoundError):
        t.position("")
    assert "" not in t
    assert t.problems == ("'' (id 1) has an empty acronym", "'' (id 2) has an empty acronym")


def test_shared_names_are_ambiguous() -> None:
    t = build("1,,1,root,root", "2,1,2,left,A", "3,1,3,right,A", "4,1,4,same,C", "5,1,5,same,D")
    with pytest.raises(AmbiguousRegionError) as caught:
        t.position("A")
    assert str(caught.value) == (
        "the acronym 'A' is shared by id 2 ('left'), id 3 ('right'); name the one you mean by its id"
    )
    with pytest.raises(
        AmbiguousRegionError, match=r"the name 'same' is shared by id 4 \('same'\), id 5 \('same'\)"
    ):
        t.position("same")
    assert t.position(3) == 2
    assert t.position("right") == 2
    assert "A" in t


@pytest.mark.parametrize("key", [True, np.True_, 2.0, None, ("RSP",), ["RSP"], b"RSP"])
def test_keys_of_a_wrong_type(small: Terminology, key: object) -> None:
    with pytest.raises(TypeError, match="a region is named by"):
        small.position(key)
    assert key not in small


def test_a_region_of_another_terminology(small: Terminology) -> None:
    other = build("1,,1,root,root", name="other").tree
    with pytest.raises(
        AtlasMismatchError,
        match=r"<Region root 'root' \(id 1\)> is a region of <Terminology 'other'",
    ):
        small.position(other)
    assert other not in small


def test_contains(small: Terminology) -> None:
    assert "RSP" in small
    assert "Retrosplenial area" in small
    assert 254 in small
    assert small.region("RSP") in small
    assert 5 not in small


# ---- the hierarchy


def test_hierarchy_by_position() -> None:
    t = build("3,2,30,c,c", "1,,10,a,a", "2,1,20,b,b", "4,1,40,d,d", "9,,90,z,z", "5,2,50,e,e")
    assert t.preorder.tolist() == [1, 2, 0, 5, 3, 4]
    assert t.descendants(1).tolist() == [2, 0, 5, 3]
    assert t.descendants(0).tolist() == []
    assert t.ancestors(5).tolist() == [1, 2]
    assert t.ancestors(1).tolist() == []
    assert t.leaves(1).tolist() == [0, 5, 3]
    assert t.leaves(0).tolist() == [0]
    assert [t.is_leaf(i) for i in range(6)] == [True, False, False, True, True, True]
    assert t.labels_of(2).tolist() == [20, 30, 50]
    assert t.labels_of(2, direct=True).tolist() == [20]


@pytest.mark.parametrize("position", [-1, 7])
def test_positions_outside_the_table(small: Terminology, position: int) -> None:
    for method in (
        small.labels_of,
        small.descendants,
        small.ancestors,
        small.leaves,
        small.is_leaf,
    ):
        with pytest.raises(IndexError, match=f"position {position} is not in a table of 7 regions"):
            method(position)


def test_the_tree(small: Terminology) -> None:
    root = small.tree
    assert root is small.tree
    assert root is small.region("root")
    assert small.roots == (root,)
    assert str(anytree.RenderTree(root).by_attr("acronym")) == (
        "root\n├── grey\n│   ├── RSP\n│   │   └── RSPagl\n│   │       └── VISa\n│   └── Su3\n└── fiber tracts"
    )
    region = small.region("RSPagl")
    assert repr(region) == "<Region RSPagl 'Retrosplenial area, lateral' (id 894)>"
    assert (region.acronym, region.id, region.color, region.labels) == (
        "RSPagl",
        894,
        "#1AA698",
        (894,),
    )
    assert (region.depth, region.height, region.size) == (3, 1, 2)
    assert root.height == 4
    assert [node.acronym for node in region.ancestors] == ["root", "grey", "RSP"]
    assert [node.acronym for node in region.descendants] == ["VISa"]
    assert [node.acronym for node in root.leaves] == ["VISa", "Su3", "fiber tracts"]
    assert [node.acronym for node in small.region("RSP").siblings] == ["Su3"]
    assert region.root is root
    assert root.parent is None
    assert root.is_root
    assert not root.is_leaf
    assert small.region("VISa").is_leaf
    assert anytree.search.find(root, lambda node: node.id == 254) is small.region("RSP")
    assert anytree.search.find_by_attr(root, "Su3", name="acronym") is small.region("Su3")
    assert [node.acronym for node in small] == small.acronyms.tolist()


def test_the_tree_can_be_exported(small: Terminology) -> None:
    exported = json.loads(JsonExporter().export(small.region("RSPagl")))
    assert exported == {
        "acronym": "RSPagl",
        "name": "Retrosplenial area, lateral",
        "id": 894,
        "color": "#1AA698",
        "labels": [894],
        "children": [
            {
                "acronym": "VISa",
                "name": "Anterior area",
                "id": 312782546,
                "color": "#1AA698",
                "labels": [312782546],
            }
        ],
    }


def test_the_tree_is_read_only(small: Terminology) -> None:
    region, leaf = small.region("RSP"), small.region("VISa")
    for change in (
        lambda: setattr(region, "parent", None),
        lambda: setattr(region, "children", ()),
        lambda: setattr(region, "name", "other"),
        lambda: setattr(region, "new", 1),
        lambda: delattr(region, "children"),
        lambda: delattr(region, "name"),
        lambda: anytree.Node("stranger", parent=region),
        lambda: anytree.Node("stranger", parent=leaf),
        lambda: anytree.Node("stranger", children=[region]),
    ):
        with pytest.raises(AttributeError, match="cannot be changed"):
            change()
    assert region.parent is small.region("grey")
    assert [node.acronym for node in region.children] == ["RSPagl"]
    assert leaf.children == ()
    assert region.name == "Retrosplenial area"


def test_several_roots() -> None:
    t = build("1,,1,a,A", "2,,2,b,B", "3,2,3,c,C", name="forest")
    assert [root.acronym for root in t.roots] == ["A", "B"]
    with pytest.raises(TerminologyError) as caught:
        _ = t.tree
    assert (
        str(caught.value)
        == "forest (3 regions) has 2 roots: 'A' (id 1), 'B' (id 2); take them from `.roots`"
    )
    assert t.region("C").root is t.roots[1]


def test_regions_are_values(small: Terminology) -> None:
    region = small.region("RSP")
    again = read(SMALL).region("RSP")
    assert again is not region
    assert again == region
    assert hash(again) == hash(region)
    assert region != small.region("grey")
    assert region != build("1,,1,a,a", "2,1,2,b,b", "254,2,254,Retrosplenial area,RSP").region(
        "RSP"
    )
    assert region != "RSP"
    assert copy.copy(region) is region
    assert copy.deepcopy(region) is region
    assert copy.deepcopy([region])[0] is region


def test_a_pickled_region_carries_the_table_once(small: Terminology) -> None:
    region = small.region("RSP")
    back = pickle.loads(pickle.dumps(region))
    assert back == region
    assert isinstance(back, Region)
    assert back.parent.acronym == "grey"
    assert back.terminology == small
    alone, all_of_them = len(pickle.dumps(region)), len(pickle.dumps(list(small)))
    assert alone < len(pickle.dumps(small)) + 100
    assert all_of_them < alone + 20 * len(small)


# ---- as a DataFrame


def test_regions(small: Terminology) -> None:
    frame = small.regions
    assert list(frame.columns) == ["acronym", "name", "id", "parent", "depth", "color", "labels"]
    assert isinstance(frame.index, pd.RangeIndex)
    assert frame["acronym"].tolist() == small.acronyms.tolist()
    assert frame["parent"].tolist() == ["", "root", "grey", "RSP", "RSPagl", "grey", "root"]
    assert frame["id"].dtype == np.int64
    assert frame["depth"].tolist() == [0, 1, 2, 3, 4, 2, 1]
    assert frame["labels"].tolist()[2] == (254,)
    frame.loc[0, "acronym"] = "changed"
    frame["id"] += 1
    assert small.regions["acronym"][0] == "root"
    assert small.ids[0] == 997


def test_search(small: Terminology) -> None:
    found = small.search("retro")
    assert found["acronym"].tolist() == ["RSP", "RSPagl"]
    assert found.index.tolist() == [2, 3]
    assert small.search("VIS")["acronym"].tolist() == ["VISa"]
    assert small.search("^rsp$", regex=True)["acronym"].tolist() == ["RSP"]
    assert small.search("^rsp$").empty
    assert list(small.search("zzz").columns) == ["acronym", "name", "id"]
    with pytest.raises(ValueError, match=r"'\(' is not a regular expression"):
        small.search("(", regex=True)
    assert small.search("(").empty


# ---- laws

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
numbers = st.integers(1, 40) | st.integers(2**15, 2**17) | st.integers(-(2**63), 2**63 - 1)


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, object]]:
    """Rows of a forest, shuffled, each with a list of labels."""
    count = draw(st.integers(1, 12))
    ids: list[object] = draw(st.lists(numbers, min_size=count, max_size=count, unique=True))
    if draw(st.booleans()):
        ids = draw(
            st.lists(texts.map("MBA:{}".format), min_size=count, max_size=count, unique=True)
        )
    rows = [
        {
            "identifier": ids[i],
            "parent_identifier": ids[parent]
            if (parent := draw(st.integers(-1, i - 1))) >= 0
            else None,
            "annotation_value": draw(st.lists(numbers, max_size=3, unique=True)),
            "name": draw(texts),
            "abbreviation": draw(texts),
            "color_hex_triplet": draw(st.sampled_from(["", "#FFFFFF", "#0a0b0c"])),
        }
        for i in range(count)
    ]
    return draw(st.permutations(rows))


def from_rows(rows: list[dict[str, object]], name: str = "") -> Terminology:
    cells = [[None, *row["annotation_value"]] for row in rows]
    plain = [
        {**row, "annotation_value": cell[-1] if len(cell) < 3 else cell[1:]}
        for row, cell in zip(rows, cells, strict=True)
    ]
    return Terminology.from_dataframe(pd.DataFrame(plain, dtype=object), name)


@given(tables())
def test_what_is_given_is_kept(rows: list[dict[str, object]]) -> None:
    t = from_rows(rows)
    assert t.ids.tolist() == [row["identifier"] for row in rows]
    assert t.names.tolist() == [row["name"] for row in rows]
    assert t.acronyms.tolist() == [row["abbreviation"] for row in rows]
    assert t.colors.tolist() == [row["color_hex_triplet"] for row in rows]
    parents = [None if p < 0 else rows[p]["identifier"] for p in t.parents]
    assert parents == [row["parent_identifier"] for row in rows]
    pairs = [(i, label) for i, row in enumerate(rows) for label in sorted(row["annotation_value"])]
    assert list(zip(t.label_regions.tolist(), t.labels.tolist(), strict=True)) == pairs


@given(tables(), texts)
def test_round_trips(rows: list[dict[str, object]], name: str) -> None:
    t = from_rows(rows, name)
    for back in (
        Terminology.from_csv(io.StringIO(t.to_csv(), newline=""), name),
        Terminology.from_csv(io.BytesIO(t.to_csv().encode()), name),
        Terminology.from_json(t.to_json()),
        Terminology.from_columns(t.to_columns()),
        pickle.loads(pickle.dumps(t)),
    ):
        assert back == t
        assert back.fingerprint == t.fingerprint
        assert back.name == t.name
        assert back.ids.dtype == t.ids.dtype
        assert back.problems == t.problems
        assert back.to_csv() == t.to_csv()


@given(tables(), st.randoms())
def test_several_rows_for_one_region(rows: list[dict[str, object]], random: Random) -> None:
    several = [
        {**row, "annotation_value": label}
        for row in rows
        for label in (row["annotation_value"] or [None])
    ]
    t = Terminology.from_dataframe(pd.DataFrame(several, dtype=object))
    assert t == from_rows(rows)
    random.shuffle(several)
    shuffled = Terminology.from_dataframe(pd.DataFrame(several, dtype=object))
    assert {
        i: set(shuffled.labels_of(shuffled.position_of_id(i)).tolist()) for i in t.ids.tolist()
    } == {i: set(t.labels_of(t.position_of_id(i)).tolist()) for i in t.ids.tolist()}


@given(tables())
def test_the_hierarchy_against_walking_up_the_parents(rows: list[dict[str, object]]) -> None:
    t = from_rows(rows)
    row_of = {row["identifier"]: i for i, row in enumerate(rows)}

    def line(i: int) -> list[int]:
        up = rows[i]["parent_identifier"]
        return [] if up is None else [*line(row_of[up]), row_of[up]]

    above = [line(i) for i in range(len(rows))]
    nodes = list(t)
    assert t.depths.tolist() == [len(ancestors) for ancestors in above]
    assert sorted(t.preorder.tolist()) == list(range(len(rows)))
    rank = {position: i for i, position in enumerate(t.preorder.tolist())}
    for i in range(len(rows)):
        below = [j for j in range(len(rows)) if i in above[j]]
        labels = {label for j in (i, *below) for label in rows[j]["annotation_value"]}
        ends = [j for j in (i, *below) if not any(j in ancestors for ancestors in above)]
        assert t.ancestors(i).tolist() == above[i]
        assert t.descendants(i).tolist() == sorted(below, key=rank.__getitem__)
        assert t.leaves(i).tolist() == sorted(ends, key=rank.__getitem__)
        assert t.is_leaf(i) == (not below)
        assert t.labels_of(i).tolist() == sorted(labels)
        assert t.labels_of(i, direct=True).tolist() == sorted(rows[i]["annotation_value"])
        node = nodes[i]
        assert [n.position for n in node.ancestors] == above[i]
        assert [n.position for n in node.descendants] == t.descendants(i).tolist()
        assert [n.position for n in node.leaves] == t.leaves(i).tolist()
        assert node.depth == len(above[i])
        children = [j for j in below if len(above[j]) == len(above[i]) + 1]
        assert [n.position for n in node.children] == children


@given(st.lists(st.integers(0, 9), min_size=10, max_size=10))
def test_any_parents_at_all_give_a_forest(parents: list[int]) -> None:
    t = build(*(f"{i},{parent},{i},n{i},a{i}" for i, parent in enumerate(parents)))
    cut = [i for i in range(10) if t.parents[i] < 0]
    assert [p for i, p in enumerate(t.parents.tolist()) if i not in cut] == [
        p for i, p in enumerate(parents) if i not in cut
    ]
    for i in range(10):  # walk up until it repeats: the first row of that cycle is the root
        walk = [i]
        while parents[walk[-1]] not in walk:
            walk.append(parents[walk[-1]])
        cycle = walk[walk.index(parents[walk[-1]]) :]
        line = t.ancestors(i).tolist()
        assert (line or [i])[0] == min(cycle)
    assert sum("taken as a root" in problem for problem in t.problems) == len(cut)


# ---- the Allen table


@pytest.fixture(scope="module")
def allen_path() -> Path:
    folder = os.environ.get("XARRAY_ATLAS_TEST_DATA")
    if not folder:
        pytest.skip("XARRAY_ATLAS_TEST_DATA is not set")
    return Path(
        folder, "brainglobe/terminologies/allen-adult-mouse-terminology/2017/terminology.csv"
    )


@pytest.fixture(scope="module")
def allen(allen_path: Path) -> Terminology:
    return Terminology.from_csv(allen_path, "allen-adult-mouse-terminology")


def test_allen(allen: Terminology) -> None:
    assert (
        repr(allen)
        == "<Terminology 'allen-adult-mouse-terminology': 1327 regions, 1 root, depth 10>"
    )
    assert allen.problems == ()
    assert allen.region("VISm").parent == allen.region("RSPagl")
    assert allen.region("RSP").id == 254
    assert allen.region("VISm") in allen.region("RSP").descendants
    assert 614454277 in allen.labels
    assert 312782546 in allen.ids
    with pytest.raises(KeyError) as caught:
        allen.position("RSPx")
    assert str(caught.value) == (
        "no region 'RSPx' in allen-adult-mouse-terminology (1327 regions); did you mean 'RSP' (Retrosplenial area), "
        "'RSPd' (Retrosplenial area dorsal part), 'RSPv' (Retrosplenial area ventral part)?"
    )


def test_allen_labels_against_the_paths_of_the_file(allen: Terminology, allen_path: Path) -> None:
    frame = pd.read_csv(allen_path, keep_default_na=False)
    paths = [json.loads(path) for path in frame["root_identifier_path"]]
    for identifier in (997, 254, 894, 315, 1009):
        within = sorted(path[-1] for path in paths if identifier in path)
        assert allen.labels_of(allen.position(identifier)).tolist() == within


def test_allen_round_trips(allen: Terminology, allen_path: Path) -> None:
    assert allen.to_csv().encode() == allen_path.read_bytes()
    assert Terminology.from_columns(allen.to_columns()) == allen
    assert Terminology.from_dataframe(pd.read_csv(allen_path, keep_default_na=False)) == allen


def test_allen_is_read_in_under_50_ms(allen_path: Path) -> None:
    content = allen_path.read_bytes()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        Terminology.from_csv(io.BytesIO(content))
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05


def test_letters_that_have_changed_places_are_suggested_first(
    sample: xr.Dataset,
) -> None:
    terminology = sample.atlas.terminology
    with pytest.raises(RegionNotFoundError, match=r"did you mean 'RSP' \("):
        terminology.region("RPS")
    with pytest.raises(RegionNotFoundError, match=r"did you mean 'VISp' \("):
        terminology.region("VSIp")
