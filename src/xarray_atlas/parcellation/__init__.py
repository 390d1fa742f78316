"""Parcellations: disjoint sets of regions, defined by a hierarchy or a table."""
