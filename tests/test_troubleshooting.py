"""Each heading of the page on error messages is part of the message that its example gives."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.version_independent, pytest.mark.usefixtures("page_options")]

PAGE = Path(__file__).parents[1] / "docs" / "troubleshooting.md"

if not PAGE.exists():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)


def sections() -> dict[str, list[str]]:
    """Return the cells below each heading; those that set up the page are below an empty one."""
    parts = re.split(r"^### `(.+)`$", PAGE.read_text(encoding="utf-8"), flags=re.M)
    found = dict(zip(["", *parts[1::2]], parts[::2], strict=True))
    return {
        title: re.findall(r"```\{code-cell\} python\n(.*?)```", text, flags=re.S)
        for title, text in found.items()
    }


def said(cell: str, names: dict[str, Any]) -> str:
    """Run a cell; return the messages of its warnings and its error."""
    raises = "raises-exception" in cell.split("\n", 1)[0]
    code = re.sub(r"^:tags:.*\n", "", cell)
    code = "\n".join(line for line in code.splitlines() if "get_ipython" not in line)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            exec(compile(code, str(PAGE), "exec"), names)
        except Exception as raised:
            if not raises:
                raise
            error = str(raised)
        else:
            error = "no error" if raises else ""
    return " ".join([*(str(one.message) for one in caught), error])


def test_each_heading_is_in_the_message_of_its_example() -> None:
    names: dict[str, Any] = {}
    wrong = {}
    for title, cells in sections().items():
        messages = " ".join(" ".join(said(cell, names) for cell in cells).split())
        # "..." stands for what differs from case to case
        pattern = ".*".join(re.escape(part.strip()) for part in title.split("..."))
        if not re.search(pattern, messages):
            wrong[title] = messages
    assert not wrong
