"""Inject the parameter documentation of functions into the accessor's methods.

    python tools/inject_docs.py          # rewrite the docstrings of methods
    python tools/inject_docs.py --check  # only say which modules differ

A method names its function: "See :func:`xarray_atlas.volume` for details." Its sections Parameters,
Raises and Warns are copied from there; "Same as in :func:`region_at`." in a function's docstring is
replaced by that function's text. Summary, Returns and Examples are written by hand.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import xarray_atlas

ACCESSOR = Path(__file__).parents[1] / "src" / "xarray_atlas" / "accessor"
INJECTED = ("Parameters", "Raises", "Warns")
ORDER = ("", "Parameters", "Returns", "Raises", "Warns", "See Also", "Notes", "Examples")
ROLE = re.compile(r"(?<=:`)~?[\w.]+(?=`)")
# a sentence, or the beginning of one, that stands for what another function says
ELSEWHERE = re.compile(r"(?:^|(?<=\.\s))Same\s+as\s+(?:in|`(\w+)`\s+of)\s+:func:`(~?[\w.]+)`([.;])")


class Entry(NamedTuple):
    """A parameter or an error, or several that are described together."""

    names: tuple[str, ...]
    kind: str
    text: str


def sections(doc: str) -> dict[str, str]:
    """Return the sections of a docstring by name; "" is what stands before them."""
    start, *rest = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(doc), flags=re.MULTILINE)
    pairs = zip(["", *rest[::2]], [start, *rest[1::2]], strict=True)
    return {name: text.strip("\n") for name, text in pairs}


def entries(text: str) -> Iterator[Entry]:
    """Go through what a section lists."""
    for block in re.findall(r"^\S.*(?:\n(?!\S).*)*", text, re.MULTILINE):
        head, _, body = block.partition("\n")
        names, _, kind = head.partition(" : ")
        yield Entry(tuple(names.split(", ")), kind, textwrap.dedent(body).strip("\n"))


def full_name(name: str, module: str) -> str:
    """Return how the accessor refers to what a module of the package calls by a short name."""
    name = name.removeprefix("~")
    first = name.partition(".")[0]
    if module.startswith("xarray_atlas.plotting") and first in xarray_atlas.plotting.__all__:
        return f"xarray_atlas.plotting.{name}"
    return f"xarray_atlas.{name}" if first in xarray_atlas.__all__ else name


def described(function: Any, section: str) -> list[Entry]:
    """Return what a function lists in a section, with what it refers to in its place."""
    found: list[Entry] = []
    for entry in entries(sections(function.__doc__).get(section, "")):
        match = ELSEWHERE.search(entry.text)
        found += _looked_up(entry, match, section, function) if match else [entry]
    module = function.__module__
    return [e._replace(text=ROLE.sub(lambda m: full_name(m[0], module), e.text)) for e in found]


def _looked_up(entry: Entry, match: re.Match[str], section: str, function: Any) -> list[Entry]:
    called, other, end = match.groups()
    path = full_name(other, function.__module__).removeprefix("xarray_atlas.")
    found = []
    for names, kind, text in described(attrgetter(path)(xarray_atlas), section):
        kept = entry.names if called in names else tuple(n for n in names if n in entry.names)
        if kept:
            said = text if end == "." else text.removesuffix(".") + end
            text = entry.text[: match.start()] + said + entry.text[match.end() :]
            found.append(Entry(kept, entry.kind or kind, text))
    if missing := set(entry.names) - {name for e in found for name in e.names}:
        raise LookupError(f"{other} does not describe {', '.join(sorted(missing))}")
    return found


def _written(entry: Entry, width: int) -> str:
    parts = entry.text.split("\n\n")
    for i, part in enumerate(parts):
        if not re.search(r"^(\s|[-*] |>>> |\.\. )", part, re.MULTILINE):  # a list, an example
            whole = re.sub("``[^`]+``", lambda code: re.sub(r"\s+", "\0", code[0]), part)
            filled = textwrap.fill(whole, width - 4, break_long_words=False, break_on_hyphens=False)
            parts[i] = filled.replace("\0", " ")
    head = ", ".join(entry.names) + (f" : {entry.kind}" if entry.kind else "")
    return "\n".join([head, textwrap.indent("\n\n".join(parts), "    ")]).rstrip()


def _docstring(doc: str, method: ast.FunctionDef, function: Any) -> str:
    args = [node.arg for node in ast.walk(method.args) if isinstance(node, ast.arg)]
    names = {stars + arg for arg in args for stars in ("", "*", "**")}
    own = {name: text for name, text in sections(doc).items() if name not in INJECTED}
    for section in INJECTED:
        listed = described(function, section)
        if section == "Parameters":
            listed = [e._replace(names=tuple(n for n in e.names if n in names)) for e in listed]
        if texts := [_written(e, 100 - method.body[0].col_offset) for e in listed if e.names]:
            own[section] = "\n".join(texts)
    start, *others = sorted(own, key=ORDER.index)
    text = [own[start], *(f"{name}\n{'-' * len(name)}\n{own[name]}" for name in others)]
    return '"""' + "\n\n".join(text) + '\n"""'


def injected(source: str) -> str:
    """Return the source of a module of the accessor with its methods' sections rewritten."""
    lines = source.splitlines()
    methods = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for method in sorted(methods, key=lambda node: -node.lineno):
        doc, there = ast.get_docstring(method) or "", method.body[0]
        match = re.search(rf"See\s+:func:`xarray_atlas\.((?:plotting\.)?{method.name})`", doc)
        if match and not method.decorator_list:  # properties have no parameters
            text = _docstring(doc, method, attrgetter(match[1])(xarray_atlas))
            text = textwrap.indent(text, " " * there.col_offset)
            lines[there.lineno - 1 : there.end_lineno] = text.splitlines()
    return "\n".join(lines) + "\n"


def differences() -> dict[Path, str]:
    """Return what should be written, by module of the accessor that differs."""
    found = {path: injected(path.read_text("utf-8")) for path in sorted(ACCESSOR.glob("*.py"))}
    return {path: text for path, text in found.items() if text != path.read_text("utf-8")}


def main() -> int:
    """Write, or only report, what differs."""
    check, found = "--check" in sys.argv[1:], differences()
    for path, text in found.items():
        print(f"{path.name} is not as the functions say" if check else f"{path.name} is written")
        if not check:
            path.write_text(text, encoding="utf-8", newline="\n")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
