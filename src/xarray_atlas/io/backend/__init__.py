"""An atlas as stored, and xarray's ``engine="atlas"``."""
