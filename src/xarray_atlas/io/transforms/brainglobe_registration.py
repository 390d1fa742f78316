"""Folders of brainglobe-registration: displacements by elastix, in voxels.

What brainglobe-registration does (in July 2026), by its source (``registration_widget.py``,
``elastix/register.py``, ``utils/transforms.py``):

- It registers the atlas (moving) to the image (fixed) with elastix, of arrays without spacing:
  all numbers are voxels. Of a volume the image was brought to the orientation and voxel size of
  the atlas before; a section was scaled to pixels of the atlas's first voxel size.
- ``deformation_field_{i}.tiff`` lie on the grid of the image (``downsampled.tiff``). They hold
  displacements in voxels along the i-th axis of the array (elastix's are x, y, z; the tool turns
  them round): the voxel p of the image lies at p + u(p) in the atlas.
- A section was registered to a plane of the atlas, ``atlas_2d_slice_index`` along its first axis.
- The atlas may have been turned before. Then p + u(p) is a voxel of the turned atlas, and
  ``atlas_transform_matrix @ p + atlas_offset`` the voxel of the atlas, as in
  ``scipy.ndimage.affine_transform``. Versions before ``atlas_offset`` was written say too little.
- ``TransformParameters.*.txt`` hold the same map between voxels, ``InverseTransformParameters``
  one that was registered back, which is not its exact inverse. Read by themselves they have no mm.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from xarray_atlas.errors import TransformError
from xarray_atlas.io.transforms.axis_fields import (
    BRAINGLOBE,
    array_end,
    deformation_tiffs,
    field_along_axes,
    json_object,
    to_ras,
)
from xarray_atlas.io.transforms.brainreg import DOWNSAMPLED, atlas_sizes
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.ends import ATLAS
from xarray_atlas.transforms.steps import AffineStep, Step, merged
from xarray_atlas.transforms.transform import Transform

__all__ = [
    "is_brainglobe_registration",
    "read_brainglobe_registration",
    "registration_metadata",
]

METADATA = ("brainglobe-registration.json", "brainglobe_registration.json")
NAMES = ("atlas", "_atlas", "atlas_key", "atlas_name")
"""Keys of the atlas's name in different versions."""


def is_brainglobe_registration(path: Any) -> bool:
    """Return whether a path is a folder that brainglobe-registration wrote."""
    if not isinstance(path, str | os.PathLike):
        return False
    return any((Path(path) / name).is_file() for name in METADATA)


def read_brainglobe_registration(
    folder: str | os.PathLike[str], *, voxel_size: Any = None
) -> Transform:
    """Read the deformation fields in a folder of brainglobe-registration.

    Parameters
    ----------
    folder : str or path
        It holds ``deformation_field_{0,1}.tiff``, of a volume ``_2`` too, and
        ``brainglobe-registration.json``.
    voxel_size : length, or three, optional
        Of the atlas that was registered. By default as a copy of that atlas on this machine says.

    Returns
    -------
    Transform
        From "downsampled" to "atlas". Points of the image are mm from the centre of its first
        voxel along its planes, rows and columns, its voxels as large as the atlas's; a section
        lies at 0 along the first axis. Points of the atlas are in its frame "brainglobe", mm
        from its outer corner.

    Raises
    ------
    TransformError
        If the folder is not complete, or the voxel size is not known.
    """
    place = Path(folder).expanduser().absolute()
    metadata = registration_metadata(place)
    atlas = next((str(metadata[name]) for name in NAMES if metadata.get(name)), "")
    sizes = atlas_sizes(atlas, voxel_size, place)
    volume = (place / "deformation_field_2.tiff").is_file()
    shifts, chunks = deformation_tiffs(place, 3 if volume else 2)
    steps: list[Step] = []
    to_turned = np.eye(4)
    if not volume:
        if shifts[0].shape[0] != 1:
            raise TransformError(
                f"{place} holds deformation_field_0.tiff and _1.tiff of the shape "
                f"{shifts[0].shape} and no deformation_field_2.tiff, which a volume has"
            )
        plane = metadata.get("atlas_2d_slice_index")
        if not isinstance(plane, int) or plane < 0:
            raise TransformError(
                f"{place / METADATA[0]} does not state to which plane of the atlas the section was "
                f"registered: its 'atlas_2d_slice_index' is {plane!r}"
            )
        shifts = [da.zeros(shifts[0].shape, dtype=shifts[0].dtype), *shifts]
        to_turned[0, 3] = plane
    field = field_along_axes(shifts, chunks, BRAINGLOBE, sizes, factors=sizes)
    turn = to_ras(BRAINGLOBE)
    # between indices and mm from the outer corner of the atlas
    to_index = np.diag([*(1 / np.array(sizes)), 1.0])
    to_corner = np.diag([*sizes, 1.0])
    to_corner[:3, 3] = np.array(sizes) / 2
    matrix = to_corner @ _rotation(metadata, place) @ to_turned @ to_index
    steps = [AffineStep(turn), field, AffineStep(matrix @ np.linalg.inv(turn))]
    return Transform(
        merged(steps),
        array_end(DOWNSAMPLED, BRAINGLOBE, "dataset"),
        array_end(ATLAS, BRAINGLOBE, "brainglobe"),
    )


def registration_metadata(place: Path) -> dict[str, Any]:
    """Return the metadata that brainglobe-registration wrote to a folder."""
    return json_object(next(place / name for name in METADATA if (place / name).is_file()))


def _rotation(metadata: dict[str, Any], place: Path) -> FloatArray:
    """Return the matrix from voxels of the turned atlas to voxels of the atlas."""
    matrix = np.eye(4)
    turned = np.asarray(metadata.get("atlas_transform_matrix", np.eye(3)), np.float64)
    offset = metadata.get("atlas_offset")
    if turned.shape != (3, 3) or not np.isfinite(turned).all():
        raise TransformError(
            f"{place / METADATA[0]} has an 'atlas_transform_matrix' of shape {turned.shape}, "
            "which is not 3 x 3"
        )
    if offset is None and not np.allclose(turned, np.eye(3)):
        raise TransformError(
            f"{place / METADATA[0]} states that the atlas was rotated before registration "
            "('atlas_transform_matrix'), and not about which point ('atlas_offset'), which newer "
            "versions of brainglobe-registration write; register again with one of these"
        )
    matrix[:3, :3] = turned
    if offset is not None:
        matrix[:3, 3] = np.asarray(offset, np.float64)
    return matrix
