"""Zarr stores and OME-Zarr metadata, read and written."""
