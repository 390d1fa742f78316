"""Affines of FreeSurfer (``.lta``), FSL and AFNI, read by nitransforms.

nitransforms gives each as a matrix between RAS mm, from points of the reference (fixed) image to
points of the moving one, as its ``io/lta.py``, ``io/fsl.py`` and ``io/afni.py`` say:

- A ``.lta`` of FreeSurfer maps points of its source volume (``src``, ``--mov`` of its programs) to
  its destination (``dst``), between voxels or RAS mm; the file holds both volumes. nitransforms
  inverts it, so that the moving image is ``src`` and the fixed one ``dst``.
- A ``.mat`` of FSL's FLIRT maps points of the moving image (``-in``) to the reference (``-ref``),
  in mm from the first voxel along the axes; the first one is counted from the other end if the
  affine has a positive determinant. So both images are needed, and it is inverted.
- A ``.aff12.1D`` of AFNI maps points of the base to the source, in LPS mm. AFNI drops the obliquity
  of both images before it applies it, so that both are needed to tell where they lie.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np

from xarray_atlas.coords.grid import lengths
from xarray_atlas.coords.length_variable import SPACING
from xarray_atlas.coords.space import AXES, DIRECTIONS, claiming_coordinate
from xarray_atlas.coords.world import ras_matrix, world_of
from xarray_atlas.errors import AtlasError, TransformError
from xarray_atlas.io.files.images import is_image, read_image
from xarray_atlas.kernels.spacing import FloatArray
from xarray_atlas.optional import optional
from xarray_atlas.transforms.ends import FIXED, MOVING
from xarray_atlas.transforms.transform import Transform

__all__ = ["TOOLS", "is_affine_file", "read_affine_file"]

Tool = Literal["freesurfer", "fsl", "afni"]

TOOLS: dict[Tool, str] = {"freesurfer": "FreeSurfer", "fsl": "FSL", "afni": "AFNI"}

FORMATS: dict[Tool, str] = {"freesurfer": "lta", "fsl": "fsl", "afni": "afni"}
"""Their names in nitransforms."""

ENDINGS: dict[str, Tool] = {
    ".lta": "freesurfer",
    ".fsl": "fsl",
    ".afni": "afni",
    ".afni-array": "afni",
    ".1d": "afni",
}


def is_affine_file(path: Any) -> bool:
    """Return whether a file is a ``.lta``, a ``.1D``, or a text of 4 rows of 4 numbers."""
    if not isinstance(path, str | os.PathLike) or not os.path.isfile(path):
        return False
    return _by_ending(path) is not None or _is_matrix(Path(path))


def _by_ending(path: Any) -> Tool | None:
    name = os.fspath(path).lower()
    return next((tool for ending, tool in ENDINGS.items() if name.endswith(ending)), None)


def _is_matrix(path: Path) -> bool:
    """Return whether a file is a text of 4 rows of 4 numbers, the last of them 0 0 0 1."""
    with open(path, "rb") as file:
        content = file.read(4096)
    try:
        rows = [[float(part) for part in line.split()] for line in content.decode().splitlines()]
    except (UnicodeDecodeError, ValueError):
        return False
    rows = [row for row in rows if row]
    return [len(row) for row in rows] == [4] * 4 and rows[3] == [0, 0, 0, 1]


def read_affine_file(
    path: str | os.PathLike[str],
    *,
    tool: Tool | None = None,
    reference: Any = None,
    moving: Any = None,
    index: int | None = None,
) -> Transform:
    """Read an affine of FreeSurfer, FSL or AFNI.

    Parameters
    ----------
    path : str or path
        A ``.lta`` of FreeSurfer, a text matrix of FSL (``.mat``), or a ``.aff12.1D`` of AFNI.
    tool : "freesurfer", "fsl" or "afni", optional
        By default as the name ends. A text of 4 rows of 4 numbers may be of FSL, or of others.
    reference, moving : str, path, image of nibabel, or DataArray, optional
        The images that were registered, which FSL and AFNI assume to be known: the one
        that stayed (``-ref``, ``-base``), and the one that was moved (``-in``, ``-source``). As
        files, or opened with :func:`open_image`.
    index : int, optional
        Which matrix of a file that holds several, from 0.

    Returns
    -------
    Transform
        From "fixed" to "moving".

    Raises
    ------
    TransformError
        If it cannot be read, or the images are needed and not given.
    """
    found = tool or _by_ending(path)
    if found is None:
        raise TransformError(
            f"{os.fspath(path)} is a text of 4 rows of 4 numbers, as FSL, greedy, c3d, NiftyReg "
            "and others write them, each between points of its own. If FSL (flirt) wrote it, say "
            "tool='fsl'. If it is between points in RAS mm, make a transform of it, with the names "
            "of its ends: xarray_atlas.Transform.from_matrix(numpy.loadtxt(path), source='fixed', "
            "target='moving')"
        )
    if found not in TOOLS:
        raise ValueError(f"tool={tool!r} is not one of {list(TOOLS)}")
    if found != "freesurfer":
        _require_images(path, found, reference, moving)
    what = f"{os.fspath(path)} of {TOOLS[found]}"
    io = optional("nitransforms.io", '"xarray-atlas[registration]"', f"reading {what}")
    images = [
        None if found == "freesurfer" else _grid(image, what) for image in (reference, moving)
    ]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            struct = io.get_linear_factory(FORMATS[found], is_array=True).from_filename(
                os.fspath(path)
            )
            if found == "freesurfer":
                _require_volumes(struct, what)
            given = struct.to_ras(reference=images[0], moving=images[1])
    except AtlasError:
        raise
    except Exception as error:  # nitransforms raises what its parser met
        raise TransformError(f"{what} cannot be read: {error or type(error).__name__}") from error
    matrices = np.asarray(given, np.float64).reshape(-1, 4, 4)
    at = _chosen(len(matrices), index, what)
    return Transform.from_matrix(matrices[at], source=FIXED, target=MOVING)


def _require_volumes(struct: Any, what: str) -> None:
    """Refuse matrices between voxels of volumes that are not known, which nitransforms takes."""
    for transform in struct.xforms:
        values = transform.structarr
        if int(values["type"]) == 0 and not (values["src"]["valid"] and values["dst"]["valid"]):
            raise TransformError(
                f"{what} is between voxels (LINEAR_VOX_TO_VOX) of volumes that it does not "
                "describe ('valid = 0'); name them to lta_convert, --src and --trg"
            )


def _chosen(count: int, index: int | None, what: str) -> int:
    if index is None and count > 1:
        raise TransformError(
            f"{what} holds {count} matrices, one for each volume of a series; say which, index=0 "
            f"to index={count - 1}"
        )
    at = 0 if index is None else index
    if not 0 <= at < count:
        raise TransformError(f"{what} holds {count} matrices; there is no index={index}")
    return at


WHY: dict[Tool, str] = {
    "fsl": "A matrix of FSL is between mm from the first voxels of the two images",
    "afni": "AFNI drops the obliquity of both images before it applies a matrix, so that only they "
    "tell between which points it is",
}


def _require_images(path: Any, found: Tool, reference: Any, moving: Any) -> None:
    given = {"reference": reference, "moving": moving}
    missing = [f"{name}=" for name, image in given.items() if image is None]
    if missing:
        raise TransformError(
            f"{os.fspath(path)} is an affine of {TOOLS[found]}, which is read with the two images "
            f"that were registered; {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. {WHY[found]}. Pass reference= the "
            "image that stayed, and moving= the one that was moved: files, images of nibabel, or "
            "what open_image gave"
        )


def _grid(image: Any, what: str) -> Any:
    """Return the grid of an image for nitransforms: an image of nibabel without voxels."""
    import nibabel

    affine, shape = _affine_and_shape(image, what)
    return nibabel.Nifti1Image(np.broadcast_to(np.uint8(0), shape), affine)


def _affine_and_shape(image: Any, what: str) -> tuple[FloatArray, tuple[int, ...]]:
    import xarray as xr

    if isinstance(image, xr.DataArray):
        return _of_array(image, what)
    if not is_image(image):
        raise TypeError(
            f"reference= and moving= are files, images of nibabel or what open_image gave, not a "
            f"{type(image).__name__}"
        )
    found = read_image(image)
    if found.geometry.affine is None:
        raise TransformError(
            f"the position of {found.place} is unknown: it does not have an affine"
        )
    return found.geometry.affine, found.shape[-3:]


def _of_array(image: Any, what: str) -> tuple[FloatArray, tuple[int, ...]]:
    """Return the affine and the shape of an image with the coordinates of its world."""
    world = world_of(image)
    names = [claiming_coordinate(image, axis) for axis in AXES]
    if world is None or any(name is None or name not in image.dims for name in names):
        raise TransformError(
            f"{what} needs images with world coordinates, such as those of NIfTI files; "
            "this one has no affine, or lost one of its axes"
        )
    names.sort(key=lambda name: image.dims.index(name))
    index, letters = np.eye(4), []
    for at, name in enumerate(names):
        attrs, centres = image.coords[name].attrs, lengths(image, name)
        step = centres[1] - centres[0] if centres.size > 1 else float(attrs.get(SPACING, 0))
        index[at, at], index[at, 3] = step, centres[0]
        letters.append(next(k for k, v in DIRECTIONS.items() if v == attrs["direction"]))
    matrix = np.asarray(ras_matrix(letters, world) @ index, np.float64)
    return matrix, tuple(int(image.sizes[name]) for name in names)
