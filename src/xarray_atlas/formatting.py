"""An atlas as text."""

from __future__ import annotations

from typing import Any


def atlas_text(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Not built yet."""
    raise NotImplementedError
