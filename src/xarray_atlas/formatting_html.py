"""An atlas as HTML."""

from __future__ import annotations

from typing import Any


def atlas_html(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """Not built yet."""
    raise NotImplementedError
