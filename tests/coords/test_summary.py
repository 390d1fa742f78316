"""The line by which an atlas is recognized where xarray shows an object that carries it."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest
import xarray as xr

from xarray_atlas.coords.summary import summary

LINE = "allen-adult-mouse 100 um, asr: z A>P, y S>I, x R>L"


def shown(obj):
    (line,) = re.findall(r"^  . terminology +int64 8B (.*)$", repr(obj), re.MULTILINE)
    return line


@pytest.mark.parametrize(
    "change",
    [
        lambda ds: ds,
        lambda ds: ds.annotation,
        lambda ds: ds.isel(z=3),
        lambda ds: ds.annotation.isel(z=slice(None, None, 2)) + 1,
        lambda ds: ds.compute(),
        lambda ds: copy.deepcopy(ds),
        lambda ds: pickle.loads(pickle.dumps(ds)),
        lambda ds: ds.terminology + 1,
        lambda ds: ds.drop_vars(["z", "y", "x"]),
    ],
    ids=["dataset", "array", "plane", "sum", "loaded", "copied", "pickled", "scalar", "bare"],
)
def test_it_names_the_atlas_its_resolution_and_directions(sample, change):
    assert shown(change(sample)) == LINE


def test_it_follows_the_space(sample):
    turned = sample.atlas.reorient("lpi")
    dims = turned.atlas.space.dims
    ways = [turned[dim].attrs["direction"].split("-to-") for dim in dims]
    words = ", ".join(
        f"{d} {a[0].upper()}>{b[0].upper()}" for d, (a, b) in zip(dims, ways, strict=True)
    )
    assert shown(turned) == f"allen-adult-mouse 100 um, lpi: {words}"
    assert words in ("x L>R, z P>A, y I>S", "x L>R, y P>A, z I>S")
    renamed = sample.rename(z="ap", terminology="atlas").atlas.space
    assert summary("a", renamed, 80) == "a 100 um, asr: ap A>P, y S>I, x R>L"


def test_it_fits(sample):
    space = sample.atlas.space
    for width in range(14, 70):
        line = summary("allen-adult-mouse-terminology", space, width)
        assert len(line) <= max(width, 16)
        assert ", asr" in line
    assert summary("allen-adult-mouse-terminology", space, 25) == "allen-adult... 100 um, asr"[
        :0
    ] + ("allen-adul... 100 um, asr")
    assert summary("", space, 40) == "atlas 100 um, asr: z A>P, y S>I, x R>L"
    assert summary("a\x1b[2J\nb", space, 40).startswith("a [2J b 100 um")


def test_in_a_notebook(sample):
    page = sample._repr_html_()
    previews = re.findall(r">terminology</span>.*?xr-preview'>([^<]*)<", page, re.DOTALL)
    assert previews == ["allen-adult-mouse 100 um, asr"]


def test_where_there_is_room_directions_are_words(sample):
    with xr.set_options(display_width=110):
        page = repr(sample)
    assert "1327 regions; z anterior-to-posterior, y superior-to-inferior, x right-to-left)" in page
    assert max(map(len, repr(sample).splitlines()[:-9])) <= 100


def test_it_is_a_number_all_the_same(sample):
    """To whoever takes its value, and in files."""
    value = sample.terminology
    assert type(value.data) is np.ndarray
    assert type(value.values) is np.ndarray
    assert int(value) == sample.xindexes["terminology"].fingerprint
    assert (value + 1).item() == int(value) + 1
    assert "SummarizedScalar" not in repr(value)
    plain = sample.atlas.encode().terminology
    assert type(plain.variable._data) is np.ndarray
    assert xr.Dataset.identical(sample, copy.deepcopy(sample))
    copied = copy.deepcopy(value.variable)
    copied.values = 7
    assert (copied.item(), type(copied.data)) == (7, np.ndarray)


def test_dimensions_say_their_voxel_size(sample):
    """As it is now, beside the resolution that was opened."""
    part = sample.isel(z=slice(None, None, 3), y=[1, 2, 7])
    found = re.findall(r"^    ([zyx]) +LengthIndex\((.*)\)$", repr(part), re.MULTILINE)
    assert found == [("z", "0.3 mm"), ("y", "0.1 mm"), ("x", "0.1 mm")]
