"""A command of the shell program: its help, its options and its function."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Command"]

Result = str | tuple[str, int]
"""The text to print, or the text and the exit status."""


@dataclass(frozen=True)
class Command:
    """A command of ``xarray-atlas``.

    Its module must be fast to import, since help and completion list all commands.
    """

    name: str
    help: str
    """A line in the list of commands."""
    description: str
    """Printed above the options."""
    epilog: str
    """Printed below them: the output, and examples."""
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Result]
