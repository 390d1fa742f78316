"""The file system with which stores are read over HTTP."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.stores import LAYOUT, serve, write_atlas

CODE = """
import sys, xarray_atlas
print(int(xarray_atlas.open_atlas(sys.argv[1]).annotation.max()))
"""


def test_a_program_that_read_over_http_ends_without_a_word(tmp_path: Path) -> None:
    write_atlas(tmp_path)
    with serve(tmp_path) as server:
        command = [sys.executable, "-c", CODE, f"{server.url}/{LAYOUT}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "614454277\n"
    assert done.stderr == ""
