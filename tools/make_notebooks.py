"""Write a notebook for each page of the gallery, to be downloaded or opened in Colab or Binder.

    python tools/make_notebooks.py          # write notebooks/
    python tools/make_notebooks.py --check  # say whether it is up to date

A notebook has the page's text and code without outputs. Links lead to the published pages, a first
cell installs the package where it is missing, and what only serves the page is left out.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "gallery"
TARGET = ROOT / "notebooks"
SITE = "https://xarray-atlas.readthedocs.io/en/latest/"
EXTRAS = "xarray-atlas[plot,mesh,files,registration]"
MORE = {"cluster": ["distributed"], "four-shanks": ["probeinterface"]}
CELL = re.compile(r"^```\{code-cell\} python\n((?::[^\n]*\n)*)(.*?)^```\n", flags=re.M | re.S)
# lines of hidden cells that serve the page alone: its thumbnail, and plain reprs
OF_PAGE = re.compile(r"_static|\bgallery\b|display_style")


def pages() -> list[Path]:
    """Return the pages of examples."""
    return sorted(path for path in PAGES.glob("*.md") if path.stem != "index")


def with_links(text: str) -> str:
    """Return Markdown with links to other pages replaced by those to the published ones."""

    def published(match: re.Match[str]) -> str:
        page, anchor = match[1], match[2] or ""
        path = (PAGES / page).resolve().relative_to(ROOT / "docs").with_suffix(".html")
        return f"]({SITE}{path.as_posix()}{anchor})"

    return re.sub(r"\]\((?!https?:)([^)#\s]+\.md)(#[^)\s]*)?\)", published, text)


def code_of(options: str, code: str) -> str:
    """Return the code of a cell, without what serves the page alone."""
    lines = code.strip("\n").split("\n")
    if "remove-cell" in options:
        lines = [line for line in lines if not OF_PAGE.search(line)]
    return "\n".join(lines).strip("\n")


def notebook(page: Path) -> dict[str, Any]:
    """Return the notebook of a page."""
    text = re.sub(r"\A---\n.*?\n---\n", "", page.read_text(encoding="utf-8"), flags=re.S)
    install = " ".join(f'"{name}"' for name in (EXTRAS, *MORE.get(page.stem, ())))
    title, _, rest = f"{text.strip()}\n".partition("\n")
    shown = f"This is [a page of the documentation]({SITE}gallery/{page.stem}.html)."
    cells = [
        ("markdown", f"{title}\n\n{shown}"),
        (
            "code",
            "import importlib.util\n\n"
            'if importlib.util.find_spec("xarray_atlas") is None:\n'
            f"    %pip install -q {install}",
        ),
    ]
    parts = [*CELL.split(rest), "", ""]  # text, options, code, text, options, code, ...
    for markdown, options, code in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        cells.append(("markdown", with_links(markdown).strip("\n")))
        cells.append(("code", code_of(options, code)))
    return {
        "cells": [
            {
                "cell_type": kind,
                "id": f"{page.stem}-{number}",
                "metadata": {},
                **({"execution_count": None, "outputs": []} if kind == "code" else {}),
                "source": source.splitlines(keepends=True),
            }
            for number, (kind, source) in enumerate(cells)
            if source
        ],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def written() -> dict[Path, str]:
    """Return the text of each notebook that should be there."""
    return {
        TARGET / f"{page.stem}.ipynb": json.dumps(notebook(page), indent=1, ensure_ascii=False)
        + "\n"
        for page in pages()
    }


def stale() -> list[str]:
    """Return the names of notebooks that are missing, superfluous, or not as their page is."""
    wanted = written()
    there = set(TARGET.glob("*.ipynb"))
    wrong = {p for p in wanted if p not in there or p.read_text(encoding="utf-8") != wanted[p]}
    return sorted(path.name for path in wrong | (there - set(wanted)))


def main() -> int:
    """Write or check the notebooks."""
    parser = argparse.ArgumentParser(description="Make notebooks from the pages of the gallery.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one is stale")
    if parser.parse_args().check:
        names = stale()
        if names:
            print(f"not up to date, run python {Path(__file__).name}:", *names)
        return bool(names)
    TARGET.mkdir(exist_ok=True)
    for path in TARGET.glob("*.ipynb"):
        path.unlink()
    for path, text in written().items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
