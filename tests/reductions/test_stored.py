"""What a dask array was made of, which dask has no public way to tell."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

import xarray_atlas
from xarray_atlas.reductions.stored import StoredArray, all_sources, read_from, stored_array


class Stored:
    """Anything that can be read: an array of numpy is cut into its chunks at once."""

    shape, ndim, dtype = (6,), 1, np.dtype("int64")

    def __getitem__(self, key):
        return np.arange(6)[key]


def test_what_from_array_was_given():
    values = Stored()
    array = da.from_array(values, chunks=2)
    assert read_from(array) is values
    assert all_sources(array) == [values]
    assert all_sources(values) == [values]


@pytest.mark.parametrize("derive", [lambda a: a + 1, lambda a: a[:2], lambda a: a.rechunk(3)])
def test_a_derived_array_was_made_of_nothing_itself(derive):
    values = Stored()
    derived = derive(da.from_array(values, chunks=2))
    assert read_from(derived) is None
    assert all_sources(derived) == [values]


def test_two_sources():
    one, two = Stored(), Stored()
    # names of their own, since nothing else tells the two apart
    array = da.from_array(one, chunks=2, name="one") + da.from_array(two, chunks=2, name="two")
    assert set(all_sources(array)) == {one, two}


@pytest.mark.parametrize("chunks", [{}, None])
def test_an_atlas(chunks):
    """Where this fails, xarray or dask has changed: arrays in a store would be measured each time."""
    ds = xarray_atlas.open_sample("100 um", chunks=chunks)
    data = ds.annotation.variable._data
    (source,) = all_sources(data)
    assert isinstance(source, StoredArray)
    if chunks is not None:
        assert stored_array(data) is source
        assert stored_array(data[1:]) is None
        assert all_sources((ds.annotation[1:] > 0).data) == [source]
