"""Probes in an atlas: where their contacts lie, in which regions, and how far from borders."""
