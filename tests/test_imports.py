"""What ``import xarray_atlas`` brings with it."""

from __future__ import annotations

import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import xarray_atlas
from xarray_atlas.viewers import neuroglancer

pytestmark = pytest.mark.version_independent


def test_importing_brings_nothing_heavy() -> None:
    code = """
        import sys
        import dask.array, pint_xarray, xarray, zarr
        before = set(sys.modules)
        import xarray_atlas
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(*sorted(new - set(sys.stdlib_module_names)))
        """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    # s3fs, aiohttp, matplotlib, scipy and what extras install: where they are used
    assert set(out.stdout.split()) <= {"anytree", "fsspec", "platformdirs", "xarray_atlas"}


def test_what_is_seldom_used_is_imported_when_it_is() -> None:
    code = """
        import sys
        import xarray_atlas
        heavy = ("cli", "viewers", "plotting", "checks", "io.downloads")
        print(*[name for name in sys.modules if name.startswith(
            tuple(f"xarray_atlas.{package}" for package in heavy))])
        xarray_atlas.check, xarray_atlas.explore, xarray_atlas.plotting.section
        """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert not out.stdout.split()


def test_only_public_names_are_listed() -> None:
    assert dir(xarray_atlas) == sorted([*xarray_atlas.__all__, "__version__"])
    for name in xarray_atlas.__all__:
        assert getattr(xarray_atlas, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'mask_of'"):
        xarray_atlas.mask_of  # noqa: B018


def test_the_accessor_has_neuroglancers_default() -> None:
    method = inspect.signature(xarray_atlas.AtlasAccessor.neuroglancer_url)
    assert method.parameters["base"].default == neuroglancer.BASE


def test_test_modules_have_names_of_their_own() -> None:
    """Of two modules of one name pytest collects the first alone, and only where both are run."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
