"""Transforms in files of ITK: text, MATLAB and HDF5, as ITK, ANTs and SimpleITK write them.

They are read by SimpleITK, except the displacement fields of HDF5 files, which may be larger than
memory: h5py opens them, and their chunks are read when they are needed.
"""

from __future__ import annotations

import os
import re
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from xarray_atlas.errors import StoreError, TransformError
from xarray_atlas.io.transforms.reading import (
    field_step_of_itk,
    fixed_to_moving,
    lazy_field_step_of_itk,
    lps_grid,
)
from xarray_atlas.io.transforms.simpleitk import EXTRA, simpleitk, steps_of_simpleitk
from xarray_atlas.optional import optional
from xarray_atlas.transforms.steps import Step
from xarray_atlas.transforms.transform import Transform

__all__ = ["hdf5_steps", "is_itk", "read_itk"]

TEXT, HDF5 = b"#Insight Transform File", b"\x89HDF\r\n\x1a\n"

MATLAB = re.compile(rb"[A-Za-z0-9]+_(?:float|double)_\d_\d\0")
"""The name of ITK's first array in a file of MATLAB's version 4, after 20 bytes of sizes."""

PLANES = 2**24
"""About how many bytes a chunk of an HDF5 file's field has."""


def is_itk(path: Any) -> bool:
    """Return whether a path is a file of ITK's transforms, by its first bytes."""
    if not isinstance(path, str | os.PathLike) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        start = file.read(256)
    if start.startswith(HDF5):
        return os.fspath(path).lower().endswith((".h5", ".hdf5", ".hdf", ".he5"))
    return start.startswith(TEXT) or MATLAB.match(start, 20) is not None


def read_itk(path: str, *, index: int | None = None) -> Transform:
    """Read a file of ITK.

    Parameters
    ----------
    path : str
        ``.tfm``, ``.txt``, ``.xfm``, ``.mat``, ``.h5`` or ``.hdf5``.
    index : int, optional
        Which transform, of a file with a list of them that are not composite.

    Returns
    -------
    Transform
        From points of the fixed image to those of the moving one.

    Raises
    ------
    TransformError
        If it is not an ITK transform, holds several and none was chosen, or is of an unknown kind.
    ImportError
        If SimpleITK is not installed.
    """
    with open(path, "rb") as file:
        start = file.read(8)
    if start == HDF5:
        steps, ndim = hdf5_steps(path, index)
    elif start == TEXT[:8]:
        steps, ndim = _text_steps(path, index)
    else:
        _choose(_matlab_names(path), index, path)
        steps, ndim = _by_simpleitk(path, path)
    return fixed_to_moving(steps, ndim)


def _by_simpleitk(file: str, place: str) -> tuple[list[Step], int]:
    sitk = simpleitk(f"reading {os.path.basename(place)}")
    try:
        transform = sitk.ReadTransform(file)
    except (RuntimeError, KeyError) as error:  # KeyError: of a kind that its Python part lacks
        said = str(error).strip().splitlines()[-1]
        raise TransformError(f"SimpleITK cannot read {place} as a transform: {said}") from error
    return steps_of_simpleitk(transform, place), transform.GetDimension()


def _choose(kinds: list[str], index: int | None, place: str) -> int:
    """Return the index of the chosen transform; a composite and its parts count as one."""
    whole = len(kinds) == 1 or (bool(kinds) and kinds[0].startswith("CompositeTransform"))
    if not kinds:
        raise TransformError(f"{place} does not contain a transform")
    if index is None:
        if whole:
            return 0
        raise TransformError(
            f"{place} holds a list of {len(kinds)} transforms ({kinds[0]}, ...), of a series of "
            "images for example, and they are not composite; choose one: "
            f"index=0 to index={len(kinds) - 1}"
        )
    if whole:
        raise TransformError(f"{place} holds one transform, and index={index!r} was passed")
    if not 0 <= index < len(kinds):
        raise TransformError(
            f"{place} holds {len(kinds)} transforms, index=0 to index={len(kinds) - 1}; "
            f"index={index!r} was passed"
        )
    return index


# -- text and MATLAB


def _text_steps(path: str, index: int | None) -> tuple[list[Step], int]:
    text = Path(path).read_text(encoding="latin-1")
    blocks = re.split(r"^#\s*Transform\s+\d+\s*$", text, flags=re.MULTILINE)[1:]
    kinds = [_kind(block, path) for block in blocks]
    for kind, block in zip(kinds, blocks, strict=True):
        # without them SimpleITK uses zeros or the identity
        lines = re.findall(r"^(?:Fixed)?Parameters:", block, re.MULTILINE)
        if len(set(lines)) < 2 and not kind.startswith("CompositeTransform"):
            raise TransformError(
                f"{path} has a {kind} without its lines Parameters and FixedParameters, as where "
                "it was cut short"
            )
    chosen = _choose(kinds, index, path)
    if len(kinds) == 1 or index is None:
        return _by_simpleitk(path, path)
    # SimpleITK reads the first one of a list
    return _from_text(blocks[chosen].strip(), f"transform {chosen} of {path}")


def _kind(block: str, path: str) -> str:
    if not (found := re.search(r"^Transform:\s*(\S+)", block, re.MULTILINE)):
        raise TransformError(f"{path} has a transform without a kind")
    return found[1]


def _from_text(block: str, place: str) -> tuple[list[Step], int]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.tfm"
        file.write_text(f"#Insight Transform File V1.0\n#Transform 0\n{block}\n", "latin-1")
        return _by_simpleitk(str(file), place)


def _matlab_names(path: str) -> list[str]:
    """Return the kinds of the transforms in a file of MATLAB's version 4."""
    content = Path(path).read_bytes()
    _require_whole(content, path)
    return [found.decode("latin-1").rstrip("\0") for found in MATLAB.findall(content)]


def _require_whole(content: bytes, path: str) -> None:
    """Check that a file is not truncated; SimpleITK would invent the missing numbers.

    A matrix is five integers (of them its type, rows, columns and the length of its name), its
    name, and its numbers; a transform is two, its parameters and those that are fixed.
    """
    at, matrices = 0, 0
    while at < len(content):
        head = content[at : at + 20].ljust(20, b"\0")
        order = "<" if struct.unpack("<I", head[:4])[0] < 1000 else ">"
        kind, rows, columns, _, name = struct.unpack(order + "5I", head)
        at += 20 + name + rows * columns * (4 if kind // 10 % 10 else 8)
        matrices += 1
        if at > len(content):
            raise StoreError(f"{path} is cut short: it has {len(content)} bytes")
    if matrices % 2:
        raise StoreError(f"{path} is cut short: its last transform has no fixed parameters")


# -- HDF5


def hdf5_steps(path: str, index: int | None, lazy: bool = True) -> tuple[list[Step], int]:
    """Return the steps of an HDF5 file of ITK, and their dimension.

    Parameters
    ----------
    path : str
    index : int, optional
        Of a transform in a list that is not a composite.
    lazy : bool, default: True
        Whether displacement fields are read when they are needed.

    Raises
    ------
    TransformError
        If it does not contain transforms of ITK.
    """
    h5py = optional("h5py", EXTRA, f"reading {os.path.basename(path)}")
    try:
        with h5py.File(path, "r") as file:
            if "TransformGroup" not in file:
                raise TransformError(
                    f"{path} is an HDF5 file without ITK's TransformGroup: it holds "
                    f"{', '.join(file) or 'nothing'}, and no transform"
                )
            group = file["TransformGroup"]
            names = sorted(group, key=int)
            kinds = [_hdf5_kind(group[name]) for name in names]
            chosen = _choose(kinds, index, path)
            composite = kinds[0].startswith("CompositeTransform")
            # the transforms of a composite follow it; the one added last is applied first
            wanted = reversed(names[1:]) if composite else [names[chosen]]
            found = [_hdf5_steps(path, group[name], lazy) for name in wanted]
    except (OSError, KeyError, ValueError) as error:
        if isinstance(error, TransformError):
            raise
        raise StoreError(f"{path} cannot be read as transforms of ITK: {error}") from error
    if not found:
        raise TransformError(f"{path} has an empty composite")
    if len({ndim for _, ndim in found}) > 1:
        raise TransformError(f"{path} holds transforms of two and of three dimensions")
    return [step for steps, _ in found for step in steps], found[0][1]


def _hdf5_kind(stored: Any) -> str:
    (kind,) = np.ravel(stored["TransformType"][()])
    return kind.decode() if isinstance(kind, bytes) else str(kind)


def _hdf5_steps(path: str, stored: Any, lazy: bool) -> tuple[list[Step], int]:
    # the names were misspelled before ITK 4.8
    fixed, parameters = (
        stored.get(f"Transform{what}", stored.get(f"Tranform{what}"))
        for what in ("FixedParameters", "Parameters")
    )
    kind = _hdf5_kind(stored)
    if fixed is None or parameters is None:
        raise TransformError(f"{path} has a {kind} without its parameters")
    if not kind.startswith("DisplacementFieldTransform"):
        numbers = [" ".join(map(repr, values[()].tolist())) for values in (parameters, fixed)]
        block = f"Transform: {kind}\nParameters: {numbers[0]}\nFixedParameters: {numbers[1]}"
        return _from_text(block, path)
    # size, origin, spacing, direction
    values = np.asarray(fixed[()], np.float64)
    ndim = {18: 3, 10: 2}.get(values.size)
    if ndim is None:
        raise TransformError(f"{path} has a displacement field without a grid: {values.tolist()}")
    size = tuple(int(n) for n in values[:ndim])
    origin, spacing = values[ndim : 2 * ndim], values[2 * ndim : 3 * ndim]
    direction = values[3 * ndim :].reshape(ndim, ndim)
    if parameters.size != ndim * np.prod(size):
        raise TransformError(
            f"{path} has a displacement field of {size} voxels and {parameters.size} numbers"
        )
    grid = lps_grid(origin, spacing, direction, path)
    if not lazy or ndim == 2:
        data = parameters[()].reshape(*size[::-1], ndim).T
        return [field_step_of_itk(data, grid, path)], ndim
    vectors = _Vectors(path, parameters.name, parameters.dtype, size)
    plane = 3 * size[0] * size[1] * vectors.dtype.itemsize
    chunks = (3, size[0], size[1], max(1, PLANES // plane))
    return [lazy_field_step_of_itk(vectors, (3, 2, 1, 0), chunks, grid, path)], ndim


class _Vectors:
    """The displacements of an HDF5 file, a row of numbers, component fastest, then i, j and k.

    As an array (k, j, i, component), it is read by planes.
    """

    def __init__(self, path: str, name: str, dtype: Any, size: tuple[int, ...]) -> None:
        self.path = os.path.abspath(path)
        self.name = name
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self.shape = (*size[::-1], len(size))
        self.ndim = len(self.shape)

    def __getitem__(self, key: Any) -> Any:
        import h5py

        plane = int(np.prod(self.shape[1:]))
        start, stop, _ = key[0].indices(self.shape[0])
        try:
            with h5py.File(self.path, "r") as file:
                found = file[self.name][start * plane : stop * plane]
        except (OSError, KeyError) as error:
            raise StoreError(f"{self.path} cannot be read: {error}") from error
        block = found.astype(self.dtype, copy=False).reshape(stop - start, *self.shape[1:])
        return block[(slice(None), *key[1:])]
