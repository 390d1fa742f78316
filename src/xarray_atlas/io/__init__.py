"""Read stores: OME-Zarr, BrainGlobe's layout, and xarray's engine."""
