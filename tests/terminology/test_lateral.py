"""Regions whose left and right halves have labels of their own."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from support.small_worlds import ARRAY, MM3
from xarray_atlas import create_atlas
from xarray_atlas.errors import HemisphereError, TerminologyError
from xarray_atlas.terminology.side_patterns import side_patterns

pytestmark = pytest.mark.version_independent

COUNTS = {("one", "left"): 48, ("one", "right"): 36, ("two", "left"): 56, ("two", "right"): 28}


def labels_of(numbers: dict[tuple[str, str], int], dtype: str = "int64") -> Any:
    found = np.zeros((12, 10, 8), dtype)
    found[1:5, 2:6, 5:8] = numbers["one", "left"]
    found[1:5, 2:5, 0:3] = numbers["one", "right"]
    found[6:10, 2:9, 5:7] = numbers["two", "left"]
    found[6:10, 2:9, 1:2] = numbers["two", "right"]
    return found


def table_of(numbers: dict[tuple[str, str], int]) -> pd.DataFrame:
    rows = [(label, f"{name} {side[0].upper()}", side) for (name, side), label in numbers.items()]
    return pd.DataFrame(rows, columns=["id", "name", "side"])


def counts_of(ds: xr.Dataset) -> dict[tuple[str, str], int]:
    volume = ds.atlas.volume(["one", "two"], hemisphere=["left", "right"]).pint.dequantify()
    return {
        (name, side): round(float(volume.sel(region=name, hemisphere=side)) / MM3)
        for name, side in COUNTS
    }


FORMS = ["patterns", "pairs of labels", "a column"]


def given_as(form: str, numbers: dict[tuple[str, str], int]) -> tuple[pd.DataFrame, Any]:
    table = table_of(numbers)
    if form == "a column":
        return table.assign(name=table["name"].str[:-2]), "side"
    pairs = [(numbers[name, "left"], numbers[name, "right"]) for name in ("two", "one")]
    return table, pairs if form == "pairs of labels" else ("* L", "* R")


@pytest.mark.parametrize("lazy", [False, True], ids=["numpy", "dask"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "labels",
    [(1, 2, 3, 4), (2, 5, 6, 1), (4, 3, 2, 1), (-5, 5, -7, 7), (7, -7, 2**40, -(2**40))],
    ids=str,
)
def test_labels_of_sides_are_in_any_order(labels: tuple[int, ...], form: str, lazy: bool) -> None:
    numbers = dict(zip(COUNTS, labels, strict=True))
    array = labels_of(numbers)
    ds = create_atlas(
        da.from_array(array, chunks=4) if lazy else array,
        given_as(form, numbers)[0],
        lateral=given_as(form, numbers)[1],
        **ARRAY,
    )
    assert counts_of(ds) == COUNTS
    assert isinstance(ds.hemispheres.data, da.Array) == lazy


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(-(2**31), 2**31 - 1).filter(bool), min_size=4, max_size=4, unique=True),
    st.permutations(list(COUNTS)),
    st.sampled_from(FORMS),
)
def test_any_labels(labels: list[int], order: list[tuple[str, str]], form: str) -> None:
    """Whatever the labels, and in whatever order the table has them."""
    numbers = dict(zip(order, labels, strict=True))
    table, lateral = given_as(form, numbers)
    assert counts_of(create_atlas(labels_of(numbers), table, lateral=lateral, **ARRAY)) == COUNTS


def test_a_label_that_both_sides_have() -> None:
    table = pd.DataFrame({"id": [1, 2], "labels": ["[1]", "[1]"], "name": ["one L", "one R"]})
    with pytest.raises(TerminologyError, match=r"the label 1 is one of a left and of a right"):
        create_atlas(np.ones((4, 4, 4), "u1"), table, lateral=("* L", "* R"), **ARRAY)


# -- several pairs of patterns, as FreeSurfer has them


FREESURFER = """\
#No. Label Name:                            R   G   B   A

0   Unknown                                 0   0   0   0
1012 ctx-lh-Insula                          255 192 32  0
2012 ctx-rh-Insula                          255 192 32  0
53  Right-Hippocampus                       220 216 20  0
17  Left-Hippocampus                        220 216 20  0
55  Right-Insula                            80  196 98  0
19  Left-Insula                             80  196 98  0
16  Brain-Stem                              119 159 176 0
"""


def test_several_pairs_of_patterns(tmp_path: Path) -> None:
    (tmp_path / "lut.txt").write_text(FREESURFER)
    labels = np.zeros((8, 8, 8), "i4")
    for i, (label, count) in enumerate(
        {1012: 3, 2012: 5, 53: 7, 17: 2, 55: 8, 19: 6, 16: 1}.items()
    ):
        labels[i, 0, :count] = label
    patterns = [("Left-*", "Right-*"), ("ctx-lh-*", "ctx-rh-*")]
    ds = create_atlas(labels, tmp_path / "lut.txt", lateral=patterns, **ARRAY)
    assert ds.atlas.regions.set_index("name").labels.to_dict() == {
        "root": (),
        "ctx-Insula": (1012, 2012),
        "Hippocampus": (17, 53),
        "Insula": (19, 55),
        "Brain-Stem": (16,),
    }
    volume = ds.atlas.volume(hemisphere=["left", "right"]).pint.dequantify().to_pandas() / MM3
    counts = volume.round().astype(int)
    assert counts.loc["ctx-Insula"].tolist() == [3, 5]
    assert counts.loc["Hippocampus"].tolist() == [2, 7]
    assert counts.loc["Insula"].tolist() == [6, 8]
    assert counts.loc["Brain-Stem"].tolist() == [0, 0]
    with pytest.raises(
        TerminologyError, match=r"'Right-Hippocampus' matches \('L\*', 'R\*'\) as well"
    ):
        create_atlas(labels, tmp_path / "lut.txt", lateral=[patterns[0], ("L*", "R*")], **ARRAY)


# -- patterns that are proposed


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Left-*", "Right-*"), ("left *", "right *"), ("* LEFT", "* RIGHT"), ("*_L", "*_R"),
        ("*.lh", "*.rh"), ("L_*", "R_*"), ("* (left)", "* (right)"), ("ctx-lh-*", "ctx-rh-*"),
        ("7Networks_LH_*", "7Networks_RH_*"), ("Left*", "Right*"), ("* Left (x)", "* Right (x)"),
    ],
)  # fmt: skip
def test_patterns_of_names_are_found(left: str, right: str) -> None:
    names = [p.replace("*", shared) for p in (left, right) for shared in ("Area 1", "Zone_2")]
    assert side_patterns([*names, "Brain stem", "Lateral L nucleus"]) == [(left, right)]


@pytest.mark.parametrize(
    "names",
    [
        ["layer L", "layer R"],
        ["Left cortex", "Ventricle"],
        ["Area l1", "Area r1", "Area l2", "Area r2"],
        ["cleft A", "cright A", "cleft B", "cright B"],
        [f"{i} {side} area {i}" for i in range(500) for side in ("Left", "Right")],
        [],
    ],
    ids=lambda names: str(names)[:40],
)
def test_names_that_do_not_say_a_side(names: list[str]) -> None:
    assert side_patterns(names) == []


def test_the_error_proposes_what_can_be_typed(tmp_path: Path) -> None:
    (tmp_path / "lut.txt").write_text(
        FREESURFER.replace("ctx-lh-Insula", "ctx-lh-Cuneus").replace(
            "ctx-rh-Insula", "ctx-rh-Cuneus"
        )
    )
    labels = np.full((4, 4, 4), 17)
    labels[:2] = 2012
    ds = create_atlas(labels, tmp_path / "lut.txt", **ARRAY)
    with pytest.raises(HemisphereError) as caught:
        ds.atlas.volume(hemisphere="left")
    typed = re.search(r"create_atlas\(\.\.\., lateral=(.*)\)$", str(caught.value))
    assert typed is not None
    lateral = ast.literal_eval(typed[1])
    assert lateral == [("Left-*", "Right-*"), ("ctx-lh-*", "ctx-rh-*")]
    folded = create_atlas(labels, tmp_path / "lut.txt", lateral=lateral, **ARRAY)
    assert round(folded.atlas.volume("Hippocampus", hemisphere="left").item().magnitude / MM3) == 32
    report = ds.atlas.check().table.set_index("check")
    assert f"lateral={lateral}" in report.mend["sides in names"]
    assert report.severity["sides in names"] == "note"
    assert "sides in names" not in folded.atlas.check().table.check.tolist()
    with pytest.raises(TerminologyError, match=r"For these names it would be lateral=\[\('Left-"):
        create_atlas(labels, tmp_path / "lut.txt", lateral=("*_L", "*_R"), **ARRAY)
