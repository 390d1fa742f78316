"""The notebooks are what the pages of the gallery make, and can be read by Jupyter."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.version_independent

ROOT = Path(__file__).parents[1]
TOOL = ROOT / "tools" / "make_notebooks.py"

if not (TOOL.exists() and (ROOT / "notebooks").exists()):
    pytest.skip("the notebooks are not beside the tests", allow_module_level=True)


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_notebooks", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_they_are_up_to_date(tool: ModuleType) -> None:
    assert tool.stale() == [], "run python tools/make_notebooks.py"


def test_each_page_has_one_with_all_of_its_code_that_is_shown(tool: ModuleType) -> None:
    for page in tool.pages():
        cells = json.loads((ROOT / "notebooks" / f"{page.stem}.ipynb").read_text(encoding="utf-8"))[
            "cells"
        ]
        assert len({cell["id"] for cell in cells}) == len(cells)
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        text = "\n".join(
            "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
        )
        assert "{code-cell}" not in text
        assert ".md)" not in text
        assert "_static" not in code
        for block in page.read_text(encoding="utf-8").split("```{code-cell} python\n")[1:]:
            if not block.startswith(":tags"):
                assert block.split("```")[0].strip() in code
