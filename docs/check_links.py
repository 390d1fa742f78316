"""Check that the links of the built documentation lead somewhere.

    python docs/check_links.py docs/_build/html

Each ``href`` and ``src`` of each page that stays within the documentation must name a file that
is there, and each ``#part`` something with that id. What leads elsewhere is not asked for.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links of a page, and what a link can name in it."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.names: set[str] = {"", "top"}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag links to, and what it can be linked by."""
        found = dict(attrs)
        self.names |= {value for key in ("id", "name") if (value := found.get(key))}
        self.links |= {value for key in ("href", "src") if (value := found.get(key))}


def read(path: Path) -> Page:
    """Return what is linked to and what can be linked to in a page."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def broken_links(root: Path) -> list[str]:
    """Return a line for each link that leads nowhere, sorted."""
    root = root.resolve()
    files = sorted(path for path in root.rglob("*.html") if "_static" not in path.parts)
    pages = {path: read(path) for path in files}
    broken = []
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            missing = not target.exists() or not target.is_relative_to(root)
            if missing or (target in pages and unquote(parts.fragment) not in pages[target].names):
                broken.append(f"{path.relative_to(root)}: {link}")
    if not pages:
        broken.append(f"{root}: there are no pages")
    return broken


if __name__ == "__main__":
    lines = broken_links(Path(sys.argv[1]))
    print(*lines, sep="\n", end="\n" if lines else "")
    sys.exit(bool(lines))
