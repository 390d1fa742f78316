"""Planes of an atlas: through a position, a region or three points, oblique ones too."""
