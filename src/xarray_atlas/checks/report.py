"""Findings of the checks of an atlas, and the report for users."""

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
    """A property of an atlas that users should know about."""

    severity: str
    """One of :data:`SEVERITIES`."""
    message: str
    """What is there, and why it matters."""
    mend: str
    """What to do."""
    subjects: tuple[str, ...] = ()
    """What it is about: regions, labels or levels; all of them."""


class Outcome(NamedTuple):
    """The outcome of a check."""

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
    """Format the first subjects, and the number of remaining ones."""
    # omitting a single one would not save space
    first = subjects if len(subjects) <= SHOWN + 1 else subjects[:SHOWN]
    more = f" and {len(subjects) - len(first)} more" if len(first) < len(subjects) else ""
    return ("; " if any("," in subject for subject in first) else ", ").join(first) + more


@dataclass(frozen=True)
class Report:
    """Results of :func:`xarray_atlas.check`.

    Displayed as text, or in a notebook as HTML; the same information is in two tables.

    Parameters
    ----------
    title : str
        The atlas that was checked.
    outcomes : tuple of Outcome
        One for each check, in order.

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
        """Return whether there is no error. Skipped checks may hide errors: see `checks`.

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
        """A row for each finding, in descending order of severity.

        Its columns are check, severity ("error", "warning" or "note"), subjects (a tuple of all
        regions, labels or levels concerned), message and mend.

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

        The detail is the measurement, or the reason why the check was skipped.

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
            # group those with the same reason
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
    # text from files may contain line breaks
    return textwrap.fill(
        " ".join(text.split()),
        width=100,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )
