"""Kernels on plain numpy arrays: labels, images and lengths of one block."""
