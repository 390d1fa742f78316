"""Registrations whose result is known: smooth fields and matrices, and what SimpleITK makes of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import dask.array as da
import numpy as np
import SimpleITK as sitk
import xarray as xr

from support.atlases import make_atlas, make_terminology
from xarray_atlas.coords.atlas_index import AtlasIndex

RAS = ("left-to-right", "posterior-to-anterior", "inferior-to-superior")
ATLAS_SIZES = (0.5, 0.4, 0.3)
IMAGE_SIZES = (0.45, 0.35, 0.4)
LPS = np.diag([-1.0, -1.0, 1.0])
GRID = np.array([[0.0, 0.3, 0.02, 1], [-0.25, 0, 0, 3], [0.01, 0, -0.2, 5], [0, 0, 0, 1]])
"""From indices to RAS mm: axes turned, one reversed, oblique, another spacing along each."""


def smooth(shape: tuple[int, ...], seed: int = 0, size: float = 0.4) -> np.ndarray:
    """A field of displacements (3, n, m, k) that does not fold."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(0, 2 * np.pi, n) for n in shape), indexing="ij")
    parts = []
    for _ in range(3):
        phase, rate = rng.uniform(0, 6, 3), rng.uniform(0.3, 0.8, 3)
        parts.append(
            size
            * np.prod([np.sin(r * a + p) for a, r, p in zip(axes, rate, phase, strict=True)], 0)
        )
    return np.stack(parts)


def affine(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] += rng.uniform(-0.2, 0.2, (3, 3))
    matrix[:3, 3] = rng.uniform(-2, 2, 3)
    return matrix


def itk_matrix(matrix: np.ndarray) -> sitk.AffineTransform:
    made = sitk.AffineTransform(3)
    made.SetMatrix((LPS @ matrix[:3, :3] @ LPS).ravel())
    made.SetTranslation(LPS @ matrix[:3, 3])
    return made


def itk_field(data: np.ndarray, grid: np.ndarray) -> sitk.DisplacementFieldTransform:
    """ITK's, from what `FieldStep` holds."""
    values = np.einsum("ab,bijk->kjia", LPS, data)
    image = sitk.GetImageFromArray(np.ascontiguousarray(values), isVector=True)
    spacing = np.linalg.norm(grid[:3, :3], axis=0)
    image.SetSpacing(spacing)
    image.SetDirection((LPS @ grid[:3, :3] / spacing).ravel())
    image.SetOrigin(LPS @ grid[:3, 3])
    return sitk.DisplacementFieldTransform(sitk.Cast(image, sitk.sitkVectorFloat64))


def itk_points(transform: Any, points: np.ndarray) -> np.ndarray:
    return np.array([transform.TransformPoint(p) for p in points @ LPS]) @ LPS


def orthogonal() -> np.ndarray:
    """The same grid without its lean, which SimpleITK refuses."""
    turn = GRID.copy()
    turn[0, 2] = turn[2, 0] = 0
    return turn


def atlas(lazy: bool = True) -> xr.Dataset:
    """Labels of 20 x 24 x 28 voxels that begin at (-5, -4, -3) mm to posterior, inferior, left."""
    labels = np.random.default_rng(0).integers(0, 200, (20, 24, 28)).astype(np.uint32)
    terms = make_terminology([-1] + [0] * 198)
    template = np.random.default_rng(1).uniform(0, 100, labels.shape).astype("f4")
    whole = da.from_array(labels, chunks=7) if lazy else labels
    ds = make_atlas(whole, terms, ATLAS_SIZES, (-5.0, -4.0, -3.0), "asr", template=template)
    carrier = AtlasIndex(terms, dataclasses.replace(ds.atlas.space, shape=labels.shape))
    coords = xr.Coordinates(carrier.create_variables(), indexes={carrier.name: carrier})
    return ds.drop_vars(carrier.name).assign_coords(coords)


def recording(shape: tuple[int, ...] = (18, 22, 16)) -> xr.DataArray:
    """An image in RAS, of which x comes first, from (-6, 0, -4) mm on."""
    coords = {
        dim: (dim, first + size * np.arange(n), {"units": "mm", "direction": way})
        for dim, n, size, first, way in zip(
            "xyz", shape, IMAGE_SIZES, (-4, -4, -4), RAS, strict=True
        )
    }
    values = np.random.default_rng(2).uniform(0, 1, shape)
    return xr.DataArray(values, coords, ("x", "y", "z"), name="recording")
