"""Coordinates in millimetres, the anatomical space, and the carrier of the region hierarchy."""
