"""Readers of the transforms of registration tools, one module per tool."""
