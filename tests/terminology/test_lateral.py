"""Regions whose left and right halves have labels of their own."""

from __future__ import annotations

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
from xarray_atlas.errors import TerminologyError

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
