"""Transforms between the space of an image and that of an atlas."""
