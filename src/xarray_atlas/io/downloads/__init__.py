"""Requests to a remote source, and transfers of its objects to a local copy."""
