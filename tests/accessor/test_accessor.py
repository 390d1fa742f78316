"""The accessor: thin, without state, and polite to another package's."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
import textwrap

import anytree
import numpy as np
import pint
import pytest
import xarray as xr

import xarray_atlas
from xarray_atlas import AtlasAccessor

pytestmark = pytest.mark.version_independent

ureg = pint.get_application_registry()

FUNCTIONS = ("mask", "volume", "area", "encode", "interp", "interp_like", "reindex_like")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_method_is_also_a_function(name: str) -> None:
    method = inspect.signature(getattr(AtlasAccessor, name))
    function = inspect.signature(getattr(xarray_atlas, name))
    of_method = [(p.name, p.default) for p in list(method.parameters.values())[1:]]
    of_function = [(p.name, p.default) for p in list(function.parameters.values())[1:]]
    assert of_method == of_function


def test_it_holds_nothing_but_the_object(sample: xr.Dataset) -> None:
    assert list(vars(sample.atlas)) == ["_obj"]
    assert "atlas" in sample._cache  # xarray keeps the accessor, and pickles what it keeps
    assert len(pickle.dumps(sample.annotation)) < 400_000


def test_hierarchy(sample: xr.Dataset) -> None:
    atlas = sample.annotation.isel(z=3).atlas
    assert atlas.tree.acronym == "root"
    assert anytree.find(atlas.tree, lambda n: n.acronym == "VISm").parent.acronym == "RSPagl"
    assert atlas.region("RSP").id == 254
    assert atlas.region("Retrosplenial area") == atlas.region(254)
    assert len(atlas.regions) == 1327
    assert "VISp" in set(atlas.search("primary visual area").acronym)
    with pytest.raises(KeyError, match="did you mean"):
        atlas.region("RSPx")
    with pytest.raises(KeyError, match="pass the int"):
        atlas.region("254")


def test_spacing(sample: xr.Dataset) -> None:
    spacing = sample.isel(z=slice(None, None, 2)).atlas.spacing
    assert {d: v.to("um").magnitude.round(6) for d, v in spacing.items()} == {
        "z": 200.0, "y": 100.0, "x": 100.0,
    }  # fmt: skip
    assert set(sample.isel(z=0).atlas.spacing) == {"y", "x"}


def test_interp_and_reindex(sample: xr.Dataset) -> None:
    fine = xarray_atlas.open_sample("50 um")
    np.testing.assert_array_equal(
        sample.atlas.interp_like(fine).annotation.values,
        sample.annotation.values.repeat(2, 0).repeat(2, 1).repeat(2, 2),
    )
    part = sample.isel(z=slice(10, 12)).atlas.reindex_like(sample)
    assert part.annotation.dtype == np.uint32
    assert int((part.annotation != 0).sum()) == int((sample.annotation[10:12] != 0).sum())


def run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    return result.stdout


def test_importing_twice_changes_nothing() -> None:
    assert (
        run(
            """
        import importlib, warnings
        warnings.simplefilter("error")
        import xarray as xr, xarray_atlas
        from xarray_atlas import accessor
        before = xr.Dataset.atlas
        importlib.reload(xarray_atlas)
        accessor.register()
        assert xr.Dataset.atlas is before
        importlib.reload(accessor)
        accessor.register()
        print(xr.Dataset.atlas.__module__, xr.DataArray.atlas.__module__)
        """
        ).split()
        == ["xarray_atlas.accessor"] * 2
    )


def test_another_packages_accessor_is_replaced_with_one_warning() -> None:
    assert (
        run(
            """
        import warnings
        import xarray as xr

        @xr.register_dataset_accessor("atlas")
        class Theirs:
            __module__ = "confusius.atlas"
            def __init__(self, obj): pass

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import xarray_atlas
        caught = [w for w in caught if "atlas" in str(w.message)]
        assert len(caught) == 1, caught
        text = str(caught[0].message)
        assert "confusius.atlas" in text and "xarray_atlas.volume" in text, text
        ds = xarray_atlas.open_sample("100 um")
        print(ds.atlas.region("RSP").id)
        """
        ).strip()
        == "254"
    )


def test_functions_work_where_another_accessor_was_registered_later() -> None:
    assert (
        run(
            """
        import warnings
        import xarray as xr, xarray_atlas
        warnings.simplefilter("ignore")

        @xr.register_dataset_accessor("atlas")
        class Theirs:
            def __init__(self, obj): pass

        ds = xarray_atlas.open_sample("100 um")
        print(int(xarray_atlas.mask(ds, "RSP").sum()))
        """
        ).strip()
        == "10174"
    )
