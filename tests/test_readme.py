"""The examples of the README and of the page that compares with general tools."""

from __future__ import annotations

import contextlib
import io
import os
import re
from importlib.resources import files
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"

if not README.exists():
    pytest.skip("the README is not beside the tests", allow_module_level=True)

BY_HAND = README.parent / "docs" / "comparison" / "by-hand.md"
TUTORIAL, ONE_LINE = re.findall(r"```python\n(.*?)```", BY_HAND.read_text(), flags=re.S)


def here(code: str, root: str) -> str:
    """Make code that reads the public bucket read a folder of the same layout."""
    code = code.replace("s3://brainglobe/atlas", root).replace(", anon=True", "")
    return code.replace('storage_options={"anon": True},', "")


def printed(code: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, str(README), "exec"), {})
    return out.getvalue()


def test_the_tutorials_way_gives_the_same_number() -> None:
    root = os.fspath(files("xarray_atlas") / "data")  # type: ignore[call-overload]
    theirs = float(printed(here(TUTORIAL, root)).split()[0])
    (ours,) = map(float, re.findall(r"Quantity\(\D*([\d.]+)", printed(here(ONE_LINE, root))))
    assert theirs == pytest.approx(ours, rel=1e-9)
    assert ours == pytest.approx(10.386625, rel=1e-9)


def test_the_tutorials_way_at_25_um(data: Path) -> None:
    root = str(data / "brainglobe")
    theirs = float(printed(here(TUTORIAL, root)).split()[0])
    assert theirs == pytest.approx(672063 * 0.025**3, rel=1e-9)
    assert re.search(r"10\.50098", printed(here(ONE_LINE, root)))


def test_about_thirty_lines_against_one() -> None:
    lines = [line for line in TUTORIAL.splitlines() if line.strip()]
    assert 25 <= len(lines) <= 40
    assert len([line for line in ONE_LINE.splitlines() if line.strip()]) == 3


def test_the_commands_are_where_the_checks_look_for_them() -> None:
    commands = re.findall(r"<!-- command: (\w+) -->\n```sh\n(.+)\n```", README.read_text())
    assert [name for name, _ in commands] == ["install", "test"]
    assert all(command.startswith("python3 -m venv .venv && ") for _, command in commands)
