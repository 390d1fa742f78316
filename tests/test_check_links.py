"""The checker of the documentation's links finds what leads nowhere, and nothing else."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.version_independent

SCRIPT = Path(__file__).parents[1] / "docs" / "check_links.py"

if not SCRIPT.exists():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)


def broken(root: Path) -> list[str]:
    spec = importlib.util.spec_from_file_location("check_links", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.broken_links(root)


def test_what_leads_somewhere(tmp_path):
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "index.html").write_text('<h1 id="a b">x</h1><a name="old"></a>')
    (tmp_path / "my picture.png").touch()
    (tmp_path / "index.html").write_text(
        '<a href="guide/index.html#a%20b">1</a><a href="guide/">2</a><a href="guide/index.html#old">3</a>'
        '<a href="#">4</a><a href="https://example.org/none#x">5</a><a href="mailto:a@b">6</a>'
        '<img src="my%20picture.png?v=1"><img src="data:image/png;base64,AA">'
    )
    assert broken(tmp_path) == []


def test_what_leads_nowhere(tmp_path):
    (tmp_path / "page.html").write_text("<p id='there'>x</p>")
    (tmp_path / "index.html").write_text(
        '<a href="page.html#gone">1</a><a href="none.html">2</a><img src="none.png">'
        '<a href="#gone">3</a><a href="../outside.html">4</a><a href="page.html#there">5</a>'
    )
    (tmp_path.parent / "outside.html").touch()
    assert broken(tmp_path) == [
        "index.html: #gone",
        "index.html: ../outside.html",
        "index.html: none.html",
        "index.html: none.png",
        "index.html: page.html#gone",
    ]


def test_a_folder_without_pages_is_not_fine(tmp_path):
    assert len(broken(tmp_path)) == 1
