"""Readers of the transforms that registration tools write, one module a tool."""
