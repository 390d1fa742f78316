"""Open, list, download, create, save and export atlases."""
