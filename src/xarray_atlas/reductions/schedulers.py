"""Compute on the active dask scheduler, with a suitable progress bar."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from dask import config
from dask.base import get_scheduler

__all__ = ["client_of", "compute"]


def compute(collection: Any, progress: bool) -> Any:
    """Compute on the active scheduler.

    Parameters
    ----------
    collection : dask collection
    progress : bool
        Whether to show a progress bar on stderr.
    """
    if not progress:
        return collection.compute()
    client = client_of(collection)
    if client is None:
        from dask.diagnostics.progress import ProgressBar

        with ProgressBar(out=sys.stderr):
            return collection.compute()
    from distributed import progress as show

    collection = client.persist(collection)
    with contextlib.redirect_stdout(sys.stderr):
        show(collection, notebook=False)
    return collection.compute()


def client_of(collection: Any) -> Any:
    """Return the client of the cluster that computes; None if this process does."""
    try:
        from distributed import Client, get_client
    except ImportError:
        return None
    chosen = config.get("scheduler", None)
    if isinstance(chosen, Client):
        return chosen
    try:
        client = get_client()
    except ValueError:  # there is none
        return None
    # there may be one although another scheduler was chosen
    return client if get_scheduler(collections=[collection]) == client.get else None
