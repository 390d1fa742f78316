"""Heat maps."""

from __future__ import annotations

from typing import Any


def values(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Not built yet."""
    raise NotImplementedError
