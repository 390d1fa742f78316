"""Every read of a store comes by way of the method that checks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import LocalStore, MemoryStore

from xarray_atlas.errors import StoreError
from xarray_atlas.io.zarr.checked_store import CheckedStore, innermost


@pytest.mark.parametrize("shards", [None, (4, 4)])
@pytest.mark.parametrize("kind", ["local", "memory"])
@pytest.mark.parametrize("part", [..., (0, 0), (slice(1, 3), slice(0, 5))])
def test_no_read_goes_round_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: Any, kind: str, part: Any
) -> None:
    """Where this fails, zarr has a way to read that WrapperStore hands on to the store inside.

    A chunk that cannot be read would be taken for one that is absent.
    """
    store: Any = LocalStore(tmp_path) if kind == "local" else MemoryStore()
    values = np.arange(1, 65, dtype="uint32").reshape(8, 8)
    zarr.create_array(store, name="a", data=values, chunks=(2, 2), shards=shards, zarr_format=3)
    checked = CheckedStore(store)
    array: Any = zarr.open_array(checked, path="a", mode="r")
    assert innermost(array.store) is store
    np.testing.assert_array_equal(array[part], values[part])

    async def refuse(*args: Any, **keywords: Any) -> None:
        raise StoreError("asked by way of get")

    monkeypatch.setattr(CheckedStore, "get", refuse)
    with pytest.raises((StoreError, ExceptionGroup)) as caught:  # zarr groups those of ranges
        array[part]
    error: BaseException = caught.value
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert str(error) == "asked by way of get"
