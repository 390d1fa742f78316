"""Probes in an atlas: positions and regions of their contacts, and distances to borders."""
