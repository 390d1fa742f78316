"""Units through random chains of xarray's operations, against plain numbers in millimetres."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pint
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import xarray_atlas
from support.chains import LENGTHS, STEPS, Step, in_mm
from support.small_worlds import table
from xarray_atlas.errors import AtlasError

pytestmark = pytest.mark.filterwarnings("ignore")  # what xarray and pint warn of is not tested here

SHAPE = (12, 8, 4)


def both() -> tuple[xr.Dataset, xr.Dataset]:
    """An atlas, and the same as plain numbers that know no units."""
    labels = (np.arange(384).reshape(SHAPE) % 3).astype(np.uint32)
    template = np.random.default_rng(0).integers(0, 100, SHAPE) * 0.5
    ds = xarray_atlas.create_atlas(
        labels, table(), name="small", voxel_size="100 um", orientation="asr", midline="0.2 mm"
    )
    z = 6.025 + 0.1 * np.arange(12)  # where the rows of the table look for it
    ds = xarray_atlas.decode(ds.assign_coords(z=ds.z + 6.025 * pint.get_application_registry().mm))
    dims = ("z", "y", "x")
    coords = {"z": z, "y": 0.1 * np.arange(8), "x": 0.1 * np.arange(4)}
    plain = xr.Dataset({"annotation": (dims, labels), "template": (dims, template)}, coords)
    return ds.assign(template=(dims, template)), plain


START = both()


def check(o: Any, plain: Any, chain: list[str]) -> Any:
    """The same values, and the same lengths in mm, by what the object itself says.

    An outer join of lengths is sorted, descending where both are; xarray's own is ascending, or in
    the order of one of them. Plain numbers are put into the order of the lengths, and returned.
    """
    assert dict(o.sizes) == dict(plain.sizes), chain
    for dim in plain.dims:
        if dim in LENGTHS and dim in plain.coords and plain[dim].dtype.kind == "f":
            mine, theirs = in_mm(o[dim]), plain[dim].values
            if not np.allclose(mine, theirs, equal_nan=True):
                order = np.argsort(theirs)[np.argsort(np.argsort(mine))]
                plain = plain.isel({dim: order})
    for name, wanted in plain.variables.items():
        if wanted.dtype.kind not in "iufb" or name not in o.variables:
            assert name in o.variables, (name, chain)
            continue
        found = o[name]
        assert set(found.dims) == set(wanted.dims), (name, chain)
        found = found.transpose(*wanted.dims)
        # numbers of rows, which stack gives a dimension without a coordinate, are not lengths
        if name in LENGTHS and name in plain.coords and wanted.dtype.kind == "f":
            values = in_mm(found)
        else:
            values = np.asarray(found.values)
        np.testing.assert_allclose(
            values.astype(float), wanted.values.astype(float), rtol=1e-9, atol=1e-9,
            err_msg=f"{name!r} after {chain}",
        )  # fmt: skip
    return plain


def run(chain: list[Step], counts: Counter[str]) -> None:
    o, plain = START
    done: list[str] = []
    for step in chain:
        try:
            wanted = step.plain(plain)
        except Exception:  # not for this state: of another name, sorted otherwise, ...
            counts["not applicable"] += 1
            continue
        try:
            found = step.run(o)
        except (AtlasError, pint.DimensionalityError, xr.AlignmentError):
            counts["refused"] += 1
            continue
        done.append(step.name)
        o, plain = found, check(found, wanted, done)
        counts["done"] += 1


def test_there_are_many_steps_and_each_starts_a_chain() -> None:
    assert len(STEPS) >= 140
    assert len({step.name for step in STEPS}) == len(STEPS)
    failed = []
    started: Counter[str] = Counter()
    for step in STEPS:
        run([step], counts := Counter())
        started += counts
        if not counts["done"]:
            failed.append(step.name)
    # what needs another step before it
    assert failed == [".swap_dims back", ".rename(depth='z')"]


COUNTS: Counter[str] = Counter()


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(STEPS), min_size=2, max_size=6))
def test_no_chain_of_operations_loses_a_unit(chain: list[Step]) -> None:
    run(chain, COUNTS)


def test_chains_are_not_empty() -> None:
    if not COUNTS:
        pytest.skip("the chains were not run here")
    assert COUNTS["done"] > 1000
    assert COUNTS["refused"] < 0.05 * COUNTS.total()
