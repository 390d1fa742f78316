"""Parcellations: disjoint sets of regions, made from a hierarchy or a table."""
