"""Session-wide options."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import platformdirs

__all__ = ["OPTIONS", "cache_directory", "set_options"]

OPTIONS: dict[str, Any] = {"index_cache": False, "requests": 64, "read_ahead": 2**26}

SIZES = ("requests", "read_ahead")


class set_options:  # as xarray's own  # numpydoc ignore=PR01
    """Set options for the session, or for a ``with`` block.

    Parameters
    ----------
    index_cache : bool, default: False
        Whether to keep the region index (the statistics that a pass over a store has computed) on
        disk, so that later sessions need not read the store again. It is written to the user's
        cache directory, or to ``XARRAY_ATLAS_CACHE_DIR`` if that environment variable is set.
    requests : int, default: 64
        Maximum number of concurrent requests to remote stores, per process.
    read_ahead : int, default: 67108864
        Maximum size in bytes of the compressed chunks that are downloaded but not yet decoded, per
        process. Beyond it each reading task has one request in flight.

    Raises
    ------
    ValueError
        If an option does not exist or does not accept the value.

    Examples
    --------
    >>> import xarray_atlas
    >>> with xarray_atlas.set_options(index_cache=False):
    ...     v = xarray_atlas.open_sample("100 um").atlas.volume("RSP")
    >>> f"{v.item():.3f}"
    '10.174 millimeter ** 3'
    """

    def __init__(self, **options: Any) -> None:
        for name, value in options.items():
            if name not in OPTIONS:
                raise ValueError(f"no option {name!r}; there are {sorted(OPTIONS)}")
            if name in SIZES:
                if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                    raise ValueError(f"{name} is a whole number of at least 1, not {value!r}")
            elif not isinstance(value, bool):
                raise ValueError(f"{name} is True or False, not {value!r}")
        self._before = {name: OPTIONS[name] for name in options}
        OPTIONS.update(options)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        OPTIONS.update(self._before)


def cache_directory() -> Path:
    """Return the folder for region indexes and cached listings.

    ``XARRAY_ATLAS_CACHE_DIR``, or else the platform's cache directory for the user.
    """
    named = os.environ.get("XARRAY_ATLAS_CACHE_DIR")
    return Path(named) if named else platformdirs.user_cache_path("xarray-atlas", appauthor=False)
