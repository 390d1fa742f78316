"""Label images that lie in a world: every order and direction of axes, any origin."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd

ORIENTATIONS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
"""The axis of RAS that each axis of the array follows, and in which direction."""

SHAPE = (18, 24, 14)
"""To the right, anterior, superior."""

SIZES = (1.0, 0.5, 0.25)
ORIGIN = (-9.0, -4.5, 2.125)

NAMES = pd.DataFrame(
    {"id": [1, 2, 3], "name": ["front", "back", "core"], "acronym": ["F", "P", "C"]}
)
ACRONYMS = np.array(["", "F", "P", "C"])


def brain() -> Any:
    """Labels with axes to right, anterior, superior; every octant differs."""
    found = np.zeros(SHAPE, "uint8")
    found[2:15, 2:12, 2:11] = 1
    found[4:16, 12:21, 3:12] = 2
    found[6:9, 5:16, 7:10] = 3
    return found


def turned(array: Any, order: Any, signs: Any, affine: Any = None) -> tuple[Any, Any]:
    """Transpose and flip an array of RAS, and its affine: all voxels stay where they are."""
    if affine is None:
        affine = np.diag([*SIZES, 1.0])
        affine[:3, 3] = ORIGIN
    ornt = np.array([[order.index(row), signs[order.index(row)]] for row in range(3)])
    voxels = nibabel.orientations.apply_orientation(array, ornt)
    back = nibabel.orientations.inv_ornt_aff(ornt, array.shape)
    return voxels, affine @ back


def save_nifti(path: Path, voxels: Any, affine: Any, kind: Any = nibabel.Nifti1Image) -> Path:
    """Save a NIfTI file with an affine, the sform."""
    nibabel.save(kind(voxels, affine), path)
    return path


def sampled(voxels: Any, affine: Any, points: Any) -> Any:
    """Return the voxel that holds each point in RAS mm, 0 outside, by nibabel."""
    at = nibabel.affines.apply_affine(np.linalg.inv(affine), points)
    index = np.floor(at + 0.5).astype(int)
    inside = ((index >= 0) & (index < voxels.shape)).all(axis=1)
    return np.where(inside, voxels[tuple(np.where(inside[:, None], index, 0).T)], 0)
