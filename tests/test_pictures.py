"""The picture in the README is there, small, and what the script draws."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.version_independent

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "docs" / "make_pictures.py"
PICTURE = ROOT / "docs" / "_static" / "section.png"

if not SCRIPT.exists():
    pytest.skip("the documentation is not beside the tests", allow_module_level=True)


def test_the_picture_is_what_is_drawn_now(tmp_path):
    image = pytest.importorskip("PIL.Image")
    if pytest.importorskip("matplotlib").__version_info__ < (3, 11):
        pytest.skip("matplotlib draws letters in another way from 3.11 on")
    spec = importlib.util.spec_from_file_location("make_pictures", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.section(tmp_path / "now.png")
    now, then = (
        np.asarray(image.open(path).convert("L"), int) for path in (tmp_path / "now.png", PICTURE)
    )
    assert now.shape == then.shape
    # other versions of matplotlib place text and edges a little differently
    assert np.abs(now - then).mean() < 4, "run docs/make_pictures.py, and look at what it draws"


def test_the_readmes_first_example_runs(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib").use("agg")
    pytest.importorskip("DracoPy")
    first = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    exec(first, {})
    assert "10.38" in capsys.readouterr().out
    assert (tmp_path / "section.png").stat().st_size > 10_000
    assert (tmp_path / "atlas.html").stat().st_size > 100_000


def test_the_readme_shows_it():
    assert "docs/_static/section.png" in (ROOT / "README.md").read_text()
    assert PICTURE.stat().st_size < 150_000
