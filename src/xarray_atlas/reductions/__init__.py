"""Reductions of chunked arrays with dask, and the cache of their results."""
