"""What the checks of an atlas have found: findings, and the report that people read."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd

from xarray_atlas.printable import printable
from xarray_atlas.terminology.cells import counted

__all__ = ["SEVERITIES", "Finding", "Outcome", "Report", "done", "shown", "skipped"]

SEVERITIES = ("error", "warning", "note")
"""Numbers come out wrong; they may, or something will not work; good to know."""

SHOWN = 20
"""Subjects that the text of a finding names; the table has all."""


class Finding(NamedTuple):
    """Something about an atlas that its user should know."""

    severity: str
    """One of :data:`SEVERITIES`."""
    message: str
    """What is there, and why it matters."""
    mend: str
    """What to do."""
    subjects: tuple[str, ...] = ()
    """What it is about: regions, labels or levels; all of them."""


class Outcome(NamedTuple):
    """What came of one check, found or not."""

    check: str
    made: bool
    detail: str
    """What was measured; why the check was not made."""
    findings: tuple[Finding, ...] = ()


def done(check: str, findings: Iterable[Finding] = (), detail: str = "") -> Outcome:
    """Return the outcome of a check that was made."""
    return Outcome(check, True, detail, tuple(findings))


def skipped(check: str, why: str) -> Outcome:
    """Return the outcome of a check that was not made."""
    return Outcome(check, False, why)


def shown(subjects: Sequence[str]) -> str:
    """Write the first subjects, and how many more there are."""
    # to say that there is one more takes as much room as that one
    first = subjects if len(subjects) <= SHOWN + 1 else subjects[:SHOWN]
    more = f" and {len(subjects) - len(first)} more" if len(first) < len(subjects) else ""
    return ("; " if any("," in subject for subject in first) else ", ").join(first) + more


@dataclass(frozen=True)
class Report:
    """What :func:`xarray_atlas.check` has found, and what it has looked at.

    Shown as text, or in a notebook as HTML; the same is in two tables.

    Parameters
    ----------
    title : str
        Which atlas it is about.
    outcomes : tuple of Outcome
        One for each check, in the order in which they were made.

    Examples
    --------
    >>> import xarray_atlas
    >>> report = xarray_atlas.check(xarray_atlas.open_sample("50 um"))
    >>> report.ok, report.table.severity.tolist()
    (True, ['note'])
    """

    title: str
    outcomes: tuple[Outcome, ...]

    @property
    def ok(self) -> bool:
        """Return whether there is no error. What was not checked may hold one: see `checks`.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.check().ok
        True
        """
        return not self._of("error")

    @property
    def table(self) -> pd.DataFrame:
        """A row for each finding, the gravest first.

        Its columns are check, severity ("error", "warning" or "note"), subjects (a tuple of all
        regions, labels or levels that it is about), message and mend.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> ds.atlas.check().table[["check", "severity"]].values.tolist()
        [['midline', 'note']]
        """
        columns = ["check", "severity", "subjects", "message", "mend"]
        rows = [
            (check, found.severity, found.subjects, found.message, found.mend)
            for severity in SEVERITIES
            for check, found in self._of(severity)
        ]
        return pd.DataFrame(rows, columns=columns)

    @property
    def checks(self) -> pd.DataFrame:
        """A row for each check: check, made (bool), findings (their number) and detail.

        The detail is what was measured, or why the check was not made.

        Examples
        --------
        >>> import xarray_atlas
        >>> ds = xarray_atlas.open_sample("100 um")
        >>> checks = ds.atlas.check().checks
        >>> checks.loc[~checks.made, "check"].head(3).tolist()
        ['versions', 'copy', 'missing chunks']
        """
        rows = [(o.check, o.made, len(o.findings), o.detail) for o in self.outcomes]
        return pd.DataFrame(rows, columns=["check", "made", "findings", "detail"])

    def _of(self, severity: str) -> list[tuple[str, Finding]]:
        return [
            (outcome.check, found)
            for outcome in self.outcomes
            for found in outcome.findings
            if found.severity == severity
        ]

    @property
    def _summary(self) -> str:
        numbers = [counted(len(self._of(severity)), severity) for severity in SEVERITIES]
        made = sum(outcome.made for outcome in self.outcomes)
        return f"{', '.join(numbers)}; {made} checks made, {len(self.outcomes) - made} not made"

    def __str__(self) -> str:
        parts = [f"{self.title}\n{self._summary}"]
        for severity in SEVERITIES:
            for check, found in self._of(severity):
                lines = [f"{found.message}.", f"To do: {found.mend}."]
                if found.subjects:
                    lines.insert(1, f"These: {shown(found.subjects)}.")
                parts.append("\n".join([f"{severity}: {check}", *map(_indented, lines)]))
        for made, title in ((False, "not made"), (True, "nothing found")):
            # those of one reason together
            names: dict[str, list[str]] = {}
            for o in self.outcomes:
                if o.made is made and not o.findings:
                    names.setdefault(o.detail, []).append(o.check)
            lines = [
                f"{', '.join(checks)}: {why}" if why else ", ".join(checks)
                for why, checks in names.items()
            ]
            if lines:
                parts.append("\n".join([title, *map(_indented, lines)]))
        return printable("\n\n".join(parts))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [
            _row("td", (severity, check, found.message, shown(found.subjects), found.mend))
            for severity in SEVERITIES
            for check, found in self._of(severity)
        ]
        header = _row("th", ("severity", "check", "what is there", "which", "what to do"))
        checks = [
            _row("td", (o.check, "made" if o.made else "not made", o.detail)) for o in self.outcomes
        ]
        return (
            f"<p><b>{html.escape(printable(self.title))}</b><br>{html.escape(self._summary)}</p>"
            f"<table>{header}{''.join(rows)}</table>"
            f"<details><summary>checks</summary><table>{''.join(checks)}</table></details>"
        )


def _row(tag: str, cells: Iterable[Any]) -> str:
    inner = "".join(f"<{tag}>{html.escape(printable(str(cell)))}</{tag}>" for cell in cells)
    return f'<tr style="text-align: left; vertical-align: top">{inner}</tr>'


def _indented(text: str) -> str:
    # what a file says may hold line breaks
    return textwrap.fill(
        " ".join(text.split()),
        width=100,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
