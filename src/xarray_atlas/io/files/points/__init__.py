"""Files of points as tools write them: cells, tracks, tables and morphologies."""
