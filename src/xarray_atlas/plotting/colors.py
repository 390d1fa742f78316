"""Labels as colours."""

from __future__ import annotations

from typing import Any


def cmap(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Not built yet."""
    raise NotImplementedError


def norm(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Not built yet."""
    raise NotImplementedError
