"""What ``import xarray_atlas`` brings with it."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.once


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
