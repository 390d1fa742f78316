"""dask's array expressions (``array.query-planning``), with which xarray cannot work yet.

The package needs nothing of its own for them while xarray's own operations fail. Where the test of
xarray fails, xarray works with them: then the package has to (``da.reduction`` in reductions/ calls
functions on placeholders there), and the note in docs/guide/errors.md has to go.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.version_independent

XARRAY_ONLY = """
import dask.array as da, numpy as np, xarray as xr
assert da.array_expr_enabled()
array = xr.DataArray(np.arange(8).reshape(2, 4), dims=("z", "y")).chunk(z=1)
for operation in (lambda: array.sum(), lambda: array.where(array > 3)):
    try:
        operation().compute()
    except NotImplementedError:
        print("not implemented")
"""


def test_xarray_does_not_work_with_them():
    environment = {**os.environ, "DASK_ARRAY__QUERY_PLANNING": "True"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", XARRAY_ONLY],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == ["not implemented", "not implemented"]
