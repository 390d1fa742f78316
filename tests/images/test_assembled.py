"""Arrays whose blocks are made in their place."""

from __future__ import annotations

import pickle
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from xarray_atlas.images.assembled import Room, assembled_array, room_key

pytestmark = pytest.mark.version_independent


def numbers(shape: tuple[int, ...] = (5, 7)) -> Any:
    return np.arange(np.prod(shape)).reshape(shape)


class Fill:
    """Makes a block of `numbers`, and remembers whether there was a room."""

    def __init__(self) -> None:
        self.rooms: list[bool] = []

    def __call__(self, source: Any, bounds: Any, room: Room | None) -> Any:
        self.rooms.append(room is not None)
        values = source[tuple(slice(a, b) for a, b in bounds)]
        if room is None:
            return values.copy()
        place = room.part(bounds)
        place[...] = values
        return place


def made(fill: Fill, shape: tuple[int, ...] = (5, 7), name: str = "made") -> Any:
    source = da.from_array(numbers(shape), chunks=-1)
    chunks = ((2, 3), (3, 4))
    graph = {
        (name, i, j): (fill, (source.name, 0, 0), (a, b), room_key(name))
        for i, a in enumerate(((0, 2), (2, 5)))
        for j, b in enumerate(((0, 3), (3, 7)))
    }
    return assembled_array(name, graph, [source], chunks, int)


def test_blocks_are_parts_of_the_result() -> None:
    fill = Fill()
    array = made(fill)
    found = array.compute()
    np.testing.assert_array_equal(found, numbers())
    assert fill.rooms == [True] * 4
    assert found.flags.owndata
    assert found.flags.writeable
    again = array.compute()
    assert not np.shares_memory(found, again)


@pytest.mark.parametrize("scheduler", ["threads", "synchronous"])
def test_it_is_no_copy(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dask.array import core

    def never(*args: Any) -> Any:
        raise AssertionError("blocks were put together")

    monkeypatch.setattr(core, "concatenate3", never)
    with dask.config.set(scheduler=scheduler):
        np.testing.assert_array_equal(made(Fill()).compute(), numbers())
        shown = xr.DataArray(made(Fill()), dims=("y", "x"))
        np.testing.assert_array_equal(shown.values, numbers())
        both = xr.Dataset({"a": shown, "b": ("t", da.zeros(3, chunks=3))}).compute()
        np.testing.assert_array_equal(both.a, numbers())


def test_what_is_derived_has_no_room() -> None:
    fill = Fill()
    array = made(fill)
    for derived, wanted in (
        (array + 1, numbers() + 1),
        (1 + array, numbers() + 1),
        (da.ones((5, 7), chunks=2) + array, numbers() + 1),
        (array[1:4, 2:], numbers()[1:4, 2:]),
        (array.sum(axis=0), numbers().sum(axis=0)),
        (array.rechunk(4), numbers()),
        (array.persist(), numbers()),
        (da.where(array > 3, array, 0), np.where(numbers() > 3, numbers(), 0)),
    ):
        np.testing.assert_array_equal(derived.compute(), wanted)
    whole = np.zeros((5, 7), int)
    da.store(array, whole)
    np.testing.assert_array_equal(whole, numbers())
    assert not any(fill.rooms)


def test_computed_with_others() -> None:
    array = made(Fill())
    for found, wanted in zip(
        dask.compute(array, array + 1, array.sum(), made(Fill(), name="other")),
        (numbers(), numbers() + 1, numbers().sum(), numbers()),
        strict=True,
    ):
        np.testing.assert_array_equal(found, wanted)


def test_an_optimized_graph_gives_no_memory_twice() -> None:
    (optimized,) = dask.optimize(made(Fill()))
    first = optimized.compute()
    first[...] = -1
    second = optimized.compute()
    np.testing.assert_array_equal(second, numbers())
    assert (first == -1).all()


def test_without_optimization_and_pickled() -> None:
    array = made(Fill())
    np.testing.assert_array_equal(array.compute(optimize_graph=False), numbers())
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(array)).compute(), numbers())
    np.testing.assert_array_equal(array.compute(scheduler="processes"), numbers())


def test_a_room() -> None:
    room = Room((4, 4), np.dtype("u1"))
    one, two = room.part(((0, 2), (0, 4))), room.part(((2, 4), (0, 4)))
    assert one.base is two.base
    again = room.part(((0, 2), (0, 4)))
    assert again.base is not one.base
    assert pickle.loads(pickle.dumps(room)) is None
