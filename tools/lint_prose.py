"""Check the prose of the package and its documentation.

    python tools/lint_prose.py                # docstrings, comments, messages and pages
    python tools/lint_prose.py src/xarray_atlas/coords docs/guide/units.md

Docstrings must not open with a question word, phrases that are private to this project or read as
translated are reported with what to write instead, and each page of the documentation must say
what it is for before its first heading, example or list. Spelling is checked by codespell.
CONTRIBUTING.md describes the style.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PATHS = ("src/xarray_atlas", "docs", "tools", "README.md", "CONTRIBUTING.md")
SKIPPED = ("docs/_build/", "docs/generated/", "tools/lint_prose.py")

OPENINGS = re.compile(r"(What|Where|Which|How|Whether|Whose)\b")

# a phrase, and what to write instead
PHRASES = {
    r"\b(told|tell\w*) (\w+ )?apart\b": "distinguish, or distinguished",
    r"\blearn(s|ed|t)?\b": "compute, measure, or read",
    r"\b(your|its|their) own grid\b": "its grid, or the grid of the image",
    r"\bas\b[^.;,]{0,40}\b(has|have) (it|them)\b": "see, same as, or following",
    r"(?<!one )(?<!some )(?<!none )(?<!both )(?<!first )\bof which\b": "a relative clause",
    r"\b(one|each|both|which|every|two|a few) sides? apart\b": "each hemisphere separately",
    r"\bfaces (of|between) (the )?voxels\b": "boundary",
    r"\bwhose (?!coordinates (are|is|these) )(\w+ ){1,3}(are|is)\b": "with",
    r"\bbut for\b": "except, or except for",
    r"\banew\b": "again",
    r"\bwhoever\b": "users, or callers",
    r"\bTell (whether|which|what|where|how)\b": "Return whether, or Check that",
    r"\b(?<![Tt]here )(is|are|was|were) no (?!longer|more|less)(?=\w)": "is not",
    r"\bno NaN\b": "non-NaN",
    r"\bNot NaN\b": "non-NaN",
    r"\bone (below|beside|above) the other\b": "concatenate, or stack",
    r"\b(?<!which )(is|are) not there\b": "is missing, or does not exist",
    r"\bbeside\b(?! :)": "next to, in addition to, or and",
}
# a phrase may be broken over two lines; a look-behind has a fixed width
BANNED = {
    re.compile(re.sub(r" (?!\))", r"\\s+", phrase).replace(" )", r"\s)")): advice
    for phrase, advice in PHRASES.items()
}

# code in prose: literals, roles' targets, links' targets
CODE = re.compile(r"``.*?``|`[^`]*`|\]\([^)]*\)|https?://\S+", re.DOTALL)


# fenced blocks and the front matter of a page
FENCED = re.compile(r"^(`{3,}|:{3,}).*?^\1$|\A---$.*?^---$", re.MULTILINE | re.DOTALL)
# the same where a reader does not see them: cells that set a page up, and targets of links
HIDDEN = re.compile(
    r"\A---$.*?^---$|^```\{code-cell\}[^\n]*\n:tags: \[remove-.*?^```$|^\(\S+\)=$",
    re.MULTILINE | re.DOTALL,
)


class Finding(NamedTuple):
    """A passage to rewrite."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        """Format as an editor follows it."""
        return f"{self.path}:{self.line}: {self.text}"


def without_code(text: str) -> str:
    """Blank the code in a text, keeping its line breaks."""
    return CODE.sub(lambda found: re.sub(r"[^\n]", "_", found[0]), text)


def without_examples(text: str) -> str:
    """Blank the input lines of a docstring's examples and the lines of its literal blocks."""
    return re.sub(r"^ *(>>>|\.\.\.)( .*)?$", "", text, flags=re.MULTILINE)


def phrases(path: Path, line: int, text: str) -> Iterator[Finding]:
    """Yield the banned phrases of a text that starts on a line of a file."""
    # the marks of a comment's lines are part of the space between words
    text = re.sub(r"(?<=\n)[ #]+", lambda found: " " * len(found[0]), without_code(text))
    for pattern, advice in BANNED.items():
        for found in pattern.finditer(text):
            at = line + text.count("\n", 0, found.start())
            yield Finding(path, at, f'"{" ".join(found[0].split())}": write {advice}')


def docstrings(tree: ast.AST) -> Iterator[tuple[ast.Constant, str]]:
    """Yield the docstrings of a module, its classes and its functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            value = first.value if isinstance(first, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value, value.value


def check_module(path: Path, source: str) -> Iterator[Finding]:
    """Check the docstrings, comments and other strings of a Python module."""
    tree = ast.parse(source)
    seen = set()
    for node, text in docstrings(tree):
        seen.add(id(node))
        if found := OPENINGS.match(text.lstrip()):
            yield Finding(path, node.lineno, f'the docstring opens with "{found[0]}"')
        yield from phrases(path, node.lineno, without_examples(text))
    for other in ast.walk(tree):
        if not isinstance(other, ast.Constant) or id(other) in seen:
            continue
        if isinstance(other.value, str) and " " in other.value:
            yield from phrases(path, other.lineno, other.value)
    comments = [
        (token.start[0], token.string)
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    ]
    # consecutive lines are one comment
    start, block = 0, ""
    for line, text in [*comments, (0, "")]:
        if block and line == start + block.count("\n") + 1:
            block += "\n" + text
            continue
        yield from phrases(path, start, block)
        start, block = line, text


def check_page(path: Path, source: str) -> Iterator[Finding]:
    """Check a page of the documentation: its phrases, its title and its first paragraph."""
    text = FENCED.sub(lambda found: "\n" * found[0].count("\n"), source)
    opening = re.sub(HIDDEN, "", source).lstrip()
    if not re.match(r"# [^\n]*\n\s*(?!`{3})[^\s#:|!-]", opening) and "```{include}" not in source:
        yield Finding(path, 1, "no sentence below the title says what the page is for")
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"# (What|Where|Which|Whether|Whose)\b[^?]*$", line):
            yield Finding(path, number, f'the title opens with "{found[1]}"')
    yield from phrases(path, 1, text)


def check(path: Path) -> Iterator[Finding]:
    """Check a file."""
    source = path.read_text(encoding="utf-8")
    relative = path.relative_to(ROOT)
    yield from (check_module if path.suffix == ".py" else check_page)(relative, source)


def files(paths: list[str]) -> Iterator[Path]:
    """Yield the files to check below some paths, except those that are skipped."""
    for given in paths:
        path = (ROOT / given).resolve()
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            name = file.relative_to(ROOT).as_posix()
            if file.suffix in (".py", ".md") and not name.startswith(SKIPPED):
                yield file


def main(paths: list[str]) -> int:
    """Print the findings; return 1 if there are any."""
    found = [finding for file in files(paths or list(PATHS)) for finding in check(file)]
    print(*sorted(found), sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
