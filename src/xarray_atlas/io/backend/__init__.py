"""Stored atlases, and xarray's ``engine="atlas"``."""
