"""Two registrations that were recorded once: ``tools/make_registrations.py``."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parents[1] / "data" / "registrations"

RAS = np.array([-1.0, -1.0, 1.0])
"""The signs between LPS, in which all of it is, and RAS."""

MICROMETRE = 1e-3
"""In mm."""


@cache
def recorded(name: str) -> dict[str, Any]:
    """Arrays of a file; positions in LPS mm."""
    with np.load(FOLDER / f"{name}.npz") as file:
        found = {key: file[key] for key in file.files}
    return {key: v * 1e-4 if v.dtype == np.int32 else v for key, v in found.items()}


@cache
def geometry(name: str) -> tuple[tuple[int, ...], Any]:
    """The size (i, j, k) of the fixed or moving image, and its matrix from indices to RAS mm."""
    said = json.loads((FOLDER / "geometry.json").read_text())[name]
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(said["direction"]) * np.array(said["spacing"])
    matrix[:3, 3] = said["origin"]
    return tuple(said["size"]), np.diag([*RAS, 1.0]) @ matrix


def centres(name: str) -> Any:
    """The RAS positions of an image's voxels, in the order of an array (k, j, i)."""
    size, matrix = geometry(name)
    index = np.indices(size[::-1])[::-1].reshape(3, -1)
    return (matrix @ np.vstack([index, np.ones(index.shape[1])]))[:3].T


def moving_index(points: Any) -> Any:
    """RAS positions as indices (k, j, i) of the moving image, of shape (3, n)."""
    inverse = np.linalg.inv(geometry("moving")[1])
    return (inverse[:3, :3] @ points.T + inverse[:3, 3:])[::-1]
