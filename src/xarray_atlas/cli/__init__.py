"""The command ``xarray-atlas``."""
