"""Import optional dependencies where they are used."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["optional"]


def optional(module: str, install: str, what: str) -> Any:
    """Import an optional package, or raise an error that says how to install it.

    Parameters
    ----------
    module : str
        Name of the module.
    install : str
        Argument for ``pip install``.
    what : str
        The feature that needs the package, for the error message.

    Raises
    ------
    ImportError
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        raise ImportError(f"{what} needs {top}: pip install {install}") from error
