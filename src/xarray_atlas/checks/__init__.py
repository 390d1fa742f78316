"""Checks of an atlas, and the report of what they find."""
