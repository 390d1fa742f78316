"""What a user may set for the whole session."""

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
        Whether to keep on disk, from one session to the next, what a pass over a
        store has learned (the region index), so that no later session has to
        read the store to answer. It lies in the user's cache directory, or where
        the environment variable ``XARRAY_ATLAS_CACHE_DIR`` says.
    requests : int, default: 64
        How many requests to a remote store may be in flight at once, in one process.
    read_ahead : int, default: 67108864
        How many bytes of compressed chunks may have come and not be decoded yet, in one process.
        While there are as many, each task that reads has one request in flight.

    Raises
    ------
    ValueError
        For an option that is not there, or a value that it does not take.

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
    """Return the folder of region indexes and of kept listings.

    ``XARRAY_ATLAS_CACHE_DIR``, else the user's cache directory as the platform has it.
    """
    named = os.environ.get("XARRAY_ATLAS_CACHE_DIR")
    return Path(named) if named else platformdirs.user_cache_path("xarray-atlas", appauthor=False)
