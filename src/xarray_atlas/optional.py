"""Packages that are only needed for some things, imported where they are used."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["optional"]


def optional(module: str, install: str, what: str) -> Any:
    """Import a package, or say what it is for and how to install it.

    Parameters
    ----------
    module : str
        Its name.
    install : str
        What pip is to install.
    what : str
        What needs it, for the error.

    Raises
    ------
    ImportError
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        raise ImportError(f"{what} needs {top}: pip install {install}") from error
