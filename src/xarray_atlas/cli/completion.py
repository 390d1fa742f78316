"""The command ``completion``."""

from __future__ import annotations

import argparse
from importlib.resources import files

from xarray_atlas.cli.command import Command

__all__ = ["COMPLETION"]

DESCRIPTION = """\
Print the script that completes commands and options in bash or zsh.
"""

OUTPUT = """\
output:
  the script

examples:
  source <(xarray-atlas completion bash)      # in ~/.bashrc
  xarray-atlas completion zsh > ~/.zfunc/_xarray-atlas
"""

SCRIPTS = {"bash": "xarray-atlas.bash", "zsh": "_xarray-atlas"}


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=tuple(SCRIPTS), metavar="SHELL", help="bash or zsh")


def _run(args: argparse.Namespace) -> str:
    script = files("xarray_atlas.cli") / "shell" / SCRIPTS[args.shell]
    return script.read_text(encoding="utf-8").rstrip("\n")


COMPLETION = Command(
    "completion", "print the completion of a shell", DESCRIPTION, OUTPUT, _add_options, _run
)
