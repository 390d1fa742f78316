"""Tables of labels by compiled functions, against those by numpy; and when they are used."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_labels import DTYPES, assert_same, blocks
from test_tables import check, sides

from xarray_atlas.kernels import run_tables, tables
from xarray_atlas.kernels.tables import tabulate

pytestmark = pytest.mark.version_independent

compiled = pytest.mark.skipif(
    tables._load(np.zeros(1, "uint8")) is run_tables, reason="numba is not installed"
)
ONE_SIDE = np.ones((1, 1, 1), "uint8")


def by_both(block, kinds):
    """Tabulate with numpy and numba."""
    for enough in (np.inf, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tables, "ENOUGH", enough)
            yield tabulate(block, kinds)


def assert_both_same(block, kinds):
    by_numpy, by_numba = by_both(block, kinds)
    for column, other in zip(by_numpy, by_numba, strict=True):
        assert_same(column, other)
    return by_numba


@compiled
@given(st.data(), blocks(shapes=hnp.array_shapes(max_dims=4, min_side=0, max_side=7)))
@settings(max_examples=300, deadline=None)
def test_is_that_of_numpy(data, block):
    kinds = data.draw(sides(block.shape))
    check(assert_both_same(block, kinds), block, kinds)


def smooth(shape, dtype, seed=0):
    """Labels in blobs."""
    rng = np.random.default_rng(seed)
    limits = np.iinfo(dtype)
    labels = rng.integers(limits.min, limits.max, 9, dtype, endpoint=True)
    coarse = rng.integers(0, labels.size, tuple(-(-n // 5) for n in shape))
    fine = [np.sort(rng.integers(0, n, size)) for n, size in zip(coarse.shape, shape, strict=True)]
    return labels[coarse[np.ix_(*fine)]]


@compiled
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(4000,), (60, 70), (30, 40, 150), (5, 6, 20, 30)], ids=str)
def test_smooth_labels(dtype, shape):
    block = smooth(shape, dtype.newbyteorder("=")).astype(dtype)
    assert_both_same(block, np.ones((1,) * len(shape), int))
    midline = (np.arange(shape[-1]) > shape[-1] // 3).astype("int16")
    assert_both_same(block, midline.reshape((1,) * (len(shape) - 1) + (-1,)))
    if len(shape) > 1:
        kinds = np.broadcast_to(np.indices(shape).sum(axis=0) // 40 % 3, shape)
        assert_both_same(block, kinds)


@compiled
def test_every_voxel_another_label():
    """As many runs as voxels, and labels that differ in one byte only."""
    numbers = np.random.default_rng(0).permutation(30_000).reshape(20, 30, 50)
    for block in (numbers.astype("uint64") << np.uint64(48), numbers.astype(">u4")):
        table = assert_both_same(block, ONE_SIDE)
        assert (table.voxels == 1).all()
        assert table.label.size == block.size


@compiled
@pytest.mark.parametrize("layout", ["read-only", "reversed", "Fortran", "unaligned"])
def test_layouts(layout):
    block = smooth((9, 20, 31), np.uint32)
    expected = tabulate(block, ONE_SIDE)
    if layout == "unaligned":
        record = np.zeros(block.shape, [("byte", "u1"), ("label", "u4")])
        record["label"] = block
        shifted = np.zeros(block.nbytes + 1, "u1")[1:].view("u4").reshape(block.shape)
        shifted[:] = block
        assert not shifted.flags.aligned
        assert_both_same(record["label"], ONE_SIDE)
        other = shifted
    else:
        other = {
            "read-only": np.array(block),
            "reversed": block[::-1].copy()[::-1],
            "Fortran": np.asfortranarray(block),
        }[layout]
        other.flags.writeable = layout != "read-only"
    found = assert_both_same(other, ONE_SIDE)
    assert_same(expected.label, found.label)


@compiled
def test_sides_of_any_number():
    block = smooth((6, 7, 40), np.uint8)
    for kinds in (
        np.array([-1, 2**40]),
        np.array([-128, 127], "int8"),
        np.array([1, 255], ">u2"),
    ):
        which = np.indices(block.shape).sum(axis=0) // 9 % 2
        table = assert_both_same(block, kinds[which])
        assert set(table.side.tolist()) == set(kinds.tolist())


# -- when it is used


@pytest.fixture
def untouched(monkeypatch):
    """A process that has not tabulated anything."""
    monkeypatch.setattr(tables, "_tabulated", 0)
    monkeypatch.setattr(tables, "_kernels", {})


@compiled
def test_used_from_some_number_of_voxels_on(untouched, monkeypatch):
    block = smooth((6, 7, 40), np.uint8)
    monkeypatch.setattr(tables, "ENOUGH", 2 * block.size)
    for expected in (set(), set(), {1}):
        tabulate(block, ONE_SIDE)
        assert tables._kernels.keys() == expected
    tabulate(np.zeros((100, 100, 100), "uint8"), ONE_SIDE)
    assert tables._tabulated == 3 * block.size  # a block of one label needs no kernel


def test_without_numba(untouched, monkeypatch):
    block = smooth((6, 7, 40), np.uint8)
    expected = tabulate(block, ONE_SIDE)
    monkeypatch.setattr(tables, "ENOUGH", 0)
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "xarray_atlas.kernels.compiled_tables", raising=False)
    monkeypatch.delattr("xarray_atlas.kernels.compiled_tables", raising=False)
    for column, other in zip(expected, tabulate(block, ONE_SIDE), strict=True):
        assert_same(column, other)
    assert tables._kernels == {1: run_tables}


def test_while_another_thread_compiles(untouched, monkeypatch):
    block = smooth((6, 7, 40), np.uint8)
    expected = tabulate(block, ONE_SIDE)
    monkeypatch.setattr(tables, "ENOUGH", 0)
    found = []
    with tables._compiling:
        thread = threading.Thread(target=lambda: found.append(tabulate(block, ONE_SIDE)))
        thread.start()
        thread.join(30)
    assert not tables._kernels
    for column, other in zip(expected, found[0], strict=True):
        assert_same(column, other)


@compiled
def test_nowhere_to_keep_what_is_compiled(monkeypatch):
    from xarray_atlas.kernels import compiled_tables

    kept = []

    def njit(cache=False, **options):
        kept.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiled_tables, "njit", njit)
    assert compiled_tables._compile(len) is len
    assert kept == [True, False]


@compiled
def test_threads_go_on_meanwhile():
    """What is compiled lets go of Python's lock: another thread runs while it counts."""
    from xarray_atlas.kernels import compiled_tables

    for function in vars(compiled_tables).values():
        if hasattr(function, "targetoptions"):
            assert function.targetoptions["nogil"]


def test_small_blocks_do_not_import_numba():
    code = """
        import sys
        import numpy as np
        from xarray_atlas.kernels.tables import tabulate
        tabulate(np.arange(2**20).reshape(64, 128, 128), np.ones((1, 1, 1), int))
        print("numba" in sys.modules)
        """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "False"
