"""Search for regions, and what errors propose."""

from __future__ import annotations

import re

import pytest
import xarray as xr

from xarray_atlas import Terminology
from xarray_atlas.errors import AmbiguousRegionError, RegionNotFoundError
from xarray_atlas.terminology.searching import search

pytestmark = pytest.mark.version_independent


@pytest.fixture(scope="module")
def allen() -> Terminology:
    import xarray_atlas

    return xarray_atlas.open_sample("100 um").atlas.terminology


@pytest.mark.parametrize("text", ["SC", "superior colliculus", "Colliculus, superior"])
def test_initials_and_words(allen: Terminology, text: str) -> None:
    found = allen.search(text)
    assert found.acronym.tolist()[:5] == ["SCs", "SCop", "SCsg", "SCzo", "SCm"]
    assert "SCm" in found.acronym.tolist()
    # in a narrow terminal too the names are printed
    printed = str(found.head())
    assert "Superior colliculus sensory related" in printed
    assert allen.regions.loc[found.index].acronym.tolist() == found.acronym.tolist()


def test_all_that_contains_the_text_is_found(allen: Terminology) -> None:
    for text in ("sc", "VIS", "layer 2/3", "-", "nucleus of"):
        contains = {
            position
            for position, row in allen.regions.iterrows()
            if text.lower() in row.acronym.lower() or text.lower() in row["name"].lower()
        }
        assert contains <= set(allen.search(text).index)


def test_the_order() -> None:
    regions = [
        ("xsc", "contains it"),
        ("B", "Something Counted"),
        ("A", "Scala"),
        ("C", "the Scale"),
        ("SCx", "Acronym"),
        ("scy", "Acronym in another case"),
        ("SCz", "Superior colliculus"),
        ("sc", "itself"),
    ]
    found = search("SC", *zip(*regions, strict=True))
    order = ["sc", "SCz", "SCx", "scy", "B", "A", "C", "xsc"]
    assert [regions[i][0] for _, i in found] == order


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("SC", "'SCs' (Superior colliculus sensory related), 'SCm' (Superior colliculus motor"),
        ("hippocampus", "'hf' (hippocampal fissure), 'HPF' (Hippocampal formation)"),
        ("hipocampus", "'hf' (hippocampal fissure), 'HPF' (Hippocampal formation)"),
        ("dentate gyros", "'DG' (Dentate gyrus)"),
        ("VISP", "'VISp' (Primary visual area)"),
        ("retrosplenial", "'RSP' (Retrosplenial area)"),
    ],
)
def test_unknown_regions_are_told_what_a_search_finds(
    allen: Terminology, text: str, first: str
) -> None:
    with pytest.raises(RegionNotFoundError, match=re.escape(f"did you mean {first}")):
        allen.region(text)


def test_a_list_names_all_that_are_unknown(sample: xr.Dataset) -> None:
    with pytest.raises(RegionNotFoundError) as caught:
        sample.atlas.volume(["RSPx", "RSP", "qqq", 99999999, "RSPx"])
    message = str(caught.value)
    assert message.startswith("3 regions are not in allen-adult-mouse-terminology (1327 regions): ")
    assert "'RSPx' (did you mean 'RSP' (Retrosplenial area)" in message
    assert message.endswith("'qqq', id 99999999")
    many = [f"unknown {i}" for i in range(1000)]
    with pytest.raises(RegionNotFoundError, match="^1000 regions are not in ") as caught:
        sample.atlas.mask(many)
    assert all(repr(name) in str(caught.value) for name in many)


def test_shared_acronyms_are_proposed_by_their_distinct_names() -> None:
    import pandas as pd

    table = pd.DataFrame(
        {
            "identifier": [1, 2, 3],
            "parent_identifier": [None, 1, 1],
            "annotation_value": [1, 2, 3],
            "name": ["brain", "left area", "right area"],
            "abbreviation": ["brain", "Abc", "Abc"],
        }
    )
    terminology = Terminology.from_dataframe(table)
    with pytest.raises(
        RegionNotFoundError, match=r"'Abc #2' \(left area\), 'Abc #3' \(right area\)"
    ):
        terminology.region("abc")
    with pytest.raises(AmbiguousRegionError):
        terminology.positions(["Abc"])
