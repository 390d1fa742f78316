"""The hierarchy by volume."""

from __future__ import annotations

from typing import Any


def tree(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Not built yet."""
    raise NotImplementedError
