"""An interactive page."""

from __future__ import annotations

from typing import Any


class Explorer:
    """Not built yet."""


def explore(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Not built yet."""
    raise NotImplementedError
