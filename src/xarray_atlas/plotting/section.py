"""One plane."""

from __future__ import annotations

from typing import Any


def section(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Not built yet."""
    raise NotImplementedError
