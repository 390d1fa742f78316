"""Make the completion of bash and zsh and the man page from the parser of the shell program.

To be run after a change of its commands or options:

    python tools/make_shell_files.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SHELL = Path(__file__).parents[1] / "src" / "xarray_atlas" / "cli" / "shell"

FILES = ("FILE", "PATH", "IMAGE", "TRANSFORM", "NAME_OR_PLACE", "URL_OR_PATH", "NAME_OR_FILE")
"""What the help calls arguments that may be paths."""


def subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the commands."""
    (action,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(action.choices)


def completion(shell: str) -> str:
    """Return the script that completes the program's arguments in a shell."""
    import shtab

    from xarray_atlas.cli.arguments import COMMANDS, build_parser

    parser = build_parser()
    for name, command in subparsers(parser).items():
        command.description = COMMANDS[name].help
        for action in command._actions:
            if action.metavar in FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell=shell))


def man_page() -> str:
    """Return the man page, without a date and a version, which every release would change.

    argparse-manpage 4.8 leaves out what stands below the options of a command, the examples among
    it, and repeats the options that commands share.
    """
    from xarray_atlas.cli.arguments import PROGRAM, build_parser

    parser = build_parser()
    shared: dict[str, argparse._ArgumentGroup] = {}
    lines = [
        f'.TH {roff(PROGRAM.upper())} 1 "" "" "User Commands"',
        ".SH NAME",
        roff(f"{PROGRAM} - ask a brain atlas from the shell"),
        ".SH SYNOPSIS",
        f".B {roff(PROGRAM)}",
        "COMMAND [OPTIONS]",
        ".SH DESCRIPTION",
        roff(str(parser.description)),
        ".SH COMMANDS",
    ]
    for name, command in subparsers(parser).items():
        titled = {str(group.title): group for group in command._action_groups[2:]}
        shared |= titled
        positional, options = (group._group_actions for group in command._action_groups[:2])
        synopsis = " ".join([f"{PROGRAM} {name}", *map(placed, positional), "[OPTIONS]"])
        lines += [f".SS {roff(synopsis)}", *verbatim(str(command.description))]
        lines += [line for action in (*positional, *options) for line in described(action)]
        if titled:
            lines += [".P", roff(f"Also the options of {' and of '.join(titled)}, below.")]
        lines += [".P", *verbatim(str(command.epilog))]
    for title, group in shared.items():
        lines.append(f".SH OPTIONS OF {title.upper()}")
        lines += [line for action in group._group_actions for line in described(action)]
    examples, _, status = str(parser.epilog).rpartition("\n\n")
    lines += [".SH EXAMPLES", *verbatim(examples.partition("\n")[2])]
    lines += [".SH EXIT STATUS", roff(status)]
    return "\n".join(lines) + "\n"


def roff(text: str) -> str:
    """Escape a text for roff."""
    escaped = text.strip("\n").replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(
        f"\\&{line}" if line[:1] in (".", "'") else line for line in escaped.split("\n")
    )


def verbatim(text: str) -> list[str]:
    """Return a text that keeps its lines."""
    return [".nf", roff(text.rstrip()), ".fi"]


def placed(action: argparse.Action) -> str:
    """Return a positional argument as usage lines write it."""
    forms = {"?": "[{}]", "*": "[{} ...]", "+": "{} [{} ...]"}
    return forms.get(str(action.nargs), "{}").replace("{}", str(action.metavar))


def described(action: argparse.Action) -> list[str]:
    """Return the entry of an option or an argument."""
    if isinstance(action, argparse._HelpAction):
        return []
    value = action.metavar or (action.choices and "{" + ",".join(map(str, action.choices)) + "}")
    value = " ".join(value) if isinstance(value, tuple) else value or action.dest.upper()
    names = ", ".join(f"\\fB{roff(option)}\\fR" for option in action.option_strings)
    shown = f"\\fI{roff(str(value))}\\fR" if action.nargs != 0 else ""
    meaning = str(action.help) % {**vars(action), "default": action.default}
    return [".TP", " ".join(filter(None, [names, shown])), roff(meaning)]


def shell_files() -> dict[str, str]:
    """Return the files by name."""
    return {
        "xarray-atlas.bash": completion("bash"),
        "_xarray-atlas": completion("zsh"),
        "xarray-atlas.1": man_page(),
    }


def main() -> int:
    """Write the files."""
    SHELL.mkdir(exist_ok=True)
    for name, text in shell_files().items():
        (SHELL / name).write_text(text.rstrip("\n") + "\n", encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
