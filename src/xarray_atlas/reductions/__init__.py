"""Passes over chunked arrays with dask, and the cache of their results."""
